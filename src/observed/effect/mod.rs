//! What each action needs, disturbs, changes, how it is undone, and what proves it: one place for all of that.
//!
//! Absent on purpose: whether an action *may* happen (the guard's rules) and whether it *should* (the planner).

mod apply;
mod precondition;
mod proof;
mod side_effects;

use serde::{Deserialize, Serialize};

use crate::model::{Action, GroupName, NodeName, Rollup, RollupName};

pub use apply::{apply, look_again, settle};
pub use precondition::precondition;
pub use proof::{proof, work_of};
pub use side_effects::side_effects;

/// What the nodes shall come to, as far as effects and proofs hang on it. Manifests implement it.
pub trait Targets {
    /// The rollup of a node.
    fn target(&self, node: &NodeName) -> Option<&Rollup>;

    /// The rollup of that name, if any node shall come to it.
    fn rollup(&self, name: &RollupName) -> Option<&Rollup>;

    /// The declared SHA-256 of a package, by its file's name.
    fn sha256(&self, file: &str) -> Option<&str>;
}

/// Whom an action disturbs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disturbs<'a> {
    /// Nobody.
    Nobody,
    /// Whatever runs on the node.
    Node(&'a NodeName),
    /// The users of the role that it names.
    Role(&'a GroupName),
}

/// Whom an action disturbs, if it goes as it should.
pub fn disturbs(action: &Action) -> Disturbs<'_> {
    match action {
        Action::Stage { node, .. }
        | Action::Pause { node }
        | Action::StopCluster { node }
        | Action::Install { node, .. }
        | Action::Uninstall { node, .. }
        | Action::Reboot { node } => Disturbs::Node(node),
        Action::Handoff { group, .. } | Action::StopRole { group, .. } => Disturbs::Role(group),
        Action::MoveGroup { .. }
        | Action::StartRole { .. }
        | Action::StartCluster { .. }
        | Action::RestoreServices { .. }
        | Action::ResumeReplication { .. }
        | Action::Resume { .. }
        | Action::Release { .. } => Disturbs::Nobody,
    }
}

/// The action that takes back what this one does to the cluster, where there is one.
pub fn undo(action: &Action) -> Option<Action> {
    match action {
        Action::Pause { node } => Some(Action::Resume { node: node.clone(), quarantine: None }),
        Action::StopCluster { node } => Some(Action::StartCluster { node: node.clone() }),
        Action::StopRole { group, node, .. } => Some(Action::StartRole { group: group.clone(), node: node.clone() }),
        Action::MoveGroup { group, from, to } => {
            Some(Action::MoveGroup { group: group.clone(), from: to.clone(), to: from.clone() })
        }
        Action::Handoff { group, from, to, style } => {
            Some(Action::Handoff { group: group.clone(), from: to.clone(), to: from.clone(), style: *style })
        }
        _ => None,
    }
}

/// What the cluster would do by itself because of an action.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SideEffect {
    /// To which group.
    pub group: GroupName,
    /// What.
    pub kind: SideEffectKind,
}

/// What the cluster would do to a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum SideEffectKind {
    /// Move it.
    Moves {
        /// From where.
        from: NodeName,
        /// To where.
        to: NodeName,
    },
    /// Restart it where it is.
    Restarts {
        /// Where.
        on: NodeName,
    },
    /// Take it down and not up again.
    Stops {
        /// Where it was.
        on: NodeName,
    },
}

/// What a look says of an action that was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// What it is for has come about.
    Done,
    /// Not yet, and nothing speaks against it.
    NotYet,
    /// It has ended without coming about, or something speaks against it.
    Contradicted(String),
    /// It cannot be told.
    Unknown(String),
}
