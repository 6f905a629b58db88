//! The management host of a lab: manifests, packages, a state folder, and `rollward` on them.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use super::cluster::{self, Lab};
use super::{now, until};

/// A management host.
pub struct Host {
    /// Of the lab, and so of its management network.
    process: u32,
    folder: tempfile::TempDir,
}

impl Host {
    /// With the manifest `clusters/NAME.yaml`, and the package that it declares.
    pub fn new(lab: &Lab, name: &str) -> Self {
        let host = Self { process: lab.process("pid"), folder: tempfile::tempdir().unwrap() };
        for folder in ["manifests", "packages", "tmp"] {
            fs::create_dir(host.path(folder)).unwrap();
        }
        fs::copy(lab.folder.join("ssh_config"), host.path("ssh_config")).unwrap();
        let manifest = fs::read_to_string(cluster::folder().join(format!("clusters/{name}.yaml"))).unwrap();
        host.write("cluster.yaml", &manifest);
        host.package("1.1", "");
        host
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path("manifests").join(name), text).unwrap();
    }

    /// Changes the manifest.
    pub fn edit(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.path("manifests/cluster.yaml")).unwrap();
        assert!(text.contains(from), "{from}");
        self.write("cluster.yaml", &text.replace(from, to));
    }

    /// Makes a package, and declares it as downloaded.
    pub fn package(&self, version: &str, postinst: &str) {
        let file = cluster::build(&self.path("packages"), version, postinst);
        let args = ["package", file.to_str().unwrap(), "--rollup", "mailstore", "--manifests", "manifests"];
        let ran = self.rollward(&args).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        self.write("package.yaml", std::str::from_utf8(&ran.stdout).unwrap());
    }

    /// `rollward`, in the management network; it ends with this test, however that ends.
    pub fn rollward(&self, args: &[&str]) -> Command {
        let mut command = cluster::management(self.process, "setpriv".as_ref());
        command
            .args(["--pdeathsig", "KILL", "--", env!("CARGO_BIN_EXE_rollward")])
            .args(args)
            .arg("--state")
            .arg(self.path("state"))
            .env("TMPDIR", self.path("tmp"));
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.rollward(args).output().unwrap()
    }

    /// Why something cannot be seen in the cluster: each reason once, in order.
    #[track_caller]
    pub fn unknown(&self) -> Vec<String> {
        let ran = self.run(&["observe", "lab", "--manifests", "manifests", "--output", "json"]);
        let seen: Value = serde_json::from_slice(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
        let unknown = seen["clusters"][0]["unknown"].as_array().cloned().unwrap_or_default();
        let mut reasons: Vec<_> = unknown.iter().map(|one| one["why"].as_str().unwrap().to_owned()).collect();
        reasons.sort();
        reasons.dedup();
        reasons
    }

    /// Waits until a look at the cluster finds nothing left to do, and nobody in charge of it any more.
    #[track_caller]
    pub fn until_converged(&self) {
        let mut seen = Seen(String::new());
        until("the cluster has converged", || {
            let ran = self.run(&["status", "lab", "--live", "--manifests", "manifests", "--output", "json"]);
            seen.0 = String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned();
            let Ok(status) = serde_json::from_str::<Value>(&seen.0) else { return false };
            let cluster = &status["clusters"][0];
            cluster["decision"] == "converged" && cluster["claim"].is_null() && cluster.get("unknown").is_none()
        });
    }

    /// Rolls the cluster to its end, which must be good; returns what is reported of it.
    #[track_caller]
    pub fn roll(&self) -> Value {
        let began = now();
        let args = ["run", "manifests", "--until-converged", "--timeout", "10m", "--output", "json"];
        let ran = self.run(&args);
        let told = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{}\n{told}", String::from_utf8_lossy(&ran.stdout));
        let mut report: Value = serde_json::from_slice(&ran.stdout).unwrap();
        let cluster = report["clusters"][0].take();
        assert_eq!(cluster["state"], "converged", "{cluster}\n{told}");
        println!("{told}\nit took {:.1} s", began.elapsed().as_secs_f64());
        cluster
    }

    /// Starts a daemon on this host; what it tells goes into a file of this name.
    pub fn start(&self, name: &str) -> Daemon {
        let told = self.path(name);
        let file = fs::File::options().create(true).append(true).open(&told).unwrap();
        let daemon = self.rollward(&["run", "manifests"]).stdout(Stdio::null()).stderr(file).spawn().unwrap();
        Daemon { daemon, told }
    }
}

/// A daemon at work; killed when it goes out of scope.
pub struct Daemon {
    daemon: Child,
    told: PathBuf,
}

impl Daemon {
    pub fn told(&self) -> String {
        fs::read_to_string(&self.told).unwrap_or_default()
    }

    /// Waits until the daemon has told this.
    #[track_caller]
    pub fn until_told(&self, what: &str) {
        until(what, || self.told().contains(what));
    }

    pub fn kill(&mut self) {
        self.daemon.kill().unwrap();
        self.daemon.wait().unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            println!("{}", self.told());
        }
    }
}

/// What was seen last while something was waited for; told if it never came.
struct Seen(String);

impl Drop for Seen {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("last seen: {}", self.0);
        }
    }
}
