//! A cluster that may be claimed is planned as if it were claimed already: the claim is written just before the first
//! action, and nothing else of the plan hangs on it.

use crate::guard::{Facts, History, claimable};
use crate::model::{Claim, Known};
use crate::observed::Observation;

/// The epoch under which the cluster must be claimed before anything is done to it, if it must and may be.
pub fn needs_claim(facts: &Facts<'_>) -> Option<u64> {
    if is_ours(facts) { None } else { claimable(facts.seen, facts.history).ok() }
}

/// The claim is ours, no node has obeyed a later one, and the membership has not changed since.
fn is_ours(facts: &Facts<'_>) -> bool {
    let history = facts.history;
    let unchanged = match (history.membership_changed_at, history.claimed_at) {
        (None, _) => true,
        (Some(changed), Some(claimed)) => claimed >= changed,
        (Some(_), None) => false,
    };
    unchanged
        && facts.seen.claim.surely(|claim| {
            claim.as_ref().is_some_and(|claim| {
                let obeyed = |epoch: &u64| *epoch <= claim.epoch;
                claim.holder == history.holder && facts.seen.nodes.values().all(|node| node.epoch_seen.possibly(obeyed))
            })
        })
}

/// The model in which the cluster has been claimed, if it has to be first.
pub(super) fn assume(facts: &Facts<'_>) -> Option<(Observation, History)> {
    let epoch = needs_claim(facts)?;
    let mut seen = facts.seen.clone();
    let claim = Claim { epoch, holder: facts.history.holder.clone(), heartbeat: 0 };
    seen.claim = Known::seen(Some(claim), facts.seen.at);
    let history = History { claimed_at: Some(facts.now), ..facts.history.clone() };
    Some((seen, history))
}
