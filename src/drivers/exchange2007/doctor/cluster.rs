//! Checks of the cluster and of its roles: what it shows, how it is declared, how copies and backups stand.

use super::super::look::{Said, of_exchange, read_tables, same_name};
use super::super::machine;
use super::super::spec::QuorumModel;
use super::{Evidence, Finding, Verdict, bad, each_role, fact, good, together, unknown, warning, worst};
use crate::drivers::ReadinessState;
use crate::model::{GroupName, Known, NodeName, Time};
use crate::observed::{Copy, CopyStatus, Group, GroupKind, GroupState, Node, StandbyCopy};

pub(super) fn exchange_tools(of: &Evidence<'_>) -> Finding {
    let (there, fix) = match of.raw.exchange.heard() {
        Ok((answer, _)) => (answer.done("snapin").or_else(bad), "install the Exchange 2007 management tools there"),
        Err(why) => (unknown(why), "see `management-host`"),
    };
    together([there].into_iter(), "the snap-in is on the management host", fix)
}

pub(super) fn cluster_answers(of: &Evidence<'_>) -> Finding {
    let Some(said) = &of.raw.cluster else { return standalone(of) };
    let read = read_tables(said).and_then(|tables| tables.resources.map(|_| ()));
    let fix = "on the management host, as the user that ssh logs in as: `cluster.exe /cluster:NODE resource`";
    together([read.map_err(|why| (ReadinessState::Bad, why))].into_iter(), "its tables can be read", fix)
}

/// That a host which is declared to be no cluster is in none, as far as it says.
fn standalone(of: &Evidence<'_>) -> Finding {
    let in_none = |(name, said): (&NodeName, &Said)| match said.heard() {
        Ok((answer, _)) => machine::is_in_no_cluster(name, answer).or_else(bad),
        Err(why) => unknown(why),
    };
    let fix = "declare the cluster, with all of its nodes: a host of one is not to be worked on alone";
    together(of.raw.nodes.iter().map(in_none), "a standalone host, in no cluster", fix)
}

pub(super) fn views_agree(of: &Evidence<'_>) -> Finding {
    if !of.asked.spec.is_cluster() {
        return good("a standalone host sees itself");
    }
    let Some(first) = of.seen.views.first() else {
        return (ReadinessState::Unknown, "no node says whom it sees".into(), "see `nodes-answer`");
    };
    let differs = of.seen.views.iter().find(|view| view.members != first.members);
    let verdict = match differs {
        Some(view) => bad(format!("{} and {} see different members", first.from, view.from)),
        None => Ok(()),
    };
    together([verdict].into_iter(), "the nodes that answer see the same members", "mend the network between the nodes")
}

pub(super) fn nodes_declared(of: &Evidence<'_>) -> Finding {
    let judge = |(name, node): (&NodeName, &Node)| match of.asked.nodes.contains_key(name) {
        true => fact(name, &node.membership, |_| Ok(())),
        false => bad(format!("the cluster has {name}, and the manifest does not")),
    };
    together(of.seen.nodes.iter().map(judge), "the manifest has the cluster's nodes", "mend `nodes`")
}

pub(super) fn groups_declared(of: &Evidence<'_>) -> Finding {
    let judge = |(name, group): (&GroupName, &Group)| match of.asked.groups.contains_key(name) {
        true => fact(name, &group.owner, |_| Ok(())),
        false => warning(format!("{name} is not declared, and so counts as a role")),
    };
    let tables = of.raw.cluster.as_ref().and_then(|said| read_tables(said).ok());
    let mistaken =
        tables.iter().flat_map(|tables| tables.groups.iter().map(move |row| (row, tables))).map(|(row, tables)| {
            let name = of.asked.group(&row.name);
            let auxiliary = of.asked.groups.get(&name).is_some_and(|group| group.kind == GroupKind::Auxiliary);
            match of_exchange(row, tables).filter(|_| auxiliary) {
                Some(resource) => bad(format!("{name} has the resource {resource:?}, and is declared auxiliary")),
                None => Ok(()),
            }
        });
    together(
        of.seen.groups.iter().map(judge).chain(mistaken),
        "the manifest has every group",
        "declare it under `groups`, with its kind: a clustered mailbox server is a role",
    )
}

pub(super) fn marks(of: &Evidence<'_>) -> Finding {
    let fix = "on the management host: `cluster.exe /cluster:NODE /priv`";
    together([fact("marks", &of.seen.marks, |_| Ok(()))].into_iter(), "what is ours in the cluster can be read", fix)
}

pub(super) fn quorum(of: &Evidence<'_>) -> Finding {
    let verdict = fact("votes", &of.seen.quorum, |quorum| match &quorum.witness {
        Some(Known::Unknown { why }) => bad(why.as_ref()),
        Some(Known::Known { value: from, .. }) if from.is_empty() => bad("no node reaches the witness"),
        _ => Ok(()),
    });
    let fix = "mend `quorum` in the manifest, or bring the witness's host back and open port 445 to it";
    let fine = match of.asked.spec.quorum.model {
        QuorumModel::FileShare => "the votes can be counted, and the witness is reached",
        QuorumModel::Disk => "the votes can be counted, and the disk that votes is online",
        QuorumModel::Majority => "the votes can be counted; only the nodes vote",
        QuorumModel::None => "a standalone host has no votes",
    };
    together([verdict].into_iter(), fine, fix)
}

pub(super) fn failback(of: &Evidence<'_>) -> Finding {
    let judge = |(name, group): (&GroupName, &Group)| {
        fact(name, &group.failback_to, |home| match home {
            None => Ok(()),
            Some(home) => bad(format!("{name} goes back to {home} by itself, as soon as that is up")),
        })
    };
    let fix = "switch it off: `cluster.exe group NAME /prop AutoFailbackType=0`";
    together(of.seen.groups.iter().map(judge), "no group goes back by itself", fix)
}

pub(super) fn roles(of: &Evidence<'_>) -> Finding {
    let fix =
        "a role's name is that of its clustered mailbox server: see `Get-ClusteredMailboxServerStatus`, mend `groups`";
    each_role(of, "every declared role is one, and online", fix, |name, role| {
        fact(name, &role.kind, |_| {
            fact(name, &role.state, |state| match state {
                GroupState::Online => Ok(()),
                state => bad(format!("{name} is {}", state.word())),
            })
        })
    })
}

pub(super) fn role_owners(of: &Evidence<'_>) -> Finding {
    let fix = "compare `cluster.exe group` with `Get-ClusteredMailboxServerStatus`";
    each_role(of, "the cluster and Exchange agree on where each role is", fix, |name, role| {
        fact(name, &role.owner, |_| Ok(()))
    })
}

pub(super) fn redundant_machines(of: &Evidence<'_>) -> Finding {
    each_role(
        of,
        "every role may be on two declared nodes or more",
        "see `RedundantMachines` of the server",
        |name, role| {
            fact(name, &role.possible_owners, |owners| {
                match owners.iter().find(|owner| !of.asked.nodes.contains_key(*owner)) {
                    Some(owner) => bad(format!("{name} may be on {owner}, which the manifest does not declare")),
                    None if owners.len() < 2 => bad(format!("{name} can be on no other node")),
                    None => Ok(()),
                }
            })
        },
    )
}

pub(super) fn copies(of: &Evidence<'_>) -> Finding {
    let fix = "see `Get-StorageGroupCopyStatus`; resume or reseed what is not healthy. With the original release (8.0) do not \
               trust a status alone";
    each_role(of, "every copy inside the cluster is healthy", fix, |name, role| {
        worst(role.copies.iter().map(|(host, copy)| healthy(format!("the copy of {name} on {host}"), copy)))
    })
}

/// A copy is healthy, or starts: it is said to be initializing for as long as no log was copied since then.
fn healthy(which: String, copy: &Known<Copy>) -> Verdict {
    fact(&which, copy, |copy| match copy.status {
        CopyStatus::Healthy => Ok(()),
        CopyStatus::Initializing => warning(format!("{which} is Initializing")),
        status => bad(format!("{which} is {status:?}")),
    })
}

pub(super) fn standby_declared(of: &Evidence<'_>) -> Finding {
    let fix = "add it to `standbyTargets` of the role, with the cluster that it is in";
    each_role(of, "every standby copy is declared", fix, |name, role| {
        let declared = of.asked.groups.get(name).map(|group| group.standby_targets.as_slice()).unwrap_or_default();
        fact(name, &role.standby_copies, |copies| match copies.iter().find(|copy| !declared.contains(&copy.target)) {
            Some(copy) => bad(format!("{name} has a standby copy on {}, which is not declared", copy.target.node)),
            None => Ok(()),
        })
    })
}

pub(super) fn standby_copies(of: &Evidence<'_>) -> Finding {
    let fix = "see `Get-StorageGroupCopyStatus -StandbyMachine TARGET`";
    each_role(of, "every standby copy is healthy", fix, |name, role| {
        fact(name, &role.standby_copies, |copies| {
            let which = |standby: &StandbyCopy| format!("the standby copy of {name} on {}", standby.target.node);
            worst(copies.iter().map(|standby| healthy(which(standby), &standby.copy)))
        })
    })
}

pub(super) fn backup_running(of: &Evidence<'_>) -> Finding {
    each_role(of, "no backup runs", "wait for its end: a handoff would break it off", |name, role| {
        fact(name, &role.backup, |runs| if *runs { warning(format!("a backup of {name} runs")) } else { Ok(()) })
    })
}

/// A full backup comes before a rollup; one that is older than this is no answer to trouble.
const BACKUP_AGE: i64 = 7 * 24 * 3600;

pub(super) fn backup_age(of: &Evidence<'_>) -> Finding {
    let fix = "back the server up before a rollup, and again after it";
    each_role(of, "every mounted database has a full backup of this week", fix, |name, _| {
        let heard = of.raw.exchange.heard().and_then(|(answer, at)| Ok((answer.all::<3>("last-backup")?, at)));
        let (rows, at) = heard.map_err(|why| (ReadinessState::Unknown, why))?;
        let mut own = rows.iter().filter(|[server, ..]| same_name(server, name)).peekable();
        if own.peek().is_none() {
            return unknown(format!("{name}: nothing is said of its backups"));
        }
        own.try_for_each(|[_, database, time]| match time.parse::<Time>() {
            Ok(time) if at.duration_since(time).as_secs() <= BACKUP_AGE => Ok(()),
            Ok(time) => warning(format!("the last full backup of {database} is of {time}")),
            Err(_) => warning(format!("{database} shows no full backup")),
        })
    })
}
