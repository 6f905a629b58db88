//! What the other clusters are told of one.

use std::collections::{BTreeMap, BTreeSet};

use crate::desired::NodeSpec;
use crate::guard::{ClusterFacts, FleetFacts, RollState, roll_has_begun};
use crate::model::{Action, ClusterName, Known, MarkKind, NodeName, NodeRef, Phase, RollupName};
use crate::observed::{Membership, Node, Observation};
use crate::plan::Decision;
use crate::reconcile::Turn;

/// Where a failure was seen: rollup and signature.
type Failures = BTreeMap<(RollupName, String), BTreeSet<NodeRef>>;

/// What others need to know of a cluster after a look at it. What this look cannot tell of its roll is as it was before.
pub(super) fn cluster_facts(turn: &Turn, fleet: &FleetFacts) -> ClusterFacts {
    let desired = &turn.desired;
    let standby_clusters: BTreeSet<_> =
        desired.groups.values().flat_map(|g| &g.standby_targets).map(|t| t.cluster.clone()).collect();
    let facts = ClusterFacts {
        roll: RollState::Unknown,
        canary: desired.labels.get("rollward/canary").is_some_and(|value| value == "true"),
        acts: desired.acts(),
        standby_clusters,
        nodes: BTreeMap::new(),
        in_the_middle: Known::unknown("not looked at yet"),
    };
    let Some(look) = &turn.memory.last_look else { return facts };
    let seen = &*look.seen;
    let is_source = !facts.standby_clusters.is_empty();
    let nodes = seen
        .nodes
        .iter()
        .filter(|(name, _)| {
            let this = NodeRef { cluster: desired.name.clone(), node: NodeName::clone(name) };
            is_source || fleet.sources_of.contains_key(&this)
        })
        .map(|(name, node)| (name.clone(), (node.installed.clone(), is_out(node))))
        .collect();
    let before = fleet.clusters.get(&desired.name).map_or(&RollState::Unknown, |before| &before.roll);
    let roll = roll_state(turn, seen, &look.decision, before);
    ClusterFacts { roll, nodes, in_the_middle: middle(turn, seen), ..facts }
}

/// Out of service: not a full member, or paused by anybody.
fn is_out(node: &Node) -> Known<bool> {
    match (&node.membership, &node.paused) {
        (Known::Known { value: Membership::Up, at }, Known::Known { value: paused, .. }) => Known::seen(*paused, *at),
        (Known::Known { at, .. }, Known::Known { .. }) => Known::seen(true, *at),
        (Known::Unknown { why }, _) | (_, Known::Unknown { why }) => Known::unknown(why.clone()),
    }
}

fn roll_state(turn: &Turn, seen: &Observation, decision: &Decision, before: &RollState) -> RollState {
    if matches!(decision, Decision::Converged) {
        return RollState::Converged { since: turn.memory.converged_since };
    }
    // What was begun after the look counts too.
    if roll_has_begun(&turn.desired, seen) || pending_begins(turn).next().is_some() {
        return RollState::InRoll;
    }
    let untold = |(name, spec): (&NodeName, &NodeSpec)| {
        seen.nodes.get(name).is_none_or(|node| spec.rollup.standing(&node.installed).is_err())
    };
    match before {
        // A half that is updated may be the one that does not answer.
        RollState::InRoll if seen.marks.is_unknown() || turn.desired.nodes.iter().any(untold) => RollState::InRoll,
        RollState::Unknown | RollState::Converged { .. } if seen.marks.is_unknown() => RollState::Unknown,
        _ => RollState::Waiting,
    }
}

/// Begins that were given to the driver and whose end has not been seen.
fn pending_begins(turn: &Turn) -> impl Iterator<Item = &Action> {
    turn.memory.pending.iter().map(|p| &p.action).filter(|action| action.phase() == Phase::Begin)
}

/// The nodes that are in the middle of being worked on.
fn middle(turn: &Turn, seen: &Observation) -> Known<BTreeSet<NodeName>> {
    let begun = pending_begins(turn).filter_map(Action::node).cloned();
    let working = seen.nodes.iter().filter(|(_, n)| n.running_work().is_some()).map(|(name, _)| name.clone());
    let unmarked: BTreeSet<NodeName> = begun.chain(working).collect();
    seen.marks.map(|marks| {
        let marked = marks.iter().filter_map(|m| match &m.kind {
            MarkKind::Pause { node } => Some(node.clone()),
            MarkKind::InProgress { action } if action.phase() == Phase::Begin => action.node().cloned(),
            _ => None,
        });
        marked.chain(unmarked.iter().cloned()).collect()
    })
}

/// True if the difference may matter to another cluster; ages do not.
pub(super) fn differ(old: &ClusterFacts, new: &ClusterFacts) -> bool {
    let out = |facts: &ClusterFacts| -> Vec<_> {
        facts
            .nodes
            .iter()
            .map(|(name, (installed, out))| {
                let versions: Vec<_> =
                    installed.iter().map(|(package, version)| (package.clone(), value(version))).collect();
                (name.clone(), versions, value(out))
            })
            .collect()
    };
    old.roll != new.roll
        || old.canary != new.canary
        || old.acts != new.acts
        || value(&old.in_the_middle) != value(&new.in_the_middle)
        || out(old) != out(new)
}

fn value<T: Clone>(known: &Known<T>) -> Option<T> {
    match known {
        Known::Known { value, .. } => Some(value.clone()),
        Known::Unknown { .. } => None,
    }
}

/// The failures that a cluster's nodes remember.
pub(super) fn failures(turn: &Turn) -> Failures {
    let mut failures = Failures::new();
    let Some(look) = &turn.memory.last_look else { return failures };
    for (name, node) in &look.seen.nodes {
        let Known::Known { value: tries, .. } = &node.tries else { continue };
        let target = turn.desired.nodes.get(name).map(|spec| &spec.rollup);
        let mended = target.filter(|rollup| turn.desired.was_another_package(rollup, node)).map(|rollup| &rollup.name);
        for tries in tries.iter().filter(|t| t.failed > 0 && Some(&t.rollup) != mended) {
            failures
                .entry((tries.rollup.clone(), tries.signature.clone()))
                .or_default()
                .insert(NodeRef { cluster: turn.desired.name.clone(), node: name.clone() });
        }
    }
    failures
}

/// Puts a cluster's failures in place of its former ones; true if anything changed.
pub(super) fn update_failures(all: &mut Failures, cluster: &ClusterName, new: Failures) -> bool {
    let old: Failures = all
        .iter()
        .map(|(key, nodes)| {
            let own: BTreeSet<_> = nodes.iter().filter(|n| n.cluster == *cluster).cloned().collect();
            (key.clone(), own)
        })
        .filter(|(_, nodes)| !nodes.is_empty())
        .collect();
    if old == new {
        return false;
    }
    all.retain(|_, nodes| {
        nodes.retain(|n| n.cluster != *cluster);
        !nodes.is_empty()
    });
    for (key, nodes) in new {
        all.entry(key).or_default().extend(nodes);
    }
    true
}
