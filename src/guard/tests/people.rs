//! `people`: what a person did is neither undone nor worked around.

use super::*;
use crate::desired::Broken;
use crate::guard::testing::*;
use crate::model::{Known, Mark, MarkKind, RuleName, StopScope};
use crate::observed::{GroupState, Membership, Work, WorkEnd};

fn release(mark: &Mark) -> Action {
    Action::Release { mark: mark.clone() }
}

#[test]
fn a_persons_pause_is_theirs() {
    let mut story = Story::ccr();
    see(story.now, true, &mut story.node("EXNODE2").paused);
    refuses(
        &story,
        RuleName::People,
        &stage("EXNODE2"),
        "people holds EXNODE2: nodes.EXNODE2.paused is true, with no mark of ours; somebody paused EXNODE2, \
         and it is theirs to end; released when they resume it",
    );
    refuses(
        &story,
        RuleName::People,
        &handoff("MBX1", "EXNODE1", "EXNODE2"),
        "people holds EXNODE2: nodes.EXNODE2.paused is true, with no mark of ours; somebody paused EXNODE2, \
         and it is theirs to end; released when they resume it",
    );
    refuses(
        &story,
        RuleName::People,
        &resume("EXNODE2"),
        "people holds EXNODE2: nodes.EXNODE2.paused is true, with no mark of ours; somebody paused EXNODE2, \
         and it is theirs to end; released when they resume it",
    );
    see(story.now, false, &mut story.node("EXNODE2").paused);
    allows(&story, &pause("EXNODE2"));
}

#[test]
fn a_role_that_we_stopped_leaves_a_node_that_a_person_paused() {
    let mut story = Story::ccr();
    see(story.now, true, &mut story.node("EXNODE1").paused);
    let over = offline("MBX1", "EXNODE1", "EXNODE2");
    assert_ne!(story.says(RuleName::People, &over), "allowed", "it serves there");
    let deadline = story.now;
    story.mark(MarkKind::StoppedRole { group: "MBX1".into(), to: "EXNODE2".into(), deadline });
    assert_ne!(story.says(RuleName::People, &over), "allowed", "it serves there all the same");
    see(story.now, GroupState::Offline, &mut story.group("MBX1").state);
    assert_eq!(story.says(RuleName::People, &over), "allowed", "nothing comes online on a paused node");
}

#[test]
fn a_node_that_a_person_resumed_is_not_paused_again() {
    let mut story = Story::ccr();
    let mark = story.mark(MarkKind::Pause { node: "EXNODE2".into() });
    refuses(
        &story,
        RuleName::People,
        &pause("EXNODE2"),
        "people holds EXNODE2: nodes.EXNODE2.paused is false, though our mark says that we paused it; \
         somebody resumed EXNODE2 while it was being worked on; when it may be paused again: `rollward \
         release mbx-ccr-01`",
    );
    assert_ne!(story.says(RuleName::People, &release(&mark)), "allowed", "the mark is the memory of it");
    story.installed("EXNODE2", NEW);
    allows(&story, &release(&mark));
    story.installed("EXNODE2", OLD);
    story.desired.broken = Some(Broken { why: "gone".into(), place: None, releasing: true });
    allows(&story, &release(&mark));
}

#[test]
fn a_pause_that_cannot_be_told_is_nobodys_to_touch() {
    let mut story = Story::ccr();
    story.node("EXNODE2").paused = Known::unknown("no answer");
    refuses(
        &story,
        RuleName::People,
        &pause("EXNODE2"),
        "people holds EXNODE2: nodes.EXNODE2.paused is unknown: no answer; released when it can be seen \
         whether EXNODE2 is paused, and by whom",
    );
    assert_ne!(story.says(RuleName::People, &resume("EXNODE2")), "allowed");
    let mut story = Story::ccr_in_the_middle();
    story.seen.marks = Known::unknown("the registry does not answer");
    refuses(
        &story,
        RuleName::People,
        &resume("EXNODE2"),
        "people holds EXNODE2: marks is unknown: the registry does not answer; released when it can be seen \
         whether EXNODE2 is paused, and by whom",
    );
}

#[test]
fn our_own_pause_ends() {
    let story = Story::ccr_in_the_middle();
    allows(&story, &resume("EXNODE2"));
    refuses(
        &Story::ccr(),
        RuleName::People,
        &resume("EXNODE2"),
        "people holds EXNODE2: nodes.EXNODE2.paused is false; EXNODE2 is not under our pause: nothing to resume",
    );
}

#[test]
fn a_group_goes_only_where_people_let_it() {
    let mut story = Story::ccr();
    story.paused_by_us("EXNODE2");
    allows(&story, &move_group("Cluster Group", "EXNODE2", "EXNODE1"));
    see(story.now, std::sync::Arc::new(["EXNODE2".into()].into()), &mut story.group("Cluster Group").possible_owners);
    refuses(
        &story,
        RuleName::People,
        &move_group("Cluster Group", "EXNODE2", "EXNODE1"),
        "people holds Cluster Group: groups.Cluster Group.possibleOwners is EXNODE2; released when EXNODE1 \
         is a possible owner of Cluster Group",
    );
}

#[test]
fn a_role_that_a_person_took_offline_stays_offline() {
    let mut story = Story::ccr();
    let start = Action::StartRole { group: "MBX1".into(), node: "EXNODE1".into() };
    see(story.now, GroupState::Offline, &mut story.group("MBX1").state);
    refuses(
        &story,
        RuleName::People,
        &start,
        "people holds MBX1: groups.MBX1.state is offline, a mark or work of ours on MBX1 is not there; MBX1 \
         was not stopped by us; released when somebody brings it online",
    );
    see(story.now, GroupState::Failed, &mut story.group("MBX1").state);
    allows(&story, &start);
    see(story.now, GroupState::Offline, &mut story.group("MBX1").state);
    let deadline = story.now;
    story.mark(MarkKind::StoppedRole { group: "MBX1".into(), to: "EXNODE2".into(), deadline });
    allows(&story, &start);
    story.seen.marks = Known::unknown("the registry does not answer");
    refuses(
        &story,
        RuleName::People,
        &start,
        "people holds MBX1: groups.MBX1.state is offline, marks is unknown: the registry does not answer; \
         MBX1 was not stopped by us; released when somebody brings it online",
    );
    let ended = Some(WorkEnd { at: story.now, exit_code: None, failure: Some("it did not come up".into()) });
    let action = handoff("MBX1", "EXNODE2", "EXNODE1");
    let work = Work { action, epoch: 7, holder: "here".into(), since: story.now, ended };
    see(story.now, Some(work), &mut story.node("EXNODE2").work);
    passes(&story, RuleName::People, &start);
}

#[test]
fn a_cluster_service_that_we_did_not_stop_is_not_ours_to_start() {
    let mut story = Story::ccr();
    let start = Action::StartCluster { node: "EXNODE2".into() };
    see(story.now, Membership::Down, &mut story.node("EXNODE2").membership);
    see(story.now, false, &mut story.node("EXNODE2").cluster_service);
    refuses(
        &story,
        RuleName::People,
        &start,
        "people holds EXNODE2: nodes.EXNODE2.clusterService is stopped, with no mark or work of ours; we did \
         not stop the cluster service of EXNODE2; released when somebody starts it",
    );
    story.mark(MarkKind::Pause { node: "EXNODE2".into() });
    allows(&story, &start);
}

#[test]
fn only_our_own_marks_are_removed_and_a_pause_loses_its_mark_last() {
    let mut story = Story::ccr_in_the_middle();
    let stop = story.mark(MarkKind::Stop { scope: StopScope::Cluster, why: "audit".into() });
    refuses(
        &story,
        RuleName::People,
        &release(&stop),
        "people holds mbx-ccr-01: the stop cord (7@here) is a person's; it is theirs; only `rollward go \
         mbx-ccr-01` removes it",
    );
    let pause = Mark { kind: MarkKind::Pause { node: "EXNODE2".into() }, ..stop.clone() };
    refuses(
        &story,
        RuleName::People,
        &release(&pause),
        "people holds mbx-ccr-01: the pause of EXNODE2 (7@here) is that of a pause in force; released by \
         resuming EXNODE2 first: a pause without its mark would be nobody's",
    );
    let quarantine = story.mark(MarkKind::Quarantine { node: "EXNODE2".into(), why: "services differ".into() });
    allows(&story, &release(&quarantine));
    refuses(
        &story,
        RuleName::People,
        &release(&Mark { epoch: 8, ..quarantine }),
        "people holds mbx-ccr-01: the quarantine of EXNODE2 (8@here) is later than our claim; released by \
         claiming the cluster anew",
    );
}
