//! `explain`: for every node that is not at its target, what it waits for.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::hold::Hold;
use super::look;
use super::observe::{Observed, Unknown};
use super::outlook::Outlook;
use super::plan::{Decision, Relaxation};
use super::seconds::Seconds;
use super::status::Source;
use super::waiver::Waiver;
use crate::desired::Cluster;
use crate::model::{self, NodeName, Standing, Subject, Time, time};
use crate::observed::Observation;
use crate::plan::{self, NodeReport};

/// Why one cluster is not converged, node by node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Explained {
    /// The cluster.
    pub name: String,
    /// Whose knowledge this is.
    pub source: Source,
    /// When the cluster was looked at.
    pub observed_at: Time,
    /// How long ago that is.
    pub age_seconds: Seconds,
    /// What came of that look.
    pub decision: Decision,
    /// The action that is in progress or next, in words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub action: Option<String>,
    /// The nodes.
    pub nodes: Vec<ExplainedNode>,
    /// What stands in the way of the whole cluster.
    pub holds: Vec<Hold>,
    /// The windows that what is left waits for, or goes on in.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub windows: Vec<Outlook>,
    /// Rules that are waived here, and until when.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub waivers: Vec<Waiver>,
    /// What would have to change, where no step leads to the target.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub relaxation: Option<Relaxation>,
    /// What was supposed to be true, if anything.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub supposed: Vec<String>,
    /// Facts that could not be seen.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub unknown: Vec<Unknown>,
}

/// Why one node is not at its target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedNode {
    /// Its name.
    pub name: String,
    /// The rollup that it should be at.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub target: Option<String>,
    /// How it stands to it; `null` if that cannot be told.
    pub standing: Option<Standing>,
    /// What is installed, package by package; `null` if it is not installed.
    pub versions: BTreeMap<String, Option<String>>,
    /// What is being done on it, or comes next on it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub action: Option<String>,
    /// What it waits for. Empty if it is at its target, or work on it is in progress or next.
    pub holds: Vec<Hold>,
}

impl Explained {
    /// The document of a look, what was decided on it, and why each node is not further. `only` picks one node.
    pub fn new(
        desired: &Cluster,
        seen: &Observation,
        decision: &plan::Decision,
        reports: &[NodeReport],
        only: Option<&NodeName>,
        source: Source,
        now: Time,
    ) -> Self {
        let nodes = reports
            .iter()
            .filter(|report| only.is_none_or(|only| report.node == *only))
            .map(|report| ExplainedNode::new(report, desired, seen))
            .collect();
        Self {
            name: desired.name.to_string(),
            source,
            observed_at: seen.at,
            age_seconds: time::between(seen.at, now).into(),
            decision: decision.into(),
            action: action(decision, seen),
            nodes,
            holds: decision.holds().iter().filter(|hold| of_interest(hold, only)).map(Hold::from).collect(),
            windows: Vec::new(),
            waivers: Vec::new(),
            relaxation: None,
            supposed: Vec::new(),
            unknown: Observed::new(desired, seen).unknown,
        }
    }
}

impl ExplainedNode {
    fn new(report: &NodeReport, desired: &Cluster, seen: &Observation) -> Self {
        let NodeReport { node: name, standing, next, holds } = report;
        // What is unknown stands once, with the cluster.
        let mut unknown = look::Unknowns::default();
        Self {
            name: name.to_string(),
            target: desired.nodes.get(name).map(|spec| spec.rollup.name.to_string()),
            standing: *standing,
            versions: seen
                .nodes
                .get(name)
                .map(|node| look::versions(name, &node.installed, &mut unknown))
                .unwrap_or_default(),
            action: next.as_ref().map(ToString::to_string),
            holds: holds.iter().map(Hold::from).collect(),
        }
    }
}

/// Whether a hold of the cluster matters to somebody who asks about one node only.
fn of_interest(hold: &model::Hold, only: Option<&NodeName>) -> bool {
    match (&hold.subject, only) {
        (Subject::Node(node), Some(only)) => node == only,
        _ => true,
    }
}

/// The action that is in progress, or else next, in words.
pub(super) fn action(decision: &plan::Decision, seen: &Observation) -> Option<String> {
    let running = seen.in_progress().map(|(action, _)| format!("{action}, in progress")).next();
    running.or_else(|| if let plan::Decision::Act(action) = decision { Some(action.to_string()) } else { None })
}
