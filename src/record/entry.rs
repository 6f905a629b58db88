//! The lines of the journal.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::inputs::Inputs;
use crate::guard::Approval;
use crate::model::{Action, Answer, ClusterName, GroupName, NodeName, Spread, Time, Waiver};

/// In the place of a cluster's name: a line that is about many.
pub const EVERY: &str = "*";

/// The kind, in one word, of the line that tells of pruning: the only one that is ever replaced.
pub(super) const PRUNED: &str = "pruned";

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// About which cluster; [`EVERY`] for what is about many.
    pub cluster: ClusterName,
    /// When.
    pub at: Time,
    /// The commit, or hash, of the manifests in force.
    pub revision: Arc<str>,
    /// What.
    pub what: EntryKind,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum EntryKind {
    /// A roll began: the first look at a target set that is not converged.
    RollStarted {
        /// The counts of the plan at that look.
        counts: RollCounts,
    },
    /// The cluster was claimed.
    Claimed {
        /// `number@holder`.
        claim: String,
    },
    /// Written before an action is performed. Without a later `Outcome`, or an `Answered` that refuses, it is in doubt,
    /// and only a look can tell.
    Intended {
        /// The action.
        action: Action,
        /// Names of the rules that were asked.
        rules: Vec<String>,
        /// Waivers without which a rule would have held it.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        waived: Vec<Waiver>,
        /// Everything that the decision and the guard rested on.
        #[serde(skip)]
        inputs: Inputs,
    },
    /// The driver's answer.
    Answered {
        /// The action.
        action: Action,
        /// The answer.
        answer: Answer,
    },
    /// What was observed to have come of it.
    Outcome {
        /// The action.
        action: Action,
        /// `None` if it was proved; else what contradicted it.
        failure: Option<String>,
        /// From its begin until its proof was seen.
        took: Duration,
        /// True if nobody looked as it ended, for its controller was started anew: it took at most as long as that.
        #[serde(skip_serializing_if = "std::ops::Not::not", default)]
        at_most: bool,
    },
    /// The decision is another than before.
    Decided {
        /// In one word: `act`, `wait`, `blocked`, `releasing`, `converged`.
        decision: String,
        /// The reasons, in words, one a hold.
        holds: Vec<String>,
        /// Everything that it rested on.
        #[serde(skip)]
        inputs: Inputs,
    },
    /// A role moved and it was not our doing.
    Failover {
        /// The role.
        group: GroupName,
        /// From where.
        from: Option<NodeName>,
        /// To where.
        to: Option<NodeName>,
    },
    /// A role was seen to be down, and up again.
    Outage {
        /// The role.
        group: GroupName,
        /// How long.
        lasted: Duration,
    },
    /// A role was asked from outside while it was handed over: for how long users were without it.
    Measured {
        /// The role.
        group: GroupName,
        /// How long it did not answer, all stretches together.
        outage: Duration,
        /// How long it was foreseen to be down as its handoff began.
        predicted: Spread,
        /// How often it was asked.
        asked: u32,
        /// How often it did not answer.
        unanswered: u32,
        /// Why the figure is not what it seems to be, in words.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        amiss: Option<String>,
    },
    /// Somebody approved a sequence of handoffs.
    Approved {
        /// The approval.
        approval: Approval,
    },
    /// An approval lost its force.
    ApprovalVoid {
        /// Its hash.
        hash: String,
        /// Why.
        why: String,
    },
    /// Somebody waived a rule by command.
    WaiverGiven {
        /// The waiver.
        waiver: Waiver,
    },
    /// Such a waiver was taken back.
    WaiverLifted {
        /// The waiver.
        waiver: Waiver,
        /// Who took it back.
        by: String,
    },
    /// Somebody pulled a stop cord for many clusters; the line's cluster is [`EVERY`].
    StopPulled {
        /// For clusters with all of these labels; for all if empty.
        labels: BTreeMap<String, String>,
        /// Why.
        why: String,
        /// Who.
        by: String,
    },
    /// Such a cord was lifted.
    StopLifted {
        /// The labels with which it was pulled.
        labels: BTreeMap<String, String>,
        /// Who lifted it.
        by: String,
    },
    /// A person's command.
    Commanded {
        /// What, in words.
        what: String,
        /// Who.
        by: String,
    },
    /// Something that somebody should look at, now.
    Alarm {
        /// What, in words.
        what: String,
    },
    /// What was too old was pruned, and nobody needed it any more; the line's cluster is [`EVERY`]. There is one such line,
    /// which tells of all that was ever pruned.
    Pruned {
        /// The lines that are no more: the first and the last of each run of them.
        lines: Vec<(i64, i64)>,
        /// Of lines up to this one, inputs may be no more; 0 if none are.
        inputs_to: i64,
        /// When something was pruned for the first time: by the clock, or when the last line was written, if that was earlier.
        since: Time,
    },
    /// Every node is at its target and nothing of ours is left.
    Converged {
        /// The counts of the roll.
        counts: RollCounts,
    },
}

/// Handoffs of a roll.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RollCounts {
    /// Still to come, in the plan in force.
    pub planned: u32,
    /// Roles that had to leave a node to be worked on.
    pub floor: u32,
    /// The fewest that any sequence could do with, from the first look of the roll.
    pub optimum: u32,
    /// Done by us so far.
    pub spent: u32,
    /// Made necessary by failovers since.
    pub forced: u32,
}
