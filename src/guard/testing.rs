//! A small world of facts for tests: a CCR pair with one role, nothing wrong with it, and everything to do.
//!
//! Each test changes what its story is about and asks the rules. No part of the product uses it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::facts::{ClusterFacts, DriverTraits, Facts, FleetFacts, Forecast, History, RollState};
use super::rules::RuleSet;
use crate::desired::resolved::Failback;
use crate::desired::{
    Cluster, DriverPart, GroupSpec, HandoffPolicy, HandoffWhen, Limits, Minimise, Mode, NodeSpec, PackageAt, Place,
    Policy, Staging, Topology, WorkWhen,
};
use crate::model::{
    Action, Claim, ClusterServiceRule, GroupName, HandoffStyle, Hold, InstallKind, Known, Mark, MarkKind, NodeName,
    PackageName, RebootRule, Rollup, RollupPackage, RuleName, Spread, Time, Version,
};
use crate::observed::{
    Copy, CopyStatus, Disk, Group, GroupKind, GroupState, Membership, Node, Observation, Quorum, Services, SideEffect,
    View,
};

/// Everything that [`Facts`] points to, owned and open to change.
#[derive(Clone, Debug)]
pub struct Story {
    /// What is wanted.
    pub desired: Cluster,
    /// What was seen.
    pub seen: Observation,
    /// The other clusters.
    pub fleet: FleetFacts,
    /// What we remember.
    pub history: History,
    /// How long things take.
    pub forecast: Forecast,
    /// What the cluster would do by itself.
    pub foreseen: Known<Vec<SideEffect>>,
    /// What the driver says of its stack.
    pub traits: DriverTraits,
    /// Which rules are in force.
    pub rules: RuleSet,
    /// Now.
    pub now: Time,
}

/// The stale version of every node at first.
pub const OLD: [u32; 4] = [8, 3, 264, 0];

/// The version of the target.
pub const NEW: [u32; 4] = [8, 3, 279, 6];

/// The target's package.
pub const FILE: &str = "ru8.msp";

/// Noon of a Saturday.
fn noon() -> Time {
    Time::from_second(1_491_048_000).unwrap_or_default()
}

/// A line of the manifest.
pub fn place(line: u32) -> Place {
    Place { file: "ccr.yaml".into(), line }
}

impl Story {
    /// A CCR pair: EXNODE1 owns MBX1, EXNODE2 the default cluster group; both stale, the package declared and staged on
    /// both, the claim ours, everything else as it should be.
    pub fn ccr() -> Self {
        let now = noon();
        let mut story = Self {
            desired: desired(),
            seen: Observation {
                cluster: "mbx-ccr-01".into(),
                at: now,
                views: Vec::new(),
                quorum: Known::seen(Quorum { standalone: false, node_votes: 0, needed: 2, witness: None }, now),
                claim: Known::seen(Some(Claim { epoch: 7, holder: "here".into(), heartbeat: 1 }), now),
                marks: Known::seen(Vec::new(), now),
                nodes: BTreeMap::new(),
                groups: BTreeMap::new(),
            },
            fleet: FleetFacts::default(),
            history: History {
                holder: "here".into(),
                foreign_silence: None,
                takeover_of_epoch: None,
                approvals: Vec::new(),
                record_error: None,
                membership_changed_at: None,
                claimed_at: Some(now),
                rejoined_at: BTreeMap::new(),
                waivers: Vec::new(),
            },
            forecast: forecast(),
            foreseen: Known::seen(Vec::new(), now),
            traits: DriverTraits { pause_keeps_groups: true, staging_disturbs: false, can_stop_cluster_service: true },
            rules: RuleSet::ALL,
            now,
        };
        story.add_node("EXNODE1");
        story.add_node("EXNODE2");
        story.add_group("MBX1", GroupKind::Role, "EXNODE1");
        story.add_group("Cluster Group", GroupKind::Auxiliary, "EXNODE2");
        story
            .group("MBX1")
            .copies
            .insert("EXNODE2".into(), Known::seen(Copy { status: CopyStatus::Healthy, queue: 0 }, now));
        if let Known::Known { value, .. } = &mut story.seen.quorum {
            value.witness = Some(Known::seen(["EXNODE1".into(), "EXNODE2".into()].into(), now));
        }
        story.fleet.clusters.insert("mbx-ccr-01".into(), cluster_facts(RollState::InRoll));
        story
    }

    /// One more node: declared, up, stale, its package staged.
    pub fn add_node(&mut self, name: &str) {
        let (at, name) = (self.now, NodeName::from(name));
        let line = 10 + self.desired.nodes.len() as u32;
        let spec = NodeSpec { rollup: Arc::new(rollup()), place: place(line), hold: None, max_roles: Some(1) };
        self.desired.nodes.insert(name.clone(), spec);
        self.seen.nodes.insert(name.clone(), healthy_node(at));
        let members: BTreeSet<_> = self.seen.nodes.keys().cloned().collect();
        let shared = Arc::new(members.clone());
        self.seen.views = members
            .iter()
            .map(|from| View { from: from.clone(), quorate: true, members: Arc::clone(&shared), at })
            .collect();
        if let Known::Known { value, .. } = &mut self.seen.quorum {
            value.node_votes += 1;
        }
        for group in self.seen.groups.values_mut() {
            group.possible_owners.suppose(Arc::clone(&shared), at);
        }
    }

    /// One more group: declared, online, every node a possible owner.
    pub fn add_group(&mut self, name: &str, kind: GroupKind, owner: &str) {
        let spec = GroupSpec {
            kind,
            place: place(20 + self.desired.groups.len() as u32),
            preferred_nodes: Vec::new(),
            standby_targets: Vec::new(),
            weight: 1,
            probe: None,
        };
        self.desired.groups.insert(name.into(), spec);
        let at = self.now;
        let group = Group {
            kind: Known::seen(kind, at),
            owner: Known::seen(Some(owner.into()), at),
            state: Known::seen(GroupState::Online, at),
            possible_owners: Known::seen(Arc::new(self.seen.nodes.keys().cloned().collect()), at),
            copies: BTreeMap::new(),
            standby_copies: Known::seen(Vec::new(), at),
            backup: Known::seen(false, at),
            failback_to: Known::seen(None, at),
        };
        self.seen.groups.insert(name.into(), group);
    }

    /// A node as seen, to be changed; one of which nothing is known is added if there is none of that name.
    pub fn node(&mut self, name: &str) -> &mut Node {
        self.seen.nodes.entry(name.into()).or_insert_with(|| Node::unknown(&"nobody looked".into()))
    }

    /// A group as seen, to be changed; one of which nothing is known is added if there is none of that name.
    pub fn group(&mut self, name: &str) -> &mut Group {
        self.seen.groups.entry(name.into()).or_insert_with(|| Group::unknown(&"nobody looked".into()))
    }

    /// The policy, to be changed.
    pub fn policy(&mut self) -> &mut Policy {
        Arc::make_mut(&mut self.desired.policy)
    }

    /// A node's target, to be changed for that node.
    pub fn target(&mut self, node: &str) -> Option<&mut Rollup> {
        self.desired.nodes.get_mut(node).map(|spec| Arc::make_mut(&mut spec.rollup))
    }

    /// Writes a mark of ours.
    pub fn mark(&mut self, kind: MarkKind) -> Mark {
        let mark = Mark { kind, epoch: 7, holder: "here".into(), at: self.now };
        let mut marks: Vec<Mark> = self.seen.known_marks().cloned().collect();
        marks.push(mark.clone());
        self.seen.marks.suppose(marks, self.now);
        mark
    }

    /// Pauses a node with our mark.
    pub fn paused_by_us(&mut self, name: &str) -> Mark {
        let at = self.now;
        self.node(name).paused.suppose(true, at);
        self.mark(MarkKind::Pause { node: name.into() })
    }

    /// Moves a group.
    pub fn moved(&mut self, group: &str, to: &str) {
        let at = self.now;
        self.group(group).owner.suppose(Some(to.into()), at);
    }

    /// Puts a version on a node.
    pub fn installed(&mut self, name: &str, version: [u32; 4]) {
        let at = self.now;
        let installed = Known::seen(Some(Version::Quad(version)), at);
        self.node(name).installed.insert(PackageName::PRODUCT.into(), installed);
    }

    /// EXNODE2 on its way: paused by us, empty, ready for its install.
    pub fn ccr_in_the_middle() -> Self {
        let mut story = Self::ccr();
        story.paused_by_us("EXNODE2");
        story.moved("Cluster Group", "EXNODE1");
        story
    }

    /// Lets time pass, and looks again.
    pub fn pass(&mut self, time: Duration) {
        self.now = crate::model::time::later(self.now, time);
        crate::observed::effect::look_again(&mut self.seen, self.now);
    }

    /// What the rules are given.
    pub fn facts(&self) -> Facts<'_> {
        Facts {
            desired: &self.desired,
            seen: &self.seen,
            fleet: &self.fleet,
            history: &self.history,
            forecast: &self.forecast,
            foreseen: &self.foreseen,
            traits: self.traits,
            rules: self.rules,
            now: self.now,
        }
    }

    /// Every hold against an action.
    pub fn holds(&self, action: &Action) -> Vec<Hold> {
        super::holds(action, &self.facts())
    }

    /// What one rule says to an action, as people read it; `allowed` if nothing.
    pub fn says(&self, rule: RuleName, action: &Action) -> String {
        let holds = self.holds(action);
        holds.iter().find(|hold| hold.rule == rule).map_or_else(|| "allowed".into(), Hold::to_string)
    }

    /// Everything that every rule says to an action, a line each; `allowed` if nothing.
    pub fn verdict(&self, action: &Action) -> String {
        let holds = self.holds(action);
        if holds.is_empty() {
            return "allowed".into();
        }
        holds.iter().map(Hold::to_string).collect::<Vec<_>>().join("\n")
    }
}

/// Pause a node.
pub fn pause(node: &str) -> Action {
    Action::Pause { node: node.into() }
}

/// Stage the target's package on a node.
pub fn stage(node: &str) -> Action {
    Action::Stage { node: node.into(), rollup: rollup().name }
}

/// Install the target on a node.
pub fn install(node: &str) -> Action {
    Action::Install { node: node.into(), rollup: rollup().name }
}

/// Go down to the target on a node.
pub fn uninstall(node: &str) -> Action {
    Action::Uninstall { node: node.into(), rollup: rollup().name }
}

/// End our pause of a node.
pub fn resume(node: &str) -> Action {
    Action::Resume { node: node.into(), quarantine: None }
}

/// Hand a role over, running.
pub fn handoff(group: &str, from: &str, to: &str) -> Action {
    Action::Handoff { group: group.into(), from: from.into(), to: to.into(), style: HandoffStyle::Online }
}

/// The way of a role that was stopped for it.
pub fn offline(group: &str, from: &str, to: &str) -> Action {
    Action::Handoff { group: group.into(), from: from.into(), to: to.into(), style: HandoffStyle::Offline }
}

/// Move an auxiliary group.
pub fn move_group(group: &str, from: &str, to: &str) -> Action {
    Action::MoveGroup { group: GroupName::from(group), from: from.into(), to: to.into() }
}

/// What other clusters see of one: able to act, with no standby relations.
pub fn cluster_facts(roll: RollState) -> ClusterFacts {
    ClusterFacts {
        roll,
        canary: false,
        acts: true,
        standby_clusters: BTreeSet::new(),
        nodes: BTreeMap::new(),
        in_the_middle: Known::seen(BTreeSet::new(), Time::UNIX_EPOCH),
    }
}

/// The target: a Windows Installer patch that restarts the cluster service.
pub fn rollup() -> Rollup {
    Rollup {
        name: "ru8".into(),
        install: InstallKind::Msp,
        baseline: Some(Version::Quad([8, 3, 83, 6])),
        article: Some("KB2756497".into()),
        packages: vec![RollupPackage {
            name: PackageName::PRODUCT.into(),
            version: Version::Quad(NEW),
            file: FILE.into(),
            revision: 3,
        }],
        cluster_service: ClusterServiceRule::Restarts,
        reboot: RebootRule::IfAsked,
        denied: None,
    }
}

fn healthy_node(at: Time) -> Node {
    let mut node = Node::unknown(&"nobody looked".into());
    node.membership.suppose(Membership::Up, at);
    node.cluster_service.suppose(true, at);
    node.paused.suppose(false, at);
    node.installed.insert(PackageName::PRODUCT.into(), Known::seen(Some(Version::Quad(OLD)), at));
    node.baseline.suppose(Some(Version::Quad([8, 3, 83, 6])), at);
    node.interim_updates.suppose(Vec::new(), at);
    node.pending_reboot.suppose(false, at);
    node.disk.suppose(Disk { free_mib: 9000, needed_mib: 2000 }, at);
    node.services.suppose(Services::default(), at);
    node.staged.suppose([(FILE.to_owned(), "aa11".to_owned())].into(), at);
    node.work.suppose(None, at);
    node.rival.suppose(None, at);
    node.tries.suppose(Vec::new(), at);
    node.failed_handoffs.suppose(Vec::new(), at);
    node.verified.suppose(None, at);
    node.epoch_seen.suppose(7, at);
    node.replication_suspended.suppose(false, at);
    node
}

fn desired() -> Cluster {
    let package = PackageAt {
        rollup: "ru8".into(),
        path: PathBuf::from("packages/ru8.msp"),
        sha256: "aa11".into(),
        place: place(40),
    };
    Cluster {
        name: "mbx-ccr-01".into(),
        place: place(1),
        labels: BTreeMap::new(),
        approve: None,
        mode: Mode::Act,
        topology: Topology::Ccr,
        driver: DriverPart {
            name: "simulator".into(),
            spec: Arc::new(serde_json::Value::Null),
            identity: "mbx-ccr-01".into(),
        },
        nodes: BTreeMap::new(),
        groups: BTreeMap::new(),
        policy: Arc::new(policy()),
        packages: [(FILE.to_owned(), package)].into(),
        package_folder: "packages".into(),
        allow_downgrade: false,
        waivers: Vec::new(),
        durations: BTreeMap::new(),
        broken: None,
    }
}

fn policy() -> Policy {
    Policy {
        name: "night".into(),
        place: place(30),
        handoff: HandoffPolicy {
            when: HandoffWhen::Anytime,
            style: HandoffStyle::Online,
            failback: Failback::Never,
            minimise: Minimise::Handoffs,
            stopped_at_most: Duration::from_secs(600),
        },
        work: WorkWhen::Anytime,
        staging: Staging::PassiveOnly,
        windows: Vec::new(),
        handoff_windows: None,
        limits: Limits::default(),
    }
}

/// Every action takes half a minute, at most one.
fn forecast() -> Forecast {
    let spread = Spread { median: Duration::from_secs(30), p95: Duration::from_secs(60) };
    Forecast {
        by_kind: crate::model::ActionKind::ALL.iter().map(|kind| (*kind, spread)).collect(),
        ..Forecast::default()
    }
}
