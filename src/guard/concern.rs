//! What of a fleet can matter to one cluster. A decision of one cluster among ten thousand rests on a few others; what is kept
//! of it must not be all of them.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::{ClusterFacts, Facts, FleetFacts, RollState};
use crate::model::{ClusterName, GroupName, Known, NodeRef};

/// A fleet of so many clusters matters as it is.
const FEW: usize = 64;

/// The fleet as far as it can matter to the cluster of these facts: every rule says the same of it, in the same words. The
/// clusters that stay are its relations, those that count as being in a roll, the canaries, and the last one that converged.
pub fn concerning(facts: &Facts<'_>) -> FleetFacts {
    let (me, fleet) = (&facts.desired.name, facts.fleet);
    if fleet.clusters.len() <= FEW {
        return fleet.clone();
    }
    let own = fleet.sources_of.iter().filter(|(target, _)| target.cluster == *me).flat_map(|(_, of)| of);
    let own: BTreeSet<_> = own.collect();
    let related = |(target, of): &(&NodeRef, &BTreeSet<(ClusterName, GroupName)>)| {
        target.cluster == *me || of.iter().any(|source| source.0 == *me || own.contains(source))
    };
    let sources_of = fleet.sources_of.iter().filter(related).map(|(target, of)| (target.clone(), of.clone()));
    let sources_of: BTreeMap<_, _> = sources_of.collect();

    let mut names: BTreeSet<&ClusterName> = BTreeSet::from([me]);
    names.extend(sources_of.keys().map(|target| &target.cluster));
    names.extend(sources_of.values().flatten().map(|(cluster, _)| cluster));
    names.extend(facts.desired.groups.values().flat_map(|group| &group.standby_targets).map(|target| &target.cluster));
    for group in facts.seen.groups.values() {
        if let Known::Known { value: copies, .. } = &group.standby_copies {
            names.extend(copies.iter().map(|copy| &copy.target.cluster));
        }
    }
    names.extend(in_rolls(me, fleet));
    names.extend(canaries(fleet));
    names.extend(last_converged(me, fleet));

    let clusters = names.into_iter().filter_map(|name| fleet.clusters.get_key_value(name));
    FleetFacts {
        policy: fleet.policy.clone(),
        clusters: clusters.map(|(name, cluster)| (name.clone(), cluster.clone())).collect(),
        sources_of,
        failures: fleet.failures.clone(),
        stops: fleet.stops.clone(),
    }
}

/// Those that count against the limit, as many as are asked for or shown; and the first that is surely in its roll.
fn in_rolls<'a>(me: &'a ClusterName, fleet: &'a FleetFacts) -> impl Iterator<Item = &'a ClusterName> {
    let enough = (fleet.policy.max_clusters_in_roll as usize).max(super::rules::FLEET_SHOWN);
    let acting = move || fleet.clusters.iter().filter(move |(name, cluster)| *name != me && cluster.acts);
    let taken = acting().filter(|(_, cluster)| matches!(cluster.roll, RollState::InRoll | RollState::Unknown));
    let surely = acting().filter(|(_, cluster)| cluster.roll == RollState::InRoll).take(1);
    taken.take(enough).chain(surely).map(|(name, _)| name)
}

/// Those that go first, with the standby clusters that they wait for.
fn canaries(fleet: &FleetFacts) -> BTreeSet<&ClusterName> {
    let of = |canary: bool| fleet.clusters.iter().filter(move |(_, cluster)| cluster.acts && cluster.canary == canary);
    let first = of(true).chain(of(false)).map(|(name, _)| name).take(fleet.policy.canaries as usize);
    let mut queue: Vec<&ClusterName> = first.collect();
    let mut found = BTreeSet::new();
    while let Some(name) = queue.pop() {
        if found.insert(name) {
            queue.extend(fleet.clusters.get(name).into_iter().flat_map(|cluster| &cluster.standby_clusters));
        }
    }
    found
}

fn last_converged<'a>(me: &ClusterName, fleet: &'a FleetFacts) -> Option<&'a ClusterName> {
    let since = |(name, cluster): (&'a ClusterName, &'a ClusterFacts)| match cluster.roll {
        RollState::Converged { since: Some(since) } if name != me && cluster.acts => Some((since, name)),
        _ => None,
    };
    fleet.clusters.iter().filter_map(since).max().map(|(_, name)| name)
}
