//! `status`: where every cluster is, at one glance.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::hold::Hold;
use super::plan::{Decision, Handoffs};
use super::seconds::Seconds;
use crate::model::Time;

/// Where one cluster is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The cluster.
    pub name: String,
    /// Whose knowledge this is.
    pub source: Source,
    /// When the cluster was looked at.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub observed_at: Option<Time>,
    /// How long ago that is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub age_seconds: Option<Seconds>,
    /// What came of that look.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub decision: Option<Decision>,
    /// Nodes that are at their target.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub nodes_current: Option<u32>,
    /// Declared nodes.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub nodes: Option<u32>,
    /// The action in progress or next, in words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub action: Option<String>,
    /// Handoffs of the roll.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub handoffs: Option<Handoffs>,
    /// What stands in the way.
    pub holds: Vec<Hold>,
}

/// Whose knowledge something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// The running daemon's last look.
    Daemon,
    /// A look made by this command.
    Live,
    /// The record that an earlier daemon left; none is running.
    Record,
}
