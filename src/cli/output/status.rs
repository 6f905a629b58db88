//! `status`: where every cluster is, at one glance.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::hold::Hold;
use super::plan::{Decision, Handoffs};
use super::seconds::Seconds;
use super::waiver::Waiver;
use crate::desired::Cluster;
use crate::model::{Standing, Time, time};
use crate::observed::Observation;
use crate::plan;
use crate::record::RollCounts;

/// Where one cluster is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The cluster.
    pub name: String,
    /// Whose knowledge this is.
    pub source: Source,
    /// When the cluster was looked at.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub observed_at: Option<Time>,
    /// How long ago that is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub age_seconds: Option<Seconds>,
    /// What came of that look.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub decision: Option<Decision>,
    /// Nodes that are at their target.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub nodes_current: Option<u32>,
    /// Declared nodes.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub nodes: Option<u32>,
    /// The action in progress or next, in words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub action: Option<String>,
    /// Handoffs of the roll.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub handoffs: Option<Handoffs>,
    /// What stands in the way.
    pub holds: Vec<Hold>,
    /// Rules that are waived here, and until when.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub waivers: Vec<Waiver>,
}

/// Whose knowledge something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// The running daemon's last look.
    Daemon,
    /// A look made by this command.
    Live,
    /// The record that an earlier daemon left; none is running.
    Record,
}

impl Status {
    /// The document of a look and what was decided on it.
    pub fn new(
        desired: &Cluster,
        seen: &Observation,
        decision: &plan::Decision,
        counts: RollCounts,
        source: Source,
        now: Time,
    ) -> Self {
        let is_current = |(name, spec): (_, &crate::desired::NodeSpec)| {
            seen.nodes.get(name).is_some_and(|node| spec.rollup.standing(&node.installed) == Ok(Standing::Current))
        };
        let current = desired.nodes.iter().filter(|node| is_current(*node)).count();
        Self {
            observed_at: Some(seen.at),
            age_seconds: Some(time::between(seen.at, now).into()),
            decision: Some(decision.into()),
            nodes_current: u32::try_from(current).ok(),
            nodes: u32::try_from(desired.nodes.len()).ok(),
            action: super::explain::action(decision, seen),
            handoffs: Some(counts.into()),
            holds: decision.holds().iter().map(Hold::from).collect(),
            ..Self::unseen(desired, source)
        }
    }

    /// The document of a cluster of which nothing is known.
    pub fn unseen(desired: &Cluster, source: Source) -> Self {
        Self {
            name: desired.name.to_string(),
            source,
            observed_at: None,
            age_seconds: None,
            decision: None,
            nodes_current: None,
            nodes: u32::try_from(desired.nodes.len()).ok(),
            action: None,
            handoffs: None,
            holds: Vec::new(),
            waivers: Vec::new(),
        }
    }
}
