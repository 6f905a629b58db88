//! Each file in `tests/manifests/messages/`, or each folder of files there, with the whole message that it gives and
//! what became of each cluster. Adding a test is adding a file; `UPDATE_EXPECTED=1 cargo test messages` writes down what
//! is expected.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use rollward::desired::render::{Style, render};
use rollward::desired::source::SourceFile;
use rollward::desired::{Reading, read};
use similar::TextDiff;

use super::driver::AnyPart;

/// What a person is told.
pub fn told(files: &[SourceFile], reading: &Reading) -> String {
    let mut told = render(&reading.diagnostics, files, Style::Plain);
    if !told.is_empty() {
        told.push('\n');
    }
    for (name, cluster) in &reading.desired.clusters {
        writeln!(told, "cluster {name}: sound, under policy {}", cluster.policy.name).unwrap();
    }
    for (name, broken) in &reading.broken {
        let place = broken.place.as_ref().map(|p| format!("{p}: ")).unwrap_or_default();
        writeln!(told, "cluster {name}: broken: {place}{}", broken.why).unwrap();
    }
    for stop in &reading.desired.stops {
        writeln!(told, "stop {}: {}", stop.name, stop.why).unwrap();
    }
    told
}

/// Compares with what is expected, or writes it down.
pub fn expect(name: &str, told: &str, failures: &mut String) {
    let path = folder().join(format!("{name}.expected"));
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(path, told).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    if expected != told {
        let diff = TextDiff::from_lines(expected.as_str(), told).unified_diff().header("expected", "told").to_string();
        writeln!(failures, "{name}:\n{diff}").unwrap();
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/manifests/messages")
}

fn sources(path: &Path) -> Vec<SourceFile> {
    let mut found = rollward::sources::read(&[path.to_owned()]).files;
    // As if one stood in the folder.
    for file in &mut found {
        let name = Path::new(&*file.name).strip_prefix(folder()).unwrap().to_string_lossy().into_owned();
        *file = SourceFile::from_bytes(name, &std::fs::read(&*file.name).unwrap());
    }
    found
}

#[test]
fn messages() {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder()).unwrap().map(|e| e.unwrap().path()).collect();
    entries.retain(|path| path.extension().is_none_or(|e| e == "yaml"));
    entries.sort();
    assert!(entries.len() > 30, "the folder was found");
    let mut failures = String::new();
    for path in entries {
        let files = sources(&path);
        let reading = read(&files, &AnyPart);
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        expect(&name, &told(&files, &reading), &mut failures);
    }
    assert!(failures.is_empty(), "\n{failures}\nUPDATE_EXPECTED=1 writes down what is told now");
}

/// What no file of a reasonable size can show.
#[test]
fn messages_about_what_is_made_up() {
    let deep_flow =
        format!("apiVersion: rollward/v1\nkind: Policy\nmetadata: {{name: deep}}\nspec: {}\n", "[".repeat(5000));
    let deep_block =
        format!("apiVersion: rollward/v1\nkind: Policy\nmetadata: {{name: deep}}\nspec:\n  {}x\n", "- ".repeat(5000));
    let cases: [(&str, Vec<SourceFile>); 5] = [
        ("made-up-empty-folder", vec![]),
        ("made-up-too-large", vec![SourceFile::too_large("fleet.yaml", 9_000_000)]),
        ("made-up-unreadable", vec![SourceFile::unreadable("fleet.yaml", "Permission denied (os error 13)")]),
        ("made-up-deep-flow", vec![SourceFile::from_bytes("deep.yaml", deep_flow.as_bytes())]),
        ("made-up-deep-block", vec![SourceFile::from_bytes("deep.yaml", deep_block.as_bytes())]),
    ];
    let mut failures = String::new();
    for (name, files) in cases {
        expect(name, &told(&files, &read(&files, &AnyPart)), &mut failures);
    }
    assert!(failures.is_empty(), "\n{failures}\nUPDATE_EXPECTED=1 writes down what is told now");
}
