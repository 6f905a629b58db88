//! `history`: the record, read while the daemon writes it.

use std::collections::BTreeMap;

use anyhow::Context as _;

use super::args::Global;
use super::{Exit, text};
use crate::model::{ClusterName, NodeName, Time};
use crate::output::{Audited, Clusters, HistoryEntry, Recorded};
use crate::record::{Filter, Head, OpenError, OpenMode, Store};

/// Show what was done, when, why, and with what outcome.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rollward history mbx-ccr-01
  rollward history mbx-ccr-01 --node EXNODE2 --since 2017-04-01T00:00:00Z
  rollward history --kind alarm                    every cluster's alarms
  rollward history --verify                        whether anything was changed since it was written
  rollward history --verify --head 153:0f5b…       and whether all is still there that was there at that head
  rollward history --output json | jq '.clusters[].entries[] | select(.failure)'")]
pub(super) struct History {
    /// The cluster; all of them, if none is given
    #[arg(value_name = "CLUSTER")]
    cluster: Option<ClusterName>,
    /// Only what is about this node
    #[arg(long, value_name = "NAME")]
    node: Option<NodeName>,
    /// Only lines of this kind: intended, answered, outcome, decided, failover, alarm, …
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Only what is not older than this
    #[arg(long, value_name = "TIME")]
    since: Option<Time>,
    /// So many lines at most, the newest ones
    #[arg(long, value_name = "N", default_value_t = 200)]
    limit: u32,
    /// Look through the whole record for anything that was changed, taken out, put in or put elsewhere; what it says was pruned
    /// is listed, for a person to judge
    #[arg(long, conflicts_with_all = ["cluster", "node", "kind", "since", "limit"])]
    verify: bool,
    /// The head that an earlier --verify printed: finds also what was cut off at the end, and a chain made anew
    #[arg(long, value_name = "NUMBER:HASH", requires = "verify")]
    head: Option<Head>,
}

impl History {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let Self { cluster, node, kind, since, limit, verify, head } = self;
        if verify {
            let store = Store::open(&global.state()?, OpenMode::Read).context("cannot verify the record")?;
            let verified = Audited::from(store.verify(head.as_ref())?);
            global.emit(&verified, text::history::verified)?;
            return Ok(if verified.whole { Exit::Done } else { Exit::Error });
        }
        let filter = Filter { cluster: cluster.clone(), kind, node, since, ..Filter::default() };
        let lines = match Store::open(&global.state()?, OpenMode::Read) {
            Ok(store) => store.history(&filter, limit)?,
            Err(OpenError::Nothing { path }) => {
                global.note(format_args!("nothing was recorded yet: {} is not there", path.display()));
                Vec::new()
            }
            Err(error) => return Err(error).context("cannot read the record"),
        };
        let mut by_cluster: BTreeMap<ClusterName, Vec<HistoryEntry>> = BTreeMap::new();
        if let Some(cluster) = cluster {
            by_cluster.insert(cluster, Vec::new());
        }
        for line in lines {
            by_cluster.entry(line.entry.cluster.clone()).or_default().push((&line.entry).into());
        }
        let clusters =
            by_cluster.into_iter().map(|(name, entries)| Recorded { name: name.to_string(), entries }).collect();
        global.emit(&Clusters { clusters }, text::history::text)?;
        Ok(Exit::Done)
    }
}
