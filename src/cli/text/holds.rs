//! Holds, laid out: the same in `plan`, `explain`, `status` and at the end of `run`.

use std::fmt::Write as _;

use super::layout::{ago, stamp};
use super::style::{FAINT, WARN};
use crate::model::Time;
use crate::output::{Hold, ReleaseKind, Waiver};

/// Waivers, a line each.
pub fn waivers(text: &mut String, waivers: &[Waiver], indent: usize) {
    for waiver in waivers {
        let pad = " ".repeat(indent);
        let _ = writeln!(text, "{pad}{WARN}waived{WARN:#} {}", waiver.words(&stamp(waiver.until)));
    }
}

/// Holds, each with its evidence, the evidence's age at `now` (or its time, without one), and what releases it.
/// `indent` is in spaces. A hold that was said before is said in one line.
pub fn holds(text: &mut String, holds: &[Hold], indent: usize, now: Option<Time>, said: &mut Vec<Hold>) {
    for hold in holds {
        let pad = " ".repeat(indent);
        let Hold { rule, subject, evidence, release } = hold;
        let again = said.contains(hold);
        let seen = if again { format!(" {FAINT}(as above){FAINT:#}") } else { String::new() };
        let _ = writeln!(text, "{pad}{WARN}{rule}{WARN:#} holds {}{seen}", subject.name);
        if again {
            continue;
        }
        for evidence in evidence {
            let age = |at| now.map_or_else(|| stamp(at), |now| ago(at, now));
            let age = evidence.at.map(|at| format!(" {FAINT}({}){FAINT:#}", age(at))).unwrap_or_default();
            let _ = writeln!(text, "{pad}  {}: {}{age}", evidence.fact.trim_end_matches(','), evidence.value);
        }
        let until = release.at.filter(|at| !release.what.contains(&at.to_string()));
        let until = until.map(|at| format!(" {FAINT}({}){FAINT:#}", stamp(at))).unwrap_or_default();
        let who = match release.kind {
            ReleaseKind::Person | ReleaseKind::Manifest => WARN,
            ReleaseKind::Time | ReleaseKind::Observation | ReleaseKind::Progress => FAINT,
        };
        let _ = writeln!(text, "{pad}  {who}->{who:#} {}{until}", release.what);
        said.push(hold.clone());
    }
}
