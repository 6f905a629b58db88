//! `simulate`: many runs of an estate in virtual time; or a hand laid on a simulated world that runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;

use anyhow::{Context, bail};

use super::args::{Global, Manifests};
use super::load::{self, Loaded};
use super::{Exit, UsageError, text};
use crate::desired::Desired;
use crate::drivers::simulator::{Hand, Kept};
use crate::output::{Clusters, Commanded};
use crate::simulate::{self, Settings, SimulateReport, Worst};

/// Run an estate of simulated clusters many times over, or lay a hand on one that runs.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Run i has seed S+i; the same seed tells the same story, however many threads run. Faults are drawn for each run; one in \
which none fires is drawn anew, and left out if that does not help. Exit code 1 if a rule of the world was broken, a run \
came to no end, a node was left without a reason, a handoff was spent that was not needed or something of ours was left \
behind: the worst run is then kept as a file, with the command that replays it. A hand is what a person, or fate, does \
to a cluster: it is felt at the next look of a running daemon, or of the next one.

Examples:
  rollward simulate manifests/demo --runs 100 --seed 1
  rollward simulate worst.yaml --replay
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
    /// How many runs at once; without it, as many as there are processors
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// One run exactly as the manifests declare it, with no other faults, and its story on stderr
    #[arg(long, conflicts_with_all = ["runs", "seed", "threads"])]
    replay: bool,
    /// Lay a hand on a simulated cluster: move, pause, resume, crash, boot, …
    #[arg(long, value_name = "HAND", conflicts_with_all = ["runs", "seed", "threads", "replay"])]
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
            None if self.replay => self.replay(&loaded, global),
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
        let threads = self.threads.map_or_else(|| available_parallelism().map_or(1, usize::from), usize::from);
        let settings = Settings { runs: self.runs, seed: self.seed, threads, ..Settings::default() };
        let progress = |done: u64| {
            if done.is_multiple_of(1000) && done < self.runs {
                global.note(format_args!("{done} of {} runs", self.runs));
            }
        };
        let report = simulate::simulate(&self.picked(loaded)?, &settings, &progress)?;
        global.emit(&report, text::simulate::text)?;
        if let Some(worst) = report.worst.as_ref().filter(|_| report.is_bad()) {
            self.keep(worst, loaded, global)?;
        }
        Ok(exit(&report, loaded))
    }

    fn replay(&self, loaded: &Loaded, global: &Global) -> anyhow::Result<Exit> {
        let (report, simulated) = simulate::replay(&self.picked(loaded)?, &Settings::default())?;
        global.note(simulated.story());
        for wrong in report.worst.iter().flat_map(|run| run.end.wrongs()) {
            global.note(wrong);
        }
        global.emit(&report, text::simulate::text)?;
        Ok(exit(&report, loaded))
    }

    fn picked(&self, loaded: &Loaded) -> anyhow::Result<Arc<Desired>> {
        let names = loaded.pick(&self.manifests.clusters)?;
        let mut desired = loaded.desired.clone();
        desired.clusters.retain(|name, _| names.contains(name));
        Ok(Arc::new(desired))
    }

    /// Writes the worst run down, and says how to replay it.
    fn keep(&self, worst: &Worst, loaded: &Loaded, global: &Global) -> anyhow::Result<()> {
        let folder = global.state()?.join("simulate");
        let file = folder.join(format!("seed-{}.yaml", worst.seed));
        let scenario = simulate::scenario(loaded.texts(), worst)?;
        std::fs::create_dir_all(&folder)
            .and_then(|()| std::fs::write(&file, scenario))
            .with_context(|| format!("the worst run cannot be kept in {}", file.display()))?;
        let wrongs: String = worst.end.wrongs().map(|wrong| format!("\n  {wrong}")).collect();
        let clusters: String = self.manifests.clusters.iter().map(|name| format!(" --cluster {name}")).collect();
        let file = file.display();
        global.note(format_args!(
            "the worst run is that of seed {}:{wrongs}\nreplay it: rollward simulate '{file}' --replay{clusters}",
            worst.seed
        ));
        Ok(())
    }
}

fn exit(report: &SimulateReport, loaded: &Loaded) -> Exit {
    if report.is_bad() { Exit::Error } else { loaded.exit() }
}
