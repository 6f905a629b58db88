//! Finish what is begun: roles that we stopped, and nodes that we paused.

use crate::guard::Facts;
use crate::model::time::later;
use crate::model::{
    Action, ClusterServiceRule, Evidence, GroupName, HandoffStyle, Known, Mark, NodeName, RebootRule, RuleName,
    Standing, Subject,
};
use crate::observed::{GroupKind, GroupState, Membership, Node, Observation};

use super::Decision;
use super::ask::{Ask, allows, holds, in_progress, is_passing, is_staged, last_work, patience, standing, unknown};
use super::progress::{is_at_work_on, is_busy_on, is_stepping};

/// Roles that we stopped. Past its deadline a role starts where it is, before everything; until then it goes on its way,
/// and starts where it is as soon as its way is closed.
pub(super) fn duties(ask: &mut Ask<'_>) -> Option<Decision> {
    let facts = ask.facts;
    let mut duties: Vec<_> = facts.seen.duties().collect();
    duties.sort_by_key(|(.., deadline)| *deadline);
    for (group, to, deadline) in duties {
        let Some(seen) = facts.seen.groups.get(group) else { continue };
        let Known::Known { value: Some(owner), .. } = &seen.owner else { continue };
        // What is under way with it ends first, well or not.
        if seen.state.surely(|state| *state == GroupState::Online) || is_at_work_on(owner, facts) {
            continue;
        }
        let start = Action::StartRole { group: group.clone(), node: owner.clone() };
        let over =
            Action::Handoff { group: group.clone(), from: owner.clone(), to: to.clone(), style: HandoffStyle::Offline };
        let closed = || {
            let holds = holds(&over, facts);
            !holds.is_empty() && !holds.iter().all(is_passing)
        };
        let decision = if owner == to {
            ask.may(start)
        } else if deadline <= facts.now || closed() {
            // Where it cannot start, as on a node that somebody has paused meanwhile, its way on is the way out.
            ask.may(start).or_else(|| ask.may(over.clone()))
        } else {
            ask.may(over.clone())
        };
        if decision.is_some() {
            return decision;
        }
    }
    None
}

/// Roles that our handoff took to another node, where they did not come up whole: they are started there, after the
/// services have been put right on which they may hang.
pub(super) fn arrived_broken(ask: &mut Ask<'_>) -> Option<Decision> {
    let facts = ask.facts;
    let broken = facts.seen.groups.iter().filter(|(_, group)| {
        group.state.surely(|state| matches!(state, GroupState::PartiallyOnline | GroupState::Failed))
    });
    for (name, group) in broken {
        let Known::Known { value: Some(owner), .. } = &group.owner else { continue };
        let ours = facts.seen.nodes.values().filter_map(last_work).any(|(action, failure)| match action {
            Action::Handoff { group, to, .. } => group == name && to == owner && failure.is_some(),
            Action::StartRole { group, node } => group == name && node == owner && failure.is_some(),
            Action::RestoreServices { node } => node == owner,
            _ => false,
        });
        // What was tried before may still be under way.
        if !ours || is_at_work_on(owner, facts) {
            continue;
        }
        let differing = |seen: &Node| seen.services.surely(|services| !services.differing.is_empty());
        let repairable = facts.seen.nodes.get(owner).is_some_and(|seen| differing(seen) && !restoring_failed(seen));
        let restore = || Action::RestoreServices { node: owner.clone() };
        let repaired = repairable.then(restore).and_then(|restore| ask.may(restore));
        if let Some(decision) =
            repaired.or_else(|| ask.may(Action::StartRole { group: name.clone(), node: owner.clone() }))
        {
            return Some(decision);
        }
    }
    None
}

/// A role has nowhere to run, and a node that we paused could own it and is healthy: the pause goes first.
pub(super) fn roles_down(ask: &mut Ask<'_>) -> Option<Decision> {
    let facts = ask.facts;
    for (node, seen, _) in facts.seen.paused_by_rollward() {
        if !is_healthy(node, seen, facts) {
            continue;
        }
        let awaited = stranded(facts).any(|(_, group)| group.possible_owners.surely(|o| o.contains(node)));
        if awaited && let Some(decision) = ask.may(Action::Resume { node: node.clone(), quarantine: None }) {
            return Some(decision);
        }
    }
    None
}

/// Roles that do not run because of where they are: failed, without an owner, or with one that is down.
pub(super) fn stranded<'a>(facts: &Facts<'a>) -> impl Iterator<Item = (&'a GroupName, &'a crate::observed::Group)> {
    let (desired, seen) = (facts.desired, facts.seen);
    seen.groups.iter().filter(move |(name, group)| {
        let down = group.state.surely(|state| match state {
            GroupState::Failed => true,
            GroupState::Online | GroupState::PartiallyOnline => false,
            GroupState::Offline | GroupState::Pending => {
                group.owner.surely(|owner| owner.as_ref().is_none_or(|owner| !seen.is_up(owner)))
            }
        });
        down && desired.kind_of(name, group) == GroupKind::Role && !seen.is_our_duty(name)
    })
}

fn is_healthy(node: &NodeName, seen: &Node, facts: &Facts<'_>) -> bool {
    facts.seen.is_up(node) && !is_busy_on(node, facts) && seen.services.surely(|services| services.differing.is_empty())
}

/// Nodes that we paused: each goes on its way, and is given back as soon as its way ends or is closed.
pub(super) fn nodes(ask: &mut Ask<'_>) -> Option<Decision> {
    let facts = ask.facts;
    for (node, seen, mark) in facts.seen.paused_by_rollward() {
        if !is_busy_on(node, facts)
            && let Some(decision) = one(ask, node, seen, mark)
        {
            return Some(decision);
        }
    }
    None
}

/// One of them, on its way or back.
pub(super) fn one(ask: &mut Ask<'_>, node: &NodeName, seen: &Node, mark: &Mark) -> Option<Decision> {
    let facts = ask.facts;
    if !facts.desired.nodes.contains_key(node) || super::rest::is_releasing(facts) {
        return give_back(ask, node, seen);
    }
    // What failed its verification is not tried again by itself: nothing would be different.
    if restoring_failed(seen) || failed_verification(node, seen, facts).is_some() && !was_left_broken(seen) {
        return give_back(ask, node, seen);
    }
    let repair = if was_left_broken(seen) { repair(node, seen) } else { None };
    match (standing(node, facts), repair) {
        (_, Some(repair)) => ask.may(repair),
        (Ok(_), None) => match next_begin(node, facts) {
            None => give_back(ask, node, seen),
            Some(begin) => {
                let against = holds(&begin, facts);
                if against.is_empty() {
                    return Some(Decision::Act(begin));
                }
                // A step of ours on another node, beside which nothing begins, is soon over.
                if is_stepping(facts) && against.iter().all(|hold| hold.rule == RuleName::Fence) {
                    return None;
                }
                let waits = against.iter().all(is_passing) && facts.now < later(mark.at, patience(facts));
                ask.refuse(Some(node.clone()), against);
                if waits { None } else { give_back(ask, node, seen) }
            }
        },
        (Err(hold), None) => {
            ask.refuse(Some(node.clone()), vec![hold]);
            give_back(ask, node, seen)
        }
    }
}

/// A try failed, or its traces are still there: the node is repaired before anything else is tried on it.
fn was_left_broken(seen: &Node) -> bool {
    let differ = seen.services.surely(|services| !services.differing.is_empty());
    match last_work(seen) {
        Some((action, Some(_))) if changes_software(action) => true,
        // We have stopped services ourselves, for the install that comes next.
        Some((Action::StopCluster { .. }, _)) => false,
        _ => differ,
    }
}

/// An installer at work.
pub(super) fn changes_software(action: &Action) -> bool {
    matches!(action, Action::Install { .. } | Action::Uninstall { .. })
}

/// What a node that we paused needs next on the way to its target; nothing if it is there.
pub(super) fn next_begin(node: &NodeName, facts: &Facts<'_>) -> Option<Action> {
    let spec = facts.desired.nodes.get(node)?;
    let seen = facts.seen.nodes.get(node)?;
    let rollup = spec.rollup.name.clone();
    let down = match standing(node, facts).ok()? {
        Standing::Current => return reboot(node, seen, facts),
        Standing::Ahead => true,
        Standing::Stale => false,
    };
    if let Some(off) = move_off(node, facts) {
        return Some(off);
    }
    if !is_staged(node, seen, facts) {
        return Some(Action::Stage { node: node.clone(), rollup });
    }
    // A host that is no cluster has no cluster service to stop.
    let stops = spec.rollup.cluster_service == ClusterServiceRule::Stop && facts.traits.can_stop_cluster_service;
    if stops && seen.cluster_service.surely(|runs| *runs) {
        return Some(Action::StopCluster { node: node.clone() });
    }
    Some(if down {
        Action::Uninstall { node: node.clone(), rollup }
    } else {
        Action::Install { node: node.clone(), rollup }
    })
}

/// A restart of the machine, if the rollup that was just installed asks for one.
fn reboot(node: &NodeName, seen: &Node, facts: &Facts<'_>) -> Option<Action> {
    let just_installed = last_work(seen).is_some_and(|(action, _)| changes_software(action));
    let asked = match facts.desired.nodes.get(node)?.rollup.reboot {
        RebootRule::Never => false,
        RebootRule::Always => just_installed,
        RebootRule::IfAsked => just_installed && seen.pending_reboot.surely(|pending| *pending),
    };
    asked.then(|| Action::Reboot { node: node.clone() })
}

/// The move of the first auxiliary group that is still on the node; nothing if there is none, or nowhere to go.
fn move_off(node: &NodeName, facts: &Facts<'_>) -> Option<Action> {
    let auxiliary = |(name, group): &(&GroupName, &crate::observed::Group)| {
        facts.desired.kind_of(name, group) == GroupKind::Auxiliary
    };
    facts.seen.owned_by(node).filter(auxiliary).find_map(|(name, group)| {
        let to = refuge(node, name, group, facts)?;
        Some(Action::MoveGroup { group: name.clone(), from: node.clone(), to: to.clone() })
    })
}

/// Where an auxiliary group goes: a node at its target first, then the one with the fewest groups, then by name. Where
/// the rules allow no move yet, the best one's refusal is the reason that people are told.
fn refuge<'a>(
    from: &NodeName,
    name: &GroupName,
    group: &crate::observed::Group,
    facts: &Facts<'a>,
) -> Option<&'a NodeName> {
    let seen: &'a Observation = facts.seen;
    let possible = |to: &&NodeName| {
        *to != from
            && seen.is_up(to)
            && seen.nodes.get(*to).is_some_and(|n| n.paused.surely(|paused| !paused))
            && group.possible_owners.surely(|owners| owners.contains(*to))
    };
    let mut refuges: Vec<_> = seen.nodes.keys().filter(possible).collect();
    refuges.sort_by_cached_key(|to| (standing(to, facts) != Ok(Standing::Current), seen.owned_by(to).count()));
    let may = |to: &&&NodeName| {
        allows(&Action::MoveGroup { group: name.clone(), from: from.clone(), to: NodeName::clone(to) }, facts)
    };
    refuges.iter().find(may).or(refuges.first()).copied()
}

/// What brings a node back to service before its pause goes: its cluster service, its services, its copies.
fn repair(node: &NodeName, seen: &Node) -> Option<Action> {
    if seen.cluster_service.surely(|runs| !runs) {
        return Some(Action::StartCluster { node: node.clone() });
    }
    if seen.services.surely(|services| !services.differing.is_empty()) && !restoring_failed(seen) {
        return Some(Action::RestoreServices { node: node.clone() });
    }
    seen.replication_suspended.surely(|suspended| *suspended).then(|| Action::ResumeReplication { node: node.clone() })
}

/// Gives the node back: repairs first, then the pause goes; into quarantine if it failed its verification.
fn give_back(ask: &mut Ask<'_>, node: &NodeName, seen: &Node) -> Option<Decision> {
    if let Some(repair) = repair(node, seen) {
        return ask.may(repair);
    }
    match &seen.membership {
        Known::Known { value: Membership::Up, .. } => {
            let quarantine = failed_verification(node, seen, ask.facts);
            ask.may(Action::Resume { node: node.clone(), quarantine })
        }
        Known::Known { value, at } => {
            let evidence = vec![Evidence::new(format!("nodes.{node}.membership"), format!("{value:?}"), *at)];
            let what = format!("released when {node} is a full member again; then its pause goes");
            ask.refuse(Some(node.clone()), vec![in_progress(Subject::Node(node.clone()), evidence, what)]);
            None
        }
        Known::Unknown { why } => {
            ask.refuse(Some(node.clone()), vec![unknown(node, "membership", why)]);
            None
        }
    }
}

/// Why a node must not own roles although it is back, if so.
fn failed_verification(node: &NodeName, seen: &Node, facts: &Facts<'_>) -> Option<String> {
    if seen.services.surely(|services| !services.differing.is_empty()) {
        return Some("its services could not be brought to the state they had before".into());
    }
    let target = &facts.desired.nodes.get(node)?.rollup;
    match (last_work(seen)?, standing(node, facts)) {
        ((action, None), Ok(Standing::Stale)) if changes_software(action) && action.rollup() == Some(&target.name) => {
            Some(format!("the installer of {} ended well, and the node is stale", target.name))
        }
        _ => None,
    }
}

/// The last try to restore the services failed: it is for a person to find out why.
pub(super) fn restoring_failed(seen: &Node) -> bool {
    last_work(seen)
        .is_some_and(|(action, failure)| matches!(action, Action::RestoreServices { .. }) && failure.is_some())
}
