//! Connections: accepted up to a number, and left when they are too slow. No client costs more than its place.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;

/// So many clients are served at once, if the host's limits allow; the others wait their turn.
const MOST: usize = 4096;

/// A client that takes longer to send its request's head, or to ask for something else, is left.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);

/// A client that takes nothing of its answer for so long is left.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);

/// A request's head is no longer than this, in bytes.
const LONGEST_HEAD: usize = 32 * 1024;

/// A request has no more headers than this.
const MOST_HEADERS: usize = 64;

/// How many clients may be served at once: half of the files that this process may have open, for the daemon needs some.
pub(super) fn most() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let files =
        limits.lines().find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().next()?.parse().ok());
    files.unwrap_or(1024_usize).div_euclid(2).clamp(16, MOST)
}

/// Serves for ever.
pub(super) async fn serve(listener: TcpListener, router: Router) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let places = Arc::new(Semaphore::new(most()));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let router = router.clone();
                tokio::spawn(async move {
                    talk(stream, router).await;
                    drop(place);
                });
            }
            // Out of file descriptors, as a rule: they come back.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Talks to one client until it goes, or is left. Why it went is nobody's business.
async fn talk(stream: TcpStream, router: Router) {
    // Small answers go out at once.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_PATIENCE));
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_buf_size(LONGEST_HEAD)
        .max_headers(MOST_HEADERS)
        .serve_connection(TokioIo::new(Box::pin(stream)), TowerToHyperService::new(router))
        .await;
}
