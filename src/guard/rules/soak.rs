//! `soak`: after a node has been verified healthy, some time passes before the next one begins, or a role goes there.
//!
//! The soak runs after the node was resumed, so that it is a soak under load and not of a paused node.

use std::time::Duration;

use super::{Rule, say};
use crate::guard::Facts;
use crate::model::time::{later, stamp, words};
use crate::model::{Action, Evidence, Hold, Known, NodeName, ReleaseKind, RuleName, Time};
use crate::observed::{Membership, Node};

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
    let Some(node) = action.node() else { return Ok(()) };
    if soak.is_zero() {
        return Ok(());
    }
    let Some((name, seen)) =
        facts.seen.nodes.iter().find(|(name, seen)| *name != node && in_soak(seen, soak, facts.now))
    else {
        return Ok(());
    };
    let evidence = verified(name, seen);
    let (kind, what) = match until(seen, soak) {
        Some(end) => (
            ReleaseKind::Time(end),
            format!("released at {}, when {name} has been healthy for {}", stamp(end), words(soak)),
        ),
        None => (ReleaseKind::Observation, format!("released when it can be seen how long {name} has been healthy")),
    };
    Err(say::on_node(RuleName::Soak, node, vec![evidence], kind, what))
}

/// True if the node is, or may be, in its soak. One that is no member is for `max-unavailable` to judge.
pub(super) fn in_soak(seen: &Node, soak: Duration, now: Time) -> bool {
    match until(seen, soak) {
        Some(end) => now < end,
        None => seen.verified.is_unknown() && seen.membership.surely(|m| *m == Membership::Up),
    }
}

/// When the node's soak ends or ended, if it was ever verified.
pub(super) fn until(seen: &Node, soak: Duration) -> Option<Time> {
    match &seen.verified {
        Known::Known { value: Some(verified), .. } => Some(later(verified.at, soak)),
        _ => None,
    }
}

/// Since when the node has been healthy.
pub(super) fn verified(name: &NodeName, seen: &Node) -> Evidence {
    Evidence::of(format!("nodes.{name}.verified"), &seen.verified, |v| match v {
        Some(v) => format!("healthy with {} since {}", v.rollup, stamp(v.at)),
        None => "never".into(),
    })
}
