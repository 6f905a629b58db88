//! What `doctor` looks for before anybody trusts a look at this cluster: each check with what was seen and what to do.

use super::look::{Asked, Raw, look, read_tables};
use super::machine;
use crate::drivers::{Readiness, ReadinessState};
use crate::model::{Known, Time};
use crate::observed::Observation;

/// What was answered, and what follows from it.
struct Evidence<'a> {
    asked: &'a Asked,
    raw: &'a Raw,
    seen: &'a Observation,
}

/// A finding: how it stands, what was seen, what to do.
type Finding = (ReadinessState, String, &'static str);

type Check = fn(&Evidence<'_>) -> Finding;

const CHECKS: &[(&str, Check)] = &[
    ("nodes-answer", nodes_answer),
    ("cluster-answers", cluster_answers),
    ("exchange-tools", exchange_tools),
    ("quorum", quorum),
    ("marks", marks),
];

/// Makes every check.
pub(super) fn check(asked: &Asked, raw: &Raw, at: Time) -> Vec<Readiness> {
    let seen = look(asked, raw, at);
    let evidence = Evidence { asked, raw, seen: &seen };
    let made = CHECKS.iter().map(|(name, check)| {
        let (state, evidence, fix) = check(&evidence);
        let fix = (state != ReadinessState::Good && !fix.is_empty()).then(|| fix.to_owned());
        Readiness { name, state, evidence, fix }
    });
    made.collect()
}

fn good(evidence: impl Into<String>) -> Finding {
    (ReadinessState::Good, evidence.into(), "")
}

fn bad(evidence: impl Into<String>, fix: &'static str) -> Finding {
    (ReadinessState::Bad, evidence.into(), fix)
}

fn nodes_answer(of: &Evidence<'_>) -> Finding {
    let itself = |(name, said): (&crate::model::NodeName, &super::look::Said)| {
        said.heard().and_then(|(answer, _)| machine::is_itself(name, answer)).err()
    };
    let failed: Vec<String> = of.raw.nodes.iter().filter_map(itself).collect();
    match failed.as_slice() {
        [] => good(format!("{} answered, each by its own name", of.raw.nodes.len())),
        failed => bad(failed.join("; "), "try `ssh NODE powershell.exe -NoProfile -Command hostname`; see `hosts`"),
    }
}

fn cluster_answers(of: &Evidence<'_>) -> Finding {
    match &of.raw.cluster {
        None => good("a standalone host, in no cluster"),
        Some(said) => match read_tables(said) {
            Ok(tables) => good(format!(
                "{} answered: {} nodes, {} groups",
                tables.server,
                tables.nodes.len(),
                tables.groups.len()
            )),
            Err(why) => {
                bad(why, "on the management host: `cluster.exe /cluster:NODE node`, as the user that ssh logs in as")
            }
        },
    }
}

fn exchange_tools(of: &Evidence<'_>) -> Finding {
    match of.raw.exchange.heard().and_then(|(answer, _)| answer.done("snapin")) {
        Ok(()) => good(format!("the snap-in is there on {}", of.asked.spec.management_host)),
        Err(why) => bad(why, "install the Exchange 2007 management tools on the management host"),
    }
}

fn quorum(of: &Evidence<'_>) -> Finding {
    match &of.seen.quorum {
        Known::Unknown { why } => (ReadinessState::Unknown, why.to_string(), "see `cluster-answers`"),
        Known::Known { value, .. } if value.standalone => good("a standalone host has no votes to lose"),
        Known::Known { value, .. } => match &value.witness {
            Some(Known::Unknown { why }) => bad(why.as_ref(), "mend `quorum` in the manifest, or the witness"),
            Some(Known::Known { value: from, .. }) if from.is_empty() => {
                bad("no node reaches the witness", "bring its host back, and open port 445 from the nodes")
            }
            _ => good(format!("{} votes of nodes, {} needed", value.node_votes, value.needed)),
        },
    }
}

fn marks(of: &Evidence<'_>) -> Finding {
    match &of.seen.marks {
        Known::Unknown { why } => {
            (ReadinessState::Unknown, why.to_string(), "on the management host: `cluster.exe /cluster:NODE /priv`")
        }
        Known::Known { value, .. } => good(format!("{} marks of ours in the cluster's database", value.len())),
    }
}
