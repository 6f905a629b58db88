//! The oracle: the rules of a roll as the design words them, and every state that they let a cluster reach.
//!
//! It knows nothing of the product. A state is the level of each node and the owner of each role; a step updates a
//! passive node, which is free, or hands a role over. It looks no step ahead, prefers nothing and skips nothing: it
//! simply visits every state, the cheapest first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Versions are counted from the oldest: two that are stale, the declared one, and one that is ahead of it.
pub const TARGET: u8 = 2;

/// A cluster at the beginning of its roll.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Case {
    pub nodes: Vec<Node>,
    pub roles: Vec<Role>,
    /// The manifest lets nodes that are ahead be taken back.
    pub downgrade: bool,
    /// Outage is counted, not handoffs.
    pub outage: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node {
    pub level: u8,
    pub held: Held,
    pub down: bool,
    /// How many roles it may own.
    pub room: u8,
}

/// What only a person or a manifest lifts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Held {
    No,
    /// `hold:` in its line: nothing is begun there, no handoff from or to it either.
    ByManifest,
    /// Its install would be refused for its wrong baseline.
    ByVersion,
    /// No try is left.
    ByBudget,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Role {
    pub owner: u8,
    /// Bit by bit, the possible owners.
    pub owners: u8,
    pub preferred: Option<u8>,
    /// What a second of its outage counts.
    pub weight: u8,
}

/// What a roll comes to, in the order in which it is minimised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Price {
    /// Nodes that are not at their target in the end.
    pub left: u32,
    /// Handoffs, or their outage.
    pub paid: u32,
    /// Handoffs to stale nodes.
    pub to_stale: u32,
}

impl std::ops::Add for Price {
    type Output = Self;

    /// What is paid first, and then what the rest comes to.
    fn add(self, rest: Self) -> Self {
        Self { left: rest.left, paid: self.paid + rest.paid, to_stale: self.to_stale + rest.to_stale }
    }
}

/// A moment of a roll: for each node its level, for each role its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    pub levels: Vec<u8>,
    pub owners: Vec<u8>,
}

impl Moment {
    /// How many nodes are not at their target.
    pub fn left(&self) -> u32 {
        self.levels.iter().filter(|level| **level != TARGET).count() as u32
    }
}

impl Case {
    pub fn start(&self) -> Moment {
        Moment {
            levels: self.nodes.iter().map(|n| n.level).collect(),
            owners: self.roles.iter().map(|r| r.owner).collect(),
        }
    }

    fn is_passive(&self, node: usize, now: &Moment) -> bool {
        now.owners.iter().all(|owner| usize::from(*owner) != node)
    }

    fn has_room(&self, node: usize, but: usize, now: &Moment) -> bool {
        let others = now.owners.iter().enumerate().filter(|(role, o)| *role != but && usize::from(**o) == node);
        others.count() < usize::from(self.nodes[node].room)
    }

    /// Nothing that lasts stands against work on the node, and there is some. It need not be passive.
    pub fn is_workable(&self, node: usize, now: &Moment) -> bool {
        let level = now.levels[node];
        let due = level < TARGET || level > TARGET && self.downgrade;
        due && self.nodes[node].held == Held::No && !self.nodes[node].down
    }

    /// "Install only on a truly passive node."
    pub fn may_update(&self, node: usize, now: &Moment) -> bool {
        self.is_workable(node, now) && self.is_passive(node, now)
    }

    /// "A handoff is not begun when work on the node it vacates is held", and `ready-target`.
    pub fn may_hand_over(&self, role: usize, to: usize, now: &Moment) -> bool {
        let from = usize::from(now.owners[role]);
        let owners = self.roles[role].owners;
        let is_owner = |node: usize| {
            owners & (1 << node) != 0 && !self.nodes[node].down && self.nodes[node].held != Held::ByManifest
        };
        if from == to || !is_owner(to) || !self.has_room(to, role, now) {
            return false;
        }
        let done = now.levels[from] == TARGET && self.nodes[from].held != Held::ByManifest;
        if !done && !self.is_workable(from, now) {
            return false;
        }
        let going_down = self.downgrade && now.levels[from] > TARGET;
        if now.levels[to] < now.levels[from] && !going_down {
            return false;
        }
        // "Or stale while a current possible owner has room or a stale empty node could be updated first."
        let better = |other: usize| {
            let current = now.levels[other] == TARGET && self.has_room(other, role, now);
            let updatable = now.levels[other] < TARGET && self.may_update(other, now);
            other != from && is_owner(other) && (current || updatable)
        };
        let due_itself = now.levels[to] > TARGET && self.may_update(to, now);
        !due_itself && (now.levels[to] >= TARGET || !(0..self.nodes.len()).any(better))
    }

    /// What a handoff of the role costs.
    pub fn price(&self, role: usize) -> u32 {
        if self.outage { u32::from(self.roles[role].weight) } else { 1 }
    }
}

/// Visits states; keeps its memory between cases.
#[derive(Default)]
pub struct Oracle {
    /// What it cost to come to each state, by number; `MAX` where nobody has been.
    paid: Vec<u32>,
    been: Vec<usize>,
    heap: BinaryHeap<Reverse<(u32, usize)>>,
}

impl Oracle {
    /// The least price of any sequence.
    pub fn least(&mut self, case: &Case) -> Price {
        let (nodes, roles) = (case.nodes.len(), case.roles.len());
        let states = nodes.pow(roles as u32) << nodes;
        self.paid.resize(states.max(self.paid.len()), u32::MAX);
        let mut now = case.start();
        let mut best = Price { left: u32::MAX, paid: 0, to_stale: 0 };
        self.reach(0, number(&now, case));
        while let Some(Reverse((paid, at))) = self.heap.pop() {
            if self.paid[at] < paid {
                continue;
            }
            unpack(at, case, &mut now);
            let left = now.left();
            best = best.min(Price { left, paid: paid >> 8, to_stale: paid & 0xff });
            if left == 0 {
                break;
            }
            for node in 0..nodes {
                if case.may_update(node, &now) {
                    self.reach(paid, at | 1 << node);
                }
            }
            for role in 0..roles {
                for to in 0..nodes {
                    if case.may_hand_over(role, to, &now) {
                        let from = std::mem::replace(&mut now.owners[role], to as u8);
                        let stale = u32::from(now.levels[to] < TARGET);
                        self.reach(paid + (case.price(role) << 8) + stale, number(&now, case));
                        now.owners[role] = from;
                    }
                }
            }
        }
        self.heap.clear();
        self.been.drain(..).for_each(|at| self.paid[at] = u32::MAX);
        best
    }

    fn reach(&mut self, paid: u32, at: usize) {
        if paid < self.paid[at] {
            self.paid[at] = paid;
            self.been.push(at);
            self.heap.push(Reverse((paid, at)));
        }
    }
}

/// Owners in the base of the nodes, then a bit for each node that has been updated.
pub fn number(now: &Moment, case: &Case) -> usize {
    let owners = now.owners.iter().fold(0, |number, owner| number * case.nodes.len() + usize::from(*owner));
    let updated = now.levels.iter().zip(&case.nodes).enumerate();
    let updated = updated.filter(|(_, (level, node))| **level != node.level).fold(0, |set, (n, _)| set | 1 << n);
    owners << case.nodes.len() | updated
}

pub fn unpack(number: usize, case: &Case, now: &mut Moment) {
    let nodes = case.nodes.len();
    for (node, level) in now.levels.iter_mut().enumerate() {
        *level = if number & (1 << node) != 0 { TARGET } else { case.nodes[node].level };
    }
    let mut owners = number >> nodes;
    for owner in now.owners.iter_mut().rev() {
        *owner = (owners % nodes) as u8;
        owners /= nodes;
    }
}
