//! Holds: why an action may not happen now, on what evidence, and what releases it.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use super::names::{ClusterName, GroupName, NodeName, RollupName};
use super::time::Time;

macro_rules! rules {
    ($($rule:ident $name:literal),* $(,)?) => {
        /// The stable name of a rule: the same in `explain`, page, metrics and log.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
        pub enum RuleName { $(#[doc = $name] #[serde(rename = $name)] $rule),* }

        impl RuleName {
            /// All of them, in the order of the design.
            pub const ALL: &[RuleName] = &[$(RuleName::$rule),*];

            /// The name as people see it.
            pub fn word(self) -> &'static str {
                match self { $(RuleName::$rule => $name),* }
            }

            /// The rule of that name.
            pub fn from_word(word: &str) -> Option<RuleName> {
                match word { $($name => Some(RuleName::$rule),)* _ => None }
            }
        }
    };
}

rules! {
    ActiveNode "active-node", EmptyNode "empty-node", Ripple "ripple", StandbyFirst "standby-first", Quorum "quorum",
    MaxUnavailable "max-unavailable", Preflight "preflight", ReadyTarget "ready-target", Version "version",
    Package "package", Window "window", Approval "approval", Fresh "fresh", Fence "fence", People "people",
    Budget "budget", Soak "soak", Fleet "fleet", Stop "stop", Rival "rival", Mode "mode", Declared "declared",
    Manifest "manifest", Record "record",
    // Not a safety rule: an action of ours has not been proved yet.
    InProgress "in-progress",
    // Not a safety rule: the action's own physical precondition.
    Precondition "precondition",
    // Not a safety rule: no sequence of allowed steps reaches the target.
    Deadlock "deadlock",
}

impl fmt::Display for RuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// What a hold is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Subject {
    /// A whole cluster.
    Cluster(ClusterName),
    /// A node.
    Node(NodeName),
    /// A group.
    Group(GroupName),
    /// A rollup, everywhere.
    Rollup(RollupName),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Cluster(name) => write!(f, "{name}"),
            Subject::Node(name) => write!(f, "{name}"),
            Subject::Group(name) => write!(f, "{name}"),
            Subject::Rollup(name) => write!(f, "{name}"),
        }
    }
}

/// One fact that a hold rests on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// Which fact: a path such as `nodes.EXNODE1.membership`, or words.
    pub fact: String,
    /// What was seen; `unknown: …` where nothing was.
    pub value: String,
    /// When it was seen, if it was.
    pub at: Option<Time>,
}

impl Evidence {
    /// A fact seen at a time.
    pub fn new(fact: impl Into<String>, value: impl fmt::Display, at: Time) -> Self {
        Self { fact: fact.into(), value: value.to_string(), at: Some(at) }
    }

    /// A fact that has no time of its own, such as a line of a manifest.
    pub fn timeless(fact: impl Into<String>, value: impl fmt::Display) -> Self {
        Self { fact: fact.into(), value: value.to_string(), at: None }
    }

    /// A known or unknown fact, with words for its value.
    pub fn of<T>(fact: impl Into<String>, known: &super::Known<T>, say: impl FnOnce(&T) -> String) -> Self {
        match known {
            super::Known::Known { value, at } => Self { fact: fact.into(), value: say(value), at: Some(*at) },
            super::Known::Unknown { why } => Self { fact: fact.into(), value: format!("unknown: {why}"), at: None },
        }
    }
}

/// Who or what releases a hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase", tag = "kind", content = "what")]
pub enum ReleaseKind {
    /// The clock, at this time.
    Time(Time),
    /// A later look at the world, which may change without anybody's doing.
    Observation,
    /// A person's command or handiwork.
    Person,
    /// An edit of a manifest.
    Manifest,
    /// Our own next steps.
    Progress,
}

/// What releases a hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Release {
    /// Who or what.
    pub kind: ReleaseKind,
    /// In words: what to do, or what will happen.
    pub what: String,
}

/// Why an action may not happen now.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    /// The rule that says no.
    pub rule: RuleName,
    /// What it is about.
    pub subject: Subject,
    /// What it rests on; never empty.
    pub evidence: Vec<Evidence>,
    /// What releases it.
    pub release: Release,
}

impl Hold {
    /// True if neither time nor the world's own course nor our own progress will release it: it takes a person.
    pub fn is_lasting(&self) -> bool {
        matches!(self.release.kind, ReleaseKind::Person | ReleaseKind::Manifest)
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} holds {}: ", self.rule, self.subject)?;
        for (i, e) in self.evidence.iter().enumerate() {
            write!(f, "{}{} is {}", if i > 0 { ", " } else { "" }, e.fact, e.value)?;
        }
        write!(f, "; {}", self.release.what)
    }
}
