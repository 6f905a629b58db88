//! The record: one SQLite file in the state folder, in write-ahead mode, so that others read while the daemon writes.
//!
//! Any failed write leaves the file as it was and the next one may succeed: a full disk needs no restart. Nothing is
//! ever repaired or moved aside behind anybody's back.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::change::Change;
use super::entry::{EVERY, Entry, EntryKind};
use super::error::{OpenError, PATIENCE, ReadError, WriteError};
use super::{approvals, folder, journal, plans, rolls, schema, stops};
use crate::model::Time;

/// What a record is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// For writing; it is made if it is not there. Several processes may write: SQLite lets them take turns. Who may
    /// *act* is for [`folder::FolderLock`] to say.
    Write,
    /// For reading what is there. Nothing is made or changed.
    Read,
}

/// An open record. Shared freely between threads; each call is one short transaction.
#[derive(Debug)]
pub struct Store {
    file: Mutex<Connection>,
    path: PathBuf,
    mode: OpenMode,
    /// Device and inode of the file that is open.
    identity: Option<(u64, u64)>,
}

impl Store {
    /// Opens the record of a state folder, and brings an older one up to date if it is opened for writing.
    ///
    /// # Errors
    /// See [`OpenError`]; a file that cannot be used is left as it is.
    pub fn open(dir: &Path, mode: OpenMode) -> Result<Self, OpenError> {
        let path = folder::record_path(dir);
        let file = match mode {
            OpenMode::Write => open_for_writing(dir, &path)?,
            OpenMode::Read => open_for_reading(&path)?,
        };
        let identity = identity(&path);
        Ok(Self { file: Mutex::new(file), path, mode, identity })
    }

    /// The record's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes one line of the journal and what follows from it. Its number is returned; numbers only grow.
    ///
    /// # Errors
    /// Nothing was written; see [`WriteError`].
    pub fn append(&self, entry: &Entry) -> Result<i64, WriteError> {
        self.transact(must_last(&entry.what), |file| journal::append(file, entry))
    }

    /// Writes a list of changes, all of it or nothing. An empty list touches no disk.
    ///
    /// # Errors
    /// Nothing was written; see [`WriteError`].
    pub fn write(&self, changes: &[Change]) -> Result<(), WriteError> {
        if changes.is_empty() {
            return Ok(());
        }
        let lasting = changes.iter().any(|change| match change {
            Change::Entry(entry) => must_last(&entry.what),
            Change::Approval(..) | Change::StopPulled { .. } | Change::StopLifted { .. } => true,
            Change::Roll(..) | Change::ShownPlan(_) => false,
        });
        self.transact(lasting, |file| {
            for change in changes {
                match change {
                    Change::Entry(entry) => {
                        journal::append(file, entry)?;
                    }
                    Change::Roll(cluster, roll) => rolls::set(file, cluster, roll)?,
                    Change::Approval(cluster, approval) => approvals::set(file, cluster, approval)?,
                    Change::ShownPlan(plan) => plans::remember(file, plan)?,
                    Change::StopPulled { labels, why, by, at } => {
                        if !stops::is_pulled(file, labels)? {
                            let (labels, why, by) = (labels.clone(), why.clone(), by.clone());
                            journal::append(file, &of_many(*at, EntryKind::StopPulled { labels, why, by }))?;
                        }
                    }
                    Change::StopLifted { labels, by, at } => {
                        if stops::is_pulled(file, labels)? {
                            let (labels, by) = (labels.clone(), by.clone());
                            journal::append(file, &of_many(*at, EntryKind::StopLifted { labels, by }))?;
                        }
                    }
                }
            }
            Ok(())
        })
    }

    /// One write transaction. With `lasting`, it has reached the disk itself when this returns, so that even a power
    /// cut right after an action leaves its intention readable.
    pub(super) fn transact<T>(
        &self,
        lasting: bool,
        change: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, WriteError> {
        if self.mode == OpenMode::Read {
            return Err(WriteError::NotForWriting { path: self.path.clone() });
        }
        // Writes to a deleted file succeed and are lost.
        if self.identity != identity(&self.path) {
            return Err(WriteError::Gone { path: self.path.clone() });
        }
        let mut file = self.lock();
        let outcome = (|| {
            file.pragma_update(None, "synchronous", if lasting { "FULL" } else { "NORMAL" })?;
            let tx = file.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = change(&tx)?;
            tx.commit()?;
            Ok(done)
        })();
        outcome.map_err(|e| WriteError::from_sqlite(&self.path, &e))
    }

    pub(super) fn read<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, ReadError> {
        ask(&self.lock()).map_err(|e| ReadError::from_sqlite(&self.path, &e))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic inside a transaction rolls it back, so the connection behind a poisoned lock is sound.
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection itself, for tests that make it fail.
    #[cfg(test)]
    pub(super) fn raw(&self) -> MutexGuard<'_, Connection> {
        self.lock()
    }
}

/// A line about many clusters: no one manifest's revision belongs to it.
pub(super) fn of_many(at: Time, what: EntryKind) -> Entry {
    Entry { cluster: EVERY.into(), at, revision: "".into(), what }
}

/// Whether a line must outlive a power cut that follows at once.
fn must_last(what: &EntryKind) -> bool {
    use EntryKind::{Approved, Commanded, Intended, StopLifted, StopPulled, WaiverGiven, WaiverLifted};
    matches!(
        what,
        Intended { .. }
            | Approved { .. }
            | Commanded { .. }
            | WaiverGiven { .. }
            | WaiverLifted { .. }
            | StopPulled { .. }
            | StopLifted { .. }
    )
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|m| (m.dev(), m.ino()))
}

fn open_for_writing(dir: &Path, path: &Path) -> Result<Connection, OpenError> {
    folder::make(dir)?;
    let failed = |e: rusqlite::Error| OpenError::from_sqlite(path, &e);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut file = Connection::open_with_flags(path, flags).map_err(failed)?;
    file.busy_timeout(PATIENCE).map_err(failed)?;
    // Judged before anything is written: another program's file must stay as it is.
    refuse_strangers(path, schema::standing(&file).map_err(failed)?)?;
    file.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
    // The log stays beside the file when the daemon ends, so that a reader without the right to write can open it.
    file.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(failed)?;
    file.pragma_update(None, "foreign_keys", true).map_err(failed)?;
    let standing = schema::migrate(&mut file).map_err(failed)?;
    refuse_strangers(path, standing)?;
    Ok(file)
}

fn open_for_reading(path: &Path) -> Result<Connection, OpenError> {
    if !path.try_exists().unwrap_or(true) {
        return Err(OpenError::Nothing { path: path.to_owned() });
    }
    let failed = |e: rusqlite::Error| OpenError::from_sqlite(path, &e);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let file = Connection::open_with_flags(path, flags).map_err(failed)?;
    file.busy_timeout(PATIENCE).map_err(failed)?;
    let standing = schema::standing(&file).map_err(failed)?;
    refuse_strangers(path, standing)?;
    match standing {
        schema::Standing::Empty => Err(OpenError::Nothing { path: path.to_owned() }),
        schema::Standing::Older(found) => {
            Err(OpenError::Older { path: path.to_owned(), found, known: schema::VERSION })
        }
        _ => Ok(file),
    }
}

fn refuse_strangers(path: &Path, standing: schema::Standing) -> Result<(), OpenError> {
    let path = || path.to_owned();
    match standing {
        schema::Standing::Newer(found) => Err(OpenError::Newer { path: path(), found, known: schema::VERSION }),
        schema::Standing::Foreign => Err(OpenError::Foreign { path: path() }),
        schema::Standing::Empty | schema::Standing::Present | schema::Standing::Older(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::super::blobs::Texts;
    use super::super::entry::RollCounts;
    use super::super::rolls::Roll;
    use super::*;
    use crate::model::ClusterName;

    fn noon() -> Time {
        "2017-04-01T12:00:00Z".parse().unwrap()
    }

    fn alarm(words: &str) -> Entry {
        Entry {
            cluster: "mbx".into(),
            at: noon(),
            revision: "r1".into(),
            what: EntryKind::Alarm { what: words.to_owned() },
        }
    }

    fn wal_length(store: &Store) -> u64 {
        fs::metadata(store.path().with_extension("db-wal")).unwrap().len()
    }

    #[test]
    fn a_full_disk_is_said_and_writing_goes_on_once_there_is_space() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path(), OpenMode::Write).unwrap();
        let pages: i64 = store.raw().query_row("PRAGMA page_count", [], |r| r.get(0)).unwrap();
        store.raw().pragma_update(None, "max_page_count", pages).unwrap();
        let long = alarm(&"x".repeat(100_000));
        let error = store.append(&long).unwrap_err();
        assert_eq!(error, WriteError::Full { path: store.path().to_owned() });
        assert!(error.to_string().contains("free some"), "{error}");
        assert_eq!(store.history(&Default::default(), 10).unwrap(), []);

        store.raw().pragma_update(None, "max_page_count", 100_000).unwrap();
        store.append(&long).unwrap();
        assert_eq!(store.history(&Default::default(), 10).unwrap().len(), 1);
    }

    #[test]
    fn a_list_is_written_whole_or_not_at_all() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path(), OpenMode::Write).unwrap();
        let pages: i64 = store.raw().query_row("PRAGMA page_count", [], |r| r.get(0)).unwrap();
        store.raw().pragma_update(None, "max_page_count", pages + 1).unwrap();
        let changes = [alarm("short").into(), alarm(&"x".repeat(100_000)).into()];
        store.write(&changes).unwrap_err();
        assert_eq!(store.history(&Default::default(), 10).unwrap(), []);
    }

    #[test]
    fn nothing_is_written_when_there_is_nothing_to_say() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path(), OpenMode::Write).unwrap();
        let roll = Roll {
            started: noon(),
            ended: None,
            counts: RollCounts { planned: 2, ..Default::default() },
            uncounted: ["N".into()].into(),
        };
        let stop = Change::StopPulled { labels: BTreeMap::new(), why: "w".into(), by: "me".into(), at: noon() };
        let changes = [Change::Roll("mbx".into(), roll), stop];
        let texts = Texts::from([("a.yaml".into(), "kind: Fleet".into())]);
        store.write(&changes).unwrap();
        assert!(store.keep_manifests(&texts).unwrap());

        let before = wal_length(&store);
        store.write(&[]).unwrap();
        store.write(&changes).unwrap();
        assert!(!store.keep_manifests(&texts).unwrap());
        assert_eq!(wal_length(&store), before);
        store.append(&alarm("something")).unwrap();
        assert!(wal_length(&store) > before, "the log would have shown a write");
    }

    #[test]
    fn a_deleted_file_is_noticed() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path(), OpenMode::Write).unwrap();
        fs::remove_file(store.path()).unwrap();
        assert_eq!(store.append(&alarm("a")).unwrap_err(), WriteError::Gone { path: store.path().to_owned() });
    }

    #[test]
    fn a_newer_schema_is_refused_and_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path(), OpenMode::Write).unwrap();
        store.append(&alarm("kept")).unwrap();
        store.raw().pragma_update(None, "user_version", schema::VERSION + 1).unwrap();
        drop(store);
        for mode in [OpenMode::Write, OpenMode::Read] {
            let error = Store::open(home.path(), mode).unwrap_err();
            let OpenError::Newer { found, known, .. } = &error else { panic!("{error}") };
            assert_eq!((*found, *known), (schema::VERSION + 1, schema::VERSION));
            assert!(error.to_string().contains("newer program"), "{error}");
        }
        let raw = Connection::open(folder::record_path(home.path())).unwrap();
        let lines: i64 = raw.query_row("SELECT count(*) FROM entries", [], |r| r.get(0)).unwrap();
        assert_eq!(lines, 1, "what was refused is untouched");
    }

    #[test]
    fn another_programs_database_is_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let path = folder::record_path(home.path());
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
        let before = fs::read(&path).unwrap();
        assert!(matches!(Store::open(home.path(), OpenMode::Write), Err(OpenError::Foreign { .. })));
        assert!(matches!(Store::open(home.path(), OpenMode::Read), Err(OpenError::Foreign { .. })));
        assert_eq!(fs::read(&path).unwrap(), before);
    }

    #[test]
    fn samples_come_from_proved_actions_only() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path(), OpenMode::Write).unwrap();
        let action = crate::model::Action::Pause { node: "A".into() };
        for failure in [None, Some("no".to_owned())] {
            let what = EntryKind::Outcome {
                action: action.clone(),
                failure,
                took: Duration::from_millis(1500),
                at_most: false,
            };
            store.append(&Entry { what, ..alarm("") }).unwrap();
        }
        let samples = store.samples(&ClusterName::from("mbx")).unwrap();
        assert_eq!(samples.iter().map(|s| s.took).collect::<Vec<_>>(), [Duration::from_millis(1500)]);
        assert_eq!(store.samples(&ClusterName::from("other")).unwrap(), []);
    }
}
