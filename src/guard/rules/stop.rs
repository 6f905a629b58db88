//! `stop`: the stop cord, pulled by command or by a committed document, for all, by label, for a cluster, for a node.

use super::{Rule, duty, say};
use crate::guard::Facts;
use crate::guard::facts::Stop;
use crate::model::{Action, Evidence, Hold, Mark, MarkKind, ReleaseKind, RuleName, StopScope, Subject};

pub(super) const RULE: Rule = Rule {
    name: RuleName::Stop,
    judges: "begins",
    judges_finishing: false,
    says_no_to: "anything under a stop cord: global, by label, of the cluster, of the node",
    judge,
    checks: super::no_checks,
};

fn judge(action: &Action, facts: &Facts<'_>) -> Result<(), Hold> {
    let finishes = duty::is_only_way_up(action, facts);
    let in_cluster = || facts.seen.known_marks().filter(|mark| covers(mark, action, finishes));
    let elsewhere = || facts.fleet.stops.iter().filter(|stop| !finishes && reaches(stop, facts));
    let blind = facts.seen.marks.is_unknown();
    if !blind && in_cluster().next().is_none() && elsewhere().next().is_none() {
        return Ok(());
    }
    let name = &facts.desired.name;
    let mut evidence = Vec::new();
    let mut commands = Vec::new();
    let mut kind = ReleaseKind::Observation;
    if blind {
        evidence.push(Evidence::of("marks", &facts.seen.marks, |_| String::new()));
        commands.push("a look that can read the cluster's marks".to_owned());
    }
    for stop in elsewhere() {
        let what = if stop.labels.is_empty() { "the global stop cord" } else { "the stop cord by label" };
        let value = match &stop.place {
            Some(place) => format!("pulled: {:?} ({place})", stop.why),
            None => format!("pulled: {:?}", stop.why),
        };
        evidence.push(Evidence { fact: what.into(), value, at: stop.since });
        let (by, how) = match &stop.place {
            Some(place) => (ReleaseKind::Manifest, format!("removing the document at {place}")),
            None => (ReleaseKind::Person, command(stop)),
        };
        kind = if kind == ReleaseKind::Person { kind } else { by };
        commands.push(how);
    }
    for mark in in_cluster() {
        let MarkKind::Stop { scope, why } = &mark.kind else { continue };
        let (what, how) = match scope {
            StopScope::Cluster => ("the cluster's stop cord".to_owned(), format!("`rollward go {name}`")),
            StopScope::Node(node) => {
                (format!("the stop cord of {node}"), format!("`rollward go {name} --node {node}`"))
            }
        };
        evidence.push(Evidence::new(what, format!("pulled: {why:?}"), mark.at));
        kind = ReleaseKind::Person;
        commands.push(how);
    }
    let subject = Subject::Cluster(name.clone());
    Err(say::hold(RuleName::Stop, subject, evidence, kind, format!("released by {}", commands.join(" and "))))
}

/// The cord of the node that something goes to holds it even where it finishes what was begun elsewhere.
fn covers(mark: &Mark, action: &Action, finishes: bool) -> bool {
    match &mark.kind {
        MarkKind::Stop { scope: StopScope::Cluster, .. } => !finishes,
        MarkKind::Stop { scope: StopScope::Node(node), .. } => {
            action.to() == Some(node) || !finishes && action.node() == Some(node)
        }
        _ => false,
    }
}

fn reaches(stop: &Stop, facts: &Facts<'_>) -> bool {
    stop.labels.iter().all(|(key, value)| facts.desired.labels.get(key) == Some(value))
}

/// The command that lifts a stop that was pulled by command.
fn command(stop: &Stop) -> String {
    if stop.labels.is_empty() {
        return "`rollward go --all`".into();
    }
    let labels: String = stop.labels.iter().map(|(key, value)| format!(" --label {key}={value}")).collect();
    format!("`rollward go{labels}`")
}
