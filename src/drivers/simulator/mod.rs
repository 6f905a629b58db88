//! The embedded default: a failover cluster as it really behaves, not a happy path.
//!
//! A pure [`world::World`] is the truth and its physics; a [`schedule::Schedule`] outside it says when what happens;
//! a [`Simulation`] is both, with what befalls it and what an onlooker noted; a [`Simulator`] is that as a driver.
//! It learns nothing from plans, and shares no code with what predicts an action's effect.

mod by_hand;
pub mod hand;
pub mod look;
pub mod schedule;
pub mod simulation;
pub mod spec;
pub mod store;
pub mod world;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use by_hand::by_hand;
pub use hand::Hand;
pub use simulation::{InstallNote, Leak, RoleNotes, Simulation};
pub use store::{Kept, StoreError, WorldFolder};

use super::{ClaimAnswer, Driver, Later, Readiness};
use crate::desired::Cluster;
use crate::guard::{Command, DriverTraits, Permit};
use crate::model::time::Clock;
use crate::model::{Action, Answer, Claim, Known, Rollup, RollupName, Time};
use crate::observed::{Observation, SideEffect};

/// The driver's name in manifests.
pub const NAME: &str = "simulator";

/// Why nothing of a simulated cluster is saved to be looked at elsewhere.
pub(super) const NO_SNAPSHOT: &str = "a simulated cluster needs no snapshot: its manifest is one";

/// A simulated cluster as a driver: on the fleet's one clock, kept in its folder where it has one.
pub struct Simulator {
    kept: Mutex<Kept>,
    clock: Arc<dyn Clock>,
}

impl Simulator {
    /// A driver for a simulated cluster, on a clock.
    pub fn new(kept: Kept, clock: Arc<dyn Clock>) -> Self {
        Self { kept: Mutex::new(kept), clock }
    }

    /// The simulation, for a while. Nobody else can look or act meanwhile.
    pub fn lock(&self) -> MutexGuard<'_, Kept> {
        // A panic elsewhere leaves a world between two whole steps.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, act: impl FnOnce(&mut Simulation, Time) -> T) -> T {
        let now = self.clock.now();
        let mut kept = self.lock();
        kept.take_in(now);
        let result = act(kept.simulation_mut(), now);
        kept.keep();
        result
    }
}

fn ready<'a, T: Send + 'a>(value: T) -> Later<'a, T> {
    Box::pin(std::future::ready(value))
}

impl Driver for Simulator {
    fn traits(&self) -> DriverTraits {
        self.lock().simulation().traits()
    }

    fn observe(&self) -> Later<'_, Observation> {
        ready(self.with(Simulation::observe_now))
    }

    fn foresee<'a>(&'a self, action: &'a Action) -> Later<'a, Known<Vec<SideEffect>>> {
        ready(self.with(|sim, now| {
            sim.advance_to(now);
            sim.foresee_now(action)
        }))
    }

    fn claim(&self, expected: Option<Claim>, wanted: Option<Claim>) -> Later<'_, ClaimAnswer> {
        let now = self.clock.now();
        let mut kept = self.lock();
        kept.take_in(now);
        let answer = kept.claim(expected, wanted, now);
        kept.keep();
        ready(answer)
    }

    fn perform(&self, permit: Permit) -> Later<'_, Answer> {
        ready(self.with(|sim, now| sim.perform_now(permit, now)))
    }

    fn command(&self, command: Command) -> Later<'_, Result<String, String>> {
        let now = self.clock.now();
        let mut kept = self.lock();
        kept.take_in(now);
        let said = kept.command(command, now);
        kept.keep();
        ready(said)
    }

    fn readiness(&self) -> Later<'_, Vec<Readiness>> {
        ready(self.lock().simulation().readiness_now())
    }

    fn learn(&self, cluster: &Cluster, rollups: &BTreeMap<RollupName, Arc<Rollup>>) {
        self.lock().simulation_mut().learn(cluster, rollups);
    }

    fn world(&self) -> Option<&dyn super::World> {
        Some(self)
    }
}

impl super::World for Simulator {
    fn next_event(&self) -> Option<Time> {
        self.lock().simulation().next_event()
    }

    fn advance_to(&self, to: Time) -> bool {
        let mut kept = self.lock();
        let poked = kept.take_in(to);
        let moved = kept.simulation_mut().advance_to(to);
        kept.keep();
        poked || moved
    }

    fn violations(&self) -> Vec<String> {
        self.lock().simulation().violations().iter().map(ToString::to_string).collect()
    }
}
