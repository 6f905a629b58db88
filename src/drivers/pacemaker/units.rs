//! Resources as units of failover: what moves as one is a group, with one owner and a state; what runs on many nodes is
//! an instance.
//!
//! Whatever serves users is a role: every resource but plain clones and fence devices. A promoted instance is a role,
//! and its node is active. What is half up, failed, blocked, unmanaged or orphaned keeps its node from being empty.

use std::collections::{BTreeMap, BTreeSet};

use super::status::{Instance, Primitive, Resource};
use crate::observed::{GroupKind, GroupState};

/// A unit of failover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    pub kind: GroupKind,
    /// The node that owns it, and every other node that something of it is on.
    pub nodes: BTreeSet<String>,
    pub state: GroupState,
    /// Why the cluster would not move it as it should, if so.
    pub stuck: Option<String>,
    /// The resources that it is made of.
    pub members: BTreeSet<String>,
}

impl Unit {
    /// Whether a resource is this unit, by its name, or one of its members. A bundle's replicas are called after it.
    pub fn is_or_has(&self, name: &str, resource: &str) -> bool {
        name == resource || name.split(':').next() == Some(resource) || self.members.contains(resource)
    }
}

/// All units, by name, and the instances on each node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Units {
    /// False in maintenance mode, in which everything is unmanaged: that is told of the whole cluster then.
    watched: bool,
    pub groups: BTreeMap<String, Unit>,
    pub instances: BTreeMap<String, BTreeSet<String>>,
}

impl Units {
    /// Sorts resources into units.
    pub fn new(resources: &[Resource], fence_devices: &BTreeSet<String>, watched: bool) -> Self {
        let mut units = Self { watched, ..Self::default() };
        for resource in resources {
            match resource {
                Resource::Primitive(primitive) => {
                    let fences = fence_devices.contains(&primitive.id) || primitive.agent.starts_with("stonith:");
                    let kind = if fences { GroupKind::Auxiliary } else { GroupKind::Role };
                    units.put(&primitive.id, unit(kind, std::slice::from_ref(primitive)));
                }
                Resource::Group { id, members } => units.put(id, unit(GroupKind::Role, members)),
                Resource::Clone { id, promotable: false, instances } => units.instances_of(id, instances),
                Resource::Clone { id, promotable: true, instances } => units.promotable(id, instances),
                Resource::Bundle { id, replicas } => {
                    for (i, replica) in replicas.iter().enumerate() {
                        units.put(&format!("{id}:{i}"), unit(GroupKind::Role, replica));
                    }
                }
            }
        }
        units
    }

    /// The same where nodes are drained by bans: fence devices are not banned and stay where they are, as a plain clone's
    /// instances do. One that is stuck protects its node.
    pub fn with_devices_that_stay(mut self) -> Self {
        let stays = |unit: &Unit| unit.kind == GroupKind::Auxiliary && unit.stuck.is_none();
        for (name, unit) in self.groups.iter_mut().filter(|(_, unit)| stays(unit)) {
            for node in std::mem::take(&mut unit.nodes) {
                self.instances.entry(node).or_default().insert(name.clone());
            }
        }
        self
    }

    fn put(&mut self, name: &str, unit: Unit) {
        self.groups.insert(name.to_owned(), unit);
    }

    /// A plain clone is stopped by a standby, or stays under bans, and moves nowhere. One that is stuck protects its node
    /// all the same.
    fn instances_of(&mut self, id: &str, instances: &[Instance]) {
        for instance in instances {
            let one = unit(GroupKind::Auxiliary, &instance.members);
            for node in &one.nodes {
                self.instances.entry(node.clone()).or_default().insert(id.to_owned());
                if one.stuck.is_some() && (self.watched || one.state != GroupState::Online) {
                    let mut protecting = one.clone();
                    protecting.kind = GroupKind::Role;
                    self.put(&format!("{id}@{node}"), protecting);
                }
            }
        }
    }

    /// The promoted instance is the role; the others are instances.
    fn promotable(&mut self, id: &str, instances: &[Instance]) {
        let promoted = |instance: &&Instance| {
            instance.members.iter().any(|m| matches!(m.role.as_str(), "Promoted" | "Master" | "Promoting" | "Demoting"))
        };
        let masters: Vec<&Instance> = instances.iter().filter(promoted).collect();
        let rest: Vec<Instance> = instances.iter().filter(|instance| !promoted(instance)).cloned().collect();
        self.instances_of(id, &rest);
        match masters.as_slice() {
            [] => {
                // Nobody serves: a role that is down.
                let state = GroupState::Offline;
                let nodes = BTreeSet::new();
                self.put(id, Unit { kind: GroupKind::Role, nodes, state, stuck: None, members: BTreeSet::new() });
            }
            [master] => self.put(id, unit(GroupKind::Role, &master.members)),
            several => {
                for master in several {
                    let one = unit(GroupKind::Role, &master.members);
                    let node = one.nodes.iter().next().cloned().unwrap_or_default();
                    self.put(&format!("{id}@{node}"), one);
                }
            }
        }
    }
}

fn unit(kind: GroupKind, members: &[Primitive]) -> Unit {
    let nodes: BTreeSet<String> = members.iter().filter(|m| m.active).flat_map(|m| m.nodes.iter().cloned()).collect();
    let stuck = members.iter().find_map(why_stuck).or_else(|| {
        let several = nodes.len() > 1;
        several.then(|| format!("it is on {} at once", nodes.iter().cloned().collect::<Vec<_>>().join(", ")))
    });
    let serves = |m: &Primitive| {
        m.active && matches!(m.role.as_str(), "Started" | "Promoted" | "Master" | "Unpromoted" | "Slave")
    };
    let moving =
        |m: &Primitive| matches!(m.role.as_str(), "Starting" | "Stopping" | "Promoting" | "Demoting" | "Migrating");
    let state = if members.iter().any(|m| m.failed || m.blocked) {
        GroupState::Failed
    } else if members.iter().any(moving) {
        GroupState::Pending
    } else if !members.is_empty() && members.iter().all(serves) {
        if nodes.len() == 1 { GroupState::Online } else { GroupState::PartiallyOnline }
    } else if members.iter().any(serves) {
        GroupState::PartiallyOnline
    } else {
        GroupState::Offline
    };
    let members = members.iter().map(|member| member.id.clone()).collect();
    Unit { kind, nodes, state, stuck, members }
}

fn why_stuck(member: &Primitive) -> Option<String> {
    let what = match member {
        Primitive { orphaned: true, .. } => "is orphaned: it runs, and no configuration has it",
        Primitive { blocked: true, .. } => "is blocked: stopping it failed",
        Primitive { failed: true, .. } => "has failed",
        Primitive { managed: false, .. } => "is unmanaged",
        _ => return None,
    };
    Some(format!("{} {what}", member.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: &str, role: &str, node: &str) -> Primitive {
        Primitive {
            id: id.into(),
            agent: "ocf:pacemaker:Dummy".into(),
            role: role.into(),
            active: !node.is_empty(),
            orphaned: false,
            blocked: false,
            managed: true,
            failed: false,
            disabled: false,
            nodes: if node.is_empty() { vec![] } else { vec![node.into()] },
        }
    }

    fn only(resource: Resource) -> Units {
        Units::new(&[resource], &BTreeSet::new(), true)
    }

    #[test]
    fn a_group_of_which_only_one_member_runs_protects_its_node() {
        let members = vec![member("p1", "Started", "n3"), member("p2", "Stopped", "")];
        let unit = &only(Resource::Group { id: "g".into(), members }).groups["g"];
        assert_eq!((unit.state, unit.nodes.len()), (GroupState::PartiallyOnline, 1));
    }

    #[test]
    fn a_promoted_instance_is_a_role_and_the_others_are_instances() {
        let one = |role: &str, node: &str| Instance { members: vec![member("st", role, node)] };
        let instances = vec![one("Promoted", "n3"), one("Unpromoted", "n1"), one("Unpromoted", "n2")];
        let units = only(Resource::Clone { id: "st-clone".into(), promotable: true, instances });
        assert_eq!(units.groups["st-clone"].nodes.iter().collect::<Vec<_>>(), ["n3"]);
        assert_eq!(units.groups["st-clone"].kind, GroupKind::Role);
        assert_eq!(units.instances.keys().collect::<Vec<_>>(), ["n1", "n2"]);
        let none =
            only(Resource::Clone { id: "st-clone".into(), promotable: true, instances: vec![one("Unpromoted", "n1")] });
        assert_eq!(none.groups["st-clone"].state, GroupState::Offline, "nobody is promoted: a role that is down");
        let two = vec![one("Promoted", "n1"), one("Promoted", "n2")];
        let two = only(Resource::Clone { id: "st-clone".into(), promotable: true, instances: two });
        assert_eq!(two.groups.keys().collect::<Vec<_>>(), ["st-clone@n1", "st-clone@n2"]);
    }

    #[test]
    fn what_is_stuck_says_why() {
        let blocked = Primitive { blocked: true, managed: false, failed: true, ..member("stuck", "Started", "n3") };
        let unit = &only(Resource::Primitive(blocked)).groups["stuck"];
        assert_eq!(unit.state, GroupState::Failed);
        assert!(unit.stuck.as_ref().is_some_and(|why| why.contains("blocked")));
        let clone = Instance { members: vec![Primitive { failed: true, ..member("c", "Started", "n1") }] };
        let units = only(Resource::Clone { id: "cl".into(), promotable: false, instances: vec![clone] });
        assert_eq!(units.groups["cl@n1"].kind, GroupKind::Role, "it protects its node");
    }

    #[test]
    fn a_fence_device_is_no_role() {
        let device = Primitive { agent: "stonith:null".into(), ..member("fence", "Started", "n1") };
        assert_eq!(only(Resource::Primitive(device)).groups["fence"].kind, GroupKind::Auxiliary);
    }
}
