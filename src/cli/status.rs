//! `status`: the daemon's last look at every cluster; `--live` looks again; `--sheet` is for the time when nothing else works.

use std::path::PathBuf;

use super::args::{From, Global};
use super::{Exit, ask, live, load, text};
use crate::door::Request;
use crate::drivers;
use crate::model::ClusterName;
use crate::output::{Clusters, Observed, Sheet, Source, Status};
use crate::record::{OpenError, OpenMode, Store};

/// Show where every cluster is, at one glance.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Tells what the running daemon saw last, and how long ago that was. Without a daemon it says so, and tells what the \
record knows.

With --sheet it looks at the clusters itself, whether a daemon runs or not, and prints a page for each: what goes on, what \
rollward has in the cluster, the commands of the cluster's own tools that end it, and what must not be done meanwhile.

Examples:
  rollward status
  rollward status mbx-ccr-01 --live
  rollward status mbx-ccr-01 --sheet          keep one on paper
  watch -n5 rollward status")]
pub(super) struct StatusArgs {
    /// The cluster; all of them, if none is given
    #[arg(value_name = "CLUSTER")]
    cluster: Option<ClusterName>,
    /// Look again, now
    #[arg(long)]
    live: bool,
    /// Look now, and print a page a cluster for people who have to end by hand what rollward has begun
    #[arg(long, conflicts_with = "live")]
    sheet: bool,
    /// The page of what was seen when this snapshot was saved, not of what is now
    #[arg(long, value_name = "FILE", requires = "sheet", conflicts_with = "cluster")]
    snapshot: Option<PathBuf>,
    #[command(flatten)]
    from: From,
}

impl StatusArgs {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        if self.sheet {
            global.emit(&Clusters { clusters: self.sheets(global)? }, text::sheet::text)?;
            return Ok(Exit::Done);
        }
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
        Ok(looks.iter().map(status).collect())
    }

    fn sheets(&self, global: &Global) -> anyhow::Result<Vec<Sheet>> {
        let paths = &self.from.manifests;
        let loaded = load::usable(global, paths, load::read_or_kept(global, paths, self.cluster.as_ref())?)?;
        let snapshot = self.snapshot.as_deref().map(live::read_snapshot).transpose()?;
        let asked = snapshot.as_ref().map(|snapshot| &snapshot.cluster).or(self.cluster.as_ref());
        let names = loaded.pick(asked.map(std::slice::from_ref).unwrap_or_default())?;
        let asked = live::Asked { of: &names, snapshot: snapshot.as_ref(), ..Default::default() };
        let sheet = |look: &live::Look| {
            let by_hand = drivers::by_hand(&look.desired, &look.seen);
            let by_hand = by_hand.map_err(|why| anyhow::anyhow!("cluster {}: {why}", look.desired.name))?;
            let observed = Observed::new(&look.desired, &look.seen);
            Ok(Sheet { name: look.desired.name.to_string(), status: status(look), observed, by_hand })
        };
        live::look(global, &loaded, &asked)?.iter().map(sheet).collect()
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

fn status(look: &live::Look) -> Status {
    let (decision, counts) = (&look.plan.decision, look.plan.handoffs);
    let status = Status::new(&look.desired, &look.seen, decision, counts, None, Source::Live, look.now);
    Status { waivers: look.waivers.clone(), windows: look.windows.clone(), ..status }
}
