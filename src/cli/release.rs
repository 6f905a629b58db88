//! `release`: our marks are removed and the cluster is forgotten.

use super::args::{From, Global, person};
use super::{Exit, ask, live};
use crate::door::Request;
use crate::guard::Command;
use crate::model::ClusterName;

/// Give back the nodes that rollward has paused in a cluster, remove every mark of its, and forget it. Refused while
/// something that it began is still under way.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without a manifest of the cluster, the last good one in the state folder says how to reach it.

Examples:
  rollward release mbx-ccr-01")]
pub(super) struct Release {
    /// The cluster
    #[arg(value_name = "CLUSTER")]
    cluster: ClusterName,
    #[command(flatten)]
    from: From,
}

impl Release {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let Self { cluster, from } = self;
        let request = Request::Release { cluster: cluster.clone(), by: person() };
        let done = ask::daemon_or(global, &request, || live::command(global, &from, &cluster, Command::Release))?;
        ask::done(global, cluster.as_str(), done, None)?;
        Ok(Exit::Done)
    }
}
