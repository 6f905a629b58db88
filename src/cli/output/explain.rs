//! `explain`: for every node that is not at its target, what it waits for.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::hold::Hold;
use super::observe::Unknown;
use super::plan::Decision;
use super::seconds::Seconds;
use super::status::Source;
use crate::model::{Standing, Time};

/// Why one cluster is not converged, node by node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Explained {
    /// The cluster.
    pub name: String,
    /// Whose knowledge this is.
    pub source: Source,
    /// When the cluster was looked at.
    pub observed_at: Time,
    /// How long ago that is.
    pub age_seconds: Seconds,
    /// What came of that look.
    pub decision: Decision,
    /// The action that is in progress or next, in words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub action: Option<String>,
    /// The nodes.
    pub nodes: Vec<ExplainedNode>,
    /// What stands in the way of the whole cluster.
    pub holds: Vec<Hold>,
    /// Facts that could not be seen.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub unknown: Vec<Unknown>,
}

/// Why one node is not at its target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedNode {
    /// Its name.
    pub name: String,
    /// The rollup that it should be at.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub target: Option<String>,
    /// How it stands to it; `null` if that cannot be told.
    pub standing: Option<Standing>,
    /// What is installed, package by package; `null` if it is not installed.
    pub versions: BTreeMap<String, Option<String>>,
    /// What is being done on it, or comes next on it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub action: Option<String>,
    /// What it waits for. Empty if it is at its target, or work on it is in progress or next.
    pub holds: Vec<Hold>,
}
