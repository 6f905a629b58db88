//! What to change where no step leads to the target.

use proptest::prelude::*;

use super::worlds::any_world;
use crate::guard::Facts;
use crate::model::{Known, RuleName};
use crate::observed::Membership;
use crate::plan::suppose::{Supposed, Supposition};
use crate::plan::testing::{NEW, World, now};
use crate::plan::unroll::reaches_target;
use crate::plan::{Relaxation, plan, relax};

fn relaxed(world: &World) -> Option<Relaxation> {
    world.ask(|facts| relax(facts, &plan(facts)))
}

/// The changes in words, or that there are none.
fn changes(world: &World) -> String {
    match relaxed(world) {
        Some(Relaxation { changes, smallest }) => {
            let changes: Vec<_> = changes.iter().map(ToString::to_string).collect();
            format!("{}{}", if smallest { "" } else { "at most " }, changes.join(" and "))
        }
        None => "nothing".into(),
    }
}

fn reaches(facts: &Facts<'_>, changes: &[Supposition]) -> bool {
    reaches_target(&Supposed::new(facts, changes).facts(facts))
}

#[test]
fn a_roll_that_goes_through_needs_no_change() {
    assert_eq!(changes(&World::ccr()), "nothing");
}

#[test]
fn what_passes_by_itself_needs_no_change() {
    let world = World::ccr().with(|world| world.node_mut("B").membership.suppose(Membership::Down, now()));
    assert_eq!(changes(&world), "nothing");
}

#[test]
fn a_line_that_holds_the_only_other_node_is_named() {
    let world = World::ccr().wanted(|cluster| cluster.nodes.get_mut("B").unwrap().hold = Some("disk".into()));
    assert_eq!(changes(&world), "node B unheld");
    let how = relaxed(&world).map(|relaxation| relaxation.changes[0].how(&world.desired));
    assert_eq!(how.as_deref(), Some("take `hold:` out of the line of B"));
}

#[test]
fn two_obstacles_are_both_named_and_nothing_else() {
    let world = World::ccr()
        .wanted(|cluster| {
            cluster.nodes.get_mut("B").unwrap().hold = Some("disk".into());
            cluster.packages.clear();
        })
        .with(|world| world.node_mut("A").interim_updates.suppose(vec!["KB1".into()], now()));
    assert_eq!(changes(&world), "node A cured and node B unheld and package present");
}

#[test]
fn a_role_that_may_run_nowhere_else_is_named_with_a_node_for_it() {
    let world = World::scc(3, 1)
        .with(|world| world.group_mut("MBX1").possible_owners.suppose(std::sync::Arc::new(["N1".into()].into()), now()))
        .installed("N2", NEW)
        .installed("N3", NEW);
    assert_eq!(changes(&world), "role MBX1 may run on N2");
}

#[test]
fn every_supposition_reads_as_it_is_written() {
    let all = [
        Supposition::Up("N1".into()),
        Supposition::Resumed("N1".into()),
        Supposition::Unheld("N1".into()),
        Supposition::Cured("N1".into()),
        Supposition::Roomy("N1".into()),
        Supposition::Healthy("Mailbox group".into()),
        Supposition::MayRun("Mailbox group".into(), "N1".into()),
        Supposition::Stays("MBX1".into()),
        Supposition::WitnessUp,
        Supposition::WindowOpen,
        Supposition::Approved,
        Supposition::PackagePresent,
        Supposition::TargetsReachable,
        Supposition::DowngradeAllowed,
        Supposition::NoMargin,
        Supposition::OneMoreOut,
        Supposition::StopLifted,
        Supposition::NotPreferred("MBX1".into()),
        Supposition::Online,
        Supposition::OtherMinimum,
        Supposition::MayAct,
        Supposition::Waived(RuleName::Soak),
    ];
    for supposition in all {
        assert_eq!(supposition.to_string().parse(), Ok(supposition));
    }
    let refused = "node up".parse::<Supposition>().map_err(|error| error.to_string());
    assert!(refused.is_err_and(|text| text.contains("`node NODE up`")));
}

#[test]
fn a_node_that_is_supposed_up_is_worked_on() {
    let world = World::ccr().with(|world| {
        let why = "no answer".into();
        *world.node_mut("B") = crate::observed::Node::unknown(&why);
        if let Known::Known { value, .. } = &mut world.seen.quorum {
            value.node_votes -= 1;
        }
    });
    assert!(!world.ask(|facts| reaches(facts, &[])));
    assert!(world.ask(|facts| reaches(facts, &["node B up".parse().unwrap()])));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_named_is_enough_and_none_of_it_can_be_left_out(world in any_world()) {
        let Some(Relaxation { changes, .. }) = relaxed(&world) else { return Ok(()) };
        prop_assert!(!changes.is_empty());
        world.ask(|facts| {
            assert!(reaches(facts, &changes), "{changes:?}");
            for left_out in &changes {
                let rest: Vec<_> = changes.iter().filter(|change| *change != left_out).cloned().collect();
                assert!(!reaches(facts, &rest), "{left_out} is not needed among {changes:?}");
            }
        });
    }
}
