//! What if: the same manifests, run many times to the end, each time with other things going wrong.
//!
//! Behind `rollward simulate`, and behind the project's own soak test. The worlds are those of the simulator driver,
//! the loop is the product's own, and everything comes from one seed: run `i` has the seed `seed + i` and can be
//! repeated alone.
//!
//! Absent on purpose: any second opinion of what is right. What counts against us is what the worlds themselves count.

pub mod faults;
mod replay;
mod report;
mod run;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::desired::{Cluster, Desired};
use crate::drivers::simulator::Simulation;
use crate::drivers::simulator::spec::Spec;
use crate::fleet::simulated::Simulated;
use crate::guard::RuleSet;
use crate::model::ClusterName;
use crate::observed::GroupKind;

use faults::{Cast, Draw, shape};
pub use replay::{ReplayError, replay, scenario};
pub use report::{Befallen, SimulateReport, Worst};
pub use run::{Explained, RunEnd, explain, look_back, open, to_the_end};

/// How to simulate.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How many runs.
    pub runs: u64,
    /// The seed of the first; run `i` has the seed `seed + i`.
    pub seed: u64,
    /// Simulated time after which a run that goes on is cut off.
    pub limit: Duration,
    /// Whether somebody approves each sequence of handoffs that waits for it.
    pub approves: bool,
    /// How many runs at once.
    pub threads: usize,
    /// Which rules are in force; to see what becomes of an estate without one.
    pub rules: RuleSet,
}

impl Default for Settings {
    fn default() -> Self {
        Self { runs: 1000, seed: 0, limit: LIMIT, approves: true, threads: 2, rules: RuleSet::ALL }
    }
}

/// Two weekly windows and some.
pub const LIMIT: Duration = Duration::from_secs(15 * 24 * 3600);

/// A draw of faults none of which happens says nothing: so often another is drawn before the run is taken as it is.
const REDRAWS: u32 = 8;

/// Why nothing was simulated.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// Only the simulator knows its own future. Give the cluster a `driver: {simulator: …}`.
    #[error("{cluster} is declared with the driver {driver}; only clusters of the simulator can be simulated")]
    NotSimulated {
        /// The cluster.
        cluster: ClusterName,
        /// Its driver.
        driver: Arc<str>,
    },
    /// The world of a cluster cannot be made. `validate` says more.
    #[error("the world of {cluster} cannot be made: {why}")]
    World {
        /// The cluster.
        cluster: ClusterName,
        /// Why not.
        why: String,
    },
}

/// Runs the manifests to the end, again and again, each time with other faults. `progress` is told after each run how
/// many are done.
///
/// # Errors
/// See [`SimulateError`].
pub fn simulate(
    desired: &Arc<Desired>,
    settings: &Settings,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<SimulateReport, SimulateError> {
    let stages = stages(desired)?;
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let work = || {
        let mut report = SimulateReport::of(settings.seed);
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= settings.runs {
                return report;
            }
            report.add(one(desired, &stages, settings.seed.wrapping_add(index), settings));
            progress(done.fetch_add(1, Ordering::Relaxed) + 1);
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..settings.threads.max(1)).map(|_| scope.spawn(work)).collect();
        let mut report = SimulateReport::of(settings.seed);
        for worker in workers {
            match worker.join() {
                Ok(part) => report.merge(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(report)
    })
}

/// Where a cluster's runs take place: its world as the manifest declares it, and whom something can befall there.
struct Stage {
    cluster: Arc<Cluster>,
    spec: Spec,
    cast: Cast,
}

type Stages = BTreeMap<ClusterName, Stage>;

fn stages(desired: &Desired) -> Result<Stages, SimulateError> {
    desired
        .clusters
        .iter()
        .map(|(name, cluster)| {
            if &*cluster.driver.name != crate::drivers::simulator::NAME {
                let driver = Arc::clone(&cluster.driver.name);
                return Err(SimulateError::NotSimulated { cluster: name.clone(), driver });
            }
            let spec = serde_json::from_value::<Spec>((*cluster.driver.spec).clone())
                .map_err(|e| SimulateError::World { cluster: name.clone(), why: e.to_string() })?;
            let cast = Cast::of(&spec, |group| cluster.groups.get(group).map_or(GroupKind::Role, |g| g.kind));
            Ok((name.clone(), Stage { cluster: Arc::clone(cluster), spec, cast }))
        })
        .collect()
}

/// The run of one seed: drawn again where nothing befell it.
fn one(desired: &Arc<Desired>, stages: &Stages, seed: u64, settings: &Settings) -> Worst {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut draws_left = REDRAWS;
    loop {
        let worlds = befall(stages, &mut rng);
        let mut simulated = prepare(desired, stages, &worlds, settings.rules);
        let end = to_the_end(&mut simulated, settings.limit, settings.approves);
        let end = look_back(&mut simulated, end);
        if end.counts() || draws_left == 0 {
            return Worst { seed, end, worlds };
        }
        draws_left -= 1;
    }
}

/// Draws what befalls each world: one to a few faults, spread over all of them.
fn befall(stages: &Stages, rng: &mut ChaCha8Rng) -> BTreeMap<ClusterName, Befallen> {
    let mut worlds: BTreeMap<ClusterName, Befallen> = stages
        .iter()
        .map(|(name, stage)| {
            (name.clone(), Befallen { seed: rng.random::<u32>().into(), faults: stage.spec.faults.clone() })
        })
        .collect();
    let names: Vec<&ClusterName> = stages.keys().collect();
    if names.is_empty() {
        return worlds;
    }
    for _ in 0..rng.random_range(1..=2 + names.len()) {
        let draw = Draw::from_rng(rng);
        let Some(name) = names.get(rng.random_range(0..names.len())) else { continue };
        let fault = stages.get(*name).and_then(|stage| shape(draw, &stage.cast));
        if let (Some(fault), Some(world)) = (fault, worlds.get_mut(*name)) {
            world.faults.push(fault);
        }
    }
    worlds
}

/// The manifests with these worlds behind them, ready to run.
fn prepare(
    desired: &Arc<Desired>,
    stages: &Stages,
    worlds: &BTreeMap<ClusterName, Befallen>,
    rules: RuleSet,
) -> Simulated {
    let worlds = stages
        .iter()
        .filter_map(|(name, stage)| {
            let Befallen { seed, faults } = worlds.get(name)?.clone();
            let spec = Spec { seed, faults, ..stage.spec.clone() };
            Some((name.clone(), Simulation::of(spec, &stage.cluster, &desired.rollups)))
        })
        .collect();
    run::over(desired, worlds, rules)
}
