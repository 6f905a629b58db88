//! The Exchange cmdlets: mailbox servers, storage groups, their copies and standby copies, databases.

use rollward::desired::Topology;
use rollward::drivers::simulator::world::{GroupTruth, Machine, World};
use rollward::model::{ClusterName, GroupName, NodeName};
use rollward::observed::{Copy, CopyStatus, GroupState};

use crate::estate::{Estate, answers, same};
use crate::faults::Trouble;
use crate::resources::{DATABASE, STORAGE_GROUP, is_mailbox_server};
use crate::wire::{Answer, Request};

/// What its answers rest on.
pub const NAMES: &[&str] = &[
    "Add-PSSnapin Microsoft.Exchange.Management.PowerShell.Admin",
    "Get-ClusteredMailboxServerStatus -Identity",
    ".State",
    ".ClusteredMailboxServerName",
    ".OperationalMachines",
    ".FailedResources",
    "Get-MailboxServer -Identity",
    ".ClusteredStorageType",
    ".RedundantMachines",
    "Get-StorageGroup -Server",
    ".StandbyMachines",
    ".NodeName",
    "Get-StorageGroupCopyStatus -Server",
    "-StandbyMachine",
    ".SummaryCopyStatus",
    ".CopyQueueLength",
    ".ReplayQueueLength",
    ".Suspend",
    ".Seeding",
    "Get-MailboxDatabase -Server",
    "Get-PublicFolderDatabase -Server",
    "-Status",
    ".Mounted",
    ".BackupInProgress",
    ".Recovery",
    ".LastFullBackup",
];

pub fn answer(request: &Request, _: &str, troubles: &[&Trouble], to: &mut Answer) -> Result<(), String> {
    let estate = Estate::open()?;
    let estate = Asked { estate: &estate, troubles };
    if let Err(why) = super::refused(troubles, "Add-PSSnapin") {
        to.unknown("snapin", &why);
        return Ok(());
    }
    to.done("snapin");
    for server in request.all("cms") {
        estate.server(server, true, to);
    }
    for server in request.all("host") {
        estate.server(server, false, to);
    }
    Ok(())
}

/// A mailbox server as Active Directory and its cluster know it.
struct Server<'a> {
    cluster: &'a ClusterName,
    world: &'a World,
    /// The group that it is, if it is a clustered one.
    group: Option<(&'a GroupName, &'a GroupTruth)>,
}

struct Asked<'a> {
    estate: &'a Estate,
    troubles: &'a [&'a Trouble],
}

impl Asked<'_> {
    fn find(&self, name: &str) -> Result<Server<'_>, String> {
        let mut clustered = self.estate.worlds().filter(|(_, world)| !world.is_standalone());
        let found = clustered.find_map(|(cluster, world)| {
            let group = world.groups.iter().find(|(group, g)| same(group.as_str(), name) && is_mailbox_server(g))?;
            Some(Server { cluster, world, group: Some((group.0, group.1)) })
        });
        let standalone = || {
            let (cluster, _, _) = self.estate.node(name)?;
            let world = self.estate.world(cluster).filter(|world| world.is_standalone())?;
            Some(Server { cluster, world, group: None })
        };
        let nobody = || format!("The operation could not be performed because object '{name}' could not be found.");
        found.or_else(standalone).ok_or_else(nobody)
    }

    /// All that is asked of one server, part by part.
    fn server(&self, name: &str, clustered: bool, to: &mut Answer) {
        let part = |what: &str, said: Result<Vec<Vec<String>>, String>, to: &mut Answer| match said {
            Ok(lines) => {
                lines.iter().for_each(|line| to.say(line.iter().map(String::as_str)));
                to.done(what);
            }
            Err(why) => to.unknown(what, &why),
        };
        if clustered {
            part(&format!("cms:{name}"), self.status(name), to);
        }
        let storage = self.mailbox_server(name);
        let copied = storage.as_ref().is_ok_and(|lines| lines.iter().any(|line| line.contains(&"NonShared".into())));
        part(&format!("server:{name}"), storage, to);
        let groups = self.storage_groups(name);
        let standby = groups.iter().flatten().filter(|line| line[0] == "standby").map(|line| line[3].clone());
        let mut standby: Vec<String> = standby.collect();
        standby.sort();
        standby.dedup();
        part(&format!("storage-groups:{name}"), groups, to);
        if copied {
            part(&format!("copies:{name}:"), self.copies(name, None), to);
        }
        for machine in standby {
            part(&format!("copies:{name}:{machine}"), self.copies(name, Some(&machine)), to);
        }
        part(&format!("databases:{name}"), self.databases(name), to);
    }

    fn status(&self, name: &str) -> Result<Vec<Vec<String>>, String> {
        super::refused(self.troubles, "Get-ClusteredMailboxServerStatus")?;
        let server = self.find(name)?;
        let (_, group) = server.group.ok_or("it is no clustered mailbox server")?;
        if !server.world.has_quorum() {
            return Err(format!("The cluster of '{name}' is not available. The RPC server is unavailable."));
        }
        let state = match group.state {
            GroupState::Online => "Online",
            GroupState::PartiallyOnline => "PartiallyOnline",
            GroupState::Pending => "OnlinePending",
            GroupState::Offline => "Offline",
            GroupState::Failed => "Failed",
        };
        let mut lines = vec![line(["cms", name, state, &format!("{}.example.com", name.to_lowercase())])];
        let quorum = server.world.groups.iter().find(|(name, _)| name.as_str() == "Cluster Group");
        for node in server.world.nodes.keys().filter(|node| operational(server.world, node)) {
            let active = group.owner == *node;
            let owner = quorum.is_some_and(|(_, group)| group.owner == *node);
            let shown = match (active, owner) {
                (true, true) => format!("{node} <Active, Quorum Owner>"),
                (true, false) => format!("{node} <Active>"),
                (false, true) => format!("{node} <Quorum Owner>"),
                (false, false) => node.to_string(),
            };
            lines.push(line(["machine", name, &shown]));
        }
        let resources = crate::resources::all(server.world, &self.estate.setup.witness);
        let own = |group: &GroupName| server.group.is_some_and(|(own, _)| own == group);
        let failed = resources.iter().filter(|r| own(&r.group) && r.state == GroupState::Failed);
        lines.extend(failed.map(|r| line(["failed-resource", name, &r.name])));
        Ok(lines)
    }

    fn mailbox_server(&self, name: &str) -> Result<Vec<Vec<String>>, String> {
        super::refused(self.troubles, "Get-MailboxServer")?;
        let server = self.find(name)?;
        let Some((_, group)) = server.group else { return Ok(vec![line(["server", name, "Disabled"])]) };
        let topology = self.estate.declared(server.cluster).map(|cluster| cluster.topology);
        let copied = topology == Some(Topology::Ccr);
        let mut lines = vec![line(["server", name, if copied { "NonShared" } else { "Shared" }])];
        lines.extend(group.possible_owners.iter().map(|node| line(["redundant", name, node.as_str()])));
        Ok(lines)
    }

    fn storage_groups(&self, name: &str) -> Result<Vec<Vec<String>>, String> {
        super::refused(self.troubles, "Get-StorageGroup")?;
        let server = self.find(name)?;
        let mut lines = Vec::new();
        for storage in server.storage_groups(name) {
            lines.push(line(["storage-group", name, &storage.identity, "False"]));
            let standby = storage.truth.standby_copies.iter();
            lines.extend(standby.map(|(at, _)| line(["standby", name, &storage.identity, at.node.as_str()])));
        }
        Ok(lines)
    }

    fn copies(&self, name: &str, machine: Option<&str>) -> Result<Vec<Vec<String>>, String> {
        super::refused(self.troubles, "Get-StorageGroupCopyStatus")?;
        let server = self.find(name)?;
        let mut lines = Vec::new();
        for storage in server.storage_groups(name) {
            let copy = match machine {
                None => server.passive_copy(storage.truth),
                Some(machine) => self.standby_copy(storage.truth, machine),
            };
            let Some(copy) = copy else { continue };
            let suspended = copy.status == CopyStatus::Suspended;
            let seeding = copy.status == CopyStatus::Seeding;
            let queue = copy.queue.to_string();
            // A standby copy lags behind by a day's logs, on purpose.
            let replay = if machine.is_some() { "50" } else { "0" };
            let (identity, status) = (&storage.identity, format!("{:?}", copy.status));
            let (machine, suspended, seeding) = (machine.unwrap_or(""), word(suspended), word(seeding));
            lines.push(line(["copy", name, machine, identity, &status, &queue, replay, suspended, seeding]));
        }
        Ok(lines)
    }

    /// The standby copy on a machine; its service is down where the machine is.
    fn standby_copy(&self, group: &GroupTruth, machine: &str) -> Option<Copy> {
        let (_, copy) = group.standby_copies.iter().find(|(at, _)| same(at.node.as_str(), machine))?;
        if self.estate.runs(machine) { Some(*copy) } else { Some(Copy { status: CopyStatus::ServiceDown, ..*copy }) }
    }

    fn databases(&self, name: &str) -> Result<Vec<Vec<String>>, String> {
        super::refused(self.troubles, "Get-MailboxDatabase")?;
        super::refused(self.troubles, "Get-PublicFolderDatabase")?;
        let server = self.find(name)?;
        let mut lines = Vec::new();
        for storage in server.storage_groups(name) {
            let identity = format!("{}\\{DATABASE}", storage.identity);
            // Its own store is asked; where that does not run, nobody knows.
            let served = !matches!(storage.truth.state, GroupState::Offline | GroupState::Failed);
            let (mounted, backup) = match served {
                true => (word(storage.truth.state == GroupState::Online), word(storage.truth.backup)),
                false => ("", ""),
            };
            lines.push(line(["database", name, &identity, mounted, backup, "False"]));
            if mounted == "True" {
                let yesterday = crate::estate::real_time() - jiff::SignedDuration::from_hours(20);
                lines.push(line(["last-backup", name, &identity, &super::stamp(yesterday)]));
            }
        }
        Ok(lines)
    }
}

/// A storage group, and the truth of what it belongs to.
struct StorageGroup<'a> {
    identity: String,
    truth: &'a GroupTruth,
}

impl<'a> Server<'a> {
    /// One for a clustered mailbox server, and one for each role of a standalone host.
    fn storage_groups(&self, server: &str) -> Vec<StorageGroup<'a>> {
        match self.group {
            Some((_, truth)) => vec![StorageGroup { identity: format!("{server}\\{STORAGE_GROUP}"), truth }],
            None => {
                let roles = self.world.groups.iter().filter(|(_, group)| is_mailbox_server(group));
                roles.map(|(name, truth)| StorageGroup { identity: format!("{server}\\{name}"), truth }).collect()
            }
        }
    }

    /// The copy that is not the owner's, as the Replication service of its node says, or does not.
    fn passive_copy(&self, group: &GroupTruth) -> Option<Copy> {
        let (node, copy) = group.copies.iter().find(|(node, _)| **node != group.owner)?;
        Some(Copy { status: self.world.copy_service(node).unwrap_or(copy.status), ..*copy })
    }
}

fn operational(world: &World, node: &NodeName) -> bool {
    world.nodes.get(node).is_some_and(|truth| truth.machine == Machine::Up && answers(world, truth))
}

fn word(yes: bool) -> &'static str {
    if yes { "True" } else { "False" }
}

fn line<'a>(fields: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    fields.into_iter().map(str::to_owned).collect()
}
