//! The model of the future that a plan is unrolled on, and its time: what was begun ends when half of all cases would
//! have, and what may begin beside it begins beside it.

use crate::guard::{self, Facts, History, RuleSet};
use crate::model::time::later;
use crate::model::{Action, Claim, Hold, Known, Mark, MarkKind, ReleaseKind, RuleName, Subject, Time, Waiver};
use crate::observed::{Observation, Work, WorkEnd, effect};

use super::ask::{holds, tidy};
use super::decide::decide;
use super::unroll::planned;
use super::{Decision, Step, claim, outage};

/// More steps and waits for each node and group than any roll has: eight nodes with seven roles take about sixty.
const MOST_TURNS: usize = 64;

/// Rules that a person answers to with one word. A plan shows what follows once they have.
const ASSUMED: [RuleName; 2] = [RuleName::Approval, RuleName::Mode];

/// Rules by which a cluster waits for others. Those go on without us; a plan shows what follows once they have.
const AWAITED: [RuleName; 2] = [RuleName::StandbyFirst, RuleName::Fleet];

/// The model and its time.
pub(super) struct Future<'a> {
    facts: &'a Facts<'a>,
    seen: Observation,
    history: History,
    now: Time,
    /// What has been begun.
    pub steps: Vec<Step>,
    /// What is under way, each with its end.
    running: Vec<(Time, Action)>,
    /// What has been waited for since the last step.
    waited: Vec<Hold>,
    /// The rules that the model goes by, and those that are only noted.
    rules: RuleSet,
    noted: RuleSet,
}

impl<'a> Future<'a> {
    /// The model at its start.
    pub fn new(facts: &'a Facts<'a>) -> Self {
        let (seen, history) = claim::assume(facts).unwrap_or_else(|| (facts.seen.clone(), facts.history.clone()));
        let without = |rules: RuleSet, rule: &RuleName| rules.without(*rule);
        let rules = ASSUMED.iter().fold(facts.rules, without);
        let noted = RuleName::ALL.iter().filter(|rule| !ASSUMED.contains(rule)).fold(facts.rules, without);
        let running = under_way(facts);
        Self { facts, seen, history, now: facts.now, steps: Vec::new(), running, waited: Vec::new(), rules, noted }
    }

    /// The facts as the model has them now.
    pub fn facts(&self) -> Facts<'_> {
        self.at(self.rules)
    }

    fn at(&self, rules: RuleSet) -> Facts<'_> {
        Facts { seen: &self.seen, history: &self.history, now: self.now, rules, ..*self.facts }
    }

    /// Goes on until nothing more happens, and returns what stands against more.
    pub fn unroll(&mut self, first: &Decision) -> Vec<Hold> {
        let mut next = match first {
            Decision::Act(action) => Decision::Act(action.clone()),
            _ => decide(&self.facts()),
        };
        for _ in 0..MOST_TURNS * (self.seen.nodes.len() + self.seen.groups.len()) {
            match next {
                // Where a look does not show that it is under way, it is thought of again.
                Decision::Act(action) if self.running.iter().any(|(_, other)| *other == action) => {
                    self.end_next(None);
                }
                Decision::Act(action) => self.step(action),
                Decision::Wait { holds, until } => {
                    if !self.wait(until) && !self.await_others(&holds) {
                        return holds;
                    }
                    let timed = |hold: &Hold| matches!(hold.release.kind, ReleaseKind::Time(at) if at <= self.now);
                    self.waited.extend(holds.into_iter().filter(timed));
                }
                Decision::Blocked(holds) => {
                    if !self.end_next(None) {
                        return holds;
                    }
                }
                Decision::Converged | Decision::Releasing => return Vec::new(),
            }
            next = decide(&self.facts());
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
        if let Some(done) = planned(&action) {
            for approval in &mut self.history.approvals {
                if approval.remaining.first() == Some(&done) {
                    approval.remaining.remove(0);
                }
            }
        }
        let (at, predicted) = (self.now, self.facts.forecast.of(&action));
        let outage = outage::of_action(&action, self.facts.forecast);
        self.steps.push(Step { action: action.clone(), at, predicted, outage, holds: against, waived });
        let end = later(at, predicted.median);
        let alone = !self.facts.desired.policy.limits.several_out();
        match &action {
            // Where one node is out at a time nothing begins beside anything, and nobody need be asked.
            _ if alone => self.end(&action, end),
            // It takes no lock, and no time.
            Action::Release { .. } => self.end(&action, at),
            _ if self.announce(&action) => self.running.push((end, action)),
            _ => self.end(&action, end),
        }
    }

    fn waived(&self, action: &Action) -> Vec<Waiver> {
        let facts = self.at(self.facts.rules);
        if facts.waivers().next().is_none() {
            return Vec::new();
        }
        let foreseen = effect::side_effects(action, facts.seen);
        guard::waived(action, &Facts { foreseen: &foreseen, ..facts })
    }

    /// Writes down that the action is under way, where a look would see it; false if there is no such place.
    fn announce(&mut self, action: &Action) -> bool {
        let Known::Known { value: Some(Claim { epoch, holder, .. }), .. } = &self.seen.claim else { return false };
        let (epoch, holder, at) = (*epoch, holder.clone(), self.now);
        let Some(node) = action.node().and_then(|node| self.seen.nodes.get_mut(node)) else { return false };
        let work = Work { action: action.clone(), epoch, holder: holder.clone(), since: at, ended: None };
        node.work.suppose(Some(work), at);
        if let Known::Known { value, .. } = &mut self.seen.marks {
            value.push(Mark { kind: MarkKind::InProgress { action: Box::new(action.clone()) }, epoch, holder, at });
        }
        true
    }

    /// Lets time pass: what is under way ends, what is on its way arrives, or a known time comes. False if nothing of
    /// that is to be expected.
    fn wait(&mut self, until: Option<Time>) -> bool {
        let alone = !self.facts.desired.policy.limits.several_out();
        (alone && self.end_next(None)) || self.settle() || self.end_next(until) || self.wait_until(until)
    }

    fn settle(&mut self) -> bool {
        let before = self.seen.clone();
        effect::settle(&mut self.seen, self.now);
        let moved = self.seen != before;
        if moved {
            effect::look_again(&mut self.seen, self.now);
        }
        moved
    }

    fn wait_until(&mut self, until: Option<Time>) -> bool {
        let Some(until) = until.filter(|until| *until > self.now) else { return false };
        self.now = until;
        effect::look_again(&mut self.seen, self.now);
        true
    }

    /// Ends what ends first, if that is not after a time that is worth waiting for.
    fn end_next(&mut self, before: Option<Time>) -> bool {
        let next = self.running.iter().enumerate().min_by_key(|(order, (end, _))| (*end, *order));
        let Some((order, (end, _))) = next else { return false };
        if before.is_some_and(|before| before > self.now && before < *end) {
            return false;
        }
        let (end, action) = self.running.remove(order);
        self.end(&action, end);
        true
    }

    fn end(&mut self, action: &Action, at: Time) {
        self.now = self.now.max(at);
        if let Some(node) = action.node().and_then(|node| self.seen.nodes.get_mut(node))
            && let Known::Known { value: Some(work), .. } = &mut node.work
            && work.action == *action
        {
            work.ended.get_or_insert(WorkEnd { at: self.now, exit_code: Some(0), failure: None });
        }
        if let Known::Known { value, .. } = &mut self.seen.marks {
            value.retain(|mark| !matches!(&mark.kind, MarkKind::InProgress { action: ended } if **ended == *action));
        }
        effect::apply(action, &mut self.seen, self.facts.desired, self.now);
        effect::look_again(&mut self.seen, self.now);
    }
}

/// What is under way at the start, each with the end that is to be expected.
fn under_way(facts: &Facts<'_>) -> Vec<(Time, Action)> {
    let announced = facts.seen.in_progress().map(|(action, mark)| (action, mark.at));
    let running = facts.seen.nodes.values().filter_map(|node| node.running_work());
    let mut found: Vec<(Time, Action)> = Vec::new();
    for (action, since) in announced.chain(running.map(|work| (&work.action, work.since))) {
        if found.iter().all(|(_, other)| other != action) {
            found.push((later(since, facts.forecast.of(action).median).max(facts.now), action.clone()));
        }
    }
    found
}
