//! The simulator's part of a manifest: the truth of a world at its start, and what will befall it.

mod check;
mod fault;
mod span;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) use check::spread;
pub use check::{check, durations};
pub use fault::{FaultKind, FaultSpec, Trigger};
pub use span::{DurationSpec, Span};

use super::world::QuorumModel;
use crate::drivers::TimeScale;
use crate::model::{GroupName, NodeName, NodeRef, PackageName, Time};
use crate::observed::{CopyStatus, GroupKind, GroupState};

/// A simulated cluster. It holds only truth: whether anybody declared a node or a group elsewhere makes no difference
/// to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Spec {
    /// From what all chance is drawn: the same seed tells the same story.
    #[serde(default)]
    pub seed: u64,
    /// The simulated time at which it starts.
    #[serde(default = "default_start")]
    #[schemars(with = "String")]
    pub start_at: Time,
    /// Simulated seconds per real second, or `max`: virtual time, no sleeping.
    #[serde(default)]
    pub time_scale: TimeScaleSpec,
    /// How votes are counted.
    #[serde(default)]
    pub quorum: QuorumSpec,
    /// The machines.
    pub nodes: BTreeMap<NodeName, WorldNode>,
    /// The groups; one that only a node's `owns` names may be owned by every node.
    #[serde(default)]
    pub groups: BTreeMap<GroupName, WorldGroup>,
    /// How long things take: per kind of action in camelCase, and `clusterRestart`, `failover`, `groupOnline`, `copyHealthy`.
    #[serde(default)]
    pub durations: BTreeMap<DurationName, DurationSpec>,
    /// Whether everything takes exactly as long as is declared, or is the default: the middle. Else durations are drawn
    /// around that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exact: bool,
    /// What befalls the world.
    #[serde(default)]
    pub faults: Vec<FaultSpec>,
}

fn default_start() -> Time {
    Time::from_second(1_491_004_800).unwrap_or(Time::UNIX_EPOCH) // 2017-04-01T00:00:00Z
}

/// Simulated seconds per real second, or `max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a whole number of simulated seconds per real second, or `max`")]
pub enum TimeScaleSpec {
    /// Simulated seconds per real second.
    Factor(#[schemars(range(min = 1))] u32),
    /// `max`.
    Word(MaxWord),
}

/// The word `max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MaxWord {
    /// As fast as things happen.
    #[serde(rename = "max")]
    Max,
}

impl Default for TimeScaleSpec {
    fn default() -> Self {
        TimeScaleSpec::Factor(600)
    }
}

impl From<TimeScaleSpec> for TimeScale {
    fn from(spec: TimeScaleSpec) -> TimeScale {
        match spec {
            TimeScaleSpec::Factor(n) => TimeScale::Factor(n.max(1)),
            TimeScaleSpec::Word(MaxWord::Max) => TimeScale::Max,
        }
    }
}

/// How votes are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QuorumSpec {
    /// The model.
    pub model: QuorumModel,
    /// Whether the witness, in models that have one, can be reached.
    #[serde(default)]
    pub witness: WitnessSpec,
}

/// Whether a witness can be reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum WitnessSpec {
    /// It can.
    #[default]
    Reachable,
    /// It cannot.
    Unreachable,
}

/// A machine at the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorldNode {
    /// The version of the one product that is installed.
    #[serde(default)]
    pub version: Option<String>,
    /// Versions package by package, where there are several.
    #[serde(default)]
    pub versions: BTreeMap<PackageName, String>,
    /// The groups it owns.
    #[serde(default)]
    pub owns: Vec<GroupName>,
    /// Its service pack; by default that of the newest rollup of its version's first two numbers.
    #[serde(default)]
    pub baseline: Option<String>,
    /// Whether a person has paused it.
    #[serde(default)]
    pub paused: bool,
    /// Files already on it, with their SHA-256.
    #[serde(default)]
    pub staged: BTreeMap<String, String>,
    /// Free room on its disk, in MiB.
    #[serde(default)]
    pub disk_free_mib: Option<u64>,
    /// Updates outside the rollups.
    #[serde(default)]
    pub interim_updates: Vec<String>,
    /// Whether the machine waits for a reboot.
    #[serde(default)]
    pub pending_reboot: bool,
    /// Services that are not as the baseline of an earlier attempt says, each in words (`disabled, was automatic`).
    #[serde(default)]
    pub services: BTreeMap<String, String>,
    /// Whether the machine runs.
    #[serde(default = "yes")]
    pub up: bool,
    /// Whether its cluster service runs, if the machine does.
    #[serde(default = "yes")]
    pub cluster_service: bool,
    /// Somebody else's installer that is at work.
    #[serde(default)]
    pub rival: Option<String>,
    /// Whether copying to the copies on it is suspended.
    #[serde(default)]
    pub replication_suspended: bool,
}

fn yes() -> bool {
    true
}

/// A group at the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorldGroup {
    /// The nodes that may own it, best first; all nodes if absent.
    #[serde(default)]
    pub possible_owners: Option<Vec<NodeName>>,
    /// What it is for, where the stack itself makes that certain.
    #[serde(default)]
    pub kind: Option<GroupKind>,
    /// `offline` for one that a person has stopped, `partiallyOnline` for one with dismounted databases, `failed`.
    #[serde(default)]
    pub state: Option<GroupState>,
    /// Logs that its copies lag behind; declares that there are copies.
    #[serde(default)]
    pub copy_queue_length: Option<u32>,
    /// Copies that are not as the others; declares that there are copies.
    #[serde(default)]
    pub copies: BTreeMap<NodeName, WorldCopy>,
    /// Whether a backup runs.
    #[serde(default)]
    pub backup: bool,
    /// The node to which the stack moves it back by itself.
    #[serde(default)]
    pub failback_to: Option<NodeName>,
    /// The standby copies that the stack knows of; by default those that the manifest declares, all healthy.
    #[serde(default)]
    pub standby_copies: Option<Vec<WorldStandbyCopy>>,
}

/// A copy at the start. One that is neither healthy nor on its way there stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorldCopy {
    /// Its state.
    #[serde(default = "healthy")]
    pub status: CopyStatus,
    /// Logs it lags behind.
    #[serde(default)]
    pub queue: u32,
}

fn healthy() -> CopyStatus {
    CopyStatus::Healthy
}

/// A standby copy at the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorldStandbyCopy {
    /// The cluster that holds it.
    pub cluster: crate::model::ClusterName,
    /// The node that holds it.
    pub node: NodeName,
    /// Its state.
    #[serde(default = "healthy")]
    pub status: CopyStatus,
    /// Logs it lags behind.
    #[serde(default)]
    pub queue: u32,
}

impl WorldStandbyCopy {
    /// The machine that holds it.
    pub fn target(&self) -> NodeRef {
        NodeRef { cluster: self.cluster.clone(), node: self.node.clone() }
    }
}

macro_rules! durations {
    ($($name:ident $median:literal $p95:literal),* $(,)?) => {
        /// What takes time. The defaults are those of a middling cluster.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub enum DurationName { $(#[doc = stringify!($name)] $name),* }

        impl DurationName {
            /// All of them.
            pub const ALL: &[DurationName] = &[$(DurationName::$name),*];

            /// How long it takes where nothing is declared, in seconds: the middle and the 95th percentile.
            pub fn default_seconds(self) -> (u64, u64) {
                match self { $(DurationName::$name => ($median, $p95)),* }
            }
        }
    };
}

durations! {
    Stage 30 60, Pause 2 4, MoveGroup 5 10, StopCluster 20 40, Install 480 900, Uninstall 480 900, Reboot 240 420,
    Handoff 45 120, StopRole 30 60, StartRole 40 80, StartCluster 5 10, RestoreServices 20 40, ResumeReplication 5 10,
    Resume 2 4, ClusterRestart 40 80, Failover 30 60, GroupOnline 15 30, CopyHealthy 90 180,
}

/// The names as they are typed, in the order of [`DurationName::ALL`].
const DURATION_WORDS: &[&str] = &[
    "stage",
    "pause",
    "moveGroup",
    "stopCluster",
    "install",
    "uninstall",
    "reboot",
    "handoff",
    "stopRole",
    "startRole",
    "startCluster",
    "restoreServices",
    "resumeReplication",
    "resume",
    "clusterRestart",
    "failover",
    "groupOnline",
    "copyHealthy",
];

/// By hand, because the place of what is wrong with a map's value is only known where its key is read as a text.
impl<'de> Deserialize<'de> for DurationName {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let word = String::deserialize(from)?;
        let found = DURATION_WORDS.iter().zip(DurationName::ALL).find(|(w, _)| **w == word);
        found.map(|(_, name)| *name).ok_or_else(|| serde::de::Error::unknown_variant(&word, DURATION_WORDS))
    }
}
