//! `window`: begins end inside.

use std::time::Duration;

use jiff::civil::time;
use jiff::tz::TimeZone;

use super::*;
use crate::desired::{HandoffWhen, Window, WorkWhen};
use crate::guard::testing::*;
use crate::model::RuleName;

/// Every day, by the clock of Greenwich. The story's now is noon.
fn daily(from: i8, to: i8) -> Vec<Window> {
    let (from, to) = (time(from, 0, 0, 0), time(to, 0, 0, 0));
    vec![Window { days: [true; 7], from, to, time_zone: TimeZone::UTC, deny: false }]
}

fn story(windows: Vec<Window>) -> Story {
    let mut story = Story::ccr();
    story.installed("EXNODE2", NEW);
    story.policy().work = WorkWhen::Window;
    story.policy().handoff.when = HandoffWhen::Window;
    story.policy().windows = windows;
    story
}

fn over() -> Action {
    handoff("MBX1", "EXNODE1", "EXNODE2")
}

#[test]
fn nothing_begins_while_the_window_is_closed() {
    let mut story = story(daily(13, 17));
    story.installed("EXNODE2", OLD);
    refuses(
        &story,
        RuleName::Window,
        &pause("EXNODE2"),
        "window holds EXNODE2: the window for work is closed, and it may take 8m; released at \
         2017-04-01T13:00:00Z, when the next window long enough opens",
    );
    passes(&story, RuleName::Window, &resume("EXNODE2"));
    story.pass(Duration::from_secs(3600));
    allows(&story, &pause("EXNODE2"));
    story.policy().work = WorkWhen::Anytime;
    story.policy().windows = daily(1, 2);
    allows(&story, &pause("EXNODE2"));
}

#[test]
fn a_pause_counts_with_everything_that_must_follow_it() {
    let mut story = story(daily(11, 13));
    story.installed("EXNODE2", OLD);
    // Pause, one group, install, reboot, cluster service, services, copies, resume: a minute each.
    story.pass(Duration::from_secs(52 * 60));
    allows(&story, &pause("EXNODE2"));
    story.pass(Duration::from_secs(60));
    refuses(
        &story,
        RuleName::Window,
        &pause("EXNODE2"),
        "window holds EXNODE2: the window for work is open until 2017-04-01T13:00:00Z, and it may take 8m; \
         released at 2017-04-02T11:00:00Z, when the next window long enough opens",
    );
    passes(&story, RuleName::Window, &install("EXNODE2"));
    // Copying ahead is held only where it would take the cluster's slot.
    story.installed("EXNODE1", NEW);
    passes(&story, RuleName::Window, &stage("EXNODE2"));
}

#[test]
fn a_handoff_counts_with_its_way_back_and_the_update_of_the_node_it_vacates() {
    let mut story = story(daily(11, 13));
    // The handoff, then the pause and all that follows, without the role.
    story.pass(Duration::from_secs(52 * 60));
    allows(&story, &over());
    story.pass(Duration::from_secs(60));
    refuses(
        &story,
        RuleName::Window,
        &over(),
        "window holds MBX1: the window for work is open until 2017-04-01T13:00:00Z, and it may take 7m; \
         released at 2017-04-02T11:00:00Z, when the next window long enough opens",
    );
    story.policy().work = WorkWhen::Anytime;
    allows(&story, &over());
    story.pass(Duration::from_secs(5 * 60));
    allows(&story, &over());
    story.pass(Duration::from_secs(60));
    refuses(
        &story,
        RuleName::Window,
        &over(),
        "window holds MBX1: the window for handoffs is open until 2017-04-01T13:00:00Z, and it may take 2m; \
         released at 2017-04-02T11:00:00Z, when the next window long enough opens",
    );
}

#[test]
fn handoffs_may_have_windows_of_their_own() {
    let mut story = story(daily(14, 17));
    story.policy().handoff_windows = Some(daily(11, 13));
    allows(&story, &over());
    refuses(
        &story,
        RuleName::Window,
        &pause("EXNODE1"),
        "window holds EXNODE1: the window for work is closed, and it may take 8m; released at \
         2017-04-01T14:00:00Z, when the next window long enough opens",
    );
    story.policy().handoff.when = HandoffWhen::Anytime;
    refuses(
        &story,
        RuleName::Window,
        &over(),
        "window holds MBX1: the window for work is closed, and it may take 7m; released at \
         2017-04-01T14:00:00Z, when the next window long enough opens",
    );
}

#[test]
fn a_window_that_is_never_long_enough_says_so() {
    let mut story = story(daily(13, 14));
    story.installed("EXNODE2", OLD);
    for spread in story.forecast.by_kind.values_mut() {
        spread.p95 = Duration::from_secs(1800);
    }
    refuses(
        &story,
        RuleName::Window,
        &pause("EXNODE2"),
        "window holds EXNODE2: the window for work is closed, and it may take 4h; released by a window of at \
         least 4h in the policy at ccr.yaml:30: none is as long",
    );
}
