//! Keeps the record within its limits, on a thread of its own with a connection of its own: the loop never waits for it longer
//! than for one of its small transactions.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender, TryRecvError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::clock::FleetClock;
use crate::model::time::Clock;
use crate::record::{Keep, OpenMode, Pruning, Store};

/// How often the record is looked through for what may go.
const EVERY: Duration = Duration::from_secs(3600);

/// Between two transactions, so that writers who wait have their turn.
const BREATH: Duration = Duration::from_millis(20);

/// The thread. It ends between two transactions when this goes.
pub(super) struct Pruner {
    ends: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Pruner {
    /// Begins to keep the record of this folder within these limits.
    pub fn start(state: &Path, keep: Keep, clock: Arc<FleetClock>) -> Self {
        let (ends, ended) = mpsc::channel::<()>();
        let state = state.to_owned();
        let work = move || {
            let goes_on = || {
                thread::sleep(BREATH);
                ended.try_recv() == Err(TryRecvError::Empty)
            };
            loop {
                prune(&state, &keep, &clock, goes_on);
                match ended.recv_timeout(EVERY) {
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        };
        let thread = thread::Builder::new().name("pruner".to_owned()).spawn(work);
        if let Err(error) = &thread {
            tracing::warn!("the record is not pruned: no thread for it ({error})");
        }
        Self { ends: Some(ends), thread: thread.ok() }
    }
}

impl Drop for Pruner {
    fn drop(&mut self) {
        drop(self.ends.take());
        // A thread that panicked has nothing left to do.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn prune(state: &Path, keep: &Keep, clock: &FleetClock, goes_on: impl Fn() -> bool) {
    let store = match Store::open(state, OpenMode::Write) {
        Ok(store) => store,
        Err(error) => return tracing::warn!("the record is not pruned: {}", super::chain(&error)),
    };
    match store.prune(keep, clock.now(), goes_on) {
        Err(error) => tracing::warn!("the record is not pruned any further: {}", super::chain(&error)),
        Ok(Pruning { lines, parts, over }) => {
            if lines + parts > 0 {
                tracing::info!("pruned {lines} entries of the record, and {parts} parts of what decisions rested on");
            }
            if let Some(over) = over {
                let (mib, limit) = (over >> 20, keep.bytes >> 20);
                tracing::warn!(
                    "the record takes {mib} MiB, more than its {limit}: what open rolls, each cluster's last action, and what \
                     is in force by command need of it stays; give it more room with --record-limit"
                );
            }
        }
    }
}
