//! `report`: what the record tells of every roll, for people who were not there.

mod builds;
mod rolls;
mod words;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::audit::Audited;
use super::plan::{ActionOut, Handoffs, Spread};
use super::seconds::Seconds;
use crate::model::Time;
use crate::record::{Inputs, Recorded};

/// All that the record tells of some clusters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// When it was made.
    pub made_at: Time,
    /// One entry a cluster, in the order of their names.
    pub clusters: Vec<Reported>,
    /// Whether the record that it is made from is as it was written. Its head, kept with the report, shows later whether
    /// the record still says the same.
    pub record: Audited,
}

/// All that the record tells of one cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reported {
    /// The cluster.
    pub name: String,
    /// What is installed on its nodes, by the record.
    pub builds: Vec<Build>,
    /// Its rolls, oldest first.
    pub rolls: Vec<RollReport>,
    /// Failovers and outages outside of rolls.
    pub between: Vec<Event>,
}

/// What is installed on a node, by the record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Build {
    /// The node.
    pub node: String,
    /// The rollup that was installed on it, or that remained; left out if none was by us.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rollup: Option<String>,
    /// Versions by package, as they were last seen; `null` is "not installed".
    pub versions: BTreeMap<String, Option<String>>,
    /// Since when: the end of our installation, or the first recorded look that saw these versions.
    pub since: Time,
    /// Which of the two.
    pub since_is: SinceIs,
}

/// What the time of a build is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SinceIs {
    /// When our installation was proved.
    Installed,
    /// When it was first seen: it may have been there for longer.
    FirstSeen,
}

/// One roll.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RollReport {
    /// The cluster.
    pub cluster: String,
    /// When it began; for one whose beginning is not in the record, the first line about it.
    pub started: Time,
    /// When the cluster converged; left out while it has not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended: Option<Time>,
    /// The commit, or hash, of the manifests at its beginning.
    pub revision: String,
    /// Its handoffs in numbers, as last told; left out if neither its beginning nor its end is in the record.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub counts: Option<Handoffs>,
    /// What went wrong, by subject: the first cause of each.
    pub failures: Vec<Failure>,
    /// Every handoff.
    pub handoffs: Vec<HandoffReport>,
    /// All that was seen to end or to happen, in order.
    pub events: Vec<Event>,
}

/// What went wrong with one node or group, by its first cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The node or the group; left out for an alarm, which names what it is about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subject: Option<String>,
    /// When it first went wrong.
    pub at: Time,
    /// What went wrong first, in words.
    pub first_cause: String,
    /// The number of that line in the record.
    pub entry: i64,
    /// How many lines of its roll tell of more of the same subject going wrong.
    pub more: u32,
    /// When what had failed first was done after all.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mended: Option<Time>,
}

/// A handoff that was begun and whose end was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HandoffReport {
    /// The handoff.
    #[serde(flatten)]
    pub action: ActionOut,
    /// When its end was seen.
    pub at: Time,
    /// From its begin until then.
    pub took_seconds: Seconds,
    /// How long the role was down, from the order until a look saw it serve again: at most so long, for looks are seconds
    /// apart. Left out if no outage was seen that ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub outage_seconds: Option<Seconds>,
    /// How long users were without it, where it was asked from outside meanwhile.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub measured_outage_seconds: Option<Seconds>,
    /// How long the handoff was expected to take when it was begun.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub predicted_seconds: Option<Spread>,
    /// What contradicted it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failure: Option<String>,
    /// The number of its line in the record.
    pub entry: i64,
}

/// Something that ended, or happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// When.
    pub at: Time,
    /// What kind of line it is in the record: `outcome`, `failover`, `outage`, `measured`.
    pub kind: String,
    /// The action, of an outcome.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub action: Option<ActionOut>,
    /// The role, of a failover, an outage or a measurement.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub group: Option<String>,
    /// How long it took, or lasted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub duration_seconds: Option<Seconds>,
    /// What contradicted it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failure: Option<String>,
    /// In words.
    pub text: String,
    /// The number of its line in the record.
    pub entry: i64,
}

impl Report {
    /// What went wrong anywhere, with its cluster, by the first cause of each.
    pub fn failures(&self) -> impl Iterator<Item = (&str, &Failure)> {
        let rolls = self.clusters.iter().flat_map(|cluster| &cluster.rolls);
        rolls.flat_map(|roll| roll.failures.iter().map(|failure| (roll.cluster.as_str(), failure)))
    }
}

impl Reported {
    /// What a cluster's lines tell, oldest first. `inputs` gives what an intention rested on, by the number of its line;
    /// one that cannot be had or read leaves builds and predictions out.
    pub fn new(name: &str, lines: &[Recorded], inputs: impl Fn(i64) -> Option<Inputs>) -> Self {
        let looks: BTreeMap<i64, builds::Look> = lines
            .iter()
            .filter(|line| matches!(line.entry.what, crate::record::EntryKind::Intended { .. }))
            .filter_map(|line| Some((line.id, builds::Look::read(&inputs(line.id)?)?)))
            .collect();
        let (rolls, between) = rolls::rolls(lines, &looks);
        Self { name: name.to_owned(), builds: builds::builds(lines, &looks), rolls, between }
    }
}
