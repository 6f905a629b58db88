//! From what the nodes said to one observation. The whole cluster is believed from one node that sits in its quorum;
//! each machine is believed about itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::cib::{Cib, INFINITY};
use super::drain;
use super::kept::seen_by_itself;
use super::probe::{self, Answers};
use super::software;
use super::spec::{self, Drain, Spec};
use super::status::{Ban, Member, MemberKind, Status};
use super::units::{Unit, Units};
use crate::desired::Cluster;
use crate::drivers::kept::read_clock;
use crate::model::time::shifted;
use crate::model::{ClusterName, GroupName, Known, NodeName, Rollup, Time};
use crate::observed::{Disk, Group, GroupState, Membership, Node, Observation, Quorum, Services, View};

/// What the manifest says that a look, or an act, needs.
#[derive(Clone, Debug)]
pub struct Asked {
    pub(super) cluster: ClusterName,
    /// The nodes, with their targets.
    pub(super) nodes: BTreeMap<NodeName, Arc<Rollup>>,
    pub(super) groups: BTreeSet<GroupName>,
    /// Where packages are on this host, by their files' names.
    pub(super) packages: BTreeMap<String, File>,
    pub(super) spec: Spec,
}

/// A package's file on this host.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub path: PathBuf,
    /// The hash that it is declared with.
    pub sha256: String,
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
            groups: cluster.groups.keys().cloned().collect(),
            packages: cluster
                .packages
                .iter()
                .map(|(name, at)| (name.clone(), File { path: at.path.clone(), sha256: at.sha256.clone() }))
                .collect(),
            spec: spec::read(&cluster.driver.spec)?,
        })
    }

    /// The variables that the questions to a node need.
    pub(super) fn variables(&self, node: &NodeName) -> BTreeMap<&'static str, String> {
        let rollup = self.nodes.get(node);
        let names = rollup.map(|r| r.packages.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(" "));
        let manager = rollup.and_then(|rollup| software::manager(rollup.install)).unwrap_or_default();
        [
            ("packages", names.unwrap_or_default()),
            ("manager", manager.to_owned()),
            ("installers", software::INSTALLERS.join(",")),
            ("state", self.spec.folder.clone()),
        ]
        .into()
    }
}

/// What each node answered, as it came, or why it did not.
pub(super) type Raw = BTreeMap<NodeName, Result<String, String>>;

/// Clocks that are no further apart are one clock.
const CLOCKS_AGREE: jiff::SignedDuration = jiff::SignedDuration::from_secs(5);

/// One node's answers, taken apart.
pub(super) struct Heard<'a> {
    pub(super) answers: Answers<'a>,
    pub(super) status: Result<Status, String>,
    /// The node's own time, when it began to answer.
    clock: Time,
    /// By how much the node's clock is ahead of ours.
    pub(super) ahead: jiff::SignedDuration,
}

/// Makes one observation of what the nodes said at a time.
pub(super) fn look(asked: &Asked, raw: &Raw, at: Time) -> Observation {
    let heard: BTreeMap<&NodeName, Result<Heard<'_>, String>> =
        raw.iter().map(|(node, said)| (node, hear(node, said, at))).collect();
    let views =
        heard.iter().filter_map(|(node, heard)| Some(view(node, heard.as_ref().ok()?.status.as_ref().ok()?, at)));
    let views: Vec<View> = views.collect();
    let speaker = speaker(&heard);
    // When the store was asked: before the end of the look, and whatever ended in between may still be marked in it.
    let asked_at = speaker.as_ref().map_or(at, |(heard, _)| shifted(heard.clock, -heard.ahead).min(at));
    let (status, store, quorum) = match &speaker {
        Ok((heard, status)) => {
            let store = answer(heard, "store").and_then(Cib::parse);
            (Ok(*status), store, quorum(heard))
        }
        Err(why) => (Err(why.clone()), Err(why.clone()), Err(why.clone())),
    };
    let units = match (&status, &store) {
        (Ok(status), Ok(store)) => {
            let units = Units::new(&status.resources, &store.fence_devices, !status.options.maintenance);
            Ok(if asked.spec.drain == Drain::Bans { units.with_devices_that_stay() } else { units })
        }
        (Err(why), _) | (_, Err(why)) => Err(why.clone()),
    };
    let blind = |why: &String| -> Arc<str> { why.as_str().into() };
    let mut names: BTreeSet<NodeName> = asked.nodes.keys().cloned().collect();
    if let Ok(status) = &status {
        names.extend(status.nodes.keys().map(|name| NodeName::new(name.as_str())));
    }
    let nodes = names.into_iter().map(|name| {
        let banned = match &store {
            Ok(store) => Ok(store.banned.contains(name.as_str())),
            // Without bans of ours there is nothing that only the store would tell.
            Err(_) if asked.spec.drain == Drain::Standby => Ok(false),
            Err(why) => Err(why),
        };
        let node = node(&name, asked, heard.get(&name), status.as_deref(), banned, units.as_ref().ok(), at);
        (name, node)
    });
    let nodes = nodes.collect();
    let absent = status.as_ref().map_or(None, |status| may_run_everything(status, &quorum, &heard));
    let mut groups: BTreeMap<GroupName, Group> = match (&units, &status, &store) {
        (Ok(units), Ok(status), Ok(store)) => units
            .groups
            .iter()
            .map(|(name, unit)| (GroupName::new(name.as_str()), group(name, unit, status, store, absent.as_ref(), at)))
            .collect(),
        _ => BTreeMap::new(),
    };
    for name in &asked.groups {
        let why = match &units {
            Ok(_) => format!("the cluster has no resource {name}: see `crm_resource --list`, and mend `groups`"),
            Err(why) => why.clone(),
        };
        groups.entry(name.clone()).or_insert_with(|| Group::unknown(&blind(&why)));
    }
    let (claim, marks) = match store {
        Ok(Cib { unreadable, .. }) if !unreadable.is_empty() => {
            let why = format!("values of ours in the cluster's store make no sense: {}", unreadable.join(", "));
            (Known::unknown(why.clone()), Known::unknown(why))
        }
        Ok(Cib { claim, marks, .. }) => (Known::seen(claim, asked_at), Known::seen(marks, asked_at)),
        Err(why) => (Known::unknown(why.clone()), Known::unknown(why)),
    };
    let quorum = quorum.map_or_else(Known::unknown, |(quorum, _)| Known::seen(quorum, at));
    Observation { cluster: asked.cluster.clone(), at, views, quorum, claim, marks, nodes, groups }
}

pub(super) fn hear<'a>(node: &NodeName, said: &'a Result<String, String>, at: Time) -> Result<Heard<'a>, String> {
    let text = said.as_ref().map_err(Clone::clone)?;
    let answers = probe::read(text).map_err(|why| format!("{node}: {why}"))?;
    let clock = answers.get("time").and_then(|time| read_clock(time.out));
    let clock = clock.ok_or_else(|| format!("{node}: it does not say what time it is"))?;
    let status = answers.get("status").ok_or_else(|| format!("{node}: crm_mon was not asked"))?;
    // The XML says more than the exit status; where there is none, the exit status is all.
    let status = match status.out.trim_start().starts_with('<') {
        true => Status::parse(status.out).map_err(probe::advised),
        false => Err(format!("crm_mon: {}", status.words())),
    };
    let status = status.map_err(|why| format!("{node}: {why}"));
    let own = own_name(&answers, status.as_ref().ok());
    if let Some(own) = own.filter(|own| *own != node.as_str()) {
        return Err(format!("{node}: who answered is called {own} in the cluster: check `hosts`, or the node's name"));
    }
    // What a connection takes is no difference between clocks.
    let ahead = clock.duration_since(at);
    let ahead = if ahead.abs() < CLOCKS_AGREE { jiff::SignedDuration::ZERO } else { ahead };
    Ok(Heard { answers, status, clock, ahead })
}

/// What the node that answers is called in the cluster: which of the members it is, Corosync knows by number.
pub(super) fn own_name<'s>(answers: &Answers<'_>, status: Option<&'s Status>) -> Option<&'s str> {
    let id = votes_field(answers.get("quorum")?.out, "Node ID")?;
    let own = |(_, member): &(&String, &Member)| member.kind == MemberKind::Member && member.id.as_deref() == Some(id);
    status?.nodes.iter().find(own).map(|(name, _)| name.as_str())
}

/// What `corosync-quorumtool -s` says of something.
fn votes_field<'a>(said: &'a str, name: &str) -> Option<&'a str> {
    said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

pub(super) fn answer<'a>(heard: &Heard<'a>, name: &str) -> Result<&'a str, String> {
    match heard.answers.get(name) {
        Some(answer) if answer.code == 0 => Ok(answer.out),
        Some(answer) => Err(format!("{name}: {}", answer.words())),
        None => Err(format!("{name} was not asked")),
    }
}

fn view(node: &NodeName, status: &Status, at: Time) -> View {
    let members = status.nodes.iter().filter(|(_, member)| member.online && !member.pending);
    let members: BTreeSet<NodeName> = members.map(|(name, _)| NodeName::new(name.as_str())).collect();
    View { from: node.clone(), quorate: status.with_quorum, members: Arc::new(members), at }
}

/// The node that is believed about the whole cluster: one with quorum, the one that decides if it was heard.
pub(super) fn speaker<'h, 'a>(
    heard: &'h BTreeMap<&NodeName, Result<Heard<'a>, String>>,
) -> Result<(&'h Heard<'a>, &'h Status), String> {
    let mut why = Vec::new();
    let mut best: Option<(bool, &Heard<'a>, &Status)> = None;
    for (node, heard) in heard {
        match heard.as_ref().map(|heard| (heard, &heard.status)) {
            Ok((heard, Ok(status))) if status.with_quorum => {
                let decides = status.dc.as_deref() == Some(node.as_str());
                if best.is_none_or(|(other, ..)| decides && !other) {
                    best = Some((decides, heard, status));
                }
            }
            Ok((_, Ok(_))) => why.push(format!(
                "{node}: crm_mon says that its part of the cluster has no quorum: bring the others back, or the network \
                 between them"
            )),
            Ok((_, Err(error))) => why.push(error.clone()),
            Err(error) => why.push(error.clone()),
        }
    }
    best.map(|(_, heard, status)| (heard, status)).ok_or_else(|| match why.as_slice() {
        [] => "no node was asked".into(),
        _ => format!("no node with quorum answers: {}", why.join("; ")),
    })
}

/// The votes as `corosync-quorumtool -s` tells them, and whether the two-node setting is in force.
fn quorum(heard: &Heard<'_>) -> Result<(Quorum, bool), String> {
    let said = answer(heard, "quorum")?;
    let field = |name: &str| votes_field(said, name);
    let number = |name: &str| {
        let first = field(name).and_then(|value| value.split_whitespace().next());
        first.and_then(|number| number.parse::<u32>().ok()).ok_or_else(|| format!("corosync-quorumtool: no {name}"))
    };
    let needed = number("Quorum")?;
    // The rows of the membership: number, votes, and for all but a quorum device a name.
    let rows = said.lines().skip_while(|line| !line.trim_start().starts_with("Nodeid")).skip(1);
    let (mut votes, mut witness) = (0, None);
    for row in rows {
        let columns: Vec<_> = row.split_whitespace().collect();
        let [id, vote, rest @ ..] = columns.as_slice() else { continue };
        let Ok(vote) = vote.parse::<u32>() else { continue };
        if *id == "0" || rest.contains(&"Qdevice") {
            witness = Some(vote > 0);
        } else {
            votes += vote;
        }
    }
    let two_node = field("Flags").is_some_and(|flags| flags.split_whitespace().any(|flag| flag == "2Node"));
    // A quorum device is no node's to reach: it votes for the partition that it picks.
    let witness = witness.map(|votes| match votes {
        true => Known::unknown("a quorum device votes, and which nodes it would vote for cannot be told"),
        false => Known::unknown("there is a quorum device, and it does not vote"),
    });
    Ok((Quorum { standalone: false, node_votes: votes, needed, witness }, two_node))
}

/// With the two-node setting both halves of a cut cluster go on: an absent peer that cannot be asked may run everything,
/// until its fencing is confirmed; so may one whose cluster service runs, as it says.
fn may_run_everything(
    status: &Status,
    quorum: &Result<(Quorum, bool), String>,
    heard: &BTreeMap<&NodeName, Result<Heard<'_>, String>>,
) -> Option<String> {
    let two_node = quorum.as_ref().map_or(true, |(_, two_node)| *two_node);
    let fenced = |member: &Member| status.options.fencing && !member.unclean;
    let answer = |name: &String| heard.iter().find(|(node, _)| node.as_str() == name)?.1.as_ref().ok();
    let may_run = |name: &String| answer(name).and_then(serves) != Some(false);
    let absent = status.nodes.iter().filter(|(_, m)| m.kind == MemberKind::Member && !m.online && !fenced(m));
    let absent = absent.map(|(name, _)| name).find(|name| two_node && may_run(name))?;
    let does = match answer(absent) {
        Some(_) => "its cluster service goes on by itself: it may run everything, until they are together again",
        None => "it does not answer: it may run everything, until its fencing is confirmed or it answers itself",
    };
    Some(format!("{absent} is absent from a two-node cluster, and {does}"))
}

/// Whether the cluster's service runs on a machine, as it says itself. One that has failed may have left behind what it
/// ran.
pub(super) fn serves(heard: &Heard<'_>) -> Option<bool> {
    let services = heard.answers.get("services")?;
    let mut states = services.out.lines().map(|state| match state.trim() {
        "active" | "reloading" | "activating" | "deactivating" => Some(true),
        "inactive" => Some(false),
        _ => None,
    });
    match (states.next()??, states.next()??) {
        (_, false) => Some(false),
        (true, true) => Some(true),
        // What runs on a membership that is gone is about to be stopped, and is not yet.
        (false, true) => None,
    }
}

fn node(
    name: &NodeName,
    asked: &Asked,
    heard: Option<&Result<Heard<'_>, String>>,
    status: Result<&Status, &String>,
    banned: Result<bool, &String>,
    units: Option<&Units>,
    at: Time,
) -> Node {
    let unasked = || "it is in no manifest, and was not asked".to_owned();
    let why: Arc<str> = match heard {
        Some(Err(why)) => why.as_str().into(),
        Some(Ok(_)) => "it was not asked".into(),
        None => unasked().into(),
    };
    let mut node = Node::unknown(&why);
    match status.map(|status| (status, status.nodes.get(name.as_str()))) {
        Ok((status, Some(member))) => seen_by_others(&mut node, name, member, status, banned, at),
        Ok((status, None)) => {
            let known = status.nodes.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            let why: Arc<str> = format!("the cluster has no node {name}, but {known}: mend `nodes`").into();
            (node.membership, node.paused) = (Known::unknown(why.clone()), Known::unknown(why));
        }
        Err(why) => (node.membership, node.paused) = (Known::unknown(why.as_str()), Known::unknown(why.as_str())),
    }
    if let (Some(Ok(Heard { status: Err(why), .. })), Known::Known { value: Membership::Up, .. }) =
        (heard, &node.membership)
    {
        // Its daemons are gone and the others have not noticed yet, or it may not be asked.
        node.membership = Known::unknown(format!("the others see {name} online, and its own tools do not: {why}"));
    }
    node.instances =
        units.and_then(|units| units.instances.get(name.as_str())).into_iter().flatten().cloned().collect();
    // What this stack does not have cannot differ.
    node.baseline = Known::seen(None, at);
    node.interim_updates = Known::seen(Vec::new(), at);
    node.services = Known::seen(Services::default(), at);
    node.replication_suspended = Known::seen(false, at);
    if let Some(rollup) = asked.nodes.get(name) {
        node.installed = match heard {
            Some(Ok(heard)) => match heard.answers.get("packages") {
                Some(answer) => software::installed(rollup, answer, at),
                None => software::unknown(rollup, "the package manager was not asked"),
            },
            _ => software::unknown(rollup, &why),
        };
    }
    if let Some(Ok(heard)) = heard {
        seen_by_itself(&mut node, heard, at);
    }
    node
}

fn seen_by_others(
    node: &mut Node,
    name: &NodeName,
    member: &Member,
    status: &Status,
    banned: Result<bool, &String>,
    at: Time,
) {
    node.membership = if member.unclean {
        Known::unknown(format!("{name} is unclean: it was lost, and its fencing is not confirmed"))
    } else if member.pending || (member.online && member.shutdown) {
        Known::seen(Membership::Joining, at)
    } else if member.online {
        Known::seen(Membership::Up, at)
    } else {
        Known::seen(Membership::Down, at)
    };
    node.paused = match (member.maintenance || status.options.maintenance, member.standby, banned) {
        // We never set it, and it hides what a standby would do, or a ban.
        (true, true, _) => Known::unknown(format!("{name} is in maintenance mode as well as in standby")),
        (true, false, Ok(true)) => Known::unknown(format!("{name} is in maintenance mode as well as drained by bans")),
        (false, false, Err(why)) => Known::unknown(format!("whether bans of ours drain {name} cannot be seen: {why}")),
        (maintenance, standby, banned) => Known::seen(maintenance || standby || banned == Ok(true), at),
    };
    if member.kind == MemberKind::Remote {
        node.membership = Known::unknown(format!("{name} is a remote or guest node, which is not worked on"));
    }
}

pub(super) fn disk(heard: &Heard<'_>, at: Time) -> Known<Disk> {
    /// A package of a service is smaller; unpacking takes as much again.
    const NEEDED_MIB: u64 = 256;
    let free = answer(heard, "disk").map(|said| {
        let rows = said.lines().skip(1).filter_map(|line| line.split_whitespace().nth(3)?.parse::<u64>().ok());
        rows.min().map(|kib| kib / 1024)
    });
    match free {
        Ok(Some(free_mib)) => Known::seen(Disk { free_mib, needed_mib: NEEDED_MIB }, at),
        Ok(None) => Known::unknown("df did not say what is free"),
        Err(why) => Known::unknown(why),
    }
}

fn group(name: &str, unit: &Unit, status: &Status, store: &Cib, absent: Option<&String>, at: Time) -> Group {
    let node = |name: &String| NodeName::new(name.as_str());
    let owner = match (unit.nodes.iter().collect::<Vec<_>>().as_slice(), absent) {
        (_, Some(why)) => Known::unknown(why.as_str()),
        ([], None) => Known::seen(None, at),
        ([one], None) => Known::seen(Some(node(one)), at),
        (several, None) => {
            let several: Vec<_> = several.iter().map(|name| name.as_str()).collect();
            Known::unknown(format!("{name} is on {} at once", several.join(", ")))
        }
    };
    let unclean = unit.nodes.iter().find(|name| status.nodes.get(*name).is_some_and(|member| member.unclean));
    let state = match (&unit.stuck, unclean, absent) {
        (.., Some(why)) => Known::unknown(why.as_str()),
        (_, Some(node), _) => Known::unknown(format!("{node}, where it was, is unclean: it may run there or not")),
        _ if status.options.maintenance => Known::unknown("the cluster is in maintenance mode: it watches nothing"),
        (Some(why), ..) if unit.state == GroupState::Online => Known::unknown(why.as_str()),
        _ => Known::seen(unit.state, at),
    };
    let possible = store.may_run(name, unit, status);
    let failback_to = failback(name, unit, store, &possible);
    Group {
        kind: Known::seen(unit.kind, at),
        owner,
        state,
        possible_owners: Known::seen(Arc::new(possible.iter().map(node).collect()), at),
        copies: BTreeMap::new(),
        standby_copies: Known::seen(Vec::new(), at),
        backup: Known::seen(false, at),
        failback_to: Known::seen(failback_to.map(|name| NodeName::new(name.as_str())), at),
    }
}

impl Cib {
    /// The nodes that constraints let a resource run on. What only a rule, or another resource, forbids is foreseen
    /// before anything moves.
    pub(super) fn may_run(&self, name: &str, unit: &Unit, status: &Status) -> BTreeSet<String> {
        let may = |node: &&String| {
            let score = self.liking(name, unit, node);
            let concerns = |ban: &&Ban| unit.is_or_has(name, &ban.resource) && ban.node == **node;
            let banned = status.bans.iter().filter(concerns).any(|ban| !drain::is_ours(&ban.id));
            !banned && score > -INFINITY && (status.options.symmetric || score > 0)
        };
        let members = status.nodes.iter().filter(|(_, member)| member.kind == MemberKind::Member);
        members.map(|(name, _)| name).filter(may).cloned().collect()
    }

    /// What constraints on a group and on its members say of it on a node, all together: they stay together.
    fn liking(&self, name: &str, unit: &Unit, node: &str) -> i64 {
        self.score(node, |resource| unit.is_or_has(name, resource))
    }

    /// What moving costs a group: each of its members has the group's own stickiness, if it has none itself.
    fn stickiness_of(&self, name: &str, unit: &Unit) -> i64 {
        let of = |name: &str| self.stickiness.get(name).copied();
        let common = of(name).or_else(|| of("")).unwrap_or(0);
        let all = unit.members.iter().map(|member| of(member).unwrap_or(common));
        all.fold(0_i64, i64::saturating_add).min(INFINITY)
    }
}

/// Where the cluster would bring a resource back to by itself: to a node that it likes better, by more than moving
/// costs.
pub(super) fn failback(name: &str, unit: &Unit, store: &Cib, possible: &BTreeSet<String>) -> Option<String> {
    let owner = unit.nodes.iter().next()?;
    let here = store.liking(name, unit, owner).saturating_add(store.stickiness_of(name, unit));
    let better = possible.iter().map(|node| (store.liking(name, unit, node), node)).filter(|(score, _)| *score > here);
    better.max().map(|(_, node)| node.clone())
}
