//! The order in which possible steps are thought of.

use crate::guard::Facts;
use crate::model::RuleName;

use super::ask::Ask;
use super::{Decision, claim, handoffs, leftovers, middle, newly, progress, rest};

/// What to do next with one cluster.
///
/// `facts.foreseen` is not looked at: what the cluster would do by itself is foreseen here, for each proposal.
pub fn decide(facts: &Facts<'_>) -> Decision {
    if let Some(end) = rest::at_rest(facts) {
        return end;
    }
    let assumed = claim::assume(facts);
    let facts = match &assumed {
        Some((seen, history)) => &Facts { seen, history, ..*facts },
        None => facts,
    };
    let mut ask = Ask::new(facts);
    next(&mut ask).unwrap_or_else(|| ask.verdict())
}

/// The first proposal that the rules allow. What finishes comes before what begins, and what is begun before what is
/// new; a handoff, which is downtime, comes last.
pub(super) fn next(ask: &mut Ask<'_>) -> Option<Decision> {
    progress::next(ask)
        .or_else(|| middle::duties(ask))
        .or_else(|| middle::arrived_broken(ask))
        .or_else(|| middle::roles_down(ask))
        .or_else(|| middle::nodes(ask))
        .or_else(|| leftovers::next(ask))
        .or_else(|| if may_begin(ask) { newly::next(ask).or_else(|| handoffs::next(ask)) } else { None })
}

/// Nothing new is thought of beside work that is under way, nor beside nodes that we paused if they are as many as may
/// be out, nor for a cluster that is being released.
fn may_begin(ask: &Ask<'_>) -> bool {
    let facts = ask.facts;
    let slot = !facts.rules.has(RuleName::MaxUnavailable)
        || facts.seen.paused_by_rollward().count() < facts.desired.policy.limits.max_unavailable.max(1) as usize;
    slot && !progress::is_busy(facts) && !rest::is_releasing(facts)
}
