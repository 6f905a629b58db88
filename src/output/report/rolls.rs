//! The record of one cluster, roll by roll.

use std::collections::BTreeMap;

use super::builds::Look;
use super::{Event, Failure, HandoffReport, RollReport};
use crate::model::time::between;
use crate::model::{Action, Answer};
use crate::record::{EntryKind, Recorded};

/// The rolls, and what happened outside of them.
pub(super) fn rolls(lines: &[Recorded], looks: &BTreeMap<i64, Look>) -> (Vec<RollReport>, Vec<Event>) {
    let mut rolls: Vec<RollReport> = Vec::new();
    let mut outside = Vec::new();
    // Where a cluster stands at its first line is not known: work on it belongs to a roll whose beginning is lost.
    let mut present: Option<(RollReport, Vec<&Recorded>)> = None;
    for line in lines {
        let entry = &line.entry;
        match &entry.what {
            EntryKind::RollStarted { .. } => {
                rolls.extend(present.take().map(|(roll, of)| whole(roll, &of, looks)));
                present = Some((begun(line), vec![line]));
            }
            EntryKind::Converged { counts } => {
                let (mut roll, mut of) = present.take().unwrap_or_else(|| (begun(line), Vec::new()));
                of.push(line);
                (roll.ended, roll.counts) = (Some(entry.at), Some((*counts).into()));
                rolls.push(whole(roll, &of, looks));
            }
            EntryKind::Outcome { .. } | EntryKind::Answered { .. } | EntryKind::Intended { .. } => {
                present.get_or_insert_with(|| (begun(line), Vec::new())).1.push(line);
            }
            _ => match &mut present {
                Some((_, of)) => of.push(line),
                None => outside.extend(event(line)),
            },
        }
    }
    rolls.extend(present.map(|(roll, of)| whole(roll, &of, looks)));
    (rolls, outside)
}

fn begun(line: &Recorded) -> RollReport {
    let counts = match &line.entry.what {
        EntryKind::RollStarted { counts } => Some((*counts).into()),
        _ => None,
    };
    RollReport {
        cluster: line.entry.cluster.to_string(),
        started: line.entry.at,
        ended: None,
        revision: line.entry.revision.to_string(),
        counts,
        failures: Vec::new(),
        handoffs: Vec::new(),
        events: Vec::new(),
    }
}

fn whole(roll: RollReport, lines: &[&Recorded], looks: &BTreeMap<i64, Look>) -> RollReport {
    RollReport {
        failures: failures(lines),
        handoffs: handoffs(lines, looks),
        events: lines.iter().filter_map(|line| event(line)).collect(),
        ..roll
    }
}

fn event(line: &Recorded) -> Option<Event> {
    let what = &line.entry.what;
    let (action, failure) = match what {
        EntryKind::Outcome { action, failure, .. } => (Some(action.into()), failure.clone()),
        EntryKind::Failover { .. } | EntryKind::Outage { .. } | EntryKind::Measured { .. } => (None, None),
        _ => return None,
    };
    Some(Event {
        at: line.entry.at,
        kind: what.word().to_owned(),
        group: what.group().filter(|_| action.is_none()).map(ToString::to_string),
        action,
        duration_seconds: what.took().map(Into::into),
        failure,
        text: what.to_string().trim_start().to_owned(),
        entry: line.id,
    })
}

/// What went wrong, in the order of first causes.
fn failures(lines: &[&Recorded]) -> Vec<Failure> {
    let mut found: Vec<(Failure, Option<&Action>)> = Vec::new();
    for line in lines {
        let what = &line.entry.what;
        if let EntryKind::Outcome { action, failure: None, .. } = what {
            let mended = found.iter_mut().filter(|(failure, of)| failure.mended.is_none() && *of == Some(action));
            mended.for_each(|(failure, _)| failure.mended = Some(line.entry.at));
        }
        let wrong = matches!(
            what,
            EntryKind::Outcome { failure: Some(_), .. }
                | EntryKind::Answered { answer: Answer::Refused { .. } | Answer::Unsure { .. }, .. }
                | EntryKind::Failover { .. }
                | EntryKind::Alarm { .. }
        );
        if !wrong {
            continue;
        }
        // A role that failed over is the subject, not the node that it left.
        let subject = match what {
            EntryKind::Failover { group, .. } => Some(group.to_string()),
            other => other.group().map(ToString::to_string).or_else(|| other.node().map(ToString::to_string)),
        };
        match found.iter_mut().find(|(known, _)| subject.is_some() && known.subject == subject) {
            Some((known, _)) => known.more += 1,
            None => {
                let first_cause = what.to_string().trim_start().to_owned();
                let (at, entry) = (line.entry.at, line.id);
                found.push((Failure { subject, at, first_cause, entry, more: 0, mended: None }, what.action()));
            }
        }
    }
    found.into_iter().map(|(failure, _)| failure).collect()
}

fn handoffs(lines: &[&Recorded], looks: &BTreeMap<i64, Look>) -> Vec<HandoffReport> {
    let mut found: Vec<HandoffReport> = Vec::new();
    let mut predicted = BTreeMap::new();
    for line in lines {
        match &line.entry.what {
            EntryKind::Intended { action: action @ Action::Handoff { group, .. }, .. } => {
                predicted.insert(group, looks.get(&line.id).and_then(|look| look.predicted(action)));
            }
            EntryKind::Outcome { action: action @ Action::Handoff { group, .. }, failure, took, .. } => {
                found.push(HandoffReport {
                    action: action.into(),
                    at: line.entry.at,
                    took_seconds: (*took).into(),
                    outage_seconds: None,
                    measured_outage_seconds: None,
                    predicted_seconds: predicted.remove(group).flatten().map(Into::into),
                    failure: failure.clone(),
                    entry: line.id,
                });
            }
            EntryKind::Outage { group, lasted } => {
                // It ends here: it is of the last handoff of the role that ended since it began.
                let of_it = |handoff: &&mut HandoffReport| {
                    handoff.action.group.as_deref() == Some(group.as_str())
                        && handoff.outage_seconds.is_none()
                        && between(handoff.at, line.entry.at) <= *lasted
                };
                if let Some(handoff) = found.iter_mut().rev().find(of_it) {
                    handoff.outage_seconds = Some((*lasted).into());
                }
            }
            EntryKind::Measured { group, outage, .. } => {
                let of_role = |handoff: &&mut HandoffReport| handoff.action.group.as_deref() == Some(group.as_str());
                if let Some(handoff) = found.iter_mut().rev().find(of_role) {
                    handoff.measured_outage_seconds = Some((*outage).into());
                }
            }
            _ => {}
        }
    }
    found
}
