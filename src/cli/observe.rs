//! `observe`: a live look, and nothing else. Takes no lock and writes nothing.

use std::path::PathBuf;

use super::args::{From, Global};
use super::{Exit, live, load, text};
use crate::model::ClusterName;
use crate::output::{Clusters, Observed};

/// Show what a cluster looks like now: nodes, versions, owners, pauses, votes, claim.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Looks at the real cluster, takes no lock and writes nothing.

Examples:
  rollward observe mbx-ccr-01
  rollward observe --manifests manifests/demo                      every cluster
  rollward observe mbx-ccr-01 --output json | jq '.clusters[].nodes[] | {name, versions}'")]
pub(super) struct Observe {
    /// The cluster; all of them, if none is given
    #[arg(value_name = "CLUSTER", conflicts_with = "snapshot")]
    cluster: Option<ClusterName>,
    /// What was seen when this snapshot was saved, not what is now
    #[arg(long, value_name = "FILE")]
    snapshot: Option<PathBuf>,
    #[command(flatten)]
    from: From,
}

impl Observe {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let loaded = load::load(global, &self.from.manifests)?;
        let looks = match &self.snapshot {
            Some(file) => vec![live::replay(&loaded, &live::read_snapshot(file)?)?],
            None => live::observe(global, &loaded, &loaded.pick(self.cluster.as_slice())?)?,
        };
        let clusters = looks.iter().map(|(desired, seen)| Observed::new(desired, seen)).collect();
        global.emit(&Clusters { clusters }, text::observe::text)?;
        Ok(loaded.exit())
    }
}
