//! `retry`: failed tries are forgotten, and a halted node may be tried again.

use super::args::{From, Global, person};
use super::{Exit, ask, live};
use crate::door::Request;
use crate::guard::Command;
use crate::model::{ClusterName, NodeName};

/// Forget failed tries, so that a node that used up its budget is tried again.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rollward retry mbx-ccr-01
  rollward retry mbx-ccr-01 --node EXNODE2")]
pub(super) struct Retry {
    /// The cluster
    #[arg(value_name = "CLUSTER")]
    cluster: ClusterName,
    /// Only this node's tries
    #[arg(long, value_name = "NAME")]
    node: Option<NodeName>,
    #[command(flatten)]
    from: From,
}

impl Retry {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let Self { cluster, node, from } = self;
        let request = Request::Retry { cluster: cluster.clone(), node: node.clone(), by: person() };
        let done =
            ask::daemon_or(global, &request, || live::command(global, &from, &cluster, Command::Retry { node }))?;
        ask::done(global, cluster.as_str(), done, None)?;
        Ok(Exit::Done)
    }
}
