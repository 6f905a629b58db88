//! What is: one look at one cluster, in plain types. Every fact has its age, or the reason why it is not known.
//!
//! Absent on purpose: what anybody wants, what any cluster stack calls these things, and any guess.

pub mod effect;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::rollup::Installed;
use crate::model::{
    Action, Claim, ClusterName, GroupName, Holder, Known, Mark, MarkKind, NodeName, NodeRef, RollupName, Time,
};

pub use effect::{Proof, SideEffect, SideEffectKind};

/// What was seen of one cluster at one time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observation {
    /// Which cluster.
    pub cluster: ClusterName,
    /// When the look ended.
    pub at: Time,
    /// What each node that was asked said of the membership. Views that disagree are a `fresh` hold.
    pub views: Vec<View>,
    /// The votes.
    pub quorum: Known<Quorum>,
    /// Who is in charge.
    pub claim: Known<Option<Claim>>,
    /// Every mark in the cluster's store, ours and other controllers'.
    pub marks: Known<Vec<Mark>>,
    /// The nodes, by name: all that the cluster knows and all that the manifest names.
    pub nodes: BTreeMap<NodeName, Node>,
    /// The groups, by name.
    pub groups: BTreeMap<GroupName, Group>,
}

/// The membership as one node sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    /// The node that was asked.
    pub from: NodeName,
    /// Whether its partition has quorum, as it says.
    pub quorate: bool,
    /// The members it sees. Shared by the views that agree, as mostly all do.
    pub members: Arc<BTreeSet<NodeName>>,
    /// When it answered.
    pub at: Time,
}

/// The votes of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quorum {
    /// True for a host that is no cluster, to which the rule does not apply.
    pub standalone: bool,
    /// Votes of nodes that are up. A witness is not in it.
    pub node_votes: u32,
    /// Votes without which the cluster stops everything.
    pub needed: u32,
    /// The witness, if the cluster has one: the nodes that can reach it now. Its vote counts only through one that
    /// stays up.
    pub witness: Option<Known<BTreeSet<NodeName>>>,
}

/// Whether a node is a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Membership {
    /// A full member; it may be paused.
    Up,
    /// On its way in.
    Joining,
    /// Not a member: dead, or its cluster service is stopped.
    Down,
}

/// A node as it was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// Whether it is a member.
    pub membership: Known<Membership>,
    /// Whether its cluster service runs, asked of the machine itself.
    pub cluster_service: Known<bool>,
    /// Whether groups are kept from moving to it. Whose pause it is, the marks say: [`Observation::pause_of`].
    pub paused: Known<bool>,
    /// What is installed.
    pub installed: Installed,
    /// The service pack it is at; `None` where the product has none.
    pub baseline: Known<Option<crate::model::Version>>,
    /// Updates outside the rollups, which must be removed before one is installed.
    pub interim_updates: Known<Vec<String>>,
    /// Whether the machine waits for a reboot.
    pub pending_reboot: Known<bool>,
    /// Room for the installer.
    pub disk: Known<Disk>,
    /// Services against the saved baseline.
    pub services: Known<Services>,
    /// Packages on the node: file name to SHA-256 in lower-case hexadecimal.
    pub staged: Known<BTreeMap<String, String>>,
    /// Our own work on it: running, or ended and not yet forgotten.
    pub work: Known<Option<Work>>,
    /// Another installer or updater at work, in words.
    pub rival: Known<Option<String>>,
    /// Tries so far, per rollup. Kept on the node.
    pub tries: Known<Vec<Tries>>,
    /// Handoffs off it that failed in a row, role by role. Kept on the node.
    pub failed_handoffs: Known<Vec<FailedHandoffs>>,
    /// The last verified update. Kept on the node.
    pub verified: Known<Option<Verified>>,
    /// The highest epoch that it has obeyed. It refuses less.
    pub epoch_seen: Known<u64>,
    /// Whether copying to the copies that it hosts is held back by us or by an installer.
    pub replication_suspended: Known<bool>,
    /// Per-node copies of things that run on many nodes: stopped by a drain, not moved.
    pub instances: Vec<String>,
}

/// Room for the installer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Disk {
    /// What is free, in MiB.
    pub free_mib: u64,
    /// What the installer needs, in MiB.
    pub needed_mib: u64,
}

/// Services of a node against the baseline that was saved before the first attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Services {
    /// Whether a baseline was saved. Without one, nothing can differ from it.
    pub baseline_saved: bool,
    /// Services whose start type or state differs, each in words (`"disabled, was automatic"`).
    pub differing: BTreeMap<String, String>,
}

/// Work of ours on a node. It outlives our connection; any later controller adopts it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Work {
    /// What was begun.
    pub action: Action,
    /// Under which epoch.
    pub epoch: u64,
    /// By whom.
    pub holder: Holder,
    /// When.
    pub since: Time,
    /// How it ended, if it did. The lock on the node is free once it has.
    pub ended: Option<WorkEnd>,
}

/// How work on a node ended, as its wrapper wrote down. What is true now is for the other facts to say.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkEnd {
    /// When.
    pub at: Time,
    /// The installer's exit code, where there was one.
    pub exit_code: Option<i32>,
    /// What went wrong, if anything: the failure's signature, the same text for the same cause everywhere.
    pub failure: Option<String>,
}

/// Tries of one rollup on one node.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tries {
    /// Which rollup.
    pub rollup: RollupName,
    /// Tries that failed since the last success or `retry`.
    pub failed: u32,
    /// The signature of the last failure.
    pub signature: String,
    /// When it failed.
    pub at: Time,
    /// False for causes that trying again cannot cure.
    pub retryable: bool,
}

/// Handoffs of one role off one node that failed in a row: each of them was downtime for nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailedHandoffs {
    /// The role.
    pub group: GroupName,
    /// How many since the last success or `retry`.
    pub failed: u32,
    /// The signature of the last failure.
    pub signature: String,
    /// When it failed.
    pub at: Time,
}

/// A verified update.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    /// Which rollup.
    pub rollup: RollupName,
    /// Since when the node has been healthy with it, after it was resumed.
    pub at: Time,
}

/// A group as it was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// Whether users are served by it, if the stack itself makes that certain.
    pub kind: Known<GroupKind>,
    /// Its owner.
    pub owner: Known<Option<NodeName>>,
    /// Its state.
    pub state: Known<GroupState>,
    /// The nodes that may own it. Shared by groups that may be on the same nodes, as mostly all may.
    pub possible_owners: Known<Arc<BTreeSet<NodeName>>>,
    /// Copies of its data on nodes of this cluster other than the owner.
    pub copies: BTreeMap<NodeName, Known<Copy>>,
    /// Standby copies of its data that the stack itself knows of.
    pub standby_copies: Known<Vec<StandbyCopy>>,
    /// Whether a backup of it is running.
    pub backup: Known<bool>,
    /// The node to which the stack itself moves it back as soon as that node can take it.
    pub failback_to: Known<Option<NodeName>>,
}

/// What a group is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum GroupKind {
    /// It serves users; moving it is downtime.
    Role,
    /// No role depends on it.
    Auxiliary,
}

/// The state of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum GroupState {
    /// All of it serves.
    Online,
    /// Some of it serves.
    PartiallyOnline,
    /// On its way up or down.
    Pending,
    /// Nothing of it serves.
    Offline,
    /// Something of it failed.
    Failed,
}

impl GroupState {
    /// As people say it.
    pub fn word(self) -> &'static str {
        match self {
            GroupState::Online => "online",
            GroupState::PartiallyOnline => "partially online",
            GroupState::Pending => "pending",
            GroupState::Offline => "offline",
            GroupState::Failed => "failed",
        }
    }
}

/// A standby copy as seen from its source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StandbyCopy {
    /// The machine that holds it.
    pub target: NodeRef,
    /// Its health.
    pub copy: Known<Copy>,
}

/// A copy of a role's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Copy {
    /// Its state.
    pub status: CopyStatus,
    /// Logs that have not been copied to it.
    pub queue: u32,
}

/// The state of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CopyStatus {
    /// Nothing blocks it.
    Healthy,
    /// Its service has just started and waits for the next log.
    Initializing,
    /// It is checking whether it diverged.
    Resynchronizing,
    /// A full copy is being made.
    Seeding,
    /// Somebody suspended it.
    Suspended,
    /// Copying stopped.
    Stopped,
    /// Verification failed.
    Failed,
    /// None is configured.
    Disabled,
    /// Its service does not run or cannot be reached.
    ServiceDown,
}

/// Whose pause a node is under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PauseOf<'a> {
    /// Not paused, and no mark says that it should be.
    Nobody,
    /// Paused, with a controller's mark.
    Rollward(&'a Mark),
    /// Paused, with no mark: a person's, or another tool's.
    Person,
    /// Not paused, though a mark says we paused it: a person resumed it.
    ResumedByPerson(&'a Mark),
    /// It cannot be told.
    Unknown(Arc<str>),
}

impl Observation {
    /// A look that saw nothing, for the reason given, of the nodes and groups named.
    pub fn blind(
        cluster: &ClusterName,
        at: Time,
        nodes: impl Iterator<Item = NodeName>,
        groups: impl Iterator<Item = GroupName>,
        why: &Arc<str>,
    ) -> Self {
        Self {
            cluster: cluster.clone(),
            at,
            views: Vec::new(),
            quorum: Known::unknown(why.clone()),
            claim: Known::unknown(why.clone()),
            marks: Known::unknown(why.clone()),
            nodes: nodes.map(|name| (name, Node::unknown(why))).collect(),
            groups: groups.map(|name| (name, Group::unknown(why))).collect(),
        }
    }

    /// The marks, if they could be read; none otherwise. Ask [`Self::marks`] first where ignorance matters.
    pub fn known_marks(&self) -> impl Iterator<Item = &Mark> {
        match &self.marks {
            Known::Known { value, .. } => value.iter(),
            Known::Unknown { .. } => [].iter(),
        }
    }

    /// Whose pause a node is under.
    pub fn pause_of(&self, node: &NodeName) -> PauseOf<'_> {
        let mark = self.known_marks().find(|m| matches!(&m.kind, MarkKind::Pause { node: n } if n == node));
        match (self.nodes.get(node).map(|n| &n.paused), &self.marks, mark) {
            (None, ..) => PauseOf::Unknown("the node was not seen".into()),
            (Some(Known::Unknown { why }), ..) | (Some(_), Known::Unknown { why }, _) => PauseOf::Unknown(why.clone()),
            (Some(Known::Known { value: true, .. }), _, Some(mark)) => PauseOf::Rollward(mark),
            (Some(Known::Known { value: true, .. }), _, None) => PauseOf::Person,
            (Some(Known::Known { value: false, .. }), _, Some(mark)) => PauseOf::ResumedByPerson(mark),
            (Some(Known::Known { value: false, .. }), _, None) => PauseOf::Nobody,
        }
    }

    /// True if the last work on the node that has ended was a controller's resume: a mark that says that it is paused is
    /// then what a resume that was cut off has left, and nobody else's doing.
    pub fn was_resumed_last(&self, node: &NodeName) -> bool {
        let resume = |work: &Option<Work>| {
            work.as_ref().is_some_and(|work| work.ended.is_some() && matches!(work.action, Action::Resume { .. }))
        };
        self.nodes.get(node).is_some_and(|node| node.work.surely(resume))
    }

    /// The nodes under a controller's pause, each with its mark.
    pub fn paused_by_rollward(&self) -> impl Iterator<Item = (&NodeName, &Node, &Mark)> {
        let any = self.known_marks().any(|mark| matches!(mark.kind, MarkKind::Pause { .. }));
        self.nodes.iter().filter(move |_| any).filter_map(|(name, node)| match self.pause_of(name) {
            PauseOf::Rollward(mark) => Some((name, node, mark)),
            _ => None,
        })
    }

    /// Groups that the node surely owns.
    pub fn owned_by<'a>(&'a self, node: &'a NodeName) -> impl Iterator<Item = (&'a GroupName, &'a Group)> {
        self.groups.iter().filter(move |(_, g)| g.owner.surely(|o| o.as_ref() == Some(node)))
    }

    /// Groups that the node owns or may own: a group that no look can place counts as being on every node.
    pub fn maybe_owned_by<'a>(&'a self, node: &'a NodeName) -> impl Iterator<Item = (&'a GroupName, &'a Group)> {
        self.groups.iter().filter(move |(_, g)| g.owner.possibly(|o| o.as_ref() == Some(node)))
    }

    /// True if the node is surely a full member.
    pub fn is_up(&self, node: &NodeName) -> bool {
        self.nodes.get(node).is_some_and(|n| n.membership.surely(|m| *m == Membership::Up))
    }

    /// True if the node is surely no member: dead, or its cluster service is stopped.
    pub fn is_down(&self, node: &NodeName) -> bool {
        self.nodes.get(node).is_some_and(|n| n.membership.surely(|m| *m == Membership::Down))
    }

    /// The roles that a controller stopped and has to start again: each with the node that it is on its way to, and
    /// the time by which it must run.
    pub fn duties(&self) -> impl Iterator<Item = (&GroupName, &NodeName, Time)> {
        self.known_marks().filter_map(|mark| match &mark.kind {
            MarkKind::StoppedRole { group, to, deadline } => Some((group, to, *deadline)),
            _ => None,
        })
    }

    /// True if a controller stopped the role and has to start it again.
    pub fn is_our_duty(&self, role: &GroupName) -> bool {
        self.duties().any(|(group, ..)| group == role)
    }

    /// The action that is announced on the node or in the cluster and whose end has not been seen, if any.
    pub fn in_progress(&self) -> impl Iterator<Item = (&Action, &Mark)> {
        self.known_marks().filter_map(|m| match &m.kind {
            MarkKind::InProgress { action } => Some((&**action, m)),
            _ => None,
        })
    }
}

impl Node {
    /// A node of which nothing is known.
    pub fn unknown(why: &Arc<str>) -> Self {
        Self {
            membership: Known::unknown(why.clone()),
            cluster_service: Known::unknown(why.clone()),
            paused: Known::unknown(why.clone()),
            installed: BTreeMap::new(),
            baseline: Known::unknown(why.clone()),
            interim_updates: Known::unknown(why.clone()),
            pending_reboot: Known::unknown(why.clone()),
            disk: Known::unknown(why.clone()),
            services: Known::unknown(why.clone()),
            staged: Known::unknown(why.clone()),
            work: Known::unknown(why.clone()),
            rival: Known::unknown(why.clone()),
            tries: Known::unknown(why.clone()),
            failed_handoffs: Known::unknown(why.clone()),
            verified: Known::unknown(why.clone()),
            epoch_seen: Known::unknown(why.clone()),
            replication_suspended: Known::unknown(why.clone()),
            instances: Vec::new(),
        }
    }

    /// Our work on the node that has not ended, if it is known that there is some.
    pub fn running_work(&self) -> Option<&Work> {
        match &self.work {
            Known::Known { value: Some(work), .. } if work.ended.is_none() => Some(work),
            _ => None,
        }
    }
}

impl Group {
    /// A group of which nothing is known.
    pub fn unknown(why: &Arc<str>) -> Self {
        Self {
            kind: Known::unknown(why.clone()),
            owner: Known::unknown(why.clone()),
            state: Known::unknown(why.clone()),
            possible_owners: Known::unknown(why.clone()),
            copies: BTreeMap::new(),
            standby_copies: Known::unknown(why.clone()),
            backup: Known::unknown(why.clone()),
            failback_to: Known::unknown(why.clone()),
        }
    }
}
