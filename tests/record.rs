//! The record as others meet it: across processes, across kills, on a full disk, with and without rights.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rollward::guard::{Approval, PlannedHandoff};
use rollward::model::{Action, Answer, ClusterName, HandoffStyle, Time, Waivable, WaivedAction, WaivedFor, Waiver};
use rollward::record::{
    Change, Entry, EntryKind, Filter, FolderLock, OpenError, OpenMode, ReadError, Roll, RollCounts, ShownPlan, Store,
    WriteError,
};

/// Tells a child started by a test which part to play, and where.
const PART: &str = "ROLLWARD_TEST_PART";

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
    EntryKind::Intended {
        action,
        rules: vec!["active-node".into()],
        waived: Vec::new(),
        inputs: r#"{"seen":"all"}"#.into(),
    }
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
        EntryKind::Outcome { action: handoff(), failure: None, took },
        EntryKind::Outcome { action: install(), failure: Some("1603".into()), took },
        EntryKind::Decided { decision: "wait".into(), holds: vec!["window holds mbx".into()] },
        EntryKind::Failover { group: "MBX1".into(), from: Some("EXNODE1".into()), to: None },
        EntryKind::Outage { group: "MBX1".into(), lasted: took },
        EntryKind::Approved { approval: approval() },
        EntryKind::ApprovalVoid { hash: "other".into(), why: "a failover".into() },
        EntryKind::WaiverGiven { waiver: waiver(Waivable::Soak, "2017-04-02T00:00:00Z") },
        EntryKind::WaiverLifted { waiver: waiver(Waivable::Soak, "2017-04-02T00:00:00Z"), by: "bob".into() },
        EntryKind::Commanded { what: "stop".into(), by: "ann".into() },
        EntryKind::Alarm { what: "look".into() },
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
        if let EntryKind::Intended { inputs, .. } = &line.what {
            assert_eq!(store.inputs(id).unwrap(), **inputs);
        } else {
            assert!(matches!(store.inputs(id), Err(ReadError::NoEntry { .. })));
        }
    }
    assert_eq!(kinds.len(), 15, "a kind is missing from this test");
    let expected: Vec<Entry> = lines
        .into_iter()
        .map(|mut line| {
            if let EntryKind::Intended { inputs, .. } = &mut line.what {
                *inputs = "".into();
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
    assert_eq!(last.iter().map(|r| r.entry.what.word()).collect::<Vec<_>>(), ["alarm", "converged"]);
    assert_eq!(count(Filter { after: Some(last[0].id), ..Filter::default() }), 1);
}

#[test]
fn an_intention_is_in_doubt_until_something_is_written_after_it() {
    let home = tempfile::tempdir().unwrap();
    let store = write(home.path());
    assert_eq!(store.open_intent(&mbx()).unwrap(), None);
    let id = store.append(&entry(intended(install()))).unwrap();
    store.append(&entry(EntryKind::Alarm { what: "unrelated".into() })).unwrap();
    let other =
        Entry { cluster: "other".into(), ..entry(EntryKind::Answered { action: install(), answer: Answer::Accepted }) };
    store.append(&other).unwrap();
    assert_eq!(store.open_intent(&mbx()).unwrap().unwrap().id, id);
    store.append(&entry(EntryKind::Answered { action: install(), answer: Answer::Accepted })).unwrap();
    assert_eq!(store.open_intent(&mbx()).unwrap(), None);
    store.append(&entry(intended(handoff()))).unwrap();
    let outcome = EntryKind::Outcome { action: handoff(), failure: None, took: Duration::from_secs(1) };
    store.append(&entry(outcome)).unwrap();
    assert_eq!(store.open_intent(&mbx()).unwrap(), None);
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
    let changes = [
        Change::Roll(mbx(), Roll { started: noon(), ended: None, counts: spent }),
        Change::ShownPlan(plan.clone()),
        pulled(&lyon),
        pulled(&BTreeMap::new()),
        Change::StopLifted { labels: BTreeMap::new() },
    ];
    store.write(&changes).unwrap();
    let texts = BTreeMap::from([("a.yaml".into(), "kind: A".into()), ("b.yaml".into(), "kind: A".into())]);
    store.keep_manifests(&texts).unwrap();
    drop(store);

    let store = write(home.path());
    assert_eq!(store.rolls().unwrap(), BTreeMap::from([(mbx(), Roll { started: noon(), ended: None, counts: spent })]));
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
        store.append(&entry(EntryKind::Outcome { action: action(step), failure, took: Duration::ZERO })).unwrap();
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

#[test]
fn another_process_reads_while_this_one_writes() {
    let home = tempfile::tempdir().unwrap();
    let store = write(home.path());
    let child = play("reads_until_the_end", home.path());
    for n in 0..300 {
        store.append(&entry(EntryKind::Alarm { what: format!("{n}") })).unwrap();
    }
    store.append(&entry(EntryKind::Alarm { what: "end".into() })).unwrap();
    assert!(played(child));
}

#[test]
fn two_writers_take_turns() {
    let home = tempfile::tempdir().unwrap();
    let store = write(home.path());
    let child = play("writes_fifty_lines", home.path());
    for n in 0..50 {
        store.append(&entry(EntryKind::Alarm { what: format!("{n}") })).unwrap();
    }
    assert!(played(child));
    assert_eq!(store.history(&Filter::default(), 1000).unwrap().len(), 100);
}

#[test]
fn a_kill_in_the_middle_of_writes_leaves_whole_lines() {
    let home = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        let before = Store::open(home.path(), OpenMode::Read)
            .map_or(0, |reader| reader.history(&Filter::default(), u32::MAX).unwrap().len());
        let mut child = play("writes_until_killed", home.path());
        let written = wait_for(|| {
            let reader = Store::open(home.path(), OpenMode::Read).ok()?;
            let lines = reader.history(&Filter::default(), u32::MAX).ok()?.len();
            (lines > before + 20).then_some(lines)
        });
        child.kill().unwrap();
        child.wait().unwrap();
        let store = write(home.path());
        let lines = store.history(&Filter::default(), u32::MAX).unwrap();
        assert!(lines.len() >= written);
        // Each list of two lines is there whole, and each line is readable with its inputs.
        assert_eq!(lines.len() % 2, 0);
        for line in &lines {
            if let EntryKind::Intended { .. } = line.entry.what {
                assert_eq!(store.inputs(line.id).unwrap(), r#"{"seen":"all"}"#);
            }
        }
    }
}

#[test]
fn a_lock_dies_with_its_process_and_names_it_while_it_lives() {
    let home = tempfile::tempdir().unwrap();
    let mut child = play("holds_the_lock", home.path());
    // Until the child has it, our own asking may be what is named.
    let named = format!("pid {} on ", child.id());
    wait_for(|| FolderLock::take(home.path(), noon()).err().filter(|error| error.to_string().contains(&named)));
    child.kill().unwrap();
    child.wait().unwrap();
    wait_for(|| FolderLock::take(home.path(), noon()).ok());
}

#[test]
fn a_full_file_system_is_said_and_recovers() {
    let home = tempfile::tempdir().unwrap();
    let mount = |args: &[&str]| {
        Command::new("mount").args(args).arg(home.path()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
    };
    if !mount(&["-t", "tmpfs", "-o", "size=1m", "tmpfs"]) {
        // Without the right to mount, the same is tested with a limit on the file, in src/record/store.rs.
        eprintln!("not allowed to mount a small file system; skipped");
        return;
    }
    let _unmount = Unmount(home.path().to_owned());
    let store = write(home.path());
    let ballast = home.path().join("ballast");
    let line = entry(EntryKind::Alarm { what: "x".repeat(10_000) });
    store.append(&line).unwrap();
    // Fills the disk to the last page.
    for size in [65_536, 4096] {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(&ballast).unwrap();
        while std::io::Write::write_all(&mut file, &vec![0; size]).is_ok() {}
    }
    let failed = std::iter::repeat_with(|| store.append(&line)).take(100).find_map(Result::err).unwrap();
    assert_eq!(failed, WriteError::Full { path: store.path().to_owned() });
    let before = store.history(&Filter::default(), 1000).unwrap().len();
    fs::remove_file(&ballast).unwrap();
    // Between another test's fork and its exec the ballast is open still, and takes its room.
    wait_for(|| store.append(&line).ok());
    assert_eq!(store.history(&Filter::default(), 1000).unwrap().len(), before + 1);
}

#[test]
fn a_reader_without_the_right_to_write_reads() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("state");
    let store = write(&dir);
    store.append(&entry(EntryKind::Alarm { what: "end".into() })).unwrap();
    let open = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    open(home.path(), 0o755);
    open(&dir, 0o555);
    // As a stranger: the superuser may write whatever the rights say.
    let stranger = || {
        let mut child = part("reads_until_the_end", &dir);
        if fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0) {
            let copy = home.path().join("copy");
            fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
            open(&copy, 0o755);
            child = with_part(Command::new(copy), "reads_until_the_end", &dir);
            child.uid(65_534).gid(65_534).current_dir("/");
        }
        // Between another test's fork and its exec the copy may seem to be written still.
        played(wait_for(|| match child.spawn() {
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => None,
            spawned => Some(spawned.unwrap()),
        }))
    };
    assert!(stranger(), "while the daemon runs");
    drop(store);
    assert!(stranger(), "after it ended");
    open(&dir, 0o755);
}

// === Children ===

/// The parts that a child process plays. Does nothing unless a test started it.
#[test]
#[ignore = "a part for child processes of the other tests"]
#[allow(clippy::disallowed_methods)] // How a test tells its child what to do.
fn plays_its_part() {
    let Ok(part) = std::env::var(PART) else { return };
    let (part, dir) = part.split_once(' ').unwrap();
    let dir = Path::new(dir);
    match part {
        "reads_until_the_end" => wait_for(|| {
            let reader = Store::open(dir, OpenMode::Read).unwrap();
            let lines = reader.history(&Filter::default(), 10_000).unwrap();
            lines.last().filter(|line| line.entry.what == EntryKind::Alarm { what: "end".into() }).map(|_| ())
        }),
        "writes_fifty_lines" => {
            let store = write(dir);
            for n in 0..50 {
                store.append(&entry(EntryKind::Alarm { what: format!("child {n}") })).unwrap();
            }
        }
        "writes_until_killed" => {
            let store = write(dir);
            let pair = [entry(intended(install())).into(), entry(EntryKind::Alarm { what: "y".repeat(5000) }).into()];
            loop {
                store.write(&pair).unwrap();
            }
        }
        "holds_the_lock" => {
            // Whoever asks whether it is held holds it for a moment.
            let _lock = wait_for(|| FolderLock::take(dir, noon()).ok());
            std::thread::sleep(Duration::from_secs(60));
        }
        other => panic!("no such part: {other}"),
    }
}

fn play(name: &str, dir: &Path) -> Child {
    part(name, dir).spawn().unwrap()
}

fn part(name: &str, dir: &Path) -> Command {
    with_part(Command::new(std::env::current_exe().unwrap()), name, dir)
}

fn with_part(mut command: Command, name: &str, dir: &Path) -> Command {
    command
        .args(["--exact", "record::plays_its_part", "--ignored", "--nocapture"])
        .env(PART, format!("{name} {}", dir.display()))
        .stdout(Stdio::piped());
    command
}

/// Whether a child played its part to the end: a filter that matches no part would succeed as well.
fn played(child: Child) -> bool {
    let output = child.wait_with_output().unwrap();
    output.status.success() && String::from_utf8_lossy(&output.stdout).contains("1 passed")
}

/// Asks again and again, for at most a minute.
fn wait_for<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    for _ in 0..6000 {
        if let Some(answer) = ask() {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("waited a minute in vain");
}

struct Unmount(PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
