//! What befalls the world: declared faults, at their times or by their triggers.

use std::time::Duration;

use super::super::hand::Hand;
use super::super::look::Blindness;
use super::super::spec::{FaultKind, FaultSpec};
use super::super::world::{ClusterStore, Event, Fate};
use super::{Due, Simulation, Struck};
use crate::model::time::{between, earlier, later};
use crate::model::{Action, ActionKind, Holder};
use crate::observed::CopyStatus;

/// How often a living second controller beats.
const BEAT: u64 = 5;
/// How many older states of the store are kept, where one may come back.
const OLDER_STORES: usize = 16;
/// What is free again after a disk was full, in MiB.
const FREED_MIB: u64 = 20_480;

/// What the faults make of one action.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// How it will turn out.
    pub fate: Fate,
    /// So many times as slow.
    pub slow: Option<u32>,
    /// Set if the answer is lost: whether it is done all the same.
    pub lost: Option<bool>,
}

impl Simulation {
    /// What the faults make of an action that is about to be carried out. Those that it sets off are set off.
    pub(super) fn turn_of_fate(&mut self, action: &Action) -> Turn {
        let spec = self.spec.clone();
        let mut turn = Turn::default();
        for (i, fault) in spec.faults.iter().enumerate() {
            if !self.meets(i, fault, action) {
                continue;
            }
            match fault.kind {
                FaultKind::InstallFails => {
                    let exit_code = fault.exit_code.unwrap_or(1603);
                    turn.fate = Fate::Fails { exit_code, leaves_disabled: fault.leaves_disabled.unwrap_or(false) };
                }
                FaultKind::InstallHangs => turn.fate = Fate::Hangs,
                FaultKind::AsksReboot => turn.fate = Fate::AsksReboot,
                FaultKind::RebootStarted => turn.fate = Fate::Reboots,
                FaultKind::NeverReturns => turn.fate = Fate::NeverReturns,
                FaultKind::MoveFails => turn.fate = Fate::MoveFails,
                FaultKind::MoveFailsLate => turn.fate = Fate::MoveFailsLate,
                FaultKind::SlowMove => turn.slow = Some(fault.factor.unwrap_or(10)),
                FaultKind::LostReply => turn.lost = Some(fault.done.unwrap_or(true)),
                _ => {
                    let after = fault.after.map_or_else(|| self.default_delay(fault, action.kind()), Duration::from);
                    let begins = Due::Begins(i, Struck::by(fault, Some(action)));
                    if after.is_zero() {
                        self.befall(begins);
                    } else {
                        self.state.due.push((later(self.state.now, after), begins));
                    }
                    continue;
                }
            }
            self.fire(fault.kind);
            if let (FaultKind::InstallHangs, Some(lasts)) = (fault.kind, fault.lasts) {
                let ends = Due::Ends(i, Struck::by(fault, Some(action)));
                self.state.due.push((later(self.state.now, lasts.into()), ends));
            }
        }
        turn
    }

    fn meets(&mut self, i: usize, fault: &FaultSpec, action: &Action) -> bool {
        let Some(on) = &fault.on else { return false };
        let node = on.node.as_ref().is_none_or(|n| action.node() == Some(n));
        let group = on.group.as_ref().is_none_or(|g| action.group() == Some(g));
        if on.action != action.kind() || !node || !group {
            return false;
        }
        let met = self.state.met.entry(i).or_default();
        *met += 1;
        on.attempt.is_none_or(|attempt| attempt == *met)
    }

    /// A machine dies in the middle of the action that sets it off; everything else is there before it begins.
    fn default_delay(&self, fault: &FaultSpec, action: ActionKind) -> Duration {
        if fault.kind != FaultKind::NodeCrash {
            return Duration::ZERO;
        }
        let durations = super::super::spec::durations(&self.spec, false);
        durations.get(&action).map_or(Duration::from_secs(1), |s| s.median / 3)
    }

    fn fire(&mut self, kind: FaultKind) {
        *self.state.fired.entry(kind).or_default() += 1;
        self.revision += 1;
    }

    pub(super) fn befall(&mut self, due: Due) {
        let spec = self.spec.clone();
        match due {
            Due::Boots(node) => self.lay(Hand::Boot { node }),
            Due::Begins(i, struck) => {
                let Some(fault) = spec.faults.get(i) else { return };
                self.fire(fault.kind);
                self.state.active.insert(i, struck.clone());
                let short = fault.kind == FaultKind::RivalInstaller && fault.on.is_some();
                let lasts = fault.lasts.map(Duration::from).or(short.then_some(Duration::from_secs(600)));
                if let Some(lasts) = lasts {
                    self.state.due.push((later(self.state.now, lasts), Due::Ends(i, struck.clone())));
                }
                self.begin(fault, struck);
            }
            Due::Ends(i, struck) => {
                let Some(fault) = spec.faults.get(i) else { return };
                self.state.active.remove(&i);
                self.revision += 1;
                self.end(fault, struck);
            }
        }
    }

    fn begin(&mut self, fault: &FaultSpec, struck: Struck) {
        match (fault.kind, struck.node, struck.group) {
            (FaultKind::NodeCrash, Some(node), _) => self.lay(Hand::Crash { node, lasts: None }),
            (FaultKind::RivalInstaller, Some(node), _) => self.lay(Hand::StartInstaller { node }),
            (FaultKind::ReplicationSuspended, Some(node), _) => self.lay(Hand::SuspendReplication { node }),
            (FaultKind::DiskFull, Some(node), _) => self.lay(Hand::Disk { node, free_mib: 0 }),
            (FaultKind::WitnessDown, ..) => self.lay(Hand::Witness { up: false }),
            (FaultKind::BackupRunning, _, Some(group)) => self.lay(Hand::OpenBackup { group }),
            (FaultKind::CopyUnhealthy, _, Some(group)) => {
                let lags = if fault.queue.is_some() { CopyStatus::Healthy } else { CopyStatus::Failed };
                let status = fault.status.unwrap_or(lags);
                self.lay(Hand::BreakCopy { group, node: fault.node.clone(), status, queue: fault.queue.unwrap_or(0) });
            }
            (FaultKind::SplitView, node, _) => {
                let trigger = node.filter(|_| fault.nodes.is_empty() || fault.node.is_some());
                let nodes = fault.nodes.iter().cloned().chain(trigger).collect();
                self.lay(Hand::CutOff { nodes });
            }
            (FaultKind::Hand, ..) => match fault.deed.as_deref().map(str::parse) {
                Some(Ok(Hand::Crash { node, lasts })) => {
                    if let Some(lasts) = lasts {
                        self.state.due.push((later(self.state.now, lasts), Due::Boots(node.clone())));
                    }
                    self.lay(Hand::Crash { node, lasts });
                }
                Some(Ok(hand)) => self.lay(hand),
                _ => {}
            },
            (FaultKind::SecondController, node, _) => self.lay(Hand::RivalClaim { holder: rival(fault), pauses: node }),
            (FaultKind::StaleRead, ..) => {
                self.state.stale = Some(Box::new((self.state.now, self.state.world.clone())));
            }
            (FaultKind::ClockJump, ..) => self.state.skew += jump(fault),
            (FaultKind::HostClockJump, ..) => self.state.host_skew += jump(fault),
            (FaultKind::StoreRunsBackwards, ..) => {
                let by = fault.by.map_or(Duration::from_secs(300), Duration::from);
                let until = earlier(self.state.now, by);
                let older = self.state.older_stores.iter().rev().find(|(at, _)| *at <= until);
                if let Some((_, store)) = older.or(self.state.older_stores.first()) {
                    let store = Box::new(ClusterStore::clone(store));
                    self.lay(Hand::Store { store });
                }
            }
            // Being cut off is asked for where it matters: see `blindness`.
            _ => {}
        }
    }

    fn end(&mut self, fault: &FaultSpec, struck: Struck) {
        match (fault.kind, struck.node, struck.group) {
            (FaultKind::NodeCrash, Some(node), _) => self.lay(Hand::Boot { node }),
            (FaultKind::RivalInstaller, Some(node), _) => self.lay(Hand::EndInstaller { node }),
            (FaultKind::ReplicationSuspended, Some(node), _) => self.lay(Hand::ResumeReplication { node }),
            (FaultKind::DiskFull, Some(node), _) => self.lay(Hand::Disk { node, free_mib: FREED_MIB }),
            (FaultKind::WitnessDown, ..) => self.lay(Hand::Witness { up: true }),
            (FaultKind::BackupRunning, _, Some(group)) => self.lay(Hand::CloseBackup { group }),
            (FaultKind::CopyUnhealthy, _, Some(group)) => self.lay(Hand::MendCopy { group, node: fault.node.clone() }),
            (FaultKind::SplitView, ..) => self.lay(Hand::Reconnect),
            (FaultKind::StaleRead, ..) => self.state.stale = None,
            (FaultKind::ClockJump, ..) => self.state.skew = 0,
            (FaultKind::HostClockJump, ..) => self.state.host_skew -= jump(fault),
            (FaultKind::InstallHangs, node, _) => {
                for (name, truth) in &mut self.state.world.nodes {
                    if let (true, Some(task)) = (node.as_ref().is_none_or(|n| n == name), truth.task.as_mut())
                        && task.fate == Fate::Hangs
                    {
                        task.fate = Fate::Well;
                    }
                }
                self.after_step(Vec::new());
            }
            // A second controller falls silent: its claim and what it paused stay.
            _ => {}
        }
    }

    /// Lays a hand on the world. What the cluster does not let happen does not happen.
    fn lay(&mut self, hand: Hand) {
        self.step(Event::Hand(hand));
    }

    /// What the faults in force hide from controllers.
    pub(super) fn blindness(&self) -> Blindness {
        let mut blind = Blindness::default();
        for (i, struck) in &self.state.active {
            if self.spec.faults.get(*i).is_some_and(|f| f.kind == FaultKind::Unreachable) {
                match &struck.node {
                    Some(node) => {
                        blind.nodes.insert(node.clone());
                    }
                    None => blind.all = true,
                }
            }
        }
        blind
    }

    /// Lets a second controller's heart beat as long as it lives.
    pub(super) fn beat(&mut self) {
        if self.state.active.is_empty() {
            return;
        }
        for i in self.state.active.keys() {
            let Some(fault) = self.spec.faults.get(*i) else { continue };
            if fault.kind == FaultKind::SecondController
                && let Some(claim) = &mut self.state.world.store.claim
                && claim.holder == rival(fault)
            {
                let lived = between(self.spec.start_at, self.state.now).as_secs();
                claim.heartbeat = lived / BEAT;
            }
        }
    }

    /// Keeps older states of the store, where one is declared to come back.
    pub(super) fn keep_store(&mut self) {
        if !self.spec.faults.iter().any(|f| f.kind == FaultKind::StoreRunsBackwards) {
            return;
        }
        let store = &self.state.world.store;
        if self.state.older_stores.last().is_none_or(|(_, last)| last != store) {
            self.state.older_stores.push((self.state.now, store.clone()));
            if self.state.older_stores.len() > OLDER_STORES {
                self.state.older_stores.remove(0);
            }
        }
    }
}

/// By how many seconds a clock jumps.
fn jump(fault: &FaultSpec) -> i64 {
    let by = fault.by.map_or(600, |by| i64::try_from(Duration::from(by).as_secs()).unwrap_or(i64::MAX));
    if fault.backwards == Some(true) { -by } else { by }
}

fn rival(fault: &FaultSpec) -> Holder {
    Holder::new(fault.holder.as_deref().unwrap_or("second-controller"))
}

impl Struck {
    pub(super) fn by(fault: &FaultSpec, action: Option<&Action>) -> Self {
        let node = fault.node.as_ref().or(action.and_then(Action::node));
        let group = fault.group.as_ref().or(action.and_then(Action::group));
        Self { node: node.cloned(), group: group.cloned() }
    }
}
