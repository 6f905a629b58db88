//! What is left behind: marks that no longer mean anything are taken away, and services that a failed install left
//! wrong are put right, also where a person gave the node back meanwhile.

use crate::guard::Facts;
use crate::model::{
    Action, Evidence, Hold, Mark, MarkKind, NodeName, Release, ReleaseKind, RuleName, Standing, Subject,
};
use crate::observed::{GroupKind, GroupState, Node, PauseOf};

use super::Decision;
use super::ask::{Ask, last_work, standing};
use super::middle::{changes_software, restoring_failed};
use super::progress::{is_at_work_with, is_busy_on};
use super::rest::is_releasing;

/// The removal of the first mark that means nothing any more.
pub(super) fn next(ask: &mut Ask<'_>) -> Option<Decision> {
    let facts = ask.facts;
    for mark in facts.seen.known_marks() {
        if means_nothing(mark, facts) {
            if let Some(decision) = ask.may(Action::Release { mark: mark.clone() }) {
                return Some(decision);
            }
        } else if let Some(decision) = in_quarantine(ask, mark) {
            return Some(decision);
        }
    }
    let stopped = facts.seen.nodes.iter().filter(|(node, seen)| was_left_stopped(node, seen, facts));
    for (node, _) in stopped {
        if let Some(decision) = ask.may(Action::StartCluster { node: node.clone() }) {
            return Some(decision);
        }
    }
    facts
        .seen
        .nodes
        .iter()
        .filter(|(node, seen)| was_left_wrong(node, seen, facts))
        .find_map(|(node, _)| ask.may(Action::RestoreServices { node: node.clone() }))
}

/// Our last work on the node left its cluster service stopped, and it is not seen to be under our pause any more: the
/// store has forgotten that, or waits for this node's vote to be read again.
fn was_left_stopped(node: &NodeName, seen: &Node, facts: &Facts<'_>) -> bool {
    last_work(seen).is_some_and(|(action, _)| action.needs_empty_node())
        && seen.cluster_service.surely(|runs| !runs)
        && !matches!(facts.seen.pause_of(node), PauseOf::Rollward(_))
        && !is_busy_on(node, facts)
}

/// Our last work on the node failed, its services differ from before, and nothing that they could disturb runs there.
fn was_left_wrong(node: &NodeName, seen: &Node, facts: &Facts<'_>) -> bool {
    let failed = last_work(seen).is_some_and(|(action, failure)| changes_software(action) && failure.is_some());
    failed
        && facts.seen.is_up(node)
        && !is_busy_on(node, facts)
        && seen.services.surely(|services| !services.differing.is_empty())
        && !facts.seen.maybe_owned_by(node).any(|(name, group)| facts.desired.kind_of(name, group) == GroupKind::Role)
}

fn means_nothing(mark: &Mark, facts: &Facts<'_>) -> bool {
    match &mark.kind {
        // A pause that a person took away is remembered until there is nothing left for which to pause again.
        MarkKind::Pause { node } => match facts.seen.pause_of(node) {
            // Nor while our own resume is under way: a pause that follows would be a person's, and must be seen as such.
            PauseOf::ResumedByPerson(_) => {
                let unwanted = is_releasing(facts) || !facts.desired.nodes.contains_key(node);
                let useless = || unwanted || standing(node, facts) == Ok(Standing::Current);
                !is_busy_on(node, facts) && (facts.seen.was_resumed_last(node) || useless())
            }
            _ => !facts.seen.nodes.contains_key(node),
        },
        MarkKind::StoppedRole { group, .. } => match facts.seen.groups.get(group) {
            // One that is about to be stopped serves as well, to the last.
            Some(seen) => seen.state.surely(|state| *state == GroupState::Online) && !is_at_work_with(group, facts),
            None => true,
        },
        MarkKind::Quarantine { node, .. } => {
            is_releasing(facts) || is_verified(node, facts) || is_last_resort(node, facts)
        }
        MarkKind::InProgress { .. } | MarkKind::Stop { .. } => false,
    }
}

/// The node is at its target after all, and its services are as they were.
fn is_verified(node: &NodeName, facts: &Facts<'_>) -> bool {
    match facts.seen.nodes.get(node) {
        Some(seen) => {
            let current = standing(node, facts) == Ok(Standing::Current);
            let unwanted = !facts.desired.nodes.contains_key(node);
            (current || unwanted) && seen.services.surely(|services| services.differing.is_empty())
        }
        None => true,
    }
}

/// No other node is up that could own some role: a doubtful node is better than none.
fn is_last_resort(node: &NodeName, facts: &Facts<'_>) -> bool {
    facts.seen.groups.iter().any(|(name, group)| {
        facts.desired.kind_of(name, group) == GroupKind::Role
            && group.possible_owners.surely(|owners| {
                owners.contains(node) && owners.iter().all(|other| other == node || !facts.seen.is_up(other))
            })
    })
}

/// A node in quarantine: its services are tried again; where that failed, it stays until a person has repaired it.
pub(super) fn in_quarantine(ask: &mut Ask<'_>, mark: &Mark) -> Option<Decision> {
    let MarkKind::Quarantine { node, why } = &mark.kind else { return None };
    let seen = ask.facts.seen.nodes.get(node)?;
    let differing = seen.services.surely(|services| !services.differing.is_empty());
    let free = !matches!(ask.facts.seen.pause_of(node), PauseOf::Rollward(_));
    if free
        && differing
        && !restoring_failed(seen)
        && let Some(decision) = ask.may(Action::RestoreServices { node: node.clone() })
    {
        return Some(decision);
    }
    let hold = Hold {
        rule: RuleName::Preflight,
        subject: Subject::Node(node.clone()),
        evidence: vec![Evidence::new(format!("the quarantine of {node}"), why, mark.at)],
        release: Release {
            kind: ReleaseKind::Person,
            what: format!(
                "released by repairing {node}: the quarantine goes when its services and version are right, or by \
                 `rollward release {}`",
                ask.facts.desired.name
            ),
        },
    };
    ask.refuse(Some(node.clone()), vec![hold]);
    None
}
