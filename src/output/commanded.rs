//! `approve`, `stop`, `go`, `retry`, `release`, `takeover`, `simulate --poke`: what a person's command did.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a command did to one cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Commanded {
    /// The cluster.
    pub name: String,
    /// What was done, in words.
    pub done: String,
    /// Of an approval: the hash of what was approved.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub plan_hash: Option<String>,
}
