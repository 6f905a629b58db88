//! Drives the loops of all clusters with tokio. What can wake it is a closed list: [`Event`].
//!
//! It carries out effects and decides nothing. It may be killed at any point: see [`crate::reconcile`].

mod commands;
mod door_keeper;
mod effects;
mod manage;
mod manifests;
mod measure;
mod open;
mod pruner;
mod publish;
mod report;
mod supervisor;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::clock::{self, FleetClock};
use crate::desired::Desired;
use crate::door::{self, DoorKeeper, Request};
use crate::drivers::Driver;
use crate::fleet::{Fleet, Step};
use crate::guard::{RuleSet, Stop};
use crate::model::time::Clock;
use crate::model::{Answer, ClusterName, Holder};
use crate::reconcile::{Effect, Input};
use crate::record::{Change, Entry, EntryKind, FolderLock, Keep, OpenMode, Roll, Store};

use effects::{answered, carry_out, no_answer};

pub use manifests::INDEX as KEPT_INDEX;
pub use publish::{News, Published, Slot};
pub use report::{ClusterReport, Ended, Report};
pub use view::View;

/// The slow look at the manifests' folder: the net under lost file events, and under file systems that send none.
const SLOW_POLL: Duration = Duration::from_secs(5);

/// What a run needs to know.
pub struct RunOptions {
    /// Manifest files and folders.
    pub paths: Vec<PathBuf>,
    /// Only these clusters; all if empty.
    pub clusters: Vec<ClusterName>,
    /// The state folder.
    pub state: PathBuf,
    /// Where simulated worlds are kept, if not in the state folder.
    pub worlds: Option<PathBuf>,
    /// Start simulated worlds over.
    pub fresh_world: bool,
    /// End as soon as nothing is left to do.
    pub until_converged: bool,
    /// End after this long, by the host's clock.
    pub timeout: Option<Duration>,
    /// How much of the record is kept.
    pub keep: Keep,
    /// Opens a service in front of the daemon, once it is sure to run.
    pub front: Option<OpenFront>,
}

/// What a service in front of the daemon works with: it reads what is published, and hands in people's commands as
/// other processes do.
pub struct Front {
    /// What every loop knew last.
    pub published: Published,
    /// What has changed, as it changes. Closed when the daemon ends.
    pub news: mpsc::UnboundedReceiver<News>,
    /// Takes requests to the daemon's own loop.
    pub keeper: Arc<dyn DoorKeeper>,
}

/// Opens a service, and returns what is to be told of it; or says why it cannot be opened.
pub type OpenFront = Box<dyn FnOnce(Front) -> Result<String, String> + Send>;

/// Why a daemon does not start. Everything that goes wrong later is told, and does not end it.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The manifests leave nothing to manage, in whole sentences; what is wrong with them was told before, with its place.
    #[error("{0}")]
    Manifests(String),
    /// The state folder cannot be used, or another daemon uses it.
    #[error("{0}")]
    State(String),
    /// The service in front of the daemon cannot be opened.
    #[error("{0}")]
    Front(String),
    /// A driver cannot be started.
    #[error("cluster {cluster}: {why}")]
    Driver {
        /// Of which cluster.
        cluster: ClusterName,
        /// What is wrong, and what to do.
        why: String,
    },
}

/// What is told while it runs.
pub enum Told<'a> {
    /// A line of the journal.
    Entry(&'a Entry),
    /// Something about the manifests: a diagnostic, rendered.
    Manifests(&'a str),
    /// Something about the daemon itself.
    Note(&'a str),
}

/// All that can wake the daemon.
enum Event {
    /// An effect was carried out.
    Input(ClusterName, Input),
    /// A cluster's time has come, or the clock says so.
    Time,
    /// The manifests may have changed.
    Manifests,
    /// Another process asks something.
    Door(Request, oneshot::Sender<Value>),
    /// The outage of a role has been measured.
    Measured(measure::Ended),
    /// A person's command has been carried out.
    Commanded(Box<commands::Commanded>),
    /// The host asks it to end.
    Terminate,
}

struct Daemon<'a> {
    options: RunOptions,
    store: Store,
    clock: Arc<FleetClock>,
    holder: Holder,
    fleet: Fleet,
    drivers: BTreeMap<ClusterName, Arc<dyn Driver>>,
    desired: Desired,
    manifests: manifests::Watched,
    tasks: JoinSet<(ClusterName, Input)>,
    commands: commands::Commands,
    /// Commands under way.
    commanding: JoinSet<commands::Commanded>,
    actions: BTreeMap<ClusterName, u64>,
    rolls: BTreeMap<ClusterName, Roll>,
    /// The stop cords of the record, as they were last read.
    stops: Vec<Stop>,
    /// Clusters whose drivers could not be opened, and why.
    unmanaged: BTreeMap<ClusterName, String>,
    /// Where others read what the loops know, if anybody does.
    publisher: Option<publish::Publisher>,
    measurements: measure::Measurements,
    supervisor: supervisor::Supervisor,
    tell: &'a mut (dyn FnMut(Told<'_>) + Send),
}

/// Runs until it is told to end, or until nothing is left to do if that was asked for.
///
/// # Errors
/// It could not start.
pub async fn run(mut options: RunOptions, tell: &mut (dyn FnMut(Told<'_>) + Send)) -> Result<Report, RunError> {
    let state = |e: &dyn std::error::Error| RunError::State(chain(e));
    crate::record::folder::make(&options.state).map_err(|e| state(&e))?;
    let lock = FolderLock::take(&options.state, clock::wall()).map_err(|e| state(&e))?;
    let store = Store::open(&options.state, OpenMode::Write).map_err(|e| state(&e))?;
    let holder = holder(&options.state);
    let (watched, desired) = manifests::Watched::begin(&options, &store, clock::wall(), tell)?;
    let (clock, drivers) = open::all(&desired, &options)?;
    let (door_send, mut door) = mpsc::channel(64);
    let keeper: Arc<dyn DoorKeeper> = Arc::new(door_keeper::Keeper { to: door_send });
    let _door = door::open(&lock, Arc::clone(&keeper)).map_err(|e| state(&e))?;
    let rolls = store.rolls().map_err(|e| state(&e))?;
    let stops = store.stops().map_err(|e| state(&e))?;
    let publisher = match options.front.take() {
        Some(front) => {
            let (publisher, published, news) = publish::board(Arc::clone(&clock));
            let note = front(Front { published, news, keeper }).map_err(RunError::Front)?;
            tell(Told::Note(&note));
            Some(publisher)
        }
        None => None,
    };
    let _pruner = pruner::Pruner::start(&options.state, options.keep, Arc::clone(&clock));
    let mut daemon = Daemon {
        store,
        clock,
        holder,
        fleet: Fleet::new(RuleSet::ALL),
        drivers,
        desired,
        manifests: watched,
        tasks: JoinSet::new(),
        commands: commands::Commands::default(),
        commanding: JoinSet::new(),
        actions: BTreeMap::new(),
        rolls,
        stops,
        unmanaged: BTreeMap::new(),
        publisher,
        measurements: measure::Measurements::default(),
        supervisor: supervisor::Supervisor::new(),
        tell,
        options,
    };
    daemon.populate();
    let ended = daemon.run(&mut door).await;
    Ok(daemon.report(ended))
}

impl Daemon<'_> {
    async fn run(&mut self, door: &mut mpsc::Receiver<(Request, oneshot::Sender<Value>)>) -> Ended {
        let mut terminate = signals();
        let started = clock::monotonic();
        let mut poll = tokio::time::interval(SLOW_POLL);
        poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        poll.tick().await;
        loop {
            if let Some(by) = self.clock.follow(clock::wall()) {
                (self.tell)(Told::Note(&format!("the host's clock jumped by {by:#}; looking at everything again")));
                self.fleet.clock_jumped(by, self.clock.now());
            }
            for (name, effect) in self.fleet.begin_due(self.clock.now()) {
                self.start(name, effect);
            }
            if let Some(publisher) = &mut self.publisher {
                publisher.turned(&self.fleet);
            }
            self.supervisor.turned(clock::monotonic(), &self.fleet);
            let idle = self.tasks.is_empty() && self.commanding.is_empty();
            let ended = self.ended().filter(|_| idle);
            if let Some(ended) = ended.filter(|_| !self.measurements.are_ending()) {
                return ended;
            }
            let timeout = self.options.timeout.map(|t| t.saturating_sub(started.elapsed()));
            if timeout == Some(Duration::ZERO) {
                return Ended::TimeOut;
            }
            // What is still measured is so by the host's own time: on a virtual clock nothing more is to happen meanwhile.
            if idle && ended.is_none() && self.jump() {
                continue;
            }
            let wait = self.wait(timeout);
            let event = tokio::select! {
                Some(done) = self.tasks.join_next(), if !self.tasks.is_empty() => match done {
                    Ok((name, input)) => Event::Input(name, input),
                    Err(_) => Event::Time,
                },
                Some(done) = self.commanding.join_next(), if !self.commanding.is_empty() => match done {
                    Ok(commanded) => Event::Commanded(Box::new(commanded)),
                    Err(_) => Event::Time,
                },
                Some(ended) = self.measurements.next() => Event::Measured(ended),
                () = wait => Event::Time,
                () = self.manifests.changed() => Event::Manifests,
                _ = poll.tick() => Event::Manifests,
                Some((request, answer)) = door.recv() => Event::Door(request, answer),
                Some(()) = terminate.recv() => Event::Terminate,
            };
            match event {
                Event::Input(name, input) => self.input(name, input),
                Event::Measured(ended) => self.measured(ended),
                Event::Time => {}
                Event::Manifests => self.reload(),
                Event::Door(request, answer) => self.answer(request, answer),
                Event::Commanded(commanded) => self.commanded(*commanded),
                Event::Terminate => return self.terminate().await,
            }
        }
    }

    /// How long to wait for the next loop to wake. On a virtual clock only something from outside can wake it: look now and then
    /// whether a hand has been laid on a world.
    fn wait(&self, timeout: Option<Duration>) -> tokio::time::Sleep {
        let next = self.fleet.next_wake().and_then(|at| self.clock.wait_until(at));
        let next = if self.clock.is_virtual() { Duration::from_secs(1) } else { next.unwrap_or(SLOW_POLL) };
        let at_most = [timeout, self.supervisor.patience()].into_iter().flatten();
        tokio::time::sleep(at_most.fold(next, Duration::min))
    }

    /// On a virtual clock with nothing under way: jumps to the next thing that happens, if there is one.
    fn jump(&mut self) -> bool {
        if !self.clock.is_virtual() {
            return false;
        }
        let now = self.clock.now();
        let event = self.drivers.values().filter_map(|d| d.world()?.next_event()).min();
        let due = if self.fleet.is_at_rest() { None } else { self.fleet.next_due() };
        let next = [event, due].into_iter().flatten().min().map(|at| at.max(now));
        if let Some(next) = next {
            self.clock.advance(next);
        }
        let mut touched = false;
        for (name, driver) in &self.drivers {
            if driver.world().is_some_and(|w| w.advance_to(next.unwrap_or(now))) {
                self.fleet.wake(name, self.clock.now());
                touched = true;
            }
        }
        touched || next.is_some()
    }

    /// Carries out an effect, and those that follow, for as long as none has to be waited for. So a simulated fleet
    /// goes its way in one order, and the same seed tells the same story.
    fn start(&mut self, name: ClusterName, mut effect: Effect) {
        loop {
            let Some(driver) = self.drivers.get(&name).map(Arc::clone) else { return };
            let input = match effect {
                Effect::Record(entries) => Input::Recorded(self.record(&entries)),
                Effect::SleepUntil(_) | Effect::Done => return,
                effect => {
                    if let Effect::Perform(permit) = &effect {
                        self.measure(&name, permit.action());
                    }
                    let effect = match self.commands.turn(&name, effect) {
                        commands::Turn::Now(effect) => effect,
                        commands::Turn::Later => return,
                        commands::Turn::Overtaken(input) => return self.input(name, input),
                    };
                    let looks = self.publisher.as_ref().filter(|_| matches!(effect, Effect::Observe));
                    let counter = looks.and_then(|publisher| publisher.counter(&name));
                    let mut later = Box::pin(async move {
                        let Some(counter) = counter else { return carry_out(&*driver, effect).await };
                        let began = clock::monotonic();
                        let input = carry_out(&*driver, effect).await;
                        counter.looked(began.elapsed());
                        input
                    });
                    let at_once = || later.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                    match catch_unwind(AssertUnwindSafe(at_once)) {
                        Ok(Poll::Ready(input)) => input,
                        Ok(Poll::Pending) => {
                            self.tasks.spawn(async move { (name, answered(tokio::spawn(later)).await) });
                            return;
                        }
                        Err(_) => {
                            self.tasks.spawn(async move { (name, no_answer().await) });
                            return;
                        }
                    }
                }
            };
            match self.take(&name, input) {
                Some(next) => effect = next,
                None => return,
            }
        }
    }

    fn input(&mut self, name: ClusterName, input: Input) {
        if let Some(effect) = self.take(&name, input) {
            self.start(name, effect);
        }
    }

    /// Gives a loop its answer; what it wants next, if its turn is not over.
    fn take(&mut self, name: &ClusterName, input: Input) -> Option<Effect> {
        if let Input::Performed(Answer::Accepted | Answer::Unsure { .. }) = input {
            *self.actions.entry(name.clone()).or_default() += 1;
        }
        let looked = matches!(input, Input::Observed(_));
        let step = self.fleet.input(name, input, self.clock.now());
        if let Some(publisher) = self.publisher.as_ref().filter(|_| looked || matches!(step, Step::Asleep)) {
            publisher.cluster(&self.fleet, name);
        }
        match step {
            Step::Do(effect) => return Some(effect),
            Step::Asleep => self.keep_roll(name),
            Step::Gone => self.gone(name),
        }
        None
    }

    fn record(&mut self, entries: &[Entry]) -> Result<(), Arc<str>> {
        for entry in entries {
            (self.tell)(Told::Entry(entry));
            if let Some(publisher) = &self.publisher {
                publisher.entry(entry);
            }
        }
        self.follow_measured(entries);
        let mut changes: Vec<Change> = entries.iter().cloned().map(Change::from).collect();
        for entry in entries {
            // What is left of an approval after a handoff of its sequence.
            if let EntryKind::Outcome { action: crate::model::Action::Handoff { .. }, failure: None, .. } = &entry.what
                && let Some(turn) = self.fleet.turn(&entry.cluster)
            {
                let left = turn.history.approvals.iter().cloned();
                changes.extend(left.map(|a| Change::Approval(entry.cluster.clone(), a)));
            }
        }
        // With the lines that tell of it, or a kill in between would forget a handoff that they prove.
        let names: BTreeSet<&ClusterName> = entries.iter().map(|entry| &entry.cluster).collect();
        let ledgers: Vec<_> = names.into_iter().filter_map(|name| Some((name.clone(), self.ledger(name)?))).collect();
        changes.extend(ledgers.iter().cloned().map(|(name, roll)| Change::Roll(name, roll)));
        self.store.write(&changes).map_err(|e| chain(&e))?;
        self.rolls.extend(ledgers);
        self.learn(entries);
        Ok(())
    }

    /// Keeps the ledger of the present roll, where it has changed.
    fn keep_roll(&mut self, name: &ClusterName) {
        if let Some(roll) = self.ledger(name) {
            // A ledger that cannot be written is written at the next change; nothing but counts hangs on it.
            let _ = self.store.write(&[Change::Roll(name.clone(), roll.clone())]);
            self.rolls.insert(name.clone(), roll);
        }
    }

    /// The ledger of the present roll, if the record has another.
    fn ledger(&self, name: &ClusterName) -> Option<Roll> {
        let roll = self.fleet.turn(name)?.memory.roll.as_ref()?;
        let uncounted = roll.uncounted.clone();
        let now = Roll { started: roll.started, ended: roll.finished, counts: roll.counts, uncounted };
        (self.rolls.get(name) != Some(&now)).then_some(now)
    }

    /// Ends between two effects: what is under way in the clusters goes on there, and the next daemon adopts it.
    async fn terminate(&mut self) -> Ended {
        self.supervisor.ends();
        self.commands.forget();
        let grace = tokio::time::sleep(Duration::from_secs(5));
        tokio::pin!(grace);
        while !self.tasks.is_empty() || !self.commanding.is_empty() {
            tokio::select! {
                Some(Ok(done)) = self.commanding.join_next(), if !self.commanding.is_empty() => self.commanded(done),
                Some(done) = self.tasks.join_next() => {
                    if let Ok((name, input)) = done
                        && let Step::Do(Effect::Record(entries)) = self.fleet.input(&name, input, self.clock.now())
                    {
                        let _ = self.record(&entries);
                    }
                }
                () = &mut grace => break,
            }
        }
        Ended::Terminated
    }
}

/// An error and what it came from, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// Who we are: this host with this state folder. The same after a restart, and after the folder was deleted and made
/// anew, so that what an earlier life of ours left in a cluster is known to be ours.
pub fn holder(state: &Path) -> Holder {
    let path = std::path::absolute(state).unwrap_or_else(|_| state.to_path_buf());
    let hash = crate::model::hex(&Sha256::digest(path.as_os_str().as_encoded_bytes()));
    let short: String = hash.chars().take(8).collect();
    Holder::new(format!("{}-{short}", crate::record::folder::host_name()))
}

/// SIGTERM and SIGINT, as one.
fn signals() -> mpsc::Receiver<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (send, receive) = mpsc::channel(1);
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        // Where a signal cannot be caught it ends the process at once, which is safe too.
        let Ok(mut signal) = signal(kind) else { continue };
        let send = send.clone();
        tokio::spawn(async move {
            while signal.recv().await.is_some() {
                let _ = send.try_send(());
            }
        });
    }
    receive
}
