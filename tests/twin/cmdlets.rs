//! The Exchange cmdlets that act on clustered mailbox servers, with the checks that they make.

use rollward::model::{Action, ClusterName, GroupName, HandoffStyle, NodeName};
use rollward::observed::{CopyStatus, GroupState};

use crate::acting;
use crate::estate::{Estate, same};
use crate::faults::Trouble;
use crate::resources::is_mailbox_server;
use crate::scripts::refused;

/// What the worker uses of them: its script must name all.
pub const NAMES: &[&str] = &[
    "Add-PSSnapin Microsoft.Exchange.Management.PowerShell.Admin",
    "Move-ClusteredMailboxServer",
    "-TargetMachine",
    "-MoveComment",
    "-ValidateOnly",
    "-IgnoreDismounted",
    "Stop-ClusteredMailboxServer",
    "-StopReason",
    "Start-ClusteredMailboxServer",
    "-Confirm:$false",
    "Mount-Database",
    "Resume-StorageGroupCopy",
];

/// The cmdlets, in troubles of their own.
pub struct Cmdlets<'a> {
    pub troubles: &'a [&'a Trouble],
}

/// A clustered mailbox server, and where it is.
struct Server {
    cluster: ClusterName,
    group: GroupName,
    owner: NodeName,
    state: GroupState,
}

type Done = Result<(), String>;

fn find(estate: &Estate, name: &str) -> Result<Server, String> {
    let found = estate.worlds().find_map(|(cluster, world)| {
        let mailbox_server = |(group, _): &(&GroupName, _)| same(group.as_str(), name);
        let (group, truth) = world.groups.iter().find(mailbox_server).filter(|(_, truth)| is_mailbox_server(truth))?;
        let (group, owner) = (group.clone(), truth.owner.clone());
        Some(Server { cluster: cluster.clone(), group, owner, state: truth.state })
    });
    let server = found.ok_or_else(|| format!("Clustered mailbox server '{name}' could not be found."))?;
    match estate.world(&server.cluster).is_some_and(|world| world.has_quorum()) {
        true => Ok(server),
        false => Err(format!("The cluster of '{name}' is not available. The RPC server is unavailable.")),
    }
}

impl Cmdlets<'_> {
    /// `Move-ClusteredMailboxServer -ValidateOnly`: whether it may move there.
    pub fn validate_move(&self, estate: &Estate, name: &str, target: &str) -> Done {
        refused(self.troubles, "Move-ClusteredMailboxServer")?;
        let Server { cluster, group, .. } = find(estate, name)?;
        let world = estate.world(&cluster).ok_or("no world")?;
        let node = world.nodes.keys().find(|node| same(node.as_str(), target));
        let node = node.ok_or_else(|| format!("'{target}' is not a member of the cluster."))?;
        let truth = world.groups.get(&group).ok_or("no group")?;
        if !truth.possible_owners.contains(node) {
            return Err(format!("'{target}' is not in the list of redundant machines of '{name}'."));
        }
        if let Some((other, _)) = world.owned_by(node).find(|(other, g)| **other != group && is_mailbox_server(g)) {
            return Err(format!("'{target}' runs the clustered mailbox server '{other}'."));
        }
        world.can_take(&group, node).map_err(|why| format!("'{target}' cannot host '{name}': {why}"))?;
        if let Some(copy) = truth.copies.get(node) {
            let status = world.copy_service(node).unwrap_or(copy.status);
            if status != CopyStatus::Healthy {
                return Err(format!("Replication of '{name}' to '{target}' is not healthy: {status:?}."));
            }
        }
        Ok(())
    }

    /// `Move-ClusteredMailboxServer`.
    pub fn move_server(&self, estate: &mut Estate, name: &str, target: &str) -> Done {
        self.validate_move(estate, name, target)?;
        let Server { cluster, group, owner, state } = find(estate, name)?;
        let to = estate.node(target).map(|(_, node, _)| node.clone()).ok_or("no node")?;
        let stopped = state == GroupState::Offline;
        let style = if stopped { HandoffStyle::Offline } else { HandoffStyle::Online };
        let action = Action::Handoff { group, from: owner.clone(), to, style };
        acting::carry_out(estate, &cluster, &owner, &action)
    }

    /// `Stop-ClusteredMailboxServer`: it stays so, over reboots too.
    pub fn stop_server(&self, estate: &mut Estate, name: &str) -> Done {
        refused(self.troubles, "Stop-ClusteredMailboxServer")?;
        let Server { cluster, group, owner, .. } = find(estate, name)?;
        let world = estate.world(&cluster).ok_or("no world")?;
        let to = world.groups.get(&group).and_then(|g| g.possible_owners.iter().find(|node| **node != owner));
        let to = to.unwrap_or(&owner).clone();
        // The world counts it as forgotten after what is declared, however busy this machine is.
        let at_most = estate.declared(&cluster).ok_or("no cluster")?.policy.handoff.stopped_at_most;
        let action = Action::StopRole { group, node: owner.clone(), to, at_most };
        acting::carry_out(estate, &cluster, &owner, &action)
    }

    /// `Start-ClusteredMailboxServer`.
    pub fn start_server(&self, estate: &mut Estate, name: &str) -> Done {
        refused(self.troubles, "Start-ClusteredMailboxServer")?;
        let Server { cluster, group, owner, .. } = find(estate, name)?;
        acting::carry_out(estate, &cluster, &owner, &Action::StartRole { group, node: owner.clone() })
    }

    /// `Mount-Database`, for all that are dismounted.
    pub fn mount(&self, estate: &mut Estate, name: &str) -> Done {
        refused(self.troubles, "Mount-Database")?;
        let Server { cluster, group, owner, state } = find(estate, name)?;
        match state {
            GroupState::PartiallyOnline => {
                acting::carry_out(estate, &cluster, &owner, &Action::StartRole { group, node: owner.clone() })
            }
            _ => Ok(()),
        }
    }

    /// `Resume-StorageGroupCopy`, for all copies of a clustered mailbox server that are suspended.
    pub fn resume_copies(&self, estate: &mut Estate, name: &str) -> Done {
        refused(self.troubles, "Resume-StorageGroupCopy")?;
        let Server { cluster, group, .. } = find(estate, name)?;
        let world = estate.world(&cluster).ok_or("no world")?;
        let copies = world.groups.get(&group).into_iter().flat_map(|group| group.copies.keys());
        let suspended = copies.filter(|node| world.nodes.get(*node).is_some_and(|truth| truth.replication_suspended));
        for node in suspended.cloned().collect::<Vec<_>>() {
            acting::carry_out(estate, &cluster, &node, &Action::ResumeReplication { node: node.clone() })?;
        }
        Ok(())
    }
}
