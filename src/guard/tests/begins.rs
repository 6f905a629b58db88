//! What holds every begin and no finish: `mode`, `manifest`, `record`, `stop`.

use super::*;
use crate::desired::{Broken, Mode};
use crate::guard::Stop;
use crate::guard::testing::*;
use crate::model::{ActionKind, Known, MarkKind, Phase, RuleName, StopScope};

#[test]
fn a_cluster_in_observe_mode_is_left_alone() {
    let mut story = Story::ccr();
    story.desired.mode = Mode::Observe;
    refuses(
        &story,
        RuleName::Mode,
        &pause("EXNODE2"),
        "mode holds mbx-ccr-01: mode is observe (ccr.yaml:1); released by `mode: act` in the cluster's spec, \
         ccr.yaml:1",
    );
    passes(&story, RuleName::Mode, &resume("EXNODE2"));
}

#[test]
fn a_broken_document_starts_nothing_and_finishes_what_is_begun() {
    let mut story = Story::ccr_in_the_middle();
    let broken = |place, releasing| Some(Broken { why: "unknown key `nods`".into(), place, releasing });
    story.desired.broken = broken(Some(place(7)), false);
    refuses(
        &story,
        RuleName::Manifest,
        &install("EXNODE2"),
        "manifest holds mbx-ccr-01: the manifest is unknown key `nods` (ccr.yaml:7); released by mending \
         ccr.yaml:7; `rollward validate` shows every error at once",
    );
    allows(&story, &resume("EXNODE2"));
    story.desired.broken = broken(None, false);
    refuses(
        &story,
        RuleName::Manifest,
        &install("EXNODE2"),
        "manifest holds mbx-ccr-01: the manifest is unknown key `nods`; released by mending the manifest; \
         `rollward validate` shows every error at once",
    );
    story.desired.broken = broken(None, true);
    refuses(
        &story,
        RuleName::Manifest,
        &install("EXNODE2"),
        "manifest holds mbx-ccr-01: the manifest is unknown key `nods`; its document is gone: what is begun \
         is finished, our marks are removed, then it is forgotten; released by declaring it again",
    );
}

#[test]
fn nothing_begins_that_cannot_be_written_down() {
    let mut story = Story::ccr_in_the_middle();
    story.history.record_error = Some("no space left on device".into());
    refuses(
        &story,
        RuleName::Record,
        &install("EXNODE2"),
        "record holds mbx-ccr-01: the record is no space left on device; released when the state folder can \
         be written again: look at its disk and its permissions, and start the daemon anew if the folder was \
         replaced",
    );
    allows(&story, &resume("EXNODE2"));
}

#[test]
fn the_stop_cord_stops_what_begins() {
    let mut story = Story::ccr_in_the_middle();
    let stop = story.mark(MarkKind::Stop { scope: StopScope::Node("EXNODE2".into()), why: "audit".into() });
    refuses(
        &story,
        RuleName::Stop,
        &install("EXNODE2"),
        "stop holds mbx-ccr-01: the stop cord of EXNODE2 is pulled: \"audit\"; released by `rollward go \
         mbx-ccr-01 --node EXNODE2`",
    );
    refuses(
        &story,
        RuleName::Stop,
        &handoff("MBX1", "EXNODE1", "EXNODE2"),
        "stop holds mbx-ccr-01: the stop cord of EXNODE2 is pulled: \"audit\"; released by `rollward go \
         mbx-ccr-01 --node EXNODE2`",
    );
    passes(&story, RuleName::Stop, &pause("EXNODE1"));
    allows(&story, &resume("EXNODE2"));
    assert!(matches!(stop.kind, MarkKind::Stop { .. }));
    story.seen.marks.suppose(Vec::new(), story.now);
    story.mark(MarkKind::Stop { scope: StopScope::Cluster, why: "audit".into() });
    refuses(
        &story,
        RuleName::Stop,
        &pause("EXNODE1"),
        "stop holds mbx-ccr-01: the cluster's stop cord is pulled: \"audit\"; released by `rollward go mbx-ccr-01`",
    );
    story.seen.marks = Known::unknown("the registry does not answer");
    refuses(
        &story,
        RuleName::Stop,
        &pause("EXNODE1"),
        "stop holds mbx-ccr-01: marks is unknown: the registry does not answer; released by a look that can \
         read the cluster's marks",
    );
}

#[test]
fn a_stop_reaches_the_clusters_with_its_labels() {
    let mut story = Story::ccr();
    let label = |site: &str| [("site".to_owned(), site.to_owned())].into();
    story.desired.labels = label("lyon");
    let stop = |labels, place| Stop { why: "storm".into(), labels, place, since: Some(story.now) };
    story.fleet.stops = vec![stop(label("oslo"), None)];
    allows(&story, &pause("EXNODE2"));
    story.fleet.stops = vec![stop(label("lyon"), Some(place(3)))];
    refuses(
        &story,
        RuleName::Stop,
        &pause("EXNODE2"),
        "stop holds mbx-ccr-01: the stop cord by label is pulled: \"storm\" (ccr.yaml:3); released by \
         removing the document at ccr.yaml:3",
    );
    story.fleet.stops.extend([stop(label("lyon"), None), stop(Default::default(), None)]);
    refuses(
        &story,
        RuleName::Stop,
        &pause("EXNODE2"),
        "stop holds mbx-ccr-01: the stop cord by label is pulled: \"storm\" (ccr.yaml:3), the stop cord by \
         label is pulled: \"storm\", the global stop cord is pulled: \"storm\"; released by removing the \
         document at ccr.yaml:3 and `rollward go --label site=lyon` and `rollward go --all`",
    );
}

#[test]
fn only_the_rules_that_say_so_judge_what_finishes() {
    let finishing: Vec<_> = crate::guard::RULES.iter().filter(|r| r.judges_finishing).map(|r| r.name).collect();
    assert_eq!(finishing, [RuleName::Ripple, RuleName::Fence, RuleName::People, RuleName::Precondition]);
    let finishes = ActionKind::ALL.iter().filter(|kind| kind.phase() == Phase::Finish).count();
    assert_eq!(finishes, 6);
}
