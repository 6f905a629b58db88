//! From what the machines said to one observation. The cluster is believed from the one node that answered for it, and
//! only as far as its words are known; each machine is believed about itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::spec::{self, QuorumModel, Spec};
use super::tables::{self, NodeState, Row};
use super::wire::Answer;
use super::{kept, machine, mailbox, marks};
use crate::desired::{Cluster, PackageAt};
use crate::model::{ClusterName, GroupName, Known, Mark, MarkKind, NodeName, NodeRef, Rollup, Time};
use crate::observed::{Group, GroupKind, GroupState, Membership, Node, Observation, Quorum, View};

/// What the manifest says that a look needs.
#[derive(Clone, Debug)]
pub struct Asked {
    pub(super) cluster: ClusterName,
    /// The nodes, with their targets.
    pub(super) nodes: BTreeMap<NodeName, Arc<Rollup>>,
    pub(super) groups: BTreeMap<GroupName, GroupAsked>,
    /// Where packages are on this host, by their files' names.
    pub(super) packages: BTreeMap<String, PackageAt>,
    /// The manifest lets it be acted on.
    pub(super) acts: bool,
    pub(super) spec: Spec,
}

/// What the manifest says of a group.
#[derive(Clone, Debug)]
pub(super) struct GroupAsked {
    pub kind: GroupKind,
    pub standby_targets: Vec<NodeRef>,
}

impl Asked {
    /// What of a cluster's manifest is needed.
    ///
    /// # Errors
    /// The driver's part of it makes no sense.
    pub fn new(cluster: &Cluster) -> Result<Self, String> {
        Ok(Self {
            cluster: cluster.name.clone(),
            nodes: cluster.nodes.iter().map(|(name, spec)| (name.clone(), Arc::clone(&spec.rollup))).collect(),
            groups: (cluster.groups.iter())
                .map(|(name, spec)| {
                    let standby_targets = spec.standby_targets.clone();
                    (name.clone(), GroupAsked { kind: spec.kind, standby_targets })
                })
                .collect(),
            packages: cluster.packages.clone(),
            acts: cluster.acts(),
            spec: spec::read(&cluster.driver.spec)?,
        })
    }

    /// The declared roles: clustered mailbox servers, by the names of their groups.
    pub(super) fn roles(&self) -> impl Iterator<Item = &GroupName> {
        self.groups.iter().filter(|(_, group)| group.kind == GroupKind::Role).map(|(name, _)| name)
    }

    /// A machine as the manifest spells it: Windows takes no account of case, and may add a domain.
    pub(super) fn node(&self, said: &str) -> NodeName {
        let exact = self.nodes.keys().find(|node| node.as_str() == said);
        let known = exact.or_else(|| self.nodes.keys().find(|node| same_machine(node.as_str(), said)));
        known.cloned().unwrap_or_else(|| NodeName::new(said))
    }

    /// A group as the manifest spells it.
    pub(super) fn group(&self, said: &str) -> GroupName {
        let exact = self.groups.keys().find(|group| group.as_str() == said);
        let known = exact.or_else(|| self.groups.keys().find(|group| same_name(group.as_str(), said)));
        known.cloned().unwrap_or_else(|| GroupName::new(said))
    }
}

/// Whether two names of anything in a cluster are one.
pub(super) fn same_name(one: &str, other: &str) -> bool {
    one == other || one.to_lowercase() == other.to_lowercase()
}

/// Whether two names of machines are one: with a domain or without.
pub(super) fn same_machine(one: &str, other: &str) -> bool {
    let short = |name: &str| name.split('.').next().unwrap_or(name).to_lowercase();
    match one.contains('.') && other.contains('.') {
        true => one.to_lowercase() == other.to_lowercase(),
        false => short(one) == short(other),
    }
}

/// What a machine answered to one script, and when it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Said {
    pub at: Time,
    #[serde(flatten)]
    pub answer: Reply,
}

/// An answer, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Reply {
    Answer(Answer),
    Failed(String),
}

impl Said {
    /// The answer, with the time of its facts.
    pub fn heard(&self) -> Result<(&Answer, Time), String> {
        match &self.answer {
            Reply::Answer(answer) => Ok((answer, self.at)),
            Reply::Failed(why) => Err(why.clone()),
        }
    }
}

/// All that was answered in one look. A standalone host has no cluster and no groups to ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Raw {
    pub cluster: Option<Said>,
    pub groups: Option<Said>,
    pub exchange: Said,
    pub nodes: BTreeMap<NodeName, Said>,
}

/// The tables of a cluster.
pub(super) struct Tables {
    /// The node that answered, as the cluster spells it.
    pub server: String,
    pub nodes: BTreeMap<String, NodeState>,
    pub groups: Vec<Row>,
    pub resources: Result<Vec<Row>, String>,
    pub at: Time,
}

/// Reads the tables.
///
/// # Errors
/// Nobody answered for the cluster, or it cannot be read.
pub(super) fn read_tables(said: &Said) -> Result<Tables, String> {
    let (answer, at) = said.heard()?;
    let server = match answer.one::<1>("asked") {
        Ok([server]) => server.to_owned(),
        Err(_) => {
            let failures = answer.failures("node:");
            let why = if failures.is_empty() { "none said anything".to_owned() } else { failures.join("; ") };
            return Err(format!("no node answers for the cluster: {why}"));
        }
    };
    let nodes = tables::nodes(&answer.raw(&format!("node:{server}"))?)?;
    let groups = tables::groups(&answer.raw("group")?, &nodes)?;
    let resources = answer.raw("resource").and_then(|lines| tables::resources(&lines, &nodes, &groups));
    Ok(Tables { server, nodes, groups, resources, at })
}

/// Makes one observation of what was said until a time.
pub(super) fn look(asked: &Asked, raw: &Raw, at: Time) -> Observation {
    if !asked.spec.is_cluster() {
        return standalone(asked, raw, at);
    }
    let tables = match &raw.cluster {
        Some(said) => read_tables(said),
        None => Err("the cluster was not asked".into()),
    };
    let views: Vec<View> = raw.nodes.iter().filter_map(|(name, said)| view(asked, name, said)).collect();
    let mut names: BTreeSet<NodeName> = asked.nodes.keys().cloned().collect();
    if let Ok(tables) = &tables {
        names.extend(tables.nodes.keys().map(|name| asked.node(name)));
    }
    let mut nodes: BTreeMap<NodeName, Node> =
        names.into_iter().map(|name| (name.clone(), node(&name, asked, raw, &tables))).collect();
    let groups = groups(asked, raw, &tables);
    mailbox::suspensions(asked, raw, &groups, &mut nodes);
    let (claim, marks) = marks::seen(raw.cluster.as_ref());
    for (name, node) in &mut nodes {
        kept::distrust(node, raw.nodes.get(name), &claim);
    }
    let quorum = match &tables {
        Ok(tables) => quorum(asked, raw, tables),
        Err(why) => Known::unknown(why.as_str()),
    };
    Observation { cluster: asked.cluster.clone(), at, views, quorum, claim, marks, nodes, groups }
}

/// A host that is no cluster: its machine, and a group of its own name if it has a mounted database, which serves users.
fn standalone(asked: &Asked, raw: &Raw, at: Time) -> Observation {
    let mut seen = Observation {
        cluster: asked.cluster.clone(),
        at,
        views: Vec::new(),
        quorum: Known::seen(Quorum { standalone: true, node_votes: 1, needed: 0, witness: None }, at),
        claim: Known::unknown("no host was asked"),
        marks: Known::unknown("no host was asked"),
        nodes: BTreeMap::new(),
        groups: BTreeMap::new(),
    };
    for name in asked.nodes.keys() {
        let mut node = Node::unknown(&"it was not asked".into());
        let said = raw.nodes.get(name);
        if let Some(said) = said {
            machine::seen_by_itself(&mut node, name, asked, said);
        }
        let heard = said.ok_or_else(|| format!("{name} was not asked")).and_then(Said::heard);
        let heard = heard.and_then(|(answer, at)| machine::is_itself(name, answer).map(|()| (answer, at)));
        // What a cluster's database would hold is kept on the host itself, and so is its pause: there is nobody who could
        // give it anything, or from whom a mark would have to keep it.
        (seen.claim, seen.marks) =
            marks::known(heard.clone().and_then(|(answer, at)| Ok((marks::on_host(answer)?, at))));
        let pauses = |mark: &Mark| matches!(&mark.kind, MarkKind::Pause { node } if node == name);
        match heard.clone().and_then(|(answer, at)| machine::is_in_no_cluster(name, answer).map(|()| at)) {
            Ok(at) => {
                node.membership = Known::seen(Membership::Up, at);
                node.paused = seen.marks.map(|marks| marks.iter().any(pauses));
                // It needs none, so none is to be started.
                node.cluster_service = Known::seen(true, at);
            }
            Err(why) => {
                (node.membership, node.paused) = (Known::unknown(why.as_str()), Known::unknown(why.as_str()));
                if heard.is_ok() {
                    seen.quorum = Known::unknown(why);
                }
            }
        }
        node.replication_suspended = Known::seen(false, at);
        seen.nodes.insert(name.clone(), node);
        seen.groups.extend(mailbox::of_host(asked, raw, name));
    }
    seen
}

/// The membership as a node's own cluster service has it. One that has no quorum has ended, so who answers has it.
fn view(asked: &Asked, name: &NodeName, said: &Said) -> Option<View> {
    let (answer, at) = said.heard().ok()?;
    machine::is_itself(name, answer).ok()?;
    let nodes = tables::nodes(&answer.raw("node").ok()?).ok()?;
    let members = nodes.iter().filter(|(_, state)| matches!(state, NodeState::Up | NodeState::Paused));
    let members = members.map(|(name, _)| asked.node(name)).collect();
    Some(View { from: name.clone(), quorate: true, members: Arc::new(members), at })
}

fn node(name: &NodeName, asked: &Asked, raw: &Raw, tables: &Result<Tables, String>) -> Node {
    let said = raw.nodes.get(name);
    let mut node = Node::unknown(&"it is in no manifest, and was not asked".into());
    if let Some(said) = said {
        machine::seen_by_itself(&mut node, name, asked, said);
    }
    match tables {
        Err(why) => (node.membership, node.paused) = (Known::unknown(why.as_str()), Known::unknown(why.as_str())),
        Ok(tables) => {
            let state = tables.nodes.iter().find(|(known, _)| same_machine(known, name.as_str()));
            seen_by_others(&mut node, name, state.map(|(_, state)| *state), tables);
        }
    }
    let own_view = said.and_then(|said| said.heard().ok()).map(|(answer, _)| answer.raw("node"));
    if let (Some(Err(why)), true) = (own_view, node.membership.surely(|m| *m == Membership::Up)) {
        node.membership = Known::unknown(format!("the others see {name} as a member, and it does not itself: {why}"));
    }
    node
}

fn seen_by_others(node: &mut Node, name: &NodeName, state: Option<NodeState>, tables: &Tables) {
    let Some(state) = state else {
        let known: Vec<_> = tables.nodes.keys().map(String::as_str).collect();
        let why: Arc<str> = format!("the cluster has no node {name}, but {}: mend `nodes`", known.join(", ")).into();
        (node.membership, node.paused) = (Known::unknown(Arc::clone(&why)), Known::unknown(why));
        return;
    };
    let at = tables.at;
    let seen = |membership| Known::seen(membership, at);
    (node.membership, node.paused) = match state {
        NodeState::Up => (seen(Membership::Up), Known::seen(false, at)),
        NodeState::Paused => (seen(Membership::Up), Known::seen(true, at)),
        NodeState::Joining => (seen(Membership::Joining), Known::unknown("a node that is joining shows no pause")),
        NodeState::Down => (seen(Membership::Down), Known::unknown("a node that is down shows no pause")),
        NodeState::Unknown => {
            let why = format!("the cluster itself cannot tell how {name} is");
            (Known::unknown(why.as_str()), Known::unknown(why))
        }
    };
}

fn groups(asked: &Asked, raw: &Raw, tables: &Result<Tables, String>) -> BTreeMap<GroupName, Group> {
    let mut groups = BTreeMap::new();
    if let Ok(tables) = tables {
        for row in &tables.groups {
            let name = asked.group(&row.name);
            groups.insert(name.clone(), group(&name, row, asked, raw, tables));
        }
    }
    for (name, declared) in &asked.groups {
        let why: Arc<str> = match tables {
            Ok(_) => format!("the cluster has no group {name}: see `cluster.exe group`, and mend `groups`").into(),
            Err(why) => why.as_str().into(),
        };
        groups.entry(name.clone()).or_insert_with(|| {
            let mut group = Group::unknown(&why);
            if declared.kind == GroupKind::Role {
                group.copies = mailbox::unseen(&group, asked, &why);
            }
            group
        });
    }
    groups
}

fn group(name: &GroupName, row: &Row, asked: &Asked, raw: &Raw, tables: &Tables) -> Group {
    let at = tables.at;
    let known = tables.nodes.keys().map(|node| asked.node(node)).collect::<BTreeSet<_>>();
    let declared = asked.groups.get(name).map(|group| group.kind);
    let undeclared = || format!("{name} is not declared, so the Exchange tools were not asked: mend `groups`");
    let mut group = Group {
        kind: Known::unknown("the cluster does not say what a group is for; the manifest does"),
        owner: Known::seen(Some(asked.node(&row.owner)), at),
        state: match row.state {
            Some(state) => Known::seen(state, at),
            None => Known::unknown(format!("the cluster itself cannot tell how {name} is")),
        },
        // A group of standard resources may be on every node; who restricts that, restricts its resources.
        possible_owners: possible(row, asked, raw, tables, known),
        copies: BTreeMap::new(),
        standby_copies: Known::seen(Vec::new(), at),
        backup: Known::seen(false, at),
        failback_to: failback(row, asked, raw, tables),
    };
    match (declared, of_exchange(row, tables)) {
        (Some(GroupKind::Role), _) => mailbox::add(&mut group, name, asked, raw),
        (Some(GroupKind::Auxiliary), None) => {}
        (Some(GroupKind::Auxiliary), Some(resource)) => {
            let why: Arc<str> = format!(
                "{name} is declared auxiliary, and has the resource {resource:?}: a clustered mailbox server is a role"
            )
            .into();
            group.state = Known::unknown(Arc::clone(&why));
            group.standby_copies = Known::unknown(Arc::clone(&why));
            group.backup = Known::unknown(why);
        }
        (None, _) => {
            group.standby_copies = Known::unknown(undeclared());
            group.backup = Known::unknown(undeclared());
        }
    }
    group
}

/// A resource of the group that only a clustered mailbox server has, if it shows one.
pub(super) fn of_exchange<'t>(row: &Row, tables: &'t Tables) -> Option<&'t str> {
    let begins = |name: &str| name.get(..9).is_some_and(|begin| begin.eq_ignore_ascii_case("Exchange "));
    let resources = tables.resources.iter().flatten();
    let mut own = resources.filter(|resource| resource.group.as_ref() == Some(&row.name));
    own.find(|resource| begins(&resource.name)).map(|resource| resource.name.as_str())
}

/// The nodes that every resource of the group may be on.
fn possible(
    row: &Row,
    asked: &Asked,
    raw: &Raw,
    tables: &Tables,
    all: BTreeSet<NodeName>,
) -> Known<Arc<BTreeSet<NodeName>>> {
    let owners = || -> Result<BTreeSet<NodeName>, String> {
        let mut left = all;
        let resources = tables.resources.as_ref().map_err(Clone::clone)?;
        let (answer, _) = raw.groups.as_ref().ok_or("the groups were not asked about")?.heard()?;
        if let Some(unclear) = resources.iter().find(|resource| resource.group.is_none()) {
            return Err(format!("which group the resource {:?} is in cannot be told", unclear.name));
        }
        for resource in resources.iter().filter(|resource| resource.group.as_ref() == Some(&row.name)) {
            let may = tables::owners(&answer.raw(&format!("resource-owners:{}", resource.name))?, &tables.nodes)?;
            left.retain(|node| may.iter().any(|owner| asked.node(owner) == *node));
        }
        Ok(left)
    };
    let role = asked.groups.get(&asked.group(&row.name)).is_some_and(|group| group.kind == GroupKind::Role);
    if role {
        return Known::unknown("the Exchange tools were not asked");
    }
    owners().map_or_else(Known::unknown, |owners| Known::seen(Arc::new(owners), tables.at))
}

/// Where the cluster moves the group back to by itself: to its preferred owner, if failback is allowed. A window for that
/// only says when. Of several, nobody can tell which it takes, unless the group is on the first.
fn failback(row: &Row, asked: &Asked, raw: &Raw, tables: &Tables) -> Known<Option<NodeName>> {
    let read = || -> Result<(Option<NodeName>, Time), String> {
        let (answer, at) = raw.groups.as_ref().ok_or("the groups were not asked about")?.heard()?;
        let properties = answer.raw(&format!("group-properties:{}", row.name))?;
        let properties = tables::properties(&properties, &row.name)?;
        let allowed = properties.get("AutoFailbackType").and_then(|value| tables::number(value));
        match allowed.ok_or_else(|| format!("{} shows no AutoFailbackType", row.name))? {
            0 => Ok((None, at)),
            1 => {
                let preferred = answer.raw(&format!("group-owners:{}", row.name))?;
                let preferred = tables::owners(&preferred, &tables.nodes)?;
                match preferred.as_slice() {
                    [first, _, ..] if !same_name(first, &row.owner) => Err(format!(
                        "{} goes back by itself to one of {}: which one cannot be told",
                        row.name,
                        preferred.join(", ")
                    )),
                    others => Ok((others.first().map(|node| asked.node(node)), at)),
                }
            }
            other => Err(format!("{} has an AutoFailbackType that is not known: {other}", row.name)),
        }
    };
    read().map_or_else(Known::unknown, |(to, at)| Known::seen(to, at))
}

/// The votes, by the model that the manifest declares: `cluster.exe` does not say which it is in a way that is known.
fn quorum(asked: &Asked, raw: &Raw, tables: &Tables) -> Known<Quorum> {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let up = || tables.nodes.iter().filter(|(_, state)| matches!(state, NodeState::Up | NodeState::Paused));
    let all = count(tables.nodes.len());
    let (votes, witness) = match asked.spec.quorum.model {
        QuorumModel::Majority | QuorumModel::None => (all, None),
        QuorumModel::FileShare => (all.saturating_add(1), Some(share(asked, raw, tables))),
        QuorumModel::Disk => (all.saturating_add(1), Some(disk(asked, raw, tables))),
    };
    let witness = witness.map(|seen| seen.map_or_else(Known::unknown, |nodes| Known::seen(nodes, tables.at)));
    let needed = spec::majority(votes);
    Known::seen(Quorum { standalone: false, node_votes: count(up().count()), needed, witness }, tables.at)
}

/// The properties in which a resource keeps the share of the witness: of a Majority Node Set, and of a File Share Witness.
const WITNESSES: [&str; 2] = ["MNSFileShare", "SharePath"];

/// The nodes that reach the host of the file share witness, if the cluster has the share that the manifest names.
fn share(asked: &Asked, raw: &Raw, tables: &Tables) -> Result<BTreeSet<NodeName>, String> {
    let declared = asked.spec.quorum.witness.as_deref().unwrap_or_default();
    let (answer, _) = raw.groups.as_ref().ok_or("the groups were not asked about")?.heard()?;
    let mut shares = Vec::new();
    for resource in tables.resources.as_ref().map_err(Clone::clone)?.iter().filter(|r| is_asked(r, asked)) {
        let properties = answer.raw(&format!("resource-private:{}", resource.name))?;
        // What else is there is nobody's business, and may hold anything.
        let witness: Vec<&str> = properties.into_iter().filter(|line| !is_no_witness(line)).collect();
        let properties = tables::properties(&witness, &resource.name)?;
        let share = WITNESSES.iter().find_map(|name| properties.get(*name));
        shares.extend(share.filter(|share| !share.is_empty()).map(|share| (share.clone(), resource)));
    }
    let resource = match shares.as_slice() {
        [(share, resource)] if same_name(share.trim_end_matches('\\'), declared.trim_end_matches('\\')) => resource,
        [] => return Err(format!("the cluster shows no file share witness, and the manifest names {declared}")),
        others => {
            let others: Vec<_> = others.iter().map(|(share, _)| share.as_str()).collect();
            return Err(format!(
                "the cluster has the witness {}, and the manifest names {declared}",
                others.join(", ")
            ));
        }
    };
    if resource.state != Some(GroupState::Online) {
        return Err(format!("the witness's resource {:?} is not online", resource.name));
    }
    let reaches = |name: &NodeName, said: &Said| {
        let (answer, _) = said.heard().ok()?;
        machine::is_itself(name, answer).ok()?;
        matches!(answer.one::<1>("witness"), Ok(["True"])).then(|| name.clone())
    };
    Ok(raw.nodes.iter().filter_map(|(name, said)| reaches(name, said)).collect())
}

/// The nodes that may own the disk that votes, if it is online.
fn disk(asked: &Asked, raw: &Raw, tables: &Tables) -> Result<BTreeSet<NodeName>, String> {
    let declared = asked.spec.quorum.witness.as_deref().unwrap_or_default();
    let resources = tables.resources.as_ref().map_err(Clone::clone)?;
    let resource = resources.iter().find(|resource| same_name(&resource.name, declared));
    let resource =
        resource.ok_or_else(|| format!("the cluster has no resource {declared:?}: mend `quorum.witness`"))?;
    if resource.state != Some(GroupState::Online) {
        return Err(format!("the disk {:?}, which votes, is not online", resource.name));
    }
    let (answer, _) = raw.groups.as_ref().ok_or("the groups were not asked about")?.heard()?;
    let owners = tables::owners(&answer.raw(&format!("resource-owners:{}", resource.name))?, &tables.nodes)?;
    let up = |owner: &&String| matches!(tables.nodes.get(*owner), Some(NodeState::Up | NodeState::Paused));
    Ok(owners.iter().filter(up).map(|owner| asked.node(owner)).collect())
}

/// Resources that are asked how they are set up: all but those of declared roles, which are many and Exchange's.
pub(super) fn is_asked(resource: &Row, asked: &Asked) -> bool {
    let of_role = |group: &String| asked.roles().any(|role| same_name(role.as_str(), group));
    !resource.group.as_ref().is_some_and(of_role)
}

/// Whether a line of private properties tells of no witness, and is kept nowhere.
pub(super) fn is_no_witness(line: &str) -> bool {
    !is_frame(line) && !line.split_whitespace().any(|word| WITNESSES.contains(&word))
}

/// Whether a line only frames a table.
pub(super) fn is_frame(line: &str) -> bool {
    line.split_whitespace().all(|word| word.bytes().all(|b| b == b'-'))
}

#[cfg(test)]
pub(super) mod tests;
