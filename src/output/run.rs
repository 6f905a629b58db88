//! `run`: what became of every cluster by the time the command ended.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::hold::Hold;
use super::plan::{Handoffs, Spread};
use super::seconds::Seconds;

/// What became of one cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ran {
    /// The cluster.
    pub name: String,
    /// Where it ended.
    pub state: RunState,
    /// Actions begun by this command.
    pub actions: u64,
    /// Handoffs of the roll.
    pub handoffs: Handoffs,
    /// Every role and its outage.
    pub roles: Vec<RanRole>,
    /// How often a rule of the world was broken, by its own count. Only a simulated world can count.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub violations: Option<u64>,
    /// What stands in the way of what is left.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub holds: Vec<Hold>,
}

/// Where a cluster ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RunState {
    /// Every node is at its target and nothing of ours is left.
    Converged,
    /// What is left takes a person.
    Blocked,
    /// It was waiting for time to pass or the world to change.
    Waiting,
    /// It was at work.
    Acting,
    /// Its manifest is gone: it was being let go.
    Releasing,
}

impl RunState {
    /// The word that people see.
    pub fn word(self) -> &'static str {
        match self {
            RunState::Converged => "converged",
            RunState::Blocked => "blocked",
            RunState::Waiting => "waiting",
            RunState::Acting => "acting",
            RunState::Releasing => "releasing",
        }
    }
}

/// A role and its outage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RanRole {
    /// The role.
    pub name: String,
    /// How long it was expected to be down when the roll began.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub predicted_outage_seconds: Option<Spread>,
    /// How long it was down.
    pub observed_outage_seconds: Seconds,
}
