//! What people and programs see: transcripts of the built binary, and its machine output against the schemas.
//!
//! A transcript is a plain file `tests/cli/NAME.txt`. Lines that start with `$ ` are commands, run one after the other
//! by `sh` in a fresh folder; `> ` continues one. What follows is what it said: stdout as it is, then stderr with `! `
//! before each line, then `[exit N]` unless it is 0. `UPDATE_EXPECTED=1 cargo test cli` writes down what was said.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use similar::TextDiff;

/// The repository.
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn transcripts() {
    let update = std::env::var_os("UPDATE_EXPECTED").is_some();
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(Path::new(ROOT).join("tests/cli")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|ext| ext == "txt"));
    files.sort();
    assert!(!files.is_empty());
    let mut wrong = String::new();
    for file in files {
        let expected = std::fs::read_to_string(&file).unwrap();
        let said = replay(&expected);
        if said == expected {
            continue;
        }
        if update {
            std::fs::write(&file, &said).unwrap();
        }
        let diff = TextDiff::from_lines(&expected, &said);
        let name = file.strip_prefix(ROOT).unwrap().display().to_string();
        write!(wrong, "{}", diff.unified_diff().header(&name, "what was said")).unwrap();
    }
    assert!(wrong.is_empty() || update, "UPDATE_EXPECTED=1 writes down what was said:\n{wrong}");
}

/// Runs the commands of a transcript, and writes it again with what they say now.
fn replay(transcript: &str) -> String {
    let folder = Folder::new();
    let mut said = String::new();
    let mut lines = transcript.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(first) = line.strip_prefix("$ ") else {
            // Only comments and empty lines before a command are kept; the rest is what was said the last time.
            if line.starts_with('#') || line.is_empty() {
                said.push_str(line);
                said.push('\n');
            }
            continue;
        };
        let mut command = first.to_owned();
        writeln!(said, "{line}").unwrap();
        while let Some(more) = lines.next_if(|line| line.starts_with("> ")) {
            command.push('\n');
            command.push_str(&more[2..]);
            writeln!(said, "{more}").unwrap();
        }
        // What it said the last time ends at the next command, or at the comment or empty line before it.
        let mut gap = Vec::new();
        while let Some(old) = lines.next_if(|line| !line.starts_with("$ ")) {
            if old.is_empty() || old.starts_with('#') {
                gap.push(old);
            } else {
                gap.clear();
            }
        }
        let (code, out, err) = folder.sh(&command);
        said.push_str(&out);
        for line in err.lines() {
            writeln!(said, "{}", format!("! {line}").trim_end()).unwrap();
        }
        if code != 0 {
            writeln!(said, "[exit {code}]").unwrap();
        }
        for line in gap.iter().filter(|_| lines.peek().is_some()) {
            writeln!(said, "{line}").unwrap();
        }
    }
    said
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), &to).unwrap();
        }
    }
}

/// A fresh folder in which commands run, with the shipped manifests in it.
pub struct Folder(tempfile::TempDir);

impl Folder {
    /// Makes one.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // A copy and no link: whether the repository is a checkout must not be seen.
        copy(&Path::new(ROOT).join("manifests"), &folder.path().join("manifests"));
        Self(folder)
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Runs a shell command with `rollward` on its path: exit code, stdout and stderr, without what differs from
    /// machine to machine.
    pub fn sh(&self, command: &str) -> (i32, String, String) {
        let bin = Path::new(env!("CARGO_BIN_EXE_rollward")).parent().unwrap();
        let old = std::env::var_os("PATH").unwrap();
        let path = std::env::join_paths([bin.to_owned()].into_iter().chain(std::env::split_paths(&old))).unwrap();
        let output = Command::new("sh")
            .args(["-c", command])
            .current_dir(self.path())
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.path())
            .env("USER", "anna")
            .env("ROLLWARD_STATE", self.path().join("state"))
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| {
            let mut text = String::from_utf8(bytes).unwrap();
            for (path, name) in [(self.path(), "[TMP]"), (Path::new(ROOT), "[REPO]")] {
                text = text.replace(path.to_str().unwrap(), name);
            }
            // Empty lines at its end would be taken for those before the next command.
            let text = text.trim_end_matches('\n');
            if text.is_empty() { String::new() } else { format!("{text}\n") }
        };
        (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
    }
}

#[test]
fn output_schemas_are_those_of_the_types() {
    let folder = Path::new(ROOT).join("schemas/output");
    let update = std::env::var_os("UPDATE_SCHEMAS").is_some();
    for output in rollward::output::OUTPUTS {
        let file = folder.join(format!("{}.schema.json", output.name));
        let made = serde_json::to_string_pretty(&output.schema()).unwrap() + "\n";
        if update {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&file, &made).unwrap();
        }
        let kept = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(kept == made, "{} is not that of the types; UPDATE_SCHEMAS=1 writes it", file.display());
    }
    let kept = std::fs::read_dir(&folder).unwrap().count();
    assert_eq!(kept, rollward::output::OUTPUTS.len(), "a schema of no output is left in {}", folder.display());
}

/// What programs read is what the schemas say, for every command that has a schema.
#[test]
fn real_outputs_follow_their_schemas() {
    let demo = "--manifests manifests/demo";
    let commands = [
        ("validate", "validate manifests/demo".to_owned()),
        ("plan", "plan manifests/demo".to_owned()),
        ("observe", format!("observe {demo}")),
        ("explain", format!("explain mbx-ccr-02 {demo} --live")),
        ("status", format!("status {demo} --live")),
        ("sheet", format!("status {demo} --sheet")),
        ("doctor", format!("doctor {demo}")),
        ("simulate", "simulate manifests/demo --runs 1".to_owned()),
        ("commanded", "stop --all --why test".to_owned()),
        ("plan", "plan manifests/demo".to_owned()),
        ("status", format!("status {demo}")),
        ("commanded", "go --all".to_owned()),
        ("run", "run manifests/demo --until-converged".to_owned()),
        ("history", "history".to_owned()),
        ("verify", "history --verify".to_owned()),
        ("report", "report --to report".to_owned()),
        ("replay", "replay".to_owned()),
        ("bundle", "bundle mbx-ccr-01".to_owned()),
        ("plan", "plan manifests/demo".to_owned()),
        ("observe", format!("observe {demo}")),
    ];
    let folder = Folder::new();
    let mut shown = std::collections::BTreeSet::new();
    for (name, command) in commands {
        let (code, out, err) = folder.sh(&format!("rollward {command} --output json"));
        assert_eq!(code, 0, "{command}: {err}");
        let document: serde_json::Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{command}: {e}"));
        let file = Path::new(ROOT).join(format!("schemas/output/{name}.schema.json"));
        let schema = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
        let wrong: Vec<_> = validator.iter_errors(&document).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(wrong.is_empty(), "{command} does not follow its schema:\n{}", wrong.join("\n"));
        if !["simulate", "verify", "bundle"].contains(&name) {
            assert!(document["clusters"].as_array().is_some_and(|clusters| !clusters.is_empty()), "{command}");
        }
        shown.insert(name);
    }
    let all: std::collections::BTreeSet<_> = rollward::output::OUTPUTS.iter().map(|output| output.name).collect();
    assert_eq!(shown, all, "an output that no command was asked for");
}

/// Every command that the README shows works as it says: blocks of `sh`, each run as one script in a fresh folder.
#[test]
fn the_readme_tells_the_truth() {
    let readme = std::fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    let blocks: Vec<_> = readme.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 5, "the README shows {} blocks of commands", blocks.len());
    let mut commands = 0;
    for block in blocks {
        let mut script = String::from("set -e\n");
        for line in block.lines() {
            let (command, comment) = line.split_once(" #").unwrap_or((line, ""));
            // The tests run already, and the program is built already.
            if command.trim() == "cargo test" {
                continue;
            }
            let command = command.trim().replace("cargo run --release -- ", "rollward ");
            commands += usize::from(command.starts_with("rollward "));
            match comment.split_once("exit code ") {
                Some((_, code)) => {
                    let code = code.chars().take_while(char::is_ascii_digit).collect::<String>();
                    writeln!(script, "{command} && exit 99 || test $? = {code}").unwrap();
                }
                None => writeln!(script, "{command}").unwrap(),
            }
        }
        let (code, out, err) = Folder::new().sh(&script);
        assert_eq!(code, 0, "{block}\nsaid\n{out}{err}");
    }
    assert!(commands >= 12, "the README shows {commands} commands of rollward");
}

/// The README names every command.
#[test]
fn the_readme_names_every_command() {
    let (_, help, _) = Folder::new().sh("rollward --help");
    let commands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let readme = std::fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    let table = readme.split("## Commands").nth(1).unwrap().split("\n## ").next().unwrap();
    // Long descriptions go on in the next line, further in.
    let starts = commands.lines().filter(|line| line.find(|c: char| c != ' ') == Some(2));
    for command in starts.filter_map(|line| line.split_whitespace().next()).filter(|c| *c != "help") {
        assert!(table.contains(&format!("`{command}")), "the README's table has no `{command}`");
    }
}

/// Every command has examples in its help.
#[test]
fn every_help_has_examples() {
    let folder = Folder::new();
    let (_, help, _) = folder.sh("rollward --help");
    let commands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    // Long descriptions go on in the next line, further in.
    let starts = commands.lines().filter(|line| line.find(|c: char| c != ' ') == Some(2));
    for command in starts.filter_map(|line| line.split_whitespace().next()).filter(|c| *c != "help") {
        let (code, help, _) = folder.sh(&format!("rollward {command} --help"));
        assert_eq!(code, 0);
        let examples = help.split("Examples:\n").nth(1).unwrap_or_default();
        assert!(examples.contains(&format!("rollward {command}")), "{command} --help has no example");
    }
}

/// While a daemon runs, other processes ask it through its door, and a second daemon is refused.
#[test]
fn a_running_daemon_answers_and_ends_cleanly() {
    let folder = Folder::new();
    let daemon = Command::new(env!("CARGO_BIN_EXE_rollward"))
        .args(["run", "manifests/demo"])
        .current_dir(folder.path())
        .env("ROLLWARD_STATE", folder.path().join("state"))
        .stderr(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut in_charge = false;
    let converged = (0..300).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(200));
        let (code, out, _) = folder.sh("rollward status --output json");
        in_charge |= out.contains("\"holder\": ") && !out.contains("\"heartbeatAgeSeconds\": null");
        code == 0 && out.matches("\"decision\": \"converged\"").count() == 5 && out.contains("\"source\": \"daemon\"")
    });
    let (_, status, complaint) = folder.sh("rollward status");
    assert!(converged, "the daemon said\n{status}{complaint}");
    assert!(in_charge, "it never said that it was in charge, and how long ago its heart beat");
    assert!(in_charge, "it never said that it was in charge, and how long ago its heart beat");

    let (code, out, _) = folder.sh("rollward explain mbx-ccr-01");
    assert_eq!(code, 0);
    assert!(out.starts_with("mbx-ccr-01: converged (the daemon looked "), "{out}");
    let (code, _, err) = folder.sh("rollward explain mbx-ccr-10");
    assert_eq!(code, 1);
    assert!(err.contains("this daemon manages no cluster mbx-ccr-10"), "{err}");

    let (code, _, err) = folder.sh("rollward run manifests/demo");
    assert_eq!(code, 1, "a second daemon on the same state folder");
    assert!(err.contains(&format!("in use by pid {}", daemon.id())), "{err}");

    let stop = "rollward stop mbx-ccr-01 --why 'a look at the racks'";
    for command in [stop, "rollward go mbx-ccr-01", "rollward stop --all --why x", "rollward go --all"] {
        let (code, out, err) = folder.sh(command);
        assert_eq!(code, 0, "{command}: {out}{err}");
    }
    let (_, history, _) = folder.sh("rollward history mbx-ccr-01 --kind commanded");
    assert_eq!(
        history.lines().count(),
        3,
        "a heading, a stop and a go, in the record while the daemon runs:\n{history}"
    );

    let (code, _, err) = folder.sh(&format!("kill -TERM {}", daemon.id()));
    assert_eq!(code, 0, "{err}");
    let end = daemon.wait_with_output().unwrap();
    assert_eq!(end.status.code(), Some(0), "a clean end is no error");
    assert!(String::from_utf8(end.stdout).unwrap().contains("mbx-ccr-01"), "the one document comes at the end");
}
