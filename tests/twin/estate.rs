//! The folder that all processes of one twin share: worlds, what they are called, and what goes wrong.
//!
//! `truth.yaml` declares the clusters as the simulator has them, and is what is true; `estate.json` says how they are
//! reached; `properties.json` holds the clusters' private properties; `hosts/NAME/` is a machine's disk.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rollward::desired::{self, Desired, SourceFile};
use rollward::drivers::Drivers;
use rollward::drivers::simulator::world::{ClusterService, Machine, NodeTruth, World};
use rollward::drivers::simulator::{Hand, Kept};
use rollward::model::{ClusterName, NodeName, Time};
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
    /// How long scripts wait for a tool, in seconds; what the script says if absent.
    #[serde(default)]
    pub patience_seconds: Option<u64>,
    /// What goes wrong.
    #[serde(default)]
    pub faults: Vec<Fault>,
}

fn one() -> u32 {
    1
}

/// Private properties: of each cluster, by name.
pub type Properties = BTreeMap<ClusterName, BTreeMap<String, String>>;

/// The estate, held by this process alone as long as it is open.
pub struct Estate {
    pub setup: Setup,
    folder: PathBuf,
    desired: Arc<Desired>,
    worlds: BTreeMap<ClusterName, Kept>,
    pub properties: Properties,
    now: Time,
    lock: File,
}

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
        let mut worlds = BTreeMap::new();
        let mut now = Time::UNIX_EPOCH;
        for (name, cluster) in &desired.clusters {
            let mut kept =
                Kept::open(cluster, &desired.rollups, &folder.join("worlds"), false).map_err(|e| e.to_string())?;
            let spec = cluster.driver.spec.get("startAt").and_then(|at| at.as_str());
            let start: Time = spec.and_then(|at| at.parse().ok()).ok_or(format!("{name} has no startAt"))?;
            let passed = real_time().duration_since(setup.began).as_secs_f64() * f64::from(setup.time_scale);
            now = start + std::time::Duration::from_secs_f64(passed.max(0.0));
            kept.simulation_mut().advance_to(now);
            worlds.insert(name.clone(), kept);
        }
        let properties = folder.join("properties.json");
        let properties = if properties.exists() { read_json(&properties)? } else { Properties::new() };
        Ok(Self { setup, folder, desired, worlds, properties, now, lock })
    }

    /// Keeps what was done.
    pub fn keep(&mut self) {
        self.worlds.values_mut().for_each(Kept::keep);
        let text = serde_json::to_vec(&self.properties).unwrap_or_default();
        if let Err(error) = fs::write(self.folder.join("properties.json"), text) {
            eprintln!("twin: properties are lost: {error}");
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

    /// A file or folder on a machine's disk.
    pub fn disk(&self, machine: &NodeName) -> PathBuf {
        self.folder.join("hosts").join(machine.as_str())
    }
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
