//! The clock of the management host is set while the loop runs: windows are the wall's, ages are not.

use std::time::Duration;

use rollward::fleet::simulated::{End, Simulated};
use rollward::guard::RuleSet;
use rollward::model::time::between;
use rollward::model::{Action, Answer, Phase, Time};
use rollward::record::EntryKind;
use rollward::simulate::{LIMIT, look_back, open, to_the_end};

use crate::simulate::{demo, pair};

const CLUSTER: &str = "mbx-ccr-01";

/// The demo's pair, which these faults befall, every night from ten to five.
fn at_night(faults: &str) -> Simulated {
    befallen(faults, "window")
}

/// The same, at any time.
fn anytime(faults: &str) -> Simulated {
    befallen(faults, "anytime")
}

fn befallen(faults: &str, when: &str) -> Simulated {
    let start = "startAt: 2017-04-01T20:00:00Z";
    let with = |text: String| {
        let text = text.replace(start, &format!("{start}\n      faults: [{faults}]"));
        text.replace("when: window ", &format!("when: {when} ")).replace("{when: window}", &format!("{{when: {when}}}"))
    };
    let texts: Vec<_> = demo().into_iter().map(|(name, text)| (name, with(text))).collect();
    open(&pair(&texts), RuleSet::ALL).unwrap()
}

/// What was begun, and when by the controller's clock.
fn begun(simulated: &Simulated) -> Vec<(Time, Action)> {
    let begins = simulated.journal.iter().filter_map(|entry| match &entry.what {
        EntryKind::Answered { action, answer: Answer::Accepted | Answer::Unsure { .. } } => {
            Some((entry.at, action.clone()))
        }
        _ => None,
    });
    begins.filter(|(_, action)| action.phase() == Phase::Begin).collect()
}

/// Heartbeats are aged by a clock that nobody sets: whoever lives is not taken for dead.
#[test]
fn a_living_controller_is_not_taken_for_dead_because_our_clock_was_set() {
    for backwards in [false, true] {
        let mut simulated = anytime(&format!(
            "{{at: 0s, kind: secondController, holder: another-host, for: 3h}}, \
             {{at: 10m, kind: hostClockJump, by: 1h, backwards: {backwards}}}"
        ));
        simulated.run(Duration::from_secs(3600));
        let claim = simulated.worlds[CLUSTER].world().store.claim.clone();
        assert_eq!(claim.unwrap().holder.as_str(), "another-host", "backwards: {backwards}\n{}", simulated.story());
        assert!(begun(&simulated).is_empty(), "{}", simulated.story());
        // Once it is really gone, we go on.
        assert_eq!(to_the_end(&mut simulated, LIMIT, true), End::Converged, "{}", simulated.story());
    }
}

/// Whatever the clock says in the middle of it, nothing takes longer, and nothing is left behind.
#[test]
fn a_roll_takes_as_long_as_it_would_have_taken() {
    let mut calm = anytime("");
    assert_eq!(to_the_end(&mut calm, LIMIT, true), End::Converged);
    let took = between(calm.started, calm.now);
    for action in ["Pause", "Install", "Handoff", "Resume"] {
        for (by, backwards) in [("1h", true), ("1h", false), ("26h", true)] {
            let fault = format!(
                "{{on: {{action: {action}, attempt: 1}}, kind: hostClockJump, by: {by}, backwards: {backwards}}}"
            );
            let mut simulated = anytime(&fault);
            let end = to_the_end(&mut simulated, LIMIT, true);
            let now = between(simulated.started, simulated.now);
            let end = look_back(&mut simulated, end);
            assert!(!end.is_wrong() && end.end == End::Converged, "{fault}: {end:#?}\n{}", simulated.story());
            assert_eq!(end.handoffs, 1, "{fault}\n{}", simulated.story());
            let late = now > took + Duration::from_secs(180);
            assert!(!late, "{fault}: {now:?} instead of {took:?}\n{}", simulated.story());
        }
    }
}

/// What the host's clock says is what windows are asked by, from the next look on.
#[test]
fn nothing_begins_outside_the_window_that_the_clock_shows() {
    let zone = jiff::tz::TimeZone::get("Europe/Paris").unwrap();
    for (by, backwards) in [("8h", false), ("3h", true)] {
        let mut simulated = at_night(&format!("{{at: 5m, kind: hostClockJump, by: {by}, backwards: {backwards}}}"));
        assert_eq!(to_the_end(&mut simulated, LIMIT, true), End::Converged, "{}", simulated.story());
        for (at, action) in begun(&simulated) {
            let hour = at.to_zoned(zone.clone()).hour();
            assert!(!(5..22).contains(&hour), "{action} at {at}\n{}", simulated.story());
        }
        let waited = between(simulated.started, simulated.now) > Duration::from_secs(3 * 3600);
        assert!(waited, "the clock left the window and nothing waited\n{}", simulated.story());
    }
}
