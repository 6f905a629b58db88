//! The folder that all processes of one twin share: worlds, what they are called, and what goes wrong.
//!
//! `truth.yaml` declares the clusters as the simulator has them, and is what is true; `estate.json` says how they are
//! reached; `properties.json` holds the clusters' private properties, `boots.json` when each machine was started;
//! `hosts/NAME/` is a machine's disk, with its drives as folders.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rollward::desired::{self, Desired, SourceFile};
use rollward::drivers::Drivers;
use rollward::drivers::simulator::world::{ClusterService, Machine, NodeTruth, Stage, World};
use rollward::drivers::simulator::{Hand, Kept, Simulation};
use rollward::model::{Action, Answer, ClusterName, NodeName, Time};
use serde::Deserialize;

use crate::faults::Fault;

/// How the estate is reached. Written by whoever sets it up.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Setup {
    /// When it began, in real time.
    pub began: Timestamp,
    /// Simulated seconds per real one.
    #[serde(default = "one")]
    pub time_scale: u32,
    /// The management host's name.
    pub management_host: String,
    /// The network name of each cluster, by its name in `truth.yaml`.
    #[serde(default)]
    pub network_names: BTreeMap<ClusterName, String>,
    /// The share that is every cluster's witness.
    pub witness: String,
    /// How long scripts wait for something, in seconds; what the script says if absent.
    #[serde(default)]
    pub patience_seconds: Option<u64>,
    /// What goes wrong.
    #[serde(default)]
    pub faults: Vec<Fault>,
}

fn one() -> u32 {
    1
}

impl Setup {
    /// How long something is waited for that is given so many seconds.
    pub fn patience(&self, seconds: u64) -> Duration {
        Duration::from_secs(self.patience_seconds.unwrap_or(seconds))
    }
}

/// Private properties: of each cluster, by name.
pub type Properties = BTreeMap<ClusterName, BTreeMap<String, String>>;

/// When each machine was started last, by its name; at its first start, and every later one.
type Boots = BTreeMap<NodeName, Time>;

/// The estate, held by this process alone as long as it is open.
pub struct Estate {
    pub setup: Setup,
    folder: PathBuf,
    desired: Arc<Desired>,
    worlds: BTreeMap<ClusterName, Kept>,
    pub properties: Properties,
    boots: Boots,
    now: Time,
    lock: File,
}

/// The start of the machine that this process runs on; it ends with that.
static BOOT: OnceLock<Option<Time>> = OnceLock::new();

/// What `ssh` ends with when the other side is gone.
const CONNECTION_LOST: i32 = 255;

/// The folder, which every process of the twin is told.
pub fn folder() -> Result<PathBuf, String> {
    std::env::var_os("TWIN").map(PathBuf::from).ok_or_else(|| "TWIN does not name the estate's folder".into())
}

/// The setup alone, without holding the estate.
pub fn setup() -> Result<Setup, String> {
    read_json(&folder()?.join("estate.json"))
}

/// The machine that this process runs on.
pub fn machine() -> Result<String, String> {
    let machine = std::env::var_os("TWIN_MACHINE").ok_or("TWIN_MACHINE does not name the machine")?;
    machine.into_string().map_err(|name| format!("{name:?} is no machine"))
}

#[allow(clippy::disallowed_methods)] // The twin is the outside: its time is the real one.
pub fn real_time() -> Timestamp {
    Timestamp::now()
}

#[allow(clippy::disallowed_methods)] // The twin is the outside: its time is the real one.
pub fn instant() -> Instant {
    Instant::now()
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, String> {
    let text = fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    serde_json::from_slice(&text).map_err(|e| format!("{}: {e}", path.display()))
}

impl Estate {
    /// Waits for the estate, and lets pass in it the time that has passed.
    pub fn open() -> Result<Self, String> {
        let folder = folder()?;
        let lock = File::create(folder.join("lock")).map_err(|e| format!("{}: {e}", folder.display()))?;
        lock.lock().map_err(|e| format!("the estate's lock: {e}"))?;
        let setup = setup()?;
        let desired = declared(&folder)?;
        let boots = folder.join("boots.json");
        let mut boots: Boots = if boots.exists() { read_json(&boots)? } else { Boots::new() };
        let mut worlds = BTreeMap::new();
        let mut now = Time::UNIX_EPOCH;
        for (name, cluster) in &desired.clusters {
            let mut kept =
                Kept::open(cluster, &desired.rollups, &folder.join("worlds"), false).map_err(|e| e.to_string())?;
            let spec = cluster.driver.spec.get("startAt").and_then(|at| at.as_str());
            let start: Time = spec.and_then(|at| at.parse().ok()).ok_or(format!("{name} has no startAt"))?;
            let passed = real_time().duration_since(setup.began).as_secs_f64() * f64::from(setup.time_scale);
            now = start + std::time::Duration::from_secs_f64(passed.max(0.0));
            pass(kept.simulation_mut(), now, &mut boots);
            worlds.insert(name.clone(), kept);
        }
        let properties = folder.join("properties.json");
        let properties = if properties.exists() { read_json(&properties)? } else { Properties::new() };
        let mut estate = Self { setup, folder, desired, worlds, properties, boots, now, lock };
        estate.bury_installers();
        estate.end_with_the_machine();
        Ok(estate)
    }

    /// An installer whose process somebody has killed does nothing any more; services that it had disabled stay so.
    fn bury_installers(&mut self) {
        let mut dead = Vec::new();
        for (cluster, world) in self.worlds() {
            for (node, truth) in &world.nodes {
                let installs = truth.running().is_some_and(|work| work.action.rollup().is_some());
                if installs && !is_locked(&installer_lock(&self.folder, node)) {
                    let disabled = truth.task.is_some_and(|task| task.stage == Stage::Copying);
                    dead.push((cluster.clone(), node.clone(), disabled));
                }
            }
        }
        for (cluster, node, disabled) in &dead {
            // The world may have ended it meanwhile.
            let _ = self.poke(cluster, Hand::KillInstaller { node: node.clone() });
            if *disabled {
                let _ = self.poke(cluster, Hand::DisableServices { node: node.clone() });
            }
        }
        if !dead.is_empty() {
            self.keep();
        }
    }

    /// A process does not outlive the machine that it runs on. It finds that out when it looks.
    fn end_with_the_machine(&self) {
        let Ok(machine) = machine() else { return };
        let Some((_, name, truth)) = self.node(&machine) else { return };
        let started = self.boots.get(name).copied();
        let before = BOOT.get_or_init(|| started);
        if truth.machine != Machine::Up || *before != started {
            std::process::exit(CONNECTION_LOST);
        }
    }

    /// Keeps what was done.
    pub fn keep(&mut self) {
        self.worlds.values_mut().for_each(Kept::keep);
        let properties = serde_json::to_vec(&self.properties).unwrap_or_default();
        let boots = serde_json::to_vec(&self.boots).unwrap_or_default();
        for (name, text) in [("properties.json", properties), ("boots.json", boots)] {
            if let Err(error) = fs::write(self.folder.join(name), text) {
                eprintln!("twin: {name} is lost: {error}");
            }
        }
    }

    /// Leaves the estate to other processes for a while.
    pub fn let_others_in(&mut self, a_while: std::time::Duration) -> Result<(), String> {
        self.lock.unlock().map_err(|e| e.to_string())?;
        std::thread::sleep(a_while);
        *self = Self::open()?;
        Ok(())
    }

    /// The cluster as declared.
    pub fn declared(&self, cluster: &ClusterName) -> Option<&desired::Cluster> {
        self.desired.clusters.get(cluster).map(|cluster| &**cluster)
    }

    /// All that is declared.
    pub fn desired(&self) -> &Desired {
        &self.desired
    }

    /// A cluster's truth.
    pub fn world(&self, cluster: &ClusterName) -> Option<&World> {
        self.worlds.get(cluster).map(|kept| kept.simulation().world())
    }

    /// All clusters' truths.
    pub fn worlds(&self) -> impl Iterator<Item = (&ClusterName, &World)> {
        self.worlds.iter().map(|(name, kept)| (name, kept.simulation().world()))
    }

    /// Lays a hand on a cluster.
    pub fn hand(&mut self, cluster: &str, words: &str) -> Result<String, String> {
        let hand: Hand = words.parse().map_err(|e| format!("{e}"))?;
        self.poke(&ClusterName::from(cluster), hand)
    }

    /// The same, of a hand that needs no words.
    pub fn poke(&mut self, cluster: &ClusterName, hand: Hand) -> Result<String, String> {
        let now = self.now;
        let kept = self.worlds.get_mut(cluster).ok_or_else(|| format!("there is no cluster {cluster}"))?;
        kept.simulation_mut().poke(hand, now)
    }

    /// What a tool has a cluster do.
    pub fn by_tool(&mut self, cluster: &ClusterName, action: Action) -> Result<Answer, String> {
        let now = self.now;
        let kept = self.worlds.get_mut(cluster).ok_or_else(|| format!("there is no cluster {cluster}"))?;
        Ok(kept.simulation_mut().by_tool(action, now))
    }

    /// Lays a file on a node, for its installer.
    pub fn put_file(&mut self, cluster: &ClusterName, node: &NodeName, file: &str, sha256: &str) {
        let now = self.now;
        if let Some(kept) = self.worlds.get_mut(cluster) {
            kept.simulation_mut().put_file(node, file, sha256, now);
        }
    }

    /// All clusters, with what an onlooker who sees everything noted.
    pub fn simulations(&self) -> impl Iterator<Item = &Simulation> {
        self.worlds.values().map(Kept::simulation)
    }

    /// When a machine was started last.
    pub fn booted(&self, node: &NodeName) -> Time {
        self.boots.get(node).copied().unwrap_or(Time::UNIX_EPOCH)
    }

    /// The machine of that name, as Windows compares names, and the cluster that it is in.
    pub fn node(&self, machine: &str) -> Option<(&ClusterName, &NodeName, &NodeTruth)> {
        self.worlds().find_map(|(cluster, world)| {
            let (name, truth) = world.nodes.iter().find(|(name, _)| same(name.as_str(), machine))?;
            Some((cluster, name, &**truth))
        })
    }

    /// True if somebody who is there could log in.
    pub fn runs(&self, machine: &str) -> bool {
        let node = self.node(machine).is_some_and(|(_, _, truth)| truth.machine == Machine::Up);
        node || same(machine, &self.setup.management_host)
    }

    /// The cluster's network name.
    pub fn network_name(&self, cluster: &ClusterName) -> String {
        self.setup.network_names.get(cluster).cloned().unwrap_or_else(|| cluster.as_str().to_uppercase())
    }
}

/// Lets time pass in a world, with a note of each start of a machine.
fn pass(simulation: &mut Simulation, to: Time, boots: &mut Boots) {
    loop {
        let up = |simulation: &Simulation| -> Vec<NodeName> {
            let nodes = simulation.world().nodes.iter();
            nodes.filter(|(_, truth)| truth.machine == Machine::Up).map(|(name, _)| name.clone()).collect()
        };
        let before = up(simulation);
        let at = simulation.next_event().filter(|at| *at <= to);
        simulation.advance_to(at.unwrap_or(to));
        for node in up(simulation).into_iter().filter(|node| !before.contains(node)) {
            boots.insert(node, simulation.now());
        }
        if at.is_none() {
            return;
        }
    }
}

/// A path of Windows' on a machine's disk.
pub fn disk(machine: &NodeName, path: &str) -> Result<PathBuf, String> {
    Ok(folder()?.join("hosts").join(machine.as_str()).join(path.replace(':', "").replace('\\', "/")))
}

/// The file that an installer holds locked while it lives: Windows Installer's mutex.
pub fn installer_lock(folder: &Path, machine: &NodeName) -> PathBuf {
    folder.join("hosts").join(machine.as_str()).join("_MSIExecute")
}

/// Whether a process holds a file locked.
pub fn is_locked(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock)))
}

fn declared(folder: &Path) -> Result<Arc<Desired>, String> {
    let path = folder.join("truth.yaml");
    let text = fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let files = [SourceFile::from_bytes("truth.yaml", &text)];
    let reading = desired::read(&files, &Drivers);
    if reading.has_errors() {
        let wrong = desired::render::render(&reading.diagnostics, &files, desired::render::Style::Plain);
        return Err(wrong);
    }
    Ok(Arc::new(reading.desired))
}

/// Whether the cluster service of a node answers: it runs, and its cluster has not lost quorum.
pub fn answers(world: &World, truth: &NodeTruth) -> bool {
    truth.machine == Machine::Up && truth.service == ClusterService::Member && world.has_quorum()
}

/// Names as Windows compares them: without case, and without a domain.
pub fn same(a: &str, b: &str) -> bool {
    let plain = |name: &str| name.split('.').next().unwrap_or_default().to_lowercase();
    plain(a) == plain(b)
}
