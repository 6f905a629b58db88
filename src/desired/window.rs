//! Windows: recurring spans of local time in which something may begin.
//!
//! A window opens at the first moment that its clock shows its start or more, and closes at the first moment after
//! that at which the clock shows its end or more: where summer time skips the hour, it opens late or closes early;
//! where the hour comes twice, it closes the first time. A denial lasts until its end has come for the last time.
//!
//! Absent on purpose: what the time is now, and what the windows are for.

use std::time::Duration;

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::Time;
use crate::model::time::{between, later};

/// A recurring span of local time, such as Saturday and Sunday from 01:00 to 05:00 in Paris.
///
/// A window whose end is not after its start ends on the next day. Days are those on which it opens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    /// The weekdays on which it opens; index 0 is Monday.
    pub days: [bool; 7],
    /// When it opens.
    pub from: jiff::civil::Time,
    /// When it closes.
    pub to: jiff::civil::Time,
    /// Whose clock.
    #[serde(with = "jiff::fmt::serde::tz::required")]
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

/// An opening longer than this is cut here: nothing that we do takes as long, and windows that never close would
/// otherwise be followed for ever.
pub const LONGEST: Duration = Duration::from_secs(15 * 24 * 3600);

/// How far ahead the next opening is sought. Windows come back every week; a year covers those that open only while
/// one zone has changed its clocks and another has not.
const SEARCH_WEEKS: i64 = 54;

impl Opening {
    /// Whether something that begins at `start` and takes this long ends inside.
    pub fn fits(&self, start: Time, duration: Duration) -> bool {
        self.contains(start) && duration <= between(start, self.to)
    }

    /// Whether it is open at this moment.
    pub fn contains(&self, at: Time) -> bool {
        self.from <= at && at < self.to
    }
}

/// The opening that `at` lies in, all windows taken together; nothing if none is open then, or one denies it.
pub fn opening_at(windows: &[Window], at: Time) -> Option<Opening> {
    let denied = |o: &Opening| o.contains(at);
    if around(windows, at, true).any(|o| denied(&o)) {
        return None;
    }
    let first = around(windows, at, false).find(|o| o.contains(at))?;
    let (mut from, mut to) = (first.from, first.to);
    let (earliest, latest) = (crate::model::time::earlier(at, LONGEST), later(at, LONGEST));
    while to < latest
        && let Some(next) = around(windows, to, false).filter(|o| o.from <= to && to < o.to).map(|o| o.to).max()
    {
        to = next;
    }
    while from > earliest
        && let Some(before) =
            around(windows, from, false).filter(|o| o.from < from && from <= o.to).map(|o| o.from).min()
    {
        from = before;
    }
    (from, to) = (from.max(earliest), to.min(latest));
    for denial in between_dates(windows, from, to, true) {
        if denial.to <= at {
            from = from.max(denial.to);
        } else {
            to = to.min(denial.from);
        }
    }
    Some(Opening { from, to })
}

/// The first opening that begins later than `after`; nothing if none does within a year.
pub fn next_opening(windows: &[Window], after: Time) -> Option<Opening> {
    let mut seek = after;
    if let Some(open) = opening_at(windows, after) {
        if open.to >= later(after, LONGEST) {
            return None;
        }
        seek = open.to;
    }
    let week = Duration::from_secs(7 * 24 * 3600);
    for _ in 0..SEARCH_WEEKS {
        let end = later(seek, week);
        // It begins where a window opens or a denial ends.
        let mut begins: Vec<Time> = between_dates(windows, seek, end, false).map(|o| o.from).collect();
        begins.extend(between_dates(windows, seek, end, true).map(|o| o.to));
        begins.retain(|b| *b >= seek && *b > after && *b <= end);
        begins.sort_unstable();
        begins.dedup();
        let found = begins.into_iter().find_map(|b| opening_at(windows, b).filter(|o| o.from > after));
        if found.is_some() {
            return found;
        }
        seek = end;
    }
    None
}

/// Openings of single windows that may contain, begin or end at a moment.
fn around(windows: &[Window], at: Time, deny: bool) -> impl Iterator<Item = Opening> {
    windows.iter().filter(move |w| w.deny == deny).flat_map(move |w| {
        let today = w.time_zone.to_datetime(at).date();
        [today.yesterday().ok(), Some(today)].into_iter().flatten().filter_map(move |day| w.opening_of(day))
    })
}

/// Openings of single windows that begin on the days between two moments, or on the day before or after.
fn between_dates(windows: &[Window], from: Time, to: Time, deny: bool) -> impl Iterator<Item = Opening> {
    windows.iter().filter(move |w| w.deny == deny).flat_map(move |w| {
        let first = w.time_zone.to_datetime(from).date().saturating_sub(Span::new().days(1));
        let last = w.time_zone.to_datetime(to).date().saturating_add(Span::new().days(1));
        first.series(Span::new().days(1)).take_while(move |day| *day <= last).filter_map(move |day| w.opening_of(day))
    })
}

impl Window {
    /// The opening that begins on a day; nothing if it does not open then, or summer time swallows all of it.
    fn opening_of(&self, day: Date) -> Option<Opening> {
        let weekday = usize::try_from(day.weekday().to_monday_zero_offset()).ok()?;
        if !self.days.get(weekday).copied().unwrap_or(false) {
            return None;
        }
        let last_day = if self.to > self.from { day } else { day.tomorrow().ok()? };
        let from = first_moment(&self.time_zone, day.to_datetime(self.from))?;
        let end = last_day.to_datetime(self.to);
        let to = if self.deny { last_moment(&self.time_zone, end)? } else { first_moment(&self.time_zone, end)? };
        (from < to).then_some(Opening { from, to })
    }
}

/// The first moment at which the zone's clock shows this time or, if it skips it, a later one.
fn first_moment(zone: &TimeZone, local: DateTime) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(local).ok(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(local).ok(),
        AmbiguousOffset::Gap { after, .. } => {
            // Read with the offset that is not yet in force, the time lies before the clocks change.
            let before_change = after.to_timestamp(local).ok()?;
            zone.following(before_change).next().map(|change| change.timestamp())
        }
    }
}

/// The last moment at which the zone's clock begins to show this time.
fn last_moment(zone: &TimeZone, local: DateTime) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Fold { after, .. } => after.to_timestamp(local).ok(),
        _ => first_moment(zone, local),
    }
}

#[cfg(test)]
mod tests;
