//! The checks of a permit, made on what a node shows of itself at that moment. For drivers of real stacks; the
//! simulator has its own physics.

use std::collections::BTreeSet;

use crate::guard::Check;
use crate::model::{Action, Claim, Known, MarkKind, NodeName, Rollup, RollupName, Standing};
use crate::observed::{GroupKind, Observation, PauseOf};

/// Makes one check. What cannot be seen counts as a *no*.
///
/// # Errors
/// The check's name and what it saw.
pub fn check(check: &Check, own: &Action, claim: Option<&Claim>, seen: &Observation) -> Result<(), (String, String)> {
    let no = |saw: String| Err((check.word().to_owned(), saw));
    match check {
        Check::ClaimIsOurs => match (&seen.claim, claim) {
            (Known::Known { value: Some(there), .. }, Some(ours)) => {
                match there.epoch == ours.epoch && there.holder == ours.holder {
                    true => Ok(()),
                    false => no(format!("the cluster's claim is {there}")),
                }
            }
            (Known::Unknown { why }, _) => no(format!("unknown: {why}")),
            _ => no("the cluster has no claim of ours".into()),
        },
        Check::NothingElseInProgress { beside } => match &seen.marks {
            Known::Unknown { why } => no(format!("unknown: {why}")),
            Known::Known { value, .. } => {
                let stands_against = |action: &Action| action != own && !beside.contains(action);
                let other =
                    value.iter().find(|m| matches!(&m.kind, MarkKind::InProgress { action } if stands_against(action)));
                other.map_or(Ok(()), |mark| no(mark.to_string()))
            }
        },
        Check::OwnsNoRole { node } => {
            let role = seen.maybe_owned_by(node).find(|(_, g)| g.kind.possibly(|kind| *kind == GroupKind::Role));
            role.map_or_else(|| placed(seen, no), |(group, _)| no(format!("{node} owns, or may own, {group:?}")))
        }
        Check::OwnsNothing { node } => {
            let group = seen.maybe_owned_by(node).next();
            group.map_or_else(|| placed(seen, no), |(group, _)| no(format!("{node} owns, or may own, {group:?}")))
        }
        Check::Owner { group, node } => match seen.groups.get(group).map(|g| &g.owner) {
            Some(Known::Known { value: Some(owner), .. }) if owner == node => Ok(()),
            Some(Known::Known { value: Some(owner), .. }) => no(format!("{group:?} is on {owner}")),
            Some(Known::Known { value: None, .. }) => no(format!("{group:?} is nowhere")),
            Some(Known::Unknown { why }) => no(format!("unknown: {why}")),
            None => no(format!("there is no group {group:?}")),
        },
        Check::Up { node } if seen.is_up(node) => Ok(()),
        Check::Up { node } => no(format!("{node} is not a full member")),
        Check::NotPaused { node } if seen.nodes.get(node).is_some_and(|n| n.paused.surely(|p| !p)) => Ok(()),
        Check::NotPaused { node } => no(format!("{node} is paused, or may be")),
        Check::PausedByUs { node } => match seen.pause_of(node) {
            PauseOf::Rollward(_) => Ok(()),
            PauseOf::Unknown(why) => no(format!("unknown: {why}")),
            _ => no(format!("{node} is not paused by us")),
        },
        Check::QuorumWithout { node, also, margin } => {
            let without: BTreeSet<&NodeName> = also.iter().chain([node]).collect();
            quorum_without(node, &without, *margin, seen).or_else(no)
        }
        Check::FewerOut { besides, than } => {
            let out = |name: &&NodeName| {
                let up = seen.is_up(name) && seen.nodes.get(*name).is_some_and(|n| n.paused.surely(|p| !p));
                *name != besides && !up
            };
            let out: Vec<_> = seen.nodes.keys().filter(out).map(NodeName::as_str).collect();
            if out.len() < *than as usize { Ok(()) } else { no(format!("{} is out already", out.join(", "))) }
        }
        Check::Hash { file, sha256 } => {
            let staged = own.node().and_then(|node| seen.nodes.get(node)).map(|node| &node.staged);
            match staged {
                Some(Known::Known { value, .. }) => match value.get(file) {
                    Some(hash) if hash == sha256 => Ok(()),
                    Some(hash) => no(format!("{file} has the SHA-256 {hash}")),
                    None => no(format!("{file} is not on the node")),
                },
                Some(Known::Unknown { why }) => no(format!("unknown: {why}")),
                None => no("the node was not seen".into()),
            }
        }
        Check::NoRival { node } => match seen.nodes.get(node).map(|n| &n.rival) {
            Some(Known::Known { value: None, .. }) => Ok(()),
            Some(Known::Known { value: Some(rival), .. }) => no(format!("{rival} is at work on {node}")),
            Some(Known::Unknown { why }) => no(format!("unknown: {why}")),
            None => no(format!("{node} was not seen")),
        },
    }
}

/// The rollup that a node is verified to be at: one that is resumed, and not into quarantine.
pub fn verified<'a>(action: &Action, target: Option<&'a Rollup>, seen: &Observation) -> Option<&'a RollupName> {
    let Action::Resume { node, quarantine: None } = action else { return None };
    let target = target?;
    let standing = target.standing(&seen.nodes.get(node)?.installed);
    (standing == Ok(Standing::Current)).then_some(&target.name)
}

/// Where no group at all can be seen, nothing shows that a node is empty.
fn placed(seen: &Observation, no: impl Fn(String) -> Result<(), (String, String)>) -> Result<(), (String, String)> {
    if seen.marks.is_unknown() { no("what runs where cannot be seen".into()) } else { Ok(()) }
}

fn quorum_without(
    node: &NodeName,
    without: &BTreeSet<&NodeName>,
    margin: u32,
    seen: &Observation,
) -> Result<(), String> {
    let Known::Known { value: quorum, .. } = &seen.quorum else { return Err("the votes cannot be seen".into()) };
    let down = |node: &NodeName| seen.is_down(node);
    if quorum.standalone || down(node) {
        return Ok(());
    }
    let lost = u32::try_from(without.iter().filter(|node| !down(node)).count()).unwrap_or(u32::MAX);
    let stays = |by: &BTreeSet<NodeName>| by.iter().any(|node| !without.contains(node));
    let witness = quorum.witness.as_ref().map_or(0, |w| u32::from(w.surely(stays)));
    let left = quorum.node_votes.saturating_sub(lost) + witness;
    match left >= quorum.needed.saturating_add(margin) && quorum.node_votes > lost {
        true => Ok(()),
        false => {
            let without: Vec<_> = without.iter().map(|node| node.as_str()).collect();
            Err(format!("without {}, {left} votes are left and {} needed", without.join(" and "), quorum.needed))
        }
    }
}
