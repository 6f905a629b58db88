//! A report as one page that needs nothing beside it: made with the status page's looks, and handed to whoever keeps it.

use askama::Template;

use super::assets::STYLE;
use crate::model::Time;
use crate::output::Report;

#[derive(Template)]
#[template(path = "report.html")]
struct Paper<'a> {
    report: &'a Report,
    style: &'static str,
}

/// The report as HTML.
///
/// # Errors
/// The template cannot be filled in.
pub fn paper(report: &Report) -> Result<String, askama::Error> {
    Paper { report, style: STYLE }.render()
}

/// A moment in UTC, to the second; templates hand their values over by reference.
fn stamp(at: &Time) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}
