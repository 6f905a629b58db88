//! What a controller would see if its next look were stale, and what would come of that.
//!
//! It was in the middle of its turn and looks again, and is shown what it saw last. Which world that was matters only
//! for what comes of it, and mostly the same does: it refuses, and sleeps. So it is worked out at once, for a look now
//! and for one after much time, and the world is forgotten; else every state would hold two worlds.
//!
//! What comes of a look may hang on the driver's foresight, too, which is asked of the world as it is then. It is left
//! out where nothing hangs on it: without any side effects foreseen no rule says yes less often, so who refuses then
//! refuses whatever is foreseen. And of a controller that forgets everything after each turn, which may die at any time
//! instead of refusing, more is gone through than can happen if no side effects are foreseen, and nothing is left out.

use rollward::model::Known;
use rollward::reconcile::{Effect, Input};

use super::controllers::{Controller, Controllers, CtlId, Heard};
use super::next::Next;
use super::worlds::{WorldId, Worlds, later_by};

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sight {
    /// The world that it saw last.
    World(WorldId),
    /// What would come of seeing that again: now, and after much time.
    Leads { now: CtlId, late: CtlId },
}

impl Controllers {
    /// The same controller, with what would come of a stale look in the place of what it would see.
    pub fn with_leads(&mut self, id: CtlId, worlds: &Worlds) -> CtlId {
        let Some(Sight::World(seen)) = self.get(id).sight else { return id };
        if let Some(known) = self.leads.get(&id) {
            return *known;
        }
        let said = (std::mem::take(&mut self.said_no), self.decided);
        let mut old = self.get(id).clone();
        if !matches!(old.heard.last(), Some(Heard::MuchTime)) {
            old.heard.push(Heard::MuchTime);
        }
        let (now, late) = (self.stale(id, None, seen, worlds), self.stale(id, Some(old), seen, worlds));
        (self.said_no, self.decided) = said;
        let fits = |then: CtlId| self.fixed.forgets || self.get(then).next == Next::Wake;
        let fits = fits(now) && fits(late);
        let then = if fits {
            let sight = Some(Sight::Leads { now, late });
            self.number(Controller { sight, ..self.get(id).clone() })
        } else {
            id
        };
        self.leads.insert(id, then);
        then
    }

    /// What comes of a stale look, if no side effects are foreseen.
    fn stale(&mut self, id: CtlId, instead: Option<Controller>, seen: WorldId, worlds: &Worlds) -> CtlId {
        let heard = instead.map_or_else(|| self.get(id).heard.clone(), |c| c.heard);
        let (mut turn, mut at, _) = self.taken_through(id, heard, worlds);
        at.tick();
        let look = self.fixed.look(&later_by(worlds.world(seen), at.offset), at.now);
        (self.fixed.wrong.forgets)(&mut turn.history);
        let mut effect = turn.step(Input::Observed(Box::new(look)), self.around(at.now));
        (self.fixed.wrong.forgets)(&mut turn.history);
        if let Effect::Foresee(_) = effect {
            effect = turn.step(Input::Foreseen(Known::seen(Vec::new(), at.now)), self.around(at.now));
        }
        let next = self.settle(&mut turn, effect, &at, None);
        let heard = Heard::Saw { seen, truth: seen };
        self.kept(id, turn, next, &at, Some(heard))
    }
}
