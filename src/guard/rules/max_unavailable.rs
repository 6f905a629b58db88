//! `max-unavailable`: no more nodes are out at once than allowed, for whatever reason they are out.
//!
//! Slots are claimed one at a time: a pause claims the node's, and what follows on that node uses it.

use super::prospect::prospect;
use super::{Rule, say};
use crate::guard::Facts;
use crate::model::{Action, Evidence, Hold, NodeName, ReleaseKind, RuleName};
use crate::observed::{Membership, Node, PauseOf};

pub(super) const RULE: Rule = Rule {
    name: RuleName::MaxUnavailable,
    judges: "Pause and what follows; Handoff, of the node that it vacates",
    judges_finishing: false,
    says_no_to: "more nodes out, for any reason, than `maxUnavailable`",
    judge,
    checks: super::no_checks,
};

fn judge(action: &Action, facts: &Facts<'_>) -> Result<(), Hold> {
    let node = match action {
        Action::Pause { node } => node,
        Action::Handoff { .. } | Action::StopRole { .. } => match prospect(action, facts) {
            Some(coming) => coming.node,
            None => return Ok(()),
        },
        _ if action.needs_empty_node() => match action.node() {
            Some(node) if !out_because_of_us(node, facts) => node,
            _ => return Ok(()),
        },
        _ => return Ok(()),
    };
    let allowed = facts.desired.policy.limits.max_unavailable;
    let out = || facts.seen.nodes.iter().filter(|(name, seen)| *name != node && is_out(seen));
    let unseen = || facts.desired.nodes.keys().filter(|n| *n != node && !facts.seen.nodes.contains_key(*n));
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
