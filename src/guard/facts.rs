//! All that a rule may look at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::rules::RuleSet;
use crate::desired::{Cluster, FleetPolicy, Place};
use crate::model::rollup::Installed;
use crate::model::{
    Action, ActionKind, ClusterName, GroupName, HandoffStyle, Hold, Holder, Known, NodeName, NodeRef, RollupName,
    RuleName, Spread, Standing, Subject, Time, Waiver,
};
use crate::observed::{Observation, SideEffect};

/// What a rule judges on. The planner fills it from its model of the future, the loop from a fresh look.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// What the manifests want of this cluster.
    pub desired: &'a Cluster,
    /// What was seen of it.
    pub seen: &'a Observation,
    /// What is known of the other clusters, and limits across them.
    pub fleet: &'a FleetFacts,
    /// What this controller remembers of this cluster.
    pub history: &'a History,
    /// How long things take.
    pub forecast: &'a Forecast,
    /// What the cluster would do by itself if the action were done; what `ripple` judges.
    pub foreseen: &'a Known<Vec<SideEffect>>,
    /// What the driver says of its stack.
    pub traits: DriverTraits,
    /// Which rules are in force. All, except in tests that show what a rule is for.
    pub rules: RuleSet,
    /// Now.
    pub now: Time,
}

impl<'a> Facts<'a> {
    /// Every waiver, of the manifest and by command, in force or expired.
    pub fn waivers(&self) -> impl Iterator<Item = &'a Waiver> + use<'a> {
        waivers(self.desired, self.history)
    }

    /// The waiver that lets an action through although a rule has this hold against it.
    pub fn waiver_of(&self, hold: &Hold, action: &Action) -> Option<&'a Waiver> {
        self.waiver(hold.rule, &hold.subject, action)
    }

    /// The waiver that lets an action through although a rule holds this subject.
    pub fn waiver(&self, rule: RuleName, held: &Subject, action: &Action) -> Option<&'a Waiver> {
        self.waivers().find(|waiver| waiver.covers(rule, held, action, self.now))
    }
}

/// Every waiver, of the manifest and by command, in force or expired.
pub fn waivers<'a>(desired: &'a Cluster, history: &'a History) -> impl Iterator<Item = &'a Waiver> + use<'a> {
    desired.waivers.iter().chain(&history.waivers)
}

/// What differs from stack to stack and a rule must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DriverTraits {
    /// A paused node keeps the groups it owns until they are moved. If false, a pause drains it.
    pub pause_keeps_groups: bool,
    /// Copying a package to a node may disturb what runs there.
    pub staging_disturbs: bool,
    /// The stack can stop its cluster service on one node by command.
    pub can_stop_cluster_service: bool,
}

/// What is known of the other clusters.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FleetFacts {
    /// Limits across clusters.
    pub policy: FleetPolicy,
    /// Every managed cluster, this one included.
    pub clusters: BTreeMap<ClusterName, ClusterFacts>,
    /// For every node that holds standby copies: the roles it holds them of, with their cluster. Declared relations.
    #[serde(with = "crate::model::pairs")]
    pub sources_of: BTreeMap<NodeRef, BTreeSet<(ClusterName, GroupName)>>,
    /// Where each failure signature of each rollup was seen, on any cluster.
    #[serde(with = "crate::model::pairs")]
    pub failures: BTreeMap<(RollupName, String), BTreeSet<NodeRef>>,
    /// Stop cords that are not in one cluster's own store: global ones, and committed ones with labels.
    pub stops: Vec<Stop>,
}

/// What other clusters need to know of one.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterFacts {
    /// Where it is in its roll.
    pub roll: RollState,
    /// Labelled `rollward/canary: "true"`: it goes before the others.
    pub canary: bool,
    /// We may act on it. One that is only looked at takes no slot and no other waits for it.
    pub acts: bool,
    /// The clusters that hold standby copies of its roles, as declared.
    pub standby_clusters: BTreeSet<ClusterName>,
    /// What was last seen installed on its nodes, and whether each is out of service; only for nodes that hold
    /// standby copies, or whose cluster has roles that do.
    pub nodes: BTreeMap<NodeName, (Installed, Known<bool>)>,
    /// The nodes in the middle of which it is: an action on a node has begun and the node is not back. Unknown as long
    /// as its marks cannot be read.
    pub in_the_middle: Known<BTreeSet<NodeName>>,
}

/// Where a cluster is in its roll.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RollState {
    /// Not looked at yet, or no look could tell.
    Unknown,
    /// It has work to do and has begun none of it.
    Waiting,
    /// The first begin has happened and it is not converged.
    InRoll,
    /// Every node is at its target. Since when, if this controller saw it happen or it is remembered.
    Converged {
        /// Since when.
        since: Option<Time>,
    },
}

/// A stop cord outside a cluster's own store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stop {
    /// Why, in a person's words.
    pub why: String,
    /// Clusters whose labels match all of these; all clusters if empty.
    pub labels: BTreeMap<String, String>,
    /// The document that says so, if one does; else it was a command, lifted by `go`.
    pub place: Option<Place>,
    /// Since when, if known.
    pub since: Option<Time>,
}

/// What this controller remembers of a cluster. When it is lost, predictions widen and approvals void; no safety
/// hangs on it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct History {
    /// Who we are.
    pub holder: Holder,
    /// A foreign claim's holder: how long its heartbeat has not moved, by our own monotonic time, and how long it may.
    pub foreign_silence: Option<(Duration, Duration)>,
    /// A person ran `takeover`: the foreign claim with this epoch is void.
    pub takeover_of_epoch: Option<u64>,
    /// Approvals in force.
    pub approvals: Vec<Approval>,
    /// Set if the record cannot be written: the error.
    pub record_error: Option<Arc<str>>,
    /// The last look at membership that differed from the one before: begin nothing until re-claimed since.
    pub membership_changed_at: Option<Time>,
    /// When this controller last claimed.
    pub claimed_at: Option<Time>,
    /// When nodes were seen to be full members again after they were not: being healthy begins anew then.
    pub rejoined_at: BTreeMap<NodeName, Time>,
    /// Waivers by command.
    pub waivers: Vec<Waiver>,
}

/// An approval of one ordered sequence of handoffs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// The hash that was shown.
    pub hash: String,
    /// Hash of what it binds to besides the handoffs: cluster, targets, policy.
    pub scope: String,
    /// Handoffs of the sequence that are not done yet, in order.
    pub remaining: Vec<PlannedHandoff>,
    /// Who approved.
    pub by: String,
    /// When.
    pub at: Time,
    /// Until when, if not for ever.
    pub expires: Option<Time>,
}

/// One handoff of a sequence, without durations.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedHandoff {
    /// The role.
    pub group: GroupName,
    /// From where.
    pub from: NodeName,
    /// To where.
    pub to: NodeName,
    /// How.
    pub style: HandoffStyle,
}

/// How long actions take, and on what that rests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Forecast {
    /// Per kind of action.
    pub by_kind: BTreeMap<ActionKind, Spread>,
    /// Per kind of action and group, where it is known more exactly.
    #[serde(with = "crate::model::pairs")]
    pub by_group: BTreeMap<(ActionKind, GroupName), Spread>,
    /// Per way of doing it, where it is known even more exactly.
    #[serde(with = "crate::model::pairs", default)]
    pub by_way: BTreeMap<Way, Spread>,
    /// From how many figures what is known of a kind of action was learned; nothing of what is only declared.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub figures: BTreeMap<ActionKind, u32>,
}

/// One way of doing something: on one node, or from one to another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Way {
    /// What.
    pub kind: ActionKind,
    /// To which group, if any.
    pub group: Option<GroupName>,
    /// On which node; for a move, the one that is left.
    pub from: NodeName,
    /// To which node, for a move.
    pub to: Option<NodeName>,
}

/// What a person asks of a cluster through a driver, outside the loop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Command {
    /// Pull the stop cord.
    Stop {
        /// One node, or the cluster.
        node: Option<NodeName>,
        /// Why.
        why: String,
        /// Who.
        by: String,
    },
    /// Lift it.
    Go {
        /// One node's, or the cluster's.
        node: Option<NodeName>,
    },
    /// Forget failed tries.
    Retry {
        /// Of one node, or all.
        node: Option<NodeName>,
    },
    /// Give back what controllers have paused, and remove their marks and the claim; refused while something of theirs
    /// is in its middle.
    Release,
}

/// True if a look shows that the roll has begun: something of a controller's is in the cluster, or some of its nodes,
/// and not all, are at their targets. Half updated counts as begun, by whomever: it is to be finished before another
/// cluster begins.
pub fn roll_has_begun(desired: &Cluster, seen: &Observation) -> bool {
    let current = |(name, spec): (&NodeName, &crate::desired::NodeSpec)| {
        seen.nodes.get(name).is_some_and(|n| spec.rollup.standing(&n.installed) == Ok(Standing::Current))
    };
    seen.known_marks().any(|m| m.kind.is_controllers())
        || seen.nodes.values().any(|n| n.running_work().is_some())
        || desired.nodes.iter().any(current)
}

impl Forecast {
    /// Without any figure: half a minute, at most five.
    pub const UNKNOWN: Spread = Spread { median: Duration::from_secs(30), p95: Duration::from_secs(300) };

    /// From so many figures on, what was declared has no say any more.
    pub const ENOUGH: u32 = 39;

    /// How long an action will take.
    pub fn of(&self, action: &Action) -> Spread {
        let exact = action.group().and_then(|g| self.by_group.get(&(action.kind(), g.clone())));
        let exact = self.on_its_way(action).or(exact);
        exact.or_else(|| self.by_kind.get(&action.kind())).copied().unwrap_or(Self::UNKNOWN)
    }

    fn on_its_way(&self, action: &Action) -> Option<&Spread> {
        if self.by_way.is_empty() {
            return None;
        }
        let (group, to) = (action.group().cloned(), action.to().cloned());
        self.by_way.get(&Way { kind: action.kind(), group, from: action.node()?.clone(), to })
    }

    /// How long something that concerns no group takes on a node; `None` if nobody knows.
    pub fn on(&self, kind: ActionKind, node: &NodeName) -> Option<Spread> {
        let way = || Way { kind, group: None, from: node.clone(), to: None };
        let exact = if self.by_way.is_empty() { None } else { self.by_way.get(&way()) };
        exact.or_else(|| self.by_kind.get(&kind)).copied()
    }

    /// For how long a role is down from this handoff, or stop, on: with all that must follow before it serves again.
    pub fn outage(&self, action: &Action) -> Spread {
        let (Some(group), Some(to)) = (action.group(), action.to()) else { return self.of(action) };
        let start = || self.of(&Action::StartRole { group: group.clone(), node: to.clone() });
        match action {
            Action::StopRole { node, .. } => {
                let (group, from, to) = (group.clone(), node.clone(), to.clone());
                let over = Action::Handoff { group, from, to, style: HandoffStyle::Offline };
                self.of(action).then(self.of(&over)).then(start())
            }
            Action::Handoff { style: HandoffStyle::Offline, .. } => self.of(action).then(start()),
            _ => self.of(action),
        }
    }

    /// How long something that is done to a group takes, whichever way it goes.
    pub fn any_way(&self, kind: ActionKind, group: &GroupName) -> Spread {
        let of_group = self.by_group.get(&(kind, group.clone())).or_else(|| self.by_kind.get(&kind));
        of_group.copied().unwrap_or(Self::UNKNOWN)
    }

    /// The shortest median of all ways in which something is done to a group.
    pub fn least(&self, kind: ActionKind, group: &GroupName) -> Duration {
        let ways = self.by_way.iter().filter(|(way, _)| way.kind == kind && way.group.as_ref() == Some(group));
        ways.map(|(_, spread)| spread.median).fold(self.any_way(kind, group).median, Duration::min)
    }
}

impl History {
    /// A controller that remembers nothing.
    pub fn new(holder: Holder) -> Self {
        Self {
            holder,
            foreign_silence: None,
            takeover_of_epoch: None,
            approvals: Vec::new(),
            record_error: None,
            membership_changed_at: None,
            claimed_at: None,
            rejoined_at: BTreeMap::new(),
            waivers: Vec::new(),
        }
    }
}
