//! `plan`, laid out: numbered steps with what they cost and what stands in their way, then what it all comes to.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use super::holds::{holds, waivers};
use super::layout::{Column, seconds, stamp, table};
use super::style::{BAD, FAINT, GOOD, HEAD, WARN};
use crate::model::time;
use crate::output::{
    Because, Certificate, Clusters, Decision, Elapsed, Evidence, Handoffs, Left, Outlook, Planned, Price, Relaxation,
    Spread, Step, Unknown,
};

/// All plans.
pub fn text(document: &Clusters<Planned>) -> String {
    let mut text = String::new();
    for (i, plan) in document.clusters.iter().enumerate() {
        if i > 0 {
            text.push('\n');
        }
        one(&mut text, plan);
    }
    text
}

fn one(text: &mut String, plan: &Planned) {
    let now = plan.observed_at;
    let colour = decision_style(plan.decision);
    let _ = write!(text, "{HEAD}{}{HEAD:#}: {colour}{}{colour:#}", plan.name, plan.decision.word());
    if let Some(until) = plan.until {
        let _ = write!(text, " until {}", stamp(until));
    }
    match plan.steps.len() {
        0 => {}
        1 => text.push_str(", 1 step"),
        n => {
            let _ = write!(text, ", {n} steps");
        }
    }
    if !plan.steps.is_empty() {
        let Elapsed { predicted_seconds, at_least_seconds } = plan.elapsed;
        let _ = write!(text, ", done after about {}", seconds(predicted_seconds));
        if at_least_seconds.0 > Duration::ZERO {
            let _ = write!(text, ", at least {}", seconds(at_least_seconds));
        }
    }
    let _ = writeln!(text, " {FAINT}(looked at {}){FAINT:#}", stamp(now));
    let mut said = Vec::new();
    steps(text, plan, &mut said);
    if !plan.steps.is_empty() || plan.handoffs.spent > 0 {
        let _ = writeln!(text, "  handoffs: {}", handoffs(&plan.handoffs));
        certificate(text, &plan.certificate);
    }
    windows(text, &plan.windows);
    for role in &plan.roles {
        let _ = writeln!(text, "  outage of {}: {}", role.name, spread(role.predicted_outage_seconds));
    }
    if plan.handoffs.planned > 0 {
        let _ = writeln!(text, "  plan hash: {}", plan.plan_hash);
    }
    if !plan.holds.is_empty() {
        let heading = if plan.steps.is_empty() { "held by:" } else { "what is left is held by:" };
        let _ = writeln!(text, "  {heading}");
        holds(text, &plan.holds, 4, Some(now), &mut said);
    }
    relaxation(text, plan.relaxation.as_ref());
    if let Some(all) = &plan.prices {
        let heading = if all.is_empty() { "no constraint costs anything" } else { "what each constraint costs:" };
        let _ = writeln!(text, "  {heading}");
        prices(text, all);
    }
    if let Some(other) = &plan.other_minimum {
        let _ = writeln!(text, "  the other minimum would save:");
        prices(text, std::slice::from_ref(other));
    }
    unknown(text, &plan.unknown);
}

/// The windows that what is left waits for, or goes on in.
pub fn windows(text: &mut String, windows: &[Outlook]) {
    for window in windows {
        let _ = writeln!(text, "  window for {}: {window}", window.what());
    }
}

/// What would have to change, where nothing leads to the target.
pub fn relaxation(text: &mut String, relaxation: Option<&Relaxation>) {
    let Some(Relaxation { changes, smallest }) = relaxation else { return };
    let which = match (changes.len(), smallest) {
        (1, _) => "one change would be enough:",
        (_, true) => "all of these changes together would be enough, and no fewer:",
        (_, false) => "all of these changes together would be enough, and none of them can be left out:",
    };
    let _ = writeln!(text, "  {WARN}no sequence of allowed steps reaches the target{WARN:#}; {which}");
    for change in changes {
        let place = change.place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
        let _ = writeln!(text, "    {}{place}", change.how);
    }
}

fn prices(text: &mut String, prices: &[Price]) {
    let seconds = |seconds: i64| {
        let sign = if seconds < 0 { '-' } else { '+' };
        format!("{sign}{}", time::words(Duration::from_secs(seconds.unsigned_abs())))
    };
    for Price { without, handoffs, outage_seconds, elapsed_seconds } in prices {
        let place = without.place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
        let s = if handoffs.abs() == 1 { "" } else { "s" };
        let (outage, elapsed) = (seconds(*outage_seconds), seconds(*elapsed_seconds));
        let _ = writeln!(
            text,
            "    {handoffs:+} handoff{s}, {outage} of outage, {elapsed} to the end; without it: {}{place}",
            without.how
        );
    }
}

/// The steps as a table; the holds of a step stand below its line.
fn steps(text: &mut String, plan: &Planned, said: &mut Vec<crate::output::Hold>) {
    if plan.steps.is_empty() {
        return;
    }
    let row = |(i, step): (usize, &Step)| {
        let down = step.outage_seconds.filter(|s| s.0 > Duration::ZERO);
        let outage = Column::new(down.map(|s| format!("outage {}", seconds(s))).unwrap_or_default());
        vec![
            Column::new(i + 1).set_alignment(comfy_table::CellAlignment::Right),
            Column::new(&step.what),
            Column::new(format!("at +{}", time::words(time::between(plan.observed_at, step.at)))),
            Column::new(spread(step.predicted_seconds)),
            if down.is_some() { outage.fg(comfy_table::Color::DarkYellow) } else { outage },
        ]
    };
    let lines = table(&["", "", "", "", ""], plan.steps.iter().enumerate().map(row).collect());
    for (line, step) in lines.lines().zip(&plan.steps) {
        text.push_str(line);
        text.push('\n');
        waivers(text, &step.waived, 8);
        holds(text, &step.holds, 8, Some(step.at), said);
    }
}

/// How a decision is coloured.
pub fn decision_style(decision: Decision) -> anstyle::Style {
    match decision {
        Decision::Converged | Decision::Act => GOOD,
        Decision::Wait | Decision::Releasing => WARN,
        Decision::Blocked => BAD,
    }
}

/// Handoffs of a roll in one line.
pub fn handoffs(handoffs: &Handoffs) -> String {
    let Handoffs { planned, floor, optimum, optimum_proved, spent, forced } = handoffs;
    let least = if *optimum_proved == Some(false) { " at least" } else { "" };
    format!("{planned} planned; floor {floor}, optimum{least} {optimum}; {spent} spent, {forced} forced by failovers")
}

/// What the floor and the optimum rest on. The holds of nodes that are left are told below, with all others.
fn certificate(text: &mut String, certificate: &Certificate) {
    let Certificate { must_leave, left, because, going_back } = certificate;
    let list = |words: Vec<String>| words.join(", ");
    if !must_leave.is_empty() {
        let leaves = must_leave.iter().map(|m| format!("{} must leave {}", m.role, m.node)).collect();
        let _ = writeln!(text, "    the floor: {}", list(leaves));
    }
    for Because { rule, what, evidence } in because {
        let _ = writeln!(text, "    {WARN}{rule}{WARN:#} makes the difference, as {what}");
        for Evidence { fact, value, .. } in evidence {
            let _ = writeln!(text, "      {fact}: {value}");
        }
    }
    if *going_back > 0 {
        let _ = writeln!(text, "    going back to preferred nodes, as the manifest asks: {going_back}");
    }
    if !left.is_empty() {
        let one = |left: &Left| {
            let rules: BTreeSet<&str> = left.holds.iter().map(|hold| hold.rule.as_str()).collect();
            format!("{} ({})", left.node, rules.into_iter().collect::<Vec<_>>().join(", "))
        };
        let _ = writeln!(text, "    not worked on: {}", list(left.iter().map(one).collect()));
    }
}

/// A prediction in words.
pub fn spread(Spread { median, p95 }: Spread) -> String {
    if p95 <= median { seconds(median) } else { format!("{} (95 %: {})", seconds(median), seconds(p95)) }
}

/// What could not be seen.
pub fn unknown(text: &mut String, unknown: &[Unknown]) {
    // A node that does not answer leaves many facts unknown, for one reason.
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for Unknown { path, why } in unknown {
        match reasons.iter_mut().find(|(reason, _)| reason == why) {
            Some((_, paths)) => paths.push(path),
            None => reasons.push((why, vec![path])),
        }
    }
    for (why, paths) in reasons {
        let _ = writeln!(text, "  {WARN}unknown{WARN:#} {}: {why}", paths.join(", "));
    }
}
