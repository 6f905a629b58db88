//! What a page says of a cluster, in words: each state has one, with a mark beside it, so that colour says nothing alone.

use super::href;
use crate::guard::Stop;
use crate::model::time::words;
use crate::model::{Standing, Time};
use crate::output::{Decision, Duty, GroupState, Hold, Membership, ReleaseKind, Seconds, Status};
use crate::record::whom;

/// So many reasons stand in the overview; the others on the cluster's page.
const REASONS: usize = 2;

/// A state, as people see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub word: &'static str,
    pub mark: &'static str,
    /// Its colour.
    pub class: &'static str,
    /// The smaller, the sooner somebody should look.
    pub urgency: u8,
}

const fn word(word: &'static str, mark: &'static str, class: &'static str, urgency: u8) -> Word {
    Word { word, mark, class, urgency }
}

/// Where a cluster is.
pub(super) fn state(status: &Status) -> Word {
    match status.decision {
        Some(Decision::Blocked) => word("held", "■", "bad", 0),
        None => word("not seen yet", "?", "warn", 1),
        Some(Decision::Act) => word("at work", "▶", "act-now", 2),
        Some(Decision::Releasing) => word("letting go", "◁", "warn", 3),
        Some(Decision::Wait) => word("waiting", "…", "warn", 4),
        Some(Decision::Converged) => word("up to date", "✓", "good", 5),
    }
}

/// What a node does.
pub(super) fn node(membership: Option<Membership>, duty: Option<Duty>) -> Word {
    match (membership, duty) {
        (None, _) => word("unknown", "?", "warn", 0),
        (Some(Membership::Down), _) => word("down", "✕", "bad", 0),
        (Some(Membership::Joining), _) => word("joining", "…", "warn", 0),
        (Some(Membership::Up), Some(Duty::Active)) => word("active", "●", "act-now", 0),
        (Some(Membership::Up), Some(Duty::Passive)) => word("passive", "◐", "", 0),
        (Some(Membership::Up), Some(Duty::Empty)) => word("empty", "○", "", 0),
        (Some(Membership::Up), _) => word("up", "○", "", 0),
    }
}

/// How a node stands to its target.
pub(super) fn standing(standing: Option<Standing>) -> Word {
    match standing {
        Some(Standing::Current) => word("current", "✓", "good", 0),
        Some(Standing::Stale) => word("stale", "↑", "warn", 0),
        Some(Standing::Ahead) => word("ahead", "↓", "warn", 0),
        None => word("unknown", "?", "warn", 0),
    }
}

/// How a group is.
pub(super) fn group(state: Option<GroupState>) -> Word {
    match state {
        Some(GroupState::Online) => word("online", "✓", "good", 0),
        Some(GroupState::PartiallyOnline) => word("partially online", "◐", "warn", 0),
        Some(GroupState::Pending) => word("pending", "…", "warn", 0),
        Some(GroupState::Offline) => word("offline", "✕", "bad", 0),
        Some(GroupState::Failed) => word("failed", "✕", "bad", 0),
        None => word("unknown", "?", "warn", 0),
    }
}

/// A line of the overview.
pub(super) struct Row {
    pub name: String,
    pub href: String,
    pub state: Word,
    pub progress: String,
    /// So many of so many nodes.
    pub share: Option<(u32, u32)>,
    pub doing: Option<String>,
    pub why: Vec<Why>,
    pub more: usize,
    pub opening: Option<String>,
    pub seen: String,
}

/// What a person can do comes first, then what the clock does.
pub(super) fn by_urgency(holds: &[Hold]) -> Vec<&Hold> {
    let mut holds: Vec<&Hold> = holds.iter().collect();
    holds.sort_by_key(|hold| match hold.release.kind {
        ReleaseKind::Person | ReleaseKind::Manifest => 0,
        ReleaseKind::Time => 1,
        ReleaseKind::Observation => 2,
        ReleaseKind::Progress => 3,
    });
    holds
}

/// A reason in one line.
pub(super) struct Why {
    pub rule: String,
    pub subject: String,
    pub release: String,
}

impl Row {
    pub fn new(status: &Status, now: Time) -> Self {
        let share = status.nodes_current.zip(status.nodes);
        let holds = by_urgency(&status.holds);
        let why = |hold: &&Hold| Why {
            rule: hold.rule.clone(),
            subject: hold.subject.name.clone(),
            release: hold.release.what.clone(),
        };
        Self {
            name: status.name.clone(),
            href: href(&status.name),
            state: state(status),
            progress: share.map_or_else(|| "unknown".to_owned(), |(current, all)| format!("{current} of {all}")),
            share,
            doing: status.action.clone(),
            why: holds.iter().take(REASONS).map(why).collect(),
            more: holds.len().saturating_sub(REASONS),
            opening: super::opening(status, now),
            seen: status.age_seconds.map_or_else(|| "never".to_owned(), ago),
        }
    }
}

/// A stop cord that is no one cluster's own.
pub(super) fn stop(stop: &Stop) -> String {
    let place = stop.place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
    format!("{}: {}{place}", whom(&stop.labels), stop.why)
}

/// A moment in UTC, to the minute.
pub(super) fn stamp(at: Time) -> String {
    at.strftime("%Y-%m-%d %H:%MZ").to_string()
}

/// A duration, as people say it.
pub(super) fn seconds(Seconds(duration): Seconds) -> String {
    words(duration)
}

fn ago(Seconds(duration): Seconds) -> String {
    if duration.as_secs() == 0 { "just now".to_owned() } else { format!("{} ago", words(duration)) }
}
