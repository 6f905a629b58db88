//! Control state that lives in the cluster: the claim, and marks. Every mark is named, owned and removable.

use std::fmt;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::action::Action;
use super::names::{GroupName, Holder, NodeName};
use super::time::{Time, shifted};

/// `number@holder`: who is in charge of a cluster. The number is the epoch; it fences, it does not elect.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// The epoch. Grows with every claim.
    pub epoch: u64,
    /// The controller.
    pub holder: Holder,
    /// Grows while the holder lives. An observer ages it by its own monotonic time, so clocks need not agree.
    pub heartbeat: u64,
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.epoch, self.holder)
    }
}

/// Something of ours in the cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mark {
    /// What it says.
    pub kind: MarkKind,
    /// The epoch under which it was written.
    pub epoch: u64,
    /// Who wrote it.
    pub holder: Holder,
    /// When.
    pub at: Time,
}

/// What a mark says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "mark", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum MarkKind {
    /// The node's pause is ours.
    Pause {
        /// The node.
        node: NodeName,
    },
    /// An action was announced and has not ended, as far as the cluster knows.
    InProgress {
        /// The action.
        action: Box<Action>,
    },
    /// A role was stopped by us and must be started again.
    StoppedRole {
        /// The role.
        group: GroupName,
        /// Where it shall start.
        to: NodeName,
        /// Past this time, starting it comes before everything else.
        deadline: Time,
    },
    /// The node failed its verification and must not own roles.
    Quarantine {
        /// The node.
        node: NodeName,
        /// What failed.
        why: String,
    },
    /// A person pulled the stop cord. It is theirs: only `go` removes it.
    Stop {
        /// For what.
        scope: StopScope,
        /// In their words.
        why: String,
    },
}

/// What a stop cord in the cluster covers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StopScope {
    /// The whole cluster.
    Cluster,
    /// One node.
    Node(NodeName),
}

impl MarkKind {
    /// The node it is about.
    pub fn node(&self) -> Option<&NodeName> {
        match self {
            MarkKind::Pause { node } | MarkKind::Quarantine { node, .. } => Some(node),
            MarkKind::InProgress { action } => action.node(),
            MarkKind::StoppedRole { to, .. } => Some(to),
            MarkKind::Stop { scope: StopScope::Node(node), .. } => Some(node),
            MarkKind::Stop { scope: StopScope::Cluster, .. } => None,
        }
    }

    /// True for what a controller wrote for its own work and must remove in the end; false for a person's.
    pub fn is_controllers(&self) -> bool {
        !matches!(self, MarkKind::Stop { .. })
    }
}

impl Mark {
    /// True if it is the same mark, whatever clock its times are told by.
    pub fn is(&self, other: &Mark) -> bool {
        let same_kind = match (&self.kind, &other.kind) {
            (
                MarkKind::StoppedRole { group, to, deadline: _ },
                MarkKind::StoppedRole { group: other_group, to: other_to, deadline: _ },
            ) => group == other_group && to == other_to,
            (kind, other) => kind == other,
        };
        same_kind && self.epoch == other.epoch && self.holder == other.holder
    }

    /// Tells its times by a clock that is ahead by so much.
    pub fn shift(&mut self, by: SignedDuration) {
        self.at = shifted(self.at, by);
        if let MarkKind::StoppedRole { deadline, .. } = &mut self.kind {
            *deadline = shifted(*deadline, by);
        }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            MarkKind::Pause { node } => write!(f, "pause of {node}")?,
            MarkKind::InProgress { action } => write!(f, "announcement of {action}")?,
            MarkKind::StoppedRole { group, to, .. } => write!(f, "duty to start {group:?} on {to}")?,
            MarkKind::Quarantine { node, .. } => write!(f, "quarantine of {node}")?,
            MarkKind::Stop { scope: StopScope::Cluster, .. } => write!(f, "stop cord")?,
            MarkKind::Stop { scope: StopScope::Node(node), .. } => write!(f, "stop cord of {node}")?,
        }
        write!(f, " ({}@{})", self.epoch, self.holder)
    }
}
