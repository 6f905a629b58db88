//! One simulated cluster: its world, its schedule, what befalls it, and what an onlooker who sees everything noted.
//!
//! Absent on purpose: any clock. Whoever owns the simulation says how late it is, and time never goes backwards.

mod befall;
mod notes;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

pub use notes::{InstallNote, Leak, RoleNotes};

use super::hand::Hand;
use super::look::Declared;
use super::schedule::Schedule;
use super::spec::{FaultKind, Spec};
use super::world::{ClusterStore, Event, Happening, Order, Outcome, Shared, Violation, World, catalogue};
use crate::desired;
use crate::drivers::{ClaimAnswer, Readiness, ReadinessState, TimeScale};
use crate::guard::{Check, Command, DriverTraits, Permit};
use crate::model::time::{later, shifted};
use crate::model::{Action, Answer, Claim, ClusterName, GroupName, Known, NodeName, Rollup, RollupName, Time};
use crate::observed::{Node, Observation, SideEffect};

/// One simulated cluster.
#[derive(Clone, Debug)]
pub struct Simulation {
    cluster: ClusterName,
    spec: Arc<Spec>,
    declared: Declared,
    state: State,
    /// Grows with every change that is worth keeping.
    revision: u64,
}

/// All of it that outlives a process.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct State {
    world: World,
    schedule: Schedule,
    now: Time,
    /// What is to befall the world at which time.
    due: Vec<(Time, Due)>,
    /// Faults that are in force, by their place in the list.
    active: BTreeMap<usize, Struck>,
    /// How often each fault's trigger was met.
    met: BTreeMap<usize, u32>,
    /// The world that stale looks see, and its time.
    stale: Option<Box<(Time, World)>>,
    /// By how many seconds the nodes' clocks are off.
    skew: i64,
    /// By how many seconds the clock of the management host is off, for whoever runs on it.
    #[serde(default)]
    host_skew: i64,
    /// Older states of the store, oldest first, where one may come back.
    older_stores: Vec<(Time, Shared<ClusterStore>)>,
    roles: BTreeMap<GroupName, RoleNotes>,
    violations: Vec<Violation>,
    installs: Vec<InstallNote>,
    fired: BTreeMap<FaultKind, u32>,
}

/// Something that befalls the world at a set time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Due {
    /// The fault at this place in the list ends.
    Ends(usize, Struck),
    /// It begins.
    Begins(usize, Struck),
    /// A machine that a person has crashed comes up.
    Boots(NodeName),
}

/// Whom a fault befalls: as declared, else as the action that set it off.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Struck {
    node: Option<NodeName>,
    group: Option<GroupName>,
}

impl Simulation {
    /// A world at its declared start. `None` if the cluster's part of the manifest is no simulated world.
    pub fn start(cluster: &desired::Cluster, rollups: &BTreeMap<RollupName, Arc<Rollup>>) -> Option<Simulation> {
        let spec: Spec = serde_json::from_value((*cluster.driver.spec).clone()).ok()?;
        Some(Self::of(spec, cluster, rollups))
    }

    /// A world at its start, as these words declare it instead of the manifest's.
    pub fn of(spec: Spec, cluster: &desired::Cluster, rollups: &BTreeMap<RollupName, Arc<Rollup>>) -> Simulation {
        let world = World::start(&spec, cluster, rollups);
        let due = spec.faults.iter().enumerate();
        let due = due
            .filter_map(|(i, f)| Some((later(spec.start_at, f.at?.into()), Due::Begins(i, Struck::by(f, None)))))
            .collect();
        let state = State {
            world,
            schedule: Schedule::default(),
            now: spec.start_at,
            due,
            active: BTreeMap::new(),
            met: BTreeMap::new(),
            stale: None,
            skew: 0,
            host_skew: 0,
            older_stores: Vec::new(),
            roles: BTreeMap::new(),
            violations: Vec::new(),
            installs: Vec::new(),
            fired: BTreeMap::new(),
        };
        Self::with_state(spec, cluster, state)
    }

    fn with_state(spec: Spec, cluster: &desired::Cluster, state: State) -> Simulation {
        let declared = Declared {
            nodes: cluster.nodes.keys().cloned().collect(),
            groups: cluster.groups.keys().cloned().collect(),
        };
        let mut sim = Simulation { cluster: cluster.name.clone(), spec: Arc::new(spec), declared, state, revision: 0 };
        sim.after_step(Vec::new());
        sim
    }

    /// The world as it was left, for the document that it was made for.
    pub(super) fn resume(
        cluster: &desired::Cluster,
        rollups: &BTreeMap<RollupName, Arc<Rollup>>,
        state: State,
    ) -> Option<Simulation> {
        let spec: Spec = serde_json::from_value((*cluster.driver.spec).clone()).ok()?;
        let mut sim = Self::with_state(spec, cluster, state);
        sim.learn(cluster, rollups);
        sim.revision = 0;
        Some(sim)
    }

    /// Takes note of changed manifests: rollups, packages, targets, limits. The world itself does not change by that.
    pub fn learn(&mut self, cluster: &desired::Cluster, rollups: &BTreeMap<RollupName, Arc<Rollup>>) {
        let mut new = catalogue(cluster, rollups);
        let old = self.state.world.catalogue.clone();
        for (name, rollup) in &old.rollups {
            // Work that runs may be about a rollup that is not declared any more.
            new.rollups.entry(name.clone()).or_insert_with(|| rollup.clone());
        }
        if let Some(limit) = cluster.topology.roles_per_node() {
            for name in self.state.world.nodes.keys() {
                if !cluster.nodes.contains_key(name) {
                    new.max_roles.insert(name.clone(), limit);
                }
            }
        }
        self.declared.nodes = cluster.nodes.keys().cloned().collect();
        self.declared.groups = cluster.groups.keys().cloned().collect();
        if new != *old {
            self.state.world.catalogue = Arc::new(new);
        }
    }

    /// The cluster's name.
    pub fn cluster(&self) -> &ClusterName {
        &self.cluster
    }

    /// The simulated time.
    pub fn now(&self) -> Time {
        self.state.now
    }

    /// How fast its time shall go.
    pub fn time_scale(&self) -> TimeScale {
        self.spec.time_scale.into()
    }

    /// The truth, for tests and tellers of stories; a controller must look instead.
    pub fn world(&self) -> &World {
        &self.state.world
    }

    /// Grows with every change that is worth keeping.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    pub(super) fn spec(&self) -> &Spec {
        &self.spec
    }

    /// What differs from stack to stack and the rules must know.
    pub fn traits(&self) -> DriverTraits {
        DriverTraits {
            pause_keeps_groups: true,
            staging_disturbs: false,
            can_stop_cluster_service: !self.state.world.is_standalone(),
        }
    }

    /// When something happens next by itself; `None` if nothing does.
    pub fn next_event(&self) -> Option<Time> {
        let tick = self.state.schedule.next().map(|(at, _)| at);
        let due = self.state.due.iter().map(|(at, _)| *at).min();
        tick.into_iter().chain(due).min()
    }

    /// Lets happen, one after the other, what is due until then; true if anything did.
    pub fn advance_to(&mut self, to: Time) -> bool {
        let mut moved = false;
        loop {
            if self.next_event().is_none_or(|at| at > to) {
                break;
            }
            let tick = self.state.schedule.next().map(|(at, tick)| (at, tick.clone()));
            let due = self.state.due.iter().min().cloned();
            match (tick, due) {
                (tick, Some((at, due))) if at <= to && tick.as_ref().is_none_or(|(t, _)| at <= *t) => {
                    self.state.now = self.state.now.max(at);
                    self.state.due.retain(|d| *d != (at, due.clone()));
                    self.befall(due);
                }
                (Some((at, tick)), _) if at <= to => {
                    self.state.now = self.state.now.max(at);
                    self.state.schedule.take(&tick);
                    self.step(Event::Tick(tick));
                }
                _ => break,
            }
            moved = true;
        }
        self.state.now = self.state.now.max(to);
        self.watch_duties();
        moved
    }

    /// Looks at the cluster.
    pub fn observe_now(&mut self, now: Time) -> Observation {
        self.observe_by(SignedDuration::ZERO, now)
    }

    /// Looks at the cluster from a host whose clock is off by so much: it writes down what its clock shows, and puts
    /// on its own clock, too, what nodes and marks say by the clocks of the nodes.
    pub fn observe_by(&mut self, off: SignedDuration, now: Time) -> Observation {
        self.advance_to(now);
        self.beat();
        let blind = self.blindness();
        let (at, world) = match &self.state.stale {
            Some(stale) => (stale.0, &stale.1),
            None => (self.state.now, &self.state.world),
        };
        let mut seen = world.look(&self.cluster, shifted(at, off), &blind, &self.declared);
        let apart = off - SignedDuration::from_secs(self.state.skew);
        if !apart.is_zero() {
            seen.nodes.values_mut().for_each(|node| remembered(node).for_each(|at| *at = shifted(*at, apart)));
            if let Known::Known { value, .. } = &mut seen.marks {
                value.iter_mut().for_each(|mark| mark.shift(apart));
            }
        }
        seen
    }

    /// By how much the clock of the management host is off because of what befell it here.
    pub fn host_clock_off(&self) -> SignedDuration {
        SignedDuration::from_secs(self.state.host_skew)
    }

    /// What the cluster would do by itself if the action were done now.
    pub fn foresee_now(&self, action: &Action) -> Known<Vec<SideEffect>> {
        let blind = self.blindness();
        let unheard = action.node().is_some_and(|n| blind.nodes.contains(n));
        if blind.all || unheard {
            return Known::unknown("the cluster does not answer");
        }
        Known::seen(self.state.world.foresee(action, self.state.now), self.state.now)
    }

    /// Replaces the claim `expected` by `wanted`, if it is still there.
    pub fn claim_now(&mut self, expected: Option<Claim>, wanted: Option<Claim>, now: Time) -> ClaimAnswer {
        self.advance_to(now);
        self.beat();
        if self.blindness().all {
            return ClaimAnswer::Unsure { why: "the cluster does not answer".into() };
        }
        let same = |a: &Claim, b: &Claim| a.epoch == b.epoch && a.holder == b.holder;
        let heartbeat = matches!((&expected, &wanted), (Some(a), Some(b)) if same(a, b));
        let before = self.revision;
        let answer = self.step(Event::Claim { expected, wanted }).claim;
        if heartbeat {
            // Not worth a write to disk: a beat that is lost is made up for by the next.
            self.revision = before;
        }
        answer.unwrap_or_else(|| ClaimAnswer::Unsure { why: "the cluster gave no answer".into() })
    }

    /// Carries out exactly one action.
    pub fn perform_now(&mut self, permit: Permit, now: Time) -> Answer {
        let (action, claim, checks) = permit.into_parts();
        self.order(action, claim, checks, now)
    }

    /// Carries out an action as the cluster's own tools do for whoever calls them: under no claim, and with no check but
    /// theirs. For what stands in for such tools; a controller has [`Simulation::perform_now`].
    pub fn by_tool(&mut self, action: Action, now: Time) -> Answer {
        self.order(action, None, Vec::new(), now)
    }

    /// Lays a file on a node's disk, as it arrives from elsewhere, by its SHA-256.
    pub fn put_file(&mut self, node: &NodeName, file: &str, sha256: &str, now: Time) {
        self.advance_to(now);
        if let Some(truth) = self.state.world.nodes.get_mut(node) {
            truth.staged.insert(file.to_owned(), sha256.to_owned());
        }
        self.after_step(Vec::new());
    }

    pub(super) fn order(&mut self, action: Action, claim: Option<Claim>, checks: Vec<Check>, now: Time) -> Answer {
        self.advance_to(now);
        let blind = self.blindness();
        if blind.all || action.node().is_some_and(|n| blind.nodes.contains(n)) {
            return Answer::Unsure { why: "the connection was lost before an answer came".into() };
        }
        let turn = self.turn_of_fate(&action);
        if turn.lost == Some(false) {
            return Answer::Unsure { why: "the connection was lost".into() };
        }
        if let (Some(factor), Some(node)) = (turn.slow, action.node()) {
            self.state.schedule.slow_down(node.clone(), factor);
        }
        let order = Order { action, claim, checks, fate: turn.fate };
        let answer = self.step(Event::Perform(Box::new(order))).answer;
        let answer = answer.unwrap_or_else(|| Answer::Unsure { why: "the node gave no answer".into() });
        match turn.lost {
            Some(_) => Answer::Unsure { why: "the connection was lost".into() },
            None => answer,
        }
    }

    /// Carries out a person's command.
    ///
    /// # Errors
    /// It was not done; the text says why.
    pub fn command_now(&mut self, command: Command, now: Time) -> Result<String, String> {
        self.advance_to(now);
        self.step(Event::Command(command)).said.unwrap_or_else(|| Err("nothing came of it".into()))
    }

    /// Lays a person's hand on the cluster, behind the tool's back.
    ///
    /// # Errors
    /// Why the cluster does not let it happen.
    pub fn poke(&mut self, hand: Hand, now: Time) -> Result<String, String> {
        self.advance_to(now);
        if let Hand::Crash { node, lasts: Some(lasts) } = &hand {
            self.state.due.push((later(self.state.now, *lasts), Due::Boots(node.clone())));
        }
        self.step(Event::Hand(hand)).said.unwrap_or_else(|| Err("nothing came of it".into()))
    }

    /// Named checks of what the driver needs.
    pub fn readiness_now(&self) -> Vec<Readiness> {
        let world = &self.state.world;
        let missing: Vec<_> =
            self.declared.nodes.iter().filter(|n| !world.nodes.contains_key(*n)).map(NodeName::to_string).collect();
        let (state, evidence, fix) = if missing.is_empty() {
            (ReadinessState::Good, format!("simulated, {} nodes, at {}", world.nodes.len(), self.state.now), None)
        } else {
            let fix = "add them to the simulator's nodes, or remove them from the cluster's".to_owned();
            (ReadinessState::Bad, format!("the simulated world has no node {}", missing.join(", ")), Some(fix))
        };
        let quorum = match world.has_quorum() {
            true => (ReadinessState::Good, "the cluster has quorum", None),
            false => (ReadinessState::Bad, "the cluster has no quorum", Some("start its nodes".to_owned())),
        };
        vec![
            Readiness { name: "world", state, evidence, fix },
            Readiness { name: "quorum", state: quorum.0, evidence: quorum.1.into(), fix: quorum.2 },
        ]
    }

    /// One step of the world, and everything that hangs on it.
    fn step(&mut self, event: Event) -> Outcome {
        let stamp = shifted(self.state.now, SignedDuration::from_secs(self.state.skew));
        let mut out = self.state.world.step(event, stamp);
        self.after_step(std::mem::take(&mut out.happened));
        out
    }

    fn after_step(&mut self, happened: Vec<Happening>) {
        self.revision += 1;
        let now = self.state.now;
        self.state.schedule.follow(&self.state.world, &self.spec, now);
        self.note(happened);
        self.keep_store();
    }
}

/// When what a node remembers happened.
fn remembered(node: &mut Node) -> impl Iterator<Item = &mut Time> {
    fn value<T>(known: &mut Known<T>) -> Option<&mut T> {
        match known {
            Known::Known { value, .. } => Some(value),
            Known::Unknown { .. } => None,
        }
    }
    let work = value(&mut node.work).and_then(Option::as_mut).into_iter();
    let work = work.flat_map(|work| std::iter::once(&mut work.since).chain(work.ended.as_mut().map(|end| &mut end.at)));
    let tries = value(&mut node.tries).into_iter().flatten().map(|tries| &mut tries.at);
    let verified = value(&mut node.verified).into_iter().flatten().map(|verified| &mut verified.at);
    let handoffs = value(&mut node.failed_handoffs).into_iter().flatten().map(|failed| &mut failed.at);
    work.chain(tries).chain(handoffs).chain(verified)
}
