//! Controllers: the real turn, taken from point to point at which it may be interrupted.
//!
//! A turn cannot be copied, for it may hold a permit, and nothing may copy that. So a controller is kept as what it
//! remembered when its turn began and what it has heard since, and the turn is taken again from there. Two controllers
//! are the same if they remember the same, as far as that may change what they decide, and want the same next.
//!
//! Steps that touch neither the world nor anybody else are taken together with the one before: the driver's foresight
//! (asked of the world as it is at the look that is judged on), the journal, and the heartbeat.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;
use rollward::drivers::simulator::world::{Fate, Order};
use rollward::guard::History;
use rollward::model::time::{earlier, later};
use rollward::model::{Action, Answer, Claim, Holder, Known, RuleName, Time};
use rollward::observed::Membership;
use rollward::plan::Decision;
use rollward::reconcile::{Around, Effect, Input, Memory, Turn};
use rollward::record::EntryKind;

use super::epochs::{EpochSet, Epochs};
use super::fixed::Fixed;
use super::minds::rewrite_mind;
use super::next::Next;
use super::parts::rewrite_action;
use super::seen::{Counts, count};
use super::sights::Sight;
use super::worlds::{LONG, NOW, WorldId, Worlds, later_by, settled};

/// A controller, by its number.
pub type CtlId = u32;

/// What it has heard since its turn began.
#[derive(Clone, Debug)]
pub(super) enum Heard {
    /// A look at one world, with foresight on another: the same, unless the look was stale.
    Saw {
        seen: WorldId,
        truth: WorldId,
    },
    Claimed(Result<Option<Claim>, String>),
    MuchTime,
}

/// A controller somewhere in its turn.
#[derive(Clone)]
pub struct Controller {
    pub next: Next,
    /// What it would see, if it looks again in this turn: a look may be stale.
    pub sight: Option<Sight>,
    pub(super) holder: Holder,
    pub(super) remembered: (History, Memory),
    pub(super) heard: Vec<Heard>,
    /// As far as they may change what is decided.
    pub(super) history: History,
    pub(super) memory: Memory,
}

impl Controller {
    /// The world that it saw last in this turn, if it did.
    pub fn last_seen(&self) -> Option<WorldId> {
        self.heard.iter().rev().find_map(|h| match h {
            Heard::Saw { seen, .. } => Some(*seen),
            _ => None,
        })
    }
}

/// All controllers that were met.
pub struct Controllers {
    pub fixed: Fixed,
    numbers: HashMap<String, CtlId>,
    list: Vec<Rc<Controller>>,
    pub saw: HashMap<(CtlId, WorldId, WorldId), CtlId>,
    answered: HashMap<(CtlId, String), CtlId>,
    pub(super) unheard: HashMap<CtlId, CtlId>,
    pub(super) unrecorded: HashMap<CtlId, Option<CtlId>>,
    newborn: HashMap<Holder, CtlId>,
    older: HashMap<(CtlId, Option<u64>), CtlId>,
    sightless: HashMap<CtlId, CtlId>,
    pub(super) plain: HashMap<(CtlId, u32, Epochs), CtlId>,
    pub(super) epochs: Vec<EpochSet>,
    pub(super) leads: HashMap<CtlId, CtlId>,
    pub(super) twins: HashMap<CtlId, CtlId>,
    /// How often each rule had a hold.
    pub said_no: Counts<RuleName>,
    /// Times that the real decision was made.
    pub decided: u64,
}

impl Controllers {
    pub fn new(fixed: Fixed) -> Self {
        Self {
            fixed,
            numbers: HashMap::new(),
            list: Vec::new(),
            saw: HashMap::new(),
            answered: HashMap::new(),
            unheard: HashMap::new(),
            unrecorded: HashMap::new(),
            newborn: HashMap::new(),
            older: HashMap::new(),
            sightless: HashMap::new(),
            plain: HashMap::new(),
            epochs: Vec::new(),
            leads: HashMap::new(),
            twins: HashMap::new(),
            said_no: Counts::new(),
            decided: 0,
        }
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn get(&self, id: CtlId) -> &Controller {
        &self.list[id as usize]
    }

    /// The same, to keep beside what changes.
    pub fn share(&self, id: CtlId) -> Rc<Controller> {
        Rc::clone(&self.list[id as usize])
    }

    pub fn holder(&self, id: CtlId) -> &Holder {
        &self.get(id).holder
    }

    pub fn sleeps(&self, id: CtlId) -> bool {
        matches!(self.get(id).next, Next::Wake | Next::Nothing)
    }

    /// One that remembers nothing.
    pub fn fresh(&mut self, holder: &Holder) -> CtlId {
        if let Some(known) = self.newborn.get(holder) {
            return *known;
        }
        let remembered = (History::new(holder.clone()), Memory::default().essence());
        let id = self.number(Controller {
            next: Next::Wake,
            sight: None,
            holder: holder.clone(),
            history: remembered.0.clone(),
            memory: remembered.1.clone(),
            remembered,
            heard: Vec::new(),
        });
        self.newborn.insert(holder.clone(), id);
        id
    }

    /// The same holder's, with everything forgotten: it was killed, and started again.
    pub fn killed(&mut self, id: CtlId) -> CtlId {
        let holder = self.get(id).holder.clone();
        self.fresh(&holder)
    }

    pub(super) fn number(&mut self, controller: Controller) -> CtlId {
        let Controller { next, sight, history, memory, .. } = &controller;
        let key = format!("{next:?} {sight:?} {history:?} {memory:?}");
        if let Some(number) = self.numbers.get(&key) {
            return *number;
        }
        let number = u32::try_from(self.list.len()).expect("fewer controllers than that");
        self.numbers.insert(key, number);
        self.epochs.push(EpochSet::MAX);
        self.list.push(Rc::new(controller));
        number
    }

    /// It looks, and goes on until it next wants something that may be interrupted.
    pub fn sees(&mut self, id: CtlId, seen: WorldId, truth: WorldId, worlds: &Worlds) -> CtlId {
        if let Some(then) = self.saw.get(&(id, seen, truth)) {
            return *then;
        }
        let then = self.hears(id, Heard::Saw { seen, truth }, worlds);
        self.saw.insert((id, seen, truth), then);
        then
    }

    /// It hears what became of its claim.
    pub fn claims(&mut self, id: CtlId, answer: Result<Option<Claim>, String>, worlds: &Worlds) -> CtlId {
        let key = (id, format!("{answer:?}"));
        if let Some(then) = self.answered.get(&key) {
            return *then;
        }
        let then = self.hears(id, Heard::Claimed(answer), worlds);
        self.answered.insert(key, then);
        then
    }

    /// It hears what became of its action.
    pub fn performs(&mut self, id: CtlId, answer: Answer, worlds: &Worlds) -> CtlId {
        if self.fixed.forgets {
            return self.killed(id);
        }
        let key = (id, format!("{answer:?}"));
        if let Some(then) = self.answered.get(&key) {
            return *then;
        }
        let (mut turn, mut at, _) = self.taken_again(id, worlds);
        at.tick();
        let effect = turn.step(Input::Performed(answer), self.around(at.now));
        let next = self.settle(&mut turn, effect, &at, None);
        let then = self.kept(id, turn, next, &at, None);
        self.answered.insert(key, then);
        then
    }

    /// Much time passes for it, wherever it is. To another who watches, whoever holds the claim has been silent for so
    /// long; one that forgets cannot have watched, so a person tells it.
    pub fn ages(&mut self, id: CtlId, claim: Option<&Claim>) -> CtlId {
        let old = self.get(id);
        let foreign = claim.filter(|c| c.holder != old.holder).map(|c| c.epoch);
        if let Some(known) = self.older.get(&(id, foreign)) {
            return *known;
        }
        let mut new = Controller::clone(old);
        let age = |moment: Time| if moment <= NOW { earlier(NOW, LONG) } else { settled(earlier(moment, LONG)) };
        rewrite_mind(&mut new.history, &mut new.memory, age);
        if let Some(action) = new.next.action_mut() {
            rewrite_action(action, &age);
        }
        if self.sleeps(id) {
            if self.fixed.forgets && foreign.is_some() {
                new.history.takeover_of_epoch = foreign;
            }
            new.remembered = (new.history.clone(), new.memory.clone());
        } else if !matches!(new.heard.last(), Some(Heard::MuchTime)) {
            new.heard.push(Heard::MuchTime);
        }
        if let Some(Sight::Leads { late, .. }) = new.sight {
            new.sight = Some(Sight::Leads { now: late, late });
        }
        let then = self.number(new);
        self.older.insert((id, foreign), then);
        then
    }

    /// True if the members that it saw last are others than before in this turn, and it has not claimed since.
    pub fn saw_members_change(&self, id: CtlId, worlds: &Worlds) -> bool {
        let (mut before, mut changed) = (None, false);
        for heard in &self.get(id).heard {
            match heard {
                Heard::Claimed(Ok(Some(_))) => changed = false,
                Heard::Saw { seen, .. } => {
                    let seen = self.fixed.look(&worlds.world(*seen), NOW);
                    let now: Option<Vec<bool>> = seen.nodes.values().map(|n| is_up(&n.membership)).collect();
                    changed |= before.is_some() && now.is_some() && before != now;
                    before = now.or(before);
                }
                Heard::Claimed(_) | Heard::MuchTime => {}
            }
        }
        changed
    }

    /// The same one, if its looks cannot be stale any more.
    pub fn without_sight(&mut self, id: CtlId) -> CtlId {
        if self.get(id).sight.is_none() {
            return id;
        }
        if let Some(known) = self.sightless.get(&id) {
            return *known;
        }
        let this = Controller { sight: None, ..self.get(id).clone() };
        let then = self.number(this);
        self.sightless.insert(id, then);
        then
    }

    pub fn around(&self, now: Time) -> Around<'_> {
        Around { fleet: &self.fixed.fleet, now }
    }

    /// A turn of this controller's own, asleep.
    pub fn turn(&self, id: CtlId) -> Turn {
        let (history, memory) = self.get(id).remembered.clone();
        let Fixed { desired, revision, forecast, traits, .. } = &self.fixed;
        let mut turn = Turn::new(
            Arc::clone(desired),
            Arc::clone(revision),
            Arc::clone(forecast),
            *traits,
            self.fixed.rules,
            history,
            memory,
        );
        turn.keeps_inputs = false;
        turn
    }

    /// The turn, from its beginning to where it stands.
    fn taken_again(&mut self, id: CtlId, worlds: &Worlds) -> (Turn, Moment, Next) {
        let heard = self.get(id).heard.clone();
        self.taken_through(id, heard, worlds)
    }

    pub(super) fn taken_up_to(&mut self, id: CtlId, end: usize, worlds: &Worlds) -> (Turn, Moment, Next) {
        let heard = self.get(id).heard[..end].to_vec();
        self.taken_through(id, heard, worlds)
    }

    pub(super) fn taken_through(&mut self, id: CtlId, heard: Vec<Heard>, worlds: &Worlds) -> (Turn, Moment, Next) {
        let mut turn = self.turn(id);
        let mut at = Moment { now: NOW, offset: Duration::ZERO };
        let effect = turn.step(Input::Wake, self.around(NOW));
        let mut next = self.settle(&mut turn, effect, &at, None);
        for heard in heard {
            next = self.hear(&mut turn, heard, &mut at, worlds).unwrap_or(next);
        }
        (turn, at, next)
    }

    fn hears(&mut self, id: CtlId, heard: Heard, worlds: &Worlds) -> CtlId {
        let (mut turn, mut at, _) = self.taken_again(id, worlds);
        let next = self.hear(&mut turn, heard.clone(), &mut at, worlds).expect("it was waiting for that");
        self.kept(id, turn, next, &at, Some(heard))
    }

    /// `None` where only time passed.
    fn hear(&mut self, turn: &mut Turn, heard: Heard, at: &mut Moment, worlds: &Worlds) -> Option<Next> {
        at.tick();
        match heard {
            Heard::MuchTime => {
                at.offset += LONG;
                at.now = later(at.now, LONG);
                None
            }
            Heard::Saw { seen, truth } => {
                let seen = self.fixed.look(&later_by(worlds.world(seen), at.offset), at.now);
                self.decided += 1;
                (self.fixed.wrong.forgets)(&mut turn.history);
                let effect = turn.step(Input::Observed(Box::new(seen)), self.around(at.now));
                (self.fixed.wrong.forgets)(&mut turn.history);
                Some(self.settle(turn, effect, at, Some((truth, worlds))))
            }
            Heard::Claimed(answer) => {
                let effect = turn.step(Input::Claimed(answer), self.around(at.now));
                Some(self.settle(turn, effect, at, None))
            }
        }
    }

    /// Carries out what touches nobody, and says what is wanted then.
    pub(super) fn settle(
        &mut self,
        turn: &mut Turn,
        mut effect: Effect,
        at: &Moment,
        truth: Option<(WorldId, &Worlds)>,
    ) -> Next {
        loop {
            let input = match effect {
                Effect::Foresee(action) => {
                    let (truth, worlds) = truth.expect("foresight comes after a look");
                    let truth = later_by(worlds.world(truth), at.offset);
                    Input::Foreseen(Known::seen(truth.foresee(&action, at.now), at.now))
                }
                Effect::Record(entries) => {
                    for entry in &entries {
                        if let EntryKind::Decided { holds, .. } = &entry.what {
                            let words = holds.iter().filter_map(|h| h.split(' ').next());
                            count(&mut self.said_no, words.filter_map(RuleName::from_word));
                        }
                    }
                    Input::Recorded(Ok(()))
                }
                Effect::Claim { expected: Some(old), wanted: Some(new) }
                    if (old.epoch, &old.holder) == (new.epoch, &new.holder) =>
                {
                    Input::Claimed(Ok(Some(new)))
                }
                Effect::Observe => return Next::Look { then: decided(turn) },
                Effect::Claim { expected, wanted } => {
                    let then = wanted.as_ref().and_then(|_| decided(turn));
                    return Next::Claim { expected: expected.map(unbeaten), wanted, then };
                }
                Effect::Perform(permit) => {
                    let (action, claim, checks) = permit.into_parts();
                    return Next::Act(Order { action, claim: claim.map(unbeaten), checks, fate: Fate::Well });
                }
                Effect::SleepUntil(_) => return Next::Wake,
                Effect::Done => return Next::Nothing,
            };
            effect = turn.step(input, self.around(at.now));
        }
    }

    /// The controller that has this turn now, without the time and the words in it.
    pub(super) fn kept(&mut self, id: CtlId, turn: Turn, mut next: Next, at: &Moment, heard: Option<Heard>) -> CtlId {
        if let Some(look) = &turn.memory.last_look {
            count(&mut self.said_no, look.decision.holds().iter().map(|h| h.rule));
        }
        if self.fixed.forgets && next == Next::Wake && turn.history.takeover_of_epoch.is_none() {
            return self.killed(id);
        }
        let now = |moment: Time| settled(earlier(later(moment, Duration::from_secs(1)), at.offset)).min(NOW);
        let (mut history, mut memory) = (turn.history.clone(), turn.memory.essence());
        rewrite_mind(&mut history, &mut memory, now);
        let unshift = |moment: Time| settled(earlier(moment, at.offset));
        if let Some(action) = next.action_mut() {
            rewrite_action(action, &unshift);
        }
        let old = self.get(id).clone();
        let sleeps = matches!(next, Next::Wake | Next::Nothing);
        if sleeps && self.fixed.forgets && next == Next::Wake {
            let takeover_of_epoch = history.takeover_of_epoch;
            history = History { takeover_of_epoch, ..History::new(old.holder.clone()) };
            memory = Memory::default().essence();
        }
        if sleeps {
            history.foreign_silence = None;
            let remembered = (history.clone(), memory.clone());
            return self.number(Controller {
                next,
                sight: None,
                holder: old.holder,
                remembered,
                heard: Vec::new(),
                history,
                memory,
            });
        }
        let mut said = old.heard.clone();
        said.extend(heard);
        let mut then = Controller { next, sight: None, heard: said, history, memory, ..old };
        then.sight = matches!(then.next, Next::Look { .. }).then(|| then.last_seen()).flatten().map(Sight::World);
        self.number(then)
    }
}

/// Where a turn is in time: a little goes by with everything it hears, and much if much time passes.
pub(super) struct Moment {
    pub(super) now: Time,
    pub(super) offset: Duration,
}

impl Moment {
    pub(super) fn tick(&mut self) {
        self.now = later(self.now, Duration::from_millis(1));
    }
}

/// What the turn has decided to do.
fn decided(turn: &Turn) -> Option<Action> {
    match &*turn.memory.last_look.as_ref()?.decision {
        Decision::Act(action) => Some(action.clone()),
        _ => None,
    }
}

fn is_up(membership: &Known<Membership>) -> Option<bool> {
    match membership {
        Known::Known { value, .. } => Some(*value == Membership::Up),
        Known::Unknown { .. } => None,
    }
}

fn unbeaten(claim: Claim) -> Claim {
    Claim { heartbeat: 0, ..claim }
}
