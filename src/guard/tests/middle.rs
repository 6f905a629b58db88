//! `soak`: some time of health between one node and the next.

use std::time::Duration;

use super::*;
use crate::guard::testing::*;
use crate::model::{Known, RuleName};
use crate::observed::{Membership, Verified};

#[test]
fn the_next_node_waits_for_the_soak_of_the_last() {
    let mut story = Story::ccr();
    story.installed("EXNODE2", NEW);
    see(story.now, Some(Verified { rollup: "ru8".into(), at: story.now }), &mut story.node("EXNODE2").verified);
    refuses(
        &story,
        RuleName::Soak,
        &handoff("MBX1", "EXNODE1", "EXNODE2"),
        "soak holds EXNODE1: nodes.EXNODE2.verified is healthy with ru8 since 2017-04-01T12:00:00Z; released \
         at 2017-04-01T12:10:00Z, when EXNODE2 has been healthy for 10m",
    );
    refuses(
        &story,
        RuleName::Soak,
        &pause("EXNODE1"),
        "soak holds EXNODE1: nodes.EXNODE2.verified is healthy with ru8 since 2017-04-01T12:00:00Z; released \
         at 2017-04-01T12:10:00Z, when EXNODE2 has been healthy for 10m",
    );
    passes(&story, RuleName::Soak, &pause("EXNODE2"));
    story.pass(Duration::from_secs(599));
    assert_ne!(story.says(RuleName::Soak, &pause("EXNODE1")), "allowed");
    story.pass(Duration::from_secs(1));
    allows(&story, &handoff("MBX1", "EXNODE1", "EXNODE2"));
}

#[test]
fn health_that_cannot_be_told_has_not_lasted() {
    let mut story = Story::ccr();
    story.node("EXNODE2").verified = Known::unknown("no answer");
    refuses(
        &story,
        RuleName::Soak,
        &pause("EXNODE1"),
        "soak holds EXNODE1: nodes.EXNODE2.verified is unknown: no answer; released when it can be seen how \
         long EXNODE2 has been healthy",
    );
    see(story.now, Membership::Down, &mut story.node("EXNODE2").membership);
    passes(&story, RuleName::Soak, &pause("EXNODE1"));
    see(story.now, Membership::Up, &mut story.node("EXNODE2").membership);
    story.policy().limits.soak = Duration::ZERO;
    passes(&story, RuleName::Soak, &pause("EXNODE1"));
}

#[test]
fn a_node_that_was_lost_soaks_anew_when_it_is_back() {
    let mut story = Story::ccr();
    story.installed("EXNODE2", NEW);
    see(story.now, Some(Verified { rollup: "ru8".into(), at: story.now }), &mut story.node("EXNODE2").verified);
    story.pass(Duration::from_secs(3600));
    passes(&story, RuleName::Soak, &handoff("MBX1", "EXNODE1", "EXNODE2"));
    let back = story.now;
    story.history.rejoined_at.insert("EXNODE2".into(), back);
    story.pass(Duration::from_secs(60));
    refuses(
        &story,
        RuleName::Soak,
        &handoff("MBX1", "EXNODE1", "EXNODE2"),
        "soak holds EXNODE1: nodes.EXNODE2.verified is healthy with ru8 since it came back at 2017-04-01T13:00:00Z; \
         released at 2017-04-01T13:10:00Z, when EXNODE2 has been healthy for 10m",
    );
    story.pass(Duration::from_secs(540));
    passes(&story, RuleName::Soak, &handoff("MBX1", "EXNODE1", "EXNODE2"));
}

#[test]
fn a_node_that_its_installer_restarts_has_its_soak_to_come() {
    let mut story = Story::ccr();
    story.history.rejoined_at.insert("EXNODE2".into(), story.now);
    assert_ne!(story.says(RuleName::Soak, &pause("EXNODE1")), "allowed");
    story.paused_by_us("EXNODE2");
    passes(&story, RuleName::Soak, &pause("EXNODE1"));
}
