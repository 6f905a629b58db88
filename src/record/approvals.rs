//! Approvals in force. Whether one still fits what is planned is not judged here.
//!
//! What is used up goes with the same line of the journal that says so: an approval that came back after a restart
//! would allow a handoff that nobody approved.

use rusqlite::{Connection, params};

use super::error::ReadError;
use super::journal::{read_json, to_json};
use super::store::Store;
use crate::guard::{Approval, PlannedHandoff};
use crate::model::{Action, ClusterName};

impl Store {
    /// The cluster's approvals in force, by hash.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn approvals(&self, cluster: &ClusterName) -> Result<Vec<Approval>, ReadError> {
        self.read(|file| of(file, cluster))
    }
}

fn of(file: &Connection, cluster: &ClusterName) -> rusqlite::Result<Vec<Approval>> {
    file.prepare_cached("SELECT body FROM approvals WHERE cluster = ?1 ORDER BY hash")?
        .query_map([cluster.as_str()], |row| read_json(row, 0))?
        .collect()
}

/// Puts an approval in force in place of any other of its cluster: there is one plan, and this is the one approved.
pub(super) fn put_in_force(file: &Connection, cluster: &ClusterName, approval: &Approval) -> rusqlite::Result<()> {
    file.prepare_cached("DELETE FROM approvals WHERE cluster = ?1 AND hash <> ?2")?
        .execute([cluster.as_str(), &approval.hash])?;
    set(file, cluster, approval)
}

/// Takes a handoff that was done off the approvals that had it next.
pub(super) fn use_up(file: &Connection, cluster: &ClusterName, action: &Action) -> rusqlite::Result<()> {
    let Action::Handoff { group, from, to, style } = action else { return Ok(()) };
    let done = PlannedHandoff { group: group.clone(), from: from.clone(), to: to.clone(), style: *style };
    for mut approval in of(file, cluster)? {
        if approval.remaining.first() == Some(&done) {
            approval.remaining.remove(0);
            set(file, cluster, &approval)?;
        }
    }
    Ok(())
}

/// Writes an approval as it is now; one with nothing left is removed.
pub(super) fn set(file: &Connection, cluster: &ClusterName, approval: &Approval) -> rusqlite::Result<()> {
    if approval.remaining.is_empty() {
        return remove(file, cluster, &approval.hash);
    }
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
