//! What is too old or too much goes, what anybody needs stays, and the chain proves what is left.

use std::cell::Cell;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::Config;
use rollward::model::{Action, Spread, Time, Waivable};
use rollward::record::{Change, EVERY, Entry, EntryKind, Fault, Head, Keep, Pruning, ReadError, Store};
use rusqlite::Connection;

use crate::cli::Folder;

use super::{approval, decided, entry, install, intended, mbx, noon, waiver, write};

const DAY: Duration = Duration::from_secs(24 * 3600);
const WEEK: Keep =
    Keep { lines: Duration::from_secs(7 * 24 * 3600), inputs: Duration::from_secs(24 * 3600), bytes: u64::MAX };

fn day(days: u32) -> Time {
    noon() + DAY * days
}

fn on(days: u32, cluster: &str, what: EntryKind) -> Entry {
    Entry { cluster: cluster.into(), at: day(days), ..entry(what) }
}

fn prune(store: &Store, keep: &Keep, now: Time) -> Pruning {
    let done = store.prune(keep, now, || true).unwrap();
    let found = store.verify(None).unwrap();
    assert_eq!(found.faults, [], "{done:?}");
    done
}

/// A roll that begins and ends: its lines.
fn roll() -> Vec<EntryKind> {
    let counts = Default::default();
    vec![
        EntryKind::RollStarted { counts },
        decided("a"),
        intended(install()),
        EntryKind::Outcome { action: install(), failure: None, took: Duration::from_secs(60), at_most: false },
        EntryKind::Converged { counts },
    ]
}

fn words(store: &Store, cluster: &str) -> Vec<&'static str> {
    let filter = rollward::record::Filter { cluster: Some(cluster.into()), ..Default::default() };
    store.history(&filter, 1000).unwrap().iter().map(|line| line.entry.what.word()).collect()
}

#[test]
fn old_lines_go_and_the_rest_is_proved_from_where_it_begins() {
    let home = tempfile::tempdir().unwrap();
    let store = write(home.path());
    for days in 0..20 {
        for what in roll() {
            store.append(&on(days, "mbx", what)).unwrap();
        }
    }
    let early = store.verify(None).unwrap().head.unwrap();
    assert_eq!(prune(&store, &WEEK, day(6)).lines, 0, "nothing is too old yet");
    let done = prune(&store, &WEEK, day(19));
    assert_eq!((done.lines, done.over), (12 * 5, None));
    let found = store.verify(Some(&early)).unwrap();
    assert_eq!(found.faults, [], "the head that was kept is still there");
    let pruned = found.pruned.unwrap();
    assert_eq!((pruned.since, pruned.last), (day(19), day(19)));
    assert_eq!(pruned.lines.first(), Some(&(1, 60)));
    assert_eq!(words(&store, "mbx").len(), 8 * 5);
    assert_eq!(prune(&store, &WEEK, day(19)), Pruning::default(), "nothing more is to be done");
    // Later again: one line tells of all of it.
    store.append(&on(21, "other", decided("a"))).unwrap();
    assert_eq!(prune(&store, &WEEK, day(21)).lines, 2 * 5);
    assert_eq!(words(&store, "*"), ["pruned"]);
    let pruned = store.verify(None).unwrap().pruned.unwrap();
    assert_eq!((pruned.since, pruned.last, pruned.lines[0]), (day(19), day(21), (1, 70)));
    // A head of what is gone is not taken for one that fits.
    let gone = Head { entry: 3, ..early };
    assert_eq!(store.verify(Some(&gone)).unwrap().faults, [Fault::HeadPruned { entry: 3 }]);
}

#[test]
fn the_head_is_a_line_that_no_pruning_replaces() {
    let home = tempfile::tempdir().unwrap();
    let store = write(home.path());
    let ids: Vec<i64> =
        (0..12).map(|days| store.append(&on(days, "mbx", decided(&format!("look {days}")))).unwrap()).collect();
    // Nothing but inputs goes, time and again: each pruning takes the line of the one before out.
    let heads: Vec<Head> = (4..7)
        .map(|days| {
            prune(&store, &WEEK, day(days));
            store.verify(None).unwrap().head.unwrap()
        })
        .collect();
    assert!(heads.iter().all(|head| Some(&head.entry) == ids.last()), "{heads:?}");
    assert_eq!(store.verify(heads.first()).unwrap().faults, []);
    // However little is to be kept, a line is there to be the head.
    let done = prune(&store, &Keep { bytes: 1, ..WEEK }, day(7));
    assert_eq!((done.lines, words(&store, "mbx")), (11, vec!["decided"]));
    assert_eq!(store.verify(heads.first()).unwrap().head, Some(heads[0].clone()));
}

/// Nothing was changed, and the head that somebody kept is gone: neither is said to be the other.
#[test]
fn a_head_that_was_pruned_is_not_called_a_change() {
    let folder = Folder::new();
    let state = folder.path().join("state");
    let store = write(&state);
    store.append(&on(0, "mbx", decided("first"))).unwrap();
    let head = store.verify(None).unwrap().head.unwrap();
    store.append(&on(20, "mbx", decided("last"))).unwrap();
    assert_eq!(prune(&store, &WEEK, day(20)).lines, 1);
    let (code, out, _) = folder.sh(&format!("rollward history --verify --head {}:{}", head.entry, "0".repeat(64)));
    assert_eq!(code, 1);
    assert!(out.contains("has another hash than the one that was kept"), "its link is there still: {out}");
    store.append(&on(40, "mbx", decided("more"))).unwrap();
    assert_eq!(prune(&store, &WEEK, day(40)).lines, 1);
    let (code, out, _) = folder.sh(&format!("rollward history --verify --head {head}"));
    assert_eq!(code, 1, "nothing shows that it is the same");
    assert!(out.starts_with("whether the record is as it was then cannot be told: "), "{out}");
    assert!(out.contains("\n  entry 1, whose head was kept, was pruned, as the record says: "), "{out}");
}

/// Lines taken out by somebody who writes the line of a pruning, too: nothing of it can be proved, so a person is shown it.
#[test]
fn what_is_said_to_be_pruned_is_shown_run_by_run() {
    let folder = Folder::new();
    let state = folder.path().join("state");
    let store = write(&state);
    for days in 0..30 {
        store.append(&on(days, "mbx", decided(&days.to_string()))).unwrap();
    }
    assert_eq!(prune(&store, &WEEK, day(29)).lines, 22);
    let head = store.verify(None).unwrap().head.unwrap();
    let forged = EntryKind::Pruned { lines: vec![(1, 22), (25, 26), (31, 32)], inputs_to: 28, since: day(29) };
    store.append(&on(29, EVERY, forged)).unwrap();
    let file = Connection::open(state.join("record.db")).unwrap();
    file.pragma_update(None, "foreign_keys", false).unwrap();
    file.execute_batch(
        "INSERT INTO anchors SELECT id, hash FROM chain WHERE id IN (26, 32);
         DELETE FROM chain WHERE id IN (25, 26, 32); DELETE FROM entries WHERE id IN (25, 26, 32)",
    )
    .unwrap();
    let found = store.verify(Some(&head)).unwrap();
    assert_eq!(found.faults, [], "it is taken at its word");
    let (code, out, _) = folder.sh(&format!("rollward history --verify --head {head}"));
    assert_eq!(code, 0, "{out}");
    let said: Vec<_> = out.lines().filter(|line| line.starts_with("  ")).collect();
    assert_eq!(
        said,
        [
            "  entries 1 to 22, written before 2017-04-23 12:00:00Z",
            "  entries 25 to 26, written before 2017-04-27 12:00:00Z",
            "  entries 31 to 32"
        ]
    );
    assert!(out.contains("as entry 33 says: 26 entries up to 32; inputs of entries up to 28"), "{out}");
}

#[test]
fn a_wrong_clock_prunes_nothing_that_is_young() {
    let home = tempfile::tempdir().unwrap();
    let store = write(home.path());
    for days in 0..20 {
        store.append(&on(days, "mbx", EntryKind::Alarm { what: "look".into() })).unwrap();
    }
    // Ahead of all that is written: what is young by the last line stays.
    assert_eq!(prune(&store, &WEEK, day(30_000)).lines, 12);
    // Behind all of it, also where a line was written by it: nothing is old by it.
    assert_eq!(prune(&store, &WEEK, "1970-01-02T00:00:00Z".parse().unwrap()).lines, 0);
    let behind = Entry { at: "1970-01-01T00:00:00Z".parse().unwrap(), ..on(0, "mbx", decided("a")) };
    store.append(&behind).unwrap();
    assert_eq!(prune(&store, &WEEK, "1970-01-02T00:00:00Z".parse().unwrap()).lines, 0);
    assert_eq!(words(&store, "mbx").len(), 9);
}

#[test]
fn a_line_that_is_dated_ahead_goes_with_its_neighbours() {
    let home = tempfile::tempdir().unwrap();
    let store = write(home.path());
    for days in [0, 1, 30_000, 2, 3, 30_000, 20, 30_000] {
        store.append(&on(days, "mbx", EntryKind::Alarm { what: "look".into() })).unwrap();
    }
    // The last one says nothing: the clock is behind it.
    assert_eq!(prune(&store, &WEEK, day(20)).lines, 5);
    store.append(&on(40, "mbx", EntryKind::Alarm { what: "look".into() })).unwrap();
    assert_eq!(prune(&store, &WEEK, day(40)).lines, 3);
}

#[test]
fn the_line_about_pruning_never_goes_back() {
    let home = tempfile::tempdir().unwrap();
    let store = write(home.path());
    let until = [(Waivable::Soak, "2017-04-10T06:00:00Z"), (Waivable::Window, "2027-03-01T06:00:00Z")];
    for (rule, until) in until {
        store.append(&on(0, "waived", EntryKind::WaiverGiven { waiver: waiver(rule, until) })).unwrap();
    }
    for days in [1, 2, 20, 5, 6] {
        store.append(&on(days, "mbx", EntryKind::Alarm { what: "look".into() })).unwrap();
    }
    let about = |store: &Store| store.verify(None).unwrap().pruned.map(|told| (told.since, told.last, told.entry));
    store.prune(&WEEK, day(20), || true).unwrap();
    assert_eq!(about(&store), None, "by the last line, nothing is old yet");
    store.append(&on(20, "mbx", EntryKind::Alarm { what: "look".into() })).unwrap();
    assert_eq!(prune(&store, &WEEK, day(20)).lines, 2);
    let (_, last, first) = about(&store).unwrap();
    assert_eq!(last, day(20));
    // The clock is set back, and something goes for its size: the waiver that was over before does not come back.
    assert!(prune(&store, &Keep { bytes: 1, ..WEEK }, day(6)).lines > 0);
    let (since, last, second) = about(&store).unwrap();
    assert_eq!((since, last), (day(20), day(20)));
    assert!(second > first);
    assert_eq!(store.waivers(&"waived".into()).unwrap().len(), 1);
}

#[test]
fn inputs_go_before_their_lines_and_are_said_to_be_gone() {
    let home = tempfile::tempdir().unwrap();
    let store = write(home.path());
    let ids: Vec<i64> =
        (0..6).map(|days| store.append(&on(days, "mbx", decided(&format!("look {days}")))).unwrap()).collect();
    let done = prune(&store, &WEEK, day(5));
    // Of each, what was seen; the version is that of younger ones, too.
    assert_eq!((done.lines, done.parts), (0, 4));
    for (days, id) in ids.iter().enumerate() {
        match store.inputs(*id) {
            Ok(inputs) => assert!(days >= 4 && *inputs["seen"] == *format!("look {days}")),
            Err(ReadError::Pruned { what, .. }) => assert!(days < 4 && &*what == "seen"),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(store.verify(None).unwrap().pruned.unwrap().inputs_to, ids[3]);
    // What the record does not say it has pruned is missed.
    let file = Connection::open(home.path().join("record.db")).unwrap();
    file.execute("DELETE FROM parts", []).unwrap();
    let missing = |id: usize, what: &str| Fault::Input { entry: ids[id], what: what.into() };
    assert_eq!(
        store.verify(None).unwrap().faults,
        [missing(4, "seen"), missing(4, "version"), missing(5, "seen"), missing(5, "version")]
    );
}

#[test]
fn what_is_needed_stays_whatever_its_age() {
    let home = tempfile::tempdir().unwrap();
    let store = write(home.path());
    let mut lines: Vec<Change> = Vec::new();
    // A roll that is open, two that ended, an intention in doubt, an approval, a waiver, and a cord.
    let measured = EntryKind::Measured {
        group: "MBX1".into(),
        outage: Duration::from_secs(3),
        predicted: Spread { median: Duration::from_secs(4), p95: Duration::from_secs(9) },
        asked: 60,
        unanswered: 30,
        amiss: None,
    };
    let open = roll().into_iter().take(4).chain([measured, EntryKind::Alarm { what: "look".into() }]);
    lines.extend(open.map(|what| on(0, "open", what).into()));
    for _ in 0..2 {
        lines.extend(roll().into_iter().map(|what| on(0, "ended", what).into()));
    }
    lines.push(on(0, "doubt", intended(Action::Pause { node: "A".into() })).into());
    let approved = rollward::guard::Approval { expires: None, ..approval() };
    lines.push(on(0, "approved", EntryKind::Approved { approval: approved }).into());
    lines.push(
        on(0, "waived", EntryKind::WaiverGiven { waiver: waiver(Waivable::Window, "2027-03-01T06:00:00Z") }).into(),
    );
    lines.push(
        on(0, "over", EntryKind::WaiverGiven { waiver: waiver(Waivable::Window, "2017-04-03T06:00:00Z") }).into(),
    );
    lines.push(Change::StopPulled { labels: Default::default(), why: "storm".into(), by: "ann".into(), at: day(0) });
    lines.extend((0..50).map(|n| on(1, "chatty", decided(&n.to_string())).into()));
    lines.push(on(400, "young", EntryKind::Alarm { what: "look".into() }).into());
    store.write(&lines).unwrap();
    let samples = store.samples(&"open".into()).unwrap();

    let done = prune(&store, &WEEK, day(400));
    assert_eq!(done.lines, 1 + 5 + 2 + 50);
    let without_thoughts = ["rollStarted", "intended", "outcome", "measured", "alarm"];
    assert_eq!(words(&store, "open"), without_thoughts);
    let last = ["intended", "outcome", "converged"];
    assert_eq!(words(&store, "ended"), last, "the last intention, and what it came to");
    assert_eq!(words(&store, "doubt"), ["intended"]);
    assert_eq!(words(&store, "approved"), ["approved"]);
    assert_eq!(words(&store, "waived"), ["waiverGiven"]);
    assert_eq!(words(&store, "*"), ["stopPulled", "pruned"]);
    assert_eq!(store.approvals(&"approved".into()).unwrap().len(), 1);
    assert_eq!(store.waivers(&"waived".into()).unwrap().len(), 1);
    assert_eq!(store.stops().unwrap().len(), 1);
    assert_eq!(store.samples(&"open".into()).unwrap(), samples, "what was learned is no line");
    // A report reads builds from what the last intention rested on, of a roll that is over, too.
    for cluster in ["open", "ended"] {
        let filter = rollward::record::Filter {
            cluster: Some(cluster.into()),
            kind: Some("intended".into()),
            ..Default::default()
        };
        let intention = store.history(&filter, 1).unwrap().remove(0);
        assert_eq!(store.inputs(intention.id).unwrap(), super::inputs("all"));
    }

    // A waiver whose time is over needs no line, from the next pruning on; and nothing but the last intention stays once
    // nothing is open.
    store.append(&on(401, "open", EntryKind::Converged { counts: Default::default() })).unwrap();
    store.append(&on(500, "young", EntryKind::Alarm { what: "look".into() })).unwrap();
    prune(&store, &WEEK, day(500));
    assert_eq!((words(&store, "open"), words(&store, "over")), (last.to_vec(), vec![]));
}

#[test]
fn a_record_that_is_too_large_loses_its_oldest_inputs_then_its_oldest_lines() {
    let home = tempfile::tempdir().unwrap();
    let store = write(home.path());
    // Hashes do not compress.
    let noise = |n: u32| {
        (0..400)
            .map(|m| format!("{:x}", (u64::from(n) * 7919 + m).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
            .collect::<String>()
    };
    for n in 0..300 {
        store.append(&on(n / 100, "mbx", decided(&noise(n)))).unwrap();
    }
    let keep = Keep { lines: DAY * 1000, inputs: DAY * 1000, bytes: 600_000 };
    let done = prune(&store, &keep, day(3));
    assert!(done.parts > 0 && done.lines == 0 && done.over.is_none(), "{done:?}");
    let all = store.history(&Default::default(), 1000).unwrap();
    let has_inputs = |line: &&rollward::record::Recorded| store.inputs(line.id).is_ok();
    let first = all.iter().position(|line| has_inputs(&line)).unwrap();
    assert!(first > 50 && all[first..300].iter().all(|line| has_inputs(&line)), "the younger ones stay: {first}");

    let done = prune(&store, &Keep { bytes: 150_000, ..keep }, day(3));
    assert!(done.lines > 0 && done.over.is_none(), "{done:?}");
    let left = words(&store, "mbx").len();
    assert!(left > 0, "not more than has to");

    // What is needed stays, and it is said that it is too much.
    for what in roll().into_iter().take(3) {
        store.append(&on(3, "open", what)).unwrap();
    }
    let done = prune(&store, &Keep { bytes: 1, ..keep }, day(3));
    assert!(done.over.is_some(), "{done:?}");
    assert_eq!(words(&store, "open"), ["rollStarted", "intended"]);
}

#[test]
fn pruning_lets_others_write_and_ends_when_it_is_told_to() {
    let home = tempfile::tempdir().unwrap();
    let store = write(home.path());
    let lines: Vec<Change> = (0..3000).map(|n| on(0, "mbx", decided(&n.to_string())).into()).collect();
    store.write(&lines).unwrap();
    store.append(&on(100, "young", decided("a"))).unwrap();
    let other = write(home.path());
    let asked = Cell::new(0);
    // Between any two transactions another writer has its turn at once, and its line is not touched.
    let goes_on = || {
        asked.set(asked.get() + 1);
        other.append(&on(100, "other", decided(&asked.get().to_string()))).unwrap();
        asked.get() < 6
    };
    let done = store.prune(&WEEK, day(100), goes_on).unwrap();
    assert_eq!(store.verify(None).unwrap().faults, []);
    assert!(done.lines > 0 && done.lines <= 6 * 200, "{done:?}");
    assert_eq!(prune(&store, &WEEK, day(100)).lines, 3000 - done.lines);
    let lines = store.history(&Default::default(), 100).unwrap();
    let written: Vec<_> = lines.iter().filter(|line| line.entry.cluster.as_str() == "other").collect();
    assert_eq!(written.len(), asked.get());
    assert!(written.iter().all(|line| store.inputs(line.id).is_ok()));
}

proptest! {
    #![proptest_config(Config::with_cases(64))]

    /// A pruned record with any line, link or anchor taken out or changed: it is found.
    #[test]
    fn a_pruned_record_that_is_changed_is_found(table in 0..4usize, row: usize, takes_out: bool) {
        let home = tempfile::tempdir().unwrap();
        let store = write(home.path());
        for (days, what) in roll().into_iter().take(3).chain((0..9).map(|n| decided(&n.to_string()))).enumerate() {
            let cluster = if days < 3 { "open" } else { "mbx" };
            store.append(&on(u32::try_from(days / 4).unwrap(), cluster, what)).unwrap();
        }
        let keep = Keep { lines: DAY, inputs: DAY, bytes: u64::MAX };
        prop_assert!(prune(&store, &keep, day(3)).lines > 0);
        store.append(&on(3, "mbx", EntryKind::Alarm { what: "look".into() })).unwrap();
        let table = ["entries", "chain", "anchors", "parts"][table];
        // Inputs that are not there may have been pruned: of which, only their age is told.
        prop_assume!(!(takes_out && table == "parts"));
        let file = Connection::open(home.path().join("record.db")).unwrap();
        file.pragma_update(None, "foreign_keys", false).unwrap();
        let ids: Vec<i64> = file.prepare(&format!("SELECT rowid FROM {table} ORDER BY 1")).unwrap()
            .query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let id = ids[row % ids.len()];
        // The very last line and its link are missed against a head that was kept.
        let kept = store.verify(None).unwrap().head;
        let change = match (takes_out, table) {
            (true, _) => format!("DELETE FROM {table} WHERE rowid = ?1"),
            (false, "entries") => "UPDATE entries SET text = 'other' WHERE rowid = ?1".to_owned(),
            (false, "parts") => "UPDATE parts SET body = x'00' WHERE rowid = ?1".to_owned(),
            (false, _) => format!("UPDATE {table} SET hash = randomblob(32) WHERE rowid = ?1"),
        };
        file.execute(&change, [id]).unwrap();
        prop_assert!(!store.verify(kept.as_ref()).unwrap().faults.is_empty(), "{table} {id}: {change}");
    }
}

#[test]
fn a_line_taken_out_as_if_it_had_been_pruned_is_found() {
    let home = tempfile::tempdir().unwrap();
    let store = write(home.path());
    for n in 0..5 {
        store.append(&entry(decided(&n.to_string()))).unwrap();
    }
    let file = Connection::open(home.path().join("record.db")).unwrap();
    file.pragma_update(None, "foreign_keys", false).unwrap();
    file.execute_batch(
        "INSERT INTO anchors SELECT id, hash FROM chain WHERE id = 3; DELETE FROM chain WHERE id = 3; DELETE FROM entries WHERE id = 3",
    )
    .unwrap();
    assert_eq!(store.verify(None).unwrap().faults, [Fault::NotPruned { entry: 3 }]);
    assert_eq!(
        store.history(&Default::default(), 9).unwrap().iter().filter(|line| line.entry.cluster == mbx()).count(),
        4
    );
}
