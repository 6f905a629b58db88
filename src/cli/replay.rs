//! `replay`: decisions of the record, made again from what they rested on.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context as _;

use super::args::Global;
use super::bundle::Opened;
use super::{Exit, text};
use crate::model::ClusterName;
use crate::output::{Clusters, NotHad, Replayed, ReplayedDecision, Verdict};
use crate::reconcile::replay::{self, NotAgain};
use crate::record::{Filter, Inputs, OpenMode, ReadError, Recorded, Store};

/// Make the record's decisions again from what they rested on, and see whether they come out the same, byte for byte.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
No cluster is asked and nothing is written. A decision that another version made, or of which inputs are not there any \
more, is said to be such.

Exit codes: 0 all came out the same; 1 one came out otherwise, or rests on something that was changed; 3 some could not be \
made again, or none was there.

Examples:
  rollward replay
  rollward replay mbx-ccr-01 --entry 153
  rollward replay --bundle mbx-ccr-01.json
  rollward replay --output json | jq '.clusters[].decisions[]'")]
pub(super) struct Replay {
    /// The cluster; all of them, if none is given
    #[arg(value_name = "CLUSTER")]
    cluster: Option<ClusterName>,
    /// Only the decision of this entry
    #[arg(long, value_name = "NUMBER")]
    entry: Option<i64>,
    /// The decisions of this bundle, not of this host's record
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
}

impl Replay {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let clusters = match &self.bundle {
            Some(file) => {
                let bundle = Opened::read(file)?;
                all(&self.asked(bundle.lines()?)?, |id| Ok(bundle.inputs(id)))?
            }
            None => {
                let store = Store::open(&global.state()?, OpenMode::Read).context("cannot read the record")?;
                let after = self.entry.map(|entry| entry.saturating_sub(1));
                let filter = Filter { cluster: self.cluster.clone(), after, ..Filter::default() };
                let lines = self.asked(store.history(&filter, u32::MAX)?)?;
                all(&lines, |id| {
                    store.inputs(id).map_or_else(|error| not_had(error).map(Err), |inputs| Ok(Ok(inputs)))
                })?
            }
        };
        if clusters.is_empty() {
            global.note(format_args!("nothing was decided again: no decision is there"));
        }
        let exit = exit(&clusters);
        global.emit(&Clusters { clusters }, text::replay::text)?;
        Ok(exit)
    }

    /// The decisions that are asked for.
    fn asked(&self, lines: Vec<Recorded>) -> anyhow::Result<Vec<Recorded>> {
        let asked = |line: &Recorded| {
            self.entry.is_none_or(|entry| line.id == entry)
                && self.cluster.as_ref().is_none_or(|cluster| line.entry.cluster == *cluster)
                && line.entry.what.inputs().is_some()
        };
        let lines: Vec<_> = lines.into_iter().filter(asked).collect();
        match (self.entry, &self.cluster) {
            (Some(entry), _) if lines.is_empty() => {
                anyhow::bail!("entry {entry} is no decision, or is not there; `rollward history` lists them")
            }
            (None, Some(cluster)) if lines.is_empty() => {
                anyhow::bail!("no decision of {cluster} is there; `rollward history` lists them")
            }
            _ => Ok(lines),
        }
    }
}

fn exit(clusters: &[Replayed]) -> Exit {
    if clusters.iter().any(|cluster| cluster.different > 0) {
        Exit::Error
    } else if clusters.is_empty() || clusters.iter().any(|cluster| cluster.not_replayed > 0) {
        Exit::Held
    } else {
        Exit::Done
    }
}

/// Makes the decisions of these lines again, cluster by cluster.
fn all(
    lines: &[Recorded],
    inputs: impl Fn(i64) -> Result<Result<Inputs, NotHad>, ReadError>,
) -> anyhow::Result<Vec<Replayed>> {
    let mut clusters: BTreeMap<&ClusterName, Replayed> = BTreeMap::new();
    for line in lines {
        let name = &line.entry.cluster;
        let empty =
            || Replayed { name: name.to_string(), same: 0, different: 0, not_replayed: 0, decisions: Vec::new() };
        let replayed = clusters.entry(name).or_insert_with(empty);
        match one(line, inputs(line.id)?)? {
            None => replayed.same += 1,
            Some(decision) => {
                let count =
                    if decision.verdict.is_wrong() { &mut replayed.different } else { &mut replayed.not_replayed };
                *count += 1;
                replayed.decisions.push(decision);
            }
        }
    }
    Ok(clusters.into_values().collect())
}

/// Nothing, if it comes out the same.
fn one(line: &Recorded, inputs: Result<Inputs, NotHad>) -> anyhow::Result<Option<ReplayedDecision>> {
    let recorded = serde_json::to_string(&line.entry.what)?;
    let found = match inputs {
        Ok(inputs) => match replay::again(&inputs) {
            Ok(again) => Found::Again(serde_json::to_string(&again)?),
            Err(why) => Found::Not(verdict(&why), why.to_string()),
        },
        Err(NotHad { verdict, why }) => Found::Not(verdict, why),
    };
    let (entry, at) = (line.id, line.entry.at);
    Ok(match found {
        Found::Again(again) if again == recorded => None,
        Found::Again(again) => {
            let verdict = Verdict::Different;
            Some(ReplayedDecision { entry, at, verdict, recorded, again: Some(again), why: None })
        }
        Found::Not(verdict, why) => {
            Some(ReplayedDecision { entry, at, verdict, recorded, again: None, why: Some(why) })
        }
    })
}

/// Why what a decision rested on cannot be had from the record; an error that is about something else comes back.
pub(super) fn not_had(error: ReadError) -> Result<NotHad, ReadError> {
    let verdict = match error {
        ReadError::Damaged { .. } => Verdict::Damaged,
        ReadError::Pruned { .. } => Verdict::Pruned,
        ReadError::NoEntry { .. } => {
            return Ok(NotHad { verdict: Verdict::NotKept, why: NotAgain::NothingKept.to_string() });
        }
        ReadError::Failed { .. } => return Err(error),
    };
    Ok(NotHad { verdict, why: error.to_string() })
}

enum Found {
    Again(String),
    Not(Verdict, String),
}

fn verdict(why: &NotAgain) -> Verdict {
    match why {
        NotAgain::OtherVersion { .. } => Verdict::OtherVersion,
        NotAgain::NothingKept => Verdict::NotKept,
        // What this very version wrote has all its parts, and all of them can be read.
        NotAgain::Missing { .. } | NotAgain::Unreadable { .. } => Verdict::Damaged,
    }
}
