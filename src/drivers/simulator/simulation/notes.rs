//! What an onlooker who sees everything notes down: outages, handoffs, violations, leftovers.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::world::{Happening, MoveCause, PausedBy, Violation, ViolationKind};
use super::{FaultKind, Simulation};
use crate::model::time::{between, later};
use crate::model::{Claim, GroupName, Mark, MarkKind, NodeName, RollupName, Time};
use crate::observed::{GroupKind, GroupState};

/// How long past its deadline a role that can be started may stay stopped before it counts as forgotten. Starting it
/// comes first from the deadline on, but takes a look, a resume and a start.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(900);

/// What was noted of one role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleNotes {
    /// Since when it has been down, if it is.
    down_since: Option<Time>,
    /// How long it was down before that.
    outage_before: Duration,
    /// Since when it could be started though its duty says that it is stopped.
    startable_since: Option<Time>,
    /// Moves that controllers made.
    pub handoffs: u32,
    /// Moves that the stack made because its owner was gone, or by its own failback.
    pub failovers: u32,
    /// Moves that people made.
    pub by_person: u32,
}

impl RoleNotes {
    /// How long users were without it, until then.
    pub fn outage(&self, now: Time) -> Duration {
        self.outage_before + self.down_since.map_or(Duration::ZERO, |since| between(since, now))
    }
}

/// An update that took place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstallNote {
    /// On which node.
    pub node: NodeName,
    /// To which rollup.
    pub rollup: RollupName,
    /// When.
    pub at: Time,
    /// Whether something of it is newer than before; going down, nothing is.
    #[serde(default)]
    pub raised: bool,
}

/// Something that a controller left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leak {
    /// A mark.
    Mark(Mark),
    /// A pause that was a controller's.
    Pause(NodeName),
    /// A claim.
    Claim(Claim),
    /// A role that a controller stopped and did not start.
    Stopped(GroupName),
}

impl Simulation {
    /// Rules of the product that were broken.
    pub fn violations(&self) -> &[Violation] {
        &self.state.violations
    }

    /// Counts what only somebody who sees several clusters can see.
    pub fn count(&mut self, violation: Violation) {
        self.revision += 1;
        self.state.violations.push(violation);
    }

    /// What was noted of each role.
    pub fn roles(&self) -> impl Iterator<Item = (&GroupName, &RoleNotes)> {
        self.state.roles.iter()
    }

    /// Seconds that users of each role were without it, so far.
    pub fn outage_seconds(&self) -> impl Iterator<Item = (&GroupName, u64)> {
        self.state.roles.iter().map(|(name, notes)| (name, notes.outage(self.state.now).as_secs()))
    }

    /// Updates that took place, in order.
    pub fn installs_log(&self) -> &[InstallNote] {
        &self.state.installs
    }

    /// How often each kind of fault has befallen the world.
    pub fn faults_fired(&self) -> impl Iterator<Item = (FaultKind, u32)> {
        self.state.fired.iter().map(|(kind, n)| (*kind, *n))
    }

    /// What controllers have left in the cluster.
    pub fn leaks(&self) -> Vec<Leak> {
        let world = self.world();
        let marks = world.store.marks.iter().filter(|m| m.kind.is_controllers()).cloned().map(Leak::Mark);
        let pauses = (world.nodes.iter())
            .filter(|(_, n)| n.paused == Some(PausedBy::Controller))
            .map(|(name, _)| Leak::Pause(name.clone()));
        let stopped = (world.store.marks.iter()).filter_map(|m| match &m.kind {
            MarkKind::StoppedRole { group, .. } => {
                let stopped = world.groups.get(group).is_some_and(|g| !g.wanted);
                stopped.then(|| Leak::Stopped(group.clone()))
            }
            _ => None,
        });
        marks.chain(pauses).chain(stopped).chain(world.store.claim.clone().map(Leak::Claim)).collect()
    }

    pub(super) fn note(&mut self, happened: Vec<Happening>) {
        let now = self.state.now;
        for happening in happened {
            match happening {
                Happening::Violation(mut violation) => {
                    violation.at = now;
                    self.state.violations.push(violation);
                }
                Happening::Installed { node, rollup, raised } => {
                    self.state.installs.push(InstallNote { node, rollup, at: now, raised });
                }
                Happening::Moved { group, cause, .. } => {
                    let role = self.state.world.groups.get(&group).is_some_and(|g| g.kind == GroupKind::Role);
                    if role {
                        let notes = self.state.roles.entry(group).or_default();
                        match cause {
                            MoveCause::Planned => notes.handoffs += 1,
                            MoveCause::Failover | MoveCause::Failback => notes.failovers += 1,
                            MoveCause::Person => notes.by_person += 1,
                        }
                    }
                }
            }
        }
        for (name, group) in &self.state.world.groups {
            if group.kind != GroupKind::Role {
                continue;
            }
            let duty = self.state.world.store.marks.iter().find_map(|m| match &m.kind {
                MarkKind::StoppedRole { group, to, .. } if group == name => Some(to),
                _ => None,
            });
            // A role that a person stopped is not down: nobody misses it.
            let down = group.state != GroupState::Online && (group.wanted || duty.is_some());
            let world = &self.state.world;
            // Where it has arrived, and a person has paused that node, nobody but they can let it start.
            let shut = duty == Some(&group.owner)
                && world.nodes.get(&group.owner).is_some_and(|n| n.paused == Some(PausedBy::Person));
            let startable =
                duty.is_some() && !group.wanted && world.is_member(&group.owner) && !shut && !world.is_handled(name);
            if !self.state.roles.contains_key(name) {
                self.state.roles.insert(name.clone(), RoleNotes::default());
            }
            let Some(notes) = self.state.roles.get_mut(name) else { continue };
            match (down, notes.down_since) {
                (true, None) => notes.down_since = Some(now),
                (false, Some(since)) => {
                    notes.outage_before += between(since, now);
                    notes.down_since = None;
                }
                _ => {}
            }
            match (startable, notes.startable_since) {
                (true, None) => notes.startable_since = Some(now),
                (false, Some(_)) => notes.startable_since = None,
                _ => {}
            }
        }
    }

    /// Counts roles that we stopped and that nobody starts again.
    pub(super) fn watch_duties(&mut self) {
        let now = self.state.now;
        for mark in &self.state.world.store.marks {
            let MarkKind::StoppedRole { group, deadline, .. } = &mark.kind else { continue };
            let Some(since) = self.state.roles.get(group).and_then(|r| r.startable_since) else { continue };
            let forgotten = now >= later((*deadline).max(since), FORGOTTEN_AFTER);
            let told = |v: &Violation| {
                v.kind == ViolationKind::RoleLeftStopped && v.group.as_ref() == Some(group) && v.at >= mark.at
            };
            if forgotten && !self.state.violations.iter().any(told) {
                self.state.violations.push(Violation {
                    kind: ViolationKind::RoleLeftStopped,
                    at: now,
                    node: None,
                    group: Some(group.clone()),
                    action: None,
                });
                self.revision += 1;
            }
        }
    }
}
