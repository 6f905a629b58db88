//! People who have signed in with the token: a cookie that no other site's page can send, and a token of its own in
//! each form. Kept in memory: a restart signs everybody out.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::token::{self, TokenError};
use crate::clock;
use crate::model::hex;

/// The cookie's name.
const COOKIE: &str = "rollward-session";

/// For how long somebody is signed in.
const LASTS: Duration = Duration::from_secs(12 * 60 * 60);

/// So many people at once; the one who came first is signed out when another comes.
const MOST: usize = 100;

/// Somebody who has signed in.
pub(super) struct Session {
    /// Who, by their own word.
    pub by: String,
    id: String,
    secret: String,
    until: Instant,
}

/// Everybody who has.
#[derive(Default)]
pub(super) struct Sessions(Mutex<VecDeque<Arc<Session>>>);

impl Session {
    /// What a form that is sent to this path carries.
    pub fn form(&self, path: &str) -> String {
        hex(&Sha256::digest(format!("{} {path}", self.secret)))
    }

    /// Whether a form came from a page of ours that was made for this session and path.
    pub fn made(&self, path: &str, form: &str) -> bool {
        self.form(path).as_bytes().ct_eq(form.as_bytes()).into()
    }
}

impl Sessions {
    /// Signs somebody in, and returns the cookie that says so.
    ///
    /// # Errors
    /// [`TokenError::Random`].
    pub fn begin(&self, by: String) -> Result<String, TokenError> {
        let (id, secret) = (token::random()?, token::random()?);
        let cookie = format!("{COOKIE}={id}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}", LASTS.as_secs());
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.truncate(MOST - 1);
        all.push_front(Arc::new(Session { by, id, secret, until: clock::monotonic() + LASTS }));
        Ok(cookie)
    }

    /// Who sends this request, if somebody who has signed in.
    pub fn of(&self, headers: &HeaderMap) -> Option<Arc<Session>> {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let id = cookies
            .flat_map(|all| all.split(';'))
            .find_map(|one| one.trim().strip_prefix(COOKIE)?.strip_prefix('='))?;
        let now = clock::monotonic();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|session| session.until > now);
        all.iter().find(|session| session.id.as_bytes().ct_eq(id.as_bytes()).into()).cloned()
    }

    /// Signs somebody out, and returns the cookie that says so.
    pub fn end(&self, session: &Session) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|other| other.id != session.id);
        format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_serves_one_path_of_one_session() {
        let sessions = Sessions::default();
        let mut headers = Vec::new();
        for by in ["ann", "bob"] {
            let cookie = sessions.begin(by.to_owned()).unwrap();
            let sent = cookie.split(';').next().unwrap().parse().unwrap();
            headers.push(HeaderMap::from_iter([(header::COOKIE, sent)]));
        }
        let [ann, bob] = [&headers[0], &headers[1]].map(|headers| sessions.of(headers).unwrap());
        assert_eq!((&*ann.by, &*bob.by), ("ann", "bob"));
        assert!(ann.made("/stop", &ann.form("/stop")));
        assert!(
            !ann.made("/go", &ann.form("/stop")) && !ann.made("/stop", &bob.form("/stop")) && !ann.made("/stop", "")
        );
        sessions.end(&ann);
        assert!(sessions.of(&headers[0]).is_none() && sessions.of(&headers[1]).is_some());
        for _ in 0..MOST {
            sessions.begin("crowd".to_owned()).unwrap();
        }
        assert!(sessions.of(&headers[1]).is_none(), "there is no end to them");
    }
}
