//! A whole fleet in simulated worlds, carried out synchronously on one virtual clock: what `simulate`, the golden
//! scenarios, the property tests and the soak run. Nothing sleeps; an idle fleet stops.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;

use super::{Fleet, Step};
use crate::desired::Desired;
use crate::drivers::ClaimAnswer;
use crate::drivers::simulator::Simulation;
use crate::drivers::simulator::world::{Violation, ViolationKind};
use crate::guard::{History, RuleSet, Stop};
use crate::model::time::{later, shifted, stamp};
use crate::model::{Action, Answer, ClusterName, Holder, Known, NodeName, Time};
use crate::observed::{Observation, effect};
use crate::plan;
use crate::reconcile::{Around, Effect, Input};
use crate::record::{Entry, EntryKind};

/// A fleet and its worlds.
pub struct Simulated {
    /// The loops.
    pub fleet: Fleet,
    /// The worlds, by cluster.
    pub worlds: BTreeMap<ClusterName, Simulation>,
    /// When it began.
    pub started: Time,
    /// The worlds' time.
    pub now: Time,
    /// By how much the controller's clock is off it.
    off: SignedDuration,
    /// Everything that was told to the journal.
    pub journal: Vec<Entry>,
    desired: Arc<Desired>,
    holder: Holder,
    rules: RuleSet,
    /// Effects still allowed before the controller is killed, for tests that kill it anywhere.
    pub effects_left: Option<u64>,
    /// Effects carried out so far.
    pub effects: u64,
    /// Set while the journal cannot be written, to the error.
    pub journal_broken: Option<Arc<str>>,
    /// Whether each handoff is weighed against the optimum left before it. It costs two searches a handoff.
    pub weighs_handoffs: bool,
    /// What the handoffs that were weighed cost beyond the optimum left before each.
    pub extra_handoffs: u64,
    /// What no world can see alone: sources that were updated before their standby targets.
    pub across: Vec<(ClusterName, Violation)>,
    /// How many updates of each world were looked at for that.
    installs_seen: BTreeMap<ClusterName, usize>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Every cluster is converged.
    Converged,
    /// Nothing more will happen by itself: what is left waits for people, or for a world that stands still.
    AtRest,
    /// The simulated time that was allowed is over.
    TimeOut,
    /// The controller was killed, as [`Simulated::effects_left`] asked.
    Killed,
}

/// A fleet of which nobody reads what decisions rested on, mostly.
fn forgetful(rules: RuleSet) -> Fleet {
    let mut fleet = Fleet::new(rules);
    fleet.keeps_inputs = false;
    fleet
}

impl Simulated {
    /// A fleet that has seen nothing yet, over worlds as they stand.
    pub fn new(
        desired: Arc<Desired>,
        worlds: BTreeMap<ClusterName, Simulation>,
        holder: Holder,
        rules: RuleSet,
    ) -> Self {
        let now = worlds.values().map(Simulation::now).max().unwrap_or(Time::UNIX_EPOCH);
        let mut simulated = Self {
            fleet: forgetful(rules),
            worlds,
            started: now,
            now,
            off: SignedDuration::ZERO,
            journal: Vec::new(),
            desired,
            holder,
            rules,
            effects_left: None,
            effects: 0,
            journal_broken: None,
            weighs_handoffs: false,
            extra_handoffs: 0,
            across: Vec::new(),
            installs_seen: BTreeMap::new(),
        };
        simulated.populate();
        simulated
    }

    /// What the controller's clock shows.
    pub fn clock(&self) -> Time {
        shifted(self.now, self.off)
    }

    /// Looks at a cluster, without anybody deciding on it.
    pub fn look(&mut self, name: &ClusterName) -> Option<Observation> {
        Some(self.worlds.get_mut(name)?.observe_by(self.off, self.now))
    }

    /// From now on, the journal keeps what decisions rest on.
    pub fn keep_inputs(&mut self) {
        self.fleet.keeps_inputs = true;
        for name in self.desired.clusters.keys() {
            if let Some(turn) = self.fleet.turn_mut(name) {
                turn.keeps_inputs = true;
            }
        }
    }

    /// Who is in charge.
    pub fn holder(&self) -> &Holder {
        &self.holder
    }

    /// Kills the controller and starts another that remembers nothing: its state folder was deleted too.
    pub fn restart(&mut self) {
        self.fleet = forgetful(self.rules);
        self.effects_left = None;
        self.populate();
    }

    fn populate(&mut self) {
        let desired = Arc::clone(&self.desired);
        self.govern(&desired);
        for (name, cluster) in &desired.clusters {
            let Some(world) = self.worlds.get(name) else { continue };
            let forecast = plan::forecast(cluster, &BTreeMap::new());
            let history = History::new(self.holder.clone());
            self.fleet.put(cluster, &desired.revision, forecast, world.traits(), history, self.clock());
        }
    }

    fn govern(&mut self, desired: &Desired) {
        let stops = desired
            .stops
            .iter()
            .map(|s| Stop { why: s.why.clone(), labels: s.labels.clone(), place: Some(s.place.clone()), since: None })
            .collect();
        self.fleet.govern(&desired.fleet, stops, self.clock());
    }

    /// Puts other manifests in force.
    pub fn change(&mut self, desired: Arc<Desired>) {
        self.desired = Arc::clone(&desired);
        self.govern(&desired);
        for (name, cluster) in &desired.clusters {
            if let Some(world) = self.worlds.get_mut(name) {
                world.learn(cluster, &desired.rollups);
            }
            let forecast = plan::forecast(cluster, &BTreeMap::new());
            match (self.fleet.turn(name), self.worlds.get(name)) {
                (Some(_), _) => self.fleet.change(cluster, &desired.revision, forecast, self.clock()),
                (None, Some(world)) => {
                    let history = History::new(self.holder.clone());
                    self.fleet.put(cluster, &desired.revision, forecast, world.traits(), history, self.clock());
                }
                (None, None) => {}
            }
        }
    }

    /// Approves what the cluster's plan is now.
    pub fn approve(&mut self, name: &ClusterName, by: &str) {
        let now = self.clock();
        let Some(seen) = self.look(name) else { return };
        let Some(plan) = self.fleet.plan(name, &seen, now) else { return };
        if let Some(turn) = self.fleet.turn_mut(name) {
            turn.approve(&plan, by.to_owned(), None, now);
        }
        self.fleet.wake(name, now);
    }

    /// Takes the cluster over from whoever holds its claim.
    pub fn takeover(&mut self, name: &ClusterName) {
        let now = self.clock();
        let Some(seen) = self.look(name) else { return };
        if let Some(turn) = self.fleet.turn_mut(name) {
            turn.take_over(&seen);
        }
        self.fleet.wake(name, now);
    }

    /// Lets the fleet and its worlds run for at most so long.
    pub fn run(&mut self, at_most: Duration) -> End {
        let until = later(self.now, at_most);
        loop {
            if !self.settle() {
                return End::Killed;
            }
            let event = self.worlds.values().filter_map(Simulation::next_event).min();
            let due = self.fleet.next_due().into_iter().chain(self.fleet.next_alarm()).min();
            let due = due.map(|at| shifted(at, -self.off));
            let quiet = self.fleet.is_at_rest();
            match [event, due].into_iter().flatten().min() {
                Some(next) if next <= until && !(quiet && event.is_none()) => self.advance(next.max(self.now)),
                Some(_) if !quiet => {
                    self.now = until;
                    return End::TimeOut;
                }
                _ => return if self.fleet.is_converged() { End::Converged } else { End::AtRest },
            }
        }
    }

    /// Moves the clock, and looks again wherever the world has changed.
    pub fn advance(&mut self, to: Time) {
        self.now = to;
        let mut changed = Vec::new();
        for (name, world) in &mut self.worlds {
            if world.advance_to(to) {
                changed.push(name.clone());
            }
        }
        self.follow_clock();
        for name in changed {
            self.fleet.wake(&name, self.clock());
        }
        self.watch_standbys();
    }

    /// Notices, as a daemon does when it wakes, that the controller's clock was set.
    fn follow_clock(&mut self) {
        let off = self.worlds.values().map(Simulation::host_clock_off).fold(SignedDuration::ZERO, |a, b| a + b);
        let by = off - self.off;
        if !by.is_zero() {
            self.off = off;
            self.fleet.clock_jumped(by, self.clock());
        }
    }

    /// Everything that was done wrong, by cluster.
    pub fn violations(&self) -> impl Iterator<Item = (&ClusterName, &Violation)> {
        let own = self.worlds.iter().flat_map(|(name, world)| world.violations().iter().map(move |v| (name, v)));
        own.chain(self.across.iter().map(|(name, v)| (name, v)))
    }

    /// Counts nodes of a source that an update has just left above one of its standby targets.
    fn watch_standbys(&mut self) {
        for (name, world) in &self.worlds {
            let seen = self.installs_seen.entry(name.clone()).or_default();
            let new = world.installs_log().get(*seen..).unwrap_or_default();
            *seen += new.len();
            // Going down, a node above its targets comes nearer to them.
            let raised = new.iter().filter(|install| install.raised);
            for (install, (role, group)) in
                raised.flat_map(|install| world.world().groups.iter().map(move |group| (install, group)))
            {
                let Some(spec) = self.desired.clusters.get(name).and_then(|c| c.groups.get(role)) else { continue };
                if !group.possible_owners.contains(&install.node) {
                    continue;
                }
                let installed = |cluster: &ClusterName, node: &NodeName| {
                    let world = self.worlds.get(cluster)?.world();
                    Some(&world.nodes.get(node)?.installed)
                };
                for target in &spec.standby_targets {
                    let (Some(source), Some(copy)) =
                        (installed(name, &install.node), installed(&target.cluster, &target.node))
                    else {
                        continue;
                    };
                    if source.iter().any(|(package, version)| copy.get(package).is_none_or(|below| below < version)) {
                        let violation = Violation {
                            kind: ViolationKind::SourceBeforeTarget,
                            at: install.at,
                            node: Some(install.node.clone()),
                            group: Some(role.clone()),
                            action: None,
                        };
                        self.across.push((name.clone(), violation));
                    }
                }
            }
        }
    }

    /// Carries out all turns that are due now; false if the controller was killed on the way.
    pub fn settle(&mut self) -> bool {
        loop {
            self.follow_clock();
            let begun = self.fleet.begin_due(self.clock());
            if begun.is_empty() {
                return true;
            }
            for (name, mut effect) in begun {
                loop {
                    match &mut self.effects_left {
                        Some(0) => return false,
                        Some(left) => *left -= 1,
                        None => {}
                    }
                    self.effects += 1;
                    let Some(input) = self.carry_out(&name, effect) else { break };
                    match self.fleet.input(&name, input, self.clock()) {
                        Step::Do(next) => effect = next,
                        Step::Asleep | Step::Gone => break,
                    }
                }
            }
        }
    }

    fn carry_out(&mut self, name: &ClusterName, effect: Effect) -> Option<Input> {
        let (now, clock, off) = (self.now, self.clock(), self.off);
        if let Effect::Perform(permit) = &effect
            && self.weighs_handoffs
        {
            self.extra_handoffs += self.beyond_optimum(name, permit.action());
        }
        let world = self.worlds.get_mut(name)?;
        Some(match effect {
            Effect::Observe => {
                world.advance_to(now);
                Input::Observed(Box::new(world.observe_by(off, now)))
            }
            Effect::Foresee(action) => Input::Foreseen(match world.foresee_now(&action) {
                Known::Known { value, .. } => Known::seen(value, clock),
                unknown => unknown,
            }),
            Effect::Claim { expected, wanted } => Input::Claimed(claimed(world.claim_now(expected, wanted, now))),
            Effect::Perform(permit) => Input::Performed(world.perform_now(permit, now)),
            Effect::Record(entries) => Input::Recorded(match &self.journal_broken {
                Some(error) => Err(Arc::clone(error)),
                None => {
                    self.journal.extend(entries);
                    Ok(())
                }
            }),
            Effect::SleepUntil(_) | Effect::Done => return None,
        })
    }

    /// What a handoff costs beyond the fewest that are left before it: itself, and what is left after it, if it goes
    /// as it should.
    fn beyond_optimum(&self, name: &ClusterName, action: &Action) -> u64 {
        let Action::Handoff { .. } = action else { return 0 };
        let Some(turn) = self.fleet.turn(name) else { return 0 };
        let Some(look) = &turn.memory.last_look else { return 0 };
        let around = Around { fleet: self.fleet.facts(), now: self.clock() };
        let before = turn.optimum(&look.seen, around);
        let mut after = Observation::clone(&look.seen);
        effect::apply(action, &mut after, &*turn.desired, self.clock());
        let after = turn.optimum(&after, around);
        u64::from((1 + after).saturating_sub(before))
    }

    /// What the journal tells people, a line an entry.
    pub fn story(&self) -> String {
        let news = self.journal.iter().filter(|entry| entry.what.is_news());
        news.map(|entry| format!("{} {} {}", stamp(entry.at), entry.cluster, entry.what)).collect::<Vec<_>>().join("\n")
    }

    /// The actions that were begun, in order, as the journal tells them.
    pub fn actions(&self) -> impl Iterator<Item = (&ClusterName, Time, &Action)> {
        self.journal.iter().filter_map(|entry| match &entry.what {
            EntryKind::Answered { action, answer: Answer::Accepted | Answer::Unsure { .. } } => {
                Some((&entry.cluster, entry.at, action))
            }
            _ => None,
        })
    }
}

/// A driver's answer to a claim, as the loop takes it.
pub fn claimed(answer: ClaimAnswer) -> Result<Option<crate::model::Claim>, String> {
    match answer {
        ClaimAnswer::Claimed(claim) => Ok(Some(claim)),
        ClaimAnswer::GivenUp => Ok(None),
        ClaimAnswer::Lost { found: Some(claim) } => Err(format!("{claim} is in charge")),
        ClaimAnswer::Lost { found: None } => Err("the claim is gone".to_owned()),
        ClaimAnswer::Unsure { why } => Err(why),
    }
}
