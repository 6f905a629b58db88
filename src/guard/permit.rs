//! Leave to do exactly one thing, with the checks that the node itself must make before it is done.

use std::collections::BTreeSet;

use serde::Serialize;

use super::facts::Facts;
use super::rules::{claim_on_node, is_only_way_up};
use crate::model::{Action, Claim, GroupName, NodeName, Phase};

/// Leave to do one action. Only [`super::judge`] can make one, and performing uses it up.
#[derive(Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Permit {
    action: Action,
    claim: Option<Claim>,
    checks: Vec<Check>,
    #[serde(skip)]
    finishes: bool,
}

/// What the driver must see true on the node, under its lock, after its mark is written and before it acts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(tag = "check", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Check {
    /// The cluster's claim is still ours, with this epoch, and the node has seen no higher one.
    ClaimIsOurs,
    /// No other announced action or running work stands against it.
    NothingElseInProgress {
        /// Work of ours on other nodes that this was judged beside. Anything that came after it stands against it.
        beside: BTreeSet<Action>,
    },
    /// The node owns no role.
    OwnsNoRole {
        /// The node.
        node: NodeName,
    },
    /// The node owns no group at all.
    OwnsNothing {
        /// The node.
        node: NodeName,
    },
    /// The group is where it was.
    Owner {
        /// The group.
        group: GroupName,
        /// Its owner.
        node: NodeName,
    },
    /// The node is a full member.
    Up {
        /// The node.
        node: NodeName,
    },
    /// The node takes groups: neither paused nor otherwise closed.
    NotPaused {
        /// The node.
        node: NodeName,
    },
    /// The node's pause is still there, with our mark.
    PausedByUs {
        /// The node.
        node: NodeName,
    },
    /// Without these nodes' votes the cluster still has its quorum and so many votes more. A node that is no member at
    /// that moment has no vote to take away.
    QuorumWithout {
        /// The node that the action is for.
        node: NodeName,
        /// Others that are being worked on, and may go at any moment.
        also: BTreeSet<NodeName>,
        /// Votes to keep above what is needed.
        margin: u32,
    },
    /// Of the other nodes fewer than so many are out: no full members, or paused by whomever. The node asks its own
    /// cluster service, after its announcement is written: of two who announce and then check, one at least sees the
    /// other.
    FewerOut {
        /// The node that goes out, which does not count.
        besides: NodeName,
        /// So many others are too many.
        than: u32,
    },
    /// The package on the node has this hash.
    Hash {
        /// The file's name.
        file: String,
        /// SHA-256, lower-case hexadecimal.
        sha256: String,
    },
    /// No other installer is at work on the node.
    NoRival {
        /// The node.
        node: NodeName,
    },
}

impl Check {
    /// Its name, as people see it where it refused something.
    pub fn word(&self) -> &'static str {
        match self {
            Check::ClaimIsOurs => "claimIsOurs",
            Check::NothingElseInProgress { .. } => "nothingElseInProgress",
            Check::OwnsNoRole { .. } => "ownsNoRole",
            Check::OwnsNothing { .. } => "ownsNothing",
            Check::Owner { .. } => "owner",
            Check::Up { .. } => "up",
            Check::NotPaused { .. } => "notPaused",
            Check::PausedByUs { .. } => "pausedByUs",
            Check::QuorumWithout { .. } => "quorumWithout",
            Check::FewerOut { .. } => "fewerOut",
            Check::Hash { .. } => "hash",
            Check::NoRival { .. } => "noRival",
        }
    }
}

impl Permit {
    /// What may be done.
    pub fn action(&self) -> &Action {
        &self.action
    }

    /// The claim under which it may be done; none for the few things that need none.
    pub fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }

    /// What the node itself must check first.
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// True if it ends what was begun, so that nothing may keep it waiting: an action that finishes, and the way on of a
    /// role that we stopped and that cannot start where it is.
    pub fn finishes(&self) -> bool {
        self.finishes
    }

    /// The action, the claim and the checks, for the driver that carries it out.
    pub fn into_parts(self) -> (Action, Option<Claim>, Vec<Check>) {
        (self.action, self.claim, self.checks)
    }
}

/// Makes the permit. Each rule in force adds the checks by which the node itself can see the rule broken.
pub(super) fn issue(action: Action, facts: &Facts<'_>) -> Permit {
    let mut checks = Vec::new();
    for rule in facts.rules.judging(&action) {
        (rule.checks)(&action, facts, &mut checks);
    }
    checks.sort();
    checks.dedup();
    let claim = match &facts.seen.claim {
        crate::model::Known::Known { value, .. } => value.clone(),
        crate::model::Known::Unknown { .. } => claim_on_node(&action, facts),
    };
    let finishes = action.phase() == Phase::Finish || is_only_way_up(&action, facts);
    Permit { action, claim, checks, finishes }
}
