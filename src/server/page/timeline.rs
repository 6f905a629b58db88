//! What happened and what is predicted, drawn: a lane a node with its actions, a lane a role with its outages, and the
//! windows behind them.
//!
//! Places along the time are parts of the picture's width, so that text keeps its size on a phone and on a wall.

use std::fmt;
use std::time::Duration;

use super::words::{seconds, stamp};
use crate::model::Time;
use crate::model::time::{between, earlier, later, words};
use crate::output::{ActionOut, HistoryEntry, Planned, Seconds};

/// What lies further back than this, and than the plan reaches ahead, is in the history only.
const BACK: Duration = Duration::from_secs(3600);

/// Where nothing is to come, the last that happened is drawn, and as much before it.
const NIGHT: Duration = Duration::from_secs(12 * 3600);

/// A picture of less would show nothing of how long things take.
const SHORTEST: Duration = Duration::from_secs(60);

const LANE: u32 = 44;
const LABEL: u32 = 16;
const BAR: u32 = 18;
const FOOT: u32 = 24;

/// A picture.
pub(super) struct Timeline {
    pub height: u32,
    /// Where the lanes end.
    pub foot: u32,
    pub label_of_foot: u32,
    pub shades: Vec<Shade>,
    pub lanes: Vec<Lane>,
    /// The present, if it is in the picture.
    pub now: Option<Place>,
    pub from: String,
    pub to: String,
    /// All of it in a sentence, for those who do not see it.
    pub summary: String,
}

/// When something may begin.
pub(super) struct Shade {
    pub x: Place,
    pub width: Place,
    pub title: String,
}

/// A node's actions, or a role's outages.
pub(super) struct Lane {
    pub name: String,
    pub label_y: u32,
    pub y: u32,
    pub bars: Vec<Bar>,
}

/// Something that lasts.
pub(super) struct Bar {
    pub x: Place,
    pub width: Place,
    pub class: &'static str,
    pub title: String,
}

/// A part of the picture's width, in hundredths of a per cent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(u32);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}%", self.0 / 100, self.0 % 100)
    }
}

/// What is drawn, before it is known where.
struct Event {
    lane: String,
    role: bool,
    begin: Time,
    lasts: Duration,
    class: &'static str,
    title: String,
}

/// An opening of a window: what it is for, and from when to when.
pub(super) type Opening = (&'static str, Time, Time);

/// The picture, if there is anything to draw. The windows between two moments are asked for.
pub(super) fn timeline(
    openings: impl FnOnce(Time, Time) -> Vec<Opening>,
    recorded: &[HistoryEntry],
    planned: Option<&Planned>,
    now: Time,
) -> Option<Timeline> {
    let coming: Vec<Event> = planned.iter().flat_map(|planned| predicted(planned)).collect();
    let end = |event: &Event| later(event.begin, event.lasts);
    let mut all: Vec<Event> = recorded.iter().filter_map(happened).collect();
    let (back, to) = match coming.iter().map(end).max() {
        Some(last) => (earlier(now, between(now, last.max(now)).max(BACK)), last.max(now)),
        None => {
            let last = all.iter().map(end).max()?;
            (earlier(last, NIGHT), last)
        }
    };
    all.retain(|event| end(event) > back);
    all.extend(coming);
    let from = all.iter().map(|event| event.begin.max(back)).min()?.min(to);
    let span = between(from, to).max(SHORTEST);
    let to = later(from, span);
    let place = |at: Time| Place(part(between(from, at.clamp(from, to)), span));
    let width = |begin: Time, end: Time| Place(place(end).0.saturating_sub(place(begin).0).max(20));
    let mut names: Vec<(bool, String)> = all.iter().map(|event| (event.role, event.lane.clone())).collect();
    names.sort();
    names.dedup();
    let lanes: Vec<Lane> = (0..)
        .zip(&names)
        .map(|(i, (role, name))| Lane {
            name: name.clone(),
            label_y: i * LANE + LABEL,
            y: i * LANE + LANE - BAR - 4,
            bars: all
                .iter()
                .filter(|event| (event.role, &event.lane) == (*role, name))
                .map(|event| Bar {
                    x: place(event.begin),
                    width: width(event.begin, end(event)),
                    class: event.class,
                    title: event.title.clone(),
                })
                .collect(),
        })
        .collect();
    let foot = u32::try_from(lanes.len()).unwrap_or(u32::MAX / LANE) * LANE;
    Some(Timeline {
        height: foot + FOOT,
        foot,
        label_of_foot: foot + LABEL,
        shades: openings(from, to)
            .into_iter()
            .map(|(what, begin, end)| Shade {
                x: place(begin),
                width: width(begin.max(from), end),
                title: format!("{what} from {} to {}", stamp(begin), stamp(end)),
            })
            .collect(),
        now: (now <= to).then(|| place(now)),
        from: stamp(from),
        to: stamp(to),
        summary: summary(&all, from, to),
        lanes,
    })
}

/// How much of the span this is, in ten-thousandths.
fn part(of: Duration, span: Duration) -> u32 {
    u32::try_from(of.as_millis() * 10_000 / span.as_millis().max(1)).unwrap_or(10_000)
}

/// Where an action is at work: a move, on the node that is left.
fn node(action: &ActionOut) -> Option<&str> {
    action.node.as_deref().or(action.from.as_deref())
}

fn happened(entry: &HistoryEntry) -> Option<Event> {
    let lasts = entry.duration_seconds.map_or(Duration::ZERO, |Seconds(lasted)| lasted);
    let begin = earlier(entry.at, lasts);
    let title = format!("{}: {}", stamp(begin), entry.text.trim());
    let of = |lane: &str, role, class| Some(Event { lane: lane.to_owned(), role, begin, lasts, class, title });
    match (&*entry.entry, &entry.action, &entry.group) {
        ("outcome", Some(action), _) => {
            of(node(action)?, false, if entry.failure.is_some() { "failed" } else { "done" })
        }
        ("outage", _, Some(group)) => of(group, true, "outage"),
        ("failover", _, Some(group)) => of(group, true, "failed"),
        _ => None,
    }
}

fn predicted(planned: &Planned) -> Vec<Event> {
    let mut events = Vec::new();
    for step in &planned.steps {
        let Seconds(lasts) = step.predicted_seconds.median;
        let title = format!("predicted {}: {}, takes {}", stamp(step.at), step.what, words(lasts));
        let mut put = |lane: &str, role, lasts, class, title| {
            events.push(Event { lane: lane.to_owned(), role, begin: step.at, lasts, class, title });
        };
        if let Some(node) = node(&step.what) {
            put(node, false, lasts, "predicted", title);
        }
        let outage = step.outage_seconds.filter(|Seconds(outage)| !outage.is_zero());
        if let (Some(group), Some(outage)) = (&step.what.group, outage) {
            let title = format!("predicted {}: outage of {group}, {}", stamp(step.at), seconds(outage));
            put(group, true, outage.0, "predicted outage", title);
        }
    }
    events
}

fn summary(events: &[Event], from: Time, to: Time) -> String {
    let count = |class: &str, what: &str| match events.iter().filter(|event| event.class == class).count() {
        1 => format!("1 {what}"),
        many => format!("{many} {what}s"),
    };
    format!(
        "From {} to {}: {} done, {}, {}; {} and {} predicted. The plan and the history below say the same in words.",
        stamp(from),
        stamp(to),
        count("done", "action"),
        count("failed", "failure"),
        count("outage", "outage"),
        count("predicted", "action"),
        count("predicted outage", "outage"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        text.parse().unwrap()
    }

    fn entry(entry: &str, at_: &str, lasted: u64) -> HistoryEntry {
        HistoryEntry {
            at: at(at_),
            entry: entry.into(),
            text: "MBX1 was <down>".into(),
            action: None,
            group: Some("MBX1".into()),
            failure: None,
            predicted_seconds: None,
            duration_seconds: Some(Seconds(Duration::from_secs(lasted))),
            revision: "r".into(),
        }
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        assert!(timeline(|_, _| vec![], &[], None, at("2017-04-01T00:00:00Z")).is_none());
        let said = entry("decided", "2017-03-01T00:00:00Z", 0);
        assert!(timeline(|_, _| vec![], &[said], None, at("2017-04-01T00:00:00Z")).is_none());
    }

    #[test]
    fn an_outage_lies_where_it_was() {
        let entries = [entry("outage", "2017-04-01T00:00:50Z", 30), entry("decided", "2017-04-01T00:01:00Z", 0)];
        let drawn = timeline(|_, _| vec![], &entries, None, at("2017-04-01T00:02:00Z")).unwrap();
        // A picture of a minute, since it lasted less; the present is after it.
        let [Lane { name, bars, .. }] = &*drawn.lanes else { panic!("one lane") };
        assert_eq!((name.as_str(), bars.len()), ("MBX1", 1));
        assert_eq!((bars[0].x.to_string(), bars[0].width.to_string()), ("0.00%".into(), "50.00%".into()));
        assert_eq!((bars[0].class, drawn.now), ("outage", None));
        assert!(drawn.summary.contains("1 outage;"), "{}", drawn.summary);
    }

    #[test]
    fn windows_are_shaded_as_far_as_the_picture_goes() {
        let nightly = |_, _| vec![("window", at("2017-04-01T01:00:00Z"), at("2017-04-01T02:00:00Z"))];
        let entries = [entry("outage", "2017-04-01T00:30:00Z", 0), entry("outage", "2017-04-01T01:10:00Z", 10)];
        let drawn = timeline(nightly, &entries, None, at("2017-04-01T01:30:00Z")).unwrap();
        let [Shade { x, width, .. }] = &*drawn.shades else { panic!("one window") };
        assert_eq!((x.to_string(), width.to_string()), ("75.00%".into(), "25.00%".into()));
    }
}
