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

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

/// A set of nodes, one bit each.
pub(super) type Nodes = u64;

/// The most nodes that a set can hold. No known cluster stack allows more.
pub(super) const MOST_NODES: usize = 64;

/// Who owns what, what is to be worked on, and what may go where. Nodes and roles are numbered in the order of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// Nodes that are to be worked on and can be, once they own no role.
    pub work: Nodes,
    /// Nodes that are below their target: owners of last resort, until they have been worked on.
    pub stale: Nodes,
    /// Nodes that are above their target, until they have been worked on.
    pub ahead: Nodes,
    /// Nodes that are to be left alone: no role is handed over from there.
    pub fixed: Nodes,
    /// Nodes to which a role could go now: of sequences that cost the same, one that begins there is taken.
    pub ready: Nodes,
    /// The roles.
    pub roles: Vec<Role>,
    /// How many roles each node may own.
    pub room: Vec<u32>,
    /// For each stale node, those that are older than it. A role never goes to a node that is older than its owner,
    /// unless its owner is ahead: what is then to be worked on is to be taken back.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
    /// Roles that have to leave a node so that it can be worked on, of the nodes that the sequence reaches.
    pub floor: u32,
    /// Nodes to be worked on that the sequence does not reach; no sequence reaches more nodes.
    pub left: Nodes,
    /// True if no sequence leaves fewer nodes, nor costs less; else the search gave up.
    pub proven: bool,
    /// No sequence that reaches as many nodes has fewer handoffs.
    pub at_least: u32,
    /// How many of the handoffs go to a stale node.
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
    let busy = start.work;
    start.work &= !stuck(problem);
    let mut search = Search {
        problem,
        untouched: !(problem.work & !busy) & !start.work,
        goal: 0,
        bound: 0,
        beyond: None,
        looked_at: 0,
        seen: BTreeMap::new(),
        path: Vec::new(),
        best: Best { left: start.work, cost: 0, moves: Vec::new() },
    };
    let mut proven = search.deepen(&start);
    if !proven && search.explore(&start) {
        // It gave up because there is no way to some node, and now it knows how many it cannot reach.
        search.goal = search.best.left.count_ones();
        proven = search.goal > 0 && search.deepen(&start);
    }
    let bound = search.bound;
    let Best { left, cost, moves } = search.best;
    let reached = start.work & !left;
    let floor = problem.roles.iter().filter(|role| bit(role.owner) & reached != 0).count() as u32;
    Solution {
        floor,
        proven,
        at_least: match (proven, left) {
            (true, _) => moves.len() as u32,
            (false, 0) => problem.handoffs_for(bound).max(floor),
            (false, _) => floor,
        },
        left: left | busy & !start.work,
        to_stale: (cost % WHOLE) as u32,
        moves,
    }
}

impl Problem {
    /// How many handoffs it takes at least to cost so much.
    fn handoffs_for(&self, cost: u64) -> u32 {
        let dearest = self.roles.iter().map(|role| u64::from(role.cost)).max().unwrap_or(1);
        (cost / WHOLE).div_ceil(dearest.max(1)) as u32
    }
}

/// Nodes with a role that may go nowhere else: no sequence empties them.
fn stuck(problem: &Problem) -> Nodes {
    problem.roles.iter().filter(|r| r.allowed & !bit(r.owner) == 0).fold(0, |nodes, r| nodes | bit(r.owner))
}

/// The set of this one node.
pub(super) fn bit(node: u8) -> Nodes {
    1 << node
}

/// The nodes of a set, in their order.
fn numbers(mut nodes: Nodes) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let next = (nodes != 0).then(|| nodes.trailing_zeros() as u8);
        nodes &= nodes.wrapping_sub(1);
        next
    })
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

    /// The state after a handoff.
    fn after(&self, step: Move) -> State {
        let mut next = self.clone();
        if let Some(owner) = next.owners.get_mut(step.role) {
            *owner = step.to;
        }
        next.settle();
        next
    }
}

/// A state, what it cost to come there, and the state and the handoff before it.
#[derive(Clone)]
struct Reached {
    state: State,
    cost: u64,
    by: Option<(usize, Move)>,
}

/// A move, in the order in which the moves of a state are tried: roles that have to leave first, those that have
/// somewhere to go now, those of nearly empty nodes before others, and of their destinations the current and preferred
/// ones first. A stale node gets a role only where no current one could take it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Ranked {
    may_stay: bool,
    to_stale: bool,
    unready: bool,
    load: u32,
    unwanted: bool,
    /// How many nodes may own the role: whoever has few to choose from goes while one of them has room.
    choices: u32,
    /// By role, then by destination: a role has one owner in a state.
    step: Move,
}

struct Best {
    left: Nodes,
    cost: u64,
    moves: Vec<Move>,
}

struct Search<'a> {
    problem: &'a Problem,
    /// Nodes that are not worked on in any state: they stay at the version they have.
    untouched: Nodes,
    /// How many nodes may be left.
    goal: u32,
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
    /// Raises the bound until the best sequence is found, or it is clear that none gets to the goal. False if it gives up.
    fn deepen(&mut self, start: &State) -> bool {
        self.looked_at = 0;
        self.bound = self.least(start);
        loop {
            self.seen.clear();
            if self.visit(start, 0) {
                return true;
            }
            if self.looked_at >= PATIENCE {
                return false;
            }
            let Some(beyond) = self.beyond.take() else { return true };
            self.bound = beyond;
        }
    }

    /// Any sequence is better than none: of all states that can be reached, whatever it costs, the first with the fewest
    /// nodes left. True if it has seen enough of them to be sure that none leaves fewer.
    fn explore(&mut self, start: &State) -> bool {
        let mut reached = vec![Reached { state: start.clone(), cost: 0, by: None }];
        let mut open = vec![0];
        let mut seen = BTreeSet::new();
        let mut best = 0;
        while let Some(at) = open.pop() {
            let Some(Reached { state, cost, .. }) = reached.get(at).cloned() else { break };
            if !seen.insert(state.clone()) {
                continue;
            }
            if reached.get(best).is_some_and(|so_far| state.work.count_ones() < so_far.state.work.count_ones()) {
                best = at;
            }
            if state.work == 0 || seen.len() >= PATIENCE as usize {
                break;
            }
            // The last one is the first to be looked at.
            for Reverse(ranked) in self.moves(&state).into_sorted_vec() {
                let step = ranked.step;
                open.push(reached.len());
                reached.push(Reached {
                    state: state.after(step),
                    cost: cost + self.price(ranked),
                    by: Some((at, step)),
                });
            }
        }
        let mut moves = Vec::new();
        let Some(Reached { state: end, cost, mut by }) = reached.get(best).cloned() else { return false };
        while let Some((at, step)) = by {
            moves.push(step);
            by = reached.get(at).and_then(|before| before.by);
        }
        moves.reverse();
        self.best = Best { left: end.work, cost, moves };
        end.work == 0 || open.is_empty()
    }

    /// True once a sequence within the bound is found; it is the best then.
    fn visit(&mut self, state: &State, cost: u64) -> bool {
        let total = cost + self.least(state);
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
        if state.work.count_ones() <= self.goal {
            self.best = Best { left: state.work, cost, moves: self.path.clone() };
            return true;
        }
        let mut moves = self.moves(state);
        while let Some(Reverse(ranked)) = moves.pop() {
            let step = ranked.step;
            self.path.push(step);
            if self.visit(&state.after(step), cost + self.price(ranked)) {
                return true;
            }
            self.path.pop();
        }
        false
    }

    /// What is surely still to be paid: every role on a node that is to be worked on leaves it once. Where all nodes
    /// are stale and still to be worked on, the roles of the first that is emptied go to such nodes, and so leave twice.
    fn least(&self, state: &State) -> u64 {
        let roles = || self.problem.roles.iter().zip(&state.owners);
        let price = |node: Nodes| -> u64 {
            roles().filter(|(_, owner)| bit(**owner) & node != 0).map(|(role, _)| u64::from(role.cost) * WHOLE).sum()
        };
        let nodes = || numbers(state.work).map(bit);
        if self.goal > 0 {
            let mut prices: Vec<u64> = nodes().map(price).collect();
            prices.sort_unstable();
            return prices.iter().take(prices.len().saturating_sub(self.goal as usize)).sum();
        }
        let once = price(state.work);
        let somewhere = self.problem.roles.iter().fold(0, |nodes, role| nodes | role.allowed);
        if (somewhere | state.work) & !(state.work & self.problem.stale) != 0 {
            return once;
        }
        let count = |node: Nodes| roles().filter(|(_, owner)| bit(**owner) & node != 0).count() as u64;
        once + nodes().map(|node| price(node) + count(node)).min().unwrap_or(0)
    }

    /// The moves of a state, the first one on top: mostly no other is ever asked for.
    fn moves(&self, state: &State) -> BinaryHeap<Reverse<Ranked>> {
        let as_before = state.work | self.untouched;
        let stale = self.problem.stale & as_before;
        let ahead = self.problem.ahead & as_before;
        let loads = state.loads();
        let full = self.full(&loads);
        let mut moves = Vec::new();
        for (number, (role, &owner)) in self.problem.roles.iter().zip(&state.owners).enumerate() {
            if bit(owner) & self.problem.fixed != 0 {
                continue;
            }
            let open = role.allowed & !bit(owner) & !full & !self.older(owner, stale, ahead);
            let open = if open & !stale & !ahead != 0 { open & !stale } else { open };
            moves.extend(numbers(open).map(|to| {
                Reverse(Ranked {
                    may_stay: bit(owner) & state.work == 0,
                    to_stale: bit(to) & stale != 0,
                    load: loads.get(usize::from(owner)).copied().unwrap_or(0),
                    unready: bit(to) & self.problem.ready == 0,
                    unwanted: bit(to) & role.preferred == 0,
                    choices: role.allowed.count_ones(),
                    step: Move { role: number, from: owner, to },
                })
            }));
        }
        moves.into()
    }

    fn price(&self, Ranked { step, to_stale, .. }: Ranked) -> u64 {
        let cost = self.problem.roles.get(step.role).map_or(1, |role| role.cost);
        u64::from(cost) * WHOLE + u64::from(to_stale)
    }

    /// Nodes that are too old for a role of this owner in this state.
    fn older(&self, owner: u8, stale: Nodes, ahead: Nodes) -> Nodes {
        match bit(owner) {
            owner_is if owner_is & ahead != 0 => 0,
            owner_is if owner_is & stale != 0 => stale & self.problem.older[usize::from(owner)],
            _ => stale,
        }
    }

    fn full(&self, loads: &[u32; MOST_NODES]) -> Nodes {
        let nodes = self.problem.room.iter().zip(loads).enumerate();
        nodes.filter(|(_, (room, load))| load >= room).fold(0, |full, (node, _)| full | bit(node as u8))
    }
}
