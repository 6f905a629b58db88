//! A machine about itself: what its registry, services, processes and disk say.

use rollward::drivers::simulator::world::{ClusterService, NodeTruth};
use rollward::model::{ClusterName, NodeName, PackageName, RollupName, Version, hex};
use rollward::observed::GroupState;
use sha2::{Digest as _, Sha256};

use crate::estate::Estate;
use crate::faults::Trouble;
use crate::patches;
use crate::resources::is_mailbox_server;
use crate::shell::native;
use crate::wire::{Answer, Request};
use crate::worker::{self, Place, Store};

pub const NAMES: &[&str] = &[
    "'cluster.exe' @('node')",
    "ExSetup.exe",
    r"\Windows\CurrentVersion\Installer\UserData\S-1-5-18\Products\461C2B4266EDEF444B864AD6D9E5B613",
    r"\InstallProperties",
    "'DisplayVersion'",
    r"\Patches",
    "'DisplayName'",
    "'Installed'",
    r"\CurrentVersion\Uninstall",
    "Interim Update",
    r"\Component Based Servicing\RebootPending",
    r"\WindowsUpdate\Auto Update\RebootRequired",
    "'PendingFileRenameOperations'",
    "'PendingFileRenameOperations2'",
    r"\Updates\UpdateExeVolatile",
    "Get-Service",
    r"\CurrentControlSet\Services\",
    "'Start'",
    "Get-Process",
    r"Global\_MSIExecute",
    "AvailableFreeSpace",
    "SHA256Managed",
    "445",
    "'kept'",
    "[IntPtr]::Size",
];

/// Services of a clustered mailbox server's nodes, and how they start: 2 by themselves, 3 by the cluster.
const SERVICES: [(&str, &str); 9] = [
    ("MSExchangeADTopology", "2"),
    ("MSExchangeIS", "3"),
    ("MSExchangeMailSubmission", "2"),
    ("MSExchangeMailboxAssistants", "2"),
    ("MSExchangeRepl", "2"),
    ("MSExchangeSA", "3"),
    ("MSExchangeSearch", "2"),
    ("MSExchangeServiceHost", "2"),
    ("MSExchangeTransportLogSearch", "2"),
];

pub fn answer(request: &Request, machine: &str, troubles: &[&Trouble], to: &mut Answer) -> Result<(), String> {
    to.say(["time", &super::time()]);
    to.say(["machine", &machine.to_uppercase()]);
    if request.one("clustered") == Some("yes") {
        native(to, "node", "cluster.exe", &["node"], super::PATIENCE)?;
    }
    let estate = Estate::open()?;
    let (cluster, name, truth) = estate.node(machine).ok_or_else(|| format!("{machine} is no node"))?;
    let witness_up = estate.world(cluster).ok_or("no world")?.witness_up;
    software(&estate, truth, troubles, to);
    pending(truth, to);
    services(request, &estate, cluster, (name, truth), to);
    work(truth, to);
    if is_there(truth, troubles).is_ok() {
        to.say(["disk", r"C:\", &truth.disk.free_mib.to_string()]);
        to.done("disk");
    } else {
        to.unknown("disk", "where the product is was not seen, and so not the drive that it is on");
    }
    let (place, booted) = (Place::of_node(name, request.need("folder")?), worker::boot(&estate, name));
    for file in request.all("package") {
        let there = std::fs::read(place.path(&format!(r"packages\{file}"))?).ok();
        let hash = there.map(|bytes| hex(&Sha256::digest(bytes)));
        // What was there before we ever worked here, the world knows.
        let before = || truth.staged.get(file).filter(|_| !place.path("packages").is_ok_and(|path| path.exists()));
        if let Some(hash) = hash.as_ref().or_else(before) {
            to.say(["staged", file, hash]);
        }
    }
    to.done("staged");
    for _ in request.all("witness").iter().filter(|host| !host.is_empty()) {
        to.say(["witness", if witness_up { "True" } else { "False" }]);
    }
    drop(estate);
    // Before what is kept: work that ends meanwhile has written its end before it gives the lock back.
    let before = place.read(r"kept\work")?.unwrap_or_default();
    let before = before.lines().nth(1).and_then(|line| line.split('\t').next()).unwrap_or_default();
    let held = if crate::estate::is_locked(&place.path("lock")?) { "True" } else { "False" };
    to.say(["lock", held, place.read("holder")?.unwrap_or_default().trim(), before]);
    to.say(["boot", &booted]);
    for (name, value) in Store::of(&place, &[]).list()?.unwrap_or_default() {
        to.say(["stored", &name, &value]);
    }
    to.done("stored");
    kept(&place.path("kept")?, to);
    Ok(())
}

fn serves(state: GroupState) -> bool {
    matches!(state, GroupState::Online | GroupState::PartiallyOnline | GroupState::Pending)
}

/// The installed version, if ExSetup.exe can be found.
fn is_there<'t>(truth: &'t NodeTruth, troubles: &[&Trouble]) -> Result<&'t Version, String> {
    super::refused(troubles, "ExSetup.exe")?;
    let version = truth.installed.get(&PackageName::new(PackageName::PRODUCT));
    version.ok_or_else(|| "The term 'ExSetup.exe' is not recognized as a cmdlet.".into())
}

fn software(estate: &Estate, truth: &NodeTruth, troubles: &[&Trouble], to: &mut Answer) {
    let version = truth.installed.get(&PackageName::new(PackageName::PRODUCT));
    match is_there(truth, troubles) {
        Err(why) => to.unknown("exsetup", &why),
        Ok(version) => {
            to.say(["exsetup", &version.to_string()]);
            to.done("exsetup");
        }
    }
    let baseline = truth.baseline.as_ref().map(Version::to_string).unwrap_or_default();
    to.say(["product", &baseline]);
    // A rollup contains the earlier ones: the registry keeps them all, and the newest counts.
    if let Some(version) = version.filter(|version| Some(*version) != truth.baseline.as_ref()) {
        let found = estate.desired().rollups.values().find(|r| r.packages.iter().any(|p| p.version == *version));
        let name = match found {
            Some(rollup) => display_name(&rollup.name, rollup.article.as_deref().unwrap_or_default(), version),
            None => format!("Update Rollup 99 for Exchange Server 2007 {version}"),
        };
        to.say(["patch", &patches::packed(patches::PATCH), &name, "20170401"]);
    }
    to.done("patches");
    for update in &truth.interim_updates {
        to.say(["program", &format!("Interim Update for Exchange 2007 ({update})")]);
    }
    to.done("programs");
}

/// `Update Rollup 8-v3 for Exchange Server 2007 Service Pack 3 (KB2756497) 8.3.279.6`.
fn display_name(rollup: &RollupName, article: &str, version: &Version) -> String {
    let number = rollup.as_str().split_once("-ru").map_or("1", |(_, number)| number);
    let pack = rollup.as_str().split_once("-sp").and_then(|(_, rest)| rest.chars().next());
    let pack = pack.map(|n| format!(" Service Pack {n}")).unwrap_or_default();
    format!("Update Rollup {number} for Exchange Server 2007{pack} ({article}) {version}")
}

fn pending(truth: &NodeTruth, to: &mut Answer) {
    for source in ["cbs", "windows-update", "file-rename", "update-exe"] {
        let here = truth.pending_reboot && source == "file-rename";
        to.say(["pending", source, if here { "True" } else { "False" }]);
    }
}

fn services(request: &Request, estate: &Estate, cluster: &ClusterName, node: (&NodeName, &NodeTruth), to: &mut Answer) {
    let asked = request.all("service").iter().cloned();
    for (name, start, state) in services_of(estate, cluster, node.0, node.1, asked) {
        to.say(["service", &name, start, state]);
    }
    to.done("services");
}

/// A machine's services, those of Exchange's and others that are asked for: name, start type and state.
pub fn services_of(
    estate: &Estate,
    cluster: &ClusterName,
    node: &NodeName,
    truth: &NodeTruth,
    others: impl Iterator<Item = String>,
) -> Vec<(String, &'static str, &'static str)> {
    let Some(world) = estate.world(cluster) else { return Vec::new() };
    let active = world.owned_by(node).any(|(_, group)| is_mailbox_server(group) && serves(group.state));
    let standalone = world.is_standalone();
    let mut all: Vec<(String, &str, bool)> = SERVICES
        .iter()
        .map(|(name, start)| {
            let by_cluster = *start == "3";
            ((*name).to_owned(), if standalone { "2" } else { *start }, !by_cluster || active || standalone)
        })
        .collect();
    for name in others {
        let runs = !name.eq_ignore_ascii_case("ClusSvc") || truth.service == ClusterService::Member;
        // A host that is no cluster has no such service.
        if !(standalone && name.eq_ignore_ascii_case("ClusSvc")) {
            all.push((name, "2", runs));
        }
    }
    all.sort();
    let shown = all.into_iter().map(|(name, start, runs)| {
        let disabled = truth.services.differing.contains_key(&name);
        let state = if runs && !disabled { "Running" } else { "Stopped" };
        (name, if disabled { "4" } else { start }, state)
    });
    shown.collect()
}

fn work(truth: &NodeTruth, to: &mut Answer) {
    let own = truth.running().is_some_and(|work| work.action.rollup().is_some());
    let installs = own || truth.rival.is_some();
    if installs {
        to.say(["installer", "4242", "msiexec"]);
    }
    to.done("installers");
    to.say(["msi", if installs { "True" } else { "False" }]);
}

fn kept(folder: &std::path::Path, to: &mut Answer) {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = files.map(|file| file.path()).collect();
    files.sort();
    for file in files {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        match std::fs::read_to_string(&file) {
            Ok(text) => text.lines().for_each(|line| to.say(["kept", &name, line])),
            Err(error) => return to.unknown("kept", &error.to_string()),
        }
    }
    to.done("kept");
}
