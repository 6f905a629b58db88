//! The door through which the drivers' own parts of a manifest are checked, without this layer knowing any driver.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::typed::{TypeIssue, typed};
use crate::model::{ActionKind, ClusterName, GroupName, NodeName, Rollup, RollupName, Spread};

/// The drivers, as far as manifests need them. `drivers::Drivers` implements it.
pub trait DriverParts {
    /// Every driver's name.
    fn names(&self) -> &'static [&'static str];

    /// Reads and checks one driver's part.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its place inside the part.
    fn check(
        &self,
        name: &str,
        part: &serde_json::Value,
        about: &PartContext<'_>,
    ) -> Result<PartChecked, Vec<PartIssue>>;

    /// The JSON Schema of one driver's part.
    fn schema(&self, name: &str) -> schemars::Schema;
}

/// What the rest of the document says, for checks across it.
#[derive(Clone, Copy)]
pub struct PartContext<'a> {
    /// The cluster.
    pub cluster: &'a ClusterName,
    /// Its declared nodes, with their targets.
    pub nodes: &'a BTreeMap<NodeName, Arc<Rollup>>,
    /// Its declared groups.
    pub groups: &'a BTreeSet<GroupName>,
    /// All rollups.
    pub rollups: &'a BTreeMap<RollupName, Arc<Rollup>>,
}

/// What a part means to the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartChecked {
    /// A text that is the same for two documents that mean one real cluster.
    pub identity: Arc<str>,
    /// How long things take, as far as the part declares it.
    pub durations: BTreeMap<ActionKind, Spread>,
    /// Whether the nodes have votes enough that one can be taken away: the most votes there can be, and those needed.
    /// `None` if only a look can tell, or the rule does not apply.
    pub votes: Option<(u32, u32)>,
    /// Whether a role can be stopped and started by itself, which the offline style of a handoff takes.
    pub stops_roles: bool,
}

/// One thing wrong with a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartIssue {
    /// A JSON pointer inside the part, such as `/nodes/EXNODE1/version`.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
    /// What to do, where more can be said.
    pub help: Option<String>,
}

impl From<TypeIssue> for PartIssue {
    fn from(issue: TypeIssue) -> Self {
        Self { pointer: issue.pointer(), message: issue.message, help: issue.help.or(Some(issue.label)) }
    }
}

/// Reads a driver's part as its type.
///
/// # Errors
/// All that is wrong with it; never empty.
pub fn read_part<T: DeserializeOwned>(part: &serde_json::Value) -> Result<T, Vec<PartIssue>> {
    typed(part.clone()).map_err(|issues| issues.into_iter().map(PartIssue::from).collect())
}
