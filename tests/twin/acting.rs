//! What the tools do to the worlds, by the simulator's own physics: how long it takes, what goes wrong, what it disturbs.

use std::time::Duration;

use rollward::drivers::simulator::Hand;
use rollward::model::{Action, Answer, ClusterName, NodeName};
use rollward::observed::WorkEnd;

use crate::estate::Estate;

/// How often a tool looks whether it is done.
pub const OFTEN: Duration = Duration::from_millis(20);

/// Set for what a controller's worker runs: what it does is the controller's, and counted as such. What others do is a
/// person's.
pub const WORKER: &str = "TWIN_WORKER";

/// Whether this process does a controller's work.
pub fn for_a_controller() -> bool {
    std::env::var_os(WORKER).is_some()
}

/// Begins something on a node, once what another tool began there has ended.
///
/// # Errors
/// Why the tool refuses.
pub fn begin(estate: &mut Estate, cluster: &ClusterName, action: &Action) -> Result<(), String> {
    loop {
        match estate.by_tool(cluster, action.clone())? {
            Answer::Accepted => {
                estate.keep();
                return Ok(());
            }
            Answer::Refused { check, .. } if check == "lock" => estate.let_others_in(OFTEN)?,
            Answer::Refused { saw, .. } => {
                // What faults make of an action is theirs, whether it is done or not.
                estate.keep();
                return Err(saw);
            }
            Answer::Unsure { why } => return Err(why),
        }
    }
}

/// How what was begun on a node has ended; `None` as long as it has not.
pub fn end(estate: &Estate, cluster: &ClusterName, node: &NodeName) -> Option<WorkEnd> {
    estate.world(cluster)?.nodes.get(node)?.work.as_ref()?.ended.clone()
}

/// Does something on a node, from its begin to its end.
///
/// # Errors
/// Why the tool refuses, or why it failed.
pub fn carry_out(estate: &mut Estate, cluster: &ClusterName, node: &NodeName, action: &Action) -> Result<(), String> {
    begin(estate, cluster, action)?;
    loop {
        match end(estate, cluster, node) {
            Some(WorkEnd { failure: Some(why), .. }) => return Err(why),
            Some(_) => return Ok(()),
            None => estate.let_others_in(OFTEN)?,
        }
    }
}

/// Pauses or resumes a node, as a controller's work or by a person's hand.
///
/// # Errors
/// Why the cluster does not.
pub fn pause(estate: &mut Estate, cluster: &ClusterName, node: &NodeName, pauses: bool) -> Result<(), String> {
    let node = node.clone();
    if for_a_controller() {
        let action = match pauses {
            true => Action::Pause { node: node.clone() },
            false => Action::Resume { node: node.clone(), quarantine: None },
        };
        return carry_out(estate, cluster, &node, &action);
    }
    let hand = if pauses { Hand::Pause { node } } else { Hand::Resume { node } };
    estate.poke(cluster, hand)?;
    estate.keep();
    Ok(())
}
