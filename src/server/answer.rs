//! Answers: documents as JSON, and what went wrong, in one form.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was not done, and why.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    why: String,
}

/// The answer "no, because".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Refusal {
    /// Why, and what to do.
    pub error: String,
}

impl Problem {
    pub fn new(status: StatusCode, why: impl Into<String>) -> Self {
        Self { status, why: why.into() }
    }

    pub fn not_found(why: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, why)
    }

    /// Whether it lacks the token.
    pub fn is_unauthorized(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
    }

    /// What goes before the words, and the words.
    pub fn parts(self) -> (StatusCode, String) {
        (self.status, self.why)
    }

    /// Try again later.
    pub fn busy(why: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, why)
    }

    /// A mistake of ours.
    pub fn failed() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "this answer could not be worked out; the log says why")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = document(&Refusal { error: self.why });
        *response.status_mut() = self.status;
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// A document, as `--output json` prints it.
pub(super) fn document(document: &impl Serialize) -> Response {
    match serde_json::to_vec_pretty(document) {
        Ok(mut text) => {
            text.push(b'\n');
            ([(header::CONTENT_TYPE, "application/json")], text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
