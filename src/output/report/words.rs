//! How the parts of a report are put into words, on paper as in the terminal.

use super::{Build, HandoffReport, SinceIs};
use crate::model::time::words;

impl Build {
    /// What is installed, in words.
    pub fn versions_in_words(&self) -> String {
        let one = |(package, version): (&String, &Option<String>)| {
            format!("{package} {}", version.as_deref().unwrap_or("not installed"))
        };
        let all: Vec<_> = self.versions.iter().map(one).collect();
        if all.is_empty() { "no look since in the record".to_owned() } else { all.join(", ") }
    }

    /// Since when, and how that is known.
    pub fn since_in_words(&self) -> String {
        let since = self.since.strftime("%Y-%m-%d %H:%M:%SZ");
        match self.since_is {
            SinceIs::Installed => since.to_string(),
            SinceIs::FirstSeen => format!("{since} or before"),
        }
    }
}

impl HandoffReport {
    /// The outage as looks saw it, in words, and as it was measured.
    pub fn outage_in_words(&self) -> String {
        let seen = self.outage_seconds.map_or_else(|| "not measured".to_owned(), |outage| words(outage.0));
        match self.measured_outage_seconds {
            Some(measured) => format!("{seen}; by its probe {:.1}s", measured.0.as_secs_f64()),
            None => seen,
        }
    }

    /// How long it was expected to take, in words.
    pub fn predicted_in_words(&self) -> String {
        self.predicted_seconds.map_or_else(
            || "not recorded".to_owned(),
            |predicted| format!("{}, 95 of 100 in {}", words(predicted.median.0), words(predicted.p95.0)),
        )
    }
}
