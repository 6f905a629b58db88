//! What the daemon lets others read: what each loop knew last, in a place that costs the loops next to nothing.
//!
//! The daemon only ever writes here, and never waits: a slot is replaced in an instant, whoever reads it, and what has
//! changed is said by name. Readers do all the work of putting it into words, on threads of their own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use super::view::View;
use crate::clock::{self, FleetClock};
use crate::fleet::Fleet;
use crate::guard::FleetFacts;
use crate::model::time::Clock;
use crate::model::{ClusterName, Time};
use crate::record::Entry;

/// At most one part in so many of the loop's time goes into copying what clusters know of each other.
const COPYING_SHARE: u32 = 100;

type Slots = BTreeMap<ClusterName, Arc<Slot>>;

/// What is published of one cluster.
pub struct Slot {
    view: watch::Sender<Arc<View>>,
    /// It was said that it has changed, and nobody has read it since.
    told: AtomicBool,
    looks: AtomicU64,
    look_micros: AtomicU64,
}

/// What has changed.
pub enum News {
    /// A line of the journal.
    Entry(Arc<Entry>),
    /// What is known of this cluster. Said once until it is read.
    Cluster(ClusterName),
    /// Which clusters there are.
    Clusters,
}

struct Board {
    clock: Arc<FleetClock>,
    started: Instant,
    /// When the loop last came round, in milliseconds since it started.
    turned: AtomicU64,
    slots: watch::Sender<Arc<Slots>>,
    fleet: watch::Sender<Arc<FleetFacts>>,
    unmanaged: watch::Sender<Arc<BTreeMap<ClusterName, String>>>,
}

/// What the daemon has published, for readers.
#[derive(Clone)]
pub struct Published(Arc<Board>);

/// The daemon's side of it.
pub(super) struct Publisher {
    board: Arc<Board>,
    news: mpsc::UnboundedSender<News>,
    /// The fleet's version that was copied last, and when the next copy may be made.
    copied: Option<u64>,
    next_copy: Instant,
}

/// An empty board: the daemon's side, the readers' side, and what changes.
pub(super) fn board(clock: Arc<FleetClock>) -> (Publisher, Published, mpsc::UnboundedReceiver<News>) {
    let started = clock::monotonic();
    let board = Arc::new(Board {
        clock,
        started,
        turned: AtomicU64::new(0),
        slots: watch::Sender::default(),
        fleet: watch::Sender::default(),
        unmanaged: watch::Sender::default(),
    });
    let (news, changes) = mpsc::unbounded_channel();
    let published = Published(Arc::clone(&board));
    (Publisher { board, news, copied: None, next_copy: started }, published, changes)
}

impl Slot {
    /// What the loop knew last.
    pub fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.borrow())
    }

    /// The same, for the one who reads the news: what comes after this is news again.
    pub fn view_for_news(&self) -> Arc<View> {
        self.told.store(false, Ordering::SeqCst);
        self.view()
    }

    /// How many looks there were, and how long all of them took together.
    pub fn looks(&self) -> (u64, Duration) {
        let looks = self.looks.load(Ordering::Relaxed);
        (looks, Duration::from_micros(self.look_micros.load(Ordering::Relaxed)))
    }

    /// A look took this long.
    pub(super) fn looked(&self, took: Duration) {
        self.looks.fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.look_micros.fetch_add(micros, Ordering::Relaxed);
    }
}

impl Published {
    /// What the fleet's clock shows.
    pub fn now(&self) -> Time {
        self.0.clock.now()
    }

    /// Every managed cluster.
    pub fn clusters(&self) -> Arc<BTreeMap<ClusterName, Arc<Slot>>> {
        Arc::clone(&self.0.slots.borrow())
    }

    /// One managed cluster.
    pub fn cluster(&self, name: &ClusterName) -> Option<Arc<Slot>> {
        self.0.slots.borrow().get(name).cloned()
    }

    /// What each cluster must know of the others.
    pub fn fleet(&self) -> Arc<FleetFacts> {
        Arc::clone(&self.0.fleet.borrow())
    }

    /// Clusters whose drivers could not be opened, and why.
    pub fn unmanaged(&self) -> Arc<BTreeMap<ClusterName, String>> {
        Arc::clone(&self.0.unmanaged.borrow())
    }

    /// How long ago the loop last came round. It does so every few seconds, whatever happens.
    pub fn silent_for(&self) -> Duration {
        self.0.started.elapsed().saturating_sub(Duration::from_millis(self.0.turned.load(Ordering::Relaxed)))
    }
}

impl Publisher {
    /// The loop has come round.
    pub fn turned(&mut self, fleet: &Fleet) {
        let elapsed = self.board.started.elapsed();
        self.board.turned.store(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        if self.copied == Some(fleet.version()) || self.board.started + elapsed < self.next_copy {
            return;
        }
        self.board.fleet.send_replace(Arc::new(fleet.facts().clone()));
        let took = self.board.started.elapsed().saturating_sub(elapsed);
        (self.copied, self.next_copy) = (Some(fleet.version()), clock::monotonic() + took * COPYING_SHARE);
    }

    /// Which clusters are managed, and which could not be.
    pub fn clusters(&mut self, fleet: &Fleet, unmanaged: &BTreeMap<ClusterName, String>) {
        let before = Arc::clone(&self.board.slots.borrow());
        let same = before.keys().eq(fleet.turns().map(|(name, _)| name));
        if !same {
            let slot = |(name, turn)| (ClusterName::clone(name), self.slot(&before, name, turn));
            let slots = fleet.turns().map(slot).collect();
            self.board.slots.send_replace(Arc::new(slots));
        }
        let same_unmanaged = **self.board.unmanaged.borrow() == *unmanaged;
        if !same_unmanaged {
            self.board.unmanaged.send_replace(Arc::new(unmanaged.clone()));
        }
        if !same || !same_unmanaged {
            // Nobody may be reading any more.
            let _ = self.news.send(News::Clusters);
        }
    }

    fn slot(&self, before: &Slots, name: &ClusterName, turn: &crate::reconcile::Turn) -> Arc<Slot> {
        before.get(name).cloned().unwrap_or_else(|| {
            Arc::new(Slot {
                view: watch::Sender::new(Arc::new(View::of(turn))),
                told: AtomicBool::new(false),
                looks: AtomicU64::new(0),
                look_micros: AtomicU64::new(0),
            })
        })
    }

    /// What the loop of this cluster knows now.
    pub fn cluster(&self, fleet: &Fleet, name: &ClusterName) {
        let slots = self.board.slots.borrow();
        let (Some(slot), Some(turn)) = (slots.get(name), fleet.turn(name)) else { return };
        slot.view.send_replace(Arc::new(View::of(turn)));
        if !slot.told.swap(true, Ordering::SeqCst) {
            let _ = self.news.send(News::Cluster(name.clone()));
        }
    }

    /// Where the looks at this cluster are counted.
    pub fn counter(&self, name: &ClusterName) -> Option<Arc<Slot>> {
        self.board.slots.borrow().get(name).cloned()
    }

    /// A line of the journal.
    pub fn entry(&self, entry: &Entry) {
        let _ = self.news.send(News::Entry(Arc::new(entry.clone())));
    }
}
