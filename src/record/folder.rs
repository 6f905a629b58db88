//! The state folder, and the lock that lets one daemon at a time act from it.
//!
//! The lock is the kernel's, on an open file: it ends with the process, however that ends, and leaves nothing to
//! clean up. What stands in the file only says whom to ask.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::Time;

/// The lock's file in the state folder.
const LOCK: &str = "lock";

/// The journal's file in the state folder.
const RECORD: &str = "record.db";

/// Longer texts than this in the lock file are nobody's.
const MAX_HOLDER_TEXT: u64 = 4096;

/// How often a lock is tried whose holder has died: a program that it was about to start holds the open file until it has
/// become that program. Two seconds in all.
const TRIES: u32 = 100;
const BETWEEN_TRIES: Duration = Duration::from_millis(20);

/// Who holds a state folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LockHolder {
    /// The process.
    pub pid: u32,
    /// On which host.
    pub host: String,
    /// Since when.
    pub since: Time,
}

impl LockHolder {
    /// Whether its process, on this very host, is no more.
    fn is_dead(&self) -> bool {
        if self.host != host_name() {
            return false;
        }
        match fs::read_to_string(format!("/proc/{}/stat", self.pid)) {
            // Killed, and its parent has not asked for its end yet.
            Ok(stat) => stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X'])),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
    }
}

impl fmt::Display for LockHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pid {} on {} since {:.0}", self.pid, self.host, self.since)
    }
}

/// The state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It could not be made. Name another with `--state`, or mend the rights of the folder above it.
    #[error("cannot make the state folder {}: {source}; name another with --state", dir.display())]
    Make {
        /// Which folder.
        dir: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The lock's file could not be opened or written. Mend the folder's rights, or make space.
    #[error("cannot lock the state folder {}: {source}; check its rights and the space on its disk", dir.display())]
    Lock {
        /// Which folder.
        dir: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A daemon runs with this folder already: ask that one, or stop it first.
    #[error(
        "the state folder {} is in use by {}; stop that daemon first, or give this one a folder of its own with --state",
        dir.display(),
        holder.as_ref().map_or_else(|| "another process".to_owned(), ToString::to_string)
    )]
    Held {
        /// Which folder.
        dir: PathBuf,
        /// By whom; `None` in the instant before the holder has written its name.
        holder: Option<LockHolder>,
    },
}

/// Makes the state folder if it is not there, for its owner's eyes only. One that is there keeps its rights.
///
/// # Errors
/// It cannot be made.
pub fn make(dir: &Path) -> Result<(), FolderError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|source| FolderError::Make { dir: dir.to_owned(), source })
}

/// Where the record is in a state folder.
pub fn record_path(dir: &Path) -> PathBuf {
    dir.join(RECORD)
}

/// The name of this host, as its kernel has it.
pub fn host_name() -> String {
    let read = fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| fs::read_to_string("/etc/hostname"));
    match read.as_deref().map(str::trim) {
        Ok(name) if !name.is_empty() => name.to_owned(),
        _ => "this host".to_owned(),
    }
}

/// The right to act from a state folder. Held as long as this value, and never longer than the process.
#[derive(Debug)]
pub struct FolderLock {
    file: File,
    path: PathBuf,
}

impl FolderLock {
    /// Makes the folder if need be, locks it and writes down who holds it.
    ///
    /// # Errors
    /// Another process holds it, and is named; or the folder cannot be used.
    pub fn take(dir: &Path, now: Time) -> Result<Self, FolderError> {
        make(dir)?;
        let path = dir.join(LOCK);
        let failed = |source| FolderError::Lock { dir: dir.to_owned(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        let mut tries = 0;
        loop {
            tries += 1;
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {
                    let holder = read_holder(&mut file);
                    if !holder.as_ref().is_some_and(LockHolder::is_dead) || tries == TRIES {
                        return Err(FolderError::Held { dir: dir.to_owned(), holder });
                    }
                    sleep(BETWEEN_TRIES);
                }
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
        }
        let holder = LockHolder { pid: std::process::id(), host: host_name(), since: now };
        let text = serde_json::to_string(&holder).map_err(|e| failed(e.into()))?;
        file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
        writeln!(file, "{text}").map_err(failed)?;
        Ok(Self { file, path })
    }

    /// The locked folder.
    pub fn dir(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }

    /// Whether the lock's file is still the one that was locked. False once somebody deleted the folder: another
    /// daemon could then lock a new one.
    pub fn is_still_ours(&self) -> bool {
        match (self.file.metadata(), fs::metadata(&self.path)) {
            (Ok(held), Ok(there)) => (held.dev(), held.ino()) == (there.dev(), there.ino()),
            _ => false,
        }
    }
}

fn read_holder(file: &mut File) -> Option<LockHolder> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(MAX_HOLDER_TEXT).read_to_string(&mut text).ok()?;
    serde_json::from_str(text.trim()).ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn noon() -> Time {
        "2017-04-01T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_new_folder_is_for_its_owner_only() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("a/b");
        make(&dir).unwrap();
        assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
        make(&dir).unwrap();
    }

    #[test]
    fn a_second_lock_is_refused_and_the_holder_named() {
        let home = tempfile::tempdir().unwrap();
        let lock = FolderLock::take(home.path(), noon()).unwrap();
        let said = FolderLock::take(home.path(), noon()).unwrap_err().to_string();
        let me = format!("pid {} on {} since 2017-04-01T12:00:00Z", std::process::id(), host_name());
        assert!(said.contains(&me), "{said}");
        assert!(said.contains("--state"), "{said}");

        drop(lock);
        FolderLock::take(home.path(), noon()).unwrap();
    }

    /// A child of the killed daemon that is just being started holds its open files for an instant.
    #[test]
    fn a_dead_holders_lock_is_waited_for() {
        let home = tempfile::tempdir().unwrap();
        let lock = FolderLock::take(home.path(), noon()).unwrap();
        let mut dead = std::process::Command::new("true").spawn().unwrap();
        dead.wait().unwrap();
        let holder = LockHolder { pid: dead.id(), host: host_name(), since: noon() };
        fs::write(home.path().join(LOCK), serde_json::to_string(&holder).unwrap()).unwrap();
        let gone = std::thread::spawn(move || {
            sleep(BETWEEN_TRIES * TRIES / 4);
            drop(lock);
        });
        FolderLock::take(home.path(), noon()).unwrap();
        gone.join().unwrap();
    }

    #[test]
    fn a_lock_notices_that_its_folder_was_deleted() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("state");
        let lock = FolderLock::take(&dir, noon()).unwrap();
        assert!(lock.is_still_ours());
        fs::remove_dir_all(&dir).unwrap();
        assert!(!lock.is_still_ours());
        let other = FolderLock::take(&dir, noon()).unwrap();
        assert!(other.is_still_ours() && !lock.is_still_ours());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_said() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("file"), "").unwrap();
        let said = FolderLock::take(&home.path().join("file/state"), noon()).unwrap_err().to_string();
        assert!(said.contains("cannot make the state folder"), "{said}");
    }
}
