//! Reports: what the record says is told, and nothing that it does not say.

use std::collections::BTreeSet;
use std::time::Duration;

use rollward::model::{Action, Answer, HandoffStyle, Time};
use rollward::output::{Report, Reported, Seconds, SinceIs};
use rollward::record::{Entry, EntryKind, Inputs, Keep, OpenMode, Recorded, RollCounts, Store};

use crate::cli::Folder;

fn install(node: &str) -> Action {
    Action::Install { node: node.into(), rollup: "ru8".into() }
}

fn handoff() -> Action {
    Action::Handoff { group: "MBX1".into(), from: "A".into(), to: "B".into(), style: HandoffStyle::Online }
}

fn intended(action: Action) -> EntryKind {
    EntryKind::Intended { action, rules: Vec::new(), waived: Vec::new(), inputs: Inputs::new() }
}

fn outcome(action: Action, failure: Option<&str>, took: u64) -> EntryKind {
    EntryKind::Outcome { action, failure: failure.map(str::to_owned), took: Duration::from_secs(took), at_most: false }
}

fn outage(lasted: u64) -> EntryKind {
    EntryKind::Outage { group: "MBX1".into(), lasted: Duration::from_secs(lasted) }
}

fn at(second: u64) -> Time {
    let noon: Time = "2017-04-01T12:00:00Z".parse().unwrap();
    noon + Duration::from_secs(second)
}

fn entry(cluster: &str, second: u64, what: EntryKind) -> Entry {
    Entry { cluster: cluster.into(), at: at(second), revision: "r1".into(), what }
}

/// The report of these lines, each at its second; every look sees what `versions` says of that line.
fn told(lines: Vec<(u64, EntryKind)>, versions: impl Fn(i64) -> [(&'static str, &'static str); 2]) -> Reported {
    let lines: Vec<Recorded> =
        (1..).zip(lines).map(|(id, (second, what))| Recorded { id, entry: entry("mbx", second, what) }).collect();
    let look = |id: i64| {
        let node = |(name, version): (&str, &str)| {
            let installed = match version {
                "" => serde_json::json!({"unknown": {"why": "no answer"}}),
                version => serde_json::json!({"known": {"value": format!("8.3.0.{version}"), "at": at(0)}}),
            };
            (name.to_owned(), serde_json::json!({"installed": {"exchange": installed}}))
        };
        let nodes: serde_json::Map<_, _> = versions(id).into_iter().map(node).collect();
        let second = lines.iter().find(|line| line.id == id)?.entry.at;
        let spread = serde_json::json!({"median": {"secs": 8, "nanos": 0}, "p95": {"secs": 30, "nanos": 0}});
        let observation = serde_json::json!({"at": second, "nodes": nodes}).to_string();
        // It is known better from where to where.
        let slow = serde_json::json!({"median": {"secs": 60, "nanos": 0}, "p95": {"secs": 90, "nanos": 0}});
        let way = serde_json::json!({"kind": "Handoff", "group": "MBX1", "from": "A", "to": "B"});
        let forecast = serde_json::json!({"byKind": {"Handoff": slow}, "byGroup": [], "byWay": [[way, spread]]});
        let forecast = forecast.to_string();
        Some(Inputs::from([("observation".into(), observation.into()), ("forecast".into(), forecast.into())]))
    };
    Reported::new("mbx", &lines, look)
}

fn stale(_: i64) -> [(&'static str, &'static str); 2] {
    [("A", "7"), ("B", "7")]
}

#[test]
fn a_build_is_as_old_as_its_installation_or_as_the_first_look_that_saw_it() {
    let lines = vec![
        (0, EntryKind::RollStarted { counts: RollCounts::default() }),
        (1, intended(install("B"))),
        (60, outcome(install("B"), Some("1603"), 59)),
        (70, intended(install("B"))),
        (130, outcome(install("B"), None, 60)),
        (140, intended(handoff())),
        (150, intended(handoff())),
    ];
    // Line 7 cannot see A.
    let versions = |id| if id < 6 { stale(id) } else { [("A", if id == 7 { "" } else { "7" }), ("B", "8")] };
    let builds = told(lines, versions).builds;
    let all: Vec<_> = builds.iter().map(|b| (b.node.as_str(), b.versions["exchange"].as_deref(), b.since)).collect();
    assert_eq!(all, [("A", Some("8.3.0.7"), at(1)), ("B", Some("8.3.0.8"), at(130))]);
    assert_eq!(builds.iter().map(|b| b.since_is).collect::<Vec<_>>(), [SinceIs::FirstSeen, SinceIs::Installed]);
    assert_eq!(builds.iter().map(|b| b.rollup.as_deref()).collect::<Vec<_>>(), [None, Some("ru8")]);

    // Another version that we did not bring: it is known from when it was first seen.
    let lines = vec![(0, intended(handoff())), (9, intended(handoff()))];
    let builds = told(lines, |id| if id == 1 { stale(id) } else { [("A", "9"), ("B", "7")] }).builds;
    assert_eq!(
        builds.iter().map(|b| (b.since, b.since_is)).collect::<Vec<_>>(),
        [(at(9), SinceIs::FirstSeen), (at(0), SinceIs::FirstSeen)]
    );
}

#[test]
fn a_handoff_has_the_outage_that_ended_with_it_and_else_none() {
    let lines = vec![
        (0, EntryKind::RollStarted { counts: RollCounts::default() }),
        // Went down by itself long before: no handoff's outage.
        (5, outage(3)),
        (10, intended(handoff())),
        (20, outcome(handoff(), None, 9)),
        (22, outage(11)),
        (100, intended(handoff())),
        (120, outcome(handoff(), Some("is on B and does not serve"), 19)),
        (500, EntryKind::Converged { counts: RollCounts { spent: 2, ..RollCounts::default() } }),
        (600, EntryKind::Failover { group: "MBX1".into(), from: Some("B".into()), to: Some("A".into()) }),
        (601, outage(4)),
    ];
    let told = told(lines, stale);
    let roll = &told.rolls[0];
    let seconds = |seconds| Some(Seconds(Duration::from_secs(seconds)));
    assert_eq!(roll.handoffs.iter().map(|h| h.outage_seconds).collect::<Vec<_>>(), [seconds(11), None]);
    assert_eq!(
        roll.handoffs[0].predicted_seconds.map(|p| (Some(p.median), Some(p.p95))),
        Some((seconds(8), seconds(30)))
    );
    assert_eq!((roll.started, roll.ended), (at(0), Some(at(500))));
    assert_eq!(roll.counts.as_ref().unwrap().spent, 2);
    let kinds = |events: &[rollward::output::Event]| events.iter().map(|e| e.kind.clone()).collect::<Vec<_>>();
    assert_eq!(kinds(&roll.events), ["outage", "outcome", "outage", "outcome"]);
    assert_eq!(kinds(&told.between), ["failover", "outage"], "what happens between rolls is no roll's");
}

#[test]
fn failures_are_told_by_their_first_cause() {
    let refused = Answer::Refused { check: "ownsNothing".into(), saw: "MBX1".into() };
    let lines = vec![
        (0, EntryKind::RollStarted { counts: RollCounts::default() }),
        (1, EntryKind::Answered { action: install("B"), answer: Answer::Accepted }),
        (2, outcome(install("B"), Some("1603"), 1)),
        (3, EntryKind::Answered { action: install("B"), answer: refused.clone() }),
        (4, EntryKind::Alarm { what: "MBX1 does not serve".into() }),
        (5, EntryKind::Answered { action: install("A"), answer: refused }),
        (6, outcome(install("B"), Some("1618"), 1)),
        (7, outcome(install("B"), None, 1)),
    ];
    let told = told(lines, stale);
    let failures = &told.rolls[0].failures;
    let all: Vec<_> = failures.iter().map(|f| (f.subject.as_deref(), f.entry, f.more, f.mended)).collect();
    assert_eq!(all, [(Some("B"), 3, 2, Some(at(7))), (None, 5, 0, None), (Some("A"), 6, 0, None)]);
    assert!(failures[0].first_cause.ends_with(": 1603"), "{}", failures[0].first_cause);
}

#[test]
fn a_roll_whose_beginning_is_lost_is_told_from_its_first_line() {
    let lines =
        vec![(7, outcome(install("B"), None, 1)), (9, EntryKind::RollStarted { counts: RollCounts::default() })];
    let rolls = told(lines, stale).rolls;
    assert_eq!(
        rolls.iter().map(|r| (r.started, r.ended, r.counts.is_some())).collect::<Vec<_>>(),
        [(at(7), None, false), (at(9), None, true)]
    );
}

/// The demo's clusters, rolled by the program itself: every node at its build, every handoff with its outage, a file a
/// roll, and a page that needs nothing from elsewhere.
#[test]
fn the_report_of_a_real_roll_is_complete() {
    let folder = Folder::new();
    let (code, _, err) = folder.sh("rollward run manifests/demo --until-converged");
    assert_eq!(code, 0, "{err}");
    let (code, out, err) = folder.sh("rollward report --to out --output json");
    assert_eq!(code, 0, "{err}");
    let report: Report = serde_json::from_str(&out).unwrap();
    assert!(report.record.whole);
    assert_eq!(report.clusters.len(), 5);
    let mut files = BTreeSet::from(["report.html".to_owned()]);
    let mut handoffs = 0;
    for cluster in &report.clusters {
        assert!(!cluster.builds.is_empty(), "{}", cluster.name);
        for build in &cluster.builds {
            assert!(build.versions.values().all(Option::is_some), "{build:?}");
            assert_eq!((build.since_is, build.versions.is_empty()), (SinceIs::Installed, false), "{build:?}");
        }
        for roll in &cluster.rolls {
            assert!(roll.ended.is_some(), "{}", cluster.name);
            let (spent, done) =
                (roll.counts.as_ref().unwrap().spent, roll.handoffs.iter().filter(|h| h.failure.is_none()));
            assert_eq!(usize::try_from(spent).unwrap(), done.count(), "{}", cluster.name);
            assert!(
                roll.handoffs.iter().all(|h| h.outage_seconds.is_some() && h.predicted_seconds.is_some()),
                "{roll:?}"
            );
            handoffs += roll.handoffs.len();
            let name = format!("{}-{}", cluster.name, roll.started.strftime("%Y%m%dT%H%M%SZ"));
            let csv = std::fs::read_to_string(folder.path().join(format!("out/{name}.csv"))).unwrap();
            assert_eq!(csv.lines().count(), 1 + roll.events.len(), "{csv}");
            let json = std::fs::read_to_string(folder.path().join(format!("out/{name}.json"))).unwrap();
            assert_eq!(&serde_json::from_str::<rollward::output::RollReport>(&json).unwrap(), roll);
            files.extend([format!("{name}.csv"), format!("{name}.json")]);
        }
    }
    assert!(handoffs > 0);
    let written = std::fs::read_dir(folder.path().join("out")).unwrap();
    assert_eq!(written.map(|f| f.unwrap().file_name().into_string().unwrap()).collect::<BTreeSet<_>>(), files);
    let page = std::fs::read_to_string(folder.path().join("out/report.html")).unwrap();
    for outside in ["src=", "href=", "@import", "url("] {
        assert!(!page.contains(outside), "the page asks for something else: {outside}");
    }
    assert!(page.contains(report.record.head.as_ref().unwrap()));
}

/// However little of the record is left: each node at its build, and no roll that seems to go on.
#[test]
fn a_pruned_record_tells_builds_still() {
    let folder = Folder::new();
    let (code, _, err) = folder.sh("rollward run manifests/demo --until-converged");
    assert_eq!(code, 0, "{err}");
    let report = || -> Report {
        let (code, out, err) = folder.sh("rollward report --output json");
        assert_eq!(code, 0, "{err}");
        serde_json::from_str(&out).unwrap()
    };
    let builds = |report: &Report| -> Vec<_> {
        let all = report.clusters.iter().flat_map(|cluster| &cluster.builds);
        all.map(|build| (build.node.clone(), build.versions.clone())).collect()
    };
    let before = report();
    let store = Store::open(&folder.path().join("state"), OpenMode::Write).unwrap();
    let keep = Keep { lines: Duration::ZERO, inputs: Duration::ZERO, bytes: u64::MAX };
    let done = store.prune(&keep, "2099-01-01T00:00:00Z".parse().unwrap(), || true).unwrap();
    assert!(done.lines > 0 && done.parts > 0, "{done:?}");
    let after = report();
    assert!(after.record.whole && after.record.entries < before.record.entries / 5, "{:?}", after.record);
    assert_eq!(builds(&after), builds(&before));
    assert!(after.clusters.iter().flat_map(|cluster| &cluster.rolls).all(|roll| roll.ended.is_some()), "{after:?}");
}

#[test]
fn hostile_names_are_text_in_every_form() {
    let folder = Folder::new();
    let hostile = "../<script>alert(1)</script>";
    let store = Store::open(&folder.path().join("state"), OpenMode::Write).unwrap();
    for what in [
        EntryKind::RollStarted { counts: RollCounts::default() },
        EntryKind::Alarm { what: "<img src=x onerror=alert(2)>".into() },
        outcome(install("=cmd|'/c calc'!A1"), Some("\"quoted\", and\nbroken"), 1),
        EntryKind::Converged { counts: RollCounts::default() },
        // Another roll within the second.
        EntryKind::RollStarted { counts: RollCounts::default() },
        outcome(install(" +1"), None, 1),
    ] {
        store.append(&entry(hostile, 1, what)).unwrap();
    }
    drop(store);
    let (code, out, err) = folder.sh("rollward report --to out");
    assert_eq!(code, 0, "{err}");
    assert!(out.contains(hostile));
    let page = std::fs::read_to_string(folder.path().join("out/report.html")).unwrap();
    assert!(!page.contains("<script") && !page.contains("<img"), "{page}");
    assert!(page.contains("alert(2)"), "it is told all the same");
    let csv = |end: &str| {
        let name = format!("%2E%2E%2F%3Cscript%3Ealert%281%29%3C%2Fscript%3E-20170401T120001Z{end}.csv");
        std::fs::read_to_string(folder.path().join("out").join(name)).unwrap()
    };
    assert!(csv("-2").contains(",' +1,"), "{}", csv("-2"));
    let csv = csv("");
    assert!(csv.contains(",'=cmd|'/c calc'!A1,") && csv.contains("\"\"\"quoted\"\", and\nbroken\""), "{csv}");
}
