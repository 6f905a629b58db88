//! Being in charge: the claim is kept alive, and is kept, for as long as something of ours may be in the cluster.

use std::time::Duration;

use rollward::fleet::Step;
use rollward::fleet::simulated::Simulated;
use rollward::guard::RuleSet;
use rollward::model::time::{between, later};
use rollward::model::{Action, Claim, Known};
use rollward::observed::Observation;
use rollward::reconcile::memory::HEARTBEAT;
use rollward::reconcile::{Effect, Input};
use rollward::simulate::open;

use crate::estates::{self, CCR};

const CLUSTER: &str = "ccr";

/// A pair in the middle of an install that takes hours.
fn installing() -> Simulated {
    let slow = CCR.replace("quorum:", "durations: {install: 5h}\n      quorum:");
    let mut fleet = open(&estates::estate(&slow, "when: anytime"), RuleSet::ALL).expect("the world is sound");
    for _ in 0..600 {
        paced(&mut fleet, Duration::from_secs(1), |_| ());
        let nodes = fleet.worlds[CLUSTER].world().nodes.values();
        if nodes.filter_map(|n| n.running()).any(|work| matches!(work.action, Action::Install { .. })) {
            return fleet;
        }
    }
    panic!("nothing is installed:\n{}", fleet.story());
}

/// Lets time pass as on a clock that runs by itself: everybody wakes when they asked to.
fn paced(fleet: &mut Simulated, at_most: Duration, mut each: impl FnMut(&Simulated)) {
    let until = later(fleet.now, at_most);
    loop {
        assert!(fleet.settle(), "nobody kills it");
        each(fleet);
        let event = fleet.worlds.values().filter_map(|world| world.next_event()).min();
        match fleet.fleet.next_wake().into_iter().chain(event).min().filter(|at| *at <= until) {
            Some(next) => fleet.advance(next.max(fleet.now)),
            None => return fleet.advance(until),
        }
    }
}

fn claim(fleet: &Simulated) -> Claim {
    fleet.worlds[CLUSTER].world().store.claim.clone().expect("somebody is in charge")
}

/// Looks at what takes hours come ever more seldom. Others count whoever has not been heard of for longer as gone.
#[test]
fn a_claim_is_kept_alive_while_its_holder_waits() {
    let mut fleet = installing();
    let (mut heard, mut at, mut longest, mut beats) = (claim(&fleet), fleet.now, Duration::ZERO, 0);
    paced(&mut fleet, Duration::from_secs(4 * 3600), |fleet| {
        let now = claim(fleet);
        if now != heard {
            beats += 1;
            longest = longest.max(between(at, fleet.now));
            (heard, at) = (now, fleet.now);
        }
    });
    assert!(beats > 4 * 3600 / 40, "{beats} beats in four hours");
    assert!(longest <= HEARTBEAT * 2, "not heard of for {longest:?}");
}

/// Gives the loop a look that shows this, and says whether the claim was given up upon it.
fn gives_up_upon(fleet: &mut Simulated, blind: impl Fn(&mut Observation)) -> bool {
    let (name, now) = (CLUSTER.into(), fleet.clock());
    let mut seen = fleet.look(&name).expect("it is there");
    blind(&mut seen);
    fleet.fleet.wake(&name, now);
    let mut effects: Vec<Effect> = fleet.fleet.begin_due(now).into_iter().map(|(_, effect)| effect).collect();
    while let Some(effect) = effects.pop() {
        let input = match effect {
            Effect::Observe => Input::Observed(Box::new(seen.clone())),
            Effect::Record(_) => Input::Recorded(Ok(())),
            Effect::Claim { wanted: None, .. } => return true,
            Effect::Claim { wanted, .. } => Input::Claimed(Ok(wanted)),
            other => panic!("nothing else is to be done: {other:?}"),
        };
        if let Step::Do(next) = fleet.fleet.input(&name, input, now) {
            effects.push(next);
        }
    }
    false
}

/// Where the store cannot be read but for the claim, there may be a pause of ours in it.
#[test]
fn a_claim_is_not_given_up_while_marks_cannot_be_read() {
    let mut fleet = installing();
    let no_work = |seen: &mut Observation| {
        let at = seen.at;
        seen.nodes.values_mut().for_each(|node| node.work = Known::seen(None, at));
    };
    let upon_none = gives_up_upon(&mut fleet, |seen| {
        no_work(seen);
        seen.marks = Known::seen(Vec::new(), seen.at);
        seen.nodes.values_mut().for_each(|node| node.paused = Known::unknown("for the test"));
    });
    assert!(upon_none, "with no mark left there is nothing to be in charge of");
    let upon_unknown = gives_up_upon(&mut installing(), |seen| {
        no_work(seen);
        seen.marks = Known::unknown("the store does not answer");
    });
    assert!(!upon_unknown);
}
