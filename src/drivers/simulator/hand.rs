//! What a person, or fate, does to a cluster behind the tool's back, and how it is said in words.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::spec::Span;
use super::world::ClusterStore;
use crate::model::{GroupName, Holder, NodeName};
use crate::observed::CopyStatus;

/// One such deed. Its fields are what its words name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "hand", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[allow(missing_docs)] // The words above each say what its fields are.
pub enum Hand {
    /// `move GROUP to NODE`
    Move { group: GroupName, to: NodeName },
    /// `pause NODE`
    Pause { node: NodeName },
    /// `resume NODE`
    Resume { node: NodeName },
    /// `crash NODE [for TIME]`: the machine dies; without a time it stays dead until somebody boots it.
    Crash { node: NodeName, lasts: Option<Duration> },
    /// `boot NODE`
    Boot { node: NodeName },
    /// `stop-cluster NODE`
    StopCluster { node: NodeName },
    /// `start-cluster NODE`
    StartCluster { node: NodeName },
    /// `stop-role GROUP`
    StopRole { group: GroupName },
    /// `start-role GROUP`: also mounts what is dismounted.
    StartRole { group: GroupName },
    /// `set-owners GROUP to NODE,NODE`
    SetOwners { group: GroupName, nodes: Vec<NodeName> },
    /// `forbid-failback GROUP`: the cluster does not move it back by itself any more.
    ForbidFailback { group: GroupName },
    /// `install-interim NODE NAME`
    InstallInterim { node: NodeName, name: String },
    /// `remove-interim NODE`
    RemoveInterim { node: NodeName },
    /// `start-installer NODE`: somebody else's.
    StartInstaller { node: NodeName },
    /// `end-installer NODE`: somebody else's.
    EndInstaller { node: NodeName },
    /// `kill-installer NODE`: ours.
    KillInstaller { node: NodeName },
    /// `open-backup GROUP`
    OpenBackup { group: GroupName },
    /// `close-backup GROUP`
    CloseBackup { group: GroupName },
    /// `witness up`, `witness down`
    Witness { up: bool },
    /// `break-copy GROUP [on NODE]`: all copies, if no node is named.
    BreakCopy { group: GroupName, node: Option<NodeName>, status: CopyStatus, queue: u32 },
    /// `mend-copy GROUP [on NODE]`
    MendCopy { group: GroupName, node: Option<NodeName> },
    /// `suspend-replication NODE`
    SuspendReplication { node: NodeName },
    /// `resume-replication NODE`
    ResumeReplication { node: NodeName },
    /// `disk NODE MIB`: what is free on it.
    Disk { node: NodeName, free_mib: u64 },
    /// `disable-services NODE`
    DisableServices { node: NodeName },
    /// `enable-services NODE`
    EnableServices { node: NodeName },
    /// `pending-reboot NODE`
    PendingReboot { node: NodeName },
    /// `cut-off NODE,NODE`: the network parts these nodes from the rest.
    CutOff { nodes: Vec<NodeName> },
    /// `reconnect`: the network is whole again.
    Reconnect,
    /// `rival-claim HOLDER`: a second controller claims the cluster, and may pause a node under its own mark.
    RivalClaim { holder: Holder, pauses: Option<NodeName> },
    /// `rival-leaves HOLDER`: it gives up its claim and what it has paused.
    RivalLeaves { holder: Holder },
    /// An older state of the cluster's store wins over the present one. Has no words: which state, only a schedule
    /// knows.
    Store { store: Box<ClusterStore> },
}

/// Words that are no deed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandError {
    /// Nothing was said.
    #[error("nothing to do was named; expected one of: {}", usages())]
    Empty,
    /// No deed begins so.
    #[error(
        "{word:?} is nothing that can be done to a cluster{}; expected one of: {}",
        did_you_mean(suggestion),
        usages()
    )]
    Unknown {
        /// The first word.
        word: String,
        /// What was meant, perhaps.
        suggestion: Option<&'static str>,
    },
    /// The deed needs other words after it.
    #[error("`{said}` is not complete or says too much; expected `{usage}`")]
    Usage {
        /// What was said.
        said: String,
        /// What is expected.
        usage: &'static str,
    },
    /// A number or duration does not parse.
    #[error("{text:?} is no {what}")]
    Value {
        /// What was said.
        text: String,
        /// What was expected.
        what: &'static str,
    },
    /// A quote is never closed.
    #[error("a quote is opened and not closed in `{0}`")]
    Quote(String),
}

/// Every deed that has words, as it is to be said. Names with spaces stand in double quotes.
pub const USAGES: &[&str] = &[
    "move GROUP to NODE",
    "pause NODE",
    "resume NODE",
    "crash NODE [for TIME]",
    "boot NODE",
    "stop-cluster NODE",
    "start-cluster NODE",
    "stop-role GROUP",
    "start-role GROUP",
    "set-owners GROUP to NODE,NODE",
    "forbid-failback GROUP",
    "install-interim NODE NAME",
    "remove-interim NODE",
    "start-installer NODE",
    "end-installer NODE",
    "kill-installer NODE",
    "open-backup GROUP",
    "close-backup GROUP",
    "witness up|down",
    "break-copy GROUP [on NODE]",
    "mend-copy GROUP [on NODE]",
    "suspend-replication NODE",
    "resume-replication NODE",
    "disk NODE MIB",
    "disable-services NODE",
    "enable-services NODE",
    "pending-reboot NODE",
    "cut-off NODE,NODE",
    "reconnect",
    "rival-claim HOLDER",
    "rival-leaves HOLDER",
];

fn usages() -> String {
    USAGES.join("; ")
}

fn did_you_mean(suggestion: &Option<&'static str>) -> String {
    suggestion.map_or(String::new(), |s| format!(" (did you mean `{s}`?)"))
}

impl std::str::FromStr for Hand {
    type Err = HandError;

    fn from_str(text: &str) -> Result<Self, HandError> {
        let words = words(text)?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let Some((first, rest)) = words.split_first() else { return Err(HandError::Empty) };
        let Some(usage) = USAGES.iter().find(|u| u.split(' ').next() == Some(first)) else {
            let verbs = USAGES.iter().filter_map(|u| u.split(' ').next());
            let near = verbs.map(|v| (strsim::damerau_levenshtein(first, v), v)).min();
            let suggestion = near.filter(|(distance, _)| *distance <= 3).map(|(_, verb)| verb);
            return Err(HandError::Unknown { word: (*first).to_owned(), suggestion });
        };
        let node = |n: &str| NodeName::from(n);
        let nodes = |list: &str| list.split(',').filter(|n| !n.is_empty()).map(NodeName::from).collect::<Vec<_>>();
        let group = |g: &str| GroupName::from(g);
        Ok(match (*first, rest) {
            ("move", [g, "to", n]) => Hand::Move { group: group(g), to: node(n) },
            ("pause", [n]) => Hand::Pause { node: node(n) },
            ("resume", [n]) => Hand::Resume { node: node(n) },
            ("crash", [n]) => Hand::Crash { node: node(n), lasts: None },
            ("crash", [n, "for", time @ ..]) if !time.is_empty() => {
                Hand::Crash { node: node(n), lasts: Some(duration(&time.join(" "))?) }
            }
            ("boot", [n]) => Hand::Boot { node: node(n) },
            ("stop-cluster", [n]) => Hand::StopCluster { node: node(n) },
            ("start-cluster", [n]) => Hand::StartCluster { node: node(n) },
            ("stop-role", [g]) => Hand::StopRole { group: group(g) },
            ("start-role", [g]) => Hand::StartRole { group: group(g) },
            ("set-owners", [g, "to", list]) => Hand::SetOwners { group: group(g), nodes: nodes(list) },
            ("forbid-failback", [g]) => Hand::ForbidFailback { group: group(g) },
            ("install-interim", [n, name]) => Hand::InstallInterim { node: node(n), name: (*name).to_owned() },
            ("remove-interim", [n]) => Hand::RemoveInterim { node: node(n) },
            ("start-installer", [n]) => Hand::StartInstaller { node: node(n) },
            ("end-installer", [n]) => Hand::EndInstaller { node: node(n) },
            ("kill-installer", [n]) => Hand::KillInstaller { node: node(n) },
            ("open-backup", [g]) => Hand::OpenBackup { group: group(g) },
            ("close-backup", [g]) => Hand::CloseBackup { group: group(g) },
            ("witness", ["up"]) => Hand::Witness { up: true },
            ("witness", ["down"]) => Hand::Witness { up: false },
            ("break-copy", [g, on @ ..]) if matches!(on, [] | ["on", _]) => {
                let node = on.get(1).map(|n| node(n));
                Hand::BreakCopy { group: group(g), node, status: CopyStatus::Failed, queue: 0 }
            }
            ("mend-copy", [g, on @ ..]) if matches!(on, [] | ["on", _]) => {
                Hand::MendCopy { group: group(g), node: on.get(1).map(|n| node(n)) }
            }
            ("suspend-replication", [n]) => Hand::SuspendReplication { node: node(n) },
            ("resume-replication", [n]) => Hand::ResumeReplication { node: node(n) },
            ("disk", [n, mib]) => {
                let value =
                    mib.parse().map_err(|_| HandError::Value { text: (*mib).to_owned(), what: "number of MiB" });
                Hand::Disk { node: node(n), free_mib: value? }
            }
            ("disable-services", [n]) => Hand::DisableServices { node: node(n) },
            ("enable-services", [n]) => Hand::EnableServices { node: node(n) },
            ("pending-reboot", [n]) => Hand::PendingReboot { node: node(n) },
            ("cut-off", [list]) => Hand::CutOff { nodes: nodes(list) },
            ("reconnect", []) => Hand::Reconnect,
            ("rival-claim", [holder]) => Hand::RivalClaim { holder: Holder::new(*holder), pauses: None },
            ("rival-leaves", [holder]) => Hand::RivalLeaves { holder: Holder::new(*holder) },
            _ => return Err(HandError::Usage { said: text.trim().to_owned(), usage }),
        })
    }
}

fn duration(text: &str) -> Result<Duration, HandError> {
    let span: Result<Span, _> = text.parse();
    span.map(Duration::from).map_err(|_| HandError::Value { text: text.to_owned(), what: "duration, such as 5m" })
}

/// Splits at spaces, save inside double quotes.
fn words(text: &str) -> Result<Vec<String>, HandError> {
    let mut words = Vec::new();
    let mut quoted = false;
    let mut word: Option<String> = None;
    for c in text.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            c if c.is_whitespace() && !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    if quoted { Err(HandError::Quote(text.trim().to_owned())) } else { Ok(words) }
}

impl Hand {
    /// The nodes that it names.
    pub fn nodes(&self) -> Vec<&NodeName> {
        match self {
            Hand::Move { to, .. } => vec![to],
            Hand::Pause { node }
            | Hand::Resume { node }
            | Hand::Crash { node, .. }
            | Hand::Boot { node }
            | Hand::StopCluster { node }
            | Hand::StartCluster { node }
            | Hand::InstallInterim { node, .. }
            | Hand::RemoveInterim { node }
            | Hand::StartInstaller { node }
            | Hand::EndInstaller { node }
            | Hand::KillInstaller { node }
            | Hand::SuspendReplication { node }
            | Hand::ResumeReplication { node }
            | Hand::Disk { node, .. }
            | Hand::DisableServices { node }
            | Hand::EnableServices { node }
            | Hand::PendingReboot { node } => vec![node],
            Hand::SetOwners { nodes, .. } | Hand::CutOff { nodes } => nodes.iter().collect(),
            Hand::BreakCopy { node, .. } | Hand::MendCopy { node, .. } => node.iter().collect(),
            Hand::RivalClaim { pauses, .. } => pauses.iter().collect(),
            _ => Vec::new(),
        }
    }

    /// The group that it names.
    pub fn group(&self) -> Option<&GroupName> {
        match self {
            Hand::Move { group, .. }
            | Hand::StopRole { group }
            | Hand::StartRole { group }
            | Hand::SetOwners { group, .. }
            | Hand::ForbidFailback { group }
            | Hand::OpenBackup { group }
            | Hand::CloseBackup { group }
            | Hand::BreakCopy { group, .. }
            | Hand::MendCopy { group, .. } => Some(group),
            _ => None,
        }
    }
}
