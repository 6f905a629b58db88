//! People's commands to one cluster, carried out beside the loops of all others: a cluster that takes long to answer
//! delays nobody else.
//!
//! Its own loop waits meanwhile, and so does the next command to it: what a command finds is what the last one left.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::oneshot;

use super::{Daemon, door_keeper};
use crate::door::{self, Request, Scope};
use crate::guard::Command;
use crate::model::ClusterName;
use crate::model::time::Clock;
use crate::reconcile::Effect;

/// The command to a cluster that a request gives, with what the record calls it and who gave it; the request, if it gives
/// none.
pub(super) fn of(request: Request) -> Result<(ClusterName, Command, &'static str, String), Request> {
    Ok(match request {
        Request::Stop { scope: Scope::Cluster(cluster), why, by } => {
            (cluster, Command::Stop { node: None, why, by: by.clone() }, "stop", by)
        }
        Request::Stop { scope: Scope::Node { cluster, node }, why, by } => {
            (cluster, Command::Stop { node: Some(node), why, by: by.clone() }, "stop", by)
        }
        Request::Go { scope: Scope::Cluster(cluster), by } => (cluster, Command::Go { node: None }, "go", by),
        Request::Go { scope: Scope::Node { cluster, node }, by } => {
            (cluster, Command::Go { node: Some(node) }, "go", by)
        }
        Request::Retry { cluster, node, by } => (cluster, Command::Retry { node }, "retry", by),
        Request::Release { cluster, by } => (cluster, Command::Release, "release", by),
        other => return Err(other),
    })
}

/// A command, and where its answer goes.
pub(super) struct Order {
    pub cluster: ClusterName,
    pub command: Command,
    /// What the record calls it.
    pub what: &'static str,
    /// Who gave it.
    pub by: String,
    pub answer: oneshot::Sender<Value>,
}

/// What waits until the command under way in a cluster has ended.
#[derive(Default)]
pub(super) struct Waiting {
    effect: Option<Effect>,
    orders: VecDeque<Order>,
}

/// A command that has ended.
pub(super) struct Commanded {
    order: Order,
    outcome: Result<String, String>,
}

impl Daemon<'_> {
    /// Begins to carry out a command, or puts it behind the one that is under way in its cluster.
    pub(super) fn command(&mut self, order: Order) {
        let Some(driver) = self.drivers.get(&order.cluster).map(Arc::clone) else {
            let _ = order.answer.send(self.unknown(&order.cluster));
            return;
        };
        if let Some(waiting) = self.waiting.get_mut(&order.cluster) {
            waiting.orders.push_back(order);
            return;
        }
        self.waiting.insert(order.cluster.clone(), Waiting::default());
        let command = order.command.clone();
        self.commands.spawn(async move {
            let carried_out = tokio::spawn(async move { driver.command(command).await }).await;
            let outcome = carried_out.unwrap_or_else(|_| Err("the driver failed; the log says where".to_owned()));
            Commanded { order, outcome }
        });
    }

    /// Answers a command that has ended, and lets go on what has waited for it.
    pub(super) fn commanded(&mut self, Commanded { order, outcome }: Commanded) {
        let Order { cluster, what, by, answer, .. } = order;
        let now = self.clock.now();
        let value = match outcome {
            Ok(text) => {
                self.note_command(&cluster, what, &by, now);
                self.fleet.wake(&cluster, now);
                door_keeper::done(text)
            }
            Err(why) => door::refusal(why),
        };
        // A client that has gone away needs no answer.
        let _ = answer.send(value);
        let Some(Waiting { effect, mut orders }) = self.waiting.remove(&cluster) else { return };
        match orders.pop_front() {
            Some(next) => {
                self.command(next);
                if let Some(waiting) = self.waiting.get_mut(&cluster) {
                    *waiting = Waiting { effect, orders };
                }
            }
            None => {
                if let Some(effect) = effect {
                    self.start(cluster, effect);
                }
            }
        }
    }

    /// Puts off an effect while a command to its cluster is under way; gives it back if none is.
    pub(super) fn put_off(&mut self, cluster: &ClusterName, effect: Effect) -> Option<Effect> {
        match self.waiting.get_mut(cluster) {
            Some(waiting) => {
                waiting.effect = Some(effect);
                None
            }
            None => Some(effect),
        }
    }
}
