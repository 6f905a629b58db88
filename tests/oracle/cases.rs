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

/// Calls for every case of the shape, once for each class of cases that differ in nothing but names. `from` and `of`
/// split the work: only what falls to part `from` of `of` parts is called for.
pub fn all(shape: Shape, from: u64, of: u64, mut with: impl FnMut(&Case)) {
    let Shape { nodes, roles, preferred } = shape;
    let mut seen = 0;
    for room in [1, 2, roles.max(3) as u8] {
        for ranks in multisets(5, nodes) {
            let kinds: Vec<Node> = ranks.iter().map(|rank| kinds(room)[*rank]).collect();
            let alike = permutations_within(&ranks);
            let choices = choices(&kinds, preferred);
            // What each permutation makes of each choice, by number.
            let images: Vec<Vec<usize>> =
                alike.iter().map(|order| choices.iter().map(|role| image(role, order, &choices)).collect()).collect();
            if choices.is_empty() {
                continue;
            }
            let mut picked = vec![0; roles];
            loop {
                let owned = |node: usize| picked.iter().filter(|p| usize::from(choices[**p].owner) == node).count();
                let fits = kinds.iter().enumerate().all(|(n, node)| owned(n) <= usize::from(node.room));
                if fits && is_first(&picked, &images) {
                    if seen % of == from {
                        let roles = picked.iter().map(|p| choices[*p]).collect();
                        with(&Case { nodes: kinds.clone(), roles, downgrade: false, outage: false });
                    }
                    seen += 1;
                }
                // The next multiset.
                let Some(last) = picked.iter().rposition(|p| p + 1 < choices.len()) else { break };
                let next = picked[last] + 1;
                picked[last..].fill(next);
            }
        }
    }
}

/// What one role can be, in order. A node that is down owns nothing.
fn choices(kinds: &[Node], preferred: bool) -> Vec<Role> {
    let nodes = kinds.len() as u8;
    let mut choices = Vec::new();
    for owner in (0..nodes).filter(|n| !kinds[usize::from(*n)].down) {
        for owners in (0..1u8 << nodes).filter(|owners| owners & (1 << owner) != 0) {
            let wishes = (0..nodes).filter(|n| preferred && owners & (1 << n) != 0).map(Some);
            for preferred in std::iter::once(None).chain(wishes) {
                choices.push(Role { owner, owners, preferred, weight: 1 });
            }
        }
    }
    choices.sort_unstable();
    choices
}

fn image(role: &Role, order: &[usize], choices: &[Role]) -> usize {
    let to = |node: u8| order[usize::from(node)] as u8;
    let owners = (0..order.len() as u8).filter(|n| role.owners & (1 << n) != 0).fold(0, |set, n| set | 1 << to(n));
    let image = Role { owner: to(role.owner), owners, preferred: role.preferred.map(to), ..*role };
    choices.binary_search(&image).expect("alike nodes have alike roles")
}

/// No exchange of alike nodes gives a multiset of roles that comes earlier.
fn is_first(picked: &[usize], images: &[Vec<usize>]) -> bool {
    let mut other = [0; 8];
    images.iter().all(|image| {
        let other = &mut other[..picked.len()];
        other.iter_mut().zip(picked).for_each(|(to, p)| *to = image[*p]);
        other.sort_unstable();
        &*other >= picked
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
