//! `status`, laid out: a line a cluster.

use std::fmt::Write as _;

use comfy_table::Color;

use super::holds::waivers;
use super::layout::{Column, seconds, stamp, table};
use crate::output::{Clusters, Decision, InCharge, Outlook, Source, Status};

/// All clusters.
pub fn text(document: &Clusters<Status>) -> String {
    let rows = document.clusters.iter().map(row).collect();
    let mut text =
        table(&["CLUSTER", "DECISION", "NODES", "ACTION", "HANDOFFS", "WINDOW", "HELD BY", "IN CHARGE", "SEEN"], rows);
    for status in document.clusters.iter().filter(|status| !status.waivers.is_empty()) {
        let _ = writeln!(text, "{}", status.name);
        waivers(&mut text, &status.waivers, 2);
    }
    text
}

fn row(status: &Status) -> Vec<Column> {
    let (word, colour) = match status.decision {
        None => ("unknown", Color::DarkYellow),
        Some(decision) => (
            decision.word(),
            match decision {
                Decision::Act | Decision::Converged => Color::Green,
                Decision::Wait | Decision::Releasing => Color::DarkYellow,
                Decision::Blocked => Color::Red,
            },
        ),
    };
    let nodes = match (status.nodes_current, status.nodes) {
        (Some(current), Some(all)) => format!("{current}/{all} current"),
        _ => String::new(),
    };
    let handoffs = status.handoffs.as_ref().filter(|h| h.spent + h.planned > 0);
    let handoffs = handoffs.map(|h| format!("{} of {}", h.spent, h.spent + h.planned));
    let mut rules: Vec<&str> = status.holds.iter().map(|hold| &*hold.rule).collect();
    rules.dedup();
    let seen = match (status.source, status.age_seconds) {
        (Source::Live, _) => "just now".into(),
        (Source::Daemon, Some(age)) => format!("{} ago", seconds(age)),
        (Source::Daemon, None) => "never".to_owned(),
        // By the cluster's own clock, which need not be this host's: a simulated one has its own.
        (Source::Record, _) => match status.observed_at {
            Some(at) => format!("{}, no daemon runs", stamp(at)),
            None => "never".to_owned(),
        },
    };
    vec![
        Column::new(&status.name),
        Column::new(word).fg(colour),
        Column::new(nodes),
        Column::new(status.action.as_deref().unwrap_or_default()),
        Column::new(handoffs.unwrap_or_default()),
        Column::new(windows(status)),
        Column::new(rules.join(", ")),
        Column::new(in_charge(status)),
        Column::new(seen),
    ]
}

/// When what is left can go on, and whether it can come to its end then.
fn windows(status: &Status) -> String {
    let several = status.windows.len() > 1;
    let one = |window: &Outlook| {
        let what = if several { format!("{}: ", window.what()) } else { String::new() };
        format!("{what}{}, {}", window.when(), if window.fits { "fits" } else { "does not fit" })
    };
    status.windows.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn in_charge(status: &Status) -> String {
    match &status.claim {
        None if status.unknown.iter().any(|unknown| unknown.path == "claim") => "unknown".into(),
        None => "nobody".into(),
        Some(InCharge { epoch, holder, heartbeat_age_seconds: None }) => {
            format!("{epoch}@{holder}, heartbeat's age unknown")
        }
        Some(InCharge { epoch, holder, heartbeat_age_seconds: Some(age) }) => {
            format!("{epoch}@{holder}, heartbeat {} ago", seconds(*age))
        }
    }
}
