//! THE LOOP, one cluster at a time: observe, decide, guard, act, record, and look again.
//!
//! A [`Turn`] does no I/O and knows no clock: it takes an [`Input`] and returns the [`Effect`] that it wants next.
//! The daemon awaits effects with tokio; tests and the simulator carry them out synchronously. Between any two
//! effects everything may die: what must survive lives in the cluster, and the next look finds it there.
//!
//! Absent on purpose: tokio, drivers, files. Nothing that a turn remembers ([`memory`]) keeps a cluster safe.

mod claim;
mod inputs;
pub mod memory;
mod notes;
mod outcomes;
pub mod replay;
mod unclaimed;

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;

use crate::desired::Cluster;
use crate::guard::{self, DriverTraits, Facts, FleetFacts, Forecast, History, Permit, RuleSet};
use crate::model::time::{between, later, shifted};
use crate::model::{Action, Answer, Claim, Hold, Known, RuleName, Time};
use crate::observed::{Observation, SideEffect};
use crate::plan::Decision;
use crate::record::{Entry, EntryKind, Inputs};

use inputs::Basis;

pub use memory::{LastLook, Memory};

/// When to look after an action was accepted.
const AT_ONCE: Duration = Duration::from_millis(10);

/// How soon, and how seldom, to look whether a node is back.
const LOOKS_FOR_NODE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));

/// What a turn wants done next. Each is a point at which the process may die.
#[derive(Debug)]
pub enum Effect {
    /// Look at the cluster; answered by [`Input::Observed`].
    Observe,
    /// Ask what the cluster would do by itself; answered by [`Input::Foreseen`].
    Foresee(Action),
    /// Replace the claim if it is still as expected; answered by [`Input::Claimed`].
    Claim {
        /// As last read.
        expected: Option<Claim>,
        /// What shall stand there; `None` gives it up.
        wanted: Option<Claim>,
    },
    /// Write these lines to the journal; answered by [`Input::Recorded`].
    Record(Vec<Entry>),
    /// Do it; answered by [`Input::Performed`].
    Perform(Permit),
    /// The turn is over. The next one begins then, or when something wakes it.
    SleepUntil(Wake),
    /// The turn is over and there is nothing left to look after: the cluster's manifest is gone, and so is all of ours.
    Done,
}

/// When to look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// At this time something becomes possible that is not now: time alone releases it.
    Due(Time),
    /// At this time it is worth a look, in case the world has changed.
    Idle(Time),
}

/// What has become of the effect that was wanted.
#[derive(Debug)]
pub enum Input {
    /// Begin a turn.
    Wake,
    /// The look.
    Observed(Box<Observation>),
    /// The driver's foresight.
    Foreseen(Known<Vec<SideEffect>>),
    /// The claim stands, or is given up (`None`); or what stands there instead, in words.
    Claimed(Result<Option<Claim>, String>),
    /// Written, or why not.
    Recorded(Result<(), Arc<str>>),
    /// The driver's answer.
    Performed(Answer),
}

/// What surrounds a step: the other clusters, and the time.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    /// The other clusters.
    pub fleet: &'a FleetFacts,
    /// Now.
    pub now: Time,
}

/// What is foreseen before anything was asked for.
fn nothing_asked() -> Known<Vec<SideEffect>> {
    Known::unknown("nothing was asked for yet")
}

/// One cluster's loop.
pub struct Turn {
    /// What the manifests want.
    pub desired: Arc<Cluster>,
    /// The commit, or hash, they come from.
    pub revision: Arc<str>,
    /// How long things take.
    pub forecast: Arc<Forecast>,
    /// What the driver says of its stack.
    pub traits: DriverTraits,
    /// Which rules are in force.
    pub rules: RuleSet,
    /// What this controller remembers that rules may look at.
    pub history: History,
    /// What it remembers besides, for telling people.
    pub memory: Memory,
    /// Whether the record keeps what each decision rested on, in full. Not worth its time where nobody reads it.
    pub keeps_inputs: bool,
    /// What the action was decided on that is about to be judged.
    decided_on: Inputs,
    stage: Stage,
    entries: Vec<Entry>,
}

/// Where a turn stands. Each variant waits for one input.
enum Stage {
    /// For [`Input::Wake`].
    Asleep,
    /// For the look that is decided on.
    Looking,
    /// For the claim, before the first begin. Marks are read after it, in the next look.
    Claiming(Action),
    /// For the claim, after a change of membership.
    ClaimingAgain,
    /// For the heartbeat's answer, then sleep.
    Beating(Wake),
    /// For the claim to be given up.
    GivingUp {
        /// Until then.
        wake: Wake,
        /// Nothing else of ours is left.
        nothing_left: bool,
    },
    /// For the look that is judged on.
    LookingAgain(Action),
    /// For the driver's foresight, with the look that is judged on.
    Foreseeing(Action, Box<Observation>),
    /// For the journal, before acting.
    Intending(Permit),
    /// For the driver's answer.
    Acting(Action),
    /// For the journal, before sleeping.
    Closing(Wake),
    /// For the journal, before ending for good.
    Ending,
}

impl Turn {
    /// A loop that has seen nothing yet.
    pub fn new(
        desired: Arc<Cluster>,
        revision: Arc<str>,
        forecast: Arc<Forecast>,
        traits: DriverTraits,
        rules: RuleSet,
        history: History,
        memory: Memory,
    ) -> Self {
        Self {
            desired,
            revision,
            forecast,
            traits,
            rules,
            history,
            memory,
            keeps_inputs: true,
            decided_on: Inputs::new(),
            stage: Stage::Asleep,
            entries: Vec::new(),
        }
    }

    /// The clock was set `by` so much: heartbeats, work and memberships are as old as they were. Times that others
    /// wrote down stay what they are, and so do windows.
    pub fn clock_jumped(&mut self, by: SignedDuration) {
        self.memory.clock_jumped(by);
        let history = &mut self.history;
        let times = history.membership_changed_at.iter_mut().chain(&mut history.claimed_at);
        let times = times.chain(history.rejoined_at.values_mut());
        times.for_each(|at| *at = shifted(*at, by));
    }

    /// True between turns.
    pub fn is_asleep(&self) -> bool {
        matches!(self.stage, Stage::Asleep)
    }

    /// Takes the answer to the last effect and says what to do next.
    ///
    /// An input that does not answer the last effect begins the turn anew: after any doubt, look.
    pub fn step(&mut self, input: Input, around: Around<'_>) -> Effect {
        match (std::mem::replace(&mut self.stage, Stage::Asleep), input) {
            (Stage::Asleep, Input::Wake) => self.look(),
            (Stage::Looking, Input::Observed(seen)) => self.decide(*seen, around),
            (Stage::Claiming(action), Input::Claimed(Ok(Some(claim)))) => self.claimed(action, claim, around),
            (Stage::ClaimingAgain, Input::Claimed(Ok(Some(_)))) => self.claimed_again(around),
            (Stage::Claiming(_) | Stage::ClaimingAgain, Input::Claimed(other)) => self.not_claimed(other, around),
            (Stage::LookingAgain(action), Input::Observed(seen)) => self.foresee(action, seen, around),
            (Stage::Foreseeing(action, seen), Input::Foreseen(foreseen)) => {
                self.guard(action, &seen, &foreseen, around)
            }
            (Stage::Intending(permit), Input::Recorded(written)) => self.act(permit, written, around),
            (Stage::Acting(action), Input::Performed(answer)) => self.answered(action, answer, around),
            (Stage::Beating(wake), Input::Claimed(answer)) => {
                self.beaten(answer, around.now);
                self.close(wake, around)
            }
            (Stage::GivingUp { wake, nothing_left }, Input::Claimed(answer)) => {
                self.given_up(answer, nothing_left, wake, around)
            }
            (Stage::Closing(wake), Input::Recorded(written)) => self.recorded(written, wake),
            (Stage::Ending, Input::Recorded(_)) => Effect::Done,
            (_, _) => self.look(),
        }
    }

    /// What the rules may look at, with this look.
    pub fn facts<'a>(
        &'a self,
        seen: &'a Observation,
        foreseen: &'a Known<Vec<SideEffect>>,
        around: Around<'a>,
    ) -> Facts<'a> {
        Facts {
            desired: &self.desired,
            seen,
            fleet: around.fleet,
            history: &self.history,
            forecast: &self.forecast,
            foreseen,
            traits: self.traits,
            rules: self.rules,
            now: around.now,
        }
    }

    // observe

    fn look(&mut self) -> Effect {
        self.stage = Stage::Looking;
        Effect::Observe
    }

    // decide

    fn decide(&mut self, seen: Observation, around: Around<'_>) -> Effect {
        self.note(&seen, around);
        if let Some(claim) = self.our_claim(&seen).filter(|_| self.must_claim_again()) {
            return self.claim_again(claim, &seen, around);
        }
        let decision = self.weigh_approvals(&seen, around);
        self.note_decision(&decision, &seen, around);
        if matches!(decision, Decision::Act(_)) {
            self.decided_on = self.inputs(&Basis::Decided, &seen, &nothing_asked(), around);
        }
        let told = self.while_unclaimed(&decision, &seen, around);
        self.memory.last_look = Some(LastLook { seen: Arc::new(seen), decision: Arc::new(told) });
        let Some(seen) = self.memory.last_look.as_ref().map(|l| Arc::clone(&l.seen)) else { return self.look() };
        if let Decision::Act(action) = &decision
            && let Some(at) = self.memory.tried_again_at(action).filter(|at| *at > around.now)
        {
            return self.keep_or_give_up_claim(&seen, Wake::Due(at), around);
        }
        match decision {
            Decision::Act(action) if self.holds_claim(&action, &seen, around) => self.look_again(action),
            Decision::Act(action) => self.claim(action, &seen, around),
            Decision::Wait { until, .. } => {
                let wake = self.wake_for_wait(until, around.now);
                self.keep_or_give_up_claim(&seen, wake, around)
            }
            Decision::Blocked(_) | Decision::Converged | Decision::Releasing => {
                let wake = Wake::Idle(later(around.now, self.memory.idle_look()));
                self.keep_or_give_up_claim(&seen, wake, around)
            }
        }
    }

    // look again, just before acting

    fn look_again(&mut self, action: Action) -> Effect {
        self.stage = Stage::LookingAgain(action);
        Effect::Observe
    }

    fn foresee(&mut self, action: Action, seen: Box<Observation>, around: Around<'_>) -> Effect {
        self.note(&seen, around);
        self.stage = Stage::Foreseeing(action.clone(), seen);
        Effect::Foresee(action)
    }

    // guard

    fn guard(
        &mut self,
        action: Action,
        seen: &Observation,
        foreseen: &Known<Vec<SideEffect>>,
        around: Around<'_>,
    ) -> Effect {
        let facts = self.facts(seen, foreseen, around);
        match guard::judge(action.clone(), &facts) {
            Ok(permit) => {
                let intended = notes::intended(permit.action(), &facts);
                let mut inputs = self.inputs(&Basis::Begun, seen, foreseen, around);
                inputs.append(&mut inputs::as_decided(std::mem::take(&mut self.decided_on)));
                self.say(around.now, intended.resting_on(inputs));
                self.stage = Stage::Intending(permit);
                Effect::Record(std::mem::take(&mut self.entries))
            }
            Err(holds) => {
                let inputs = self.inputs(&Basis::Refused { action: action.clone() }, seen, foreseen, around);
                self.say_refused(&action, &holds, inputs, around);
                let wake = self.memory.try_again(around.now);
                self.close(wake, around)
            }
        }
    }

    // act

    fn act(&mut self, permit: Permit, written: Result<(), Arc<str>>, around: Around<'_>) -> Effect {
        self.history.record_error = written.err();
        // What cannot be written down is not begun; but a full disk must not leave a role stopped or a node paused.
        let asked = self.rules.has(RuleName::Record);
        if asked && self.history.record_error.is_some() && !permit.finishes() {
            self.stage = Stage::Asleep;
            return Effect::SleepUntil(Wake::Due(later(around.now, self.memory.soon(around.now))));
        }
        self.stage = Stage::Acting(permit.action().clone());
        Effect::Perform(permit)
    }

    fn answered(&mut self, action: Action, answer: Answer, around: Around<'_>) -> Effect {
        self.note_answer(&action, &answer, around.now);
        // What was not begun, or perhaps not, changes nothing that would wake us. Neither does a mark that is gone at once.
        // And beside what was begun, something else may begin.
        let silent = !matches!(answer, Answer::Accepted)
            || matches!(action, Action::Release { .. })
            || self.desired.policy.limits.several_out();
        self.say(around.now, EntryKind::Answered { action, answer });
        let soon = later(around.now, self.memory.soon(around.now));
        // What was accepted may be over already: that is worth a look at once. Further ones are more seldom.
        let wake = if silent { Wake::Due(soon) } else { Wake::Idle(later(around.now, AT_ONCE)) };
        self.close(wake, around)
    }

    // record

    fn close(&mut self, wake: Wake, _around: Around<'_>) -> Effect {
        if self.entries.is_empty() {
            self.stage = Stage::Asleep;
            Effect::SleepUntil(wake)
        } else {
            self.stage = Stage::Closing(wake);
            Effect::Record(std::mem::take(&mut self.entries))
        }
    }

    fn recorded(&mut self, written: Result<(), Arc<str>>, wake: Wake) -> Effect {
        let was_broken = self.history.record_error.is_some();
        self.history.record_error = written.err();
        if was_broken && self.history.record_error.is_none() {
            // What was decided with a broken record is decided anew.
            return self.look();
        }
        if self.history.record_error.is_some() {
            self.memory.untell();
        }
        self.stage = Stage::Asleep;
        Effect::SleepUntil(wake)
    }

    fn close_or_end(&mut self, nothing_left: bool, wake: Wake, around: Around<'_>) -> Effect {
        if nothing_left && self.desired.broken.as_ref().is_some_and(|b| b.releasing) {
            if self.entries.is_empty() {
                return Effect::Done;
            }
            self.stage = Stage::Ending;
            return Effect::Record(std::mem::take(&mut self.entries));
        }
        self.close(wake, around)
    }

    fn wake_for_wait(&mut self, until: Option<Time>, now: Time) -> Wake {
        match until {
            Some(at) if at > now => Wake::Due(at),
            // It should have been released by now. Nothing is gained by asking again at once, and for ever.
            Some(_) => Wake::Due(later(now, self.memory.idle_look())),
            None if !self.memory.pending.is_empty() => Wake::Idle(later(now, self.memory.soon(now))),
            None if let Some(at) = self.looks_for_node_at(now) => Wake::Idle(at),
            // A foreign claim that is silent already is in nobody's way: something else is waited for.
            None => match self.memory.foreign_claim_ends().filter(|at| *at > now) {
                Some(at) => Wake::Due(at),
                None => Wake::Idle(later(now, self.memory.idle_look())),
            },
        }
    }

    /// When to look whether a node is a member again that we keep out of service: it restarts, or its cluster service
    /// does. More seldom the longer it is out.
    fn looks_for_node_at(&self, now: Time) -> Option<Time> {
        let seen = &*self.memory.last_look.as_ref()?.seen;
        self.our_claim(seen)?;
        let out = seen.paused_by_rollward().filter(|(name, ..)| !seen.is_up(name));
        let since = out.map(|(.., mark)| mark.at).max()?;
        Some(later(now, (between(since, now) / 8).clamp(LOOKS_FOR_NODE.0, LOOKS_FOR_NODE.1)))
    }

    fn say(&mut self, at: Time, what: EntryKind) {
        self.entries.push(Entry { cluster: self.desired.name.clone(), at, revision: Arc::clone(&self.revision), what });
    }

    fn say_refused(&mut self, action: &Action, holds: &[Hold], inputs: Inputs, around: Around<'_>) {
        self.memory.misses += 1;
        self.memory.trouble = Some(format!("{action} was not permitted on the look just before it"));
        let decided = notes::refused(action, holds);
        if self.memory.is_news(&decided) {
            self.say(around.now, decided.resting_on(inputs));
        }
    }
}
