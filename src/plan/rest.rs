//! The fast path: is there anything left to do at all? Nothing is allocated for a cluster that has converged.

use crate::desired::resolved::Failback;
use crate::guard::Facts;
use crate::model::{GroupName, NodeName, Standing};
use crate::observed::GroupKind;

use super::Decision;

/// The end, if it has been reached.
pub(super) fn at_rest(facts: &Facts<'_>) -> Option<Decision> {
    if !nothing_of_ours(facts) {
        return None;
    }
    if is_releasing(facts) {
        return Some(Decision::Releasing);
    }
    let done = all_current(facts) && wanted_back(facts).next().is_none();
    done.then_some(Decision::Converged)
}

/// Its document is gone: finish, remove our marks, forget.
pub(super) fn is_releasing(facts: &Facts<'_>) -> bool {
    facts.desired.broken.as_ref().is_some_and(|broken| broken.releasing)
}

/// Surely no mark of a controller is left, and surely no work that can be seen runs.
fn nothing_of_ours(facts: &Facts<'_>) -> bool {
    let free = |node: &crate::observed::Node| node.running_work().is_none();
    facts.seen.marks.surely(|marks| marks.iter().all(|mark| !mark.kind.is_controllers()))
        && facts.seen.nodes.values().all(free)
}

/// Every declared node is surely at its target.
pub(super) fn all_current(facts: &Facts<'_>) -> bool {
    facts.desired.nodes.iter().all(|(name, spec)| {
        let seen = facts.seen.nodes.get(name);
        seen.is_some_and(|seen| spec.rollup.standing(&seen.installed) == Ok(Standing::Current))
    })
}

/// Roles that the manifest wants back on a preferred node when all is done, each with its owner and that node: the best
/// preferred one that could take it.
pub(super) fn wanted_back<'a>(
    facts: &Facts<'a>,
) -> impl Iterator<Item = (&'a GroupName, &'a NodeName, &'a NodeName)> + use<'a> {
    let wanted = facts.desired.policy.handoff.failback == Failback::AtEnd;
    let (desired, seen) = (facts.desired, facts.seen);
    desired.groups.iter().filter(move |_| wanted).filter_map(move |(name, spec)| {
        let group = seen.groups.get(name)?;
        let crate::model::Known::Known { value: Some(owner), .. } = &group.owner else { return None };
        let can_take = |node: &&NodeName| {
            seen.is_up(node)
                && seen.nodes.get(*node).is_some_and(|n| n.paused.surely(|paused| !paused))
                && group.possible_owners.surely(|owners| owners.contains(*node))
                && has_room(node, name, desired, seen)
        };
        let best = spec.preferred_nodes.iter().take_while(|node| *node != owner).find(can_take)?;
        (spec.kind == GroupKind::Role).then_some((name, owner, best))
    })
}

/// Whether the node may own one more role than it does.
pub(super) fn has_room(
    node: &NodeName,
    but: &GroupName,
    desired: &crate::desired::Cluster,
    seen: &crate::observed::Observation,
) -> bool {
    let Some(limit) = capacity(node, desired) else { return true };
    let roles = seen.owned_by(node).filter(|(name, g)| *name != but && desired.kind_of(name, g) == GroupKind::Role);
    roles.count() < limit as usize
}

/// How many roles the node may own; `None` is no limit.
pub(super) fn capacity(node: &NodeName, desired: &crate::desired::Cluster) -> Option<u32> {
    desired.nodes.get(node).and_then(|spec| spec.max_roles)
}
