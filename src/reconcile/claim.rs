//! Who is in charge: the claim is written before marks are read, kept alive while something of ours is in the cluster,
//! and given up when nothing is.

use std::time::Duration;

use super::inputs::Basis;
use super::memory::HEARTBEAT;
use super::{Around, Effect, Stage, Turn, Wake, nothing_asked};
use crate::guard;
use crate::model::time::{between, later};
use crate::model::{Action, Claim, Known, MarkKind, Time};
use crate::observed::Observation;
use crate::plan;
use crate::record::EntryKind;

impl Turn {
    pub(super) fn claim(&mut self, action: Action, seen: &Observation, around: Around<'_>) -> Effect {
        match guard::claimable(seen, &self.history) {
            Ok(epoch) => {
                let expected = match &seen.claim {
                    Known::Known { value, .. } => value.clone(),
                    Known::Unknown { .. } => None,
                };
                let wanted = Claim { epoch, holder: self.history.holder.clone(), heartbeat: 0 };
                self.stage = Stage::Claiming(action);
                Effect::Claim { expected, wanted: Some(wanted) }
            }
            Err(hold) => {
                let basis = Basis::Unclaimable { action: action.clone() };
                let inputs = self.inputs(&basis, seen, &nothing_asked(), around);
                self.say_refused(&action, std::slice::from_ref(&hold), inputs, around);
                // If the claim's holder is gone, time alone ends it.
                let wake = match self.memory.foreign_claim_ends() {
                    Some(at) => Wake::Due(at.max(later(around.now, self.memory.soon(around.now)))),
                    None => Wake::Idle(later(around.now, self.memory.idle_look())),
                };
                self.close(wake, around)
            }
        }
    }

    pub(super) fn claimed(&mut self, action: Action, claim: Claim, around: Around<'_>) -> Effect {
        self.memory.unclaimed = None;
        self.history.claimed_at = Some(around.now);
        self.memory.beat_at = Some(around.now);
        self.say(around.now, EntryKind::Claimed { claim: claim.to_string() });
        self.look_again(action)
    }

    /// Membership has changed since we claimed: claim again, look again, and only then begin anything.
    pub(super) fn claim_again(&mut self, claim: Claim, seen: &Observation, around: Around<'_>) -> Effect {
        match guard::claimable(seen, &self.history) {
            Ok(epoch) => {
                let wanted = Claim { epoch, ..claim.clone() };
                self.stage = Stage::ClaimingAgain;
                Effect::Claim { expected: Some(claim), wanted: Some(wanted) }
            }
            Err(_) => self.close(Wake::Idle(later(around.now, self.memory.soon(around.now))), around),
        }
    }

    pub(super) fn claimed_again(&mut self, around: Around<'_>) -> Effect {
        self.memory.unclaimed = None;
        self.history.claimed_at = Some(around.now);
        self.memory.beat_at = Some(around.now);
        self.look()
    }

    pub(super) fn not_claimed(&mut self, answer: Result<Option<Claim>, String>, around: Around<'_>) -> Effect {
        let why = answer.err().unwrap_or_else(|| "it was given up".to_owned());
        self.memory.trouble = Some(format!("the cluster could not be claimed: {why}"));
        self.memory.misses += 1;
        self.say_unclaimed(&why, around);
        self.close(Wake::Due(later(around.now, self.memory.soon(around.now))), around)
    }

    /// When the claim's heartbeat should be written again, if the last look showed it to be ours.
    pub fn next_beat(&self, now: Time) -> Option<Time> {
        let look = self.memory.last_look.as_ref()?;
        let ours = self.our_claim(&look.seen).is_some() && self.history.claimed_at.is_some();
        ours.then(|| later(now, HEARTBEAT))
    }

    /// For how long the heartbeat of the claim in the last look has not been seen to move: ours since we wrote it, by
    /// this life of ours; another's since we first saw it stand where it stands.
    pub fn heartbeat_age(&self, now: Time) -> Option<Duration> {
        self.heartbeat_at().map(|since| between(since, now))
    }

    /// When it was seen to move last.
    pub fn heartbeat_at(&self) -> Option<Time> {
        let look = self.memory.last_look.as_ref()?;
        match (self.our_claim(&look.seen), &self.memory.foreign) {
            (Some(_), _) => self.memory.beat_at,
            (None, Some((_, since))) => Some(*since),
            (None, None) => None,
        }
    }

    pub(super) fn keep_or_give_up_claim(&mut self, seen: &Observation, wake: Wake, around: Around<'_>) -> Effect {
        let ours = self.our_claim(seen);
        let marks = || seen.known_marks().map(|m| &m.kind).filter(|kind| kind.is_controllers());
        let at_work = seen.nodes.values().any(|n| n.running_work().is_some());
        // What cannot be read may be there.
        let untold = seen.marks.is_unknown();
        let left = at_work || untold || seen.claim.is_unknown() || marks().next().is_some();
        // A quarantine waits for people, perhaps for weeks: nobody needs to be in charge of it.
        let in_the_middle = at_work || untold || marks().any(|kind| !matches!(kind, MarkKind::Quarantine { .. }));
        match ours {
            Some(claim) if !in_the_middle && self.has_nothing_to_do_soon(wake, around.now) => {
                self.stage = Stage::GivingUp { wake, nothing_left: !left };
                Effect::Claim { expected: Some(claim), wanted: None }
            }
            Some(claim) if self.memory.beat_is_due(around.now) => {
                let wanted = Claim { heartbeat: claim.heartbeat.wrapping_add(1), ..claim.clone() };
                self.stage = Stage::Beating(wake);
                Effect::Claim { expected: Some(claim), wanted: Some(wanted) }
            }
            Some(_) => self.close(wake, around),
            None => self.close_or_end(!left, wake, around),
        }
    }

    pub(super) fn given_up(
        &mut self,
        answer: Result<Option<Claim>, String>,
        nothing_left: bool,
        wake: Wake,
        around: Around<'_>,
    ) -> Effect {
        match answer {
            Ok(_) => {
                self.history.claimed_at = None;
                self.history.membership_changed_at = None;
                self.memory.misses = 0;
                self.close_or_end(nothing_left, wake, around)
            }
            Err(why) => {
                self.memory.trouble = Some(format!("the claim could not be given up: {why}"));
                self.memory.misses += 1;
                self.close(Wake::Due(later(around.now, self.memory.soon(around.now))), around)
            }
        }
    }

    pub(super) fn beaten(&mut self, answer: Result<Option<Claim>, String>, now: Time) {
        match answer {
            Ok(_) => self.memory.beat_at = Some(now),
            Err(why) => self.memory.trouble = Some(format!("the heartbeat was not written: {why}")),
        }
    }

    /// A claim of an earlier life of ours is claimed anew: another may have acted since.
    pub(super) fn holds_claim(&self, action: &Action, seen: &Observation, around: Around<'_>) -> bool {
        let nothing = nothing_asked();
        let facts = self.facts(seen, &nothing, around);
        guard::claim_on_node(action, &facts).is_some()
            || (self.history.claimed_at.is_some() && plan::needs_claim(&facts).is_none())
    }

    pub(super) fn must_claim_again(&self) -> bool {
        match (self.history.membership_changed_at, self.history.claimed_at) {
            (Some(changed), Some(claimed)) => claimed < changed,
            _ => false,
        }
    }

    pub(super) fn our_claim(&self, seen: &Observation) -> Option<Claim> {
        match &seen.claim {
            Known::Known { value: Some(claim), .. } if claim.holder == self.history.holder => Some(claim.clone()),
            _ => None,
        }
    }

    fn has_nothing_to_do_soon(&self, wake: Wake, now: Time) -> bool {
        match wake {
            Wake::Idle(_) => true,
            Wake::Due(at) => between(now, at) > Duration::from_secs(600),
        }
    }
}
