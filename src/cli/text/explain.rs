//! `explain`, laid out: node by node, what it waits for, on what evidence, and what releases it.

use std::fmt::Write as _;

use super::holds::{holds, waivers};
use super::layout::{ago, stamp};
use super::style::{FAINT, GOOD, HEAD, WARN};
use crate::model::{PackageName, Standing, Time};
use crate::output::{Clusters, Explained, ExplainedNode, Source};

/// All explanations. `now` is that of the reader.
pub fn text(document: &Clusters<Explained>) -> String {
    let mut text = String::new();
    for (i, explained) in document.clusters.iter().enumerate() {
        if i > 0 {
            text.push('\n');
        }
        one(&mut text, explained);
    }
    text
}

fn one(text: &mut String, explained: &Explained) {
    let colour = super::plan::decision_style(explained.decision);
    let now = crate::model::time::later(explained.observed_at, explained.age_seconds.0);
    let _ = write!(text, "{HEAD}{}{HEAD:#}: {colour}{}{colour:#}", explained.name, explained.decision.word());
    if let Some(action) = &explained.action {
        let _ = write!(text, ": {action}");
    }
    let _ = writeln!(text, " {FAINT}({}){FAINT:#}", source(explained.source, explained.observed_at, now));
    if !explained.supposed.is_empty() {
        let _ = writeln!(text, "  {FAINT}supposing: {}{FAINT:#}", explained.supposed.join("; "));
    }
    waivers(text, &explained.waivers, 2);
    super::plan::windows(text, &explained.windows);
    let mut said = Vec::new();
    for node in &explained.nodes {
        self::node(text, node, now, &mut said);
    }
    let rest: Vec<_> = explained.holds.iter().filter(|hold| !said.contains(hold)).cloned().collect();
    if !rest.is_empty() {
        let _ = writeln!(text, "  the cluster");
        holds(text, &rest, 4, Some(now), &mut said);
    }
    super::plan::relaxation(text, explained.relaxation.as_ref());
    super::plan::unknown(text, &explained.unknown);
}

fn node(text: &mut String, node: &ExplainedNode, now: Time, said: &mut Vec<crate::output::Hold>) {
    let (standing, colour) = match node.standing {
        Some(Standing::Current) => ("current", GOOD),
        Some(Standing::Stale) => ("stale", WARN),
        Some(Standing::Ahead) => ("ahead", WARN),
        None if node.target.is_some() => ("unknown", WARN),
        None => ("no target", WARN),
    };
    let _ = write!(text, "  {HEAD}{}{HEAD:#} {colour}{standing}{colour:#}", node.name);
    let versions: Vec<_> = node
        .versions
        .iter()
        .map(|(package, version)| {
            let version = version.as_deref().unwrap_or("not installed");
            if package == PackageName::PRODUCT { version.to_owned() } else { format!("{package} {version}") }
        })
        .collect();
    if node.standing.is_some() && !versions.is_empty() {
        let _ = write!(text, ", at {}", versions.join(", "));
    }
    if let Some(target) = node.target.as_ref().filter(|_| node.standing != Some(Standing::Current)) {
        let _ = write!(text, ", target {target}");
    }
    text.push('\n');
    if let Some(action) = &node.action {
        let _ = writeln!(text, "    next: {action}");
    }
    holds(text, &node.holds, 4, Some(now), said);
}

/// Whose knowledge this is, and how old.
pub fn source(source: Source, at: Time, now: Time) -> String {
    match source {
        Source::Daemon => format!("the daemon looked {}", ago(at, now)),
        Source::Live => format!("looked at {}", stamp(at)),
        Source::Record => format!("recorded {}", ago(at, now)),
    }
}
