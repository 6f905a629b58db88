//! Time is an argument: nothing here, or anywhere under the pure layers, asks what time it is.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A moment, in UTC. Read from a clock only at the daemon's rim, or made by the simulator.
pub type Time = jiff::Timestamp;

/// The moment `by` later, or the last one there is.
pub fn later(at: Time, by: Duration) -> Time {
    at.saturating_add(by).unwrap_or(Time::MAX)
}

/// The moment `by` earlier, or the first one there is.
pub fn earlier(at: Time, by: Duration) -> Time {
    at.saturating_sub(by).unwrap_or(Time::MIN)
}

/// The moment on a clock that has been set `by` so much forward, or back.
pub fn shifted(at: Time, by: jiff::SignedDuration) -> Time {
    at.checked_add(by).unwrap_or(if by.is_negative() { Time::MIN } else { Time::MAX })
}

/// How long from `from` until `to`; zero if `to` is not later.
pub fn between(from: Time, to: Time) -> Duration {
    to.duration_since(from).try_into().unwrap_or(Duration::ZERO)
}

/// A duration as whole and tenth seconds, minutes or hours, as people read it: `45s`, `8m`, `1h 20m`.
pub fn words(d: Duration) -> String {
    let s = d.as_secs();
    match (s / 3600, s / 60 % 60, s % 60) {
        (0, 0, 0) if d.subsec_millis() > 0 => format!("{}ms", d.subsec_millis()),
        (0, 0, s) => format!("{s}s"),
        (0, m, 0) => format!("{m}m"),
        (0, m, s) => format!("{m}m {s}s"),
        (h, 0, _) => format!("{h}h"),
        (h, m, _) => format!("{h}h {m}m"),
    }
}

/// How long something takes: the middle and the 95th percentile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Spread {
    /// Half of all cases take at most this long.
    pub median: Duration,
    /// 95 of 100 cases take at most this long.
    pub p95: Duration,
}

impl Spread {
    /// Nothing to wait for.
    pub const ZERO: Spread = Spread { median: Duration::ZERO, p95: Duration::ZERO };

    /// One after the other. Adding 95th percentiles overstates the sum's own, which errs on the side of caution.
    pub fn then(self, next: Spread) -> Spread {
        Spread { median: self.median.saturating_add(next.median), p95: self.p95.saturating_add(next.p95) }
    }
}

/// A moment as people read it: to the second, in UTC.
pub fn stamp(at: Time) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Something that tells the time: the wall, or the simulated fleet's one clock.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Time;
}
