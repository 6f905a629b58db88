//! `soak`: after a node has been verified healthy, some time passes before the next one begins, or a role goes there.
//!
//! The soak runs after the node was resumed, so that it is a soak under load and not of a paused node.

use super::{Rule, duty, say};
use crate::guard::Facts;
use crate::model::time::{later, stamp, words};
use crate::model::{Action, Evidence, Hold, Known, NodeName, ReleaseKind, RuleName, Time};
use crate::observed::{Membership, Node, PauseOf};

pub(super) const RULE: Rule = Rule {
    name: RuleName::Soak,
    judges: "begins on the next node; Handoff to the one in its soak",
    judges_finishing: false,
    says_no_to: "going on before the last node has been verified healthy for its `soak`",
    judge,
    checks: super::no_checks,
};

fn judge(action: &Action, facts: &Facts<'_>) -> Result<(), Hold> {
    let soak = facts.desired.policy.limits.soak;
    let Some(node) = duty::node_at_stake(action, facts) else { return Ok(()) };
    if soak.is_zero() {
        return Ok(());
    }
    let others = facts.seen.nodes.iter().filter(|(name, seen)| *name != node && !was_out_together(node, seen, facts));
    let Some((name, seen)) = others.into_iter().find(|(name, seen)| in_soak(name, seen, facts)) else {
        return Ok(());
    };
    let evidence = verified(name, seen, facts);
    let (kind, what) = match until(name, seen, facts) {
        Some(end) => (
            ReleaseKind::Time(end),
            format!("released at {}, when {name} has been healthy for {}", stamp(end), words(soak)),
        ),
        None => (ReleaseKind::Observation, format!("released when it can be seen how long {name} has been healthy")),
    };
    Err(say::on_node(RuleName::Soak, node, vec![evidence], kind, what))
}

/// The other one was verified after our pause of this node, which is therefore not the next, but was out at once with it.
fn was_out_together(node: &NodeName, other: &Node, facts: &Facts<'_>) -> bool {
    let paused = match facts.seen.pause_of(node) {
        PauseOf::Rollward(mark) => mark.at,
        _ => return false,
    };
    other.verified.surely(|verified| verified.as_ref().is_some_and(|v| v.at >= paused))
}

/// True if the node is, or may be, in its soak. One that is no member is for `max-unavailable` to judge.
pub(super) fn in_soak(name: &NodeName, seen: &Node, facts: &Facts<'_>) -> bool {
    match until(name, seen, facts) {
        Some(end) => facts.now < end,
        None => seen.verified.is_unknown() && seen.membership.surely(|m| *m == Membership::Up),
    }
}

/// When the node's soak ends or ended, if it was ever verified.
pub(super) fn until(name: &NodeName, seen: &Node, facts: &Facts<'_>) -> Option<Time> {
    healthy_since(name, seen, facts).map(|since| later(since, facts.desired.policy.limits.soak))
}

/// A node that was lost meanwhile, or that a person took out of our hands before it was verified, has been healthy only
/// since it came back. One that we keep out of service comes and goes as its installer restarts it; its soak is to come.
fn healthy_since(name: &NodeName, seen: &Node, facts: &Facts<'_>) -> Option<Time> {
    let kept_out = || matches!(facts.seen.pause_of(name), PauseOf::Rollward(_));
    let back = facts.history.rejoined_at.get(name).copied().filter(|_| !kept_out());
    match &seen.verified {
        Known::Known { value, .. } => value.as_ref().map(|v| v.at).max(back),
        Known::Unknown { .. } => None,
    }
}

/// Since when the node has been healthy.
pub(super) fn verified(name: &NodeName, seen: &Node, facts: &Facts<'_>) -> Evidence {
    let since = healthy_since(name, seen, facts);
    Evidence::of(format!("nodes.{name}.verified"), &seen.verified, |v| match (v, since) {
        (Some(v), Some(back)) if back > v.at => {
            format!("healthy with {} since it came back at {}", v.rollup, stamp(back))
        }
        (Some(v), _) => format!("healthy with {} since {}", v.rollup, stamp(v.at)),
        (None, Some(back)) => format!("not verified, back since {}", stamp(back)),
        (None, None) => "never".into(),
    })
}
