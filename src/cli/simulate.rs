//! `simulate`: many runs of an estate in virtual time; or a hand laid on a simulated world that runs.

mod count;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;

use super::args::{Global, Manifests};
use super::load::{self, Loaded};
use super::output::{Clusters, Commanded};
use super::{Exit, UsageError, text};
use crate::desired::Desired;
use crate::drivers::simulator::{Hand, Kept, Simulation};

/// Run an estate of simulated clusters many times over, or lay a hand on one that runs.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Run i has seed S+i; the same seed tells the same story. A hand is what a person, or fate, does to a cluster: it is \
felt at the next look of a running daemon, or of the next one. Exit code 1 if a rule of the world was broken or a node \
was left without a reason, 3 if some run ended with something that takes a person.

Examples:
  rollward simulate manifests/demo --runs 100 --seed 1
  rollward simulate manifests/demo --cluster mbx-ccr-01 --poke 'move MBX1 to EXNODE2'
  rollward simulate manifests/demo --cluster mbx-ccr-01 --poke 'pause EXNODE1'
  rollward simulate manifests/demo --cluster mbx-ccr-01 --poke 'crash EXNODE2 for 5m'")]
pub(super) struct Simulate {
    #[command(flatten)]
    manifests: Manifests,
    /// How many runs
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    runs: u64,
    /// The first run's seed
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Lay a hand on a simulated cluster: move, pause, resume, crash, boot, …
    #[arg(long, value_name = "HAND", conflicts_with_all = ["runs", "seed"])]
    poke: Option<Hand>,
    /// Where simulated clusters are kept; without it, in the state folder
    #[arg(long, value_name = "DIR", requires = "poke")]
    world: Option<PathBuf>,
}

impl Simulate {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let loaded = load::load(global, &self.manifests.paths)?;
        match &self.poke {
            Some(hand) => self.lay(hand, &loaded, global),
            None => self.count(&loaded, global),
        }
    }

    fn lay(&self, hand: &Hand, loaded: &Loaded, global: &Global) -> anyhow::Result<Exit> {
        let [name] = self.manifests.clusters.as_slice() else {
            return Err(UsageError("--poke needs exactly one --cluster NAME".into()).into());
        };
        loaded.pick(std::slice::from_ref(name))?;
        let Some(cluster) = loaded.desired.clusters.get(name) else { bail!("{name} is not declared") };
        let worlds = self.world.clone().map_or_else(|| global.state().map(|state| state.join("worlds")), Ok)?;
        let mut kept = Kept::peek(cluster, &loaded.desired.rollups, &worlds)?;
        kept.poke(hand.clone()).map_err(|why| anyhow::anyhow!("{name} does not let that happen: {why}"))?;
        let done = "the hand is felt at the cluster's next look".to_owned();
        let clusters = vec![Commanded { name: name.to_string(), done, plan_hash: None }];
        global.emit(&Clusters { clusters }, text::commanded::text)?;
        Ok(Exit::Done)
    }

    fn count(&self, loaded: &Loaded, global: &Global) -> anyhow::Result<Exit> {
        let names = loaded.pick(&self.manifests.clusters)?;
        let mut desired = loaded.desired.clone();
        desired.clusters.retain(|name, _| names.contains(name));
        for (name, cluster) in &desired.clusters {
            if Simulation::start(cluster, &desired.rollups).is_none() {
                bail!("{name} is no simulated cluster; pick those that are with --cluster");
            }
        }
        let desired = Arc::new(desired);
        let mut counts = count::Counts::new(self.seed);
        for i in 0..self.runs {
            if i > 0 && i % 100 == 0 {
                global.note(format_args!("{i} of {} runs", self.runs));
            }
            let seed = self.seed.wrapping_add(i);
            counts.run(&desired, seed, |what| global.note(what));
        }
        let document = counts.document();
        global.emit(&document, text::simulate::text)?;
        Ok(match &document {
            d if d.violations > 0 || d.unexplained > 0 => Exit::Error,
            d if d.held > 0 || d.unfinished > 0 => Exit::Held,
            _ => Exit::Done,
        })
    }
}

/// A set of manifests in which every world has a seed of this run's own.
fn seeded(desired: &Desired, seed: u64) -> Desired {
    let mut seeded = desired.clone();
    for (i, cluster) in seeded.clusters.values_mut().enumerate() {
        let cluster = Arc::make_mut(cluster);
        // Two worlds of one run must not draw the same numbers.
        let own = seed.wrapping_mul(1009).wrapping_add(i as u64);
        if let Some(part) = Arc::make_mut(&mut cluster.driver.spec).as_object_mut() {
            part.insert("seed".into(), own.into());
        }
    }
    seeded
}
