//! What is too old, or too much, goes: inputs first, which are most of it, then lines. In small transactions, so that nobody
//! who writes waits for it.
//!
//! Absent on purpose: when to do it, and any thought of what a line means beyond who still needs it. What is pruned is told
//! by a line of its own, and the chain goes on from the link of the last line before each that stays.

use std::collections::BTreeSet;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::entry::EntryKind;
use super::error::{ReadError, WriteError};
use super::journal::{read_json, read_time, time_text};
use super::store::{Store, of_many};
use super::{inputs, journal};
use crate::model::Time;
use crate::model::time::earlier;

/// So many lines, or parts, go in one transaction: a writer waits for some milliseconds at most.
const AT_ONCE: u32 = 200;

/// Where the record is too large, so much of what is left goes at a time: one in this many lines.
const SLICE: i64 = 16;

/// How much of the record is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Lines that are younger than this.
    pub lines: Duration,
    /// What their decisions rested on, if they are younger than this.
    pub inputs: Duration,
    /// Not more than this, in bytes; what is needed is kept all the same.
    pub bytes: u64,
}

/// What a pruning has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruning {
    /// Lines that went.
    pub lines: u64,
    /// Parts of inputs that went.
    pub parts: u64,
    /// How large the record is still, in bytes, where that is more than was asked for: all the rest is needed, or too young
    /// to have been looked at.
    pub over: Option<u64>,
}

/// Up to where lines, and inputs, go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cut {
    lines: i64,
    inputs: i64,
}

/// Whether a cluster has intended nothing since a line.
macro_rules! none_intended_since {
    () => {
        "NOT EXISTS (SELECT 1 FROM entries o WHERE o.cluster = e.cluster AND o.id > e.id AND o.kind = 'intended')"
    };
}

/// Whether somebody still needs a line: the open roll that it belongs to; an approval, a waiver or a stop cord in force; or
/// whoever asks for the last intention of a cluster, for the builds that it was decided on, and for what it came to.
const NEEDED: &str = concat!(
    "(e.kind IN ('rollStarted', 'intended', 'answered', 'outcome', 'failover', 'outage', 'measured', 'alarm')
        AND EXISTS (SELECT 1 FROM rolls r WHERE r.cluster = e.cluster AND r.ended IS NULL AND r.started <= e.at)
    OR e.kind IN ('approved', 'approvalVoid') AND EXISTS (SELECT 1 FROM approvals a WHERE a.cluster = e.cluster)
    OR e.kind IN ('waiverGiven', 'waiverLifted') AND EXISTS (SELECT 1 FROM waivers w WHERE w.cluster = e.cluster)
    OR e.kind IN ('stopPulled', 'stopLifted') AND EXISTS (SELECT 1 FROM stops)
    OR e.kind IN ('intended', 'answered', 'outcome', 'converged') AND ",
    none_intended_since!(),
    " OR e.kind = 'pruned')"
);

/// Lines that keep their inputs whatever their age: a report reads builds from the last intention of a cluster, and
/// predictions from all of an open roll.
const KEEPS_INPUTS: &str = concat!(
    "e.id <= ?1 AND e.kind = 'intended' AND (
        EXISTS (SELECT 1 FROM rolls r WHERE r.cluster = e.cluster AND r.ended IS NULL AND r.started <= e.at) OR ",
    none_intended_since!(),
    ")"
);

impl Store {
    /// Prunes what nobody needs and is too old, or too much. `goes_on` is asked between transactions. No clock is believed
    /// that is ahead of the last line: at worst, something is kept for longer.
    ///
    /// # Errors
    /// What was pruned until then is pruned, and told; see [`WriteError`].
    pub fn prune(&self, keep: &Keep, now: Time, goes_on: impl Fn() -> bool) -> Result<Pruning, WriteError> {
        let mut done = Pruning::default();
        let now = self.ask(|file| Ok(written_last(file)?.map_or(now, |last| now.min(last))))?;
        let by_age = |file: &Connection| {
            let lines = old(file, now, keep.lines)?;
            Ok(Cut { lines, inputs: old(file, now, keep.inputs)?.max(lines) })
        };
        let mut cut = self.ask(by_age)?;
        loop {
            self.prune_to(cut, now, &goes_on, &mut done)?;
            let (used, last) = self.ask(|file| Ok((used(file)?, last(file)?)))?;
            done.over = (used > keep.bytes).then_some(used);
            let end = last - 1;
            if done.over.is_none() || cut.lines >= end || !goes_on() {
                return Ok(done);
            }
            let further = |to: i64| (to + ((end - to) / SLICE).max(1)).min(end);
            cut = if cut.inputs < end {
                Cut { inputs: further(cut.inputs), ..cut }
            } else {
                Cut { lines: further(cut.lines), ..cut }
            };
        }
    }

    fn prune_to(&self, cut: Cut, now: Time, goes_on: &impl Fn() -> bool, done: &mut Pruning) -> Result<(), WriteError> {
        while goes_on() {
            let pruned = self.transact(false, |file| prune_lines(file, cut.lines, now))?;
            done.lines += pruned as u64;
            if pruned < AT_ONCE as usize {
                break;
            }
        }
        let (garbage, marked_to) = self.ask(|file| garbage(file, cut.inputs))?;
        for some in garbage.chunks(AT_ONCE as usize) {
            if !goes_on() {
                break;
            }
            let pruned = self.transact(false, |file| prune_parts(file, some, marked_to, cut.inputs, now))?;
            done.parts += pruned as u64;
        }
        Ok(())
    }

    fn ask<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, WriteError> {
        self.read(ask).map_err(|error: ReadError| WriteError::Failed {
            path: self.path().to_owned(),
            detail: format!("what may be pruned cannot be told: {error}"),
        })
    }
}

/// Bytes that hold something. Free pages are written to before the file grows.
fn used(file: &Connection) -> rusqlite::Result<u64> {
    let pragma = |name: &str| file.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
    let pages = pragma("page_count")? - pragma("freelist_count")?;
    Ok(u64::try_from(pages * pragma("page_size")?).unwrap_or(0))
}

/// The last line before the first young one that is older than this. Those that a wrong clock has dated ahead are neither old
/// nor young: they go with their neighbours.
fn old(file: &Connection, now: Time, kept: Duration) -> rusqlite::Result<i64> {
    let mut old = file.prepare_cached(
        "SELECT ifnull(max(id), 0) FROM entries WHERE at < ?1
         AND id < (SELECT ifnull(min(id), 9223372036854775807) FROM entries WHERE at BETWEEN ?1 AND ?2)",
    )?;
    old.query_row([time_text(earlier(now, kept)), time_text(now)], |row| row.get(0))
}

/// When the last line was written that tells of anything but pruning.
fn written_last(file: &Connection) -> rusqlite::Result<Option<Time>> {
    let mut last = file.prepare_cached("SELECT at FROM entries WHERE kind <> 'pruned' ORDER BY id DESC LIMIT 1")?;
    last.query_row([], |row| read_time(row, 0)).optional()
}

fn last(file: &Connection) -> rusqlite::Result<i64> {
    file.query_row("SELECT ifnull(max(id), 0) FROM entries", [], |row| row.get(0))
}

/// Prunes the oldest lines up to `to` that nobody needs; how many. The last line that tells of anything but pruning stays: it
/// is the head.
fn prune_lines(file: &Connection, to: i64, now: Time) -> rusqlite::Result<usize> {
    let mut old = file.prepare_cached(&format!(
        "SELECT e.id FROM entries e WHERE e.id <= ?1 AND NOT {NEEDED}
         AND e.id < (SELECT id FROM entries WHERE kind <> 'pruned' ORDER BY id DESC LIMIT 1)
         ORDER BY e.id LIMIT ?2"
    ))?;
    let old: Vec<i64> = old.query_map(params![to, AT_ONCE], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    if !old.is_empty() {
        tell(file, &old, 0, now)?;
    }
    Ok(old.len())
}

/// The parts that no line above `to`, and no older one that keeps its inputs, names; and up to which line that was looked at.
fn garbage(file: &Connection, to: i64) -> rusqlite::Result<(Vec<String>, i64)> {
    let now = file.unchecked_transaction()?;
    let mut marked = inputs::named(&now, "e.id > ?1", to)?;
    marked.append(&mut inputs::named(&now, KEEPS_INPUTS, to)?);
    let mut all = now.prepare("SELECT hash FROM parts")?;
    let all = all.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok((all.into_iter().filter(|hash| !marked.contains(hash)).collect(), last(&now)?))
}

/// Prunes these parts, but for those that a line since `marked_to` names; how many.
fn prune_parts(file: &Connection, some: &[String], marked_to: i64, to: i64, now: Time) -> rusqlite::Result<usize> {
    let since = inputs::named(file, "e.id > ?1", marked_to)?;
    let mut pruned = 0;
    for hash in some.iter().filter(|hash| !since.contains(*hash)) {
        pruned += file.prepare_cached("DELETE FROM parts WHERE hash = ?1")?.execute([hash])?;
    }
    if pruned > 0 {
        tell(file, &[], to, now)?;
    }
    Ok(pruned)
}

/// Takes lines out, and writes the line that says so in place of the one that said it before.
fn tell(file: &Connection, out: &[i64], inputs_to: i64, now: Time) -> rusqlite::Result<()> {
    let before = told(file)?;
    let mut gone: BTreeSet<i64> = out.iter().copied().collect();
    let (mut lines, mut told_to, mut since, mut at) = (Vec::new(), 0, now, now);
    if let Some((id, before, what)) = before {
        (lines, told_to, since) = what;
        // What is over by the one before is over by this one, whatever the clock says now.
        at = now.max(before);
        // One that tells of the same inputs, and of no lines more, stays.
        if gone.is_empty() && told_to >= inputs_to {
            return Ok(());
        }
        gone.insert(id);
    }
    let lines = with(lines, &gone);
    let what = EntryKind::Pruned { lines, inputs_to: told_to.max(inputs_to), since };
    // Before anything goes: the number of the last line would be given again.
    journal::append(file, &of_many(at, what))?;
    for id in &gone {
        take_out(file, *id)?;
    }
    thin(file)
}

type Told = (Vec<(i64, i64)>, i64, Time);

/// The line that says what was pruned so far, and when it was written.
fn told(file: &Connection) -> rusqlite::Result<Option<(i64, Time, Told)>> {
    let mut line =
        file.prepare_cached("SELECT id, at, what FROM entries WHERE kind = 'pruned' ORDER BY id DESC LIMIT 1")?;
    let row = |row: &Row<'_>| Ok((row.get(0)?, read_time(row, 1)?, read_json::<EntryKind>(row, 2)?));
    Ok(line.query_row([], row).optional()?.and_then(|(id, at, what)| match what {
        EntryKind::Pruned { lines, inputs_to, since } => Some((id, at, (lines, inputs_to, since))),
        _ => None,
    }))
}

/// Runs of numbers with more of them.
fn with(runs: Vec<(i64, i64)>, more: &BTreeSet<i64>) -> Vec<(i64, i64)> {
    let mut all: Vec<(i64, i64)> = runs.into_iter().chain(more.iter().map(|id| (*id, *id))).collect();
    all.sort_unstable();
    let mut joined: Vec<(i64, i64)> = Vec::new();
    for (first, to) in all {
        match joined.last_mut() {
            Some((_, end)) if first <= *end + 1 => *end = to.max(*end),
            _ => joined.push((first, to)),
        }
    }
    joined
}

/// Takes a line out, and keeps its link.
fn take_out(file: &Connection, id: i64) -> rusqlite::Result<()> {
    file.prepare_cached("INSERT OR REPLACE INTO anchors (id, hash) SELECT id, hash FROM chain WHERE id = ?1")?
        .execute([id])?;
    file.prepare_cached("DELETE FROM chain WHERE id = ?1")?.execute([id])?;
    file.prepare_cached("DELETE FROM entries WHERE id = ?1")?.execute([id])?;
    Ok(())
}

/// Lets go of the links after which no line is left before the next link.
fn thin(file: &Connection) -> rusqlite::Result<()> {
    let mut ids = file.prepare_cached("SELECT id FROM anchors ORDER BY id")?;
    let ids: Vec<i64> = ids.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let mut between = file.prepare_cached("SELECT 1 FROM entries WHERE id > ?1 AND id < ?2 LIMIT 1")?;
    for (this, next) in ids.iter().zip(ids.iter().skip(1)) {
        if !between.exists([this, next])? {
            file.prepare_cached("DELETE FROM anchors WHERE id = ?1")?.execute([this])?;
        }
    }
    Ok(())
}
