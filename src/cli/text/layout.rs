//! Tables, times and durations, the same everywhere.

use comfy_table::{Cell, Table, presets};

use crate::model::{Time, time};
use crate::output::Seconds;

/// A cell of a table.
pub type Column = Cell;

/// An aligned table without rules, indented by two spaces, with a newline at the end. Columns that are empty in every
/// row are left out.
pub fn table(headings: &[&str], rows: Vec<Vec<Cell>>) -> String {
    let used: Vec<bool> = (0..headings.len())
        .map(|i| rows.iter().any(|row| row.get(i).is_some_and(|cell| !cell.content().is_empty())))
        .collect();
    let pick = |row: Vec<Cell>| -> Vec<Cell> {
        row.into_iter().zip(&used).filter(|(_, used)| **used).map(|(cell, _)| cell).collect()
    };
    let mut table = Table::new();
    table.load_style(presets::NOTHING).enforce_styling();
    table.style_text_only();
    if headings.iter().any(|heading| !heading.is_empty()) {
        let headings = headings.iter().map(|h| styled(Cell::new(h))).collect();
        table.set_header(pick(headings));
    }
    table.add_rows(rows.into_iter().map(pick));
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.lines().map(|line| format!("  {}\n", line.trim_end())).collect()
}

/// A heading. An empty one stays without style: styled blanks at a line's end could not be trimmed.
fn styled(heading: Cell) -> Cell {
    if heading.content().is_empty() { heading } else { heading.add_attribute(comfy_table::Attribute::Dim) }
}

/// A duration, as people say it.
pub fn seconds(duration: Seconds) -> String {
    time::words(duration.0)
}

/// How long ago something was, seen from `now`.
pub fn ago(at: Time, now: Time) -> String {
    match time::between(at, now).as_secs() {
        0 => "just now".into(),
        _ => format!("{} ago", time::words(time::between(at, now))),
    }
}

/// A moment in UTC, to the second.
pub fn stamp(at: Time) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// A time of day in UTC, to the second.
pub fn clock(at: Time) -> String {
    at.strftime("%H:%M:%S").to_string()
}
