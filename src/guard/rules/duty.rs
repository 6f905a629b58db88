//! A role that we stopped is our burden until it runs again. Bringing it on to where it was stopped for is no new begin
//! on the node that it leaves: nothing is left there that could be lost, so only its target is judged.

use crate::guard::Facts;
use crate::model::{Action, HandoffStyle, NodeName};
use crate::observed::{GroupState, effect};

/// The action takes a role on that we stopped, and that is surely still stopped, to the node that it was stopped for.
pub(super) fn is_continued(action: &Action, facts: &Facts<'_>) -> bool {
    let Action::Handoff { group, to, style: HandoffStyle::Offline, .. } = action else { return false };
    facts.seen.duties().any(|(role, target, _)| role == group && target == to)
        && facts.seen.groups.get(group).is_some_and(|g| g.state.surely(|s| *s == GroupState::Offline))
}

/// It is the only way up, too: the role cannot start where it is, as on a node that somebody has paused. Whatever
/// withdraws the leave to begin would leave it stopped, so nothing of that holds it.
pub(in crate::guard) fn is_only_way_up(action: &Action, facts: &Facts<'_>) -> bool {
    let Action::Handoff { group, from, .. } = action else { return false };
    let start = Action::StartRole { group: group.clone(), node: from.clone() };
    is_continued(action, facts) && effect::precondition(&start, facts.seen).is_err()
}

/// The node that the action works on, or takes something from that is in use; for rules about what begins there.
pub(super) fn node_at_stake<'a>(action: &'a Action, facts: &Facts<'_>) -> Option<&'a NodeName> {
    action.node().filter(|_| !is_continued(action, facts))
}
