//! What the cluster as a whole must be: `quorum`, `fresh`, `fence`, `ripple`, and its own precondition.

use std::time::Duration;

use super::*;
use crate::guard::claimable;
use crate::guard::testing::*;
use crate::model::time::later;
use crate::model::{Claim, ClusterServiceRule, Known, MarkKind, NodeName, RebootRule, RuleName};
use crate::observed::{GroupKind, GroupState, Membership, SideEffect, SideEffectKind, Work, WorkEnd};

fn witness(story: &mut Story, from: &[&str]) {
    let from = from.iter().map(|n| NodeName::from(*n)).collect();
    if let Known::Known { value, .. } = &mut story.seen.quorum {
        value.witness = Some(Known::seen(from, story.now));
    }
}

#[test]
fn a_pair_gives_up_a_vote_only_while_the_other_node_sees_the_witness() {
    let mut story = Story::ccr_in_the_middle();
    allows(&story, &install("EXNODE2"));
    witness(&mut story, &["EXNODE2"]);
    refuses(
        &story,
        RuleName::Quorum,
        &install("EXNODE2"),
        "quorum holds EXNODE2: votes without EXNODE2 is 1, needed 2 and 0 to spare, quorum.witness is \
         reached from EXNODE2; released when enough votes are back, the witness seen from a node that stays \
         up",
    );
    witness(&mut story, &[]);
    refuses(
        &story,
        RuleName::Quorum,
        &Action::Reboot { node: "EXNODE2".into() },
        "quorum holds EXNODE2: votes without EXNODE2 is 1, needed 2 and 0 to spare, quorum.witness is \
         reached from none; released when enough votes are back, the witness seen from a node that stays up",
    );
    if let Known::Known { value, .. } = &mut story.seen.quorum {
        value.witness = Some(Known::unknown("the share does not answer"));
    }
    refuses(
        &story,
        RuleName::Quorum,
        &Action::StopCluster { node: "EXNODE2".into() },
        "quorum holds EXNODE2: votes without EXNODE2 is 1, needed 2 and 0 to spare, quorum.witness is \
         unknown: the share does not answer; released when enough votes are back, the witness seen from a \
         node that stays up",
    );
    if let Known::Known { value, .. } = &mut story.seen.quorum {
        value.witness = None;
    }
    refuses(
        &story,
        RuleName::Quorum,
        &install("EXNODE2"),
        "quorum holds EXNODE2: votes without EXNODE2 is 1, needed 2 and 0 to spare; released by a witness, \
         or by a smaller `quorumMargin`: the cluster has no vote to spare",
    );
}

#[test]
fn a_witness_seen_too_long_ago_has_no_vote() {
    let mut story = Story::ccr_in_the_middle();
    let long_ago = story.now - jiff::SignedDuration::from_secs(31);
    if let Known::Known { value, .. } = &mut story.seen.quorum {
        value.witness = Some(Known::seen(["EXNODE1".into()].into(), long_ago));
    }
    refuses(
        &story,
        RuleName::Quorum,
        &install("EXNODE2"),
        "quorum holds EXNODE2: votes without EXNODE2 is 1, needed 2 and 0 to spare, quorum.witness is \
         reached from EXNODE1; released when enough votes are back, the witness seen from a node that stays \
         up",
    );
}

#[test]
fn votes_are_counted_before_anything_is_paid() {
    let mut story = Story::ccr();
    witness(&mut story, &[]);
    refuses(
        &story,
        RuleName::Quorum,
        &pause("EXNODE2"),
        "quorum holds EXNODE2: votes without EXNODE2 is 1, needed 2 and 0 to spare, quorum.witness is \
         reached from none; released when enough votes are back, the witness seen from a node that stays up",
    );
    assert_ne!(story.says(RuleName::Quorum, &handoff("MBX1", "EXNODE1", "EXNODE2")), "allowed");
    if let Some(rollup) = story.target("EXNODE2") {
        rollup.cluster_service = ClusterServiceRule::Keep;
        rollup.reboot = RebootRule::Never;
    }
    passes(&story, RuleName::Quorum, &pause("EXNODE2"));
}

#[test]
fn votes_to_spare_are_kept() {
    let mut story = Story::ccr();
    story.policy().limits.quorum_margin = 1;
    refuses(
        &story,
        RuleName::Quorum,
        &pause("EXNODE2"),
        "quorum holds EXNODE2: votes without EXNODE2 is 2, needed 2 and 1 to spare, quorum.witness is \
         reached from EXNODE1, EXNODE2; released by a witness, or by a smaller `quorumMargin`: the cluster \
         has no vote to spare",
    );
    story.add_node("EXNODE3");
    passes(&story, RuleName::Quorum, &pause("EXNODE2"));
}

#[test]
fn a_host_that_is_no_cluster_has_no_votes_to_lose_and_unknown_votes_are_not_spent() {
    let mut story = Story::ccr_in_the_middle();
    witness(&mut story, &[]);
    if let Known::Known { value, .. } = &mut story.seen.quorum {
        value.standalone = true;
    }
    passes(&story, RuleName::Quorum, &install("EXNODE2"));
    story.seen.quorum = Known::unknown("no answer");
    refuses(
        &story,
        RuleName::Quorum,
        &install("EXNODE2"),
        "quorum holds EXNODE2: quorum is unknown: no answer; released when the votes can be seen",
    );
}

#[test]
fn a_node_that_is_down_has_no_vote_to_lose() {
    let mut story = Story::ccr_in_the_middle();
    witness(&mut story, &[]);
    see(story.now, Membership::Down, &mut story.node("EXNODE2").membership);
    passes(&story, RuleName::Quorum, &install("EXNODE2"));
    story.node("EXNODE2").membership = Known::unknown("no answer");
    assert_ne!(story.says(RuleName::Quorum, &install("EXNODE2")), "allowed");
}

#[test]
fn an_old_look_is_no_look() {
    let mut story = Story::ccr_in_the_middle();
    let at = story.now;
    story.pass(Duration::from_secs(31));
    allows(&story, &install("EXNODE2"));
    see(at, Some("EXNODE1".into()), &mut story.group("MBX1").owner);
    refuses(
        &story,
        RuleName::Fresh,
        &install("EXNODE2"),
        "fresh holds EXNODE2: groups.MBX1.owner is known for 31s without another look; released by a look \
         that sees all of this, recently, and the same from every side",
    );
    see(later(story.now, Duration::from_secs(31)), Some("EXNODE1".into()), &mut story.group("MBX1").owner);
    refuses(
        &story,
        RuleName::Fresh,
        &install("EXNODE2"),
        "fresh holds EXNODE2: groups.MBX1.owner is said to be seen in the future; released by a look that \
         sees all of this, recently, and the same from every side",
    );
}

#[test]
fn only_what_the_action_reads_must_be_known() {
    let mut story = Story::ccr();
    story.add_node("EXNODE3");
    *story.node("EXNODE3") = crate::observed::Node::unknown(&"no answer".into());
    passes(&story, RuleName::Fresh, &pause("EXNODE2"));
    refuses(
        &story,
        RuleName::Fresh,
        &pause("EXNODE3"),
        "fresh holds EXNODE3: nodes.EXNODE3.membership is unknown: no answer, nodes.EXNODE3.work is unknown: \
         no answer, nodes.EXNODE3.rival is unknown: no answer, nodes.EXNODE3.tries is unknown: no answer, \
         nodes.EXNODE3.paused is unknown: no answer, nodes.EXNODE3.versions.product is unknown: nobody \
         looked, nodes.EXNODE3.baseline is unknown: no answer, nodes.EXNODE3.interimUpdates is unknown: no \
         answer, nodes.EXNODE3.pendingReboot is unknown: no answer, nodes.EXNODE3.disk is unknown: no \
         answer, nodes.EXNODE3.services is unknown: no answer; released by a look that sees all of this, \
         recently, and the same from every side",
    );
    story.seen.nodes.remove("EXNODE3");
    refuses(
        &story,
        RuleName::Fresh,
        &pause("EXNODE3"),
        "fresh holds EXNODE3: nodes.EXNODE3 is unknown: it was not seen; released by a look that sees all of \
         this, recently, and the same from every side",
    );
    story.group("MBX1").backup = Known::unknown("no answer");
    refuses(
        &story,
        RuleName::Fresh,
        &handoff("MBX1", "EXNODE1", "EXNODE2"),
        "fresh holds EXNODE1: groups.MBX1.backup is unknown: no answer; released by a look that sees all of \
         this, recently, and the same from every side",
    );
    passes(&story, RuleName::Fresh, &pause("EXNODE2"));
}

#[test]
fn views_that_disagree_hold_everything_that_begins() {
    let mut story = Story::ccr();
    if let Some(view) = story.seen.views.last_mut() {
        view.quorate = false;
        view.members = std::sync::Arc::new(["EXNODE2".into()].into());
    }
    refuses(
        &story,
        RuleName::Fresh,
        &pause("EXNODE2"),
        "fresh holds EXNODE2: the quorum as EXNODE2 sees it is lost: it is in a minority, the membership as \
         EXNODE2 sees it is EXNODE2; as EXNODE1 sees it: EXNODE1, EXNODE2; released by a look that sees all \
         of this, recently, and the same from every side",
    );
    passes(&story, RuleName::Fresh, &resume("EXNODE2"));
    story.seen.views.clear();
    refuses(
        &story,
        RuleName::Fresh,
        &pause("EXNODE2"),
        "fresh holds EXNODE2: views is none: no node said who the members are; released by a look that sees \
         all of this, recently, and the same from every side",
    );
}

#[test]
fn only_the_claims_holder_acts_and_not_even_finishing_is_free() {
    let mut story = Story::ccr_in_the_middle();
    let foreign = Claim { epoch: 8, holder: "elsewhere".into(), heartbeat: 3 };
    story.seen.claim.suppose(Some(foreign), story.now);
    story.history.foreign_silence = Some((Duration::from_secs(20), Duration::from_secs(90)));
    refuses(
        &story,
        RuleName::Fence,
        &resume("EXNODE2"),
        "fence holds mbx-ccr-01: claim is 8@elsewhere, its heartbeat is silent for 20s of 1m 30s; released \
         when elsewhere gives it up or its heartbeat stays silent, or by `rollward takeover mbx-ccr-01`",
    );
    assert!(claimable(&story.seen, &story.history).is_err());
    story.history.foreign_silence = Some((Duration::from_secs(91), Duration::from_secs(90)));
    assert_eq!(claimable(&story.seen, &story.history), Ok(9));
    refuses(
        &story,
        RuleName::Fence,
        &resume("EXNODE2"),
        "fence holds mbx-ccr-01: claim is 8@elsewhere, its heartbeat is silent for 1m 31s of 1m 30s; \
         released by claiming the cluster",
    );
    story.history.foreign_silence = None;
    story.history.takeover_of_epoch = Some(7);
    assert!(claimable(&story.seen, &story.history).is_err(), "another claim than the one that was taken over");
    story.history.takeover_of_epoch = Some(8);
    assert_eq!(claimable(&story.seen, &story.history), Ok(9));
    story.seen.claim = Known::unknown("the registry does not answer");
    refuses(
        &story,
        RuleName::Fence,
        &resume("EXNODE2"),
        "fence holds mbx-ccr-01: claim is unknown: the registry does not answer; released by a look that can \
         read the claim",
    );
    assert!(claimable(&story.seen, &story.history).is_err());
    story.seen.claim.suppose(None, story.now);
    refuses(
        &story,
        RuleName::Fence,
        &install("EXNODE2"),
        "fence holds mbx-ccr-01: claim is nobody's; released by claiming the cluster",
    );
    assert_eq!(claimable(&story.seen, &story.history), Ok(8));
}

#[test]
fn the_next_epoch_is_above_every_one_that_a_node_has_seen() {
    let mut story = Story::ccr_in_the_middle();
    see(story.now, 12, &mut story.node("EXNODE2").epoch_seen);
    story.node("EXNODE1").epoch_seen = Known::unknown("down");
    assert_eq!(claimable(&story.seen, &story.history), Ok(13));
    refuses(
        &story,
        RuleName::Fence,
        &install("EXNODE2"),
        "fence holds EXNODE2: nodes.EXNODE2.epochSeen is 12, claim is 7@here; released by claiming anew: \
         EXNODE2 has obeyed a later claim than ours",
    );
    passes(&story, RuleName::Fence, &move_group("Cluster Group", "EXNODE1", "EXNODE2"));
}

#[test]
fn nothing_begins_beside_what_is_under_way() {
    let mut story = Story::ccr();
    let work = |ended| Work { action: install("EXNODE2"), epoch: 6, holder: "before".into(), since: story.now, ended };
    let (running, ended) = (work(None), work(Some(WorkEnd { at: story.now, exit_code: Some(0), failure: None })));
    see(story.now, Some(running), &mut story.node("EXNODE2").work);
    refuses(
        &story,
        RuleName::Fence,
        &pause("EXNODE1"),
        "fence holds mbx-ccr-01: nodes.EXNODE2.work is Install ru8 on EXNODE2 by 6@before; released when the \
         node shows its lock free, or the work has ended",
    );
    see(story.now, Some(ended), &mut story.node("EXNODE2").work);
    story.mark(MarkKind::InProgress { action: Box::new(install("EXNODE2")) });
    passes(&story, RuleName::Fence, &pause("EXNODE1"));
    story.node("EXNODE2").work = Known::unknown("no answer");
    refuses(
        &story,
        RuleName::Fence,
        &pause("EXNODE1"),
        "fence holds mbx-ccr-01: an action announced for EXNODE2, whose lock is not seen free, is Install \
         ru8 on EXNODE2 by 7@here; released when the node shows its lock free, or the work has ended",
    );
    passes(&story, RuleName::Fence, &resume("EXNODE1"));
}

#[test]
fn a_change_of_membership_asks_for_a_new_claim() {
    let mut story = Story::ccr();
    let claimed = story.now;
    story.pass(Duration::from_secs(5));
    story.history.membership_changed_at = Some(story.now);
    refuses(
        &story,
        RuleName::Fence,
        &pause("EXNODE2"),
        "fence holds mbx-ccr-01: the membership is another than at our claim; released by claiming anew and \
         looking again",
    );
    passes(&story, RuleName::Fence, &resume("EXNODE2"));
    story.history.claimed_at = Some(story.now);
    allows(&story, &pause("EXNODE2"));
    story.history.membership_changed_at = Some(claimed);
    story.history.claimed_at = None;
    assert_ne!(story.says(RuleName::Fence, &pause("EXNODE2")), "allowed");
}

#[test]
fn an_effect_on_another_role_is_refused_even_to_what_finishes() {
    let mut story = Story::ccr_in_the_middle();
    let moves = |group: &str| SideEffect {
        group: group.into(),
        kind: SideEffectKind::Moves { from: "EXNODE1".into(), to: "EXNODE2".into() },
    };
    story.foreseen = Known::seen(vec![moves("Cluster Group")], story.now);
    passes(&story, RuleName::Ripple, &resume("EXNODE2"));
    story.foreseen = Known::seen(vec![moves("MBX1")], story.now);
    refuses(
        &story,
        RuleName::Ripple,
        &resume("EXNODE2"),
        "ripple holds EXNODE2: what the cluster does to MBX1 is a move from EXNODE1 to EXNODE2; released \
         when the cluster would leave MBX1 alone: take its failback policy or preference away",
    );
    passes(&story, RuleName::Ripple, &handoff("MBX1", "EXNODE1", "EXNODE2"));
    let stops = SideEffectKind::Stops { on: "EXNODE2".into() };
    story.foreseen = Known::seen(vec![SideEffect { group: "never seen".into(), kind: stops }], story.now);
    refuses(
        &story,
        RuleName::Ripple,
        &install("EXNODE2"),
        "ripple holds EXNODE2: what the cluster does to never seen is a stop on EXNODE2; released when the \
         cluster would leave never seen alone",
    );
    story.foreseen = Known::unknown("the dry run failed");
    refuses(
        &story,
        RuleName::Ripple,
        &install("EXNODE2"),
        "ripple holds EXNODE2: what the cluster does upon Install ru8 on EXNODE2 is unknown: the dry run \
         failed; released when its effect can be foreseen",
    );
    story.foreseen = Known::seen(Vec::new(), story.now);
    allows(&story, &install("EXNODE2"));
}

#[test]
fn what_cannot_be_done_is_not_tried() {
    let mut story = Story::ccr();
    refuses(
        &story,
        RuleName::Precondition,
        &move_group("Cluster Group", "EXNODE1", "EXNODE2"),
        "precondition holds Cluster Group: groups.Cluster Group.owner is EXNODE2; released when a look shows \
         that this can be done: MoveGroup \"Cluster Group\" from EXNODE1 to EXNODE2",
    );
    refuses(
        &story,
        RuleName::Precondition,
        &resume("EXNODE2"),
        "precondition holds EXNODE2: nodes.EXNODE2.paused is false; released when a look shows that this can \
         be done: Resume EXNODE2",
    );
    story.group("Cluster Group").owner = Known::unknown("no answer");
    refuses(
        &story,
        RuleName::Precondition,
        &move_group("Cluster Group", "EXNODE2", "EXNODE1"),
        "precondition holds Cluster Group: groups.Cluster Group.owner is unknown: no answer; released when a \
         look shows that this can be done: MoveGroup \"Cluster Group\" from EXNODE2 to EXNODE1",
    );
}

/// A role that surely runs nowhere, and cannot where it is, may come up again because of a step. That it perhaps does
/// not is no leave to move it.
#[test]
fn a_foreseen_rescue_is_one_only_where_the_owner_is_surely_down() {
    let mut story = Story::ccr();
    story.add_group("MBX2", GroupKind::Role, "EXNODE2");
    let comes = SideEffectKind::Moves { from: "EXNODE2".into(), to: "EXNODE1".into() };
    story.foreseen = Known::seen(vec![SideEffect { group: "MBX2".into(), kind: comes }], story.now);
    let moved = handoff("MBX1", "EXNODE1", "EXNODE2");
    let rescues = |story: &Story| story.says(RuleName::Ripple, &moved) == "allowed";
    assert!(!rescues(&story), "it serves");
    see(story.now, GroupState::Offline, &mut story.group("MBX2").state);
    assert!(!rescues(&story), "it was stopped where it could run");
    story.node("EXNODE2").membership = Known::unknown("no answer");
    assert!(!rescues(&story), "nobody knows whether it could");
    see(story.now, Membership::Down, &mut story.node("EXNODE2").membership);
    assert!(rescues(&story));
    story.group("MBX2").state = Known::unknown("no answer");
    assert!(!rescues(&story), "nobody knows whether it serves");
}
