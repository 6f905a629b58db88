//! The way of a pair from the old rollup to the new one, with every rule in force.

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::guard::testing::*;
use crate::guard::{Check, judge};
use crate::model::{ClusterServiceRule, Known};
use crate::observed::effect;

/// Does the action in the model if every rule allows it.
#[track_caller]
fn go(story: &mut Story, action: Action) {
    allows(story, &action);
    story.pass(Duration::from_secs(30));
    effect::apply(&action, &mut story.seen, &story.desired, story.now);
    effect::settle(&mut story.seen, story.now);
}

#[test]
fn a_pair_goes_its_whole_way_with_one_handoff() {
    let mut story = Story::ccr();
    go(&mut story, pause("EXNODE2"));
    go(&mut story, move_group("Cluster Group", "EXNODE2", "EXNODE1"));
    go(&mut story, install("EXNODE2"));
    go(&mut story, resume("EXNODE2"));
    story.pass(Duration::from_secs(600));
    go(&mut story, handoff("MBX1", "EXNODE1", "EXNODE2"));
    go(&mut story, pause("EXNODE1"));
    go(&mut story, move_group("Cluster Group", "EXNODE1", "EXNODE2"));
    go(&mut story, install("EXNODE1"));
    go(&mut story, resume("EXNODE1"));
}

#[test]
fn a_pair_goes_its_way_where_we_stop_the_cluster_service() {
    let mut story = Story::ccr();
    if let Some(rollup) = story.target("EXNODE2") {
        rollup.cluster_service = ClusterServiceRule::Stop;
    }
    go(&mut story, pause("EXNODE2"));
    go(&mut story, move_group("Cluster Group", "EXNODE2", "EXNODE1"));
    go(&mut story, Action::StopCluster { node: "EXNODE2".into() });
    story.node("EXNODE2").paused = Known::unknown("its cluster service does not run");
    go(&mut story, install("EXNODE2"));
    go(&mut story, Action::Reboot { node: "EXNODE2".into() });
    let now = story.now;
    see(now, true, &mut story.node("EXNODE2").paused);
    go(&mut story, resume("EXNODE2"));
}

#[test]
fn an_offline_handoff_is_stop_move_and_start() {
    let mut story = Story::ccr();
    story.installed("EXNODE2", NEW);
    let at_most = Duration::from_secs(600);
    go(&mut story, Action::StopRole { group: "MBX1".into(), node: "EXNODE1".into(), to: "EXNODE2".into(), at_most });
    go(
        &mut story,
        Action::Handoff {
            group: "MBX1".into(),
            from: "EXNODE1".into(),
            to: "EXNODE2".into(),
            style: crate::model::HandoffStyle::Offline,
        },
    );
    go(&mut story, Action::StartRole { group: "MBX1".into(), node: "EXNODE2".into() });
}

#[test]
fn a_permit_carries_what_the_node_itself_can_check() {
    let story = Story::ccr_in_the_middle();
    let node = || "EXNODE2".into();
    let checks = |action| judge(action, &story.facts()).map(|permit| permit.checks().to_vec());
    assert_eq!(
        checks(install("EXNODE2")),
        Ok(vec![
            Check::ClaimIsOurs,
            Check::NothingElseInProgress { beside: BTreeSet::new() },
            Check::OwnsNoRole { node: node() },
            Check::OwnsNothing { node: node() },
            Check::PausedByUs { node: node() },
            Check::QuorumWithout { node: node(), also: BTreeSet::new(), margin: 0 },
            Check::FewerOut { besides: node(), than: 1 },
            Check::Hash { file: FILE.into(), sha256: "aa11".into() },
            Check::NoRival { node: node() },
        ])
    );
    assert_eq!(checks(resume("EXNODE2")), Ok(vec![Check::ClaimIsOurs, Check::PausedByUs { node: node() }]));
    let mut story = Story::ccr();
    story.installed("EXNODE2", NEW);
    let permit = judge(handoff("MBX1", "EXNODE1", "EXNODE2"), &story.facts()).map(|permit| permit.checks().to_vec());
    assert_eq!(
        permit,
        Ok(vec![
            Check::ClaimIsOurs,
            Check::NothingElseInProgress { beside: BTreeSet::new() },
            Check::Owner { group: "MBX1".into(), node: "EXNODE1".into() },
            Check::Up { node: node() },
            Check::NotPaused { node: node() },
        ])
    );
}
