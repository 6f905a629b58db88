//! What people may have done: the same requests, at the same door, as the command line's.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Json, Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::App;
use super::answer::{Problem, document};
use crate::door::{Request, Scope};
use crate::model::time::later;
use crate::model::{ClusterName, GroupName, NodeName, Time, Waivable, WaivedAction, Waiver};
use crate::output::{Clusters, Commanded};

/// A name is no longer than this, in bytes; a reason no longer than that.
const LONGEST_NAME: usize = 100;
const LONGEST_REASON: usize = 1000;

/// `POST /api/v1/clusters/{name}/approve`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Approve {
    /// What the plan showed as `planHash`.
    pub hash: String,
    /// Who approves.
    pub by: String,
    /// For how long; for ever, if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expires_seconds: Option<u32>,
}

/// `POST /api/v1/clusters/{name}/stop`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Stop {
    /// Why: shown wherever something is held by it.
    pub why: String,
    /// Who pulls the cord.
    pub by: String,
    /// Only for this node.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub node: Option<NodeName>,
}

/// `POST /api/v1/clusters/{name}/go`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Go {
    /// Who lifts it.
    pub by: String,
    /// Only that of this node.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub node: Option<NodeName>,
}

/// `POST /api/v1/clusters/{name}/waive`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Waive {
    /// Which rule.
    pub rule: Waivable,
    /// For which action.
    pub action: WaivedAction,
    /// For this node.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub node: Option<NodeName>,
    /// For this role.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub group: Option<GroupName>,
    /// For how long.
    pub for_seconds: u32,
    /// Why: shown wherever the waiver acts.
    pub why: String,
    /// Who waives it.
    pub by: String,
}

/// `POST /api/v1/clusters/{name}/lift-waiver`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct LiftWaiver {
    /// Which rule.
    pub rule: Waivable,
    /// For which action.
    pub action: WaivedAction,
    /// For this node.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub node: Option<NodeName>,
    /// For this role.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub group: Option<GroupName>,
    /// Who takes it back.
    pub by: String,
}

/// `POST /api/v1/stop`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct StopMany {
    /// Why: shown wherever something is held by it.
    pub why: String,
    /// Who pulls the cord.
    pub by: String,
    /// Only clusters with all of these labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub labels: BTreeMap<String, String>,
}

/// `POST /api/v1/go`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GoMany {
    /// Who lifts it.
    pub by: String,
    /// That of clusters with all of these labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub labels: BTreeMap<String, String>,
}

/// What is waived, and for whom: a node or a role.
pub(super) struct What {
    pub rule: Waivable,
    pub action: WaivedAction,
    pub node: Option<NodeName>,
    pub group: Option<GroupName>,
}

type Body<T> = Result<Json<T>, JsonRejection>;

/// The API's part of it.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/clusters/{name}/approve", post(approve))
        .route("/api/v1/clusters/{name}/stop", post(stop))
        .route("/api/v1/clusters/{name}/go", post(go))
        .route("/api/v1/clusters/{name}/waive", post(waive))
        .route("/api/v1/clusters/{name}/lift-waiver", post(lift_waiver))
        .route("/api/v1/stop", post(stop_many))
        .route("/api/v1/go", post(go_many))
}

async fn approve(State(app): State<App>, Path(name): Path<String>, body: Body<Approve>) -> Result<Response, Problem> {
    let Approve { hash, by, expires_seconds } = read(body)?;
    let done = app.approve(&name, hash.clone(), &by, expires_seconds).await?;
    Ok(commanded(name, done, Some(hash)))
}

async fn stop(State(app): State<App>, Path(name): Path<String>, body: Body<Stop>) -> Result<Response, Problem> {
    let Stop { why, by, node } = read(body)?;
    let done = app.stop(scope(&name, node), why, &by).await?;
    Ok(commanded(name, done, None))
}

async fn go(State(app): State<App>, Path(name): Path<String>, body: Body<Go>) -> Result<Response, Problem> {
    let Go { by, node } = read(body)?;
    let done = app.go(scope(&name, node), &by).await?;
    Ok(commanded(name, done, None))
}

async fn waive(State(app): State<App>, Path(name): Path<String>, body: Body<Waive>) -> Result<Response, Problem> {
    let Waive { rule, action, node, group, for_seconds, why, by } = read(body)?;
    let done = app.waive(&name, What { rule, action, node, group }, for_seconds, why, &by).await?;
    Ok(commanded(name, done, None))
}

async fn lift_waiver(
    State(app): State<App>,
    Path(name): Path<String>,
    body: Body<LiftWaiver>,
) -> Result<Response, Problem> {
    let LiftWaiver { rule, action, node, group, by } = read(body)?;
    let done = app.lift_waiver(&name, What { rule, action, node, group }, &by).await?;
    Ok(commanded(name, done, None))
}

async fn stop_many(State(app): State<App>, body: Body<StopMany>) -> Result<Response, Problem> {
    let StopMany { why, by, labels } = read(body)?;
    let done = app.stop(of_many(labels), why, &by).await?;
    Ok(commanded("*".to_owned(), done, None))
}

async fn go_many(State(app): State<App>, body: Body<GoMany>) -> Result<Response, Problem> {
    let GoMany { by, labels } = read(body)?;
    let done = app.go(of_many(labels), &by).await?;
    Ok(commanded("*".to_owned(), done, None))
}

fn read<T>(body: Body<T>) -> Result<T, Problem> {
    body.map(|Json(body)| body).map_err(|rejection| Problem::new(rejection.status(), rejection.body_text()))
}

fn commanded(name: String, done: String, plan_hash: Option<String>) -> Response {
    document(&Clusters { clusters: vec![Commanded { name, done, plan_hash }] })
}

fn scope(cluster: &str, node: Option<NodeName>) -> Scope {
    let cluster = ClusterName::new(cluster);
    match node {
        Some(node) => Scope::Node { cluster, node },
        None => Scope::Cluster(cluster),
    }
}

fn of_many(labels: BTreeMap<String, String>) -> Scope {
    if labels.is_empty() { Scope::Everything } else { Scope::Labels(labels) }
}

impl App {
    /// Approves the handoffs that were shown with this hash.
    pub async fn approve(&self, name: &str, hash: String, by: &str, seconds: Option<u32>) -> Result<String, Problem> {
        self.0.view(name)?;
        let now = self.0.published.now();
        let expires = seconds.map(|seconds| later(now, Duration::from_secs(seconds.into())));
        let request = Request::Approve { cluster: ClusterName::new(name), hash, by: person(by)?, expires };
        self.ask(request).await
    }

    /// Waives a rule for a while.
    pub async fn waive(&self, name: &str, what: What, seconds: u32, why: String, by: &str) -> Result<String, Problem> {
        if seconds == 0 {
            return Err(unclear("a waiver lasts for a second at least".to_owned()));
        }
        let until = later(self.0.published.now(), Duration::from_secs(seconds.into()));
        let waiver = self.waiver(name, what, reason(why)?, until, person(by)?)?;
        self.ask(Request::Waive { cluster: ClusterName::new(name), waiver }).await
    }

    /// Takes a waiver by command back.
    pub async fn lift_waiver(&self, name: &str, what: What, by: &str) -> Result<String, Problem> {
        let by = person(by)?;
        let waiver = self.waiver(name, what, String::new(), self.0.published.now(), by.clone())?;
        self.ask(Request::LiftWaiver { cluster: ClusterName::new(name), waiver, by }).await
    }

    fn waiver(&self, name: &str, what: What, why: String, until: Time, by: String) -> Result<Waiver, Problem> {
        let (_, view) = self.0.view(name)?;
        let What { rule, action, node, group } = what;
        let subject = view.desired.waived_for(node, group, action).map_err(unclear)?;
        Ok(Waiver { rule, subject, action, why, until, by })
    }

    /// Pulls the stop cord.
    pub async fn stop(&self, scope: Scope, why: String, by: &str) -> Result<String, Problem> {
        let why = reason(why)?;
        self.is_managed(&scope)?;
        self.ask(Request::Stop { scope, why, by: person(by)? }).await
    }

    /// Lifts it.
    pub async fn go(&self, scope: Scope, by: &str) -> Result<String, Problem> {
        self.is_managed(&scope)?;
        self.ask(Request::Go { scope, by: person(by)? }).await
    }

    fn is_managed(&self, scope: &Scope) -> Result<(), Problem> {
        match scope {
            Scope::Cluster(cluster) => self.0.view(cluster.as_str()).map(|_| ()),
            Scope::Node { cluster, node } => {
                let (_, view) = self.0.view(cluster.as_str())?;
                let known = view.desired.nodes.contains_key(node);
                if known { Ok(()) } else { Err(Problem::not_found(format!("{cluster} has no node {node}"))) }
            }
            Scope::Everything | Scope::Labels(_) => Ok(()),
        }
    }

    /// Hands a request in at the daemon's door, and says what was done.
    async fn ask(&self, request: Request) -> Result<String, Problem> {
        let answer = self.0.keeper.answer(request).await;
        match (answer.get("done"), answer.get("error")) {
            (Some(Value::String(done)), None) => Ok(done.clone()),
            (_, Some(Value::String(why))) => Err(Problem::new(StatusCode::CONFLICT, why)),
            _ => Err(Problem::failed()),
        }
    }
}

/// Who has something done, as the record will call them.
pub(super) fn person(by: &str) -> Result<String, Problem> {
    let by = by.trim();
    if by.is_empty() || by.len() > LONGEST_NAME || by.chars().any(char::is_control) {
        return Err(unclear(format!("`by` names who does this, in at most {LONGEST_NAME} bytes")));
    }
    Ok(format!("{by} (http)"))
}

fn reason(why: String) -> Result<String, Problem> {
    if why.trim().is_empty() || why.len() > LONGEST_REASON {
        return Err(unclear(format!("`why` says why, in at most {LONGEST_REASON} bytes")));
    }
    Ok(why)
}

pub(super) fn unclear(why: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, why)
}
