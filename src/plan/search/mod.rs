//! The fewest handoffs that let every node be worked on: a search over who owns what.
//!
//! A state is the set of nodes that are still to be worked on, and the owner of each role. A node that owns no role is
//! worked on at once, without branching: that costs no handoff and closes no way. What is left to choose is which role
//! goes where. The search deepens iteratively (IDA*): a role on a node that is still to be worked on must leave it at
//! least once, which bounds the cost from below and is mostly exact. The moves of a state are tried in a fixed order and
//! the first sequence of least cost is taken, so that the rest of a sequence is what a new search in its midst finds.
//!
//! Names, times and rules are absent: [`Problem`] has only indices and bits.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

/// A set of nodes, one bit each.
pub(super) type Nodes = u64;

/// The most nodes that a set can hold. No known cluster stack allows more.
pub(super) const MOST_NODES: usize = 64;

/// Who owns what, what is to be worked on, and what may go where. Nodes and roles are numbered in the order of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// Nodes that are to be worked on and can be, once they own no role.
    pub work: Nodes,
    /// Nodes that are below their target and are not to be worked on: owners of last resort.
    pub old: Nodes,
    /// The roles.
    pub roles: Vec<Role>,
    /// How many roles each node may own.
    pub room: Vec<u32>,
    /// For each node, those that are older than it. A role never goes to a node that is older than its owner.
    pub older: Vec<Nodes>,
}

/// One role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Role {
    /// Its owner.
    pub owner: u8,
    /// Where it may go.
    pub allowed: Nodes,
    /// Where it should rather go.
    pub preferred: Nodes,
    /// What one handoff of it costs; at least 1.
    pub cost: u32,
}

/// One handoff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Move {
    /// The role, by its number.
    pub role: usize,
    /// From which node.
    pub from: u8,
    /// To which node.
    pub to: u8,
}

/// The best sequence found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Solution {
    /// The handoffs, in order.
    pub moves: Vec<Move>,
    /// Roles that have to leave a node so that it can be worked on.
    pub floor: u32,
    /// Nodes that no sequence reaches.
    pub left: Nodes,
    /// True if no sequence leaves fewer nodes, nor costs less; else the search gave up.
    pub proven: bool,
    /// No sequence has fewer handoffs, if all cost the same.
    pub at_least: u32,
    /// How many of the handoffs go to a node that is itself still to be worked on, or stays old.
    pub to_stale: u32,
}

/// States looked at before the search gives up on proving the optimum, and again on finding any sequence at all.
const PATIENCE: u32 = 20_000;

/// A handoff's cost is counted in these; handoffs to stale nodes are the change, and never add up to one.
const WHOLE: u64 = 1 << 16;

/// Finds the sequence.
pub(super) fn solve(problem: &Problem) -> Solution {
    let mut start = State { work: problem.work, owners: problem.roles.iter().map(|r| r.owner).collect() };
    start.settle();
    let stuck = stuck(problem) & start.work;
    start.work &= !stuck;
    let floor = (0..problem.roles.len()).filter(|&r| bit(start.owners[r]) & start.work != 0).count() as u32;
    let mut search = Search {
        problem,
        old: problem.old | stuck,
        bound: start.least(problem, problem.old | stuck),
        beyond: None,
        looked_at: 0,
        seen: BTreeMap::new(),
        path: Vec::new(),
        best: Best { left: start.work, cost: 0, moves: Vec::new() },
    };
    let mut at_least = search.bound;
    let mut proven = true;
    while !search.visit(&start, 0) {
        if search.looked_at >= PATIENCE {
            // Any sequence is better than none: the first that is found, however dear.
            proven = false;
            search.looked_at = 0;
            search.bound = u64::MAX;
            search.seen.clear();
            search.visit(&start, 0);
            break;
        }
        let Some(beyond) = search.beyond.take() else { break };
        search.bound = beyond;
        at_least = beyond;
        search.seen.clear();
    }
    let Best { left, cost, moves } = search.best;
    Solution {
        floor,
        left: left | stuck,
        proven,
        at_least: if proven { moves.len() as u32 } else { (at_least / WHOLE) as u32 },
        to_stale: (cost % WHOLE) as u32,
        moves,
    }
}

/// Nodes with a role that may go nowhere else: no sequence empties them.
fn stuck(problem: &Problem) -> Nodes {
    problem.roles.iter().filter(|r| r.allowed & !bit(r.owner) == 0).fold(0, |nodes, r| nodes | bit(r.owner))
}

fn bit(node: u8) -> Nodes {
    1 << node
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    work: Nodes,
    owners: Vec<u8>,
}

impl State {
    /// Works on every node that owns no role.
    fn settle(&mut self) {
        self.work &= self.owners.iter().fold(0, |busy, &owner| busy | bit(owner));
    }

    /// How many roles each node owns.
    fn loads(&self) -> [u32; MOST_NODES] {
        let mut loads = [0; MOST_NODES];
        for owner in &self.owners {
            if let Some(load) = loads.get_mut(usize::from(*owner)) {
                *load += 1;
            }
        }
        loads
    }

    /// What is surely still to be paid: every role on a node that is to be worked on leaves it once. Where all nodes
    /// are still to be worked on, the roles of the first that is emptied go to such nodes, and so leave twice.
    fn least(&self, problem: &Problem, old: Nodes) -> u64 {
        let roles = || problem.roles.iter().zip(&self.owners);
        let price = |node: Nodes| -> u64 {
            roles().filter(|(_, owner)| bit(**owner) & node != 0).map(|(role, _)| u64::from(role.cost) * WHOLE).sum()
        };
        let once = price(self.work);
        let somewhere = problem.roles.iter().fold(0, |nodes, role| nodes | role.allowed);
        if old != 0 || somewhere & !self.work != 0 {
            return once;
        }
        let count = |node: Nodes| roles().filter(|(_, owner)| bit(**owner) & node != 0).count() as u64;
        let nodes = (0..MOST_NODES as u8).map(bit).filter(|node| node & self.work != 0);
        once + nodes.map(|node| price(node) + count(node)).min().unwrap_or(0)
    }
}

struct Best {
    left: Nodes,
    cost: u64,
    moves: Vec<Move>,
}

struct Search<'a> {
    problem: &'a Problem,
    /// Nodes that stay below their target.
    old: Nodes,
    bound: u64,
    /// The least cost that was over the bound.
    beyond: Option<u64>,
    looked_at: u32,
    /// States looked at under this bound, with what it cost to come there.
    seen: BTreeMap<State, u64>,
    path: Vec<Move>,
    best: Best,
}

impl Search<'_> {
    /// True once a sequence within the bound is found; it is the best then.
    fn visit(&mut self, state: &State, cost: u64) -> bool {
        let total = cost + state.least(self.problem, self.old);
        if total > self.bound {
            self.beyond = Some(self.beyond.map_or(total, |beyond| beyond.min(total)));
            return false;
        }
        if self.looked_at >= PATIENCE || self.seen.get(state).is_some_and(|before| *before <= cost) {
            return false;
        }
        self.looked_at += 1;
        self.seen.insert(state.clone(), cost);
        if (state.work.count_ones(), cost) < (self.best.left.count_ones(), self.best.cost) {
            self.best = Best { left: state.work, cost, moves: self.path.clone() };
        }
        if state.work == 0 {
            self.best = Best { left: 0, cost, moves: self.path.clone() };
            return true;
        }
        for (step, price) in self.moves(state) {
            let mut next = state.clone();
            next.owners[step.role] = step.to;
            next.settle();
            self.path.push(step);
            if self.visit(&next, cost + price) {
                return true;
            }
            self.path.pop();
        }
        false
    }

    /// The moves of a state and their prices: roles that have to leave first, those of nearly empty nodes before others,
    /// and of their destinations the current and preferred ones first. A stale node gets a role only where no current one could take it.
    fn moves(&self, state: &State) -> Vec<(Move, u64)> {
        let stale = state.work | self.old;
        let loads = state.loads();
        let load = |node: u8| loads.get(usize::from(node)).copied().unwrap_or(0);
        let full = self.full(&loads);
        let mut moves = Vec::new();
        for (number, (role, &owner)) in self.problem.roles.iter().zip(&state.owners).enumerate() {
            let open = role.allowed & !bit(owner) & !full & !self.older(owner, stale);
            let open = if open & !stale != 0 { open & !stale } else { open };
            for to in (0..MOST_NODES as u8).filter(|&to| bit(to) & open != 0) {
                let to_stale = u64::from(bit(to) & stale != 0);
                let rank =
                    (bit(owner) & state.work == 0, to_stale, load(owner), bit(to) & role.preferred == 0, number, to);
                moves.push((rank, Move { role: number, from: owner, to }, u64::from(role.cost) * WHOLE + to_stale));
            }
        }
        moves.sort_unstable_by_key(|(rank, ..)| *rank);
        moves.into_iter().map(|(_, step, price)| (step, price)).collect()
    }

    /// Nodes that are older than the owner in this state. One that has been worked on is older than none.
    fn older(&self, owner: u8, stale: Nodes) -> Nodes {
        if bit(owner) & stale == 0 { stale } else { stale & self.problem.older[usize::from(owner)] }
    }

    fn full(&self, loads: &[u32; MOST_NODES]) -> Nodes {
        let nodes = self.problem.room.iter().zip(loads).enumerate();
        nodes.filter(|(_, (room, load))| load >= room).fold(0, |full, (node, _)| full | bit(node as u8))
    }
}
