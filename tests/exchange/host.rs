//! A folder with a twin in it: the estate's truth, and the tools' names in a folder for `PATH`.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde::Deserialize as _;
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
            // Nothing here hangs unless it is told to, however busy the machine is.
            "patienceSeconds": 60,
        });
        let setup = setup.as_object().cloned().unwrap_or_default();
        all.as_object_mut().unwrap().extend(setup);
        std::fs::write(twin.path("estate.json"), all.to_string()).unwrap();
        let bin = twin.path("bin");
        std::fs::create_dir(&bin).unwrap();
        for tool in ["ssh", "cluster.exe", "powershell.exe", "hand"] {
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
        self.told(machine, tool, args, "")
    }

    /// Runs a tool on a machine, with something to read.
    #[track_caller]
    pub fn told(&self, machine: &str, tool: &str, args: &[&str], input: &str) -> Said {
        let mut command = Command::new(self.path("bin").join(tool));
        command.args(args).env("TWIN", self.folder.path()).env("TWIN_MACHINE", machine);
        let left = self.path("exit-code");
        command.env("TWIN_EXIT_CODE", &left);
        let read = self.path("input");
        std::fs::write(&read, input).unwrap();
        command.stdin(std::fs::File::open(&read).unwrap());
        let mut said = said(command.output().unwrap());
        // An exit code of Windows has more bits than fit into one of this system.
        if let Ok(whole) = std::fs::read_to_string(&left) {
            std::fs::remove_file(&left).unwrap();
            said.code = whole.parse().unwrap();
        }
        said
    }

    /// Runs rollward on the manifests, with the twin's tools in the place of the real ones.
    #[track_caller]
    pub fn rollward(&self, args: &[&str]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollward"));
        command.args(args).current_dir(self.folder.path()).env("TWIN", self.folder.path());
        command.env("ROLLWARD_STATE", self.path("state"));
        command.env("PATH", format!("{}:/usr/bin:/bin", self.path("bin").display()));
        said(command.output().unwrap())
    }

    /// The same, of a command that answers with one document.
    #[track_caller]
    pub fn asked(&self, args: &[&str]) -> Value {
        let said = self.rollward(&[args, &["--output", "json"]].concat());
        serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{args:?}: {e}: {}{}", said.out, said.err))
    }

    /// Writes what an operator would: the documents of the truth, with the way to the clusters instead of their worlds.
    /// Returns the path of the manifests.
    pub fn declare(&self) -> String {
        self.declare_as(|text| text)
    }

    /// The same, with changes to the text.
    pub fn declare_as(&self, change: impl FnOnce(String) -> String) -> String {
        let truth = std::fs::read_to_string(self.path("truth.yaml")).unwrap();
        let mut documents = Vec::new();
        for document in serde_yaml::Deserializer::from_str(&truth) {
            let mut document = Value::deserialize(document).unwrap();
            if let Some(world) = document.pointer("/spec/driver/simulator").cloned() {
                let name = document["metadata"]["name"].as_str().unwrap().to_uppercase();
                document["spec"]["driver"] = json!({"exchange2007": reached(&name, &world)});
            }
            documents.push(serde_yaml::to_string(&document).unwrap());
        }
        let path = self.path("manifests.yaml");
        std::fs::write(&path, change(documents.join("---\n"))).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// What a person, or fate, does.
    #[track_caller]
    pub fn hand(&self, cluster: &str, words: &str) {
        let said = self.on("", "hand", &[cluster, words]);
        assert_eq!(said.code, 0, "{words}: {}", said.err);
    }
}

/// The driver's part of a manifest for a cluster with that world.
fn reached(network_name: &str, world: &Value) -> Value {
    let model = world.pointer("/quorum/model").and_then(Value::as_str).unwrap_or("majority");
    let mut quorum = json!({"model": model});
    match model {
        "fileShare" => quorum["witness"] = json!(r"\\HUB1\MNS_FSW"),
        "disk" => quorum["witness"] = json!("Disk Q:"),
        _ => {}
    }
    let mut part = json!({"managementHost": "mgmt1", "quorum": quorum});
    if model != "none" {
        part["cluster"] = json!(network_name);
    }
    part
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
