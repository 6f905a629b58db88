//! `replay`: whether the decisions of the record come out the same again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::Time;

/// The decisions of one cluster, made again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Replayed {
    /// The cluster.
    pub name: String,
    /// How many came out the same, byte for byte.
    pub same: u64,
    /// How many came out otherwise, or rest on something that is not as it was written.
    pub different: u64,
    /// How many could not be made again.
    pub not_replayed: u64,
    /// All but those that came out the same, oldest first.
    pub decisions: Vec<ReplayedDecision>,
}

/// A decision that did not come out the same, or could not be made again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplayedDecision {
    /// The number of its line.
    pub entry: i64,
    /// When it was made.
    pub at: Time,
    /// What has become of it.
    pub verdict: Verdict,
    /// What was recorded: the line's `what`, as JSON.
    pub recorded: String,
    /// What came out, of one that came out otherwise.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub again: Option<String>,
    /// Why it could not be made again.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub why: Option<String>,
}

/// What has become of a decision that was made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// It came out otherwise.
    Different,
    /// What it rested on is not as it was written.
    Damaged,
    /// Another version made it.
    OtherVersion,
    /// What it rested on was pruned.
    Pruned,
    /// What it rested on was left out of the bundle, for there is a secret in it.
    LeftOut,
    /// What it rested on was never kept.
    NotKept,
}

/// What a decision rested on cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotHad {
    /// What becomes of the decision for it.
    pub verdict: Verdict,
    /// Why, in words.
    pub why: String,
}

impl Verdict {
    /// True if something is wrong, and not only missing.
    pub fn is_wrong(self) -> bool {
        matches!(self, Self::Different | Self::Damaged)
    }
}
