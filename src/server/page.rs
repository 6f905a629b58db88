//! The status page: made here, whole, from the same documents as everything else; a script of ours only asks for it anew.
//!
//! Templates write every value as text, whatever it says.

mod cluster;
mod timeline;
mod words;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::answer::Problem;
use super::session::Session;
use super::{App, Inner, actions};
use crate::door::Scope;
use crate::model::{ClusterName, Time, Waivable, WaivedAction};
use crate::output::{Outlook, Status};
use words::{Row, Word, stamp};

/// What is around every page.
struct Frame {
    session: Option<Arc<Session>>,
    /// Where it is, for coming back after signing in.
    here: String,
    now: String,
    at: String,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    frame: Frame,
    counts: Vec<(Word, usize)>,
    stops: Vec<String>,
    unmanaged: Vec<(String, String)>,
    rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    next: String,
    wrong: bool,
    why: String,
}

#[derive(Template)]
#[template(path = "said.html")]
struct Said {
    frame: Frame,
    title: &'static str,
    good: bool,
    text: String,
    back: String,
}

/// The page's part of the service.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/", get(overview))
        .route("/clusters/{name}", get(one))
        .route("/clusters/{name}/approve", post(approve))
        .route("/clusters/{name}/stop", post(stop))
        .route("/clusters/{name}/go", post(go))
        .route("/clusters/{name}/waive", post(waive))
        .route("/clusters/{name}/lift-waiver", post(lift_waiver))
        .route("/stop", post(stop))
        .route("/go", post(go))
        .route("/sign-in", get(ask_who).post(sign_in))
        .route("/sign-out", post(sign_out))
}

/// Whether people, not programs, look there.
pub(super) fn is_page(path: &str) -> bool {
    path == "/" || path.starts_with("/clusters/")
}

/// Where who may not read a page signs in, and comes back from.
pub(super) fn to_sign_in(request: &Request) -> Response {
    Redirect::to(&format!("/sign-in?next={}", encode(request.uri().path()))).into_response()
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Where a cluster's page is.
fn href(cluster: &str) -> String {
    format!("/clusters/{}", encode(cluster))
}

fn html(page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => Html(text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

impl App {
    fn frame(&self, headers: &HeaderMap, here: &str) -> Frame {
        let now = self.0.published.now();
        Frame { session: self.0.sessions.of(headers), here: encode(here), now: now.to_string(), at: stamp(now) }
    }

    /// A page that says one thing.
    fn said(&self, headers: &HeaderMap, back: &str, outcome: Result<String, Problem>) -> Response {
        let frame = self.frame(headers, back);
        let back = back.to_owned();
        match outcome {
            Ok(text) => html(&Said { frame, title: "Done", good: true, text, back }),
            Err(problem) => {
                let (status, text) = problem.parts();
                (status, html(&Said { frame, title: "Not done", good: false, text, back })).into_response()
            }
        }
    }
}

async fn overview(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    let frame = app.frame(&headers, "/");
    app.think(move |inner| html(&inner.overview(frame))).await
}

impl Inner {
    fn overview(&self, frame: Frame) -> Overview {
        let (now, statuses) = (self.published.now(), self.statuses());
        let mut rows: Vec<Row> = statuses.iter().map(|status| Row::new(status, now)).collect();
        // What needs somebody comes first.
        rows.sort_by_key(|row| row.state.urgency);
        let mut counts: Vec<(Word, usize)> = Vec::new();
        for row in &rows {
            match counts.last_mut() {
                Some((word, count)) if *word == row.state => *count += 1,
                _ => counts.push((row.state, 1)),
            }
        }
        let stops = self.published.fleet().stops.iter().map(words::stop).collect();
        let unmanaged = self.published.unmanaged();
        let unmanaged = unmanaged.iter().map(|(name, why)| (name.to_string(), why.clone())).collect();
        Overview { frame, counts, stops, unmanaged, rows }
    }
}

async fn one(
    State(app): State<App>,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let frame = app.frame(&headers, uri.path());
    match app.think(move |inner| cluster::page(inner, &name, frame)).await? {
        Ok(page) => Ok(html(&page)),
        Err(problem) => Ok(app.said(&headers, "/", Err(problem))),
    }
}

// === What people do ===

/// What every form of ours sends, and some send more.
#[derive(Deserialize)]
struct Sent {
    form: String,
    #[serde(default)]
    why: String,
    #[serde(default)]
    hash: String,
    /// For how long; empty for as long as it takes.
    #[serde(default)]
    hours: String,
    #[serde(default)]
    rule: String,
    #[serde(default)]
    action: String,
    /// `node NAME` or `group NAME`.
    #[serde(default)]
    subject: String,
}

/// An hour, in seconds.
const HOUR: u32 = 3600;

impl Sent {
    fn seconds(&self) -> Result<Option<u32>, Problem> {
        let hours = match self.hours.trim() {
            "" => return Ok(None),
            hours => hours.parse::<u32>().ok().and_then(|hours| hours.checked_mul(HOUR)),
        };
        hours.map(Some).ok_or_else(|| actions::unclear(format!("{:?} is no number of hours", self.hours)))
    }

    /// What is waived by it.
    fn waived(&self) -> Result<actions::What, Problem> {
        let rule = Waivable::ALL.iter().find(|rule| rule.rule().word() == self.rule);
        let rule = *rule.ok_or_else(|| actions::unclear(format!("{:?} is no rule that can be waived", self.rule)))?;
        let action = WaivedAction::ALL.iter().find(|action| action.to_string() == self.action);
        let action = *action.ok_or_else(|| actions::unclear(format!("{:?} is none of the actions", self.action)))?;
        let (node, group) = match self.subject.split_once(' ') {
            Some(("node", name)) => (Some(name.into()), None),
            Some(("group", name)) => (None, Some(name.into())),
            _ => (None, None),
        };
        Ok(actions::What { rule, action, node, group })
    }
}

type Filled = Result<Form<Sent>, FormRejection>;

impl App {
    /// Who sent a form, if it was made for them and for this path.
    fn sender(&self, headers: &HeaderMap, path: &str, filled: Filled) -> Result<(Arc<Session>, Sent), Problem> {
        let Form(sent) = filled.map_err(|rejection| Problem::new(rejection.status(), rejection.body_text()))?;
        let no = |why: &str| Problem::new(StatusCode::FORBIDDEN, why);
        let session = self.0.sessions.of(headers).ok_or_else(|| no("you are not signed in any more; sign in again"))?;
        if !session.made(path, &sent.form) {
            return Err(no("this form was not made by this page for you; load the page again, and repeat it there"));
        }
        Ok((session, sent))
    }
}

impl App {
    /// Has what was sent carried out, if it was sent by who signed in, and shows what came of it.
    async fn carried_out(
        &self,
        (headers, uri, filled): (HeaderMap, Uri, Filled),
        back: &str,
        deed: impl AsyncFnOnce(Arc<Session>, Sent) -> Result<String, Problem>,
    ) -> Response {
        let outcome = match self.sender(&headers, uri.path(), filled) {
            Ok((session, sent)) => deed(session, sent).await,
            Err(problem) => Err(problem),
        };
        self.said(&headers, back, outcome)
    }
}

async fn approve(
    State(app): State<App>,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    filled: Filled,
) -> Response {
    let deed = async |session: Arc<Session>, sent: Sent| {
        let seconds = sent.seconds()?;
        app.approve(&name, sent.hash, &session.by, seconds).await
    };
    app.carried_out((headers, uri, filled), &href(&name), deed).await
}

async fn waive(
    State(app): State<App>,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    filled: Filled,
) -> Response {
    let deed = async |session: Arc<Session>, sent: Sent| {
        let (what, seconds) = (sent.waived()?, sent.seconds()?.unwrap_or_default());
        app.waive(&name, what, seconds, sent.why, &session.by).await
    };
    app.carried_out((headers, uri, filled), &href(&name), deed).await
}

async fn lift_waiver(
    State(app): State<App>,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    filled: Filled,
) -> Response {
    let deed = async |session: Arc<Session>, sent: Sent| app.lift_waiver(&name, sent.waived()?, &session.by).await;
    app.carried_out((headers, uri, filled), &href(&name), deed).await
}

/// Where a cord hangs: at the cluster that is named, or over all of them. And the page to come back to.
fn cord(name: Option<Path<String>>) -> (Scope, String) {
    match name {
        Some(Path(name)) => (Scope::Cluster(ClusterName::new(&*name)), href(&name)),
        None => (Scope::Everything, "/".to_owned()),
    }
}

async fn stop(
    State(app): State<App>,
    name: Option<Path<String>>,
    uri: Uri,
    headers: HeaderMap,
    filled: Filled,
) -> Response {
    let (scope, back) = cord(name);
    let deed = async |session: Arc<Session>, sent: Sent| app.stop(scope, sent.why, &session.by).await;
    app.carried_out((headers, uri, filled), &back, deed).await
}

async fn go(
    State(app): State<App>,
    name: Option<Path<String>>,
    uri: Uri,
    headers: HeaderMap,
    filled: Filled,
) -> Response {
    let (scope, back) = cord(name);
    let deed = async |session: Arc<Session>, _: Sent| app.go(scope, &session.by).await;
    app.carried_out((headers, uri, filled), &back, deed).await
}

// === Who they are ===

#[derive(Deserialize)]
struct Next {
    #[serde(default)]
    next: String,
}

async fn ask_who(State(app): State<App>, headers: HeaderMap, Query(Next { next }): Query<Next>) -> Response {
    html(&SignInPage { frame: app.frame(&headers, "/"), next, wrong: false, why: String::new() })
}

#[derive(Deserialize)]
struct SignIn {
    by: String,
    token: String,
    #[serde(default)]
    next: String,
}

async fn sign_in(State(app): State<App>, headers: HeaderMap, Form(filled): Form<SignIn>) -> Result<Response, Problem> {
    let SignIn { by, token, next } = filled;
    let outcome = actions::person(&by).and_then(|_| {
        let no = || Problem::new(StatusCode::FORBIDDEN, "that is not the token of this service");
        if app.0.token.is(token.trim()) { Ok(()) } else { Err(no()) }
    });
    if let Err(problem) = outcome {
        let (status, why) = problem.parts();
        let page = SignInPage { frame: app.frame(&headers, "/"), next, wrong: true, why };
        return Ok((status, html(&page)).into_response());
    }
    let cookie = app.0.sessions.begin(by.trim().to_owned()).map_err(|_| Problem::failed())?;
    // Back to a page of ours, and nowhere else.
    let next = if is_page(&next) && !next.contains(['\\', '\r', '\n']) { next } else { "/".to_owned() };
    let next = next.split('/').map(encode).collect::<Vec<_>>().join("/");
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(&next)).into_response())
}

async fn sign_out(State(app): State<App>, headers: HeaderMap, filled: Filled) -> Response {
    match app.sender(&headers, "/sign-out", filled) {
        Ok((session, _)) => ([(header::SET_COOKIE, app.0.sessions.end(&session))], Redirect::to("/")).into_response(),
        Err(problem) => app.said(&headers, "/", Err(problem)),
    }
}

/// The window that what is left of a cluster goes on in, and whether it fits; else when the clock next releases something
/// that it waits for, as the end of a soak.
fn opening(status: &Status, now: Time) -> Option<String> {
    let fits = |window: &Outlook| if window.fits { "what is left fits" } else { "what is left does not fit" };
    let window = status.windows.iter().min_by_key(|window| window.from.max(now));
    if let Some(window) = window {
        let when = if window.open { format!("open until {}", stamp(window.to)) } else { stamp(window.from) };
        return Some(format!("{when}, {}", fits(window)));
    }
    status.holds.iter().filter_map(|hold| hold.release.at).filter(|at| *at > now).min().map(stamp)
}
