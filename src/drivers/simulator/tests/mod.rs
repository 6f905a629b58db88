//! Stories of single worlds: one small cluster each, one thing that happens, what is true then.

mod agreement;
mod failing;
mod keeping;
mod physics;
mod specs;

use std::time::Duration;

use super::Simulation;
use super::world::{ViolationKind, World};
use crate::desired::{self, Desired, SourceFile};
use crate::drivers::Drivers;
use crate::guard::Check;
use crate::model::time::later;
use crate::model::{Action, Answer, Claim, ClusterName, GroupName, HandoffStyle, Holder, NodeName, RollupName, Time};
use crate::observed::{GroupState, Membership, Work};

pub(super) const RU8: &str = "exchange-2007-sp3-ru8-v3";

/// A CCR pair: MBX1 on N1, the default group on N2.
pub(super) const CCR: &str = "
seed: 7
timeScale: max
quorum: {model: fileShare, witness: reachable}
nodes:
  N1: {version: 8.3.264.0, owns: [MBX1]}
  N2: {version: 8.3.264.0, owns: [Cluster Group]}
";

/// A standalone host.
pub(super) const HOST: &str = "
quorum: {model: none}
nodes: {N1: {version: 8.3.264.0}}
";

pub(super) fn manifest(topology: &str, nodes: &[&str], world: &str) -> String {
    let nodes: Vec<_> = nodes.iter().map(|n| format!("{n}: {{}}")).collect();
    let world = world.trim().replace('\n', "\n      ");
    format!(
        "apiVersion: rollward/v1
kind: Cluster
metadata: {{name: c1}}
spec:
  mode: act
  topology: {topology}
  rollup: {RU8}
  nodes: {{{}}}
  groups:
    MBX1: {{kind: role}}
    Cluster Group: {{kind: auxiliary}}
  policy: p
  driver:
    simulator:
      {world}
---
apiVersion: rollward/v1
kind: Policy
metadata: {{name: p}}
spec: {{handoff: {{when: anytime}}}}
---
apiVersion: rollward/v1
kind: Package
metadata: {{name: ru8}}
spec: {{rollup: {RU8}, path: p/Exchange2007-KB2756497-v3-x64-EN.msp, sha256: {}}}
",
        nodes.join(", "),
        "ab".repeat(32),
    )
}

pub(super) fn desired(text: &str) -> Desired {
    let reading = desired::read(&[SourceFile::from_bytes("t.yaml", text.as_bytes())], &Drivers);
    let said: Vec<_> = reading.diagnostics.iter().map(|d| d.one_line()).collect();
    assert!(!reading.has_errors(), "{said:#?}");
    reading.desired
}

/// A cluster to tell a story of, with a controller that has claimed it.
pub(super) struct Story {
    pub sim: Simulation,
    pub claim: Claim,
    pub cluster: std::sync::Arc<desired::Cluster>,
}

impl Story {
    pub fn of(topology: &str, world: &str) -> Story {
        let nodes: Vec<_> = ["N1", "N2", "N3", "N4"].into_iter().filter(|n| world.contains(&format!("{n}:"))).collect();
        let desired = desired(&manifest(topology, &nodes, world));
        let cluster = &desired.clusters[&ClusterName::from("c1")];
        let mut sim = Simulation::start(cluster, &desired.rollups).expect("a simulated cluster");
        let claim = Claim { epoch: 1, holder: Holder::from("us"), heartbeat: 0 };
        let now = sim.now();
        sim.claim_now(None, Some(claim.clone()), now);
        Story { sim, claim, cluster: cluster.clone() }
    }

    pub fn ccr(more: &str) -> Story {
        Self::of("ccr", &format!("{CCR}{more}"))
    }

    pub fn world(&self) -> &World {
        self.sim.world()
    }

    pub fn now(&self) -> Time {
        self.sim.now()
    }

    /// Begins an action with these checks.
    pub fn begin(&mut self, action: Action, checks: Vec<Check>) -> Answer {
        let now = self.sim.now();
        self.sim.order(action, Some(self.claim.clone()), checks, now)
    }

    /// Begins an action and waits until its work has ended.
    pub fn done(&mut self, action: Action) -> Option<Work> {
        let node = action.node().expect("an action on a node").clone();
        assert_eq!(self.begin(action.clone(), Vec::new()), Answer::Accepted, "{action}");
        for _ in 0..200 {
            if self.world().nodes[&node].running().is_none() {
                return self.world().nodes[&node].work.clone();
            }
            let next = self.sim.next_event()?;
            self.sim.advance_to(next);
        }
        None
    }

    /// How work ended that was begun and waited for.
    pub fn failure(&mut self, action: Action) -> Option<String> {
        self.done(action).expect("work that ends").ended.expect("an end").failure
    }

    pub fn poke(&mut self, words: &str) -> Result<String, String> {
        let now = self.sim.now();
        self.sim.poke(words.parse().map_err(|e: super::hand::HandError| e.to_string())?, now)
    }

    pub fn wait(&mut self, minutes: u64) {
        let to = later(self.sim.now(), Duration::from_secs(60 * minutes));
        self.sim.advance_to(to);
    }

    pub fn owner(&self, group: &str) -> &str {
        self.world().groups[group].owner.as_str()
    }

    pub fn state(&self, group: &str) -> GroupState {
        self.world().groups[group].state
    }

    pub fn membership(&mut self, node: &str) -> Option<Membership> {
        let now = self.sim.now();
        match self.sim.observe_now(now).nodes[node].membership {
            crate::model::Known::Known { value, .. } => Some(value),
            _ => None,
        }
    }

    pub fn violations(&self) -> Vec<ViolationKind> {
        self.sim.violations().iter().map(|v| v.kind).collect()
    }
}

pub(super) fn n(name: &str) -> NodeName {
    name.into()
}

pub(super) fn g(name: &str) -> GroupName {
    name.into()
}

pub(super) fn ru8() -> RollupName {
    RU8.into()
}

pub(super) fn stage(node: &str) -> Action {
    Action::Stage { node: n(node), rollup: ru8() }
}

pub(super) fn install(node: &str) -> Action {
    Action::Install { node: n(node), rollup: ru8() }
}

pub(super) fn pause(node: &str) -> Action {
    Action::Pause { node: n(node) }
}

pub(super) fn resume(node: &str) -> Action {
    Action::Resume { node: n(node), quarantine: None }
}

pub(super) fn move_group(group: &str, from: &str, to: &str) -> Action {
    Action::MoveGroup { group: g(group), from: n(from), to: n(to) }
}

pub(super) fn handoff(group: &str, from: &str, to: &str) -> Action {
    Action::Handoff { group: g(group), from: n(from), to: n(to), style: HandoffStyle::Online }
}
