//! Two controllers on one cluster: an epoch fences, and the world's own truth says whether it did.
//!
//! Both are real turns, each on a host with a clock of its own, and either may stand still between any two effects: a
//! command that it held in its hand meanwhile is stale. Chance decides who goes on when, which clock jumps, whom the
//! network cuts off, and when the cluster's store comes back as it was before. What goes wrong shrinks to the least
//! that does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rollward::desired::Desired;
use rollward::drivers::ClaimAnswer;
use rollward::drivers::simulator::world::{ClusterStore, Shared, Violation, ViolationKind};
use rollward::drivers::simulator::{Hand, Simulation};
use rollward::fleet::simulated::claimed;
use rollward::guard::{FleetFacts, History, RuleSet};
use rollward::model::time::{later, shifted};
use rollward::model::{Action, Answer, Holder, Known, NodeName, RuleName, Standing, Time};
use rollward::plan::{self, Decision};
use rollward::reconcile::{Around, Effect, Input, Memory, Turn, Wake};

use crate::estates::{self, CCR, SCC};

/// Random interleavings of each estate.
const RUNS: u32 = 400;

/// More effects than both controllers need to come to rest.
const MANY: usize = 20_000;

// === Two controllers ===

struct Controller {
    turn: Turn,
    /// What it is about to do. It may stand still before it does.
    wants: Option<Effect>,
    wakes: Time,
    /// By how much its host's clock is off the cluster's.
    off: SignedDuration,
}

struct Two {
    desired: Arc<Desired>,
    world: Simulation,
    now: Time,
    controllers: [Controller; 2],
    fleet: FleetFacts,
    /// How the store was, to come back.
    older: Vec<Shared<ClusterStore>>,
    store_ran_backwards: bool,
    /// Who did what, and what the node said to it.
    answers: Vec<(usize, Action, Answer)>,
    /// The answer to a claim is lost, and the claim itself, too, if `false`.
    loses_answers: Option<bool>,
    /// What was told, by whom.
    told: Vec<(usize, String)>,
    /// Commands given under a claim that was not the cluster's any more, and what the node said.
    stale: Vec<(Action, Answer)>,
}

impl Two {
    fn over(shape: &str, handoff: &str) -> Self {
        let desired = estates::estate(shape, handoff);
        let cluster = desired.clusters.values().next().expect("a cluster");
        let world = Simulation::start(cluster, &desired.rollups).expect("the world is sound");
        let now = world.now();
        let controller = |holder: &str| Controller {
            turn: Turn::new(
                Arc::clone(cluster),
                Arc::clone(&desired.revision),
                Arc::new(plan::forecast(cluster, &BTreeMap::new())),
                world.traits(),
                RuleSet::ALL,
                History::new(Holder::from(holder)),
                Memory::new(&cluster.name),
            ),
            wants: None,
            wakes: now,
            off: SignedDuration::ZERO,
        };
        let controllers = [controller("left"), controller("right")];
        let (fleet, older, store_ran_backwards, answers, stale, loses_answers, told) = <_>::default();
        let desired = Arc::clone(&desired);
        Self {
            desired,
            world,
            now,
            controllers,
            fleet,
            older,
            store_ran_backwards,
            answers,
            stale,
            loses_answers,
            told,
        }
    }

    fn clock(&self, who: usize) -> Time {
        shifted(self.now, self.controllers[who].off)
    }

    /// Lets a controller carry out what it wants, or wakes it; it then stands before the next thing.
    fn go_on(&mut self, who: usize) {
        let clock = self.clock(who);
        let input = match self.controllers[who].wants.take() {
            None => Input::Wake,
            Some(effect) => self.carry_out(who, effect),
        };
        let controller = &mut self.controllers[who];
        match controller.turn.step(input, Around { fleet: &self.fleet, now: clock }) {
            Effect::SleepUntil(Wake::Due(at) | Wake::Idle(at)) => {
                let at = controller.turn.next_beat(clock).map_or(at, |beat| beat.min(at));
                controller.wakes = shifted(at, -controller.off);
            }
            Effect::Done => controller.wakes = Time::MAX,
            effect => controller.wants = Some(effect),
        }
    }

    fn carry_out(&mut self, who: usize, effect: Effect) -> Input {
        let (now, clock, off) = (self.now, self.clock(who), self.controllers[who].off);
        match effect {
            Effect::Observe => Input::Observed(Box::new(self.world.observe_by(off, now))),
            Effect::Foresee(action) => Input::Foreseen(match self.world.foresee_now(&action) {
                Known::Known { value, .. } => Known::seen(value, clock),
                unknown => unknown,
            }),
            Effect::Claim { expected, wanted } => {
                let unsure = ClaimAnswer::Unsure { why: "the connection was lost".into() };
                let answer = match self.loses_answers {
                    Some(false) => unsure,
                    lost => {
                        let answer = self.world.claim_now(expected, wanted, now);
                        self.keep_store();
                        if lost.is_some() { unsure } else { answer }
                    }
                };
                Input::Claimed(claimed(answer))
            }
            Effect::Record(entries) => {
                self.told.extend(entries.iter().map(|entry| (who, entry.what.to_string())));
                Input::Recorded(Ok(()))
            }
            Effect::Perform(permit) => {
                let action = permit.action().clone();
                let ours = permit.claim().map(|c| (c.epoch, c.holder.clone()));
                let theirs = self.world.world().store.claim.as_ref().map(|c| (c.epoch, c.holder.clone()));
                let answer = self.world.perform_now(permit, now);
                if ours != theirs {
                    self.stale.push((action.clone(), answer.clone()));
                }
                self.answers.push((who, action, answer.clone()));
                self.keep_store();
                Input::Performed(answer)
            }
            Effect::SleepUntil(_) | Effect::Done => Input::Wake,
        }
    }

    fn keep_store(&mut self) {
        let store = self.world.world().store.clone();
        if self.older.last() != Some(&store) {
            self.older.push(store);
        }
    }

    /// Lets a controller go on until it sleeps.
    fn whole_turn(&mut self, who: usize) {
        self.go_on(who);
        while self.controllers[who].wants.is_some() {
            self.go_on(who);
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now = later(self.now, time);
        self.world.advance_to(self.now);
    }

    /// Lets those who are not standing still go on by their own clocks for so long; false if they never come to rest.
    fn run(&mut self, who: &[usize], time: Duration) -> bool {
        let until = later(self.now, time);
        for _ in 0..MANY {
            for &who in who {
                if self.controllers[who].wakes <= self.now || self.controllers[who].wants.is_some() {
                    self.whole_turn(who);
                }
            }
            let wakes = who.iter().map(|&who| self.controllers[who].wakes);
            let next = wakes.chain(self.world.next_event()).min().unwrap_or(until).max(later(self.now, TICK));
            if next >= until {
                self.pass(Duration::try_from(until.duration_since(self.now)).unwrap_or_default());
                return true;
            }
            self.now = next;
            if self.world.advance_to(next) {
                who.iter().for_each(|&who| self.controllers[who].wakes = next);
            }
        }
        false
    }

    fn hand(&mut self, hand: Hand) {
        // What the cluster does not let happen does not happen.
        let _ = self.world.poke(hand, self.now);
    }

    /// What the world itself says has gone wrong.
    fn wrongs(&self) -> Vec<String> {
        // A store that runs backwards over the mark of our pause makes that a person's, as it were: a known gap.
        let counts = |v: &&Violation| !(self.store_ran_backwards && v.kind == ViolationKind::PauseUndone);
        let violations = self.world.violations().iter().filter(counts).map(ToString::to_string);
        let world = self.world.world();
        let takes_down = |action: &Action| {
            action.needs_empty_node() || matches!(action, Action::Handoff { .. } | Action::StopRole { .. })
        };
        let at_work: Vec<_> =
            world.nodes.values().filter_map(|n| n.running()).filter(|w| takes_down(&w.action)).collect();
        let both = (at_work.len() > 1).then(|| format!("two at once: {}, {}", at_work[0].action, at_work[1].action));
        let obeyed = self.stale.iter().filter(|(_, answer)| *answer == Answer::Accepted);
        let obeyed = obeyed.map(|(action, _)| format!("a stale command was obeyed: {action}"));
        violations.chain(both).chain(obeyed).collect()
    }

    fn is_converged(&self) -> bool {
        let (cluster, world) = (self.desired.clusters.values().next().expect("a cluster"), self.world.world());
        cluster.nodes.iter().all(|(name, spec)| {
            let installed = world.nodes[name].installed.iter();
            let installed = installed.map(|(p, v)| (p.clone(), Known::seen(Some(v.clone()), self.now))).collect();
            spec.rollup.standing(&installed) == Ok(Standing::Current)
        })
    }

    fn decision(&self, who: usize) -> &Decision {
        &self.controllers[who].turn.memory.last_look.as_ref().expect("it has looked").decision
    }

    fn node(name: &str) -> NodeName {
        NodeName::from(name)
    }
}

/// The shortest time between two looks.
const TICK: Duration = Duration::from_millis(100);

// === Chance ===

#[derive(Clone, Debug)]
enum Move {
    /// One goes on, by so many effects; the other stands still.
    GoOn {
        who: usize,
        effects: u8,
    },
    /// Time passes, and both stand still.
    Pass {
        seconds: u32,
    },
    /// A host's clock is set.
    Jump {
        who: usize,
        seconds: i64,
    },
    /// A person takes the cluster over, for one of them.
    TakeOver {
        who: usize,
    },
    /// The network cuts off the first node, or heals.
    CutOff,
    Reconnect,
    /// The store is again as it was, so many changes ago.
    StoreRunsBackwards {
        changes: usize,
    },
}

fn moves(with_store: bool) -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        12 => (0..2usize, 1..12u8).prop_map(|(who, effects)| Move::GoOn { who, effects }),
        4 => (0..400u32).prop_map(|seconds| Move::Pass { seconds }),
        1 => (0..2usize, -7200..7200i64).prop_map(|(who, seconds)| Move::Jump { who, seconds }),
        1 => (0..2usize).prop_map(|who| Move::TakeOver { who }),
        u32::from(with_store) => Just(Move::CutOff),
        u32::from(with_store) => Just(Move::Reconnect),
        u32::from(with_store) => (1..6usize).prop_map(|changes| Move::StoreRunsBackwards { changes }),
    ];
    proptest::collection::vec(one, 1..120)
}

impl Two {
    fn make(&mut self, step: &Move) {
        match *step {
            Move::GoOn { who, effects } => (0..effects).for_each(|_| self.go_on(who)),
            Move::Pass { seconds } => self.pass(Duration::from_secs(seconds.into())),
            Move::Jump { who, seconds } => {
                let by = SignedDuration::from_secs(seconds);
                self.controllers[who].off += by;
                self.controllers[who].turn.clock_jumped(by);
            }
            Move::TakeOver { who } => {
                let seen = self.world.observe_by(self.controllers[who].off, self.now);
                self.controllers[who].turn.take_over(&seen);
            }
            Move::CutOff => {
                let first = self.world.world().nodes.keys().next().cloned();
                self.hand(Hand::CutOff { nodes: first.into_iter().collect() });
            }
            Move::Reconnect => self.hand(Hand::Reconnect),
            Move::StoreRunsBackwards { changes } => {
                if let Some(store) = self.older.iter().rev().nth(changes).cloned() {
                    self.store_ran_backwards = true;
                    self.hand(Hand::Store { store: Box::new(ClusterStore::clone(&store)) });
                }
            }
        }
    }
}

/// Every interleaving of both, `RUNS` times; what the nodes said to stale commands, over all of them.
fn interleave(shape: &str, handoff: &str, with_store: bool) -> BTreeSet<String> {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config { failure_persistence: None, ..Config::with_cases(RUNS) }, rng);
    let refusals = std::cell::RefCell::new(BTreeSet::new());
    let outcome = runner.run(&moves(with_store), |moves| {
        let mut two = Two::over(shape, handoff);
        for step in &moves {
            two.make(step);
            prop_assert_eq!(two.wrongs(), Vec::<String>::new(), "after {:?}", step);
        }
        two.hand(Hand::Reconnect);
        prop_assert!(two.run(&[0, 1], Duration::from_secs(12 * 3600)), "they never come to rest");
        prop_assert_eq!(two.wrongs(), Vec::<String>::new());
        // Where the store ran backwards, a pause of ours may count as a person's.
        prop_assert!(with_store || two.is_converged(), "{:?}; {:?}", two.decision(0), two.decision(1));
        let checks = two.stale.iter().filter_map(|(_, answer)| match answer {
            Answer::Refused { check, .. } => Some(check.clone()),
            _ => None,
        });
        refusals.borrow_mut().extend(checks);
        Ok(())
    });
    outcome.unwrap_or_else(|why| panic!("{why}"));
    refusals.into_inner()
}

#[test]
fn whoever_goes_on_when_one_at_most_is_obeyed() {
    let mut refusals = interleave(CCR, "when: anytime", false);
    refusals.extend(interleave(CCR, "when: anytime, style: offline", false));
    refusals.extend(interleave(SCC, "when: anytime", false));
    for check in ["claimIsOurs", "epoch"] {
        assert!(refusals.contains(check), "no stale command was refused by {check}: {refusals:?}");
    }
}

#[test]
fn a_store_that_runs_backwards_lets_nobody_act_twice() {
    interleave(CCR, "when: anytime", true);
    interleave(&CCR.replace("{model: fileShare}", "{model: twoNode}"), "when: anytime", true);
    interleave(SCC, "when: anytime", true);
}

// === Stories ===

/// Lets it go on until it holds a command to do this in its hand.
fn about_to(two: &mut Two, who: usize, kind: &str) {
    for _ in 0..MANY {
        if matches!(&two.controllers[who].wants, Some(Effect::Perform(permit)) if permit.action().to_string().starts_with(kind))
        {
            return;
        }
        if two.controllers[who].wants.is_none() {
            let wakes = two.controllers[who].wakes.min(two.world.next_event().unwrap_or(Time::MAX));
            two.now = wakes.max(two.now);
            two.world.advance_to(two.now);
        }
        two.go_on(who);
    }
    panic!("it never came to {kind}");
}

#[test]
fn a_command_that_slept_longer_than_its_lease_is_refused_on_the_node() {
    let mut two = Two::over(CCR, "when: anytime");
    about_to(&mut two, 0, "Pause B");
    // The left one stands still. Its heartbeat is silent, and the right one takes over, and pauses the node itself.
    let before = two.answers.len();
    two.run(&[1], Duration::from_secs(60));
    assert_eq!(two.answers.len(), before, "a lease of {:?} is not over", rollward::reconcile::memory::SILENCE);
    about_to(&mut two, 1, "Pause B");
    two.go_on(0);
    let (_, action, answer) = two.answers.last().expect("the stale command was given");
    assert_eq!(action.to_string(), "Pause B");
    assert_eq!(
        *answer,
        Answer::Refused { check: "claimIsOurs".into(), saw: "the cluster's claim is 2@right".into() },
        "announced, checked, and taken back"
    );
    assert!(two.world.world().store.marks.is_empty(), "{:?}", two.world.world().store.marks);
    // Once the node has obeyed the new claim, it refuses the old one by itself.
    two.go_on(1);
    assert_eq!(two.answers.last().map(|(_, _, answer)| answer), Some(&Answer::Accepted));
    two.run(&[0, 1], Duration::from_secs(6 * 3600));
    assert_eq!((two.wrongs(), two.is_converged()), (Vec::new(), true));
}

#[test]
fn a_claim_that_nobody_knows_of_is_a_hold_with_a_name() {
    for written in [false, true] {
        let mut two = Two::over(CCR, "when: anytime");
        two.loses_answers = Some(written);
        two.run(&[0], Duration::from_secs(180));
        let holds = two.decision(0).holds();
        let [hold] = holds else { panic!("{holds:?}") };
        assert_eq!(hold.rule, RuleName::Fence);
        assert!(hold.to_string().contains("the answer to our claim is the connection was lost"), "{hold}");
        assert!(two.answers.is_empty(), "{:?}", two.answers);
        // It is told once, and not at every try.
        let told = two.told.iter().filter(|(_, line)| line.starts_with("wait: fence holds"));
        assert_eq!(told.count(), 1, "{:?}", two.told);
        // While it asks once more, the hold is still there.
        two.now = two.controllers[0].wakes;
        two.go_on(0);
        while !matches!(two.controllers[0].wants, Some(Effect::Claim { .. })) {
            two.go_on(0);
        }
        assert_eq!(two.decision(0).holds().first().map(|hold| hold.rule), Some(RuleName::Fence));
        two.loses_answers = None;
        two.run(&[0], Duration::from_secs(6 * 3600));
        assert_eq!((two.wrongs(), two.is_converged()), (Vec::new(), true));
    }
}

#[test]
fn who_is_alive_is_not_replaced_however_long_it_waits() {
    let mut two = Two::over(CCR, "when: anytime");
    about_to(&mut two, 0, "Pause B");
    two.go_on(0);
    two.hand("stop-cluster A".parse().expect("a deed"));
    // It waits, with a node paused and nothing to do: its heart beats all the same.
    for _ in 0..20 {
        two.run(&[0, 1], Duration::from_secs(180));
        let claim = two.world.world().store.claim.clone();
        let holder = claim.map(|claim| claim.holder);
        assert!(holder.is_none_or(|holder| holder == Holder::from("left")), "the right one took over");
    }
    assert!(two.answers.iter().all(|(who, ..)| *who == 0), "{:?}", two.answers);
}

#[test]
fn a_person_may_replace_who_is_alive() {
    let mut two = Two::over(CCR, "when: anytime");
    about_to(&mut two, 0, "Install");
    two.run(&[1], Duration::from_secs(30));
    // The left one's heart has not beaten since the right one looked first, and the right one says so.
    let age = two.controllers[1].turn.heartbeat_age(two.clock(1));
    assert!(age.is_some_and(|age| age >= Duration::from_secs(20)), "{age:?}");
    let held_by: Vec<_> = two.decision(1).holds().iter().map(|hold| hold.rule).collect();
    assert!(held_by.contains(&RuleName::Fence), "{held_by:?}");
    two.make(&Move::TakeOver { who: 1 });
    two.whole_turn(1);
    let begun = two.answers.last().map(|(who, _, answer)| (*who, answer.clone()));
    assert_eq!(begun, Some((1, Answer::Accepted)), "the right one is in charge now");
    two.go_on(0);
    let (_, action, answer) = two.answers.last().expect("it acted");
    let saw = "on B, Install exchange-2007-sp3-ru8-v3 on B is running".into();
    assert_eq!(*answer, Answer::Refused { check: "lock".into(), saw }, "{action}");
    two.run(&[0, 1], Duration::from_secs(6 * 3600));
    assert_eq!((two.wrongs(), two.is_converged()), (Vec::new(), true));
    assert!(two.world.world().nodes[&Two::node("B")].epoch_seen >= 2);
}
