//! Manifests as typed: one type for each kind of document, nothing filled in, nothing looked up.
//!
//! The doc comments become the descriptions in `schemas/`, so they are written for the author of a manifest.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::resolved::{Failback, HandoffWhen, Minimise, Mode, Staging, Topology, WorkWhen};
use super::text::{ClockText, Day, DurationText, SpreadText, TimeText};
use crate::model::{ActionKind, ClusterServiceRule, HandoffStyle, InstallKind, RebootRule, Waivable, WaivedAction};
use crate::observed::GroupKind;

/// The only `apiVersion` there is.
pub const API_VERSION: &str = "rollward/v1";

/// The annotation that approves a sequence of handoffs.
pub const APPROVE: &str = "rollward/approve";

/// A document of any kind.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest<Spec> {
    /// Always `rollward/v1`.
    #[allow(dead_code)] // Read before the kind is known.
    api_version: String,
    /// Which kind of document this is.
    #[allow(dead_code)] // Read before the type is known.
    kind: String,
    /// Its name, and what is said about it.
    pub metadata: Metadata,
    /// What it declares.
    pub spec: Spec,
}

/// Its name, and what is said about it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata {
    /// The name by which other documents and commands refer to it.
    pub name: String,
    /// For selecting, for example by a stop cord.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// `rollward/approve: HASH` on a cluster approves the handoffs that were shown with this hash.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// An update rollup: packages at exact versions.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "Rollup")]
pub struct RollupSpec {
    /// What installs it; it decides how versions are ordered.
    pub install: InstallKind,
    /// The service pack it applies to.
    pub baseline: Option<String>,
    /// The vendor's article, for people.
    pub article: Option<String>,
    /// Its packages.
    #[schemars(length(min = 1))]
    pub packages: Vec<RollupPackageDoc>,
    /// What becomes of the cluster service: the installer `restarts` it (default), we `stop` it, or it is `keep`t.
    #[serde(default)]
    pub cluster_service: ClusterServiceRule,
    /// Whether the node is rebooted: `never`, `ifAsked` by the installer (default) or `always`.
    #[serde(default)]
    pub reboot: RebootRule,
    /// Why nobody may install it, if so.
    pub denied: Option<String>,
}

/// One package of a rollup.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RollupPackageDoc {
    /// As the package manager knows it; not used with `msp`.
    pub name: Option<String>,
    /// The exact version.
    pub version: String,
    /// The file's name.
    pub file: String,
    /// Tells a re-release (v2, v3) from the first issue; 1 if omitted.
    pub revision: Option<u32>,
}

/// "I have downloaded this file". Made by `rollward package FILE`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "Package")]
pub struct PackageSpec {
    /// The rollup that the file belongs to.
    pub rollup: String,
    /// Where the file is, relative to this manifest's folder.
    pub path: String,
    /// Its SHA-256 in hexadecimal.
    #[schemars(regex(pattern = r"^[0-9a-fA-F]{64}$"))]
    pub sha256: String,
}

/// One failover cluster, or one standalone standby host.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "Cluster")]
pub struct ClusterSpec {
    /// Whether rollward may act: `observe` (default) looks and plans only.
    #[serde(default)]
    pub mode: Mode,
    /// What kind of cluster it is.
    pub topology: Topology,
    /// Exactly one driver, by name, with its own settings.
    pub driver: BTreeMap<String, Value>,
    /// The target of every node that names none of its own.
    pub rollup: Option<String>,
    /// The nodes, by name.
    pub nodes: BTreeMap<String, Option<NodeDoc>>,
    /// The groups, by name. One that is not declared is protected as a role.
    #[serde(default)]
    pub groups: BTreeMap<String, GroupDoc>,
    /// The policy, by name; required where there are roles.
    pub policy: Option<String>,
    /// Whether a node that is above its target may be taken back to it.
    #[serde(default)]
    pub allow_downgrade: bool,
    /// Rules that are waived for a while, each for one subject and one action.
    #[serde(default)]
    pub waivers: Vec<WaiverDoc>,
    /// How long things take here, by action: `{install: 8m, handoff: {median: 45s, p95: 2m}}`.
    #[serde(default)]
    pub durations: DurationsDoc,
}

/// A rule that is waived: it does not hold this action of this subject until then. What it lets through is shown with
/// the waiver wherever it acts. In the simulator the world counts what then goes wrong all the same.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WaiverDoc {
    /// Which rule.
    pub rule: Waivable,
    /// For this node: give exactly one of `node` and `group`.
    pub node: Option<String>,
    /// For this role.
    pub group: Option<String>,
    /// `Install`: the update of the node, with the steps that lead there. `Handoff`: handing the role over, or roles to
    /// and from the node.
    pub action: WaivedAction,
    /// Why.
    #[schemars(length(min = 1))]
    pub why: String,
    /// Until when: `2027-03-01T06:00:00Z`.
    pub until: TimeText,
}

/// How long things take here.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(missing_docs)] // They are the actions.
pub struct DurationsDoc {
    pub stage: Option<SpreadText>,
    pub pause: Option<SpreadText>,
    pub move_group: Option<SpreadText>,
    pub stop_cluster: Option<SpreadText>,
    pub install: Option<SpreadText>,
    pub uninstall: Option<SpreadText>,
    pub reboot: Option<SpreadText>,
    pub handoff: Option<SpreadText>,
    pub stop_role: Option<SpreadText>,
    pub start_role: Option<SpreadText>,
    pub start_cluster: Option<SpreadText>,
    pub restore_services: Option<SpreadText>,
    pub resume_replication: Option<SpreadText>,
    pub resume: Option<SpreadText>,
    pub release: Option<SpreadText>,
}

/// A node.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeDoc {
    /// Its target, where it differs from the cluster's.
    pub rollup: Option<String>,
    /// Why it is to be left alone.
    pub hold: Option<String>,
    /// How many roles it may own at once.
    pub max_roles: Option<u32>,
}

/// A group.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GroupDoc {
    /// `role`: it serves users and moving it is downtime. `auxiliary`: it may be moved freely.
    pub kind: GroupKind,
    /// Where it should end, best first.
    #[serde(default)]
    pub preferred_nodes: Vec<String>,
    /// The hosts that hold standby copies of its data. They are updated before any node of this cluster.
    #[serde(default)]
    pub standby_targets: Vec<StandbyTargetDoc>,
    /// How much a second of its outage counts against other roles'; 1 if omitted.
    #[schemars(range(min = 1))]
    pub weight: Option<u32>,
    /// How it is asked from here whether it serves, while it is handed over: its outage is measured so. Nothing is
    /// decided by it.
    pub probe: Option<ProbeDoc>,
}

/// How a role is asked whether it serves: give exactly one of `tcp`, `http` and `command`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProbeDoc {
    /// `HOST:PORT`: it takes connections there.
    pub tcp: Option<String>,
    /// `http://HOST[:PORT][/PATH]`: that page has a status of 200 to 399.
    pub http: Option<String>,
    /// A program and its arguments, run on this host without a shell: it ends with exit code 0.
    pub command: Option<Vec<String>>,
    /// How often it is asked; from 10ms to 100ms, which it is if omitted.
    pub every: Option<DurationText>,
    /// An answer that takes longer is none; from 50ms to 10s, 1s if omitted.
    pub timeout: Option<DurationText>,
}

/// A host that holds a standby copy.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StandbyTargetDoc {
    /// The cluster that it belongs to, by name.
    pub cluster: String,
    /// The node.
    pub node: String,
}

/// When and how clusters may be worked on.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "Policy")]
pub struct PolicySpec {
    /// How roles are handed over.
    #[serde(default)]
    pub handoff: HandoffDoc,
    /// When everything else may begin.
    #[serde(default)]
    pub work: WorkDoc,
    /// Where packages may be copied ahead of time: `passiveOnly` (default) or `anyNode`.
    #[serde(default)]
    pub staging: Staging,
    /// When anything may begin.
    #[serde(default)]
    pub windows: Vec<WindowDoc>,
    /// Numbers.
    #[serde(default)]
    pub limits: LimitsDoc,
}

/// How roles are handed over.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HandoffDoc {
    /// When: by `approval` (default), in a `window`, `window+approval`, or `anytime`.
    #[serde(default)]
    pub when: HandoffWhen,
    /// `online` (default) moves the running role; `offline` stops, moves and starts it.
    #[serde(default)]
    pub style: HandoffStyle,
    /// Whether a role goes back to its preferred node: `never` (default) or `atEnd` of the roll.
    #[serde(default)]
    pub failback: Failback,
    /// What is spent last: `handoffs` (default) or seconds of `outage`.
    #[serde(default)]
    pub minimise: Minimise,
    /// Windows of its own for handoffs.
    pub windows: Option<Vec<WindowDoc>>,
    /// In the offline style: how long a role may be stopped before starting it comes first; 30m if omitted.
    pub stopped_at_most: Option<DurationText>,
}

/// When everything else may begin.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkDoc {
    /// In a `window` (default where windows are declared) or `anytime`.
    pub when: Option<WorkWhen>,
}

/// A recurring span of local time. An end that is not after the start is on the next day.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WindowDoc {
    /// The days on which it opens; every day if omitted.
    pub days: Option<Vec<Day>>,
    /// When it opens.
    pub from: ClockText,
    /// When it closes.
    pub to: ClockText,
    /// Whose clock: a name such as `Europe/Paris`, or `UTC`.
    pub time_zone: String,
    /// True if nothing may begin inside it, whatever other windows say.
    #[serde(default)]
    pub deny: bool,
}

/// Numbers of a policy.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LimitsDoc {
    /// Nodes of a cluster that may be out at once, for any reason; 1 if omitted. Above 1, several empty nodes are worked
    /// on at once while votes and failover targets allow it.
    #[schemars(range(min = 1))]
    pub max_unavailable: Option<u32>,
    /// Tries after the first; 2 if omitted.
    pub retries: Option<u32>,
    /// Failed nodes at which the cluster's roll halts; 1 if omitted.
    #[schemars(range(min = 1))]
    pub halt_after_failed_nodes: Option<u32>,
    /// Votes to keep above what is needed; 0 if omitted.
    pub quorum_margin: Option<u32>,
    /// How long a node must be healthy before the next begins; 10m if omitted.
    pub soak: Option<DurationText>,
    /// Logs that a copy may lag behind before its role is handed to it; 3 if omitted.
    pub copy_queue_length: Option<u32>,
    /// How old a fact may be when an action rests on it; 30s if omitted.
    pub observation_age: Option<DurationText>,
    /// The first pause between tries; it doubles. 1m if omitted.
    pub back_off: Option<DurationText>,
}

/// Limits across clusters. There is at most one such document; these are its defaults.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "Fleet")]
pub struct FleetSpec {
    /// Clusters in a roll at once; 1 if omitted.
    #[schemars(range(min = 1))]
    pub max_clusters_in_roll: Option<u32>,
    /// Clusters that must converge before the others begin; 1 if omitted.
    pub canaries: Option<u32>,
    /// How long after one cluster has converged the next may begin; 0s if omitted.
    pub soak_between_clusters: Option<DurationText>,
    /// Nodes on which one failure may be seen before its rollup halts everywhere; 2 if omitted.
    #[schemars(range(min = 1))]
    pub halt_after_same_failure: Option<u32>,
}

/// A stop cord: while this document is there, nothing begins on the clusters it selects.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "Stop")]
pub struct StopSpec {
    /// Why.
    pub why: String,
    /// The clusters whose labels match all of these; all clusters if omitted.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// The kinds of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// An update rollup.
    Rollup,
    /// A file that somebody has downloaded.
    Package,
    /// A cluster.
    Cluster,
    /// When and how clusters may be worked on.
    Policy,
    /// Limits across clusters.
    Fleet,
    /// A stop cord.
    Stop,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 6] = [Kind::Rollup, Kind::Package, Kind::Cluster, Kind::Policy, Kind::Fleet, Kind::Stop];

    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Rollup => "Rollup",
            Kind::Package => "Package",
            Kind::Cluster => "Cluster",
            Kind::Policy => "Policy",
            Kind::Fleet => "Fleet",
            Kind::Stop => "Stop",
        }
    }

    /// The kind that is written so.
    pub fn from_word(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

impl DurationsDoc {
    /// By action, those that are given.
    pub fn given(&self) -> BTreeMap<ActionKind, crate::model::Spread> {
        [
            (ActionKind::Stage, self.stage),
            (ActionKind::Pause, self.pause),
            (ActionKind::MoveGroup, self.move_group),
            (ActionKind::StopCluster, self.stop_cluster),
            (ActionKind::Install, self.install),
            (ActionKind::Uninstall, self.uninstall),
            (ActionKind::Reboot, self.reboot),
            (ActionKind::Handoff, self.handoff),
            (ActionKind::StopRole, self.stop_role),
            (ActionKind::StartRole, self.start_role),
            (ActionKind::StartCluster, self.start_cluster),
            (ActionKind::RestoreServices, self.restore_services),
            (ActionKind::ResumeReplication, self.resume_replication),
            (ActionKind::Resume, self.resume),
            (ActionKind::Release, self.release),
        ]
        .into_iter()
        .filter_map(|(kind, spread)| Some((kind, spread?.0)))
        .collect()
    }
}
