//! `observe`: what was seen of a cluster, as one look saw it.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Standing, Time};
use crate::observed::{CopyStatus, GroupKind};

/// One look at one cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Observed {
    /// The cluster.
    pub name: String,
    /// When the look ended.
    pub observed_at: Time,
    /// The votes.
    pub quorum: Quorum,
    /// Who is in charge; `null` if nobody is.
    pub claim: Option<ObservedClaim>,
    /// Its nodes: all that the cluster knows and all that the manifest names.
    pub nodes: Vec<Node>,
    /// Its groups.
    pub groups: Vec<Group>,
    /// Facts that could not be seen.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub unknown: Vec<Unknown>,
}

/// A fact that could not be seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Unknown {
    /// Which: names joined by dots, such as `nodes.EXNODE1.membership`.
    pub path: String,
    /// Why not.
    pub why: String,
}

/// The votes of a cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Quorum {
    /// True for a host that is no cluster and has no quorum to lose.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub standalone: Option<bool>,
    /// Votes of nodes that are up.
    pub present: Option<u32>,
    /// Votes without which the cluster stops everything.
    pub needed: Option<u32>,
    /// The witness, if there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub witness: Option<Witness>,
    /// What each node that was asked says.
    pub views: Vec<View>,
}

/// A witness.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Witness {
    /// The nodes that can reach it.
    pub reachable_from: Option<Vec<String>>,
}

/// The membership as one node sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct View {
    /// The node that was asked.
    pub from: String,
    /// Whether its partition has quorum, as it says.
    pub quorate: bool,
    /// The members that it sees.
    pub members: Vec<String>,
    /// When it answered.
    pub at: Time,
}

/// Who is in charge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObservedClaim {
    /// The number; it grows with every claim.
    pub epoch: u64,
    /// The controller.
    pub holder: String,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Whether it is a member: `up`, `joining`, `down`.
    pub membership: Option<Membership>,
    /// Whether its cluster service runs.
    pub cluster_service: Option<bool>,
    /// Whose pause it is under; `null` if under none.
    pub paused: Option<Paused>,
    /// What is installed, package by package; `null` if it is not installed.
    pub versions: BTreeMap<String, Option<String>>,
    /// The service pack that it is at, where the product has such.
    pub baseline: Option<String>,
    /// The rollup that the manifest wants on it, if it declares the node.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub target: Option<String>,
    /// How it stands to that.
    pub standing: Option<Standing>,
    /// Whether it serves users (`active`), owns nothing at all (`empty`), or neither (`passive`).
    pub duty: Option<Duty>,
    /// The groups that it owns.
    pub owns: Vec<String>,
    /// Per-node copies of things that run on many nodes.
    pub instances: Vec<String>,
    /// Marks about it in the cluster's store.
    pub marks: Vec<String>,
    /// Our own work on it, running or ended; `null` if there is none.
    pub work: Option<Work>,
    /// Another installer at work; `null` if there is none.
    pub rival: Option<String>,
    /// Whether the machine waits for a reboot.
    pub pending_reboot: Option<bool>,
    /// Updates outside the rollups.
    pub interim_updates: Option<Vec<String>>,
    /// Room for the installer.
    pub disk: Option<Disk>,
    /// Services against the saved baseline.
    pub services: Option<Services>,
    /// Packages on the node: file name to SHA-256.
    pub staged: Option<BTreeMap<String, String>>,
    /// Failed tries, rollup by rollup.
    pub tries: Option<Vec<Tries>>,
    /// Handoffs off it that failed in a row, role by role.
    pub failed_handoffs: Option<Vec<FailedHandoffs>>,
    /// The last verified rollup and since when; `null` if there is none.
    pub verified: Option<Verified>,
}

/// Whether a node is a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Membership {
    /// A full member.
    Up,
    /// On its way in.
    Joining,
    /// Not a member.
    Down,
}

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Duty {
    /// It owns a role.
    Active,
    /// Up, and owns no role.
    Passive,
    /// Up, and owns no group at all.
    Empty,
    /// Not up, and owns nothing.
    Out,
}

/// A pause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Paused {
    /// Whose.
    pub by: PausedBy,
    /// True if the pause itself is gone though its mark is there: a person resumed the node.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resumed_by_person: Option<bool>,
}

/// Whose pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PausedBy {
    /// A rollward controller's.
    Rollward,
    /// A person's, or another tool's.
    Person,
    /// It is not known whether the node is paused, or by whom.
    Unknown,
}

/// Work of ours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Work {
    /// What was begun.
    pub action: String,
    /// The claim under which it was.
    pub claim: String,
    /// When.
    pub since: Time,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended_at: Option<Time>,
    /// The installer's exit code.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub exit_code: Option<i32>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failure: Option<String>,
}

/// Room for the installer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Disk {
    /// Free, in MiB.
    pub free_mib: u64,
    /// Needed, in MiB.
    pub needed_mib: u64,
}

/// Services against the saved baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Services {
    /// Whether a baseline was saved.
    pub baseline_saved: bool,
    /// Services that differ from it, each with how.
    pub differing: BTreeMap<String, String>,
}

/// Handoffs of one role off the node that failed in a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailedHandoffs {
    /// Of which role.
    pub group: String,
    /// How many since the last success.
    pub failed: u32,
    /// The signature of the last failure.
    pub signature: String,
    /// When it was.
    pub at: Time,
}

/// Failed tries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tries {
    /// Of which rollup.
    pub rollup: String,
    /// How many since the last success.
    pub failed: u32,
    /// The signature of the last failure.
    pub signature: String,
    /// When it was.
    pub at: Time,
    /// False for causes that trying again cannot cure.
    pub retryable: bool,
}

/// A verified rollup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    /// Which.
    pub rollup: String,
    /// Since when the node has been healthy with it.
    pub at: Time,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// Its name.
    pub name: String,
    /// What it is for: as declared, else as the stack makes certain, else a role.
    pub kind: GroupKind,
    /// Its owner; `null` if it has none.
    pub owner: Option<String>,
    /// Its state.
    pub state: Option<GroupState>,
    /// The nodes that may own it.
    pub possible_owners: Option<Vec<String>>,
    /// Copies of its data.
    pub copies: Vec<Copy>,
    /// Whether a backup of it is running.
    pub backup: Option<bool>,
}

/// The state of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum GroupState {
    /// All of it serves.
    Online,
    /// Some of it serves.
    PartiallyOnline,
    /// On its way up or down.
    Pending,
    /// Nothing of it serves.
    Offline,
    /// Something of it failed.
    Failed,
}

/// A copy of a role's data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Copy {
    /// The machine that holds it.
    pub node: String,
    /// Its cluster, for a standby copy elsewhere.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cluster: Option<String>,
    /// Its state.
    pub status: Option<CopyStatus>,
    /// Logs that have not been copied to it.
    pub queue: Option<u32>,
}

impl Group {
    /// Whether it serves users.
    pub fn is_role(&self) -> bool {
        self.kind == GroupKind::Role
    }
}

impl fmt::Display for Copy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = match self.status {
            Some(CopyStatus::Healthy) => "healthy",
            Some(CopyStatus::Initializing) => "initializing",
            Some(CopyStatus::Resynchronizing) => "resynchronizing",
            Some(CopyStatus::Seeding) => "seeding",
            Some(CopyStatus::Suspended) => "suspended",
            Some(CopyStatus::Stopped) => "stopped",
            Some(CopyStatus::Failed) => "failed",
            Some(CopyStatus::Disabled) => "disabled",
            Some(CopyStatus::ServiceDown) => "service down",
            None => "unknown",
        };
        if let Some(cluster) = &self.cluster {
            write!(f, "{cluster}/")?;
        }
        write!(f, "{} {status}", self.node)?;
        match self.queue.filter(|queue| *queue > 0) {
            Some(queue) => write!(f, ", {queue} logs behind"),
            None => Ok(()),
        }
    }
}
