//! What befalls a world, as it is declared.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Span;
use crate::model::{ActionKind, GroupName, NodeName};
use crate::observed::CopyStatus;

/// One thing that befalls the world: at a time after its start, or when an action is carried out.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FaultSpec {
    /// How long after the world's start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Span>,
    /// The action that sets it off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<Trigger>,
    /// What.
    pub kind: FaultKind,
    /// To which node; with `on`, by default the action's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeName>,
    /// To which nodes: the minority of a split.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<NodeName>,
    /// To which group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupName>,
    /// For how long; for ever if absent.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Span>,
    /// With `on`: how long after the action has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Span>,
    /// `installFails`: the installer's exit code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// `installFails`: whether services stay disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaves_disabled: Option<bool>,
    /// `copyUnhealthy`: logs that the copy lags behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<u32>,
    /// `copyUnhealthy`: its state; `failed` if neither this nor a queue is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<CopyStatus>,
    /// `slowMove`: so many times as slow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<u32>,
    /// `clockJump`, `hostClockJump`, `storeRunsBackwards`: by how much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Span>,
    /// `clockJump`, `hostClockJump`: true if backwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backwards: Option<bool>,
    /// `lostReply`: whether the action was done all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<bool>,
    /// `secondController`: who.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
    /// `hand`: the deed, in the words of `simulate --poke`.
    #[serde(default, rename = "do", skip_serializing_if = "Option::is_none")]
    pub deed: Option<String>,
}

/// The action that sets a fault off.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Trigger {
    /// Its kind.
    pub action: ActionKind,
    /// The node on which it is carried out; any if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeName>,
    /// The group it names; any if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupName>,
    /// Which time it is tried there, from 1; every time if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
}

/// The kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FaultKind {
    /// The machine dies. Without `for` it never returns.
    NodeCrash,
    /// The installer fails (`on` Install or Uninstall).
    InstallFails,
    /// The installer never ends, or not before `for` is over.
    InstallHangs,
    /// The installer succeeds with 3010: a reboot is required.
    AsksReboot,
    /// The installer succeeds with 1641: it reboots the machine.
    RebootStarted,
    /// Somebody else's installer is at work: ours ends with 1618.
    RivalInstaller,
    /// The machine does not come back from its reboot.
    NeverReturns,
    /// A move takes `factor` times as long, 10 by default.
    SlowMove,
    /// A move is given up at its start.
    MoveFails,
    /// A move leaves the group where it should be, partly down.
    MoveFailsLate,
    /// The controller never hears the answer.
    LostReply,
    /// Looks return an older look, with its times.
    StaleRead,
    /// The network parts `nodes` from the rest.
    SplitView,
    /// Nothing can be asked of the node (or, without one, of the cluster).
    Unreachable,
    /// A person does something: see `do`.
    Hand,
    /// A second controller claims the cluster and stays alive; with `node`, it pauses it under its own mark.
    SecondController,
    /// The clocks of the nodes jump.
    ClockJump,
    /// The clock of the management host jumps, in `simulate`; a daemon's is its own host's.
    HostClockJump,
    /// An older state of the cluster's store comes back.
    StoreRunsBackwards,
    /// The witness cannot be reached.
    WitnessDown,
    /// A backup of the group runs.
    BackupRunning,
    /// A copy of the group falls behind or fails.
    CopyUnhealthy,
    /// Copying to the copies on the node is held back.
    ReplicationSuspended,
    /// The disk of the node fills up.
    DiskFull,
}

impl FaultKind {
    /// The word that people write.
    pub fn word(self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(word)) => word,
            _ => format!("{self:?}"),
        }
    }

    /// True if only an action can set it off.
    pub fn needs_action(self) -> bool {
        use FaultKind::*;
        matches!(
            self,
            InstallFails
                | InstallHangs
                | AsksReboot
                | RebootStarted
                | NeverReturns
                | SlowMove
                | MoveFails
                | MoveFailsLate
                | LostReply
        )
    }

    /// True if it befalls one node.
    pub fn needs_node(self) -> bool {
        use FaultKind::*;
        matches!(self, NodeCrash | ReplicationSuspended | RivalInstaller | DiskFull)
    }

    /// True if it befalls one group.
    pub fn needs_group(self) -> bool {
        matches!(self, FaultKind::BackupRunning | FaultKind::CopyUnhealthy)
    }
}
