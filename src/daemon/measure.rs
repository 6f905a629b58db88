//! Outages as they are measured from outside: which are being measured, and what the record is told of them.

use std::collections::BTreeMap;
use std::thread::JoinHandle;

use tokio::sync::mpsc;

use super::{Daemon, Told};
use crate::model::time::Clock;
use crate::model::{Action, Answer, ClusterName, GroupName, Spread};
use crate::probe::{Measured, Measurement};
use crate::record::{Entry, EntryKind};

/// Whose outage it is.
type Role = (ClusterName, GroupName);

/// A measurement that has come to its end.
pub(super) struct Ended {
    role: Role,
    predicted: Spread,
    measured: std::io::Result<Measured>,
}

/// The measurements that are under way.
pub(super) struct Measurements {
    under_way: BTreeMap<Role, (Measurement, Action)>,
    /// The threads of those that nobody wants to know of any more, until they have ended.
    ending: Vec<JoinHandle<()>>,
    send: mpsc::UnboundedSender<Ended>,
    ended: mpsc::UnboundedReceiver<Ended>,
}

impl Default for Measurements {
    fn default() -> Self {
        let (send, ended) = mpsc::unbounded_channel();
        Self { under_way: BTreeMap::new(), ending: Vec::new(), send, ended }
    }
}

impl Drop for Measurements {
    /// No command that asks outlives the daemon.
    fn drop(&mut self) {
        self.end(|_| true);
        for thread in self.ending.drain(..) {
            // One that panicked has ended too.
            let _ = thread.join();
        }
    }
}

impl Measurements {
    /// The next one that comes to its end. Waits for ever if there is none.
    pub async fn next(&mut self) -> Option<Ended> {
        self.ended.recv().await
    }

    /// Whether one is soon to come to its end. A role that does not serve when all is at rest is not waited for.
    pub fn are_ending(&self) -> bool {
        self.under_way.values().any(|(measurement, _)| measurement.has_served())
    }

    /// Nobody wants to know of this cluster any more.
    pub fn forget(&mut self, cluster: &ClusterName) {
        self.end(|(of, _)| of == cluster);
    }

    fn end(&mut self, which: impl Fn(&Role) -> bool) {
        self.ending.retain(|thread| !thread.is_finished());
        let (ended, left) = std::mem::take(&mut self.under_way).into_iter().partition(|(role, _)| which(role));
        self.under_way = left;
        let ended: BTreeMap<Role, (Measurement, Action)> = ended;
        self.ending.extend(ended.into_values().map(|(measurement, _)| measurement.end()));
    }
}

impl Daemon<'_> {
    /// Begins to ask a role that this action takes down, if its manifest says how.
    pub(super) fn measure(&mut self, name: &ClusterName, action: &Action) {
        let (Action::Handoff { group, .. } | Action::StopRole { group, .. }) = action else { return };
        let role = (name.clone(), group.clone());
        let Some(turn) = self.fleet.turn(name).filter(|_| !self.measurements.under_way.contains_key(&role)) else {
            return;
        };
        let Some(probe) = turn.desired.groups.get(group).and_then(|spec| spec.probe.as_ref()) else { return };
        let (predicted, send) = (turn.forecast.outage(action), self.measurements.send.clone());
        let of = role.clone();
        // The daemon may have ended meanwhile: then nobody is told.
        let begun = Measurement::start(probe, move |measured| _ = send.send(Ended { role: of, predicted, measured }));
        match begun {
            Ok(measurement) => _ = self.measurements.under_way.insert(role, (measurement, action.clone())),
            Err(error) => self.not_measured(name, group, &error),
        }
    }

    fn not_measured(&mut self, name: &ClusterName, group: &GroupName, error: &std::io::Error) {
        (self.tell)(Told::Note(&format!("{name}: the outage of {group} is not measured: {error}")));
    }

    /// Follows what the journal tells of roles that are being asked.
    pub(super) fn follow_measured(&mut self, entries: &[Entry]) {
        for Entry { cluster, what, .. } in entries {
            match what {
                EntryKind::Outage { group, .. } => {
                    if let Some((measurement, _)) = self.measurements.under_way.get(&(cluster.clone(), group.clone())) {
                        measurement.served();
                    }
                }
                // What was refused has taken nothing down.
                EntryKind::Answered { action, answer: Answer::Refused { .. } } => {
                    let of = action.group().map(|group| (cluster.clone(), group.clone()));
                    let begun_by = |role: &Role| self.measurements.under_way.get(role).map(|(_, action)| action);
                    if let Some(role) = of.filter(|role| begun_by(role) == Some(action)) {
                        self.measurements.end(|other| *other == role);
                    }
                }
                _ => {}
            }
        }
    }

    /// A measurement has come to its end.
    pub(super) fn measured(&mut self, Ended { role, predicted, measured }: Ended) {
        if self.measurements.under_way.remove(&role).is_none() {
            // It was ended in the same instant.
            return;
        }
        let (cluster, group) = role;
        let Measured { outage, asked, unanswered, amiss } = match measured {
            Ok(measured) => measured,
            Err(error) => return self.not_measured(&cluster, &group, &error),
        };
        let what = EntryKind::Measured { group, outage, predicted, asked, unanswered, amiss };
        let entry = Entry { cluster, at: self.clock.now(), revision: self.desired.revision.clone(), what };
        if let Err(why) = self.record(std::slice::from_ref(&entry)) {
            (self.tell)(Told::Note(&format!("{}: a measured outage was not recorded: {why}", entry.cluster)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::desired::{Asks, Probe};

    /// Nobody answers at that port.
    fn begun(measurements: &mut Measurements, cluster: &str) {
        let ask = Duration::from_millis(50);
        let asks = Asks::Tcp { host: "127.0.0.1".into(), port: 1 };
        let measurement = Measurement::start(&Probe { asks, every: ask, timeout: ask }, |_| {}).expect("a thread");
        let restore = Action::RestoreServices { node: "A".into() };
        measurements.under_way.insert((cluster.into(), "MBX".into()), (measurement, restore));
    }

    #[test]
    fn only_what_serves_again_is_waited_for_and_what_is_forgotten_ends() {
        let mut measurements = Measurements::default();
        begun(&mut measurements, "lyon");
        begun(&mut measurements, "nice");
        assert!(!measurements.are_ending(), "what does not serve may never serve");
        measurements.under_way[&("lyon".into(), "MBX".into())].0.served();
        assert!(measurements.are_ending());
        measurements.forget(&"lyon".into());
        assert!(!measurements.are_ending());
        let left: Vec<_> = measurements.under_way.keys().map(|(cluster, _)| cluster.as_str()).collect();
        assert_eq!(left, ["nice"]);
        let thread = measurements.ending.pop().expect("the one that was forgotten");
        thread.join().expect("it ends");
    }
}
