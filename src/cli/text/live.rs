//! What `run` says while it works: a line an event, to be read as it scrolls by and in the morning after.

use super::layout::clock;
use super::style::{BAD, FAINT, GOOD, HEAD, WARN};
use crate::model::{Answer, time};
use crate::record::{Entry, EntryKind};

/// Lays out events. Remembers how wide the names are, so that the lines align.
#[derive(Debug)]
pub struct Live {
    width: usize,
}

impl Live {
    /// For clusters of these names.
    pub fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        Self { width: names.map(|name| name.chars().count()).max().unwrap_or(0) }
    }

    /// The lines of one event, without a newline at the end; nothing for what is of no interest as it happens.
    pub fn lines(&mut self, entry: &Entry) -> Option<String> {
        let (word, style, texts) = match &entry.what {
            EntryKind::Claimed { .. }
            | EntryKind::Pruned { .. }
            | EntryKind::Answered { answer: Answer::Accepted, .. } => return None,
            EntryKind::Decided { decision, .. } if decision == "act" || decision == "converged" => return None,
            EntryKind::RollStarted { counts } => ("roll", HEAD, vec![counts.to_string()]),
            EntryKind::Intended { action, waived, .. } => {
                let waived = waived.iter().map(|waiver| format!("{WARN}waived{WARN:#} {waiver}"));
                ("begin", HEAD, std::iter::once(action.to_string()).chain(waived).collect())
            }
            EntryKind::Answered { action, answer: Answer::Refused { check, saw } } => {
                ("refused", WARN, vec![format!("{action}: {check} saw {saw}")])
            }
            EntryKind::Answered { action, answer: Answer::Unsure { why } } => {
                ("unsure", WARN, vec![format!("{action}: {why}")])
            }
            EntryKind::Outcome { action, failure, took, at_most } => {
                let (took, at_most) = (time::words(*took), if *at_most { "at most " } else { "" });
                let what = format!("{action} {FAINT}({at_most}{took}){FAINT:#}");
                match failure {
                    None => ("done", GOOD, vec![what]),
                    Some(failure) => ("failed", BAD, vec![format!("{what}: {failure}")]),
                }
            }
            EntryKind::Decided { decision, holds, .. } => {
                let word = if decision == "blocked" { "blocked" } else { "wait" };
                (word, WARN, if holds.is_empty() { vec![decision.clone()] } else { holds.clone() })
            }
            EntryKind::Failover { .. } => ("failover", BAD, vec![entry.what.to_string()]),
            EntryKind::Outage { group, lasted } => {
                ("outage", WARN, vec![format!("{group:?} was down for {}", time::words(*lasted))])
            }
            EntryKind::Measured { .. } => ("measured", HEAD, vec![entry.what.to_string().trim_start().to_owned()]),
            EntryKind::Approved { .. } => ("approved", GOOD, vec![entry.what.to_string()]),
            EntryKind::ApprovalVoid { .. } => ("void", WARN, vec![entry.what.to_string()]),
            EntryKind::WaiverGiven { .. } => ("waived", WARN, vec![entry.what.to_string()]),
            EntryKind::WaiverLifted { .. } => ("unwaived", GOOD, vec![entry.what.to_string()]),
            EntryKind::StopPulled { .. } => ("stop", WARN, vec![entry.what.to_string()]),
            EntryKind::StopLifted { .. } => ("go", GOOD, vec![entry.what.to_string()]),
            EntryKind::Commanded { .. } => ("command", HEAD, vec![entry.what.to_string()]),
            EntryKind::Alarm { what } => ("alarm", BAD, vec![what.clone()]),
            EntryKind::Converged { counts } => ("converged", GOOD, vec![counts.to_string()]),
        };
        self.width = self.width.max(entry.cluster.as_str().chars().count());
        let lines = texts.iter().enumerate().map(|(i, text)| {
            let (at, name, word) =
                if i == 0 { (clock(entry.at), entry.cluster.as_str(), word) } else { (" ".repeat(8), "", "") };
            let width = self.width;
            format!("{FAINT}{at}{FAINT:#}  {name:width$}  {style}{word:9}{style:#}  {text}")
        });
        Some(lines.collect::<Vec<_>>().join("\n"))
    }
}
