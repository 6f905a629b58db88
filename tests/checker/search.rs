//! Breadth first through everything that may happen in one setting.
//!
//! A state is a world, each controller somewhere in its turn, and the faults that are left. Worlds and controllers are
//! numbered, and what may come of each is worked out once, so that a state is a few numbers and a step a look-up.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::time::Instant;

use rollward::drivers::simulator::Hand;
use rollward::drivers::simulator::world::{ClusterService, Event, Fate, Happening, Machine, Outcome, Stage, World};
use rollward::fleet::simulated::claimed;
use rollward::model::{Action, ActionKind, Answer, GroupName, Holder, NodeName};

use super::controllers::{Controllers, CtlId, Fixed, Next};
use super::ends::Ends;
use super::settings::{Fault, Setting, Twist};
use super::worlds::{Epochs, NOW, WorldId, Worlds, aged};

/// More claims than anybody makes beside a turn that is under way.
const MOST_EPOCHS: u64 = 24;

/// Where everything stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub world: WorldId,
    pub controller: CtlId,
    pub faults_left: u8,
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
    pub label: Label,
    pub wrong: Vec<String>,
}

/// Something that must never be, and how it came about.
pub struct Finding {
    pub what: String,
    pub at: usize,
    pub label: Option<Label>,
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

/// What was seen to occur.
#[derive(Default)]
pub struct Seen {
    pub faults: Counts<Fault>,
    pub actions: Counts<ActionKind>,
    /// By the check that refused an order on its node.
    pub refused: Counts<String>,
    pub steps: u64,
}

/// How often each was seen.
pub type Counts<T> = BTreeMap<T, u64>;

/// Counts one more of each.
pub fn count<T: Ord>(counts: &mut Counts<T>, seen: impl IntoIterator<Item = T>) {
    for one in seen {
        *counts.entry(one).or_default() += 1;
    }
}

/// What came of an order: the world after it, the answer, and what it counts against us.
type Performed = (WorldId, Answer, Vec<String>);

/// One setting, explored.
pub struct Search {
    pub setting: Setting,
    pub worlds: Worlds,
    pub controllers: Controllers,
    pub states: Vec<State>,
    parents: Vec<u32>,
    numbers: HashMap<State, u32>,
    worldly: HashMap<WorldId, Rc<[Worldly]>>,
    befalls: HashMap<WorldId, Rc<[Worldly]>>,
    older: HashMap<WorldId, WorldId>,
    plain: HashMap<WorldId, WorldId>,
    performed: HashMap<(WorldId, CtlId, Fate), Performed>,
    pub seen: Seen,
    pub findings: Vec<Finding>,
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
            states: Vec::new(),
            parents: Vec::new(),
            numbers: HashMap::new(),
            worldly: HashMap::new(),
            befalls: HashMap::new(),
            older: HashMap::new(),
            plain: HashMap::new(),
            performed: HashMap::new(),
            seen: Seen::default(),
            findings: Vec::new(),
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
        let a = self.controllers.fresh(&Holder::from("a"));
        let first = State { world, controller: a, faults_left: self.setting.faults };
        self.reach(first, 0);
        let mut next = 0;
        while next < self.states.len() {
            let state = self.states[next];
            for step in self.steps(state) {
                self.seen.steps += 1;
                for kind in step.wrong.clone() {
                    self.find(kind, next, Some(step.label.clone()), "");
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

    /// From every state, follows each controller to its end, alone.
    pub fn follow(&mut self) {
        let mut ends = Ends::default();
        let mut seen = BTreeSet::new();
        for at in 0..self.states.len() {
            let state = self.states[at];
            let here = (state.world, state.controller);
            if seen.insert(here) {
                let end = ends.of(self, here).clone();
                let what = if end.converged { "converged".to_owned() } else { format!("{:?}", end.held_by) };
                *self.ended.entry(what).or_default() += 1;
                for wrong in end.wrong {
                    self.find(wrong, at, None, &end.told);
                }
            }
        }
    }

    fn find(&mut self, what: String, at: usize, label: Option<Label>, end: &str) {
        *self.told.entry(what.clone()).or_default() += 1;
        if self.told[&what] == 1 {
            self.findings.push(Finding { what, at, label, end: end.to_owned() });
        }
    }

    fn reach(&mut self, state: State, from: usize) {
        let number = self.states.len() as u32;
        if let std::collections::hash_map::Entry::Vacant(free) = self.numbers.entry(state) {
            free.insert(number);
            self.states.push(state);
            self.parents.push(from as u32);
        }
    }

    /// The states from the first one to this.
    pub fn way_to(&self, mut at: usize) -> Vec<State> {
        let mut way = vec![self.states[at]];
        while at != 0 {
            at = self.parents[at] as usize;
            way.push(self.states[at]);
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
            steps.push(Step { to, label: Label::Happens(worldly.event.clone()), wrong: worldly.wrong.clone() });
        }
        let world = self.after_much_time(state.world);
        let to = State { world, controller: self.controllers.ages(state.controller), ..state };
        steps.push(Step { to, label: Label::MuchTime, wrong: Vec::new() });
        self.controllers_steps(state, &mut steps);
        steps.retain_mut(|step| {
            step.to = self.plainly(step.to);
            step.to != state || !step.wrong.is_empty()
        });
        steps
    }

    fn controllers_steps(&mut self, state: State, steps: &mut Vec<Step>) {
        let id = state.controller;
        let with = |controller: CtlId, world: WorldId, fault: bool| State {
            world,
            controller,
            faults_left: state.faults_left - u8::from(fault),
        };
        let may_fail = state.faults_left > 0;
        let next = self.controllers.get(id).next.clone();
        let mut seen = BTreeSet::new();
        match &next {
            Next::Nothing => {}
            Next::Wake | Next::Look { .. } => {
                let then = self.controllers.sees(id, state.world, state.world, &self.worlds);
                steps.push(Step { to: with(then, state.world, false), label: Label::Looks, wrong: Vec::new() });
                if let Some(last) = self.controllers.last_seen(id).filter(|_| may_fail)
                    && last != state.world
                {
                    let then = self.controllers.sees(id, last, state.world, &self.worlds);
                    seen.insert(Fault::StaleLook);
                    let to = with(then, state.world, true);
                    steps.push(Step { to, label: Label::LooksStale, wrong: Vec::new() });
                }
            }
            Next::Claim { expected, wanted, .. } => {
                let mut world = self.worlds.world(state.world);
                let event = Event::Claim { expected: expected.clone(), wanted: wanted.clone() };
                let answer = world.step(event, NOW).claim.expect("a claim is answered");
                let world = self.worlds.number(world);
                let then = self.controllers.claims(id, claimed(answer), &self.worlds);
                steps.push(Step { to: with(then, world, false), label: Label::Claims(true), wrong: Vec::new() });
                if may_fail {
                    let then = self.controllers.claims(id, Err("the reply was lost".into()), &self.worlds);
                    let to = with(then, world, true);
                    seen.insert(Fault::LostReply);
                    steps.push(Step { to, label: Label::Claims(false), wrong: Vec::new() });
                }
            }
            Next::Act(order) => {
                count(&mut self.seen.actions, [order.action.kind()]);
                for (fate, fault) in fates(&order.action) {
                    if fault.is_some() && !may_fail {
                        continue;
                    }
                    let (world, answer, wrong) = self.perform(state.world, id, fate);
                    if let Answer::Refused { check, .. } = &answer {
                        count(&mut self.seen.refused, [check.clone()]);
                        if fault.is_some() {
                            continue;
                        }
                    }
                    seen.extend(fault);
                    let then = self.controllers.performs(id, answer, &self.worlds);
                    let to = with(then, world, fault.is_some());
                    steps.push(Step { to, label: Label::Acts(fate, None), wrong });
                }
                if may_fail {
                    seen.insert(Fault::LostReply);
                    let (done, answer, wrong) = self.perform(state.world, id, Fate::Well);
                    let unsure = Answer::Unsure { why: "the connection was lost".into() };
                    let then = self.controllers.performs(id, unsure, &self.worlds);
                    if answer == Answer::Accepted {
                        let label = Label::Acts(Fate::Well, Some(true));
                        steps.push(Step { to: with(then, done, true), label, wrong });
                    }
                    let label = Label::Acts(Fate::Well, Some(false));
                    steps.push(Step { to: with(then, state.world, true), label, wrong: Vec::new() });
                }
                if may_fail && let Some(then) = self.controllers.cannot_record(id, &self.worlds) {
                    seen.insert(Fault::JournalFails);
                    let to = with(then, state.world, true);
                    steps.push(Step { to, label: Label::CannotRecord, wrong: Vec::new() });
                }
            }
        }
        // Whoever forgets everything after each turn may as well die within one: that costs nothing.
        let forgets = self.setting.forgets;
        if next != Next::Nothing && (forgets || may_fail) {
            let then = self.controllers.killed(id);
            if then != id {
                if !forgets {
                    seen.insert(Fault::Kill);
                }
                let to = with(then, state.world, !forgets);
                steps.push(Step { to, label: Label::Dies, wrong: Vec::new() });
            }
        }
        count(&mut self.seen.faults, seen);
    }

    /// What comes of an order that a controller is about to give.
    pub fn perform(&mut self, world: WorldId, id: CtlId, fate: Fate) -> (WorldId, Answer, Vec<String>) {
        if let Some(known) = self.performed.get(&(world, id, fate)) {
            return known.clone();
        }
        let Next::Act(order) = &self.controllers.get(id).next else { panic!("it wants something else") };
        let mut order = order.clone();
        order.fate = fate;
        let mut after = self.worlds.world(world);
        let out = after.step(Event::Perform(Box::new(order)), NOW);
        let wrong = violations(&out, self.setting.twist);
        let answer = out.answer.expect("an order is answered");
        let known = (self.worlds.number(after), answer, wrong);
        self.performed.insert((world, id, fate), known.clone());
        known
    }

    /// The same state with its epochs renamed, if the controller is not in the middle of a turn.
    pub fn plainly(&mut self, state: State) -> State {
        if !self.controllers.sleeps(state.controller) {
            return state;
        }
        if let Some(world) = self.plain.get(&state.world) {
            return State { world: *world, ..state };
        }
        let mut world = self.worlds.world(state.world);
        let epochs = Epochs::of(&world);
        assert!(epochs.highest() < MOST_EPOCHS, "claims without end: {:?}", world.store);
        epochs.rename(&mut world);
        let plain = self.worlds.number(world);
        self.plain.insert(state.world, plain);
        State { world: plain, ..state }
    }

    pub fn after_much_time(&mut self, world: WorldId) -> WorldId {
        if let Some(older) = self.older.get(&world) {
            return *older;
        }
        let older = aged(self.worlds.world(world));
        let older = self.worlds.number(older);
        self.older.insert(world, older);
        older
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
            list.push(Worldly { to, event, fault, wrong: violations(&out, self.setting.twist) });
        }
        list.into()
    }
}

/// What the world counts against us; and, where a standby copy must be updated first, and never is, any update.
fn violations(out: &Outcome, twist: Twist) -> Vec<String> {
    let kinds = out.happened.iter().filter_map(|h| match h {
        Happening::Violation(v) => Some(match &v.action {
            Some(action) => format!("{:?} by {}", v.kind, action.kind()),
            None => format!("{:?}", v.kind),
        }),
        Happening::Installed { raised: true, .. } if twist == Twist::Standby => Some("SourceBeforeTarget".to_owned()),
        _ => None,
    });
    kinds.collect()
}

/// How an action may turn out, and the fault that does it.
fn fates(action: &Action) -> Vec<(Fate, Option<Fault>)> {
    let mut fates = vec![(Fate::Well, None)];
    match action {
        Action::Install { .. } | Action::Uninstall { .. } => {
            fates.extend([
                (Fate::Fails { exit_code: 1603, leaves_disabled: false }, Some(Fault::InstallFails)),
                (Fate::Fails { exit_code: 1603, leaves_disabled: true }, Some(Fault::InstallFails)),
                (Fate::Hangs, Some(Fault::InstallHangs)),
                (Fate::AsksReboot, Some(Fault::AsksReboot)),
                (Fate::Reboots, Some(Fault::RebootStarted)),
            ]);
        }
        Action::MoveGroup { .. } | Action::Handoff { .. } => {
            fates
                .extend([(Fate::MoveFails, Some(Fault::MoveFails)), (Fate::MoveFailsLate, Some(Fault::MoveFailsLate))]);
        }
        Action::Reboot { .. } => fates.push((Fate::NeverReturns, Some(Fault::NeverReturns))),
        _ => {}
    }
    fates
}

/// What ends a trouble. It may come at any time, and costs no fault.
pub fn mends(world: &World) -> Vec<Hand> {
    let mut hands = Vec::new();
    for (name, truth) in &world.nodes {
        let node = || name.clone();
        match (truth.machine, truth.service) {
            (Machine::Down { returns: false }, _) => hands.push(Hand::Boot { node: node() }),
            (Machine::Up, ClusterService::Stopped) if truth.running().is_none() => {
                hands.push(Hand::StartCluster { node: node() });
            }
            _ => {}
        }
        if truth.task.is_some_and(|t| t.fate == Fate::Hangs && t.stage == Stage::Copying) {
            hands.push(Hand::KillInstaller { node: node() });
        }
        if truth.rival.is_some() {
            hands.push(Hand::EndInstaller { node: node() });
        }
    }
    if !world.apart.is_empty() {
        hands.push(Hand::Reconnect);
    }
    if world.quorum.has_witness() && !world.witness_up {
        hands.push(Hand::Witness { up: true });
    }
    hands
}

/// What fate and people may do, each for one fault.
fn harms(world: &World) -> Vec<(Event, Option<Fault>)> {
    let mut harms: Vec<(Hand, Fault)> = Vec::new();
    let nodes: Vec<&NodeName> = world.nodes.keys().collect();
    let groups: Vec<&GroupName> = world.groups.keys().collect();
    for (name, truth) in &world.nodes {
        let node = || name.clone();
        if truth.machine == Machine::Up {
            harms.push((Hand::Crash { node: node(), lasts: None }, Fault::Crash));
        }
        match truth.paused {
            None => harms.push((Hand::Pause { node: node() }, Fault::Pause)),
            Some(_) => harms.push((Hand::Resume { node: node() }, Fault::Resume)),
        }
        if nodes.len() > 1 && world.apart.is_empty() {
            harms.push((Hand::CutOff { nodes: vec![node()] }, Fault::SplitView));
        }
        if truth.rival.is_none() {
            harms.push((Hand::StartInstaller { node: node() }, Fault::Rival));
        }
    }
    for group in groups {
        for to in &nodes {
            if world.groups[group].owner != **to && world.can_take(group, to).is_ok() {
                harms.push((Hand::Move { group: group.clone(), to: (*to).clone() }, Fault::Move));
            }
        }
    }
    if world.quorum.has_witness() && world.witness_up {
        harms.push((Hand::Witness { up: false }, Fault::WitnessDown));
    }
    harms.into_iter().map(|(hand, fault)| (Event::Hand(hand), Some(fault))).collect()
}
