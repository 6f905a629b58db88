//! The one place that asks what time it is. Everything else is told.
//!
//! One clock serves a whole fleet: the wall's; or, where the clusters are simulated, one that runs faster, or one that
//! jumps from event to event and never sleeps.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::model::Time;
use crate::model::time::{Clock, between, later};

/// The wall clock of the management host.
#[allow(clippy::disallowed_methods)] // This is the allowed place.
pub fn wall() -> Time {
    Time::now()
}

/// A clock that only goes forward, for ageing heartbeats and pacing simulated time.
#[allow(clippy::disallowed_methods)] // This is the allowed place.
pub fn monotonic() -> Instant {
    Instant::now()
}

/// The clock of a fleet. It never goes back, and does not jump when somebody sets the host's clock: it is read once
/// and then carried on by the monotonic one.
pub struct FleetClock {
    origin: Time,
    started: Instant,
    pace: Pace,
}

enum Pace {
    /// So many seconds of the fleet per second of the host.
    Times(u32),
    /// Only as [`FleetClock::advance`] says.
    Virtual(Mutex<Time>),
}

impl FleetClock {
    /// Real time.
    pub fn real() -> Self {
        Self { origin: wall(), started: monotonic(), pace: Pace::Times(1) }
    }

    /// From `origin` on, `factor` seconds per second.
    pub fn paced(origin: Time, factor: u32) -> Self {
        Self { origin, started: monotonic(), pace: Pace::Times(factor.max(1)) }
    }

    /// From `origin` on, as fast as things happen.
    pub fn virtual_from(origin: Time) -> Self {
        Self { origin, started: monotonic(), pace: Pace::Virtual(Mutex::new(origin)) }
    }

    /// True if the clock moves only when told.
    pub fn is_virtual(&self) -> bool {
        matches!(self.pace, Pace::Virtual(_))
    }

    /// Moves a virtual clock on; others move by themselves.
    pub fn advance(&self, to: Time) {
        if let Pace::Virtual(now) = &self.pace {
            let mut now = now.lock().unwrap_or_else(PoisonError::into_inner);
            *now = to.max(*now);
        }
    }

    /// How long the host must wait until the fleet's clock shows `at`; `None` if waiting does not bring it there.
    pub fn wait_until(&self, at: Time) -> Option<Duration> {
        match self.pace {
            Pace::Times(factor) => Some(between(self.now(), at) / factor),
            Pace::Virtual(_) => None,
        }
    }
}

impl Clock for FleetClock {
    fn now(&self) -> Time {
        match &self.pace {
            Pace::Times(factor) => later(self.origin, self.started.elapsed().saturating_mul(*factor)),
            Pace::Virtual(now) => *now.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}
