//! `approve`: a person agrees to the handoffs that a plan shows.

use std::time::Duration;

use anyhow::bail;

use super::args::{From, Global, duration, person};
use super::{Exit, ask, live, load, text};
use crate::door::Request;
use crate::guard::Approval;
use crate::model::{ClusterName, time};
use crate::record::{Entry, EntryKind, OpenMode, Store};

/// Approve the handoffs of a cluster's plan.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
An approval binds to the cluster, its targets, its policy and the handoffs in their order. A failover, a new target \
or a new destination voids it. `plan` shows the hash; the annotation `rollward/approve: HASH` in the manifest approves \
too.

Examples:
  rollward plan /etc/rollward/manifests --cluster mbx-ccr-01
  rollward approve mbx-ccr-01 0123456789abcdef --expires 12h")]
pub(super) struct Approve {
    /// The cluster
    #[arg(value_name = "CLUSTER")]
    cluster: ClusterName,
    /// The hash that the plan showed; without it, whatever the plan is now
    #[arg(value_name = "HASH")]
    hash: Option<String>,
    /// For how long
    #[arg(long, value_name = "TIME", value_parser = duration)]
    expires: Option<Duration>,
    #[command(flatten)]
    from: From,
}

impl Approve {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let Self { cluster, hash, expires, from } = self;
        let loaded = load::load(global, &from.manifests)?;
        let of = loaded.pick(std::slice::from_ref(&cluster))?;
        let looks = live::look(global, &loaded, &live::Asked { of: &of, ..Default::default() })?;
        let Some(look) = looks.first() else {
            bail!("{cluster} could not be looked at");
        };
        let plan = &look.plan;
        if plan.sequence.is_empty() {
            bail!("the plan of {cluster} has no handoffs: there is nothing to approve");
        }
        if let Some(hash) = hash.filter(|hash| *hash != plan.hash) {
            bail!(
                "the plan of {cluster} is another by now: it has hash {}, not {hash}; look at `plan` again",
                plan.hash
            );
        }
        for (role, outage) in &plan.roles {
            global.note(format_args!("outage of {role}: {}", text::plan::spread((*outage).into())));
        }
        let expires = expires.map(|lasts| time::later(look.now, lasts));
        let (hash, by) = (plan.hash.clone(), person());
        let request = Request::Approve { cluster: cluster.clone(), hash: hash.clone(), by: by.clone(), expires };
        let done = ask::daemon_or(global, &request, || {
            let approval = Approval {
                hash: plan.hash.clone(),
                scope: plan.scope.clone(),
                remaining: plan.sequence.clone(),
                by,
                at: look.now,
                expires,
            };
            let what = EntryKind::Approved { approval };
            let revision = loaded.desired.revision.clone();
            let store = Store::open(&global.state()?, OpenMode::Write)?;
            store.append(&Entry { cluster: cluster.clone(), at: look.now, revision, what })?;
            let n = plan.sequence.len();
            Ok(format!("approved {n} handoff{}, {hash}", if n == 1 { "" } else { "s" }))
        })?;
        ask::done(global, cluster.as_str(), done, Some(plan.hash.clone()))?;
        Ok(Exit::Done)
    }
}
