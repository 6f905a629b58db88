//! What programs read: a contract, with schemas under `schemas/output/`.
//!
//! Always `{clusters: […]}` at the top (except `simulate` and `verify`), camelCase, an optional field is omitted. What could not be
//! seen is `null`, and its cluster's `unknown` names it and says why; a `null` that is not named there is a fact (no
//! owner, no claim, not paused). Times are RFC 3339 in UTC, durations end in `Seconds`, versions are texts.
//!
//! What people read is made from the same documents, so the two cannot disagree.

mod audit;
mod bundle;
mod certificate;
mod commanded;
mod doctor;
mod explain;
mod history;
mod hold;
mod look;
mod observe;
mod outlook;
mod plan;
mod replay;
mod report;
mod run;
mod schemas;
mod seconds;
mod sheet;
mod status;
mod validate;
mod waiver;

pub use audit::*;
pub use bundle::*;
pub use certificate::*;
pub use commanded::*;
pub use doctor::*;
pub use explain::*;
pub use history::*;
pub use hold::*;
pub use observe::*;
pub use outlook::*;
pub use plan::*;
pub use replay::*;
pub use report::*;
pub use run::*;
pub use schemas::*;
pub use seconds::*;
pub use sheet::*;
pub use status::*;
pub use validate::*;
pub use waiver::*;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The document of a command that is about clusters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ClustersOf{T}")]
pub struct Clusters<T> {
    /// One entry a cluster, in the order of their names.
    pub clusters: Vec<T>,
}
