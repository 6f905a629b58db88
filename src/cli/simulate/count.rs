//! What is counted over many runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::seeded;
use crate::cli::output::Simulated;
use crate::desired::Desired;
use crate::drivers::simulator::Simulation;
use crate::fleet::simulated::{self, End};
use crate::guard::RuleSet;
use crate::model::{Holder, Known, Standing};
use crate::plan::{self, Decision};
use crate::reconcile::Around;

/// Simulated time after which a run that has come to no end counts as unfinished: two weekends with windows.
const AT_MOST: Duration = Duration::from_secs(14 * 24 * 3600);

/// Counts so far.
pub(super) struct Counts(Simulated);

impl Counts {
    /// Nothing counted yet.
    pub fn new(seed: u64) -> Self {
        Self(Simulated { seed, ..Simulated::default() })
    }

    /// The document.
    pub fn document(self) -> Simulated {
        self.0
    }

    /// Makes one run, and tells what went wrong in it.
    pub fn run(&mut self, desired: &Desired, seed: u64, mut tell: impl FnMut(String)) {
        let desired = Arc::new(seeded(desired, seed));
        let worlds: BTreeMap<_, _> = desired
            .clusters
            .iter()
            .filter_map(|(name, cluster)| Some((name.clone(), Simulation::start(cluster, &desired.rollups)?)))
            .collect();
        let mut run = simulated::Simulated::new(Arc::clone(&desired), worlds, Holder::from("simulate"), RuleSet::ALL);
        let end = run.run(AT_MOST);
        let counts = &mut self.0;
        counts.runs += 1;
        match end {
            End::Converged => counts.converged += 1,
            End::AtRest => counts.held += 1,
            End::TimeOut | End::Killed => counts.unfinished += 1,
        }
        for (name, world) in &run.worlds {
            for violation in world.violations() {
                counts.violations += 1;
                tell(format!("seed {seed}: violation in {name}: {violation}"));
            }
            for (kind, times) in world.faults_fired() {
                *counts.faults_fired.entry(word(&kind)).or_default() += u64::from(times);
            }
            if end == End::Converged {
                counts.leaks += world.leaks().len() as u64;
            }
        }
        self.tally(&run, seed, end, &mut tell);
    }

    /// Counts what the loops know: holds that are left, nodes without a reason, handoffs too many.
    fn tally(&mut self, run: &simulated::Simulated, seed: u64, end: End, tell: &mut impl FnMut(String)) {
        let counts = &mut self.0;
        let nothing = Known::unknown("nothing was asked for");
        let mut rules = BTreeSet::new();
        for (name, turn) in run.fleet.turns() {
            if let Some(roll) = &turn.memory.roll {
                let due = roll.counts.optimum + roll.counts.forced;
                counts.extra_handoffs += u64::from(roll.counts.spent.saturating_sub(due));
            }
            let Some(look) = &turn.memory.last_look else { continue };
            if end != End::Converged && !matches!(*look.decision, Decision::Converged) {
                rules.extend(look.decision.holds().iter().map(|hold| hold.rule.word()));
            }
            let around = Around { fleet: run.fleet.facts(), now: run.now };
            for report in plan::explain(&turn.facts(&look.seen, &nothing, around)) {
                let at_target = report.standing == Some(Standing::Current);
                if !at_target && report.holds.is_empty() && report.next.is_none() {
                    counts.unexplained += 1;
                    tell(format!("seed {seed}: {name}/{} is not at its target, and nothing says why", report.node));
                }
            }
        }
        for rule in rules {
            *counts.held_by_rule.entry(rule.to_owned()).or_default() += 1;
        }
    }
}

/// A fault's name as it is written in manifests.
fn word(kind: &impl serde::Serialize) -> String {
    match serde_json::to_value(kind) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => "fault".into(),
    }
}
