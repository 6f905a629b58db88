//! The least price from every moment of a family of cases at once: those that differ only in who owns what.
//!
//! As many cases share one family, this costs each of them next to nothing. It is worked out from the ends backwards:
//! updates only ever add to what is updated, so the moments with most nodes updated come first, and among those with the
//! same nodes updated prices are lowered along handoffs until nothing changes.

use super::rules::{Case, Moment, Price, Role, TARGET, number, unpack};

/// Knows the prices of one family at a time.
#[derive(Default)]
pub struct Ledger {
    family: Option<Case>,
    /// By the number of the moment; only of moments that can be.
    least: Vec<Price>,
}

const NEVER: Price = Price { left: u32::MAX, paid: 0, to_stale: 0 };

impl Ledger {
    /// The least price of any sequence from a moment on, the moment being one of this case or of one of its family.
    pub fn least(&mut self, case: &Case, now: &Moment) -> Price {
        if !self.family.as_ref().is_some_and(|family| is_of(family, case)) {
            self.work_out(case);
            self.family = Some(case.clone());
        }
        self.least[number(now, case)]
    }

    fn work_out(&mut self, case: &Case) {
        let nodes = case.nodes.len();
        self.least.clear();
        self.least.resize(nodes.pow(case.roles.len() as u32) << nodes, NEVER);
        let placements = placements(case);
        let mut now = case.start();
        for updated in (0..1usize << nodes).rev() {
            let all_may = (0..nodes).all(|n| updated & 1 << n == 0 || case.is_workable(n, &case.start()));
            if !all_may {
                continue;
            }
            let mut handoffs = Vec::new();
            for placement in &placements {
                let at = placement << nodes | updated;
                unpack(at, case, &mut now);
                let mut least = Price { left: now.left(), paid: 0, to_stale: 0 };
                for node in (0..nodes).filter(|node| updated & 1 << node == 0 && case.may_update(*node, &now)) {
                    least = least.min(self.least[at | 1 << node]);
                }
                self.least[at] = least;
                for role in 0..case.roles.len() {
                    for to in 0..nodes {
                        if case.may_hand_over(role, to, &now) {
                            let to_stale = u32::from(now.levels[to] < TARGET);
                            let from = std::mem::replace(&mut now.owners[role], to as u8);
                            let price = Price { left: 0, paid: case.price(role), to_stale };
                            handoffs.push((at, number(&now, case), price));
                            now.owners[role] = from;
                        }
                    }
                }
            }
            loop {
                let mut lowered = false;
                for (at, to, price) in &handoffs {
                    let by_it = *price + self.least[*to];
                    if by_it < self.least[*at] {
                        self.least[*at] = by_it;
                        lowered = true;
                    }
                }
                if !lowered {
                    break;
                }
            }
        }
    }
}

/// Whether the cases differ only in who owns what.
fn is_of(family: &Case, case: &Case) -> bool {
    let alike = |(a, b): (&Role, &Role)| (a.owners, a.weight) == (b.owners, b.weight);
    (&family.nodes, family.downgrade, family.outage) == (&case.nodes, case.downgrade, case.outage)
        && family.roles.len() == case.roles.len()
        && family.roles.iter().zip(&case.roles).all(alike)
}

/// The numbers of all ways to own the roles, each by a possible owner that is up.
fn placements(case: &Case) -> Vec<usize> {
    let nodes = case.nodes.len();
    let mut all = vec![0];
    for role in &case.roles {
        let may = |n: &usize| role.owners & (1 << n) != 0 && !case.nodes[*n].down;
        all = all.iter().flat_map(|before| (0..nodes).filter(may).map(move |n| before * nodes + n)).collect();
    }
    all
}
