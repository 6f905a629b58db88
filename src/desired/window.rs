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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn window(days: [bool; 7], from: (i8, i8), to: (i8, i8), zone: &str, deny: bool) -> Window {
        Window {
            days,
            from: jiff::civil::time(from.0, from.1, 0, 0),
            to: jiff::civil::time(to.0, to.1, 0, 0),
            time_zone: TimeZone::get(zone).unwrap(),
            deny,
        }
    }

    fn t(text: &str) -> Time {
        text.parse().unwrap()
    }

    const WEEKEND: [bool; 7] = [false, false, false, false, false, true, true];
    const ALL: [bool; 7] = [true; 7];

    #[test]
    fn a_weekend_night_in_paris() {
        let w = [window(WEEKEND, (1, 0), (5, 0), "Europe/Paris", false)];
        // 2017-04-01 is a Saturday; Paris is two hours ahead.
        let saturday = Opening { from: t("2017-03-31T23:00:00Z"), to: t("2017-04-01T03:00:00Z") };
        assert_eq!(opening_at(&w, t("2017-03-31T22:59:59Z")), None);
        assert_eq!(opening_at(&w, saturday.from), Some(saturday));
        assert_eq!(opening_at(&w, saturday.to), None);
        assert_eq!(next_opening(&w, t("2017-03-29T00:00:00Z")), Some(saturday));
        let sunday = Opening { from: t("2017-04-01T23:00:00Z"), to: t("2017-04-02T03:00:00Z") };
        assert_eq!(next_opening(&w, saturday.from), Some(sunday));
        assert!(saturday.fits(t("2017-04-01T02:00:00Z"), Duration::from_secs(3600)));
        assert!(!saturday.fits(t("2017-04-01T02:00:01Z"), Duration::from_secs(3600)));
    }

    #[test]
    fn the_hour_that_summer_time_skips_and_the_one_that_comes_twice() {
        let w = [window(ALL, (2, 30), (3, 30), "Europe/Paris", false)];
        // In spring 02:00 becomes 03:00 at 01:00 UTC.
        let spring = Opening { from: t("2017-03-26T01:00:00Z"), to: t("2017-03-26T01:30:00Z") };
        assert_eq!(opening_at(&w, t("2017-03-26T01:10:00Z")), Some(spring));
        // In autumn 03:00 becomes 02:00 at 01:00 UTC: 02:30 comes at 00:30 and again at 01:30.
        let autumn = Opening { from: t("2017-10-29T00:30:00Z"), to: t("2017-10-29T02:30:00Z") };
        assert_eq!(opening_at(&w, t("2017-10-29T01:10:00Z")), Some(autumn));
        let w = [window(ALL, (1, 0), (2, 30), "Europe/Paris", false)];
        assert_eq!(opening_at(&w, t("2017-10-29T01:10:00Z")), None, "it has closed the first time");
    }

    #[test]
    fn a_window_swallowed_by_summer_time_opens_the_week_after() {
        let sunday = [false, false, false, false, false, false, true];
        let w = [window(sunday, (2, 0), (3, 0), "Europe/Paris", false)];
        let next = next_opening(&w, t("2017-03-25T00:00:00Z")).unwrap();
        assert_eq!(next.from, t("2017-04-02T00:00:00Z"));
    }

    #[test]
    fn always_open_and_never_open() {
        let always = [window(ALL, (0, 0), (0, 0), "UTC", false)];
        let at = t("2017-04-01T12:00:00Z");
        assert_eq!(opening_at(&always, at).unwrap().to, later(at, LONGEST));
        assert_eq!(next_opening(&always, at), None);
        let never = [always[0].clone(), Window { deny: true, ..always[0].clone() }];
        assert_eq!(opening_at(&never, at), None);
        assert_eq!(next_opening(&never, at), None);
        assert_eq!(next_opening(&[], at), None);
    }

    /// What each window does in each minute, told by walking along the clock, with no arithmetic on zones.
    fn minutes(windows: &[Window], first: Time, count: usize) -> Vec<bool> {
        let minute = |i: usize| first + Span::new().minutes(i64::try_from(i).unwrap());
        let (mut open, mut denied) = (vec![false; count], vec![false; count]);
        for w in windows {
            let local: Vec<DateTime> = (0..count).map(|i| w.time_zone.to_datetime(minute(i))).collect();
            let mut day = local[0].date().yesterday().unwrap();
            while day <= local[count - 1].date() {
                if w.days[usize::try_from(day.weekday().to_monday_zero_offset()).unwrap()] {
                    let start = day.to_datetime(w.from);
                    let end_day = if w.to > w.from { day } else { day.tomorrow().unwrap() };
                    let end = end_day.to_datetime(w.to);
                    let opens = local.iter().position(|l| *l >= start).unwrap_or(count);
                    let closes = if w.deny {
                        local.iter().rposition(|l| *l < end).map_or(0, |i| i + 1)
                    } else {
                        local.iter().position(|l| *l >= end).unwrap_or(count)
                    };
                    for flag in if w.deny { &mut denied } else { &mut open }.iter_mut().take(closes).skip(opens) {
                        *flag = true;
                    }
                }
                day = day.tomorrow().unwrap();
            }
        }
        open.iter().zip(denied).map(|(o, d)| *o && !d).collect()
    }

    fn any_window() -> impl Strategy<Value = Window> {
        let zones = ["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "UTC", "Asia/Kathmandu"];
        let clock = || (0i8..24, prop::sample::select(vec![0i8, 15, 30, 59]));
        (any::<[bool; 7]>(), clock(), clock(), prop::sample::select(zones.to_vec()), prop::bool::weighted(0.3))
            .prop_map(|(days, from, to, zone, deny)| window(days, from, to, zone, deny))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// Openings are those that one finds by walking along the clock minute by minute, in weeks in which clocks
        /// change and in weeks in which they do not.
        #[test]
        fn openings_are_those_of_the_clock(
            windows in prop::collection::vec(any_window(), 0..4),
            week in prop::sample::select(vec![
                "2017-03-24T00:00:00Z", "2017-03-10T00:00:00Z", "2017-10-27T00:00:00Z", "2017-11-03T00:00:00Z",
                "2017-03-31T00:00:00Z", "2017-06-01T00:00:00Z",
            ]),
        ) {
            // Two days before and a day after the part that is looked at, so that no opening is cut.
            let (pad, count) = (2 * 1440, 7 * 1440);
            let first = t(week) - Span::new().minutes(2 * 1440);
            let truth = minutes(&windows, first, count);
            let minute = |i: usize| first + Span::new().minutes(i64::try_from(i).unwrap());
            for i in (pad..count - 1440).step_by(7) {
                let found = opening_at(&windows, minute(i));
                prop_assert_eq!(found.is_some(), truth[i], "at {}", minute(i));
                if let Some(opening) = found {
                    let closes = (i..count).find(|j| !truth[*j]);
                    if let Some(closes) = closes {
                        prop_assert_eq!(opening.to, minute(closes));
                    }
                    let opens = (0..i).rev().find(|j| !truth[*j]).map(|j| j + 1);
                    if let Some(opens) = opens.filter(|o| *o > 1440) {
                        prop_assert_eq!(opening.from, minute(opens));
                    }
                }
                if i % 70 == 0 {
                    let begins = (i + 1..count - 1440).find(|j| truth[*j] && !truth[*j - 1]);
                    if let Some(begins) = begins {
                        prop_assert_eq!(next_opening(&windows, minute(i)).map(|o| o.from), Some(minute(begins)));
                    }
                }
            }
        }
    }
}
