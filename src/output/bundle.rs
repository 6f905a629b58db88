//! `bundle`: what support needs of one cluster, in one file.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::audit::Audited;
use super::doctor::Check;
use super::replay::NotHad;
use crate::model::Time;

/// What support needs of one cluster. Secrets are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Bundle {
    /// When it was made.
    pub made_at: Time,
    /// The version that made it.
    pub version: String,
    /// The kernel of the host.
    pub system: String,
    /// The cluster.
    pub cluster: String,
    /// What `status` tells of it, if a daemon ran.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<Value>,
    /// What `doctor` tells without asking the cluster.
    pub checks: Vec<Check>,
    /// Whether the record is as it was written.
    pub record: Audited,
    /// The last lines of the record about the cluster, or about many, oldest first.
    pub entries: Vec<BundledEntry>,
    /// What decisions rested on: each part once, under its SHA-256.
    pub parts: BTreeMap<String, Arc<str>>,
    /// The last good manifests that clusters need, under the SHA-256 of each as it was.
    pub manifests: BTreeMap<Arc<str>, String>,
    /// What was left out, or could not be had, and why.
    pub left_out: Vec<String>,
}

/// A line of the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BundledEntry {
    /// Its number.
    pub entry: i64,
    /// About which cluster; `*` for what is about many.
    pub cluster: String,
    /// When.
    pub at: Time,
    /// The commit, or hash, of the manifests in force.
    pub revision: Arc<str>,
    /// What it says.
    pub what: Value,
    /// What it rested on: the hashes of its parts, by name. Left out if it is no decision.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub inputs: BTreeMap<Arc<str>, String>,
    /// Which of these parts are not in the bundle, for there is a secret in them; `what`, if one was taken out of that.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub left_out: Vec<Arc<str>>,
    /// Why the record could not give what it rested on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub not_had: Option<NotHad>,
}
