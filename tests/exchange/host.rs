//! A folder with a twin in it: the estate's truth, and the tools' names in a folder for `PATH`.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

/// An estate of clusters whose tools answer.
pub struct Twin {
    folder: tempfile::TempDir,
}

/// What a tool said, with its exit code.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Twin {
    /// The estate that these documents declare with simulated worlds, in sound health.
    pub fn new(truth: &str) -> Self {
        Self::with(truth, json!({}))
    }

    /// The same, set up so besides, with faults for one.
    pub fn with(truth: &str, setup: Value) -> Self {
        let twin = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(twin.path("truth.yaml"), truth).unwrap();
        let mut all = json!({
            "began": now(),
            "managementHost": "mgmt1",
            "witness": r"\\HUB1\MNS_FSW",
        });
        let setup = setup.as_object().cloned().unwrap_or_default();
        all.as_object_mut().unwrap().extend(setup);
        std::fs::write(twin.path("estate.json"), all.to_string()).unwrap();
        let bin = twin.path("bin");
        std::fs::create_dir(&bin).unwrap();
        for tool in ["ssh", "cluster.exe", "hand"] {
            symlink(program(), bin.join(tool)).unwrap();
        }
        twin
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a tool on a machine.
    #[track_caller]
    pub fn on(&self, machine: &str, tool: &str, args: &[&str]) -> Said {
        let mut command = Command::new(self.path("bin").join(tool));
        command.args(args).env("TWIN", self.folder.path()).env("TWIN_MACHINE", machine);
        let left = self.path("exit-code");
        command.env("TWIN_EXIT_CODE", &left);
        let mut said = said(command.output().unwrap());
        // An exit code of Windows has more bits than fit into one of this system.
        if let Ok(whole) = std::fs::read_to_string(&left) {
            std::fs::remove_file(&left).unwrap();
            said.code = whole.parse().unwrap();
        }
        said
    }

    /// What a person, or fate, does.
    #[track_caller]
    pub fn hand(&self, cluster: &str, words: &str) {
        let said = self.on("", "hand", &[cluster, words]);
        assert_eq!(said.code, 0, "{words}: {}", said.err);
    }
}

fn said(output: Output) -> Said {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().unwrap_or(-1);
    // The twin's own trouble is never part of what is tested.
    let err = text(&output.stderr);
    assert!(!err.starts_with("twin: "), "{err}");
    Said { code, out: text(&output.stdout), err }
}

fn program() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let twin = own.parent().and_then(Path::parent).unwrap().join("examples/twin");
    assert!(twin.exists(), "{} is not there: run `cargo build --example twin`", twin.display());
    twin
}

#[allow(clippy::disallowed_methods)] // The twin's time is the real one.
fn now() -> String {
    jiff::Timestamp::now().to_string()
}
