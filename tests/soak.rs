//! The soak: random estates in random trouble, each run to its end on the product's own loop and the simulator's own
//! physics.
//!
//! ```sh
//! cargo test --test integration soak -- --nocapture       # the default slice, with what it covered
//! SOAK_RUNS=20000 SOAK_SEED=7 cargo test --test integration soak::estates
//! SOAK_FROM=5765 SOAK_RUNS=5766 SOAK_SEED=1 cargo test --test integration soak::estates   # one of them
//! SOAK_FILE=target/soak/seed-7-run-42.yaml cargo test --test integration soak::a_file -- --nocapture
//! ```
//!
//! Run `i` depends on the seed and on `i` only. A run that goes wrong is shrunk and written under `target/soak/`.

mod proposer;
mod worlds;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rollward::desired::Desired;
use rollward::drivers::simulator::spec::FaultKind;
use rollward::fleet::simulated::{End, Simulated};
use rollward::guard::RuleSet;
use rollward::model::ClusterName;
use rollward::model::time::between;
use rollward::observed::Observation;
use rollward::plan::Plan;
use rollward::reconcile::Around;
use rollward::simulate::{LIMIT, RunEnd, explain, look_back, open, to_the_end};

pub use crate::estates::read;
use crate::oracle::checker::check;
pub use worlds::{Estate, estates, sha256};

/// Faults that cost time and nothing else: with only these, no run may take more handoffs than the first plan's
/// optimum.
const HARMLESS: &[FaultKind] = &[
    FaultKind::SlowMove,
    FaultKind::LostReply,
    FaultKind::StaleRead,
    FaultKind::AsksReboot,
    FaultKind::ClockJump,
    FaultKind::HostClockJump,
];

/// Effects of one run after which its loops spin. A role that never comes up, and is started every ten minutes until
/// the time is over, takes 19,000; whatever ends by itself takes hundreds.
const EFFECTS: u64 = 50_000;

/// Runs where nothing else is asked for.
pub const SLICE: u64 = 20_000;

/// Every estate ends converged or in holds that have names, whatever befalls it, and nothing is ever violated.
#[test]
fn estates_end_well_whatever_befalls_them() {
    let (runs, seed) = (number("SOAK_RUNS", SLICE), number("SOAK_SEED", 1));
    let next = AtomicU64::new(number("SOAK_FROM", 0));
    let work = || {
        let strategy = worlds::estates();
        let mut tally = Tally::default();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= runs || tally.wrong.len() >= 3 {
                return tally;
            }
            let tree = strategy.new_tree(&mut runner(seed, index)).expect("any draw is an estate");
            let estate = tree.current();
            let told = live(&estate);
            tally.add(index, &estate, &told);
            if told.as_ref().is_ok_and(|told| !told.wrong.is_empty()) {
                tally.wrong.push(shrink(&mut *Box::new(tree), seed, index));
            }
        }
    };
    let tally = std::thread::scope(|scope| {
        let workers = [scope.spawn(work), scope.spawn(work)];
        workers.into_iter().map(|w| w.join().expect("a worker ends")).fold(Tally::default(), Tally::merge)
    });
    println!("{}", tally.told());
    assert!(
        tally.wrong.is_empty(),
        "{} of {} runs went wrong:\n{}",
        tally.wrong.len(),
        tally.runs,
        tally.wrong.join("\n")
    );
    assert!(
        tally.thrown * 10 <= tally.runs,
        "{} of {} runs were thrown away: {:?}",
        tally.thrown,
        tally.runs,
        tally.why_thrown
    );
    if tally.runs >= 2_000 {
        let never: Vec<String> = rollward::simulate::faults::MENU
            .iter()
            .map(|k| k.word())
            .filter(|k| !tally.fired.contains_key(k))
            .collect();
        assert!(never.is_empty(), "faults that never happened: {never:?}");
    }
}

/// Repeats a run that was written down, with its journal.
#[test]
fn a_file_is_repeated() {
    let Some(file) = std::env::var_os("SOAK_FILE") else { return };
    let text = std::fs::read_to_string(&file).expect("the file can be read");
    let told = live_text(&text).expect("the manifests are sound");
    println!("{}", told.journal);
    println!("{:#?}", told.end);
    assert!(told.wrong.is_empty(), "{}", told.wrong.join("\n"));
}

/// What became of one estate.
struct Told {
    end: RunEnd,
    wrong: Vec<String>,
    journal: String,
    effects: u64,
}

fn live(estate: &Estate) -> Result<Told, String> {
    live_text(&estate.text())
}

fn live_text(text: &str) -> Result<Told, String> {
    let desired = read(text)?;
    let mut simulated = open(&desired, RuleSet::ALL).map_err(|e| e.to_string())?;
    simulated.effects_left = Some(EFFECTS);
    let started = simulated.now;
    let mut wrong = Vec::new();
    let optimum = optimum(&mut simulated, &desired, &mut wrong);
    // Somewhere in the middle, everything must have a reason, too. The instant hangs on the text alone.
    let sometime = Duration::from_secs(text.bytes().map(u64::from).sum::<u64>() % 7200);
    simulated.run(sometime);
    wrong
        .extend(explain(&mut simulated, false).unexplained.into_iter().map(|u| format!("unexplained on the way: {u}")));
    let end = to_the_end(&mut simulated, LIMIT, true);
    let end = look_back(&mut simulated, end);
    wrong.extend(end.violations.iter().map(|v| format!("violation: {v}")));
    wrong.extend(end.leaks.iter().map(|l| format!("left behind: {l}")));
    wrong.extend(end.unexplained.iter().map(|u| format!("unexplained: {u}")));
    let harmless = end.faults_fired.keys().all(|kind| HARMLESS.iter().any(|h| h.word() == *kind));
    if harmless && end.handoffs > optimum {
        wrong.push(format!("{} handoffs where {optimum} do, and nothing bad happened", end.handoffs));
    }
    if end.end == End::Converged {
        wrong.extend(second_plans(&mut simulated));
    }
    if end.end == End::Killed {
        wrong.push(format!("{EFFECTS} effects were not enough: the loops spin"));
    }
    if end.end == End::AtRest && end.held_by.is_empty() {
        wrong.push("at rest, and no hold has a name".into());
    }
    let mut journal = String::new();
    for entry in &simulated.journal {
        if entry.what.is_news() {
            let at = between(started, entry.at).as_secs();
            let (h, m, s) = (at / 3600, at / 60 % 60, at % 60);
            let _ = writeln!(journal, "{h:>3}:{m:02}:{s:02} {} {}", entry.cluster, entry.what);
        }
    }
    Ok(Told { end, wrong, journal, effects: simulated.effects })
}

/// The fewest handoffs with which every cluster gets there, as planned at the first look; its certificate is checked.
fn optimum(simulated: &mut Simulated, desired: &Desired, wrong: &mut Vec<String>) -> u64 {
    let mut optimum = 0;
    for (name, seen, plan) in plans(simulated) {
        wrong.extend(
            check(&desired.clusters[&name], &seen, &plan).err().map(|why| format!("certificate of {name}: {why}")),
        );
        optimum += u64::from(plan.handoffs.optimum);
    }
    optimum
}

fn plans(simulated: &mut Simulated) -> Vec<(ClusterName, Observation, Plan)> {
    let now = simulated.clock();
    let names: Vec<_> = simulated.worlds.keys().cloned().collect();
    let mut plans = Vec::new();
    for name in names {
        let Some(seen) = simulated.look(&name) else { continue };
        let Some(turn) = simulated.fleet.turn(&name) else { continue };
        let plan = turn.plan(&seen, Around { fleet: simulated.fleet.facts(), now });
        plans.push((name, seen, plan));
    }
    plans
}

/// After convergence there is nothing left to do.
fn second_plans(simulated: &mut Simulated) -> Vec<String> {
    let left = |(name, _, plan): (ClusterName, Observation, Plan)| {
        let first = plan.steps.first()?;
        Some(format!("converged, and {name} would still {}", first.action))
    };
    plans(simulated).into_iter().filter_map(left).collect()
}

// === Chance, shrinking, telling ===

pub fn number(name: &str, default: u64) -> u64 {
    std::env::var_os(name).and_then(|v| v.to_str()?.parse().ok()).unwrap_or(default)
}

pub fn runner(seed: u64, index: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&index.to_le_bytes());
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// Makes the estate as small as it can be and still go wrong, writes it down, and says how to repeat it.
fn shrink(tree: &mut dyn ValueTree<Value = Estate>, seed: u64, index: u64) -> String {
    let goes_wrong = |estate: &Estate| live(estate).is_ok_and(|told| !told.wrong.is_empty());
    let mut smallest = tree.current();
    let mut tries = 0;
    if tree.simplify() {
        loop {
            tries += 1;
            let estate = tree.current();
            let went_on = if goes_wrong(&estate) {
                smallest = estate;
                tree.simplify()
            } else {
                tree.complicate()
            };
            if !went_on || tries > 400 {
                break;
            }
        }
    }
    let told = live(&smallest).expect("it went wrong before");
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/soak");
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let file = folder.join(format!("seed-{seed}-run-{index}.yaml"));
    let comments: String = told.wrong.iter().map(|w| format!("# {}\n", w.replace('\n', "\n#   "))).collect();
    std::fs::write(&file, format!("{comments}{}", smallest.text())).expect("the file can be written");
    format!(
        "run {index} of seed {seed}:\n  {}\n  repeat it: SOAK_FILE={} cargo test --test integration soak::a_file -- --nocapture\n",
        told.wrong.join("\n  "),
        file.display()
    )
}

#[derive(Default)]
struct Tally {
    runs: u64,
    thrown: u64,
    why_thrown: BTreeMap<String, u64>,
    wrong: Vec<String>,
    nodes: BTreeMap<usize, u64>,
    roles: BTreeMap<usize, u64>,
    ends: BTreeMap<String, u64>,
    held_by: BTreeMap<String, u64>,
    fired: BTreeMap<String, u64>,
    handoffs: u64,
    extra: u64,
    actions: u64,
    /// Most effects of a run, and which.
    longest: (u64, u64),
}

impl Tally {
    fn add(&mut self, index: u64, estate: &Estate, told: &Result<Told, String>) {
        self.runs += 1;
        let told = match told {
            Ok(told) => told,
            Err(why) => {
                return self.throw_away(why.lines().next().unwrap_or_default());
            }
        };
        *self.nodes.entry(estate.node_count()).or_default() += 1;
        *self.roles.entry(estate.role_count()).or_default() += 1;
        *self.ends.entry(format!("{:?}", told.end.end)).or_default() += 1;
        for rule in &told.end.held_by {
            *self.held_by.entry(rule.to_string()).or_default() += 1;
        }
        for (kind, count) in &told.end.faults_fired {
            *self.fired.entry(kind.clone()).or_default() += count;
        }
        self.handoffs += told.end.handoffs;
        self.extra += told.end.extra_handoffs;
        self.actions += told.end.actions;
        self.longest = self.longest.max((told.effects, index));
        if told.end.faults_fired.is_empty() {
            // It was judged like any other, but a roll that nothing befell is no soak.
            self.throw_away("no fault fired");
        }
    }

    fn throw_away(&mut self, why: &str) {
        self.thrown += 1;
        *self.why_thrown.entry(why.to_owned()).or_default() += 1;
    }

    fn merge(mut self, other: Tally) -> Tally {
        self.runs += other.runs;
        self.thrown += other.thrown;
        self.wrong.extend(other.wrong);
        self.handoffs += other.handoffs;
        self.extra += other.extra;
        self.actions += other.actions;
        self.longest = self.longest.max(other.longest);
        add_up(&mut self.why_thrown, other.why_thrown);
        add_up(&mut self.nodes, other.nodes);
        add_up(&mut self.roles, other.roles);
        add_up(&mut self.ends, other.ends);
        add_up(&mut self.held_by, other.held_by);
        add_up(&mut self.fired, other.fired);
        self
    }

    fn told(&self) -> String {
        format!(
            "{} runs, {} thrown away: {:?}\n  nodes     {:?}\n  roles     {:?}\n  ended     {:?}\n  \
             held by   {:?}\n  faults    {:?}\n  actions   {}\n  handoffs  {} ({} beyond the optimum)\n  \
             longest   {} effects, run {}",
            self.runs,
            self.thrown,
            self.why_thrown,
            self.nodes,
            self.roles,
            self.ends,
            self.held_by,
            self.fired,
            self.actions,
            self.handoffs,
            self.extra,
            self.longest.0,
            self.longest.1
        )
    }
}

fn add_up<K: Ord>(into: &mut BTreeMap<K, u64>, from: BTreeMap<K, u64>) {
    for (key, count) in from {
        *into.entry(key).or_default() += count;
    }
}
