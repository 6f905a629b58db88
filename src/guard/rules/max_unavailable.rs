//! `max-unavailable`: no more nodes are out at once than allowed, for whatever reason they are out.
//!
//! Slots are claimed one at a time: a pause claims the node's, and what follows on that node uses it. Beside a node that
//! we keep out, the last one to which some role could fail over stays: one after the other costs that role nothing.

use super::prospect::prospect;
use super::ready_target::{has_room, quarantined};
use super::{Rule, say};
use crate::guard::{Check, Facts};
use crate::model::{Action, Evidence, GroupName, Hold, NodeName, ReleaseKind, RuleName};
use crate::observed::{Group, GroupKind, Membership, Node, PauseOf};

pub(super) const RULE: Rule = Rule {
    name: RuleName::MaxUnavailable,
    judges: "Pause and what follows; Handoff, of the node that it vacates",
    judges_finishing: false,
    says_no_to: "more nodes out, for any reason, than `maxUnavailable`; beside a node that we keep out, taking the last \
                 one to which a role could fail over",
    judge,
    checks,
};

fn judge(action: &Action, facts: &Facts<'_>) -> Result<(), Hold> {
    let node = match action {
        Action::Pause { node } => node,
        Action::Handoff { .. } | Action::StopRole { .. } => match prospect(action, facts) {
            Some(coming) => coming.node,
            None => return Ok(()),
        },
        _ if action.needs_empty_node() => match action.node() {
            Some(node) => node,
            None => return Ok(()),
        },
        _ => return Ok(()),
    };
    let allowed = facts.desired.policy.limits.max_unavailable;
    // Whoever has a slot keeps it when others fall out; but of two that controllers took out, one goes back.
    let has_slot = action.needs_empty_node() && out_because_of_us(node, facts);
    let counts = |name: &NodeName| !has_slot || matches!(facts.seen.pause_of(name), PauseOf::Rollward(_));
    let out = || others_out(node, facts).filter(|(name, _)| counts(name));
    let unseen = || others_unseen(node, facts).filter(|_| !has_slot);
    if out().count() + unseen().count() < allowed as usize {
        return keeps_refuges(action, node, facts);
    }
    let mut evidence: Vec<_> = out()
        .map(|(name, seen)| {
            if seen.membership.surely(|m| *m == Membership::Up) {
                say::paused(name, seen)
            } else {
                say::membership(name, seen)
            }
        })
        .chain(unseen().map(say::not_seen))
        .collect();
    evidence.push(Evidence::timeless("limits.maxUnavailable", format!("{allowed} ({})", facts.desired.policy.place)));
    let (kind, what) = if allowed == 0 {
        (ReleaseKind::Manifest, "released by a `maxUnavailable` of at least 1".to_owned())
    } else {
        let names = say::list(out().map(|(name, _)| name).chain(unseen()));
        (ReleaseKind::Observation, format!("released when fewer nodes are out: {names} must be up and take groups"))
    };
    Err(say::on_node(RuleName::MaxUnavailable, node, evidence, kind, what))
}

fn others_out<'a>(node: &'a NodeName, facts: &Facts<'a>) -> impl Iterator<Item = (&'a NodeName, &'a Node)> {
    facts.seen.nodes.iter().filter(move |(name, seen)| *name != node && is_out(seen))
}

fn others_unseen<'a>(node: &'a NodeName, facts: &Facts<'a>) -> impl Iterator<Item = &'a NodeName> {
    let seen = facts.seen;
    facts.desired.nodes.keys().filter(move |name| *name != node && !seen.nodes.contains_key(*name))
}

/// Every role that could fail over to the node, were it not out, can fail over to another one, too; or none of those
/// that we keep out would be of use to it.
fn keeps_refuges(action: &Action, node: &NodeName, facts: &Facts<'_>) -> Result<(), Hold> {
    let begins = matches!(action, Action::Pause { .. } | Action::Install { .. } | Action::Uninstall { .. });
    let ours = || others_out(node, facts).filter(|(name, _)| matches!(facts.seen.pause_of(name), PauseOf::Rollward(_)));
    if !begins || ours().next().is_none() {
        return Ok(());
    }
    let roles = facts.seen.groups.iter().filter(|(name, g)| facts.desired.kind_of(name, g) == GroupKind::Role);
    for (role, group) in roles {
        let could_own = |node: &NodeName| {
            group.possible_owners.possibly(|owners| owners.contains(node))
                && !group.owner.surely(|owner| owner.as_ref() == Some(node))
                && has_room(role, node, facts)
        };
        if !could_own(node) || facts.seen.nodes.keys().any(|n| n != node && is_refuge(n, role, group, facts)) {
            continue;
        }
        let missed: Vec<_> = ours().filter(|(name, _)| could_own(name)).collect();
        if missed.is_empty() {
            continue;
        }
        let mut evidence = vec![say::owner(role, group)];
        evidence.extend(missed.iter().map(|(name, seen)| say::paused(name, seen)));
        let names = say::list(missed.iter().map(|(name, _)| name));
        let what = format!("released when {names} is back: until then {role} could fail over to {node} only");
        return Err(say::on_node(RuleName::MaxUnavailable, node, evidence, ReleaseKind::Observation, what));
    }
    Ok(())
}

/// The role could fail over there now.
fn is_refuge(node: &NodeName, role: &GroupName, group: &Group, facts: &Facts<'_>) -> bool {
    facts.seen.nodes.get(node).is_some_and(|seen| !is_out(seen))
        && group.possible_owners.surely(|owners| owners.contains(node))
        && group.owner.surely(|owner| owner.as_ref().is_some_and(|owner| owner != node))
        && has_room(role, node, facts)
        && !quarantined(node, facts)
}

/// Nobody has gone out since the look on which this was judged, unless there is room for that, too.
fn checks(action: &Action, facts: &Facts<'_>, checks: &mut Vec<Check>) {
    let Some(node) = action.node() else { return };
    if !matches!(action, Action::Pause { .. }) && !action.needs_empty_node() {
        return;
    }
    let judged = u32::try_from(others_out(node, facts).count()).unwrap_or(u32::MAX);
    let than = facts.desired.policy.limits.max_unavailable.max(judged.saturating_add(1));
    checks.push(Check::FewerOut { besides: node.clone(), than });
}

fn is_out(node: &Node) -> bool {
    !node.membership.surely(|m| *m == Membership::Up) || !node.paused.surely(|p| !p)
}

/// The node holds its slot already: it is under our pause, or its mark says so while it is down.
fn out_because_of_us(node: &NodeName, facts: &Facts<'_>) -> bool {
    match facts.seen.pause_of(node) {
        PauseOf::Rollward(_) => true,
        PauseOf::Person | PauseOf::Nobody => false,
        PauseOf::ResumedByPerson(_) | PauseOf::Unknown(_) => super::our_mark_while_down(node, facts),
    }
}
