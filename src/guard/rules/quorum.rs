//! `quorum`: the cluster keeps the votes that it needs, and so many to spare, when a node's vote is gone.
//!
//! Source: a two-node majority cluster survives the loss of a node only with its witness. The witness counts only if it
//! was seen, freshly, from a node that stays up. One-node hosts have no votes to lose. A node that is being worked on
//! has no vote that anybody could count on, whatever it does at the moment.

use std::collections::BTreeSet;

use super::prospect::prospect;
use super::{Rule, is_worked_on, say};
use crate::guard::{Check, Facts};
use crate::model::{
    Action, ClusterServiceRule, Evidence, Hold, Known, NodeName, RebootRule, ReleaseKind, Rollup, RuleName, time,
};
use crate::observed::{Membership, Quorum};

pub(super) const RULE: Rule = Rule {
    name: RuleName::Quorum,
    judges: "begins that take a vote away; ahead of them, Pause and Handoff",
    judges_finishing: false,
    says_no_to: "leaving fewer votes than needed plus `quorumMargin`",
    judge,
    checks,
};

/// The node whose vote the action takes away.
fn takes_vote<'a>(action: &'a Action, facts: &Facts<'a>) -> Option<&'a NodeName> {
    match action {
        Action::StopCluster { node } | Action::Reboot { node } => Some(node),
        Action::Install { .. } | Action::Uninstall { .. } => {
            let coming = prospect(action, facts)?;
            may_take_vote(coming.rollup).then_some(coming.node)
        }
        _ => None,
    }
}

/// The node whose vote the action, or what it leads to, takes away.
fn will_take_vote<'a>(action: &'a Action, facts: &Facts<'a>) -> Option<&'a NodeName> {
    takes_vote(action, facts).or_else(|| {
        let coming = prospect(action, facts).filter(|p| !p.now)?;
        may_take_vote(coming.rollup).then_some(coming.node)
    })
}

/// An installer that may ask for a reboot may also begin one by itself.
fn may_take_vote(rollup: &Rollup) -> bool {
    rollup.cluster_service != ClusterServiceRule::Keep || rollup.reboot != RebootRule::Never
}

fn judge(action: &Action, facts: &Facts<'_>) -> Result<(), Hold> {
    let Some(node) = will_take_vote(action, facts) else { return Ok(()) };
    let (quorum, at) = match &facts.seen.quorum {
        Known::Known { value, at } => (value, *at),
        unknown @ Known::Unknown { .. } => {
            let evidence = vec![Evidence::of("quorum", unknown, |_| String::new())];
            let what = "released when the votes can be seen";
            return Err(say::on_node(RuleName::Quorum, node, evidence, ReleaseKind::Observation, what));
        }
    };
    if quorum.standalone || facts.seen.nodes.get(node).is_some_and(|n| has_no_vote(&n.membership)) {
        return Ok(());
    }
    let margin = facts.desired.policy.limits.quorum_margin;
    let witness = u32::from(witness_stays(quorum, node, facts));
    let also = others_worked_on(node, facts);
    let counted = quorum.node_votes.saturating_sub(1).saturating_add(witness);
    let left = counted.saturating_sub(u32::try_from(also.len()).unwrap_or(u32::MAX));
    let enough = quorum.needed.saturating_add(margin);
    if left >= enough {
        return Ok(());
    }
    let mut evidence = vec![Evidence::new(
        format!("votes without {node}"),
        format!("{left}, needed {} and {margin} to spare", quorum.needed),
        at,
    )];
    if let Some(seen) = &quorum.witness {
        evidence.push(Evidence::of("quorum.witness", seen, |from| format!("reached from {}", say::list(from))));
    }
    let down =
        || facts.seen.nodes.iter().filter(|(name, n)| *name != node && !n.membership.surely(|m| *m == Membership::Up));
    evidence.extend(down().map(|(name, n)| say::membership(name, n)));
    evidence.extend(also.iter().map(|other| Evidence::new(format!("nodes.{other}"), "being worked on", at)));
    if counted >= enough {
        let what = format!("released when {} is back: until then the cluster has no vote to spare", say::list(also));
        return Err(say::on_node(RuleName::Quorum, node, evidence, ReleaseKind::Observation, what));
    }
    let (kind, what) = if down().next().is_some() || (quorum.witness.is_some() && witness == 0) {
        (ReleaseKind::Observation, "released when enough votes are back, the witness seen from a node that stays up")
    } else {
        (ReleaseKind::Person, "released by a witness, or by a smaller `quorumMargin`: the cluster has no vote to spare")
    };
    Err(say::on_node(RuleName::Quorum, node, evidence, kind, what))
}

/// A node that is surely no member has no vote to lose.
fn has_no_vote(membership: &Known<Membership>) -> bool {
    membership.surely(|m| *m != Membership::Up)
}

/// Other nodes whose votes are counted, and will go.
fn others_worked_on<'a>(node: &NodeName, facts: &Facts<'a>) -> BTreeSet<&'a NodeName> {
    let goes = |name: &&NodeName| is_worked_on(name, facts);
    let votes = facts.seen.nodes.iter().filter(|(name, n)| *name != node && !has_no_vote(&n.membership));
    votes.map(|(name, _)| name).filter(goes).collect()
}

fn witness_stays(quorum: &Quorum, without: &NodeName, facts: &Facts<'_>) -> bool {
    match &quorum.witness {
        Some(Known::Known { value, at }) => {
            let age = time::between(*at, facts.now);
            age <= facts.desired.policy.limits.observation_age
                && value.iter().any(|from| from != without && facts.seen.is_up(from) && !is_worked_on(from, facts))
        }
        Some(Known::Unknown { .. }) | None => false,
    }
}

fn checks(action: &Action, facts: &Facts<'_>, checks: &mut Vec<Check>) {
    if facts.seen.quorum.surely(|q| q.standalone) {
        return;
    }
    // Also for a node without a vote: it may have joined, and another may have gone, by the time the order is there.
    if let Some(node) = takes_vote(action, facts) {
        let margin = facts.desired.policy.limits.quorum_margin;
        let also = others_worked_on(node, facts).into_iter().cloned().collect();
        checks.push(Check::QuorumWithout { node: node.clone(), also, margin });
    }
}
