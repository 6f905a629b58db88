//! People's commands to one cluster, carried out beside the loops of all others: a cluster that takes long to answer
//! delays nobody else.
//!
//! Its own loop waits meanwhile, and so does the next command to it: what a command finds is what the last one left. What
//! was judged on a look from before a command's end is not begun after it: once a stop cord is said to be pulled, nothing
//! begins that has not seen it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::oneshot;

use super::{Daemon, door_keeper};
use crate::door::{self, Request, Scope};
use crate::drivers::Driver;
use crate::guard::Command;
use crate::model::time::Clock;
use crate::model::{Answer, ClusterName};
use crate::reconcile::{Effect, Input};

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

/// Each cluster's commands, and its effects beside them: one thing after the other.
#[derive(Default)]
pub(super) struct Commands {
    /// For each cluster with a command under way, what waits for its end.
    waiting: BTreeMap<ClusterName, Waiting>,
    /// Clusters to which a command has been given that no look has been begun after.
    unseen: BTreeSet<ClusterName>,
}

#[derive(Default)]
struct Waiting {
    effect: Option<Effect>,
    orders: VecDeque<Order>,
}

/// Whether an effect may begin.
pub(super) enum Turn {
    Now(Effect),
    /// When the command under way has ended.
    Later,
    /// It was judged before a command that has ended since: what comes of it instead.
    Overtaken(Input),
}

impl Commands {
    /// The command, if it may begin now; it waits for the one that is under way in its cluster.
    fn begin(&mut self, order: Order) -> Option<Order> {
        if let Some(waiting) = self.waiting.get_mut(&order.cluster) {
            waiting.orders.push_back(order);
            return None;
        }
        self.waiting.insert(order.cluster.clone(), Waiting::default());
        Some(order)
    }

    /// A command has ended, well or not, for some of it may have been done: what comes next, another command first.
    fn end(&mut self, cluster: &ClusterName) -> (Option<Order>, Option<Effect>) {
        self.unseen.insert(cluster.clone());
        let Some(waiting) = self.waiting.get_mut(cluster) else { return (None, None) };
        if let Some(next) = waiting.orders.pop_front() {
            return (Some(next), None);
        }
        let effect = self.waiting.remove(cluster).and_then(|waiting| waiting.effect);
        (None, effect)
    }

    /// Whether an effect of a cluster's loop may begin now.
    pub fn turn(&mut self, cluster: &ClusterName, effect: Effect) -> Turn {
        if let Some(waiting) = self.waiting.get_mut(cluster) {
            waiting.effect = Some(effect);
            return Turn::Later;
        }
        match effect {
            Effect::Observe => _ = self.unseen.remove(cluster),
            Effect::Perform(_) if self.unseen.contains(cluster) => {
                let saw = "somebody's command since the last look".to_owned();
                return Turn::Overtaken(Input::Performed(Answer::Refused { check: "command".to_owned(), saw }));
            }
            _ => (),
        }
        Turn::Now(effect)
    }

    /// Forgets what waits: the daemon ends, and begins nothing any more.
    pub fn forget(&mut self) {
        self.waiting.clear();
    }
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
        if let Some(order) = self.commands.begin(order) {
            self.carry_out(driver, order);
        }
    }

    fn carry_out(&mut self, driver: Arc<dyn Driver>, order: Order) {
        let command = order.command.clone();
        self.commanding.spawn(async move {
            let carried_out = tokio::spawn(async move { driver.command(command).await }).await;
            let outcome = carried_out
                .unwrap_or_else(|_| Err("the driver failed; the log says where: mend that, and try again".to_owned()));
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
        loop {
            match self.commands.end(&cluster) {
                (Some(next), _) => match self.drivers.get(&cluster).map(Arc::clone) {
                    Some(driver) => return self.carry_out(driver, next),
                    None => _ = next.answer.send(self.unknown(&cluster)),
                },
                (None, Some(effect)) => return self.start(cluster, effect),
                (None, None) => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::judge;
    use crate::guard::testing::{Story, stage};

    fn perform() -> Effect {
        Effect::Perform(judge(stage("EXNODE2"), &Story::ccr().facts()).unwrap())
    }

    fn order(cluster: &ClusterName) -> Order {
        Order {
            cluster: cluster.clone(),
            command: Command::Release,
            what: "release",
            by: "ops".to_owned(),
            answer: oneshot::channel().0,
        }
    }

    /// The stop cord of a cluster judges nothing on the node: only a look can see it.
    #[test]
    fn what_was_judged_before_a_command_is_not_begun_after_it() {
        let (mut commands, cluster) = (Commands::default(), ClusterName::from("mbx-ccr-01"));
        assert!(commands.begin(order(&cluster)).is_some());
        assert!(matches!(commands.turn(&cluster, perform()), Turn::Later));
        let (next, effect) = commands.end(&cluster);
        assert!(next.is_none());
        let Turn::Overtaken(input) = commands.turn(&cluster, effect.unwrap()) else { panic!("it is begun") };
        assert!(matches!(input, Input::Performed(Answer::Refused { .. })), "{input:?}");
        // A look that was under way meanwhile may have seen nothing of it either.
        assert!(matches!(commands.turn(&cluster, perform()), Turn::Overtaken(_)));
        assert!(matches!(commands.turn(&"mbx-ccr-02".into(), perform()), Turn::Now(_)));
        assert!(matches!(commands.turn(&cluster, Effect::Observe), Turn::Now(Effect::Observe)));
        assert!(matches!(commands.turn(&cluster, perform()), Turn::Now(Effect::Perform(_))));
    }

    #[test]
    fn one_command_goes_after_the_other_and_the_loop_after_all() {
        let (mut commands, cluster) = (Commands::default(), ClusterName::from("mbx-ccr-01"));
        assert!(commands.begin(order(&cluster)).is_some());
        assert!(commands.begin(order(&cluster)).is_none());
        assert!(matches!(commands.turn(&cluster, Effect::Observe), Turn::Later));
        assert!(matches!(commands.end(&cluster), (Some(_), None)));
        assert!(commands.begin(order(&cluster)).is_none(), "the second one is under way");
        assert!(matches!(commands.end(&cluster), (Some(_), None)));
        assert!(matches!(commands.end(&cluster), (None, Some(Effect::Observe))));
        assert!(commands.begin(order(&cluster)).is_some());
    }
}
