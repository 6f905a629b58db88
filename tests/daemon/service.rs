//! The daemon as a service: what its host's service manager is told, and what it writes to the log.

use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use super::{Host, PATIENCE, now};

/// What a service manager listens on.
struct Manager {
    socket: UnixDatagram,
}

impl Manager {
    fn listen(host: &Host) -> Self {
        let socket = UnixDatagram::bind(host.path("notify")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket }
    }

    /// The next that it is told, line by line; nothing within this time.
    fn told_within(&self, time: Duration) -> Option<Vec<String>> {
        self.socket.set_read_timeout(Some(time)).unwrap();
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).ok()?;
        Some(std::str::from_utf8(&buffer[..length]).unwrap().lines().map(str::to_owned).collect())
    }

    /// Waits until it is told this.
    #[track_caller]
    fn until(&self, what: impl Fn(&str) -> bool) {
        let began = now();
        while !self.told_within(PATIENCE).is_some_and(|told| told.iter().any(|line| what(line))) {
            assert!(began.elapsed() < PATIENCE, "it was never told");
        }
    }

    /// What is still unread.
    fn drain(&self) -> Vec<Vec<String>> {
        std::iter::from_fn(|| self.told_within(Duration::from_millis(1))).collect()
    }
}

/// A daemon under a service manager that takes a silence of 400 ms for a hang.
fn supervised(host: &mut Host) -> Manager {
    let manager = Manager::listen(host);
    let told = std::fs::File::create(host.path("told")).unwrap();
    let mut command = host.rollward(&["run", "manifests"]);
    command.env("NOTIFY_SOCKET", host.path("notify")).env("WATCHDOG_USEC", "400000");
    host.daemon = Some(command.stdout(Stdio::null()).stderr(told).spawn().unwrap());
    manager
}

#[test]
fn the_service_manager_hears_of_the_beginning_the_work_and_the_end() {
    let mut host = Host::with_pair("act", "600");
    let manager = supervised(&mut host);
    let first = manager.told_within(PATIENCE).unwrap();
    assert_eq!(first[0], "READY=1", "{first:?}");
    // What that is, a moment later, depends on how busy this machine is.
    assert!(first.iter().any(|line| line.starts_with("STATUS=1 cluster, 1 ")), "{first:?}");
    assert!(first.contains(&"WATCHDOG=1".into()), "{first:?}");
    manager.until(|line| line == "STATUS=1 cluster");
    let pid = host.daemon.as_ref().unwrap().id();
    manager.drain();
    assert!(std::process::Command::new("kill").arg(pid.to_string()).status().unwrap().success());
    manager.until(|line| line == "STOPPING=1");
    let ended = host.daemon.take().unwrap().wait().unwrap();
    assert!(ended.success(), "{ended}");
    assert!(manager.drain().iter().flatten().all(|line| line != "READY=1"), "it is ready once");
}

#[test]
fn a_daemon_that_cannot_start_is_never_ready() {
    let mut host = Host::new();
    host.write("broken.yaml", "kind: Cluster\n");
    let manager = supervised(&mut host);
    let ended = host.daemon.take().unwrap().wait().unwrap();
    assert!(!ended.success());
    assert_eq!(manager.drain(), [] as [Vec<String>; 0]);
}

/// The loop waits for a record that somebody else has locked. All other threads of the daemon are as alive as ever; the
/// service manager hears nothing.
#[test]
fn a_loop_that_hangs_shows_no_sign_of_life() {
    let mut host = Host::with_pair("observe", "1");
    let manager = supervised(&mut host);
    // It has looked, and has nothing to do.
    host.until_told("mode holds");
    manager.drain();
    manager.until(|line| line == "WATCHDOG=1");
    let record = rusqlite::Connection::open(rollward::record::folder::record_path(&host.path("state"))).unwrap();
    record.execute_batch("BEGIN IMMEDIATE").unwrap();
    // It has to be written down.
    let mut stop = host.rollward(&["stop", "--all", "--why", "test"]).stdout(Stdio::null()).spawn().unwrap();
    // It was silent before for a fourth of its time at most, unless this machine had no time for it.
    let silent = (0..100).any(|_| manager.told_within(Duration::from_millis(1_000)).is_none());
    assert!(silent, "something else than the loop says that it lives");
    assert!(host.daemon.as_mut().unwrap().try_wait().unwrap().is_none(), "{}", host.told());
    record.execute_batch("ROLLBACK").unwrap();
    manager.until(|line| line == "WATCHDOG=1");
    stop.wait().unwrap();
}

/// Every line about a cluster says which, and which commit of the manifests; every line about an action says which.
#[test]
fn the_log_says_cluster_action_and_commit() {
    let host = Host::with_pair("act", "max");
    let args = |format| ["run", "manifests", "--until-converged", "--fresh-world", "--log-format", format];
    let ran = host.run(&args("json"));
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let mut actions = std::collections::BTreeSet::new();
    for line in String::from_utf8(ran.stderr).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(line["level"].is_string() && line["timestamp"].is_string() && line["message"].is_string(), "{line}");
        let Some(kind) = line["kind"].as_str() else { continue };
        assert!(line["cluster"].is_string() && !line["commit"].as_str().unwrap().is_empty(), "{line}");
        if ["intended", "outcome"].contains(&kind) {
            actions.insert(line["action"].as_str().unwrap().to_owned());
        }
    }
    assert!(actions.contains("Install") && actions.contains("Handoff"), "{actions:?}");
    let ran = host.run(&args("text"));
    let text = String::from_utf8(ran.stderr).unwrap();
    let of_installs: Vec<_> = text.lines().filter(|line| line.contains(r#"action="Install""#)).collect();
    assert!(of_installs.len() >= 4, "{text}");
    assert!(of_installs.iter().all(|line| line.contains(" cluster=") && line.contains(" commit=")), "{of_installs:#?}");
}
