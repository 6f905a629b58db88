//! The ledger of each cluster's present roll, or of its last one: it survives restarts, so that what was spent before
//! one is not forgotten.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use super::entry::RollCounts;
use super::error::ReadError;
use super::journal::{read_json, read_time, time_text, to_json};
use super::store::Store;
use crate::model::{ClusterName, NodeName, Time};

/// A roll: from the first look at a target set that is not converged until it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Roll {
    /// When it began.
    pub started: Time,
    /// When the cluster converged; `None` while it has not.
    pub ended: Option<Time>,
    /// Its handoffs.
    pub counts: RollCounts,
    /// Nodes that the count leaves out: when it was made, no step led to their targets.
    pub uncounted: BTreeSet<NodeName>,
}

impl Store {
    /// The present or last roll of every cluster that had one.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn rolls(&self) -> Result<BTreeMap<ClusterName, Roll>, ReadError> {
        self.read(|file| {
            file.prepare_cached(
                "SELECT started, ended, planned, floor, optimum, spent, forced, cluster, uncounted FROM rolls",
            )?
            .query_map([], |row| Ok((ClusterName::new(row.get::<_, String>(7)?), roll(row)?)))?
            .collect()
        })
    }
}

pub(super) fn start(file: &Connection, cluster: &ClusterName, at: Time, counts: &RollCounts) -> rusqlite::Result<()> {
    set(file, cluster, &Roll { started: at, ended: None, counts: *counts, uncounted: BTreeSet::new() })
}

/// Ends the cluster's roll. One whose beginning was lost is written as if it had begun at its end.
pub(super) fn end(file: &Connection, cluster: &ClusterName, at: Time, counts: &RollCounts) -> rusqlite::Result<()> {
    let mut begun = file.prepare_cached("SELECT started FROM rolls WHERE cluster = ?1")?;
    let started = begun.query_map([cluster.as_str()], |row| read_time(row, 0))?.next().transpose()?;
    let started = started.unwrap_or(at);
    set(file, cluster, &Roll { started, ended: Some(at), counts: *counts, uncounted: BTreeSet::new() })
}

pub(super) fn set(file: &Connection, cluster: &ClusterName, roll: &Roll) -> rusqlite::Result<()> {
    let Roll { started, ended, counts: RollCounts { planned, floor, optimum, spent, forced }, uncounted } = roll;
    let uncounted = to_json(uncounted)?;
    file.prepare_cached(
        "INSERT INTO rolls (cluster, started, ended, planned, floor, optimum, spent, forced, uncounted)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (cluster) DO UPDATE SET started = ?2, ended = ?3, planned = ?4, floor = ?5, optimum = ?6,
             spent = ?7, forced = ?8, uncounted = ?9
         WHERE (started, ended, planned, floor, optimum, spent, forced, uncounted)
             IS NOT (?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        cluster.as_str(),
        time_text(*started),
        ended.map(time_text),
        planned,
        floor,
        optimum,
        spent,
        forced,
        uncounted
    ])?;
    Ok(())
}

fn roll(row: &Row<'_>) -> rusqlite::Result<Roll> {
    let ended = row.get::<_, Option<String>>(1)?.map(|_| read_time(row, 1)).transpose()?;
    let counts = RollCounts {
        planned: row.get(2)?,
        floor: row.get(3)?,
        optimum: row.get(4)?,
        spent: row.get(5)?,
        forced: row.get(6)?,
    };
    Ok(Roll { started: read_time(row, 0)?, ended, counts, uncounted: read_json(row, 8)? })
}
