//! What can happen to a world, and what comes of it.

use serde::{Deserialize, Serialize};

use super::super::hand::Hand;
use crate::drivers::ClaimAnswer;
use crate::guard::{Check, Command};
use crate::model::{Action, Answer, Claim, GroupName, NodeName, RollupName, Time};

/// Something that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Something that was bound to happen by itself.
    Tick(Tick),
    /// A controller carries out an action.
    Perform(Box<Order>),
    /// A controller replaces the claim.
    Claim {
        /// What it last read.
        expected: Option<Claim>,
        /// What it wants to stand there.
        wanted: Option<Claim>,
    },
    /// A person uses the tool.
    Command(Command),
    /// A person, or fate, lays hand on the cluster behind the tool's back.
    Hand(Hand),
}

/// An action with everything that the node needs to carry it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What to do.
    pub action: Action,
    /// Under which claim.
    pub claim: Option<Claim>,
    /// What the node checks first.
    pub checks: Vec<Check>,
    /// How it will turn out.
    pub fate: Fate,
}

/// How an action will turn out. Chosen outside: by a declared fault, or by whoever explores all worlds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Fate {
    /// As it should.
    #[default]
    Well,
    /// The installer fails.
    Fails {
        /// Its exit code.
        exit_code: i32,
        /// Whether it leaves services disabled.
        leaves_disabled: bool,
    },
    /// The installer never ends.
    Hangs,
    /// The installer succeeds and asks for a reboot.
    AsksReboot,
    /// The installer succeeds and reboots the machine by itself.
    Reboots,
    /// The move is given up before anything was taken down.
    MoveFails,
    /// The group has moved, but does not come up whole.
    MoveFailsLate,
    /// The machine does not come back from its reboot.
    NeverReturns,
    /// As it should; but after its checks the node takes its time before it acts.
    Hesitates,
}

/// Something that happens by itself, sooner or later.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Tick {
    /// A machine that was restarted comes up.
    Boot(NodeName),
    /// A node whose cluster service starts becomes a member.
    Join(NodeName),
    /// Our work on a node gets on by one stage.
    Work(NodeName, super::Stage),
    /// A group leaves an owner that is no member any more.
    Failover(GroupName),
    /// A group moves back to the node it prefers.
    Failback(GroupName),
    /// A group that wants to be up comes up, as far as it can.
    Online(GroupName),
    /// A copy catches up.
    CopyHealthy {
        /// Of which group.
        group: GroupName,
        /// On which node.
        node: NodeName,
    },
    /// A standby copy catches up.
    StandbyHealthy {
        /// Of which group.
        group: GroupName,
        /// Which one, in the order of the group's list.
        index: u32,
    },
}

/// What a step brought.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The answer to an action.
    pub answer: Option<Answer>,
    /// The answer to a claim.
    pub claim: Option<ClaimAnswer>,
    /// The answer to a command or a hand: what was done, or why not.
    pub said: Option<Result<String, String>>,
    /// What an onlooker who sees everything would note down.
    pub happened: Vec<Happening>,
}

/// Something worth noting down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// A rule of the product was broken.
    Violation(Violation),
    /// A group changed its owner.
    Moved {
        /// Which.
        group: GroupName,
        /// Its owner before.
        from: NodeName,
        /// Its owner after.
        to: NodeName,
        /// Why.
        cause: MoveCause,
    },
    /// Software on a node changed.
    Installed {
        /// Where.
        node: NodeName,
        /// To which rollup.
        rollup: RollupName,
        /// Whether something of it is newer than before.
        raised: bool,
    },
}

/// Why a group moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MoveCause {
    /// A controller's action.
    Planned,
    /// Its owner was gone.
    Failover,
    /// The stack's own failback.
    Failback,
    /// A person.
    Person,
}

/// A rule of the product that was broken by a controller's doing, as the world itself saw it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Violation {
    /// Which.
    pub kind: ViolationKind,
    /// When.
    pub at: Time,
    /// On which node.
    pub node: Option<NodeName>,
    /// To which group.
    pub group: Option<GroupName>,
    /// By which action.
    pub action: Option<Action>,
}

/// The rules that a simulated world keeps watch over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ViolationKind {
    /// An install, stop or restart on a node that owned a role at that instant.
    DisturbedRole,
    /// An install, stop or restart on a node that owned another group at that instant.
    DisturbedGroup,
    /// Our step took the last vote that was needed.
    LostQuorum,
    /// A source's node was updated before one of its standby targets. Seen across clusters, by whoever owns several.
    SourceBeforeTarget,
    /// A role that we stopped could have been started again and was not, long past its deadline.
    RoleLeftStopped,
    /// We resumed a node that a person had paused, or made their pause ours.
    PauseUndone,
    /// The cluster moved a role because of an action that did not name it.
    Ripple,
    /// More nodes were taken out by controllers at once than the policy allows.
    TooManyOut,
    /// Something was begun though a stop cord in the cluster's store covered it.
    ActedAgainstStop,
}

impl Event {
    /// An action to carry out, turning out well.
    pub fn perform(action: Action, claim: Option<Claim>, checks: Vec<Check>) -> Self {
        Event::Perform(Box::new(Order { action, claim, checks, fate: Fate::Well }))
    }
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = match self.kind {
            ViolationKind::DisturbedRole => "a node was disturbed that owned a role",
            ViolationKind::DisturbedGroup => "a node was disturbed that owned a group",
            ViolationKind::LostQuorum => "the last vote that was needed was taken away",
            ViolationKind::SourceBeforeTarget => "a source was updated before its standby target",
            ViolationKind::RoleLeftStopped => "a role that was stopped was not started again",
            ViolationKind::PauseUndone => "a person's pause was undone, or taken for ours",
            ViolationKind::Ripple => "a role moved because of an action that did not name it",
            ViolationKind::TooManyOut => "more nodes were taken out than the policy allows",
            ViolationKind::ActedAgainstStop => "something was begun against a stop cord",
        };
        write!(f, "{}: {what}", crate::model::time::stamp(self.at))?;
        if let Some(group) = &self.group {
            write!(f, ", {group:?}")?;
        }
        if let Some(node) = &self.node {
            write!(f, ", on {node}")?;
        }
        match &self.action {
            Some(action) => write!(f, ", by {action}"),
            None => Ok(()),
        }
    }
}
