//! A run as a file that replays it: the same manifests, with the seeds and the faults that were drawn made explicit.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::report::{SimulateReport, Worst};
use super::{Befallen, Settings, SimulateError, look_back, prepare, stages, to_the_end};
use crate::desired::Desired;
use crate::fleet::simulated::Simulated;
use crate::model::ClusterName;

/// Why a run cannot be written down.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A manifest is not what it was when it was read.
    #[error("{file} cannot be read again: {why}")]
    Source {
        /// The file.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// It cannot be put in words.
    #[error("the scenario cannot be written: {0}")]
    Write(#[from] serde_yaml::Error),
}

/// One run of the manifests as they are declared: nothing is drawn. What [`scenario`] wrote down ends as it did then.
/// The journal is in what is returned with the report.
///
/// # Errors
/// See [`SimulateError`].
pub fn replay(desired: &Arc<Desired>, settings: &Settings) -> Result<(SimulateReport, Simulated), SimulateError> {
    let stages = stages(desired)?;
    let worlds = stages
        .iter()
        .map(|(name, stage)| (name.clone(), Befallen { seed: stage.spec.seed, faults: stage.spec.faults.clone() }))
        .collect();
    let mut simulated = prepare(desired, &stages, &worlds, settings.rules);
    let end = to_the_end(&mut simulated, settings.limit, settings.approves);
    let end = look_back(&mut simulated, end);
    let mut report = SimulateReport::of(settings.seed);
    report.count(Worst { seed: settings.seed, end, worlds });
    Ok((report, simulated))
}

/// The manifests of a run, by file name and text, as one stream that replays it, with a comment that says what to
/// expect. Comments of the manifests are lost.
///
/// # Errors
/// See [`ReplayError`].
pub fn scenario<'a>(sources: impl IntoIterator<Item = (&'a str, &'a str)>, run: &Worst) -> Result<String, ReplayError> {
    let mut text = format!("# The run of seed {}", run.seed);
    for line in run.end.wrongs() {
        text.push_str("\n#   ");
        text.push_str(&line.replace('\n', " "));
    }
    text.push('\n');
    for (file, source) in sources {
        let source_error = |why: String| ReplayError::Source { file: file.to_owned(), why };
        for document in serde_yaml::Deserializer::from_str(source) {
            let mut document = Value::deserialize(document).map_err(|e| source_error(e.to_string()))?;
            if document.is_null() {
                continue;
            }
            make_explicit(&mut document, run).map_err(|e| source_error(e.to_string()))?;
            text.push_str("---\n");
            text.push_str(&serde_yaml::to_string(&document)?);
        }
    }
    Ok(text)
}

fn make_explicit(document: &mut Value, run: &Worst) -> Result<(), serde_json::Error> {
    let Some(name) = document.pointer("/metadata/name").and_then(Value::as_str).map(ClusterName::from) else {
        return Ok(());
    };
    let is_cluster = document.get("kind").and_then(Value::as_str) == Some("Cluster");
    let Some(world) = run.worlds.get(&name).filter(|_| is_cluster) else { return Ok(()) };
    if let Some(Value::Object(part)) = document.pointer_mut("/spec/driver/simulator") {
        part.insert("seed".into(), world.seed.into());
        part.insert("faults".into(), serde_json::to_value(&world.faults)?);
    }
    Ok(())
}
