//! `empty-node`: before the software changes under a node's feet it owns no group at all, the default cluster group
//! included, and our pause keeps any from coming.
//!
//! Source: an install stops and restarts the cluster service; whatever the node owns then fails over or goes down. A
//! group that no look can place counts as being on every node.

use super::{Rule, say};
use crate::guard::{Check, Facts};
use crate::model::{Action, Evidence, GroupName, Hold, NodeName, ReleaseKind, RuleName};
use crate::observed::{Group, GroupKind, PauseOf};

pub(super) const RULE: Rule = Rule {
    name: RuleName::EmptyNode,
    judges: "Install, Uninstall, Reboot, StopCluster",
    judges_finishing: false,
    says_no_to: "a node that owns any group, or that no pause of ours keeps empty",
    judge,
    checks,
};

fn judge(action: &Action, facts: &Facts<'_>) -> Result<(), Hold> {
    let Some(node) = action.node().filter(|_| action.needs_empty_node()) else { return Ok(()) };
    let open = kept_open(node, facts);
    if open.is_none() && facts.seen.maybe_owned_by(node).next().is_none() {
        return Ok(());
    }
    let tied = |(name, group): &(&GroupName, &Group)| {
        facts.desired.kind_of(name, group) == GroupKind::Auxiliary
            && group.possible_owners.surely(|owners| owners.iter().all(|owner| owner == node))
    };
    if let Some((name, group)) = facts.seen.maybe_owned_by(node).find(tied) {
        let owners = Evidence::of(format!("groups.{name}.possibleOwners"), &group.possible_owners, |o| say::list(&**o));
        return Err(say::on_node(
            RuleName::EmptyNode,
            node,
            vec![say::owner(name, group), owners],
            ReleaseKind::Person,
            format!("released when another node may own {name}: it cannot be moved off {node}"),
        ));
    }
    let evidence: Vec<_> =
        facts.seen.maybe_owned_by(node).map(|(name, group)| say::owner(name, group)).chain(open).collect();
    Err(say::on_node(
        RuleName::EmptyNode,
        node,
        evidence,
        ReleaseKind::Progress,
        format!("released when {node} is paused by us and every group has been moved off it"),
    ))
}

/// What speaks against groups being kept off the node. A host that is no cluster has nobody to give anything to it.
fn kept_open(node: &NodeName, facts: &Facts<'_>) -> Option<Evidence> {
    if facts.seen.quorum.surely(|q| q.standalone) {
        return None;
    }
    let seen = facts.seen.nodes.get(node);
    match facts.seen.pause_of(node) {
        PauseOf::Rollward(_) => None,
        // A stopped cluster service says nothing of its pause; the mark in the cluster does.
        _ if super::our_mark_while_down(node, facts) => None,
        PauseOf::Person => Some(Evidence::timeless(format!("nodes.{node}.paused"), "by somebody else")),
        _ => Some(seen.map_or_else(|| say::not_seen(node), |n| say::paused(node, n))),
    }
}

fn checks(action: &Action, facts: &Facts<'_>, checks: &mut Vec<Check>) {
    if let Some(node) = action.node().filter(|_| action.needs_empty_node()) {
        checks.push(Check::OwnsNothing { node: node.clone() });
        if facts.seen.is_up(node) && !facts.seen.quorum.surely(|q| q.standalone) {
            checks.push(Check::PausedByUs { node: node.clone() });
        }
    }
}
