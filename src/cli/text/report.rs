//! `report`, laid out: what went wrong, then builds and handoffs, cluster by cluster.

use std::fmt::Write as _;

use super::layout::{Column, stamp, table};
use super::style::{BAD, FAINT, HEAD};
use crate::output::{Build, HandoffReport, Report, Reported, RollReport};

/// The whole report.
pub fn text(report: &Report) -> String {
    let mut text = String::new();
    if !report.record.whole {
        let _ =
            writeln!(text, "{BAD}the record is not as it was written{BAD:#}: `rollward history --verify` says where");
    }
    for (cluster, failure) in report.failures() {
        let more =
            if failure.more > 0 { format!(" {FAINT}(and {} more){FAINT:#}", failure.more) } else { String::new() };
        let _ = writeln!(text, "{BAD}{}{BAD:#} {cluster}: {}{more}", stamp(failure.at), failure.first_cause);
    }
    for cluster in &report.clusters {
        if !text.is_empty() {
            text.push('\n');
        }
        of_cluster(&mut text, cluster);
    }
    text
}

fn of_cluster(text: &mut String, cluster: &Reported) {
    let _ = writeln!(text, "{HEAD}{}{HEAD:#}", cluster.name);
    let build = |build: &Build| {
        let rollup = build.rollup.as_deref().unwrap_or_default();
        vec![
            Column::new(&build.node),
            Column::new(build.versions_in_words()),
            Column::new(rollup),
            Column::new(build.since_in_words()),
        ]
    };
    text.push_str(&table(&["NODE", "BUILD", "ROLLUP", "SINCE"], cluster.builds.iter().map(build).collect()));
    for roll in &cluster.rolls {
        let end = roll.ended.map_or_else(|| "not converged".to_owned(), |at| format!("converged {}", stamp(at)));
        let _ = writeln!(text, "  roll of {}, {end}", stamp(roll.started));
        of_roll(text, roll);
    }
}

fn of_roll(text: &mut String, roll: &RollReport) {
    let row = |handoff: &HandoffReport| {
        let name = |name: &Option<String>| Column::new(name.as_deref().unwrap_or_default());
        vec![
            Column::new(format!("  {}", handoff.action.group.as_deref().unwrap_or_default())),
            name(&handoff.action.from),
            name(&handoff.action.to),
            Column::new(stamp(handoff.at)),
            Column::new(handoff.outage_in_words()),
            Column::new(handoff.predicted_in_words()),
        ]
    };
    if !roll.handoffs.is_empty() {
        let heads = ["  HANDOFF", "FROM", "TO", "SEEN DONE", "OUTAGE, AT MOST", "PREDICTED"];
        text.push_str(&table(&heads, roll.handoffs.iter().map(row).collect()));
    }
}
