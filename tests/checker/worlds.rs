//! All the worlds of one setting, each once: told apart part by part, exactly, and with as little time in them as a
//! decision can see.
//!
//! There is no clock. A moment is *now*, *long ago* or *still to come*; what happens is stamped now, and when much time
//! passes every moment becomes long ago at once. Moments that only people are told of are always now.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use rollward::drivers::simulator::world::{ClusterStore, GroupTruth, NodeTruth, World};
use rollward::model::time::{earlier, later};
use rollward::model::{Action, Mark, MarkKind, NodeName, Time};

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

/// Parts of worlds, each kept once.
struct Parts<T> {
    numbers: HashMap<Arc<T>, u32>,
    list: Vec<Arc<T>>,
}

impl<T: Hash + Eq + Clone> Parts<T> {
    fn new() -> Self {
        Self { numbers: HashMap::new(), list: Vec::new() }
    }

    fn number(&mut self, part: &T) -> u32 {
        if let Some(number) = self.numbers.get(part) {
            return *number;
        }
        let number = u32::try_from(self.list.len()).expect("fewer parts than that");
        let part = Arc::new(part.clone());
        self.list.push(Arc::clone(&part));
        self.numbers.insert(part, number);
        number
    }

    fn get(&self, number: u32) -> &T {
        &self.list[number as usize]
    }
}

/// All worlds that were met.
pub struct Worlds {
    /// What never changes: names, the quorum model, the catalogue.
    base: World,
    nodes: Parts<NodeTruth>,
    groups: Parts<GroupTruth>,
    stores: Parts<ClusterStore>,
    numbers: HashMap<Arc<[u32]>, WorldId>,
    list: Vec<Arc<[u32]>>,
}

impl Worlds {
    pub fn new(base: World) -> Self {
        Self {
            base,
            nodes: Parts::new(),
            groups: Parts::new(),
            stores: Parts::new(),
            numbers: HashMap::new(),
            list: Vec::new(),
        }
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// The number of a world.
    pub fn number(&mut self, mut world: World) -> WorldId {
        without_needless_moments(&mut world);
        let apart =
            world.nodes.keys().map(|n| world.apart.contains(n)).rev().fold(0, |bits, b| bits << 1 | u32::from(b));
        let mut key = Vec::with_capacity(2 + world.nodes.len() + world.groups.len());
        key.push(apart << 2 | u32::from(world.witness_up) << 1 | u32::from(world.had_quorum));
        key.push(self.stores.number(&world.store));
        key.extend(world.nodes.values().map(|n| self.nodes.number(n)));
        key.extend(world.groups.values().map(|g| self.groups.number(g)));
        if let Some(number) = self.numbers.get(key.as_slice()) {
            return *number;
        }
        let number = u32::try_from(self.list.len()).expect("fewer worlds than that");
        let key: Arc<[u32]> = key.into();
        self.list.push(Arc::clone(&key));
        self.numbers.insert(key, number);
        number
    }

    /// A node in the world of that number.
    pub fn node(&self, number: WorldId, name: &NodeName) -> &NodeTruth {
        let place = self.base.nodes.keys().position(|n| n == name).expect("actions name nodes that there are");
        self.nodes.get(self.list[number as usize][2 + place])
    }

    /// The store of the world of that number.
    pub fn store(&self, number: WorldId) -> &ClusterStore {
        self.stores.get(self.list[number as usize][1])
    }

    /// The world of that number.
    pub fn world(&self, number: WorldId) -> World {
        let key = &self.list[number as usize];
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

/// Only a pause is ever asked for its age: how long a node has waited for what passes in a moment.
fn age_matters(kind: &MarkKind) -> bool {
    matches!(kind, MarkKind::Pause { .. })
}

/// A mark with its moments rewritten; those that do not matter stand still.
pub fn rewrite_mark(mark: &mut Mark, moment: &impl Fn(Time) -> Time) {
    mark.at = if age_matters(&mark.kind) { moment(mark.at) } else { NOW };
    match &mut mark.kind {
        MarkKind::StoppedRole { deadline, .. } => *deadline = moment(*deadline),
        MarkKind::InProgress { action } => rewrite_action(action, moment),
        _ => {}
    }
}

/// An action with the moments of the mark it names rewritten.
pub fn rewrite_action(action: &mut Action, moment: &impl Fn(Time) -> Time) {
    if let Action::Release { mark } = action {
        rewrite_mark(mark, moment);
    }
}

/// Every moment of a world rewritten; those that do not matter are now.
pub fn rewrite(world: &mut World, moment: impl Fn(Time) -> Time) {
    for mark in &mut world.store.marks {
        rewrite_mark(mark, &moment);
    }
    for node in world.nodes.values_mut() {
        for tries in &mut node.tries {
            tries.at = moment(tries.at);
        }
        for failed in &mut node.failed_handoffs {
            failed.at = moment(failed.at);
        }
        if let Some(verified) = &mut node.verified {
            verified.at = moment(verified.at);
        }
        if let Some(work) = &mut node.work {
            rewrite_action(&mut work.action, &moment);
        }
    }
    without_needless_moments(world);
}

/// Moments that only tell people something are now, and what is said of work that has ended is forgotten.
fn without_needless_moments(world: &mut World) {
    for node in world.nodes.values_mut() {
        node.spared &= node.running().is_some();
    }
    for mark in &mut world.store.marks {
        if !age_matters(&mark.kind) {
            mark.at = NOW;
        }
    }
    for work in world.nodes.values_mut().filter_map(|n| n.work.as_mut()) {
        work.since = NOW;
        if let Some(ended) = &mut work.ended {
            ended.at = NOW;
        }
    }
    if let Some(claim) = &mut world.store.claim {
        claim.heartbeat = 0;
    }
}

/// The world after much time.
pub fn aged(mut world: World) -> World {
    rewrite(&mut world, |moment| if moment <= NOW { earlier(NOW, LONG) } else { settled(earlier(moment, LONG)) });
    world
}

/// The same world so much later, for a turn that spans much time.
pub fn later_by(mut world: World, by: Duration) -> World {
    if !by.is_zero() {
        rewrite(&mut world, |moment| later(moment, by));
    }
    world
}

/// Epochs, and what each may be called instead.
///
/// They are only ever compared with each other, and a claim takes the one after the highest that it sees. So their
/// order is kept, and of the room between two only whether there is any: claims that fit in between are one or more.
/// While nobody is in the middle of a turn, all below the claim are alike, and alike to never.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Epochs(BTreeMap<u64, u64>);

impl Epochs {
    /// Of a world, and of turns that are under way in it.
    pub fn of(world: &World, mut met: BTreeSet<u64>, all_sleep: bool) -> Self {
        world_epochs(world, &mut met);
        met.remove(&0);
        let lowest = world.store.claim.as_ref().map_or(0, |c| c.epoch);
        let mut names = BTreeMap::new();
        let (mut before, mut name) = (0, 0);
        for epoch in met {
            if all_sleep && epoch < lowest {
                names.insert(epoch, 0);
                continue;
            }
            name += if before == 0 { 1 } else { (epoch - before).min(2) };
            before = epoch;
            names.insert(epoch, name);
        }
        Self(names)
    }

    /// The highest name.
    pub fn highest(&self) -> u64 {
        self.0.values().max().copied().unwrap_or(0)
    }

    /// What it may be called.
    pub fn name(&self, epoch: &mut u64) {
        *epoch = self.0.get(epoch).copied().unwrap_or(0);
    }

    pub fn name_in(&self, action: &mut Action) {
        if let Action::Release { mark } = action {
            self.name(&mut mark.epoch);
        }
    }

    pub fn rename(&self, world: &mut World) {
        if let Some(claim) = &mut world.store.claim {
            self.name(&mut claim.epoch);
        }
        for mark in &mut world.store.marks {
            self.name(&mut mark.epoch);
        }
        for node in world.nodes.values_mut() {
            self.name(&mut node.epoch_seen);
            if let Some(work) = &mut node.work {
                self.name(&mut work.epoch);
                self.name_in(&mut work.action);
            }
        }
    }
}

/// Every epoch in a world.
pub fn world_epochs(world: &World, met: &mut BTreeSet<u64>) {
    met.extend(world.store.claim.as_ref().map(|c| c.epoch));
    met.extend(world.store.marks.iter().map(|m| m.epoch));
    for node in world.nodes.values() {
        met.insert(node.epoch_seen);
        met.extend(node.work.as_ref().map(|w| w.epoch));
    }
}
