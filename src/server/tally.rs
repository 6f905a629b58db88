//! What has happened since the service began, counted cluster by cluster.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

use crate::daemon::View;
use crate::model::{Action, Answer, ClusterName, GroupName, Known, Spread, Time};
use crate::output::Decision;
use crate::record::{Entry, EntryKind};

/// How long actions take: the upper ends of the ranges that are counted apart, in seconds.
const RANGES: [f64; 12] = [1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 2400.0, 4800.0];

/// Durations of all clusters' actions that were seen to be done, by their kind.
pub(super) type Durations = Family<[(&'static str, &'static str); 1], Histogram>;

/// Of every cluster.
pub(super) struct Tallies {
    by_cluster: Mutex<BTreeMap<ClusterName, Tally>>,
    pub durations: Durations,
}

/// Of one cluster.
#[derive(Clone, Default)]
pub(super) struct Tally {
    /// Actions, by their kind and what came of them.
    pub actions: BTreeMap<(&'static str, Outcome), u64>,
    /// How long each role was seen down.
    pub outages: BTreeMap<GroupName, Duration>,
    /// How long each role was measured to be down, in all, and the last time against what was foreseen.
    pub measured: BTreeMap<GroupName, Measured>,
    /// Failovers that were not ours.
    pub failovers: u64,
    /// Alarms.
    pub alarms: u64,
    /// What was decided last, and since when that has been so.
    pub decision: Option<(Decision, Time)>,
    /// The last look that showed whether any node is a member.
    pub seen: Option<Time>,
    /// The last look at which it was converged.
    pub converged: Option<Time>,
}

/// Outages of a role, as it was asked from outside.
#[derive(Clone, Copy, Default)]
pub(super) struct Measured {
    /// All of them together.
    pub total: Duration,
    /// The last one.
    pub last: Duration,
    /// The last one as it was foreseen.
    pub foreseen: Spread,
}

/// What came of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    Done,
    Failed,
    Refused,
    Unsure,
}

impl Outcome {
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::Failed => "failed",
            Outcome::Refused => "refused",
            Outcome::Unsure => "unsure",
        }
    }
}

impl Default for Tallies {
    fn default() -> Self {
        let durations = Family::new_with_constructor((|| Histogram::new(RANGES)) as fn() -> Histogram);
        Self { by_cluster: Mutex::default(), durations }
    }
}

impl Tallies {
    /// Of each cluster, so far.
    pub fn get(&self) -> BTreeMap<ClusterName, Tally> {
        self.lock().clone()
    }

    /// Forgets clusters that are managed no longer.
    pub fn retain(&self, is_managed: impl Fn(&ClusterName) -> bool) {
        self.lock().retain(|name, _| is_managed(name));
    }

    /// Counts a line of the journal.
    pub fn entry(&self, entry: &Entry) {
        let mut all = self.lock();
        let tally = all.entry(entry.cluster.clone()).or_default();
        let mut count =
            |action: &Action, outcome| *tally.actions.entry((action.kind().word(), outcome)).or_default() += 1;
        match &entry.what {
            EntryKind::Outcome { action, failure: None, took, at_most } => {
                count(action, Outcome::Done);
                if !at_most {
                    self.durations.get_or_create(&[("action", action.kind().word())]).observe(took.as_secs_f64());
                }
            }
            EntryKind::Outcome { action, failure: Some(_), .. } => count(action, Outcome::Failed),
            EntryKind::Answered { action, answer: Answer::Refused { .. } } => count(action, Outcome::Refused),
            EntryKind::Answered { action, answer: Answer::Unsure { .. } } => count(action, Outcome::Unsure),
            EntryKind::Outage { group, lasted } => *tally.outages.entry(group.clone()).or_default() += *lasted,
            EntryKind::Measured { group, outage, predicted, .. } => {
                let measured = tally.measured.entry(group.clone()).or_default();
                let total = measured.total + *outage;
                *measured = Measured { total, last: *outage, foreseen: *predicted };
            }
            EntryKind::Failover { .. } => tally.failovers += 1,
            EntryKind::Alarm { .. } => tally.alarms += 1,
            _ => {}
        }
    }

    /// Takes note of what a loop knows now.
    pub fn look(&self, name: &ClusterName, view: &View) {
        let Some(look) = &view.look else { return };
        let (decision, at) = (Decision::from(&*look.decision), look.seen.at);
        let mut all = self.lock();
        let tally = all.entry(name.clone()).or_default();
        if tally.decision.is_none_or(|(before, _)| before != decision) {
            tally.decision = Some((decision, at));
        }
        if look.seen.nodes.values().any(|node| matches!(node.membership, Known::Known { .. })) {
            tally.seen = Some(at);
        }
        if decision == Decision::Converged {
            tally.converged = Some(at);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ClusterName, Tally>> {
        self.by_cluster.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
