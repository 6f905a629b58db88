//! What each constraint costs: the plan, against the plan without it.

use std::time::Duration;

use crate::desired::resolved::Failback;
use crate::guard::Facts;
use crate::model::{HandoffStyle, RuleName};
use crate::observed::GroupKind;

use super::suppose::{Supposed, Supposition};
use super::{Plan, plan};

/// What one constraint costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// The constraint, as what would be so without it.
    pub without: Supposition,
    /// The bill with it, and without it.
    pub with: Bill,
    /// The bill without it.
    pub then: Bill,
}

/// What a plan costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bill {
    /// Handoffs.
    pub handoffs: u32,
    /// Predicted outage of all roles together, at the median.
    pub outage: Duration,
    /// From now to the end of the last step, at the median.
    pub elapsed: Duration,
}

impl Bill {
    /// The bill of a plan.
    pub fn of(plan: &Plan) -> Self {
        Self {
            handoffs: plan.handoffs.planned,
            outage: plan.roles.iter().map(|(_, outage)| outage.median).sum(),
            elapsed: plan.elapsed.predicted,
        }
    }

    fn saves(&self, dearer: &Bill) -> bool {
        self.handoffs < dearer.handoffs || self.outage < dearer.outage || self.elapsed < dearer.elapsed
    }
}

/// So many pairs of a role and a node that it may not run on are priced, at a plan each.
const PAIRS: usize = 64;

/// Every constraint without which the plan would cost less, dearest first; none where the plan does not reach its end.
pub fn price(facts: &Facts<'_>, plan: &Plan) -> Vec<Price> {
    let with = Bill::of(plan);
    let mut prices: Vec<Price> = constraints(facts)
        .into_iter()
        .filter_map(|without| {
            let then = bill(facts, &without, plan)?;
            then.saves(&with).then_some(Price { without, with, then })
        })
        .collect();
    prices.sort_by_key(|price| (price.then.handoffs, price.then.outage, price.then.elapsed));
    prices
}

/// The plan that minimises the other of handoffs and outage, if it would save more than a fifth of what this one does not
/// minimise.
pub fn other_minimum(facts: &Facts<'_>, plan: &Plan) -> Option<Price> {
    let with = Bill::of(plan);
    let without = Supposition::OtherMinimum;
    let then = bill(facts, &without, plan)?;
    let saves_fifth = then.handoffs * 5 < with.handoffs * 4 || then.outage * 5 < with.outage * 4;
    saves_fifth.then_some(Price { without, with, then })
}

/// What the plan would cost if this were so; nothing if it gets no further than a hold.
fn bill(facts: &Facts<'_>, without: &Supposition, base: &Plan) -> Option<Bill> {
    let supposed = Supposed::new(facts, [without]);
    let facts = supposed.facts(facts);
    let plan = plan(&facts);
    // Two plans compare only if they bring the same nodes to their targets.
    let works = |plan: &Plan| plan.steps.iter().filter(|step| step.action.needs_empty_node()).count();
    (works(&plan) >= works(base)).then(|| Bill::of(&plan))
}

fn constraints(facts: &Facts<'_>) -> Vec<Supposition> {
    let desired = facts.desired;
    let limits = &desired.policy.limits;
    let roles = || facts.seen.groups.iter().filter(|(name, group)| desired.kind_of(name, group) == GroupKind::Role);
    let mut found = Vec::new();
    if desired.policy.handoff.failback == Failback::AtEnd {
        let preferred = desired.groups.iter().filter(|(_, spec)| !spec.preferred_nodes.is_empty());
        found.extend(preferred.map(|(role, _)| Supposition::NotPreferred(role.clone())));
    }
    found.extend((desired.policy.handoff.style == HandoffStyle::Offline).then_some(Supposition::Online));
    found.extend(roles().map(|(role, _)| Supposition::Stays(role.clone())));
    found.extend(
        desired.nodes.iter().filter(|(_, spec)| spec.max_roles.is_some()).map(|(n, _)| Supposition::Roomy(n.clone())),
    );
    let barred = roles().flat_map(|(role, group)| {
        let barred = desired.nodes.keys().filter(|node| !group.possible_owners.surely(|owners| owners.contains(*node)));
        barred.map(|node| Supposition::MayRun(role.clone(), node.clone()))
    });
    found.extend(barred.take(PAIRS));
    found.extend((limits.quorum_margin > 0).then_some(Supposition::NoMargin));
    found.push(Supposition::OneMoreOut);
    found.extend((!desired.policy.windows.is_empty()).then_some(Supposition::WindowOpen));
    found.extend((!limits.soak.is_zero()).then_some(Supposition::Waived(RuleName::Soak)));
    found
}
