//! Handing a role over: `ready-target` and `approval`.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::desired::{Broken, HandoffWhen, Mode};
use crate::guard::testing::*;
use crate::guard::{Approval, Check, PlannedHandoff, judge};
use crate::model::time::later;
use crate::model::{HandoffStyle, Known, MarkKind, NodeName, RuleName, StopScope};
use crate::observed::{Copy, CopyStatus, GroupKind, GroupState, Membership, Verified, View};

fn over() -> Action {
    handoff("MBX1", "EXNODE1", "EXNODE2")
}

/// EXNODE2 is current and has soaked: MBX1 may go there.
fn ready() -> Story {
    let mut story = Story::ccr();
    story.installed("EXNODE2", NEW);
    story
}

#[test]
fn a_target_that_is_ready_is_taken() {
    allows(&ready(), &over());
    let at_most = Duration::from_secs(60);
    allows(&ready(), &Action::StopRole { group: "MBX1".into(), node: "EXNODE1".into(), to: "EXNODE2".into(), at_most });
}

#[test]
fn every_way_of_not_being_ready_is_said() {
    let mut story = ready();
    let at = story.now;
    see(at, Membership::Joining, &mut story.node("EXNODE2").membership);
    story.paused_by_us("EXNODE2");
    story.mark(MarkKind::Quarantine { node: "EXNODE2".into(), why: "services differ".into() });
    see(at, Some(Verified { rollup: "ru8".into(), at }), &mut story.node("EXNODE2").verified);
    see(at, std::sync::Arc::new(["EXNODE1".into()].into()), &mut story.group("MBX1").possible_owners);
    story.add_group("MBX2", GroupKind::Role, "EXNODE2");
    let behind = Copy { status: CopyStatus::Suspended, queue: 40 };
    story.group("MBX1").copies.insert("EXNODE2".into(), Known::seen(behind, at));
    refuses(
        &story,
        RuleName::ReadyTarget,
        &over(),
        "ready-target holds EXNODE2: nodes.EXNODE2.membership is joining, nodes.EXNODE2.paused is true, the \
         quarantine of EXNODE2 is services differ, nodes.EXNODE2.verified is healthy with ru8 since \
         2017-04-01T12:00:00Z, groups.MBX1.possibleOwners is EXNODE1, groups.MBX2.owner is EXNODE2, \
         groups.MBX1.copies.EXNODE2 is suspended, 40 logs behind of 3 allowed; released by EXNODE2 up and \
         EXNODE2 resumed and a cured EXNODE2 and `rollward release mbx-ccr-01` and the end of the soak of EXNODE2 and \
         EXNODE2 as a possible owner and room for another role on EXNODE2 and a healthy copy that lags no more \
         than allowed",
    );
}

#[test]
fn what_is_not_known_of_a_target_is_a_no() {
    let mut story = ready();
    *story.node("EXNODE2") = crate::observed::Node::unknown(&"no answer".into());
    story.group("MBX1").possible_owners = Known::unknown("no answer");
    story.group("MBX1").copies.clear();
    refuses(
        &story,
        RuleName::ReadyTarget,
        &over(),
        "ready-target holds EXNODE2: nodes.EXNODE2.membership is unknown: no answer, nodes.EXNODE2.paused is \
         unknown: no answer, nodes.EXNODE2.services is unknown: no answer, groups.MBX1.possibleOwners is unknown: no \
         answer, groups.MBX1.copies.EXNODE2 is \
         unknown: no copy was seen there, nodes.EXNODE2.versions.product is unknown: nobody looked; released \
         by EXNODE2 up and EXNODE2 resumed and services on EXNODE2 as in its baseline and EXNODE2 as a possible owner and a \
         healthy copy that lags no more than allowed and a look that sees both versions",
    );
    story.seen.nodes.remove("EXNODE2");
    refuses(
        &story,
        RuleName::ReadyTarget,
        &over(),
        "ready-target holds EXNODE2: nodes.EXNODE2 is unknown: it was not seen; released by a look that sees EXNODE2",
    );
}

#[test]
fn a_role_never_goes_to_older_software() {
    let mut story = Story::ccr();
    story.installed("EXNODE1", NEW);
    refuses(
        &story,
        RuleName::ReadyTarget,
        &over(),
        "ready-target holds EXNODE2: nodes.EXNODE2.versions.product is 8.3.264.0, on EXNODE1 8.3.279.6, \
         EXNODE2, which owns no role and could be updated first, is stale; released by a target that is not \
         older than EXNODE1 and the update of EXNODE2",
    );
}

#[test]
fn a_stale_target_is_updated_first_if_it_can_be() {
    let mut story = Story::ccr();
    refuses(
        &story,
        RuleName::ReadyTarget,
        &over(),
        "ready-target holds EXNODE2: EXNODE2, which owns no role and could be updated first, is stale; \
         released by the update of EXNODE2",
    );
    if let Some(spec) = story.desired.nodes.get_mut("EXNODE2") {
        spec.hold = Some("later".into());
    }
    passes(&story, RuleName::ReadyTarget, &over());
}

#[test]
fn a_stale_target_waits_for_a_current_one_with_room() {
    let mut story = Story::ccr();
    story.add_node("EXNODE3");
    story.installed("EXNODE3", NEW);
    story.add_group("MBX2", GroupKind::Role, "EXNODE3");
    for node in ["EXNODE2", "EXNODE3"] {
        if let Some(spec) = story.desired.nodes.get_mut(node) {
            spec.max_roles = Some(2);
            spec.hold = (node == "EXNODE2").then(|| "later".into());
        }
    }
    refuses(
        &story,
        RuleName::ReadyTarget,
        &over(),
        "ready-target holds EXNODE2: EXNODE3, a possible owner with room, is current; released by EXNODE3 as \
         the target",
    );
    story.mark(MarkKind::Quarantine { node: "EXNODE3".into(), why: "services differ".into() });
    passes(&story, RuleName::ReadyTarget, &over());
}

#[test]
fn what_a_node_announced_that_died_keeps_no_role_stopped() {
    let mut story = ready();
    let at = story.now;
    story.add_node("EXNODE3");
    let at_most = Duration::from_secs(60);
    let cut_off = Action::StopRole { group: "MBX1".into(), node: "EXNODE3".into(), to: "EXNODE2".into(), at_most };
    story.mark(MarkKind::InProgress { action: Box::new(cut_off.clone()) });
    story.mark(MarkKind::StoppedRole { group: "MBX1".into(), to: "EXNODE2".into(), deadline: at });
    see(at, GroupState::Offline, &mut story.group("MBX1").state);
    see(at, true, &mut story.node("EXNODE1").paused);
    story.node("EXNODE3").work = Known::unknown("no answer");
    let way = offline("MBX1", "EXNODE1", "EXNODE2");
    let about = |story: &Story| story.holds(&way).iter().map(|hold| hold.rule).collect::<Vec<_>>();
    assert_eq!(about(&story), [RuleName::Fence], "it may be at it still");
    see(at, Membership::Down, &mut story.node("EXNODE3").membership);
    allows(&story, &way);
    let permit = judge(way.clone(), &story.facts()).expect("it is allowed");
    assert!(permit.checks().contains(&Check::NothingElseInProgress { beside: [cut_off].into() }), "{permit:?}");
    see(at, false, &mut story.node("EXNODE1").paused);
    assert_eq!(about(&story), [RuleName::Fence], "it can start where it is");
}

#[test]
fn a_role_that_we_stopped_is_judged_on_its_target_only() {
    let mut story = ready();
    let at = story.now;
    story.add_node("EXNODE3");
    story.installed("EXNODE3", NEW);
    see(at, Some(Verified { rollup: "ru8".into(), at }), &mut story.node("EXNODE3").verified);
    story.target("EXNODE1").expect("a target").denied = Some("withdrawn".into());
    let left = story.node("EXNODE1");
    see(at, true, &mut left.paused);
    left.rival = Known::unknown("no answer");
    left.tries = Known::unknown("no answer");
    left.baseline = Known::unknown("no answer");
    left.disk = Known::unknown("no answer");
    let spec = story.desired.nodes.get_mut("EXNODE1").expect("it is declared");
    spec.hold = Some("later".into());
    story.mark(MarkKind::Quarantine { node: "EXNODE1".into(), why: "services differ".into() });
    let way = offline("MBX1", "EXNODE1", "EXNODE2");
    let about = |story: &Story, way| story.holds(way).iter().map(|hold| hold.rule).collect::<Vec<_>>();
    use RuleName::{Budget, Declared, Fresh, People, Preflight, Rival, Soak, Version};
    let against = [Preflight, Version, Fresh, People, Budget, Soak, Rival, Declared];
    assert_eq!(about(&story, &way), against, "it serves there");
    story.mark(MarkKind::StoppedRole { group: "MBX1".into(), to: "EXNODE2".into(), deadline: at });
    assert_eq!(about(&story, &way), against, "it serves there all the same");
    see(at, GroupState::Offline, &mut story.group("MBX1").state);
    story.policy().handoff.when = HandoffWhen::WindowAndApproval;
    story.desired.mode = Mode::Observe;
    story.desired.broken = Some(Broken { why: "gone".into(), place: None, releasing: true });
    story.history.record_error = Some("no space left on device".into());
    story.mark(MarkKind::Stop { scope: StopScope::Cluster, why: "a storm".into() });
    story.mark(MarkKind::Stop { scope: StopScope::Node("EXNODE1".into()), why: "a storm".into() });
    allows(&story, &way);
    let alone: NodeName = "EXNODE3".into();
    let minority = View { from: alone.clone(), quorate: false, members: Arc::new([alone].into()), at };
    story.seen.views.insert(0, minority);
    allows(&story, &way);
    story.seen.views[0].quorate = true;
    assert_eq!(about(&story, &way), [Fresh], "it may run there as well");
    story.seen.views.remove(0);
    see(at, false, &mut story.node("EXNODE1").paused);
    use RuleName::{Approval, Manifest, Mode as ModeRule, Record, Stop, Window};
    let leave = [Window, Approval, Stop, ModeRule, Manifest, Record];
    assert_eq!(about(&story, &way), leave, "it can start where it is");
    see(at, true, &mut story.node("EXNODE1").paused);
    let elsewhere = offline("MBX1", "EXNODE1", "EXNODE3");
    assert!(about(&story, &elsewhere).contains(&Rival), "that is not where it was stopped for");
    let target = story.node("EXNODE2");
    see(at, true, &mut target.paused);
    see(at, Some("another installer".into()), &mut target.rival);
    story.mark(MarkKind::Stop { scope: StopScope::Node("EXNODE2".into()), why: "a storm".into() });
    assert_eq!(about(&story, &way), [RuleName::ReadyTarget, People, Stop, Rival, RuleName::Precondition]);
}

#[test]
fn a_role_moves_only_as_the_next_of_an_approved_sequence() {
    let mut story = ready();
    story.policy().handoff.when = HandoffWhen::Approval;
    refuses(
        &story,
        RuleName::Approval,
        &over(),
        "approval holds MBX1: an approval whose next handoff is MBX1 from EXNODE1 to EXNODE2, online, is not \
         there; released by `rollward approve mbx-ccr-01 HASH` or the annotation `rollward/approve: HASH`; \
         `rollward plan` shows the sequence and its hash",
    );
    let next = |style| PlannedHandoff { group: "MBX1".into(), from: "EXNODE1".into(), to: "EXNODE2".into(), style };
    story.history.approvals = vec![Approval {
        hash: "c0ffee".into(),
        scope: "scope".into(),
        remaining: vec![next(HandoffStyle::Offline), next(HandoffStyle::Online)],
        by: "anna".into(),
        at: story.now,
        expires: Some(later(story.now, Duration::from_secs(60))),
    }];
    refuses(
        &story,
        RuleName::Approval,
        &over(),
        "approval holds MBX1: an approval whose next handoff is MBX1 from EXNODE1 to EXNODE2, online, is not \
         there, the next handoff that anna approved is MBX1 from EXNODE1 to EXNODE2, offline; released by \
         `rollward approve mbx-ccr-01 HASH` or the annotation `rollward/approve: HASH`; `rollward plan` \
         shows the sequence and its hash",
    );
    let at_most = Duration::from_secs(60);
    let stop = Action::StopRole { group: "MBX1".into(), node: "EXNODE1".into(), to: "EXNODE2".into(), at_most };
    passes(&story, RuleName::Approval, &stop);
    if let Some(approval) = story.history.approvals.first_mut() {
        approval.remaining.remove(0);
    }
    allows(&story, &over());
    story.pass(Duration::from_secs(60));
    assert_ne!(story.says(RuleName::Approval, &over()), "allowed", "it has expired");
    story.policy().handoff.when = HandoffWhen::Anytime;
    allows(&story, &over());
}
