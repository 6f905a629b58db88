//! Small clusters for stories: what is wanted and what is seen, in a few words.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use crate::desired::{
    Cluster, DriverPart, FleetPolicy, GroupSpec, HandoffPolicy, HandoffWhen, Limits, Minimise, Mode, NodeSpec,
    PackageAt, Place, Policy, Staging, Topology, WorkWhen, resolved::Failback,
};
use crate::guard::{DriverTraits, Facts, FleetFacts, Forecast, History, RuleSet};
use crate::model::{
    Claim, HandoffStyle, Holder, InstallKind, Known, Mark, MarkKind, NodeName, PackageName, Rollup, RollupPackage,
    Time, Version,
};
use crate::observed::{
    Copy, CopyStatus, Disk, Group, GroupKind, GroupState, Membership, Node, Observation, Quorum, Services,
};
use crate::plan::{Decision, Plan, decide, forecast, plan};

pub const OLD: &str = "8.3.264.0";
pub const NEW: &str = "8.3.279.6";

/// A cluster, wanted and seen.
#[derive(Clone)]
pub struct World {
    pub desired: Cluster,
    pub seen: Observation,
    pub fleet: FleetFacts,
    pub history: History,
    pub forecast: Forecast,
    pub traits: DriverTraits,
    pub now: Time,
    pub rules: RuleSet,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let held: Vec<_> = self.desired.nodes.iter().filter(|(_, spec)| spec.hold.is_some()).map(|(n, _)| n).collect();
        write!(f, "{:?} {:?}, held: {held:?}, seen: {:?}", self.desired.topology, self.desired.mode, self.seen)
    }
}

fn version(text: &str) -> Version {
    Version::parse(InstallKind::Msp, text).unwrap()
}

fn place() -> Place {
    Place { file: "cluster.yaml".into(), line: 1 }
}

pub fn now() -> Time {
    "2017-04-01T00:00:00Z".parse().unwrap()
}

pub fn rollup() -> Rollup {
    Rollup {
        name: "ru8".into(),
        install: InstallKind::Msp,
        baseline: Some(version("8.3.83.6")),
        article: None,
        packages: vec![RollupPackage {
            name: PackageName::from(PackageName::PRODUCT),
            version: version(NEW),
            file: "ru8.msp".into(),
            revision: 1,
        }],
        cluster_service: Default::default(),
        reboot: Default::default(),
        denied: None,
    }
}

impl World {
    pub fn new(topology: Topology) -> World {
        let handoff = HandoffPolicy {
            when: HandoffWhen::Anytime,
            style: HandoffStyle::Online,
            failback: Failback::Never,
            minimise: Minimise::Handoffs,
            stopped_at_most: Duration::from_secs(1800),
        };
        let policy = Policy {
            name: "anytime".into(),
            place: place(),
            handoff,
            work: WorkWhen::Anytime,
            staging: Staging::PassiveOnly,
            windows: Vec::new(),
            handoff_windows: None,
            limits: Limits { soak: Duration::ZERO, ..Limits::default() },
        };
        let package =
            PackageAt { rollup: "ru8".into(), path: "packages/ru8.msp".into(), sha256: "aa".into(), place: place() };
        let desired = Cluster {
            name: "mbx".into(),
            place: place(),
            labels: BTreeMap::new(),
            approve: None,
            mode: Mode::Act,
            topology,
            driver: DriverPart {
                name: "simulator".into(),
                spec: Arc::new(serde_json::Value::Null),
                identity: "mbx".into(),
            },
            nodes: BTreeMap::new(),
            groups: BTreeMap::new(),
            policy: Arc::new(policy),
            packages: BTreeMap::from([("ru8.msp".to_owned(), package)]),
            package_folder: "packages".into(),
            allow_downgrade: false,
            waivers: Vec::new(),
            durations: BTreeMap::new(),
            broken: None,
        };
        let at = now();
        let seen = Observation {
            cluster: "mbx".into(),
            at,
            views: Vec::new(),
            quorum: Known::seen(Quorum { standalone: false, node_votes: 0, needed: 1, witness: None }, at),
            claim: Known::seen(None, at),
            marks: Known::seen(Vec::new(), at),
            nodes: BTreeMap::new(),
            groups: BTreeMap::new(),
        };
        World {
            desired,
            seen,
            fleet: FleetFacts { policy: FleetPolicy::default(), ..FleetFacts::default() },
            history: History::new(Holder::from("us")),
            forecast: Forecast::default(),
            traits: DriverTraits { pause_keeps_groups: true, staging_disturbs: false, can_stop_cluster_service: true },
            now: at,
            rules: RuleSet::ALL,
        }
    }

    /// The pair of every story: `A` serves, `B` is passive and has the default group.
    pub fn ccr() -> World {
        World::new(Topology::Ccr)
            .nodes(&["A", "B"], OLD)
            .role("MBX", "A")
            .auxiliary("Cluster Group", "B")
            .copy("MBX", "B")
    }

    /// `nodes` nodes with shared storage, a role on each of the first `roles`.
    pub fn scc(nodes: usize, roles: usize) -> World {
        let names: Vec<String> = (1..=nodes).map(|n| format!("N{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut world = World::new(Topology::Scc).nodes(&names, OLD);
        for (number, node) in names.iter().take(roles).enumerate() {
            world = world.role(&format!("MBX{}", number + 1), node);
        }
        world.auxiliary("Cluster Group", names[nodes - 1])
    }

    pub fn nodes(mut self, names: &[&str], installed: &str) -> World {
        for name in names {
            let name = NodeName::from(*name);
            let spec = NodeSpec {
                rollup: Arc::new(rollup()),
                place: place(),
                hold: None,
                max_roles: self.desired.topology.roles_per_node(),
            };
            self.desired.nodes.insert(name.clone(), spec);
            self.seen.nodes.insert(name, node(installed));
        }
        let members: BTreeSet<_> = self.seen.nodes.keys().cloned().collect();
        let shared = Arc::new(members.clone());
        let view = |from: &NodeName| crate::observed::View {
            from: from.clone(),
            quorate: true,
            members: Arc::clone(&shared),
            at: now(),
        };
        self.seen.views = members.iter().map(view).collect();
        let votes = members.len() as u32;
        let witness = votes.is_multiple_of(2).then(|| Known::seen(members.clone(), now()));
        let needed = (votes + u32::from(witness.is_some())) / 2 + 1;
        self.seen.quorum = Known::seen(Quorum { standalone: votes == 1, node_votes: votes, needed, witness }, now());
        self.forecast = forecast(&self.desired, &BTreeMap::new());
        self
    }

    pub fn role(self, name: &str, owner: &str) -> World {
        self.group(name, owner, GroupKind::Role)
    }

    pub fn auxiliary(self, name: &str, owner: &str) -> World {
        self.group(name, owner, GroupKind::Auxiliary)
    }

    fn group(mut self, name: &str, owner: &str, kind: GroupKind) -> World {
        let spec = GroupSpec {
            kind,
            place: place(),
            preferred_nodes: Vec::new(),
            standby_targets: Vec::new(),
            weight: 1,
            probe: None,
        };
        self.desired.groups.insert(name.into(), spec);
        let at = now();
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
        self
    }

    pub fn copy(mut self, group: &str, node: &str) -> World {
        let copy = Copy { status: CopyStatus::Healthy, queue: 0 };
        self.group_mut(group).copies.insert(node.into(), Known::seen(copy, now()));
        self
    }

    pub fn installed(mut self, node: &str, text: &str) -> World {
        let installed = Known::seen(Some(version(text)), now());
        self.node_mut(node).installed.insert(PackageName::from(PackageName::PRODUCT), installed);
        self
    }

    pub fn paused_by_us(mut self, node: &str) -> World {
        self.node_mut(node).paused.suppose(true, now());
        self.mark(MarkKind::Pause { node: node.into() })
    }

    pub fn mark(mut self, kind: MarkKind) -> World {
        let mark = Mark { kind, epoch: 1, holder: "us".into(), at: now() };
        if let Known::Known { value, .. } = &mut self.seen.marks {
            value.push(mark);
        }
        self.claimed()
    }

    pub fn claimed(mut self) -> World {
        self.seen.claim = Known::seen(Some(Claim { epoch: 1, holder: "us".into(), heartbeat: 1 }), now());
        self.history.claimed_at = Some(now());
        self
    }

    pub fn policy(mut self, change: impl FnOnce(&mut Policy)) -> World {
        change(Arc::make_mut(&mut self.desired.policy));
        self
    }

    pub fn wanted(mut self, change: impl FnOnce(&mut Cluster)) -> World {
        change(&mut self.desired);
        self
    }

    /// Another rollup wanted on every node.
    pub fn rollup(mut self, change: impl Fn(&mut Rollup)) -> World {
        for spec in self.desired.nodes.values_mut() {
            change(Arc::make_mut(&mut spec.rollup));
        }
        self
    }

    pub fn node_mut(&mut self, name: &str) -> &mut Node {
        self.seen.nodes.get_mut(name).unwrap()
    }

    pub fn group_mut(&mut self, name: &str) -> &mut Group {
        self.seen.groups.get_mut(name).unwrap()
    }

    pub fn with(mut self, change: impl FnOnce(&mut World)) -> World {
        change(&mut self);
        self
    }

    pub fn ask<T>(&self, question: impl FnOnce(&Facts<'_>) -> T) -> T {
        let foreseen = Known::seen(Vec::new(), self.now);
        question(&Facts {
            desired: &self.desired,
            seen: &self.seen,
            fleet: &self.fleet,
            history: &self.history,
            forecast: &self.forecast,
            foreseen: &foreseen,
            traits: self.traits,
            rules: self.rules,
            now: self.now,
        })
    }

    pub fn decide(&self) -> Decision {
        self.ask(decide)
    }

    pub fn plan(&self) -> Plan {
        self.ask(plan)
    }

    /// The plan's steps, one a line.
    pub fn story(&self) -> String {
        let mut story = String::new();
        for step in self.plan().steps {
            writeln!(story, "{}", step.action).unwrap();
        }
        story
    }

    /// The decision, as a story tells it.
    pub fn next(&self) -> String {
        match self.decide() {
            Decision::Act(action) => action.to_string(),
            Decision::Wait { holds, .. } => format!("wait: {}", rules_of(&holds)),
            Decision::Blocked(holds) => format!("blocked: {}", rules_of(&holds)),
            other => other.word().into(),
        }
    }
}

pub fn rules_of(holds: &[crate::model::Hold]) -> String {
    let rules: BTreeSet<_> = holds.iter().map(|hold| hold.rule.word()).collect();
    rules.into_iter().collect::<Vec<_>>().join(", ")
}

fn node(installed: &str) -> Node {
    let at = now();
    Node {
        membership: Known::seen(Membership::Up, at),
        cluster_service: Known::seen(true, at),
        paused: Known::seen(false, at),
        installed: BTreeMap::from([(
            PackageName::from(PackageName::PRODUCT),
            Known::seen(Some(version(installed)), at),
        )]),
        baseline: Known::seen(Some(version("8.3.83.6")), at),
        interim_updates: Known::seen(Vec::new(), at),
        pending_reboot: Known::seen(false, at),
        disk: Known::seen(Disk { free_mib: 50_000, needed_mib: 2_000 }, at),
        services: Known::seen(Services::default(), at),
        staged: Known::seen(BTreeMap::new(), at),
        work: Known::seen(None, at),
        rival: Known::seen(None, at),
        tries: Known::seen(Vec::new(), at),
        failed_handoffs: Known::seen(Vec::new(), at),
        verified: Known::seen(None, at),
        epoch_seen: Known::seen(0, at),
        replication_suspended: Known::seen(false, at),
        instances: Vec::new(),
    }
}
