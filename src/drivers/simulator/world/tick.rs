//! What may happen by itself.

use super::{ClusterService, Happening, Machine, MoveCause, NodeTruth, Outcome, Stage, Task, Tick, Violation};
use super::{Fate, ViolationKind, World};
use crate::model::{Action, GroupName, NodeName, Time};
use crate::observed::{Copy, CopyStatus, GroupKind, GroupState};

impl World {
    /// Everything that may happen next by itself: of the nodes, then of the groups. Any of it may happen first.
    pub fn enabled(&self) -> Vec<Tick> {
        let mut ticks = Vec::new();
        for (name, node) in &self.nodes {
            match (node.machine, node.service) {
                (Machine::Down { returns: true }, _) => ticks.push(Tick::Boot(name.clone())),
                (Machine::Up, ClusterService::Joining) => ticks.push(Tick::Join(name.clone())),
                _ => {}
            }
            if let Some(stage) = work_can_get_on(node) {
                ticks.push(Tick::Work(name.clone(), stage));
            }
        }
        if !self.has_quorum() {
            return ticks;
        }
        for (name, group) in &self.groups {
            let handled = self.is_handled(name);
            if !self.is_member(&group.owner) {
                if (group.wanted && group.state != GroupState::Offline) || self.may_flee(name) {
                    ticks.push(Tick::Failover(name.clone()));
                }
            } else if group.wanted && !handled {
                let reachable = self.reachable_state(group);
                if group.state != reachable && group.state != GroupState::Failed && self.may_rise(name) {
                    ticks.push(Tick::Online(name.clone()));
                }
            }
            if let (Some(to), Some(_), false) = (&group.failback_to, &group.failback_due, handled)
                && group.wanted
                && self.can_take(name, to).is_ok()
            {
                ticks.push(Tick::Failback(name.clone()));
            }
            for (host, copy) in &group.copies {
                if *host != group.owner && heals(copy) && !group.broken_copies.contains(host) {
                    let stuck = self.copy_service(host).is_some() || !self.is_member(&group.owner);
                    if !stuck {
                        ticks.push(Tick::CopyHealthy { group: name.clone(), node: host.clone() });
                    }
                }
            }
            for (index, (_, copy)) in group.standby_copies.iter().enumerate() {
                if heals(copy) && self.is_member(&group.owner) {
                    ticks.push(Tick::StandbyHealthy { group: name.clone(), index: index as u32 });
                }
            }
        }
        ticks
    }

    fn may_flee(&self, name: &GroupName) -> bool {
        self.refuge(name).is_some()
    }

    /// A group that is up already may get better where it is; one that is down needs an open node.
    fn may_rise(&self, name: &GroupName) -> bool {
        self.groups
            .get(name)
            .is_some_and(|g| matches!(g.state, GroupState::Online | GroupState::PartiallyOnline) || self.may_come_up(g))
    }

    pub(super) fn tick(&mut self, tick: &Tick, at: Time, out: &mut Outcome) {
        match tick {
            Tick::Boot(node) => self.boot(node, at, &mut out.happened),
            Tick::Join(node) => self.join(node, at, &mut out.happened),
            Tick::Work(node, stage) => {
                if self.nodes.get(node).and_then(|node| work_can_get_on(node)) == Some(*stage) {
                    self.work_gets_on(node, at, &mut out.happened);
                }
            }
            Tick::Failover(group) => self.failover(group, &mut out.happened),
            Tick::Failback(group) => self.failback(group, at, &mut out.happened),
            Tick::Online(name) => {
                if let Some(state) = self.groups.get(name).map(|g| self.reachable_state(g))
                    && let Some(group) = self.groups.get_mut(name)
                {
                    group.state = state;
                }
            }
            Tick::CopyHealthy { group, node } => {
                if let Some(copy) = self.groups.get_mut(group).and_then(|g| g.copies.get_mut(node)) {
                    *copy = Copy { status: CopyStatus::Healthy, queue: 0 };
                }
            }
            Tick::StandbyHealthy { group, index } => {
                let copies = self.groups.get_mut(group).map(|g| &mut g.standby_copies);
                if let Some((_, copy)) = copies.and_then(|c| c.get_mut(*index as usize)) {
                    *copy = Copy { status: CopyStatus::Healthy, queue: 0 };
                }
            }
        }
    }

    /// The machine comes up; its cluster service starts. Work that was to restart it has done its part.
    pub(super) fn boot(&mut self, node: &NodeName, at: Time, happened: &mut Vec<Happening>) {
        let standalone = self.is_standalone();
        let Some(truth) = self.nodes.get_mut(node) else { return };
        truth.machine = Machine::Up;
        truth.pending_reboot = false;
        truth.rival = None;
        truth.service = if standalone { ClusterService::Member } else { ClusterService::Joining };
        let rebooted = truth.running().is_some_and(|w| matches!(w.action, Action::Reboot { .. }));
        if rebooted {
            self.end_work(node, None, None, at);
        }
        self.recount(None, at, happened);
    }

    /// The group leaves an owner that is gone, or goes offline because nobody can take it.
    fn failover(&mut self, name: &GroupName, happened: &mut Vec<Happening>) {
        let refuge = self.refuge(name);
        if let Some(to) = &refuge {
            self.change_owner(name, to, MoveCause::Failover, happened);
        }
        if let Some(group) = self.groups.get_mut(name) {
            group.state = match refuge {
                Some(_) if group.wanted => GroupState::Pending,
                _ => GroupState::Offline,
            };
        }
    }

    fn failback(&mut self, name: &GroupName, at: Time, happened: &mut Vec<Happening>) {
        let Some(group) = self.groups.get_mut(name) else { return };
        let (Some(to), Some(due)) = (group.failback_to.clone(), group.failback_due.take()) else { return };
        // Whom nobody served is not disturbed by coming to where it can run.
        let served = matches!(group.state, GroupState::Online | GroupState::PartiallyOnline);
        let disturbs = group.kind == GroupKind::Role && served;
        group.state = GroupState::Pending;
        self.change_owner(name, &to, MoveCause::Failback, happened);
        if let (Some(action), true) = (due.by, disturbs) {
            happened.push(Happening::Violation(Violation {
                kind: ViolationKind::Ripple,
                at,
                node: Some(to),
                group: Some(name.clone()),
                action: Some(action),
            }));
        }
    }
}

/// Whether a copy will catch up by itself.
fn heals(copy: &Copy) -> bool {
    match copy.status {
        CopyStatus::Initializing | CopyStatus::Resynchronizing | CopyStatus::Seeding | CopyStatus::ServiceDown => true,
        CopyStatus::Healthy => copy.queue > 0,
        _ => false,
    }
}

/// The stage that a node's running work is about to leave, if nothing keeps it there.
fn work_can_get_on(node: &NodeTruth) -> Option<Stage> {
    node.running()?;
    let Task { stage, fate } = node.task?;
    let stuck = match stage {
        _ if node.machine != Machine::Up => true,
        Stage::Copying => fate == Fate::Hangs,
        Stage::Restarting => node.service == ClusterService::Joining,
        _ => false,
    };
    (!stuck).then_some(stage)
}
