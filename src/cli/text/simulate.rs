//! `simulate`, laid out: a line a count.

use std::fmt::Write as _;

use super::style::{BAD, GOOD, WARN};
use crate::cli::output::Simulated;

/// All counts.
pub fn text(document: &Simulated) -> String {
    let Simulated {
        runs,
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
    } = document;
    let mut text = String::new();
    let _ = writeln!(text, "runs             {runs}, seeds {seed} to {}", seed.wrapping_add(runs.saturating_sub(1)));
    let _ = writeln!(text, "converged        {converged}");
    let _ = writeln!(text, "held             {held}{}", list(held_by_rule));
    let _ = writeln!(text, "unfinished       {unfinished}");
    for (name, count) in [("violations", violations), ("unexplained", unexplained), ("leaks", leaks)] {
        let style = if *count > 0 { BAD } else { GOOD };
        let _ = writeln!(text, "{name:15}  {style}{count}{style:#}");
    }
    let style = if *extra_handoffs > 0 { WARN } else { GOOD };
    let _ = writeln!(text, "extra handoffs   {style}{extra_handoffs}{style:#}");
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
