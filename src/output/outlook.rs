//! Windows, as programs read them, beside what is left to do in them.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::seconds::Seconds;
use crate::model::Time;
use crate::model::time::{stamp, words};
use crate::plan;
use crate::plan::OpenFor;

/// The present opening of a cluster's windows, or the next one, and whether what is left to do fits into it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Outlook {
    /// What may begin in it.
    pub of: OpenFor,
    /// Whether it is open.
    pub open: bool,
    /// When it opens, or opened.
    pub from: Time,
    /// When it closes.
    pub to: Time,
    /// What is left takes at most so long in 95 of 100 cases, one thing after the other.
    pub remaining_seconds: Seconds,
    /// Whether all of that fits into what is left of it.
    pub fits: bool,
}

impl Outlook {
    /// The documents of these.
    pub fn all(outlooks: &[plan::Outlook], now: Time) -> Vec<Self> {
        let one = |outlook: &plan::Outlook| Self {
            of: outlook.of,
            open: outlook.is_open,
            from: outlook.opening.from,
            to: outlook.opening.to,
            remaining_seconds: outlook.remaining.into(),
            fits: outlook.fits(now),
        };
        outlooks.iter().map(one).collect()
    }

    /// What may begin in it, in words.
    pub fn what(&self) -> &'static str {
        match self.of {
            OpenFor::Everything => "work and handoffs",
            OpenFor::Work => "work",
            OpenFor::Handoffs => "handoffs",
        }
    }

    /// When it is open, in words.
    pub fn when(&self) -> String {
        let (from, to) = (stamp(self.from), stamp(self.to));
        if self.open { format!("open until {to}") } else { format!("opens at {from}, until {to}") }
    }
}

impl fmt::Display for Outlook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = if self.fits { "it fits" } else { "it does not fit, and goes on in the next one" };
        write!(f, "{}; what is left takes up to {}: {fits}", self.when(), words(self.remaining_seconds.0))
    }
}
