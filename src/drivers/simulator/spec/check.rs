//! What is wrong with a simulated world, all at once, each with its place.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{DurationName, FaultSpec, Spec};
use crate::desired::parts::{PartChecked, PartContext, PartIssue, read_part};
use crate::drivers::simulator::hand::Hand;
use crate::drivers::simulator::world::QuorumModel;
use crate::model::{ActionKind, GroupName, InstallKind, NodeName, Spread, Version};

/// Reads and checks a simulator's part.
///
/// # Errors
/// Everything that is wrong with it.
pub fn check(part: &serde_json::Value, about: &PartContext<'_>) -> Result<PartChecked, Vec<PartIssue>> {
    let spec: Spec = read_part(part)?;
    let mut issues = Vec::new();
    check_nodes(&spec, about, &mut issues);
    check_groups(&spec, &mut issues);
    for (i, fault) in spec.faults.iter().enumerate() {
        check_fault(i, fault, &spec, &mut issues);
    }
    if spec.quorum.model == QuorumModel::TwoNode && spec.nodes.len() != 2 {
        issues.push(issue("/quorum/model", format!("twoNode is for two nodes; there are {}", spec.nodes.len()), None));
    }
    if !issues.is_empty() {
        return Err(issues);
    }
    let votes = spec.quorum.model.votes(spec.nodes.len() as u32);
    Ok(PartChecked {
        identity: format!("simulator:{}", about.cluster).into(),
        durations: durations(&spec, about.nodes.values().any(restarts)),
        votes: (spec.quorum.model != QuorumModel::None).then_some(votes),
        stops_roles: true,
    })
}

fn restarts(rollup: &Arc<crate::model::Rollup>) -> bool {
    rollup.cluster_service == crate::model::ClusterServiceRule::Restarts
}

/// How long actions take, as far as the world's declared durations go. The world itself is only roughly so.
pub fn durations(spec: &Spec, installs_restart: bool) -> BTreeMap<ActionKind, Spread> {
    let of = |name: DurationName| spread(spec, name);
    let rejoin = of(DurationName::ClusterRestart);
    let standalone = spec.quorum.model == QuorumModel::None;
    let after = |base: Spread| if standalone || !installs_restart { base } else { base.then(rejoin) };
    let mut map = BTreeMap::from([
        (ActionKind::Stage, of(DurationName::Stage)),
        (ActionKind::Pause, of(DurationName::Pause)),
        (ActionKind::MoveGroup, of(DurationName::MoveGroup)),
        (ActionKind::StopCluster, of(DurationName::StopCluster)),
        (ActionKind::Install, after(of(DurationName::Install))),
        (ActionKind::Uninstall, after(of(DurationName::Uninstall))),
        (ActionKind::Handoff, of(DurationName::Handoff)),
        (ActionKind::StopRole, of(DurationName::StopRole)),
        (ActionKind::StartRole, of(DurationName::StartRole)),
        (ActionKind::StartCluster, of(DurationName::StartCluster).then(rejoin)),
        (ActionKind::RestoreServices, of(DurationName::RestoreServices)),
        (ActionKind::ResumeReplication, of(DurationName::ResumeReplication)),
        (ActionKind::Resume, of(DurationName::Resume)),
        (
            ActionKind::Release,
            Spread { median: std::time::Duration::from_secs(1), p95: std::time::Duration::from_secs(1) },
        ),
    ]);
    let reboot = of(DurationName::Reboot);
    map.insert(ActionKind::Reboot, if standalone { reboot } else { reboot.then(rejoin) });
    map
}

/// One duration, as declared or by default.
pub(in crate::drivers::simulator) fn spread(spec: &Spec, name: DurationName) -> Spread {
    let (median, p95) = name.default_seconds();
    let seconds = std::time::Duration::from_secs;
    let default = Spread { median: seconds(median), p95: seconds(p95) };
    spec.durations.get(&name).map_or(default, |d| (*d).into())
}

fn issue(pointer: impl Into<String>, message: impl Into<String>, help: Option<String>) -> PartIssue {
    PartIssue { pointer: pointer.into(), message: message.into(), help }
}

fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn check_nodes(spec: &Spec, about: &PartContext<'_>, issues: &mut Vec<PartIssue>) {
    if spec.nodes.is_empty() {
        issues.push(issue("/nodes", "a world without nodes", Some("declare at least one node".into())));
    }
    let kind_of = |node: &NodeName| about.nodes.get(node).or_else(|| about.nodes.values().next()).map(|r| r.install);
    let mut owners: BTreeMap<&GroupName, &NodeName> = BTreeMap::new();
    for (name, node) in &spec.nodes {
        let at = |field: &str| format!("/nodes/{}/{field}", escape(name.as_str()));
        let kind = kind_of(name).unwrap_or(InstallKind::Msp);
        let versions =
            node.version.iter().map(|v| (at("version"), v)).chain(node.baseline.iter().map(|v| (at("baseline"), v)));
        let packages = node.versions.iter().map(|(p, v)| (format!("{}/{}", at("versions"), escape(p.as_str())), v));
        for (pointer, version) in versions.chain(packages) {
            if let Err(e) = Version::parse(kind, version) {
                issues.push(issue(pointer, e.to_string(), None));
            }
        }
        match (&node.version, node.versions.is_empty()) {
            (None, true) => issues.push(issue(
                format!("/nodes/{}", escape(name.as_str())),
                format!("nothing says what is installed on {name}"),
                Some("add `version:`, or `versions:` with a version for each package".into()),
            )),
            (Some(_), false) => {
                issues.push(issue(at("versions"), "`version` and `versions` are both given", Some("keep one".into())));
            }
            _ => {}
        }
        for (i, group) in node.owns.iter().enumerate() {
            if let Some(other) = owners.insert(group, name) {
                let message = format!("{group:?} is owned by {other} already");
                issues.push(issue(format!("{}/{i}", at("owns")), message, Some("a group has one owner".into())));
            }
        }
    }
    for name in spec.groups.keys().filter(|g| !owners.contains_key(g)) {
        let help = format!("add it to the `owns` of a node: `owns: [{name}]`");
        issues.push(issue(format!("/groups/{}", escape(name.as_str())), format!("no node owns {name:?}"), Some(help)));
    }
}

fn check_groups(spec: &Spec, issues: &mut Vec<PartIssue>) {
    for (name, group) in &spec.groups {
        let at = |field: String| format!("/groups/{}/{field}", escape(name.as_str()));
        let owner = spec.nodes.iter().find(|(_, n)| n.owns.contains(name)).map(|(n, _)| n);
        for (i, node) in group.possible_owners.iter().flatten().enumerate() {
            known_node(spec, node, at(format!("possibleOwners/{i}")), issues);
        }
        if let (Some(owners), Some(owner)) = (&group.possible_owners, owner)
            && !owners.contains(owner)
        {
            let help = format!("add {owner}, or let another node own {name:?}");
            let message = format!("{owner} owns {name:?} and is no possible owner of it");
            issues.push(issue(at("possibleOwners".into()), message, Some(help)));
        }
        for node in group.copies.keys() {
            known_node(spec, node, at(format!("copies/{}", escape(node.as_str()))), issues);
        }
        if let Some(node) = &group.failback_to {
            known_node(spec, node, at("failbackTo".into()), issues);
        }
        if let Some(state @ crate::observed::GroupState::Pending) = group.state {
            issues.push(issue(at("state".into()), format!("{state:?} is no state to start in"), None));
        }
    }
}

fn known_node(spec: &Spec, node: &NodeName, pointer: String, issues: &mut Vec<PartIssue>) {
    if !spec.nodes.contains_key(node) {
        let known: Vec<_> = spec.nodes.keys().map(NodeName::as_str).collect();
        let near = known.iter().map(|k| (strsim::damerau_levenshtein(k, node.as_str()), *k)).min();
        let help = match near {
            Some((distance, near)) if distance <= 2 => format!("did you mean {near}?"),
            _ => format!("the world has {}", known.join(", ")),
        };
        issues.push(issue(pointer, format!("the world has no node {node}"), Some(help)));
    }
}

fn check_fault(i: usize, fault: &FaultSpec, spec: &Spec, issues: &mut Vec<PartIssue>) {
    let at = |field: &str| format!("/faults/{i}{field}");
    let word = fault.kind.word();
    match (&fault.at, &fault.on) {
        (Some(_), Some(_)) => issues.push(issue(at("/on"), "`at` and `on` are both given", Some("keep one".into()))),
        (None, None) => {
            let help = "add `at: 9m`, or `on: {action: Install, node: …}`".to_owned();
            issues.push(issue(at(""), format!("nothing says when {word} happens"), Some(help)));
        }
        (Some(_), None) if fault.kind.needs_action() => {
            let help = "replace `at` by `on: {action: …}`".to_owned();
            issues.push(issue(at("/at"), format!("{word} befalls an action"), Some(help)));
        }
        _ => {}
    }
    if fault.kind.needs_node() && fault.node.is_none() && fault.on.is_none() {
        issues.push(issue(at(""), format!("{word} needs a node"), Some("add `node: NAME`".into())));
    }
    if fault.kind.needs_group() && fault.group.is_none() && fault.on.is_none() {
        issues.push(issue(at(""), format!("{word} needs a group"), Some("add `group: NAME`".into())));
    }
    match (fault.kind, &fault.deed) {
        (super::FaultKind::Hand, None) => {
            issues.push(issue(at(""), "hand needs a deed", Some("add `do: move GROUP to NODE`".into())));
        }
        (super::FaultKind::Hand, Some(deed)) => match deed.parse::<Hand>() {
            Ok(hand) => {
                for node in hand.nodes() {
                    known_node(spec, node, at("/do"), issues);
                }
                if let Some(group) = hand.group() {
                    known_group(spec, group, at("/do"), issues);
                }
            }
            Err(e) => issues.push(issue(at("/do"), e.to_string(), None)),
        },
        (_, Some(_)) => issues.push(issue(at("/do"), format!("{word} takes no deed"), None)),
        _ => {}
    }
    if fault.kind == super::FaultKind::SplitView && fault.nodes.is_empty() && fault.node.is_none() {
        issues.push(issue(at(""), "splitView needs the nodes that are cut off", Some("add `nodes: [NAME]`".into())));
    }
    for (field, node) in fault.node.iter().map(|n| ("/node", n)).chain(fault.nodes.iter().map(|n| ("/nodes", n))) {
        known_node(spec, node, at(field), issues);
    }
    if let Some(node) = fault.on.as_ref().and_then(|on| on.node.as_ref()) {
        known_node(spec, node, at("/on/node"), issues);
    }
    let groups = fault.group.iter().map(|g| ("/group", g));
    for (field, group) in groups.chain(fault.on.iter().flat_map(|on| on.group.iter().map(|g| ("/on/group", g)))) {
        known_group(spec, group, at(field), issues);
    }
}

fn known_group(spec: &Spec, group: &GroupName, pointer: String, issues: &mut Vec<PartIssue>) {
    if !spec.groups.contains_key(group) && !spec.nodes.values().any(|n| n.owns.contains(group)) {
        issues.push(issue(pointer, format!("the world has no group {group:?}"), None));
    }
}
