//! What can go wrong with the record, one small enum for each operation. Each text says what, where, and what to do.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::ErrorCode;

use super::folder::FolderError;

/// The record could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder could not be made or entered. Read its own text.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Opened for reading, and there is nothing to read: start the daemon first, or name the right folder.
    #[error("no record at {}; no daemon has run with this state folder yet (see --state)", path.display())]
    Nothing {
        /// Where it would be.
        path: PathBuf,
    },
    /// A newer version of the program wrote it: use that version. Nothing was changed.
    #[error(
        "the record {} has schema version {found}, and this program knows versions up to {known}; run the newer \
         program that wrote it, or give this one a state folder of its own with --state",
        path.display()
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The newest that is known here.
        known: i64,
    },
    /// An older version wrote it and it was opened for reading only: let the daemon of this version open it once.
    #[error(
        "the record {} has schema version {found}, older than {known}; start the daemon once to bring it up to date",
        path.display()
    )]
    Older {
        /// Which file.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The version that this program reads.
        known: i64,
    },
    /// The file is an SQLite database of something else: name another folder. Nothing was changed.
    #[error("{} is a database, but not a record of rollward; name another folder with --state", path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
    },
    /// The file is damaged, or no database. It was left as it is: move it away to start afresh.
    #[error(
        "the record {} is damaged ({detail}); it was left as it is. Restore it from a backup, or start afresh with \
         `mv {} {}`: history, approvals and learned durations start anew, no cluster is less safe",
        path.display(), path.display(), path.with_extension("damaged").display()
    )]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What SQLite says.
        detail: String,
    },
    /// It could not be read or written; the text says why. Usually rights, or a full disk.
    #[error("cannot open the record {}: {detail}; check the rights of its folder and the space on its disk", path.display())]
    Failed {
        /// Which file.
        path: PathBuf,
        /// What SQLite says.
        detail: String,
    },
}

/// Something could not be written. Nothing of the list was; writing again later is right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// No space. Make some; the next write succeeds by itself.
    #[error("no space left for the record {}; free some, nothing needs a restart", path.display())]
    Full {
        /// Which file.
        path: PathBuf,
    },
    /// The file or its folder cannot be written. Mend the rights or the mount; the next write succeeds by itself.
    #[error("the record {} cannot be written ({detail}); mend its rights or remount its disk", path.display())]
    ReadOnly {
        /// Which file.
        path: PathBuf,
        /// What SQLite says.
        detail: String,
    },
    /// Another process has been writing for too long. Try again; if it stays so, look who has the file open.
    #[error("the record {} is locked by another process for over {seconds} s; see who has it open (fuser)", path.display())]
    Busy {
        /// Which file.
        path: PathBuf,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The file was deleted or replaced while it was open. Restart the daemon.
    #[error("the record {} was removed or replaced under the running daemon; restart the daemon", path.display())]
    Gone {
        /// Which file.
        path: PathBuf,
    },
    /// The file is damaged. Stop the daemon, restore it or move it away.
    #[error(
        "the record {} is damaged ({detail}); stop the daemon, then restore it or move it away", path.display()
    )]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What SQLite says.
        detail: String,
    },
    /// Opened for reading. A mistake of the program's.
    #[error("the record {} was opened for reading only", path.display())]
    NotForWriting {
        /// Which file.
        path: PathBuf,
    },
    /// Anything else; the text says what.
    #[error("cannot write the record {}: {detail}", path.display())]
    Failed {
        /// Which file.
        path: PathBuf,
        /// What SQLite says.
        detail: String,
    },
}

/// Something could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// There is no such line in the journal. See `rollward history`.
    #[error("the record {} has no entry {id}; `rollward history` lists them", path.display())]
    NoEntry {
        /// Which file.
        path: PathBuf,
        /// Which line.
        id: i64,
    },
    /// The line is there, and something that it rested on is not: it was pruned for its age or its size.
    #[error(
        "of what entry {id} of the record {} rested on, {what} is not there any more; `rollward history --verify` says what \
         was pruned",
        path.display()
    )]
    Pruned {
        /// Which file.
        path: PathBuf,
        /// Which line.
        id: i64,
        /// What is missing.
        what: Arc<str>,
    },
    /// What stands there cannot be understood: it was edited by hand, or is damaged.
    #[error("the record {} holds something that cannot be understood: {detail}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What it is.
        detail: String,
    },
    /// Anything else; the text says what.
    #[error("cannot read the record {}: {detail}", path.display())]
    Failed {
        /// Which file.
        path: PathBuf,
        /// What SQLite says.
        detail: String,
    },
}

/// How long a reader or writer waits for another process before it gives up.
pub(super) const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

/// The kind of failure that SQLite reports, in its own words where it has any.
fn kind_and_words(error: &rusqlite::Error) -> (ErrorCode, String) {
    match error {
        rusqlite::Error::SqliteFailure(code, words) => {
            let said = words.clone().unwrap_or_else(|| code.to_string());
            (code.code, format!("{said}, code {}", code.extended_code))
        }
        rusqlite::Error::FromSqlConversionFailure(..) | rusqlite::Error::InvalidColumnType(..) => {
            (ErrorCode::DatabaseCorrupt, error.to_string())
        }
        other => (ErrorCode::Unknown, other.to_string()),
    }
}

impl OpenError {
    pub(super) fn from_sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        let path = path.to_owned();
        match kind_and_words(error) {
            (ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt, detail) => OpenError::Damaged { path, detail },
            (_, detail) => OpenError::Failed { path, detail },
        }
    }
}

/// The extended codes of a disk that has no room for the shared index beside the file: SQLITE_IOERR_SHMSIZE,
/// SQLITE_IOERR_WRITE on file systems that say so instead of "full".
const NO_ROOM: [i32; 1] = [rusqlite::ffi::SQLITE_IOERR_SHMSIZE];

impl WriteError {
    pub(super) fn from_sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        let path = path.to_owned();
        if let rusqlite::Error::SqliteFailure(code, _) = error
            && NO_ROOM.contains(&code.extended_code)
        {
            return WriteError::Full { path };
        }
        match kind_and_words(error) {
            (ErrorCode::DiskFull, _) => WriteError::Full { path },
            (ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied, detail) => {
                WriteError::ReadOnly { path, detail }
            }
            (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, _) => {
                WriteError::Busy { path, seconds: PATIENCE.as_secs() }
            }
            (ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt, detail) => WriteError::Damaged { path, detail },
            (_, detail) => WriteError::Failed { path, detail },
        }
    }
}

impl ReadError {
    pub(super) fn from_sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        let path = path.to_owned();
        match kind_and_words(error) {
            (ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt, detail) => ReadError::Damaged { path, detail },
            (_, detail) => ReadError::Failed { path, detail },
        }
    }
}
