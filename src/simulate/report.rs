//! What many runs came to: counts, and the worst of them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::RunEnd;
use crate::drivers::simulator::spec::FaultSpec;
use crate::fleet::simulated::End;
use crate::model::ClusterName;

/// What became of many runs: what `simulate` prints.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SimulateReport {
    /// Runs that count: those in which a fault fired, or which went wrong without one.
    pub runs: u64,
    /// Runs that were left out: no fault fired in them, however often they were drawn anew.
    pub left_out: u64,
    /// The seed of the first; run `i` has seed `seed + i`.
    pub seed: u64,
    /// Rules of the world that were broken, by its own count.
    pub violations: u64,
    /// Runs in which every cluster converged.
    pub converged: u64,
    /// Runs that ended with holds that take a person.
    pub held: u64,
    /// Those holds, rule by rule: runs in which each was left.
    pub held_by_rule: BTreeMap<String, u64>,
    /// Runs that ended neither way in the time given.
    pub unfinished: u64,
    /// Nodes that were not at their target in the end, without a hold or an action in progress: bugs.
    pub unexplained: u64,
    /// What handoffs cost beyond the optimum left before each.
    pub extra_handoffs: u64,
    /// Marks, pauses and claims of ours that were left behind.
    pub leaks: u64,
    /// Faults that fired, kind by kind.
    pub faults_fired: BTreeMap<String, u64>,
    /// The worst of the runs that count.
    #[serde(skip)]
    pub worst: Option<Worst>,
}

/// One run with everything that it takes to repeat it.
#[derive(Clone, Debug, PartialEq)]
pub struct Worst {
    /// Its seed: `simulate` with this seed and one run repeats it.
    pub seed: u64,
    /// What became of it.
    pub end: RunEnd,
    /// The seed of each world, and what befell it.
    pub worlds: BTreeMap<ClusterName, Befallen>,
}

/// What was drawn for one world.
#[derive(Clone, Debug, PartialEq)]
pub struct Befallen {
    /// The world's own seed.
    pub seed: u64,
    /// Everything that befalls it, what the manifest declares included.
    pub faults: Vec<FaultSpec>,
}

impl SimulateReport {
    /// Of no runs yet.
    pub(super) fn of(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// True if anything was counted that should never be.
    pub fn is_bad(&self) -> bool {
        self.violations + self.unfinished + self.unexplained + self.extra_handoffs + self.leaks > 0
    }

    /// Counts a run that says something, and that there was one if it does not.
    pub(super) fn add(&mut self, run: Worst) {
        if run.end.counts() { self.count(run) } else { self.left_out += 1 }
    }

    pub(super) fn count(&mut self, run: Worst) {
        let end = &run.end;
        self.runs += 1;
        self.violations += end.violations.len() as u64;
        match end.end {
            End::Converged => self.converged += 1,
            End::AtRest => {
                self.held += 1;
                for rule in &end.held_by {
                    *self.held_by_rule.entry(rule.to_string()).or_default() += 1;
                }
            }
            End::TimeOut | End::Killed => self.unfinished += 1,
        }
        self.unexplained += end.unexplained.len() as u64;
        self.leaks += end.leaks.len() as u64;
        self.extra_handoffs += end.extra_handoffs;
        for (kind, count) in &end.faults_fired {
            *self.faults_fired.entry(kind.clone()).or_default() += count;
        }
        self.keep_worst(run);
    }

    pub(super) fn merge(&mut self, part: SimulateReport) {
        let SimulateReport {
            runs,
            left_out,
            seed: _,
            violations,
            converged,
            held,
            held_by_rule,
            unfinished,
            unexplained,
            extra_handoffs,
            leaks,
            faults_fired,
            worst,
        } = part;
        self.runs += runs;
        self.left_out += left_out;
        self.violations += violations;
        self.converged += converged;
        self.held += held;
        self.unfinished += unfinished;
        self.unexplained += unexplained;
        self.extra_handoffs += extra_handoffs;
        self.leaks += leaks;
        for (rule, count) in held_by_rule {
            *self.held_by_rule.entry(rule).or_default() += count;
        }
        for (kind, count) in faults_fired {
            *self.faults_fired.entry(kind).or_default() += count;
        }
        if let Some(worst) = worst {
            self.keep_worst(worst);
        }
    }

    /// Of equally bad runs the one with the lowest seed, so that threads make no difference.
    fn keep_worst(&mut self, run: Worst) {
        let worse = |kept: &Worst| {
            (run.end.badness(), std::cmp::Reverse(run.seed)) > (kept.end.badness(), std::cmp::Reverse(kept.seed))
        };
        if self.worst.as_ref().is_none_or(worse) {
            self.worst = Some(run);
        }
    }
}
