//! States that differ in what nothing hangs on are one: epochs are renamed, what a controller knows of a claim that is
//! not there any more is forgotten, and of two controllers side by side neither is the first.
//!
//! The names of controllers are only ever compared with each other: where both change names, in the world and in both
//! their minds, everything goes on as before with names changed. Nodes are another matter: the planner breaks ties by
//! their names.

use rollward::model::{Action, Claim, Holder};

use super::controllers::{Controllers, CtlId, Heard};
use super::epochs::{self, EpochSet, Epochs};
use super::next::Next;
use super::parts::Change;
use super::search::{NOBODY, Search, State, each};
use super::sights::Sight;
use super::worlds::Worlds;

/// The names of the controllers.
pub const HOLDERS: [&str; 2] = ["a", "b"];

impl Search {
    /// The same state with its epochs renamed, and without what may not matter any more; and whether the controllers
    /// have changed places.
    pub fn plainly(&mut self, state: State) -> (State, bool) {
        let may_fail = state.faults_left > 0;
        let mut controllers = state.controllers;
        let two = controllers[1] != NOBODY;
        for (place, id) in each(state.controllers) {
            controllers[place] = match may_fail {
                true if two && !self.tells_apart => self.controllers.with_leads(id, &self.worlds),
                true => id,
                false => self.controllers.without_sight(id),
            };
        }
        let all_sleep = each(controllers).all(|(_, id)| self.controllers.sleeps(id));
        if !two && !all_sleep {
            // It will sleep before long.
            return (State { controllers, ..state }, false);
        }
        let minds = each(controllers).fold(0, |all, (_, id)| all | self.controllers.epochs(id, &self.worlds));
        let (number, claim) = self.worlds.claim(state.world);
        let claim = claim.cloned();
        let lowest = all_sleep.then(|| claim.as_ref().map_or(0, |c| c.epoch));
        let epochs = Epochs::of(minds | self.worlds.epochs(state.world), lowest);
        for (place, id) in each(controllers) {
            controllers[place] = self.controllers.renamed(id, &epochs, number, claim.as_ref(), &mut self.worlds);
        }
        let world = match epochs.are_plain() {
            true => state.world,
            false => self.worlds.changed(state.world, Change::Renamed(epochs)),
        };
        let plain = State { world, controllers, ..state };
        if !two || self.tells_apart {
            return (plain, false);
        }
        let twin = self.twin(plain);
        let key = |s: &State| (s.world, s.controllers);
        if key(&twin) < key(&plain) { (twin, true) } else { (plain, false) }
    }

    /// The same state with the names of both controllers changed.
    fn twin(&mut self, state: State) -> State {
        let [first, second] = state.controllers;
        let world = self.worlds.changed(state.world, Change::Twin);
        let controllers = [second, first].map(|id| self.controllers.twin(id, &mut self.worlds));
        State { world, controllers, ..state }
    }
}

impl Controllers {
    /// Every epoch that matters to it.
    fn epochs(&mut self, id: CtlId, worlds: &Worlds) -> EpochSet {
        let known = self.epochs[id as usize];
        if known != EpochSet::MAX {
            return known;
        }
        let this = self.get(id);
        let mut met = match &this.next {
            Next::Claim { expected, wanted, .. } => {
                [expected, wanted].into_iter().flatten().fold(0, |all, c| all | epochs::one(c.epoch))
            }
            Next::Act(order) => order.claim.iter().fold(0, |all, c| all | epochs::one(c.epoch)),
            _ => 0,
        };
        if let Some(Action::Release { mark }) = this.next.action() {
            met |= epochs::one(mark.epoch);
        }
        met |= match this.sight {
            None => 0,
            Some(Sight::World(sight)) => worlds.epochs(sight),
            Some(Sight::Leads { now, late }) => self.epochs(now, worlds) | self.epochs(late, worlds),
        };
        self.epochs[id as usize] = met;
        met
    }

    /// The same one, with epochs renamed; what it knows of a claim that is not there any more is forgotten.
    fn renamed(
        &mut self,
        id: CtlId,
        epochs: &Epochs,
        number: u32,
        there: Option<&Claim>,
        worlds: &mut Worlds,
    ) -> CtlId {
        let key = (id, number, *epochs);
        if let Some(known) = self.plain.get(&key) {
            return *known;
        }
        let mut this = self.get(id).clone();
        match &mut this.next {
            Next::Claim { expected, wanted, .. } => {
                [expected, wanted].into_iter().flatten().for_each(|c| epochs.name(&mut c.epoch));
            }
            Next::Act(order) => order.claim.iter_mut().for_each(|c| epochs.name(&mut c.epoch)),
            _ => {}
        }
        if let Some(action) = this.next.action_mut() {
            epochs.name_in(action);
        }
        this.sight = this.sight.map(|sight| match sight {
            Sight::World(sight) => Sight::World(worlds.changed(sight, Change::Renamed(*epochs))),
            Sight::Leads { now, late } => {
                let [now, late] = [now, late].map(|then| self.renamed(then, epochs, number, there, worlds));
                Sight::Leads { now, late }
            }
        });
        this.memory.rewrite(
            |at| at,
            |claim| {
                if there == Some(claim) { epochs.name(&mut claim.epoch) } else { claim.epoch = u64::MAX }
            },
        );
        let void = &mut this.history.takeover_of_epoch;
        *void = void.filter(|epoch| there.is_some_and(|c| c.epoch == *epoch && c.holder != this.holder));
        void.iter_mut().for_each(|epoch| epochs.name(epoch));
        if matches!(this.next, Next::Wake | Next::Nothing) {
            this.remembered = (this.history.clone(), this.memory.clone());
        }
        let plain = self.number(this);
        self.plain.insert(key, plain);
        plain
    }

    /// The same one under the other name, and with the other one under its own.
    fn twin(&mut self, id: CtlId, worlds: &mut Worlds) -> CtlId {
        if let Some(known) = self.twins.get(&id) {
            return *known;
        }
        let mut this = self.get(id).clone();
        change(&mut this.holder);
        for history in [&mut this.remembered.0, &mut this.history] {
            change(&mut history.holder);
        }
        for memory in [&mut this.remembered.1, &mut this.memory] {
            memory.rewrite(|at| at, |claim| change(&mut claim.holder));
        }
        match &mut this.next {
            Next::Claim { expected, wanted, .. } => {
                [expected, wanted].into_iter().flatten().for_each(|c| change(&mut c.holder));
            }
            Next::Act(order) => order.claim.iter_mut().for_each(|c| change(&mut c.holder)),
            _ => {}
        }
        if let Some(action) = this.next.action_mut() {
            change_in(action);
        }
        this.sight = this.sight.map(|sight| match sight {
            Sight::World(sight) => Sight::World(worlds.changed(sight, Change::Twin)),
            Sight::Leads { now, late } => Sight::Leads { now: self.twin(now, worlds), late: self.twin(late, worlds) },
        });
        for heard in &mut this.heard {
            match heard {
                Heard::Saw { seen, truth } => {
                    [*seen, *truth] = [*seen, *truth].map(|world| worlds.changed(world, Change::Twin))
                }
                Heard::Claimed(Ok(claim)) => claim.iter_mut().for_each(|c| change(&mut c.holder)),
                Heard::Claimed(Err(_)) | Heard::MuchTime => {}
            }
        }
        let twin = self.number(this);
        self.twins.extend([(id, twin), (twin, id)]);
        twin
    }
}

/// The name of the other one; people keep theirs.
pub fn change(holder: &mut Holder) {
    if let Some(place) = HOLDERS.iter().position(|name| *name == holder.as_str()) {
        *holder = Holder::from(HOLDERS[1 - place]);
    }
}

pub fn change_in(action: &mut Action) {
    if let Action::Release { mark } = action {
        change(&mut mark.holder);
    }
}
