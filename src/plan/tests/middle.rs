//! In the middle of things: what was begun is finished, whatever happens.

use crate::desired::Broken;
use crate::model::{Action, Known, MarkKind, StopScope, time::later};
use crate::observed::{GroupState, Membership, Services, Tries, Work, WorkEnd};
use crate::plan::testing::{NEW, World, now, rules_of};
use std::time::Duration;

fn install(node: &str) -> Action {
    Action::Install { node: node.into(), rollup: "ru8".into() }
}

/// Work on a node, by us, that has ended so.
fn ended(world: &mut World, action: Action, failure: Option<&str>) {
    let node = action.node().unwrap().as_str().to_owned();
    let end = WorkEnd { at: now(), exit_code: None, failure: failure.map(Into::into) };
    let work = Work { action, epoch: 1, holder: "us".into(), since: now(), ended: Some(end) };
    world.node_mut(&node).work.suppose(Some(work), now());
}

fn differing(world: &mut World, node: &str) {
    let differing = [("store".to_owned(), "disabled, was automatic".to_owned())].into();
    world.node_mut(node).services.suppose(Services { baseline_saved: true, differing }, now());
}

fn stop_cord(world: World) -> World {
    world.mark(MarkKind::Stop { scope: StopScope::Cluster, why: "hands off".into() })
}

/// `B` is paused by us, empty, and has its package.
fn in_the_middle() -> World {
    World::ccr().paused_by_us("B").with(|world| {
        world.node_mut("B").staged.suppose([("ru8.msp".to_owned(), "aa".to_owned())].into(), now());
        world.group_mut("Cluster Group").owner.suppose(Some("A".into()), now());
    })
}

#[test]
fn an_empty_paused_node_is_installed() {
    assert_eq!(in_the_middle().next(), "Install ru8 on B");
}

#[test]
fn a_mark_that_a_resume_left_when_it_was_cut_off_is_no_persons_doing() {
    let resumed = || World::ccr().paused_by_us("B").with(|world| world.node_mut("B").paused.suppose(false, now()));
    let cut_off = Action::Resume { node: "B".into(), quarantine: None };
    let left = resumed().with(|world| ended(world, cut_off, Some("the work ended without a word")));
    assert!(left.next().starts_with("Release pause"), "{}", left.next());
    let by_a_person =
        resumed().with(|world| ended(world, Action::Pause { node: "B".into() }, Some("the work ended without a word")));
    assert!(by_a_person.next().contains("people"), "{}", by_a_person.next());
}

#[test]
fn work_that_runs_is_waited_for() {
    let world = in_the_middle().with(|world| {
        let work = Work { action: install("B"), epoch: 1, holder: "us".into(), since: now(), ended: None };
        world.node_mut("B").work.suppose(Some(work), now());
    });
    assert_eq!(world.next(), "wait: in-progress");
    assert!(world.story().starts_with("Resume B\n"), "{}", world.story());
}

#[test]
fn an_announcement_whose_lock_is_free_is_taken_away() {
    let world = in_the_middle().mark(MarkKind::InProgress { action: Box::new(install("B")) });
    assert!(world.next().starts_with("Release announcement of Install"), "{}", world.next());
    let untold = world.with(|world| world.node_mut("B").work = Known::unknown("no answer"));
    assert_eq!(untold.next(), "wait: in-progress");
}

#[test]
fn marks_read_before_a_node_wrote_down_the_end_are_read_again_unless_it_lost_power() {
    let end_of_install = |exit_code| {
        let world = in_the_middle().mark(MarkKind::InProgress { action: Box::new(install("B")) });
        world.with(|world| {
            let ended = Some(WorkEnd { at: later(now(), Duration::from_secs(1)), exit_code, failure: None });
            let work = Work { action: install("B"), epoch: 1, holder: "us".into(), since: now(), ended };
            world.node_mut("B").work.suppose(Some(work), now());
        })
    };
    assert_eq!(end_of_install(Some(0)).next(), "wait: in-progress");
    let cut_off = end_of_install(None).next();
    assert!(cut_off.starts_with("Release announcement of Install"), "{cut_off}");
}

#[test]
fn the_stop_cord_gives_a_paused_node_back() {
    assert_eq!(stop_cord(in_the_middle()).next(), "Resume B");
}

#[test]
fn a_failed_install_is_repaired_first_then_given_back_while_no_try_is_left() {
    let failed = in_the_middle().with(|world| {
        ended(world, install("B"), Some("1603"));
        differing(world, "B");
        world.node_mut("B").cluster_service.suppose(false, now());
        world.node_mut("B").membership.suppose(Membership::Down, now());
        let tries = Tries { rollup: "ru8".into(), failed: 3, signature: "1603".into(), at: now(), retryable: true };
        world.node_mut("B").tries.suppose(vec![tries], now());
    });
    assert_eq!(failed.next(), "StartCluster B");
    let started = failed.with(|world| {
        world.node_mut("B").cluster_service.suppose(true, now());
        world.node_mut("B").membership.suppose(Membership::Up, now());
    });
    assert_eq!(started.next(), "RestoreServices B");
    let adopted = started.clone().with(|world| {
        ended(world, Action::StartCluster { node: "B".into() }, None);
        world.node_mut("B").tries.suppose(Vec::new(), now());
    });
    assert_eq!(adopted.next(), "RestoreServices B", "also where the start is the last work that is known");
    let restored = started.with(|world| world.node_mut("B").services.suppose(Services::default(), now()));
    assert_eq!(restored.next(), "Resume B");
}

#[test]
fn a_node_is_tried_again_while_it_is_still_paused_if_a_try_is_left() {
    let world = in_the_middle().with(|world| ended(world, install("B"), Some("1603")));
    assert_eq!(world.next(), "Install ru8 on B");
}

#[test]
fn services_that_cannot_be_restored_bring_the_node_back_in_quarantine() {
    let world = in_the_middle().installed("B", NEW).with(|world| {
        differing(world, "B");
        ended(world, Action::RestoreServices { node: "B".into() }, Some("access denied"));
    });
    assert!(world.next().starts_with("Resume B in quarantine: its services"), "{}", world.next());
    let stale = world.installed("B", crate::plan::testing::OLD);
    assert!(stale.next().starts_with("Resume B in quarantine: its services"), "{}", stale.next());
}

#[test]
fn an_install_that_ended_well_and_changed_nothing_brings_the_node_back_in_quarantine() {
    let world = in_the_middle().with(|world| ended(world, install("B"), None));
    assert!(world.next().starts_with("Resume B in quarantine: the installer"), "{}", world.next());
}

#[test]
fn a_node_in_quarantine_is_not_tried_again_by_itself() {
    let world = World::ccr().mark(MarkKind::Quarantine { node: "B".into(), why: "stale".into() });
    assert!(!world.story().contains("Pause B"), "{}", world.story());
    assert!(world.next().starts_with("blocked: "), "{}", world.next());
}

#[test]
fn a_quarantine_goes_when_the_node_is_right_after_all_or_is_the_last_one() {
    let mark = || MarkKind::Quarantine { node: "B".into(), why: "stale".into() };
    let right = World::ccr().installed("B", NEW).mark(mark());
    assert!(right.next().starts_with("Release quarantine of B"), "{}", right.next());
    let last = World::ccr().mark(mark()).with(|world| {
        world.node_mut("A").membership.suppose(Membership::Down, now());
    });
    assert!(last.next().starts_with("Release quarantine of B"), "{}", last.next());
}

#[test]
fn a_node_that_is_not_back_yet_is_waited_for() {
    let world = in_the_middle()
        .installed("B", NEW)
        .with(|world| world.node_mut("B").membership.suppose(Membership::Joining, now()));
    assert_eq!(world.next(), "wait: in-progress");
}

#[test]
fn a_role_that_has_nowhere_to_run_gets_our_paused_node_first() {
    let world = in_the_middle().with(|world| {
        world.node_mut("A").membership.suppose(Membership::Down, now());
        world.group_mut("MBX").state.suppose(GroupState::Failed, now());
    });
    assert_eq!(world.next(), "Resume B");
}

fn stopped(deadline: crate::model::Time) -> World {
    World::ccr()
        .installed("B", NEW)
        .policy(|policy| policy.handoff.style = crate::model::HandoffStyle::Offline)
        .mark(MarkKind::StoppedRole { group: "MBX".into(), to: "B".into(), deadline })
        .with(|world| world.group_mut("MBX").state.suppose(GroupState::Offline, now()))
}

#[test]
fn a_stopped_role_goes_on_its_way_while_there_is_time() {
    assert_eq!(stopped(later(now(), Duration::from_secs(60))).next(), "Handoff \"MBX\" from A to B, offline");
}

#[test]
fn past_its_deadline_or_with_its_way_closed_a_stopped_role_starts_where_it_is() {
    assert_eq!(stopped(now()).next(), "StartRole \"MBX\" on A");
    let closed = stop_cord(stopped(later(now(), Duration::from_secs(60))));
    assert_eq!(closed.next(), "StartRole \"MBX\" on A");
}

#[test]
fn a_role_that_arrived_stopped_starts_there() {
    let arrived = stopped(later(now(), Duration::from_secs(60)))
        .with(|world| world.group_mut("MBX").owner.suppose(Some("B".into()), now()));
    assert_eq!(arrived.next(), "StartRole \"MBX\" on B");
}

#[test]
fn a_duty_that_is_done_is_taken_away() {
    let done = stopped(now()).with(|world| world.group_mut("MBX").state.suppose(GroupState::Online, now()));
    assert!(done.next().starts_with("Release duty to start"), "{}", done.next());
}

#[test]
fn a_cluster_whose_document_is_gone_is_finished_and_let_go() {
    let gone = |world: World| {
        world.wanted(|cluster| {
            cluster.broken = Some(Broken { why: "deleted".into(), place: None, releasing: true });
        })
    };
    assert_eq!(gone(in_the_middle()).next(), "Resume B");
    assert_eq!(gone(World::ccr()).next(), "releasing");
}

#[test]
fn a_pause_that_a_person_took_away_is_not_set_again() {
    let world = in_the_middle().with(|world| world.node_mut("B").paused.suppose(false, now()));
    assert!(!world.story().contains("Pause B"), "{}", world.story());
    assert!(rules_of(&world.plan().holds).contains("people"), "{}", world.next());
    let done = world.installed("B", NEW).installed("A", NEW);
    assert!(done.next().starts_with("Release pause of B"), "{}", done.next());
}

#[test]
fn services_that_a_failed_install_left_wrong_are_put_right_on_a_node_that_was_given_back_by_a_person() {
    let world = World::ccr().claimed().with(|world| {
        ended(world, install("B"), Some("1603"));
        differing(world, "B");
    });
    assert_eq!(world.next(), "RestoreServices B");
    let serving = world.with(|world| world.group_mut("MBX").owner.suppose(Some("B".into()), now()));
    assert_ne!(serving.next(), "RestoreServices B");
}

#[test]
fn services_on_which_a_role_may_hang_that_does_not_come_up_after_our_handoff_are_put_right_first() {
    let start = Action::StartRole { group: "MBX".into(), node: "B".into() };
    let arrived = World::ccr().claimed().with(|world| {
        world.group_mut("MBX").owner.suppose(Some("B".into()), now());
        world.group_mut("MBX").state.suppose(GroupState::PartiallyOnline, now());
        differing(world, "B");
        ended(world, start, Some("partially online"));
    });
    assert_eq!(arrived.next(), "RestoreServices B");
    let failed = arrived.clone().with(|world| {
        ended(world, Action::RestoreServices { node: "B".into() }, Some("access denied"));
    });
    assert_eq!(failed.next(), "StartRole \"MBX\" on B", "what cannot be put right keeps it from nothing");
    let restored = arrived.with(|world| {
        ended(world, Action::RestoreServices { node: "B".into() }, None);
        world.node_mut("B").services.suppose(Services::default(), now());
    });
    assert_eq!(restored.next(), "StartRole \"MBX\" on B");
}

#[test]
fn the_duty_to_start_a_role_again_stays_while_the_role_is_about_to_be_stopped() {
    let duty =
        MarkKind::StoppedRole { group: "MBX".into(), to: "B".into(), deadline: later(now(), Duration::from_secs(600)) };
    let duty_goes = |world: &World| world.next().starts_with("Release duty");
    let over = World::ccr().mark(duty.clone());
    assert!(duty_goes(&over), "it serves, and nobody is about to stop it: {}", over.next());
    let stop =
        Action::StopRole { group: "MBX".into(), node: "A".into(), to: "B".into(), at_most: Duration::from_secs(600) };
    let runs = |world: &mut World| {
        let work = Work { action: stop.clone(), epoch: 1, holder: "us".into(), since: now(), ended: None };
        world.node_mut("A").work.suppose(Some(work), now());
    };
    let starts = World::ccr().mark(duty.clone()).with(runs);
    assert!(!duty_goes(&starts), "its tool has done nothing yet");
    let announced = World::ccr()
        .mark(duty.clone())
        .mark(MarkKind::InProgress { action: Box::new(stop.clone()) })
        .with(|world| world.node_mut("A").work = Known::unknown("no answer"));
    assert!(!duty_goes(&announced), "it may begin at any moment");
    let unseen = World::ccr().mark(duty).with(|world| world.node_mut("A").work = Known::unknown("no answer"));
    assert!(!duty_goes(&unseen), "nobody knows what its node does");
}

/// The cluster has brought the role on; nobody but us would start it.
#[test]
fn a_role_whose_node_died_while_it_was_being_stopped_is_started_where_it_is() {
    let stop =
        Action::StopRole { group: "MBX".into(), node: "A".into(), to: "B".into(), at_most: Duration::from_secs(600) };
    let announced = MarkKind::InProgress { action: Box::new(stop) };
    let duty =
        MarkKind::StoppedRole { group: "MBX".into(), to: "B".into(), deadline: later(now(), Duration::from_secs(600)) };
    let world = World::ccr().mark(announced).mark(duty).with(|world| {
        world.group_mut("MBX").owner.suppose(Some("B".into()), now());
        world.group_mut("MBX").state.suppose(GroupState::Offline, now());
        world.node_mut("A").work = Known::unknown("no answer");
    });
    assert_eq!(world.next(), "wait: in-progress", "it may still be stopped");
    let died = world.with(|world| world.node_mut("A").membership.suppose(Membership::Down, now()));
    assert_eq!(died.next(), "StartRole \"MBX\" on B");
}
