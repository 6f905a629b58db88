//! `history`, laid out: a line an entry.

use super::layout::{Column, stamp, table};
use super::style::HEAD;
use crate::output::{Clusters, HistoryEntry, Recorded};

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
