//! A group: where it is, whether it serves, who may take it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Happening, Machine, MoveCause, World};
use crate::model::{Action, GroupName, NodeName, NodeRef};
use crate::observed::{Copy, CopyStatus, GroupKind, GroupState};

/// Copy queues up to which an unplanned failover mounts a database by itself.
const LOSS_ACCEPTED: u32 = 6;

/// A group as it truly is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupTruth {
    /// What it is for.
    pub kind: GroupKind,
    /// Whether the stack itself makes that certain to an onlooker.
    pub kind_certain: bool,
    /// Its owner. A group whose owner is gone and that nobody can take keeps it, and is offline.
    pub owner: NodeName,
    /// Its state.
    pub state: GroupState,
    /// Whether it comes up wherever it can. False once it was stopped, also over reboots, until it is started.
    pub wanted: bool,
    /// Whether part of it stays down until somebody starts it: dismounted databases.
    pub dismounted: bool,
    /// The nodes that may own it, best first.
    pub possible_owners: Vec<NodeName>,
    /// Copies of its data, also the one that the owner uses, which counts for nothing while it does.
    pub copies: BTreeMap<NodeName, Copy>,
    /// Copies that do not catch up until somebody mends them.
    pub broken_copies: std::collections::BTreeSet<NodeName>,
    /// Standby copies that the stack knows of.
    pub standby_copies: Vec<(NodeRef, Copy)>,
    /// Whether a backup runs.
    pub backup: bool,
    /// Where the stack moves it back to.
    pub failback_to: Option<NodeName>,
    /// Set when the node it prefers has become able to take it: the stack will move it back.
    pub failback_due: Option<FailbackDue>,
}

/// Why a failback is due.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailbackDue {
    /// The controller's action that made it so, if one did.
    pub by: Option<Action>,
}

impl GroupTruth {
    /// Its state when it has been taken down: on its way up again, unless nobody wants it.
    pub(super) fn taken_down(&self) -> GroupState {
        if self.wanted { GroupState::Pending } else { GroupState::Offline }
    }

    /// A restart of a copy's node, or of the owner (`None`), makes copies wait for the next log.
    pub(super) fn restart_copies(&mut self, node: Option<&NodeName>) {
        for (host, copy) in &mut self.copies {
            let hit = node.is_none_or(|n| n == host);
            if hit && matches!(copy.status, CopyStatus::Healthy | CopyStatus::ServiceDown) {
                copy.status = CopyStatus::Initializing;
            }
        }
        if node.is_none() {
            for (_, copy) in &mut self.standby_copies {
                if copy.status == CopyStatus::Healthy {
                    copy.status = CopyStatus::Initializing;
                }
            }
        }
    }
}

impl World {
    /// Whether a node could own the group now, besides or instead of its owner.
    ///
    /// # Errors
    /// Why it could not, in words.
    pub fn can_take(&self, name: &GroupName, to: &NodeName) -> Result<(), String> {
        let Some(group) = self.groups.get(name) else { return Err(format!("there is no group {name:?}")) };
        let Some(node) = self.nodes.get(to) else { return Err(format!("there is no node {to}")) };
        if !group.possible_owners.contains(to) {
            return Err(format!("{to} is no possible owner of {name:?}"));
        }
        if !self.is_member(to) {
            return Err(format!("{to} is not up"));
        }
        if node.paused.is_some() {
            return Err(format!("{to} is paused"));
        }
        if group.kind == GroupKind::Role
            && let Some(max) = self.catalogue.max_roles.get(to)
        {
            let others = self.owned_by(to).filter(|(n, g)| *n != name && g.kind == GroupKind::Role).count();
            if others as u32 >= *max {
                return Err(format!("{to} owns {others} roles already and takes no more"));
            }
        }
        Ok(())
    }

    /// Where a group goes whose owner is gone: the first of its possible owners that can take it.
    pub(super) fn refuge(&self, name: &GroupName) -> Option<NodeName> {
        let group = self.groups.get(name)?;
        group.possible_owners.iter().find(|n| **n != group.owner && self.can_take(name, n).is_ok()).cloned()
    }

    /// The state that a wanted group reaches where it is.
    pub(super) fn reachable_state(&self, group: &GroupTruth) -> GroupState {
        let crippled = self.nodes.get(&group.owner).is_some_and(|n| !n.services.differing.is_empty());
        if group.dismounted || (crippled && group.kind == GroupKind::Role) {
            GroupState::PartiallyOnline
        } else {
            GroupState::Online
        }
    }

    /// Whether a group that is down may come up where it is.
    pub(super) fn may_come_up(&self, group: &GroupTruth) -> bool {
        let open = self.nodes.get(&group.owner).is_some_and(|n| n.paused.is_none() && n.machine == Machine::Up);
        self.is_member(&group.owner) && open
    }

    /// True while a controller's work moves, stops or starts the group: it decides what comes next, not the cluster.
    pub fn is_handled(&self, name: &GroupName) -> bool {
        self.nodes.values().filter_map(|n| n.running()).any(|w| w.action.group() == Some(name))
    }

    /// Changes the owner. What the group's state becomes is for the caller.
    pub(super) fn change_owner(
        &mut self,
        name: &GroupName,
        to: &NodeName,
        cause: MoveCause,
        happened: &mut Vec<Happening>,
    ) {
        let Some(group) = self.groups.get_mut(name) else { return };
        let from = std::mem::replace(&mut group.owner, to.clone());
        group.failback_due = None;
        group.backup = false;
        if from == *to {
            return;
        }
        if cause == MoveCause::Failover
            && let Some(copy) = group.copies.get(to)
        {
            let unfit = matches!(copy.status, CopyStatus::Failed | CopyStatus::Seeding | CopyStatus::Disabled);
            group.dismounted |= unfit || copy.queue > LOSS_ACCEPTED;
        }
        group.broken_copies.remove(to);
        if let Some(copy) = group.copies.get_mut(&from) {
            *copy = Copy { status: CopyStatus::Initializing, queue: 0 };
        }
        if let Some(copy) = group.copies.get_mut(to) {
            *copy = Copy { status: CopyStatus::Healthy, queue: 0 };
        }
        for (_, copy) in &mut group.standby_copies {
            if copy.status == CopyStatus::Healthy {
                copy.status = CopyStatus::Initializing;
            }
        }
        happened.push(Happening::Moved { group: name.clone(), from, to: to.clone(), cause });
    }

    /// Notes which groups the stack will move back to a node that has just become able to take them.
    pub(super) fn arm_failback(&mut self, node: &NodeName, by: Option<&Action>) {
        for group in self.groups.values_mut() {
            if group.failback_to.as_ref() == Some(node) && group.owner != *node {
                group.failback_due = Some(FailbackDue { by: by.cloned() });
            }
        }
    }
}
