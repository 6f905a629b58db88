//! What is changed in a record behind the program's back is found, whatever it is; and what was changed by the program
//! is not.

use proptest::prelude::*;
use proptest::test_runner::Config;
use rollward::record::{Change, EVERY, EntryKind, Fault, Head, OpenMode, Store, Verification};
use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

use crate::cli::Folder;

use super::{approval, entry, handoff, install, intended, noon, one_of_each, waiver, write};
use crate::record::Waivable;

/// A record with a line of each kind, with an approval, a waiver and a cord in force at its end.
fn written(dir: &std::path::Path) -> Store {
    let store = write(dir);
    let lines = one_of_each().into_iter().chain([
        EntryKind::Approved { approval: approval() },
        EntryKind::WaiverGiven { waiver: waiver(Waivable::Window, "2027-03-01T06:00:00Z") },
        intended(handoff()),
    ]);
    let mut changes: Vec<Change> = lines.map(|what| entry(what).into()).collect();
    let labels = [("site".to_owned(), "lyon".to_owned())].into();
    changes.push(Change::StopPulled { labels, why: "storm".into(), by: "ann".into(), at: noon() });
    store.write(&changes).unwrap();
    store
}

fn verify(dir: &std::path::Path, kept: Option<&Head>) -> Verification {
    Store::open(dir, OpenMode::Read).unwrap().verify(kept).unwrap()
}

/// The file as somebody with a tool of their own has it open.
fn by_hand(dir: &std::path::Path) -> Connection {
    let file = Connection::open(dir.join("record.db")).unwrap();
    file.pragma_update(None, "foreign_keys", false).unwrap();
    file
}

fn columns(file: &Connection, table: &str) -> Vec<String> {
    let mut columns = file.prepare("SELECT name FROM pragma_table_info(?1)").unwrap();
    columns.query_map([table], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// Another value of the same kind.
fn other(value: Value, pick: usize) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::Integer(number) => Value::Integer(number ^ (1 << (pick % 40))),
        Value::Real(number) => Value::Real(number + 1.0),
        Value::Text(text) if text.is_empty() => Value::Text("x".into()),
        Value::Text(mut text) => {
            let at = text.char_indices().nth(pick % text.chars().count()).unwrap().0;
            match pick % 3 {
                0 => _ = text.remove(at),
                1 => text.insert(at, 'x'),
                _ => {
                    let letter = text.remove(at);
                    text.insert(at, if letter == '7' { '8' } else { '7' });
                }
            }
            Value::Text(text)
        }
        Value::Blob(mut bytes) => {
            let at = pick % bytes.len();
            bytes[at] ^= 1 << (pick % 8);
            Value::Blob(bytes)
        }
    }
}

/// Tables of which every value matters to the audit.
const TABLES: [&str; 6] = ["entries", "chain", "approvals", "waivers", "stops", "parts"];

proptest! {
    #![proptest_config(Config::with_cases(128))]

    /// One value of one row, whichever: it is found, and the line is named.
    #[test]
    fn any_value_that_is_changed_is_found(table in 0..TABLES.len(), row: usize, column: usize, pick: usize) {
        let home = tempfile::tempdir().unwrap();
        drop(written(home.path()));
        let (file, table) = (by_hand(home.path()), TABLES[table]);
        let columns = columns(&file, table);
        let column = &columns[column % columns.len()];
        let rows: Vec<(i64, Value)> = file
            .prepare(&format!("SELECT rowid, {column} FROM {table}")).unwrap_or_else(|_| panic!("{table}"))
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect();
        let (id, before) = rows[row % rows.len()].clone();
        let after = match (&before, column.as_str()) {
            (Value::Null, "took_ms") => Value::Integer(1),
            (Value::Null, "inputs") => Value::Blob(vec![1]),
            (Value::Null, _) => Value::Text("x".into()),
            _ => other(before.clone(), pick),
        };
        let changed = file.execute(&format!("UPDATE {table} SET {column} = ?1 WHERE rowid = ?2"), params![after, id]);
        // An id that another row has cannot be given.
        prop_assume!(changed.is_ok());
        // Bits that fill up the last byte of what is compressed mean nothing.
        let text = |value: &Value| match value {
            Value::Blob(packed) if table == "parts" => std::io::read_to_string(flate2::read::ZlibDecoder::new(&**packed)).ok(),
            _ => None,
        };
        prop_assume!(text(&before).is_none() || text(&before) != text(&after));
        let found = verify(home.path(), None);
        prop_assert!(!found.faults.is_empty(), "{table} {id}: {column} was {before:?}, and is {after:?}");
        if ["entries", "chain"].contains(&table) && column != "id" {
            prop_assert_eq!(found.faults[0].entry(), Some(id), "{:?}", found);
        }
    }

    /// A row that is taken out of any table, with or without its link; several in a row, in the middle or at the end.
    #[test]
    fn rows_that_are_taken_out_are_found(table in 0..TABLES.len(), from: usize, count in 1..4i64, with_link: bool) {
        let home = tempfile::tempdir().unwrap();
        let head = written(home.path()).verify(None).unwrap().head.unwrap();
        let (file, table) = (by_hand(home.path()), TABLES[table]);
        let rows: i64 = file.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        let from = 1 + i64::try_from(from % usize::try_from(rows).unwrap()).unwrap();
        for _ in from..(from + count).min(rows + 1) {
            let id: i64 = file
                .query_row(&format!("SELECT rowid FROM {table} ORDER BY rowid LIMIT 1 OFFSET ?1"), [from - 1], |r| r.get(0))
                .unwrap();
            file.execute(&format!("DELETE FROM {table} WHERE rowid = ?1"), [id]).unwrap();
            if with_link && table == "entries" {
                file.execute("DELETE FROM chain WHERE id = ?1", [id]).unwrap();
            }
        }
        let found = verify(home.path(), None);
        let cut_off = with_link && table == "entries" && from + count > rows;
        if !cut_off {
            prop_assert!(!found.faults.is_empty(), "{table} from {from}, {count}");
        }
        // The end that was cut off with its links shows against the head that was kept.
        prop_assert!(!verify(home.path(), Some(&head)).faults.is_empty(), "{table} from {from}, {count}");
        if table == "entries" && !cut_off {
            let first = found.faults[0].entry().unwrap();
            prop_assert!((from..=from + count).contains(&first), "{:?}", found);
        }
    }

    /// Two lines that have changed places, with all that they say, and with their links or without.
    #[test]
    fn lines_that_have_changed_places_are_found(one: usize, two: usize, with_link: bool) {
        let home = tempfile::tempdir().unwrap();
        drop(written(home.path()));
        let file = by_hand(home.path());
        let rows: i64 = file.query_row("SELECT count(*) FROM entries", [], |row| row.get(0)).unwrap();
        let place = |pick: usize| 1 + i64::try_from(pick).unwrap_or(i64::MAX) % rows;
        let (one, two) = (place(one), place(two));
        prop_assume!(one != two);
        for table in ["entries", "chain"].iter().take(if with_link { 2 } else { 1 }) {
            for (from, to) in [(one, -1), (two, one), (-1, two)] {
                file.execute(&format!("UPDATE {table} SET id = ?2 WHERE id = ?1"), [from, to]).unwrap();
            }
        }
        let found = verify(home.path(), None);
        prop_assert_eq!(found.faults[0].entry(), Some(one.min(two)), "{:?}", found);
    }

    /// A line that was put in, wherever there is room: with no link, or with any.
    #[test]
    fn lines_that_were_put_in_are_found(like: usize, link: Option<[u8; 32]>, before: bool) {
        let home = tempfile::tempdir().unwrap();
        drop(written(home.path()));
        let file = by_hand(home.path());
        let rows: i64 = file.query_row("SELECT count(*) FROM entries", [], |row| row.get(0)).unwrap();
        let like = 1 + i64::try_from(like).unwrap_or(i64::MAX) % rows;
        let id = if before { 0 } else { rows + 1 };
        let names = columns(&file, "entries");
        let others = names[1..].join(", ");
        file.execute(&format!("INSERT INTO entries (id, {others}) SELECT ?1, {others} FROM entries WHERE id = ?2"), [id, like])
            .unwrap();
        if let Some(link) = link {
            file.execute("INSERT INTO chain (id, hash, taken_in) VALUES (?1, ?2, 0)", params![id, link]).unwrap();
        }
        let found = verify(home.path(), None);
        prop_assert_eq!(found.faults[0].entry(), Some(id), "{:?}", found);
    }
}

#[test]
fn a_record_that_nobody_touched_is_whole_whatever_was_written() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(write(home.path()).verify(None).unwrap(), Verification::default());
    let store = written(home.path());
    let early = store.verify(None).unwrap();
    assert_eq!(early.faults, []);
    assert_eq!((early.entries, early.taken_in), (u64::try_from(one_of_each().len()).unwrap() + 4, None));
    // All that takes back, uses up and replaces.
    let longer = waiver(Waivable::Window, "2027-04-01T06:00:00Z");
    for what in [
        EntryKind::Outcome { action: handoff(), failure: None, took: std::time::Duration::ZERO, at_most: false },
        EntryKind::WaiverGiven { waiver: longer.clone() },
        EntryKind::WaiverLifted { waiver: longer, by: "bob".into() },
        EntryKind::ApprovalVoid { hash: approval().hash, why: "a failover".into() },
        intended(install()),
    ] {
        store.append(&entry(what)).unwrap();
        assert_eq!(store.verify(None).unwrap().faults, []);
    }
    let labels = [("site".to_owned(), "lyon".to_owned())].into();
    store.write(&[Change::StopLifted { labels, by: "bob".into(), at: noon() }]).unwrap();
    assert_eq!(store.verify(early.head.as_ref()).unwrap().faults, [], "it goes on from the head that was kept");
}

#[test]
fn a_stop_cord_for_many_is_told_of_once() {
    let home = tempfile::tempdir().unwrap();
    let store = written(home.path());
    let told = |store: &Store| {
        let all = store.history(&Default::default(), 100).unwrap();
        all.into_iter()
            .filter(|line| line.entry.cluster.as_str() == EVERY)
            .map(|line| line.entry.what.to_string())
            .collect::<Vec<_>>()
    };
    let pulled = ["ann pulled the stop cord for clusters with site=lyon: storm"];
    assert_eq!(told(&store), pulled);
    let labels: std::collections::BTreeMap<_, _> = [("site".to_owned(), "lyon".to_owned())].into();
    let again = Change::StopPulled { labels: labels.clone(), why: "again".into(), by: "bob".into(), at: noon() };
    let lifted = Change::StopLifted { labels, by: "bob".into(), at: noon() };
    store.write(&[again]).unwrap();
    assert_eq!(told(&store), pulled, "it is pulled already");
    store.write(&[lifted.clone(), lifted]).unwrap();
    assert_eq!(told(&store), [pulled[0], "bob lifted the stop cord for clusters with site=lyon"]);
}

/// A chain made anew over an edited line fits in itself: only a head that was kept elsewhere tells.
#[test]
fn a_chain_made_anew_shows_against_a_head_that_was_kept() {
    let (home, forged) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let kept = written(home.path()).verify(None).unwrap().head.unwrap();
    let other = write(forged.path());
    other.append(&entry(EntryKind::Alarm { what: "nothing happened".into() })).unwrap();
    for line in written(home.path()).history(&Default::default(), 100).unwrap().into_iter().skip(1) {
        other.append(&line.entry).unwrap();
    }
    assert_eq!(other.verify(None).unwrap().faults, []);
    assert_eq!(other.verify(Some(&kept)).unwrap().faults, [Fault::OtherHead { entry: kept.entry }]);
    assert_eq!(kept.to_string().parse(), Ok(kept));
}

/// A record of the version before the chain, with an approval and a cord in force.
#[test]
fn the_lines_of_an_older_record_are_taken_in_as_they_stand() {
    let home = tempfile::tempdir().unwrap();
    drop(written(home.path()));
    let file = by_hand(home.path());
    // As the version before would have left it: no chain, no line about the cord, and inputs of another kind.
    file.execute_batch(
        "DROP TABLE chain; DROP TABLE parts; DROP TABLE anchors; DELETE FROM entries WHERE cluster = '*';
         UPDATE entries SET inputs = x'00' WHERE inputs IS NOT NULL; PRAGMA user_version = 3",
    )
    .unwrap();
    let before: i64 = file.query_row("SELECT max(id) FROM entries", [], |row| row.get(0)).unwrap();
    assert!(Store::open(home.path(), OpenMode::Read).is_err(), "a reader brings nothing up to date");
    let store = write(home.path());
    let found = store.verify(None).unwrap();
    assert_eq!(found.faults, []);
    // The cord's own line is the first that the migration writes.
    assert_eq!(found.taken_in, Some(before + 1));
    let last = store.history(&Default::default(), 1).unwrap().remove(0).entry.what;
    let EntryKind::StopPulled { labels, why, by } = &last else { panic!("{last}") };
    assert_eq!((labels["site"].as_str(), why.as_str(), by.as_str()), ("lyon", "storm", "ann"));
    store.append(&entry(EntryKind::Alarm { what: "later".into() })).unwrap();
    let found = store.verify(None).unwrap();
    assert_eq!((found.faults, found.taken_in), (vec![], Some(before + 1)), "what comes later is not taken in");
    file.execute("UPDATE entries SET text = 'other' WHERE id = ?1", params_from_iter([2])).unwrap();
    assert_eq!(store.verify(None).unwrap().faults, [Fault::Broken { entry: 2, after: 1 }]);
}

/// What the command says and how it exits, which is what a script looks at.
#[test]
fn the_command_names_the_first_bad_entry_and_fails() {
    let folder = Folder::new();
    let state = folder.path().join("state");
    let head = written(&state).verify(None).unwrap().head.unwrap();
    let verify = format!("rollward history --verify --head {head}");
    let (code, out, _) = folder.sh(&verify);
    assert_eq!(code, 0, "{out}");
    assert!(out.ends_with(&format!("head {head}\n")), "{out}");
    by_hand(&state).execute("DELETE FROM entries WHERE id IN (7, 9)", []).unwrap();
    let (code, out, _) = folder.sh(&verify);
    assert_eq!(code, 1, "{out}");
    let said: Vec<_> = out.lines().take(3).collect();
    assert_eq!(said, ["the record is not as it was written", "  entry 7 was taken out", "  entry 9 was taken out"]);
}
