//! `plan`: a live look, and what would be done from there. Takes no lock and writes nothing.

use std::path::PathBuf;

use super::args::{Global, Manifests};
use super::live::{Asked, Look};
use super::{Exit, live, load, text};
use crate::model::Time;
use crate::output::{Clusters, Observed, Planned, Price};

/// Show what would be done, in which order, at what cost, and what stands in the way.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Looks at the real clusters, takes no lock and writes nothing.

Examples:
  rollward plan /etc/rollward/manifests
  rollward plan manifests/demo --cluster mbx-ccr-01
  rollward plan manifests/demo --price
  rollward plan manifests/demo --at 2017-04-08T02:00:00Z
  rollward plan manifests/demo --output json | jq '.clusters[].handoffs'")]
pub(super) struct Plan {
    #[command(flatten)]
    manifests: Manifests,
    /// Plan as if it were this time, with everything else as it is now
    #[arg(long, value_name = "TIME")]
    at: Option<Time>,
    /// Say what each constraint costs: handoffs, outage, time
    #[arg(long)]
    price: bool,
    /// Plan from a snapshot that was saved, not from a look
    #[arg(long, value_name = "FILE")]
    snapshot: Option<PathBuf>,
}

impl Plan {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let loaded = load::load(global, &self.manifests.paths)?;
        let snapshot = self.snapshot.as_deref().map(live::read_snapshot).transpose()?;
        let names = match &snapshot {
            Some(snapshot) => vec![snapshot.cluster.clone()],
            None => loaded.pick(&self.manifests.clusters)?,
        };
        let (price, snapshot) = (self.price, snapshot.as_ref());
        let asked = Asked { of: &names, at: self.at, price, snapshot, ..Default::default() };
        let looks = live::look(global, &loaded, &asked)?;
        let planned = |look: &Look| {
            let observed = Observed::new(&look.desired, &look.seen);
            let mut planned = Planned::new(&look.desired, &observed, &look.plan, look.relaxation.as_ref());
            planned.windows.clone_from(&look.windows);
            planned.prices =
                look.prices.as_ref().map(|all| all.iter().map(|price| Price::new(price, &look.desired)).collect());
            planned.other_minimum = look.other_minimum.as_ref().map(|price| Price::new(price, &look.desired));
            planned
        };
        let clusters = looks.iter().map(planned).collect();
        global.emit(&Clusters { clusters }, text::plan::text)?;
        Ok(loaded.exit())
    }
}
