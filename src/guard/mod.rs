//! May it, now? Every rule is one small pure function in a file of its own; the list is data.
//!
//! [`judge`] is the only maker of a [`Permit`], and a driver performs nothing but a permit. The guard never sees a
//! plan: its independence lies in the fresh look that it judges on, in the checks that the permit carries to the node,
//! and in the simulator's own truth.

mod concern;
mod facts;
mod permit;
mod rules;
#[doc(hidden)]
pub mod testing;
#[cfg(test)]
mod tests;

pub use concern::concerning;
pub use facts::{
    Approval, ClusterFacts, Command, DriverTraits, Facts, FleetFacts, Forecast, History, PlannedHandoff, RollState,
    Stop, Way, roll_has_begun, waivers,
};
pub use permit::{Check, Permit};
pub use rules::{RULES, Rule, RuleSet, claimable, table, unclaimed};
pub(crate) use rules::{claim_on_node, left_of_way, our_mark_while_down, under_way};

use crate::model::{Action, Hold, NodeName, Phase, RuleName, Standing, Waiver};
use crate::observed::{PauseOf, effect};

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
    facts.rules.judging(action).filter_map(|rule| rules::verdict(rule, action, facts).err()).collect()
}

/// True if no rule has a hold against the action. Stops at the first that has.
pub fn allows(action: &Action, facts: &Facts<'_>) -> bool {
    facts.rules.judging(action).all(|rule| rules::verdict(rule, action, facts).is_ok())
}

/// The waivers without which an action would be held: each is shown wherever it acts.
pub fn waived(action: &Action, facts: &Facts<'_>) -> Vec<Waiver> {
    if action.phase() == Phase::Finish || facts.waivers().next().is_none() {
        return Vec::new();
    }
    let would_hold = |rule: &Rule| (rule.judge)(action, facts).err();
    let judged = facts.rules.judging(action).filter_map(would_hold);
    let mut waived: Vec<Waiver> = judged.filter_map(|hold| facts.waiver_of(&hold, action)).cloned().collect();
    waived.dedup();
    waived
}

/// What would stand against work on a node until a person or a manifest releases it, whatever we did meanwhile.
///
/// Where `preflight` is in force, a pause is refused for what stands against the install. What the cluster would do by
/// itself is foreseen from observed facts.
pub fn lasting_against_work(node: &NodeName, facts: &Facts<'_>) -> Vec<Hold> {
    let Some(spec) = facts.desired.nodes.get(node) else { return Vec::new() };
    let foresee = |action: Action| {
        let foreseen = effect::side_effects(&action, facts.seen);
        holds(&action, &Facts { foreseen: &foreseen, ..*facts })
    };
    let ours = matches!(facts.seen.pause_of(node), PauseOf::Rollward(_));
    let mut against = if ours { Vec::new() } else { foresee(Action::Pause { node: node.clone() }) };
    if ours || !facts.rules.has(RuleName::Preflight) {
        let rollup = spec.rollup.name.clone();
        let down = facts.seen.nodes.get(node).and_then(|seen| spec.rollup.standing(&seen.installed).ok());
        against.extend(foresee(match down {
            Some(Standing::Ahead) => Action::Uninstall { node: node.clone(), rollup },
            _ => Action::Install { node: node.clone(), rollup },
        }));
    }
    against.retain(Hold::is_lasting);
    against
}
