//! From an observation to its document: every unknown becomes `null`, and its reason is kept.

use std::fmt::Display;

use super::observe::{
    Copy, Disk, Duty, FailedHandoffs, Group, GroupState, Membership, Node, Observed, ObservedClaim, Paused, PausedBy,
    Quorum, Services, Tries, Unknown, Verified, View, Witness, Work,
};
use crate::desired::Cluster;
use crate::model::rollup::Installed;
use crate::model::{GroupName, Known, NodeName, Standing};
use crate::observed::{self, GroupKind, Observation, PauseOf};

/// Collects the reasons of what could not be seen.
#[derive(Default)]
pub(super) struct Unknowns(pub Vec<Unknown>);

impl Unknowns {
    /// What is known, in the document's words; else nothing, and the reason is kept.
    pub(super) fn take<T, U>(&mut self, path: impl Display, known: &Known<T>, say: impl FnOnce(&T) -> U) -> Option<U> {
        match known {
            Known::Known { value, .. } => Some(say(value)),
            Known::Unknown { why } => {
                self.note(path, why);
                None
            }
        }
    }

    pub(super) fn note(&mut self, path: impl Display, why: impl Display) {
        self.0.push(Unknown { path: path.to_string(), why: why.to_string() });
    }
}

impl Observed {
    /// The document of a look at a cluster that a manifest declares.
    pub fn new(desired: &Cluster, seen: &Observation) -> Self {
        let mut unknown = Unknowns::default();
        let quorum = quorum(seen, &mut unknown);
        let claim = unknown
            .take("claim", &seen.claim, |claim| {
                claim.as_ref().map(|c| ObservedClaim { epoch: c.epoch, holder: c.holder.to_string() })
            })
            .flatten();
        unknown.take("marks", &seen.marks, |_| ());
        let nodes = seen.nodes.iter().map(|(name, node)| self::node(name, node, desired, seen, &mut unknown)).collect();
        let groups = seen.groups.iter().map(|(name, group)| self::group(name, group, desired, &mut unknown)).collect();
        let unknown = unknown.0;
        Self { name: seen.cluster.to_string(), observed_at: seen.at, quorum, claim, nodes, groups, unknown }
    }
}

fn quorum(seen: &Observation, unknown: &mut Unknowns) -> Quorum {
    let views = seen
        .views
        .iter()
        .map(|view| View {
            from: view.from.to_string(),
            quorate: view.quorate,
            members: view.members.iter().map(ToString::to_string).collect(),
            at: view.at,
        })
        .collect();
    let mut quorum = Quorum { standalone: None, present: None, needed: None, witness: None, views };
    if let Some(votes) = unknown.take("quorum", &seen.quorum, Clone::clone) {
        quorum.standalone = votes.standalone.then_some(true);
        quorum.present = Some(votes.node_votes);
        quorum.needed = Some(votes.needed);
        quorum.witness = votes.witness.map(|witness| Witness {
            reachable_from: unknown.take("quorum.witness.reachableFrom", &witness, |nodes| {
                nodes.iter().map(ToString::to_string).collect()
            }),
        });
    }
    quorum
}

fn node(name: &NodeName, node: &observed::Node, desired: &Cluster, seen: &Observation, unknown: &mut Unknowns) -> Node {
    let path = |fact: &str| format!("nodes.{name}.{fact}");
    let spec = desired.nodes.get(name);
    Node {
        name: name.to_string(),
        membership: unknown.take(path("membership"), &node.membership, |m| match m {
            observed::Membership::Up => Membership::Up,
            observed::Membership::Joining => Membership::Joining,
            observed::Membership::Down => Membership::Down,
        }),
        cluster_service: unknown.take(path("clusterService"), &node.cluster_service, |runs| *runs),
        paused: paused(name, seen, unknown),
        versions: versions(name, &node.installed, unknown),
        baseline: unknown.take(path("baseline"), &node.baseline, |v| v.as_ref().map(ToString::to_string)).flatten(),
        target: spec.map(|spec| spec.rollup.name.to_string()),
        standing: standing(name, node, desired, unknown),
        duty: duty(name, node, desired, seen, unknown),
        owns: seen.owned_by(name).map(|(group, _)| group.to_string()).collect(),
        instances: node.instances.clone(),
        marks: seen.known_marks().filter(|mark| mark.kind.node() == Some(name)).map(ToString::to_string).collect(),
        work: unknown.take(path("work"), &node.work, |work| work.as_ref().map(self::work)).flatten(),
        rival: unknown.take(path("rival"), &node.rival, Clone::clone).flatten(),
        pending_reboot: unknown.take(path("pendingReboot"), &node.pending_reboot, |pending| *pending),
        interim_updates: unknown.take(path("interimUpdates"), &node.interim_updates, Clone::clone),
        disk: unknown
            .take(path("disk"), &node.disk, |disk| Disk { free_mib: disk.free_mib, needed_mib: disk.needed_mib }),
        services: unknown.take(path("services"), &node.services, |services| Services {
            baseline_saved: services.baseline_saved,
            differing: services.differing.clone(),
        }),
        staged: unknown.take(path("staged"), &node.staged, Clone::clone),
        failed_handoffs: unknown.take(path("failedHandoffs"), &node.failed_handoffs, |handoffs| {
            handoffs.iter().map(failed_handoffs).collect()
        }),
        tries: unknown.take(path("tries"), &node.tries, |tries| tries.iter().map(self::tries).collect()),
        verified: unknown
            .take(path("verified"), &node.verified, |verified| {
                verified.as_ref().map(|v| Verified { rollup: v.rollup.to_string(), at: v.at })
            })
            .flatten(),
    }
}

fn paused(name: &NodeName, seen: &Observation, unknown: &mut Unknowns) -> Option<Paused> {
    match seen.pause_of(name) {
        PauseOf::Nobody => None,
        PauseOf::Rollward(_) => Some(Paused { by: PausedBy::Rollward, resumed_by_person: None }),
        PauseOf::Person => Some(Paused { by: PausedBy::Person, resumed_by_person: None }),
        PauseOf::ResumedByPerson(_) => Some(Paused { by: PausedBy::Rollward, resumed_by_person: Some(true) }),
        PauseOf::Unknown(why) => {
            unknown.note(format!("nodes.{name}.paused"), why);
            Some(Paused { by: PausedBy::Unknown, resumed_by_person: None })
        }
    }
}

/// Package by package; the reason of what is unknown is kept.
pub(super) fn versions(
    name: &NodeName,
    installed: &Installed,
    unknown: &mut Unknowns,
) -> std::collections::BTreeMap<String, Option<String>> {
    installed
        .iter()
        .map(|(package, version)| {
            let path = format!("nodes.{name}.versions.{package}");
            let version = unknown.take(path, version, |v| v.as_ref().map(ToString::to_string)).flatten();
            (package.to_string(), version)
        })
        .collect()
}

/// How the node stands to its target, if it has one; the reason why that cannot be told is kept.
pub(super) fn standing(
    name: &NodeName,
    node: &observed::Node,
    desired: &Cluster,
    unknown: &mut Unknowns,
) -> Option<Standing> {
    let spec = desired.nodes.get(name)?;
    match spec.rollup.standing(&node.installed) {
        Ok(standing) => Some(standing),
        Err(why) => {
            unknown.note(format!("nodes.{name}.standing"), why);
            None
        }
    }
}

fn duty(
    name: &NodeName,
    node: &observed::Node,
    desired: &Cluster,
    seen: &Observation,
    unknown: &mut Unknowns,
) -> Option<Duty> {
    let is_role = |(group, seen): (&GroupName, &observed::Group)| desired.kind_of(group, seen) == GroupKind::Role;
    if seen.owned_by(name).any(is_role) {
        return Some(Duty::Active);
    }
    if let Some((group, _)) = seen.maybe_owned_by(name).find(|(_, group)| group.owner.is_unknown()) {
        unknown.note(format!("nodes.{name}.duty"), format!("the owner of {group} is not known"));
        return None;
    }
    let owns_something = seen.owned_by(name).next().is_some();
    match &node.membership {
        Known::Unknown { why } => {
            unknown.note(format!("nodes.{name}.duty"), why);
            None
        }
        Known::Known { value: observed::Membership::Up, .. } if !owns_something => Some(Duty::Empty),
        Known::Known { value: observed::Membership::Up, .. } => Some(Duty::Passive),
        Known::Known { .. } => Some(Duty::Out),
    }
}

fn work(work: &observed::Work) -> Work {
    let end = work.ended.as_ref();
    Work {
        action: work.action.to_string(),
        claim: format!("{}@{}", work.epoch, work.holder),
        since: work.since,
        ended_at: end.map(|end| end.at),
        exit_code: end.and_then(|end| end.exit_code),
        failure: end.and_then(|end| end.failure.clone()),
    }
}

fn failed_handoffs(handoffs: &observed::FailedHandoffs) -> FailedHandoffs {
    FailedHandoffs {
        group: handoffs.group.to_string(),
        failed: handoffs.failed,
        signature: handoffs.signature.clone(),
        at: handoffs.at,
    }
}

fn tries(tries: &observed::Tries) -> Tries {
    Tries {
        rollup: tries.rollup.to_string(),
        failed: tries.failed,
        signature: tries.signature.clone(),
        at: tries.at,
        retryable: tries.retryable,
    }
}

fn group(name: &GroupName, group: &observed::Group, desired: &Cluster, unknown: &mut Unknowns) -> Group {
    let path = |fact: &str| format!("groups.{name}.{fact}");
    let mut copies: Vec<_> =
        group.copies.iter().map(|(node, copy)| self::copy(name, node, None, copy, unknown)).collect();
    for standby in unknown.take(path("standbyCopies"), &group.standby_copies, Clone::clone).unwrap_or_default() {
        let cluster = Some(standby.target.cluster.to_string());
        copies.push(self::copy(name, &standby.target.node, cluster, &standby.copy, unknown));
    }
    Group {
        name: name.to_string(),
        kind: desired.kind_of(name, group),
        owner: unknown.take(path("owner"), &group.owner, |owner| owner.as_ref().map(ToString::to_string)).flatten(),
        state: unknown.take(path("state"), &group.state, |state| match state {
            observed::GroupState::Online => GroupState::Online,
            observed::GroupState::PartiallyOnline => GroupState::PartiallyOnline,
            observed::GroupState::Pending => GroupState::Pending,
            observed::GroupState::Offline => GroupState::Offline,
            observed::GroupState::Failed => GroupState::Failed,
        }),
        possible_owners: unknown.take(path("possibleOwners"), &group.possible_owners, |owners| {
            owners.iter().map(ToString::to_string).collect()
        }),
        copies,
        backup: unknown.take(path("backup"), &group.backup, |backup| *backup),
    }
}

fn copy(
    group: &GroupName,
    node: &NodeName,
    cluster: Option<String>,
    copy: &Known<observed::Copy>,
    unknown: &mut Unknowns,
) -> Copy {
    let seen = unknown.take(format!("groups.{group}.copies.{node}"), copy, |copy| *copy);
    Copy { node: node.to_string(), cluster, status: seen.map(|copy| copy.status), queue: seen.map(|copy| copy.queue) }
}
