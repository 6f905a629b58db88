//! The daemon's local door, through a real socket.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;

use rollward::door::{self, Door, DoorError, DoorKeeper, Request, Scope, refusal};
use rollward::drivers::Later;
use rollward::record::FolderLock;
use serde_json::{Value, json};

/// Says back what it was asked.
struct Echo;

impl DoorKeeper for Echo {
    fn answer(&self, request: Request) -> Later<'_, Value> {
        Box::pin(async move {
            match request {
                Request::Explain { .. } => refusal("no such cluster"),
                // As large as the status of a few thousand clusters.
                Request::Wake { reason } if reason == "much" => json!({ "asked": "x".repeat(5_000_000) }),
                other => json!({ "asked": serde_json::to_value(other).unwrap() }),
            }
        })
    }
}

fn lock(dir: &Path) -> FolderLock {
    FolderLock::take(dir, "2017-04-01T12:00:00Z".parse().unwrap()).unwrap()
}

fn status() -> Request {
    Request::Status { cluster: Some("mbx".into()) }
}

/// Runs `visit` against an open door, in a thread of its own.
fn with_door<T: Send + 'static>(dir: &Path, visit: impl FnOnce(&Path) -> T + Send + 'static) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let path = dir.to_owned();
    runtime.block_on(async {
        let lock = lock(&path);
        let _door: Door = door::open(&lock, Arc::new(Echo)).unwrap();
        tokio::task::spawn_blocking(move || visit(&path)).await.unwrap()
    })
}

#[test]
fn every_request_arrives_as_it_was_asked() {
    let home = tempfile::tempdir().unwrap();
    let by = || "ann".to_owned();
    let requests = [
        status(),
        Request::Status { cluster: None },
        Request::Wake { reason: "a person\nasked".into() },
        Request::Approve { cluster: "mbx".into(), hash: "abc".into(), by: by(), expires: None },
        Request::Stop { scope: Scope::Everything, why: "storm".into(), by: by() },
        Request::Stop { scope: Scope::Cluster("mbx".into()), why: "storm".into(), by: by() },
        Request::Go { scope: Scope::Labels([("site".to_owned(), "lyon".to_owned())].into()), by: by() },
        Request::Go { scope: Scope::Node { cluster: "mbx".into(), node: "A".into() }, by: by() },
        Request::Takeover { cluster: "mbx".into(), by: by() },
        Request::Retry { cluster: "mbx".into(), node: Some("A".into()), by: by() },
        Request::Release { cluster: "mbx".into(), by: by() },
    ];
    with_door(home.path(), move |dir| {
        for request in requests {
            let answer = door::ask(dir, &request).unwrap();
            assert_eq!(answer, json!({ "asked": serde_json::to_value(&request).unwrap() }));
        }
    });
}

#[test]
fn a_refusal_is_an_error_in_the_daemons_words() {
    let home = tempfile::tempdir().unwrap();
    with_door(home.path(), |dir| {
        let explain = Request::Explain { cluster: "nix".into(), node: None };
        assert_eq!(door::ask(dir, &explain).unwrap_err().to_string(), "no such cluster");
    });
}

#[test]
fn without_a_daemon_it_is_said_that_none_is_running() {
    let home = tempfile::tempdir().unwrap();
    let nobody = |dir: &Path| matches!(door::ask(dir, &status()), Err(DoorError::NobodyHome { .. }));
    assert!(nobody(&home.path().join("nowhere")));
    assert!(nobody(home.path()));
    with_door(home.path(), |_| ());
    assert!(!home.path().join("daemon.sock").exists(), "a door that is closed leaves no socket");
    // What a killed daemon leaves behind.
    drop(UnixListener::bind(home.path().join("daemon.sock")).unwrap());
    assert!(nobody(home.path()));
}

#[test]
fn a_stale_socket_is_replaced_by_one_for_its_owner_only() {
    let home = tempfile::tempdir().unwrap();
    let socket = home.path().join("daemon.sock");
    drop(UnixListener::bind(&socket).unwrap());
    fs::create_dir(home.path().join("daemon.sock.new")).unwrap();
    drop(UnixListener::bind(home.path().join("daemon.sock.new/s")).unwrap());
    with_door(home.path(), move |dir| {
        door::ask(dir, &status()).unwrap();
        assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!dir.join("daemon.sock.new").exists());
    });
}

#[test]
fn a_state_folder_may_have_a_long_name() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("x".repeat(120));
    with_door(&dir, |dir| door::ask(dir, &status()).unwrap());
    assert!(!dir.join("daemon.sock").exists());
}

#[test]
fn nonsense_and_endless_lines_are_refused() {
    let home = tempfile::tempdir().unwrap();
    with_door(home.path(), |dir| {
        let mut stream = UnixStream::connect(dir.join("daemon.sock")).unwrap();
        let mut answers = BufReader::new(stream.try_clone().unwrap());
        let mut said = String::new();
        for nonsense in ["nonsense", r#"{"ask":"fly"}"#, r#"{"ask":"status","clutser":"a"}"#] {
            writeln!(stream, "{nonsense}").unwrap();
            said.clear();
            answers.read_line(&mut said).unwrap();
            assert!(said.contains("does not understand"), "{said}");
        }
        // The same client may go on with something sensible.
        writeln!(stream, r#"{{"ask":"status"}}"#).unwrap();
        said.clear();
        answers.read_line(&mut said).unwrap();
        assert!(said.contains("asked"), "{said}");

        let mut endless = UnixStream::connect(dir.join("daemon.sock")).unwrap();
        // The daemon may hang up before all of it is written.
        let _ = endless.write_all(&[b'x'; 200_000]);
        said.clear();
        let _ = endless.read_to_string(&mut said);
        assert!(said.is_empty() || said.contains("64 KiB"), "{said}");
        door::ask(dir, &status()).unwrap();
    });
}

#[test]
fn clients_that_say_nothing_or_take_nothing_block_nobody() {
    let home = tempfile::tempdir().unwrap();
    with_door(home.path(), |dir| {
        let connect = || UnixStream::connect(dir.join("daemon.sock")).unwrap();
        let silent: Vec<_> = (0..10).map(|_| connect()).collect();
        let greedy: Vec<_> = (0..10)
            .map(|_| {
                let mut stream = connect();
                writeln!(stream, r#"{{"ask":"wake","reason":"much"}}"#).unwrap();
                stream
            })
            .collect();
        assert!(door::ask(dir, &status()).is_ok());
        drop((silent, greedy));
    });
}

#[test]
fn a_crowd_of_silent_clients_is_sent_away_in_a_while() {
    let home = tempfile::tempdir().unwrap();
    with_door(home.path(), |dir| {
        // More than are talked to at once; each place is free again after the daemon's patience with a client.
        let silent: Vec<_> = (0..40).map(|_| UnixStream::connect(dir.join("daemon.sock")).unwrap()).collect();
        door::ask(dir, &status()).unwrap();
        drop(silent);
    });
}
