//! What befalls worlds.

use super::super::spec::FaultKind;
use super::*;
use crate::model::Known;
use crate::observed::CopyStatus;

fn emptied(faults: &str) -> Story {
    let mut s = Story::ccr(faults);
    s.done(move_group("Cluster Group", "N2", "N1"));
    s.done(stage("N2"));
    s
}

#[test]
fn a_failed_install_is_counted_on_the_node_and_may_leave_services_disabled() {
    let mut s = emptied(
        "faults: [{on: {action: Install, node: N2, attempt: 1}, kind: installFails, exitCode: 1603, leavesDisabled: true}]\n",
    );
    assert_eq!(s.failure(install("N2")).as_deref(), Some("msiexec 1603: fatal error"));
    let node = &s.world().nodes["N2"];
    assert_eq!((node.tries[0].failed, node.tries[0].retryable), (1, true));
    assert!(node.services.baseline_saved && node.services.differing.len() == 3);
    s.wait(5);
    let now = s.now();
    let Known::Known { value: copy, .. } = s.sim.observe_now(now).groups["MBX1"].copies["N2"] else { panic!("known") };
    assert_eq!(copy.status, CopyStatus::ServiceDown, "a disabled service copies nothing");
    s.done(Action::RestoreServices { node: n("N2") });
    assert_eq!(s.failure(install("N2")), None);
    assert_eq!(s.world().nodes["N2"].tries, []);
}

#[test]
fn setup_refuses_what_it_can_see_before_it_touches_anything() {
    let before = |poke: &str| {
        let mut s = emptied("");
        s.poke(poke).expect("done");
        let failure = s.failure(install("N2")).expect("a failure");
        assert_eq!(s.membership("N2"), Some(Membership::Up));
        assert!(!s.world().nodes["N2"].services.baseline_saved);
        failure
    };
    assert_eq!(before("start-installer N2"), "msiexec 1618: another installation is running");
    assert_eq!(before("disk N2 10"), "setup aborted: not enough disk space");
    assert_eq!(before("install-interim N2 KB123456"), "setup refused: interim update KB123456 is installed");
    let mut s = Story::of("ccr", &CCR.replace("N2: {version: 8.3.264.0", "N2: {version: 8.2.176.2"));
    s.done(stage("N2"));
    let failure = s.failure(install("N2")).expect("a failure");
    assert_eq!(failure, "msiexec 1642: patch target not found, or at another service pack");
}

#[test]
fn a_reboot_is_asked_for_or_started() {
    let mut s = emptied("faults: [{on: {action: Install}, kind: asksReboot}]\n");
    assert_eq!(s.done(install("N2")).and_then(|w| w.ended).and_then(|e| e.exit_code), Some(3010));
    assert!(s.world().nodes["N2"].pending_reboot);
    s.done(Action::Reboot { node: n("N2") });
    assert!(!s.world().nodes["N2"].pending_reboot);
    let mut s = emptied("faults: [{on: {action: Install}, kind: rebootStarted}]\n");
    s.done(install("N2"));
    assert_eq!(s.membership("N2"), Some(Membership::Down));
    s.wait(20);
    assert_eq!(s.membership("N2"), Some(Membership::Up));
    assert_eq!(s.violations(), []);
}

#[test]
fn a_machine_that_dies_in_an_install_leaves_its_announcement_and_disabled_services() {
    let mut s = emptied("faults: [{on: {action: Install}, kind: nodeCrash, for: 5m}]\n");
    s.begin(install("N2"), Vec::new());
    s.wait(60);
    let node = &s.world().nodes["N2"];
    let end = node.work.clone().and_then(|w| w.ended).and_then(|e| e.failure);
    assert_eq!(end.as_deref(), Some("the node died"));
    assert_eq!(s.world().store.marks.len(), 1, "nobody could take it back");
    assert!(!node.services.differing.is_empty());
    let mark = s.world().store.marks[0].clone();
    assert_eq!(s.begin(Action::Release { mark }, Vec::new()), Answer::Accepted);
    assert_eq!(s.sim.faults_fired().collect::<Vec<_>>(), [(FaultKind::NodeCrash, 1)]);
}

#[test]
fn an_installer_that_hangs_hangs_until_it_is_killed() {
    let mut s = emptied("faults: [{on: {action: Install}, kind: installHangs}]\n");
    s.begin(install("N2"), Vec::new());
    s.wait(600);
    assert!(s.world().nodes["N2"].running().is_some());
    s.poke("kill-installer N2").expect("done");
    s.wait(5);
    assert_eq!(s.membership("N2"), Some(Membership::Up));
}

#[test]
fn moves_fail_at_their_start_or_late() {
    let mut s = Story::ccr("faults: [{on: {action: Handoff, attempt: 1}, kind: moveFails}]\n");
    assert_eq!(s.failure(handoff("MBX1", "N1", "N2")).as_deref(), Some("move failed: the group stayed where it was"));
    assert_eq!((s.owner("MBX1"), s.state("MBX1")), ("N1", GroupState::Online));
    assert_eq!(s.sim.outage_seconds().next().map(|(_, o)| o), Some(0));
    assert_eq!(s.failure(handoff("MBX1", "N1", "N2")), None);
    let mut s = Story::ccr("faults: [{on: {action: Handoff}, kind: moveFailsLate}]\n");
    assert!(s.failure(handoff("MBX1", "N1", "N2")).is_some_and(|f| f.contains("late")));
    assert_eq!((s.owner("MBX1"), s.state("MBX1")), ("N2", GroupState::PartiallyOnline));
    s.wait(60);
    assert_eq!(s.state("MBX1"), GroupState::PartiallyOnline, "nobody mounts it by itself");
    s.done(Action::StartRole { group: g("MBX1"), node: n("N2") });
    assert_eq!(s.state("MBX1"), GroupState::Online);
}

#[test]
fn a_lost_reply_says_nothing_of_what_was_done() {
    for done in [true, false] {
        let mut s = Story::ccr(&format!("faults: [{{on: {{action: Pause}}, kind: lostReply, done: {done}}}]\n"));
        assert!(matches!(s.begin(pause("N2"), Vec::new()), Answer::Unsure { .. }));
        s.wait(5);
        assert_eq!(s.world().nodes["N2"].paused.is_some(), done);
    }
}

#[test]
fn a_stale_look_has_old_times_and_old_facts() {
    let mut s = Story::ccr("faults: [{at: 1m, kind: staleRead, for: 10m}, {at: 2m, kind: hand, do: pause N2}]\n");
    let start = s.now();
    s.wait(5);
    let now = s.now();
    let seen = s.sim.observe_now(now);
    assert_eq!(seen.at, later(start, Duration::from_secs(60)));
    assert!(seen.nodes["N2"].paused.surely(|p| !*p));
    s.wait(10);
    let now = s.now();
    assert!(s.sim.observe_now(now).nodes["N2"].paused.surely(|p| *p));
}

#[test]
fn a_node_that_cannot_be_reached_is_unknown_but_for_what_others_say() {
    let mut s = Story::ccr("faults: [{at: 1m, kind: unreachable, node: N2, for: 10m}]\n");
    s.wait(2);
    let now = s.now();
    let seen = s.sim.observe_now(now);
    assert!(seen.nodes["N2"].work.is_unknown() && seen.is_up(&n("N2")));
    assert!(matches!(s.begin(pause("N2"), Vec::new()), Answer::Unsure { .. }));
}

#[test]
fn a_split_majority_takes_over_and_the_views_disagree() {
    let mut s = Story::ccr("faults: [{at: 1m, kind: splitView, nodes: [N1], for: 10m}]\n");
    s.wait(5);
    let now = s.now();
    let seen = s.sim.observe_now(now);
    assert_eq!(seen.views.len(), 2);
    assert_ne!(seen.views[0].members, seen.views[1].members);
    assert_eq!(s.owner("MBX1"), "N2");
    s.wait(20);
    assert_eq!(s.state("MBX1"), GroupState::Online);
}

#[test]
fn a_second_controller_takes_the_claim_and_beats() {
    let mut s = Story::ccr("faults: [{at: 1m, kind: secondController, holder: other, node: N2}]\n");
    s.wait(2);
    let beat = |s: &mut Story| {
        let now = s.now();
        match s.sim.observe_now(now).claim {
            Known::Known { value: Some(claim), .. } => (claim.holder.to_string(), claim.heartbeat),
            other => panic!("{other:?}"),
        }
    };
    let (holder, first) = beat(&mut s);
    s.wait(2);
    assert_eq!(holder, "other");
    assert!(beat(&mut s).1 > first);
    let refused = s.begin(pause("N2"), vec![Check::ClaimIsOurs]);
    assert!(matches!(refused, Answer::Refused { .. }), "{refused:?}");
    assert!(s.world().nodes["N2"].paused.is_some());
}

#[test]
fn the_store_runs_backwards_and_the_claim_is_gone() {
    let mut s = Story::ccr("faults: [{at: 20m, kind: storeRunsBackwards, by: 15m}]\n");
    s.wait(10);
    s.done(pause("N2"));
    assert_eq!(s.world().store.marks.len(), 1);
    s.wait(20);
    assert_eq!(s.world().store.marks, []);
    assert!(s.world().nodes["N2"].paused.is_some(), "the pause itself is no part of the store");
}

#[test]
fn the_same_seed_tells_the_same_story_and_another_another() {
    let tell = |seed: u32, look_often: bool| {
        let mut s = Story::of(
            "ccr",
            &format!(
                "{}faults: [{{at: 9m, kind: nodeCrash, node: N1, for: 5m}}]\n",
                CCR.replace("seed: 7", &format!("seed: {seed}"))
            ),
        );
        s.begin(stage("N2"), Vec::new());
        for _ in 0..120 {
            if look_often {
                let now = later(s.now(), Duration::from_secs(10));
                s.sim.observe_now(now);
            }
            s.sim.advance_to(later(s.now(), Duration::from_secs(if look_often { 20 } else { 30 })));
        }
        serde_json::to_string(s.sim.state()).expect("it can be written")
    };
    assert_eq!(tell(1, false), tell(1, true));
    assert_ne!(tell(1, false), tell(2, false));
}

#[test]
fn a_release_gives_back_what_is_paused_and_forgets_nothing_that_is_in_its_middle() {
    let mut s = emptied("");
    s.done(pause("N2"));
    let release = |s: &mut Story| {
        let now = s.now();
        s.sim.command_now(crate::guard::Command::Release, now)
    };
    s.begin(install("N2"), Vec::new());
    assert!(release(&mut s).is_err_and(|why| why.contains("is running")));
    s.wait(20);
    s.poke("crash N2").expect("done");
    let said = release(&mut s).expect("the cluster has its quorum");
    assert!(said.contains("stays paused, with its mark"), "{said}");
    s.poke("boot N2").expect("done");
    s.wait(10);
    let said = release(&mut s).expect("nothing runs");
    assert!(said.contains("N2 is resumed"), "{said}");
    assert_eq!((s.world().nodes["N2"].paused, s.world().store.marks.len()), (None, 0));
}
