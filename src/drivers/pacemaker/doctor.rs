//! What `doctor` looks for before anybody trusts a roll to this cluster: some thirty checks, each with what was seen
//! and what to do.

use std::collections::BTreeSet;

use super::cib::Cib;
use super::look::{Asked, Heard, Raw, answer, failback, hear, look, own_name, serves, speaker};
use super::status::{MemberKind, Resource, Status};
use super::units::Units;
use crate::drivers::{Readiness, ReadinessState};
use crate::model::{Known, Mark, MarkKind, NodeName, Time};
use crate::observed::{GroupKind, GroupState, Observation, Quorum};

/// The script that asks one node.
pub(super) const SCRIPT: &str = concat!(include_str!("frame.sh"), include_str!("doctor.sh"), include_str!("probe.sh"));

/// The oldest releases whose tools answer as this driver asks them: `crm_mon` in XML, and `crm_simulate` before an act.
/// Source: ClusterLabs, "Pacemaker Command-line Output".
const OLDEST_TO_LOOK: &str = "2.0.3";
const OLDEST_TO_ACT: &str = "2.1";

/// What is said of what only a cluster with quorum can tell.
const BLIND: &str = "no node with quorum answers: see `reach` and `cluster-view`";

/// What was heard, and what follows from it.
struct Evidence<'a> {
    asked: &'a Asked,
    heard: Vec<(&'a NodeName, Result<Heard<'a>, String>)>,
    cluster: Result<(&'a Status, &'a Cib), String>,
    seen: &'a Observation,
}

/// A finding: how it stands, what was seen, what to do.
type Finding = (ReadinessState, String, &'static str);

type Check = fn(&Evidence<'_>) -> Finding;

const CHECKS: &[(&str, Check)] = &[
    ("reach", reach),
    ("node-names", node_names),
    ("tools", tools),
    ("rights", rights),
    ("folder", folder),
    ("disk", disk),
    ("clocks", clocks),
    ("services", services),
    ("cluster-view", cluster_view),
    ("cluster-version", cluster_version),
    ("views-agree", views_agree),
    ("quorum", quorum),
    ("quorum-device", quorum_device),
    ("store", store),
    ("configuration", configuration),
    ("nodes-declared", nodes_declared),
    ("resources-declared", resources_declared),
    ("fencing", fencing),
    ("two-node", two_node),
    ("maintenance", maintenance),
    ("standby", standby),
    ("hand-made-constraints", constraints),
    ("leftovers", leftovers),
    ("resources-healthy", healthy),
    ("possible-owners", possible_owners),
    ("failback", failback_pressure),
    ("remote-nodes", remote_nodes),
    ("lock-manager", lock_manager),
    ("package-manager", package_manager),
    ("half-installed", half_installed),
    ("installer-at-work", installer_at_work),
    ("automatic-updates", automatic_updates),
    ("pending-reboot", pending_reboot),
];

/// Makes every check of what the nodes said.
pub(super) fn check(asked: &Asked, raw: &Raw, at: Time) -> Vec<Readiness> {
    let seen = look(asked, raw, at);
    let by_name = raw.iter().map(|(node, said)| (node, hear(node, said, at))).collect();
    let speaker = speaker(&by_name);
    let store =
        speaker.as_ref().map_err(Clone::clone).and_then(|(heard, _)| answer(heard, "store").and_then(Cib::parse));
    let cluster = match (&speaker, &store) {
        (Ok((_, status)), Ok(store)) => Ok((*status, store)),
        (Err(why), _) | (_, Err(why)) => Err(why.clone()),
    };
    let heard = raw.iter().map(|(node, said)| (node, hear(node, said, at))).collect();
    let all = Evidence { asked, heard, cluster, seen: &seen };
    let one = |(name, check): &(&'static str, Check)| {
        let (state, evidence, fix) = check(&all);
        Readiness { name, state, evidence, fix: matches!(state, Bad | Warning).then(|| fix.to_owned()) }
    };
    CHECKS.iter().map(one).collect()
}

impl<'a> Evidence<'a> {
    /// Judges every node that answered: what is wrong with it, if anything.
    fn nodes(&self, good: &str, bad: ReadinessState, wrong: impl Fn(&Heard<'a>) -> Option<String>) -> Found {
        let heard = self.heard.iter().filter_map(|(name, heard)| Some((name, heard.as_ref().ok()?)));
        let (mut asked, mut all) = (0, Vec::new());
        for (name, heard) in heard {
            asked += 1;
            all.extend(wrong(heard).map(|wrong| format!("{name}: {wrong}")));
        }
        match (asked, all.is_empty()) {
            (0, _) => Found(ReadinessState::Unknown, "no node answers".into()),
            (_, true) => Found(ReadinessState::Good, format!("{good} ({asked} nodes asked)")),
            (_, false) => Found(bad, all.join("; ")),
        }
    }

    /// Judges the cluster, if a node with quorum answers.
    fn cluster(&self, judge: impl FnOnce(&Status, &Cib) -> Found) -> Found {
        match &self.cluster {
            Ok((status, store)) => judge(status, store),
            Err(_) => Found(ReadinessState::Unknown, BLIND.into()),
        }
    }
}

/// A finding without advice.
struct Found(ReadinessState, String);

impl Found {
    /// Good if there are none of them; else this.
    fn none_of<T: AsRef<str>>(all: impl IntoIterator<Item = T>, good: &str, bad: ReadinessState) -> Self {
        let all: Vec<String> = all.into_iter().map(|one| one.as_ref().to_owned()).collect();
        match all.is_empty() {
            true => Found(ReadinessState::Good, good.to_owned()),
            false => Found(bad, all.join("; ")),
        }
    }

    fn or(self, fix: &'static str) -> Finding {
        (self.0, self.1, fix)
    }
}

use ReadinessState::{Bad, Good, Unknown, Warning};

fn reach(all: &Evidence<'_>) -> Finding {
    let silent = all.heard.iter().filter_map(|(_, heard)| heard.as_ref().err());
    Found::none_of(silent, "every declared node answers", Bad)
        .or("try `ssh NODE true` as the user that rollward runs as; give addresses under `hosts`, a configuration by `sshConfig`")
}

fn node_names(all: &Evidence<'_>) -> Finding {
    all.nodes("each is called as it is declared", Warning, |heard| {
        let name = own_name(&heard.answers, heard.status.as_ref().ok());
        name.is_none().then(|| "its own number in the cluster's membership is not told".into())
    })
    .or("start the cluster's services there, so that its name can be compared with the manifest's")
}

fn tools(all: &Evidence<'_>) -> Finding {
    all.nodes("all that is used is there", Bad, |heard| {
        let missing = answer(heard, "tools").unwrap_or("the question").trim();
        (!missing.is_empty()).then(|| format!("missing: {missing}"))
    })
    .or("install Pacemaker's command-line tools (pacemaker-cli-utils on Debian), coreutils, util-linux, procps")
}

fn rights(all: &Evidence<'_>) -> Finding {
    all.nodes("commands run as root", Warning, |heard| {
        let user = answer(heard, "user").unwrap_or("somebody").trim();
        answer(heard, "rights").is_err().then(|| format!("commands run as {user}"))
    })
    .or("that is enough for `mode: observe` (in the group haclient); to act, log in as root, or set `rights: sudo`")
}

fn folder(all: &Evidence<'_>) -> Finding {
    all.nodes("what belongs on a node can be kept there", Warning, |heard| {
        let folder = heard.answers.get("folder")?;
        (folder.code != 0).then(|| format!("{} cannot be written", folder.out.trim()))
    })
    .or("set `folder` to one that root may write, on a disk that outlives a restart")
}

fn disk(all: &Evidence<'_>) -> Finding {
    let short = all.seen.nodes.iter().filter_map(|(name, node)| match &node.disk {
        Known::Known { value, .. } if value.free_mib < value.needed_mib => {
            Some(format!("{name}: {} MiB are free, {} needed", value.free_mib, value.needed_mib))
        }
        _ => None,
    });
    Found::none_of(short, "there is room for packages", Bad)
        .or("make room in /var and in the folder for temporary files")
}

fn clocks(all: &Evidence<'_>) -> Finding {
    all.nodes("all agree with this host's", Warning, |heard| {
        let off = heard.ahead;
        (!off.is_zero()).then(|| format!("{} s off this host's clock", off.as_secs()))
    })
    .or("let chrony or another time service keep them together")
}

fn services(all: &Evidence<'_>) -> Finding {
    all.nodes("corosync and pacemaker run", Warning, |heard| {
        (serves(heard) != Some(true)).then(|| "corosync or pacemaker does not run".to_owned())
    })
    .or("start them: `systemctl start corosync pacemaker`, once it is clear why they do not run")
}

fn cluster_view(all: &Evidence<'_>) -> Finding {
    all.nodes("each sees the cluster", Bad, |heard| {
        let why = heard.status.as_ref().err()?;
        Some(why.split_once(": ").map_or(why.as_str(), |(_, why)| why).to_owned())
    })
    .or("see the services on that node, and whether the login may ask them (root, or the group haclient)")
}

fn cluster_version(all: &Evidence<'_>) -> Finding {
    all.cluster(|status, _| match status.version.as_deref() {
        None => Found(Unknown, "the deciding node does not say its version".into()),
        Some(version) => {
            let number =
                |text: &str| -> Vec<u64> { text.split(['.', '-']).map_while(|part| part.parse().ok()).collect() };
            let state = match number(version) {
                enough if enough >= number(OLDEST_TO_ACT) => Good,
                looks if looks >= number(OLDEST_TO_LOOK) => Warning,
                _ => Bad,
            };
            Found(state, format!("Pacemaker {version}"))
        }
    })
    .or("Pacemaker 2.0.3 is the oldest that can be looked at; to act takes 2.1, whose crm_simulate answers in XML")
}

fn views_agree(all: &Evidence<'_>) -> Finding {
    let views: BTreeSet<String> = all
        .seen
        .views
        .iter()
        .map(|view| {
            let members: Vec<&str> = view.members.iter().map(NodeName::as_str).collect();
            format!("members {}{}", members.join(", "), if view.quorate { "" } else { ", without quorum" })
        })
        .collect();
    let agree = views.len() <= 1;
    Found(if agree { Good } else { Bad }, views.into_iter().collect::<Vec<_>>().join("; or "))
        .or("the nodes do not see each other: look at the cluster's network before anything else")
}

fn quorum(all: &Evidence<'_>) -> Finding {
    let found = match &all.seen.quorum {
        Known::Unknown { why } if all.cluster.is_ok() => Found(Bad, why.to_string()),
        Known::Unknown { .. } => Found(Unknown, BLIND.into()),
        Known::Known { value, .. } => {
            let (votes, needed) = (value.node_votes, value.needed);
            Found(if votes > needed { Good } else { Warning }, format!("{votes} votes, {needed} needed"))
        }
    };
    found.or(
        "with no vote to spare no node can be worked on; bring back the nodes that are away, or add a quorum device",
    )
}

fn quorum_device(all: &Evidence<'_>) -> Finding {
    match &all.seen.quorum {
        Known::Known { value: Quorum { witness: Some(Known::Unknown { why }), .. }, .. } => {
            Found(Warning, why.to_string())
        }
        _ => Found(Good, "there is none, or it counts".into()),
    }
    .or("its vote is not counted on: the nodes' own votes must be enough")
}

fn store(all: &Evidence<'_>) -> Finding {
    match &all.seen.marks {
        Known::Known { .. } => Found(Good, "it can be read".into()),
        Known::Unknown { why } if all.heard.iter().any(|(_, heard)| heard.is_ok()) => Found(Bad, why.to_string()),
        Known::Unknown { .. } => Found(Unknown, BLIND.into()),
    }
    .or("the login must be root or in the group haclient; values of ours that make no sense go by `rollward release`")
}

fn configuration(all: &Evidence<'_>) -> Finding {
    all.nodes("crm_verify finds nothing", Warning, |heard| {
        let said = heard.answers.get("verify")?;
        (said.code != 0).then(|| said.words())
    })
    .or("run `crm_verify -L -V` there, and mend what it says")
}

fn nodes_declared(all: &Evidence<'_>) -> Finding {
    all.cluster(|status, _| {
        let unknown = all.asked.nodes.keys().filter(|node| !status.nodes.contains_key(node.as_str()));
        let undeclared =
            status.nodes.keys().filter(|node| !all.asked.nodes.contains_key(&NodeName::new(node.as_str())));
        let unknown = unknown.map(|node| format!("the cluster has no node {node}"));
        Found::none_of(
            unknown.chain(undeclared.map(|node| format!("{node} is not declared"))),
            "the same everywhere",
            Bad,
        )
    })
    .or("write the nodes under `nodes` as `crm_node -l` lists them; nothing is done on one that is not declared")
}

fn resources_declared(all: &Evidence<'_>) -> Finding {
    all.cluster(|status, store| {
        let units = Units::new(&status.resources, &store.fence_devices, true);
        let unknown = all.asked.groups.iter().filter(|group| !units.groups.contains_key(group.as_str()));
        let roles = units.groups.iter().filter(|(_, unit)| unit.kind == GroupKind::Role);
        let undeclared = roles.filter(|(name, _)| !all.asked.groups.iter().any(|group| group.as_str() == *name));
        let unknown = unknown.map(|group| format!("the cluster has no resource {group}"));
        let undeclared = undeclared.map(|(name, _)| format!("{name} is not declared"));
        Found::none_of(unknown.chain(undeclared), "the same everywhere", Warning)
    })
    .or("write them under `groups`, as roles or auxiliary; one that is not declared is protected as a role")
}

fn fencing(all: &Evidence<'_>) -> Finding {
    all.cluster(|status, store| match (status.options.fencing, store.fence_devices.is_empty()) {
        (false, _) => Found(Warning, "stonith-enabled is false".into()),
        (true, true) => {
            Found(Bad, "fencing is on, and there is no fence device: a lost node's roles start nowhere".into())
        }
        (true, false) => {
            Found(Good, format!("on, by {}", Vec::from_iter(store.fence_devices.iter().cloned()).join(", ")))
        }
    })
    .or("configure a fence device: without one a node that is lost in the middle may still run what starts elsewhere")
}

fn two_node(all: &Evidence<'_>) -> Finding {
    all.cluster(|status, _| {
        let members = status.nodes.values().filter(|member| member.kind == MemberKind::Member).count();
        match (members, status.options.fencing) {
            (2, false) => Found(Warning, "two nodes and no fencing".into()),
            (2, true) => Found(Good, "two nodes, and fencing".into()),
            (more, _) => Found(Good, format!("{more} nodes")),
        }
    })
    .or("both halves of a cut cluster go on: an absent node counts as running everything until its fencing is confirmed")
}

fn maintenance(all: &Evidence<'_>) -> Finding {
    all.cluster(|status, _| {
        let whole = status.options.maintenance.then(|| "the whole cluster".to_owned());
        let nodes = status.nodes.iter().filter(|(_, member)| member.maintenance).map(|(name, _)| name.clone());
        Found::none_of(whole.into_iter().chain(nodes), "no maintenance mode", Warning)
    })
    .or("end it when the work is over: `crm_attribute -n maintenance-mode -D`, or on a node with `-N NODE`")
}

fn standby(all: &Evidence<'_>) -> Finding {
    all.cluster(|_, store| {
        let paused = store.marks.iter().filter(|mark| matches!(&mark.kind, MarkKind::Pause { .. }));
        let ours: BTreeSet<&str> = paused.filter_map(|mark| mark.kind.node()).map(NodeName::as_str).collect();
        // A standby on top of bans of ours is not ours.
        let is_ours = |node: &String| ours.contains(node.as_str()) && !store.banned.contains(node);
        let theirs = store.standby.keys().filter(|node| !is_ours(node));
        Found::none_of(theirs, "nobody has put a node in standby", Warning)
    })
    .or("a person's standby is respected: `crm_attribute -N NODE -n standby -D` when it is over")
}

fn constraints(all: &Evidence<'_>) -> Finding {
    all.cluster(|_, store| {
        let left = store
            .locations
            .iter()
            .filter(|l| l.id.starts_with("cli-"))
            .map(|l| format!("{} ({} on {})", l.id, l.resource, l.node));
        Found::none_of(left, "no move or ban is left over", Warning)
    })
    .or("moves and bans by hand stay until `crm_resource --clear -r RESOURCE`; they are respected until then")
}

fn leftovers(all: &Evidence<'_>) -> Finding {
    all.cluster(|_, store| {
        let moves = store.locations.iter().filter(|l| l.id.starts_with("rollward-move-")).map(|l| l.id.clone());
        let announced = |id: &str| {
            let groups = store.marks.iter().filter_map(|mark| match &mark.kind {
                MarkKind::InProgress { action } => action.group(),
                _ => None,
            });
            groups.into_iter().any(|group| id.ends_with(group.as_str()))
        };
        let moves = moves.filter(|id| !announced(id));
        let paused = |node: &str| {
            let of = |mark: &&Mark| matches!(&mark.kind, MarkKind::Pause { node: of } if of.as_str() == node);
            store.marks.iter().any(|mark| of(&mark))
        };
        let bans = store.banned.iter().filter(|node| !paused(node)).map(|node| format!("bans of {node}"));
        Found::none_of(
            moves.chain(bans).chain(store.unreadable.iter().cloned()),
            "nothing of ours is left over",
            Warning,
        )
    })
    .or("`rollward release CLUSTER` removes all that is ours")
}

fn healthy(all: &Evidence<'_>) -> Finding {
    all.cluster(|status, store| {
        let units = Units::new(&status.resources, &store.fence_devices, !status.options.maintenance);
        let sick = units.groups.iter().filter(|(_, unit)| unit.stuck.is_some() || unit.state != GroupState::Online);
        let sick = sick.map(|(name, unit)| {
            format!("{name}: {}", unit.stuck.clone().unwrap_or_else(|| unit.state.word().to_owned()))
        });
        Found::none_of(sick, "every resource serves", Warning)
    })
    .or("see `crm_mon -1 -rf`; clean up after the cause is mended: `crm_resource --cleanup -r RESOURCE`")
}

fn possible_owners(all: &Evidence<'_>) -> Finding {
    let roles = all.seen.groups.iter().filter(|(_, group)| group.kind.possibly(|kind| *kind == GroupKind::Role));
    let alone = roles.filter(|(_, group)| group.possible_owners.surely(|owners| owners.len() < 2));
    Found::none_of(
        alone.map(|(name, _)| format!("{name} may run on one node only")),
        "each role may run elsewhere",
        Warning,
    )
    .or("a role that may run nowhere else cannot be handed over: see its location constraints and bans")
}

fn failback_pressure(all: &Evidence<'_>) -> Finding {
    all.cluster(|status, store| {
        let units = Units::new(&status.resources, &store.fence_devices, true);
        let pulled = units.groups.iter().filter_map(|(name, unit)| {
            let to = failback(name, unit, store, &store.may_run(name, unit, status))?;
            Some(format!("{name} would go back to {to} by itself"))
        });
        Found::none_of(pulled, "what was moved stays", Warning)
    })
    .or("give it stickiness above its location scores, or each roll costs a second outage")
}

fn remote_nodes(all: &Evidence<'_>) -> Finding {
    all.cluster(|status, _| {
        let remote = status.nodes.iter().filter(|(_, member)| member.kind == MemberKind::Remote);
        Found::none_of(remote.map(|(name, _)| name), "there are none", Warning)
    })
    .or("remote and guest nodes are seen and not worked on: update them by hand, last")
}

fn lock_manager(all: &Evidence<'_>) -> Finding {
    all.cluster(|status, _| {
        let mut locks = Vec::new();
        for resource in &status.resources {
            if let Resource::Clone { id, instances, .. } = resource {
                let members = instances.iter().flat_map(|instance| &instance.members);
                let mut agents = members.map(|member| member.agent.as_str());
                if agents.any(|agent| agent.ends_with(":controld") || agent.ends_with(":lvmlockd")) {
                    locks.push(id.clone());
                }
            }
        }
        Found::none_of(locks, "there is none", Warning)
    })
    .or("a distributed lock manager stops the whole cluster's storage if a node is lost: have working fencing first")
}

fn package_manager(all: &Evidence<'_>) -> Finding {
    all.nodes("it answers", Bad, |heard| {
        let said = heard.answers.get("packages")?;
        (!(0..=99).contains(&said.code)).then(|| said.words())
    })
    .or("the rollup's `install` names the package manager: `deb` needs dpkg on every node, `rpm` needs rpm")
}

fn half_installed(all: &Evidence<'_>) -> Finding {
    all.nodes("no package is half installed", Warning, |heard| {
        let said = heard.answers.get("audit")?;
        (said.code != 0 || !said.out.trim().is_empty()).then(|| said.words())
    })
    .or("`dpkg --configure -a`, or install a good version")
}

fn installer_at_work(all: &Evidence<'_>) -> Finding {
    let rivals = all.seen.nodes.iter().filter_map(|(name, node)| match &node.rival {
        Known::Known { value: Some(rival), .. } => Some(format!("{name}: {rival}")),
        _ => None,
    });
    Found::none_of(rivals, "none", Warning).or("wait until it has ended, or end it; nothing begins beside it")
}

fn automatic_updates(all: &Evidence<'_>) -> Finding {
    all.nodes("no timer installs updates", Warning, |heard| {
        let timers = answer(heard, "timers").unwrap_or_default().trim();
        (!timers.is_empty()).then(|| format!("active: {timers}"))
    })
    .or("they may update an active node behind your back: `systemctl disable --now TIMER`")
}

fn pending_reboot(all: &Evidence<'_>) -> Finding {
    let pending = all.seen.nodes.iter().filter(|(_, node)| node.pending_reboot.surely(|pending| *pending));
    Found::none_of(pending.map(|(name, _)| name.as_str()), "none", Warning)
        .or("restart them first, one at a time; a roll holds work on such a node")
}
