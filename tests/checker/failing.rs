//! What a controller does where something of its own fails: an answer is lost, or its journal cannot be written.

use rollward::model::{Answer, Known};
use rollward::reconcile::{Effect, Input};

use super::controllers::{Controller, Controllers, CtlId, Heard};
use super::next::Next;
use super::worlds::{Worlds, later_by};

impl Controllers {
    /// What becomes of its claim, or of its action, it never hears.
    pub fn hears_nothing(&mut self, id: CtlId, worlds: &Worlds) -> CtlId {
        if let Some(then) = self.unheard.get(&id) {
            return *then;
        }
        let then = match self.get(id).next {
            Next::Act(_) => self.performs(id, Answer::Unsure { why: "the connection was lost".into() }, worlds),
            _ => self.claims(id, Err("the reply was lost".into()), worlds),
        };
        self.unheard.insert(id, then);
        then
    }

    /// The journal cannot be written before it acts.
    pub fn cannot_record(&mut self, id: CtlId, worlds: &Worlds) -> Option<CtlId> {
        if let Some(known) = self.unrecorded.get(&id) {
            return *known;
        }
        let then = self.fails_to_record(id, worlds);
        self.unrecorded.insert(id, then);
        then
    }

    fn fails_to_record(&mut self, id: CtlId, worlds: &Worlds) -> Option<CtlId> {
        let Controller { heard, .. } = self.get(id);
        let Some(Heard::Saw { seen, truth }) = heard.last().cloned() else { return None };
        let before = self.get(id).heard.len() - 1;
        let (mut turn, mut at, _) = self.taken_up_to(id, before, worlds);
        at.tick();
        let seen = self.fixed.look(&later_by(worlds.world(seen), at.offset), at.now);
        let mut effect = turn.step(Input::Observed(Box::new(seen)), self.around(at.now));
        let mut broken = true;
        loop {
            effect = match effect {
                Effect::Foresee(action) => {
                    let truth = later_by(worlds.world(truth), at.offset);
                    let foreseen = Known::seen(truth.foresee(&action, at.now), at.now);
                    turn.step(Input::Foreseen(foreseen), self.around(at.now))
                }
                Effect::Record(_) => {
                    let written = if std::mem::take(&mut broken) { Err("no space left".into()) } else { Ok(()) };
                    turn.step(Input::Recorded(written), self.around(at.now))
                }
                Effect::SleepUntil(_) => return Some(self.kept(id, turn, Next::Wake, &at, None)),
                // What finishes is done all the same.
                _ => return None,
            };
        }
    }
}
