//! `max-unavailable`: no more nodes are out at once than allowed, for whatever reason they are out.
//!
//! Slots are claimed one at a time: a pause claims the node's, and what follows on that node uses it.

use super::prospect::prospect;
use super::{Rule, say};
use crate::guard::{Check, Facts};
use crate::model::{Action, Evidence, Hold, NodeName, ReleaseKind, RuleName};
use crate::observed::{Membership, Node, PauseOf};

pub(super) const RULE: Rule = Rule {
    name: RuleName::MaxUnavailable,
    judges: "Pause and what follows; Handoff, of the node that it vacates",
    judges_finishing: false,
    says_no_to: "more nodes out, for any reason, than `maxUnavailable`",
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
        return Ok(());
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
