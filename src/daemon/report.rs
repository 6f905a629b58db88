//! When a run ends, and what came of it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Daemon;
use crate::model::{ClusterName, GroupName, Spread};
use crate::plan::Decision;
use crate::reconcile::Turn;
use crate::record::RollCounts;

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// Why it ended.
    pub ended: Ended,
    /// The clusters, by name.
    pub clusters: Vec<ClusterReport>,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every cluster is converged.
    Converged,
    /// Only holds are left that nothing but people releases, or a simulated world in which nothing more happens.
    Held,
    /// The time that was allowed is over.
    TimeOut,
    /// The host asked it to.
    Terminated,
}

/// What became of one cluster.
#[derive(Clone, Debug)]
pub struct ClusterReport {
    /// Its name.
    pub name: ClusterName,
    /// The last decision, if it was looked at.
    pub decision: Option<Decision>,
    /// Actions begun in this run.
    pub actions: u64,
    /// Handoffs of the last roll.
    pub handoffs: RollCounts,
    /// Predicted outage of each role at the roll's first look.
    pub predicted: BTreeMap<GroupName, Spread>,
    /// Outage of each role, as looks saw it.
    pub observed: BTreeMap<GroupName, Duration>,
    /// What a simulated world counts against us.
    pub violations: Option<Vec<String>>,
    /// What last went wrong outside the rules.
    pub trouble: Option<String>,
}

impl Daemon<'_> {
    /// Whether there is nothing left to do, if that is when to end.
    pub(super) fn ended(&self) -> Option<Ended> {
        if !self.options.until_converged || self.fleet.turns().any(|(_, t)| t.memory.last_look.is_none()) {
            return None;
        }
        let at_rest = self.fleet.is_at_rest() && self.fleet.turns().all(|(_, t)| !self.holds_claim(t));
        if !at_rest {
            // In virtual time, nothing more happens when nothing is scheduled.
            let still = self.clock.is_virtual()
                && self.fleet.next_due().is_none()
                && self.drivers.values().all(|d| d.world().is_none_or(|w| w.next_event().is_none()));
            return still.then_some(Ended::Held);
        }
        Some(if self.fleet.is_converged() && self.unmanaged.is_empty() { Ended::Converged } else { Ended::Held })
    }

    fn holds_claim(&self, turn: &Turn) -> bool {
        turn.memory.last_look.as_ref().is_some_and(|look| {
            look.seen.claim.surely(|c| c.as_ref().is_some_and(|c| c.holder == self.holder))
                && turn.history.claimed_at.is_some()
        })
    }

    pub(super) fn report(&self, ended: Ended) -> Report {
        let clusters = self
            .fleet
            .turns()
            .map(|(name, turn)| {
                let violations = self.drivers.get(name).and_then(|d| Some(d.world()?.violations()));
                cluster(name, turn, self.actions.get(name).copied().unwrap_or(0), violations)
            })
            .collect();
        Report { ended, clusters }
    }
}

fn cluster(name: &ClusterName, turn: &Turn, actions: u64, violations: Option<Vec<String>>) -> ClusterReport {
    let roll = turn.memory.roll.clone().unwrap_or_default();
    ClusterReport {
        name: name.clone(),
        decision: turn.memory.last_look.as_ref().map(|l| (*l.decision).clone()),
        actions,
        handoffs: roll.counts,
        predicted: roll.predicted,
        observed: roll.outages,
        violations,
        trouble: turn.memory.trouble.clone(),
    }
}
