//! Breadth first through everything that may happen in one setting.
//!
//! A state is a world, each controller somewhere in its turn, and the faults that are left. Worlds and controllers are
//! numbered, and what may come of each is worked out once, so that a state is a few numbers and a step a look-up.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Instant;

use hashbrown::HashMap;
use rollward::drivers::simulator::world::{Event, Fate, World};
use rollward::fleet::simulated::claimed;
use rollward::model::{Action, Answer, Claim, Holder, MarkKind, Phase};

use super::controllers::{Controllers, CtlId};
use super::fates::{fates, harms, mends, violations};
use super::fixed::{Fixed, Wrong};
use super::next::Next;
use super::numbered::Numbered;
use super::parts::Change;
use super::plain::HOLDERS;
use super::seen::{Seen, count};
use super::settings::{Fault, Setting};
use super::sights::Sight;
use super::worlds::{NOW, WorldId, Worlds};

/// In the place of a second controller, where there is none.
pub const NOBODY: CtlId = CtlId::MAX;

/// Controllers side by side.
pub type Pair = [CtlId; 2];

/// Where everything stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub world: WorldId,
    pub controllers: Pair,
    pub faults_left: u8,
}

impl State {
    /// One controller, and nothing more that befalls.
    pub fn alone(world: WorldId, id: CtlId) -> Self {
        Self { world, controllers: [id, NOBODY], faults_left: 0 }
    }
}

/// The controllers that there are, each with its place.
pub fn each(controllers: Pair) -> impl Iterator<Item = (usize, CtlId)> {
    controllers.into_iter().enumerate().filter(|(_, id)| *id != NOBODY)
}

/// What happens between two states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Label {
    /// By itself, by fate, or by a person's hand.
    Happens(Event),
    /// Much time passes.
    MuchTime,
    /// A controller wakes and looks, or looks once more.
    Looks,
    /// Its second look shows what the first one did.
    LooksStale,
    /// It claims; false if the reply is lost.
    Claims(bool),
    /// It acts, and this comes of it; and whether it was done, if the reply is lost.
    Acts(Fate, Option<bool>),
    /// It cannot write its journal.
    CannotRecord,
    /// It dies, and another begins that remembers nothing.
    Dies,
}

/// A step, and what an onlooker notes of it.
pub struct Step {
    pub to: State,
    /// Whose it is, if a controller's.
    pub who: Option<CtlId>,
    pub label: Label,
    pub wrong: Vec<String>,
    /// After it the controllers change names.
    pub changes: bool,
}

/// Something that must never be, and how it came about.
pub struct Finding {
    pub what: String,
    pub at: usize,
    /// The step that does it, if one does, and whose it is.
    pub step: Option<(Option<CtlId>, Label)>,
    /// How it ends from there, if that is what is wrong.
    pub end: String,
}

/// One step of a world by itself, by fate or by hand.
pub struct Worldly {
    pub to: WorldId,
    pub event: Event,
    pub fault: Option<Fault>,
    pub wrong: Vec<String>,
}

/// What came of an order.
pub struct Performed {
    /// The world after it.
    pub world: WorldId,
    pub answer: Answer,
    /// The controller that has heard the answer.
    pub then: CtlId,
    /// What it counts against us.
    pub wrong: Vec<String>,
}

/// Whether an action may not be done beside this work on its node: to take away a mark needs no lock, save the one that
/// announces that very work.
fn needs_lock(action: &Action, work: &Action) -> bool {
    match action {
        Action::Release { mark } => matches!(&mark.kind, MarkKind::InProgress { action } if **action == *work),
        _ => true,
    }
}

/// One setting, explored.
pub struct Search {
    pub setting: Setting,
    pub worlds: Worlds,
    pub controllers: Controllers,
    pub states: Numbered<State>,
    parents: Vec<u32>,
    worldly: HashMap<WorldId, Rc<[Worldly]>>,
    befalls: HashMap<WorldId, Rc<[Worldly]>>,
    performed: HashMap<(WorldId, CtlId, Fate), Rc<Performed>>,
    /// What becomes of a claim: the world and the controller after it.
    claimed: HashMap<(WorldId, CtlId), (WorldId, CtlId)>,
    pub seen: Seen,
    pub findings: Vec<Finding>,
    /// One thing that is wrong is enough.
    pub stops_at_first: bool,
    /// Two controllers are told apart, and what they would see, too.
    pub tells_apart: bool,
    /// After so many states it is left as it is.
    pub limit: usize,
    /// How the states end, if nothing more befalls.
    pub ended: BTreeMap<String, u64>,
    told: BTreeMap<String, u64>,
}

impl Search {
    pub fn new(setting: Setting) -> Self {
        let (desired, world) = setting.open();
        let mut fixed = Fixed::new(&desired, &world, setting.forgets);
        setting.twist(&mut fixed);
        Self {
            setting,
            worlds: Worlds::new(world),
            controllers: Controllers::new(fixed),
            states: Numbered::default(),
            parents: Vec::new(),
            worldly: HashMap::new(),
            befalls: HashMap::new(),
            claimed: HashMap::new(),
            performed: HashMap::new(),
            seen: Seen::default(),
            findings: Vec::new(),
            stops_at_first: false,
            tells_apart: false,
            limit: usize::MAX,
            ended: BTreeMap::new(),
            told: BTreeMap::new(),
        }
    }

    /// Goes everywhere.
    pub fn run(&mut self) {
        #[allow(clippy::disallowed_methods)] // For telling how long it took; nothing hangs on it.
        let begun = Instant::now();
        let (_, world) = self.setting.open();
        let world = self.worlds.number(world);
        let mut controllers = [NOBODY; 2];
        for (place, name) in HOLDERS.into_iter().enumerate().take(self.setting.controllers) {
            controllers[place] = self.controllers.fresh(&Holder::from(name));
        }
        let first = State { world, controllers, faults_left: self.setting.faults };
        self.reach(first, 0);
        let mut next = 0;
        while next < self.states.len().min(self.limit) && !self.is_enough() {
            let state = *self.states.get(next as u32);
            for step in self.steps(state) {
                self.seen.steps += 1;
                for kind in step.wrong.clone() {
                    self.find(kind, next, Some((step.who, step.label.clone())), "");
                }
                self.reach(step.to, next);
            }
            next += 1;
            if next % 1_000_000 == 0 {
                let (states, worlds) = (self.states.len(), self.worlds.len());
                println!(
                    "  {}: {next} of {states} states so far, {worlds} worlds, {:?}",
                    self.setting.name,
                    begun.elapsed()
                );
            }
        }
    }

    pub fn sizes(&self) -> String {
        format!(
            "states {} {} controllers {} saw {} performed {} decided {}",
            self.states.len(),
            self.worlds.sizes(),
            self.controllers.len(),
            self.controllers.saw.len(),
            self.performed.len(),
            self.controllers.decided,
        )
    }

    pub fn is_enough(&self) -> bool {
        self.stops_at_first && !self.findings.is_empty()
    }

    pub fn find(&mut self, what: String, at: usize, step: Option<(Option<CtlId>, Label)>, end: &str) {
        *self.told.entry(what.clone()).or_default() += 1;
        if self.told[&what] == 1 {
            self.findings.push(Finding { what, at, step, end: end.to_owned() });
        }
    }

    fn reach(&mut self, state: State, from: usize) {
        let (_, new) = self.states.number(state);
        if new {
            self.parents.push(from as u32);
        }
    }

    /// The states from the first one to this.
    pub fn way_to(&self, mut at: usize) -> Vec<State> {
        let mut way = vec![*self.states.get(at as u32)];
        while at != 0 {
            at = self.parents[at] as usize;
            way.push(*self.states.get(at as u32));
        }
        way.reverse();
        way
    }

    /// Everything that may happen next.
    pub fn steps(&mut self, state: State) -> Vec<Step> {
        let mut steps = Vec::new();
        let befalls = if state.faults_left > 0 { self.befalls(state.world) } else { [].into() };
        for worldly in self.worldly(state.world).iter().chain(befalls.iter()) {
            let faults_left = state.faults_left - u8::from(worldly.fault.is_some());
            count(&mut self.seen.faults, worldly.fault);
            let to = State { world: worldly.to, faults_left, ..state };
            let label = Label::Happens(worldly.event.clone());
            steps.push(Step { to, who: None, label, wrong: worldly.wrong.clone(), changes: false });
        }
        let mut to = State { world: self.after_much_time(state.world), ..state };
        for (place, id) in each(state.controllers) {
            to.controllers[place] = self.ages(id, state.world);
        }
        steps.push(Step { to, who: None, label: Label::MuchTime, wrong: Vec::new(), changes: false });
        for (place, id) in each(state.controllers) {
            self.controllers_steps(state, place, id, &mut steps);
        }
        steps.retain_mut(|step| {
            (step.to, step.changes) = self.plainly(step.to);
            step.to != state || !step.wrong.is_empty()
        });
        steps
    }

    fn controllers_steps(&mut self, state: State, place: usize, id: CtlId, steps: &mut Vec<Step>) {
        let with = |then: CtlId, world: WorldId, fault: bool, label: Label| {
            let mut to = State { world, faults_left: state.faults_left - u8::from(fault), ..state };
            to.controllers[place] = then;
            Step { to, who: Some(id), label, wrong: Vec::new(), changes: false }
        };
        let may_fail = state.faults_left > 0;
        let this = self.controllers.share(id);
        let mut seen = BTreeSet::new();
        match &this.next {
            Next::Nothing => {}
            Next::Wake | Next::Look { .. } => {
                let then = self.looks(id, state.world);
                steps.push(with(then, state.world, false, Label::Looks));
                let stale = match this.sight.filter(|_| may_fail) {
                    Some(Sight::World(last)) if last != state.world => {
                        Some(self.controllers.sees(id, last, state.world, &self.worlds))
                    }
                    Some(Sight::Leads { now, .. }) if now != then => Some(now),
                    _ => None,
                };
                if let Some(stale) = stale {
                    seen.insert(Fault::StaleLook);
                    steps.push(with(stale, state.world, true, Label::LooksStale));
                }
            }
            Next::Claim { expected, wanted, .. } => {
                let (world, then) = self.claim(state.world, id, expected, wanted);
                steps.push(with(then, world, false, Label::Claims(true)));
                if may_fail {
                    let then = self.controllers.hears_nothing(id, &self.worlds);
                    seen.insert(Fault::LostReply);
                    steps.push(with(then, world, true, Label::Claims(false)));
                }
            }
            Next::Act(order) => {
                count(&mut self.seen.actions, [order.action.kind()]);
                let hesitates = self.setting.hesitates.then_some((Fate::Hesitates, None));
                for (fate, fault) in fates(&order.action).into_iter().chain(hesitates) {
                    if fault.is_some() && !may_fail {
                        continue;
                    }
                    let performed = self.perform(state.world, id, fate);
                    if let Answer::Refused { check, .. } = &performed.answer {
                        count(&mut self.seen.refused, [check.clone()]);
                        if fault.is_some() {
                            continue;
                        }
                    }
                    seen.extend(fault);
                    let Performed { world, then, wrong, .. } = &*performed;
                    let step = with(*then, *world, fault.is_some(), Label::Acts(fate, None));
                    steps.push(Step { wrong: wrong.clone(), ..step });
                }
                if may_fail {
                    seen.insert(Fault::LostReply);
                    let performed = self.perform(state.world, id, Fate::Well);
                    let then = self.controllers.hears_nothing(id, &self.worlds);
                    if performed.answer == Answer::Accepted {
                        let step = with(then, performed.world, true, Label::Acts(Fate::Well, Some(true)));
                        steps.push(Step { wrong: performed.wrong.clone(), ..step });
                    }
                    steps.push(with(then, state.world, true, Label::Acts(Fate::Well, Some(false))));
                }
                if may_fail && let Some(then) = self.controllers.cannot_record(id, &self.worlds) {
                    seen.insert(Fault::JournalFails);
                    steps.push(with(then, state.world, true, Label::CannotRecord));
                }
            }
        }
        // Whoever forgets everything after each turn may as well die within one: that costs nothing.
        let forgets = self.setting.forgets;
        if this.next != Next::Nothing && (forgets || may_fail) {
            let then = self.controllers.killed(id);
            if then != id {
                if !forgets {
                    seen.insert(Fault::Kill);
                }
                steps.push(with(then, state.world, !forgets, Label::Dies));
            }
        }
        count(&mut self.seen.faults, seen);
    }

    /// A controller looks at this world.
    pub fn looks(&mut self, id: CtlId, world: WorldId) -> CtlId {
        let this = self.controllers.get(id);
        let mut seen = world;
        if let (true, Next::Look { then: Some(_) }, Some(last)) =
            (self.controllers.fixed.wrong.looks_once, &this.next, this.last_seen())
        {
            let mut old = self.worlds.world(last);
            old.store.claim = self.worlds.store(world).claim.clone();
            seen = self.worlds.number(old);
        }
        self.controllers.sees(id, seen, world, &self.worlds)
    }

    /// What comes of a claim: the world after it, and the controller that has heard the answer.
    pub fn claim(
        &mut self,
        world: WorldId,
        id: CtlId,
        expected: &Option<Claim>,
        wanted: &Option<Claim>,
    ) -> (WorldId, CtlId) {
        if let Some(known) = self.claimed.get(&(world, id)) {
            return *known;
        }
        let mut after = self.worlds.world(world);
        let event = Event::Claim { expected: expected.clone(), wanted: wanted.clone() };
        let answer = after.step(event, NOW).claim.expect("a claim is answered");
        let after = self.worlds.number(after);
        let known = (after, self.controllers.claims(id, claimed(answer), &self.worlds));
        self.claimed.insert((world, id), known);
        known
    }

    /// What comes of an order that a controller is about to give.
    pub fn perform(&mut self, world: WorldId, id: CtlId, fate: Fate) -> Rc<Performed> {
        if let Some(known) = self.performed.get(&(world, id, fate)) {
            return Rc::clone(known);
        }
        let (after, answer, wrong) = self.carry_out(world, id, fate);
        let then = self.controllers.performs(id, answer.clone(), &self.worlds);
        let known = Rc::new(Performed { world: after, answer, then, wrong });
        self.performed.insert((world, id, fate), Rc::clone(&known));
        known
    }

    fn carry_out(&mut self, world: WorldId, id: CtlId, fate: Fate) -> (WorldId, Answer, Vec<String>) {
        let Next::Act(order) = &self.controllers.get(id).next else { panic!("it wants something else") };
        let mut order = order.clone();
        order.fate = fate;
        let Wrong { skips, refuses, before, after: afterwards, .. } = self.controllers.fixed.wrong;
        if refuses(&self.worlds.world(world), &order) {
            let answer = Answer::Refused { check: "besides".into(), saw: "what it should not".into() };
            return (world, answer, Vec::new());
        }
        order.checks.retain(|check| !skips(check));
        let mut after = self.worlds.world(world);
        before(&mut after, &order);
        let disturbed = after != self.worlds.world(world);
        let out = after.step(Event::Perform(Box::new(order.clone())), NOW);
        let mut wrong = violations(&self.worlds.world(world), &out, self.setting.twist);
        let answer = out.answer.expect("an order is answered");
        let node = order.action.node().filter(|_| answer == Answer::Accepted);
        let works = node.filter(|n| {
            let work = self.worlds.node(world, n).running();
            work.is_some_and(|work| needs_lock(&order.action, &work.action))
        });
        wrong.extend(works.map(|node| format!("{} began while {node} was at work", order.action.kind())));
        if disturbed && answer != Answer::Accepted {
            // What was forgotten for the sake of what was refused is remembered.
            after = self.worlds.world(world);
        }
        afterwards(&mut after, &order, &answer);
        let begins = order.action.phase() == Phase::Begin && answer == Answer::Accepted;
        if begins && self.controllers.saw_members_change(id, &self.worlds) {
            wrong.push(format!("{} began under a claim from before the membership changed", order.action.kind()));
        }
        if matches!(answer, Answer::Refused { .. }) && *after.store != *self.worlds.store(world) {
            wrong.push(format!("{} was refused and left something behind", order.action.kind()));
        }
        (self.worlds.number(after), answer, wrong)
    }

    /// Much time passes for a controller in this world.
    pub fn ages(&mut self, id: CtlId, world: WorldId) -> CtlId {
        let claim = self.worlds.store(world).claim.as_ref();
        self.controllers.ages(id, claim)
    }

    pub fn after_much_time(&mut self, world: WorldId) -> WorldId {
        self.worlds.changed(world, Change::Older)
    }

    /// Everything that happens to a world by itself, or puts it right.
    pub fn worldly(&mut self, id: WorldId) -> Rc<[Worldly]> {
        if let Some(known) = self.worldly.get(&id) {
            return known.clone();
        }
        let world = self.worlds.world(id);
        let free = world.enabled().into_iter().map(Event::Tick).chain(mends(&world).into_iter().map(Event::Hand));
        let list = self.all_of(&world, free.map(|e| (e, None)).collect());
        self.worldly.insert(id, list.clone());
        list
    }

    /// Everything that may befall a world.
    fn befalls(&mut self, id: WorldId) -> Rc<[Worldly]> {
        if let Some(known) = self.befalls.get(&id) {
            return known.clone();
        }
        let world = self.worlds.world(id);
        let list = self.all_of(&world, harms(&world));
        self.befalls.insert(id, list.clone());
        list
    }

    fn all_of(&mut self, world: &World, events: Vec<(Event, Option<Fault>)>) -> Rc<[Worldly]> {
        let mut list = Vec::new();
        for (event, fault) in events {
            let mut after = world.clone();
            let out = after.step(event.clone(), NOW);
            if matches!(out.said, Some(Err(_))) {
                continue;
            }
            let to = self.worlds.number(after);
            list.push(Worldly { to, event, fault, wrong: violations(world, &out, self.setting.twist) });
        }
        list.into()
    }
}
