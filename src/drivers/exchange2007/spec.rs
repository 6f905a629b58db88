//! The exchange2007 driver's part of a manifest: how the machines are reached, and what nobody can look up.
//!
//! No credential stands in it: keys, users and jump hosts are the ssh configuration's.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::look::{same_machine, same_name};
use crate::desired::parts::{PartChecked, PartContext, PartIssue, read_part};
use crate::model::{InstallKind, NodeName};

/// An Exchange Server 2007 cluster (CCR, SCC, or a standby cluster), or a standalone standby host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Spec {
    /// A Windows machine with the Exchange management tools and `cluster.exe`, not one of the nodes: what `ssh` takes,
    /// such as `ops@mgmt1` or an alias.
    pub management_host: String,
    /// Where a node is reached, if not by its own name: what `ssh` takes. Never the name of a clustered mailbox server,
    /// which answers from whichever node is active.
    #[serde(default)]
    pub hosts: BTreeMap<NodeName, String>,
    /// A file for `ssh -F`; the operator's own by default. Jump hosts, keys, agents and known hosts are its business.
    pub ssh_config: Option<String>,
    /// The cluster's network name. Left out for a standalone host.
    pub cluster: Option<String>,
    /// What the cluster's votes are.
    pub quorum: QuorumSpec,
    /// Where rollward keeps on each node what belongs there: packages, tries, the lock.
    #[serde(default = "default_folder")]
    pub folder: String,
    /// How services are meant to be set on every node. What begins with `MSExchange` is looked at in any case, and one
    /// of those that is disabled and not said to be so here differs.
    #[serde(default)]
    pub services: BTreeMap<String, ServiceSpec>,
    /// What the installer needs, in MiB, on the system's and on the product's drive. No figure is published; 4096 by
    /// default.
    #[serde(default = "default_disk")]
    pub disk_mib: u64,
}

fn default_folder() -> String {
    r"C:\rollward".into()
}

fn default_disk() -> u64 {
    4096
}

/// What the votes of a cluster are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QuorumSpec {
    /// What votes besides the nodes.
    pub model: QuorumModel,
    /// For `fileShare` the share, as `\\HOST\SHARE`; for `disk` the name of the disk's resource.
    pub witness: Option<String>,
}

/// What votes besides the nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum QuorumModel {
    /// A file share witness (Majority Node Set with a share, or Node and File Share Majority).
    FileShare,
    /// A disk that all nodes can reach (Node and Disk Majority).
    Disk,
    /// Nothing: the nodes alone.
    Majority,
    /// It is no cluster: a standalone host.
    None,
}

/// How a service is meant to be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceSpec {
    /// How it starts.
    pub start: StartType,
    /// Whether it runs; not looked at if left out, as for those that run on the active node only.
    pub running: Option<bool>,
}

/// How a service starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum StartType {
    /// With the machine.
    Automatic,
    /// When something asks for it, as the cluster does.
    Manual,
    /// Not at all.
    Disabled,
}

impl StartType {
    /// As the registry numbers it.
    pub(super) fn number(self) -> &'static str {
        match self {
            StartType::Automatic => "2",
            StartType::Manual => "3",
            StartType::Disabled => "4",
        }
    }

    /// As people and manifests write it.
    pub(super) fn word(self) -> &'static str {
        match self {
            StartType::Automatic => "automatic",
            StartType::Manual => "manual",
            StartType::Disabled => "disabled",
        }
    }
}

impl Spec {
    /// Where a node is reached.
    pub(super) fn host<'a>(&'a self, node: &'a NodeName) -> &'a str {
        self.hosts.get(node).map_or(node.as_str(), String::as_str)
    }

    /// The machine behind the file share witness, if there is one.
    pub(super) fn witness_host(&self) -> Option<&str> {
        let share = self.quorum.witness.as_deref().filter(|_| self.quorum.model == QuorumModel::FileShare)?;
        share_host(share)
    }

    /// Whether it is a cluster at all.
    pub(super) fn is_cluster(&self) -> bool {
        self.quorum.model != QuorumModel::None
    }
}

/// A node as the cluster's tools call it: its own name, without a domain.
pub(super) fn machine(node: &NodeName) -> &str {
    node.as_str().split('.').next().unwrap_or(node.as_str())
}

/// The machine in what `ssh` takes.
fn in_ssh(host: &str) -> &str {
    host.rsplit('@').next().unwrap_or(host)
}

fn share_host(share: &str) -> Option<&str> {
    let (host, share) = share.strip_prefix(r"\\")?.split_once('\\')?;
    (!host.is_empty() && !share.is_empty()).then_some(host)
}

/// Reads a part that was checked before.
///
/// # Errors
/// Everything that is wrong with it, in one line.
pub(super) fn read(part: &serde_json::Value) -> Result<Spec, String> {
    read_part(part)
        .map_err(|issues| issues.into_iter().map(|issue: PartIssue| issue.message).collect::<Vec<_>>().join("; "))
}

/// Reads and checks a part.
///
/// # Errors
/// Everything that is wrong with it.
pub fn check(part: &serde_json::Value, about: &PartContext<'_>) -> Result<PartChecked, Vec<PartIssue>> {
    let spec: Spec = read_part(part)?;
    let mut issues = Vec::new();
    let mut wrong = |pointer: String, message: String, help: Option<&str>| {
        issues.push(PartIssue { pointer, message, help: help.map(str::to_owned) });
    };
    let as_for_ssh = "write it as you would for `ssh`: `user@host`, or an alias of your configuration";
    for (pointer, host) in [("/managementHost".to_owned(), &spec.management_host)]
        .into_iter()
        .chain(spec.hosts.iter().map(|(node, host)| (format!("/hosts/{node}"), host)))
    {
        // ssh would take it for an option.
        if host.is_empty() || host.starts_with('-') || host.contains(char::is_whitespace) {
            wrong(pointer, format!("`{host}` is no host"), Some(as_for_ssh));
        }
    }
    for (node, host) in &spec.hosts {
        let pointer = || format!("/hosts/{node}");
        if !about.nodes.contains_key(node) {
            wrong(pointer(), format!("the cluster declares no node `{node}`"), None);
        }
        if about.groups.iter().any(|group| same_machine(group.as_str(), in_ssh(host))) {
            let message = format!("`{host}` is a group's name, which answers from whichever node owns it");
            wrong(pointer(), message, Some("give the node's own name or address"));
        }
    }
    for (this, node) in about.nodes.keys().enumerate() {
        if about.nodes.keys().skip(this + 1).any(|other| same_machine(other.as_str(), node.as_str())) {
            let message =
                format!("two nodes are called `{node}`; Windows knows no difference of case, nor of a domain");
            wrong(String::new(), message, None);
        }
        let management = in_ssh(&spec.management_host);
        if same_machine(node.as_str(), management) || in_ssh(spec.host(node)).eq_ignore_ascii_case(management) {
            let message = format!("`{}` is the node `{node}`", spec.management_host);
            wrong("/managementHost".into(), message, Some("it must answer while any of the nodes is down"));
        }
    }
    for (this, group) in about.groups.iter().enumerate() {
        if about.groups.iter().skip(this + 1).any(|other| same_name(other.as_str(), group.as_str())) {
            let message = format!("two groups are called `{group}`; Windows knows no difference of case");
            wrong(String::new(), message, None);
        }
    }
    match (&spec.cluster, spec.is_cluster()) {
        (None, true) => wrong(
            String::new(),
            "no `cluster`; expected the cluster's network name".to_owned(),
            Some("it is the network name in \"Cluster Group\"; for a standalone host write `quorum: {model: none}`"),
        ),
        (Some(_), false) => {
            wrong("/cluster".into(), "a standalone host is in no cluster; expected no `cluster`".into(), None);
        }
        (Some(name), true) if name.is_empty() || name.contains(char::is_whitespace) => {
            wrong("/cluster".into(), format!("`{name}` is no network name"), None);
        }
        _ => {}
    }
    if !spec.is_cluster() && about.nodes.len() != 1 {
        wrong("/quorum/model".into(), format!("{} nodes that are no cluster; expected one", about.nodes.len()), None);
    }
    match (spec.quorum.model, spec.quorum.witness.as_deref()) {
        (QuorumModel::FileShare, Some(share)) if share_host(share).is_some() => {}
        (QuorumModel::FileShare, _) => {
            let pointer = if spec.quorum.witness.is_some() { "/quorum/witness" } else { "/quorum" };
            let help = "write `witness: '\\\\HOST\\SHARE'`, as the cluster has it";
            wrong(pointer.into(), "no share of a witness; expected `witness`".into(), Some(help));
        }
        (QuorumModel::Disk, None) => {
            let help = "write `witness: NAME`, the name of the disk's resource";
            wrong("/quorum".into(), "no disk; expected `witness`".into(), Some(help));
        }
        (QuorumModel::Majority | QuorumModel::None, Some(_)) => {
            wrong("/quorum/witness".into(), "a witness that does not vote; expected none with this model".into(), None);
        }
        (QuorumModel::Disk, Some(_)) | (QuorumModel::Majority | QuorumModel::None, None) => {}
    }
    let drive = spec.folder.get(..3).unwrap_or_default().as_bytes();
    if !matches!(drive, [letter, b':', b'\\'] if letter.is_ascii_alphabetic()) || spec.folder.len() < 4 {
        wrong(
            "/folder".into(),
            format!(r"`{}` is no folder of ours; expected one such as `C:\rollward`", spec.folder),
            None,
        );
    }
    for (node, rollup) in about.nodes {
        if rollup.install != InstallKind::Msp {
            let message = format!("rollup `{}` of node `{node}` is installed by {}", rollup.name, rollup.install);
            wrong(String::new(), message, Some("this driver installs `msp` packages"));
            break;
        }
    }
    if !issues.is_empty() {
        return Err(issues);
    }
    // One real cluster has one name, or is one host.
    let real = match &spec.cluster {
        Some(cluster) => format!("cluster:{cluster}"),
        None => format!("host:{}", about.nodes.keys().next().map_or("", |node| spec.host(node))),
    };
    let nodes = u32::try_from(about.nodes.len()).unwrap_or(u32::MAX);
    let votes = match spec.quorum.model {
        QuorumModel::FileShare | QuorumModel::Disk => Some(nodes.saturating_add(1)),
        QuorumModel::Majority => Some(nodes),
        QuorumModel::None => None,
    };
    Ok(PartChecked {
        identity: format!("exchange2007:{}", real.to_lowercase()).into(),
        durations: BTreeMap::new(),
        votes: votes.map(|votes| (votes, majority(votes))),
        stops_roles: true,
    })
}

/// Votes without which a cluster of so many stops.
pub(super) fn majority(votes: u32) -> u32 {
    (votes / 2).saturating_add(1)
}

#[cfg(test)]
mod tests;
