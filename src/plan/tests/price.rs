//! What constraints cost.

use std::time::Duration;

use super::worlds::any_world;
use crate::desired::Minimise;
use crate::desired::resolved::Failback;
use crate::model::{ActionKind, Spread};
use crate::plan::testing::World;
use crate::plan::{other_minimum, plan, price};
use proptest::prelude::*;

/// The bill of one constraint: handoffs, seconds of outage.
fn bill(world: &World, constraint: &str) -> Option<(i64, i64)> {
    world.ask(|facts| {
        let prices = price(facts, &plan(facts));
        let found = prices.iter().find(|price| price.without.to_string() == constraint)?;
        let handoffs = i64::from(found.with.handoffs) - i64::from(found.then.handoffs);
        Some((handoffs, found.with.outage.as_secs() as i64 - found.then.outage.as_secs() as i64))
    })
}

#[test]
fn a_preferred_node_costs_the_handoff_back() {
    let world = World::ccr()
        .policy(|policy| policy.handoff.failback = Failback::AtEnd)
        .wanted(|cluster| cluster.groups.get_mut("MBX").unwrap().preferred_nodes = vec!["A".into()]);
    let one = world.ask(|facts| plan(facts).roles[0].1.median.as_secs() as i64 / 2);
    assert_eq!(world.plan().handoffs.planned, 2);
    assert_eq!(bill(&world, "role MBX not preferred"), Some((1, one)));
    assert_eq!(bill(&World::ccr(), "role MBX not preferred"), None);
}

#[test]
fn two_actives_without_a_spare_pay_one_handoff_for_their_room() {
    let world = World::scc(2, 2).wanted(|cluster| {
        cluster.nodes.values_mut().for_each(|spec| spec.max_roles = Some(2));
    });
    let planned = world.plan().handoffs;
    assert_eq!((planned.planned, planned.floor), (3, 2));
}

#[test]
fn the_other_minimum_is_named_where_it_saves_much() {
    // One role is dear and three are cheap: moving the three twice is less outage than moving the dear one twice.
    let world = World::scc(2, 2)
        .wanted(|cluster| cluster.nodes.values_mut().for_each(|spec| spec.max_roles = Some(9)))
        .role("MBX3", "N2")
        .with(|world| {
            let dear = Duration::from_secs(1000);
            let spread = Spread { median: dear, p95: dear };
            world.forecast.by_group.insert((ActionKind::Handoff, "MBX1".into()), spread);
        });
    let saved = world.ask(|facts| other_minimum(facts, &plan(facts)));
    let saved = saved.expect("another order has less outage");
    assert!(saved.then.outage * 5 < saved.with.outage * 4, "{saved:?}");
    let settled = world.policy(|policy| policy.handoff.minimise = Minimise::Outage);
    assert_eq!(settled.ask(|facts| other_minimum(facts, &plan(facts))).map(|price| price.then.outage), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_price_is_never_for_a_plan_that_costs_more_in_every_way(world in any_world()) {
        world.ask(|facts| {
            for price in price(facts, &plan(facts)) {
                let (with, then) = (price.with, price.then);
                assert!(then.handoffs < with.handoffs || then.outage < with.outage || then.elapsed < with.elapsed);
            }
        });
    }
}
