//! Checks of machines: how they are reached, how they are set up, what is installed on them.

use super::super::look::{Said, same_name};
use super::super::machine;
use super::{
    Evidence, Finding, bad, every_machine, fact, good, node_machines, nodes, said, together, unknown, warning,
};
use crate::drivers::ReadinessState;
use crate::model::{NodeName, Time};

pub(super) fn management_host(of: &Evidence<'_>) -> Finding {
    let verdict = of.checkup.management.heard().map(|_| ()).map_err(|why| (ReadinessState::Bad, why));
    let fix = "try `ssh HOST powershell.exe -NoProfile -Command hostname` with `managementHost`";
    together([verdict].into_iter(), "it answers, and runs our scripts", fix)
}

pub(super) fn nodes_answer(of: &Evidence<'_>) -> Finding {
    let itself = |(name, said): (&NodeName, &Said)| {
        said.heard().and_then(|(answer, _)| machine::is_itself(name, answer)).map_err(|why| (ReadinessState::Bad, why))
    };
    let fix = "try `ssh NODE powershell.exe -NoProfile -Command hostname`; give addresses under `hosts`";
    together(of.raw.nodes.iter().map(itself), "every node answers by its own name", fix)
}

pub(super) fn powershell(of: &Evidence<'_>) -> Finding {
    let fix = "install PowerShell 1.0 or 2.0, and an ssh server of 64 bits: one of 32 starts a PowerShell that sees another \
               registry and other folders";
    every_machine(of, "PowerShell of 64 bits runs on every machine", fix, |name, answer| {
        said(name, answer, "powershell", |[version, bits]| match (version.split('.').next(), bits) {
            (_, "32") => bad(format!("{name} runs a PowerShell of 32 bits")),
            (Some("1" | "2"), "64") => Ok(()),
            _ => warning(format!("{name} has PowerShell {version}, which the scripts were not written for")),
        })
    })
}

pub(super) fn tools(of: &Evidence<'_>) -> Finding {
    let fix = "cluster.exe comes with the Failover Clustering tools (Windows 2003: adminpak.msi); mend the PATH";
    every_machine(of, "cluster.exe and msiexec.exe are where they are needed", fix, |name, answer| {
        let all = answer.all::<2>("tool").unwrap_or_default();
        let needed: &[&str] =
            if of.asked.spec.is_cluster() { &["cluster.exe", "msiexec.exe"] } else { &["msiexec.exe"] };
        let there = |tool: &str| all.iter().any(|[of, there]| *of == tool && *there == "True");
        match needed.iter().find(|tool| !there(tool)) {
            Some(tool) => bad(format!("{name} has no {tool} in its PATH")),
            None => Ok(()),
        }
    })
}

pub(super) fn language(of: &Evidence<'_>) -> Finding {
    let fix = "let the tools of the management host speak English: what is translated is unknown, and nothing is done";
    every_machine(of, "Windows is English everywhere", fix, |name, answer| {
        said(name, answer, "windows", |[_, language]| match language.starts_with("en") {
            true => Ok(()),
            false => warning(format!("{name} speaks {language}")),
        })
    })
}

pub(super) fn login_domain(of: &Evidence<'_>) -> Finding {
    let fix = "log in as an account of the domain: Exchange, the cluster and a rollup's installer refuse a local one";
    every_machine(of, "every login is a domain's", fix, |name, answer| {
        said(name, answer, "login", |[login, domain, _]| match domain {
            "True" => Ok(()),
            _ => bad(format!("{name}: {login} is no account of a domain")),
        })
    })
}

pub(super) fn login_rights(of: &Evidence<'_>) -> Finding {
    let fix = "make it a local administrator of the nodes, and an Exchange Server Administrator";
    every_machine(of, "every login is an administrator's", fix, |name, answer| {
        said(name, answer, "login", |[login, _, administrator]| match administrator {
            "True" => Ok(()),
            _ if same_name(name, &of.asked.spec.management_host) => {
                warning(format!("{name}: {login} has no administrator's rights"))
            }
            _ => bad(format!("{name}: {login} has no administrator's rights, which an installer needs")),
        })
    })
}

/// Clocks that are further apart than this make ages of a look's facts doubtful to people who compare logs.
const CLOCKS_AGREE: i64 = 60;

pub(super) fn clocks(of: &Evidence<'_>) -> Finding {
    let fix = "let all of them take the time from the domain: `w32tm /resync`";
    let management = (of.asked.spec.management_host.as_str(), &of.checkup.management);
    let all = of.checkup.nodes.iter().map(|(name, said)| (name.as_str(), said)).chain([management]);
    let verdict = |(name, said): (&str, &Said)| {
        let heard = said.heard().and_then(|(answer, at)| answer.one::<1>("time").map(|[time]| (time.to_owned(), at)));
        let (time, at) = heard.map_err(|why| (ReadinessState::Unknown, why))?;
        let Ok(time) = time.parse::<Time>() else { return unknown(format!("{name}: {time:?} is no time")) };
        let apart = time.duration_since(at).as_secs();
        match apart.abs() <= CLOCKS_AGREE {
            true => Ok(()),
            false if apart > 0 => warning(format!("{name} is {apart} s ahead of this host")),
            false => warning(format!("{name} is {} s behind this host", apart.abs())),
        }
    };
    together(all.map(verdict), "all within a minute of this host's", fix)
}

pub(super) fn paused(of: &Evidence<'_>) -> Finding {
    nodes(
        of,
        "no node is paused",
        "resume it, if nobody works on it any more: a pause outlives reboots",
        |name, node| {
            fact(name, &node.paused, |paused| if *paused { warning(format!("{name} is paused")) } else { Ok(()) })
        },
    )
}

pub(super) fn builds(of: &Evidence<'_>) -> Finding {
    let fix =
        "find out what ended half-way: compare ExSetup.exe's version with the installed updates, and install again";
    nodes(of, "ExSetup.exe and the patch registry agree on every node", fix, |name, node| {
        node.installed.values().try_for_each(|version| fact(name, version, |_| Ok(())))
    })
}

pub(super) fn service_pack(of: &Evidence<'_>) -> Finding {
    let fix = "declare a rollup of the service pack that is there; a service pack is installed by people";
    nodes(of, "every node is at its rollup's service pack", fix, |name, node| {
        let wanted = of.asked.nodes.get(name).and_then(|rollup| rollup.baseline.as_ref());
        fact(name, &node.baseline, |there| match (wanted, there) {
            (Some(wanted), Some(there)) if there != wanted => bad(format!("{name} is at {there}, and not at {wanted}")),
            _ => Ok(()),
        })
    })
}

pub(super) fn interim_updates(of: &Evidence<'_>) -> Finding {
    nodes(of, "no node has an interim update", "remove it by hand: a rollup's installer refuses", |name, node| {
        fact(name, &node.interim_updates, |there| match there.as_slice() {
            [] => Ok(()),
            there => bad(format!("{name} has {}", there.join(", "))),
        })
    })
}

pub(super) fn pending_reboot(of: &Evidence<'_>) -> Finding {
    nodes(of, "no node waits for a reboot", "reboot it while it is passive", |name, node| {
        fact(
            name,
            &node.pending_reboot,
            |waits| if *waits { bad(format!("{name} waits for a reboot")) } else { Ok(()) },
        )
    })
}

pub(super) fn other_installers(of: &Evidence<'_>) -> Finding {
    nodes(of, "nobody installs anything", "wait for its end", |name, node| {
        fact(name, &node.rival, |rival| match rival {
            None => Ok(()),
            Some(rival) => warning(format!("{name}: {rival}")),
        })
    })
}

pub(super) fn installer_service(of: &Evidence<'_>) -> Finding {
    let fix = "`sc config msiserver start= demand`: without it nothing can be installed (1601)";
    node_machines(of, "Windows Installer's service can start", fix, |name, answer| {
        said(name, answer, "installer-start", |[start]| match start {
            "4" => bad(format!("Windows Installer is disabled on {name}")),
            _ => Ok(()),
        })
    })
}

pub(super) fn disk(of: &Evidence<'_>) -> Finding {
    nodes(of, "every node has room for the installer", "make room, or mend `diskMib`", |name, node| {
        fact(name, &node.disk, |disk| match disk.free_mib >= disk.needed_mib {
            true => Ok(()),
            false => bad(format!("{name} has {} MiB free, and {} are needed", disk.free_mib, disk.needed_mib)),
        })
    })
}

pub(super) fn services(of: &Evidence<'_>) -> Finding {
    let fix = "set it back, or say under `services` that it is meant to be so; Test-ServiceHealth does not see what is disabled";
    nodes(of, "services are set as they are meant to be", fix, |name, node| {
        fact(name, &node.services, |services| match services.differing.first_key_value() {
            Some((service, how)) => bad(format!("{name}: {service} is {how}")),
            None => Ok(()),
        })
    })
}

pub(super) fn services_declared(of: &Evidence<'_>) -> Finding {
    let verdict = match of.asked.spec.services.is_empty() {
        true => warning("`services` is empty: a service that stopped or starts otherwise than before is not seen"),
        false => Ok(()),
    };
    together(
        [verdict].into_iter(),
        "the manifest says how services are meant to be",
        "see `manifests/exchange/ccr.yaml`",
    )
}

pub(super) fn revocation(of: &Evidence<'_>) -> Finding {
    let fix = "open the way to crl.microsoft.com, set a proxy for WinHTTP, or raise ServicesPipeTimeout (KB944752): without it \
               Exchange's services may fail to start after a rollup";
    node_machines(
        of,
        "certificates' revocation lists can be reached, or services have time enough",
        fix,
        |name, answer| {
            let patient = answer
                .one::<1>("start-limit")
                .is_ok_and(|[limit]| limit.parse().is_ok_and(|limit: u64| limit >= 60_000));
            said(name, answer, "crl", |[reached]| match reached {
                "True" => Ok(()),
                _ if patient => Ok(()),
                _ => warning(format!("{name} does not reach crl.microsoft.com, and services have 30 s to start")),
            })
        },
    )
}

pub(super) fn exchange_tools(of: &Evidence<'_>) -> Finding {
    let fix = "install the Exchange management tools on the node: roles are moved by its cmdlets there";
    node_machines(of, "the Exchange cmdlets are on every node", fix, |name, answer| {
        said(name, answer, "snapin", |[there]| match there {
            "True" => Ok(()),
            _ => bad(format!("{name} has no Exchange cmdlets")),
        })
    })
}

pub(super) fn orders(of: &Evidence<'_>) -> Finding {
    if !of.asked.acts {
        return good("not tried: the manifest says `mode: observe`");
    }
    let verdict = |(name, tried): (&NodeName, &Result<(), String>)| match tried {
        Ok(()) => Ok(()),
        Err(why) => bad(format!("{name}: {why}")),
    };
    let fix = "make sure that the login may write to `folder` and to the cluster (an administrator of every node), that its \
               ssh server lets a process outlive its connection, and that no work of rollward is under way";
    let fine =
        "a worker on every node outlived its connection, held its lock, and wrote to the cluster and took it back";
    together(of.checkup.orders.iter().map(verdict), fine, fix)
}
