//! `history`: what was done, when, why, and with what outcome.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::plan::{ActionOut, Spread};
use super::seconds::Seconds;
use crate::model::Time;
use crate::record::{Entry, EntryKind};

/// The record of one cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Recorded {
    /// The cluster.
    pub name: String,
    /// Its lines, oldest first.
    pub entries: Vec<HistoryEntry>,
}

/// One line of the record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// When.
    pub at: Time,
    /// What kind of line: `intended`, `outcome`, `decided`, `approved`, …
    pub entry: String,
    /// What, in words.
    pub text: String,
    /// The action that it is about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub action: Option<ActionOut>,
    /// The group that it is about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub group: Option<String>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failure: Option<String>,
    /// How long that was foreseen to be, where it was measured from outside.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub predicted_seconds: Option<Spread>,
    /// How long it took, or lasted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub duration_seconds: Option<Seconds>,
    /// The commit, or hash, of the manifests in force.
    pub revision: String,
}

impl From<&Entry> for HistoryEntry {
    fn from(entry: &Entry) -> Self {
        let what = &entry.what;
        let failure = match what {
            EntryKind::Outcome { failure, .. } => failure.clone(),
            _ => None,
        };
        let predicted = match what {
            EntryKind::Measured { predicted, .. } => Some((*predicted).into()),
            _ => None,
        };
        Self {
            at: entry.at,
            entry: what.word().into(),
            text: what.to_string(),
            action: what.action().map(Into::into),
            group: what.group().map(|group| group.to_string()),
            failure,
            predicted_seconds: predicted,
            duration_seconds: what.took().map(Into::into),
            revision: entry.revision.to_string(),
        }
    }
}
