//! What next: the decision, and the plan whose first step it is. Pure.
//!
//! [`mod@decide`] is the order in which possible steps are thought of; read it first. It proposes naively and lets the
//! guard's rules say no, so that no rule has a second home here. [`plan`] asks it again and again on a model of the
//! future. Where roles must leave nodes, [`search`] finds the fewest handoffs.
//!
//! Absent on purpose: I/O, clock, randomness, floats, unordered maps, and any knowledge of drivers.

mod ask;
mod certificate;
mod claim;
mod decide;
mod elapsed;
mod forecast;
mod future;
mod handoffs;
mod hash;
mod leftovers;
mod middle;
mod newly;
mod outage;
mod outlook;
mod price;
mod progress;
mod relax;
mod report;
mod rest;
mod search;
mod suppose;
mod unroll;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::guard::PlannedHandoff;
use crate::model::{Action, GroupName, Hold, NodeName, Spread, Standing, Time, Waiver};
use crate::record::RollCounts;

pub use certificate::{Because, Certificate, Left, MustLeave};
pub use claim::needs_claim;
pub use decide::decide;
pub use elapsed::Elapsed;
pub use forecast::forecast;
pub use hash::{plan_hash, scope_hash};
pub use outlook::{OpenFor, Outlook, awaited, outlooks};
pub use price::{Bill, Price, other_minimum, price};
pub use relax::{Relaxation, relax};
pub use report::explain;
pub use suppose::{NotSupposed, Supposed, Supposition};
pub use unroll::{optimum, plan};

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "decision", content = "detail", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Decision {
    /// This, now.
    Act(Action),
    /// Nothing now; time, the world's own course or another cluster's progress will release at least one hold.
    Wait {
        /// Why.
        holds: Vec<Hold>,
        /// When to decide again at the latest, where a time is known.
        until: Option<Time>,
    },
    /// Nothing, until a person does something or a manifest changes.
    Blocked(Vec<Hold>),
    /// The cluster is in no manifest any more, and nothing of ours is left in it but the claim.
    Releasing,
    /// Every node is at its target, and nothing of ours is left but the claim.
    Converged,
}

impl Decision {
    /// In one word.
    pub fn word(&self) -> &'static str {
        match self {
            Decision::Act(_) => "act",
            Decision::Wait { .. } => "wait",
            Decision::Blocked(_) => "blocked",
            Decision::Releasing => "releasing",
            Decision::Converged => "converged",
        }
    }

    /// The decision, with the hash of the plan in what is said of approvals: no rule knows the plan.
    #[must_use]
    pub fn naming(mut self, hash: &str) -> Self {
        if let Decision::Wait { holds, .. } | Decision::Blocked(holds) = &mut self {
            ask::name_plan(holds, hash);
        }
        self
    }

    /// Why not more, where there is a reason.
    pub fn holds(&self) -> &[Hold] {
        match self {
            Decision::Wait { holds, .. } | Decision::Blocked(holds) => holds,
            _ => &[],
        }
    }
}

/// From here to the end, if nothing goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The first step, or why there is none.
    pub decision: Decision,
    /// What an approval of these handoffs binds to.
    pub hash: String,
    /// What an approval binds to besides the handoffs.
    pub scope: String,
    /// The steps, in order; the first one is the decision's.
    pub steps: Vec<Step>,
    /// The handoffs among them, in order.
    pub sequence: Vec<PlannedHandoff>,
    /// Their number, the floor and the optimum. `spent` and `forced` are the loop's to fill in.
    pub handoffs: RollCounts,
    /// What the floor and the optimum rest on.
    pub certificate: Certificate,
    /// How long it takes, and no order of steps takes less.
    pub elapsed: Elapsed,
    /// Predicted outage of every role that is handed over, by name.
    pub roles: Vec<(GroupName, Spread)>,
    /// What stands between the last step and convergence, and what stands against the first step now.
    pub holds: Vec<Hold>,
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What.
    pub action: Action,
    /// When it begins, if all before it take as long as half of all cases do.
    pub at: Time,
    /// How long it takes.
    pub predicted: Spread,
    /// How long the role that it names is down because of it.
    pub outage: Option<Spread>,
    /// What has to be released first: a window that opens, a soak that ends, an approval.
    pub holds: Vec<Hold>,
    /// Waivers without which it would be held when its turn comes.
    pub waived: Vec<Waiver>,
}

/// Why a node is not at its target, or that it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeReport {
    /// The node.
    pub node: NodeName,
    /// How it stands to its target; `None` if that cannot be told, or if it has none.
    pub standing: Option<Standing>,
    /// What is being done to it or comes next on it, if anything.
    pub next: Option<Action>,
    /// Why no more. Never empty for a node that is not at its target and on which nothing comes next.
    pub holds: Vec<Hold>,
}
