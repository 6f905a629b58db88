//! Cases: all of one shape up to symmetry, and random ones.

use rand::Rng;

use super::rules::{Case, Held, Node, Role, TARGET};

/// Which cases of a shape are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub nodes: usize,
    pub roles: usize,
    /// Whether each role may prefer one of its possible owners.
    pub preferred: bool,
}

/// Stale, current, ahead, held, down: what a node can be at the beginning.
fn kinds(room: u8) -> [Node; 5] {
    let node = |level, held, down| Node { level, held, down, room };
    [
        node(1, Held::No, false),
        node(TARGET, Held::No, false),
        node(TARGET + 1, Held::No, false),
        node(1, Held::ByManifest, false),
        node(1, Held::No, true),
    ]
}

/// Calls for every case of the shape, once for each class of cases that differ in nothing but names. Those that differ
/// only in who owns what come one after the other, and `from` and `of` split the work between such families: only those
/// that fall to part `from` of `of` parts are called for.
pub fn all(shape: Shape, from: u64, of: u64, mut with: impl FnMut(&Case)) {
    let Shape { nodes, roles, preferred } = shape;
    let limits = limits(nodes as u8, preferred);
    let mut seen = 0;
    for room in [1, 2, roles.max(3) as u8] {
        for ranks in multisets(5, nodes) {
            let kinds: Vec<Node> = ranks.iter().map(|rank| kinds(room)[*rank]).collect();
            let alike = permutations_within(&ranks);
            let mut picked = vec![0; roles];
            loop {
                let family: Vec<Limits> = picked.iter().map(|p| limits[*p]).collect();
                if let Some(same) = exchanges(&family, &alike) {
                    if seen % of == from {
                        let case = Case {
                            nodes: kinds.clone(),
                            roles: family.iter().map(|limits| limits.role(0)).collect(),
                            downgrade: false,
                            outage: false,
                        };
                        each_placement(case, 0, &same, &mut with);
                    }
                    seen += 1;
                }
                // The next multiset.
                let Some(last) = picked.iter().rposition(|p| p + 1 < limits.len()) else { break };
                let next = picked[last] + 1;
                picked[last..].fill(next);
            }
        }
    }
}

/// Where a role may run, whoever owns it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Limits {
    owners: u8,
    preferred: Option<u8>,
}

impl Limits {
    fn role(self, owner: u8) -> Role {
        Role { owner, owners: self.owners, preferred: self.preferred, weight: 1 }
    }

    fn of(role: &Role) -> Self {
        Self { owners: role.owners, preferred: role.preferred }
    }

    fn image(self, order: &[usize]) -> Self {
        let to = |node: u8| order[usize::from(node)] as u8;
        let owners = (0..order.len() as u8).filter(|n| self.owners & (1 << n) != 0).fold(0, |set, n| set | 1 << to(n));
        Self { owners, preferred: self.preferred.map(to) }
    }
}

/// What the limits of one role can be, in order.
fn limits(nodes: u8, preferred: bool) -> Vec<Limits> {
    let mut all = Vec::new();
    for owners in 1..1u8 << nodes {
        let wishes = (0..nodes).filter(|n| preferred && owners & (1 << n) != 0).map(Some);
        all.extend(std::iter::once(None).chain(wishes).map(|preferred| Limits { owners, preferred }));
    }
    all.sort_unstable();
    all
}

/// The exchanges of alike nodes that change nothing about these limits; nothing if one makes of them what comes earlier.
fn exchanges<'a>(family: &[Limits], alike: &'a [Vec<usize>]) -> Option<Vec<&'a Vec<usize>>> {
    let mut same = Vec::new();
    for order in alike {
        let mut image: Vec<Limits> = family.iter().map(|limits| limits.image(order)).collect();
        image.sort_unstable();
        match image.as_slice().cmp(family) {
            std::cmp::Ordering::Less => return None,
            std::cmp::Ordering::Equal => same.push(order),
            std::cmp::Ordering::Greater => {}
        }
    }
    Some(same)
}

/// Calls for each way in which the roles from `role` on can be owned. A node that is down owns nothing.
fn each_placement(mut case: Case, role: usize, same: &[&Vec<usize>], with: &mut impl FnMut(&Case)) -> Case {
    if role == case.roles.len() {
        if is_first(&case, same) {
            with(&case);
        }
        return case;
    }
    let twin = role.checked_sub(1).map(|before| case.roles[before]);
    let twin = twin.filter(|before| Limits::of(before) == Limits::of(&case.roles[role]));
    // Of two roles alike, the first is on the first of the nodes.
    let least = twin.map_or(0, |before| before.owner);
    for owner in least..case.nodes.len() as u8 {
        let node = case.nodes[usize::from(owner)];
        let owned = case.roles[..role].iter().filter(|other| other.owner == owner).count();
        if case.roles[role].owners & (1 << owner) == 0 || node.down || owned >= usize::from(node.room) {
            continue;
        }
        case.roles[role].owner = owner;
        case = each_placement(case, role + 1, same, with);
    }
    case
}

/// No exchange that leaves the limits as they are makes of it what comes earlier.
fn is_first(case: &Case, same: &[&Vec<usize>]) -> bool {
    let owners = |roles: &[(Limits, u8)]| roles.iter().map(|(_, owner)| *owner).collect::<Vec<_>>();
    let now: Vec<u8> = case.roles.iter().map(|role| role.owner).collect();
    same.iter().all(|order| {
        let mut image: Vec<(Limits, u8)> = case
            .roles
            .iter()
            .map(|role| (Limits::of(role).image(order), order[usize::from(role.owner)] as u8))
            .collect();
        image.sort_unstable();
        owners(&image) >= now
    })
}

/// Every non-decreasing list of so many numbers below `below`.
fn multisets(below: usize, long: usize) -> Vec<Vec<usize>> {
    let mut all = vec![vec![]];
    for _ in 0..long {
        let longer = |list: &Vec<usize>| {
            let list = list.clone();
            (list.last().copied().unwrap_or(0)..below).map(move |n| [&list[..], &[n]].concat())
        };
        all = all.iter().flat_map(longer).collect();
    }
    all
}

/// Every order of the nodes that exchanges only nodes of one rank, but the order in which they stand.
fn permutations_within(ranks: &[usize]) -> Vec<Vec<usize>> {
    let mut all = vec![vec![]];
    for rank in ranks {
        let longer = |order: &Vec<usize>| {
            let order = order.clone();
            let free = (0..ranks.len()).filter(|n| ranks[*n] == *rank).collect::<Vec<_>>();
            free.into_iter().filter(|n| !order.contains(n)).map(|n| [&order[..], &[n]].concat()).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(longer).collect();
    }
    all.retain(|order| order.iter().enumerate().any(|(n, to)| n != *to));
    all
}

/// A random case of up to six nodes and five roles: every node with room and troubles of its own.
pub fn random(rng: &mut impl Rng) -> Case {
    let nodes = rng.random_range(1..=6usize);
    let roles = rng.random_range(0..=5usize);
    let roomy = rng.random_bool(0.4);
    let mut kinds: Vec<Node> = (0..nodes)
        .map(|_| Node {
            level: [0, 1, 1, 1, 1, TARGET, TARGET, 3][rng.random_range(0..8)],
            held: [Held::ByManifest, Held::ByVersion, Held::ByBudget]
                .get(rng.random_range(0..20))
                .copied()
                .unwrap_or(Held::No),
            down: rng.random_bool(0.08),
            room: if roomy { 5 } else { rng.random_range(1..=3) },
        })
        .collect();
    if kinds.iter().all(|node| node.down) {
        kinds[0].down = false;
    }
    let narrow = rng.random_bool(0.5);
    let mut case =
        Case { nodes: kinds, roles: Vec::new(), downgrade: rng.random_bool(0.2), outage: rng.random_bool(0.25) };
    for _ in 0..roles {
        let owned = |node: usize| case.roles.iter().filter(|r| usize::from(r.owner) == node).count();
        let free: Vec<usize> =
            (0..nodes).filter(|n| !case.nodes[*n].down && owned(*n) < usize::from(case.nodes[*n].room)).collect();
        if free.is_empty() {
            break;
        }
        let owner = free[rng.random_range(0..free.len())] as u8;
        let all = ((1u16 << nodes) - 1) as u8;
        let owners = if narrow { rng.random::<u8>() & all | 1 << owner } else { all };
        let preferred = rng.random_bool(0.3).then(|| rng.random_range(0..nodes) as u8);
        case.roles.push(Role { owner, owners, preferred, weight: rng.random_range(1..=3) });
    }
    case
}
