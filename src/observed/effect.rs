//! What each action needs, disturbs, changes, how it is undone, and what proves it: one place for all of that.

use serde::{Deserialize, Serialize};

use crate::model::{GroupName, NodeName};

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
