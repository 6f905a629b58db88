//! A world as it is declared to start.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::spec::{Spec, WitnessSpec, WorldGroup, WorldNode};
use super::{Catalogue, ClusterService, ClusterStore, GroupTruth, Machine, NodeTruth, PausedBy, World};
use crate::desired;
use crate::model::{GroupName, InstallKind, NodeName, PackageName, Rollup, RollupName, Version};
use crate::observed::{Copy, CopyStatus, Disk, GroupKind, GroupState, Services};

/// What an installer of this family needs, in MiB, where the world does not say.
const NEEDED_MIB: u64 = 2048;
/// What is free, in MiB, where the world does not say.
const FREE_MIB: u64 = 20_480;
/// Groups that every cluster of this family has and that surely serve no users.
const AUXILIARY: [&str; 2] = ["Cluster Group", "Available Storage"];

/// What the manifests say of rollups, packages and limits.
pub fn catalogue(cluster: &desired::Cluster, rollups: &BTreeMap<RollupName, Arc<Rollup>>) -> Catalogue {
    let mut all = rollups.clone();
    all.extend(cluster.nodes.values().map(|n| (n.rollup.name.clone(), n.rollup.clone())));
    Catalogue {
        rollups: all,
        packages: cluster.packages.iter().map(|(file, at)| (file.clone(), at.sha256.clone())).collect(),
        targets: cluster.nodes.iter().map(|(name, n)| (name.clone(), n.rollup.name.clone())).collect(),
        max_roles: cluster.nodes.iter().filter_map(|(name, n)| Some((name.clone(), n.max_roles?))).collect(),
        max_unavailable: cluster.policy.limits.max_unavailable,
    }
}

impl World {
    /// The world that a checked document declares.
    pub fn start(spec: &Spec, cluster: &desired::Cluster, rollups: &BTreeMap<RollupName, Arc<Rollup>>) -> World {
        let standalone = spec.quorum.model == super::QuorumModel::None && spec.nodes.len() == 1;
        let mut nodes = BTreeMap::new();
        for (name, node) in &spec.nodes {
            let declared = cluster.nodes.get(name).or_else(|| cluster.nodes.values().next());
            let kind = declared.map_or(InstallKind::Msp, |n| n.rollup.install);
            nodes.insert(name.clone(), start_node(node, kind, rollups, standalone).into());
        }
        let mut owners: BTreeMap<GroupName, NodeName> = BTreeMap::new();
        for (name, node) in &spec.nodes {
            owners.extend(node.owns.iter().map(|g| (g.clone(), name.clone())));
        }
        let undeclared = WorldGroup::default();
        let mut groups = BTreeMap::new();
        for (name, owner) in owners {
            let group = spec.groups.get(&name).unwrap_or(&undeclared);
            groups.insert(name.clone(), start_group(&name, group, owner, spec, cluster).into());
        }
        let mut world = World {
            quorum: spec.quorum.model,
            witness_up: spec.quorum.witness == WitnessSpec::Reachable,
            apart: BTreeSet::new(),
            nodes,
            groups,
            store: ClusterStore::default().into(),
            had_quorum: true,
            catalogue: Arc::new(catalogue(cluster, rollups)),
        };
        // A node without a limit of its own, in a topology that has one, is held to that.
        if let Some(limit) = cluster.topology.roles_per_node() {
            let mut catalogue = (*world.catalogue).clone();
            for name in world.nodes.keys().filter(|n| !cluster.nodes.contains_key(*n)) {
                catalogue.max_roles.insert(name.clone(), limit);
            }
            world.catalogue = Arc::new(catalogue);
        }
        world.recount(None, spec.start_at, &mut Vec::new());
        let absent: Vec<GroupName> = (world.groups.iter())
            .filter(|(_, g)| !world.is_member(&g.owner) && g.state != GroupState::Offline)
            .map(|(n, _)| n.clone())
            .collect();
        for name in absent {
            if let Some(group) = world.groups.get_mut(&name) {
                group.state = GroupState::Pending;
            }
        }
        world
    }
}

fn start_node(
    node: &WorldNode,
    kind: InstallKind,
    rollups: &BTreeMap<RollupName, Arc<Rollup>>,
    standalone: bool,
) -> NodeTruth {
    let product = node.version.iter().map(|v| (PackageName::new(PackageName::PRODUCT), v));
    let packages = product.chain(node.versions.iter().map(|(p, v)| (p.clone(), v)));
    // The document was checked: what does not parse here was refused there.
    let installed: BTreeMap<PackageName, Version> =
        packages.filter_map(|(p, text)| Some((p, Version::parse(kind, text).ok()?))).collect();
    let baseline = match &node.baseline {
        Some(text) => Version::parse(kind, text).ok(),
        None => installed.values().next().and_then(|v| default_baseline(v, rollups)),
    };
    let service = match (node.up && node.cluster_service, standalone) {
        (true, _) | (_, true) => ClusterService::Member,
        (false, false) => ClusterService::Stopped,
    };
    NodeTruth {
        machine: if node.up { Machine::Up } else { Machine::Down { returns: false } },
        service,
        paused: node.paused.then_some(PausedBy::Person),
        installed,
        baseline,
        interim_updates: node.interim_updates.clone(),
        pending_reboot: node.pending_reboot,
        disk: Disk { free_mib: node.disk_free_mib.unwrap_or(FREE_MIB), needed_mib: NEEDED_MIB },
        services: Services { baseline_saved: !node.services.is_empty(), differing: node.services.clone() },
        staged: node.staged.clone(),
        work: None,
        task: None,
        spared: false,
        rival: node.rival.clone(),
        tries: Vec::new(),
        failed_handoffs: Vec::new(),
        verified: None,
        epoch_seen: 0,
        replication_suspended: node.replication_suspended,
    }
}

/// The service pack of the newest rollup whose first two numbers are the version's: what somebody who installed that
/// version must have.
fn default_baseline(version: &Version, rollups: &BTreeMap<RollupName, Arc<Rollup>>) -> Option<Version> {
    let Version::Quad([major, minor, ..]) = version else { return None };
    rollups
        .values()
        .filter_map(|r| match &r.packages.first()?.version {
            v @ Version::Quad([a, b, c, d]) if a == major && b == minor => Some(([*c, *d], v, r)),
            _ => None,
        })
        .max_by_key(|(build, ..)| *build)
        .and_then(|(_, _, r)| r.baseline.clone())
}

fn start_group(
    name: &GroupName,
    group: &WorldGroup,
    owner: NodeName,
    spec: &Spec,
    cluster: &desired::Cluster,
) -> GroupTruth {
    let declared = cluster.groups.get(name);
    let well_known = AUXILIARY.contains(&name.as_str()).then_some(GroupKind::Auxiliary);
    let certain = group.kind.or(well_known);
    let kind = certain.or(declared.map(|g| g.kind)).unwrap_or(GroupKind::Role);
    // A node's name is kept once, however often it is written down: a thousand worlds are looked at in a row.
    let same = |name: &NodeName| spec.nodes.get_key_value(name).map_or(name, |(name, _)| name).clone();
    let possible_owners: Vec<NodeName> = match &group.possible_owners {
        Some(owners) => owners.iter().map(same).collect(),
        None => spec.nodes.keys().cloned().collect(),
    };
    let copied = group.copy_queue_length.is_some()
        || !group.copies.is_empty()
        || (kind == GroupKind::Role && cluster.topology == desired::Topology::Ccr);
    let mut copies = BTreeMap::new();
    let mut broken_copies = BTreeSet::new();
    if copied {
        let queue = group.copy_queue_length.unwrap_or(0);
        for node in &possible_owners {
            let lags = if *node == owner { 0 } else { queue };
            copies.insert(node.clone(), Copy { status: CopyStatus::Healthy, queue: lags });
        }
        for (node, copy) in &group.copies {
            copies.insert(node.clone(), Copy { status: copy.status, queue: copy.queue });
            let heals = matches!(
                copy.status,
                CopyStatus::Healthy | CopyStatus::Initializing | CopyStatus::Resynchronizing | CopyStatus::Seeding
            );
            if !heals {
                broken_copies.insert(node.clone());
            }
        }
    }
    let standby_copies = match &group.standby_copies {
        Some(copies) => copies.iter().map(|c| (c.target(), Copy { status: c.status, queue: c.queue })).collect(),
        None => (declared.into_iter().flat_map(|g| &g.standby_targets))
            .map(|target| (target.clone(), Copy { status: CopyStatus::Healthy, queue: 0 }))
            .collect(),
    };
    let state = group.state.unwrap_or(GroupState::Online);
    GroupTruth {
        kind,
        kind_certain: certain.is_some(),
        owner,
        state,
        wanted: state != GroupState::Offline,
        dismounted: state == GroupState::PartiallyOnline,
        possible_owners,
        copies,
        broken_copies,
        standby_copies,
        backup: group.backup,
        failback_to: group.failback_to.clone(),
        failback_due: None,
    }
}
