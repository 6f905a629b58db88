//! The daemon may be killed between any two effects of its loop, and started again with its state folder or without,
//! here or on another host: the same handoffs, nothing violated, nothing left behind, every node updated.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rollward::desired::Desired;
use rollward::drivers::simulator::Hand;
use rollward::fleet::simulated::{End, Simulated};
use rollward::guard::{Approval, RuleSet};
use rollward::model::time::later;
use rollward::model::{Action, ClusterName, Holder, RuleName};
use rollward::reconcile::memory;
use rollward::record::{Change, Entry, EntryKind, OpenMode, Roll, Store};
use rollward::simulate::{LIMIT, RunEnd, look_back, open, to_the_end};

use crate::estates::{self, CCR, SCC};

/// Shape, and how roles are handed over.
fn rolls() -> [(&'static str, String, &'static str); 6] {
    [
        ("ccr", CCR.into(), "when: anytime"),
        ("ccr, offline", CCR.into(), "when: anytime, style: offline"),
        ("ccr, approved", CCR.into(), "when: approval"),
        ("scc", SCC.into(), "when: anytime"),
        ("scc, offline", SCC.into(), "when: anytime, style: offline"),
        ("scr", estates::scr(), "when: anytime"),
    ]
}

/// Who goes on after the kill.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    /// The same host, with its state folder: approvals are remembered.
    WithItsState,
    /// The same host, with an empty state folder.
    WithoutState,
    /// Another host, which must wait until the first one's claim is silent.
    Elsewhere,
}

/// The undisturbed roll gives the effects; then the daemon is killed after each of them.
#[test]
fn a_kill_at_any_effect_changes_nothing() {
    for (name, shape, handoff) in rolls() {
        let desired = estates::estate(&shape, handoff);
        let (effects, undisturbed) = undisturbed(&desired);
        assert_eq!((undisturbed.end, undisturbed.is_wrong()), (End::Converged, false), "{name}: {undisturbed:#?}");
        for n in 0..effects {
            for then in [Then::WithItsState, Then::WithoutState, Then::Elsewhere] {
                // Another host costs nothing new at most effects, and time at all of them.
                // Nor does it know of the approval: that is for people to give again.
                if then == Then::Elsewhere && (n % 4 != 0 || handoff.contains("approval")) {
                    continue;
                }
                let dead_for = if n % 2 == 0 { Duration::ZERO } else { Duration::from_secs(600) };
                let (mut simulated, told) = killed(&desired, n);
                resurrect(&mut simulated, &desired, then, dead_for);
                let end = to_the_end(&mut simulated, LIMIT, true);
                let end = look_back(&mut simulated, end);
                let what = format!(
                    "{name}, killed after effect {n} of {effects} ({told}), dead for {dead_for:?}, then {then:?}"
                );
                assert_eq!(end.end, End::Converged, "{what}: {end:#?}\n{}", simulated.story());
                assert_eq!(end.violations, Vec::<String>::new(), "{what}");
                assert_eq!(end.leaks, Vec::<String>::new(), "{what}");
                assert_eq!(end.handoffs, undisturbed.handoffs, "{what}: {end:#?}");
                if then == Then::WithItsState {
                    let rolls = simulated.fleet.turns().filter_map(|(_, turn)| turn.memory.roll.as_ref());
                    let spent: u32 = rolls.map(|roll| roll.counts.spent).sum();
                    assert_eq!(u64::from(spent), end.handoffs, "{what}: told to have been spent");
                }
            }
        }
    }
}

/// While nobody is in charge, a person pauses a node: it is left alone until they resume it.
#[test]
fn a_person_may_pause_a_node_while_the_daemon_is_dead() {
    for (name, shape, handoff) in &rolls()[..4] {
        let desired = estates::estate(shape, handoff);
        let (effects, _) = undisturbed(&desired);
        for n in (0..effects).step_by(3) {
            for node in ["A", "B"] {
                let (mut simulated, told) = killed(&desired, n);
                let cluster = simulated.worlds.keys().next().cloned().expect("a cluster");
                let paused = poke(&mut simulated, &cluster, &format!("pause {node}"));
                resurrect(&mut simulated, &desired, Then::WithoutState, Duration::ZERO);
                let end = to_the_end(&mut simulated, LIMIT, true);
                let end = look_back(&mut simulated, end);
                let what = format!("{name}, killed after effect {n} ({told}), {node} paused: {paused:?}");
                assert_eq!(end.violations, Vec::<String>::new(), "{what}");
                assert_eq!(end.unexplained, Vec::<String>::new(), "{what}\n{}", simulated.story());
                if paused.is_ok() && poke(&mut simulated, &cluster, &format!("resume {node}")).is_ok() {
                    let end = to_the_end(&mut simulated, LIMIT, true);
                    let end = look_back(&mut simulated, end);
                    assert_eq!(end.end, End::Converged, "{what}, and resumed: {end:#?}\n{}", simulated.story());
                    assert_eq!((end.violations, end.leaks), (Vec::new(), Vec::new()), "{what}, and resumed");
                }
            }
        }
    }
}

/// While nobody is in charge, another controller claims the cluster, and leaves again.
#[test]
fn another_controller_may_claim_while_the_daemon_is_dead() {
    let desired = estates::estate(CCR, "when: anytime, style: offline");
    let (effects, undisturbed) = undisturbed(&desired);
    for n in (0..effects).step_by(2) {
        let (mut simulated, told) = killed(&desired, n);
        let cluster = simulated.worlds.keys().next().cloned().expect("a cluster");
        poke(&mut simulated, &cluster, "rival-claim other").expect("anybody may claim");
        resurrect(&mut simulated, &desired, Then::WithItsState, Duration::ZERO);
        simulated.run(Duration::from_secs(60));
        // Gone without a word, or leaving properly.
        if n % 4 == 0 {
            poke(&mut simulated, &cluster, "rival-leaves other").expect("it was there");
        }
        let end = to_the_end(&mut simulated, LIMIT, true);
        let end = look_back(&mut simulated, end);
        let what = format!("killed after effect {n} ({told})");
        assert_eq!(end.end, End::Converged, "{what}: {end:#?}");
        assert_eq!((end.violations, end.leaks), (Vec::new(), Vec::new()), "{what}");
        assert_eq!(end.handoffs, undisturbed.handoffs, "{what}");
    }
}

/// Handoffs that fail are counted on the node that the role does not leave: a daemon that forgets everything again and
/// again tries no more often than one that remembers.
#[test]
fn failed_handoffs_are_not_forgotten_with_the_state_folder() {
    let fails = format!("{CCR}      faults: [{{on: {{action: Handoff}}, kind: moveFails}}]\n");
    let desired = estates::estate(&fails, "when: anytime");
    // Fewer effects than from one look to the action that it leads to, and no life gets anything done.
    for effects_each in (7..20).map(Some).chain([None]) {
        let mut simulated = open(&desired, RuleSet::ALL).expect("the worlds are sound");
        simulated.effects_left = effects_each;
        while to_the_end(&mut simulated, LIMIT, true) == End::Killed {
            simulated.restart();
            simulated.effects_left = effects_each;
        }
        let end = look_back(&mut simulated, End::AtRest);
        assert!(end.held_by.contains(&RuleName::Budget), "killed after every {effects_each:?} effects: {end:#?}");
        let (_, world) = simulated.worlds.iter().next().expect("a cluster");
        let failed: Vec<_> = world.world().nodes["A"].failed_handoffs.iter().map(|f| f.failed).collect();
        assert_eq!(failed, [2], "killed after every {effects_each:?} effects; once, and once more: `retries: 1`");
    }
}

fn undisturbed(desired: &Arc<Desired>) -> (u64, RunEnd) {
    let mut simulated = open(desired, RuleSet::ALL).expect("the worlds are sound");
    let end = to_the_end(&mut simulated, LIMIT, true);
    (simulated.effects, look_back(&mut simulated, end))
}

/// The same roll, cut short; and the last thing that was done.
fn killed(desired: &Arc<Desired>, after: u64) -> (Simulated, String) {
    let mut simulated = open(desired, RuleSet::ALL).expect("the worlds are sound");
    simulated.effects_left = Some(after);
    assert_eq!(to_the_end(&mut simulated, LIMIT, true), End::Killed);
    let told = simulated.actions().last().map_or_else(|| "nothing".to_owned(), |(_, _, action)| action.to_string());
    (simulated, told)
}

fn resurrect(simulated: &mut Simulated, desired: &Arc<Desired>, then: Then, dead_for: Duration) {
    simulated.advance(later(simulated.now, dead_for));
    let approvals: Vec<(ClusterName, Vec<Approval>)> =
        simulated.fleet.turns().map(|(name, turn)| (name.clone(), turn.history.approvals.clone())).collect();
    match then {
        Then::WithoutState => simulated.restart(),
        Then::WithItsState => {
            let home = tempfile::tempdir().expect("a folder");
            let store = Store::open(home.path(), OpenMode::Write).expect("a record");
            let lines = recorded(&simulated.journal);
            store.write(&lines).expect("it can be written");
            let rolls = store.rolls().expect("it can be read");
            simulated.restart();
            for (name, approvals) in approvals {
                let Some(turn) = simulated.fleet.turn_mut(&name) else { continue };
                turn.history.approvals = approvals;
                let Some(roll) = rolls.get(&name) else { continue };
                let Roll { started, ended, counts, uncounted } = roll.clone();
                turn.memory.roll = Some(memory::Roll::kept(started, ended, counts, uncounted));
                if roll.ended.is_none() {
                    let begun = store.begun(&name, roll.started).expect("it can be read");
                    turn.memory.begun = begun.into_iter().map(Into::into).collect();
                }
            }
        }
        Then::Elsewhere => {
            let worlds = std::mem::take(&mut simulated.worlds);
            *simulated = Simulated::new(Arc::clone(desired), worlds, Holder::from("another host"), RuleSet::ALL);
        }
    }
}

/// What a daemon writes of such a journal: its lines, and with those that prove a handoff the ledger of their roll.
fn recorded(journal: &[Entry]) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut rolls: BTreeMap<ClusterName, Roll> = BTreeMap::new();
    for entry in journal {
        changes.push(Change::from(entry.clone()));
        match &entry.what {
            EntryKind::RollStarted { counts } => {
                let roll = Roll { started: entry.at, ended: None, counts: *counts, uncounted: BTreeSet::new() };
                rolls.insert(entry.cluster.clone(), roll);
            }
            EntryKind::Outcome { action: Action::Handoff { .. }, failure: None, .. } => {
                let roll = rolls.get_mut(&entry.cluster).expect("it is of a roll");
                roll.counts.spent += 1;
                roll.counts.planned = roll.counts.planned.saturating_sub(1);
                changes.push(Change::Roll(entry.cluster.clone(), roll.clone()));
            }
            _ => {}
        }
    }
    changes
}

fn poke(simulated: &mut Simulated, cluster: &ClusterName, deed: &str) -> Result<String, String> {
    let hand: Hand = deed.parse().expect("the deed has words");
    let now = simulated.now;
    let said = simulated.worlds.get_mut(cluster).expect("the cluster exists").poke(hand, now);
    simulated.fleet.wake(cluster, now);
    said
}
