//! May it, now? Every rule is one small pure function in a file of its own; the list is data.
//!
//! [`judge`] is the only maker of a [`Permit`], and a driver performs nothing but a permit. The guard never sees a
//! plan: its independence lies in the fresh look that it judges on, in the checks that the permit carries to the node,
//! and in the simulator's own truth.

mod facts;
mod permit;
mod rules;
#[doc(hidden)]
pub mod testing;
#[cfg(test)]
mod tests;

pub use facts::{
    Approval, ClusterFacts, Command, DriverTraits, Facts, FailedHandoffs, FleetFacts, Forecast, History,
    PlannedHandoff, RollState, Stop, roll_has_begun,
};
pub use permit::{Check, Permit};
pub use rules::{RULES, Rule, RuleSet, claimable, table};

use crate::model::{Action, Hold, Phase};

/// Judges one action by every rule that applies to it, on facts taken just before acting.
///
/// # Errors
/// Every hold that any rule found, in the order of the rules; never an empty list.
pub fn judge(action: Action, facts: &Facts<'_>) -> Result<Permit, Vec<Hold>> {
    let holds = holds(&action, facts);
    if holds.is_empty() { Ok(permit::issue(action, facts)) } else { Err(holds) }
}

/// Every hold that any rule has against an action; empty if it may happen. The planner asks the same question of
/// its model of the future.
pub fn holds(action: &Action, facts: &Facts<'_>) -> Vec<Hold> {
    let phase = action.phase();
    RULES
        .iter()
        .filter(|rule| facts.rules.has(rule.name) && (phase == Phase::Begin || rule.judges_finishing))
        .filter_map(|rule| (rule.judge)(action, facts).err())
        .collect()
}

/// True if no rule has a hold against the action. Stops at the first that has.
pub fn allows(action: &Action, facts: &Facts<'_>) -> bool {
    let phase = action.phase();
    RULES
        .iter()
        .filter(|rule| facts.rules.has(rule.name) && (phase == Phase::Begin || rule.judges_finishing))
        .all(|rule| (rule.judge)(action, facts).is_ok())
}
