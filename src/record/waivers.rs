//! Waivers by command. When they are lost the rules hold again, so no cluster is less safe.

use rusqlite::{Connection, params};

use super::error::ReadError;
use super::journal::{read_json, to_json};
use super::store::Store;
use crate::model::{ClusterName, Time, Waiver};

impl Store {
    /// The cluster's waivers by command, also those whose time is over.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn waivers(&self, cluster: &ClusterName) -> Result<Vec<Waiver>, ReadError> {
        self.read(|file| of(file, cluster))
    }
}

fn of(file: &Connection, cluster: &ClusterName) -> rusqlite::Result<Vec<Waiver>> {
    file.prepare_cached("SELECT body FROM waivers WHERE cluster = ?1 ORDER BY what")?
        .query_map([cluster.as_str()], |row| read_json(row, 0))?
        .collect()
}

/// Puts a waiver in force, in place of one for the same. Those whose time is over by then go.
pub(super) fn give(file: &Connection, cluster: &ClusterName, waiver: &Waiver, now: Time) -> rusqlite::Result<()> {
    for over in of(file, cluster)?.iter().filter(|other| other.until <= now) {
        lift(file, cluster, over)?;
    }
    file.prepare_cached(
        "INSERT INTO waivers (cluster, what, body) VALUES (?1, ?2, ?3)
         ON CONFLICT (cluster, what) DO UPDATE SET body = ?3",
    )?
    .execute(params![cluster.as_str(), waiver.what(), to_json(waiver)?])?;
    Ok(())
}

/// Takes those away whose time is over.
pub(super) fn let_go(file: &Connection, now: Time) -> rusqlite::Result<()> {
    let mut all = file.prepare_cached("SELECT cluster, body FROM waivers ORDER BY cluster, what")?;
    let all: Vec<(String, Waiver)> =
        all.query_map([], |row| Ok((row.get(0)?, read_json(row, 1)?)))?.collect::<rusqlite::Result<_>>()?;
    for (cluster, waiver) in all.iter().filter(|(_, waiver)| waiver.until <= now) {
        lift(file, &ClusterName::new(cluster.as_str()), waiver)?;
    }
    Ok(())
}

/// Takes the waiver for the same away.
pub(super) fn lift(file: &Connection, cluster: &ClusterName, waiver: &Waiver) -> rusqlite::Result<()> {
    file.prepare_cached("DELETE FROM waivers WHERE cluster = ?1 AND what = ?2")?
        .execute([cluster.as_str(), &waiver.what()])?;
    Ok(())
}
