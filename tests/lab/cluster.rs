//! One real cluster: started, asked past any network, and put into trouble.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use roxmltree::{Document, Node};

use super::until;

/// Where the lab's own things are.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab")
}

/// A lab: a cluster of `n1` and so on. Ends with its test, or with the test's process.
pub struct Lab {
    name: String,
    /// With the keys and the configuration for ssh.
    pub folder: PathBuf,
    pub nodes: Vec<String>,
}

/// A plug of a node.
#[derive(Clone, Copy, Debug)]
pub enum Plug {
    Cluster,
    Management,
}

/// What one node says of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    pub quorum: bool,
    pub online: BTreeSet<String>,
    pub standby: BTreeSet<String>,
    /// Where each resource that is no group serves: started; of a clone, promoted.
    pub serves: BTreeMap<String, BTreeSet<String>>,
}

/// A line of a node's witness.
#[derive(Clone, Debug)]
pub struct Witnessed {
    pub node: String,
    /// Seconds since 1970.
    pub at: f64,
    pub what: String,
}

impl Lab {
    /// Starts a cluster; nothing where that cannot be.
    pub fn up(nodes: usize) -> Option<Self> {
        static LABS: AtomicU32 = AtomicU32::new(0);
        if !super::can_run() {
            return None;
        }
        let name = format!("{}-{}", std::process::id(), LABS.fetch_add(1, Ordering::Relaxed));
        let nodes_of = (1..=nodes).map(|i| format!("n{i}")).collect();
        let mut lab = Self { name, folder: PathBuf::new(), nodes: nodes_of };
        let said = lab.tool(&["up", &nodes.to_string()]);
        lab.folder = said.trim().into();
        Some(lab)
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(folder().join("lab"));
        command.args(args).env("LAB", &self.name).env("LAB_OWNER", std::process::id().to_string());
        command.stdin(Stdio::null()).output().unwrap()
    }

    #[track_caller]
    fn tool(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert!(ran.status.success(), "lab {args:?}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap()
    }

    /// Runs a shell command on a node, which must succeed.
    #[track_caller]
    pub fn on(&self, node: &str, command: &str) -> String {
        self.tool(&["on", node, command])
    }

    /// What a shell command on a node says, if it succeeds.
    pub fn ask(&self, node: &str, command: &str) -> Option<String> {
        let ran = self.run(&["on", node, command]);
        ran.status.success().then(|| String::from_utf8_lossy(&ran.stdout).into_owned())
    }

    /// A program of this machine, in the management network.
    pub fn management(&self, program: &Path) -> Command {
        management(self.process("pid"), program)
    }

    /// The process number of the lab, or of a node.
    pub fn process(&self, file: &str) -> u32 {
        let text = std::fs::read_to_string(self.folder.join(file)).unwrap();
        text.split(' ').next().unwrap().parse().unwrap()
    }

    /// A node's disk, which outlives its power.
    pub fn disk(&self, node: &str) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.process("pid")));
        root.join(self.folder.strip_prefix("/").unwrap()).join("disks").join(node).join("top")
    }

    pub fn kill(&self, node: &str) {
        self.tool(&["kill", node]);
    }

    pub fn boot(&self, node: &str) {
        self.tool(&["boot", node]);
    }

    pub fn cut(&self, node: &str, plug: Plug) {
        self.tool(&["cut", node, &format!("{plug:?}").to_lowercase()]);
    }

    pub fn heal(&self, node: &str) {
        self.tool(&["heal", node]);
    }

    /// Loads the cluster's side of `clusters/NAME.xml`, with the service at 1.0 everywhere, and waits until it runs.
    #[track_caller]
    pub fn load(&self, name: &str) {
        self.tool(&["load", name]);
        until("the roles run", || self.view().is_some_and(|view| !view.serves.is_empty() && view.is_well()));
    }

    /// Waits until the cluster has nothing more to do.
    #[track_caller]
    pub fn settle(&self) {
        until("the cluster is idle", || {
            let idle = "crmadmin -S $(crmadmin -D 2>/dev/null | sed 's/.*: *//') 2>/dev/null";
            self.nodes.iter().any(|node| self.ask(node, idle).is_some_and(|said| said.contains("S_IDLE")))
        });
    }

    /// What a node with quorum says.
    pub fn view(&self) -> Option<View> {
        self.nodes.iter().filter_map(|node| self.view_of(node)).find(|view| view.quorum)
    }

    /// What a node says.
    pub fn view_of(&self, node: &str) -> Option<View> {
        View::read(&self.ask(node, "crm_mon -1 -r --output-as xml 2>/dev/null")?)
    }

    /// The one node that serves a group, as the quorate part of the cluster sees it: all of its members, and nowhere else.
    pub fn owner(&self, group: &str) -> Option<String> {
        self.view()?.owner(group)
    }

    /// The number by which parts of a cluster that meet again tell whose store wins.
    pub fn admin_epoch(&self) -> u64 {
        let said = self.on(&self.nodes[0], "cibadmin -Q | sed -n 's/^<cib .* admin_epoch=\"\\([0-9]*\\)\".*/\\1/p'");
        said.trim().parse().unwrap()
    }

    /// All that the witnesses of all nodes have written, in order.
    pub fn witnessed(&self) -> Vec<Witnessed> {
        let mut all = Vec::new();
        for node in &self.nodes {
            let text = std::fs::read_to_string(self.disk(node).join("var/log/witness")).unwrap_or_default();
            for line in text.lines() {
                // A power cut may leave half a line.
                let Some((at, what)) = line.split_once(' ') else { continue };
                let Ok(at) = at.parse() else { continue };
                all.push(Witnessed { node: node.clone(), at, what: what.to_owned() });
            }
        }
        all.sort_by(|a, b| a.at.total_cmp(&b.at));
        all
    }

    /// What the power switch was asked for by fence agents, in order: `reboot n2`.
    pub fn fenced(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.join("power.log")).unwrap_or_default();
        text.lines().filter_map(|line| Some(line.split_once(' ')?.1.to_owned())).collect()
    }

    /// How often a role was started since the cluster was loaded: its handoffs and failovers.
    pub fn starts(&self, role: &str) -> usize {
        let start = format!("role start {role} ");
        self.witnessed().iter().filter(|line| line.what.starts_with(&start)).count()
    }

    /// Asserts that no installer ever met a role.
    #[track_caller]
    pub fn assert_untouched(&self) {
        let all = self.witnessed();
        assert!(!all.iter().any(|line| line.what.contains("VIOLATION")), "an installer met a role: {all:#?}");
    }

    /// The version that dpkg has of the service on a node, with its state: `1.1 ii`.
    pub fn version(&self, node: &str) -> String {
        self.on(node, "dpkg-query -W -f '${Version} ${db:Status-Abbrev}' mailstore").trim().to_owned()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let ran = self.run(&["down"]);
        if !ran.status.success() && !std::thread::panicking() {
            panic!("lab down: {}", String::from_utf8_lossy(&ran.stderr));
        }
    }
}

impl View {
    fn read(xml: &str) -> Option<Self> {
        let document = Document::parse(xml).ok()?;
        let root = document.root_element();
        let is = |node: Node<'_, '_>, what: &str| node.attribute(what) == Some("true");
        let mut view = Self::default();
        let dc = root.descendants().find(|n| n.has_tag_name("current_dc"))?;
        view.quorum = is(dc, "with_quorum");
        let nodes = root.children().find(|n| n.has_tag_name("nodes"))?;
        for node in nodes.children().filter(Node::is_element) {
            let name = node.attribute("name")?.to_owned();
            if is(node, "standby") {
                view.standby.insert(name.clone());
            }
            if is(node, "online") && !is(node, "pending") {
                view.online.insert(name);
            }
        }
        for resource in root.children().find(|n| n.has_tag_name("resources"))?.descendants() {
            if !resource.has_tag_name("resource") {
                continue;
            }
            let clone = resource.parent().filter(|parent| parent.has_tag_name("clone"));
            let id = clone.unwrap_or(resource).attribute("id")?.to_owned();
            let wanted: &[&str] = if clone.is_some() { &["Promoted", "Master"] } else { &["Started"] };
            let serves =
                resource.attribute("role").is_some_and(|role| wanted.contains(&role)) && !is(resource, "failed");
            let on = view.serves.entry(id).or_default();
            if serves {
                on.extend(resource.children().filter_map(|n| n.attribute("name")).map(str::to_owned));
            }
        }
        Some(view)
    }

    /// Whether every role is served once.
    pub fn is_well(&self) -> bool {
        self.quorum && self.serves.values().all(|on| on.len() == 1)
    }

    /// Whether there is such a group or resource.
    pub fn has(&self, group: &str) -> bool {
        let member = format!("{group}-");
        self.serves.keys().any(|id| id == group || id.starts_with(&member))
    }

    /// The one node that serves all members of a group (resources named `GROUP-…`), or a resource of this very name.
    pub fn owner(&self, group: &str) -> Option<String> {
        let member = format!("{group}-");
        let mut of = self.serves.iter().filter(|(id, _)| *id == group || id.starts_with(&member)).map(|(_, on)| on);
        let first = of.next()?;
        let one = first.len() == 1 && of.all(|on| on == first);
        one.then(|| first.iter().next().cloned()).flatten()
    }
}

/// Makes a package of the service, with shell code for its postinst.
pub fn build(into: &Path, version: &str, postinst: &str) -> PathBuf {
    let ran = Command::new(folder().join("package/build")).arg(version).arg(into).arg(postinst).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    into.join(format!("mailstore_{version}_all.deb"))
}

/// A program of this machine, in the management network of the lab whose process this is.
pub fn management(lab: u32, program: &Path) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net=/proc/{lab}/ns/net")).arg("--").arg(program);
    command
}
