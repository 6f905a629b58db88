//! Stories on real clusters: real daemons on this machine (`tests/lab/lab`), a real service in a real package, probes
//! from outside, and a witness on each node. They take a minute or so each, root, and a Debian to make nodes of, so:
//!
//! * `ROLLWARD_LAB=1 cargo test --test integration lab::` runs them where it can;
//! * with `ROLLWARD_REQUIRE_LAB=1`, as in `.ci/run lab`, one that cannot run has failed.

mod bench;
mod chaos;
mod cluster;
mod errors;
mod first_day;
mod host;
mod left;
mod pairs;
mod people;
mod probe;
mod rights;
mod rolls;
mod sheet;
mod story;
mod trouble;

use std::io::Write as _;
use std::process::Command;
use std::sync::Once;
use std::time::{Duration, Instant};

/// Longer than anything here takes on a busy machine. No story passes or fails by how long something takes.
const PATIENCE: Duration = Duration::from_secs(600);

/// What a lab needs of this machine, and the Debian packages that have it.
const TOOLS: &[(&str, &str)] = &[
    ("ip", "iproute2"),
    ("unshare", "util-linux"),
    ("nsenter", "util-linux"),
    ("ssh", "openssh-client"),
    ("ssh-keygen", "openssh-client"),
    ("dpkg-deb", "dpkg"),
    ("debootstrap", "debootstrap"),
];

/// Whether the stories run here and now.
fn can_run() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| value == "1");
    let required = set("ROLLWARD_REQUIRE_LAB");
    let why = if required || set("ROLLWARD_LAB") { missing() } else { Some("ROLLWARD_LAB=1 runs them".to_owned()) };
    let Some(why) = why else { return true };
    assert!(!required, "ROLLWARD_REQUIRE_LAB is set, and the stories on real clusters cannot run: {why}");
    static SAID: Once = Once::new();
    // Not by a macro, whose words the test harness would keep for itself.
    SAID.call_once(|| {
        let said = format!("\n*** SKIPPED: all stories on real clusters (tests/lab.rs): {why} ***\n\n");
        std::io::stderr().write_all(said.as_bytes()).unwrap();
    });
    false
}

fn missing() -> Option<String> {
    let id = Command::new("id").arg("-u").output().map(|ran| ran.stdout).unwrap_or_default();
    if id.trim_ascii() != b"0" {
        return Some("it takes root".into());
    }
    let there = |tool: &str| {
        std::env::var_os("PATH")
            .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(tool).exists()))
    };
    let missing: Vec<_> = TOOLS.iter().filter(|(tool, _)| !there(tool)).map(|(_, package)| *package).collect();
    (!missing.is_empty()).then(|| format!("install {}", missing.join(" ")))
}

#[allow(clippy::disallowed_methods)] // Probes measure, and patience is not part of what is tested.
fn now() -> Instant {
    Instant::now()
}

/// Waits until this is so.
#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "what was waited for never came: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
