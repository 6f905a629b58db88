//! The pacemaker driver's part of a manifest: how its nodes are reached, and what it may use of the cluster.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::desired::parts::{PartChecked, PartContext, PartIssue, read_part};
use crate::model::{ActionKind, InstallKind, NodeName, Spread};

/// A Pacemaker cluster on Corosync.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Spec {
    /// The node that rollward itself runs on: it is asked right here. All others are reached by the operator's OpenSSH
    /// client.
    pub local: Option<NodeName>,
    /// Where a node is reached, if not by its own name: what `ssh` takes, such as `root@10.0.0.1` or an alias.
    #[serde(default)]
    pub hosts: BTreeMap<NodeName, String>,
    /// A file for `ssh -F`; the operator's own by default. Jump hosts, keys, agents and known hosts are its business.
    pub ssh_config: Option<String>,
    /// How a command gets its rights on a node: `none` (default: the login has them) or `sudo`.
    #[serde(default)]
    pub rights: Rights,
    /// How a node is drained: by `standby` (default), or by `bans`, one a resource, under which plain clones stay.
    #[serde(default)]
    pub drain: Drain,
    /// Whether a new claim raises the store's `admin_epoch`: `raise` (default) or `keep`.
    #[serde(default)]
    pub admin_epoch: AdminEpoch,
    /// Where rollward keeps on each node what belongs there: packages, tries, the lock.
    #[serde(default = "default_folder")]
    pub folder: String,
}

fn default_folder() -> String {
    "/var/lib/rollward".into()
}

/// How a command gets its rights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Rights {
    /// The login has them.
    #[default]
    None,
    /// By `sudo -n`.
    Sudo,
}

/// How a node is drained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Drain {
    /// It is put in standby: nothing runs on it, instances of clones included.
    #[default]
    Standby,
    /// A location constraint keeps each resource off it, and each promoted instance. Instances of plain clones stay:
    /// what guards the node, or serves storage to it; and so do fence devices. A resource that is created meanwhile has
    /// none, and may start there.
    Bans,
}

/// What a new claim does to the number that decides whose store wins when parts of a cluster meet again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AdminEpoch {
    /// It is raised by one: what was written with quorum wins.
    #[default]
    Raise,
    /// It is the operator's alone. Where people write in a part without quorum, its store may win, and our marks and what
    /// they stand for are gone.
    Keep,
}

/// How long things take where nobody says so: measured on small clusters, with room above.
const TAKES: [(ActionKind, u64, u64); 12] = [
    (ActionKind::Stage, 10, 60),
    (ActionKind::Pause, 3, 30),
    (ActionKind::MoveGroup, 3, 30),
    (ActionKind::StopCluster, 4, 60),
    (ActionKind::Install, 30, 300),
    (ActionKind::Uninstall, 30, 300),
    (ActionKind::Reboot, 120, 600),
    (ActionKind::Handoff, 5, 60),
    (ActionKind::StopRole, 3, 60),
    (ActionKind::StartRole, 3, 60),
    (ActionKind::StartCluster, 5, 60),
    (ActionKind::Resume, 3, 30),
];

/// Reads a part that was checked before.
///
/// # Errors
/// Everything that is wrong with it, in one line.
pub(super) fn read(part: &serde_json::Value) -> Result<Spec, String> {
    read_part(part).map_err(|issues| issues.into_iter().map(|issue| issue.message).collect::<Vec<_>>().join("; "))
}

/// Reads and checks a part.
///
/// # Errors
/// Everything that is wrong with it.
pub fn check(part: &serde_json::Value, about: &PartContext<'_>) -> Result<PartChecked, Vec<PartIssue>> {
    let spec: Spec = read_part(part)?;
    let mut issues = Vec::new();
    let mut wrong = |pointer: String, message: String, help: Option<String>| {
        issues.push(PartIssue { pointer, message, help });
    };
    for (node, host) in &spec.hosts {
        if !about.nodes.contains_key(node) {
            wrong(format!("/hosts/{node}"), format!("the cluster declares no node `{node}`"), None);
        }
        // ssh would take it for an option.
        if host.is_empty() || host.starts_with('-') || host.contains(char::is_whitespace) {
            let help = "write it as you would for `ssh`: `user@host`, or an alias of your configuration".to_owned();
            wrong(format!("/hosts/{node}"), format!("`{host}` is no host"), Some(help));
        }
    }
    if let Some(local) = spec.local.as_ref().filter(|local| !about.nodes.contains_key(*local)) {
        wrong("/local".into(), format!("the cluster declares no node `{local}`"), None);
    }
    if !spec.folder.starts_with('/') || spec.folder.trim_end_matches('/').is_empty() {
        wrong("/folder".into(), format!("`{}` is no folder of ours; expected an absolute path", spec.folder), None);
    }
    for (node, rollup) in about.nodes {
        if !matches!(rollup.install, InstallKind::Deb | InstallKind::Rpm) {
            let message = format!("rollup `{}` of node `{node}` is installed by {}", rollup.name, rollup.install);
            let help = "this driver installs `deb` and `rpm` packages".to_owned();
            wrong(String::new(), message, Some(help));
            break;
        }
    }
    if !issues.is_empty() {
        return Err(issues);
    }
    let seconds = Duration::from_secs;
    let durations =
        TAKES.iter().map(|(kind, median, p95)| (*kind, Spread { median: seconds(*median), p95: seconds(*p95) }));
    let mut hosts: Vec<String> = about.nodes.keys().map(|node| host(&spec, node).to_owned()).collect();
    hosts.sort();
    Ok(PartChecked {
        identity: format!("pacemaker:{}", hosts.join(",")).into(),
        durations: durations.collect(),
        votes: None,
        stops_roles: false,
    })
}

/// Where a node is reached.
pub(super) fn host<'a>(spec: &'a Spec, node: &'a NodeName) -> &'a str {
    spec.hosts.get(node).map_or(node.as_str(), String::as_str)
}
