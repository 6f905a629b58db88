//! Manifests as meant: checked, cross-referenced, with every default filled in.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::window::Window;
use crate::model::{
    ClusterName, GroupName, HandoffStyle, NodeName, NodeRef, PolicyName, Rollup, RollupName, Spread, WaivedAction,
    WaivedFor, Waiver,
};
use crate::observed::GroupKind;

/// Everything that a set of manifests declares.
#[derive(Clone, Debug, Default)]
pub struct Desired {
    /// The clusters, by name. One whose document is broken is here with its last good version and [`Broken`] set.
    pub clusters: BTreeMap<ClusterName, Arc<Cluster>>,
    /// All rollups, also those that no cluster asks for.
    pub rollups: BTreeMap<RollupName, Arc<Rollup>>,
    /// Limits across clusters.
    pub fleet: FleetPolicy,
    /// Committed stop cords.
    pub stops: Vec<StopDocument>,
    /// The commit of the folder if it is a checkout, else a hash of its content.
    pub revision: Arc<str>,
}

/// A line of a manifest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// The file, as it was named or found.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Why a cluster's document cannot be trusted now: it finishes what is begun and starts nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Broken {
    /// What is wrong, in one line.
    pub why: String,
    /// Where.
    pub place: Option<Place>,
    /// True if the document is gone rather than broken: finish, remove our marks, forget.
    pub releasing: bool,
}

/// One cluster, as meant.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cluster {
    /// Its name.
    pub name: ClusterName,
    /// Where it is declared.
    pub place: Place,
    /// For selecting.
    pub labels: BTreeMap<String, String>,
    /// The approval committed with the manifest, if any.
    pub approve: Option<ApprovalAnnotation>,
    /// Whether we may act.
    pub mode: Mode,
    /// What kind of cluster it is.
    pub topology: Topology,
    /// Which driver, and its own part of the manifest.
    pub driver: DriverPart,
    /// The declared nodes.
    pub nodes: BTreeMap<NodeName, NodeSpec>,
    /// The declared groups.
    pub groups: BTreeMap<GroupName, GroupSpec>,
    /// The policy.
    pub policy: Arc<Policy>,
    /// Packages that somebody has downloaded, by file name, for the rollups this cluster asks for.
    pub packages: BTreeMap<String, PackageAt>,
    /// Where a package that nobody has downloaded should be put: the folder to name in a hold.
    pub package_folder: Arc<str>,
    /// Whether a node that is ahead of its rollup may be taken back to it.
    pub allow_downgrade: bool,
    /// Rules that the manifest waives for a while.
    pub waivers: Vec<Waiver>,
    /// How long things take, as declared for this cluster; the driver's own figures stand in for what is missing.
    pub durations: BTreeMap<crate::model::ActionKind, Spread>,
    /// Set if the document is broken or gone.
    pub broken: Option<Broken>,
}

/// `rollward/approve: HASH`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalAnnotation {
    /// The hash of the sequence of handoffs that was shown.
    pub hash: String,
    /// Where it stands.
    pub place: Place,
}

/// A driver's own part of a cluster's manifest. Only that driver reads it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DriverPart {
    /// The driver's name.
    pub name: Arc<str>,
    /// Its part, already checked by it. No decision reads it, and how a cluster is reached is nobody's business: it is kept
    /// nowhere.
    #[serde(skip)]
    pub spec: Arc<serde_json::Value>,
    /// A text that is the same for two documents that mean one real cluster.
    #[serde(skip)]
    pub identity: Arc<str>,
}

/// Whether we may act.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// Look and plan only.
    #[default]
    Observe,
    /// Act.
    Act,
}

/// What kind of cluster it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Topology {
    /// Two nodes with a copy of the data each; one role a node.
    Ccr,
    /// Shared storage; one role a node.
    Scc,
    /// A standalone standby host, or a cluster whose passive nodes hold standby copies.
    Standby,
    /// Anything else; a node may own several roles.
    Generic,
}

impl Topology {
    /// How many roles a node may own, unless its own line says otherwise.
    pub fn roles_per_node(self) -> Option<u32> {
        match self {
            Topology::Ccr | Topology::Scc => Some(1),
            Topology::Standby | Topology::Generic => None,
        }
    }
}

/// A declared node.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeSpec {
    /// Its target.
    pub rollup: Arc<Rollup>,
    /// Where the target is declared.
    pub place: Place,
    /// Why a person wants it left alone.
    pub hold: Option<String>,
    /// How many roles it may own; `None` is no limit.
    pub max_roles: Option<u32>,
}

/// A declared group.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupSpec {
    /// What it is for.
    pub kind: GroupKind,
    /// Where it is declared.
    pub place: Place,
    /// Where it should end, best first.
    pub preferred_nodes: Vec<NodeName>,
    /// The hosts that hold standby copies of its data.
    pub standby_targets: Vec<NodeRef>,
    /// How much a second of its outage counts against other roles' with `minimise: outage`.
    pub weight: u32,
    /// How it is asked from outside whether it serves, while it is handed over. Nothing is decided by it.
    pub probe: Option<Probe>,
}

/// How a role is asked from outside whether it serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// What is asked.
    pub asks: Asks,
    /// How often; at least ten times a second.
    pub every: Duration,
    /// An answer that takes longer is none.
    pub timeout: Duration,
}

/// What a role is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Asks {
    /// For a connection.
    Tcp {
        /// To which host, by name or address.
        host: Arc<str>,
        /// To which port.
        port: u16,
    },
    /// For a page, with a status of 200 to 399.
    Http {
        /// Of which host, by name or address.
        host: Arc<str>,
        /// At which port.
        port: u16,
        /// The path, with its query.
        path: Arc<str>,
    },
    /// For the end of a command with exit code 0: the program and its arguments.
    Command(Vec<String>),
}

/// A package that somebody has downloaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PackageAt {
    /// The rollup it belongs to.
    pub rollup: RollupName,
    /// Where the file is.
    pub path: PathBuf,
    /// Its SHA-256, in lower-case hexadecimal.
    pub sha256: String,
    /// Where it is declared.
    pub place: Place,
}

/// When roles may be handed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum HandoffWhen {
    /// When a person approved the sequence.
    #[default]
    #[serde(rename = "approval")]
    Approval,
    /// Inside a window.
    #[serde(rename = "window")]
    Window,
    /// Inside a window, when approved.
    #[serde(rename = "window+approval")]
    WindowAndApproval,
    /// Whenever the other rules allow it.
    #[serde(rename = "anytime")]
    Anytime,
}

impl HandoffWhen {
    /// Whether an approval is needed.
    pub fn needs_approval(self) -> bool {
        matches!(self, Self::Approval | Self::WindowAndApproval)
    }

    /// Whether an open window is needed.
    pub fn needs_window(self) -> bool {
        matches!(self, Self::Window | Self::WindowAndApproval)
    }
}

/// When a role goes back to its preferred node by our doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Failback {
    /// It stays where it is.
    #[default]
    Never,
    /// At the end of the roll, at the price of a handoff.
    AtEnd,
}

/// What the plan spends last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Minimise {
    /// The number of handoffs.
    #[default]
    Handoffs,
    /// Weighted seconds of outage.
    Outage,
}

/// When begins that are no handoff may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum WorkWhen {
    /// Inside a window. The default where windows are declared.
    Window,
    /// Whenever the other rules allow it.
    Anytime,
}

/// Where packages may be copied ahead of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Staging {
    /// To passive nodes only.
    #[default]
    PassiveOnly,
    /// To any node, where the driver says that a copy disturbs nothing.
    AnyNode,
}

/// How roles are handed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HandoffPolicy {
    /// When.
    pub when: HandoffWhen,
    /// How.
    pub style: HandoffStyle,
    /// Whether back.
    pub failback: Failback,
    /// Counting what.
    pub minimise: Minimise,
    /// In the offline style, how long a role may be stopped before starting it comes before everything.
    pub stopped_at_most: Duration,
}

/// A policy, as meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// Its name.
    pub name: PolicyName,
    /// Where it is declared.
    pub place: Place,
    /// Handoffs.
    pub handoff: HandoffPolicy,
    /// When other begins may happen.
    pub work: WorkWhen,
    /// Where packages may be copied.
    pub staging: Staging,
    /// Windows for work.
    pub windows: Vec<Window>,
    /// Windows for handoffs, where they have their own.
    pub handoff_windows: Option<Vec<Window>>,
    /// Numbers.
    pub limits: Limits,
}

/// Numbers of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Nodes that may be out at once, for any reason.
    pub max_unavailable: u32,
    /// Tries after the first.
    pub retries: u32,
    /// Nodes that may fail before the cluster's roll halts.
    pub halt_after_failed_nodes: u32,
    /// Votes to keep above what is needed.
    pub quorum_margin: u32,
    /// How long a node must be healthy before the next one begins.
    pub soak: Duration,
    /// Logs that a copy may lag behind before its role is handed to it.
    pub copy_queue_length: u32,
    /// How old a fact may be when an action rests on it.
    pub observation_age: Duration,
    /// The first pause between tries; it doubles.
    pub back_off: Duration,
}

impl Limits {
    /// Whether more than one node may be out at once.
    pub fn several_out(&self) -> bool {
        self.max_unavailable > 1
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_unavailable: 1,
            retries: 2,
            halt_after_failed_nodes: 1,
            quorum_margin: 0,
            soak: Duration::from_secs(600),
            copy_queue_length: 3,
            observation_age: Duration::from_secs(30),
            back_off: Duration::from_secs(60),
        }
    }
}

/// Limits across clusters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FleetPolicy {
    /// Clusters in a roll at once.
    pub max_clusters_in_roll: u32,
    /// Clusters that must converge before the others begin.
    pub canaries: u32,
    /// How long after one cluster has converged the next may begin.
    pub soak_between_clusters: Duration,
    /// Nodes on which one failure signature may be seen before the rollup halts everywhere.
    pub halt_after_same_failure: u32,
}

impl Default for FleetPolicy {
    fn default() -> Self {
        Self { max_clusters_in_roll: 1, canaries: 1, soak_between_clusters: Duration::ZERO, halt_after_same_failure: 2 }
    }
}

/// A stop cord that was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopDocument {
    /// Its name.
    pub name: String,
    /// Why.
    pub why: String,
    /// Which clusters: all whose labels match all of these; all clusters if empty.
    pub labels: BTreeMap<String, String>,
    /// Where it stands.
    pub place: Place,
}

impl Cluster {
    /// For whom a rule is waived by command: one node or one role that is declared, and for an action on it.
    ///
    /// # Errors
    /// There is none, or no such thing, or no such action on it, in words.
    pub fn waived_for(
        &self,
        node: Option<NodeName>,
        group: Option<GroupName>,
        action: WaivedAction,
    ) -> Result<WaivedFor, String> {
        let names = |names: Vec<&str>| names.join(", ");
        match (node, group) {
            (Some(node), None) if self.nodes.contains_key(&node) => Ok(WaivedFor::Node(node)),
            (Some(node), None) => {
                let known = names(self.nodes.keys().map(NodeName::as_str).collect());
                Err(format!("{} has no node {node}; it has {known}", self.name))
            }
            (None, Some(group)) if !self.groups.contains_key(&group) => {
                let known = names(self.groups.keys().map(GroupName::as_str).collect());
                Err(format!("{} has no group {group}; it has {known}", self.name))
            }
            (None, Some(_)) if action == WaivedAction::Install => {
                Err("a group is not installed on: name the node, or waive it for the action handoff".into())
            }
            (None, Some(group)) => Ok(WaivedFor::Group(group)),
            (None, None) | (Some(_), Some(_)) => Err("for whom? either a node or a group".into()),
        }
    }

    /// Whether it may be acted on, and not only looked at.
    pub fn acts(&self) -> bool {
        self.mode == Mode::Act
    }

    /// Whether the tries of a rollup that failed on a node were of another package than the one that is declared now:
    /// what lies there is not that file. A mended package is another try.
    pub fn was_another_package(&self, rollup: &Rollup, seen: &crate::observed::Node) -> bool {
        rollup.packages.iter().any(|package| {
            let declared = self.packages.get(&package.file).map(|at| &at.sha256);
            seen.staged
                .surely(|files| files.get(&package.file).is_some_and(|there| declared.is_some_and(|d| d != there)))
        })
    }

    /// What a group is for: as declared, else as the stack makes certain, else a role.
    pub fn kind_of(&self, name: &GroupName, seen: &crate::observed::Group) -> GroupKind {
        match (self.groups.get(name), &seen.kind) {
            (Some(spec), _) => spec.kind,
            (None, crate::model::Known::Known { value, .. }) => *value,
            (None, crate::model::Known::Unknown { .. }) => GroupKind::Role,
        }
    }
}

impl crate::observed::effect::Targets for Cluster {
    fn target(&self, node: &NodeName) -> Option<&Rollup> {
        self.nodes.get(node).map(|spec| &*spec.rollup)
    }

    fn rollup(&self, name: &RollupName) -> Option<&Rollup> {
        self.nodes.values().map(|spec| &*spec.rollup).find(|rollup| rollup.name == *name)
    }

    fn sha256(&self, file: &str) -> Option<&str> {
        self.packages.get(file).map(|package| &*package.sha256)
    }
}
