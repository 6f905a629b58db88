//! `history --verify`: whether the record is as it was written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::Time;
use crate::record::{Fault, Pruned, Verification};

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
    /// The end of the chain but for a line that tells of pruning, `NUMBER:HASH`; kept elsewhere, it shows later that nothing up
    /// to there has changed, but for what is said to be pruned.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub head: Option<String>,
    /// What was pruned for its age or its size; left out if nothing was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pruned: Option<PrunedOut>,
    /// What does not fit, the first one first.
    pub faults: Vec<FaultFound>,
}

/// What was pruned, by the record's own word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrunedOut {
    /// The number of the line that says so.
    pub entry: i64,
    /// When something was pruned first.
    pub since: Time,
    /// When something was pruned last.
    pub last: Time,
    /// How many lines are no more.
    pub entries: i64,
    /// The last of them; left out if there is none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub entries_to: Option<i64>,
    /// Of lines up to this one, inputs may be no more; left out if none are.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub inputs_to: Option<i64>,
    /// Which lines are no more, run by run. The record is believed here: hold it against how old what is pruned has to be, and
    /// against what was told before.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub runs: Vec<PrunedRun>,
}

/// Lines that follow each other, and are no more. A run of one is often a line that told of pruning itself, which the next such
/// line takes the place of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrunedRun {
    /// The first of them.
    pub first: i64,
    /// The last of them.
    pub last: i64,
    /// When the next line was written that is there: they are no younger. Left out if there is none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<Time>,
}

impl From<Pruned> for PrunedOut {
    fn from(told: Pruned) -> Self {
        let Pruned { entry, lines, before, inputs_to, since, last } = told;
        let run =
            |(first, last): &(i64, i64)| PrunedRun { first: *first, last: *last, before: before.get(last).copied() };
        Self {
            entry,
            since,
            last,
            entries: lines.iter().map(|(first, last)| last - first + 1).sum(),
            entries_to: lines.last().map(|(_, last)| *last),
            inputs_to: Some(inputs_to).filter(|to| *to > 0),
            runs: lines.iter().map(run).collect(),
        }
    }
}

/// Something that was not so when it was written, or cannot be shown to have been.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FaultFound {
    /// The number of the line; left out for what is in force by command.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub entry: Option<i64>,
    /// What, in words.
    pub what: String,
    /// Whether it contradicts nothing: something cannot be shown any more, for its line is said to be pruned. Left out if it
    /// does contradict.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub unproved: bool,
}

impl From<&Fault> for FaultFound {
    fn from(fault: &Fault) -> Self {
        let unproved = matches!(fault, Fault::HeadPruned { .. });
        Self { entry: fault.entry(), what: fault.to_string(), unproved }
    }
}

impl From<Verification> for Audited {
    fn from(found: Verification) -> Self {
        let Verification { entries, taken_in, head, pruned, faults } = found;
        let faults: Vec<_> = faults.iter().map(Into::into).collect();
        let (head, pruned) = (head.map(|head| head.to_string()), pruned.map(Into::into));
        Self { whole: faults.is_empty(), entries, taken_in, head, pruned, faults }
    }
}
