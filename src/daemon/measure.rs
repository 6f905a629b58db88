//! Outages as they are measured from outside: which are being measured, and what the record is told of them.

use std::collections::BTreeMap;

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
    send: mpsc::UnboundedSender<Ended>,
    ended: mpsc::UnboundedReceiver<Ended>,
}

impl Default for Measurements {
    fn default() -> Self {
        let (send, ended) = mpsc::unbounded_channel();
        Self { under_way: BTreeMap::new(), send, ended }
    }
}

impl Measurements {
    /// The next one that comes to its end. Waits for ever if there is none.
    pub async fn next(&mut self) -> Option<Ended> {
        self.ended.recv().await
    }

    /// Whether one is still to come to its end.
    pub fn are_under_way(&self) -> bool {
        !self.under_way.is_empty()
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
                        self.measurements.under_way.remove(&role);
                    }
                }
                _ => {}
            }
        }
    }

    /// A measurement has come to its end.
    pub(super) fn measured(&mut self, Ended { role, predicted, measured }: Ended) {
        self.measurements.under_way.remove(&role);
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
