//! Telling that the cluster could not be claimed, or that nobody knows whether it was: otherwise a loop that asks again
//! and again would look as if it acted.

use std::sync::Arc;

use super::inputs::Basis;
use super::{Around, LastLook, Turn, nothing_asked};
use crate::guard;
use crate::model::Hold;
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
    pub(super) fn say_unclaimed(&mut self, why: &str, around: Around<'_>) {
        let Some(seen) = self.memory.last_look.as_ref().map(|look| Arc::clone(&look.seen)) else { return };
        let hold = guard::unclaimed(&seen, why, around.now);
        let decision = Decision::Wait { holds: vec![hold.clone()], until: None };
        let held = held(&hold, why);
        self.memory.last_look = Some(LastLook { seen: Arc::clone(&seen), decision: Arc::new(decision) });
        self.memory.unclaimed = Some(hold);
        if self.memory.is_news(&held) {
            let basis = Basis::Unclaimed { why: why.to_owned() };
            let inputs = self.inputs(&basis, &seen, &nothing_asked(), around);
            self.say(around.now, held.resting_on(inputs));
        }
    }
}

/// That the cluster could not be claimed, as the journal says it.
pub(super) fn held(hold: &Hold, why: &str) -> EntryKind {
    // The claim that was read last is left out: it may be another with every try of ours.
    let reason =
        format!("{} holds {}: it could not be claimed ({why}); {}", hold.rule, hold.subject, hold.release.what);
    let held = Decision::Wait { holds: Vec::new(), until: None };
    EntryKind::Decided { decision: held.word().to_owned(), holds: vec![reason], inputs: Inputs::new() }
}
