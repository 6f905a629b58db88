//! Windows: recurring spans of local time in which something may begin.

use jiff::tz::TimeZone;

use crate::model::Time;

/// A recurring span of local time, such as Saturday and Sunday from 01:00 to 05:00 in Paris.
///
/// A window whose end is not after its start ends on the next day. Days are those on which it opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The weekdays on which it opens; index 0 is Monday.
    pub days: [bool; 7],
    /// When it opens.
    pub from: jiff::civil::Time,
    /// When it closes.
    pub to: jiff::civil::Time,
    /// Whose clock.
    pub time_zone: TimeZone,
    /// True if nothing may begin inside it; denials win.
    pub deny: bool,
}

/// One opening: from its first moment to the first moment after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// It opens.
    pub from: Time,
    /// It closes.
    pub to: Time,
}
