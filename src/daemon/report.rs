//! What came of a run.

use std::collections::BTreeMap;
use std::time::Duration;

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

pub(super) fn cluster(name: &ClusterName, turn: &Turn, actions: u64, violations: Option<Vec<String>>) -> ClusterReport {
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
