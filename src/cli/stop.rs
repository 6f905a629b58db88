//! `stop` and `go`: the stop cord. It stops beginnings; what has begun is finished.

use std::collections::BTreeMap;

use super::args::{From, Global, person};
use super::{Exit, UsageError, ask, live};
use crate::clock;
use crate::door::{Request, Scope};
use crate::guard::Command;
use crate::model::{ClusterName, NodeName};
use crate::record::{Change, OpenMode, Store, whom};

/// Pull the stop cord: nothing more is begun; what has begun is finished.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rollward stop mbx-ccr-01 --why 'backup is late'
  rollward stop mbx-ccr-01 --node EXNODE2 --why 'disk is being replaced'
  rollward stop --all --why 'change freeze'
  rollward stop --label site=lyon --why 'power work'")]
pub(super) struct Stop {
    #[command(flatten)]
    scope: ScopeArgs,
    /// Why: shown wherever something is held by it
    #[arg(long, value_name = "TEXT")]
    why: String,
    #[command(flatten)]
    from: From,
}

/// Lift a stop cord.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Lifts exactly the cord that was pulled with the same CLUSTER, --node, --label or --all.

Examples:
  rollward go mbx-ccr-01
  rollward go --all")]
pub(super) struct Go {
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    from: From,
}

/// What a stop cord is for.
#[derive(Debug, clap::Args)]
#[group(id = "scope", required = true, multiple = true)]
struct ScopeArgs {
    /// The cluster
    #[arg(value_name = "CLUSTER", conflicts_with_all = ["all", "labels"])]
    cluster: Option<ClusterName>,
    /// Only this node of it
    #[arg(long, value_name = "NAME", requires = "cluster")]
    node: Option<NodeName>,
    /// Every cluster
    #[arg(long, conflicts_with = "labels")]
    all: bool,
    /// Clusters with this label; given again, with all of them
    #[arg(long = "label", value_name = "KEY=VALUE")]
    labels: Vec<String>,
}

impl ScopeArgs {
    fn scope(&self) -> anyhow::Result<Scope> {
        Ok(match (&self.cluster, &self.node) {
            (Some(cluster), None) => Scope::Cluster(cluster.clone()),
            (Some(cluster), Some(node)) => Scope::Node { cluster: cluster.clone(), node: node.clone() },
            (None, _) if self.all => Scope::Everything,
            (None, _) => Scope::Labels(self.labels()?),
        })
    }

    fn labels(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let pair = |label: &String| match label.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
            _ => Err(UsageError(format!("--label {label:?} is not KEY=VALUE")).into()),
        };
        self.labels.iter().map(pair).collect()
    }

    /// How the scope is called in what is told: a cluster's name, or `*` for many.
    fn name(&self) -> &str {
        self.cluster.as_ref().map_or("*", ClusterName::as_str)
    }
}

impl Stop {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let (by, why) = (person(), self.why.clone());
        let scope = self.scope.scope()?;
        let request = Request::Stop { scope: scope.clone(), why: why.clone(), by: by.clone() };
        let done = ask::daemon_or(global, &request, || match scope {
            Scope::Everything => pull(global, BTreeMap::new(), why, by),
            Scope::Labels(labels) => pull(global, labels, why, by),
            Scope::Cluster(cluster) => {
                live::command(global, &self.from, &cluster, Command::Stop { node: None, why, by })
            }
            Scope::Node { cluster, node } => {
                live::command(global, &self.from, &cluster, Command::Stop { node: Some(node), why, by })
            }
        })?;
        ask::done(global, self.scope.name(), done, None)?;
        Ok(Exit::Done)
    }
}

impl Go {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let scope = self.scope.scope()?;
        let request = Request::Go { scope: scope.clone(), by: person() };
        let done = ask::daemon_or(global, &request, || match scope {
            Scope::Everything => lift(global, BTreeMap::new()),
            Scope::Labels(labels) => lift(global, labels),
            Scope::Cluster(cluster) => live::command(global, &self.from, &cluster, Command::Go { node: None }),
            Scope::Node { cluster, node } => {
                live::command(global, &self.from, &cluster, Command::Go { node: Some(node) })
            }
        })?;
        ask::done(global, self.scope.name(), done, None)?;
        Ok(Exit::Done)
    }
}

/// Pulls a cord that is kept in the state folder, for the next daemon.
fn pull(global: &Global, labels: BTreeMap<String, String>, why: String, by: String) -> anyhow::Result<String> {
    let store = Store::open(&global.state()?, OpenMode::Write)?;
    let text = format!("stop cord pulled for {}", whom(&labels));
    store.write(&[Change::StopPulled { labels, why, by, at: clock::wall() }])?;
    Ok(text)
}

fn lift(global: &Global, labels: BTreeMap<String, String>) -> anyhow::Result<String> {
    let store = Store::open(&global.state()?, OpenMode::Write)?;
    if !store.stops()?.iter().any(|stop| stop.labels == labels) {
        return Ok(format!("no stop cord was pulled for {}", whom(&labels)));
    }
    let text = format!("stop cord lifted for {}", whom(&labels));
    store.write(&[Change::StopLifted { labels, by: person(), at: clock::wall() }])?;
    Ok(text)
}
