//! Asks a role from outside whether it serves, many times a second, while it is handed over: how long users were without
//! it, by a clock and on a thread of its own.
//!
//! What comes of it is a figure for people. Absent on purpose: anything that a decision, a rule or a loop could come to
//! wait for, or to rest on.

mod ask;

use std::io;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout_at};

use crate::desired::Probe;

/// For so long a role is still asked after its cluster has shown it to serve again: users reach it through more than
/// the cluster.
const PATIENCE: Duration = Duration::from_secs(60);

/// Nobody is asked for longer: an outage as long as this is no handoff any more.
const LONGEST: Duration = Duration::from_secs(2 * 3600);

/// At most so many questions wait for their answers at once: a role that hangs is not to fill this host with connections and
/// processes.
const AT_ONCE: usize = 32;

/// When so many wait, and more than [`AT_ONCE`] would come to, it is asked more seldom, so that the others last until the
/// first are given up.
const MANY: usize = AT_ONCE / 2;

/// A measurement that is under way. It ends when this is dropped.
#[derive(Debug)]
pub struct Measurement {
    stage: watch::Sender<Stage>,
    thread: JoinHandle<()>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The role is being handed over.
    Under,
    /// Its cluster has shown that it serves again.
    Served,
}

/// What came of a measurement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// How long the role did not answer, all stretches together.
    pub outage: Duration,
    /// How often it was asked.
    pub asked: u32,
    /// How often it did not answer.
    pub unanswered: u32,
    /// Why the figure is not what it seems to be; in words.
    pub amiss: Option<String>,
}

impl Measurement {
    /// Begins to ask. `done` is called once, on a thread of the measurement's own, unless it is dropped before; with an
    /// error if nothing could be asked.
    ///
    /// # Errors
    /// There is no thread to be had for it.
    pub fn start(probe: &Probe, done: impl FnOnce(io::Result<Measured>) + Send + 'static) -> io::Result<Self> {
        Self::start_on(thread::Builder::new().name("probe".into()), probe, done)
    }

    fn start_on(
        thread: thread::Builder,
        probe: &Probe,
        done: impl FnOnce(io::Result<Measured>) + Send + 'static,
    ) -> io::Result<Self> {
        let (stage, follow) = watch::channel(Stage::Under);
        let probe = probe.clone();
        let thread = thread.spawn(move || {
            // Made here, since whoever starts this may be in a runtime already, and must not drop another one there.
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(8).build();
            let runtime = match runtime {
                Ok(runtime) => runtime,
                Err(error) => return done(Err(error)),
            };
            let measured = runtime.block_on(measure(&probe, follow));
            // A name that is still being looked up is left to itself.
            runtime.shutdown_background();
            if let Some(measured) = measured {
                done(Ok(measured));
            }
        })?;
        Ok(Self { stage, thread })
    }

    /// The cluster shows that the role serves again: the measurement ends with the next answer.
    pub fn served(&self) {
        self.stage.send_replace(Stage::Served);
    }

    /// Whether that has been said: then it ends soon, whether the role answers or not.
    pub fn has_served(&self) -> bool {
        *self.stage.borrow() == Stage::Served
    }

    /// Nobody wants to know any more. Once the thread has ended, so have the commands that asked.
    pub fn end(self) -> JoinHandle<()> {
        self.thread
    }
}

/// One time that the role was asked, by the time since the measurement began.
#[derive(Clone, Copy, Debug)]
struct Asked {
    began: Duration,
    /// When it had answered; `None` if it did not.
    answered: Option<Duration>,
}

/// Asks until the role answers after its cluster has shown it to serve; `None` if nobody wants to know any more.
///
/// Whoever is still waited for does not keep the next one from being asked in time, unless there are [`MANY`] of them.
async fn measure(probe: &Probe, mut stage: watch::Receiver<Stage>) -> Option<Measured> {
    let start = Instant::now();
    let fits = probe.timeout <= probe.every * AT_ONCE as u32;
    let seldom = if fits { probe.every } else { probe.every.max(probe.timeout / (AT_ONCE - MANY) as u32) };
    let mut last = start;
    let mut ticks = interval(probe.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let (mut under_way, mut all) = (JoinSet::new(), Vec::new());
    let mut served_at: Option<Instant> = None;
    let mut amiss = None;
    loop {
        let ends = served_at.map_or(start + LONGEST, |served| served + PATIENCE);
        tokio::select! {
            biased;
            changed = stage.changed() => {
                changed.ok()?;
                served_at.get_or_insert_with(Instant::now);
            }
            Some(Ok(asked)) = under_way.join_next(), if !under_way.is_empty() => {
                let asked: Asked = asked;
                all.push(asked);
                let after = |served: Instant| start + asked.began >= served;
                if asked.answered.is_some() && served_at.is_some_and(after) {
                    break;
                }
            }
            () = sleep_until(ends) => {
                amiss = Some(match served_at {
                    Some(_) => format!("it has not answered within {} of being seen to serve", words(PATIENCE)),
                    None => format!("it was not seen to serve within {}", words(LONGEST)),
                });
                break;
            }
            _ = ticks.tick(), if under_way.len() < AT_ONCE => {
                let (asks, began) = (probe.asks.clone(), Instant::now());
                if !fits && under_way.len() >= MANY && began < last + seldom {
                    continue;
                }
                last = began;
                let until = began + probe.timeout;
                under_way.spawn(async move {
                    let answered = timeout_at(until, ask::ask(&asks)).await == Ok(true);
                    Asked { began: began - start, answered: answered.then(|| start.elapsed()) }
                });
            }
        }
    }
    let over = start.elapsed();
    // Those that are still under way began before the last answer, and may say that there was none then.
    loop {
        tokio::select! {
            biased;
            changed = stage.changed() => changed.ok()?,
            asked = under_way.join_next() => match asked {
                Some(Ok(asked)) => all.push(asked),
                _ => break,
            },
        }
    }
    Some(tally(all, over, amiss))
}

/// What the answers come to: from each one asked in vain to the first answer after it.
fn tally(all: Vec<Asked>, over: Duration, amiss: Option<String>) -> Measured {
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let unanswered = all.iter().filter(|asked| asked.answered.is_none()).count();
    let asked = all.len();
    let mut moments: Vec<(Duration, bool)> =
        all.iter().map(|asked| asked.answered.map_or((asked.began, false), |at| (at, true))).collect();
    moments.sort_unstable();
    let mut outage = Duration::ZERO;
    let mut down_since = None;
    for (at, answers) in moments {
        match (answers, down_since) {
            (false, None) => down_since = Some(at),
            (true, Some(since)) => {
                outage += at - since;
                down_since = None;
            }
            _ => {}
        }
    }
    outage += down_since.map_or(Duration::ZERO, |since| over.saturating_sub(since));
    let never = (asked > 0 && unanswered == asked).then(|| "it never answered: is the probe right?".to_owned());
    Measured { outage, asked: count(asked), unanswered: count(unanswered), amiss: never.or(amiss) }
}

fn words(duration: Duration) -> String {
    crate::model::time::words(duration)
}

#[cfg(test)]
mod tests;
