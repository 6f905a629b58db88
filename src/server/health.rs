//! Whether the daemon lives, and whether it knows its clusters.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::App;
use super::answer::document;
use crate::daemon::Published;

/// The loop comes round every few seconds whatever happens; after this long it hangs.
const HANGS: Duration = Duration::from_secs(60);

/// Whether the daemon lives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Alive {
    /// False if the loop has not come round for a minute: restart the daemon, which loses nothing.
    pub alive: bool,
}

/// Whether the daemon knows its clusters and can write down what it does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ready {
    /// True once every cluster was looked at or is known to fail, and as long as the record can be written.
    pub ready: bool,
    /// What is waited for, in words.
    pub waiting_for: Vec<String>,
    /// Clusters that cannot be managed, and why, in words.
    pub failed: Vec<String>,
}

/// `GET /healthz`
pub(super) async fn alive(State(app): State<App>) -> Response {
    let alive = lives(app.0.published.silent_for());
    (status(alive), document(&Alive { alive })).into_response()
}

/// `GET /readyz`
pub(super) async fn ready(State(app): State<App>) -> Response {
    let ready = readiness(&app.0.published);
    (status(ready.ready), document(&ready)).into_response()
}

fn status(good: bool) -> StatusCode {
    if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

fn lives(silent_for: Duration) -> bool {
    silent_for < HANGS
}

fn readiness(published: &Published) -> Ready {
    let clusters = published.clusters();
    let unmanaged = published.unmanaged();
    let mut waiting_for = Vec::new();
    let unseen = clusters.iter().filter(|(_, slot)| slot.view().look.is_none());
    waiting_for.extend(unseen.map(|(name, _)| format!("the first look at {name}")));
    if clusters.is_empty() && unmanaged.is_empty() {
        waiting_for.push("the manifests".to_owned());
    }
    waiting_for.extend(unwritten(published).map(|why| format!("the record, which cannot be written: {why}")));
    let failed = unmanaged.iter().map(|(name, why)| format!("{name}: {why}")).collect();
    Ready { ready: waiting_for.is_empty(), waiting_for, failed }
}

/// Why the record could not be written, if the last try failed.
pub(super) fn unwritten(published: &Published) -> Option<Arc<str>> {
    published.clusters().values().find_map(|slot| slot.view().history.record_error.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_does_not_come_round_is_not_alive() {
        assert!(lives(Duration::from_secs(6)));
        assert!(!lives(HANGS));
    }
}
