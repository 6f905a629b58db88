//! The API: the same documents that the command line prints.

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer::{Problem, document};
use super::{App, Inner};
use crate::daemon::View;
use crate::model::{ClusterName, NodeName, Time};
use crate::output::{Clusters, Explained, HistoryEntry, Observed, Planned, Recorded, Status};
use crate::record::{Filter, OpenError, OpenMode, Store};

/// So many lines of the record are given at most, however many are asked for.
const MOST_LINES: u32 = 10_000;

/// So many are given if nobody says how many.
const LINES: u32 = 200;

/// The API's part of the service.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/clusters", get(clusters))
        .route("/api/v1/clusters/{name}", get(cluster))
        .route("/api/v1/clusters/{name}/plan", get(plan))
        .route("/api/v1/clusters/{name}/observe", get(observe))
        .route("/api/v1/clusters/{name}/explain", get(explain))
        .route("/api/v1/clusters/{name}/history", get(history))
}

async fn clusters(State(app): State<App>) -> Result<Response, Problem> {
    app.think(|inner| document(&Clusters { clusters: inner.statuses() })).await
}

async fn cluster(State(app): State<App>, Path(name): Path<String>) -> Result<Response, Problem> {
    let (_, view) = app.0.view(&name)?;
    Ok(document(&Clusters { clusters: vec![view.status(app.0.published.now())] }))
}

async fn plan(State(app): State<App>, Path(name): Path<String>) -> Result<Response, Problem> {
    app.think(move |inner| Ok(one(inner.planned(&name)?))).await?
}

async fn observe(State(app): State<App>, Path(name): Path<String>) -> Result<Response, Problem> {
    app.think(move |inner| Ok(one(inner.observed(&name)?))).await?
}

/// What may be said after the `?` of an explanation.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ExplainQuery {
    /// Only this node.
    node: Option<NodeName>,
}

async fn explain(
    State(app): State<App>,
    Path(name): Path<String>,
    query: Result<Query<ExplainQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(ExplainQuery { node }) = query.map_err(unclear)?;
    app.think(move |inner| Ok(one(inner.explained(&name, node.as_ref())?))).await?
}

/// What may be said after the `?` of a history.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct HistoryQuery {
    /// Only lines of this kind: `intended`, `outcome`, `decided`, `alarm`, …
    kind: Option<String>,
    /// Only what is about this node.
    node: Option<NodeName>,
    /// Only what is not older than this.
    since: Option<Time>,
    /// So many lines at most, the newest ones; 200 if nothing is said, and never more than 10,000.
    limit: Option<u32>,
}

impl HistoryQuery {
    /// So many lines, of whatever kind.
    pub fn newest(lines: u32) -> Self {
        Self { limit: Some(lines), ..Self::default() }
    }
}

async fn history(
    State(app): State<App>,
    Path(name): Path<String>,
    query: Result<Query<HistoryQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(unclear)?;
    app.think(move |inner| Ok(one(inner.history(&name, query)?))).await?
}

fn unclear(rejection: QueryRejection) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, rejection.body_text())
}

fn one(of: impl Serialize) -> Response {
    document(&Clusters { clusters: vec![of] })
}

impl Inner {
    /// What the loop of this cluster knew last.
    pub(super) fn view(&self, name: &str) -> Result<(ClusterName, std::sync::Arc<View>), Problem> {
        let name = ClusterName::new(name);
        match self.published.cluster(&name) {
            Some(slot) => Ok((name, slot.view())),
            None => Err(match self.published.unmanaged().get(&name) {
                Some(why) => Problem::busy(format!("{name} cannot be managed: {why}")),
                None => Problem::not_found(format!("this daemon manages no cluster {name}")),
            }),
        }
    }

    /// Where every cluster is.
    pub(super) fn statuses(&self) -> Vec<Status> {
        let now = self.published.now();
        self.published.clusters().values().map(|slot| slot.view().status(now)).collect()
    }

    /// The plan of a cluster.
    pub(super) fn planned(&self, name: &str) -> Result<Planned, Problem> {
        let (name, view) = self.view(name)?;
        view.planned(&self.published.fleet(), self.published.now()).ok_or_else(|| not_yet(&name))
    }

    /// What a cluster looked like.
    pub(super) fn observed(&self, name: &str) -> Result<Observed, Problem> {
        let (name, view) = self.view(name)?;
        view.observed().ok_or_else(|| not_yet(&name))
    }

    fn explained(&self, name: &str, node: Option<&NodeName>) -> Result<Explained, Problem> {
        let (name, view) = self.view(name)?;
        if let Some(node) = node.filter(|node| !view.desired.nodes.contains_key(*node)) {
            return Err(Problem::not_found(format!("{name} has no node {node}")));
        }
        view.explained(&self.published.fleet(), node, self.published.now()).ok_or_else(|| not_yet(&name))
    }

    /// What was done to a cluster, also to one that is managed no longer.
    pub(super) fn history(&self, name: &str, query: HistoryQuery) -> Result<Recorded, Problem> {
        let HistoryQuery { kind, node, since, limit } = query;
        let cluster = ClusterName::new(name);
        let filter = Filter { cluster: Some(cluster.clone()), kind, node, since, ..Filter::default() };
        let limit = limit.unwrap_or(LINES).min(MOST_LINES);
        let unread = |why: String| Problem::busy(format!("the record cannot be read: {why}"));
        let lines = match Store::open(&self.state, OpenMode::Read) {
            Ok(store) => store.history(&filter, limit).map_err(|error| unread(error.to_string()))?,
            Err(OpenError::Nothing { .. }) => Vec::new(),
            Err(error) => return Err(unread(error.to_string())),
        };
        if lines.is_empty() {
            self.view(name)?;
        }
        let entries = lines.iter().map(|line| HistoryEntry::from(&line.entry)).collect();
        Ok(Recorded { name: cluster.to_string(), entries })
    }
}

fn not_yet(name: &ClusterName) -> Problem {
    Problem::busy(format!("{name} has not been looked at yet"))
}
