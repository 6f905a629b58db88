//! What the clusters of a fleet know of each other, when one of them cannot be seen.

use std::time::Duration;

use rollward::fleet::simulated::{End, Simulated};
use rollward::guard::{ClusterFacts, RollState, RuleSet};
use rollward::model::{ClusterName, Known};
use rollward::observed::Observation;
use rollward::simulate::open;

use crate::estates::{self, CCR};

/// Two pairs, of which one may be in its roll at a time.
fn two_pairs() -> Simulated {
    let shape = format!("{CCR}{}", CCR.replace("name: ccr", "name: other"));
    open(&estates::estate(&shape, "when: anytime"), RuleSet::ALL).expect("the worlds are sound")
}

fn known<'a>(fleet: &'a Simulated, name: &ClusterName) -> &'a ClusterFacts {
    &fleet.fleet.facts().clusters[name]
}

/// Shows the fleet nothing of a cluster but that it is not there to be seen.
fn lose_sight(fleet: &mut Simulated, name: &ClusterName) {
    let seen = fleet.look(name).expect("it is there");
    let (nodes, groups) = (seen.nodes.keys().cloned(), seen.groups.keys().cloned());
    let blind = Observation::blind(name, seen.at, nodes, groups, &"no route to host".into());
    let now = fleet.clock();
    fleet.fleet.look(name, &blind, now);
}

/// Runs until the first pair is in the middle of a node.
fn in_the_middle(fleet: &mut Simulated, name: &ClusterName) {
    for _ in 0..600 {
        fleet.run(Duration::from_secs(1));
        if known(fleet, name).in_the_middle.surely(|nodes| !nodes.is_empty()) {
            return;
        }
    }
    panic!("nothing was begun:\n{}", fleet.story());
}

#[test]
fn a_cluster_that_is_lost_sight_of_keeps_its_slot() {
    let (mut fleet, first, second) = (two_pairs(), ClusterName::from("ccr"), ClusterName::from("other"));
    in_the_middle(&mut fleet, &first);
    assert_eq!((&known(&fleet, &first).roll, &known(&fleet, &second).roll), (&RollState::InRoll, &RollState::Waiting));
    lose_sight(&mut fleet, &first);
    assert_eq!(known(&fleet, &first).roll, RollState::InRoll);
    assert!(matches!(&known(&fleet, &first).in_the_middle, Known::Unknown { why } if &**why == "no route to host"));
    // One that waits has begun nothing, whatever else happens to it.
    lose_sight(&mut fleet, &second);
    assert_eq!(known(&fleet, &second).roll, RollState::Waiting);
}

#[test]
fn a_cluster_that_nobody_has_seen_yet_may_be_in_its_roll() {
    let (mut fleet, first, second) = (two_pairs(), ClusterName::from("ccr"), ClusterName::from("other"));
    lose_sight(&mut fleet, &first);
    assert_eq!(known(&fleet, &first).roll, RollState::Unknown);
    assert_eq!(fleet.run(Duration::from_secs(24 * 3600)), End::Converged);
    lose_sight(&mut fleet, &second);
    assert_eq!(known(&fleet, &second).roll, RollState::Unknown, "what has become of it nobody knows");
}
