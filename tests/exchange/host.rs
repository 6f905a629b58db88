//! A folder with a twin in it: the estate's truth, and the tools' names in a folder for `PATH`.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde::Deserialize as _;
use serde_json::{Value, json};

/// What stands in the file that is declared as the package of every rollup here.
const PACKAGE: &str = "what an installer takes\n";

/// Its name.
pub const FILE: &str = "Exchange2007-KB2756497-v3-x64-EN.msp";

/// Its SHA-256.
const SHA256: &str = "c53d83f9c95e16dac0f4f0990ed74886982cd3c81c5157a408ab5c4995f10a2e";

/// What scenarios declare instead, of a file that is nowhere.
const DECLARED: &str = "2f4d0a4b6d1f5e7a8c9b0a1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6a7b8c9d0e1f";

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
        std::fs::write(twin.path("truth.yaml"), truth.replace(DECLARED, SHA256)).unwrap();
        // The file is where the documents say that it is.
        std::fs::create_dir(twin.path("packages")).unwrap();
        std::fs::write(twin.path("packages").join(FILE), PACKAGE).unwrap();
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
        for tool in ["ssh", "cluster.exe", "powershell.exe", "msiexec.exe", "shutdown.exe", "hand", "truth"] {
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
        self.rollward_as("state", args)
    }

    /// The same, with a state folder of this name.
    #[track_caller]
    pub fn rollward_as(&self, state: &str, args: &[&str]) -> Said {
        let said = said(self.command(state, args).output().unwrap());
        // Of what nobody reads the twin tells here.
        let workers = std::fs::read_to_string(self.path("worker.err")).unwrap_or_default();
        assert!(!workers.contains("twin: "), "{workers}");
        said
    }

    fn command(&self, state: &str, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollward"));
        command.args(args).current_dir(self.folder.path()).env("TWIN", self.folder.path());
        command.env("ROLLWARD_STATE", self.path(state));
        command.env("PATH", format!("{}:/usr/bin:/bin", self.path("bin").display()));
        command
    }

    /// Puts the tools into these troubles from now on, and gives them so many seconds of patience.
    pub fn troubles(&self, faults: Value, patience: u64) {
        let path = self.path("estate.json");
        let mut setup: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        setup["faults"] = faults;
        setup["patienceSeconds"] = json!(patience);
        // Others may read it at any time.
        let draft = self.path("estate.json.new");
        std::fs::write(&draft, setup.to_string()).unwrap();
        std::fs::rename(draft, path).unwrap();
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
        let text = change(documents.join("---\n"));
        // Whoever reads it at the same time finds it whole.
        if std::fs::read_to_string(&path).is_ok_and(|there| there != text) || !path.exists() {
            std::fs::write(&path, text).unwrap();
        }
        path.to_str().unwrap().to_owned()
    }

    /// What is so, whatever anybody sees: each cluster by its name.
    #[track_caller]
    pub fn truth(&self) -> Value {
        let said = self.on("", "truth", &[]);
        serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{e}: {}{}", said.out, said.err))
    }

    /// The bytes of the package that the documents declare.
    pub fn package(&self) -> &'static str {
        PACKAGE
    }

    /// The process of the worker that has begun last on a node.
    #[track_caller]
    pub fn worker(&self, node: &str) -> u32 {
        let pid = self.path(&format!("hosts/{node}/C/rollward/worker.pid"));
        std::fs::read_to_string(pid).unwrap().parse().unwrap()
    }

    /// The process of the installer that runs on a node.
    #[track_caller]
    pub fn installer(&self, node: &str) -> u32 {
        let pid = self.path(&format!("hosts/{node}/_MSIExecute"));
        std::fs::read_to_string(pid).unwrap().parse().unwrap()
    }

    /// Ends a process, and none of its children.
    #[track_caller]
    pub fn kill(&self, pid: u32) {
        assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
    }

    /// Looks often until there is an answer, for a minute.
    #[track_caller]
    pub fn wait_until<T>(&self, what: &str, ask: impl Fn() -> Option<T>) -> T {
        for _ in 0..1200 {
            if let Some(answer) = ask() {
                return answer;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{what} did not come: {:#}", self.truth());
    }

    /// What a person, or fate, does.
    #[track_caller]
    pub fn hand(&self, cluster: &str, words: &str) {
        let said = self.on("", "hand", &[cluster, words]);
        assert_eq!(said.code, 0, "{words}: {}", said.err);
    }
}

/// A daemon that rolls until nothing is left to do; killed where a test ends early.
pub struct Daemon {
    process: Option<Child>,
}

impl Daemon {
    /// Starts one on the manifests, with a state folder of this name.
    pub fn start(twin: &Twin, state: &str) -> Self {
        let manifests = twin.declare();
        let mut command = twin.command(state, &["run", &manifests, "--until-converged", "--timeout", "3m"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { process: Some(command.spawn().unwrap()) }
    }

    /// Kills it, as it stands.
    pub fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may have ended by itself.
            let _ = process.kill();
            process.wait().unwrap();
        }
    }

    /// Waits for its end.
    #[track_caller]
    pub fn ends(mut self) -> Said {
        said(self.process.take().unwrap().wait_with_output().unwrap())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.end();
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
