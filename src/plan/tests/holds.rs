//! Why not: the reasons, and what is done around them.

use std::sync::Arc;

use crate::desired::{HandoffWhen, Topology};
use crate::model::{Known, RuleName};
use crate::observed::{Copy, CopyStatus, GroupState, Membership};
use crate::plan::testing::{NEW, OLD, World, now, rules_of};
use crate::plan::{Decision, explain};

/// The rules that hold a node, as its report names them.
fn held(world: &World, node: &str) -> String {
    let reports = world.ask(explain);
    rules_of(&reports.iter().find(|report| report.node.as_str() == node).unwrap().holds)
}

#[test]
fn the_active_node_waits_for_a_handoff_and_says_so() {
    let world = World::ccr();
    let reports = world.ask(explain);
    assert_eq!(reports[1].next.as_ref().map(ToString::to_string).as_deref(), Some("Stage ru8 on B"));
    assert_eq!(held(&world, "A"), "active-node");
}

#[test]
fn with_the_rule_taken_out_the_active_node_is_disturbed() {
    let world = World::ccr().installed("B", NEW).with(|world| {
        world.rules = world.rules.without(RuleName::ActiveNode);
    });
    assert_eq!(world.next(), "Stage ru8 on A");
}

#[test]
fn a_handoff_waits_for_a_healthy_copy() {
    let world = World::ccr().installed("B", NEW).with(|world| {
        let copy = Copy { status: CopyStatus::Initializing, queue: 0 };
        world.group_mut("MBX").copies.insert("B".into(), Known::seen(copy, now()));
    });
    assert_eq!(world.next(), "wait: active-node, ready-target");
    assert_eq!(world.plan().handoffs.planned, 1);
}

#[test]
fn a_missing_package_stops_before_anything_is_paid() {
    let world = World::ccr().wanted(|cluster| cluster.packages.clear());
    assert_eq!(world.next(), "blocked: active-node, package");
    assert_eq!(world.plan().steps, []);
}

#[test]
fn a_group_that_may_go_nowhere_keeps_its_node_from_being_paused() {
    let world = World::ccr().with(|world| {
        world.group_mut("Cluster Group").possible_owners.suppose(std::sync::Arc::new(["B".into()].into()), now());
    });
    assert!(held(&world, "B").contains("empty-node"), "{}", held(&world, "B"));
    assert!(!world.story().contains("Pause B"), "{}", world.story());
}

#[test]
fn a_passive_node_that_is_held_by_its_line_gets_no_role() {
    let world = World::ccr().wanted(|cluster| {
        cluster.nodes.get_mut("B").unwrap().hold = Some("disk on order".into());
    });
    assert_eq!(world.next(), "blocked: active-node, declared");
}

#[test]
fn nothing_is_handed_over_for_a_node_that_is_held_anyway() {
    let world = World::ccr().installed("B", NEW).wanted(|cluster| {
        cluster.nodes.get_mut("A").unwrap().hold = Some("month's end".into());
    });
    assert_eq!(world.next(), "blocked: active-node, declared");
    assert!(held(&world, "A").contains("declared"));
}

#[test]
fn a_role_that_fails_back_by_itself_is_not_handed_over_to_be_brought_back() {
    let world = World::ccr()
        .installed("B", NEW)
        .with(|world| world.group_mut("MBX").failback_to.suppose(Some("A".into()), now()));
    assert_eq!(world.next(), "blocked: active-node, ripple");
}

#[test]
fn a_role_without_another_node_is_a_deadlock_for_people() {
    let world = World::new(Topology::Generic).nodes(&["A"], OLD).role("files", "A");
    assert_eq!(world.next(), "blocked: active-node, deadlock");
}

#[test]
fn a_closed_window_is_waited_for() {
    let window = crate::desired::Window {
        days: [false, false, false, false, false, false, true],
        from: jiff::civil::time(1, 0, 0, 0),
        to: jiff::civil::time(9, 0, 0, 0),
        time_zone: jiff::tz::TimeZone::UTC,
        deny: false,
    };
    let world = World::ccr().policy(|policy| {
        policy.windows = vec![window];
        policy.work = crate::desired::WorkWhen::Window;
        policy.handoff.when = HandoffWhen::Window;
    });
    let Decision::Wait { until, .. } = world.decide() else { panic!("{}", world.next()) };
    assert_eq!(until.map(|at| at.to_string()).as_deref(), Some("2017-04-02T01:00:00Z"));
    let plan = world.plan();
    assert_eq!(plan.handoffs.planned, 1, "{:#?}", plan.holds);
    assert!(rules_of(&plan.steps[0].holds).contains("window"));
}

#[test]
fn a_node_that_cannot_be_asked_is_unknown_and_nothing_begins_beside_it() {
    let world = World::ccr().with(|world| {
        let why: Arc<str> = "no answer".into();
        let mut blind = crate::observed::Node::unknown(&why);
        blind.membership = Known::seen(Membership::Down, now());
        *world.node_mut("B") = blind;
    });
    assert!(world.next().starts_with("wait: "), "{}", world.next());
    assert!(held(&world, "B").contains("fresh"), "{}", held(&world, "B"));
}

#[test]
fn a_live_foreign_claim_is_waited_for() {
    let world = World::ccr().with(|world| {
        let claim = crate::model::Claim { epoch: 4, holder: "them".into(), heartbeat: 9 };
        world.seen.claim = Known::seen(Some(claim), now());
    });
    assert!(world.next().contains("fence"), "{}", world.next());
    assert_eq!(world.plan().steps, []);
}

/// It will be there in a moment: that is no deadlock, and nothing is paused for it meanwhile.
#[test]
fn a_group_that_is_on_its_way_is_waited_for() {
    let world = World::scc(3, 1)
        .installed("N2", NEW)
        .with(|world| world.group_mut("Cluster Group").state.suppose(GroupState::Pending, now()));
    assert_eq!(world.next(), "wait: active-node, precondition");
    assert!(
        world.story().contains("MoveGroup \"Cluster Group\" from N3 to N2\nInstall ru8 on N3\n"),
        "{}",
        world.story()
    );
    assert_eq!(world.plan().handoffs.planned, 1);
}
