//! `status --sheet`: one page for whoever is called at night, and has no rollward.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::observe::Observed;
use super::status::Status;
use crate::drivers::ByHand;

/// What is going on in one cluster, what of ours is in it, and how that is ended without us.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sheet {
    /// The cluster.
    pub name: String,
    /// What is going on.
    pub status: Status,
    /// What was seen; what could not be seen stands in its `unknown`.
    pub observed: Observed,
    /// What of ours is there, and how it is ended with the cluster's own tools.
    pub by_hand: ByHand,
}
