//! The record as others meet it: across processes, across kills, on a full disk, with and without rights.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rollward::record::{EntryKind, Filter, FolderLock, OpenMode, Store, WriteError};

use super::{entry, install, intended, noon, write};

/// Tells a child started by a test which part to play, and where.
const PART: &str = "ROLLWARD_TEST_PART";

#[test]
fn another_process_reads_while_this_one_writes() {
    let home = tempfile::tempdir().unwrap();
    let store = write(home.path());
    let child = play("reads_until_the_end", home.path());
    append(&store, 300);
    store.append(&entry(EntryKind::Alarm { what: "end".into() })).unwrap();
    assert!(played(child));
}

#[test]
fn two_writers_take_turns() {
    let home = tempfile::tempdir().unwrap();
    let store = write(home.path());
    let child = play("writes_fifty_lines", home.path());
    append(&store, 50);
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
                assert_eq!(store.inputs(line.id).unwrap(), super::inputs("all"));
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

fn append(store: &Store, lines: u32) {
    for n in 0..lines {
        store.append(&entry(EntryKind::Alarm { what: format!("{n}") })).unwrap();
    }
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
            append(&write(dir), 50);
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
        .args(["--exact", "record::processes::plays_its_part", "--ignored", "--nocapture"])
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
