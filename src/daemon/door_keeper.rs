//! Answers other processes of this host: what a loop knows, and commands that people give.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::commands::{self, Order};
use super::{Daemon, Told, View, chain};
use crate::door::{self, DoorKeeper, Request, Scope};
use crate::drivers::Later;
use crate::model::time::Clock;
use crate::model::{ClusterName, Time, Waiver};
use crate::output::Clusters;
use crate::record::{Change, Entry, EntryKind};

/// Hands every request to the daemon's own loop, so that nothing is answered from the side.
pub(super) struct Keeper {
    pub to: mpsc::Sender<(Request, oneshot::Sender<Value>)>,
}

impl DoorKeeper for Keeper {
    fn answer(&self, request: Request) -> Later<'_, Value> {
        Box::pin(async move {
            let (send, receive) = oneshot::channel();
            if self.to.send((request, send)).await.is_err() {
                return door::refusal("the daemon is ending");
            }
            receive.await.unwrap_or_else(|_| door::refusal("the daemon is ending"))
        })
    }
}

impl Daemon<'_> {
    /// Answers one request: at once, or when the command that it gives has been carried out.
    pub(super) fn answer(&mut self, request: Request, answer: oneshot::Sender<Value>) {
        match commands::of(request) {
            Ok((cluster, command, what, by)) => self.command(Order { cluster, command, what, by, answer }),
            // A client that has gone away needs no answer.
            Err(request) => _ = answer.send(self.answer_at_once(request)),
        }
    }

    fn answer_at_once(&mut self, request: Request) -> Value {
        let now = self.clock.now();
        match request {
            Request::Status { cluster } => {
                let wanted = |name: &ClusterName| cluster.as_ref().is_none_or(|c| c == name);
                let turns = self.fleet.turns().filter(|(name, _)| wanted(name));
                let clusters: Vec<_> = turns.map(|(_, turn)| View::of(turn).status(now)).collect();
                match (cluster, clusters.is_empty()) {
                    (Some(cluster), true) => self.unknown(&cluster),
                    _ => document(&Clusters { clusters }),
                }
            }
            Request::Explain { cluster, node } => {
                let Some(turn) = self.fleet.turn(&cluster) else { return self.unknown(&cluster) };
                match View::of(turn).explained(self.fleet.facts(), node.as_ref(), now) {
                    Some(explained) => document(&Clusters { clusters: vec![explained] }),
                    None => door::refusal(format!("{cluster} has not been looked at yet")),
                }
            }
            Request::Wake { .. } => {
                self.fleet.wake_all(now);
                done("every cluster is looked at now".into())
            }
            Request::Approve { cluster, hash, by, expires } => self.approve(&cluster, &hash, by, expires, now),
            Request::Waive { cluster, waiver } => self.waive(&cluster, waiver, now),
            Request::LiftWaiver { cluster, waiver, by } => self.lift_waiver(&cluster, &waiver, by, now),
            Request::Takeover { cluster, by } => self.take_over(&cluster, &by, now),
            Request::Stop { scope: Scope::Labels(labels), why, by } => self.pull(labels, why, by, now),
            Request::Stop { why, by, .. } => self.pull(BTreeMap::new(), why, by, now),
            Request::Go { scope: Scope::Labels(labels), by } => self.lift(labels, &by, now),
            Request::Go { by, .. } => self.lift(BTreeMap::new(), &by, now),
            Request::Retry { .. } | Request::Release { .. } => door::refusal("that is a command to a cluster"),
        }
    }

    pub(super) fn unknown(&self, cluster: &ClusterName) -> Value {
        door::refusal(format!("this daemon manages no cluster {cluster}; `rollward status` lists those it does"))
    }

    fn approve(&mut self, cluster: &ClusterName, hash: &str, by: String, expires: Option<Time>, now: Time) -> Value {
        let seen = self.fleet.turn(cluster).and_then(|t| t.memory.last_look.as_ref().map(|l| Arc::clone(&l.seen)));
        let Some(plan) = seen.and_then(|seen| self.fleet.plan(cluster, &seen, now)) else {
            return self.unknown(cluster);
        };
        if plan.hash != hash {
            return door::refusal(format!(
                "the plan of {cluster} is {} now, not {hash}: look at it with `rollward plan`, and approve what you see",
                plan.hash
            ));
        }
        if plan.sequence.is_empty() {
            return door::refusal(format!("the plan of {cluster} has no handoff: there is nothing to approve"));
        }
        if let Some(turn) = self.fleet.turn_mut(cluster) {
            turn.approve(&plan, by, expires, now);
        }
        self.fleet.wake(cluster, now);
        done(format!("approved: {} handoff(s) of {cluster}", plan.sequence.len()))
    }

    fn waive(&mut self, cluster: &ClusterName, waiver: Waiver, now: Time) -> Value {
        let Some(turn) = self.fleet.turn_mut(cluster) else { return self.unknown(cluster) };
        let what = waiver.what();
        turn.waive(waiver, now);
        self.fleet.wake(cluster, now);
        done(what)
    }

    fn lift_waiver(&mut self, cluster: &ClusterName, waiver: &Waiver, by: String, now: Time) -> Value {
        let Some(turn) = self.fleet.turn_mut(cluster) else { return self.unknown(cluster) };
        if !turn.lift_waiver(waiver, by, now) {
            return door::refusal(waiver.is_not_there());
        }
        self.fleet.wake(cluster, now);
        done(waiver.what())
    }

    fn pull(&mut self, labels: BTreeMap<String, String>, why: String, by: String, now: Time) -> Value {
        match self.store.write(&[Change::StopPulled { labels, why, by, at: now }]) {
            Ok(()) => {
                self.govern(now);
                done("nothing begins any more; what is begun is finished. `rollward go` lifts it".into())
            }
            Err(error) => door::refusal(format!("the stop cord could not be written down: {}", chain(&error))),
        }
    }

    fn lift(&mut self, labels: BTreeMap<String, String>, by: &str, now: Time) -> Value {
        match self.store.write(&[Change::StopLifted { labels, by: by.to_owned(), at: now }]) {
            Ok(()) => {
                (self.tell)(Told::Note(&format!("the stop cord was lifted by {by}")));
                self.govern(now);
                done("the stop cord is lifted".into())
            }
            Err(error) => door::refusal(format!("the stop cord could not be lifted: {}", chain(&error))),
        }
    }

    fn take_over(&mut self, cluster: &ClusterName, by: &str, now: Time) -> Value {
        let Some(turn) = self.fleet.turn_mut(cluster) else { return self.unknown(cluster) };
        let Some(seen) = turn.memory.last_look.as_ref().map(|l| Arc::clone(&l.seen)) else {
            return door::refusal(format!("{cluster} has not been looked at yet; try again"));
        };
        turn.take_over(&seen);
        self.note_command(cluster, "takeover", by, now);
        self.fleet.wake(cluster, now);
        done(format!("{cluster} is taken over from whoever held its claim"))
    }

    pub(super) fn note_command(&mut self, cluster: &ClusterName, what: &str, by: &str, now: Time) {
        let entry = Entry {
            cluster: cluster.clone(),
            at: now,
            revision: Arc::clone(&self.desired.revision),
            what: EntryKind::Commanded { what: what.to_owned(), by: by.to_owned() },
        };
        // The command is carried out; that it cannot be written down is told by the next entry that matters.
        let _ = self.record(&[entry]);
    }
}

pub(super) fn done(text: String) -> Value {
    json!({ "done": text })
}

fn document(document: &impl serde::Serialize) -> Value {
    serde_json::to_value(document).unwrap_or_else(|error| door::refusal(error.to_string()))
}
