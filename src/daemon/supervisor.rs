//! What the service manager of the host is told: that the daemon is ready, what it does, that its loop goes round, and that
//! it ends. Nothing where there is none.
//!
//! Absent on purpose: a thread or a timer of its own. Only the loop calls it, so that a loop that hangs is silent, and is
//! ended and started anew by whoever listens.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use sd_notify::NotifyState;

use crate::fleet::Fleet;
use crate::plan::Decision;

/// How often what is going on is told, where nothing asks for a sign of life more often.
const OFTEN: Duration = Duration::from_secs(5);

/// A word to the service manager.
#[derive(Debug)]
pub(super) struct Supervisor {
    /// How often it is told something: four times in the time after which silence is taken for a hang.
    every: Duration,
    watched: bool,
    last: Option<Instant>,
    status: String,
}

impl Supervisor {
    /// To whoever has started this process, as its environment says.
    pub fn new() -> Self {
        let watchdog = sd_notify::watchdog_enabled();
        let every = watchdog.map_or(OFTEN, |within| OFTEN.min(within / 4));
        Self { every, watched: watchdog.is_some(), last: None, status: String::new() }
    }

    /// How long the loop may wait at most for something to happen, if it has to show that it lives.
    pub fn patience(&self) -> Option<Duration> {
        self.watched.then_some(self.every)
    }

    /// The loop has gone round once more. The first time every manifest has been read and every loop has begun: that is
    /// being ready.
    pub fn turned(&mut self, now: Instant, fleet: &Fleet) {
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < self.every) {
            return;
        }
        let status = status(fleet);
        let mut states = Vec::new();
        states.extend(self.last.is_none().then_some(NotifyState::Ready));
        states.extend((status != self.status).then_some(NotifyState::Status(&status)));
        states.extend(self.watched.then_some(NotifyState::Watchdog));
        say(&states);
        (self.last, self.status) = (Some(now), status);
    }

    /// The daemon ends: it finishes what it can.
    pub fn ends(&self) {
        say(&[NotifyState::Stopping, NotifyState::Status("ends: finishing what is under way")]);
    }
}

/// Nobody acts otherwise for not having been heard: who does not hear it starts the daemon anew.
fn say(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("the service manager cannot be told anything: {error}");
    }
}

/// How the clusters are, in one line.
fn status(fleet: &Fleet) -> String {
    let (mut all, mut acting, mut waiting, mut blocked, mut unseen) = (0, 0, 0, 0, 0);
    for (_, turn) in fleet.turns() {
        all += 1;
        let Some(look) = &turn.memory.last_look else {
            unseen += 1;
            continue;
        };
        match &*look.decision {
            _ if look.seen.in_progress().next().is_some() => acting += 1,
            Decision::Converged => {}
            Decision::Act(_) | Decision::Releasing => acting += 1,
            Decision::Wait { .. } => waiting += 1,
            Decision::Blocked(_) => blocked += 1,
        }
    }
    let mut text = format!("{all} cluster{}", if all == 1 { "" } else { "s" });
    let parts = [(acting, "at work"), (waiting, "waiting"), (blocked, "blocked"), (unseen, "not looked at yet")];
    for (count, words) in parts.into_iter().filter(|(count, _)| *count > 0) {
        let _ = write!(text, ", {count} {words}");
    }
    text
}
