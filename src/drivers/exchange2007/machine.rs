//! What a machine says of itself: what is installed, how its services stand, who else installs, what of ours it keeps.

use std::collections::BTreeMap;

use super::kept::{self, Before};
use super::look::{Asked, Said, same_machine, same_name};
use super::software;
use super::spec::StartType;
use super::wire::{Answer, flag};
use crate::model::{Known, NodeName, PackageName, Time};
use crate::observed::{Disk, Node, Services};

/// The cluster service.
pub(super) const CLUSTER_SERVICE: &str = "ClusSvc";

/// What setup is known to stop and to disable besides Exchange's own services. Source: reports on setup of this product family.
const TOUCHED: [&str; 4] = ["WinMgmt", "RemoteRegistry", "W3SVC", "IISADMIN"];

/// The services that are looked at besides Exchange's own: the cluster's, what setup touches, and those that are declared.
pub(super) fn watched(asked: &Asked) -> impl Iterator<Item = &str> {
    [CLUSTER_SERVICE].into_iter().chain(TOUCHED).chain(asked.spec.services.keys().map(String::as_str))
}

/// Adds what the machine says of itself; if it says nothing, all of that is unknown.
pub(super) fn seen_by_itself(node: &mut Node, name: &NodeName, asked: &Asked, said: &Said) {
    let heard = said.heard().and_then(|(answer, at)| is_itself(name, answer).map(|()| (answer, at)));
    let (answer, at) = match heard {
        Ok(heard) => heard,
        Err(why) => {
            *node = Node::unknown(&why.as_str().into());
            node.installed = [(PackageName::from(PackageName::PRODUCT), Known::unknown(why))].into();
            return;
        }
    };
    let known = |value: Result<bool, String>| known(value, at);
    node.cluster_service = known(service_runs(answer, CLUSTER_SERVICE));
    node.installed = [(PackageName::from(PackageName::PRODUCT), software::installed(answer, at))].into();
    node.baseline = software::baseline(answer, at);
    node.interim_updates = software::interim_updates(answer, at);
    node.pending_reboot = known(pending_reboot(answer));
    node.disk = self::known(free(answer).map(|free_mib| Disk { free_mib, needed_mib: asked.spec.disk_mib }), at);
    node.services = self::known(services(answer, asked), at);
    node.staged = self::known(staged(answer), at);
    node.rival = self::known(rival(answer), at);
    kept::add(node, answer, at);
    // Our own work may be an installer; it is nobody's rival as long as it runs.
    if node.running_work().is_some() {
        node.rival = Known::seen(None, at);
    }
}

/// That who answered is the machine that was meant: a name may lead to another, as that of a clustered mailbox server
/// does.
///
/// # Errors
/// It is another, or does not say.
pub(super) fn is_itself(name: &NodeName, answer: &Answer) -> Result<(), String> {
    match answer.one::<1>("machine")? {
        [own] if same_machine(own, name.as_str()) => Ok(()),
        [own] => Err(format!("{name}: who answered is called {own}: check `hosts`, or the node's name")),
    }
}

fn known<T>(value: Result<T, String>, at: Time) -> Known<T> {
    value.map_or_else(Known::unknown, |value| Known::seen(value, at))
}

/// Whether a service runs. One on its way is neither here nor there.
fn service_runs(answer: &Answer, name: &str) -> Result<bool, String> {
    let all = answer.all::<3>("service")?;
    let state = all.iter().find(|[service, ..]| same_name(service, name)).map(|[_, _, state]| *state);
    match state {
        Some("Running") => Ok(true),
        Some("Stopped") => Ok(false),
        Some(other) => Err(format!("{name} is {other}")),
        None => match answer.done("services") {
            Ok(()) => Err(format!(
                "there is no service {name}, or it was not seen: {}",
                answer.why(&format!("service:{name}"))
            )),
            Err(why) => Err(why),
        },
    }
}

/// Where Windows keeps that it waits for a reboot: any of them is enough, and all must be seen to say that it does not.
const PENDING: [&str; 4] = ["cbs", "windows-update", "file-rename", "update-exe"];

fn pending_reboot(answer: &Answer) -> Result<bool, String> {
    let all = answer.all::<2>("pending")?;
    let mut unseen = Vec::new();
    for source in PENDING {
        match all.iter().find(|[of, _]| *of == source).map(|[_, value]| flag(value)) {
            Some(Ok(true)) => return Ok(true),
            Some(Ok(false)) => {}
            Some(Err(why)) => unseen.push(why),
            None => unseen.push(answer.why(&format!("pending:{source}"))),
        }
    }
    if unseen.is_empty() { Ok(false) } else { Err(unseen.join("; ")) }
}

fn free(answer: &Answer) -> Result<u64, String> {
    answer.done("disk")?;
    let mut least = None;
    for [root, mib] in answer.all::<2>("disk")? {
        let mib: u64 = mib.parse().map_err(|_| format!("{mib:?} is no free space of {root}"))?;
        least = Some(least.map_or(mib, |least: u64| least.min(mib)));
    }
    least.ok_or_else(|| "it did not say what is free".into())
}

fn staged(answer: &Answer) -> Result<BTreeMap<String, String>, String> {
    answer.done("staged")?;
    let all = answer.all::<2>("staged")?;
    Ok(all.into_iter().map(|[file, hash]| (file.to_owned(), hash.to_owned())).collect())
}

/// An installer at work. Windows Installer's process stays for long after its work, so it counts only by its transaction.
fn rival(answer: &Answer) -> Result<Option<String>, String> {
    answer.done("installers")?;
    let transaction = flag(answer.one::<1>("msi").map(|[held]| held)?)?;
    let others = answer.all::<2>("installer")?;
    let others = others.iter().filter(|[_, name]| !same_name(name, "msiexec"));
    let mut all: Vec<String> = others.map(|[pid, name]| format!("{name} (pid {pid})")).collect();
    if transaction {
        all.push("Windows Installer (a transaction is open)".into());
    }
    Ok((!all.is_empty()).then(|| all.join(", ")))
}

/// How the registry numbers the ways in which a service starts.
fn start_type(number: &str) -> Option<StartType> {
    match number {
        "2" => Some(StartType::Automatic),
        "3" => Some(StartType::Manual),
        "4" => Some(StartType::Disabled),
        _ => None,
    }
}

/// Services against what the manifest says of them, and else against the baseline that was saved before the first attempt.
/// One of Exchange's that is disabled, and of which neither tells, is as a broken-off setup leaves it.
fn services(answer: &Answer, asked: &Asked) -> Result<Services, String> {
    answer.done("services")?;
    let seen = answer.all::<3>("service")?;
    if let Some(why) = answer.failures("service:").into_iter().next() {
        return Err(why);
    }
    let find = |name: &str| {
        seen.iter().find(|[service, ..]| same_name(service, name)).map(|[_, start, state]| (*start, *state))
    };
    let declared = &asked.spec.services;
    let is_declared = |name: &str| declared.keys().any(|declared| same_name(declared, name));
    let mut differing = BTreeMap::new();
    for (name, meant) in declared {
        let Some((start, state)) = find(name) else {
            differing.insert(name.clone(), format!("not there, meant to be {}", meant.start.word()));
            continue;
        };
        let start = start_type(start).ok_or_else(|| format!("{name} has a start type that is not known: {start:?}"))?;
        if start != meant.start {
            differing.insert(name.clone(), format!("{}, meant to be {}", start.word(), meant.start.word()));
        } else if let Some(running) =
            meant.running.filter(|running| state != if *running { "Running" } else { "Stopped" })
        {
            let meant = if running { "running" } else { "stopped" };
            differing.insert(name.clone(), format!("{}, meant to be {meant}", state.to_lowercase()));
        }
    }
    let baseline = kept::baseline(answer)?;
    for before in baseline.iter().filter(|before| !is_declared(before.name)) {
        if let Some(how) = differs(before, find(before.name))? {
            differing.insert(before.name.to_owned(), how);
        }
    }
    for [name, start, _] in &seen {
        let exchange = name.get(..10).is_some_and(|begin| begin.eq_ignore_ascii_case("MSExchange"));
        let is_known = is_declared(name) || baseline.iter().any(|before| same_name(before.name, name));
        if exchange && !is_known && start_type(start) == Some(StartType::Disabled) {
            differing.insert((*name).to_owned(), "disabled, and `services` in the manifest does not say so".into());
        }
    }
    Ok(Services { baseline_saved: !declared.is_empty() || !baseline.is_empty(), differing })
}

/// How a service differs from what it was: how it starts, and that it runs, if Windows is to start it by itself. What the
/// cluster starts runs where its group is.
fn differs(before: &Before<'_>, now: Option<(&str, &str)>) -> Result<Option<String>, String> {
    let Before { name, start: was, state } = before;
    let unknown = |start: &str| format!("{name} has a start type that is not known: {start:?}");
    let was = start_type(was).ok_or_else(|| unknown(was))?;
    let Some((start, now)) = now else { return Ok(Some(format!("not there, was {}", was.word()))) };
    let start = start_type(start).ok_or_else(|| unknown(start))?;
    Ok(if start != was {
        Some(format!("{}, was {}", start.word(), was.word()))
    } else if was == StartType::Automatic && *state == "Running" && now != "Running" {
        Some(format!("{}, was running", now.to_lowercase()))
    } else {
        None
    })
}

/// That a host which is declared to be no cluster is in none: its cluster service is not there, or does not run.
///
/// # Errors
/// It is in one, or does not say.
pub(super) fn is_in_no_cluster(name: &NodeName, answer: &Answer) -> Result<(), String> {
    answer.done("services")?;
    if let Some(why) = answer.failures(&format!("service:{CLUSTER_SERVICE}")).into_iter().next() {
        return Err(why);
    }
    let all = answer.all::<3>("service")?;
    match all.iter().find(|[service, ..]| same_name(service, CLUSTER_SERVICE)) {
        None | Some([_, _, "Stopped"]) => Ok(()),
        Some([_, _, state]) => Err(format!(
            "{name} is in a cluster: its service {CLUSTER_SERVICE} is {}; declare `cluster`, `quorum` and all of its nodes",
            state.to_lowercase()
        )),
    }
}
