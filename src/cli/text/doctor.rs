//! `doctor`, laid out: a line a check, and below it what to do.

use std::fmt::Write as _;

use super::style::{BAD, FAINT, GOOD, HEAD, WARN};
use crate::output::{CheckState, Clusters, Doctored};

/// All checks.
pub fn text(document: &Clusters<Doctored>) -> String {
    let mut text = String::new();
    for (i, cluster) in document.clusters.iter().enumerate() {
        let _ = writeln!(text, "{}{HEAD}{}{HEAD:#}", if i > 0 { "\n" } else { "" }, cluster.name);
        let width = cluster.checks.iter().map(|check| check.name.chars().count()).max().unwrap_or(0);
        for check in &cluster.checks {
            let (word, style) = match check.state {
                CheckState::Good => ("good", GOOD),
                CheckState::Warning => ("warning", WARN),
                CheckState::Bad => ("bad", BAD),
                CheckState::Unknown => ("unknown", WARN),
            };
            let _ = writeln!(text, "  {style}{word:7}{style:#}  {:width$}  {}", check.name, check.evidence);
            if let Some(fix) = &check.fix {
                let _ = writeln!(text, "           {FAINT}{:width$}{FAINT:#}  -> {fix}", "");
            }
        }
    }
    text
}
