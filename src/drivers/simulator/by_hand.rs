//! How people end by hand what of ours is in a simulated cluster: in the words of [`super::hand`], which `simulate --poke`
//! takes.

use crate::desired::Cluster;
use crate::drivers::by_hand::{self, ByHand, Commands, Shows, on};
use crate::model::{Action, Claim, GroupName, Holder, Mark, NodeName};
use crate::observed::Observation;

/// What a look saw of ours, and how people end it.
///
/// # Errors
/// None: a simulated cluster can always be laid a hand on.
pub fn by_hand(cluster: &Cluster, seen: &Observation) -> Result<ByHand, String> {
    let world = format!("the simulated world, by `rollward simulate PATH --cluster {} --poke '…'`", cluster.name);
    Ok(by_hand::by_hand(seen, &Tools { world }))
}

struct Tools {
    world: String,
}

impl Tools {
    fn poke(&self, words: impl IntoIterator<Item = String>) -> Commands {
        on(self.world.as_str(), words)
    }

    /// All that a controller has written goes at once, and its pauses with it.
    fn leaves(&self, holder: &Holder) -> Commands {
        self.poke([format!("rival-leaves {}", quoted(holder.as_str()))])
    }
}

/// A name as one word.
fn quoted(name: &str) -> String {
    if name.contains(char::is_whitespace) { format!("\"{name}\"") } else { name.to_owned() }
}

impl by_hand::Tools for Tools {
    fn unmark(&self, mark: &Mark) -> Commands {
        self.leaves(&mark.holder)
    }

    fn unclaim(&self, claim: &Claim) -> Commands {
        self.leaves(&claim.holder)
    }

    fn resume(&self, _: &NodeName) -> Commands {
        self.poke([])
    }

    fn start_cluster(&self, node: &NodeName) -> Commands {
        self.poke([format!("start-cluster {}", quoted(node.as_str()))])
    }

    fn start_role(&self, group: &GroupName, _: &NodeName) -> Commands {
        self.poke([format!("start-role {}", quoted(group.as_str()))])
    }

    fn left_by(&self, _: &Action) -> Option<(String, Commands)> {
        None
    }

    fn forget(&self, _: &NodeName) -> Option<(String, Commands)> {
        None
    }

    fn at_work(&self, _: &NodeName) -> Option<Shows> {
        None
    }

    fn installer(&self) -> &'static str {
        "the installer"
    }

    fn check(&self) -> Vec<Shows> {
        Vec::new()
    }
}
