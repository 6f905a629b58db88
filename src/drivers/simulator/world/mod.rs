//! The truth of one simulated cluster, and its physics: what happens when, not how long it takes.
//!
//! A [`World`] is a plain value: clone it, compare it, hash it. [`World::step`] is its only motion, and
//! [`World::enabled`] says what may happen next without anybody's doing; any of it may happen first.
//!
//! Absent on purpose: time (stamps that real stores hold come in with the events), durations, randomness, and any
//! notion of what a controller wants. Nothing in here decides by a stamp.

mod act;
mod checks;
mod event;
mod foresee;
mod group;
mod node;
mod persons;
mod quorum;
mod shared;
mod start;
mod stored;
mod tick;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use event::{Event, Fate, Happening, MoveCause, Order, Outcome, Tick, Violation, ViolationKind};
pub use group::{FailbackDue, GroupTruth};
pub use node::{ClusterService, Machine, NodeTruth, PausedBy, Stage, Task};
pub use quorum::{QuorumModel, Votes};
pub use shared::Shared;
pub use start::catalogue;

use crate::model::{Claim, GroupName, Mark, NodeName, Rollup, RollupName, Time};

/// One simulated cluster as it truly is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct World {
    /// How votes are counted.
    pub quorum: QuorumModel,
    /// Whether the witness, if the model has one, can be reached.
    pub witness_up: bool,
    /// Nodes that the network has cut off from the rest.
    pub apart: BTreeSet<NodeName>,
    /// The machines.
    pub nodes: BTreeMap<NodeName, Shared<NodeTruth>>,
    /// The groups.
    pub groups: BTreeMap<GroupName, Shared<GroupTruth>>,
    /// The cluster's replicated store, as far as controllers write to it.
    pub store: Shared<ClusterStore>,
    /// Whether there was quorum after the last step.
    pub had_quorum: bool,
    /// What can be installed, and from where: data of the manifests, not of the world.
    #[serde(skip)]
    pub catalogue: Arc<Catalogue>,
}

/// What controllers and people have written into the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterStore {
    /// Who is in charge.
    pub claim: Option<Claim>,
    /// Marks, oldest first.
    pub marks: Vec<Mark>,
}

/// What a permit's names stand for: told by the manifests, and told anew when they change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// The rollups.
    pub rollups: BTreeMap<RollupName, Arc<Rollup>>,
    /// Files at the source, with their SHA-256.
    pub packages: BTreeMap<String, String>,
    /// The rollup that each node shall have.
    pub targets: BTreeMap<NodeName, RollupName>,
    /// How many roles each node can own; nodes without a limit are not in it.
    pub max_roles: BTreeMap<NodeName, u32>,
    /// How many nodes a controller may take out at once.
    pub max_unavailable: u32,
}

/// The catalogue is the same in all states that are ever compared, so it adds nothing to a hash.
impl Hash for Catalogue {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl World {
    /// What happens because of an event, at a moment that only stamps refer to.
    pub fn step(&mut self, event: Event, at: Time) -> Outcome {
        let mut out = Outcome::default();
        match event {
            Event::Tick(tick) => self.tick(&tick, at, &mut out),
            Event::Perform(order) => out.answer = Some(self.perform(*order, at, &mut out.happened)),
            Event::Claim { expected, wanted } => out.claim = Some(self.claim(expected.as_ref(), wanted)),
            Event::Command(command) => out.said = Some(self.command(command, at)),
            Event::Hand(hand) => out.said = Some(self.hand(&hand, at, &mut out.happened)),
        }
        out
    }

    /// True if the node is a full member: it runs, its cluster service has joined, and the others can reach it.
    pub fn is_member(&self, node: &NodeName) -> bool {
        self.nodes.get(node).is_some_and(|truth| self.takes_part(node, truth))
    }

    fn takes_part(&self, node: &NodeName, truth: &NodeTruth) -> bool {
        // Where each of two nodes has quorum alone, neither side takes over from the other before it is fenced.
        let cut_off = self.apart.contains(node) && self.quorum != QuorumModel::TwoNode;
        truth.machine == Machine::Up && truth.service == ClusterService::Member && !cut_off
    }

    /// The full members.
    pub fn members(&self) -> impl Iterator<Item = &NodeName> {
        self.nodes.iter().filter(|(name, truth)| self.takes_part(name, truth)).map(|(name, _)| name)
    }

    /// True for a host that is no cluster.
    pub fn is_standalone(&self) -> bool {
        self.quorum == QuorumModel::None && self.nodes.len() == 1
    }

    /// The groups that a node owns.
    pub fn owned_by<'a>(&'a self, node: &'a NodeName) -> impl Iterator<Item = (&'a GroupName, &'a GroupTruth)> {
        self.groups.iter().map(|(name, group)| (name, &**group)).filter(move |(_, g)| g.owner == *node)
    }
}
