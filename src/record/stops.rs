//! Stop cords by command, for all clusters or those with certain labels. A single cluster's is in the cluster itself.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::error::ReadError;
use super::journal::{read_json, read_time, time_text, to_json};
use super::store::Store;
use crate::guard::Stop;
use crate::model::Time;

impl Store {
    /// The stop cords in force.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn stops(&self) -> Result<Vec<Stop>, ReadError> {
        self.read(|file| {
            file.prepare_cached("SELECT labels, why, by, at FROM stops ORDER BY labels")?
                .query_map([], |row| {
                    let (why, by): (String, String) = (row.get(1)?, row.get(2)?);
                    Ok(Stop {
                        why: if why.is_empty() { by } else { format!("{why} ({by})") },
                        labels: read_json(row, 0)?,
                        place: None,
                        since: Some(read_time(row, 3)?),
                    })
                })?
                .collect()
        })
    }
}

pub(super) fn is_pulled(file: &Connection, labels: &BTreeMap<String, String>) -> rusqlite::Result<bool> {
    file.prepare_cached("SELECT 1 FROM stops WHERE labels = ?1")?.exists([to_json(labels)?])
}

/// Pulls a cord. One that is pulled already keeps the time and the words of its first pull.
pub(super) fn pull(
    file: &Connection,
    labels: &BTreeMap<String, String>,
    why: &str,
    by: &str,
    at: Time,
) -> rusqlite::Result<()> {
    file.prepare_cached("INSERT INTO stops (labels, why, by, at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING")?
        .execute(params![to_json(labels)?, why, by, time_text(at)])?;
    Ok(())
}

pub(super) fn lift(file: &Connection, labels: &BTreeMap<String, String>) -> rusqlite::Result<()> {
    file.prepare_cached("DELETE FROM stops WHERE labels = ?1")?.execute([to_json(labels)?])?;
    Ok(())
}
