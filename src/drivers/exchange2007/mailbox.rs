//! What the Exchange cmdlets say: how clustered mailbox servers are, where they are active, and how their copies stand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::look::{Asked, Raw, same_machine};
use super::wire::{Answer, flag};
use crate::model::{ClusterName, GroupName, Known, NodeName, NodeRef, Time};
use crate::observed::{Copy, CopyStatus, Group, GroupKind, GroupState, Node, StandbyCopy};

/// Adds to a group of the cluster what is known of it as a clustered mailbox server.
pub(super) fn add(group: &mut Group, name: &GroupName, asked: &Asked, raw: &Raw) {
    let (answer, at) = match raw.exchange.heard().and_then(|(answer, at)| answer.done("snapin").map(|()| (answer, at)))
    {
        Ok(heard) => heard,
        Err(why) => {
            let why: Arc<str> = why.into();
            group.copies = unseen(group, asked, &why);
            group.possible_owners = Known::unknown(Arc::clone(&why));
            group.standby_copies = Known::unknown(Arc::clone(&why));
            group.backup = Known::unknown(why);
            return;
        }
    };
    let server = name.as_str();
    group.possible_owners = known(redundant(server, asked, answer).map(Arc::new), at);
    match status(server, asked, answer) {
        Ok(status) => {
            group.kind = Known::seen(GroupKind::Role, at);
            agree(group, name, &status);
        }
        Err(why) => group.state = Known::unknown(why),
    }
    let databases = databases(server, answer);
    if let (Ok(databases), Known::Known { value: GroupState::Online, at }) = (&databases, &group.state) {
        let at = *at;
        // A move that failed late leaves the role online, on its new node, with databases dismounted.
        match databases.iter().map(|database| database.mounted).collect::<Option<Vec<bool>>>() {
            Some(mounted) if mounted.iter().all(|mounted| *mounted) => {}
            Some(_) => group.state = Known::seen(GroupState::PartiallyOnline, at),
            None => group.state = Known::unknown(format!("which databases of {name} are mounted cannot be told")),
        }
    }
    group.backup = match &group.state {
        // Nothing of it is mounted, and its store, which would say so, does not run.
        Known::Known { value: GroupState::Offline, at } => Known::seen(false, *at),
        _ => known(databases.and_then(|databases| backup(name, &databases)), at),
    };
    group.copies = copies(server, group, asked, answer, at);
    group.standby_copies = standby_copies(server, asked, answer, at);
}

fn known<T>(value: Result<T, String>, at: Time) -> Known<T> {
    value.map_or_else(Known::unknown, |value| Known::seen(value, at))
}

/// The rows of a tag that are about a server.
fn about<'a, const N: usize>(server: &str, answer: &'a Answer, tag: &str) -> Result<Vec<[&'a str; N]>, String> {
    let all = answer.all::<N>(tag)?;
    Ok(all.into_iter().filter(|row| row.first() == Some(&server)).collect())
}

/// How a clustered mailbox server is, and where it says that it is active.
struct Status {
    state: GroupState,
    active: Option<NodeName>,
}

fn status(server: &str, asked: &Asked, answer: &Answer) -> Result<Status, String> {
    answer.done(&format!("cms:{server}"))?;
    let rows = about::<3>(server, answer, "cms")?;
    let [[_, word, _]] = rows.as_slice() else {
        return Err(format!("{server}: its state was said {} times", rows.len()));
    };
    let state = match word.replace(' ', "").as_str() {
        "Online" => GroupState::Online,
        "PartiallyOnline" => GroupState::PartiallyOnline,
        "OnlinePending" | "OfflinePending" => GroupState::Pending,
        "Offline" => GroupState::Offline,
        "Failed" => GroupState::Failed,
        _ => return Err(format!("{server} is in a state that is not known: {word:?}")),
    };
    // The quorum's owner may be another machine than the role's: only the word Active counts.
    let machines = about::<2>(server, answer, "machine")?;
    let active = |text: &str| {
        let (name, marks) = text.trim().strip_suffix('>')?.split_once('<')?;
        marks.split(',').any(|mark| mark.trim() == "Active").then(|| asked.node(name.trim()))
    };
    let active: Vec<NodeName> = machines.iter().filter_map(|[_, text]| active(text)).collect();
    match active.as_slice() {
        [] => Ok(Status { state, active: None }),
        [one] => Ok(Status { state, active: Some(one.clone()) }),
        several => Err(format!("{server} says that it is active on {} machines", several.len())),
    }
}

/// Where the cluster and Exchange say different things, nobody knows.
fn agree(group: &mut Group, name: &GroupName, status: &Status) {
    if let Known::Known { value: owner, .. } = &group.owner {
        match &status.active {
            Some(active) if owner.as_ref() != Some(active) => {
                let owner = owner.as_ref().map_or("nobody", NodeName::as_str);
                group.owner = Known::unknown(format!(
                    "the cluster says that {owner} owns {name}, and Exchange that {active} does"
                ));
            }
            None if matches!(status.state, GroupState::Online | GroupState::PartiallyOnline) => {
                group.owner =
                    Known::unknown(format!("Exchange says that {name} is online, and on no machine that it is active"));
            }
            _ => {}
        }
    }
    if let Known::Known { value: state, .. } = &group.state
        && *state != status.state
    {
        let (cluster, exchange) = (state.word(), status.state.word());
        group.state =
            Known::unknown(format!("the cluster says that {name} is {cluster}, and Exchange that it is {exchange}"));
    }
}

fn redundant(server: &str, asked: &Asked, answer: &Answer) -> Result<BTreeSet<NodeName>, String> {
    answer.done(&format!("server:{server}"))?;
    let machines = about::<2>(server, answer, "redundant")?;
    Ok(machines.iter().map(|[_, machine]| asked.node(machine)).collect())
}

/// A database that is no recovery database: those are dismounted as a rule, and have no copies.
struct Database {
    mounted: Option<bool>,
    backup: Option<bool>,
}

fn databases(server: &str, answer: &Answer) -> Result<Vec<Database>, String> {
    answer.done(&format!("databases:{server}"))?;
    let mut kept = Vec::new();
    for [_, _, mounted, backup, recovery] in about::<5>(server, answer, "database")? {
        // Those of public folders do not have the property.
        if recovery.is_empty() || !flag(recovery)? {
            kept.push(Database { mounted: flag(mounted).ok(), backup: flag(backup).ok() });
        }
    }
    Ok(kept)
}

/// Whether a backup runs. What is dismounted is not being backed up.
fn backup(name: &GroupName, databases: &[Database]) -> Result<bool, String> {
    if databases.iter().any(|database| database.backup == Some(true)) {
        return Ok(true);
    }
    let unclear = |database: &&Database| database.backup.is_none() && database.mounted != Some(false);
    match databases.iter().find(unclear) {
        Some(_) => Err(format!("whether a backup of {name} runs cannot be told: it says so of mounted databases only")),
        None => Ok(false),
    }
}

/// The storage groups that have copies: all but those for recovery.
fn storage_groups<'a>(server: &str, answer: &'a Answer) -> Result<BTreeSet<&'a str>, String> {
    answer.done(&format!("storage-groups:{server}"))?;
    let mut kept = BTreeSet::new();
    for [_, group, recovery] in about::<3>(server, answer, "storage-group")? {
        if !flag(recovery)? {
            kept.insert(group);
        }
    }
    Ok(kept)
}

/// Where it cannot be told which copies there are, any declared node but the owner may have one.
pub(super) fn unseen(group: &Group, asked: &Asked, why: &Arc<str>) -> BTreeMap<NodeName, Known<Copy>> {
    let may = |node: &&NodeName| !group.owner.surely(|owner| owner.as_ref() == Some(*node));
    asked.nodes.keys().filter(may).map(|node| (node.clone(), Known::unknown(Arc::clone(why)))).collect()
}

/// The copies inside the cluster: of CCR, one on each machine that is not active.
fn copies(server: &str, group: &Group, asked: &Asked, answer: &Answer, at: Time) -> BTreeMap<NodeName, Known<Copy>> {
    let machines = match redundant(server, asked, answer) {
        Ok(machines) => machines,
        Err(why) => return unseen(group, asked, &why.into()),
    };
    let shared =
        about::<2>(server, answer, "server").is_ok_and(|rows| rows.iter().any(|[_, storage]| *storage == "Shared"));
    if shared {
        return BTreeMap::new();
    }
    let copy = storage_groups(server, answer).and_then(|groups| worst(server, "", &groups, answer));
    let hosts = machines.into_iter().filter(|machine| !group.owner.surely(|owner| owner.as_ref() == Some(machine)));
    // Until it is known which machine is active, it is not known whose copy this is.
    let copy = match &group.owner {
        Known::Known { .. } => known(copy, at),
        Known::Unknown { why } => Known::unknown(Arc::clone(why)),
    };
    hosts.map(|host| (host, copy.clone())).collect()
}

/// How the copies of storage groups on one machine are, taken together: as the worst of them is.
fn worst(server: &str, machine: &str, groups: &BTreeSet<&str>, answer: &Answer) -> Result<Copy, String> {
    answer.done(&format!("copies:{server}:{machine}"))?;
    let mut all: Option<Copy> = None;
    let mut missing = groups.clone();
    for [_, _, group, status, queue, _, suspend, seeding] in rows_of(server, machine, answer)? {
        if !missing.remove(group) {
            continue;
        }
        let senseless = |what: &str| format!("the copy of {group} makes no sense: {what:?}");
        let (suspend, seeding) = (flag(suspend)?, flag(seeding)?);
        let status = match copy_status(status).ok_or_else(|| senseless(status))? {
            CopyStatus::Healthy | CopyStatus::Initializing if suspend => CopyStatus::Suspended,
            CopyStatus::Healthy | CopyStatus::Initializing if seeding => CopyStatus::Seeding,
            status => status,
        };
        let queue = queue.parse().map_err(|_| senseless(queue))?;
        let before = all.unwrap_or(Copy { status, queue });
        all = Some(Copy { status: before.status.max(status), queue: before.queue.max(queue) });
    }
    match missing.first() {
        Some(group) => Err(format!("nothing is said of the copy of {group}")),
        None => all.ok_or_else(|| format!("{server} has no storage group with a copy")),
    }
}

type CopyRow<'a> = [&'a str; 8];

fn rows_of<'a>(server: &str, machine: &str, answer: &'a Answer) -> Result<Vec<CopyRow<'a>>, String> {
    let rows = about::<8>(server, answer, "copy")?;
    Ok(rows.into_iter().filter(|[_, of, ..]| same_machine(of, machine)).collect())
}

fn copy_status(word: &str) -> Option<CopyStatus> {
    Some(match word.replace(' ', "").as_str() {
        "Healthy" => CopyStatus::Healthy,
        "Initializing" => CopyStatus::Initializing,
        "Resynchronizing" => CopyStatus::Resynchronizing,
        "Seeding" => CopyStatus::Seeding,
        "Suspended" => CopyStatus::Suspended,
        "Stopped" => CopyStatus::Stopped,
        "Failed" => CopyStatus::Failed,
        "Disabled" | "NotSupported" => CopyStatus::Disabled,
        "ServiceDown" => CopyStatus::ServiceDown,
        _ => return None,
    })
}

/// The standby copies that the storage groups themselves name, each machine with how its copies stand.
fn standby_copies(server: &str, asked: &Asked, answer: &Answer, at: Time) -> Known<Vec<StandbyCopy>> {
    let read = || -> Result<Vec<StandbyCopy>, String> {
        let groups = storage_groups(server, answer)?;
        let mut by_machine: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for [_, group, machine] in about::<3>(server, answer, "standby")? {
            if groups.contains(group) {
                by_machine.entry(machine).or_default().insert(group);
            }
        }
        let copies = by_machine.iter().map(|(machine, groups)| StandbyCopy {
            target: target(server, machine, asked),
            copy: known(worst(server, machine, groups, answer), at),
        });
        Ok(copies.collect())
    };
    known(read(), at)
}

/// The machine of a standby copy, as the manifest names it. Which cluster one belongs to that is not named, only its
/// operator knows.
fn target(server: &str, machine: &str, asked: &Asked) -> NodeRef {
    let declared = asked.groups.get(server).into_iter().flat_map(|group| &group.standby_targets);
    let named = declared.into_iter().find(|target| same_machine(target.node.as_str(), machine));
    named.cloned().unwrap_or_else(|| NodeRef {
        cluster: ClusterName::new("?"),
        node: NodeName::new(machine.split('.').next().unwrap_or(machine)),
    })
}

/// Says of each node whether copying to what it hosts is held back.
pub(super) fn suspensions(
    asked: &Asked,
    raw: &Raw,
    groups: &BTreeMap<GroupName, Group>,
    nodes: &mut BTreeMap<NodeName, Node>,
) {
    for (name, node) in nodes {
        let of_roles = asked.roles().map(|role| suspended(role, groups.get(role), name, raw));
        node.replication_suspended = known(any(of_roles), raw.exchange.at);
    }
}

/// Whether copying to a role's copy on a node is held back by an installer; not if it is seen that there is none, and not
/// where a person said why: that stays.
fn suspended(role: &GroupName, group: Option<&Group>, node: &NodeName, raw: &Raw) -> Result<bool, String> {
    let (answer, _) = raw.exchange.heard()?;
    answer.done("snapin")?;
    answer.done(&format!("server:{role}"))?;
    let group = group.ok_or_else(|| format!("{role} was not seen"))?;
    if !group.copies.contains_key(node) {
        return Ok(false);
    }
    answer.done(&format!("copies:{role}:"))?;
    let held = about::<3>(role.as_str(), answer, "held")?;
    let is_held = |group: &str| held.iter().any(|[_, machine, of]| machine.is_empty() && *of == group);
    let rows = rows_of(role.as_str(), "", answer)?;
    any(rows.iter().filter(|[_, _, group, ..]| !is_held(group)).map(|[.., suspend, _]| flag(suspend)))
}

/// Whether it is so of any: one of which it is so is enough, and to say that it is not, all must be known.
fn any(all: impl Iterator<Item = Result<bool, String>>) -> Result<bool, String> {
    let mut unclear = None;
    for one in all {
        match one {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(why) => unclear = unclear.or(Some(why)),
        }
    }
    unclear.map_or(Ok(false), Err)
}

/// The role of a standalone host: there is one if a database of its own is mounted.
pub(super) fn of_host(asked: &Asked, raw: &Raw, host: &NodeName) -> Option<(GroupName, Group)> {
    let name = asked.group(host.as_str());
    let server = host.as_str();
    let heard = raw.exchange.heard().and_then(|(answer, at)| {
        let databases = answer.done("snapin").and_then(|()| databases(server, answer))?;
        Ok((answer, at, databases))
    });
    let (answer, at, databases) = match heard {
        Ok(heard) => heard,
        Err(why) => return Some((name, Group::unknown(&why.into()))),
    };
    // One of which it cannot be told may be mounted.
    if databases.iter().all(|database| database.mounted == Some(false)) {
        return None;
    }
    let state = match databases.iter().map(|database| database.mounted).collect::<Option<Vec<bool>>>() {
        Some(all) if all.iter().all(|mounted| *mounted) => Known::seen(GroupState::Online, at),
        Some(_) => Known::seen(GroupState::PartiallyOnline, at),
        None => Known::unknown(format!("which databases of {host} are mounted cannot be told")),
    };
    let group = Group {
        kind: Known::seen(GroupKind::Role, at),
        owner: Known::seen(Some(host.clone()), at),
        state,
        possible_owners: Known::seen(Arc::new([host.clone()].into()), at),
        copies: BTreeMap::new(),
        standby_copies: standby_copies(server, asked, answer, at),
        backup: known(backup(&name, &databases), at),
        failback_to: Known::seen(None, at),
    };
    Some((name, group))
}
