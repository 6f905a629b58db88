//! The install that an action is, or leads to. Nothing is paid before knowing: what would refuse the install of a node
//! refuses already the pause of that node, the stop of its cluster service, and the handoff that vacates it.

use super::duty;
use crate::guard::Facts;
use crate::model::{Action, NodeName, Rollup, RuleName, Standing};

/// An install, or its reverse, as it is or as it will come.
#[derive(Clone, Copy)]
pub(super) struct Prospect<'a> {
    /// Where.
    pub node: &'a NodeName,
    /// What shall be on the node in the end.
    pub rollup: &'a Rollup,
    /// Whether it goes down to the rollup rather than up.
    pub down: bool,
    /// Whether the action is the install itself rather than a step that leads to it.
    pub now: bool,
}

/// The install that the action is or leads to; none for other actions, and none where nothing is left to install.
///
/// Looking ahead is `preflight`'s doing: with that rule out of force, only the install itself is an install. A node
/// that no line declares has no target, and is for `declared` to refuse. A role that we stopped is paid for, and goes on
/// whatever would refuse the install of the node that it leaves.
pub(super) fn prospect<'a>(action: &'a Action, facts: &Facts<'a>) -> Option<Prospect<'a>> {
    let (node, now) = match action {
        Action::Install { node, .. } | Action::Uninstall { node, .. } => (node, true),
        Action::Pause { node }
        | Action::StopCluster { node }
        | Action::Handoff { from: node, .. }
        | Action::StopRole { node, .. }
            if facts.rules.has(RuleName::Preflight) && !duty::is_continued(action, facts) =>
        {
            (node, false)
        }
        _ => return None,
    };
    let rollup = &*facts.desired.nodes.get(node)?.rollup;
    if now {
        return Some(Prospect { node, rollup, down: matches!(action, Action::Uninstall { .. }), now });
    }
    match standing(node, rollup, facts) {
        Some(Standing::Current) => None,
        Some(Standing::Ahead) => Some(Prospect { node, rollup, down: true, now }),
        Some(Standing::Stale) | None => Some(Prospect { node, rollup, down: false, now }),
    }
}

/// How a node stands to a rollup, if that can be told.
pub(super) fn standing(node: &NodeName, rollup: &Rollup, facts: &Facts<'_>) -> Option<Standing> {
    facts.seen.nodes.get(node).and_then(|n| rollup.standing(&n.installed).ok())
}

/// True unless the node is surely at its target.
pub(super) fn has_work_left(node: &NodeName, facts: &Facts<'_>) -> bool {
    match facts.desired.nodes.get(node) {
        Some(spec) => standing(node, &spec.rollup, facts) != Some(Standing::Current),
        None => false,
    }
}
