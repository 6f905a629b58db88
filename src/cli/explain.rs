//! `explain`: for every node that is not at its target, what it waits for.

use super::args::{From, Global};
use super::output::{Clusters, Explained, Source};
use super::{Exit, UsageError, ask, live, load, text};
use crate::door::Request;
use crate::model::{ClusterName, NodeName};

/// Explain why a node is not at its target: what it waits for, on what evidence, and what releases it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Tells what the running daemon saw last, and how long ago that was; looks for itself if none is running.

Examples:
  rollward explain mbx-ccr-01
  rollward explain mbx-ccr-01 EXNODE1 --live")]
pub(super) struct Explain {
    /// The cluster
    #[arg(value_name = "CLUSTER")]
    cluster: ClusterName,
    /// Only this node of it
    #[arg(value_name = "NODE")]
    node: Option<NodeName>,
    /// Look again, now
    #[arg(long)]
    live: bool,
    #[command(flatten)]
    from: From,
}

impl Explain {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let request = Request::Explain { cluster: self.cluster.clone(), node: self.node.clone() };
        let answer = if self.live { None } else { ask::daemon(global, &request)? };
        let clusters = match answer {
            Some(answer) => {
                if let Some(why) = answer.pointer("/clusters/0/error").and_then(serde_json::Value::as_str) {
                    anyhow::bail!("{why}");
                }
                serde_json::from_value::<Clusters<Explained>>(answer)?.clusters
            }
            None => {
                if !self.live {
                    global.note("no daemon is running with this state folder; looking for myself");
                }
                vec![self.live(global)?]
            }
        };
        global.emit(&Clusters { clusters }, text::explain::text)?;
        Ok(Exit::Done)
    }

    fn live(&self, global: &Global) -> anyhow::Result<Explained> {
        let loaded = load::load(global, &self.from.manifests)?;
        loaded.pick(std::slice::from_ref(&self.cluster))?;
        let looks = live::look(global, &loaded)?;
        let Some(look) = looks.iter().find(|look| look.desired.name == self.cluster) else {
            anyhow::bail!("{} could not be looked at", self.cluster);
        };
        if let Some(node) = self.node.as_ref().filter(|node| !look.reports.iter().any(|report| report.node == **node)) {
            let known: Vec<_> = look.reports.iter().map(|report| report.node.as_str()).collect();
            let known = known.join(", ");
            return Err(UsageError(format!("{} has no node {node}; its nodes are {known}", self.cluster)).into());
        }
        let decision = &look.plan.decision;
        Ok(Explained::new(
            &look.desired,
            &look.seen,
            decision,
            &look.reports,
            self.node.as_ref(),
            Source::Live,
            look.now,
        ))
    }
}
