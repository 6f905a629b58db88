//! Whether what was begun has come about, by what is seen and by nothing else.

use super::{Proof, Targets};
use crate::model::{Action, GroupName, Known, MarkKind, NodeName, Standing};
use crate::observed::{GroupState, Membership, Node, Observation, Work};

/// What a look says of an action that was begun. The look must have been taken after the begin.
///
/// Work of the action that still runs means "not yet", whatever else is seen: an installer that has written its version
/// is not at its end.
pub fn proof(action: &Action, seen: &Observation, targets: &dyn Targets) -> Proof {
    let work = work_of(action, seen);
    if work.is_some_and(|w| w.ended.is_none()) {
        return Proof::NotYet;
    }
    let failure = work.and_then(|w| w.ended.as_ref()).and_then(|end| end.failure.clone());
    match (outcome(action, seen, targets), failure) {
        (Proof::NotYet | Proof::Contradicted(_), Some(failure)) => Proof::Contradicted(failure),
        (Proof::NotYet, None) if work.is_some() => {
            half_started(action, seen).map_or(Proof::NotYet, Proof::Contradicted)
        }
        (proof, _) => proof,
    }
}

/// What a start left of a role that did not come up whole, although its work ended well.
fn half_started(action: &Action, seen: &Observation) -> Option<String> {
    let Action::StartRole { group, node } = action else { return None };
    let state = match &seen.groups.get(group)?.state {
        Known::Known { value: state @ (GroupState::PartiallyOnline | GroupState::Failed), .. } => state.word(),
        _ => return None,
    };
    Some(format!("its work ended well, and {group:?} is {state} on {node}"))
}

/// The action's own work on any node.
pub fn work_of<'a>(action: &Action, seen: &'a Observation) -> Option<&'a Work> {
    seen.nodes.values().find_map(|n| match &n.work {
        Known::Known { value: Some(work), .. } if work.action == *action => Some(work),
        _ => None,
    })
}

fn outcome(action: &Action, seen: &Observation, targets: &dyn Targets) -> Proof {
    match action {
        Action::Stage { node, rollup } => of_node(seen, node, |n| match targets.rollup(rollup) {
            None => ended(n),
            Some(target) => judge(&n.staged, |staged| target.packages.iter().all(|p| staged.contains_key(&p.file))),
        }),
        Action::Pause { node } => of_node(seen, node, |n| judge(&n.paused, |p| *p)),
        Action::Resume { node, .. } => match &seen.marks {
            Known::Unknown { why } => Proof::Unknown(why.to_string()),
            Known::Known { value, .. } => {
                let marked = value.iter().any(|m| matches!(&m.kind, MarkKind::Pause { node: n } if n == node));
                of_node(seen, node, |n| judge(&n.paused, |p| !*p && !marked))
            }
        },
        Action::MoveGroup { group, from, to } => arrived(seen, group, from, to, |s| *s != GroupState::Pending),
        Action::Handoff { group, from, to, style } => arrived(seen, group, from, to, |s| match style {
            crate::model::HandoffStyle::Online => *s == GroupState::Online,
            crate::model::HandoffStyle::Offline => *s != GroupState::Pending,
        }),
        Action::StopRole { group, .. } => of_state(seen, group, |s| *s == GroupState::Offline),
        Action::StartRole { group, .. } => of_state(seen, group, |s| *s == GroupState::Online),
        Action::StopCluster { node } => of_node(seen, node, |n| judge(&n.cluster_service, |runs| !runs)),
        Action::StartCluster { node } => of_node(seen, node, |n| judge(&n.membership, |m| *m == Membership::Up)),
        Action::Install { node, rollup } | Action::Uninstall { node, rollup } => of_node(seen, node, |n| {
            let Some(target) = targets.rollup(rollup) else { return ended(n) };
            match target.standing(&n.installed) {
                Ok(Standing::Current) => Proof::Done,
                Ok(standing) if !n.work.is_unknown() => {
                    Proof::Contradicted(format!("no installer is at work, and {node} is {standing}"))
                }
                Ok(_) => Proof::Unknown("nobody can tell whether the installer is still at work".into()),
                Err(why) => Proof::Unknown(why),
            }
        }),
        Action::Reboot { node } => of_node(seen, node, |n| match ended(n) {
            Proof::Done => judge(&n.pending_reboot, |pending| !pending),
            other => other,
        }),
        Action::RestoreServices { node } => of_node(seen, node, |n| judge(&n.services, |s| s.differing.is_empty())),
        Action::ResumeReplication { node } => of_node(seen, node, |n| judge(&n.replication_suspended, |s| !s)),
        Action::Release { mark } => judge(&seen.marks, |marks| !marks.contains(mark)),
    }
}

fn judge<T>(known: &Known<T>, come_about: impl FnOnce(&T) -> bool) -> Proof {
    match known {
        Known::Unknown { why } => Proof::Unknown(why.to_string()),
        Known::Known { value, .. } if come_about(value) => Proof::Done,
        Known::Known { .. } => Proof::NotYet,
    }
}

/// For what leaves no other trace: no work is left on the node.
fn ended(node: &Node) -> Proof {
    judge(&node.work, |work| work.as_ref().is_none_or(|w| w.ended.is_some()))
}

fn of_node(seen: &Observation, node: &NodeName, proof: impl FnOnce(&Node) -> Proof) -> Proof {
    match seen.nodes.get(node) {
        Some(node) => proof(node),
        None => Proof::Unknown(format!("{node} was not seen")),
    }
}

fn of_state(seen: &Observation, group: &GroupName, right: impl FnOnce(&GroupState) -> bool) -> Proof {
    match seen.groups.get(group) {
        Some(group) => judge(&group.state, right),
        None => Proof::Unknown(format!("{group} was not seen")),
    }
}

fn arrived(
    seen: &Observation,
    group: &GroupName,
    from: &NodeName,
    to: &NodeName,
    right: impl FnOnce(&GroupState) -> bool,
) -> Proof {
    match seen.groups.get(group).map(|g| &g.owner) {
        None => Proof::Unknown(format!("{group} was not seen")),
        Some(Known::Unknown { why }) => Proof::Unknown(why.to_string()),
        Some(Known::Known { value: Some(owner), .. }) if owner == to => of_state(seen, group, right),
        Some(Known::Known { value: Some(owner), .. }) if owner != from => {
            Proof::Contradicted(format!("{group} is on {owner}"))
        }
        Some(Known::Known { .. }) => Proof::NotYet,
    }
}
