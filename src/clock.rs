//! The one place that asks what time it is. Everything else is told.
//!
//! One clock serves a whole fleet: the wall's; or, where the clusters are simulated, one that runs faster, or one that
//! jumps from event to event and never sleeps.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::SignedDuration;

use crate::model::Time;
use crate::model::time::{Clock, between, later, shifted};

/// What two clocks of one host drift apart without anybody having set one.
const SLIP: SignedDuration = SignedDuration::from_secs(1);

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

/// The clock of a fleet. Between two calls of [`FleetClock::follow`] it never goes back and does not jump, whatever
/// somebody does to the host's clock: it is carried on by the monotonic one.
pub struct FleetClock {
    origin: Time,
    started: Instant,
    pace: Pace,
}

enum Pace {
    /// The host's own: what its clock showed when this one was started, as far as is known now.
    Host(Mutex<Time>),
    /// So many seconds of the fleet per second of the host.
    Times(u32),
    /// Only as [`FleetClock::advance`] says.
    Virtual(Mutex<Time>),
}

impl FleetClock {
    /// Real time.
    pub fn real() -> Self {
        let origin = wall();
        Self { origin, started: monotonic(), pace: Pace::Host(Mutex::new(origin)) }
    }

    /// From `origin` on, `factor` seconds per second.
    pub fn paced(origin: Time, factor: u32) -> Self {
        Self { origin, started: monotonic(), pace: Pace::Times(factor.max(1)) }
    }

    /// From `origin` on, as fast as things happen.
    pub fn virtual_from(origin: Time) -> Self {
        Self { origin, started: monotonic(), pace: Pace::Virtual(Mutex::new(origin)) }
    }

    /// Takes over what the host's clock shows now, if it was set, or the host slept: windows are the wall's. Returns by
    /// how much it jumped, for those who remember times; `None` if it did not, or if this clock is another.
    pub fn follow(&self, wall: Time) -> Option<SignedDuration> {
        let Pace::Host(origin) = &self.pace else { return None };
        let by = wall.duration_since(self.now());
        if by.abs() < SLIP {
            return None;
        }
        let mut origin = origin.lock().unwrap_or_else(PoisonError::into_inner);
        *origin = shifted(*origin, by);
        Some(by)
    }

    /// How many times faster than the host's it goes, if it does.
    pub fn factor(&self) -> Option<u32> {
        match self.pace {
            Pace::Times(factor) => Some(factor),
            Pace::Host(_) | Pace::Virtual(_) => None,
        }
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
            Pace::Host(_) => Some(between(self.now(), at)),
            Pace::Times(factor) => Some(between(self.now(), at) / factor),
            Pace::Virtual(_) => None,
        }
    }
}

impl Clock for FleetClock {
    fn now(&self) -> Time {
        match &self.pace {
            Pace::Host(origin) => later(*origin.lock().unwrap_or_else(PoisonError::into_inner), self.started.elapsed()),
            Pace::Times(factor) => later(self.origin, self.started.elapsed().saturating_mul(*factor)),
            Pace::Virtual(now) => *now.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_clock_is_followed_when_it_is_set_and_only_then() {
        let clock = FleetClock::real();
        let hour = SignedDuration::from_hours(1);
        assert_eq!(clock.follow(clock.now()), None, "nobody set it");
        for by in [hour, -hour, -hour] {
            let before = clock.now();
            let jumped = clock.follow(shifted(before, by)).expect("it was set");
            assert!((jumped - by).abs() < SLIP, "{jumped:?}");
            assert!(clock.now() >= shifted(before, by) && clock.now() < shifted(before, by + SLIP * 60));
        }
        let paced = FleetClock::paced(Time::UNIX_EPOCH, 60);
        assert_eq!(paced.follow(wall()), None, "a simulated fleet's time is its own");
    }
}
