//! Pacemaker 2.x on Corosync 3: real clusters, over the operator's OpenSSH client or on this machine.
//!
//! Every node is asked in one go, by one script. Nothing is believed of a node without quorum but what it says of its
//! own machine.

mod act;
mod by_hand;
mod cib;
mod claim;
mod command;
mod doctor;
mod drain;
mod foresee;
mod init;
mod kept;
mod look;
mod marks;
mod probe;
mod snapshot;
mod software;
pub mod spec;
mod ssh;
mod status;
mod units;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;

pub use self::by_hand::by_hand;
pub use self::init::init;
pub use self::look::Asked;
use self::look::Raw;
use self::ssh::Way;
use super::{ClaimAnswer, Driver, Later, Readiness, Snapshot};
use crate::desired::Cluster;
use crate::guard::{Command, DriverTraits, Permit};
use crate::model::time::Clock;
use crate::model::{Action, Answer, Claim, Known, NodeName, Rollup, RollupName};
use crate::observed::{Observation, SideEffect, effect};

/// The driver's name in manifests.
pub const NAME: &str = "pacemaker";

/// How long one look at one node may take: a connection, and a second or two of commands.
const LOOK_PATIENCE: Duration = Duration::from_secs(30);

/// For so long after its end a look is what another would be: one that begins then takes longer than this to be over,
/// and its facts are no younger for it. So the look that was decided on is also the one to judge on, as nothing but the
/// thought lies between them; a fact gets older by no more than this, and is judged by its age as ever. What must be so
/// at the instant of an act, the node shows then, after the announcement.
const STILL: jiff::SignedDuration = jiff::SignedDuration::from_millis(200);

/// How old the last look may be to be turned to again.
const RECENT: jiff::SignedDuration = jiff::SignedDuration::from_secs(5);

/// A Pacemaker cluster as a driver.
pub struct Pacemaker {
    asked: Mutex<Arc<Asked>>,
    way: Arc<Way>,
    clock: Arc<dyn Clock>,
    /// The last look: it says which node to turn to, and what an action would lead to that lets nothing move by itself.
    /// What must be so at the instant of an act, the node shows then.
    last: Mutex<Option<Arc<Observation>>>,
    /// How often we have done something: what was looked at before is not turned to again.
    done: AtomicU64,
}

impl Pacemaker {
    /// A driver for a cluster, on a clock.
    pub fn new(asked: Asked, clock: Arc<dyn Clock>) -> Self {
        let way = Arc::new(Way::new(asked.spec.clone()));
        Self { asked: Mutex::new(Arc::new(asked)), way, clock, last: Mutex::new(None), done: AtomicU64::new(0) }
    }

    fn asked(&self) -> Arc<Asked> {
        Arc::clone(&self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks at every declared node, all at once.
    async fn ask(&self, asked: &Arc<Asked>) -> Raw {
        self.ask_by(probe::SCRIPT, asked).await
    }

    async fn ask_by(&self, script: &'static str, asked: &Arc<Asked>) -> Raw {
        let mut looks = JoinSet::new();
        for node in asked.nodes.keys().cloned() {
            let (way, asked) = (Arc::clone(&self.way), Arc::clone(asked));
            looks.spawn(async move {
                let variables = asked.variables(&node);
                let given: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
                let said = way.run(&node, script, &given, LOOK_PATIENCE).await;
                (node, said)
            });
        }
        looks.join_all().await.into_iter().collect()
    }

    async fn look(&self, asked: &Arc<Asked>) -> Arc<Observation> {
        let done = self.done.load(Ordering::SeqCst);
        let raw = self.ask(asked).await;
        let seen = Arc::new(look::look(asked, &raw, self.clock.now()));
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = (self.done.load(Ordering::SeqCst) == done).then(|| Arc::clone(&seen));
        seen
    }

    /// The last look, if it ended no longer ago than this; else another.
    async fn look_within(&self, age: jiff::SignedDuration, asked: &Arc<Asked>) -> Arc<Observation> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match last.filter(|seen| self.clock.now().duration_since(seen.at).abs() < age) {
            Some(seen) => seen,
            None => self.look(asked).await,
        }
    }

    /// The last look, if it is one of just now; else another.
    async fn recent(&self, asked: &Arc<Asked>) -> Arc<Observation> {
        self.look_within(RECENT, asked).await
    }

    /// We have done something, or may have: no look so far has seen it.
    fn forget_look(&self) {
        self.done.fetch_add(1, Ordering::SeqCst);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Where an action is carried out: on the node that it is about; what only changes the store, on any that answers
    /// with quorum.
    async fn place(&self, action: &Action, asked: &Arc<Asked>) -> Option<NodeName> {
        if let (Some(node), false) = (action.node(), matches!(action, Action::Release { .. })) {
            return Some(node.clone());
        }
        self.recent(asked).await.views.iter().find(|view| view.quorate).map(|view| view.from.clone())
    }

    /// Where the cluster is down on the node, another node's store takes the announcement: any that answers with
    /// quorum, if one does.
    async fn beside(&self, action: &Action, node: &NodeName, asked: &Arc<Asked>) -> Option<Option<NodeName>> {
        let may_be_down = matches!(
            action,
            Action::Install { .. } | Action::Uninstall { .. } | Action::Reboot { .. } | Action::StartCluster { .. }
        );
        if !may_be_down {
            return None;
        }
        let seen = self.recent(asked).await;
        let runs = seen.nodes.get(node).is_none_or(|seen| !seen.cluster_service.surely(|runs| !runs));
        let peer = || seen.views.iter().find(|view| view.quorate && view.from != *node).map(|view| view.from.clone());
        (!runs).then(peer)
    }

    async fn carry_out(&self, permit: Permit) -> Answer {
        let asked = self.asked();
        let (action, claim, checks) = permit.into_parts();
        let Some(node) = self.place(&action, &asked).await else {
            return Answer::Refused { check: "store".into(), saw: "no node with quorum answers".into() };
        };
        let of = action.rollup();
        let rollup = asked.nodes.values().find(|rollup| of.is_some_and(|of| rollup.name == *of));
        let files = rollup.into_iter().flat_map(|rollup| &rollup.packages).map(|package| package.file.clone());
        let packages = files.filter_map(|file| asked.packages.get(&file).cloned().map(|at| (file, at))).collect();
        let beside = self.beside(&action, &node, &asked).await;
        let order = act::Order {
            action: &action,
            claim: claim.as_ref(),
            checks: &checks,
            at: self.clock.now(),
            node: &node,
            rollup: rollup.map(|rollup| &**rollup),
            packages,
            alone: beside.is_some(),
        };
        let announced = beside.flatten();
        if let Some(peer) = &announced
            && let Err(saw) = command::announce(&self.way, &asked, peer, order.announcement()).await
        {
            return Answer::Refused { check: "store".into(), saw };
        }
        let others = async || {
            let mut raw = self.ask(&asked).await;
            raw.remove(&node);
            raw
        };
        let answer = act::perform(&self.way, &asked, &order, others).await;
        // Where nothing was begun, nothing is announced; else it is taken back when the work is seen to have ended.
        if let (Answer::Refused { .. }, Some(peer)) = (&answer, &announced) {
            command::withdraw(&self.way, &asked, peer, &order.announcement()).await;
        }
        answer
    }
}

/// What was seen when a snapshot was saved.
///
/// # Errors
/// It makes no sense.
pub fn replay(cluster: &Cluster, snapshot: &Snapshot) -> Result<Observation, String> {
    let raw = snapshot::load(&snapshot.raw)?;
    Ok(look::look(&Asked::new(cluster)?, &raw, snapshot.at))
}

impl Driver for Pacemaker {
    fn traits(&self) -> DriverTraits {
        // A standby drains the node by itself, and so do bans; a copied package disturbs nothing.
        DriverTraits { pause_keeps_groups: false, staging_disturbs: false, can_stop_cluster_service: true }
    }

    fn observe(&self) -> Later<'_, Observation> {
        Box::pin(async move {
            let asked = self.asked();
            Observation::clone(&*self.look_within(STILL, &asked).await)
        })
    }

    fn foresee<'a>(&'a self, action: &'a Action) -> Later<'a, Known<Vec<SideEffect>>> {
        Box::pin(async move {
            let asked = self.asked();
            let seen = self.recent(&asked).await;
            if !foresee::is_asked(action) {
                return effect::side_effects(action, &seen);
            }
            let Some(view) = seen.views.iter().find(|view| view.quorate) else {
                return Known::unknown("no node with quorum answers");
            };
            let banned = match drain::kept_off(&asked, &seen) {
                Ok(banned) => banned,
                Err(why) => return Known::unknown(why),
            };
            match foresee::foresee(&self.way, &view.from, action, banned.as_deref()).await {
                Ok(effects) => Known::seen(effects, self.clock.now()),
                Err(why) => Known::unknown(why),
            }
        })
    }

    fn claim(&self, expected: Option<Claim>, wanted: Option<Claim>) -> Later<'_, ClaimAnswer> {
        Box::pin(async move {
            let asked = self.asked();
            let epoch = asked.spec.admin_epoch;
            let answer = claim::swap(&self.way, epoch, asked.nodes.keys(), expected.as_ref(), wanted.as_ref()).await;
            self.forget_look();
            answer
        })
    }

    fn perform(&self, permit: Permit) -> Later<'_, Answer> {
        Box::pin(async move {
            let answer = self.carry_out(permit).await;
            self.forget_look();
            answer
        })
    }

    fn command(&self, command: Command) -> Later<'_, Result<String, String>> {
        Box::pin(async move {
            let asked = self.asked();
            let seen = self.look(&asked).await;
            self.forget_look();
            let done = command::carry_out(&self.way, &asked, &seen, command, self.clock.now()).await;
            self.forget_look();
            done
        })
    }

    fn readiness(&self) -> Later<'_, Vec<Readiness>> {
        Box::pin(async move {
            let asked = self.asked();
            let raw = self.ask_by(doctor::SCRIPT, &asked).await;
            doctor::check(&asked, &raw, self.clock.now())
        })
    }

    fn snapshot(&self) -> Later<'_, Result<Snapshot, String>> {
        Box::pin(async move {
            let asked = self.asked();
            let raw = snapshot::save(&self.ask(&asked).await)?;
            Ok(Snapshot { driver: NAME.into(), cluster: asked.cluster.clone(), at: self.clock.now(), raw })
        })
    }

    fn learn(&self, cluster: &Cluster, _: &BTreeMap<RollupName, Arc<Rollup>>) {
        if let Ok(asked) = Asked::new(cluster) {
            *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(asked);
            self.forget_look();
        }
    }
}
