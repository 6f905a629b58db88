//! Approvals in force. Whether one still fits what is planned is not judged here.

use rusqlite::{Connection, params};

use super::error::ReadError;
use super::journal::{read_json, to_json};
use super::store::Store;
use crate::guard::Approval;
use crate::model::ClusterName;

impl Store {
    /// The cluster's approvals in force, by hash.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn approvals(&self, cluster: &ClusterName) -> Result<Vec<Approval>, ReadError> {
        self.read(|file| {
            file.prepare_cached("SELECT body FROM approvals WHERE cluster = ?1 ORDER BY hash")?
                .query_map([cluster.as_str()], |row| read_json(row, 0))?
                .collect()
        })
    }
}

pub(super) fn set(file: &Connection, cluster: &ClusterName, approval: &Approval) -> rusqlite::Result<()> {
    file.prepare_cached(
        "INSERT INTO approvals (cluster, hash, body) VALUES (?1, ?2, ?3)
         ON CONFLICT (cluster, hash) DO UPDATE SET body = ?3 WHERE body <> ?3",
    )?
    .execute(params![cluster.as_str(), approval.hash, to_json(approval)?])?;
    Ok(())
}

pub(super) fn remove(file: &Connection, cluster: &ClusterName, hash: &str) -> rusqlite::Result<()> {
    file.prepare_cached("DELETE FROM approvals WHERE cluster = ?1 AND hash = ?2")?.execute([cluster.as_str(), hash])?;
    Ok(())
}
