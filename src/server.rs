//! The service in front of the daemon: an API, a status page and metrics over HTTP.
//!
//! It reads what the daemon publishes and hands people's commands in at its door; it runs on threads of its own, so that
//! nobody who asks, however slowly or often, delays a loop. Reading is open to this host; whoever comes from elsewhere, or
//! wants something changed, shows the token that lies in the state folder.
//!
//! Absent on purpose: decisions, and any form of what it says but that of [`crate::output`].

mod actions;
mod answer;
mod api;
mod assets;
mod connections;
mod events;
mod gate;
mod health;
mod metrics;
mod openapi;
mod page;
mod paper;
mod session;
mod tally;
mod token;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::get;
use tokio::sync::Semaphore;

use crate::daemon::{Front, Published};
use crate::door::DoorKeeper;
pub use openapi::openapi;
pub use paper::paper;

use answer::Problem;
use gate::Hosts;
use token::{Token, TokenError};

/// No request's body is longer than this, in bytes; the longest holds a person's reason.
const LONGEST_BODY: usize = 64 * 1024;

/// So many threads serve; the loops have theirs.
const THREADS: usize = 2;

/// So many answers that take thought are worked on at once; the others wait their turn.
const THINKERS: usize = 2;

/// The service cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address is in use or not this host's: name another with `--listen`.
    #[error("cannot listen on {at}: {source}; name another address with --listen")]
    Listen {
        /// Which address.
        at: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The token cannot be made or read.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The host gives no more threads.
    #[error("cannot start the threads of the service: {0}; the limits of this host's processes say why")]
    Threads(io::Error),
}

/// A service that has its address and does not answer yet.
pub struct Server {
    listener: TcpListener,
    at: SocketAddr,
    hosts: Vec<String>,
    state: PathBuf,
}

/// What every answer is made from.
#[derive(Clone)]
struct App(Arc<Inner>);

struct Inner {
    published: Published,
    keeper: Arc<dyn DoorKeeper>,
    token: Token,
    hosts: Hosts,
    /// Whether reading takes no token.
    open_reading: bool,
    state: PathBuf,
    thinkers: Semaphore,
    events: events::Hub,
    tallies: tally::Tallies,
    sessions: session::Sessions,
}

/// An address to listen on as people type it: `8080`, `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`.
///
/// # Errors
/// It is none of these.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.parse::<u16>() {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    let text = text.strip_prefix("localhost:").map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    text.parse().map_err(|_| "expected a port such as 8080, or an address with its port such as 127.0.0.1:8080".into())
}

impl Server {
    /// Takes the address. `hosts` are names by which this host may be asked, besides its own.
    ///
    /// # Errors
    /// [`ServerError::Listen`].
    pub fn bind(at: SocketAddr, hosts: Vec<String>, state: &Path) -> Result<Self, ServerError> {
        let failed = |source| ServerError::Listen { at, source };
        let listener = TcpListener::bind(at).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let at = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, at, hosts, state: state.to_owned() })
    }

    /// Begins to answer, until the daemon ends. Returns what people are to be told of it.
    ///
    /// # Errors
    /// The token or the threads cannot be had.
    pub fn open(self, front: Front) -> Result<String, ServerError> {
        let Self { listener, at, hosts, state } = self;
        let Front { published, news, keeper } = front;
        let (token, path) = Token::of(&state)?;
        let app = App(Arc::new(Inner {
            published,
            keeper,
            token,
            hosts: Hosts::new(at, hosts),
            open_reading: at.ip().is_loopback(),
            state,
            thinkers: Semaphore::new(THINKERS),
            events: events::Hub::new(connections::most())?,
            tallies: tally::Tallies::default(),
            sessions: session::Sessions::default(),
        }));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("http")
            .enable_all()
            .build()
            .map_err(ServerError::Threads)?;
        let (router, pump) = (router(app.clone()), events::pump(app, news));
        let serve = move || {
            runtime.block_on(async {
                tokio::select! {
                    () = connections::serve(listener, router) => {}
                    // Closed when the daemon ends.
                    () = pump => {}
                }
            });
            runtime.shutdown_background();
        };
        std::thread::Builder::new().name("http".into()).spawn(serve).map_err(ServerError::Threads)?;
        Ok(told(at, &path))
    }
}

fn told(at: SocketAddr, token: &Path) -> String {
    let whom = if at.ip().is_loopback() { "changes take" } else { "reading and changes take" };
    let mut text = format!("listening on http://{at}/; {whom} the token in {}", token.display());
    if !at.ip().is_loopback() {
        text.push_str("\nthis is not encrypted: put a proxy with TLS before it, or only a network that you trust");
    }
    text
}

fn router(app: App) -> Router {
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::metrics))
        .route("/api/v1/events", get(events::events))
        .merge(api::routes())
        .merge(actions::routes())
        .merge(page::routes())
        .merge(assets::routes())
        .fallback(|| async { Problem::not_found("there is nothing here; GET / shows what there is") })
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(middleware::from_fn_with_state(app.clone(), gate::guard))
        .with_state(app)
}

impl App {
    /// Works out what takes thought, beside those who only read.
    async fn think<T: Send + 'static>(&self, work: impl FnOnce(&Inner) -> T + Send + 'static) -> Result<T, Problem> {
        let busy = || Problem::busy("the service is ending");
        let _permit = self.0.thinkers.acquire().await.map_err(|_| busy())?;
        let inner = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || work(&inner)).await.map_err(|_| Problem::failed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_port_is_of_this_host_alone() {
        for (typed, meant) in [
            ("8080", "127.0.0.1:8080"),
            ("localhost:8080", "127.0.0.1:8080"),
            ("[::1]:80", "[::1]:80"),
            ("0.0.0.0:1", "0.0.0.0:1"),
        ] {
            assert_eq!(address(typed).map(|at| at.to_string()).as_deref(), Ok(meant), "{typed}");
        }
        for wrong in ["", ":8080", "example.com:80", "70000", "127.0.0.1"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}
