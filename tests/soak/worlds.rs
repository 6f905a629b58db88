//! Random estates: whole sets of manifests as typed values, each with a world behind it, and what befalls it.
//!
//! Every number is made to fit when the text is written, so that no draw is thrown away for being nonsense and every
//! part shrinks by itself: towards fewer clusters, nodes, roles and faults, and towards the plainest of settings.

use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::prelude::*;
use rollward::drivers::simulator::spec::FaultSpec;
use rollward::model::{GroupName, NodeName};
use rollward::simulate::faults::{Cast, Draw, shape};

/// A set of manifests, and what befalls its worlds.
#[derive(Clone, Debug)]
pub struct Estate {
    pub seed: u64,
    pub rollup: RollupShape,
    pub policy: PolicyShape,
    pub fleet: FleetShape,
    pub main: ClusterShape,
    pub standby: Option<StandbyShape>,
}

#[derive(Clone, Debug)]
pub struct RollupShape {
    pub cluster_service: &'static str,
    pub reboot: &'static str,
    pub packaged: bool,
}

#[derive(Clone, Debug)]
pub struct PolicyShape {
    pub when: &'static str,
    pub style: &'static str,
    pub failback: &'static str,
    pub minimise: &'static str,
    pub staging: &'static str,
    pub work_anytime: bool,
    /// Opens at this hour, for so many hours; if there is one.
    pub window: Option<(u8, u8)>,
    pub max_unavailable: u32,
    pub retries: u32,
    pub halt_after: u32,
    pub margin: u32,
    pub soak_minutes: u32,
}

#[derive(Clone, Debug)]
pub struct FleetShape {
    pub in_roll: u32,
    pub canaries: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Ccr,
    Scc,
    Generic,
}

#[derive(Clone, Debug)]
pub struct ClusterShape {
    pub kind: Kind,
    pub nodes: Vec<NodeShape>,
    pub roles: Vec<RoleShape>,
    /// Owners of the groups that no role depends on.
    pub auxiliaries: Vec<u8>,
    pub quorum: &'static str,
    pub allow_downgrade: bool,
    pub faults: Vec<Draw>,
}

#[derive(Clone, Debug)]
pub struct NodeShape {
    /// Stale, current or ahead.
    pub version: &'static str,
    pub staged: bool,
    pub hold: bool,
    pub max_roles: Option<u8>,
}

#[derive(Clone, Debug)]
pub struct RoleShape {
    pub owner: u8,
    /// Bit by bit, who else may own it.
    pub owners: u8,
    pub preferred: Option<u8>,
    pub failback: bool,
}

#[derive(Clone, Debug)]
pub struct StandbyShape {
    /// A host of its own, or a cluster of two.
    pub clustered: bool,
    pub nodes: Vec<NodeShape>,
    pub faults: Vec<Draw>,
}

pub const OLD: &str = "8.3.264.0";
pub const TARGET: &str = "8.3.279.6";
pub const NEWER: &str = "8.3.298.3";

// === Drawing ===

/// Any estate. Clusters that are wholly current have nothing to tell, so most nodes are stale.
pub fn estates() -> impl Strategy<Value = Estate> {
    (
        0..u64::from(u32::MAX),
        rollup(),
        policy(),
        (1..=3u32, 0..=1u32).prop_map(|(in_roll, canaries)| FleetShape { in_roll, canaries }),
        cluster(),
        prop_oneof![4 => Just(None), 1 => standby().prop_map(Some)],
    )
        .prop_map(|(seed, rollup, policy, fleet, main, standby)| Estate {
            seed,
            rollup,
            policy,
            fleet,
            main,
            standby,
        })
}

fn rollup() -> impl Strategy<Value = RollupShape> {
    let service = prop_oneof![6 => Just("restarts"), 2 => Just("stop"), 1 => Just("keep")];
    let reboot = prop_oneof![6 => Just("ifAsked"), 2 => Just("always"), 1 => Just("never")];
    let packaged = prop::bool::weighted(0.03).prop_map(|missing| !missing);
    (service, reboot, packaged).prop_map(|(cluster_service, reboot, packaged)| RollupShape {
        cluster_service,
        reboot,
        packaged,
    })
}

fn policy() -> impl Strategy<Value = PolicyShape> {
    let words = (
        prop_oneof![5 => Just("anytime"), 3 => Just("window"), 2 => Just("approval"), 1 => Just("window+approval")],
        prop_oneof![3 => Just("online"), 2 => Just("offline")],
        prop_oneof![3 => Just("never"), 1 => Just("atEnd")],
        prop_oneof![4 => Just("handoffs"), 1 => Just("outage")],
        prop_oneof![3 => Just("passiveOnly"), 1 => Just("anyNode")],
    );
    let times = (any::<bool>(), prop_oneof![2 => Just(None), 1 => (0..24u8, 3..=8u8).prop_map(Some)]);
    let margin = prop_oneof![9 => Just(0u32), 1 => Just(1)];
    let numbers = (1..=3u32, 0..=2u32, 1..=2u32, margin, prop_oneof![2 => Just(0u32), 1 => 1..=10u32]);
    (words, times, numbers).prop_map(|(words, (work_anytime, window), numbers)| {
        let (when, style, failback, minimise, staging) = words;
        let (max_unavailable, retries, halt_after, margin, soak_minutes) = numbers;
        PolicyShape {
            when,
            style,
            failback,
            minimise,
            staging,
            work_anytime,
            window: if when.starts_with("window") { window.or(Some((1, 4))) } else { window },
            max_unavailable,
            retries,
            halt_after,
            margin,
            soak_minutes,
        }
    })
}

fn cluster() -> impl Strategy<Value = ClusterShape> {
    (
        prop_oneof![3 => Just(Kind::Ccr), 3 => Just(Kind::Scc), 4 => Just(Kind::Generic)],
        vec(node(), 1..=8),
        vec(role(), 0..=7),
        vec(any::<u8>(), 0..=2),
        prop_oneof![3 => Just("fileShare"), 2 => Just("disk"), 2 => Just("majority"), 1 => Just("twoNode")],
        prop::bool::weighted(0.7),
        vec(draw(), 1..=5),
    )
        .prop_map(|(kind, nodes, roles, auxiliaries, quorum, allow_downgrade, faults)| ClusterShape {
            kind,
            nodes,
            roles,
            auxiliaries,
            quorum,
            allow_downgrade,
            faults,
        })
}

fn node() -> impl Strategy<Value = NodeShape> {
    let version = prop_oneof![8 => Just(OLD), 2 => Just(TARGET), 1 => Just(NEWER)];
    let hold = prop::bool::weighted(0.03);
    let max_roles = prop_oneof![4 => Just(None), 1 => (1..=3u8).prop_map(Some)];
    (version, prop::bool::weighted(0.3), hold, max_roles).prop_map(|(version, staged, hold, max_roles)| NodeShape {
        version,
        staged,
        hold,
        max_roles,
    })
}

fn role() -> impl Strategy<Value = RoleShape> {
    let owners = prop_oneof![3 => Just(0xff_u8), 1 => any::<u8>()];
    let preferred = prop_oneof![2 => Just(None), 1 => any::<u8>().prop_map(Some)];
    (any::<u8>(), owners, preferred, prop::bool::weighted(0.1))
        .prop_map(|(owner, owners, preferred, failback)| RoleShape { owner, owners, preferred, failback })
}

fn standby() -> impl Strategy<Value = StandbyShape> {
    (any::<bool>(), vec(node(), 2), vec(draw(), 0..=1)).prop_map(|(clustered, nodes, faults)| StandbyShape {
        clustered,
        nodes,
        faults,
    })
}

fn draw() -> impl Strategy<Value = Draw> {
    (any::<u8>(), 0..7200u16, 5..1800u16, any::<u8>(), any::<u8>(), any::<u8>())
        .prop_map(|(kind, at, lasts, node, group, choice)| Draw { kind, at, lasts, node, group, choice })
}

// === Making it fit ===

/// Where everything is: what the numbers come to.
pub struct Layout {
    pub nodes: Vec<NodeShape>,
    /// For each role, its owner and who else may own it, owner first.
    pub roles: Vec<Vec<usize>>,
    pub auxiliaries: Vec<usize>,
    pub quorum: &'static str,
}

impl ClusterShape {
    pub fn layout(&self) -> Layout {
        let count = match self.kind {
            Kind::Ccr => 2,
            Kind::Scc => self.nodes.len().max(2),
            Kind::Generic => self.nodes.len(),
        };
        let nodes: Vec<NodeShape> = (0..count).map(|i| self.nodes[i % self.nodes.len()].clone()).collect();
        let one_a_node = self.kind != Kind::Generic;
        let most = match self.kind {
            Kind::Ccr => 1,
            Kind::Scc => count,
            Kind::Generic => 7,
        };
        let mut taken = vec![0_usize; count];
        let room = |node: usize, taken: &[usize]| {
            let limit = if one_a_node { 1 } else { nodes[node].max_roles.map_or(usize::MAX, usize::from) };
            taken[node] < limit
        };
        let mut roles = Vec::new();
        for role in self.roles.iter().take(most) {
            let wanted = usize::from(role.owner) % count;
            let Some(owner) = (0..count).map(|i| (wanted + i) % count).find(|n| room(*n, &taken)) else { break };
            taken[owner] += 1;
            let all = if self.kind == Kind::Ccr { 0xff } else { role.owners };
            let others = (0..count).filter(|n| *n != owner && all & (1 << n) != 0);
            roles.push(std::iter::once(owner).chain(others).collect());
        }
        let auxiliaries = self.auxiliaries.iter().map(|owner| usize::from(*owner) % count).collect();
        let quorum = match self.quorum {
            "twoNode" if count != 2 => "majority",
            _ if count == 1 => "none",
            other => other,
        };
        Layout { nodes, roles, auxiliaries, quorum }
    }
}

impl Estate {
    pub fn node_count(&self) -> usize {
        self.main.layout().nodes.len()
    }

    pub fn role_count(&self) -> usize {
        self.main.layout().roles.len()
    }

    /// The manifests, as an operator could have written them.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let RollupShape { cluster_service, reboot, packaged } = &self.rollup;
        let _ = write!(
            text,
            "apiVersion: rollward/v1\nkind: Rollup\nmetadata: {{name: target}}\nspec:\n  install: msp\n  \
             baseline: 8.3.83.6\n  packages: [{{file: target.msp, version: {TARGET}}}]\n  \
             clusterService: {cluster_service}\n  reboot: {reboot}\n"
        );
        if *packaged {
            let _ = write!(
                text,
                "---\napiVersion: rollward/v1\nkind: Package\nmetadata: {{name: target}}\nspec: {{rollup: target, \
                 path: target.msp, sha256: \"{}\"}}\n",
                sha256()
            );
        }
        // A margin that no step could ever meet is refused with the manifest.
        let margin = if self.node_count() >= 5 && self.standby.is_none() { self.policy.margin } else { 0 };
        PolicyShape { margin, ..self.policy.clone() }.write(&mut text);
        let FleetShape { in_roll, canaries } = self.fleet;
        let _ = write!(
            text,
            "---\napiVersion: rollward/v1\nkind: Fleet\nmetadata: {{name: fleet}}\nspec: {{maxClustersInRoll: \
             {in_roll}, canaries: {canaries}}}\n"
        );
        if let Some(standby) = &self.standby {
            standby.write(&mut text, self.seed);
        }
        self.main.write(&mut text, self.seed, self.standby.as_ref());
        text
    }
}

/// A SHA-256, as far as anybody can tell.
pub fn sha256() -> String {
    "5a".repeat(32)
}

impl PolicyShape {
    fn write(&self, text: &mut String) {
        let Self { when, style, failback, minimise, staging, work_anytime, window, .. } = self;
        let Self { max_unavailable, retries, halt_after, margin, soak_minutes, .. } = self;
        let _ = write!(
            text,
            "---\napiVersion: rollward/v1\nkind: Policy\nmetadata: {{name: policy}}\nspec:\n  handoff: {{when: {when}, \
             style: {style}, failback: {failback}, minimise: {minimise}}}\n  staging: {staging}\n"
        );
        if let Some((from, hours)) = window {
            let to = (from + hours) % 24;
            let _ = writeln!(
                text,
                "  windows: [{{from: \"{from:02}:00\", to: \"{to:02}:00\", timeZone: Europe/Paris}}]\n  work: {{when: {}}}",
                if *work_anytime { "anytime" } else { "window" }
            );
        }
        let _ = writeln!(
            text,
            "  limits: {{maxUnavailable: {max_unavailable}, retries: {retries}, haltAfterFailedNodes: {halt_after}, \
             quorumMargin: {margin}, soak: {soak_minutes}m}}"
        );
    }
}

fn world_node(node: &NodeShape, owns: &[String]) -> String {
    let staged = if node.staged { format!(", staged: {{target.msp: \"{}\"}}", sha256()) } else { String::new() };
    let owns = if owns.is_empty() { String::new() } else { format!(", owns: [{}]", owns.join(", ")) };
    format!("{{version: {}{owns}{staged}}}", node.version)
}

fn write_nodes(text: &mut String, names: &[String], nodes: &[NodeShape], one_a_node: bool) {
    text.push_str("  nodes:\n");
    for (name, node) in names.iter().zip(nodes) {
        let mut fields = Vec::new();
        if node.hold {
            fields.push("hold: left alone".to_owned());
        }
        if let (Some(max), false) = (node.max_roles, one_a_node) {
            fields.push(format!("maxRoles: {max}"));
        }
        let _ = writeln!(text, "    {name}: {{{}}}", fields.join(", "));
    }
}

fn write_faults(text: &mut String, faults: &[Draw], cast: &Cast) {
    let shaped: Vec<_> = faults.iter().filter_map(|draw| fitting(*draw, cast)).collect();
    if shaped.is_empty() {
        return;
    }
    text.push_str("      faults:\n");
    for fault in shaped {
        let _ = writeln!(text, "        - {}", serde_json::to_string(&fault).expect("a fault can be written"));
    }
}

/// The fault, or the next in the menu that the world has anybody for.
fn fitting(draw: Draw, cast: &Cast) -> Option<FaultSpec> {
    (0..=u8::MAX).find_map(|further| shape(Draw { kind: draw.kind.wrapping_add(further), ..draw }, cast))
}

fn nodes(names: &[String]) -> Vec<NodeName> {
    names.iter().map(|n| NodeName::from(n.as_str())).collect()
}

fn groups<'a>(names: impl Iterator<Item = &'a str>) -> Vec<GroupName> {
    names.map(GroupName::from).collect()
}

const AUXILIARIES: [&str; 2] = ["Cluster Group", "Available Storage"];

impl ClusterShape {
    fn write(&self, text: &mut String, seed: u64, standby: Option<&StandbyShape>) {
        let layout = self.layout();
        let names: Vec<String> = (1..=layout.nodes.len()).map(|i| format!("N{i}")).collect();
        let roles: Vec<String> = (1..=layout.roles.len()).map(|i| format!("R{i}")).collect();
        let one_a_node = self.kind != Kind::Generic;
        let topology = match self.kind {
            Kind::Ccr => "ccr",
            Kind::Scc => "scc",
            Kind::Generic => "generic",
        };
        let _ = write!(
            text,
            "---\napiVersion: rollward/v1\nkind: Cluster\nmetadata: {{name: main}}\nspec:\n  mode: act\n  topology: \
             {topology}\n  rollup: target\n  policy: policy\n  allowDowngrade: {}\n",
            self.allow_downgrade
        );
        write_nodes(text, &names, &layout.nodes, one_a_node);
        text.push_str("  groups:\n");
        for ((role, owners), shape) in roles.iter().zip(&layout.roles).zip(&self.roles) {
            let mut fields = vec!["kind: role".to_owned()];
            if let Some(preferred) = shape.preferred {
                fields.push(format!("preferredNodes: [{}]", names[owners[usize::from(preferred) % owners.len()]]));
            }
            if standby.is_some() && role == "R1" {
                fields.push("standbyTargets: [{cluster: standby, node: S1}]".to_owned());
            }
            let _ = writeln!(text, "    {role}: {{{}}}", fields.join(", "));
        }
        for name in AUXILIARIES.iter().take(layout.auxiliaries.len()) {
            let _ = writeln!(text, "    {name}: {{kind: auxiliary}}");
        }
        if layout.roles.is_empty() && layout.auxiliaries.is_empty() {
            text.truncate(text.len() - "  groups:\n".len());
        }
        let _ = write!(
            text,
            "  driver:\n    simulator:\n      seed: {seed}\n      timeScale: max\n      quorum: {{model: {}}}\n      \
             nodes:\n",
            layout.quorum
        );
        for (i, (name, node)) in names.iter().zip(&layout.nodes).enumerate() {
            let mut owns: Vec<String> =
                roles.iter().zip(&layout.roles).filter(|(_, o)| o[0] == i).map(|(r, _)| r.clone()).collect();
            let auxiliaries = AUXILIARIES.iter().zip(&layout.auxiliaries);
            owns.extend(auxiliaries.filter(|(_, o)| **o == i).map(|(name, _)| (*name).to_owned()));
            let _ = writeln!(text, "        {name}: {}", world_node(node, &owns));
        }
        if !roles.is_empty() {
            text.push_str("      groups:\n");
        }
        for ((role, owners), shape) in roles.iter().zip(&layout.roles).zip(&self.roles) {
            let list: Vec<&str> = owners.iter().map(|n| names[*n].as_str()).collect();
            let mut fields = vec![format!("possibleOwners: [{}]", list.join(", "))];
            if self.kind == Kind::Ccr {
                fields.push("copyQueueLength: 0".to_owned());
            }
            if shape.failback {
                fields.push(format!("failbackTo: {}", list[list.len() - 1]));
            }
            let _ = writeln!(text, "        {role}: {{{}}}", fields.join(", "));
        }
        let cast = Cast {
            nodes: nodes(&names),
            roles: groups(roles.iter().map(String::as_str)),
            auxiliaries: groups(AUXILIARIES.iter().take(layout.auxiliaries.len()).copied()),
            with_copies: if self.kind == Kind::Ccr { groups(roles.iter().map(String::as_str)) } else { Vec::new() },
            witness: matches!(layout.quorum, "fileShare" | "disk"),
        };
        write_faults(text, &self.faults, &cast);
    }
}

impl StandbyShape {
    fn write(&self, text: &mut String, seed: u64) {
        let count = if self.clustered { 2 } else { 1 };
        let names: Vec<String> = (1..=count).map(|i| format!("S{i}")).collect();
        text.push_str(
            "---\napiVersion: rollward/v1\nkind: Cluster\nmetadata: {name: standby}\nspec:\n  mode: act\n  topology: \
             standby\n  rollup: target\n  policy: policy\n",
        );
        write_nodes(text, &names, &self.nodes, true);
        if self.clustered {
            text.push_str("  groups:\n    Cluster Group: {kind: auxiliary}\n");
        }
        let quorum = if self.clustered { "fileShare" } else { "none" };
        let _ = write!(
            text,
            "  driver:\n    simulator:\n      seed: {}\n      timeScale: max\n      quorum: {{model: {quorum}}}\n      \
             nodes:\n",
            seed.wrapping_add(1)
        );
        for (i, (name, node)) in names.iter().zip(&self.nodes).enumerate() {
            let owns = if self.clustered && i == 0 { vec!["Cluster Group".to_owned()] } else { Vec::new() };
            let _ = writeln!(text, "        {name}: {}", world_node(node, &owns));
        }
        let cast = Cast {
            nodes: nodes(&names),
            auxiliaries: groups(AUXILIARIES.iter().take(usize::from(self.clustered)).copied()),
            witness: self.clustered,
            ..Cast::default()
        };
        write_faults(text, &self.faults, &cast);
    }
}
