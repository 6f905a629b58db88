//! `explain`: for every node that is not at its target, what it waits for.

use super::args::{From, Global};
use super::{Exit, UsageError, ask, live, load, text};
use crate::door::Request;
use crate::model::{ClusterName, NodeName};
use crate::output::{Clusters, Explained, Relaxation, Source};
use crate::plan::Supposition;

/// Explain why a node is not at its target: what it waits for, on what evidence, and what releases it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Tells what the running daemon saw last, and how long ago that was; looks for itself if none is running.

Examples:
  rollward explain mbx-ccr-01
  rollward explain mbx-ccr-01 EXNODE1 --live
  rollward explain mbx-ccr-01 --if 'node EXNODE2 up' --if 'window open'")]
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
    /// Look again, and say what would come next if this were true, such as 'node EXNODE2 up'; can be given several times
    #[arg(long = "if", value_name = "WHAT")]
    suppose: Vec<Supposition>,
    #[command(flatten)]
    from: From,
}

impl Explain {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let request = Request::Explain { cluster: self.cluster.clone(), node: self.node.clone() };
        let live = self.live || !self.suppose.is_empty();
        let answer = if live { None } else { ask::daemon(global, &request)? };
        let clusters = match answer {
            Some(answer) => {
                if let Some(why) = answer.pointer("/clusters/0/error").and_then(serde_json::Value::as_str) {
                    anyhow::bail!("{why}");
                }
                serde_json::from_value::<Clusters<Explained>>(answer)?.clusters
            }
            None => {
                if !live {
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
        let of = loaded.pick(std::slice::from_ref(&self.cluster))?;
        let looks =
            live::look(global, &loaded, &live::Asked { of: &of, suppose: &self.suppose, ..Default::default() })?;
        let Some(look) = looks.first() else {
            anyhow::bail!("{} could not be looked at", self.cluster);
        };
        if let Some(node) = self.node.as_ref().filter(|node| !look.reports.iter().any(|report| report.node == **node)) {
            let known: Vec<_> = look.reports.iter().map(|report| report.node.as_str()).collect();
            let known = known.join(", ");
            return Err(UsageError(format!("{} has no node {node}; its nodes are {known}", self.cluster)).into());
        }
        let decision = &look.plan.decision;
        let only = self.node.as_ref();
        let mut told = Explained::new(&look.desired, &look.seen, decision, &look.reports, only, Source::Live, look.now);
        told.waivers.clone_from(&look.waivers);
        told.windows.clone_from(&look.windows);
        told.supposed = self.suppose.iter().map(ToString::to_string).collect();
        told.relaxation = look.relaxation.as_ref().map(|relaxation| Relaxation::new(relaxation, &look.desired));
        Ok(told)
    }
}
