//! `run`, laid out: at its end, a line a cluster, and what is held.

use std::fmt::Write as _;

use super::holds::holds;
use super::layout::{Column, seconds, table};
use super::style::HEAD;
use crate::output::{Clusters, Ran, RunState};

/// What became of every cluster.
pub fn text(document: &Clusters<Ran>) -> String {
    let rows = document.clusters.iter().map(row).collect();
    let mut text = table(&["CLUSTER", "STATE", "ACTIONS", "HANDOFFS", "OUTAGE", "VIOLATIONS"], rows);
    let mut said = Vec::new();
    for ran in document.clusters.iter().filter(|ran| !ran.holds.is_empty()) {
        let _ = writeln!(text, "\n{HEAD}{}{HEAD:#} is held by:", ran.name);
        holds(&mut text, &ran.holds, 2, None, &mut said);
    }
    text
}

fn row(ran: &Ran) -> Vec<Column> {
    let colour = match ran.state {
        RunState::Converged => comfy_table::Color::Green,
        RunState::Blocked => comfy_table::Color::Red,
        RunState::Waiting | RunState::Acting | RunState::Releasing => comfy_table::Color::DarkYellow,
    };
    let handoffs = format!("{} (optimum {})", ran.handoffs.spent, ran.handoffs.optimum);
    let outage: Vec<_> = ran
        .roles
        .iter()
        .map(|role| {
            let seen = seconds(role.observed_outage_seconds);
            let planned = role.predicted_outage_seconds.map(|p| format!(", predicted {}", seconds(p.median)));
            format!("{} {seen}{}", role.name, planned.unwrap_or_default())
        })
        .collect();
    vec![
        Column::new(&ran.name),
        Column::new(ran.state.word()).fg(colour),
        Column::new(ran.actions),
        Column::new(handoffs),
        Column::new(outage.join("; ")),
        Column::new(ran.violations.map(|n| n.to_string()).unwrap_or_default()),
    ]
}
