//! What real Pacemaker clusters answered, replayed: `tests/pacemaker/NAME.json` is a snapshot that `rollward snapshot`
//! saved, and `NAME.expected` what is seen in it and what would be done. Adding one is adding a file;
//! `UPDATE_EXPECTED=1 cargo test pacemaker` writes down what is expected.

mod bans;
mod captures;
mod sheets;

use std::path::{Path, PathBuf};
use std::process::Command;

use similar::TextDiff;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pacemaker")
}

fn rollward(args: &[&str], state: &Path) -> String {
    let ran = Command::new(env!("CARGO_BIN_EXE_rollward"))
        .args(args)
        .arg("--state")
        .arg(state)
        .current_dir(folder())
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(err.is_empty(), "{args:?}: {err}");
    out.into_owned()
}

/// What is seen in a snapshot, and what would be done.
fn told(snapshot: &str, manifest: &str, state: &Path) -> String {
    let seen = rollward(&["observe", "--snapshot", snapshot, "--manifests", manifest], state);
    let plan = rollward(&["plan", manifest, "--snapshot", snapshot], state);
    format!("{seen}\n{plan}")
}

/// How a text differs from what is expected of it, if it does.
fn compare(expected: &Path, told: &str) -> String {
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(expected, told).unwrap();
    }
    let before = std::fs::read_to_string(expected).unwrap_or_default();
    if before == told {
        return String::new();
    }
    let diff = TextDiff::from_lines(before.as_str(), told).unified_diff().header("expected", "told").to_string();
    format!("{}:\n{diff}\n", expected.display())
}

#[test]
fn snapshots_of_real_clusters_are_seen_as_they_were() {
    let state = tempfile::tempdir().unwrap();
    let files = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files.filter(|file| file.extension().is_some_and(|ext| ext == "json")).collect();
    files.sort();
    assert!(!files.is_empty());
    let mut wrong = String::new();
    for file in files {
        let snapshot = file.file_name().unwrap().to_str().unwrap();
        wrong += &compare(&file.with_extension("expected"), &told(snapshot, "lab.yaml", state.path()));
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_snapshot_that_was_cut_or_bent_is_an_error_and_no_guess() {
    let home = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(folder().join("converged.json")).unwrap();
    let bent = [
        text[..text.len() / 2].to_owned(),
        text.replace("\"cluster\": \"lab\"", "\"cluster\": \"other\""),
        text.replace("\"driver\": \"pacemaker\"", "\"driver\": \"simulator\""),
        text.replace("\"exit\": 0", "\"exit\": \"0\""),
    ];
    for (i, bent) in bent.iter().enumerate() {
        let file = home.path().join(format!("{i}.json"));
        std::fs::write(&file, bent).unwrap();
        let ran = Command::new(env!("CARGO_BIN_EXE_rollward"))
            .args(["plan", "lab.yaml", "--snapshot"])
            .arg(&file)
            .arg("--state")
            .arg(home.path().join("state"))
            .current_dir(folder())
            .output()
            .unwrap();
        assert_eq!(ran.status.code(), Some(if i == 1 { 2 } else { 1 }), "{i}: {ran:?}");
        assert!(String::from_utf8_lossy(&ran.stderr).contains("error"), "{ran:?}");
    }
}
