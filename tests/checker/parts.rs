//! The parts of worlds, each kept once; and what of them does not matter.

use std::hash::Hash;

use hashbrown::HashMap;
use rollward::drivers::simulator::world::{ClusterStore, GroupTruth, NodeTruth, Shared};
use rollward::model::time::earlier;
use rollward::model::{Action, Mark, MarkKind, Time};

use super::epochs::{self, EpochSet, Epochs};
use super::numbered::Numbered;
use super::plain::{change, change_in};
use super::worlds::{LONG, NOW, settled};

/// A part of a world.
pub trait Part: Clone + Eq + Hash {
    /// Rewrites its moments.
    fn rewrite(&mut self, moment: &dyn Fn(Time) -> Time);
    /// Moments that only tell people something are now, and what is said of work that has ended is forgotten.
    fn tidy(&mut self);
    /// Every epoch in it.
    fn epochs(&self) -> EpochSet;
    fn rename(&mut self, epochs: &Epochs);
    /// The names of both controllers are changed.
    fn change_names(&mut self);
}

/// What a part may be changed to as a whole.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// After much time.
    Older,
    /// With its epochs renamed.
    Renamed(Epochs),
    /// With the names of both controllers changed.
    Twin,
}

/// All that were met of one kind.
pub struct Parts<T> {
    all: Numbered<Shared<T>>,
    /// By where they are kept: most of a world is what it was before a step.
    places: HashMap<usize, u32>,
    epochs: Vec<EpochSet>,
    changed: HashMap<(u32, Change), u32>,
}

impl<T: Part> Parts<T> {
    pub fn new() -> Self {
        Self { all: Numbered::default(), places: HashMap::new(), epochs: Vec::new(), changed: HashMap::new() }
    }

    pub fn number(&mut self, part: &mut Shared<T>) -> u32 {
        if let Some(number) = self.places.get(&part.place()) {
            return *number;
        }
        part.tidy();
        let (number, new) = self.all.number(part.clone());
        if new {
            self.places.insert(part.place(), number);
            self.epochs.push(part.epochs());
        }
        number
    }

    pub fn changed(&mut self, number: u32, change: Change) -> u32 {
        if let Some(known) = self.changed.get(&(number, change)) {
            return *known;
        }
        let mut part = self.get(number).clone();
        match change {
            Change::Older => part.rewrite(&|moment| {
                if moment <= NOW { earlier(NOW, LONG) } else { settled(earlier(moment, LONG)) }
            }),
            Change::Renamed(epochs) => part.rename(&epochs),
            Change::Twin => part.change_names(),
        }
        let changed = self.number(&mut part);
        self.changed.insert((number, change), changed);
        changed
    }

    pub fn get(&self, number: u32) -> &Shared<T> {
        self.all.get(number)
    }

    pub fn epochs(&self, number: u32) -> EpochSet {
        self.epochs[number as usize]
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }
}

impl Part for NodeTruth {
    fn rewrite(&mut self, moment: &dyn Fn(Time) -> Time) {
        for tries in &mut self.tries {
            tries.at = moment(tries.at);
        }
        for failed in &mut self.failed_handoffs {
            failed.at = moment(failed.at);
        }
        if let Some(verified) = &mut self.verified {
            verified.at = moment(verified.at);
        }
        if let Some(work) = &mut self.work {
            rewrite_action(&mut work.action, moment);
        }
        self.tidy();
    }

    fn tidy(&mut self) {
        self.spared &= self.running().is_some();
        if let Some(work) = &mut self.work {
            work.since = NOW;
            if let Some(ended) = &mut work.ended {
                ended.at = NOW;
            }
        }
    }

    fn epochs(&self) -> EpochSet {
        epochs::one(self.epoch_seen) | self.work.as_ref().map_or(0, |w| epochs::one(w.epoch))
    }

    fn rename(&mut self, epochs: &Epochs) {
        epochs.name(&mut self.epoch_seen);
        if let Some(work) = &mut self.work {
            epochs.name(&mut work.epoch);
            epochs.name_in(&mut work.action);
        }
    }

    fn change_names(&mut self) {
        if let Some(work) = &mut self.work {
            change(&mut work.holder);
            change_in(&mut work.action);
        }
    }
}

impl Part for ClusterStore {
    fn rewrite(&mut self, moment: &dyn Fn(Time) -> Time) {
        for mark in &mut self.marks {
            rewrite_mark(mark, moment);
        }
        self.tidy();
    }

    fn tidy(&mut self) {
        for mark in self.marks.iter_mut().filter(|mark| !age_matters(&mark.kind)) {
            mark.at = NOW;
        }
        if let Some(claim) = &mut self.claim {
            claim.heartbeat = 0;
        }
    }

    fn epochs(&self) -> EpochSet {
        let claim = self.claim.as_ref().map(|c| c.epoch);
        claim.into_iter().chain(self.marks.iter().map(|m| m.epoch)).fold(0, |all, epoch| all | epochs::one(epoch))
    }

    fn rename(&mut self, epochs: &Epochs) {
        if let Some(claim) = &mut self.claim {
            epochs.name(&mut claim.epoch);
        }
        for mark in &mut self.marks {
            epochs.name(&mut mark.epoch);
        }
    }

    fn change_names(&mut self) {
        if let Some(claim) = &mut self.claim {
            change(&mut claim.holder);
        }
        for mark in &mut self.marks {
            change(&mut mark.holder);
            if let MarkKind::InProgress { action } = &mut mark.kind {
                change_in(action);
            }
        }
    }
}

impl Part for GroupTruth {
    fn rewrite(&mut self, _: &dyn Fn(Time) -> Time) {}

    fn tidy(&mut self) {}

    fn epochs(&self) -> EpochSet {
        0
    }

    fn rename(&mut self, _: &Epochs) {}

    fn change_names(&mut self) {}
}

/// Only a pause is ever asked for its age: how long a node has waited for what passes in a moment.
fn age_matters(kind: &MarkKind) -> bool {
    matches!(kind, MarkKind::Pause { .. })
}

/// A mark with its moments rewritten; those that do not matter stand still.
fn rewrite_mark(mark: &mut Mark, moment: &dyn Fn(Time) -> Time) {
    mark.at = if age_matters(&mark.kind) { moment(mark.at) } else { NOW };
    match &mut mark.kind {
        MarkKind::StoppedRole { deadline, .. } => *deadline = moment(*deadline),
        MarkKind::InProgress { action } => rewrite_action(action, moment),
        _ => {}
    }
}

/// An action with the moments of the mark it names rewritten.
pub fn rewrite_action(action: &mut Action, moment: &dyn Fn(Time) -> Time) {
    if let Action::Release { mark } = action {
        rewrite_mark(mark, moment);
    }
}
