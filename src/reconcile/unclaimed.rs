//! Telling that the cluster could not be claimed, or that nobody knows whether it was: otherwise a loop that asks again
//! and again would look as if it acted.

use std::sync::Arc;

use super::{Around, Turn};
use crate::guard;
use crate::model::Time;
use crate::observed::Observation;
use crate::plan::Decision;
use crate::record::{EntryKind, Inputs};

impl Turn {
    /// The decision, as people see it: what is to be done is held for as long as the cluster cannot be claimed for it.
    pub(super) fn while_unclaimed(&mut self, decision: &Decision, seen: &Observation, around: Around<'_>) -> Decision {
        match (decision, self.memory.unclaimed.take()) {
            (Decision::Act(action), Some(hold)) if !self.holds_claim(action, seen, around) => {
                self.memory.unclaimed = Some(hold.clone());
                Decision::Wait { holds: vec![hold], until: None }
            }
            (decision, _) => decision.clone(),
        }
    }

    /// Says, once, that the cluster could not be claimed, and holds what is to be done in it.
    pub(super) fn say_unclaimed(&mut self, why: &str, now: Time) {
        let Some(look) = &mut self.memory.last_look else { return };
        let hold = guard::unclaimed(&look.seen, why, now);
        let decision = Decision::Wait { holds: vec![hold.clone()], until: None };
        // The claim that was read last is left out: it may be another with every try of ours.
        let reason =
            format!("{} holds {}: it could not be claimed ({why}); {}", hold.rule, hold.subject, hold.release.what);
        let (decision_word, holds) = (decision.word().to_owned(), vec![reason]);
        let decided = EntryKind::Decided { decision: decision_word, holds, inputs: Inputs::new() };
        look.decision = Arc::new(decision);
        self.memory.unclaimed = Some(hold);
        if self.memory.is_news(&decided) {
            self.say(now, decided);
        }
    }
}
