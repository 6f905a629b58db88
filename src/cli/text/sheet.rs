//! `status --sheet`, laid out: a page a cluster, to be read at night by somebody who does not know rollward, and printed.

use std::fmt::Write as _;

use super::layout::stamp;
use super::style::{BAD, FAINT, HEAD, WARN};
use super::{observe, plan};
use crate::drivers::{ByHand, Commands, Never, Ours, Shows};
use crate::output::{Clusters, Decision, Hold, Sheet};

/// What parts pages, for printers.
const FORM_FEED: char = '\u{c}';

/// All pages.
pub fn text(document: &Clusters<Sheet>) -> String {
    let mut text = String::new();
    for (i, sheet) in document.clusters.iter().enumerate() {
        if i > 0 {
            text.push(FORM_FEED);
        }
        one(&mut text, sheet);
    }
    text
}

fn one(text: &mut String, sheet: &Sheet) {
    let Sheet { name, status, observed, by_hand } = sheet;
    let _ = writeln!(text, "{HEAD}{name}{HEAD:#} {FAINT}(looked at {}){FAINT:#}", stamp(observed.observed_at));
    going_on(text, sheet);
    text.push('\n');
    observe::nodes_and_groups(text, observed);
    let unknown = &observed.unknown;
    if !unknown.is_empty() {
        let _ = writeln!(text, "\n{WARN}Not known{WARN:#}: what follows may lack what rests on it");
        plan::unknown(text, unknown);
    }
    let ByHand { never, ours, check } = by_hand;
    if !never.is_empty() {
        let _ = writeln!(text, "\n{BAD}What must not be done now{BAD:#}");
        never.iter().for_each(|never| self::never(text, never));
    }
    let _ = writeln!(text, "\n{HEAD}What rollward has in it, and how that is ended without rollward{HEAD:#}");
    let unread = |path: &str| unknown.iter().any(|unknown| unknown.path == path);
    if unread("marks") || unread("claim") {
        let _ = writeln!(text, "  the cluster's store could not be read: there may be more than is listed");
    }
    match &status.claim {
        Some(charge) => {
            let _ = writeln!(
                text,
                "  first end the daemon in charge, {}, or it goes on: `systemctl stop rollward` on its host",
                charge.holder
            );
        }
        None if ours.is_empty() => text.push_str("  nothing was seen\n"),
        None => text.push_str("  first end whatever daemon has this cluster in its manifests, or it begins anew\n"),
    }
    for (i, Ours { what, first, commands }) in ours.iter().enumerate() {
        let _ = writeln!(text, "  {}. {what}", i + 1);
        if let Some(first) = first {
            let _ = writeln!(text, "     {WARN}only when{WARN:#} {first}");
        }
        match commands.is_empty() {
            true => text.push_str("     what stands above ends it\n"),
            false => commands.iter().for_each(|commands| self::commands(text, commands, 5)),
        }
    }
    if !check.is_empty() {
        let _ = writeln!(text, "\n{HEAD}Whether anything is left{HEAD:#}");
        check.iter().for_each(|shows| self::shows(text, shows, 2));
    }
}

fn going_on(text: &mut String, sheet: &Sheet) {
    let status = &sheet.status;
    let charge = status.claim.as_ref().map_or_else(|| "nobody".into(), |c| format!("{}@{}", c.epoch, c.holder));
    let charge = observe::if_seen(&sheet.observed, "claim", charge);
    let _ = writeln!(text, "  in charge: {charge}");
    if let (Some(current), Some(all)) = (status.nodes_current, status.nodes) {
        let _ = writeln!(text, "  nodes at their target: {current} of {all}");
    }
    match (&status.action, status.decision) {
        (Some(action), _) => {
            let _ = writeln!(text, "  at work or next: {action}");
        }
        (None, Some(Decision::Converged)) => text.push_str("  nothing is left to do\n"),
        (None, decision) => {
            let _ = writeln!(text, "  {}", decision.map_or("what would be done is unknown", Decision::word));
        }
    }
    held(text, &status.holds);
}

/// What stands in the way, without its evidence: whoever needs that asks `explain`. What is released alike is one line.
fn held(text: &mut String, holds: &[Hold]) {
    let mut lines: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for Hold { rule, subject, release, .. } in holds {
        match lines.iter_mut().find(|(of, what, _)| of == rule && *what == release.what) {
            Some((.., subjects)) => subjects.push(&subject.name),
            None => lines.push((rule, &release.what, vec![&subject.name])),
        }
    }
    for (rule, release, subjects) in lines {
        let _ = writeln!(text, "  {WARN}{rule}{WARN:#} holds {}, {release}", subjects.join(", "));
    }
}

fn never(text: &mut String, Never { why, not, until }: &Never) {
    let _ = writeln!(text, "  {why}");
    for not in not {
        let _ = writeln!(text, "    {BAD}do not{BAD:#} {not}");
    }
    if let Some(until) = until {
        shows(text, until, 4);
    }
}

fn shows(text: &mut String, Shows { commands, means }: &Shows, indent: usize) {
    self::commands(text, commands, indent);
    let _ = writeln!(text, "{:indent$}{FAINT}->{FAINT:#} {means}", "");
}

fn commands(text: &mut String, Commands { on, lines }: &Commands, indent: usize) {
    let _ = writeln!(text, "{:indent$}{FAINT}on {on}:{FAINT:#}", "");
    for line in lines {
        let _ = writeln!(text, "{:indent$}  {line}", "");
    }
}
