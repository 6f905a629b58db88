//! Stories: what is seen, and what is done about it.

use super::testing::{NEW, OLD, World};

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
    assert_eq!(plan.holds, []);
}

#[test]
fn eight_nodes_with_seven_roles_take_seven_handoffs() {
    let plan = World::scc(8, 7).plan();
    assert_eq!((plan.handoffs.planned, plan.handoffs.floor, plan.handoffs.optimum), (7, 7, 7), "{:#?}", plan.holds);
    assert_eq!(plan.holds, []);
}

#[test]
fn a_converged_pair_is_left_alone() {
    let world = World::ccr().installed("A", NEW).installed("B", NEW);
    assert_eq!(world.next(), "converged");
    let _ = OLD;
}
