//! How often what may happen was seen to happen.

use std::collections::BTreeMap;

use rollward::model::ActionKind;

use super::settings::Fault;

/// What was seen to occur.
#[derive(Default)]
pub struct Seen {
    pub faults: Counts<Fault>,
    pub actions: Counts<ActionKind>,
    /// By the check that refused an order on its node.
    pub refused: Counts<String>,
    pub steps: u64,
}

/// How often each was seen.
pub type Counts<T> = BTreeMap<T, u64>;

/// Counts one more of each.
pub fn count<T: Ord>(counts: &mut Counts<T>, seen: impl IntoIterator<Item = T>) {
    for one in seen {
        *counts.entry(one).or_default() += 1;
    }
}
