//! The search against one that tries everything.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Nodes, Problem, Role, solve};

fn role(owner: u8, allowed: Nodes) -> Role {
    Role { owner, allowed, preferred: 0, cost: 1 }
}

fn problem(nodes: usize, roles: Vec<Role>, room: u32) -> Problem {
    let all = (1 << nodes) - 1;
    Problem {
        work: all,
        stale: all,
        ahead: 0,
        fixed: 0,
        ready: Nodes::MAX,
        roles,
        room: vec![room; nodes],
        older: vec![0; nodes],
    }
}

#[test]
fn one_empty_node_serves_a_whole_rotation() {
    let roles = (0..7).map(|owner| role(owner, 0xff)).collect();
    let found = solve(&problem(8, roles, 1));
    assert_eq!((found.moves.len(), found.floor, found.left, found.proven), (7, 7, 0, true));
    assert_eq!(found.to_stale, 0);
}

#[test]
fn two_nodes_that_both_serve_take_one_handoff_more_than_roles() {
    let found = solve(&problem(2, vec![role(0, 3), role(1, 3)], 9));
    assert_eq!((found.moves.len(), found.floor, found.to_stale, found.proven), (3, 2, 1, true));
}

#[test]
fn many_roles_on_nodes_of_which_none_is_empty_are_proven_too() {
    let roles = (0..20).map(|n| role(n % 3, 7)).collect();
    let found = solve(&problem(3, roles, 99));
    assert_eq!((found.moves.len(), found.floor, found.proven), (26, 20, true));
}

#[test]
fn a_role_without_another_owner_leaves_its_node_behind_and_no_other() {
    let found = solve(&problem(3, vec![role(0, 0b001), role(1, 0b110)], 1));
    assert_eq!((found.moves.len(), found.left), (1, 0b001));
}

#[test]
fn full_nodes_that_have_nowhere_to_go_are_left() {
    let found = solve(&problem(2, vec![role(0, 3), role(1, 3)], 1));
    assert_eq!((found.moves.len(), found.left, found.proven), (0, 3, true));
}

#[test]
fn a_preferred_node_is_taken_among_equals() {
    let mut problem = problem(3, vec![role(0, 7)], 1);
    problem.roles[0].preferred = 0b100;
    let found = solve(&problem);
    assert_eq!(found.moves.iter().map(|step| step.to).collect::<Vec<_>>(), [2]);
}

#[test]
fn dear_roles_move_once_where_cheap_ones_can_move_twice() {
    let mut problem = problem(2, vec![role(0, 3), role(1, 3)], 9);
    problem.roles[0].cost = 100;
    let found = solve(&problem);
    let dear = found.moves.iter().filter(|step| step.role == 0).count();
    assert_eq!((found.moves.len(), dear), (3, 1));
}

/// Every state that can be reached, the cheapest first; the best of them by nodes left, then by cost.
fn by_trying_everything(problem: &Problem) -> (u32, u64) {
    type State = (Nodes, Vec<u8>);
    let settle = |(work, owners): State| -> State {
        let busy = owners.iter().fold(0, |busy, owner| busy | 1 << owner);
        (work & busy, owners)
    };
    let start = settle((problem.work, problem.roles.iter().map(|r| r.owner).collect()));
    let mut cost: BTreeMap<State, u64> = BTreeMap::from([(start.clone(), 0)]);
    let mut open = vec![start];
    while let Some(state) = open.pop() {
        let so_far = cost[&state];
        let as_before = |node: u8| (!problem.work | state.0) & (1 << node) != 0;
        let stale = |node: u8| as_before(node) && problem.stale & (1 << node) != 0;
        let ahead = |node: u8| as_before(node) && problem.ahead & (1 << node) != 0;
        for (number, role) in problem.roles.iter().enumerate() {
            let from = state.1[number];
            let fits = |to: &u8| {
                let others = state.1.iter().enumerate().filter(|(r, owner)| *r != number && **owner == *to).count();
                let older =
                    stale(*to) && !ahead(from) && (!stale(from) || problem.older[usize::from(from)] & (1 << to) != 0);
                *to != from
                    && problem.fixed & (1 << from) == 0
                    && role.allowed & (1 << to) != 0
                    && others < problem.room[usize::from(*to)] as usize
                    && !older
            };
            let targets: Vec<u8> = (0..problem.room.len() as u8).filter(fits).collect();
            let better = targets.iter().any(|to| !stale(*to) && !ahead(*to));
            for to in targets.into_iter().filter(|to| !(better && stale(*to))) {
                let mut owners = state.1.clone();
                owners[number] = to;
                let next = settle((state.0, owners));
                let total = so_far + (u64::from(role.cost) << 16) + u64::from(stale(to));
                if cost.get(&next).is_none_or(|before| total < *before) {
                    cost.insert(next.clone(), total);
                    open.push(next);
                }
            }
        }
    }
    cost.iter().map(|((work, _), cost)| (work.count_ones(), *cost)).min().unwrap_or_default()
}

prop_compose! {
    fn any_problem()(nodes in 2usize..=4)(
        work in 0..(1u64 << nodes),
        fixed in 0..(1u64 << nodes),
        roles in proptest::collection::vec((0..nodes as u8, 0..(1u64 << nodes), 1u32..4), 1..=3),
        room in proptest::collection::vec(1u32..=3, nodes),
        // Two that are stale, the target, and one that is ahead.
        levels in proptest::collection::vec(prop_oneof![2 => Just(0u8), 3 => Just(1), 1 => Just(2), 1 => Just(3)], nodes),
    ) -> Problem {
        let roles = roles
            .into_iter()
            .map(|(owner, allowed, cost)| Role { owner, allowed: allowed | (1 << owner), preferred: 0, cost })
            .collect();
        let set = |has: &dyn Fn(u8) -> bool| -> Nodes {
            levels.iter().enumerate().filter(|(_, l)| has(**l)).fold(0, |set, (n, _)| set | 1 << n)
        };
        let (stale, ahead) = (set(&|level| level < 2), set(&|level| level > 2));
        let older = levels.iter().map(|own| set(&|level| level < 2 && level < *own)).collect();
        let work = work & (stale | ahead);
        Problem { work, stale, ahead, fixed: fixed & !work, ready: Nodes::MAX, roles, room, older }
    }
}

/// What was worked on is at its target.
fn work_on_the_empty(problem: &mut Problem) {
    let busy = problem.roles.iter().fold(0, |busy, role| busy | 1u64 << role.owner);
    let worked_on = problem.work & !busy;
    problem.work &= busy;
    problem.stale &= !worked_on;
    problem.ahead &= !worked_on;
    problem.older.iter_mut().for_each(|older| *older &= !worked_on);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_is_better_than_the_one_found(problem in any_problem()) {
        let found = solve(&problem);
        let cost: u64 = found.moves.iter().map(|step| u64::from(problem.roles[step.role].cost) << 16).sum();
        prop_assert!(found.proven);
        prop_assert_eq!(
            (found.left.count_ones(), cost + u64::from(found.to_stale)),
            by_trying_everything(&problem),
            "{:?}", found
        );
    }

    /// What is left of a sequence is what a new search in its midst finds, so an approved sequence stays in force.
    #[test]
    fn the_rest_of_a_sequence_is_found_again(problem in any_problem()) {
        let found = solve(&problem);
        let mut later = problem.clone();
        work_on_the_empty(&mut later);
        for (done, step) in found.moves.iter().enumerate() {
            later.roles[step.role].owner = step.to;
            work_on_the_empty(&mut later);
            let again = solve(&later);
            prop_assert_eq!(&again.moves[..], &found.moves[done + 1..]);
        }
    }
}
