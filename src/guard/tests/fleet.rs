//! `fleet`: how many clusters at once, and which first.

use std::time::Duration;

use super::*;
use crate::guard::RollState;
use crate::guard::testing::*;
use crate::model::RuleName;

/// Ours waits, between an `aaa` and a `zzz` in these states.
fn fleet(aaa: RollState, zzz: RollState) -> Story {
    let mut story = Story::ccr();
    story.fleet.clusters.insert("mbx-ccr-01".into(), cluster_facts(RollState::Waiting));
    story.fleet.clusters.insert("aaa".into(), cluster_facts(aaa));
    story.fleet.clusters.insert("zzz".into(), cluster_facts(zzz));
    story
}

fn done() -> RollState {
    RollState::Converged { since: None }
}

#[test]
fn so_many_clusters_are_in_a_roll_at_once() {
    let mut story = fleet(done(), RollState::InRoll);
    refuses(
        &story,
        RuleName::Fleet,
        &pause("EXNODE2"),
        "fleet holds mbx-ccr-01: cluster zzz is in its roll, fleet.maxClustersInRoll is 1; released when a \
         cluster in its roll has converged",
    );
    story.fleet.policy.max_clusters_in_roll = 2;
    allows(&story, &pause("EXNODE2"));
    story.fleet.policy.max_clusters_in_roll = 0;
    refuses(
        &story,
        RuleName::Fleet,
        &pause("EXNODE2"),
        "fleet holds mbx-ccr-01: cluster zzz is in its roll, fleet.maxClustersInRoll is 0; released by a \
         `maxClustersInRoll` of at least 1",
    );
    story.installed("EXNODE1", NEW);
    allows(&story, &pause("EXNODE2"));
}

#[test]
fn a_cluster_that_nobody_has_looked_at_may_be_in_its_roll() {
    let mut story = fleet(done(), RollState::Unknown);
    refuses(
        &story,
        RuleName::Fleet,
        &pause("EXNODE2"),
        "fleet holds mbx-ccr-01: cluster zzz is unknown: not looked at yet, fleet.maxClustersInRoll is 1; \
         released when the other clusters have been looked at",
    );
    if let Some(zzz) = story.fleet.clusters.get_mut("zzz") {
        zzz.acts = false;
    }
    allows(&story, &pause("EXNODE2"));
}

#[test]
fn canaries_go_first() {
    let mut story = fleet(RollState::Waiting, RollState::Waiting);
    refuses(
        &story,
        RuleName::Fleet,
        &pause("EXNODE2"),
        "fleet holds mbx-ccr-01: cluster aaa is waiting; released when the canaries have converged: aaa",
    );
    if let Some(zzz) = story.fleet.clusters.get_mut("zzz") {
        zzz.canary = true;
        zzz.standby_clusters = ["aaa".into()].into();
    }
    refuses(
        &story,
        RuleName::Fleet,
        &pause("EXNODE2"),
        "fleet holds mbx-ccr-01: cluster aaa is waiting, cluster zzz is waiting; released when the canaries \
         have converged: aaa, zzz",
    );
    if let Some(zzz) = story.fleet.clusters.get_mut("zzz") {
        zzz.standby_clusters = ["mbx-ccr-01".into()].into();
    }
    allows(&story, &pause("EXNODE2"));
    story.fleet.policy.canaries = 0;
    story.fleet.clusters.remove("zzz");
    allows(&story, &pause("EXNODE2"));
}

#[test]
fn some_time_passes_between_clusters() {
    let mut story = fleet(done(), done());
    story.fleet.policy.soak_between_clusters = Duration::from_secs(3600);
    allows(&story, &pause("EXNODE2"));
    let since = Some(story.now);
    story.fleet.clusters.insert("aaa".into(), cluster_facts(RollState::Converged { since }));
    refuses(
        &story,
        RuleName::Fleet,
        &pause("EXNODE2"),
        "fleet holds mbx-ccr-01: cluster aaa is converged since 2017-04-01T12:00:00Z; released at \
         2017-04-01T13:00:00Z, 1h after aaa converged",
    );
    story.pass(Duration::from_secs(3600));
    allows(&story, &pause("EXNODE2"));
}

#[test]
fn a_standby_cluster_goes_on_for_one_that_waits_for_it() {
    let mut story = fleet(done(), RollState::InRoll);
    if let Some(zzz) = story.fleet.clusters.get_mut("zzz") {
        zzz.standby_clusters = ["mbx-ccr-01".into()].into();
    }
    allows(&story, &pause("EXNODE2"));
}

#[test]
fn no_slot_is_taken_for_a_package_when_the_pause_is_held() {
    let mut story = fleet(done(), done());
    allows(&story, &stage("EXNODE2"));
    see(story.now, true, &mut story.node("EXNODE2").pending_reboot);
    assert_ne!(story.verdict(&stage("EXNODE2")), "allowed");
    story.installed("EXNODE1", NEW);
    allows(&story, &stage("EXNODE2"));
}
