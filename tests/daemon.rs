//! The daemon as a process: manifests that change under it, being killed, being idle.

mod commands;
mod learning;
mod service;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};

/// Longer than anything here takes on a busy machine. No test passes or fails by how long something takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A folder of manifests and a state folder, and a daemon on them.
pub(crate) struct Host {
    folder: tempfile::TempDir,
    pub(crate) daemon: Option<Child>,
}

impl Host {
    pub(crate) fn new() -> Self {
        let host = Self { folder: tempfile::tempdir().unwrap(), daemon: None };
        std::fs::create_dir(host.path("manifests")).unwrap();
        host
    }

    /// With one pair of nodes, in this mode and at this speed.
    pub(crate) fn with_pair(mode: &str, scale: &str) -> Self {
        let host = Self::new();
        host.write("policy.yaml", POLICY);
        host.write("mbx.yaml", &pair(mode, scale));
        host
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path("manifests").join(name), text).unwrap();
    }

    pub(crate) fn rollward(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollward"));
        command.args(args).arg("--state").arg(self.path("state")).current_dir(self.folder.path());
        command.env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", self.path("bin").display()));
        command
    }

    /// Puts a program in the place of another, for the daemon and for commands.
    pub(crate) fn program(&self, name: &str, script: &str) {
        std::fs::create_dir_all(self.path("bin")).unwrap();
        std::fs::write(self.path("bin").join(name), format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(self.path("bin").join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Starts the daemon; what it tells goes into a file.
    pub(crate) fn start(&mut self, args: &[&str]) {
        let told = std::fs::File::options().create(true).append(true).open(self.path("told")).unwrap();
        let mut command = self.rollward(&["run", "manifests"]);
        let daemon = command.args(args).stdout(Stdio::null()).stderr(told).spawn().unwrap();
        self.daemon = Some(daemon);
    }

    pub(crate) fn told(&self) -> String {
        std::fs::read_to_string(self.path("told")).unwrap_or_default()
    }

    /// Waits until the daemon has told this.
    #[track_caller]
    pub(crate) fn until_told(&self, what: &str) {
        self.until(|host| host.told().contains(what));
    }

    /// Waits until this is so.
    #[track_caller]
    pub(crate) fn until(&self, mut is_so: impl FnMut(&Self) -> bool) {
        let began = now();
        while !is_so(self) {
            assert!(began.elapsed() < PATIENCE, "what was waited for never came:\n{}", self.told());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.kill().unwrap();
            daemon.wait().unwrap();
        }
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.rollward(args).output().unwrap()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.kill();
    }
}

#[allow(clippy::disallowed_methods)] // Patience is not part of what is tested.
pub(crate) fn now() -> Instant {
    Instant::now()
}

pub(crate) const POLICY: &str = "apiVersion: rollward/v1
kind: Policy
metadata: {name: night}
spec: {handoff: {when: anytime}, work: {when: anytime}, limits: {soak: 1m}}
---
apiVersion: rollward/v1
kind: Package
metadata: {name: ru8-v3}
spec:
  rollup: exchange-2007-sp3-ru8-v3
  path: packages/Exchange2007-KB2756497-v3-x64-EN.msp
  sha256: 2f4d0a4b6d1f5e7a8c9b0a1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6a7b8c9d0e1f
";

pub(crate) fn pair(mode: &str, scale: &str) -> String {
    format!(
        "apiVersion: rollward/v1
kind: Cluster
metadata: {{name: mbx-ccr-01}}
spec:
  mode: {mode}
  topology: ccr
  rollup: exchange-2007-sp3-ru8-v3
  policy: night
  nodes: {{EXNODE1: {{}}, EXNODE2: {{}}}}
  groups: {{MBX1: {{kind: role}}, Cluster Group: {{kind: auxiliary}}}}
  driver:
    simulator:
      seed: 7
      startAt: 2017-04-01T00:00:00Z
      timeScale: {scale}
      quorum: {{model: fileShare, witness: reachable}}
      nodes:
        EXNODE1: {{version: 8.3.264.0, owns: [MBX1]}}
        EXNODE2: {{version: 8.3.264.0, owns: [Cluster Group]}}
      groups: {{MBX1: {{possibleOwners: [EXNODE1, EXNODE2]}}}}
      durations: {{install: 2m, handoff: 45s}}
"
    )
}

/// A manifest that is saved takes effect; one that breaks starts nothing, and says where; one that is mended goes on.
#[test]
fn manifests_change_under_a_running_daemon() {
    let mut host = Host::with_pair("observe", "max");
    host.start(&[]);
    host.until_told("mode holds");
    assert!(!host.told().contains("begin "), "it acted in observe mode:\n{}", host.told());

    let broken = pair("act", "max").replace("  nodes: {EXNODE1", "  nodez: {EXNODE1");
    host.write("mbx.yaml", &broken);
    host.until_told("nodez");
    host.until_told("mbx.yaml:");
    host.until_told("manifest holds");
    assert!(!host.told().contains("begin "), "it acted on a broken manifest:\n{}", host.told());

    host.write("mbx.yaml", &pair("act", "max"));
    host.until_told("sound again");
    host.until_told("converged");
    let looked = host.run(&["observe", "mbx-ccr-01", "--manifests", "manifests", "--output", "json"]);
    let text = String::from_utf8_lossy(&looked.stdout);
    assert_eq!(text.matches("8.3.279.6").count(), 2, "{text}");
}

/// What the window holds begins at once when it is waived by command, and is held again when the waiver is taken back.
#[test]
fn a_waiver_reaches_a_running_daemon() {
    let mut host = Host::new();
    let window = "{days: [sun], from: \"03:00\", to: \"05:00\", timeZone: UTC}";
    let policy = POLICY.replace("work: {when: anytime}", &format!("work: {{when: window}}, windows: [{window}]"));
    host.write("policy.yaml", &policy);
    // A Saturday, and slow enough for the window to stay shut.
    host.write("mbx.yaml", &pair("act", "60"));
    host.start(&[]);
    host.until_told("window holds");
    assert!(!host.told().contains("begin "), "it began outside the window:\n{}", host.told());

    let waive = |end: &[&str]| {
        let what = ["waive", "mbx-ccr-01", "window", "--node", "EXNODE2", "--action", "install"];
        let done = host.run(&[&what, end, &["--manifests", "manifests"]].concat());
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    waive(&["--for", "12h", "--why", "incident 4711"]);
    host.until_told("begin      Install exchange-2007-sp3-ru8-v3 on EXNODE2");
    assert!(host.told().contains("waived window of EXNODE2 for Install"), "{}", host.told());
    assert!(host.told().contains("incident 4711"), "{}", host.told());
    waive(&["--lift"]);
    host.until_told("took the waiver of window of EXNODE2 for Install back");
}

/// Killed in the middle of an install and started again, with its state or without: the same handoffs, nothing lost.
#[test]
fn a_daemon_that_is_killed_is_followed_by_one_that_finishes() {
    for state_is_kept in [true, false] {
        let mut host = Host::new();
        host.write("policy.yaml", POLICY);
        host.write("mbx.yaml", &pair("act", "60"));
        host.start(&["--world", "world"]);
        host.until_told("Install exchange-2007-sp3-ru8-v3 on EXNODE2");
        host.kill();
        if !state_is_kept {
            std::fs::remove_dir_all(host.path("state")).unwrap();
        }
        let ended = host.run(&["run", "manifests", "--until-converged", "--world", "world", "--output", "json"]);
        let told = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{told}");
        let report: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
        let cluster = &report["clusters"][0];
        assert_eq!(cluster["state"], "converged", "{report}\n{told}");
        assert_eq!(cluster["violations"], 0, "{report}\n{told}");
        assert_eq!(cluster["handoffs"]["spent"], 1, "{report}\n{told}");
        let world = std::fs::read_to_string(host.path("world/mbx-ccr-01/world.json")).unwrap();
        assert!(world.contains("\"marks\":[]"), "something of ours is left: {world}");
    }
}

/// A checkout that replaces files while the daemon runs, some gone, some new, some changed at once: nothing is let go
/// of on the way, the new targets take effect, and the record names the commit that asked for them.
#[test]
fn a_checkout_changes_the_manifests_under_a_running_daemon() {
    let mut host = Host::new();
    let repo = Repo::new(host.path("manifests"));
    let first = repo.commit(&[("policy.yaml", POLICY), ("mbx.yaml", &pair("act", "max"))]);
    let second = repo.commit(&[("policy.yaml", POLICY), ("ru9.yaml", RU9), ("lyon/pair.yaml", &to_ru9("max"))]);
    let third = repo.commit(&[("night.yaml", POLICY), ("ru9.yaml", RU9), ("mbx.yaml", &to_ru9("max"))]);
    repo.checkout(&first);
    host.start(&[]);
    host.until_told("converged");
    assert_eq!(installs(&host), [&*first, &*first]);

    repo.checkout(&second);
    host.until_told("Install exchange-2007-sp3-ru9 on EXNODE1");
    host.until(|host| installs(host).len() == 4);
    assert_eq!(installs(&host), [&*first, &*first, &*second, &*second]);

    // To and fro, faster than anybody looks, and in the midst of looks.
    for _ in 0..20 {
        repo.checkout(&third);
        std::thread::sleep(Duration::from_millis(17));
        repo.checkout(&second);
        std::thread::sleep(Duration::from_millis(29));
    }
    repo.checkout(&third);
    // Longer than the slow look at the manifests takes to come round.
    std::thread::sleep(Duration::from_secs(7));
    assert!(!host.told().contains("forgotten"), "a cluster was let go of:\n{}", host.told());
    assert_eq!(installs(&host).len(), 4, "{}", host.told());
}

/// The folder is a link, and the link is turned to another checkout, as git-sync does it.
#[test]
fn another_checkout_is_put_in_the_folders_place() {
    let mut host = Host::new();
    let repo = Repo::new(host.path("repo"));
    let first = repo.commit(&[("policy.yaml", POLICY), ("mbx.yaml", &pair("act", "max"))]);
    let second = repo.commit(&[("night.yaml", POLICY), ("ru9.yaml", RU9), ("lyon/pair.yaml", &to_ru9("max"))]);
    std::fs::remove_dir(host.path("manifests")).unwrap();
    let turn_to = |host: &Host, commit: &str| {
        let tree = host.path(commit);
        if !tree.exists() {
            repo.git(&["worktree", "add", "--detach", tree.to_str().unwrap(), commit]);
        }
        std::os::unix::fs::symlink(commit, host.path("link")).unwrap();
        std::fs::rename(host.path("link"), host.path("manifests")).unwrap();
    };
    turn_to(&host, &first);
    host.start(&[]);
    host.until_told("converged");
    turn_to(&host, &second);
    host.until(|host| installs(host).len() == 4);
    assert_eq!(installs(&host), [&*first, &*first, &*second, &*second]);
    assert!(!host.told().contains("forgotten"), "a cluster was let go of:\n{}", host.told());
}

/// One clock serves the whole fleet, also those who come later: a real cluster's windows are not a simulated one's.
#[test]
fn a_cluster_whose_clock_does_not_go_with_the_others_is_not_managed() {
    let mut host = Host::with_pair("act", "max");
    host.start(&[]);
    host.until_told("converged");
    let second = |scale| pair("act", scale).replace("mbx-ccr-01", "mbx-ccr-02").replace("EXNODE", "NODE");
    host.write("second.yaml", &second("60"));
    host.until_told("mbx-ccr-02: not managed: one clock serves the whole fleet");
    // It is tried again with every slow look at the manifests, and told of once.
    std::thread::sleep(Duration::from_secs(6));
    assert_eq!(host.told().matches("not managed").count(), 1, "{}", host.told());
    assert!(!host.told().contains("NODE2 (1@"), "{}", host.told());
    host.write("second.yaml", &second("max"));
    host.until_told("Install exchange-2007-sp3-ru8-v3 on NODE1");
}

/// A manifest that names another driver means another cluster: what was begun in the one that was is finished there.
#[test]
fn a_cluster_that_gets_another_driver_is_let_go_of_first() {
    let mut host = Host::with_pair("act", "60");
    host.start(&["--world", "world"]);
    host.until_told("begin      Install exchange-2007-sp3-ru8-v3 on EXNODE2");
    host.write(
        "mbx.yaml",
        "apiVersion: rollward/v1
kind: Rollup
metadata: {name: mail}
spec: {install: deb, packages: [{name: mail, version: 2.0-1, file: mail_2.0-1_amd64.deb}]}
---
apiVersion: rollward/v1
kind: Cluster
metadata: {name: mbx-ccr-01}
spec:
  mode: act
  topology: generic
  rollup: mail
  policy: night
  nodes: {EXNODE1: {}, EXNODE2: {}}
  driver: {pacemaker: {}}
",
    );
    host.until_told("mbx-ccr-01: nothing of ours is left in it; forgotten");
    host.until_told("mbx-ccr-01: not managed: one clock serves the whole fleet");
    assert!(host.told().contains("Resume EXNODE2"), "{}", host.told());
    let world = std::fs::read_to_string(host.path("world/mbx-ccr-01/world.json")).unwrap();
    assert!(world.contains("\"marks\":[]"), "something of ours is left: {world}");
}

/// The commits that asked for the installs in the record, oldest first.
fn installs(host: &Host) -> Vec<String> {
    let history = host.run(&["history", "mbx-ccr-01", "--kind", "outcome", "--output", "json"]);
    let document: serde_json::Value = serde_json::from_slice(&history.stdout).unwrap_or_default();
    let entries = document["clusters"][0]["entries"].as_array().cloned().unwrap_or_default();
    let install = |entry: &&serde_json::Value| entry["action"]["action"] == "Install";
    entries.iter().filter(install).map(|entry| entry["revision"].as_str().unwrap().to_owned()).collect()
}

/// A repository whose commits each hold exactly the files that they are made of.
struct Repo(PathBuf);

impl Repo {
    fn new(at: PathBuf) -> Self {
        let repo = Self(at);
        std::fs::create_dir_all(&repo.0).unwrap();
        repo.git(&["init", "--quiet"]);
        repo
    }

    fn git(&self, args: &[&str]) -> String {
        let mut git = Command::new("git");
        let who = ["-c", "user.name=Anna", "-c", "user.email=anna@example.org", "-c", "advice.detachedHead=false"];
        let said = git.current_dir(&self.0).args(who).args(args).env_remove("GIT_DIR").output().unwrap();
        assert!(said.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&said.stderr));
        String::from_utf8(said.stdout).unwrap().trim().to_owned()
    }

    fn commit(&self, files: &[(&str, &str)]) -> String {
        for old in self.git(&["ls-files"]).lines() {
            std::fs::remove_file(self.0.join(old)).unwrap();
        }
        for (name, text) in files {
            let file = self.0.join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "change the manifests"]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn checkout(&self, commit: &str) {
        self.git(&["checkout", "--quiet", commit]);
    }
}

const RU9: &str = "apiVersion: rollward/v1
kind: Package
metadata: {name: ru9}
spec:
  rollup: exchange-2007-sp3-ru9
  path: packages/Exchange2007-KB2746157-x64-EN.msp
  sha256: 1f4d0a4b6d1f5e7a8c9b0a1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6a7b8c9d0e1f
";

fn to_ru9(scale: &str) -> String {
    pair("act", scale).replace("rollup: exchange-2007-sp3-ru8-v3", "rollup: exchange-2007-sp3-ru9")
}

/// An idle daemon writes nothing.
#[test]
fn an_idle_daemon_writes_nothing() {
    let mut host = Host::with_pair("act", "600");
    host.start(&[]);
    host.until_told("converged");
    // The claim is given up after the roll; then nothing is left to write.
    std::thread::sleep(Duration::from_secs(2));
    let before = written(&host.path("state"));
    // Forty idle looks of simulated time, and one slow look at the manifests.
    std::thread::sleep(Duration::from_secs(6));
    assert_eq!(before, written(&host.path("state")), "an idle pass wrote to disk");
}

/// How long it takes from a saved manifest to the first action; nothing is asserted of it. The figure in ARCHITECTURE.md:
/// `cargo test --release --test integration saved_manifest -- --ignored --nocapture`
#[test]
#[ignore = "prints a figure"]
fn from_a_saved_manifest_to_its_first_action() {
    let mut took = Vec::new();
    for run in 0..21 {
        let mut host = Host::new();
        host.write("policy.yaml", POLICY);
        host.write("mbx.yaml", &pair("observe", "1"));
        host.start(&[]);
        host.until_told("mode holds");
        // Saved at any moment between two looks of the daemon.
        std::thread::sleep(Duration::from_millis(500 + 37 * run));
        let saved = now();
        host.write("mbx.yaml", &pair("act", "1"));
        while !host.told().contains("begin ") {
            assert!(saved.elapsed() < PATIENCE, "nothing was begun:\n{}", host.told());
            std::thread::sleep(Duration::from_millis(1));
        }
        took.push(saved.elapsed());
    }
    took.sort();
    println!(
        "from a saved manifest to the first action: median {:?}, worst {:?}",
        took[took.len() / 2],
        took[took.len() - 1]
    );
}

/// Every file below a folder, with its size and when it was written.
fn written(dir: &Path) -> Vec<(PathBuf, u64, SystemTime)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let about = entry.metadata().unwrap();
        if about.is_dir() {
            files.extend(written(&entry.path()));
        } else {
            files.push((entry.path(), about.len(), about.modified().unwrap()));
        }
    }
    files.sort();
    files
}
