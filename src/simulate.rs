//! What if: the same manifests, run many times to the end, each time with other things going wrong.
//!
//! Behind `rollward simulate`, and behind the project's own soak test. The worlds are those of the simulator driver,
//! the loop is the product's own, and everything comes from one seed: run `i` has the seed `seed + i` and can be
//! repeated alone.
//!
//! Absent on purpose: any second opinion of what is right. What counts against us is what the worlds themselves count.

pub mod faults;
mod replay;
mod run;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::desired::{Cluster, Desired, DriverPart};
use crate::drivers::simulator::spec::{FaultSpec, Spec};
use crate::fleet::simulated::End;
use crate::guard::RuleSet;
use crate::model::ClusterName;
use crate::observed::GroupKind;

use faults::{Cast, Draw, shape};
pub use replay::{ReplayError, scenario};
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
}

impl Default for Settings {
    fn default() -> Self {
        Self { runs: 1000, seed: 0, limit: LIMIT, approves: true, threads: 2 }
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

/// What became of many runs.
#[derive(Clone, Debug, Default)]
pub struct SimulateReport {
    /// Runs made.
    pub runs: u64,
    /// The seed of the first.
    pub seed: u64,
    /// Rules of the world that were broken, by its own count.
    pub violations: u64,
    /// Runs in which every cluster converged.
    pub converged: u64,
    /// Runs that ended with holds that take a person.
    pub held: u64,
    /// Those holds: runs in which each rule's was left.
    pub held_by_rule: BTreeMap<String, u64>,
    /// Runs that ended neither way in the time given.
    pub unfinished: u64,
    /// Nodes that were not at their target in the end, without a hold or an action in progress: bugs.
    pub unexplained: u64,
    /// What handoffs cost beyond the optimum left before each.
    pub extra_handoffs: u64,
    /// Marks, pauses and claims of ours that were left behind.
    pub leaks: u64,
    /// Faults that happened, kind by kind.
    pub faults_fired: BTreeMap<String, u64>,
    /// The worst run; there is one as soon as there is a run.
    pub worst: Option<Worst>,
}

/// One run with everything that it takes to repeat it.
#[derive(Clone, Debug)]
pub struct Worst {
    /// Its seed: `simulate` with this seed and one run repeats it.
    pub seed: u64,
    /// What became of it.
    pub end: RunEnd,
    /// The seed of each world, and what befell it.
    pub worlds: BTreeMap<ClusterName, Befallen>,
}

/// What was drawn for one world.
#[derive(Clone, Debug, PartialEq)]
pub struct Befallen {
    /// The world's own seed.
    pub seed: u64,
    /// Everything that befalls it, what the manifest declares included.
    pub faults: Vec<FaultSpec>,
}

/// Runs the manifests to the end, again and again, each time with other faults. `progress` is told after each run how
/// many are done.
///
/// # Errors
/// See [`SimulateError`].
pub fn simulate(
    desired: &Desired,
    settings: &Settings,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<SimulateReport, SimulateError> {
    let specs = specs(desired)?;
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let work = || {
        let mut report = SimulateReport { seed: settings.seed, ..SimulateReport::default() };
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= settings.runs {
                return Ok(report);
            }
            report.add(one(desired, &specs, settings.seed.wrapping_add(index), settings)?);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1);
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..settings.threads.max(1)).map(|_| scope.spawn(work)).collect();
        let mut report = SimulateReport { seed: settings.seed, ..SimulateReport::default() };
        for worker in workers {
            match worker.join() {
                Ok(part) => report.merge(part?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(report)
    })
}

/// Every cluster's world as its manifest declares it.
fn specs(desired: &Desired) -> Result<BTreeMap<ClusterName, (Spec, Cast)>, SimulateError> {
    desired
        .clusters
        .iter()
        .map(|(name, cluster)| {
            if &*cluster.driver.name != "simulator" {
                let driver = Arc::clone(&cluster.driver.name);
                return Err(SimulateError::NotSimulated { cluster: name.clone(), driver });
            }
            let world = |why: String| SimulateError::World { cluster: name.clone(), why };
            let spec: Spec =
                serde_json::from_value((*cluster.driver.spec).clone()).map_err(|e| world(e.to_string()))?;
            let cast = Cast::of(&spec, |group| cluster.groups.get(group).map_or(GroupKind::Role, |g| g.kind));
            Ok((name.clone(), (spec, cast)))
        })
        .collect()
}

/// The run of one seed.
fn one(
    desired: &Desired,
    specs: &BTreeMap<ClusterName, (Spec, Cast)>,
    seed: u64,
    settings: &Settings,
) -> Result<Worst, SimulateError> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut draws_left = REDRAWS;
    loop {
        let worlds = befall(specs, &mut rng);
        let desired = Arc::new(with_worlds(desired, specs, &worlds)?);
        let mut simulated = open(&desired, RuleSet::ALL)?;
        let end = to_the_end(&mut simulated, settings.limit, settings.approves);
        let end = look_back(&mut simulated, end);
        if !end.faults_fired.is_empty() || draws_left == 0 {
            return Ok(Worst { seed, end, worlds });
        }
        draws_left -= 1;
    }
}

/// Draws what befalls each world: one to a few faults, spread over all of them.
fn befall(specs: &BTreeMap<ClusterName, (Spec, Cast)>, rng: &mut ChaCha8Rng) -> BTreeMap<ClusterName, Befallen> {
    let mut worlds: BTreeMap<ClusterName, Befallen> = specs
        .iter()
        .map(|(name, (spec, _))| {
            (name.clone(), Befallen { seed: rng.random::<u32>().into(), faults: spec.faults.clone() })
        })
        .collect();
    let names: Vec<&ClusterName> = specs.keys().collect();
    if names.is_empty() {
        return worlds;
    }
    for _ in 0..rng.random_range(1..=2 + names.len()) {
        let draw = Draw::from_rng(rng);
        let Some(name) = names.get(rng.random_range(0..names.len())) else { continue };
        let fault = specs.get(*name).and_then(|(_, cast)| shape(draw, cast));
        if let (Some(fault), Some(world)) = (fault, worlds.get_mut(*name)) {
            world.faults.push(fault);
        }
    }
    worlds
}

/// The same manifests with these worlds behind them.
fn with_worlds(
    desired: &Desired,
    specs: &BTreeMap<ClusterName, (Spec, Cast)>,
    worlds: &BTreeMap<ClusterName, Befallen>,
) -> Result<Desired, SimulateError> {
    let mut desired = desired.clone();
    for (name, cluster) in &mut desired.clusters {
        let (Some((spec, _)), Some(befallen)) = (specs.get(name), worlds.get(name)) else { continue };
        let spec = Spec { seed: befallen.seed, faults: befallen.faults.clone(), ..spec.clone() };
        let value = serde_json::to_value(spec)
            .map_err(|e| SimulateError::World { cluster: name.clone(), why: e.to_string() })?;
        let driver = DriverPart { spec: Arc::new(value), ..cluster.driver.clone() };
        *cluster = Arc::new(Cluster { driver, ..Cluster::clone(cluster) });
    }
    Ok(desired)
}

impl SimulateReport {
    fn add(&mut self, run: Worst) {
        let end = &run.end;
        self.runs += 1;
        self.violations += end.violations.len() as u64;
        match end.end {
            End::Converged => self.converged += 1,
            End::AtRest => {
                self.held += 1;
                for rule in &end.held_by {
                    *self.held_by_rule.entry(rule.to_string()).or_default() += 1;
                }
            }
            End::TimeOut | End::Killed => self.unfinished += 1,
        }
        self.unexplained += end.unexplained.len() as u64;
        self.leaks += end.leaks.len() as u64;
        if !end.faults_fired.is_empty() {
            self.extra_handoffs += end.extra_handoffs;
        }
        for (kind, count) in &end.faults_fired {
            *self.faults_fired.entry(kind.clone()).or_default() += count;
        }
        self.keep_worst(run);
    }

    fn merge(&mut self, part: SimulateReport) {
        let SimulateReport {
            runs,
            seed: _,
            violations,
            converged,
            held,
            held_by_rule,
            unfinished,
            unexplained,
            extra_handoffs,
            leaks,
            faults_fired,
            worst,
        } = part;
        self.runs += runs;
        self.violations += violations;
        self.converged += converged;
        self.held += held;
        self.unfinished += unfinished;
        self.unexplained += unexplained;
        self.extra_handoffs += extra_handoffs;
        self.leaks += leaks;
        for (rule, count) in held_by_rule {
            *self.held_by_rule.entry(rule).or_default() += count;
        }
        for (kind, count) in faults_fired {
            *self.faults_fired.entry(kind).or_default() += count;
        }
        if let Some(worst) = worst {
            self.keep_worst(worst);
        }
    }

    /// Of equally bad runs the one with the lowest seed, so that threads make no difference.
    fn keep_worst(&mut self, run: Worst) {
        let worse = |kept: &Worst| {
            (run.end.badness(), std::cmp::Reverse(run.seed)) > (kept.end.badness(), std::cmp::Reverse(kept.seed))
        };
        if self.worst.as_ref().is_none_or(worse) {
            self.worst = Some(run);
        }
    }
}
