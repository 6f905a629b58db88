//! The plan: the decision, asked again and again on a model of the future in which nothing goes wrong.

use std::collections::{BTreeMap, BTreeSet};

use crate::desired::resolved::Failback;
use crate::guard::{self, Facts, History, PlannedHandoff, RuleSet};
use crate::model::time::later;
use crate::model::{
    Action, GroupName, Hold, Known, MarkKind, NodeName, ReleaseKind, RuleName, Spread, Subject, Time, Waiver,
};
use crate::observed::{Observation, WorkEnd, effect};
use crate::record::RollCounts;

use super::ask::{holds, name_plan, tidy};
use super::certificate::certify;
use super::decide::decide;
use super::search::solve;
use super::{Certificate, Decision, Plan, Step, claim, handoffs, hash, outage};

/// More steps and waits for each node and group than any roll has: eight nodes with seven roles take about sixty.
const MOST_TURNS: usize = 64;

/// Rules that a person answers to with one word. A plan shows what follows once they have.
const ASSUMED: [RuleName; 2] = [RuleName::Approval, RuleName::Mode];

/// Rules by which a cluster waits for others. Those go on without us; a plan shows what follows once they have.
const AWAITED: [RuleName; 2] = [RuleName::StandbyFirst, RuleName::Fleet];

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
    let (floor, fewest, certificate) = bounds(facts);
    let certificate = Certificate { going_back: going_back(facts, &steps), ..certificate };
    let optimum = fewest + certificate.going_back;
    Plan {
        hash,
        scope: hash::scope_hash(facts.desired),
        handoffs: RollCounts { planned: count(&sequence), floor, optimum, ..Default::default() },
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
    let first = decide(&future.at(future.rules));
    future.unroll(&first);
    super::rest::all_current(&future.at(future.rules))
}

/// The fewest handoffs from here to the end, as [`plan`] says: without the plan, where nothing is to go back.
pub fn optimum(facts: &Facts<'_>) -> u32 {
    match facts.desired.policy.handoff.failback {
        Failback::Never => bounds(facts).1,
        Failback::AtEnd => plan(facts).handoffs.optimum,
    }
}

fn count(sequence: &[PlannedHandoff]) -> u32 {
    u32::try_from(sequence.len()).unwrap_or(u32::MAX)
}

/// The handoff that an action is.
fn planned(action: &Action) -> Option<PlannedHandoff> {
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

/// The floor, the fewest handoffs, and what both rest on.
fn bounds(facts: &Facts<'_>) -> (u32, u32, Certificate) {
    // As the steps do, it supposes that the cluster may be acted on.
    let facts = &Facts { rules: facts.rules.without(RuleName::Mode), ..*facts };
    let posed = handoffs::pose(facts, &BTreeSet::new());
    let solution = solve(&posed.problem);
    (solution.floor, solution.at_least, certify(&posed, &solution, facts))
}

/// The model and its time.
struct Future<'a> {
    facts: &'a Facts<'a>,
    seen: Observation,
    history: History,
    now: Time,
    steps: Vec<Step>,
    /// What has been waited for since the last step.
    waited: Vec<Hold>,
    /// The rules that the model goes by, and those that are only noted.
    rules: RuleSet,
    noted: RuleSet,
}

impl<'a> Future<'a> {
    fn new(facts: &'a Facts<'a>) -> Self {
        let (seen, history) = claim::assume(facts).unwrap_or_else(|| (facts.seen.clone(), facts.history.clone()));
        let without = |rules: RuleSet, rule: &RuleName| rules.without(*rule);
        let rules = ASSUMED.iter().fold(facts.rules, without);
        let noted = RuleName::ALL.iter().filter(|rule| !ASSUMED.contains(rule)).fold(facts.rules, without);
        Self { facts, seen, history, now: facts.now, steps: Vec::new(), waited: Vec::new(), rules, noted }
    }

    fn at(&self, rules: RuleSet) -> Facts<'_> {
        Facts { seen: &self.seen, history: &self.history, now: self.now, rules, ..*self.facts }
    }

    /// Goes on until nothing more happens, and returns what stands against more.
    fn unroll(&mut self, first: &Decision) -> Vec<Hold> {
        let mut next = match first {
            Decision::Act(action) => Decision::Act(action.clone()),
            _ => decide(&self.at(self.rules)),
        };
        for _ in 0..MOST_TURNS * (self.seen.nodes.len() + self.seen.groups.len()) {
            match next {
                Decision::Act(action) => self.step(action),
                Decision::Wait { holds, until } => {
                    if !self.wait(until) && !self.await_others(&holds) {
                        return holds;
                    }
                    let timed = |hold: &Hold| matches!(hold.release.kind, ReleaseKind::Time(at) if at <= self.now);
                    self.waited.extend(holds.into_iter().filter(timed));
                }
                Decision::Blocked(holds) => return holds,
                Decision::Converged | Decision::Releasing => return Vec::new(),
            }
            next = decide(&self.at(self.rules));
        }
        Vec::new()
    }

    /// Supposes that the other clusters for which this one waits have got on, and notes what they were waited for.
    fn await_others(&mut self, holds: &[Hold]) -> bool {
        let awaited = |hold: &&Hold| AWAITED.contains(&hold.rule) && self.rules.has(hold.rule) && !hold.is_lasting();
        let others: Vec<Hold> = holds.iter().filter(awaited).cloned().collect();
        for hold in &others {
            self.rules = self.rules.without(hold.rule);
        }
        let any = !others.is_empty();
        self.waited.extend(others);
        any
    }

    fn step(&mut self, action: Action) {
        let mut against = std::mem::take(&mut self.waited);
        // What was waited for meanwhile on other nodes is no part of this step.
        against.retain(|hold| match &hold.subject {
            Subject::Node(node) => action.node() == Some(node) || action.to() == Some(node),
            Subject::Group(group) => action.group() == Some(group),
            Subject::Cluster(_) | Subject::Rollup(_) => true,
        });
        against.extend(holds(&action, &self.at(self.noted)));
        tidy(&mut against);
        let waived = self.waived(&action);
        let predicted = self.facts.forecast.of(&action);
        let at = self.now;
        self.now = later(self.now, predicted.median);
        effect::apply(&action, &mut self.seen, self.facts.desired, self.now);
        effect::look_again(&mut self.seen, self.now);
        if let Some(done) = planned(&action) {
            for approval in &mut self.history.approvals {
                if approval.remaining.first() == Some(&done) {
                    approval.remaining.remove(0);
                }
            }
        }
        let outage = outage::of_action(&action, self.facts.forecast);
        self.steps.push(Step { action, at, predicted, outage, holds: against, waived });
    }

    fn waived(&self, action: &Action) -> Vec<Waiver> {
        let facts = self.at(self.facts.rules);
        if facts.waivers().next().is_none() {
            return Vec::new();
        }
        let foreseen = effect::side_effects(action, facts.seen);
        guard::waived(action, &Facts { foreseen: &foreseen, ..facts })
    }

    /// Lets time pass: what is under way ends, what is on its way arrives, or a known time comes. False if nothing of
    /// that is to be expected.
    fn wait(&mut self, until: Option<Time>) -> bool {
        if self.end_what_is_under_way() {
            return true;
        }
        let before = self.seen.clone();
        effect::settle(&mut self.seen, self.now);
        if self.seen != before {
            effect::look_again(&mut self.seen, self.now);
            return true;
        }
        match until {
            Some(until) if until > self.now => {
                self.now = until;
                effect::look_again(&mut self.seen, self.now);
                true
            }
            _ => false,
        }
    }

    fn end_what_is_under_way(&mut self) -> bool {
        let mut under_way: Vec<(Action, Time)> =
            self.seen.in_progress().map(|(action, mark)| (action.clone(), mark.at)).collect();
        for node in self.seen.nodes.values() {
            if let Some(work) = node.running_work()
                && under_way.iter().all(|(action, _)| *action != work.action)
            {
                under_way.push((work.action.clone(), work.since));
            }
        }
        for (action, since) in &under_way {
            self.now = self.now.max(later(*since, self.facts.forecast.of(action).median));
            effect::apply(action, &mut self.seen, self.facts.desired, self.now);
        }
        if under_way.is_empty() {
            return false;
        }
        let free = |name: &NodeName, seen: &mut Observation| {
            if let Some(node) = seen.nodes.get_mut(name)
                && let Known::Known { value: Some(work), .. } = &mut node.work
            {
                let end = WorkEnd { at: self.now, exit_code: Some(0), failure: None };
                work.ended.get_or_insert(end);
            }
        };
        let names: Vec<_> = self.seen.nodes.keys().cloned().collect();
        names.iter().for_each(|name| free(name, &mut self.seen));
        if let Known::Known { value, .. } = &mut self.seen.marks {
            value.retain(|mark| !matches!(mark.kind, MarkKind::InProgress { .. }));
        }
        effect::look_again(&mut self.seen, self.now);
        true
    }
}
