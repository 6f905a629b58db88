//! Who may come in: every request passes here first, and every answer last.
//!
//! A page of somebody else's that a browser of this host shows may send requests here, under a name of its own that it
//! had lead here: so names other than this host's are refused. Whoever comes from elsewhere, or changes something, shows
//! the token.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::answer::Problem;
use super::{App, page};
use crate::record::folder::host_name;

/// No request takes longer: a command waits for its cluster for a minute at most.
const PATIENCE: Duration = Duration::from_secs(70);

/// What a page of ours may do: use what is ours, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Names and addresses by which this host may be asked.
pub(super) struct Hosts {
    names: Vec<String>,
}

impl Hosts {
    /// `localhost` and what is given; and the host's own name, if it listens to others.
    pub fn new(at: SocketAddr, given: Vec<String>) -> Self {
        let mut names: Vec<String> = given.iter().map(|name| name.to_ascii_lowercase()).collect();
        names.push("localhost".to_owned());
        if !at.ip().is_loopback() {
            names.push(host_name().to_ascii_lowercase());
        }
        Self { names }
    }

    /// Whether a `Host` header names this host. An address cannot be made to lead elsewhere; a name can.
    fn has(&self, host: &str) -> bool {
        if host.parse::<SocketAddr>().is_ok() || host.parse::<IpAddr>().is_ok() {
            return true;
        }
        let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        if bracketed.is_some_and(|address| address.parse::<IpAddr>().is_ok()) {
            return true;
        }
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.parse::<u16>().is_ok() => name,
            _ => host,
        };
        self.names.iter().any(|known| known.eq_ignore_ascii_case(name))
    }
}

/// Lets a request in or not, within its time, and puts on the answer what browsers must know.
pub(super) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let outcome = match admit(&app, &request) {
        Ok(()) => tokio::time::timeout(PATIENCE, next.run(request)).await,
        Err(problem) if problem.is_unauthorized() && page::is_page(request.uri().path()) => {
            Ok(page::to_sign_in(&request))
        }
        Err(problem) => Ok(problem.into_response()),
    };
    let late = || Problem::new(StatusCode::REQUEST_TIMEOUT, "this took too long").into_response();
    let mut response = outcome.unwrap_or_else(|_| late());
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn admit(app: &App, request: &Request) -> Result<(), Problem> {
    // HTTP/1.1 asks for exactly one; in a request's line a whole address may stand too.
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok());
    let authority = request.uri().authority().map(|authority| authority.as_str());
    let named = host.filter(|_| hosts.next().is_none()).is_some_and(|host| app.0.hosts.has(host));
    if !named || authority.is_some_and(|authority| !app.0.hosts.has(authority)) {
        return Err(Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            "this service does not go by that name: ask by an address, or start it with --host NAME",
        ));
    }
    let (reads, path) = (matches!(*request.method(), Method::GET | Method::HEAD), request.uri().path());
    if tells_nothing(path) || (reads && app.0.open_reading) {
        return Ok(());
    }
    match shown(request.headers()) {
        Some(token) if app.0.token.is(token) => Ok(()),
        // A browser sends its cookie along with whatever a page makes it send. What changes something through the API
        // shows the token itself; what a form of ours changes, its own token, which whoever answers the form looks at.
        None if app.0.sessions.of(request.headers()).is_some() && (reads || !path.starts_with("/api/")) => Ok(()),
        Some(_) => Err(Problem::new(StatusCode::UNAUTHORIZED, "that is not the token of this service")),
        None => Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "this takes the token of the service, as `Authorization: Bearer TOKEN`; the log says which file it is in",
        )),
    }
}

/// What anybody may ask who reaches this host: it says nothing of any cluster, and changes nothing without the token.
fn tells_nothing(path: &str) -> bool {
    path == "/healthz" || path == "/sign-in" || path.starts_with("/assets/")
}

/// The token that a request shows.
fn shown(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_host_are_answered() {
        let here = Hosts::new(SocketAddr::from(([127, 0, 0, 1], 80)), vec!["Status.example.com".to_owned()]);
        for good in
            ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:80", "status.example.com:80"]
        {
            assert!(here.has(good), "{good}");
        }
        for bad in ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "localhost:80:80", "[x]"]
        {
            assert!(!here.has(bad), "{bad}");
        }
        let everywhere = Hosts::new(SocketAddr::from(([0, 0, 0, 0], 80)), Vec::new());
        assert!(everywhere.has(&host_name()));
        assert!(!here.has(&host_name()) || host_name() == "localhost");
    }
}
