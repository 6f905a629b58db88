//! `status`: where every cluster is, at one glance.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::hold::Hold;
use super::look::Unknowns;
use super::observe::Unknown;
use super::outlook::Outlook;
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
    /// How long ago that is. Not told from the record, which has the cluster's own clock.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub age_seconds: Option<Seconds>,
    /// What came of that look.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub decision: Option<Decision>,
    /// Who is in charge; `null` if nobody is, or if that could not be seen.
    pub claim: Option<InCharge>,
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
    /// The windows that what is left waits for, or goes on in.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub windows: Vec<Outlook>,
    /// Rules that are waived here, and until when.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub waivers: Vec<Waiver>,
    /// Facts that could not be seen.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub unknown: Vec<Unknown>,
}

/// Who is in charge of a cluster: the holder of its claim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InCharge {
    /// The number; it grows with every claim.
    pub epoch: u64,
    /// The controller.
    pub holder: String,
    /// For how long its heartbeat has not been seen to move, by the observer's own clock.
    pub heartbeat_age_seconds: Option<Seconds>,
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
    /// The document of a look and what was decided on it. `heartbeat_age` is that of [`Turn::heartbeat_age`].
    ///
    /// [`Turn::heartbeat_age`]: crate::reconcile::Turn::heartbeat_age
    pub fn new(
        desired: &Cluster,
        seen: &Observation,
        decision: &plan::Decision,
        counts: RollCounts,
        heartbeat_age: Option<Duration>,
        source: Source,
        now: Time,
    ) -> Self {
        let mut unknown = Unknowns::default();
        let claim = in_charge(seen, heartbeat_age, &mut unknown);
        let is_current = |(name, spec): (_, &crate::desired::NodeSpec)| {
            seen.nodes.get(name).is_some_and(|node| spec.rollup.standing(&node.installed) == Ok(Standing::Current))
        };
        let current = desired.nodes.iter().filter(|node| is_current(*node)).count();
        Self {
            observed_at: Some(seen.at),
            age_seconds: Some(time::between(seen.at, now).into()),
            decision: Some(decision.into()),
            claim,
            nodes_current: u32::try_from(current).ok(),
            nodes: u32::try_from(desired.nodes.len()).ok(),
            action: super::explain::action(decision, seen),
            handoffs: Some(counts.into()),
            holds: decision.holds().iter().map(Hold::from).collect(),
            unknown: unknown.0,
            ..Self::unseen(desired, source)
        }
    }

    /// The document of a cluster of which nothing is known.
    pub fn unseen(desired: &Cluster, source: Source) -> Self {
        let why = match source {
            Source::Record => "no daemon runs, and the record does not keep it",
            Source::Daemon | Source::Live => "the cluster has not been looked at yet",
        };
        let mut unknown = Unknowns::default();
        unknown.note("claim", why);
        Self {
            name: desired.name.to_string(),
            source,
            observed_at: None,
            age_seconds: None,
            decision: None,
            claim: None,
            nodes_current: None,
            nodes: u32::try_from(desired.nodes.len()).ok(),
            action: None,
            handoffs: None,
            holds: Vec::new(),
            windows: Vec::new(),
            waivers: Vec::new(),
            unknown: unknown.0,
        }
    }
}

fn in_charge(seen: &Observation, heartbeat_age: Option<Duration>, unknown: &mut Unknowns) -> Option<InCharge> {
    let claim = unknown.take("claim", &seen.claim, Clone::clone).flatten()?;
    if heartbeat_age.is_none() {
        unknown.note("claim.heartbeatAgeSeconds", "a heartbeat that was seen once shows no age: it takes two looks");
    }
    let heartbeat_age_seconds = heartbeat_age.map(Seconds::from);
    Some(InCharge { epoch: claim.epoch, holder: claim.holder.to_string(), heartbeat_age_seconds })
}
