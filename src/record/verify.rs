//! Is the record as it was written? The chain is made anew from the lines and held against the one that is there; and
//! what is in force by command is held against what the lines say.
//!
//! Absent on purpose: mending. What does not fit is told, and left as it is.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use rusqlite::{Connection, Row};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::chain::{self, KIND, Link, WIDTH, line};
use super::entry::{EntryKind, PRUNED};
use super::error::ReadError;
use super::store::Store;
use super::{inputs, journal, schema};
use crate::guard::Approval;
use crate::model::{Time, Waiver, hex};

/// A line's number and its link in the chain. Kept elsewhere, it shows later that the record still says all that it said
/// up to there, but for what a line says was pruned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The line.
    pub entry: i64,
    /// Its link, in hexadecimal.
    pub hash: String,
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.entry, self.hash)
    }
}

/// The text is no head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a head as `history --verify` prints it: a line's number, a colon, and 64 hexadecimal digits")]
pub struct NoHead;

impl FromStr for Head {
    type Err = NoHead;

    fn from_str(text: &str) -> Result<Self, NoHead> {
        let (entry, hash) = text.trim().split_once(':').ok_or(NoHead)?;
        let entry = entry.parse().map_err(|_| NoHead)?;
        let hash = hash.to_ascii_lowercase();
        if hash.len() != 64 || !hash.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(NoHead);
        }
        Ok(Self { entry, hash })
    }
}

/// What looking through the record has come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// How many lines it has.
    pub entries: u64,
    /// The last line that was there before the chain: up to it, the chain only shows what was changed since then.
    pub taken_in: Option<i64>,
    /// The end of the chain: its last line but for one that tells of pruning, which the next pruning takes out; `None` if there
    /// is none.
    pub head: Option<Head>,
    /// What is not there any more, and by whose word.
    pub pruned: Option<Pruned>,
    /// What does not fit, in the order of the lines. Nothing, if the record is as it was written.
    pub faults: Vec<Fault>,
}

/// What was pruned, as the record's own line tells: the chain goes on over it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pruned {
    /// The line that tells of it.
    pub entry: i64,
    /// Runs of lines that are no more, the first and the last of each.
    pub lines: Vec<(i64, i64)>,
    /// By the last line of such a run: when the next line that is there was written, but for one that tells of pruning. What
    /// went was no younger.
    pub before: BTreeMap<i64, Time>,
    /// Of lines up to this one, inputs may be no more; 0 if none are.
    pub inputs_to: i64,
    /// When something was pruned first.
    pub since: Time,
    /// When something was pruned last: by the clock, or when the last line was written, if that was earlier.
    pub last: Time,
}

/// Something that was not so when it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A link is there, and its line is not.
    Missing {
        /// The line.
        entry: i64,
    },
    /// A line is there, and has no link.
    Unlinked {
        /// The line.
        entry: i64,
    },
    /// A line does not follow what stands before it.
    Broken {
        /// The line.
        entry: i64,
        /// The one before it; 0 if there is none.
        after: i64,
    },
    /// A line that was written so cannot be understood.
    Unreadable {
        /// The line.
        entry: i64,
        /// Why.
        why: String,
    },
    /// The line that was the head has another link.
    OtherHead {
        /// The line.
        entry: i64,
    },
    /// The line that was the head is not there.
    NoHead {
        /// The line.
        entry: i64,
    },
    /// A line is not there, its link was kept as that of a pruned line, and no line says that it was pruned.
    NotPruned {
        /// The last line that is missing before one that is there.
        entry: i64,
    },
    /// The line that was the head was pruned: the record cannot show any more that it is the same.
    HeadPruned {
        /// The line.
        entry: i64,
    },
    /// Something that a decision rested on is not there, and no line says that it was pruned; or is not as it was written.
    Input {
        /// The decision's line.
        entry: i64,
        /// What it is.
        what: Arc<str>,
    },
    /// Something is in force by command that no line put in force as it is, or is not, and a line put it in force.
    InForce {
        /// What.
        what: String,
    },
}

impl Fault {
    /// The line that it is about.
    pub fn entry(&self) -> Option<i64> {
        match self {
            Fault::Missing { entry }
            | Fault::Unlinked { entry }
            | Fault::Broken { entry, .. }
            | Fault::Unreadable { entry, .. }
            | Fault::OtherHead { entry }
            | Fault::NoHead { entry }
            | Fault::NotPruned { entry }
            | Fault::HeadPruned { entry }
            | Fault::Input { entry, .. } => Some(*entry),
            Fault::InForce { .. } => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Missing { entry } => write!(f, "entry {entry} was taken out"),
            Fault::Unlinked { entry } => write!(f, "entry {entry} was put in, or its link was taken out"),
            Fault::Broken { entry, after } if *entry == after + 1 => {
                write!(f, "entry {entry} is not as it was written, or its link is not")
            }
            Fault::Broken { entry, after } => write!(
                f,
                "entries {} to {} were taken out with their links, or entry {entry} is not as it was written",
                after + 1,
                entry - 1
            ),
            Fault::Unreadable { entry, why } => write!(f, "entry {entry} cannot be understood: {why}"),
            Fault::OtherHead { entry } => write!(
                f,
                "entry {entry} has another hash than the one that was kept: the chain was made anew, or this is \
                 another record"
            ),
            Fault::NoHead { entry } => {
                write!(f, "entry {entry} is not there: the record's end was cut off, or this is another record")
            }
            Fault::NotPruned { entry } => write!(f, "entry {entry} was taken out, and not by pruning"),
            Fault::HeadPruned { entry } => write!(
                f,
                "entry {entry}, whose head was kept, was pruned, as the record says: what is left cannot be held against that \
                 head any more"
            ),
            Fault::Input { entry, what } => {
                write!(f, "what entry {entry} rested on is not as it was written, or was taken out: {what}")
            }
            Fault::InForce { what } => f.write_str(what),
        }
    }
}

impl Store {
    /// Looks through the whole record, as it is at this instant; `kept` is a head that was printed before.
    ///
    /// # Errors
    /// It could not be looked through; see [`ReadError`]. What does not fit is no error, but a [`Fault`].
    pub fn verify(&self, kept: Option<&Head>) -> Result<Verification, ReadError> {
        self.read(|file| {
            let now = file.unchecked_transaction()?;
            let mut walk = Walk::new(kept, &now)?;
            let mut lines = now.prepare(line!(
                ", n.id, c.hash, c.taken_in, c.id IS NOT NULL, a.hash
                 FROM (SELECT id FROM entries UNION SELECT id FROM chain UNION SELECT id FROM anchors) n
                 LEFT JOIN entries e ON e.id = n.id LEFT JOIN chain c ON c.id = n.id
                 LEFT JOIN anchors a ON a.id = n.id ORDER BY n.id"
            ))?;
            let mut lines = lines.query([])?;
            while let Some(row) = lines.next()? {
                walk.step(row)?;
            }
            walk.end(&now)
        })
    }
}

/// A walk along the chain, with what is to be in force by then.
struct Walk<'a> {
    kept: Option<&'a Head>,
    kept_seen: bool,
    before: Link,
    after: i64,
    in_force: Connection,
    /// Links of pruned lines: where the chain goes on, and after which line that is there.
    anchors: Vec<Gap>,
    /// The parts that are there, and whether each has its hash.
    parts: BTreeMap<String, bool>,
    /// What decisions rested on that is not there: the line, and what.
    missing: Vec<(i64, Arc<str>)>,
    /// The last line that is there and tells of anything but pruning.
    last: i64,
    /// Such lines before which others are not there, and when they were written.
    after_gaps: Vec<(i64, Time)>,
    found: Verification,
}

/// Lines that are not there, before a link that was kept: `after` is the last one before them, `to` the link's own.
struct Gap {
    after: i64,
    to: i64,
}

impl<'a> Walk<'a> {
    fn new(kept: Option<&'a Head>, file: &Connection) -> rusqlite::Result<Self> {
        let mut in_force = Connection::open_in_memory()?;
        schema::migrate(&mut in_force)?;
        let mut parts = BTreeMap::new();
        let mut rows = file.prepare("SELECT hash, body FROM parts")?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let hash: String = row.get(0)?;
            let sound = inputs::sound(&hash, &row.get::<_, Vec<u8>>(1)?).is_some();
            parts.insert(hash, sound);
        }
        Ok(Self {
            kept,
            kept_seen: false,
            before: chain::NOTHING,
            after: 0,
            in_force,
            anchors: Vec::new(),
            parts,
            missing: Vec::new(),
            last: 0,
            after_gaps: Vec::new(),
            found: Verification::default(),
        })
    }

    fn step(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        let entry: i64 = row.get(WIDTH)?;
        let after = std::mem::replace(&mut self.after, entry);
        let there = row.get::<_, Option<i64>>(0)?.is_some();
        if there {
            self.found.entries += 1;
            self.follow(entry, row)?;
        }
        if let Some(anchor) = row.get::<_, Option<Vec<u8>>>(WIDTH + 4)?
            && !there
            && let Ok(link) = anchor.as_slice().try_into()
        {
            self.anchors.push(Gap { after, to: entry });
            self.note_head(entry, &anchor);
            self.before = link;
            return Ok(());
        }
        if !row.get::<_, bool>(WIDTH + 3)? {
            self.found.faults.push(Fault::Unlinked { entry });
            return Ok(());
        }
        let kept: Vec<u8> = row.get(WIDTH + 1)?;
        let taken_in: i64 = row.get(WIDTH + 2)?;
        if !there {
            self.found.faults.push(Fault::Missing { entry });
        } else if kept != chain::link(&self.before, row, taken_in)? {
            self.found.faults.push(Fault::Broken { entry, after });
        }
        if taken_in != 0 {
            self.found.taken_in = Some(entry);
        }
        let head = self.note_head(entry, &kept);
        if row.get::<_, Option<String>>(KIND)?.as_deref() != Some(PRUNED) {
            self.found.head = Some(head);
        }
        // What comes next is held against the link that is there, so that each fault is told of once.
        if let Ok(link) = kept.try_into() {
            self.before = link;
        }
        Ok(())
    }

    /// Holds a link against the head that was kept, if it is that one's.
    fn note_head(&mut self, entry: i64, link: &[u8]) -> Head {
        let head = Head { entry, hash: hex(link) };
        if self.kept.is_some_and(|kept| kept.entry == entry) {
            self.kept_seen = true;
            if self.kept != Some(&head) {
                self.found.faults.push(Fault::OtherHead { entry });
            }
        }
        head
    }

    fn follow(&mut self, entry: i64, row: &Row<'_>) -> rusqlite::Result<()> {
        let packed: Option<Vec<u8>> = row.get(WIDTH - 1)?;
        for (what, hash) in packed.and_then(|packed| inputs::names(&packed).ok()).into_iter().flatten() {
            match self.parts.get(&hash) {
                Some(true) => {}
                Some(false) => self.found.faults.push(Fault::Input { entry, what }),
                None => self.missing.push((entry, what)),
            }
        }
        match journal::recorded(row) {
            Ok(line) => {
                if let EntryKind::Pruned { lines, inputs_to, since } = &line.entry.what {
                    let (lines, last) = (lines.clone(), line.entry.at);
                    let (inputs_to, since, before) = (*inputs_to, *since, BTreeMap::new());
                    self.found.pruned = Some(Pruned { entry, lines, before, inputs_to, since, last });
                } else if entry > std::mem::replace(&mut self.last, entry) + 1 {
                    self.after_gaps.push((entry, line.entry.at));
                }
                journal::follow(&self.in_force, &line.entry)
            }
            Err(error) => {
                self.found.faults.push(Fault::Unreadable { entry, why: error.to_string() });
                Ok(())
            }
        }
    }

    fn end(mut self, file: &Connection) -> rusqlite::Result<Verification> {
        let Verification { faults, pruned, .. } = &mut self.found;
        if let Some(Pruned { lines, before, .. }) = pruned {
            let next = |last: i64| self.after_gaps.get(self.after_gaps.partition_point(|(entry, _)| *entry <= last));
            *before = lines.iter().filter_map(|(_, last)| Some((*last, next(*last)?.1))).collect();
        }
        let gone = |from: i64, to: i64| {
            let runs = pruned.iter().flat_map(|told| &told.lines);
            runs.into_iter().any(|(first, last)| *first <= from && to <= *last)
        };
        if let Some(kept) = self.kept.filter(|_| !self.kept_seen) {
            let entry = kept.entry;
            faults.push(if gone(entry, entry) { Fault::HeadPruned { entry } } else { Fault::NoHead { entry } });
        }
        for Gap { after, to } in &self.anchors {
            if !gone(after + 1, *to) {
                faults.push(Fault::NotPruned { entry: *to });
            }
        }
        let inputs_to = pruned.as_ref().map_or(0, |told| told.inputs_to);
        let missing = self.missing.into_iter().filter(|(entry, _)| *entry > inputs_to);
        faults.extend(missing.map(|(entry, what)| Fault::Input { entry, what }));
        faults.sort_by_key(|fault| fault.entry().unwrap_or(i64::MAX));
        for (what, rows, is_so) in IN_FORCE {
            compare(what, &read(file, rows)?, &read(&self.in_force, rows)?, *is_so, faults);
        }
        Ok(self.found)
    }
}

/// What is in force by command: what it is called; each one's name and the rest of it, as JSON; and whether the second
/// can have become the first.
const IN_FORCE: &[(&str, &str, IsSo)] = &[
    ("approval of plan", "SELECT hash || ' of ' || cluster, body FROM approvals", is_rest_of),
    ("waiver of", "SELECT what || ' in ' || cluster, body FROM waivers", is_same::<Waiver>),
    ("stop cord for labels", "SELECT labels, json_array(why, by, at) FROM stops", is_same::<Value>),
];

type IsSo = fn(&Value, &Value) -> bool;

fn is_same<T: DeserializeOwned + PartialEq>(kept: &Value, given: &Value) -> bool {
    let read = |value: &Value| serde_json::from_value::<T>(value.clone());
    matches!((read(kept), read(given)), (Ok(kept), Ok(given)) if kept == given)
}

/// An approval loses its handoffs from the front, also those that were seen to be done without a line that says so.
fn is_rest_of(kept: &Value, given: &Value) -> bool {
    let read = |value: &Value| serde_json::from_value::<Approval>(value.clone());
    let (Ok(kept), Ok(given)) = (read(kept), read(given)) else { return false };
    let shorter = !kept.remaining.is_empty() && given.remaining.ends_with(&kept.remaining);
    shorter && kept == Approval { remaining: kept.remaining.clone(), ..given }
}

/// What is no JSON at all is `null`.
fn read(file: &Connection, rows: &str) -> rusqlite::Result<BTreeMap<String, Value>> {
    let mut rows = file.prepare(rows)?;
    let found = rows.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
    found.map(|row| row.map(|(name, body)| (name, serde_json::from_str(&body).unwrap_or_default()))).collect()
}

fn compare(
    what: &str,
    kept: &BTreeMap<String, Value>,
    given: &BTreeMap<String, Value>,
    is_so: IsSo,
    faults: &mut Vec<Fault>,
) {
    let mut say = |name: &str, why: &str| faults.push(Fault::InForce { what: format!("the {what} {name} {why}") });
    for (name, body) in kept {
        match given.get(name) {
            None => say(name, "is in force, and no entry says that it was given and not taken back"),
            Some(given) if !is_so(body, given) => say(name, "is not in force as its entry says"),
            Some(_) => {}
        }
    }
    for name in given.keys().filter(|name| !kept.contains_key(*name)) {
        say(name, "is not in force, and no entry says that it was taken back");
    }
}
