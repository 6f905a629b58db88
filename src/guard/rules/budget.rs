//! `budget`: failed tries are counted on the node, and neither a node, a cluster nor a rollup is tried without end.

use std::time::Duration;

use super::prospect::has_work_left;
use super::{Rule, duty, say};
use crate::guard::Facts;
use crate::model::time::{later, stamp, words};
use crate::model::{
    Action, Evidence, GroupName, Hold, Known, MarkKind, NodeName, ReleaseKind, RollupName, RuleName, Subject,
};
use crate::observed::{Node, Tries};

pub(super) const RULE: Rule = Rule {
    name: RuleName::Budget,
    judges: "begins on a node that is not at its target; every Handoff",
    judges_finishing: false,
    says_no_to: "a node with no try left or in its back-off; anything after too many failed nodes, or after one failure \
                 signature on so many nodes that the rollup is halted everywhere",
    judge,
    checks: super::no_checks,
};

/// The longest pause between tries.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(3600);

fn judge(action: &Action, facts: &Facts<'_>) -> Result<(), Hold> {
    if let Action::Handoff { group, from, .. } | Action::StopRole { group, node: from, .. } = action {
        handoffs(group, from, facts)?;
    }
    let Some(node) = duty::node_at_stake(action, facts).filter(|node| has_work_left(node, facts)) else {
        return Ok(());
    };
    let Some(spec) = facts.desired.nodes.get(node) else { return Ok(()) };
    halted_everywhere(&spec.rollup.name, facts)?;
    halted_here(node, facts)?;
    if facts.seen.nodes.get(node).is_some_and(|seen| facts.desired.was_another_package(&spec.rollup, seen)) {
        return Ok(());
    }
    own_tries(node, &spec.rollup.name, facts)
}

/// A handoff that fails takes its role down for nothing: it is not tried without end either.
fn handoffs(group: &GroupName, from: &NodeName, facts: &Facts<'_>) -> Result<(), Hold> {
    // A node that cannot be asked for it is for `fresh` to refuse.
    let Some(Known::Known { value, .. }) = facts.seen.nodes.get(from).map(|n| &n.failed_handoffs) else {
        return Ok(());
    };
    let Some(tries) = value.iter().find(|failed| failed.group == *group) else { return Ok(()) };
    let limits = &facts.desired.policy.limits;
    let value = format!("{} failed in a row, the last at {}: {}", tries.failed, stamp(tries.at), tries.signature);
    let hold = |kind, what: String| {
        let evidence = vec![Evidence::new(format!("handoffs of {group} off {from}"), &value, tries.at)];
        Err(say::hold(RuleName::Budget, Subject::Group(group.clone()), evidence, kind, what))
    };
    if tries.failed > limits.retries {
        let what = format!("released by `rollward retry {}` once the cause is cured", facts.desired.name);
        return hold(ReleaseKind::Person, format!("{what}: no try is left of {}", limits.retries + 1));
    }
    let pause = back_off(limits.back_off, tries.failed);
    let end = later(tries.at, pause);
    if facts.now < end {
        return hold(ReleaseKind::Time(end), format!("released at {}, after a pause of {}", stamp(end), words(pause)));
    }
    Ok(())
}

fn own_tries(node: &NodeName, rollup: &RollupName, facts: &Facts<'_>) -> Result<(), Hold> {
    let limits = &facts.desired.policy.limits;
    let hold = |evidence, kind, what: String| Err(say::on_node(RuleName::Budget, node, vec![evidence], kind, what));
    let (tries, at) = match facts.seen.nodes.get(node).map(|n| &n.tries) {
        Some(Known::Known { value, at }) => (value, *at),
        other => {
            let evidence = match other {
                Some(tries) => Evidence::of(format!("nodes.{node}.tries"), tries, |_| String::new()),
                None => say::not_seen(node),
            };
            return hold(evidence, ReleaseKind::Observation, format!("released when the tries on {node} can be read"));
        }
    };
    let Some(failed) = tries.iter().find(|t| t.rollup == *rollup && (t.failed > 0 || !t.retryable)) else {
        return Ok(());
    };
    let evidence = tries_evidence(node, failed, at);
    let retry = format!("released by `rollward retry {} --node {node}` once the cause is cured", facts.desired.name);
    if !failed.retryable {
        return hold(evidence, ReleaseKind::Person, format!("{retry}: trying again does not cure it"));
    }
    if failed.failed > limits.retries {
        return hold(evidence, ReleaseKind::Person, format!("{retry}: no try is left of {}", limits.retries + 1));
    }
    let pause = back_off(limits.back_off, failed.failed);
    let end = later(failed.at, pause);
    if facts.now < end {
        return hold(
            evidence,
            ReleaseKind::Time(end),
            format!("released at {}, after a pause of {}", stamp(end), words(pause)),
        );
    }
    Ok(())
}

/// The pause after so many failed tries: it doubles, up to an hour.
fn back_off(first: Duration, failed: u32) -> Duration {
    let doubled = 1u32.checked_shl(failed.saturating_sub(1)).unwrap_or(u32::MAX);
    first.saturating_mul(doubled).min(LONGEST_BACK_OFF)
}

fn halted_here(node: &NodeName, facts: &Facts<'_>) -> Result<(), Hold> {
    let allowed = facts.desired.policy.limits.halt_after_failed_nodes.max(1) as usize;
    let failed =
        || facts.seen.nodes.iter().filter_map(|(name, seen)| failure(name, seen, facts)).filter(|(n, _)| *n != node);
    if failed().count() < allowed {
        return Ok(());
    }
    let mut evidence: Vec<_> = failed().map(|(name, why)| why.evidence(name)).collect();
    let place = &facts.desired.policy.place;
    evidence.push(say::line("limits.haltAfterFailedNodes", allowed, place));
    let nodes = say::list(failed().map(|(name, _)| name));
    let quarantined = failed().any(|(_, why)| matches!(why, Failure::Quarantine(..)));
    let command = if quarantined { "release" } else { "retry" };
    Err(say::hold(
        RuleName::Budget,
        Subject::Cluster(facts.desired.name.clone()),
        evidence,
        ReleaseKind::Person,
        format!("the roll is halted; released by `rollward {command} {}` once {nodes} is cured", facts.desired.name),
    ))
}

/// Why a node counts as failed.
enum Failure<'a> {
    Tries(&'a Tries, crate::model::Time),
    Quarantine(&'a str, crate::model::Time),
}

impl Failure<'_> {
    fn evidence(&self, node: &NodeName) -> Evidence {
        match self {
            Failure::Tries(tries, at) => tries_evidence(node, tries, *at),
            Failure::Quarantine(why, at) => Evidence::new(format!("the quarantine of {node}"), why, *at),
        }
    }
}

fn failure<'a>(name: &'a NodeName, seen: &'a Node, facts: &Facts<'a>) -> Option<(&'a NodeName, Failure<'a>)> {
    let quarantine = facts.seen.known_marks().find_map(|mark| match &mark.kind {
        MarkKind::Quarantine { node, why } if node == name => Some((name, Failure::Quarantine(why, mark.at))),
        _ => None,
    });
    if quarantine.is_none() && !seen.tries.surely(|tries| !tries.is_empty()) {
        return None;
    }
    let rollup = &facts.desired.nodes.get(name)?.rollup;
    let target = &rollup.name;
    let spent = || match &seen.tries {
        _ if facts.desired.was_another_package(rollup, seen) => None,
        Known::Known { value, at } => value
            .iter()
            .find(|t| t.rollup == *target && (t.failed > facts.desired.policy.limits.retries || !t.retryable))
            .map(|tries| (name, Failure::Tries(tries, *at))),
        Known::Unknown { .. } => None,
    };
    quarantine.or_else(spent)
}

fn halted_everywhere(rollup: &RollupName, facts: &Facts<'_>) -> Result<(), Hold> {
    let allowed = facts.fleet.policy.halt_after_same_failure.max(1) as usize;
    let failed = facts.fleet.failures.iter().find(|((of, _), nodes)| of == rollup && nodes.len() >= allowed);
    let Some(((_, signature), nodes)) = failed else { return Ok(()) };
    let evidence = vec![
        Evidence::timeless(format!("the same failure, {signature:?},"), format!("seen on {}", say::list(nodes))),
        Evidence::timeless("fleet.haltAfterSameFailure", allowed),
    ];
    let clusters: std::collections::BTreeSet<_> = nodes.iter().map(|n| &n.cluster).collect();
    Err(say::hold(
        RuleName::Budget,
        Subject::Rollup(rollup.clone()),
        evidence,
        ReleaseKind::Person,
        format!(
            "the rollup is halted everywhere; released by `rollward retry` of {} once the cause is cured, or by another \
             rollup",
            say::list(clusters)
        ),
    ))
}

fn tries_evidence(node: &NodeName, tries: &Tries, at: crate::model::Time) -> Evidence {
    let value = format!("{} failed, the last at {}: {}", tries.failed, stamp(tries.at), tries.signature);
    Evidence::new(format!("nodes.{node}.tries"), value, at)
}
