//! The daemon's local door: other processes of the same user ask it things and hand it people's commands.
//!
//! A Unix socket in the state folder, for its owner only: one JSON request on a line, one JSON answer on a line. Lines
//! and waits are bounded, so that a slow or broken client costs the daemon nothing but its place in the queue.
//!
//! Absent on purpose: what the answers say. The daemon gives a [`DoorKeeper`], and the command line reads the answers.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use crate::drivers::Later;
use crate::model::{ClusterName, NodeName, Time, Waiver};
use crate::record::FolderLock;

/// The socket's name in the state folder.
const NAME: &str = "daemon.sock";

/// No request is longer than this, in bytes; the longest holds a person's reason and a few labels.
const LONGEST_REQUEST: u64 = 64 * 1024;

/// No answer is longer than this, in bytes: the status of many thousand clusters.
const LONGEST_ANSWER: u64 = 256 * 1024 * 1024;

/// So many clients are talked to at once; the others wait their turn.
const MOST_CLIENTS: usize = 32;

/// A client that takes longer than this to say its line, or to take its answer, is left.
const CLIENT_PATIENCE: Duration = Duration::from_secs(5);

/// How long the daemon may take for an answer: a command waits for the cluster it is for.
const KEEPER_PATIENCE: Duration = Duration::from_secs(60);

/// How long a client waits for its answer: longer than the daemon may take, so that its own words arrive.
const ANSWER_PATIENCE: Duration = Duration::from_secs(70);

/// Longer paths do not fit into a socket's address (108 bytes with the final zero).
const LONGEST_ADDRESS: usize = 100;

/// What another process asks of the daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Request {
    /// Where clusters are, as of the last look.
    Status {
        /// Only this one.
        cluster: Option<ClusterName>,
    },
    /// Why a node, or each of a cluster, is not at its target.
    Explain {
        /// Of which cluster.
        cluster: ClusterName,
        /// Only this node.
        node: Option<NodeName>,
    },
    /// Look again, now. Carries nothing that decides anything.
    Wake {
        /// For the log.
        reason: String,
    },
    /// Approve the sequence of handoffs that was shown with this hash.
    Approve {
        /// Of which cluster.
        cluster: ClusterName,
        /// The hash.
        hash: String,
        /// Who.
        by: String,
        /// Until when, if not for ever.
        expires: Option<Time>,
    },
    /// Waive a rule.
    Waive {
        /// Of which cluster.
        cluster: ClusterName,
        /// What, for whom, why and until when.
        waiver: Waiver,
    },
    /// Take a waiver by command back.
    LiftWaiver {
        /// Of which cluster.
        cluster: ClusterName,
        /// What and for whom; the rest does not matter.
        waiver: Waiver,
        /// Who.
        by: String,
    },
    /// Pull the stop cord.
    Stop {
        /// For what.
        scope: Scope,
        /// Why.
        why: String,
        /// Who.
        by: String,
    },
    /// Lift it.
    Go {
        /// For what.
        scope: Scope,
        /// Who.
        by: String,
    },
    /// Take a cluster over from a foreign controller that is still alive.
    Takeover {
        /// Which.
        cluster: ClusterName,
        /// Who.
        by: String,
    },
    /// Forget failed tries.
    Retry {
        /// Of which cluster.
        cluster: ClusterName,
        /// Only this node's.
        node: Option<NodeName>,
        /// Who.
        by: String,
    },
    /// Remove our marks and forget the cluster.
    Release {
        /// Which.
        cluster: ClusterName,
        /// Who.
        by: String,
    },
}

/// What a stop cord is pulled for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Scope {
    /// All clusters.
    Everything,
    /// Clusters with all of these labels.
    Labels(BTreeMap<String, String>),
    /// One cluster.
    Cluster(ClusterName),
    /// One node.
    Node {
        /// Its cluster.
        cluster: ClusterName,
        /// The node.
        node: NodeName,
    },
}

/// Who answers at the door.
pub trait DoorKeeper: Send + Sync {
    /// Answers one request. A refusal is [`refusal`]. Dropped unfinished if it takes over a minute.
    fn answer(&self, request: Request) -> Later<'_, Value>;
}

/// The answer "no, because": it reaches the client as [`DoorError::Refused`].
pub fn refusal(why: impl Into<String>) -> Value {
    json!({ "error": why.into() })
}

/// The door cannot be opened, or nobody answers as hoped.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// No daemon runs with this state folder. What can be told without one may be told; else start one.
    #[error(
        "no daemon is running with the state folder {}; start one with `rollward run`, or name its folder with --state",
        dir.display()
    )]
    NobodyHome {
        /// Which folder.
        dir: PathBuf,
    },
    /// The daemon is another user's: ask as that user.
    #[error("the daemon of {} belongs to another user; run this as that user", dir.display())]
    NotAllowed {
        /// Which folder.
        dir: PathBuf,
    },
    /// The daemon is there and does not answer: look at its log.
    #[error("the daemon of {} did not answer within {} s; its log says what it is doing", dir.display(), waited.as_secs())]
    TooSlow {
        /// Which folder.
        dir: PathBuf,
        /// For how long it was waited.
        waited: Duration,
    },
    /// The daemon says no; its words say why and what to do.
    #[error("{0}")]
    Refused(String),
    /// The answer makes no sense, or stops short: daemon and command are of different versions, or the daemon was
    /// just ended. Try again; if it stays so, restart the daemon.
    #[error("the daemon of {} gave no sensible answer ({detail}); restart it if it is of another version", dir.display())]
    Unintelligible {
        /// Which folder.
        dir: PathBuf,
        /// What came.
        detail: String,
    },
    /// The socket cannot be made or used: mend the folder's rights, or make space on its disk.
    #[error("cannot use the socket {}: {source}; check the rights of its folder", path.display())]
    Socket {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// An open door. Closed, and its socket removed, when dropped.
#[derive(Debug)]
pub struct Door {
    path: PathBuf,
    /// Device and inode of our socket.
    identity: (u64, u64),
    serving: JoinHandle<()>,
}

/// Opens the door of a locked state folder. A socket that an earlier daemon left is replaced: only who holds the lock
/// can call this, so nobody listens there any longer. Needs a running tokio runtime.
///
/// # Errors
/// The socket cannot be made; see [`DoorError::Socket`].
pub fn open(lock: &FolderLock, keeper: Arc<dyn DoorKeeper>) -> Result<Door, DoorError> {
    let path = lock.dir().join(NAME);
    let failed = |source| DoorError::Socket { path: path.clone(), source };
    let (listener, identity) = bind(lock.dir()).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let listener = tokio::net::UnixListener::from_std(listener).map_err(failed)?;
    let serving = tokio::spawn(serve(listener, keeper));
    Ok(Door { path, identity, serving })
}

impl Drop for Door {
    fn drop(&mut self) {
        self.serving.abort();
        if fs::symlink_metadata(&self.path).is_ok_and(|m| (m.dev(), m.ino()) == self.identity) {
            // What stays behind is stale, and the next daemon replaces it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes the socket where nobody else can enter, takes others' rights away, and only then moves it into its place,
/// over whatever an earlier daemon left there.
fn bind(dir: &Path) -> io::Result<(UnixListener, (u64, u64))> {
    let (_open, dir) = short(dir)?;
    let antechamber = dir.join("daemon.sock.new");
    let socket = antechamber.join("s");
    match DirBuilder::new().mode(0o700).create(&antechamber) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => match fs::remove_file(&socket) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        },
        made => made?,
    }
    let listener = UnixListener::bind(&socket)?;
    fs::set_permissions(&socket, Permissions::from_mode(0o600))?;
    let made = fs::symlink_metadata(&socket)?;
    fs::rename(&socket, dir.join(NAME))?;
    fs::remove_dir(&antechamber)?;
    Ok((listener, (made.dev(), made.ino())))
}

/// A name of the folder that is short enough for a socket's address, and what must stay open while it is used.
fn short(dir: &Path) -> io::Result<(Option<File>, PathBuf)> {
    if dir.as_os_str().len() + "/daemon.sock.new/s".len() < LONGEST_ADDRESS {
        return Ok((None, dir.to_owned()));
    }
    let open = File::open(dir)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}", open.as_raw_fd()));
    Ok((Some(open), path))
}

// === The daemon's side ===

async fn serve(listener: tokio::net::UnixListener, keeper: Arc<dyn DoorKeeper>) {
    let mut talks = JoinSet::new();
    loop {
        tokio::select! {
            came = listener.accept(), if talks.len() < MOST_CLIENTS => match came {
                Ok((stream, _)) => {
                    talks.spawn(talk(stream, Arc::clone(&keeper)));
                }
                // Out of file descriptors, as a rule: they come back.
                Err(_) => sleep(Duration::from_millis(100)).await,
            },
            Some(_) = talks.join_next(), if !talks.is_empty() => {}
        }
    }
}

/// Talks to one client until it goes, falters or breaks the rules.
async fn talk(stream: tokio::net::UnixStream, keeper: Arc<dyn DoorKeeper>) {
    let (read, mut write) = stream.into_split();
    let mut read = tokio::io::BufReader::new(read);
    loop {
        let mut line = Vec::new();
        let mut bounded = (&mut read).take(LONGEST_REQUEST + 1);
        match timeout(CLIENT_PATIENCE, bounded.read_until(b'\n', &mut line)).await {
            Ok(Ok(1..)) => {}
            _ => return,
        }
        let whole = line.ends_with(b"\n");
        let answer = if whole {
            answer(&*keeper, &line).await
        } else {
            refusal("a request is one line of JSON, at most 64 KiB")
        };
        let said = format!("{answer}\n");
        let written = timeout(CLIENT_PATIENCE, write.write_all(said.as_bytes())).await;
        if !whole || !matches!(written, Ok(Ok(()))) {
            return;
        }
    }
}

async fn answer(keeper: &dyn DoorKeeper, line: &[u8]) -> Value {
    match serde_json::from_slice::<Request>(line) {
        Ok(request) => match timeout(KEEPER_PATIENCE, keeper.answer(request)).await {
            Ok(answer) => answer,
            Err(_) => refusal("the daemon was too busy to answer within a minute; its log says what it is doing"),
        },
        Err(e) => refusal(format!("the daemon does not understand this request ({e}); is it of another version?")),
    }
}

// === The client's side ===

/// Asks the daemon of a state folder, and waits for its answer.
///
/// # Errors
/// [`DoorError::NobodyHome`] if no daemon is running there, [`DoorError::Refused`] if it says no, and the others.
pub fn ask(dir: &Path, request: &Request) -> Result<Value, DoorError> {
    let path = dir.join(NAME);
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => DoorError::NobodyHome { dir: dir.to_owned() },
        io::ErrorKind::PermissionDenied => DoorError::NotAllowed { dir: dir.to_owned() },
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            DoorError::TooSlow { dir: dir.to_owned(), waited: ANSWER_PATIENCE }
        }
        _ => DoorError::Socket { path: path.clone(), source },
    };
    let unintelligible = |detail: String| DoorError::Unintelligible { dir: dir.to_owned(), detail };
    let request = serde_json::to_string(request).map_err(|e| unintelligible(e.to_string()))?;

    let (_open, near) = short(dir).map_err(failed)?;
    let mut stream = UnixStream::connect(near.join(NAME)).map_err(failed)?;
    stream.set_read_timeout(Some(ANSWER_PATIENCE)).map_err(failed)?;
    stream.set_write_timeout(Some(CLIENT_PATIENCE)).map_err(failed)?;
    stream.write_all(format!("{request}\n").as_bytes()).map_err(failed)?;
    let mut line = String::new();
    BufReader::new(stream).take(LONGEST_ANSWER).read_line(&mut line).map_err(failed)?;
    if !line.ends_with('\n') {
        return Err(unintelligible(format!("it broke off after {} bytes", line.len())));
    }
    let answer: Value = serde_json::from_str(&line).map_err(|e| unintelligible(e.to_string()))?;
    match answer.get("error").and_then(Value::as_str) {
        Some(why) => Err(DoorError::Refused(why.to_owned())),
        None => Ok(answer),
    }
}
