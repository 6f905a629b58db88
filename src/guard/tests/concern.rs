//! What is kept of a large fleet leads to the same holds, in the same words, as all of it.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::Config;

use super::*;
use crate::guard::testing::*;
use crate::guard::{RollState, concerning};
use crate::model::{ClusterName, NodeRef};

/// A cluster of a fleet: where it is in its roll, whether it is a canary, whether it acts, and for whom it stands by.
type Drawn = (u8, bool, bool, Option<u8>);

fn roll(pick: u8, now: Time) -> RollState {
    match pick {
        0 => RollState::Unknown,
        1 => RollState::InRoll,
        2..6 => RollState::Waiting,
        6 => RollState::Converged { since: None },
        ago => RollState::Converged { since: Some(now - Duration::from_secs(60 * u64::from(ago))) },
    }
}

proptest! {
    #![proptest_config(Config::with_cases(256))]

    #[test]
    fn what_is_left_of_a_fleet_says_what_all_of_it_says(
        drawn in proptest::collection::vec((0..60u8, prop::bool::weighted(0.03), prop::bool::weighted(0.9), prop::option::weighted(0.2, 0..100u8)), 100),
        quiet: bool, in_rolls in 0..3u32, canaries in 0..4u32, soak in 0..50u64, names_us in 0..20usize,
    ) {
        let mut story = Story::ccr();
        let name = |n: usize| ClusterName::new(format!("c{n:03}"));
        for (n, (pick, canary, acts, stands_by)) in drawn.iter().enumerate() {
            let drawn: &Drawn = &(*pick, *canary, *acts, *stands_by);
            // Mostly, something is in its roll; where it is quiet the other limits say something.
            let mut facts = cluster_facts(roll(if quiet { drawn.0.max(2) } else { drawn.0 }, story.now));
            (facts.canary, facts.acts) = (drawn.1, drawn.2);
            if let Some(target) = drawn.3 {
                facts.standby_clusters = [name(target.into())].into();
                let target = NodeRef { cluster: name(target.into()), node: "N".into() };
                story.fleet.sources_of.entry(target).or_default().insert((name(n), "R".into()));
            }
            story.fleet.clusters.insert(name(n), facts);
        }
        story.fleet.clusters.insert("mbx-ccr-01".into(), cluster_facts(RollState::Waiting));
        // Some of them stand by for us, and we for them.
        for n in 0..names_us {
            let (target, us) = (NodeRef { cluster: name(n), node: "N".into() }, NodeRef { cluster: "mbx-ccr-01".into(), node: "EXNODE2".into() });
            if n % 2 == 0 {
                story.fleet.sources_of.entry(us).or_default().insert((name(n * 3), "R".into()));
            } else {
                story.fleet.sources_of.entry(target.clone()).or_default().insert(("mbx-ccr-01".into(), "MBX1".into()));
                if let Some(group) = story.desired.groups.get_mut("MBX1") {
                    group.standby_targets.push(target);
                }
            }
        }
        let policy = &mut story.fleet.policy;
        (policy.max_clusters_in_roll, policy.canaries) = (in_rolls, canaries);
        policy.soak_between_clusters = Duration::from_secs(60 * soak);

        let left = Story { fleet: concerning(&story.facts()), ..story.clone() };
        prop_assert!(left.fleet.clusters.len() < 101);
        for action in [pause("EXNODE2"), stage("EXNODE2"), install("EXNODE2"), handoff("MBX1", "EXNODE1", "EXNODE2")] {
            prop_assert_eq!(story.holds(&action), left.holds(&action));
        }
        prop_assert_eq!(crate::plan::decide(&story.facts()), crate::plan::decide(&left.facts()));
    }
}
