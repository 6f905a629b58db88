//! `fleet`: only so many clusters are in a roll at once, canaries go first, and some time passes between clusters.
//!
//! A cluster in its roll passes: it is finished, not held half-way. So does one that holds standby copies for a cluster
//! in its roll, which waits for it.

use std::collections::BTreeSet;

use super::{Rule, say};
use crate::guard::Facts;
use crate::guard::facts::{ClusterFacts, FleetFacts, RollState, roll_has_begun};
use crate::model::time::{later, stamp, words};
use crate::model::{Action, ClusterName, Evidence, Hold, ReleaseKind, RuleName, Subject};

pub(super) const RULE: Rule = Rule {
    name: RuleName::Fleet,
    judges: "the first begin of a roll",
    judges_finishing: false,
    says_no_to: "more clusters in a roll than allowed, going before the canaries or within the soak between clusters, or \
                 taking a slot when the node's install is held",
    judge,
    checks: super::no_checks,
};

fn judge(action: &Action, facts: &Facts<'_>) -> Result<(), Hold> {
    let (me, fleet) = (&facts.desired.name, facts.fleet);
    if roll_has_begun(facts.desired, facts.seen) || stands_by_for_a_roll(me, fleet) {
        return Ok(());
    }
    slot_is_of_use(action, facts)?;
    slot_is_free(me, fleet)?;
    canaries_are_done(me, fleet)?;
    soaked(me, facts)
}

/// Copying a package ahead takes the cluster's slot, so it must not be what waits for another cluster's turn.
fn slot_is_of_use(action: &Action, facts: &Facts<'_>) -> Result<(), Hold> {
    let Action::Stage { node, .. } = action else { return Ok(()) };
    let pause = Action::Pause { node: node.clone() };
    let worth = [
        RuleName::StandbyFirst,
        RuleName::Version,
        RuleName::Package,
        RuleName::Quorum,
        RuleName::MaxUnavailable,
        RuleName::Window,
        RuleName::Preflight,
    ];
    facts.rules.those(&worth).try_for_each(|rule| super::verdict(rule, &pause, facts))
}

fn others<'a>(me: &'a ClusterName, fleet: &'a FleetFacts) -> impl Iterator<Item = (&'a ClusterName, &'a ClusterFacts)> {
    fleet.clusters.iter().filter(move |(name, c)| *name != me && c.acts)
}

fn stands_by_for_a_roll(me: &ClusterName, fleet: &FleetFacts) -> bool {
    others(me, fleet).any(|(_, c)| c.roll == RollState::InRoll && c.standby_clusters.contains(me))
}

fn roll_evidence(name: &ClusterName, cluster: &ClusterFacts) -> Evidence {
    let value = match cluster.roll {
        RollState::Unknown => "unknown: not looked at yet",
        RollState::Waiting => "waiting",
        RollState::InRoll => "in its roll",
        RollState::Converged { .. } => "converged",
    };
    Evidence::timeless(format!("cluster {name}"), value)
}

/// A cluster that nobody has looked at yet may be in its roll.
fn slot_is_free(me: &ClusterName, fleet: &FleetFacts) -> Result<(), Hold> {
    let allowed = fleet.policy.max_clusters_in_roll as usize;
    let taken = || others(me, fleet).filter(|(_, c)| matches!(c.roll, RollState::InRoll | RollState::Unknown));
    if taken().take(allowed).count() < allowed {
        return Ok(());
    }
    let mut evidence: Vec<_> = taken().take(SHOWN).map(|(name, c)| roll_evidence(name, c)).collect();
    evidence.push(Evidence::timeless("fleet.maxClustersInRoll", allowed));
    let (kind, what) = if allowed == 0 {
        (ReleaseKind::Manifest, "released by a `maxClustersInRoll` of at least 1".to_owned())
    } else if taken().any(|(_, c)| c.roll == RollState::InRoll) {
        (ReleaseKind::Progress, "released when a cluster in its roll has converged".to_owned())
    } else {
        (ReleaseKind::Observation, "released when the other clusters have been looked at".to_owned())
    };
    Err(say::hold(RuleName::Fleet, Subject::Cluster(me.clone()), evidence, kind, what))
}

/// So many clusters of a fleet are shown as evidence; a thousand waiting ones would say no more.
pub(in crate::guard) const SHOWN: usize = 5;

/// The canaries: the first by name, those labelled so before all others, with the standby clusters they depend on.
fn canaries_are_done(me: &ClusterName, fleet: &FleetFacts) -> Result<(), Hold> {
    let wanted = fleet.policy.canaries as usize;
    if wanted == 0 {
        return Ok(());
    }
    let acting = || fleet.clusters.iter().filter(|(_, c)| c.acts);
    let labelled = acting().filter(|(_, c)| c.canary);
    let rest = acting().filter(|(_, c)| !c.canary);
    let mut canaries: BTreeSet<&ClusterName> = BTreeSet::new();
    let mut queue: Vec<&ClusterName> = labelled.chain(rest).map(|(name, _)| name).take(wanted).collect();
    while let Some(name) = queue.pop() {
        if canaries.insert(name)
            && let Some(cluster) = fleet.clusters.get(name)
        {
            queue.extend(cluster.standby_clusters.iter().filter(|n| fleet.clusters.get(*n).is_some_and(|c| c.acts)));
        }
    }
    if canaries.contains(me) {
        return Ok(());
    }
    let waited_for = || {
        canaries
            .iter()
            .filter_map(|name| fleet.clusters.get_key_value(*name))
            .filter(|(_, c)| !matches!(c.roll, RollState::Converged { .. }))
    };
    if waited_for().next().is_none() {
        return Ok(());
    }
    let evidence = waited_for().take(SHOWN).map(|(name, c)| roll_evidence(name, c)).collect();
    let names = say::list(waited_for().map(|(name, _)| name));
    let what = format!("released when the canaries have converged: {names}");
    Err(say::hold(RuleName::Fleet, Subject::Cluster(me.clone()), evidence, ReleaseKind::Progress, what))
}

fn soaked(me: &ClusterName, facts: &Facts<'_>) -> Result<(), Hold> {
    let soak = facts.fleet.policy.soak_between_clusters;
    if soak.is_zero() {
        return Ok(());
    }
    let last = others(me, facts.fleet)
        .filter_map(|(name, c)| match c.roll {
            RollState::Converged { since: Some(since) } => Some((since, name)),
            _ => None,
        })
        .max();
    let Some((since, name)) = last else { return Ok(()) };
    let end = later(since, soak);
    if facts.now >= end {
        return Ok(());
    }
    let evidence = Evidence::new(format!("cluster {name}"), format!("converged since {}", stamp(since)), since);
    let what = format!("released at {}, {} after {name} converged", stamp(end), words(soak));
    Err(say::hold(RuleName::Fleet, Subject::Cluster(me.clone()), vec![evidence], ReleaseKind::Time(end), what))
}
