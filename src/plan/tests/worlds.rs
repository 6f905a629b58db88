//! Random small worlds: what holds for each of them.

use proptest::prelude::*;

use crate::desired::Topology;
use crate::model::{Known, MarkKind, Standing};
use crate::observed::{GroupState, Membership, effect};
use crate::plan::testing::{NEW, OLD, World, now};
use crate::plan::{Decision, explain};

#[derive(Clone, Copy, Debug)]
enum Twist {
    None,
    Paused(bool),
    Down,
    Stopped,
    Unknown,
    Quarantined,
    Held,
    RoleFailed,
    RolePending,
    Observed,
}

fn twist() -> impl Strategy<Value = Twist> {
    prop_oneof![
        4 => Just(Twist::None),
        1 => any::<bool>().prop_map(Twist::Paused),
        1 => Just(Twist::Down),
        1 => Just(Twist::Stopped),
        1 => Just(Twist::Unknown),
        1 => Just(Twist::Quarantined),
        1 => Just(Twist::Held),
        1 => Just(Twist::RoleFailed),
        1 => Just(Twist::RolePending),
        1 => Just(Twist::Observed),
    ]
}

fn apply(world: World, node: &str, twist: Twist) -> World {
    match twist {
        Twist::None => world,
        Twist::Paused(true) => world.paused_by_us(node),
        Twist::Paused(false) => world.with(|w| w.node_mut(node).paused.suppose(true, now())),
        Twist::Down => world.with(|w| w.node_mut(node).membership.suppose(Membership::Down, now())),
        Twist::Stopped => world.with(|w| {
            w.node_mut(node).membership.suppose(Membership::Down, now());
            w.node_mut(node).cluster_service.suppose(false, now());
        }),
        Twist::Unknown => world.with(|w| *w.node_mut(node) = crate::observed::Node::unknown(&"no answer".into())),
        Twist::Quarantined => world.mark(MarkKind::Quarantine { node: node.into(), why: "doubtful".into() }),
        Twist::Held => world.wanted(|c| c.nodes.get_mut(node).unwrap().hold = Some("please".into())),
        Twist::RoleFailed | Twist::RolePending => world.with(|w| {
            let state = if matches!(twist, Twist::RoleFailed) { GroupState::Failed } else { GroupState::Pending };
            for group in w.seen.groups.values_mut() {
                if group.owner.surely(|o| o.as_ref().is_some_and(|o| o.as_str() == node)) {
                    group.state.suppose(state, now());
                }
            }
        }),
        Twist::Observed => world.wanted(|c| c.mode = crate::desired::Mode::Observe),
    }
}

prop_compose! {
    pub(super) fn any_world()(nodes in 1usize..=4)(
        current in proptest::collection::vec(any::<bool>(), nodes),
        twists in proptest::collection::vec(twist(), nodes),
        owners in proptest::collection::vec(0..nodes, 0..=3),
        keeper in 0..nodes,
        generic in any::<bool>(),
    ) -> World {
        let names: Vec<String> = (0..current.len()).map(|n| format!("N{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let topology = if generic { Topology::Generic } else { Topology::Scc };
        let mut world = World::new(topology).nodes(&names, OLD).auxiliary("Cluster Group", names[keeper]);
        for (number, owner) in owners.iter().enumerate() {
            world = world.role(&format!("role {number}"), names[*owner]);
        }
        for (number, name) in names.iter().enumerate() {
            if current[number] {
                world = world.installed(name, NEW);
            }
            world = apply(world, name, twists[number]);
        }
        world
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_node_that_is_not_at_its_target_has_a_reason_or_is_next(world in any_world()) {
        for report in world.ask(explain) {
            let explained = report.standing == Some(Standing::Current) || report.next.is_some() || !report.holds.is_empty();
            prop_assert!(explained, "{:?}: {}", report, world.next());
        }
    }

    #[test]
    fn the_plan_begins_with_the_decision_and_comes_to_an_end(world in any_world()) {
        let plan = world.plan();
        if let Decision::Act(action) = &plan.decision {
            prop_assert_eq!(Some(action), plan.steps.first().map(|step| &step.action));
        }
        prop_assert!(plan.steps.len() < 200, "{}", world.story());
        let empty = matches!(&plan.decision, Decision::Wait { holds, .. } | Decision::Blocked(holds) if holds.is_empty());
        prop_assert!(!empty, "neither a step nor a reason");
    }

    #[test]
    fn what_was_applied_is_proved_and_the_look_after_it_is_as_fresh(world in any_world()) {
        let mut model = world.seen.clone();
        model.claim = Known::seen(Some(crate::model::Claim { epoch: 9, holder: "us".into(), heartbeat: 0 }), now());
        for step in world.plan().steps {
            effect::apply(&step.action, &mut model, &world.desired, step.at);
            effect::look_again(&mut model, step.at);
            prop_assert_eq!(effect::proof(&step.action, &model, &world.desired), effect::Proof::Done, "{}", step.action);
            effect::settle(&mut model, step.at);
        }
    }

    #[test]
    fn no_pause_is_followed_by_giving_the_node_back_unchanged(world in any_world()) {
        let plan = world.plan();
        for pair in plan.steps.windows(2) {
            let flutter = matches!(
                (&pair[0].action, &pair[1].action),
                (crate::model::Action::Pause { node: paused }, crate::model::Action::Resume { node, .. }) if paused == node
            );
            prop_assert!(!flutter, "{}", world.story());
        }
    }
}
