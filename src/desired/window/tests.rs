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
    let told = told_by(windows, |w| (0..count).map(|i| w.time_zone.to_datetime(minute(i))).collect());
    if told.is_empty() { vec![false; count] } else { told }
}

/// The minutes in which the windows are open and nothing denies it, given what each one's clock shows in each.
fn told_by(windows: &[Window], clock: impl Fn(&Window) -> Vec<DateTime>) -> Vec<bool> {
    let (mut open, mut denied) = (Vec::new(), Vec::new());
    for w in windows {
        let local = clock(w);
        let count = local.len();
        open.resize(count, false);
        denied.resize(count, false);
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

/// What windows do over a stretch of one zone's clock, minute by minute.
struct Walk {
    first: Time,
    local: Vec<DateTime>,
}

impl Walk {
    /// Two days and a half on either side of a moment.
    fn around(zone: &TimeZone, at: Time) -> Self {
        let first = at - Span::new().hours(60);
        let local = (0..120 * 60).map(|i| zone.to_datetime(first + Span::new().minutes(i))).collect();
        Self { first, local }
    }

    fn minute(&self, i: usize) -> Time {
        self.first + Span::new().minutes(i64::try_from(i).unwrap())
    }

    /// The minutes in which windows of this zone are open and nothing denies it.
    fn open(&self, windows: &[Window]) -> Vec<bool> {
        told_by(windows, |_| self.local.clone())
    }

    /// Holds every opening that lies wholly in the walk, and all that `opening_at` and `next_opening` say within `reach`
    /// minutes of its middle, against the minutes.
    fn holds(&self, windows: &[Window], reach: usize) {
        let truth = self.open(windows);
        let count = truth.len();
        let middle = count / 2;
        let edges: Vec<usize> = (1..count).filter(|i| truth[*i] != truth[*i - 1]).collect();
        let near = edges.iter().copied().filter(|edge| edge.abs_diff(middle) < reach);
        let asked = near.flat_map(|edge| [edge - 1, edge]).chain((middle - 90..middle + 90).step_by(15));
        for i in asked {
            let at = self.minute(i);
            let found = opening_at(windows, at);
            assert_eq!(found.is_some(), truth[i], "at {at}: {windows:?}");
            let after = edges.iter().find(|edge| **edge > i).copied();
            let before = edges.iter().rfind(|edge| **edge <= i).copied();
            if let (Some(opening), Some(from), Some(to)) = (found, before, after) {
                let wanted = Opening { from: self.minute(from), to: self.minute(to) };
                assert_eq!(opening, wanted, "at {at}: {windows:?}");
            }
            if let Some(begins) = (i + 1..count).find(|j| truth[*j] && !truth[*j - 1]) {
                let next = next_opening(windows, at).map(|opening| opening.from);
                assert_eq!(next, Some(self.minute(begins)), "after {at}: {windows:?}");
            }
        }
    }
}

/// Windows of a zone that begin, end, lie, and are denied around the times that its clock shows as it is changed.
fn around_the_change(zone: &TimeZone, change: Time) -> Vec<Vec<Window>> {
    let before = zone.to_datetime(change - Span::new().minutes(1)) + Span::new().minutes(1);
    let after = zone.to_datetime(change);
    let (early, late) = if before < after { (before, after) } else { (after, before) };
    let inside = early + Span::new().minutes(early.until((jiff::Unit::Minute, late)).unwrap().get_minutes() / 2);
    let clock = |at: DateTime| at.time().with().second(0).subsec_nanosecond(0).build().unwrap();
    let hours = |at: DateTime, by: i64| clock(at + Span::new().hours(by));
    let window = |from, to, deny| Window { days: ALL, from, to, time_zone: zone.clone(), deny };
    let spans = [
        (clock(inside), hours(late, 3)),
        (hours(early, -3), clock(inside)),
        (clock(early), clock(late)),
        (clock(inside), clock(late)),
        (hours(early, -2), hours(late, 2)),
        (hours(late, 5), clock(inside)),
    ];
    let open = spans.iter().map(|(from, to)| vec![window(*from, *to, false)]);
    let denied =
        spans.iter().map(|(from, to)| vec![window(hours(early, -6), hours(late, 6), false), window(*from, *to, true)]);
    open.chain(denied).collect()
}

/// Every zone of the database, every change of its clock in ten years.
#[test]
fn openings_are_those_of_the_clock_around_every_change_of_every_zone_in_ten_years() {
    let (from, to) = (t("2017-01-01T00:00:00Z"), t("2027-01-01T00:00:00Z"));
    let database = jiff::tz::TimeZoneDatabase::bundled();
    let (mut zones, mut changes) = (0, 0);
    for name in database.available() {
        let zone = database.get(name.as_str()).unwrap();
        zones += 1;
        // One moment for those that never change.
        let mut moments: Vec<Time> =
            zone.following(from).map(|change| change.timestamp()).take_while(|at| *at < to).collect();
        changes += moments.len();
        if moments.is_empty() {
            moments.push(t("2020-06-15T12:00:00Z"));
        }
        for change in moments {
            let walk = Walk::around(&zone, change);
            for windows in around_the_change(&zone, change) {
                walk.holds(&windows, 36 * 60);
            }
        }
    }
    println!("{zones} zones, {changes} changes");
    assert!(zones > 500 && changes > 3000, "{zones} zones with {changes} changes: the database is not there");
}
