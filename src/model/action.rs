//! What may be done to a cluster, one thing at a time.
//!
//! What each action disturbs, needs, changes, and what proves it, stands in [`crate::observed::effect`].

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::control::Mark;
use super::names::{GroupName, NodeName, RollupName};

/// How a role is handed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum HandoffStyle {
    /// One move; the stack takes the role down and up.
    #[default]
    Online,
    /// Stop, move, start, then patch the node that was left.
    Offline,
}

impl fmt::Display for HandoffStyle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HandoffStyle::Online => "online",
            HandoffStyle::Offline => "offline",
        })
    }
}

/// Exactly one thing to do to one cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "action", rename_all_fields = "camelCase")]
pub enum Action {
    /// Copy the rollup's packages to the node and check their hashes.
    Stage {
        /// The node.
        node: NodeName,
        /// Whose packages.
        rollup: RollupName,
    },
    /// Keep groups from moving to the node.
    Pause {
        /// The node.
        node: NodeName,
    },
    /// Move an auxiliary group.
    MoveGroup {
        /// The group.
        group: GroupName,
        /// Its owner before.
        from: NodeName,
        /// Its owner after.
        to: NodeName,
    },
    /// Stop the cluster service on the node.
    StopCluster {
        /// The node.
        node: NodeName,
    },
    /// Run the rollup's installer on the node.
    Install {
        /// The node.
        node: NodeName,
        /// What to install.
        rollup: RollupName,
    },
    /// Take what is above the rollup off the node, so that the rollup's versions remain.
    Uninstall {
        /// The node.
        node: NodeName,
        /// What shall remain.
        rollup: RollupName,
    },
    /// Restart the machine.
    Reboot {
        /// The node.
        node: NodeName,
    },
    /// Move a role: downtime.
    Handoff {
        /// The role.
        group: GroupName,
        /// Its owner before.
        from: NodeName,
        /// Its owner after.
        to: NodeName,
        /// Running or stopped.
        style: HandoffStyle,
    },
    /// Stop a role that shall be handed over offline: downtime from now on. Its duty mark is written first.
    StopRole {
        /// The role.
        group: GroupName,
        /// Its owner.
        node: NodeName,
        /// Where it shall start again.
        to: NodeName,
        /// How long it may stay stopped: from it comes the deadline of the duty.
        at_most: Duration,
    },
    /// Start a role where it is.
    StartRole {
        /// The role.
        group: GroupName,
        /// Its owner.
        node: NodeName,
    },
    /// Start the cluster service on the node.
    StartCluster {
        /// The node.
        node: NodeName,
    },
    /// Bring services on the node to the start type and state of the baseline.
    RestoreServices {
        /// The node.
        node: NodeName,
    },
    /// Resume replication to the copies on the node.
    ResumeReplication {
        /// The node.
        node: NodeName,
    },
    /// Take our pause off the node.
    Resume {
        /// The node.
        node: NodeName,
        /// Set if its verification failed, to what failed: a quarantine mark is written before the pause goes.
        quarantine: Option<String>,
    },
    /// Remove one mark of ours.
    Release {
        /// The mark.
        mark: Mark,
    },
}

/// Whether an action may cost something, or ends a cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// It may cost something; every rule may refuse it.
    Begin,
    /// It ends what was begun; only `fence`, `people`, `ripple` and its own precondition may refuse it.
    Finish,
}

macro_rules! kinds {
    ($($kind:ident: $phase:ident),* $(,)?) => {
        /// An action without its subject.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum ActionKind { $(#[doc = stringify!($kind)] $kind),* }

        impl ActionKind {
            /// All of them, in the order of the design.
            pub const ALL: &[ActionKind] = &[$(ActionKind::$kind),*];

            /// Whether it begins or finishes.
            pub fn phase(self) -> Phase {
                match self { $(ActionKind::$kind => Phase::$phase),* }
            }

            /// The word that people see.
            pub fn word(self) -> &'static str {
                match self { $(ActionKind::$kind => stringify!($kind)),* }
            }
        }

        impl Action {
            /// The action without its subject.
            pub fn kind(&self) -> ActionKind {
                match self { $(Action::$kind { .. } => ActionKind::$kind),* }
            }
        }
    };
}

kinds! {
    Stage: Begin, Pause: Begin, MoveGroup: Begin, StopCluster: Begin, Install: Begin, Uninstall: Begin, Reboot: Begin,
    Handoff: Begin, StopRole: Begin,
    StartRole: Finish, StartCluster: Finish, RestoreServices: Finish, ResumeReplication: Finish, Resume: Finish,
    Release: Finish,
}

impl fmt::Display for ActionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl Action {
    /// Whether it begins or finishes.
    pub fn phase(&self) -> Phase {
        self.kind().phase()
    }

    /// The node on which the work is done; for a move, the node that is left.
    pub fn node(&self) -> Option<&NodeName> {
        match self {
            Action::Stage { node, .. }
            | Action::Pause { node }
            | Action::StopCluster { node }
            | Action::Install { node, .. }
            | Action::Uninstall { node, .. }
            | Action::Reboot { node }
            | Action::StopRole { node, .. }
            | Action::StartRole { node, .. }
            | Action::StartCluster { node }
            | Action::RestoreServices { node }
            | Action::ResumeReplication { node }
            | Action::Resume { node, .. } => Some(node),
            Action::MoveGroup { from, .. } | Action::Handoff { from, .. } => Some(from),
            Action::Release { mark } => mark.kind.node(),
        }
    }

    /// The group it names.
    pub fn group(&self) -> Option<&GroupName> {
        match self {
            Action::MoveGroup { group, .. }
            | Action::Handoff { group, .. }
            | Action::StopRole { group, .. }
            | Action::StartRole { group, .. } => Some(group),
            _ => None,
        }
    }

    /// The destination of a move.
    pub fn to(&self) -> Option<&NodeName> {
        match self {
            Action::MoveGroup { to, .. } | Action::Handoff { to, .. } | Action::StopRole { to, .. } => Some(to),
            _ => None,
        }
    }

    /// The rollup it is about.
    pub fn rollup(&self) -> Option<&RollupName> {
        match self {
            Action::Stage { rollup, .. } | Action::Install { rollup, .. } | Action::Uninstall { rollup, .. } => {
                Some(rollup)
            }
            _ => None,
        }
    }

    /// True for what changes the software or the machine under the node's feet, and so needs the node empty.
    pub fn needs_empty_node(&self) -> bool {
        matches!(
            self,
            Action::Install { .. } | Action::Uninstall { .. } | Action::Reboot { .. } | Action::StopCluster { .. }
        )
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Stage { node, rollup } => write!(f, "Stage {rollup} on {node}"),
            Action::Install { node, rollup } => write!(f, "Install {rollup} on {node}"),
            Action::Uninstall { node, rollup } => write!(f, "Uninstall down to {rollup} on {node}"),
            Action::MoveGroup { group, from, to } => write!(f, "MoveGroup {group:?} from {from} to {to}"),
            Action::Handoff { group, from, to, style } => write!(f, "Handoff {group:?} from {from} to {to}, {style}"),
            Action::StopRole { group, node, to, .. } => write!(f, "StopRole {group:?} on {node}, to start on {to}"),
            Action::StartRole { group, node } => write!(f, "StartRole {group:?} on {node}"),
            Action::Release { mark } => write!(f, "Release {mark}"),
            Action::Pause { node }
            | Action::StopCluster { node }
            | Action::Reboot { node }
            | Action::StartCluster { node }
            | Action::RestoreServices { node }
            | Action::ResumeReplication { node }
            | Action::Resume { node, quarantine: None } => write!(f, "{} {node}", self.kind()),
            Action::Resume { node, quarantine: Some(why) } => write!(f, "Resume {node} in quarantine: {why}"),
        }
    }
}

/// What a driver says of an action that it was given. Never "done": done is what is observed afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    /// It is under way, or has been.
    Accepted,
    /// A check refused it, and nothing was done.
    Refused {
        /// Which check.
        check: String,
        /// What it saw.
        saw: String,
    },
    /// The reply was lost: it may or may not be under way.
    Unsure {
        /// What happened instead of a reply.
        why: String,
    },
}
