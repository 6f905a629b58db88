//! A machine about itself: what its registry, services, processes and disk say.

use rollward::drivers::simulator::world::{ClusterService, NodeTruth, World};
use rollward::model::{PackageName, RollupName, Version};
use rollward::observed::GroupState;

use crate::estate::Estate;
use crate::faults::Trouble;
use crate::resources::is_mailbox_server;
use crate::shell::native;
use crate::wire::{Answer, Request};

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
    let world = estate.world(cluster).ok_or("no world")?;
    software(&estate, truth, troubles, to);
    pending(truth, to);
    services(request, world, truth, world.owned_by(name).any(|(_, g)| is_mailbox_server(g) && serves(g.state)), to);
    work(truth, to);
    if is_there(truth, troubles).is_ok() {
        to.say(["disk", r"C:\", &truth.disk.free_mib.to_string()]);
        to.done("disk");
    } else {
        to.unknown("disk", "where the product is was not seen, and so not the drive that it is on");
    }
    for file in request.all("package") {
        if let Some(hash) = truth.staged.get(file) {
            to.say(["staged", file, hash]);
        }
    }
    to.done("staged");
    for _ in request.all("witness").iter().filter(|host| !host.is_empty()) {
        to.say(["witness", if world.witness_up { "True" } else { "False" }]);
    }
    kept(&estate.disk(name).join("kept"), to);
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
        to.say(["patch", "0123456789ABCDEF0123456789ABCDEF", &name, "20170401"]);
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

fn services(request: &Request, world: &World, truth: &NodeTruth, active: bool, to: &mut Answer) {
    let standalone = world.is_standalone();
    let mut all: Vec<(String, &str, bool)> = SERVICES
        .iter()
        .map(|(name, start)| {
            let by_cluster = *start == "3";
            ((*name).to_owned(), if standalone { "2" } else { *start }, !by_cluster || active || standalone)
        })
        .collect();
    for name in request.all("service") {
        let runs = !name.eq_ignore_ascii_case("ClusSvc") || truth.service == ClusterService::Member;
        // A host that is no cluster has no such service.
        if !(standalone && name.eq_ignore_ascii_case("ClusSvc")) {
            all.push((name.clone(), "2", runs));
        }
    }
    all.sort();
    for (name, start, runs) in all {
        let disabled = truth.services.differing.contains_key(&name);
        let start = if disabled { "4" } else { start };
        to.say(["service", &name, start, if runs && !disabled { "Running" } else { "Stopped" }]);
    }
    to.done("services");
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
