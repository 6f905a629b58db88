//! The order in which possible steps are thought of.

use crate::guard::{self, Facts};
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
        .or_else(|| if may_begin(ask) { begin(ask) } else { None })
}

/// The first begin on another node, or the first handoff, that the rules allow; else what can be prepared.
fn begin(ask: &mut Ask<'_>) -> Option<Decision> {
    let before = ask.refusals().len();
    let next = if has_slot(ask) { newly::next(ask).or_else(|| handoffs::next(ask)) } else { None };
    let next = next.or_else(|| newly::prepare(ask));
    if next.is_none() && guard::under_way(ask.facts.seen).next().is_some() {
        ask.set_aside(before);
    }
    next
}

/// Nothing new is thought of beside what is under way, save work that stays on its node; nor, where one node is out at
/// a time, while one is; nor for a cluster that is being released.
fn may_begin(ask: &Ask<'_>) -> bool {
    let several = ask.facts.desired.policy.limits.several_out();
    (several || has_slot(ask)) && !progress::is_busy(ask.facts) && !rest::is_releasing(ask.facts)
}

/// Fewer nodes are under our pause than may be out.
fn has_slot(ask: &Ask<'_>) -> bool {
    let facts = ask.facts;
    let allowed = facts.desired.policy.limits.max_unavailable.max(1) as usize;
    !facts.rules.has(RuleName::MaxUnavailable) || facts.seen.paused_by_rollward().count() < allowed
}
