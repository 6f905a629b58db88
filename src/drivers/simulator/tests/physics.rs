//! How a cluster behaves when nothing goes wrong, and when a person lends a hand.

use super::*;
use crate::drivers::simulator::Hand;
use crate::model::{Known, MarkKind};
use crate::observed::{CopyStatus, SideEffectKind};

#[test]
fn a_ccr_pair_is_rolled_by_hand_with_one_handoff_and_nothing_disturbed() {
    let mut s = Story::ccr("");
    for (passive, active) in [("N2", "N1"), ("N1", "N2")] {
        s.done(stage(passive));
        s.done(pause(passive));
        if s.owner("Cluster Group") == passive {
            s.done(move_group("Cluster Group", passive, active));
        }
        assert_eq!(s.failure(install(passive)), None);
        s.done(resume(passive));
        s.wait(10);
        if s.owner("MBX1") == active && passive == "N2" {
            assert_eq!(s.failure(handoff("MBX1", active, passive)), None);
        }
        s.wait(10);
    }
    assert_eq!(s.violations(), []);
    assert_eq!(s.sim.installs_log().len(), 2);
    let (name, role) = s.sim.roles().next().expect("one role");
    assert_eq!((name.as_str(), role.handoffs, role.failovers), ("MBX1", 1, 0));
    assert!(role.outage(s.now()).as_secs() > 10, "a handoff is downtime");
    assert_eq!(s.state("MBX1"), GroupState::Online);
    let left: Vec<_> = s.sim.leaks().into_iter().filter(|l| !matches!(l, super::super::Leak::Claim(_))).collect();
    assert_eq!(left, []);
    let verified = s.world().nodes["N1"].verified.as_ref().map(|v| v.rollup.clone());
    assert_eq!(verified, Some(ru8()));
}

#[test]
fn an_install_on_the_active_node_is_counted_and_the_role_fails_over() {
    let mut s = Story::ccr("");
    s.done(stage("N1"));
    s.done(install("N1"));
    s.wait(10);
    assert_eq!(s.violations(), [ViolationKind::DisturbedRole]);
    assert_eq!(s.owner("MBX1"), "N2");
    assert_eq!(s.sim.roles().next().map(|(_, r)| (r.handoffs, r.failovers)), Some((0, 1)));
}

#[test]
fn an_install_on_a_node_with_the_default_group_only_is_counted_as_lesser() {
    let mut s = Story::ccr("");
    s.done(stage("N2"));
    s.done(install("N2"));
    assert_eq!(s.violations(), [ViolationKind::DisturbedGroup]);
    s.wait(10);
    assert_eq!(s.owner("Cluster Group"), "N1");
}

#[test]
fn votes_that_others_take_while_an_installer_works_are_not_of_its_taking() {
    let mut s = Story::of("ccr", CCR);
    s.done(move_group("Cluster Group", "N2", "N1"));
    s.done(stage("N2"));
    s.begin(install("N2"), Vec::new());
    let now = s.now();
    s.sim.poke(Hand::Witness { up: false }, now).unwrap();
    while s.world().has_quorum() {
        let next = s.sim.next_event().expect("the installer gets on");
        s.sim.advance_to(next);
    }
    assert_eq!(s.violations(), []);
}

#[test]
fn without_its_witness_a_pair_stops_when_a_node_restarts_and_starts_when_it_is_back() {
    let mut s = Story::of("ccr", &CCR.replace("witness: reachable", "witness: unreachable"));
    s.done(move_group("Cluster Group", "N2", "N1"));
    s.done(stage("N2"));
    s.begin(install("N2"), Vec::new());
    while s.world().has_quorum() {
        let next = s.sim.next_event().expect("the installer gets on");
        s.sim.advance_to(next);
    }
    assert_eq!(s.violations(), [ViolationKind::LostQuorum]);
    assert_eq!(s.state("MBX1"), GroupState::Offline);
    let now = s.now();
    let seen = s.sim.observe_now(now);
    assert!(seen.marks.is_unknown() && seen.claim.is_unknown(), "the store cannot be read without quorum");
    s.wait(60);
    assert_eq!(s.state("MBX1"), GroupState::Online);
    assert_eq!(s.owner("MBX1"), "N1");
}

#[test]
fn the_node_refuses_what_its_own_checks_see_broken_and_takes_its_mark_back() {
    let mut s = Story::ccr("");
    s.done(stage("N1"));
    let answer = s.begin(install("N1"), vec![Check::OwnsNoRole { node: n("N1") }]);
    assert_eq!(answer, Answer::Refused { check: "ownsNoRole".into(), saw: "N1 owns \"MBX1\"".into() });
    assert_eq!(s.world().store.marks, []);
    assert_eq!(s.violations(), []);
}

#[test]
fn work_holds_the_nodes_lock_until_it_ends() {
    let mut s = Story::ccr("");
    s.begin(stage("N2"), Vec::new());
    match s.begin(pause("N2"), Vec::new()) {
        Answer::Refused { check, .. } => assert_eq!(check, "lock"),
        other => panic!("{other:?}"),
    }
    s.wait(5);
    assert_eq!(s.begin(pause("N2"), Vec::new()), Answer::Accepted);
}

#[test]
fn a_lower_epoch_than_a_node_has_obeyed_is_refused_there() {
    let mut s = Story::ccr("");
    s.claim.epoch = 5;
    s.done(stage("N2"));
    s.claim.epoch = 4;
    match s.begin(pause("N2"), Vec::new()) {
        Answer::Refused { check, .. } => assert_eq!(check, "epoch"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_pause_keeps_groups_blocks_moves_and_survives_a_reboot() {
    let mut s = Story::ccr("");
    s.done(pause("N2"));
    assert_eq!(s.owner("Cluster Group"), "N2");
    assert!(s.poke("move MBX1 to N2").is_err_and(|e| e.contains("paused")));
    s.done(move_group("Cluster Group", "N2", "N1"));
    s.done(Action::Reboot { node: n("N2") });
    s.wait(20);
    assert_eq!(s.membership("N2"), Some(Membership::Up));
    assert!(s.world().nodes["N2"].paused.is_some());
    assert_eq!(s.violations(), []);
}

#[test]
fn nothing_comes_online_on_a_paused_node() {
    let mut s = Story::ccr("");
    s.poke("pause N1").expect("done");
    s.poke("pause N2").expect("done");
    s.poke("crash N1 for 3m").expect("done");
    s.wait(30);
    assert_eq!((s.owner("MBX1"), s.state("MBX1")), ("N1", GroupState::Offline));
    s.poke("resume N1").expect("done");
    s.wait(5);
    assert_eq!(s.state("MBX1"), GroupState::Online);
}

#[test]
fn a_role_does_not_fail_over_to_a_node_that_owns_as_many_as_it_can() {
    let mut s = Story::of(
        "scc",
        "
nodes:
  N1: {version: 8.3.264.0, owns: [MBX1]}
  N2: {version: 8.3.264.0, owns: [MBX2]}
  N3: {version: 8.3.264.0, owns: [Cluster Group]}
",
    );
    s.poke("crash N1").expect("done");
    s.wait(10);
    assert_eq!((s.owner("MBX1"), s.state("MBX1")), ("N3", GroupState::Online));
    s.poke("crash N2").expect("done");
    s.wait(10);
    assert_eq!(s.state("MBX2"), GroupState::Offline, "one node of three has no quorum");
}

#[test]
fn after_a_restart_copies_wait_for_the_next_log_and_a_handoff_is_refused_meanwhile() {
    let mut s = Story::ccr("");
    s.done(move_group("Cluster Group", "N2", "N1"));
    s.done(stage("N2"));
    s.done(install("N2"));
    assert_eq!(s.world().groups["MBX1"].copies["N2"].status, CopyStatus::Initializing);
    match s.begin(handoff("MBX1", "N1", "N2"), Vec::new()) {
        Answer::Refused { saw, .. } => assert!(saw.contains("Initializing"), "{saw}"),
        other => panic!("{other:?}"),
    }
    s.wait(10);
    assert_eq!(s.failure(handoff("MBX1", "N1", "N2")), None);
}

#[test]
fn a_stopped_role_stays_down_over_reboots_until_it_is_started() {
    let mut s = Story::ccr("");
    let at_most = Duration::from_secs(600);
    s.done(Action::StopRole { group: g("MBX1"), node: n("N1"), to: n("N2"), at_most });
    assert_eq!(s.state("MBX1"), GroupState::Offline);
    let duty = s.world().store.marks.iter().any(|m| matches!(&m.kind, MarkKind::StoppedRole { .. }));
    assert!(duty, "the duty is written down");
    s.poke("crash N1 for 3m").expect("done");
    s.wait(9);
    assert_eq!(s.state("MBX1"), GroupState::Offline);
    assert_eq!(s.violations(), []);
    s.wait(40);
    assert_eq!(s.violations(), [ViolationKind::RoleLeftStopped]);
    s.done(Action::StartRole { group: g("MBX1"), node: s.world().groups["MBX1"].owner.clone() });
    assert_eq!(s.state("MBX1"), GroupState::Online);
    assert_eq!(s.world().store.marks, []);
}

#[test]
fn a_role_that_a_person_moves_while_it_is_being_stopped_arrives_stopped() {
    let mut s = Story::ccr("");
    let at_most = Duration::from_secs(600);
    s.begin(Action::StopRole { group: g("MBX1"), node: n("N1"), to: n("N2"), at_most }, Vec::new());
    assert_eq!(s.state("MBX1"), GroupState::Pending);
    s.poke("move MBX1 to N2").expect("done");
    s.poke("crash N1 for 3m").expect("done");
    assert_eq!((s.owner("MBX1"), s.state("MBX1")), ("N2", GroupState::Offline));
    s.wait(9);
    assert_eq!(s.state("MBX1"), GroupState::Offline, "nobody wants it");
    s.done(Action::StartRole { group: g("MBX1"), node: n("N2") });
    assert_eq!(s.state("MBX1"), GroupState::Online);
}

#[test]
fn a_role_that_cannot_be_started_is_as_stopped_as_it_was() {
    let mut s = Story::ccr("");
    let at_most = Duration::from_secs(600);
    s.done(Action::StopRole { group: g("MBX1"), node: n("N1"), to: n("N2"), at_most });
    s.begin(Action::StartRole { group: g("MBX1"), node: n("N1") }, Vec::new());
    s.poke("pause N1").expect("done");
    s.wait(9);
    assert_eq!(s.state("MBX1"), GroupState::Offline);
    s.poke("crash N1").expect("done");
    s.poke("boot N1").expect("done");
    s.wait(9);
    assert_eq!(s.state("MBX1"), GroupState::Offline, "nobody wants it");
    let duty = s.world().store.marks.iter().any(|m| matches!(&m.kind, MarkKind::StoppedRole { .. }));
    assert!(duty, "it is to be started still");
}

#[test]
fn failback_pulls_a_role_to_the_node_that_we_resume_and_is_foreseen() {
    let mut s = Story::ccr("groups: {MBX1: {failbackTo: N2, copyQueueLength: 0}}\n");
    s.done(pause("N2"));
    let Known::Known { value: effects, .. } = s.sim.foresee_now(&resume("N2")) else { panic!("known") };
    let moves = SideEffectKind::Moves { from: n("N1"), to: n("N2") };
    assert_eq!(effects.iter().map(|e| (e.group.as_str(), &e.kind)).collect::<Vec<_>>(), [("MBX1", &moves)]);
    s.done(resume("N2"));
    s.wait(10);
    assert_eq!(s.violations(), [ViolationKind::Ripple]);
    assert_eq!(s.owner("MBX1"), "N2");
}

#[test]
fn foresight_changes_nothing_and_names_what_an_install_would_move() {
    let s = Story::ccr("");
    let before = s.world().clone();
    let mut staged = s.sim.clone();
    let order = stage("N2");
    let now = staged.now();
    staged.order(order, Some(s.claim.clone()), Vec::new(), now);
    staged.advance_to(later(now, Duration::from_secs(600)));
    let Known::Known { value: effects, .. } = staged.foresee_now(&install("N2")) else { panic!("known") };
    assert_eq!(effects.iter().map(|e| e.group.as_str()).collect::<Vec<_>>(), ["Cluster Group"]);
    assert_eq!(*s.world(), before);
}

#[test]
fn undoing_a_persons_pause_is_counted() {
    let mut s = Story::ccr("");
    s.poke("pause N2").expect("done");
    s.done(resume("N2"));
    assert_eq!(s.violations(), [ViolationKind::PauseUndone]);
}

#[test]
fn a_standalone_host_has_no_cluster_service_to_restart() {
    let mut s = Story::of("standby", HOST);
    s.done(stage("N1"));
    assert_eq!(s.failure(install("N1")), None);
    assert_eq!(s.membership("N1"), Some(Membership::Up));
    assert_eq!(s.violations(), []);
}

#[test]
fn two_nodes_without_majority_rules_go_on_alone() {
    let mut s = Story::of(
        "generic",
        "
quorum: {model: twoNode}
nodes: {N1: {version: 8.3.264.0, owns: [MBX1]}, N2: {version: 8.3.264.0, owns: [Cluster Group]}}
",
    );
    s.poke("cut-off N2").expect("done");
    s.wait(5);
    assert_eq!((s.owner("MBX1"), s.owner("Cluster Group")), ("N1", "N2"));
    let now = s.now();
    let seen = s.sim.observe_now(now);
    assert_eq!(seen.views.iter().map(|v| v.members.len()).collect::<Vec<_>>(), [1, 1]);
    assert!(seen.views.iter().all(|v| v.quorate));
    s.poke("reconnect").expect("done");
    s.poke("crash N1").expect("done");
    s.wait(5);
    assert_eq!((s.owner("MBX1"), s.state("MBX1")), ("N2", GroupState::Online));
}

#[test]
fn nothing_is_due_in_a_world_at_rest() {
    let mut s = Story::ccr("");
    assert_eq!(s.sim.next_event(), None);
    let before = s.sim.revision();
    let later = later(s.now(), Duration::from_secs(86_400));
    s.sim.observe_now(later);
    assert_eq!(s.sim.revision(), before, "a look changes nothing");
}
