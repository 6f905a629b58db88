//! What a person's hand, or fate, does to the world.

use super::super::hand::Hand;
use super::{ClusterService, ClusterStore, Happening, Machine, MoveCause, PausedBy, World};
use crate::model::{Action, Claim, GroupName, Mark, MarkKind, NodeName, Time};
use crate::observed::{Copy, CopyStatus, GroupState, WorkEnd};

impl World {
    /// Carries out a deed.
    ///
    /// # Errors
    /// Why the cluster does not let it happen; nothing has changed then.
    pub(super) fn hand(&mut self, hand: &Hand, at: Time, happened: &mut Vec<Happening>) -> Result<String, String> {
        for node in hand.nodes() {
            if !self.nodes.contains_key(node) {
                return Err(unknown("node", node.as_str(), self.nodes.keys().map(NodeName::as_str)));
            }
        }
        if let Some(group) = hand.group()
            && !self.groups.contains_key(group)
        {
            return Err(unknown("group", group.as_str(), self.groups.keys().map(GroupName::as_str)));
        }
        match hand {
            Hand::Move { group, to } => {
                self.can_take(group, to)?;
                self.change_owner(group, to, MoveCause::Person, happened);
                if let Some(truth) = self.groups.get_mut(group) {
                    truth.state = truth.taken_down();
                }
                Ok(format!("{group} moves to {to}"))
            }
            Hand::Crash { node, .. } => {
                self.work_dies(node, at);
                self.leave(node, None, at, happened);
                if let Some(truth) = self.nodes.get_mut(node) {
                    truth.machine = Machine::Down { returns: false };
                }
                self.recount(None, at, happened);
                Ok(format!("{node} is dead"))
            }
            Hand::Boot { node } => {
                if self.nodes.get(node).is_some_and(|n| n.machine == Machine::Up) {
                    return Err(format!("{node} runs already"));
                }
                self.boot(node, at, happened);
                Ok(format!("{node} boots"))
            }
            Hand::StopCluster { node } => {
                self.leave(node, None, at, happened);
                Ok(format!("the cluster service of {node} is stopped"))
            }
            Hand::Witness { up } => {
                self.witness_up = *up;
                self.recount(None, at, happened);
                Ok(format!("the witness is {}", if *up { "up" } else { "down" }))
            }
            Hand::CutOff { nodes } => {
                self.apart = nodes.iter().cloned().collect();
                for node in nodes {
                    self.part(node);
                }
                self.recount(None, at, happened);
                Ok("the network is cut".into())
            }
            Hand::Reconnect => {
                for node in std::mem::take(&mut self.apart) {
                    self.arm_failback(&node, None);
                }
                self.recount(None, at, happened);
                Ok("the network is whole".into())
            }
            Hand::RivalClaim { holder, pauses } => {
                let epoch = self.store.claim.as_ref().map_or(0, |c| c.epoch) + 1;
                self.store.claim = Some(Claim { epoch, holder: holder.clone(), heartbeat: 0 });
                if let Some(node) = pauses {
                    let kind = MarkKind::Pause { node: node.clone() };
                    self.store.marks.push(Mark { kind, epoch, holder: holder.clone(), at });
                    if let Some(truth) = self.nodes.get_mut(node) {
                        truth.paused.get_or_insert(PausedBy::Controller);
                    }
                }
                Ok(format!("{holder} claims the cluster"))
            }
            Hand::RivalLeaves { holder } => {
                let theirs = self.store.marks.iter().filter(|m| m.holder == *holder);
                let paused: Vec<_> = theirs.filter_map(|m| m.kind.node().cloned()).collect();
                self.store.marks.retain(|m| m.holder != *holder);
                for node in paused {
                    if let Some(truth) = self.nodes.get_mut(&node) {
                        truth.paused = None;
                    }
                }
                if self.store.claim.as_ref().is_some_and(|c| c.holder == *holder) {
                    self.store.claim = None;
                }
                Ok(format!("{holder} has left"))
            }
            Hand::Store { store } => {
                self.store = ClusterStore::clone(store).into();
                self.forget_pauses();
                Ok("the cluster's store has run backwards".into())
            }
            _ => match hand.group() {
                Some(group) => self.hand_on_group(hand, group),
                None => self.hand_on_node(hand, at),
            },
        }
    }

    fn hand_on_node(&mut self, hand: &Hand, at: Time) -> Result<String, String> {
        let name = hand.nodes().first().map(|n| (*n).clone()).ok_or("it names no node")?;
        if matches!(hand, Hand::Resume { .. }) {
            self.arm_failback(&name, None);
        }
        let Some(node) = self.nodes.get_mut(&name) else { return Err(format!("there is no node {name}")) };
        match hand {
            Hand::Pause { .. } if node.paused.is_some() => return Err(format!("{name} is paused already")),
            Hand::Pause { .. } => node.paused = Some(PausedBy::Person),
            Hand::Resume { .. } if node.paused.is_none() => return Err(format!("{name} is not paused")),
            Hand::Resume { .. } => node.paused = None,
            Hand::StartCluster { .. } if node.service != ClusterService::Stopped || node.machine != Machine::Up => {
                return Err(format!(
                    "the cluster service of {name} cannot be started: it runs, or its machine is down"
                ));
            }
            Hand::StartCluster { .. } => node.service = ClusterService::Joining,
            Hand::InstallInterim { name, .. } => node.interim_updates.push(name.clone()),
            Hand::RemoveInterim { .. } => node.interim_updates.clear(),
            Hand::StartInstaller { .. } => node.rival = Some("another installer".into()),
            Hand::EndInstaller { .. } => node.rival = None,
            Hand::KillInstaller { .. } => return self.kill_installer(&name, at),
            Hand::SuspendReplication { .. } => node.replication_suspended = true,
            Hand::ResumeReplication { .. } => node.replication_suspended = false,
            Hand::Disk { free_mib, .. } => node.disk.free_mib = *free_mib,
            Hand::DisableServices { .. } => node.disable_services(),
            Hand::EnableServices { .. } => node.services.differing.clear(),
            Hand::PendingReboot { .. } => node.pending_reboot = true,
            _ => return Err("that is not done to a node".into()),
        }
        Ok(format!("done on {name}"))
    }

    fn kill_installer(&mut self, name: &NodeName, at: Time) -> Result<String, String> {
        let node = self.nodes.get_mut(name).ok_or("there is no such node")?;
        let Some(work) = node.work.as_mut().filter(|w| w.ended.is_none() && w.action.needs_empty_node()) else {
            return Err(format!("no installer of ours runs on {name}"));
        };
        let failure = "msiexec 1602: cancelled by a person".to_owned();
        work.ended = Some(WorkEnd { at, exit_code: Some(1602), failure: Some(failure.clone()) });
        let action = work.action.clone();
        node.task = None;
        if node.service == ClusterService::Stopped {
            node.service = ClusterService::Joining;
        }
        if let Some(rollup) = action.rollup() {
            let failed = node.tries.iter().find(|t| t.rollup == *rollup).map_or(0, |t| t.failed) + 1;
            node.tries.retain(|t| t.rollup != *rollup);
            let rollup = rollup.clone();
            node.tries.push(crate::observed::Tries { rollup, failed, signature: failure, at, retryable: true });
        }
        if self.has_quorum() {
            self.unmark(|k| matches!(k, MarkKind::InProgress { action: a } if **a == action));
        }
        Ok(format!("the installer on {name} is killed"))
    }

    fn hand_on_group(&mut self, hand: &Hand, name: &GroupName) -> Result<String, String> {
        let up = self.groups.get(name).is_some_and(|g| self.may_come_up(g));
        let Some(group) = self.groups.get_mut(name) else { return Err(format!("there is no group {name}")) };
        match hand {
            Hand::StopRole { .. } => {
                group.wanted = false;
                group.state = GroupState::Offline;
            }
            Hand::StartRole { .. } => {
                group.wanted = true;
                group.dismounted = false;
                if up && group.state != GroupState::Online {
                    group.state = GroupState::Pending;
                }
            }
            Hand::SetOwners { nodes, .. } if nodes.is_empty() => return Err("no owner is named".into()),
            Hand::SetOwners { nodes, .. } => group.possible_owners = nodes.clone(),
            Hand::ForbidFailback { .. } => {
                group.failback_to = None;
                group.failback_due = None;
            }
            Hand::OpenBackup { .. } => group.backup = true,
            Hand::CloseBackup { .. } => group.backup = false,
            Hand::BreakCopy { node, status, queue, .. } => {
                let hosts: Vec<_> = match node {
                    Some(node) => vec![node.clone()],
                    None => group.copies.keys().filter(|n| **n != group.owner).cloned().collect(),
                };
                if hosts.iter().any(|n| !group.copies.contains_key(n)) || hosts.is_empty() {
                    return Err(format!("{name} has no such copy"));
                }
                for host in hosts {
                    group.copies.insert(host.clone(), Copy { status: *status, queue: *queue });
                    group.broken_copies.insert(host);
                }
            }
            Hand::MendCopy { node, .. } => {
                let broken = std::mem::take(&mut group.broken_copies);
                for host in broken {
                    if node.as_ref().is_none_or(|n| *n == host) {
                        group.copies.insert(host, Copy { status: CopyStatus::Initializing, queue: 0 });
                    } else {
                        group.broken_copies.insert(host);
                    }
                }
            }
            _ => return Err("that is not done to a group".into()),
        }
        Ok(format!("done to {name}"))
    }

    /// A pause whose mark the store has forgotten is nobody's, and so for a person to end: nobody can tell any more that
    /// it was not theirs from the beginning.
    fn forget_pauses(&mut self) {
        let marks = &self.store.marks;
        for (name, node) in &mut self.nodes {
            let ours = marks.iter().any(|m| matches!(&m.kind, MarkKind::Pause { node } if node == name));
            // A resume that was let go before ends it all the same.
            let ending = node.running().is_some_and(|w| matches!(w.action, Action::Resume { .. }));
            if node.paused == Some(PausedBy::Controller) && !ours && !ending {
                node.paused = Some(PausedBy::Person);
            }
        }
    }

    /// The network has cut the node off: what it owned stops there, for the rest to take over.
    fn part(&mut self, node: &NodeName) {
        if self.is_member(node) {
            return; // Both sides go on alone, each with what it owns.
        }
        for group in self.groups.values_mut() {
            if group.owner == *node {
                group.state = group.taken_down();
                group.restart_copies(None);
            } else {
                group.restart_copies(Some(node));
            }
        }
    }
}

fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<_> = known.collect();
    format!("there is no {what} {name:?}; there are {}", known.join(", "))
}
