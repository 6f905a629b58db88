//! What if: a cluster as it was seen, but for one thing that a person could change.
//!
//! `explain --if` asks what would come next then; [`super::relax()`] asks which few such changes would let every node
//! reach its target. A supposition edits facts or limits, never a rule, but for the one that waives a rule outright.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::desired::resolved::{HandoffWhen, Policy, WorkWhen};
use crate::desired::{Cluster, Minimise, Mode, PackageAt, Place};
use crate::guard::{Facts, FleetFacts, History, RuleSet};
use crate::model::{GroupName, HandoffStyle, Known, MarkKind, NodeName, RuleName, StopScope, Time, Version};
use crate::observed::{Copy, CopyStatus, Group, GroupState, Membership, Node, Observation, PauseOf, Services, View};

/// One thing that a person could change about a cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Supposition {
    /// The node is a full member and answers; what is unknown of it is as it should be.
    Up(NodeName),
    /// A person's pause of the node is gone.
    Resumed(NodeName),
    /// The node's `hold:` is gone from its line.
    Unheld(NodeName),
    /// Nothing about the node itself stands against its update: services, disk, pending reboot, interim updates,
    /// baseline, quarantine and failed tries are put right, and no other installer runs.
    Cured(NodeName),
    /// The node may own one role more.
    Roomy(NodeName),
    /// The role is online, its copies are healthy and do not lag, and no backup of it runs.
    Healthy(GroupName),
    /// The cluster lets the role run on the node.
    MayRun(GroupName, NodeName),
    /// The cluster does not bring the role back to a node by itself.
    Stays(GroupName),
    /// The witness, if there is one, is reached from every node that is up.
    WitnessUp,
    /// Every window is open, and for long enough.
    WindowOpen,
    /// The handoffs are approved.
    Approved,
    /// The package of the rollups is downloaded and declared.
    PackagePresent,
    /// The standby targets of the roles can be seen and are at their targets.
    TargetsReachable,
    /// The manifest lets nodes that are ahead be taken back.
    DowngradeAllowed,
    /// No votes are kept above what is needed.
    NoMargin,
    /// One more node may be out.
    OneMoreOut,
    /// Every stop cord is lifted.
    StopLifted,
    /// The manifest prefers no node for the role.
    NotPreferred(GroupName),
    /// Handoffs are done online: roles are moved, not stopped and started.
    Online,
    /// The plan minimises the other of handoffs and outage.
    OtherMinimum,
    /// We may act.
    MayAct,
    /// The rule says nothing.
    Waived(RuleName),
}

/// A text that is no supposition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot suppose {0:?}; what can be supposed: {FORMS}")]
pub struct NotSupposed(String);

/// The forms, for people.
const FORMS: &str = "`node NODE up`, `node NODE resumed`, `node NODE unheld`, `node NODE cured`, `node NODE takes one \
                     role more`, `role ROLE healthy`, `role ROLE may run on NODE`, `role ROLE stays`, `witness up`, \
                     `window open`, `approved`, `package present`, `target reachable`, `downgrade allowed`, `no quorum \
                     margin`, `one more node out`, `stop lifted`, `role ROLE not preferred`, `handoffs online`, `other \
                     minimum`, `may act`, `rule RULE waived`";

impl fmt::Display for Supposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Up(node) => write!(f, "node {node} up"),
            Self::Resumed(node) => write!(f, "node {node} resumed"),
            Self::Unheld(node) => write!(f, "node {node} unheld"),
            Self::Cured(node) => write!(f, "node {node} cured"),
            Self::Roomy(node) => write!(f, "node {node} takes one role more"),
            Self::Healthy(role) => write!(f, "role {role} healthy"),
            Self::MayRun(role, node) => write!(f, "role {role} may run on {node}"),
            Self::Stays(role) => write!(f, "role {role} stays"),
            Self::WitnessUp => f.write_str("witness up"),
            Self::WindowOpen => f.write_str("window open"),
            Self::Approved => f.write_str("approved"),
            Self::PackagePresent => f.write_str("package present"),
            Self::TargetsReachable => f.write_str("target reachable"),
            Self::DowngradeAllowed => f.write_str("downgrade allowed"),
            Self::NoMargin => f.write_str("no quorum margin"),
            Self::OneMoreOut => f.write_str("one more node out"),
            Self::StopLifted => f.write_str("stop lifted"),
            Self::NotPreferred(role) => write!(f, "role {role} not preferred"),
            Self::Online => f.write_str("handoffs online"),
            Self::OtherMinimum => f.write_str("other minimum"),
            Self::MayAct => f.write_str("may act"),
            Self::Waived(rule) => write!(f, "rule {rule} waived"),
        }
    }
}

impl FromStr for Supposition {
    type Err = NotSupposed;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let of = |kind: &str, end: &str| {
            words.strip_prefix(kind).and_then(|rest| rest.strip_suffix(end)).filter(|name| !name.is_empty())
        };
        let node = |end: &str| of("node ", end).map(NodeName::from);
        let role = |end: &str| of("role ", end).map(GroupName::from);
        let on_node = || {
            let (role, node) = words.strip_prefix("role ")?.split_once(" may run on ")?;
            Some(Self::MayRun(role.into(), node.into()))
        };
        let plain = || {
            Some(match words.as_str() {
                "witness up" => Self::WitnessUp,
                "window open" => Self::WindowOpen,
                "approved" => Self::Approved,
                "package present" => Self::PackagePresent,
                "target reachable" => Self::TargetsReachable,
                "downgrade allowed" => Self::DowngradeAllowed,
                "no quorum margin" => Self::NoMargin,
                "one more node out" => Self::OneMoreOut,
                "stop lifted" => Self::StopLifted,
                "handoffs online" => Self::Online,
                "other minimum" => Self::OtherMinimum,
                "may act" => Self::MayAct,
                _ => return None,
            })
        };
        None.or_else(|| node(" up").map(Self::Up))
            .or_else(|| node(" resumed").map(Self::Resumed))
            .or_else(|| node(" unheld").map(Self::Unheld))
            .or_else(|| node(" cured").map(Self::Cured))
            .or_else(|| node(" takes one role more").map(Self::Roomy))
            .or_else(|| role(" healthy").map(Self::Healthy))
            .or_else(on_node)
            .or_else(|| role(" not preferred").map(Self::NotPreferred))
            .or_else(|| role(" stays").map(Self::Stays))
            .or_else(|| of("rule ", " waived").and_then(RuleName::from_word).map(Self::Waived))
            .or_else(plain)
            .ok_or_else(|| NotSupposed(text.to_owned()))
    }
}

impl Supposition {
    /// What a person does to make it true.
    pub fn how(&self, desired: &Cluster) -> String {
        match self {
            Self::Up(node) => format!("bring {node} up, so that it answers"),
            Self::Resumed(node) => format!("resume {node}, which somebody has paused"),
            Self::Unheld(node) => format!("take `hold:` out of the line of {node}"),
            Self::Cured(node) => format!("repair {node} and run `rollward retry {}`", desired.name),
            Self::Roomy(node) => format!("raise `maxRoles` in the line of {node}"),
            Self::Healthy(role) => format!("bring {role} and its copies to health"),
            Self::MayRun(role, node) => format!("make {node} a possible owner of {role} in the cluster"),
            Self::Stays(role) => format!("take the automatic failback of {role} away in the cluster"),
            Self::WitnessUp => "bring the witness back".into(),
            Self::WindowOpen => "declare windows that are long enough".into(),
            Self::Approved => format!("approve the handoffs: `rollward approve {}`", desired.name),
            Self::PackagePresent => {
                format!("download the package into {} and declare it: `rollward package`", desired.package_folder)
            }
            Self::TargetsReachable => "bring the standby targets to their rollup, where they can be seen".into(),
            Self::DowngradeAllowed => "say `allowDowngrade: true`".into(),
            Self::NoMargin => "set `quorumMargin` to 0".into(),
            Self::OneMoreOut => format!("raise `maxUnavailable` to {}", desired.policy.limits.max_unavailable + 1),
            Self::StopLifted => "lift the stop cord, as its hold says".into(),
            Self::NotPreferred(role) => format!("take `preferredNodes` out of the line of {role}"),
            Self::Online => "say `style: online`".into(),
            Self::OtherMinimum => match desired.policy.handoff.minimise {
                Minimise::Handoffs => "say `minimise: outage`".into(),
                Minimise::Outage => "say `minimise: handoffs`".into(),
            },
            Self::MayAct => "say `mode: act`".into(),
            Self::Waived(rule) => format!("see why {rule} says no"),
        }
    }

    /// The line of a manifest that it is about, if it is about one.
    pub fn place<'a>(&self, desired: &'a Cluster) -> Option<&'a Place> {
        match self {
            Self::Unheld(node) | Self::Roomy(node) => desired.nodes.get(node).map(|spec| &spec.place),
            Self::NotPreferred(role) => desired.groups.get(role).map(|spec| &spec.place),
            Self::WindowOpen
            | Self::Approved
            | Self::NoMargin
            | Self::OneMoreOut
            | Self::Online
            | Self::OtherMinimum => Some(&desired.policy.place),
            Self::DowngradeAllowed | Self::MayAct | Self::PackagePresent => Some(&desired.place),
            _ => None,
        }
    }
}

/// Facts with suppositions made. It owns what they changed.
pub struct Supposed {
    desired: Cluster,
    seen: Observation,
    history: History,
    fleet: FleetFacts,
    rules: RuleSet,
}

impl Supposed {
    /// The facts, with each supposition made in turn.
    pub fn new<'s>(facts: &Facts<'_>, suppositions: impl IntoIterator<Item = &'s Supposition>) -> Self {
        let mut supposed = Self {
            desired: facts.desired.clone(),
            seen: facts.seen.clone(),
            history: facts.history.clone(),
            fleet: facts.fleet.clone(),
            rules: facts.rules,
        };
        suppositions.into_iter().for_each(|supposition| supposed.suppose(supposition, facts.now));
        supposed
    }

    /// The facts as supposed; the rest as it is.
    pub fn facts<'a>(&'a self, rest: &Facts<'a>) -> Facts<'a> {
        Facts {
            desired: &self.desired,
            seen: &self.seen,
            history: &self.history,
            fleet: &self.fleet,
            rules: self.rules,
            ..*rest
        }
    }

    fn suppose(&mut self, supposition: &Supposition, now: Time) {
        match supposition {
            Supposition::Up(node) => self.bring_up(node, now),
            Supposition::Resumed(node) => {
                if matches!(self.seen.pause_of(node), PauseOf::Person | PauseOf::Unknown(_)) {
                    self.on(node, |n| n.paused.suppose(false, now));
                }
            }
            Supposition::Unheld(node) => {
                if let Some(spec) = self.desired.nodes.get_mut(node) {
                    spec.hold = None;
                }
            }
            Supposition::Cured(node) => self.cure(node, now),
            Supposition::Roomy(node) => {
                if let Some(limit) = self.desired.nodes.get_mut(node).and_then(|spec| spec.max_roles.as_mut()) {
                    *limit += 1;
                }
            }
            Supposition::Healthy(role) => self.in_group(role, |group| {
                group.state.suppose(GroupState::Online, now);
                group.backup.suppose(false, now);
                for copy in group.copies.values_mut() {
                    copy.suppose(Copy { status: CopyStatus::Healthy, queue: 0 }, now);
                }
            }),
            Supposition::MayRun(role, node) => self.in_group(role, |group| {
                let mut owners = match &group.possible_owners {
                    Known::Known { value, .. } => value.clone(),
                    Known::Unknown { .. } => Arc::default(),
                };
                Arc::make_mut(&mut owners).insert(node.clone());
                group.possible_owners.suppose(owners, now);
            }),
            Supposition::Stays(role) => self.in_group(role, |group| group.failback_to.suppose(None, now)),
            Supposition::WitnessUp => {
                let up: BTreeSet<_> = self.seen.nodes.keys().filter(|n| self.seen.is_up(n)).cloned().collect();
                if let Known::Known { value, .. } = &mut self.seen.quorum
                    && let Some(witness) = &mut value.witness
                {
                    witness.suppose(up, now);
                }
            }
            Supposition::WindowOpen => self.in_policy(|policy| {
                policy.work = WorkWhen::Anytime;
                policy.handoff.when = match policy.handoff.when {
                    HandoffWhen::Window | HandoffWhen::Anytime => HandoffWhen::Anytime,
                    HandoffWhen::WindowAndApproval | HandoffWhen::Approval => HandoffWhen::Approval,
                };
            }),
            Supposition::Approved => self.in_policy(|policy| {
                policy.handoff.when = match policy.handoff.when {
                    HandoffWhen::Window | HandoffWhen::WindowAndApproval => HandoffWhen::Window,
                    HandoffWhen::Approval | HandoffWhen::Anytime => HandoffWhen::Anytime,
                };
            }),
            Supposition::PackagePresent => self.download(),
            Supposition::TargetsReachable => self.reach_targets(now),
            Supposition::DowngradeAllowed => self.desired.allow_downgrade = true,
            Supposition::NoMargin => self.in_policy(|policy| policy.limits.quorum_margin = 0),
            Supposition::OneMoreOut => self.in_policy(|policy| policy.limits.max_unavailable += 1),
            Supposition::StopLifted => {
                self.fleet.stops.clear();
                self.unmark(|kind| {
                    matches!(kind, MarkKind::Stop { scope: StopScope::Cluster | StopScope::Node(_), .. })
                });
            }
            Supposition::NotPreferred(role) => {
                if let Some(spec) = self.desired.groups.get_mut(role) {
                    spec.preferred_nodes.clear();
                }
            }
            Supposition::Online => self.in_policy(|policy| policy.handoff.style = HandoffStyle::Online),
            Supposition::OtherMinimum => self.in_policy(|policy| {
                policy.handoff.minimise = match policy.handoff.minimise {
                    Minimise::Handoffs => Minimise::Outage,
                    Minimise::Outage => Minimise::Handoffs,
                };
            }),
            Supposition::MayAct => self.desired.mode = Mode::Act,
            Supposition::Waived(rule) => self.rules = self.rules.without(*rule),
        }
    }

    fn on(&mut self, node: &NodeName, edit: impl FnOnce(&mut Node)) {
        if let Some(node) = self.seen.nodes.get_mut(node) {
            edit(node);
        }
    }

    fn in_group(&mut self, group: &GroupName, edit: impl FnOnce(&mut Group)) {
        if let Some(group) = self.seen.groups.get_mut(group) {
            edit(group);
        }
    }

    fn in_policy(&mut self, edit: impl FnOnce(&mut Policy)) {
        edit(Arc::make_mut(&mut self.desired.policy));
    }

    fn unmark(&mut self, gone: impl Fn(&MarkKind) -> bool) {
        if let Known::Known { value, .. } = &mut self.seen.marks {
            value.retain(|mark| !gone(&mark.kind));
        }
    }

    /// The node joins: every member sees it, its vote counts, and what nobody knew of it is as it should be.
    fn bring_up(&mut self, name: &NodeName, now: Time) {
        let was_up = self.seen.is_up(name);
        let rollup = self.desired.nodes.get(name).map(|spec| spec.rollup.clone());
        self.on(name, |node| {
            node.membership.suppose(Membership::Up, now);
            node.cluster_service.suppose(true, now);
            if let Some(rollup) = &rollup {
                for package in &rollup.packages {
                    let version = node.installed.entry(package.name.clone()).or_insert_with(|| Known::unknown(""));
                    if_unknown(version, None, now);
                }
            }
            if_unknown(&mut node.paused, false, now);
            if_unknown(&mut node.baseline, rollup.and_then(|rollup| rollup.baseline.clone()), now);
            if_unknown(&mut node.interim_updates, Vec::new(), now);
            if_unknown(&mut node.pending_reboot, false, now);
            if_unknown(&mut node.disk, crate::observed::Disk { free_mib: 1, needed_mib: 0 }, now);
            if_unknown(&mut node.services, Services::default(), now);
            if_unknown(&mut node.staged, Default::default(), now);
            if_unknown(&mut node.work, None, now);
            if_unknown(&mut node.rival, None, now);
            if_unknown(&mut node.tries, Vec::new(), now);
            if_unknown(&mut node.failed_handoffs, Vec::new(), now);
            if_unknown(&mut node.verified, None, now);
            if_unknown(&mut node.epoch_seen, 0, now);
            if_unknown(&mut node.replication_suspended, false, now);
        });
        if was_up {
            return;
        }
        let members: BTreeSet<_> = self.seen.nodes.keys().filter(|n| self.seen.is_up(n)).cloned().collect();
        let members = Arc::new(members);
        self.seen.views.retain(|view| view.from != *name);
        self.seen.views.push(View { from: name.clone(), quorate: true, members: Arc::clone(&members), at: now });
        self.seen.views.iter_mut().for_each(|view| view.members.clone_from(&members));
        if let Known::Known { value, .. } = &mut self.seen.quorum {
            value.node_votes += 1;
        }
        for group in self.seen.groups.values_mut() {
            if let Some(copy) = group.copies.get_mut(name) {
                copy.suppose(Copy { status: CopyStatus::Healthy, queue: 0 }, now);
            }
        }
    }

    fn cure(&mut self, name: &NodeName, now: Time) {
        let rollup = self.desired.nodes.get(name).map(|spec| spec.rollup.clone());
        self.unmark(|kind| matches!(kind, MarkKind::Quarantine { node, .. } if node == name));
        self.on(name, |node| {
            let baseline_saved = node.services.surely(|services| services.baseline_saved);
            node.services.suppose(Services { baseline_saved, ..Default::default() }, now);
            node.interim_updates.suppose(Vec::new(), now);
            node.pending_reboot.suppose(false, now);
            node.replication_suspended.suppose(false, now);
            node.rival.suppose(None, now);
            node.tries.suppose(Vec::new(), now);
            node.failed_handoffs.suppose(Vec::new(), now);
            if let Known::Known { value: disk, .. } = &mut node.disk {
                disk.free_mib = disk.free_mib.max(disk.needed_mib);
            }
            if let Some(baseline) = rollup.and_then(|rollup| rollup.baseline.clone()) {
                node.baseline.suppose(Some(baseline), now);
            }
        });
        let here = |node: &crate::model::NodeRef| node.node == *name && node.cluster == self.desired.name;
        for nodes in self.fleet.failures.values_mut() {
            nodes.retain(|node| !here(node));
        }
    }

    fn download(&mut self) {
        for rollup in self.desired.nodes.values().map(|spec| spec.rollup.clone()).collect::<Vec<_>>() {
            for package in &rollup.packages {
                self.desired.packages.entry(package.file.clone()).or_insert_with(|| PackageAt {
                    rollup: rollup.name.clone(),
                    path: package.file.clone().into(),
                    sha256: "0".repeat(64),
                    place: self.desired.place.clone(),
                });
            }
        }
    }

    fn reach_targets(&mut self, now: Time) {
        let wanted: Vec<(crate::model::PackageName, Version)> = self
            .desired
            .nodes
            .values()
            .flat_map(|spec| spec.rollup.packages.iter().map(|p| (p.name.clone(), p.version.clone())))
            .collect();
        let targets: BTreeSet<_> =
            self.desired.groups.values().flat_map(|group| group.standby_targets.iter().cloned()).collect();
        for target in targets {
            let Some(cluster) = self.fleet.clusters.get_mut(&target.cluster) else { continue };
            cluster.in_the_middle.suppose(BTreeSet::new(), now);
            let (installed, out) =
                cluster.nodes.entry(target.node).or_insert_with(|| (Default::default(), Known::unknown("")));
            out.suppose(false, now);
            for (package, version) in &wanted {
                installed.insert(package.clone(), Known::seen(Some(version.clone()), now));
            }
        }
        for group in self.seen.groups.values_mut() {
            if let Known::Known { value, .. } = &mut group.standby_copies {
                for standby in value {
                    standby.copy.suppose(Copy { status: CopyStatus::Healthy, queue: 0 }, now);
                }
            }
        }
    }
}

fn if_unknown<T>(fact: &mut Known<T>, value: T, now: Time) {
    if fact.is_unknown() {
        fact.suppose(value, now);
    }
}
