//! `simulate`: what became of many runs of one estate.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Counts over all runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Simulated {
    /// Runs made.
    pub runs: u64,
    /// The seed of the first; run `i` has seed `seed + i`.
    pub seed: u64,
    /// Rules of the world broken, by its own count.
    pub violations: u64,
    /// Runs in which everything converged.
    pub converged: u64,
    /// Runs that ended with holds that take a person.
    pub held: u64,
    /// Those holds, rule by rule: runs in which each was left.
    pub held_by_rule: BTreeMap<String, u64>,
    /// Runs that ended neither way in the time given.
    pub unfinished: u64,
    /// Nodes that were not at their target at the end and had no hold: bugs.
    pub unexplained: u64,
    /// Handoffs beyond the optimum, and beyond what failovers made necessary.
    pub extra_handoffs: u64,
    /// Marks of ours that were left behind.
    pub leaks: u64,
    /// Faults that happened, kind by kind.
    pub faults_fired: BTreeMap<String, u64>,
}
