//! Which clusters are managed: what the manifests and stop cords in force say is taken in, cluster by cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Daemon, Told, open};
use crate::clock;
use crate::desired::{Broken, Cluster};
use crate::fleet;
use crate::guard::{Forecast, History, Stop};
use crate::model::time::Clock;
use crate::model::{ClusterName, Time};
use crate::plan;
use crate::reconcile::memory;
use crate::record::{Entry, EntryKind, Roll};

impl Daemon<'_> {
    /// Takes in what the manifests in force say.
    pub(super) fn populate(&mut self) {
        let now = self.clock.now();
        self.govern(now);
        let wanted: Vec<_> = self.desired.clusters.values().cloned().collect();
        for cluster in &wanted {
            match self.fleet.turn(&cluster.name).map(|turn| Arc::clone(&turn.desired)) {
                Some(before) => self.change(cluster, &before, now),
                None => self.put(cluster, now),
            }
        }
        let gone: Vec<_> = self
            .fleet
            .turns()
            .map(|(name, _)| name.clone())
            .filter(|n| !self.desired.clusters.contains_key(n))
            .collect();
        for name in gone {
            self.fleet.forget(&name);
            self.drivers.remove(&name);
            self.measurements.forget(&name);
        }
        self.unmanaged.retain(|name, _| self.desired.clusters.contains_key(name));
        self.publish_clusters();
    }

    fn publish_clusters(&mut self) {
        if let Some(publisher) = &mut self.publisher {
            publisher.clusters(&self.fleet, &self.unmanaged);
        }
    }

    /// Another manifest for a cluster that is managed already.
    fn change(&mut self, cluster: &Arc<Cluster>, before: &Cluster, now: Time) {
        let forecast = self.forecast(cluster);
        if cluster.driver.name != before.driver.name {
            // It is another cluster of the same name: what is of ours in the one that was goes first.
            let why = format!("its driver was {}, and is {} now", before.driver.name, cluster.driver.name);
            let broken = Some(Broken { why, place: Some(cluster.place.clone()), releasing: true });
            let before = Arc::new(Cluster { broken, ..before.clone() });
            self.fleet.change(&before, &self.desired.revision, forecast, now);
            return;
        }
        if let Some(driver) = self.drivers.get(&cluster.name) {
            driver.learn(cluster, &self.desired.rollups);
        }
        self.fleet.change(cluster, &self.desired.revision, forecast, now);
    }

    /// A cluster that is not managed yet. One whose driver cannot be opened is told of, and tried again.
    fn put(&mut self, cluster: &Arc<Cluster>, now: Time) {
        let name = &cluster.name;
        let driver = match self.drivers.get(name) {
            Some(driver) => Arc::clone(driver),
            None => match open::one(cluster, &self.desired, &self.options, &self.clock) {
                Ok(driver) => driver,
                Err(why) => {
                    if self.unmanaged.get(name) != Some(&why) {
                        (self.tell)(Told::Note(&format!("{name}: not managed: {why}")));
                        self.unmanaged.insert(name.clone(), why);
                    }
                    return;
                }
            },
        };
        self.unmanaged.remove(name);
        let mut history = History::new(self.holder.clone());
        history.approvals = self.store.approvals(name).unwrap_or_default();
        history.waivers = self.store.waivers(name).unwrap_or_default();
        self.drivers.insert(name.clone(), Arc::clone(&driver));
        let forecast = self.forecast(cluster);
        let begun = self.begun(name);
        self.fleet.put(cluster, &self.desired.revision, forecast, driver.traits(), history, now);
        if let Some(turn) = self.fleet.turn_mut(name)
            && let Some(roll) = self.rolls.get(name)
        {
            let Roll { started, ended, counts, uncounted } = roll.clone();
            turn.memory.roll = Some(memory::Roll::kept(started, ended, counts, uncounted));
            turn.memory.begun = begun;
        }
    }

    /// What was begun before this process was started, in a roll that goes on.
    fn begun(&mut self, name: &ClusterName) -> Vec<memory::Pending> {
        let Some(roll) = self.rolls.get(name).filter(|roll| roll.ended.is_none()) else { return Vec::new() };
        let begun = match self.store.begun(name, roll.started) {
            Ok(begun) => begun,
            Err(error) => {
                let why = super::chain(&error);
                (self.tell)(Told::Note(&format!("{name}: what was under way before is not counted: {why}")));
                Vec::new()
            }
        };
        begun.into_iter().map(memory::Pending::from).collect()
    }

    fn forecast(&mut self, cluster: &Cluster) -> Forecast {
        match self.store.samples(&cluster.name) {
            Ok(samples) => fleet::forecast(cluster, samples, self.roll_open_since(&cluster.name)),
            Err(error) => {
                let (before, so) = match self.fleet.turn(&cluster.name) {
                    Some(turn) => ((*turn.forecast).clone(), "as before"),
                    None => (plan::forecast(cluster, &BTreeMap::new()), "as declared"),
                };
                let (name, why) = (&cluster.name, super::chain(&error));
                (self.tell)(Told::Note(&format!(
                    "{name}: how long things took could not be read, and is foreseen {so}: {why}"
                )));
                before
            }
        }
    }

    /// Since when the cluster's roll is open, if one is: as its loop knows, or else as the record has it.
    fn roll_open_since(&self, name: &ClusterName) -> Option<Time> {
        let (started, ended) = match self.fleet.turn(name).and_then(|turn| turn.memory.roll.as_ref()) {
            Some(roll) => (roll.started, roll.finished),
            None => self.rolls.get(name).map(|roll| (roll.started, roll.ended))?,
        };
        ended.is_none().then_some(started)
    }

    /// These lines are in the record: what they say of how long things take counts from now on, or from the end of the
    /// roll.
    pub(super) fn learn(&mut self, entries: &[Entry]) {
        let counts = |what: &EntryKind| what.teaches() || matches!(what, EntryKind::Converged { .. });
        let names: BTreeSet<_> = entries.iter().filter(|entry| counts(&entry.what)).map(|e| &e.cluster).collect();
        for name in names {
            let Some(turn) = self.fleet.turn(name) else { continue };
            let cluster = Arc::clone(&turn.desired);
            let forecast = self.forecast(&cluster);
            self.fleet.foresee(name, forecast, self.clock.now());
        }
    }

    /// Puts limits and stop cords in force.
    pub(super) fn govern(&mut self, now: Time) {
        match self.store.stops() {
            Ok(stops) => self.stops = stops,
            // One that cannot be read is not lifted.
            Err(error) => (self.tell)(Told::Note(&format!(
                "the stop cords could not be read; those that were in force stay: {}",
                super::chain(&error)
            ))),
        }
        let committed = self.desired.stops.iter().map(|s| Stop {
            why: s.why.clone(),
            labels: s.labels.clone(),
            place: Some(s.place.clone()),
            since: None,
        });
        let stops = committed.chain(self.stops.iter().cloned()).collect();
        self.fleet.govern(&self.desired.fleet, stops, now);
    }

    /// The manifests may have changed.
    pub(super) fn reload(&mut self) {
        let now = clock::wall();
        if let Some(desired) = self.manifests.reload(now, &self.store, self.tell) {
            self.desired = desired;
            self.populate();
        } else {
            let missing: Vec<_> =
                self.unmanaged.keys().filter_map(|name| self.desired.clusters.get(name)).cloned().collect();
            for cluster in &missing {
                self.put(cluster, self.clock.now());
            }
            self.publish_clusters();
            if !self.clock.is_virtual() {
                return;
            }
        }
        self.govern(self.clock.now());
    }

    /// Nothing of ours is left in a cluster whose manifest is gone, or speaks of another driver.
    pub(super) fn gone(&mut self, name: &ClusterName) {
        self.drivers.remove(name);
        self.measurements.forget(name);
        (self.tell)(Told::Note(&format!("{name}: nothing of ours is left in it; forgotten")));
        match self.desired.clusters.get(name).filter(|cluster| cluster.broken.as_ref().is_none_or(|b| !b.releasing)) {
            Some(cluster) => self.put(&Arc::clone(cluster), self.clock.now()),
            None => self.manifests.forget(name),
        }
        self.publish_clusters();
    }
}
