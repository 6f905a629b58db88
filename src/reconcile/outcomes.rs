//! What becomes of actions: which have ended, and how; which take longer than they should.

use super::Turn;
use super::memory::Pending;
use crate::guard::PlannedHandoff;
use crate::model::time::{between, later, words};
use crate::model::{Action, Phase, Time};
use crate::observed::{Observation, Proof, Work, effect};
use crate::record::EntryKind;

/// How an action ended.
struct End {
    /// Nobody looked as it did.
    at_most: bool,
    failure: Option<String>,
}

impl Turn {
    /// Says, once, that an action takes longer than it should: nothing is done about it but to wait, and people can.
    fn note_late(&mut self, action: &Action, since: Time, now: Time) -> bool {
        let late = now >= self.late_at(action, since);
        if late {
            let (taken, p95) = (words(between(since, now)), words(self.forecast.of(action).p95));
            let what =
                format!("{action} has not ended after {taken}, and 95 of 100 take at most {p95}: somebody should look");
            self.say(now, EntryKind::Alarm { what });
        }
        late
    }

    fn late_at(&self, action: &Action, since: Time) -> Time {
        later(since, self.forecast.of(action).p95 * 2)
    }

    /// When an action that is under way will have taken longer than it should.
    pub fn next_alarm(&self) -> Option<Time> {
        self.memory.pending.iter().filter(|p| !p.late).map(|p| self.late_at(&p.action, p.since)).min()
    }

    /// Actions whose end this look shows.
    pub(super) fn note_outcomes(&mut self, seen: &Observation, now: Time) {
        self.note_begun(seen, now);
        let pending = std::mem::take(&mut self.memory.pending);
        for Pending { action, since, late } in pending {
            if seen.at <= since {
                self.memory.pending.push(Pending { action, since, late });
                continue;
            }
            let failure = match effect::proof(&action, seen, &*self.desired) {
                Proof::Done => None,
                Proof::Contradicted(why) => Some(why),
                Proof::NotYet | Proof::Unknown(_) => {
                    let late = late || self.note_late(&action, since, now);
                    self.memory.pending.push(Pending { action, since, late });
                    continue;
                }
            };
            let end = End { at_most: false, failure };
            self.note_end(action, since, end, seen, now);
        }
    }

    /// What an earlier life of this controller began and did not see the end of. What still runs is waited for; what has
    /// come about is counted and told now; of what never was begun nobody knows more than that.
    fn note_begun(&mut self, seen: &Observation, now: Time) {
        for Pending { action, since, late } in std::mem::take(&mut self.memory.begun) {
            // What ended before it was meant to begin was an earlier try.
            let is_its = |work: &&Work| work.ended.as_ref().is_none_or(|end| end.at >= since);
            let work = effect::work_of(&action, seen).filter(is_its);
            let failure = match effect::proof(&action, seen, &*self.desired) {
                Proof::Done => None,
                Proof::Contradicted(why) if work.is_some() => Some(why),
                Proof::NotYet if work.is_some() => {
                    self.memory.pending.push(Pending { action, since, late });
                    continue;
                }
                Proof::Unknown(_) => {
                    self.memory.begun.push(Pending { action, since, late });
                    continue;
                }
                Proof::NotYet | Proof::Contradicted(_) => continue,
            };
            self.note_end(action, since, End { at_most: true, failure }, seen, now);
        }
    }

    fn note_end(&mut self, action: Action, since: Time, end: End, seen: &Observation, now: Time) {
        let End { at_most, failure } = end;
        self.memory.trouble = failure.as_ref().map(|why| format!("{action}: {why}"));
        match (&failure, action.phase()) {
            (None, _) => self.memory.succeeded(&action),
            (Some(why), Phase::Finish) => {
                self.memory.finish_failed(&action, now);
                self.memory.misses += 1;
                if self.memory.misses == 3 {
                    let what = format!("{action} does not take: {why}; it is tried for ever");
                    self.say(now, EntryKind::Alarm { what });
                }
            }
            (Some(_), Phase::Begin) => {}
        }
        let mut alarm = None;
        if let Action::Handoff { group, from, to, style } = &action {
            let arrived = seen.groups.get(group).is_some_and(|g| g.owner.surely(|o| o.as_ref() == Some(to)));
            // One that arrived and does not come up was a handoff all the same, and no failover.
            if failure.is_none() || arrived {
                let (group, from, to) = (group.clone(), from.clone(), to.clone());
                self.handed_over(&PlannedHandoff { group, from, to, style: *style });
            }
            let amiss = failure.as_ref().filter(|_| arrived);
            alarm = amiss.map(|why| format!("{group} is on {to} and does not serve: {why}; it is started there"));
        }
        self.say(now, EntryKind::Outcome { action, failure, took: between(since, now), at_most });
        if let Some(what) = alarm {
            self.say(now, EntryKind::Alarm { what });
        }
    }

    fn handed_over(&mut self, done: &PlannedHandoff) {
        if let Some(roll) = &mut self.memory.roll {
            roll.counts.spent += 1;
            roll.counts.planned = roll.counts.planned.saturating_sub(1);
        }
        self.memory.owners.insert(done.group.clone(), done.to.clone());
        for approval in &mut self.history.approvals {
            if approval.remaining.first() == Some(done) {
                approval.remaining.remove(0);
            }
        }
        self.history.approvals.retain(|a| !a.remaining.is_empty());
    }
}
