//! `history`, laid out: a line an entry.

use super::layout::{Column, stamp, table};
use super::style::{BAD, FAINT, GOOD, HEAD, WARN};
use crate::output::{Audited, Clusters, HistoryEntry, PrunedOut, PrunedRun, Recorded};

/// All records.
pub fn text(document: &Clusters<Recorded>) -> String {
    let mut text = String::new();
    for (i, recorded) in document.clusters.iter().enumerate() {
        if i > 0 {
            text.push('\n');
        }
        text.push_str(&format!("{HEAD}{}{HEAD:#}\n", recorded.name));
        text.push_str(&table(&["", "", "", ""], recorded.entries.iter().map(row).collect()));
    }
    text
}

fn row(entry: &HistoryEntry) -> Vec<Column> {
    let failed = entry.failure.is_some() || entry.entry == "alarm";
    let word = Column::new(&entry.entry);
    // A commit's first digits tell it apart; the machine output has all of them.
    let revision = entry.revision.get(..12);
    vec![
        Column::new(stamp(entry.at)),
        if failed { word.fg(comfy_table::Color::Red) } else { word },
        Column::new(revision.unwrap_or(&entry.revision)).add_attribute(comfy_table::Attribute::Dim),
        Column::new(&entry.text),
    ]
}

/// So many faults are told of one by one.
const FAULTS: usize = 10;

/// So many runs of pruned lines, the youngest ones.
const RUNS: usize = 20;

/// What the record says was pruned. Nothing proves it, so it is shown for a person to judge.
fn of_pruned(pruned: &PrunedOut) -> String {
    let PrunedOut { entry, since, last, entries, entries_to, inputs_to, runs } = pruned;
    let lines = entries_to.map(|to| format!("{entries} entries up to {to}"));
    let inputs = inputs_to.map(|to| format!("inputs of entries up to {to}"));
    let all: Vec<_> = [lines, inputs].into_iter().flatten().collect();
    let (since, last) = (stamp(*since), stamp(*last));
    let mut text = format!("pruned between {since} and {last}, as entry {entry} says: {}\n", all.join("; "));
    // What was taken out and passed off as pruned is among the younger ones.
    let more = runs.len().saturating_sub(RUNS);
    if more > 0 {
        text.push_str(&format!("  {FAINT}{more} runs before, with --output json{FAINT:#}\n"));
    }
    for PrunedRun { first, last, before } in runs.iter().skip(more) {
        let which = if first == last { format!("entry {first}") } else { format!("entries {first} to {last}") };
        let before = before.map(|at| format!(", written before {}", stamp(at))).unwrap_or_default();
        text.push_str(&format!("  {which}{before}\n"));
    }
    text
}

/// Whether the record is as it was written.
pub fn verified(document: &Audited) -> String {
    let Audited { whole, entries, taken_in, head, pruned, faults } = document;
    let mut text = if *whole {
        format!("{GOOD}the record is as it was written{GOOD:#}: {entries} entries, each follows the one before it\n")
    } else if faults.iter().all(|fault| fault.unproved) {
        format!(
            "{WARN}whether the record is as it was then cannot be told{WARN:#}: {entries} entries, each follows the one before it\n"
        )
    } else {
        format!("{BAD}the record is not as it was written{BAD:#}\n")
    };
    for fault in faults.iter().take(FAULTS) {
        text.push_str(&format!("  {}\n", fault.what));
    }
    if let Some(more @ 1..) = faults.len().checked_sub(FAULTS) {
        text.push_str(&format!("  and {more} more\n"));
    }
    if let Some(last) = taken_in {
        text.push_str(&format!(
            "{FAINT}entries up to {last} are older than the chain: of them, it shows what was changed since it began\n{FAINT:#}"
        ));
    }
    if let Some(pruned) = pruned {
        text.push_str(&of_pruned(pruned));
    }
    if let Some(head) = head.as_ref().filter(|_| *whole) {
        text.push_str(&format!("head {head}\n"));
    }
    text
}
