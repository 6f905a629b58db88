//! `window`: begins end inside.

use std::time::Duration;

use jiff::civil::time;
use jiff::tz::TimeZone;

use super::*;
use crate::desired::{HandoffWhen, Window, WorkWhen};
use crate::guard::Way;
use crate::guard::testing::*;
use crate::model::{ActionKind, RuleName, Spread};
use crate::observed::GroupKind;

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

#[test]
fn each_group_that_must_be_moved_counts_with_its_own_figure() {
    let mut story = story(daily(11, 13));
    story.installed("EXNODE2", OLD);
    story.add_group("Quorum", GroupKind::Auxiliary, "EXNODE2");
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    let spread = |p95| Spread { median: minutes(1), p95 };
    story.forecast.by_group.insert((ActionKind::MoveGroup, "Quorum".into()), spread(minutes(20)));
    // A minute for the other one, and seven for all else.
    story.pass(minutes(32));
    allows(&story, &pause("EXNODE2"));
    story.pass(Duration::from_secs(1));
    refuses(
        &story,
        RuleName::Window,
        &pause("EXNODE2"),
        "window holds EXNODE2: the window for work is open until 2017-04-01T13:00:00Z, and it may take 28m; \
         released at 2017-04-02T11:00:00Z, when the next window long enough opens",
    );
    // What is moved counts with the way that it goes, where that is known.
    let way = Way {
        kind: ActionKind::MoveGroup,
        group: Some("Quorum".into()),
        from: "EXNODE2".into(),
        to: Some("EXNODE1".into()),
    };
    story.forecast.by_way.insert(way, spread(minutes(40)));
    let says = story.says(RuleName::Window, &move_group("Quorum", "EXNODE2", "EXNODE1"));
    assert!(says.contains("it may take 47m; "), "{says}");
}

#[test]
fn a_hold_says_what_was_learned_and_what_can_be_done_where_no_window_is_as_long() {
    let mut story = story(daily(13, 14));
    story.installed("EXNODE2", OLD);
    let learned = Spread { median: Duration::from_secs(1200), p95: Duration::from_secs(7200) };
    story.forecast.by_kind.insert(ActionKind::Install, learned);
    let says = |figures: u32| {
        let mut story = story.clone();
        story.forecast.figures.insert(ActionKind::Install, figures);
        // Of what takes less, nobody needs to know.
        story.forecast.figures.insert(ActionKind::Pause, 7);
        story.says(RuleName::Window, &pause("EXNODE2"))
    };
    let hold = |figures: &str, or: &str| {
        format!(
            "window holds EXNODE2: the window for work is closed, and it may take 2h 7m, 2h of it Install as learned from \
             {figures}; released by a window of at least 2h 7m in the policy at ccr.yaml:30: none is as long; or {or}"
        )
    };
    assert_eq!(says(1), hold("1 figure", "declare `durations:`, or waive `window`"));
    assert_eq!(says(38), hold("38 figures", "declare `durations:`, or waive `window`"));
    assert_eq!(says(39), hold("39 figures", "waive `window`"), "what is declared has no say any more");
    story.policy().windows = daily(13, 17);
    story.forecast.figures.insert(ActionKind::Install, 3);
    assert_eq!(
        story.says(RuleName::Window, &pause("EXNODE2")),
        "window holds EXNODE2: the window for work is closed, and it may take 2h 7m, 2h of it Install as learned from \
         3 figures; released at 2017-04-01T13:00:00Z, when the next window long enough opens"
    );
}
