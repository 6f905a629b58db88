//! The record: what is written comes back, and what cannot be used is said.

mod chain;
mod processes;
mod pruning;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use rollward::guard::{Approval, PlannedHandoff};
use rollward::model::{Action, Answer, ClusterName, HandoffStyle, Time, Waivable, WaivedAction, WaivedFor, Waiver};
use rollward::record::{
    Change, Entry, EntryKind, Filter, Inputs, OpenError, OpenMode, ReadError, Roll, RollCounts, ShownPlan, Store,
    WriteError,
};

fn noon() -> Time {
    "2017-04-01T12:00:00.250Z".parse().unwrap()
}

fn mbx() -> ClusterName {
    "mbx-ccr-01".into()
}

fn entry(what: EntryKind) -> Entry {
    Entry { cluster: mbx(), at: noon(), revision: "4f2c".into(), what }
}

fn install() -> Action {
    Action::Install { node: "EXNODE1".into(), rollup: "ru8".into() }
}

fn handoff() -> Action {
    Action::Handoff { group: "MBX1".into(), from: "EXNODE1".into(), to: "EXNODE2".into(), style: HandoffStyle::Online }
}

fn intended(action: Action) -> EntryKind {
    EntryKind::Intended { action, rules: vec!["active-node".into()], waived: Vec::new(), inputs: inputs("all") }
}

fn inputs(seen: &str) -> Inputs {
    Inputs::from([("seen".into(), seen.into()), ("version".into(), "1".into())])
}

fn decided(seen: &str) -> EntryKind {
    EntryKind::Decided { decision: "wait".into(), holds: vec!["window holds mbx".into()], inputs: inputs(seen) }
}

fn approval() -> Approval {
    let planned = PlannedHandoff {
        group: "MBX1".into(),
        from: "EXNODE1".into(),
        to: "EXNODE2".into(),
        style: HandoffStyle::Offline,
    };
    Approval {
        hash: "abc123".into(),
        scope: "s".into(),
        remaining: vec![planned],
        by: "ann".into(),
        at: noon(),
        expires: Some(noon()),
    }
}

fn waiver(rule: Waivable, until: &str) -> Waiver {
    let (subject, action) = (WaivedFor::Node("EXNODE1".into()), WaivedAction::Install);
    Waiver { rule, subject, action, why: "piloted".into(), until: until.parse().unwrap(), by: "ann".into() }
}

/// One line of each kind, each variant of an answer and an outcome among them.
fn one_of_each() -> Vec<EntryKind> {
    let counts = RollCounts { planned: 1, floor: 1, optimum: 1, spent: 0, forced: 2 };
    let took = Duration::from_millis(61_500);
    vec![
        EntryKind::RollStarted { counts },
        EntryKind::Claimed { claim: "3@daemon".into() },
        intended(install()),
        EntryKind::Answered { action: install(), answer: Answer::Accepted },
        EntryKind::Answered {
            action: install(),
            answer: Answer::Refused { check: "ownsNothing".into(), saw: "MBX1".into() },
        },
        EntryKind::Answered { action: install(), answer: Answer::Unsure { why: "connection lost".into() } },
        EntryKind::Outcome { action: handoff(), failure: None, took, at_most: false },
        EntryKind::Outcome { action: install(), failure: Some("1603".into()), took, at_most: false },
        decided("all"),
        EntryKind::Failover { group: "MBX1".into(), from: Some("EXNODE1".into()), to: None },
        EntryKind::Outage { group: "MBX1".into(), lasted: took },
        EntryKind::Approved { approval: approval() },
        EntryKind::ApprovalVoid { hash: "other".into(), why: "a failover".into() },
        EntryKind::WaiverGiven { waiver: waiver(Waivable::Soak, "2017-04-02T00:00:00Z") },
        EntryKind::WaiverLifted { waiver: waiver(Waivable::Soak, "2017-04-02T00:00:00Z"), by: "bob".into() },
        EntryKind::StopPulled { labels: BTreeMap::new(), why: "storm".into(), by: "ann".into() },
        EntryKind::StopLifted { labels: BTreeMap::new(), by: "bob".into() },
        EntryKind::Commanded { what: "stop".into(), by: "ann".into() },
        EntryKind::Alarm { what: "look".into() },
        EntryKind::Pruned { lines: vec![], inputs_to: 0, since: noon() },
        EntryKind::Converged { counts },
    ]
}

fn write(dir: &Path) -> Store {
    Store::open(dir, OpenMode::Write).unwrap()
}

#[test]
fn every_kind_of_line_comes_back_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    let store = write(home.path());
    let lines: Vec<Entry> = one_of_each().into_iter().map(entry).collect();
    let mut kinds = std::collections::BTreeSet::new();
    for line in &lines {
        let id = store.append(line).unwrap();
        kinds.insert(line.what.word());
        if let Some(inputs) = line.what.inputs() {
            assert_eq!(store.inputs(id).unwrap(), *inputs);
        } else {
            assert!(matches!(store.inputs(id), Err(ReadError::NoEntry { .. })));
        }
    }
    assert_eq!(kinds.len(), 18, "a kind is missing from this test");
    let expected: Vec<Entry> = lines
        .into_iter()
        .map(|mut line| {
            if let EntryKind::Intended { inputs, .. } | EntryKind::Decided { inputs, .. } = &mut line.what {
                inputs.clear();
            }
            line
        })
        .collect();
    let read = Store::open(home.path(), OpenMode::Read).unwrap().history(&Filter::default(), 100).unwrap();
    assert_eq!(read.into_iter().map(|r| r.entry).collect::<Vec<_>>(), expected);
}

#[test]
fn a_waiver_survives_a_restart_until_it_is_over_replaced_or_taken_back() {
    let home = tempfile::tempdir().unwrap();
    let long = waiver(Waivable::Window, "2027-03-01T06:00:00Z");
    let over = waiver(Waivable::Budget, "2017-03-01T00:00:00Z");
    let longer = Waiver { until: "2027-04-01T06:00:00Z".parse().unwrap(), ..long.clone() };
    let soak = waiver(Waivable::Soak, "2027-03-01T06:00:00Z");
    for waiver in [&over, &long, &longer, &soak] {
        write(home.path()).append(&entry(EntryKind::WaiverGiven { waiver: waiver.clone() })).unwrap();
    }
    assert_eq!(write(home.path()).waivers(&mbx()).unwrap(), [soak.clone(), longer.clone()]);
    write(home.path()).append(&entry(EntryKind::WaiverLifted { waiver: soak, by: "ann".into() })).unwrap();
    assert_eq!(write(home.path()).waivers(&mbx()).unwrap(), [longer]);
}

#[test]
fn history_is_filtered_and_ends_with_the_latest() {
    let home = tempfile::tempdir().unwrap();
    let store = write(home.path());
    store.write(&one_of_each().into_iter().map(|what| entry(what).into()).collect::<Vec<Change>>()).unwrap();
    let count = |filter: Filter| store.history(&filter, 100).unwrap().len();
    assert_eq!(count(Filter { cluster: Some(mbx()), ..Filter::default() }), one_of_each().len());
    assert_eq!(count(Filter { cluster: Some("other".into()), ..Filter::default() }), 0);
    assert_eq!(count(Filter { kind: Some("answered".into()), ..Filter::default() }), 3);
    assert_eq!(count(Filter { node: Some("EXNODE1".into()), ..Filter::default() }), 7);
    assert_eq!(count(Filter { group: Some("MBX1".into()), ..Filter::default() }), 3);
    assert_eq!(count(Filter { since: Some(noon()), ..Filter::default() }), one_of_each().len());
    let later = noon() + Duration::from_millis(1);
    assert_eq!(count(Filter { since: Some(later), ..Filter::default() }), 0);
    let last = store.history(&Filter::default(), 2).unwrap();
    assert_eq!(last.iter().map(|r| r.entry.what.word()).collect::<Vec<_>>(), ["pruned", "converged"]);
    assert_eq!(count(Filter { after: Some(last[0].id), ..Filter::default() }), 1);
}

#[test]
fn what_was_begun_is_in_doubt_until_its_end_is_written() {
    let home = tempfile::tempdir().unwrap();
    let store = write(home.path());
    let begun = |since| store.begun(&mbx(), since).unwrap().into_iter().map(|(action, _)| action).collect::<Vec<_>>();
    let open = || begun(noon());
    let append = |what| store.append(&entry(what)).unwrap();
    let outcome = |action, failure: Option<&str>| EntryKind::Outcome {
        action,
        failure: failure.map(str::to_owned),
        took: Duration::from_secs(1),
        at_most: false,
    };
    let answered = |action, answer| EntryKind::Answered { action, answer };
    assert_eq!(open(), []);
    append(intended(install()));
    append(EntryKind::Alarm { what: "unrelated".into() });
    store.append(&Entry { cluster: "other".into(), ..entry(outcome(install(), None)) }).unwrap();
    append(answered(install(), Answer::Accepted));
    append(intended(handoff()));
    append(answered(handoff(), Answer::Unsure { why: "no answer".into() }));
    assert_eq!(open(), [install(), handoff()]);
    // Meant to begin again, it is in doubt once.
    append(intended(handoff()));
    assert_eq!(open(), [install(), handoff()]);
    append(outcome(install(), Some("1603")));
    assert_eq!(open(), [handoff()]);
    append(answered(handoff(), Answer::Refused { check: "owner".into(), saw: "another".into() }));
    assert_eq!(open(), []);
    append(intended(handoff()));
    assert_eq!(begun(noon() + Duration::from_millis(1)), [], "what was before the roll is not in doubt any more");
    append(outcome(handoff(), None));
    assert_eq!(open(), []);
}

#[test]
fn rolls_approvals_stops_plans_and_manifests_survive_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let store = write(home.path());
    let counts = RollCounts { planned: 2, floor: 1, optimum: 2, spent: 0, forced: 0 };
    let spent = RollCounts { planned: 1, spent: 1, ..counts };
    let plan = ShownPlan {
        cluster: mbx(),
        hash: "abc123".into(),
        scope: "s".into(),
        handoffs: approval().remaining,
        at: noon(),
    };
    let lyon = BTreeMap::from([("site".to_owned(), "lyon".to_owned())]);
    store.append(&entry(EntryKind::RollStarted { counts })).unwrap();
    store.append(&entry(EntryKind::Approved { approval: approval() })).unwrap();
    let pulled = |labels: &BTreeMap<String, String>| Change::StopPulled {
        labels: labels.clone(),
        why: "storm".into(),
        by: "ann".into(),
        at: noon(),
    };
    let roll = Roll { started: noon(), ended: None, counts: spent, uncounted: ["EXNODE1".into()].into() };
    let changes = [
        Change::Roll(mbx(), roll.clone()),
        Change::ShownPlan(plan.clone()),
        pulled(&lyon),
        pulled(&BTreeMap::new()),
        Change::StopLifted { labels: BTreeMap::new(), by: "bob".into(), at: noon() },
    ];
    store.write(&changes).unwrap();
    let texts = BTreeMap::from([("a.yaml".into(), "kind: A".into()), ("b.yaml".into(), "kind: A".into())]);
    store.keep_manifests(&texts).unwrap();
    drop(store);

    let store = write(home.path());
    assert_eq!(store.rolls().unwrap(), BTreeMap::from([(mbx(), roll)]));
    assert_eq!(store.approvals(&mbx()).unwrap(), [approval()]);
    assert_eq!(store.shown_plan(&mbx(), "abc123").unwrap(), Some(plan));
    assert_eq!(store.shown_plan(&mbx(), "abc124").unwrap(), None);
    let stops = store.stops().unwrap();
    assert_eq!((stops.len(), &stops[0].labels, stops[0].why.as_str()), (1, &lyon, "storm (ann)"));
    assert_eq!(store.kept_manifests().unwrap(), texts);

    // Done with: the approval is used up, the roll ends, a manifest goes and its text with it.
    store.append(&entry(EntryKind::ApprovalVoid { hash: "abc123".into(), why: "done".into() })).unwrap();
    store.append(&entry(EntryKind::Converged { counts: spent })).unwrap();
    assert_eq!(store.approvals(&mbx()).unwrap(), []);
    assert_eq!(store.rolls().unwrap()[&mbx()].ended, Some(noon()));
    let fewer = BTreeMap::from([("b.yaml".into(), "kind: B".into())]);
    assert!(store.keep_manifests(&fewer).unwrap());
    assert_eq!(store.kept_manifests().unwrap(), fewer);
}

#[test]
fn an_approval_that_is_used_up_or_replaced_does_not_come_back() {
    let home = tempfile::tempdir().unwrap();
    let store = write(home.path());
    let step = |from: &str, to: &str| PlannedHandoff {
        group: "MBX1".into(),
        from: from.into(),
        to: to.into(),
        style: HandoffStyle::Online,
    };
    let action = |s: &PlannedHandoff| Action::Handoff {
        group: s.group.clone(),
        from: s.from.clone(),
        to: s.to.clone(),
        style: s.style,
    };
    let sequence = vec![step("EXNODE1", "EXNODE2"), step("EXNODE2", "EXNODE1")];
    let two = Approval { remaining: sequence.clone(), ..approval() };
    let whole = [two.clone()];
    let outcome = |step: &PlannedHandoff, failure: Option<&str>| {
        let failure = failure.map(str::to_owned);
        store
            .append(&entry(EntryKind::Outcome { action: action(step), failure, took: Duration::ZERO, at_most: false }))
            .unwrap();
        store.approvals(&mbx()).unwrap()
    };
    store.append(&entry(EntryKind::Approved { approval: Approval { hash: "before".into(), ..two.clone() } })).unwrap();
    store.append(&entry(EntryKind::Approved { approval: two.clone() })).unwrap();
    assert_eq!(store.approvals(&mbx()).unwrap(), whole, "the newer takes the place of the older");
    assert_eq!(outcome(&sequence[0], Some("failed")), whole, "a handoff that failed uses nothing up");
    assert_eq!(outcome(&sequence[1], None), whole, "nor does one out of turn");
    let one = Approval { remaining: vec![sequence[1].clone()], ..two };
    assert_eq!(outcome(&sequence[0], None), [one]);
    assert_eq!(outcome(&sequence[1], None), []);
}

#[test]
fn a_damaged_file_is_named_and_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("record.db");
    fs::write(&path, "not a database at all, and long enough to be looked at as one".repeat(100)).unwrap();
    let before = fs::read(&path).unwrap();
    for mode in [OpenMode::Write, OpenMode::Read] {
        let error = Store::open(home.path(), mode).unwrap_err();
        assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("mv "), "{error}");
    }
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_reader_without_a_record_says_so_and_makes_none() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("state");
    assert!(matches!(Store::open(&dir, OpenMode::Read), Err(OpenError::Nothing { .. })));
    assert!(!dir.exists());
    write(&dir);
    let reader = Store::open(&dir, OpenMode::Read).unwrap();
    let error = reader.append(&entry(EntryKind::Alarm { what: "no".into() })).unwrap_err();
    assert!(matches!(error, WriteError::NotForWriting { .. }));
}
