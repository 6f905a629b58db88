//! What is explored: estates, as manifests, and what may befall them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use rollward::desired::resolved::Broken;
use rollward::desired::{Cluster, Desired};
use rollward::drivers::simulator::spec::Spec;
use rollward::drivers::simulator::world::World;

use rollward::guard::{ClusterFacts, RollState, Stop};
use rollward::model::{ClusterName, InstallKind, Known, NodeName, PackageName, Version};

use super::fixed::Fixed;
use super::worlds::NOW;
use crate::estates::read;

/// The same manifests with packages that are not in the catalogue.
fn own_rollup(text: &str, effect: &str) -> String {
    let rollup = format!(
        "kind: Rollup
metadata: {{name: own}}
spec: {{install: deb, packages: [{{name: mail, version: 2.0-1, file: mail_2.0-1_amd64.deb}}], {effect}}}
---
apiVersion: rollward/v1
kind: Package"
    );
    text.replace("kind: Package", &rollup)
        .replace("exchange-2007-sp3-ru8-v3", "own")
        .replace("version: 8.3.264.0", "versions: {mail: 1.0-1}")
        .replace("Exchange2007-KB2756497-v3-x64-EN.msp", "mail_2.0-1_amd64.deb")
}

const WINDOWS: &str = "  windows: [{days: [tue], from: \"01:00\", to: \"05:00\", timeZone: UTC}]
  limits:";

const STANDBY: &str = "---
apiVersion: rollward/v1
kind: Cluster
metadata: {name: standby}
spec:
  mode: act
  topology: standby
  rollup: exchange-2007-sp3-ru8-v3
  policy: policy
  nodes: {S: {}}
  driver:
    simulator:
      seed: 1
      timeScale: max
      quorum: {model: none}
      nodes: {S: {version: 8.3.264.0}}
";

/// What may befall a world, or a controller, once for each fault that a setting allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    Crash,
    Move,
    Pause,
    Resume,
    SplitView,
    WitnessDown,
    Rival,
    InstallFails,
    InstallHangs,
    AsksReboot,
    RebootStarted,
    MoveFails,
    MoveFailsLate,
    NeverReturns,
    LostReply,
    StaleLook,
    JournalFails,
    Kill,
}

impl Fault {
    pub const ALL: &[Fault] = &[
        Fault::Crash,
        Fault::Move,
        Fault::Pause,
        Fault::Resume,
        Fault::SplitView,
        Fault::WitnessDown,
        Fault::Rival,
        Fault::InstallFails,
        Fault::InstallHangs,
        Fault::AsksReboot,
        Fault::RebootStarted,
        Fault::MoveFails,
        Fault::MoveFailsLate,
        Fault::NeverReturns,
        Fault::LostReply,
        Fault::StaleLook,
        Fault::JournalFails,
        Fault::Kill,
    ];
}

/// The shape of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Two nodes with a copy each, one role.
    Ccr,
    /// Three nodes of which two are active, each with room for one role.
    Scc,
    /// Three nodes, two roles, and room for both anywhere.
    Generic,
    /// Four nodes of which three are active, each with room for one role.
    Wide,
    /// Three nodes with one role, and so two that are passive.
    Spares,
    /// Two nodes and no role at all.
    Idle,
    /// A standalone standby host.
    Host,
}

/// What else is different in a setting: for actions and rules that the plain ones have no use for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Twist {
    Plain,
    /// Packages before which we stop the cluster service ourselves, and start it after.
    StopsService,
    /// Packages that always want a reboot.
    Reboots,
    /// The nodes are above their target, which the manifest allows.
    Downgrade,
    /// No window ever opens.
    Window,
    /// Nobody approves.
    Approval,
    Observe,
    Held,
    /// The manifest is broken.
    Broken,
    /// A global stop cord.
    Cord,
    /// Another cluster is in its roll, and holds a standby copy that is not updated.
    Standby,
    /// The same, and the copy is updated.
    StandbyDone,
    /// No package was provided.
    NoPackage,
}

/// One setting.
#[derive(Clone, Debug)]
pub struct Setting {
    pub name: String,
    pub shape: Shape,
    pub quorum: &'static str,
    pub style: &'static str,
    pub faults: u8,
    /// At most two.
    pub controllers: usize,
    /// Between its checks and its deed a node may take its time.
    pub hesitates: bool,
    /// Memory is lost after every turn.
    pub forgets: bool,
    pub twist: Twist,
}

impl Setting {
    pub fn new(shape: Shape, quorum: &'static str, style: &'static str) -> Self {
        let setting = Self {
            name: String::new(),
            shape,
            quorum,
            style,
            faults: 1,
            controllers: 1,
            hesitates: false,
            forgets: false,
            twist: Twist::Plain,
        };
        setting.named()
    }

    pub fn faults(self, faults: u8) -> Self {
        Self { faults, ..self }.named()
    }

    /// A second controller works on the same cluster.
    pub fn two(self) -> Self {
        Self { controllers: 2, ..self }.named()
    }

    pub fn hesitant(self) -> Self {
        Self { hesitates: true, ..self }.named()
    }

    pub fn twisted(self, twist: Twist) -> Self {
        Self { twist, ..self }.named()
    }

    pub fn forgetful(self) -> Self {
        Self { forgets: true, ..self }.named()
    }

    fn named(mut self) -> Self {
        self.name = format!("{:?}-{}-{}", self.shape, self.quorum, self.style).to_lowercase();
        let _ = write!(self.name, "-{}f", self.faults);
        if self.twist != Twist::Plain {
            let _ = write!(self.name, "-{:?}", self.twist);
        }
        if self.controllers > 1 {
            let _ = write!(self.name, "-{}controllers", self.controllers);
        }
        if self.hesitates {
            self.name += "-hesitates";
        }
        if self.forgets {
            self.name += "-forgets";
        }
        self.name.make_ascii_lowercase();
        self
    }

    /// The manifests.
    pub fn text(&self) -> String {
        let (topology, nodes, groups, owns, limit) = match self.shape {
            Shape::Ccr => ("ccr", "AB", 1, &["MBX1", "Cluster Group"][..], ""),
            Shape::Scc => ("scc", "ABP", 2, &["MBX1, Cluster Group", "MBX2", ""][..], ""),
            Shape::Generic => ("generic", "ABP", 2, &["MBX1, Cluster Group", "MBX2", ""][..], "maxRoles: 2"),
            Shape::Wide => ("scc", "ABCP", 3, &["MBX1, Cluster Group", "MBX2", "MBX3", ""][..], ""),
            Shape::Spares => ("scc", "ABP", 1, &["MBX1, Cluster Group", "", ""][..], ""),
            Shape::Idle => ("standby", "AB", 0, &["Cluster Group", ""][..], ""),
            Shape::Host => ("standby", "S", 0, &[""][..], ""),
        };
        let mut text = format!(
            r#"
apiVersion: rollward/v1
kind: Package
metadata: {{name: ru8-v3}}
spec:
  rollup: exchange-2007-sp3-ru8-v3
  path: Exchange2007-KB2756497-v3-x64-EN.msp
  sha256: "8888888888888888888888888888888888888888888888888888888888888888"
---
apiVersion: rollward/v1
kind: Policy
metadata: {{name: policy}}
spec:
  handoff: {{when: anytime, style: {}}}
  limits: {{soak: 2m, retries: 1}}
---
apiVersion: rollward/v1
kind: Cluster
metadata: {{name: it}}
spec:
  mode: act
  topology: {topology}
  rollup: exchange-2007-sp3-ru8-v3
  policy: policy
  nodes:
"#,
            self.style
        );
        for node in nodes.chars() {
            let _ = writeln!(text, "    {node}: {{{limit}}}");
        }
        text += "  groups:\n";
        for role in 1..=groups {
            let _ = writeln!(text, "    MBX{role}: {{kind: role}}");
        }
        if groups > 0 || self.shape == Shape::Idle {
            text += "    Cluster Group: {kind: auxiliary}\n";
        } else {
            text += "    {}\n";
        }
        let _ = write!(
            text,
            "  driver:\n    simulator:\n      seed: 1\n      timeScale: max\n      quorum: {{model: {}}}\n      nodes:\n",
            self.quorum
        );
        for (node, owns) in nodes.chars().zip(owns) {
            let _ = writeln!(text, "        {node}: {{version: 8.3.264.0, owns: [{owns}]}}");
        }
        if self.shape == Shape::Ccr {
            text += "      groups: {MBX1: {possibleOwners: [A, B], copyQueueLength: 0}}\n";
        }
        let twisted = match self.twist {
            Twist::StopsService => own_rollup(&text, "clusterService: stop, reboot: never"),
            Twist::Reboots => own_rollup(&text, "clusterService: keep, reboot: always"),
            Twist::Downgrade => text
                .replace("version: 8.3.264.0", "version: 8.3.298.3")
                .replace("  policy: policy\n", "  policy: policy\n  allowDowngrade: true\n"),
            Twist::Window => text.replace("  limits:", WINDOWS).replace("when: anytime", "when: window"),
            Twist::Approval => text.replace("when: anytime", "when: approval"),
            Twist::Observe => text.replace("mode: act", "mode: observe"),
            Twist::Held => text.replace("    A: {}", "    A: {hold: wait}").replace("    B: {}", "    B: {hold: wait}"),
            Twist::NoPackage => text[text.find("---").unwrap_or(0)..].to_owned(),
            Twist::Standby | Twist::StandbyDone => {
                text.replace("MBX1: {kind: role}", "MBX1: {kind: role, standbyTargets: [{cluster: standby, node: S}]}")
                    + STANDBY
            }
            Twist::Plain | Twist::Broken | Twist::Cord => return text,
        };
        assert_ne!(twisted, text, "a twist that changes nothing");
        twisted
    }

    /// What a twist changes that is in no manifest of this cluster's own.
    pub fn twist(&self, fixed: &mut Fixed) {
        match self.twist {
            Twist::Broken => {
                let broken = Broken { why: "no such key".into(), place: None, releasing: false };
                fixed.desired = Arc::new(Cluster { broken: Some(broken), ..Cluster::clone(&fixed.desired) });
            }
            Twist::Cord => {
                let stop = Stop { why: "storm".into(), labels: Default::default(), place: None, since: None };
                fixed.fleet.stops.push(stop);
            }
            Twist::Standby | Twist::StandbyDone => {
                let (standby, node) = (ClusterName::from("standby"), NodeName::from("S"));
                let done = self.twist == Twist::StandbyDone;
                let version = if done { "8.3.279.6" } else { "8.3.264.0" };
                let version = Version::parse(InstallKind::Msp, version).expect("a version");
                let installed = [(PackageName::new(PackageName::PRODUCT), Known::seen(Some(version), NOW))];
                let facts = ClusterFacts {
                    roll: if done { RollState::Converged { since: None } } else { RollState::InRoll },
                    canary: false,
                    acts: true,
                    standby_clusters: Default::default(),
                    nodes: [(node, (installed.into_iter().collect(), Known::seen(false, NOW)))].into(),
                    in_the_middle: Known::seen(BTreeSet::new(), NOW),
                };
                fixed.fleet.clusters.insert(standby, facts);
            }
            _ => {}
        }
    }

    /// The manifests, read, and the world that they begin with.
    pub fn open(&self) -> (Arc<Desired>, World) {
        let text = self.text();
        let desired = read(&text).unwrap_or_else(|e| panic!("{} is unsound:\n{e}\n{text}", self.name));
        let cluster = &desired.clusters["it"];
        let spec: Spec = serde_json::from_value((*cluster.driver.spec).clone()).expect("a simulated world");
        let world = World::start(&spec, cluster, &desired.rollups);
        (desired, world)
    }
}
