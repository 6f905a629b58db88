//! Whole rolls, from the first look to the end, where nothing goes wrong.

use std::time::Duration;

use crate::desired::{HandoffWhen, Minimise, Staging, Topology, resolved::Failback};
use crate::model::{ClusterServiceRule, HandoffStyle, RebootRule, RuleName};
use crate::plan::plan_hash;
use crate::plan::testing::{NEW, OLD, World, rules_of};

#[test]
fn a_pair_rolls_with_one_handoff() {
    let world = World::ccr();
    assert_eq!(
        world.story(),
        "Stage ru8 on B\n\
         Pause B\n\
         MoveGroup \"Cluster Group\" from B to A\n\
         Install ru8 on B\n\
         Resume B\n\
         Handoff \"MBX\" from A to B, online\n\
         Stage ru8 on A\n\
         Pause A\n\
         MoveGroup \"Cluster Group\" from A to B\n\
         Install ru8 on A\n\
         Resume A\n"
    );
    let plan = world.plan();
    assert_eq!((plan.handoffs.planned, plan.handoffs.floor, plan.handoffs.optimum), (1, 1, 1));
    let certificate = plan.certificate;
    assert!(certificate.proven && certificate.because.is_empty() && certificate.left.is_empty());
    let must_leave: Vec<_> = certificate.must_leave.iter().map(|m| (m.role.as_str(), m.node.as_str())).collect();
    assert_eq!(must_leave, [("MBX", "A")]);
    assert_eq!(plan.roles.len(), 1);
    assert_eq!(plan.holds, []);
}

#[test]
fn eight_nodes_with_seven_roles_take_seven_handoffs() {
    let plan = World::scc(8, 7).plan();
    assert_eq!((plan.handoffs.planned, plan.handoffs.floor, plan.handoffs.optimum), (7, 7, 7), "{:#?}", plan.holds);
    assert_eq!(plan.holds, []);
}

#[test]
fn three_actives_with_one_passive_take_three_handoffs_and_every_node_is_updated_once() {
    let plan = World::scc(4, 3).plan();
    assert_eq!(plan.handoffs.planned, 3);
    let installs: Vec<_> =
        plan.steps.iter().filter(|step| step.action.kind().word() == "Install").map(|step| &step.action).collect();
    assert_eq!(installs.len(), 4, "{installs:?}");
}

#[test]
fn two_nodes_that_both_serve_take_one_handoff_more_than_the_floor_and_say_why() {
    let plan = World::new(Topology::Generic).nodes(&["A", "B"], OLD).role("one", "A").role("two", "B").plan();
    assert_eq!((plan.handoffs.planned, plan.handoffs.floor, plan.handoffs.optimum), (3, 2, 3), "{:#?}", plan.holds);
    let because: Vec<_> = plan.certificate.because.iter().map(|because| because.rule).collect();
    assert_eq!(because, [RuleName::ActiveNode], "no node is passive");
}

#[test]
fn too_little_room_is_blamed_where_more_of_it_would_bring_a_node_within_reach() {
    let world = World::new(Topology::Generic).nodes(&["A", "B", "P"], OLD);
    let world = world.role("one", "A").role("two", "A").role("three", "B").wanted(|cluster| {
        for node in ["B", "P"] {
            cluster.nodes.get_mut(node).unwrap().max_roles = Some(1);
        }
    });
    let plan = world.plan();
    assert_eq!((plan.handoffs.planned, plan.handoffs.floor, plan.handoffs.optimum), (1, 1, 1), "{:#?}", plan.holds);
    let left: Vec<_> = plan.certificate.left.iter().map(|left| left.node.as_str()).collect();
    assert_eq!(left, ["A"]);
    let because: Vec<_> = plan.certificate.because.iter().map(ToString::to_string).collect();
    assert_eq!(
        because,
        ["ready-target makes the difference, as nodes own no more roles than they may: spec.nodes.B.maxRoles is 1, \
          spec.nodes.P.maxRoles is 1"]
    );
}

#[test]
fn a_converged_pair_is_left_alone() {
    let world = World::ccr().installed("A", NEW).installed("B", NEW);
    assert_eq!(world.next(), "converged");
    assert_eq!(world.plan().steps, []);
}

#[test]
fn the_offline_style_stops_moves_starts_and_only_then_updates_the_node_that_was_left() {
    let world = World::ccr().installed("B", NEW).policy(|policy| policy.handoff.style = HandoffStyle::Offline);
    assert_eq!(
        world.story(),
        "StopRole \"MBX\" on A, to start on B\n\
         Handoff \"MBX\" from A to B, offline\n\
         StartRole \"MBX\" on B\n\
         Stage ru8 on A\n\
         Pause A\n\
         Install ru8 on A\n\
         Resume A\n"
    );
}

#[test]
fn where_we_stop_the_cluster_service_we_start_it_again_after_the_reboot_that_is_asked_for() {
    let world = World::ccr().installed("A", NEW).rollup(|rollup| {
        rollup.cluster_service = ClusterServiceRule::Stop;
        rollup.reboot = RebootRule::Always;
    });
    assert_eq!(
        world.story(),
        "Stage ru8 on B\n\
         Pause B\n\
         MoveGroup \"Cluster Group\" from B to A\n\
         StopCluster B\n\
         Install ru8 on B\n\
         Reboot B\n\
         Resume B\n"
    );
}

#[test]
fn where_the_stack_needs_it_the_cluster_service_is_started() {
    let world = World::ccr().installed("A", NEW).rollup(|rollup| {
        rollup.cluster_service = ClusterServiceRule::Stop;
        rollup.reboot = RebootRule::Never;
    });
    let story = world.story();
    assert!(story.ends_with("Install ru8 on B\nStartCluster B\nResume B\n"), "{story}");
}

#[test]
fn a_node_that_is_ahead_goes_back_only_where_the_manifest_says_so() {
    let world = World::ccr().installed("A", NEW).installed("B", "8.3.298.3");
    assert_eq!(world.next(), "blocked: version");
    let back = world.wanted(|cluster| cluster.allow_downgrade = true);
    assert!(back.story().contains("Uninstall down to ru8 on B\n"), "{}", back.story());
}

#[test]
fn a_whole_cluster_goes_back() {
    let world = World::ccr().installed("A", "8.3.298.3").installed("B", "8.3.298.3");
    let plan = world.wanted(|cluster| cluster.allow_downgrade = true).plan();
    assert_eq!((plan.handoffs.planned, plan.holds.len()), (1, 0), "{:#?}", plan.holds);
}

#[test]
fn a_role_goes_back_to_its_preferred_node_at_the_end_if_the_manifest_asks() {
    let world = World::ccr()
        .policy(|policy| policy.handoff.failback = Failback::AtEnd)
        .wanted(|cluster| cluster.groups.get_mut("MBX").unwrap().preferred_nodes = vec!["A".into()]);
    let plan = world.plan();
    assert_eq!((plan.handoffs.planned, plan.handoffs.floor, plan.handoffs.optimum), (2, 1, 2));
    assert_eq!(plan.steps.last().unwrap().action.to_string(), "Handoff \"MBX\" from B to A, online");
    let done = world.installed("A", NEW).installed("B", NEW);
    assert_eq!(done.next(), "converged");
}

#[test]
fn a_soak_is_waited_for_and_stands_on_the_step_that_follows_it() {
    let world = World::ccr().policy(|policy| policy.limits.soak = Duration::from_secs(600));
    let plan = world.plan();
    let handoff = plan.steps.iter().find(|step| step.action.kind().word() == "Handoff").unwrap();
    assert!(rules_of(&handoff.holds).contains("soak"), "{:#?}", handoff.holds);
    assert_eq!(plan.holds, []);
}

#[test]
fn what_needs_an_approval_is_planned_to_the_end_and_says_so() {
    let world = World::ccr().policy(|policy| policy.handoff.when = HandoffWhen::Approval).installed("B", NEW);
    assert_eq!(world.next(), "blocked: active-node, approval");
    let plan = world.plan();
    assert_eq!(plan.steps.len(), 5);
    assert_eq!(rules_of(&plan.steps[0].holds), "approval");
}

#[test]
fn a_cluster_that_is_only_observed_is_planned_to_the_end() {
    let world = World::ccr().wanted(|cluster| cluster.mode = crate::desired::Mode::Observe);
    assert!(world.next().starts_with("blocked: "), "{}", world.next());
    let plan = world.plan();
    assert_eq!(plan.steps.len(), 11);
    assert_eq!(rules_of(&plan.steps[0].holds), "mode");
}

#[test]
fn where_copies_disturb_nothing_an_active_node_is_staged_too() {
    let world = World::ccr().installed("B", NEW).policy(|policy| policy.staging = Staging::AnyNode);
    assert_eq!(world.next(), "Stage ru8 on A");
}

#[test]
fn a_dear_role_moves_least_where_outage_is_counted() {
    let world = World::new(Topology::Generic)
        .nodes(&["A", "B"], OLD)
        .role("cheap", "A")
        .role("dear", "B")
        .policy(|policy| policy.handoff.minimise = Minimise::Outage)
        .wanted(|cluster| cluster.groups.get_mut("dear").unwrap().weight = 9);
    let plan = world.plan();
    let dear = plan.sequence.iter().filter(|handoff| handoff.group.as_str() == "dear").count();
    assert_eq!((plan.sequence.len(), dear), (3, 1));
}

#[test]
fn the_hash_binds_the_order_and_the_targets_and_not_the_durations() {
    let world = World::scc(4, 3);
    let plan = world.plan();
    let slower = world.clone().with(|world| world.forecast = Default::default()).plan();
    assert_eq!(plan.hash, slower.hash);
    let mut turned = plan.sequence.clone();
    turned.reverse();
    assert_ne!(plan.hash, plan_hash(&world.desired, &turned));
    let other = world.clone().rollup(|rollup| rollup.name = "ru9".into());
    assert_ne!(plan.hash, plan_hash(&other.desired, &plan.sequence));
    assert_ne!(plan.scope, other.plan().scope);
}
