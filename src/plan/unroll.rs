//! The plan: the decision, asked again and again on a model of the future in which nothing goes wrong.

use std::collections::{BTreeMap, BTreeSet};

use crate::desired::resolved::Failback;
use crate::guard::{Facts, PlannedHandoff};
use crate::model::{Action, GroupName, Hold, RuleName, Spread};
use crate::record::RollCounts;

use super::ask::{name_plan, tidy};
use super::certificate::certify;
use super::decide::decide;
use super::elapsed::Elapsed;
use super::future::Future;
use super::handoffs::Posed;
use super::search::{Solution, solve};
use super::{Certificate, Plan, Step, handoffs, hash};

/// The plan from here to the end. Its first step is the decision, wherever that is an action.
///
/// A hold that time releases moves the model's time; one that a look releases is released by what time alone brings, if
/// that helps. An approval that is missing and the observe-only mode are noted on the step and then supposed to be
/// given; so is the progress of other clusters. Every other lasting hold ends the plan, and stands in it.
pub fn plan(facts: &Facts<'_>) -> Plan {
    let decision = decide(facts);
    let mut future = Future::new(facts);
    let end = future.unroll(&decision);
    let Future { mut steps, .. } = future;

    let mut against: Vec<Hold> = decision.holds().iter().chain(&end).cloned().collect();
    tidy(&mut against);
    let sequence: Vec<_> = steps.iter().filter_map(|step| planned(&step.action)).collect();
    let hash = hash::plan_hash(facts.desired, &sequence);
    name_plan(&mut against, &hash);
    steps.iter_mut().for_each(|step| name_plan(&mut step.holds, &hash));
    let supposed = may_act(facts);
    let (posed, solution) = bounds(&supposed);
    let certificate = certify(&posed, &solution, &supposed);
    let certificate = Certificate { going_back: going_back(facts, &steps), ..certificate };
    let optimum = solution.at_least + certificate.going_back;
    let elapsed = Elapsed::new(&steps, &posed, &solution, &supposed);
    Plan {
        hash,
        scope: hash::scope_hash(facts.desired),
        handoffs: RollCounts { planned: count(&sequence), floor: solution.floor, optimum, ..Default::default() },
        elapsed,
        roles: outages(&steps),
        decision,
        steps,
        sequence,
        certificate,
        holds: against,
    }
}

/// Whether the plan from here ends with every node at its target.
pub(super) fn reaches_target(facts: &Facts<'_>) -> bool {
    let mut future = Future::new(facts);
    let first = decide(&future.facts());
    future.unroll(&first);
    super::rest::all_current(&future.facts())
}

/// The fewest handoffs from here to the end, as [`plan`] says: without the plan, where nothing is to go back.
pub fn optimum(facts: &Facts<'_>) -> u32 {
    match facts.desired.policy.handoff.failback {
        Failback::Never => bounds(&may_act(facts)).1.at_least,
        Failback::AtEnd => plan(facts).handoffs.optimum,
    }
}

fn count(sequence: &[PlannedHandoff]) -> u32 {
    u32::try_from(sequence.len()).unwrap_or(u32::MAX)
}

/// The handoff that an action is.
pub(super) fn planned(action: &Action) -> Option<PlannedHandoff> {
    match action.clone() {
        Action::Handoff { group, from, to, style } => Some(PlannedHandoff { group, from, to, style }),
        _ => None,
    }
}

fn outages(steps: &[Step]) -> Vec<(GroupName, Spread)> {
    let mut roles: BTreeMap<GroupName, Spread> = BTreeMap::new();
    for step in steps {
        if let (Some(group), Some(outage)) = (step.action.group(), step.outage) {
            let sum = roles.entry(group.clone()).or_insert(Spread::ZERO);
            *sum = sum.then(outage);
        }
    }
    roles.into_iter().collect()
}

/// Handoffs that only bring roles back to preferred nodes: the manifest asks for them, whatever they cost.
fn going_back(facts: &Facts<'_>, steps: &[Step]) -> u32 {
    if facts.desired.policy.handoff.failback == Failback::Never {
        return 0;
    }
    let last_work = steps.iter().rposition(|step| step.action.needs_empty_node()).map_or(0, |last| last + 1);
    let back: Vec<_> = steps.iter().skip(last_work).filter_map(|step| planned(&step.action)).collect();
    count(&back)
}

/// As the steps do, it supposes that the cluster may be acted on.
fn may_act<'a>(facts: &Facts<'a>) -> Facts<'a> {
    Facts { rules: facts.rules.without(RuleName::Mode), ..*facts }
}

/// The problem of the fewest handoffs, and its solution.
fn bounds<'a>(facts: &Facts<'a>) -> (Posed<'a>, Solution) {
    let posed = handoffs::pose(facts, &BTreeSet::new());
    let solution = solve(&posed.problem);
    (posed, solution)
}
