//! What a loop remembers between turns, to tell people and to pace itself. All of it may be lost at any moment:
//! predictions widen, counts of the present roll start anew, and nothing else happens.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;

use crate::model::time::{between, later, shifted};
use crate::model::{Action, Claim, ClusterName, GroupName, Hold, NodeName, Time};
use crate::observed::Observation;
use crate::plan::Decision;
use crate::reconcile::Wake;
use crate::record::{EntryKind, RollCounts};

/// How often a claim's heartbeat is written while it is held.
pub const HEARTBEAT: Duration = Duration::from_secs(20);

/// How long a foreign heartbeat may stand still before its holder counts as gone: three beats and a look.
pub const SILENCE: Duration = Duration::from_secs(90);

/// How often a cluster is looked at in which nothing is going on. A net under lost wake-ups.
const IDLE_LOOK: Duration = Duration::from_secs(30);

/// So many refusals in a row, and the back-off between them is at its longest.
const MANY_MISSES: u32 = 8;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// The last look that was decided on, and the decision.
    pub last_look: Option<LastLook>,
    /// Actions that a driver accepted, or may have, and whose end has not been seen.
    pub pending: Vec<Pending>,
    /// What an earlier life of this controller began, by the record, until a look says what has become of it.
    pub begun: Vec<Pending>,
    /// The present roll.
    pub roll: Option<Roll>,
    /// The first time after the last roll at which the cluster was seen converged.
    pub converged_since: Option<Time>,
    /// When the last heartbeat was written.
    pub beat_at: Option<Time>,
    /// What last went wrong outside the rules, in words; cleared by the next success.
    pub trouble: Option<String>,
    /// Why the cluster is not ours, where we have tried to claim it and nothing else holds us: for telling people.
    pub(super) unclaimed: Option<Hold>,
    /// The members of the last look, if every node's membership was known.
    pub(super) members: Option<BTreeSet<NodeName>>,
    /// Where each role was.
    pub(super) owners: BTreeMap<GroupName, NodeName>,
    /// Since when each role has been seen down.
    pub(super) down_since: BTreeMap<GroupName, Time>,
    /// A foreign claim, and since when its heartbeat has not moved.
    pub(super) foreign: Option<(Claim, Time)>,
    /// The last thing told of decisions, so that it is told once.
    told: Option<EntryKind>,
    /// Refusals, lost claims and finishing actions that did not take, in a row; paces what is tried again.
    pub(super) misses: u32,
    /// Finishing actions that did not take: when that was seen last, and how often in a row.
    failed_finish: Vec<(Action, Time, u32)>,
    /// Paces idle looks of many clusters apart.
    pace: u64,
}

/// A look and what was decided on it.
#[derive(Clone, Debug)]
pub struct LastLook {
    /// The look.
    pub seen: Arc<Observation>,
    /// The decision.
    pub decision: Arc<Decision>,
}

/// An action whose end has not been seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The action.
    pub action: Action,
    /// When it was given to the driver.
    pub since: Time,
    /// True if somebody was told that it takes longer than it should.
    pub late: bool,
}

impl From<(Action, Time)> for Pending {
    fn from((action, since): (Action, Time)) -> Self {
        Self { action, since, late: false }
    }
}

/// The present roll.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roll {
    /// Its first look.
    pub started: Time,
    /// When it was converged.
    pub finished: Option<Time>,
    /// Handoffs.
    pub counts: RollCounts,
    /// Actions that were begun.
    pub actions: u32,
    /// Outage of each role, as looks saw it.
    pub outages: BTreeMap<GroupName, Duration>,
    /// Predicted outage of each role, as planned at the first look.
    pub predicted: BTreeMap<GroupName, crate::model::Spread>,
    /// A failover happened, and what it makes necessary has not been counted yet.
    pub recount: bool,
    /// Nodes that the count leaves out: when it was made, no step led to their targets.
    pub uncounted: BTreeSet<NodeName>,
}

impl Roll {
    /// The roll that went on before, as far as the record keeps it.
    pub fn kept(started: Time, finished: Option<Time>, counts: RollCounts, uncounted: BTreeSet<NodeName>) -> Self {
        Self { started, finished, counts, uncounted, ..Self::default() }
    }
}

impl Memory {
    /// A memory of nothing, for the cluster of this name.
    pub fn new(cluster: &ClusterName) -> Self {
        let pace = cluster
            .as_str()
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self { pace, ..Self::default() }
    }

    /// The same memory without what only tells people or paces looks: what is left may change what is decided. Whoever
    /// explores all states of a loop tells memories apart by this.
    pub fn essence(&self) -> Self {
        let handoffs = |all: &[Pending]| -> Vec<Pending> {
            let handoffs = all.iter().filter(|p| matches!(p.action, Action::Handoff { .. }));
            handoffs.map(|p| Pending { late: false, ..p.clone() }).collect()
        };
        Self {
            pending: handoffs(&self.pending),
            begun: handoffs(&self.begun),
            beat_at: self.beat_at,
            members: self.members.clone(),
            foreign: self.foreign.clone(),
            // A roll that has begun: what was predicted at its first look is only told.
            roll: Some(Roll::default()),
            ..Self::default()
        }
    }

    /// Replaces every moment, and every claim, that is remembered and may change what is decided.
    pub fn rewrite(&mut self, moment: impl Fn(Time) -> Time, claim: impl Fn(&mut Claim)) {
        for pending in self.pending.iter_mut().chain(&mut self.begun) {
            pending.since = moment(pending.since);
        }
        self.beat_at = self.beat_at.map(&moment);
        if let Some((foreign, since)) = &mut self.foreign {
            claim(foreign);
            *since = moment(*since);
        }
    }

    /// When to look again at a cluster in which nothing is going on: 30 s, up to a tenth sooner or later, so that a
    /// thousand clusters are not looked at in one instant.
    pub fn idle_look(&mut self) -> Duration {
        self.pace = self.pace.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let percent = 90 + u32::try_from(self.pace >> 33).unwrap_or(0) % 21;
        IDLE_LOOK * percent / 100
    }

    /// When to look again after an action: at once at first, more seldom as it takes longer.
    pub fn soon(&self, now: Time) -> Duration {
        let elapsed = self.pending.iter().map(|p| between(p.since, now)).min().unwrap_or_default();
        let back_off = Duration::from_millis(250) * (1 << self.misses.min(MANY_MISSES));
        (elapsed / 8).max(back_off).min(Duration::from_secs(60))
    }

    /// When to try again what was refused: soon, but after many refusals in a row no time alone will allow it.
    pub(super) fn try_again(&self, now: Time) -> Wake {
        let at = later(now, self.soon(now));
        if self.misses > MANY_MISSES { Wake::Idle(at) } else { Wake::Due(at) }
    }

    /// Takes note of a finishing action that did not take.
    pub(super) fn finish_failed(&mut self, action: &Action, now: Time) {
        match self.failed_finish.iter_mut().find(|(failed, ..)| failed == action) {
            Some((_, at, times)) => (*at, *times) = (now, times.saturating_add(1)),
            None => self.failed_finish.push((action.clone(), now, 1)),
        }
    }

    /// Takes note of an action that came to its end as it should.
    pub(super) fn succeeded(&mut self, action: &Action) {
        self.misses = 0;
        self.failed_finish.retain(|(failed, ..)| failed != action);
    }

    /// When this is tried again, if it is a finishing action that did not take: for ever, but after a pause that
    /// doubles from a second up to ten minutes.
    pub(super) fn tried_again_at(&self, action: &Action) -> Option<Time> {
        let (_, at, times) = self.failed_finish.iter().find(|(failed, ..)| failed == action)?;
        let pause = Duration::from_secs(1) * (1 << (times - 1).min(10));
        Some(later(*at, pause.min(Duration::from_secs(600))))
    }

    /// True if a held claim's heartbeat should be written.
    pub fn beat_is_due(&self, now: Time) -> bool {
        self.beat_at.is_none_or(|at| between(at, now) >= HEARTBEAT)
    }

    /// When a foreign claim will have been silent for longer than its limit, if nothing moves it.
    pub(super) fn foreign_claim_ends(&self) -> Option<Time> {
        self.foreign.as_ref().map(|(_, since)| later(*since, SILENCE + Duration::from_secs(1)))
    }

    /// The clock was set: what was remembered by it moves along, so that ages stay what they are.
    pub(super) fn clock_jumped(&mut self, by: SignedDuration) {
        let times = self.pending.iter_mut().map(|p| &mut p.since);
        let times = times.chain(self.begun.iter_mut().map(|p| &mut p.since));
        let times = times.chain(&mut self.converged_since).chain(&mut self.beat_at);
        let times = times.chain(self.failed_finish.iter_mut().map(|(_, at, _)| at));
        let times = times.chain(self.down_since.values_mut()).chain(self.foreign.iter_mut().map(|(_, since)| since));
        times.for_each(|at| *at = shifted(*at, by));
    }

    /// What could not be written was not told; telling it again finds out when the record can be written.
    pub(super) fn untell(&mut self) {
        self.told = None;
    }

    /// True, once, if this was not the last thing told. Ages and times in words do not make news.
    pub(super) fn is_news(&mut self, what: &EntryKind) -> bool {
        if self.told.as_ref() == Some(what) {
            return false;
        }
        self.told = Some(what.clone());
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_take_is_tried_again_after_pauses_that_grow_to_ten_minutes_each_by_itself() {
        let start = Action::StartRole { group: "MBX".into(), node: "B".into() };
        let restore = Action::RestoreServices { node: "B".into() };
        let now = "2017-04-01T20:00:00Z".parse().expect("a time");
        let mut memory = Memory::default();
        let mut pauses = Vec::new();
        for _ in 0..14 {
            memory.finish_failed(&start, now);
            memory.finish_failed(&restore, now);
            memory.succeeded(&restore);
            let again = memory.tried_again_at(&start).expect("it failed");
            pauses.push(between(now, again).as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600, 600, 600]);
        assert_eq!(memory.tried_again_at(&restore), None);
    }
}
