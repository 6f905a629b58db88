//! What happens, as it happens: server-sent events, for as many clients as there are places for.
//!
//! The last events are kept, so that a client that was away for a moment misses nothing: it says which one it saw last.
//! One that was away for longer, or is too slow, is told to look again, and never waited for.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, mpsc};

use super::App;
use super::answer::Problem;
use super::token::{self, TokenError};
use crate::daemon::News;
use crate::model::ClusterName;
use crate::output::{HistoryEntry, Recorded, Status};

/// So many events are kept for clients that come back.
const KEPT: usize = 1024;

/// A client that is this many events behind is told to look again.
const BEHIND: usize = 256;

/// Something is sent at least as often as this, so that a connection that is gone is found out.
const BEAT: Duration = Duration::from_secs(15);

/// Hands out what happens.
pub(super) struct Hub {
    /// Of this life of the service: numbers of an earlier one mean nothing.
    life: String,
    kept: Mutex<Kept>,
    to_all: broadcast::Sender<Arc<Happened>>,
    places: Arc<Semaphore>,
    most: usize,
}

struct Kept {
    next: u64,
    events: VecDeque<Arc<Happened>>,
}

struct Happened {
    number: u64,
    kind: &'static str,
    document: String,
}

/// Where a client joins.
struct Joined {
    /// What it missed, oldest first; `None` if that is no longer known.
    missed: Option<VecDeque<Arc<Happened>>>,
    /// The number of the newest event so far.
    newest: u64,
    coming: broadcast::Receiver<Arc<Happened>>,
}

impl Hub {
    /// With three places of four of the service's connections: some are left for those who only ask once.
    ///
    /// # Errors
    /// [`TokenError::Random`].
    pub fn new(connections: usize) -> Result<Self, TokenError> {
        let life: String = token::random()?.chars().take(12).collect();
        let most = connections - connections / 4;
        Ok(Self {
            life,
            kept: Mutex::new(Kept { next: 1, events: VecDeque::new() }),
            to_all: broadcast::Sender::new(BEHIND),
            places: Arc::new(Semaphore::new(most)),
            most,
        })
    }

    /// How many clients follow.
    pub fn followers(&self) -> usize {
        self.most - self.places.available_permits()
    }

    fn tell(&self, kind: &'static str, document: &impl Serialize) {
        let Ok(document) = serde_json::to_string(document) else { return };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let happened = Arc::new(Happened { number: kept.next, kind, document });
        kept.next += 1;
        if kept.events.len() == KEPT {
            kept.events.pop_front();
        }
        kept.events.push_back(Arc::clone(&happened));
        // Nobody may be following.
        let _ = self.to_all.send(happened);
    }

    /// Joins a client that saw this event last, if it says so.
    fn join(&self, last: Option<&str>) -> Joined {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (newest, coming) = (kept.next - 1, self.to_all.subscribe());
        let Some(last) = last else { return Joined { missed: Some(VecDeque::new()), newest, coming } };
        let number = last.strip_prefix(&*self.life).and_then(|rest| rest.strip_prefix('-')?.parse::<u64>().ok());
        let oldest = kept.events.front().map_or(kept.next, |event| event.number);
        let missed = number
            .filter(|number| *number <= newest && number + 1 >= oldest)
            .map(|number| kept.events.iter().filter(|event| event.number > number).cloned().collect());
        Joined { missed, newest, coming }
    }

    fn event(&self, number: u64, kind: &str, document: &str) -> Event {
        Event::default().id(format!("{}-{number}", self.life)).event(kind).data(document)
    }
}

/// One client's stream.
struct Following {
    app: App,
    first: VecDeque<Event>,
    coming: broadcast::Receiver<Arc<Happened>>,
    _place: OwnedSemaphorePermit,
}

/// `GET /api/v1/events`
pub(super) async fn events(State(app): State<App>, headers: HeaderMap) -> Response {
    let hub = &app.0.events;
    let Ok(place) = Arc::clone(&hub.places).try_acquire_owned() else {
        let why = "too many clients follow already; ask /api/v1/clusters now and then instead";
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, why).into_response();
    };
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let Joined { missed, newest, coming } = hub.join(last);
    let first = match missed {
        Some(missed) if last.is_some() => {
            missed.iter().map(|event| hub.event(event.number, event.kind, &event.document)).collect()
        }
        // Its first event gives it a number to come back with.
        Some(_) => VecDeque::from([hub.event(newest, "follow", "{}")]),
        None => VecDeque::from([hub.event(newest, "lookAgain", "{}")]),
    };
    let following = Following { app, first, coming, _place: place };
    let stream = stream::unfold(following, |mut following| async {
        let event = following.next().await?;
        Some((Ok::<_, Infallible>(event), following))
    });
    Sse::new(stream).keep_alive(KeepAlive::new().interval(BEAT)).into_response()
}

impl Following {
    async fn next(&mut self) -> Option<Event> {
        if let Some(event) = self.first.pop_front() {
            return Some(event);
        }
        let hub = &self.app.0.events;
        match self.coming.recv().await {
            Ok(event) => Some(hub.event(event.number, event.kind, &event.document)),
            Err(RecvError::Lagged(_)) => {
                let Joined { newest, coming, .. } = hub.join(None);
                self.coming = coming;
                Some(hub.event(newest, "lookAgain", "{}"))
            }
            Err(RecvError::Closed) => None,
        }
    }
}

/// Turns what the daemon says into events and tallies, until the daemon ends.
pub(super) async fn pump(app: App, mut news: mpsc::UnboundedReceiver<News>) {
    let inner = &app.0;
    let mut told: BTreeMap<ClusterName, Status> = BTreeMap::new();
    while let Some(news) = news.recv().await {
        match news {
            News::Entry(entry) => {
                inner.tallies.entry(&entry);
                let entries = vec![HistoryEntry::from(&*entry)];
                inner.events.tell("history", &Recorded { name: entry.cluster.to_string(), entries });
            }
            News::Cluster(name) => {
                let Some(slot) = inner.published.cluster(&name) else { continue };
                let (view, now) = (slot.view_for_news(), inner.published.now());
                inner.tallies.look(&name, &view);
                let status = view.status(now);
                let essence = essence(status.clone());
                if told.get(&name) != Some(&essence) {
                    inner.events.tell("status", &status);
                    told.insert(name, essence);
                }
            }
            News::Clusters => {
                let clusters = inner.published.clusters();
                told.retain(|name, _| clusters.contains_key(name));
                inner.tallies.retain(|name| clusters.contains_key(name));
                let names: Vec<_> = clusters.keys().map(ToString::to_string).collect();
                inner.events.tell("clusters", &names);
            }
        }
    }
}

/// A status without what changes though nothing happens: ages, and when things were seen.
fn essence(mut status: Status) -> Status {
    (status.observed_at, status.age_seconds) = (None, None);
    if let Some(claim) = &mut status.claim {
        claim.heartbeat_age_seconds = None;
    }
    for evidence in status.holds.iter_mut().flat_map(|hold| &mut hold.evidence) {
        evidence.at = None;
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(joined: &Joined) -> Option<Vec<u64>> {
        joined.missed.as_ref().map(|missed| missed.iter().map(|event| event.number).collect())
    }

    #[test]
    fn who_comes_back_gets_what_it_missed_or_is_told_to_look_again() {
        let hub = Hub::new(16).unwrap();
        for _ in 0..3 {
            hub.tell("status", &());
        }
        let id = |number: usize| format!("{}-{number}", hub.life);
        assert_eq!(numbers(&hub.join(Some(&id(1)))), Some(vec![2, 3]));
        assert_eq!(numbers(&hub.join(Some(&id(3)))), Some(vec![]));
        assert_eq!(numbers(&hub.join(Some(&id(0)))), Some(vec![1, 2, 3]));
        assert_eq!(numbers(&hub.join(None)), Some(vec![]));
        for strange in [&id(4), "otherlife-1", "", "x-", &id(usize::MAX)] {
            assert_eq!(numbers(&hub.join(Some(strange))), None, "{strange}");
        }
        for _ in 3..KEPT + 3 {
            hub.tell("status", &());
        }
        assert_eq!(numbers(&hub.join(Some(&id(2)))), None, "it is no longer known");
        assert_eq!(numbers(&hub.join(Some(&id(3)))).map(|missed| missed.len()), Some(KEPT));
    }
}
