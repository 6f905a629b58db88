//! The one place that asks what time it is. Everything else is told.

use crate::model::Time;

/// The wall clock of the management host.
#[allow(clippy::disallowed_methods)] // This is the allowed place.
pub fn wall() -> Time {
    Time::now()
}

/// A clock that only goes forward, for ageing heartbeats and pacing simulated time.
#[allow(clippy::disallowed_methods)] // This is the allowed place.
pub fn monotonic() -> std::time::Instant {
    std::time::Instant::now()
}
