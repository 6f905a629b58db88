//! A machine, its cluster service, and how a node leaves a cluster and comes back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Fate, Happening, Violation, ViolationKind, World, stored};
use crate::model::{Action, NodeName, PackageName, Time, Version};
use crate::observed::{CopyStatus, GroupKind, GroupState};
use crate::observed::{Disk, FailedHandoffs, Services, Tries, Verified, Work};

/// A node as it truly is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeTruth {
    /// The machine.
    pub machine: Machine,
    /// Its cluster service.
    pub service: ClusterService,
    /// Whether groups are kept from moving to it, and by whose hand.
    pub paused: Option<PausedBy>,
    /// What is installed.
    #[serde(with = "stored::installed")]
    pub installed: BTreeMap<PackageName, Version>,
    /// The service pack.
    #[serde(with = "stored::optional")]
    pub baseline: Option<Version>,
    /// Updates outside the rollups.
    pub interim_updates: Vec<String>,
    /// Whether the machine waits for a reboot.
    pub pending_reboot: bool,
    /// Room for the installer.
    pub disk: Disk,
    /// Services against the saved baseline.
    pub services: Services,
    /// Files on the node, with their SHA-256.
    pub staged: BTreeMap<String, String>,
    /// A controller's work, as its wrapper wrote it down.
    pub work: Option<Work>,
    /// Where that work stands, while it runs.
    pub task: Option<Task>,
    /// When that work began, the cluster could do without the node's vote.
    #[serde(default)]
    pub spared: bool,
    /// Somebody else's installer.
    pub rival: Option<String>,
    /// Failed tries.
    pub tries: Vec<Tries>,
    /// Handoffs off it that failed in a row.
    #[serde(default)]
    pub failed_handoffs: Vec<FailedHandoffs>,
    /// The last verified update.
    pub verified: Option<Verified>,
    /// The highest epoch that it has obeyed.
    pub epoch_seen: u64,
    /// Whether copying to the copies on it is held back.
    pub replication_suspended: bool,
}

/// A machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Machine {
    /// It runs.
    Up,
    /// It does not.
    Down {
        /// Whether it comes up again by itself.
        returns: bool,
    },
}

/// A node's cluster service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ClusterService {
    /// It runs, and the node is a member.
    Member,
    /// It starts.
    Joining,
    /// It is stopped.
    Stopped,
}

/// By whose hand a node is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PausedBy {
    /// A person, or another tool.
    Person,
    /// A controller.
    Controller,
}

/// Where running work stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// What it does now.
    pub stage: Stage,
    /// How it will turn out.
    pub fate: Fate,
}

/// The stages of work. Most work has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// It is announced and checked, and nothing is done yet.
    Hesitating,
    /// Doing what it does.
    Working,
    /// The installer looks around; nothing is stopped yet.
    Checking,
    /// The installer stops the cluster service.
    StoppingCluster,
    /// The installer replaces files.
    Copying,
    /// The installer, or the machine, starts what was stopped.
    Restarting,
    /// A group leaves its owner.
    Moving,
    /// A group comes up at its new owner.
    Arriving,
}

/// Services that an installer of this family disables while it works, and that a failed one may leave so.
pub(super) const SERVICES: [&str; 3] = ["MSExchangeIS", "MSExchangeRepl", "MSExchangeSA"];

impl NodeTruth {
    /// Marks the services as an interrupted installer leaves them.
    pub(super) fn disable_services(&mut self) {
        for service in SERVICES {
            self.services.differing.insert(service.into(), "disabled, was automatic".into());
        }
    }

    /// A controller's work that has not ended.
    pub fn running(&self) -> Option<&Work> {
        self.work.as_ref().filter(|w| w.ended.is_none())
    }
}

impl World {
    /// The node stops being a member: what it owns goes down and may fail over; copies on it fall behind.
    ///
    /// `by` is the controller's action that does it, if one does; what it tears down counts as a violation.
    pub(super) fn leave(&mut self, node: &NodeName, by: Option<&Action>, at: Time, happened: &mut Vec<Happening>) {
        if let Some(action) = by {
            self.count_disturbed(node, action, at, happened);
        }
        if !self.is_standalone()
            && let Some(truth) = self.nodes.get_mut(node)
        {
            truth.service = ClusterService::Stopped;
        }
        for group in self.groups.values_mut() {
            if group.owner == *node {
                group.state = group.taken_down();
                group.backup = false;
                group.restart_copies(None);
            } else {
                group.restart_copies(Some(node));
            }
        }
        self.recount(by, at, happened);
    }

    /// Counts what the action disturbs on a node that should own nothing now.
    pub(super) fn count_disturbed(&self, node: &NodeName, action: &Action, at: Time, happened: &mut Vec<Happening>) {
        for (name, group) in self.owned_by(node) {
            let kind = match group.kind {
                // A role that a person has stopped is not served by anybody: nothing is taken from its users.
                GroupKind::Role if group.wanted || group.state != GroupState::Offline => ViolationKind::DisturbedRole,
                GroupKind::Role => continue,
                GroupKind::Auxiliary => ViolationKind::DisturbedGroup,
            };
            happened.push(Happening::Violation(Violation {
                kind,
                at,
                node: Some(node.clone()),
                group: Some(name.clone()),
                action: Some(action.clone()),
            }));
        }
    }

    /// Counts nodes that controllers hold out of service besides this one, when work begins that takes it out: what
    /// others take out later is not of its doing.
    pub(super) fn count_out(&self, node: &NodeName, action: &Action, at: Time, happened: &mut Vec<Happening>) {
        if !action.needs_empty_node() && !matches!(action, Action::Pause { .. }) {
            return;
        }
        let out = |truth: &NodeTruth| {
            truth.paused == Some(PausedBy::Controller) || truth.running().is_some_and(|w| w.action.needs_empty_node())
        };
        let others = self.nodes.iter().filter(|(name, truth)| *name != node && out(truth)).count();
        if others as u32 >= self.catalogue.max_unavailable {
            happened.push(Happening::Violation(Violation {
                kind: ViolationKind::TooManyOut,
                at,
                node: Some(node.clone()),
                group: None,
                action: Some(action.clone()),
            }));
        }
    }

    /// The node becomes a member. The stack may then move back to it what prefers it.
    pub(super) fn join(&mut self, node: &NodeName, at: Time, happened: &mut Vec<Happening>) {
        if let Some(truth) = self.nodes.get_mut(node) {
            truth.service = ClusterService::Member;
        }
        self.arm_failback(node, None);
        self.recount(None, at, happened);
    }

    /// The status of the copies that a node hosts, where the node itself stands in the way.
    pub fn copy_service(&self, node: &NodeName) -> Option<CopyStatus> {
        let truth = self.nodes.get(node)?;
        if truth.replication_suspended {
            Some(CopyStatus::Suspended)
        } else if truth.machine != Machine::Up || truth.service != ClusterService::Member {
            Some(CopyStatus::ServiceDown)
        } else if truth.services.differing.is_empty() {
            None
        } else {
            Some(CopyStatus::ServiceDown)
        }
    }
}
