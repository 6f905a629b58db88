//! `replay`, laid out: what came of it, cluster by cluster.

use std::fmt::Write as _;

use super::layout::stamp;
use super::style::{BAD, FAINT, GOOD, HEAD, WARN};
use crate::output::{Clusters, Replayed, ReplayedDecision};

/// So many decisions of a cluster are told of one by one.
const SHOWN: usize = 10;

/// All clusters.
pub fn text(document: &Clusters<Replayed>) -> String {
    let mut text = String::new();
    for cluster in &document.clusters {
        let Replayed { name, same, different, not_replayed, decisions } = cluster;
        let _ = writeln!(text, "{HEAD}{name}{HEAD:#}: {GOOD}{same} decided the same again{GOOD:#}");
        if *different > 0 {
            let _ = writeln!(text, "  {BAD}{different} not as recorded{BAD:#}");
        }
        if *not_replayed > 0 {
            let _ = writeln!(text, "  {WARN}{not_replayed} could not be decided again{WARN:#}");
        }
        let mut shown: Vec<_> = decisions.iter().collect();
        shown.sort_by_key(|decision| !decision.verdict.is_wrong());
        for ReplayedDecision { entry, at, recorded, again, why, .. } in shown.into_iter().take(SHOWN) {
            let _ = writeln!(text, "  entry {entry}, {}", stamp(*at));
            match (again, why) {
                (Some(again), _) => {
                    let _ = writeln!(text, "    recorded {recorded}\n    again    {again}");
                }
                (None, why) => {
                    let _ = writeln!(text, "    {}", why.as_deref().unwrap_or_default());
                }
            }
        }
        if let Some(more @ 1..) = decisions.len().checked_sub(SHOWN) {
            let _ = writeln!(text, "  {FAINT}and {more} more, with --output json{FAINT:#}");
        }
    }
    text
}
