//! The journal: lines are only ever added.

use std::io::{Read, Write};
use std::sync::Arc;

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use rusqlite::types::Type;
use rusqlite::{Connection, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::entry::{Entry, EntryKind};
use super::error::ReadError;
use super::store::Store;
use super::{approvals, chain, inputs, rolls, samples, stops, waivers};
use crate::model::{Action, ActionKind, Answer, ClusterName, GroupName, NodeName, Time};

/// A line of the journal as it was read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Its number: later lines have higher ones.
    pub id: i64,
    /// The line. The inputs of a decision are left empty: ask [`Store::inputs`] for them.
    pub entry: Entry,
}

/// Which lines of the journal are wanted; by default, all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// About this cluster.
    pub cluster: Option<ClusterName>,
    /// Of this kind, by its word, such as `outcome`.
    pub kind: Option<String>,
    /// About this node.
    pub node: Option<NodeName>,
    /// About this group.
    pub group: Option<GroupName>,
    /// Not before this time.
    pub since: Option<Time>,
    /// With higher numbers than this, for those who follow along.
    pub after: Option<i64>,
}

impl Store {
    /// The last `limit` lines that pass the filter, oldest first.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn history(&self, filter: &Filter, limit: u32) -> Result<Vec<Recorded>, ReadError> {
        self.read(|file| {
            let mut statement = file.prepare_cached(
                "SELECT id, cluster, at, revision, what FROM entries
                 WHERE (?1 IS NULL OR cluster = ?1) AND (?2 IS NULL OR kind = ?2) AND (?3 IS NULL OR node = ?3)
                   AND (?4 IS NULL OR grp = ?4) AND (?5 IS NULL OR at >= ?5) AND (?6 IS NULL OR id > ?6)
                 ORDER BY id DESC LIMIT ?7",
            )?;
            let Filter { cluster, kind, node, group, since, after } = filter;
            let wanted = params![
                cluster.as_ref().map(ClusterName::as_str),
                kind.as_deref(),
                node.as_ref().map(NodeName::as_str),
                group.as_ref().map(GroupName::as_str),
                since.map(time_text),
                after,
                limit
            ];
            let mut found = statement.query_map(wanted, recorded)?.collect::<rusqlite::Result<Vec<_>>>()?;
            found.reverse();
            Ok(found)
        })
    }

    /// The handoffs and installs that the cluster's controller began since then and whose end is not written, each with when
    /// it was meant to begin: the last of each role and of each node. Only a look can tell what came of them.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn begun(&self, cluster: &ClusterName, since: Time) -> Result<Vec<(Action, Time)>, ReadError> {
        let lines = self.read(|file| {
            let mut statement = file.prepare_cached(
                "SELECT id, cluster, at, revision, what FROM entries
                 WHERE cluster = ?1 AND at >= ?2 AND kind IN ('intended', 'answered', 'outcome') AND action IN (?3, ?4, ?5)
                 ORDER BY id",
            )?;
            let [handoff, install, uninstall] =
                [ActionKind::Handoff, ActionKind::Install, ActionKind::Uninstall].map(ActionKind::word);
            let wanted = params![cluster.as_str(), time_text(since), handoff, install, uninstall];
            statement.query_map(wanted, recorded)?.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        let mut open = Vec::new();
        for Entry { at, what, .. } in lines.into_iter().map(|line| line.entry) {
            let Some(action) = what.action() else { continue };
            let of_one = |(other, _): &(Action, Time)| match (action.group(), other.group()) {
                (None, None) => action.node() == other.node(),
                (group, of_other) => group == of_other,
            };
            match &what {
                EntryKind::Answered { answer: Answer::Accepted | Answer::Unsure { .. }, .. } => {}
                _ => open.retain(|other| !of_one(other)),
            }
            if matches!(what, EntryKind::Intended { .. }) {
                open.push((action.clone(), at));
            }
        }
        Ok(open)
    }
}

/// Writes a line, and what follows from it.
pub(super) fn append(file: &Connection, entry: &Entry) -> rusqlite::Result<i64> {
    let Entry { cluster, at, revision, what } = entry;
    let inputs =
        what.inputs().filter(|inputs| !inputs.is_empty()).map(|rested| inputs::keep(file, rested)).transpose()?;
    file.prepare_cached(
        "INSERT INTO entries (cluster, at, revision, kind, action, node, grp, took_ms, text, what, inputs)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute(params![
        cluster.as_str(),
        time_text(*at),
        &**revision,
        what.word(),
        what.action().map(|a| a.kind().word()),
        what.node().map(NodeName::as_str),
        what.group().map(GroupName::as_str),
        what.took().map(milliseconds),
        what.to_string(),
        to_json(what)?,
        inputs,
    ])?;
    let id = file.last_insert_rowid();
    chain::append(file, id)?;
    follow(file, entry)?;
    Ok(id)
}

/// Does what follows from a line.
pub(super) fn follow(file: &Connection, entry: &Entry) -> rusqlite::Result<()> {
    let Entry { cluster, at, what, .. } = entry;
    match what {
        EntryKind::RollStarted { counts } => rolls::start(file, cluster, *at, counts)?,
        EntryKind::Converged { counts } => rolls::end(file, cluster, *at, counts)?,
        EntryKind::Approved { approval } => approvals::put_in_force(file, cluster, approval)?,
        EntryKind::WaiverGiven { waiver } => waivers::give(file, cluster, waiver, *at)?,
        EntryKind::WaiverLifted { waiver, .. } => waivers::lift(file, cluster, waiver)?,
        EntryKind::StopPulled { labels, why, by } => stops::pull(file, labels, why, by, *at)?,
        EntryKind::StopLifted { labels, .. } => stops::lift(file, labels)?,
        EntryKind::Pruned { .. } => waivers::let_go(file, *at)?,
        EntryKind::ApprovalVoid { hash, .. } => approvals::remove(file, cluster, hash)?,
        EntryKind::Outcome { action, failure: None, took, at_most } => {
            approvals::use_up(file, cluster, action)?;
            if !at_most {
                samples::add(file, cluster, action, *took, *at)?;
            }
        }
        _ => {}
    }
    Ok(())
}

pub(super) fn recorded(row: &Row<'_>) -> rusqlite::Result<Recorded> {
    let entry = Entry {
        cluster: ClusterName::new(row.get::<_, String>(1)?),
        at: read_time(row, 2)?,
        revision: row.get::<_, Arc<str>>(3)?,
        what: read_json(row, 4)?,
    };
    Ok(Recorded { id: row.get(0)?, entry })
}

// === How values become columns, for the other tables too ===

/// RFC 3339 in UTC, always with milliseconds, so that texts sort as times do.
pub(super) fn time_text(at: Time) -> String {
    format!("{at:.3}")
}

pub(super) fn read_time(row: &Row<'_>, column: usize) -> rusqlite::Result<Time> {
    let text: String = row.get(column)?;
    text.parse().map_err(|e: jiff::Error| unreadable(column, e))
}

/// Whole milliseconds: what the record keeps of a duration.
pub(super) fn milliseconds(took: std::time::Duration) -> i64 {
    i64::try_from(took.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn to_json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))
}

pub(super) fn read_json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|e| unreadable(column, e))
}

pub(super) fn unreadable(column: usize, why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, why.into())
}

pub(super) fn pack(text: &str) -> rusqlite::Result<Vec<u8>> {
    let mut packer = ZlibEncoder::new(Vec::new(), Compression::fast());
    packer
        .write_all(text.as_bytes())
        .and_then(|()| packer.finish())
        .map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))
}

pub(super) fn unpack(packed: &[u8]) -> std::io::Result<String> {
    let mut text = String::new();
    ZlibDecoder::new(packed).read_to_string(&mut text)?;
    Ok(text)
}
