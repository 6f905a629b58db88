//! A case as the planner sees it: one cluster is read from its manifest and looked at; then its facts are changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rollward::desired::{Cluster, Minimise, Policy};
use rollward::drivers::simulator::Simulation;
use rollward::guard::{DriverTraits, Facts, FleetFacts, Forecast, History, RuleSet};
use rollward::model::{Claim, GroupName, Holder, Known, NodeName, PackageName, Time, Version};
use rollward::observed::{Membership, Observation, Quorum, SideEffect, Tries, View};
use rollward::plan;

use super::rules::{Case, Held};
use crate::estates::read;

/// Installed versions by level.
const VERSIONS: [&str; 4] = ["8.3.245.2", "8.3.264.0", "8.3.279.6", "8.3.298.3"];

/// The facts of a cluster of one shape.
#[derive(Clone)]
pub struct Stage {
    pub desired: Cluster,
    pub seen: Observation,
    fleet: FleetFacts,
    history: History,
    forecast: Forecast,
    foreseen: Known<Vec<SideEffect>>,
    traits: DriverTraits,
    now: Time,
    versions: Vec<Version>,
    pub nodes: Vec<NodeName>,
    pub roles: Vec<GroupName>,
}

impl Stage {
    /// So many nodes and roles, everything stale, staged and claimed, and nothing in the way.
    pub fn new(nodes: usize, roles: usize) -> Stage {
        let desired = read(&manifest(nodes, roles)).expect("the manifest is sound");
        let cluster = desired.clusters.values().next().expect("there is a cluster");
        let mut world = Simulation::start(cluster, &desired.rollups).expect("the world is sound");
        let now = world.now();
        let mut seen = world.observe_now(now);
        let packages = cluster.packages.iter().map(|(file, at)| (file.clone(), at.sha256.clone()));
        let staged: BTreeMap<_, _> = packages.collect();
        for node in seen.nodes.values_mut() {
            node.staged = Known::seen(staged.clone(), now);
        }
        let holder = Holder::from("oracle");
        seen.claim = Known::seen(Some(Claim { epoch: 1, holder: holder.clone(), heartbeat: 1 }), now);
        let history = History { claimed_at: Some(now), ..History::new(holder) };
        let rollup = &cluster.nodes.values().next().expect("there is a node").rollup;
        Stage {
            fleet: FleetFacts::default(),
            forecast: plan::forecast(cluster, &BTreeMap::new()),
            foreseen: Known::seen(Vec::new(), now),
            traits: world.traits(),
            versions: VERSIONS.iter().map(|v| Version::parse(rollup.install, v).expect("a version")).collect(),
            nodes: seen.nodes.keys().cloned().collect(),
            roles: (1..=roles).map(|r| GroupName::from(format!("R{r}").as_str())).collect(),
            desired: Cluster::clone(cluster),
            history,
            seen,
            now,
        }
    }

    /// Puts a case of this shape on it.
    pub fn set(&mut self, case: &Case) {
        let at = self.now;
        let up = |n: usize| !case.nodes[n].down;
        let members: Arc<BTreeSet<NodeName>> =
            Arc::new(self.nodes.iter().enumerate().filter(|(n, _)| up(*n)).map(|(_, name)| name.clone()).collect());
        for (name, as_is) in self.nodes.iter().zip(&case.nodes) {
            let spec = self.desired.nodes.get_mut(name).expect("declared");
            spec.max_roles = Some(u32::from(as_is.room));
            spec.hold = (as_is.held == Held::ByManifest).then(|| "left alone".to_owned());
            let baseline = spec.rollup.baseline.clone();
            let node = self.seen.nodes.get_mut(name).expect("seen");
            let version = self.versions[usize::from(as_is.level)].clone();
            node.installed.insert(PackageName::from(PackageName::PRODUCT), Known::seen(Some(version.clone()), at));
            node.baseline = Known::seen(if as_is.held == Held::ByVersion { Some(version) } else { baseline }, at);
            let failed = Tries {
                rollup: spec.rollup.name.clone(),
                failed: 9,
                signature: "1603".to_owned(),
                at,
                retryable: false,
            };
            node.tries = Known::seen(if as_is.held == Held::ByBudget { vec![failed] } else { Vec::new() }, at);
            node.membership = Known::seen(if as_is.down { Membership::Down } else { Membership::Up }, at);
            node.cluster_service = Known::seen(!as_is.down, at);
        }
        let view = |from: &NodeName| View { from: from.clone(), quorate: true, members: Arc::clone(&members), at };
        self.seen.views = members.iter().map(view).collect();
        let node_votes = members.len() as u32;
        self.seen.quorum = Known::seen(Quorum { standalone: false, node_votes, needed: 0, witness: None }, at);
        for (name, as_is) in self.roles.iter().zip(&case.roles) {
            let group = self.seen.groups.get_mut(name).expect("seen");
            group.owner = Known::seen(Some(self.nodes[usize::from(as_is.owner)].clone()), at);
            let owners = self.nodes.iter().enumerate().filter(|(n, _)| as_is.owners & (1 << n) != 0);
            group.possible_owners = Known::seen(Arc::new(owners.map(|(_, name)| name.clone()).collect()), at);
            let spec = self.desired.groups.get_mut(name).expect("declared");
            spec.preferred_nodes = as_is.preferred.iter().map(|n| self.nodes[usize::from(*n)].clone()).collect();
            spec.weight = u32::from(as_is.weight);
        }
        self.desired.allow_downgrade = case.downgrade;
        let out = case.nodes.iter().filter(|node| node.down).count() as u32;
        let policy: &mut Policy = Arc::make_mut(&mut self.desired.policy);
        policy.limits.max_unavailable = 1 + out;
        policy.handoff.minimise = if case.outage { Minimise::Outage } else { Minimise::Handoffs };
    }

    pub fn ask<T>(&self, question: impl FnOnce(&Facts<'_>) -> T) -> T {
        question(&Facts {
            desired: &self.desired,
            seen: &self.seen,
            fleet: &self.fleet,
            history: &self.history,
            forecast: &self.forecast,
            foreseen: &self.foreseen,
            traits: self.traits,
            rules: RuleSet::ALL,
            now: self.now,
        })
    }
}

fn manifest(nodes: usize, roles: usize) -> String {
    let names = |prefix: &str, count: usize, what: &str| -> String {
        (1..=count).map(|i| format!("{prefix}{i}: {what}")).collect::<Vec<_>>().join(", ")
    };
    let owned: Vec<String> = (1..=roles).map(|r| format!("R{r}")).collect();
    let owns = |node: usize| if node == 1 { owned.join(", ") } else { String::new() };
    let world: Vec<String> =
        (1..=nodes).map(|n| format!("N{n}: {{version: {}, owns: [{}]}}", VERSIONS[0], owns(n))).collect();
    format!(
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
  handoff: {{when: anytime}}
  work: {{when: anytime}}
  limits: {{soak: 0s, retries: 2, haltAfterFailedNodes: 99}}
---
apiVersion: rollward/v1
kind: Cluster
metadata: {{name: oracle}}
spec:
  mode: act
  topology: generic
  rollup: exchange-2007-sp3-ru8-v3
  policy: policy
  nodes: {{{}}}
  groups: {{{}}}
  driver:
    simulator:
      seed: 1
      timeScale: max
      quorum: {{model: disk}}
      nodes: {{{}}}
"#,
        names("N", nodes, "{}"),
        names("R", roles, "{kind: role}"),
        world.join(", "),
    )
}
