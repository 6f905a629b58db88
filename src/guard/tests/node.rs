//! What a node must be before it is worked on: `active-node`, `empty-node`, `max-unavailable`, `rival`, `declared`.

use super::*;
use crate::guard::testing::*;
use crate::model::{Known, MarkKind, RuleName};
use crate::observed::{GroupKind, Membership};

#[test]
fn a_node_that_owns_a_role_is_left_alone() {
    let mut story = Story::ccr();
    refuses(
        &story,
        RuleName::ActiveNode,
        &pause("EXNODE1"),
        "active-node holds EXNODE1: groups.MBX1.owner is EXNODE1; released when EXNODE1 owns no role: a \
         handoff takes it elsewhere",
    );
    passes(&story, RuleName::ActiveNode, &pause("EXNODE2"));
    story.group("MBX1").owner = Known::unknown("the resource was not found");
    refuses(
        &story,
        RuleName::ActiveNode,
        &install("EXNODE2"),
        "active-node holds EXNODE2: groups.MBX1.owner is unknown: the resource was not found; released when \
         EXNODE2 owns no role: a handoff takes it elsewhere",
    );
    story.moved("MBX1", "EXNODE1");
    passes(&story, RuleName::ActiveNode, &install("EXNODE2"));
}

#[test]
fn a_group_that_nobody_declared_counts_as_a_role() {
    let mut story = Story::ccr();
    story.add_group("SQL", GroupKind::Auxiliary, "EXNODE2");
    story.desired.groups.remove("SQL");
    passes(&story, RuleName::ActiveNode, &pause("EXNODE2"));
    story.group("SQL").kind = Known::unknown("no type known");
    refuses(
        &story,
        RuleName::ActiveNode,
        &pause("EXNODE2"),
        "active-node holds EXNODE2: groups.SQL.owner is EXNODE2; released when EXNODE2 owns no role: a \
         handoff takes it elsewhere",
    );
}

#[test]
fn staging_may_be_allowed_on_an_active_node_where_it_disturbs_nothing() {
    let mut story = Story::ccr();
    refuses(
        &story,
        RuleName::ActiveNode,
        &stage("EXNODE1"),
        "active-node holds EXNODE1: groups.MBX1.owner is EXNODE1; released when EXNODE1 owns no role: a \
         handoff takes it elsewhere",
    );
    story.policy().staging = crate::desired::Staging::AnyNode;
    passes(&story, RuleName::ActiveNode, &stage("EXNODE1"));
    story.traits.staging_disturbs = true;
    assert_ne!(story.says(RuleName::ActiveNode, &stage("EXNODE1")), "allowed");
}

#[test]
fn an_install_waits_until_not_even_the_default_group_is_there() {
    let mut story = Story::ccr();
    story.paused_by_us("EXNODE2");
    refuses(
        &story,
        RuleName::EmptyNode,
        &install("EXNODE2"),
        "empty-node holds EXNODE2: groups.Cluster Group.owner is EXNODE2; released when EXNODE2 is paused by \
         us and every group has been moved off it",
    );
    story.group("Cluster Group").owner = Known::unknown("no answer");
    refuses(
        &story,
        RuleName::EmptyNode,
        &Action::Reboot { node: "EXNODE2".into() },
        "empty-node holds EXNODE2: groups.Cluster Group.owner is unknown: no answer; released when EXNODE2 \
         is paused by us and every group has been moved off it",
    );
    story.moved("Cluster Group", "EXNODE1");
    allows(&story, &install("EXNODE2"));
}

#[test]
fn an_empty_node_that_nothing_keeps_empty_is_not_installed_on() {
    let mut story = Story::ccr();
    story.moved("Cluster Group", "EXNODE1");
    refuses(
        &story,
        RuleName::EmptyNode,
        &install("EXNODE2"),
        "empty-node holds EXNODE2: nodes.EXNODE2.paused is false; released when EXNODE2 is paused by us and \
         every group has been moved off it",
    );
    see(story.now, Membership::Down, &mut story.node("EXNODE2").membership);
    story.node("EXNODE2").paused = Known::unknown("its cluster service does not run");
    refuses(
        &story,
        RuleName::EmptyNode,
        &install("EXNODE2"),
        "empty-node holds EXNODE2: nodes.EXNODE2.paused is unknown: its cluster service does not run; \
         released when EXNODE2 is paused by us and every group has been moved off it",
    );
    story.mark(MarkKind::Pause { node: "EXNODE2".into() });
    passes(&story, RuleName::EmptyNode, &install("EXNODE2"));
}

#[test]
fn one_node_is_out_at_a_time() {
    let mut story = Story::ccr();
    story.add_node("EXNODE3");
    passes(&story, RuleName::MaxUnavailable, &pause("EXNODE2"));
    see(story.now, Membership::Joining, &mut story.node("EXNODE3").membership);
    refuses(
        &story,
        RuleName::MaxUnavailable,
        &pause("EXNODE2"),
        "max-unavailable holds EXNODE2: nodes.EXNODE3.membership is joining, limits.maxUnavailable is 1 \
         (ccr.yaml:30); released when fewer nodes are out: EXNODE3 must be up and take groups",
    );
    refuses(
        &story,
        RuleName::MaxUnavailable,
        &handoff("MBX1", "EXNODE1", "EXNODE2"),
        "max-unavailable holds EXNODE1: nodes.EXNODE3.membership is joining, limits.maxUnavailable is 1 \
         (ccr.yaml:30); released when fewer nodes are out: EXNODE3 must be up and take groups",
    );
    see(story.now, Membership::Up, &mut story.node("EXNODE3").membership);
    see(story.now, true, &mut story.node("EXNODE3").paused);
    refuses(
        &story,
        RuleName::MaxUnavailable,
        &pause("EXNODE2"),
        "max-unavailable holds EXNODE2: nodes.EXNODE3.paused is true, limits.maxUnavailable is 1 \
         (ccr.yaml:30); released when fewer nodes are out: EXNODE3 must be up and take groups",
    );
    story.node("EXNODE3").paused = Known::unknown("no answer");
    refuses(
        &story,
        RuleName::MaxUnavailable,
        &pause("EXNODE2"),
        "max-unavailable holds EXNODE2: nodes.EXNODE3.paused is unknown: no answer, limits.maxUnavailable is \
         1 (ccr.yaml:30); released when fewer nodes are out: EXNODE3 must be up and take groups",
    );
    story.policy().limits.max_unavailable = 2;
    passes(&story, RuleName::MaxUnavailable, &pause("EXNODE2"));
    story.policy().limits.max_unavailable = 0;
    refuses(
        &story,
        RuleName::MaxUnavailable,
        &pause("EXNODE2"),
        "max-unavailable holds EXNODE2: nodes.EXNODE3.paused is unknown: no answer, limits.maxUnavailable is \
         0 (ccr.yaml:30); released by a `maxUnavailable` of at least 1",
    );
}

#[test]
fn a_node_that_has_its_slot_keeps_it() {
    let mut story = Story::ccr_in_the_middle();
    story.add_node("EXNODE3");
    see(story.now, Membership::Down, &mut story.node("EXNODE3").membership);
    passes(&story, RuleName::MaxUnavailable, &install("EXNODE2"));
    assert_ne!(story.says(RuleName::MaxUnavailable, &install("EXNODE1")), "allowed");
}

#[test]
fn another_installer_at_work_is_waited_for() {
    let mut story = Story::ccr_in_the_middle();
    see(story.now, Some("TrustedInstaller".into()), &mut story.node("EXNODE2").rival);
    refuses(
        &story,
        RuleName::Rival,
        &install("EXNODE2"),
        "rival holds EXNODE2: nodes.EXNODE2.rival is TrustedInstaller; released when no other installer is \
         seen at work on EXNODE2",
    );
    refuses(
        &story,
        RuleName::Rival,
        &handoff("MBX1", "EXNODE1", "EXNODE2"),
        "rival holds EXNODE2: nodes.EXNODE2.rival is TrustedInstaller; released when no other installer is \
         seen at work on EXNODE2",
    );
    passes(&story, RuleName::Rival, &resume("EXNODE2"));
    story.node("EXNODE2").rival = Known::unknown("WMI does not answer");
    refuses(
        &story,
        RuleName::Rival,
        &install("EXNODE2"),
        "rival holds EXNODE2: nodes.EXNODE2.rival is unknown: WMI does not answer; released when no other \
         installer is seen at work on EXNODE2",
    );
    see(story.now, None, &mut story.node("EXNODE2").rival);
    allows(&story, &install("EXNODE2"));
}

#[test]
fn a_held_node_is_left_alone_and_takes_no_role() {
    let mut story = Story::ccr();
    story.installed("EXNODE2", NEW);
    if let Some(spec) = story.desired.nodes.get_mut("EXNODE2") {
        spec.hold = Some("disk is being replaced".into());
    }
    refuses(
        &story,
        RuleName::Declared,
        &pause("EXNODE2"),
        "declared holds EXNODE2: spec.nodes.EXNODE2.hold is \"disk is being replaced\" (ccr.yaml:11); \
         released by taking `hold` out of the node's line, ccr.yaml:11",
    );
    refuses(
        &story,
        RuleName::Declared,
        &handoff("MBX1", "EXNODE1", "EXNODE2"),
        "declared holds EXNODE2: spec.nodes.EXNODE2.hold is \"disk is being replaced\" (ccr.yaml:11); \
         released by taking `hold` out of the node's line, ccr.yaml:11",
    );
}

#[test]
fn a_member_that_no_line_declares_holds_the_cluster() {
    let mut story = Story::ccr();
    story.add_node("EXNODE9");
    story.desired.nodes.remove("EXNODE9");
    refuses(
        &story,
        RuleName::Declared,
        &pause("EXNODE2"),
        "declared holds mbx-ccr-01: nodes.EXNODE9 is a member that no line declares; released by adding \
         `EXNODE9: {}` (or with `hold: \"why\"`) under `nodes:` of the cluster at ccr.yaml:1",
    );
    passes(&story, RuleName::Declared, &resume("EXNODE2"));
    let story = Story::ccr();
    refuses(
        &story,
        RuleName::Declared,
        &pause("EXNODE7"),
        "declared holds mbx-ccr-01: spec.nodes.EXNODE7 is not declared; released by adding `EXNODE7: {}` (or \
         with `hold: \"why\"`) under `nodes:` of the cluster at ccr.yaml:1",
    );
}
