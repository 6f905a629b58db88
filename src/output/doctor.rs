//! `doctor`: whether everything is there that rollward needs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The checks of one cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Doctored {
    /// The cluster.
    pub name: String,
    /// Its checks, in order.
    pub checks: Vec<Check>,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// Its stable name.
    pub name: String,
    /// How it stands.
    pub state: CheckState,
    /// What was seen.
    pub evidence: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fix: Option<String>,
}

/// How a check stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CheckState {
    /// As it should be.
    Good,
    /// It will work, but look at it.
    Warning,
    /// It will not work.
    Bad,
    /// It could not be told.
    Unknown,
}

impl From<crate::drivers::ReadinessState> for CheckState {
    fn from(state: crate::drivers::ReadinessState) -> Self {
        use crate::drivers::ReadinessState as R;
        match state {
            R::Good => Self::Good,
            R::Warning => Self::Warning,
            R::Bad => Self::Bad,
            R::Unknown => Self::Unknown,
        }
    }
}

impl From<crate::drivers::Readiness> for Check {
    fn from(check: crate::drivers::Readiness) -> Self {
        Self { name: check.name.into(), state: check.state.into(), evidence: check.evidence, fix: check.fix }
    }
}
