//! How long proved actions took: one row an action, written with its outcome.

use std::time::Duration;

use rusqlite::types::Type;
use rusqlite::{Connection, params};

use super::error::ReadError;
use super::journal::{milliseconds, read_time, time_text};
use super::learned::{self, Sample};
use super::store::Store;
use crate::model::{Action, ActionKind, ClusterName, GroupName, NodeName, Time};

/// So many of each way are kept: twice as many as count, so that a roll that goes by those from before it still has them.
const KEPT: u32 = 2 * learned::KEPT;

impl Store {
    /// How long the cluster's proved actions took, oldest first; the last ones of each way of
    /// doing something.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn samples(&self, cluster: &ClusterName) -> Result<Vec<Sample>, ReadError> {
        self.read(|file| {
            file.prepare_cached(
                "SELECT kind, grp, node_from, node_to, took_ms, at FROM samples WHERE cluster = ?1 ORDER BY id",
            )?
            .query_map([cluster.as_str()], |row| {
                let kind: String = row.get(0)?;
                let known = ActionKind::ALL.iter().find(|k| k.word() == kind);
                let kind = known.copied().ok_or_else(|| {
                    let why = format!("{kind:?} is no action");
                    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, why.into())
                })?;
                Ok(Sample {
                    kind,
                    group: row.get::<_, Option<String>>(1)?.map(GroupName::new),
                    from: row.get::<_, Option<String>>(2)?.map(NodeName::new),
                    to: row.get::<_, Option<String>>(3)?.map(NodeName::new),
                    took: Duration::from_millis(row.get::<_, i64>(4)?.try_into().unwrap_or(0)),
                    at: read_time(row, 5)?,
                })
            })?
            .collect()
        })
    }
}

pub(super) fn add(
    file: &Connection,
    cluster: &ClusterName,
    action: &Action,
    took: Duration,
    at: Time,
) -> rusqlite::Result<()> {
    let kind = action.kind().word();
    let group = action.group().map(GroupName::as_str);
    let (from, to) = (action.node().map(NodeName::as_str), action.to().map(NodeName::as_str));
    file.prepare_cached(
        "INSERT INTO samples (cluster, kind, grp, node_from, node_to, took_ms, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![cluster.as_str(), kind, group, from, to, milliseconds(took), time_text(at)])?;
    file.prepare_cached(
        "DELETE FROM samples
         WHERE cluster = ?1 AND kind = ?2 AND grp IS ?3 AND node_from IS ?4 AND node_to IS ?5 AND id NOT IN
             (SELECT id FROM samples
              WHERE cluster = ?1 AND kind = ?2 AND grp IS ?3 AND node_from IS ?4 AND node_to IS ?5
              ORDER BY id DESC LIMIT ?6)",
    )?
    .execute(params![cluster.as_str(), kind, group, from, to, KEPT])?;
    Ok(())
}
