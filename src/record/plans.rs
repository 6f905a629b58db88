//! Plans that were shown to people, so that `approve HASH` knows what was meant.

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::error::ReadError;
use super::journal::{read_json, read_time, time_text, to_json};
use super::store::Store;
use crate::guard::PlannedHandoff;
use crate::model::{ClusterName, Time};

/// So many shown plans of a cluster are kept: a person who approves looks at one of the last few.
const KEPT: u32 = 50;

/// A plan as it was shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShownPlan {
    /// Of which cluster.
    pub cluster: ClusterName,
    /// The hash that was shown with it.
    pub hash: String,
    /// Hash of what an approval binds to besides the handoffs: cluster, targets, policy.
    pub scope: String,
    /// Its handoffs, in order.
    pub handoffs: Vec<PlannedHandoff>,
    /// When it was first shown.
    pub at: Time,
}

impl Store {
    /// The plan of a cluster that was shown with this hash.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn shown_plan(&self, cluster: &ClusterName, hash: &str) -> Result<Option<ShownPlan>, ReadError> {
        self.read(|file| {
            file.prepare_cached("SELECT scope, handoffs, at FROM plans WHERE cluster = ?1 AND hash = ?2")?
                .query_row([cluster.as_str(), hash], |row| {
                    Ok(ShownPlan {
                        cluster: cluster.clone(),
                        hash: hash.to_owned(),
                        scope: row.get(0)?,
                        handoffs: read_json(row, 1)?,
                        at: read_time(row, 2)?,
                    })
                })
                .optional()
        })
    }
}

pub(super) fn remember(file: &Connection, plan: &ShownPlan) -> rusqlite::Result<()> {
    let ShownPlan { cluster, hash, scope, handoffs, at } = plan;
    let added = file
        .prepare_cached(
            "INSERT INTO plans (cluster, hash, scope, handoffs, at) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (cluster, hash) DO NOTHING",
        )?
        .execute(params![cluster.as_str(), hash, scope, to_json(handoffs)?, time_text(*at)])?;
    if added > 0 {
        file.prepare_cached(
            "DELETE FROM plans WHERE cluster = ?1 AND id NOT IN
                 (SELECT id FROM plans WHERE cluster = ?1 ORDER BY id DESC LIMIT ?2)",
        )?
        .execute(params![cluster.as_str(), KEPT])?;
    }
    Ok(())
}
