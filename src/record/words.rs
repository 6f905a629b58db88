//! The journal's lines in words and in columns, for people who read it and for those who query it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::entry::{EntryKind, PRUNED, RollCounts};
use super::inputs::Inputs;
use crate::model::{
    Action, Answer, GroupName, NodeName,
    time::{stamp, words},
};

impl EntryKind {
    /// The line's kind in one word: what its `kind` column says.
    pub fn word(&self) -> &'static str {
        match self {
            EntryKind::RollStarted { .. } => "rollStarted",
            EntryKind::Claimed { .. } => "claimed",
            EntryKind::Intended { .. } => "intended",
            EntryKind::Answered { .. } => "answered",
            EntryKind::Outcome { .. } => "outcome",
            EntryKind::Decided { .. } => "decided",
            EntryKind::Failover { .. } => "failover",
            EntryKind::Outage { .. } => "outage",
            EntryKind::Measured { .. } => "measured",
            EntryKind::Approved { .. } => "approved",
            EntryKind::ApprovalVoid { .. } => "approvalVoid",
            EntryKind::WaiverGiven { .. } => "waiverGiven",
            EntryKind::WaiverLifted { .. } => "waiverLifted",
            EntryKind::StopPulled { .. } => "stopPulled",
            EntryKind::StopLifted { .. } => "stopLifted",
            EntryKind::Commanded { .. } => "commanded",
            EntryKind::Alarm { .. } => "alarm",
            EntryKind::Pruned { .. } => PRUNED,
            EntryKind::Converged { .. } => "converged",
        }
    }

    /// What it rested on, where it is a decision.
    pub fn inputs(&self) -> Option<&Inputs> {
        match self {
            EntryKind::Intended { inputs, .. } | EntryKind::Decided { inputs, .. } => Some(inputs),
            _ => None,
        }
    }

    /// The same decision, with what it rested on.
    #[must_use]
    pub fn resting_on(mut self, rested: Inputs) -> Self {
        if let EntryKind::Intended { inputs, .. } | EntryKind::Decided { inputs, .. } = &mut self {
            *inputs = rested;
        }
        self
    }

    /// The action it is about.
    pub fn action(&self) -> Option<&Action> {
        match self {
            EntryKind::Intended { action, .. }
            | EntryKind::Answered { action, .. }
            | EntryKind::Outcome { action, .. } => Some(action),
            _ => None,
        }
    }

    /// The node it is about; for what moves, the node that is left.
    pub fn node(&self) -> Option<&NodeName> {
        match self {
            EntryKind::Failover { from, .. } => from.as_ref(),
            other => other.action().and_then(Action::node),
        }
    }

    /// The group it is about.
    pub fn group(&self) -> Option<&GroupName> {
        match self {
            EntryKind::Failover { group, .. } | EntryKind::Outage { group, .. } | EntryKind::Measured { group, .. } => {
                Some(group)
            }
            other => other.action().and_then(Action::group),
        }
    }

    /// How long it took, where that is what it says.
    pub fn took(&self) -> Option<Duration> {
        match self {
            EntryKind::Outcome { took, .. } => Some(*took),
            EntryKind::Outage { lasted: took, .. } | EntryKind::Measured { outage: took, .. } => Some(*took),
            _ => None,
        }
    }
}

/// A duration that was measured, as people read it: below a minute to the tenth of a second.
fn tenths(d: Duration) -> String {
    if d.as_secs() >= 60 { words(d) } else { format!("{}.{}s", d.as_secs(), d.subsec_millis() / 100) }
}

/// The clusters that a stop cord with these labels is for.
pub fn whom(labels: &BTreeMap<String, String>) -> String {
    if labels.is_empty() {
        return "every cluster".into();
    }
    let labels: Vec<_> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    format!("clusters with {}", labels.join(", "))
}

impl fmt::Display for RollCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RollCounts { planned, floor, optimum, spent, forced } = self;
        write!(
            f,
            "handoffs: {spent} spent, {planned} planned, floor {floor}, optimum {optimum}, {forced} forced by failovers"
        )
    }
}

impl EntryKind {
    /// True for what later predictions rest on, and for the end of a roll, when they may change.
    pub fn teaches(&self) -> bool {
        matches!(self, EntryKind::Outcome { failure: None, at_most: false, .. } | EntryKind::Converged { .. })
    }

    /// True for what people want to read as it happens; the rest is for the record.
    pub fn is_news(&self) -> bool {
        match self {
            EntryKind::Claimed { .. } | EntryKind::Pruned { .. } => false,
            // That it was begun is told by the answer; by whose leave, only here.
            EntryKind::Intended { waived, .. } => !waived.is_empty(),
            _ => true,
        }
    }
}

impl fmt::Display for EntryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EntryKind::RollStarted { counts } => write!(f, "roll begins; {counts}"),
            EntryKind::Claimed { claim } => write!(f, "claimed as {claim}"),
            EntryKind::Intended { action, rules, waived, .. } => {
                write!(f, "{action}: allowed by {} rules", rules.len().saturating_sub(waived.len()))?;
                waived.iter().try_for_each(|waiver| write!(f, "; {waiver}"))
            }
            EntryKind::Answered { action, answer: Answer::Accepted } => write!(f, "{action}"),
            EntryKind::Answered { action, answer: Answer::Refused { check, saw } } => {
                write!(f, "{action}: refused on the node, {check} saw {saw}")
            }
            EntryKind::Answered { action, answer: Answer::Unsure { why } } => write!(f, "{action}: no answer, {why}"),
            EntryKind::Outcome { action, failure, took, at_most } => {
                let (took, at_most) = (words(*took), if *at_most { "at most " } else { "" });
                match failure {
                    None => write!(f, "  done in {at_most}{took}: {action}"),
                    Some(failure) => write!(f, "  failed after {at_most}{took}: {action}: {failure}"),
                }
            }
            EntryKind::Decided { decision, holds, .. } if holds.is_empty() => write!(f, "{decision}"),
            EntryKind::Decided { decision, holds, .. } => write!(f, "{decision}: {}", holds.join("; ")),
            EntryKind::Failover { group, from, to } => {
                let name = |node: &Option<NodeName>| node.as_ref().map_or("nowhere".to_owned(), ToString::to_string);
                write!(f, "failover, not our doing: {group} from {} to {}", name(from), name(to))
            }
            EntryKind::Outage { group, lasted } => write!(f, "  {group} was down for {}", words(*lasted)),
            EntryKind::Measured { group, outage, predicted, asked, unanswered, amiss } => {
                write!(f, "  {group} did not answer for {}, ", tenths(*outage))?;
                let off = outage.abs_diff(predicted.median);
                let than = if *outage < predicted.median { "less" } else { "more" };
                write!(f, "{} {than} than foreseen ({}, ", tenths(off), words(predicted.median))?;
                write!(f, "95 %: {}); {unanswered} of {asked} questions", words(predicted.p95))?;
                amiss.iter().try_for_each(|amiss| write!(f, "; but {amiss}"))
            }
            EntryKind::Approved { approval } => write!(f, "plan {} approved by {}", approval.hash, approval.by),
            EntryKind::ApprovalVoid { hash, why } => write!(f, "approval of plan {hash} is void: {why}"),
            EntryKind::WaiverGiven { waiver } => write!(f, "{waiver}"),
            EntryKind::WaiverLifted { waiver, by } => write!(f, "{by} took the waiver of {} back", waiver.what()),
            EntryKind::StopPulled { labels, why, by } => {
                write!(f, "{by} pulled the stop cord for {}: {why}", whom(labels))
            }
            EntryKind::StopLifted { labels, by } => write!(f, "{by} lifted the stop cord for {}", whom(labels)),
            EntryKind::Commanded { what, by } => write!(f, "{by}: {what}"),
            EntryKind::Alarm { what } => write!(f, "ALARM: {what}"),
            EntryKind::Pruned { lines, inputs_to, since } => {
                let count: i64 = lines.iter().map(|(first, last)| last - first + 1).sum();
                write!(f, "pruned since {}: {count} entries", stamp(*since))?;
                if let (Some((first, _)), Some((_, last))) = (lines.first(), lines.last()) {
                    write!(f, " from {first} to {last}")?;
                }
                if *inputs_to > 0 { write!(f, ", and inputs of entries up to {inputs_to}") } else { Ok(()) }
            }
            EntryKind::Converged { counts } => write!(f, "roll ends; {counts}"),
        }
    }
}
