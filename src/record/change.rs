//! All that can be written to the record while the loop runs, as data: the loop hands a list of these out as one
//! effect, and the store writes the list in one transaction or not at all.

use std::collections::BTreeMap;

use super::entry::Entry;
use super::plans::ShownPlan;
use super::rolls::Roll;
use crate::guard::Approval;
use crate::model::{ClusterName, Time};

/// One thing to remember. What is already so is not written again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A line of the journal, and what follows from it: a roll starts or ends; an approval takes the place of the one
    /// before, is void, or loses the handoff that was done; a proved action is a sample of how long such actions take.
    Entry(Entry),
    /// The ledger of a cluster's roll.
    Roll(ClusterName, Roll),
    /// An approval as it is now; one of which nothing remains is removed.
    Approval(ClusterName, Approval),
    /// A plan that was shown to people, who may approve it by its hash.
    ShownPlan(ShownPlan),
    /// A stop cord by command, for all clusters or those with all of these labels.
    StopPulled {
        /// Which clusters; all if empty.
        labels: BTreeMap<String, String>,
        /// Why.
        why: String,
        /// Who.
        by: String,
        /// When.
        at: Time,
    },
    /// That stop cord is lifted.
    StopLifted {
        /// The labels with which it was pulled.
        labels: BTreeMap<String, String>,
        /// Who lifts it.
        by: String,
        /// When.
        at: Time,
    },
}

impl From<Entry> for Change {
    fn from(entry: Entry) -> Self {
        Change::Entry(entry)
    }
}
