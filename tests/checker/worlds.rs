//! All the worlds of one setting, each once: told apart part by part, exactly, and with as little time in them as a
//! decision can see.
//!
//! There is no clock. A moment is *now*, *long ago* or *still to come*; what happens is stamped now, and when much time
//! passes every moment becomes long ago at once. Moments that only people are told of are always now.

use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;
use rollward::drivers::simulator::world::{ClusterStore, GroupTruth, NodeTruth, World};
use rollward::model::time::{earlier, later};
use rollward::model::{Claim, NodeName, Time};

use super::epochs::EpochSet;
use super::numbered::Numbered;
use super::parts::{Change, Part, Parts};

/// A Saturday night, inside the windows of settings that have any.
pub const NOW: Time = Time::constant(1_491_012_000, 0);

/// Longer than any back-off, soak, silence or deadline, and no whole number of weeks.
pub const LONG: Duration = Duration::from_secs(10 * 24 * 3600);

/// Whatever is before now is long ago.
pub fn settled(moment: Time) -> Time {
    if moment < NOW { earlier(NOW, LONG) } else { moment }
}

/// A world, by its number.
pub type WorldId = u32;

/// All worlds that were met.
pub struct Worlds {
    /// What never changes: names, the quorum model, the catalogue.
    base: World,
    nodes: Parts<NodeTruth>,
    groups: Parts<GroupTruth>,
    stores: Parts<ClusterStore>,
    all: Numbered<Box<[u32]>>,
    claims: Numbered<Option<Claim>>,
    /// Of each store the number of its claim.
    claim_of: Vec<u32>,
    changes: HashMap<(WorldId, Change), WorldId>,
}

impl Worlds {
    pub fn new(base: World) -> Self {
        Self {
            base,
            nodes: Parts::new(),
            groups: Parts::new(),
            stores: Parts::new(),
            all: Numbered::default(),
            claims: Numbered::default(),
            claim_of: Vec::new(),
            changes: HashMap::new(),
        }
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn sizes(&self) -> String {
        let Self { nodes, groups, stores, all, .. } = self;
        format!("worlds {} nodes {} groups {} stores {}", all.len(), nodes.len(), groups.len(), stores.len())
    }

    /// The number of a world.
    pub fn number(&mut self, mut world: World) -> WorldId {
        let apart =
            world.nodes.keys().map(|n| world.apart.contains(n)).rev().fold(0, |bits, b| bits << 1 | u32::from(b));
        let mut key = Vec::with_capacity(2 + world.nodes.len() + world.groups.len());
        key.push(apart << 2 | u32::from(world.witness_up) << 1 | u32::from(world.had_quorum));
        key.push(self.stores.number(&mut world.store));
        key.extend(world.nodes.values_mut().map(|n| self.nodes.number(n)));
        key.extend(world.groups.values_mut().map(|g| self.groups.number(g)));
        self.note_claims();
        self.all.number(key.into()).0
    }

    fn note_claims(&mut self) {
        for number in self.claim_of.len()..self.stores.len() {
            let claim = &self.stores.get(number as u32).claim;
            self.claim_of.push(self.claims.number_of(claim));
        }
    }

    /// The same world with all its parts changed.
    pub fn changed(&mut self, number: WorldId, change: Change) -> WorldId {
        if let Some(known) = self.changes.get(&(number, change)) {
            return *known;
        }
        let mut key = self.all.get(number).clone();
        key[1] = self.stores.changed(key[1], change);
        for node in &mut key[2..2 + self.base.nodes.len()] {
            *node = self.nodes.changed(*node, change);
        }
        self.note_claims();
        let changed = self.all.number(key).0;
        self.changes.insert((number, change), changed);
        changed
    }

    /// Every epoch in a world.
    pub fn epochs(&self, number: WorldId) -> EpochSet {
        let key = self.all.get(number);
        let nodes = key[2..].iter().take(self.base.nodes.len());
        nodes.fold(self.stores.epochs(key[1]), |all, node| all | self.nodes.epochs(*node))
    }

    /// The number of a world's claim, and the claim.
    pub fn claim(&self, number: WorldId) -> (u32, Option<&Claim>) {
        let claim = self.claim_of[self.all.get(number)[1] as usize];
        (claim, self.claims.get(claim).as_ref())
    }

    /// A node in the world of that number.
    pub fn node(&self, number: WorldId, name: &NodeName) -> &NodeTruth {
        let place = self.base.nodes.keys().position(|n| n == name).expect("actions name nodes that there are");
        self.nodes.get(self.all.get(number)[2 + place])
    }

    /// The store of the world of that number.
    pub fn store(&self, number: WorldId) -> &ClusterStore {
        self.stores.get(self.all.get(number)[1])
    }

    /// The world of that number.
    pub fn world(&self, number: WorldId) -> World {
        let key = self.all.get(number);
        let (flags, parts) = (key[0], &key[2..]);
        let names = || self.base.nodes.keys();
        World {
            quorum: self.base.quorum,
            witness_up: flags & 2 != 0,
            had_quorum: flags & 1 != 0,
            apart: names()
                .enumerate()
                .filter(|(i, _)| flags >> (i + 2) & 1 != 0)
                .map(|(_, n): (_, &NodeName)| n.clone())
                .collect(),
            nodes: names().zip(parts).map(|(n, part)| (n.clone(), self.nodes.get(*part).clone())).collect(),
            groups: (self.base.groups.keys().zip(&parts[self.base.nodes.len()..]))
                .map(|(g, part)| (g.clone(), self.groups.get(*part).clone()))
                .collect(),
            store: self.stores.get(key[1]).clone(),
            catalogue: Arc::clone(&self.base.catalogue),
        }
    }
}

/// The same world so much later, for a turn that spans much time.
pub fn later_by(mut world: World, by: Duration) -> World {
    if !by.is_zero() {
        let moment = |moment: Time| later(moment, by);
        world.store.rewrite(&moment);
        world.nodes.values_mut().for_each(|node| node.rewrite(&moment));
    }
    world
}
