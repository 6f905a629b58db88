//! Many clusters at once: whose turn it is, what each must know of the others, and when to look again.
//!
//! Sans-IO like [`crate::reconcile`]: it hands out effects and takes inputs. The daemon carries them out with tokio,
//! [`simulated`] synchronously against simulated worlds.

mod foreseen;
mod known;
pub mod simulated;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::SignedDuration;

use crate::desired::{Cluster, FleetPolicy};
use crate::guard::{DriverTraits, FleetFacts, Forecast, History, RollState, RuleSet, Stop};
use crate::model::time::shifted;
use crate::model::{ClusterName, Known, NodeRef, Phase, RuleName, Time};
use crate::observed::Observation;
use crate::plan::{self, Decision, Plan};
use crate::reconcile::{Around, Effect, Input, LastLook, Memory, Turn, Wake};

pub use foreseen::forecast;

/// The loops of all clusters.
pub struct Fleet {
    slots: BTreeMap<ClusterName, Slot>,
    facts: FleetFacts,
    /// When each sleeping loop wakes.
    queue: BTreeSet<(Time, ClusterName)>,
    rules: RuleSet,
    /// Whether the record keeps what decisions of clusters that are taken in from now on rest on.
    pub keeps_inputs: bool,
    /// Grows whenever the facts change in more than their ages.
    version: u64,
}

struct Slot {
    turn: Turn,
    wake: Wake,
    /// Its place in the queue: then, or sooner for the heartbeat of a claim.
    wakes_at: Time,
    /// Something happened while the turn was under way: look again at once when it ends.
    again: bool,
}

/// How a step of a cluster's loop ended.
#[derive(Debug)]
pub enum Step {
    /// Carry this out and give its answer to [`Fleet::input`].
    Do(Effect),
    /// The turn is over.
    Asleep,
    /// The cluster was released: nothing of ours is left in it, and it is forgotten.
    Gone,
}

impl Fleet {
    /// No clusters yet.
    pub fn new(rules: RuleSet) -> Self {
        Self {
            slots: BTreeMap::new(),
            facts: FleetFacts::default(),
            queue: BTreeSet::new(),
            rules,
            keeps_inputs: true,
            version: 0,
        }
    }

    /// Takes a cluster in, to be looked at now.
    pub fn put(
        &mut self,
        cluster: &Arc<Cluster>,
        revision: &Arc<str>,
        forecast: Forecast,
        traits: DriverTraits,
        history: History,
        now: Time,
    ) {
        let name = cluster.name.clone();
        let memory = Memory::new(&name);
        let mut turn = Turn::new(
            Arc::clone(cluster),
            Arc::clone(revision),
            Arc::new(forecast),
            traits,
            self.rules,
            history,
            memory,
        );
        turn.keeps_inputs = self.keeps_inputs;
        self.let_go(&name);
        self.slots.insert(name.clone(), Slot { turn, wake: Wake::Due(now), wakes_at: now, again: false });
        self.queue.insert((now, name));
        self.relate();
    }

    /// Gives a cluster that is here already another manifest, and wakes it.
    pub fn change(&mut self, cluster: &Arc<Cluster>, revision: &Arc<str>, forecast: Forecast, now: Time) {
        if let Some(slot) = self.slots.get_mut(&cluster.name) {
            slot.turn.desired = Arc::clone(cluster);
            slot.turn.revision = Arc::clone(revision);
            slot.turn.forecast = Arc::new(forecast);
        }
        self.wake(&cluster.name, now);
        self.relate();
    }

    /// Gives a cluster another forecast. If it waits for a window, it looks whether it still must.
    pub fn foresee(&mut self, name: &ClusterName, forecast: Forecast, now: Time) {
        let Some(slot) = self.slots.get_mut(name) else { return };
        if *slot.turn.forecast == forecast {
            return;
        }
        slot.turn.forecast = Arc::new(forecast);
        let look = slot.turn.memory.last_look.as_ref();
        if look.is_some_and(|look| look.decision.holds().iter().any(|hold| hold.rule == RuleName::Window)) {
            self.wake(name, now);
        }
    }

    /// Lets go of a cluster without another word to it.
    pub fn forget(&mut self, name: &ClusterName) {
        self.let_go(name);
        self.relate();
    }

    fn let_go(&mut self, name: &ClusterName) {
        if let Some(slot) = self.slots.remove(name) {
            self.queue.remove(&(slot.wakes_at, name.clone()));
        }
        self.facts.clusters.remove(name);
        self.facts.failures.retain(|_, nodes| {
            nodes.retain(|n| n.cluster != *name);
            !nodes.is_empty()
        });
    }

    /// Sets the limits and stop cords that reach across clusters, and wakes everybody if they changed.
    pub fn govern(&mut self, policy: &FleetPolicy, stops: Vec<Stop>, now: Time) {
        if self.facts.policy != *policy || self.facts.stops != stops {
            self.facts.policy = policy.clone();
            self.facts.stops = stops;
            self.version += 1;
            self.wake_all(now);
        }
    }

    /// Looks at a cluster now, or as soon as its turn is over. Wake-ups carry no data.
    pub fn wake(&mut self, name: &ClusterName, now: Time) {
        let Some(slot) = self.slots.get_mut(name) else { return };
        if slot.turn.is_asleep() {
            self.queue.remove(&(slot.wakes_at, name.clone()));
            (slot.wake, slot.wakes_at) = (Wake::Due(now), now);
            self.queue.insert((now, name.clone()));
        } else {
            slot.again = true;
        }
    }

    /// The clock by which everybody is told the time was set, and shows `now`. What was remembered by it moves along;
    /// then everybody looks: a window may have opened, or shut.
    pub fn clock_jumped(&mut self, by: SignedDuration, now: Time) {
        for slot in self.slots.values_mut() {
            slot.turn.clock_jumped(by);
            slot.wake = match slot.wake {
                Wake::Due(at) => Wake::Due(shifted(at, by)),
                Wake::Idle(at) => Wake::Idle(shifted(at, by)),
            };
            slot.wakes_at = shifted(slot.wakes_at, by);
        }
        self.queue = std::mem::take(&mut self.queue).into_iter().map(|(at, name)| (shifted(at, by), name)).collect();
        for facts in self.facts.clusters.values_mut() {
            if let RollState::Converged { since: Some(since) } = &mut facts.roll {
                *since = shifted(*since, by);
            }
        }
        self.wake_all(now);
    }

    /// Looks at all clusters now.
    pub fn wake_all(&mut self, now: Time) {
        let names: Vec<_> = self.slots.keys().cloned().collect();
        for name in names {
            self.wake(&name, now);
        }
    }

    /// Begins the turn of every cluster whose time has come.
    pub fn begin_due(&mut self, now: Time) -> Vec<(ClusterName, Effect)> {
        let mut begun = Vec::new();
        while let Some((when, _)) = self.queue.first()
            && *when <= now
            && let Some((_, name)) = self.queue.pop_first()
        {
            if let Some(slot) = self.slots.get_mut(&name) {
                let effect = slot.turn.step(Input::Wake, Around { fleet: &self.facts, now });
                begun.push((name, effect));
            }
        }
        begun
    }

    /// Gives a cluster's loop the answer to its last effect.
    pub fn input(&mut self, name: &ClusterName, input: Input, now: Time) -> Step {
        let Some(slot) = self.slots.get_mut(name) else { return Step::Gone };
        if slot.turn.is_asleep() {
            // An answer to an earlier loop of this name.
            return Step::Asleep;
        }
        match slot.turn.step(input, Around { fleet: &self.facts, now }) {
            Effect::SleepUntil(wake) => {
                slot.wake = if std::mem::take(&mut slot.again) { Wake::Due(now) } else { wake };
                slot.wakes_at = slot.turn.next_beat(now).map_or(at(slot.wake), |beat| beat.min(at(slot.wake)));
                self.queue.insert((slot.wakes_at, name.clone()));
                self.learn(name, now);
                Step::Asleep
            }
            Effect::Done => {
                self.forget(name);
                Step::Gone
            }
            Effect::Perform(permit) => {
                // A slot is taken the moment something begins, so that no other cluster takes it too.
                if permit.action().phase() == Phase::Begin
                    && let Some(facts) = self.facts.clusters.get_mut(name)
                {
                    facts.roll = RollState::InRoll;
                    self.version += 1;
                    if let Known::Known { value: nodes, .. } = &mut facts.in_the_middle {
                        nodes.extend(permit.action().node().cloned());
                    }
                }
                Step::Do(Effect::Perform(permit))
            }
            effect => Step::Do(effect),
        }
    }

    /// Takes in a look that is not acted on: what is decided on it, and what the others are told of it. For those who
    /// only want to know.
    pub fn look(&mut self, name: &ClusterName, seen: &Observation, now: Time) {
        let Some(slot) = self.slots.get_mut(name) else { return };
        let nothing = Known::unknown("nothing was asked for yet");
        let decision = plan::decide(&slot.turn.facts(seen, &nothing, Around { fleet: &self.facts, now }));
        slot.turn.memory.last_look = Some(LastLook { seen: Arc::new(seen.clone()), decision: Arc::new(decision) });
        self.learn(name, now);
    }

    /// The next time at which a loop wakes.
    pub fn next_wake(&self) -> Option<Time> {
        self.queue.first().map(|(when, _)| *when)
    }

    /// The next time at which time alone makes something possible somewhere.
    pub fn next_due(&self) -> Option<Time> {
        let mut next: Option<Time> = None;
        for (wakes_at, name) in &self.queue {
            // Nobody is due before the queue wakes them.
            if next.is_some_and(|next| next <= *wakes_at) {
                break;
            }
            if let Some(Slot { wake: Wake::Due(at), .. }) = self.slots.get(name) {
                next = Some(next.map_or(*at, |next| next.min(*at)));
            }
        }
        next
    }

    /// When a look will show that some action takes longer than it should.
    pub fn next_alarm(&self) -> Option<Time> {
        let looks = |slot: &Slot| match slot.wake {
            Wake::Due(at) | Wake::Idle(at) => at,
        };
        self.slots.values().filter_map(|slot| Some(slot.turn.next_alarm()?.max(looks(slot)))).min()
    }

    /// The loops, by cluster.
    pub fn turns(&self) -> impl Iterator<Item = (&ClusterName, &Turn)> {
        self.slots.iter().map(|(name, slot)| (name, &slot.turn))
    }

    /// One cluster's loop.
    pub fn turn(&self, name: &ClusterName) -> Option<&Turn> {
        self.slots.get(name).map(|slot| &slot.turn)
    }

    /// One cluster's loop, to give it an approval or a takeover. Wake it afterwards.
    pub fn turn_mut(&mut self, name: &ClusterName) -> Option<&mut Turn> {
        self.slots.get_mut(name).map(|slot| &mut slot.turn)
    }

    /// A cluster's whole plan from a look at it.
    pub fn plan(&self, name: &ClusterName, seen: &Observation, now: Time) -> Option<Plan> {
        let slot = self.slots.get(name)?;
        Some(slot.turn.plan(seen, Around { fleet: &self.facts, now }))
    }

    /// What each cluster must know of the others.
    pub fn facts(&self) -> &FleetFacts {
        &self.facts
    }

    /// Grows whenever [`Self::facts`] change in more than their ages.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// True if no loop has anything left that it could do by itself: every one is converged, or waits for people.
    pub fn is_at_rest(&self) -> bool {
        self.slots.values().all(|slot| {
            slot.turn.memory.pending.is_empty()
                && slot.turn.memory.last_look.as_ref().is_some_and(|look| match &*look.decision {
                    Decision::Converged | Decision::Blocked(_) => true,
                    Decision::Wait { holds, until } => {
                        until.is_none() && holds.iter().all(crate::model::Hold::is_lasting)
                    }
                    Decision::Act(_) | Decision::Releasing => false,
                })
        })
    }

    /// True if every cluster is converged.
    pub fn is_converged(&self) -> bool {
        self.slots.values().all(|slot| {
            slot.turn.memory.last_look.as_ref().is_some_and(|look| matches!(*look.decision, Decision::Converged))
        })
    }

    /// Takes what a look has shown into what the other clusters are told, and wakes those that waited for it.
    fn learn(&mut self, name: &ClusterName, now: Time) {
        let Some(slot) = self.slots.get(name) else { return };
        let new = known::cluster_facts(&slot.turn, &self.facts);
        let changed = match self.facts.clusters.get(name) {
            Some(old) => known::differ(old, &new),
            None => true,
        };
        let failures = known::failures(&slot.turn);
        let failed = known::update_failures(&mut self.facts.failures, name, failures);
        self.facts.clusters.insert(name.clone(), new);
        if changed || failed {
            self.version += 1;
            // Itself included: its first decision was made before it counted as one of the fleet.
            let waiting = self.slots.iter().filter(|(_, slot)| waits_for_others(&slot.turn));
            let waiting: Vec<_> = waiting.map(|(waiting, _)| waiting.clone()).collect();
            for one in waiting {
                self.wake(&one, now);
            }
        }
    }

    /// Works out, from the manifests, which node holds standby copies of what.
    fn relate(&mut self) {
        self.version += 1;
        self.facts.sources_of = BTreeMap::new();
        for slot in self.slots.values() {
            let cluster = &slot.turn.desired;
            for (group, spec) in &cluster.groups {
                for target in &spec.standby_targets {
                    let sources: &mut BTreeSet<_> = self.facts.sources_of.entry(NodeRef::clone(target)).or_default();
                    sources.insert((cluster.name.clone(), group.clone()));
                }
            }
        }
    }
}

fn at(wake: Wake) -> Time {
    match wake {
        Wake::Due(at) | Wake::Idle(at) => at,
    }
}

/// True if what is known of other clusters may release one of the holds of the last decision.
fn waits_for_others(turn: &Turn) -> bool {
    let Some(look) = &turn.memory.last_look else { return false };
    look.decision.holds().iter().any(|h| matches!(h.rule, RuleName::StandbyFirst | RuleName::Fleet | RuleName::Budget))
}
