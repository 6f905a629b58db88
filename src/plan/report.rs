//! Why not: for every node that is not at its target, what it waits for and on what evidence.

use std::collections::BTreeSet;

use crate::guard::Facts;
use crate::model::{Action, Evidence, Hold, NodeName, Release, ReleaseKind, RuleName, Standing, Subject};
use crate::observed::PauseOf;

use super::ask::{Ask, standing, tidy};
use super::decide::next;
use super::{Decision, NodeReport, claim, newly, rest};

/// The report of every node, declared or seen, by name.
pub fn explain(facts: &Facts<'_>) -> Vec<NodeReport> {
    let assumed = claim::assume(facts);
    let facts = match &assumed {
        Some((seen, history)) => &Facts { seen, history, ..*facts },
        None => facts,
    };
    let mut ask = Ask::new(facts);
    let decision = if rest::at_rest(facts).is_some() { None } else { next(&mut ask) };
    let act = match &decision {
        Some(Decision::Act(action)) => Some(action),
        _ => None,
    };
    let names: BTreeSet<&NodeName> = facts.desired.nodes.keys().chain(facts.seen.nodes.keys()).collect();
    names.into_iter().map(|node| one(node, act, &mut ask)).collect()
}

fn one(node: &NodeName, act: Option<&Action>, ask: &mut Ask<'_>) -> NodeReport {
    let facts = ask.facts;
    let ours = matches!(facts.seen.pause_of(node), PauseOf::Rollward(_));
    let stands = standing(node, facts).ok().filter(|_| facts.desired.nodes.contains_key(node));
    let mut report = NodeReport { node: node.clone(), standing: stands, next: None, holds: Vec::new() };
    if !facts.desired.nodes.contains_key(node) {
        report.holds = vec![undeclared(node, facts)];
        return report;
    }
    report.next = act.filter(|act| act.node() == Some(node) || act.to() == Some(node)).cloned();
    report.holds = refusals(node, ask);
    if stands == Some(Standing::Current) && !ours || report.next.is_some() {
        return report;
    }
    if report.holds.is_empty() {
        // It was not its turn yet: what would be said if it were?
        newly::begin(ask, node);
        report.holds = refusals(node, ask);
    }
    if report.holds.is_empty() {
        report.holds = vec![not_its_turn(node, act, facts)];
    }
    report
}

fn refusals(node: &NodeName, ask: &Ask<'_>) -> Vec<Hold> {
    let about = ask.refusals().iter().filter(|refusal| refusal.node.as_ref().is_none_or(|n| n == node));
    let mut holds: Vec<_> = about.flat_map(|refusal| refusal.holds(ask.facts)).collect();
    tidy(&mut holds);
    holds
}

fn not_its_turn(node: &NodeName, act: Option<&Action>, facts: &Facts<'_>) -> Hold {
    let first = match act {
        Some(action) => Evidence::timeless("the next step", action),
        None => Evidence::new("the cluster", "between two steps", facts.seen.at),
    };
    Hold {
        rule: RuleName::InProgress,
        subject: Subject::Node(node.clone()),
        evidence: vec![first],
        release: Release {
            kind: ReleaseKind::Progress,
            what: format!("released when its turn comes: one thing at a time, and {node} is not the next"),
        },
    }
}

fn undeclared(node: &NodeName, facts: &Facts<'_>) -> Hold {
    Hold {
        rule: RuleName::Declared,
        subject: Subject::Node(node.clone()),
        evidence: vec![Evidence::new(format!("nodes.{node}"), "a member that no line declares", facts.seen.at)],
        release: Release {
            kind: ReleaseKind::Manifest,
            what: format!("released by adding `{node}: {{}}` under `nodes:` of the cluster at {}", facts.desired.place),
        },
    }
}
