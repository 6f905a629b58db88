//! `history --verify`: whether the record is as it was written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::Verification;

/// What looking through the record has come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Audited {
    /// Whether nothing was found. Lines cut off at the end are found only with a head that was kept elsewhere.
    pub whole: bool,
    /// How many lines the record has.
    pub entries: u64,
    /// The last line that was there before the chain: up to it, only what was changed since then can be found.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub taken_in: Option<i64>,
    /// The end of the chain, `NUMBER:HASH`; kept elsewhere, it shows later that nothing up to there has changed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub head: Option<String>,
    /// What does not fit, the first one first.
    pub faults: Vec<FaultFound>,
}

/// Something that was not so when it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FaultFound {
    /// The number of the line; left out for what is in force by command.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub entry: Option<i64>,
    /// What, in words.
    pub what: String,
}

impl From<Verification> for Audited {
    fn from(found: Verification) -> Self {
        let Verification { entries, taken_in, head, faults } = found;
        let faults: Vec<_> =
            faults.iter().map(|fault| FaultFound { entry: fault.entry(), what: fault.to_string() }).collect();
        Self { whole: faults.is_empty(), entries, taken_in, head: head.map(|head| head.to_string()), faults }
    }
}
