//! What a controller sees of a world: facts asked of nodes that answer, with the rest said to be unknown.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::world::{ClusterService, GroupTruth, Machine, NodeTruth, QuorumModel, World};
use crate::model::{ClusterName, GroupName, Known, NodeName, Time};
use crate::observed::{Group, GroupState, Membership, Node, Observation, Quorum, StandbyCopy, View};

/// What keeps a controller from seeing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blindness {
    /// Nodes that answer nothing.
    pub nodes: BTreeSet<NodeName>,
    /// Nothing answers at all.
    pub all: bool,
}

/// Names that a manifest declares: they are reported on also where the world does not have them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// Nodes.
    pub nodes: BTreeSet<NodeName>,
    /// Groups.
    pub groups: BTreeSet<GroupName>,
}

impl World {
    /// One look.
    pub fn look(&self, cluster: &ClusterName, at: Time, blind: &Blindness, declared: &Declared) -> Observation {
        let names = || self.nodes.keys().chain(declared.nodes.iter()).cloned();
        if blind.all || !self.nodes.iter().any(|(n, t)| answers(n, t, blind)) {
            let why: Arc<str> = "nothing of the cluster answers".into();
            let groups = self.groups.keys().chain(declared.groups.iter()).cloned();
            return Observation::blind(cluster, at, names(), groups, &why);
        }
        let views = self.views(at, blind);
        let quorate = self.has_quorum();
        // In a cluster without quorum the members that are left can still be asked for it, and for nothing else.
        let asked = self.members().any(|n| !blind.nodes.contains(n));
        let silent: Option<Arc<str>> = match (asked, quorate) {
            (true, true) => None,
            (true, false) => Some("the cluster has no quorum".into()),
            (false, _) => Some("no member of the cluster answers".into()),
        };
        let mut nodes = BTreeMap::new();
        for (name, truth) in &self.nodes {
            nodes.insert(name.clone(), self.look_at_node(name, truth, at, blind, asked && quorate));
        }
        for name in declared.nodes.iter().filter(|n| !self.nodes.contains_key(*n)) {
            nodes.insert(name.clone(), Node::unknown(&format!("the cluster has no node {name}").into()));
        }
        let mut groups = BTreeMap::new();
        let mut owners = PossibleOwners::default();
        for (name, truth) in &self.groups {
            groups.insert(name.clone(), self.look_at_group(truth, at, asked, silent.as_ref(), &mut owners));
        }
        for name in declared.groups.iter().filter(|g| !self.groups.contains_key(*g)) {
            groups.insert(name.clone(), Group::unknown(&format!("the cluster has no group {name:?}").into()));
        }
        let (claim, marks) = match &silent {
            None => (Known::seen(self.store.claim.clone(), at), Known::seen(self.store.marks.clone(), at)),
            Some(why) => (Known::unknown(why.clone()), Known::unknown(why.clone())),
        };
        let quorum = if asked {
            Known::seen(self.look_at_quorum(at), at)
        } else {
            Known::unknown("no member of the cluster answers")
        };
        Observation { cluster: cluster.clone(), at, views, quorum, claim, marks, nodes, groups }
    }

    fn look_at_quorum(&self, at: Time) -> Quorum {
        let votes = self.votes(&[]);
        let witness = votes.witness.map(|reached| {
            let by = if reached > 0 { self.members().cloned().collect() } else { BTreeSet::new() };
            Known::seen(by, at)
        });
        Quorum { standalone: self.is_standalone(), node_votes: votes.nodes, needed: votes.needed, witness }
    }

    fn views(&self, at: Time, blind: &Blindness) -> Vec<View> {
        if self.is_standalone() {
            return Vec::new();
        }
        let quorate = self.has_quorum();
        let runs = |t: &NodeTruth| t.machine == Machine::Up && t.service == ClusterService::Member;
        let side = |apart: bool| -> Arc<BTreeSet<NodeName>> {
            let there = self.nodes.iter().filter(|(n, t)| runs(t) && self.apart.contains(*n) == apart);
            Arc::new(there.map(|(n, _)| n.clone()).collect())
        };
        let (majority, minority) = (side(false), side(true));
        let mut views = Vec::new();
        for (name, truth) in &self.nodes {
            if !runs(truth) || !answers(name, truth, blind) {
                continue;
            }
            let cut_off = self.apart.contains(name);
            let members = Arc::clone(if cut_off { &minority } else { &majority });
            let quorate = if cut_off { self.quorum == QuorumModel::TwoNode } else { quorate };
            views.push(View { from: name.clone(), quorate, members, at });
        }
        views
    }

    fn look_at_node(&self, name: &NodeName, truth: &NodeTruth, at: Time, blind: &Blindness, asked: bool) -> Node {
        let membership = if self.is_member(name) {
            Some(Membership::Up)
        } else if truth.machine == Machine::Up && truth.service == ClusterService::Joining {
            Some(Membership::Joining)
        } else {
            Some(Membership::Down)
        };
        let unheard = || -> Arc<str> { format!("{name} does not answer").into() };
        let heard = answers(name, truth, blind);
        // Others say whether a node is a member; without them it can only speak for itself.
        let membership = match membership {
            Some(m) if asked || heard => Known::seen(m, at),
            _ => Known::unknown(unheard()),
        };
        let paused = match asked {
            true => Known::seen(truth.paused.is_some(), at),
            // A pause is written on the node, too.
            false if heard => Known::seen(truth.paused.is_some(), at),
            false => Known::unknown(unheard()),
        };
        if !heard {
            return Node { membership, paused, ..Node::unknown(&unheard()) };
        }
        Node {
            membership,
            paused,
            cluster_service: Known::seen(truth.service != ClusterService::Stopped, at),
            installed: (truth.installed.iter())
                .map(|(package, version)| (package.clone(), Known::seen(Some(version.clone()), at)))
                .collect(),
            baseline: Known::seen(truth.baseline.clone(), at),
            interim_updates: Known::seen(truth.interim_updates.clone(), at),
            pending_reboot: Known::seen(truth.pending_reboot, at),
            disk: Known::seen(truth.disk, at),
            services: Known::seen(truth.services.clone(), at),
            staged: Known::seen(truth.staged.clone(), at),
            work: Known::seen(truth.work.clone(), at),
            rival: Known::seen(truth.rival.clone(), at),
            tries: Known::seen(truth.tries.clone(), at),
            failed_handoffs: Known::seen(truth.failed_handoffs.clone(), at),
            verified: Known::seen(truth.verified.clone(), at),
            epoch_seen: Known::seen(truth.epoch_seen, at),
            replication_suspended: Known::seen(truth.replication_suspended, at),
            instances: Vec::new(),
        }
    }

    fn look_at_group<'a>(
        &self,
        truth: &'a GroupTruth,
        at: Time,
        asked: bool,
        silent: Option<&Arc<str>>,
        owners: &mut PossibleOwners<'a>,
    ) -> Group {
        if let Some(why) = silent {
            let mut group = Group::unknown(why);
            if asked {
                // Without quorum nothing runs; that much is certain.
                group.state = Known::seen(GroupState::Offline, at);
            }
            return group;
        }
        let kind = match truth.kind_certain {
            true => Known::seen(truth.kind, at),
            false => Known::unknown("the cluster does not say what the group is for"),
        };
        let copy = |host: &NodeName, copy: &crate::observed::Copy| {
            let status = self.copy_service(host).unwrap_or(copy.status);
            Known::seen(crate::observed::Copy { status, ..*copy }, at)
        };
        Group {
            kind,
            owner: Known::seen(Some(truth.owner.clone()), at),
            state: Known::seen(truth.state, at),
            possible_owners: Known::seen(owners.of(truth), at),
            copies: (truth.copies.iter())
                .filter(|(host, _)| **host != truth.owner)
                .map(|(host, c)| (host.clone(), copy(host, c)))
                .collect(),
            standby_copies: Known::seen(
                (truth.standby_copies.iter())
                    .map(|(target, copy)| StandbyCopy { target: target.clone(), copy: Known::seen(*copy, at) })
                    .collect(),
                at,
            ),
            backup: Known::seen(truth.backup, at),
            failback_to: Known::seen(truth.failback_to.clone(), at),
        }
    }
}

/// The set of nodes that a group may be on; the same for groups in a row that may be on the same ones.
#[derive(Default)]
struct PossibleOwners<'a> {
    last: Option<(&'a [NodeName], Arc<BTreeSet<NodeName>>)>,
}

impl<'a> PossibleOwners<'a> {
    fn of(&mut self, truth: &'a GroupTruth) -> Arc<BTreeSet<NodeName>> {
        match &self.last {
            Some((list, set)) if *list == truth.possible_owners => Arc::clone(set),
            _ => {
                let set: Arc<BTreeSet<_>> = Arc::new(truth.possible_owners.iter().cloned().collect());
                self.last = Some((&truth.possible_owners, Arc::clone(&set)));
                set
            }
        }
    }
}

/// Whether the machine itself can be asked.
fn answers(name: &NodeName, truth: &NodeTruth, blind: &Blindness) -> bool {
    truth.machine == Machine::Up && !blind.nodes.contains(name)
}
