//! A controller's work on a node, stage by stage.

use std::collections::BTreeMap;

use super::{ClusterService, Fate, Happening, Machine, MoveCause, PausedBy, Stage, Task, World};
use crate::drivers::windows_installer;
use crate::model::{
    Action, ClusterServiceRule, GroupName, InstallKind, Mark, MarkKind, NodeName, RebootRule, Rollup, RollupPackage,
    Time,
};
use crate::observed::{CopyStatus, FailedHandoffs, GroupState, Tries, Verified, Work, WorkEnd};

/// Why work ended badly.
struct Failure {
    exit_code: Option<i32>,
    text: String,
    retryable: bool,
}

impl Failure {
    fn new(text: impl Into<String>) -> Self {
        Self { exit_code: None, text: text.into(), retryable: true }
    }
}

impl World {
    /// Work leaves its present stage.
    pub(super) fn work_gets_on(&mut self, node: &NodeName, at: Time, happened: &mut Vec<Happening>) {
        let Some(truth) = self.nodes.get(node) else { return };
        let (Some(work), Some(task)) = (truth.running().cloned(), truth.task) else { return };
        if task.stage == Stage::Hesitating {
            return self.begin(node, work, task.fate, at, happened);
        }
        match &work.action {
            Action::Install { rollup, .. } | Action::Uninstall { rollup, .. } => {
                let Some(rollup) = self.catalogue.rollups.get(rollup).cloned() else {
                    return self.fail(node, Failure::new("the rollup is not declared any more"), at);
                };
                self.installer_gets_on(node, &work, task, &rollup, at, happened);
            }
            Action::MoveGroup { group, to, .. } | Action::Handoff { group, to, .. } => {
                self.move_gets_on(node, group, to, task, at, happened);
            }
            Action::Reboot { .. } => {
                self.leave(node, Some(&work.action), at, happened);
                if let Some(truth) = self.nodes.get_mut(node) {
                    truth.machine = Machine::Down { returns: task.fate != Fate::NeverReturns };
                }
                self.enter(node, Stage::Restarting);
            }
            Action::StopCluster { .. } => {
                self.leave(node, Some(&work.action), at, happened);
                self.end_work(node, None, None, at);
            }
            Action::StartCluster { .. } => {
                if let Some(truth) = self.nodes.get_mut(node)
                    && truth.service == ClusterService::Stopped
                {
                    truth.service = ClusterService::Joining;
                }
                self.end_work(node, None, None, at);
            }
            Action::StartRole { group, .. } => self.role_starts(node, group, at),
            Action::StopRole { group, .. } => {
                if let Some(group) = self.groups.get_mut(group) {
                    group.state = GroupState::Offline;
                }
                self.end_work(node, None, None, at);
            }
            _ => self.quick(node, &work, at, happened),
        }
    }

    /// Work of one stage that changes little.
    fn quick(&mut self, node: &NodeName, work: &Work, at: Time, happened: &mut Vec<Happening>) {
        match &work.action {
            Action::Stage { rollup, .. } => {
                let files: BTreeMap<String, String> = match self.catalogue.rollups.get(rollup) {
                    Some(rollup) => rollup
                        .packages
                        .iter()
                        .filter_map(|p| Some((p.file.clone(), self.catalogue.packages.get(&p.file)?.clone())))
                        .collect(),
                    None => BTreeMap::new(),
                };
                if let Some(truth) = self.nodes.get_mut(node) {
                    // Another file is another try.
                    if files.iter().any(|(file, hash)| truth.staged.get(file).is_some_and(|there| there != hash)) {
                        truth.tries.retain(|tries| tries.rollup != *rollup);
                    }
                    truth.staged.extend(files);
                }
            }
            Action::Resume { quarantine, .. } => self.resume(node, work, quarantine.as_deref(), at, happened),
            Action::RestoreServices { .. } => {
                if let Some(truth) = self.nodes.get_mut(node) {
                    truth.services.differing.clear();
                }
            }
            Action::ResumeReplication { .. } => {
                if let Some(truth) = self.nodes.get_mut(node) {
                    truth.replication_suspended = false;
                }
                for group in self.groups.values_mut() {
                    if let Some(copy) = group.copies.get_mut(node)
                        && matches!(copy.status, CopyStatus::Suspended | CopyStatus::Healthy)
                    {
                        copy.status = CopyStatus::Initializing;
                    }
                }
            }
            _ => {}
        }
        self.end_work(node, None, None, at);
    }

    fn installer_gets_on(
        &mut self,
        node: &NodeName,
        work: &Work,
        task: Task,
        rollup: &Rollup,
        at: Time,
        happened: &mut Vec<Happening>,
    ) {
        let restarts = rollup.cluster_service == ClusterServiceRule::Restarts && !self.is_standalone();
        match task.stage {
            Stage::Checking => {
                if let Some(failure) = self.setup_refuses(node, &work.action, rollup, task.fate) {
                    return self.fail(node, failure, at);
                }
                if let Some(truth) = self.nodes.get_mut(node) {
                    truth.services.baseline_saved = true;
                }
                let runs = self.nodes.get(node).is_some_and(|n| n.service != ClusterService::Stopped);
                if restarts && runs {
                    self.enter(node, Stage::StoppingCluster);
                } else {
                    self.count_disturbed(node, &work.action, at, happened);
                    self.enter(node, Stage::Copying);
                }
            }
            Stage::StoppingCluster => {
                self.leave(node, Some(&work.action), at, happened);
                self.enter(node, Stage::Copying);
            }
            Stage::Copying => {
                let standalone = self.is_standalone();
                if let Some(truth) = self.nodes.get_mut(node)
                    && restarts
                {
                    truth.service = ClusterService::Joining;
                } else if standalone {
                    // No cluster service to restart, but the services that keep standby copies do.
                    for group in self.groups.values_mut() {
                        group.restart_copies(None);
                    }
                }
                if let Fate::Fails { exit_code, leaves_disabled } = task.fate {
                    if let (Some(truth), true) = (self.nodes.get_mut(node), leaves_disabled) {
                        truth.disable_services();
                    }
                    return self.fail(node, exit(rollup.install, exit_code), at);
                }
                let mut raised = false;
                if let Some(truth) = self.nodes.get_mut(node) {
                    let newer =
                        |p: &RollupPackage| truth.installed.get(&p.name).is_none_or(|before| *before < p.version);
                    raised = rollup.packages.iter().any(newer);
                    truth.installed.extend(rollup.packages.iter().map(|p| (p.name.clone(), p.version.clone())));
                }
                happened.push(Happening::Installed { node: node.clone(), rollup: rollup.name.clone(), raised });
                self.enter(node, Stage::Restarting);
            }
            _ => {
                let code = match task.fate {
                    Fate::AsksReboot => 3010,
                    Fate::Reboots => 1641,
                    _ => 0,
                };
                if let Some(truth) = self.nodes.get_mut(node) {
                    truth.tries.retain(|t| t.rollup != rollup.name);
                    truth.pending_reboot |= code != 0;
                    // What its makers say that it never does, nobody can reckon with.
                    truth.spared |= code == 1641 && rollup.reboot == RebootRule::Never;
                }
                self.end_work(node, Some(code), None, at);
                if code == 1641 {
                    self.leave(node, Some(&work.action), at, happened);
                    if let Some(truth) = self.nodes.get_mut(node) {
                        truth.machine = Machine::Down { returns: true };
                    }
                }
            }
        }
    }

    /// What the installer checks before it touches anything.
    fn setup_refuses(&self, node: &NodeName, action: &Action, rollup: &Rollup, fate: Fate) -> Option<Failure> {
        let truth = self.nodes.get(node)?;
        let kind = rollup.install;
        if truth.rival.is_some() {
            return Some(exit(kind, 1618));
        }
        if let Fate::Fails {
            exit_code: code @ (1602 | 1618 | 1619 | 1620 | 1625 | 1633 | 1635 | 1636 | 1642), ..
        } = fate
        {
            return Some(exit(kind, code));
        }
        if truth.disk.free_mib < truth.disk.needed_mib {
            return Some(Failure::new("setup aborted: not enough disk space"));
        }
        if matches!(action, Action::Uninstall { .. }) {
            return None;
        }
        if rollup.baseline.is_some() && rollup.baseline != truth.baseline {
            return Some(exit(kind, 1642));
        }
        if let Some(interim) = truth.interim_updates.first() {
            let text = format!("setup refused: interim update {interim} is installed");
            return Some(Failure { exit_code: Some(1603), text, retryable: false });
        }
        for package in &rollup.packages {
            match (truth.staged.get(&package.file), self.catalogue.packages.get(&package.file)) {
                (None, _) => return Some(exit(kind, 1619)),
                (Some(staged), Some(declared)) if staged != declared => return Some(exit(kind, 1636)),
                _ => {}
            }
        }
        None
    }

    fn move_gets_on(
        &mut self,
        node: &NodeName,
        name: &GroupName,
        to: &NodeName,
        task: Task,
        at: Time,
        happened: &mut Vec<Happening>,
    ) {
        let Some(group) = self.groups.get(name) else { return };
        match task.stage {
            Stage::Moving if task.fate == Fate::MoveFails || group.owner != *node => {
                self.fail(node, Failure::new("move failed: the group stayed where it was"), at);
            }
            Stage::Moving => {
                if let Err(why) = self.can_take(name, to) {
                    // It was taken down and cannot go there: the cluster brings it up again where it was.
                    return self.fail(node, Failure::new(format!("move failed: {why}")), at);
                }
                self.change_owner(name, to, MoveCause::Planned, happened);
                let late = task.fate == Fate::MoveFailsLate;
                if let Some(group) = self.groups.get_mut(name) {
                    group.dismounted |= late;
                    group.state = match (group.wanted, late) {
                        (false, _) => GroupState::Offline,
                        (true, true) => GroupState::PartiallyOnline,
                        (true, false) => GroupState::Pending,
                    };
                }
                if late {
                    let text = "move failed late: the group has moved, and part of it stays down";
                    self.fail(node, Failure::new(text), at);
                } else if self.groups.get(name).is_some_and(|g| g.state == GroupState::Pending) {
                    self.enter(node, Stage::Arriving);
                } else {
                    self.count_handoff(node, None, at);
                    self.end_work(node, None, None, at);
                }
            }
            _ => {
                let arrived = group.owner == *to && self.may_come_up(group);
                let state = self.reachable_state(group);
                if let (Some(group), true) = (self.groups.get_mut(name), arrived) {
                    group.state = state;
                }
                if arrived && state == GroupState::Online {
                    self.count_handoff(node, None, at);
                    self.end_work(node, None, None, at);
                } else {
                    let text = "move failed late: the group has moved, and does not come up";
                    self.fail(node, Failure::new(text), at);
                }
            }
        }
    }

    fn role_starts(&mut self, node: &NodeName, name: &GroupName, at: Time) {
        let Some(possible) = self.groups.get(name).map(|group| self.may_come_up(group)) else { return };
        let Some(group) = self.groups.get_mut(name) else { return };
        if !possible {
            // It is as stopped as it was.
            group.state = GroupState::Offline;
            return self.fail(node, Failure::new("start failed: the node cannot bring it up"), at);
        }
        group.wanted = true;
        group.dismounted = false;
        if let Some(state) = self.groups.get(name).map(|group| self.reachable_state(group))
            && let Some(group) = self.groups.get_mut(name)
        {
            group.state = state;
        }
        if self.has_quorum() {
            self.store.marks.retain(|m| !matches!(&m.kind, MarkKind::StoppedRole { group, .. } if group == name));
        }
        self.end_work(node, None, None, at);
    }

    fn resume(
        &mut self,
        node: &NodeName,
        work: &Work,
        quarantine: Option<&str>,
        at: Time,
        happened: &mut Vec<Happening>,
    ) {
        if let Some(why) = quarantine {
            self.unmark(|k| matches!(k, MarkKind::Quarantine { node: n, .. } if n == node));
            self.mark(MarkKind::Quarantine { node: node.clone(), why: why.to_owned() }, work, at);
        }
        let ours = self.store.marks.iter().any(|m| matches!(&m.kind, MarkKind::Pause { node: n } if n == node));
        let Some(truth) = self.nodes.get_mut(node) else { return };
        let was = truth.paused.take();
        if was == Some(PausedBy::Person) && !ours {
            happened.push(Happening::Violation(super::Violation {
                kind: super::ViolationKind::PauseUndone,
                at,
                node: Some(node.clone()),
                group: None,
                action: Some(work.action.clone()),
            }));
        }
        self.unmark(|k| matches!(k, MarkKind::Pause { node: n } if n == node));
        if quarantine.is_none() {
            self.unmark(|k| matches!(k, MarkKind::Quarantine { node: n, .. } if n == node));
            self.note_verified(node, at);
        }
        if was.is_some() {
            self.arm_failback(node, Some(&work.action));
        }
    }

    /// Writes on the node that it is healthy at its target, if that is so.
    fn note_verified(&mut self, node: &NodeName, at: Time) {
        let catalogue = self.catalogue.clone();
        let Some(rollup) = catalogue.targets.get(node).and_then(|r| catalogue.rollups.get(r)) else { return };
        let Some(truth) = self.nodes.get_mut(node) else { return };
        let there = rollup.packages.iter().all(|p| truth.installed.get(&p.name) == Some(&p.version));
        if there && truth.services.differing.is_empty() {
            truth.verified = Some(Verified { rollup: rollup.name.clone(), at });
        }
    }

    pub(super) fn enter(&mut self, node: &NodeName, stage: Stage) {
        if let Some(task) = self.nodes.get_mut(node).and_then(|n| n.task.as_mut()) {
            task.stage = stage;
        }
    }

    pub(super) fn mark(&mut self, kind: MarkKind, work: &Work, at: Time) {
        self.unmark(|k| *k == kind);
        self.store.marks.push(Mark { kind, epoch: work.epoch, holder: work.holder.clone(), at });
    }

    pub(super) fn unmark(&mut self, which: impl Fn(&MarkKind) -> bool) {
        self.store.marks.retain(|m| !which(&m.kind));
    }

    fn fail(&mut self, node: &NodeName, failure: Failure, at: Time) {
        let rollup = self.nodes.get(node).and_then(|n| n.running()).and_then(|w| match &w.action {
            Action::Install { rollup, .. } | Action::Uninstall { rollup, .. } => Some(rollup.clone()),
            _ => None,
        });
        self.count_handoff(node, Some(&failure.text), at);
        if let (Some(rollup), Some(truth)) = (rollup, self.nodes.get_mut(node)) {
            let failed = truth.tries.iter().find(|t| t.rollup == rollup).map_or(0, |t| t.failed) + 1;
            truth.tries.retain(|t| t.rollup != rollup);
            let signature = failure.text.clone();
            truth.tries.push(Tries { rollup, failed, signature, at, retryable: failure.retryable });
        }
        self.end_work(node, failure.exit_code, Some(failure.text), at);
    }

    /// Writes down on the node that is left that its handoff failed; forgets it when one succeeds.
    fn count_handoff(&mut self, node: &NodeName, failure: Option<&str>, at: Time) {
        let Some(truth) = self.nodes.get_mut(node) else { return };
        let Some(Action::Handoff { group, .. }) = truth.running().map(|w| w.action.clone()) else { return };
        let failed = truth.failed_handoffs.iter().find(|f| f.group == group).map_or(0, |f| f.failed) + 1;
        truth.failed_handoffs.retain(|f| f.group != group);
        if let Some(signature) = failure {
            truth.failed_handoffs.push(FailedHandoffs { group, failed, signature: signature.to_owned(), at });
        }
    }

    /// Work on a node that died has ended, too, though nobody could write to the cluster that it has.
    pub(super) fn work_dies(&mut self, node: &NodeName, at: Time) {
        let Some(truth) = self.nodes.get_mut(node) else { return };
        let Some(work) = truth.running().cloned() else { return };
        let stage = truth.task.map(|t| t.stage);
        let installing = matches!(work.action, Action::Install { .. } | Action::Uninstall { .. });
        if installing && stage == Some(Stage::Copying) {
            // The installer had disabled the services and had no time to enable them.
            truth.disable_services();
        }
        let marks = self.store.marks.clone();
        self.fail(node, Failure::new("the node died"), at);
        self.store.marks = marks;
    }

    /// The lock is freed, the result written down, and the announcement taken back if the cluster's store can be
    /// reached.
    pub(super) fn end_work(&mut self, node: &NodeName, exit_code: Option<i32>, failure: Option<String>, at: Time) {
        let Some(truth) = self.nodes.get_mut(node) else { return };
        truth.task = None;
        let Some(work) = truth.work.as_mut().filter(|w| w.ended.is_none()) else { return };
        work.ended = Some(WorkEnd { at, exit_code, failure });
        let action = work.action.clone();
        if self.has_quorum() {
            self.unmark(|k| matches!(k, MarkKind::InProgress { action: a } if **a == action));
        }
    }
}

/// What an installer's exit code means.
fn exit(kind: InstallKind, code: i32) -> Failure {
    match kind {
        InstallKind::Msp => Failure {
            exit_code: Some(code),
            text: windows_installer::signature(code),
            retryable: windows_installer::meaning(code).1,
        },
        InstallKind::Deb => plain("dpkg", code),
        InstallKind::Rpm => plain("rpm", code),
        InstallKind::Command => plain("installer", code),
    }
}

fn plain(tool: &str, code: i32) -> Failure {
    Failure { exit_code: Some(code), text: format!("{tool} {code}: failed"), retryable: true }
}
