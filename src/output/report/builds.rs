//! Which node is at which build, and since when, as far as the record tells.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Build, SinceIs};
use crate::guard::Forecast;
use crate::model::rollup::Installed;
use crate::model::{Action, Known, Spread, Time};
use crate::record::{EntryKind, Inputs, Recorded};

/// What a report reads of the inputs of an intention.
pub(super) struct Look {
    observation: Seen,
    forecast: Option<Forecast>,
}

#[derive(Deserialize)]
struct Seen {
    at: Time,
    nodes: BTreeMap<String, Node>,
}

#[derive(Deserialize)]
struct Node {
    installed: Installed,
}

impl Look {
    /// Nothing, if it cannot be read.
    pub fn read(inputs: &Inputs) -> Option<Self> {
        let observation = serde_json::from_str(inputs.get("observation")?).ok()?;
        let forecast = inputs.get("forecast").and_then(|text| serde_json::from_str(text).ok());
        Some(Self { observation, forecast })
    }

    /// How long this action was expected to take.
    pub fn predicted(&self, action: &Action) -> Option<Spread> {
        self.forecast.as_ref().map(|forecast| forecast.of(action))
    }
}

/// What is installed on each node, in the order of their names.
pub(super) fn builds(lines: &[Recorded], looks: &BTreeMap<i64, Look>) -> Vec<Build> {
    let mut builds: BTreeMap<String, Build> = BTreeMap::new();
    for line in lines {
        if let Some(look) = looks.get(&line.id) {
            for (node, seen) in &look.observation.nodes {
                take_in(&mut builds, node, seen, look.observation.at);
            }
        }
        if let EntryKind::Outcome {
            action: Action::Install { node, rollup } | Action::Uninstall { node, rollup },
            failure: None,
            ..
        } = &line.entry.what
        {
            let build = Build {
                node: node.to_string(),
                rollup: Some(rollup.to_string()),
                // The look that proved it is not kept; the next one that is has them.
                versions: BTreeMap::new(),
                since: line.entry.at,
                since_is: SinceIs::Installed,
            };
            builds.insert(node.to_string(), build);
        }
    }
    builds.into_values().collect()
}

/// Takes in what a look saw of a node. Of one that could not be read in full, nothing is known anew.
fn take_in(builds: &mut BTreeMap<String, Build>, node: &str, seen: &Node, at: Time) {
    let versions = seen.installed.iter().map(|(package, version)| match version {
        Known::Known { value, .. } => Some((package.to_string(), value.as_ref().map(ToString::to_string))),
        Known::Unknown { .. } => None,
    });
    let Some(versions) = versions.collect::<Option<BTreeMap<_, _>>>() else { return };
    match builds.get_mut(node) {
        Some(build) if build.versions == versions || build.versions.is_empty() => build.versions = versions,
        _ => {
            let build =
                Build { node: node.to_owned(), rollup: None, versions, since: at, since_is: SinceIs::FirstSeen };
            builds.insert(node.to_owned(), build);
        }
    }
}
