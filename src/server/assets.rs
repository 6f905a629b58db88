//! The files of the page: compiled in, and asked for again only when they are others.

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};

use super::App;
use crate::model::hex;

/// How everything looks that is read in a browser.
pub(super) const STYLE: &str = include_str!("assets/style.css");

/// Their part of the service.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/assets/style.css", get(|h| file(h, "text/css; charset=utf-8", STYLE)))
        .route("/assets/page.js", get(|h| file(h, "text/javascript; charset=utf-8", include_str!("assets/page.js"))))
        .route("/assets/icon.svg", get(|h| file(h, "image/svg+xml", include_str!("assets/icon.svg"))))
}

async fn file(headers: HeaderMap, kind: &'static str, text: &'static str) -> Response {
    let tag = format!("\"{}\"", &hex(&Sha256::digest(text))[..16]);
    let again = [(header::ETAG, tag.clone()), (header::CACHE_CONTROL, "no-cache".to_owned())];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, again).into_response();
    }
    (again, [(header::CONTENT_TYPE, kind)], text).into_response()
}
