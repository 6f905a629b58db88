//! `simulate`, laid out: a line a count.

use std::fmt::Write as _;

use super::style::{BAD, GOOD};
use crate::simulate::SimulateReport;

/// All counts.
pub fn text(document: &SimulateReport) -> String {
    let SimulateReport {
        runs,
        left_out,
        seed,
        violations,
        converged,
        held,
        held_by_rule,
        unfinished,
        unexplained,
        extra_handoffs,
        leaks,
        faults_fired,
        worst: _,
    } = document;
    let mut text = String::new();
    let last = seed.wrapping_add((runs + left_out).saturating_sub(1));
    let _ = writeln!(text, "runs             {runs}, seeds {seed} to {last}");
    if *left_out > 0 {
        let _ = writeln!(text, "left out         {left_out}, in which no fault fired");
    }
    let _ = writeln!(text, "converged        {converged}");
    let _ = writeln!(text, "held             {held}{}", list(held_by_rule));
    let bad = [
        ("unfinished", unfinished),
        ("violations", violations),
        ("unexplained", unexplained),
        ("leaks", leaks),
        ("extra handoffs", extra_handoffs),
    ];
    for (name, count) in bad {
        let style = if *count > 0 { BAD } else { GOOD };
        let _ = writeln!(text, "{name:15}  {style}{count}{style:#}");
    }
    let _ = writeln!(text, "faults fired     {}{}", faults_fired.values().sum::<u64>(), list(faults_fired));
    text
}

fn list(counts: &std::collections::BTreeMap<String, u64>) -> String {
    if counts.is_empty() {
        return String::new();
    }
    let counts: Vec<_> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
    format!(" ({})", counts.join(", "))
}
