//! `plan`: a live look, and what would be done from there. Takes no lock and writes nothing.

use super::args::{Global, Manifests};
use super::output::{Clusters, Observed, Planned};
use super::{Exit, live, load, text};

/// Show what would be done, in which order, at what cost, and what stands in the way.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Looks at the real clusters, takes no lock and writes nothing.

Examples:
  rollward plan /etc/rollward/manifests
  rollward plan manifests/demo --cluster mbx-ccr-01
  rollward plan manifests/demo --output json | jq '.clusters[].handoffs'")]
pub(super) struct Plan {
    #[command(flatten)]
    manifests: Manifests,
}

impl Plan {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let loaded = load::load(global, &self.manifests.paths)?;
        let names = loaded.pick(&self.manifests.clusters)?;
        let looks = live::look(global, &loaded)?;
        let clusters = looks
            .iter()
            .filter(|look| names.contains(&look.desired.name))
            .map(|look| Planned::new(&look.desired.name, &Observed::new(&look.desired, &look.seen), &look.plan))
            .collect();
        global.emit(&Clusters { clusters }, text::plan::text)?;
        Ok(loaded.exit())
    }
}
