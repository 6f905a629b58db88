//! Why not: for every node that is not at its target, what it waits for and on what evidence.

use std::collections::BTreeSet;

use crate::guard::Facts;
use crate::model::{Action, Evidence, Hold, MarkKind, NodeName, Release, ReleaseKind, RuleName, Standing, Subject};
use crate::observed::PauseOf;

use super::ask::{Ask, holds, name_plan, standing, tidy};
use super::decide::next;
use super::{Decision, NodeReport, claim, leftovers, middle, newly, rest, unroll};

/// The report of every node, declared or seen, by name.
pub fn explain(facts: &Facts<'_>) -> Vec<NodeReport> {
    let mut reports = on_assumed_claim(facts);
    let waits_for_approval = |report: &NodeReport| report.holds.iter().any(|hold| hold.rule == RuleName::Approval);
    if reports.iter().any(waits_for_approval) {
        // What is to be approved is the whole plan; no rule knows it.
        let hash = unroll::plan(facts).hash;
        reports.iter_mut().for_each(|report| name_plan(&mut report.holds, &hash));
    }
    reports
}

fn on_assumed_claim(facts: &Facts<'_>) -> Vec<NodeReport> {
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
    if report.next.is_some() {
        return report;
    }
    if stands == Some(Standing::Current) && !ours {
        // Nobody can tell whether it has to be given back.
        if matches!(facts.seen.pause_of(node), PauseOf::Unknown(_)) {
            report.holds.extend(holds(&Action::Resume { node: node.clone(), quarantine: None }, facts));
            tidy(&mut report.holds);
        }
        return report;
    }
    if report.holds.is_empty() {
        // It was not asked about yet: what would be said if it were?
        ask_about(node, ask);
        report.holds = refusals(node, ask);
    }
    if report.holds.is_empty() {
        report.holds.extend(comes_later(node, act, facts));
    }
    report
}

/// Has the part of the decision that a node is for say what stands against its next step.
fn ask_about(node: &NodeName, ask: &mut Ask<'_>) {
    let facts = ask.facts;
    let quarantine =
        facts.seen.known_marks().find(|mark| matches!(&mark.kind, MarkKind::Quarantine { node: n, .. } if n == node));
    match (facts.seen.pause_of(node), facts.seen.nodes.get(node), quarantine) {
        (PauseOf::Rollward(mark), Some(seen), _) => {
            middle::one(ask, node, seen, mark);
        }
        (_, Some(_), Some(mark)) => {
            leftovers::in_quarantine(ask, mark);
        }
        _ => {
            newly::begin(ask, node);
        }
    }
}

fn refusals(node: &NodeName, ask: &Ask<'_>) -> Vec<Hold> {
    let about = ask.refusals().iter().filter(|refusal| refusal.node.as_ref().is_none_or(|n| n == node));
    let mut holds: Vec<_> = about.flat_map(|refusal| refusal.holds(ask.facts)).collect();
    tidy(&mut holds);
    holds
}

/// Nothing stands against the node's next step but that other steps come first: which, and why not both at once.
fn comes_later(node: &NodeName, act: Option<&Action>, facts: &Facts<'_>) -> Option<Hold> {
    let seen = facts.seen;
    let running = || seen.nodes.iter().filter_map(|(name, n)| Some((name, n.running_work()?)));
    let ours = || seen.nodes.keys().filter(|name| *name != node && matches!(seen.pause_of(name), PauseOf::Rollward(_)));
    let (evidence, first): (Vec<Evidence>, String) = if let Some(action) = act {
        (vec![Evidence::timeless("the next step", action)], format!("{action} has ended"))
    } else if let Some((name, work)) = running().next() {
        let evidence = Evidence::new(format!("nodes.{name}.work"), &work.action, work.since);
        (vec![evidence], format!("{} has ended", work.action))
    } else if let Some((action, mark)) = seen.in_progress().next() {
        (vec![Evidence::new("announced", mark, mark.at)], format!("a look shows that {action} has ended"))
    } else {
        let out: Vec<_> = ours().map(|name| Evidence::new(format!("nodes.{name}.paused"), "by us", seen.at)).collect();
        (out, format!("{} is back", ours().map(NodeName::as_str).collect::<Vec<_>>().join(" or ")))
    };
    (!evidence.is_empty()).then(|| Hold {
        rule: RuleName::InProgress,
        subject: Subject::Node(node.clone()),
        evidence,
        release: Release {
            kind: ReleaseKind::Progress,
            what: format!("one thing at a time: released when {first}; until then {node} waits"),
        },
    })
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
