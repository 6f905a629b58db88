//! `status`: the daemon's last look at every cluster; `--live` looks again.

use super::args::{From, Global};
use super::{Exit, ask, live, load, text};
use crate::door::Request;
use crate::model::ClusterName;
use crate::output::{Clusters, Source, Status};
use crate::record::{OpenError, OpenMode, Store};

/// Show where every cluster is, at one glance.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Tells what the running daemon saw last, and how long ago that was. Without a daemon it says so, and tells what the \
record knows.

Examples:
  rollward status
  rollward status mbx-ccr-01 --live
  watch -n5 rollward status")]
pub(super) struct StatusArgs {
    /// The cluster; all of them, if none is given
    #[arg(value_name = "CLUSTER")]
    cluster: Option<ClusterName>,
    /// Look again, now
    #[arg(long)]
    live: bool,
    #[command(flatten)]
    from: From,
}

impl StatusArgs {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let clusters = if self.live {
            self.live(global)?
        } else if let Some(answer) = ask::daemon(global, &Request::Status { cluster: self.cluster.clone() })? {
            serde_json::from_value::<Clusters<Status>>(answer)?.clusters
        } else {
            global.note("no daemon is running with this state folder; this is from the record (--live looks again)");
            self.recorded(global)?
        };
        global.emit(&Clusters { clusters }, text::status::text)?;
        Ok(Exit::Done)
    }

    fn live(&self, global: &Global) -> anyhow::Result<Vec<Status>> {
        let loaded = load::load(global, &self.from.manifests)?;
        let names = loaded.pick(self.cluster.as_slice())?;
        let looks = live::look(global, &loaded, &live::Asked { of: &names, ..Default::default() })?;
        let status = |look: &live::Look| {
            let (decision, counts) = (&look.plan.decision, look.plan.handoffs);
            let status = Status::new(&look.desired, &look.seen, decision, counts, None, Source::Live, look.now);
            Status { waivers: look.waivers.clone(), ..status }
        };
        Ok(looks.iter().map(status).collect())
    }

    fn recorded(&self, global: &Global) -> anyhow::Result<Vec<Status>> {
        let loaded = load::load(global, &self.from.manifests)?;
        let names = loaded.pick(self.cluster.as_slice())?;
        let rolls = match Store::open(&global.state()?, OpenMode::Read) {
            Ok(store) => store.rolls()?,
            Err(OpenError::Nothing { .. }) => Default::default(),
            Err(error) => return Err(error.into()),
        };
        let status = |name: &ClusterName| {
            let desired = loaded.desired.clusters.get(name)?;
            let mut status = Status::unseen(desired, Source::Record);
            if let Some(roll) = rolls.get(name) {
                status.handoffs = Some(roll.counts.into());
                status.observed_at = Some(roll.ended.unwrap_or(roll.started));
                status.decision = roll.ended.map(|_| crate::output::Decision::Converged);
            }
            Some(status)
        };
        Ok(names.iter().filter_map(status).collect())
    }
}
