//! What is under way: work that runs, and announcements whose end nobody has seen.

use crate::guard::{self, Facts};
use crate::model::{Action, Evidence, GroupName, Hold, Known, Mark, NodeName, Subject, Time};
use crate::observed::effect::{self, Proof};
use crate::observed::{GroupState, Observation};

use super::Decision;
use super::ask::{Ask, in_progress};

/// Takes away announcements that have come to their end, and notes what is still under way.
pub(super) fn next(ask: &mut Ask<'_>) -> Option<Decision> {
    let facts = ask.facts;
    for (action, mark) in facts.seen.in_progress() {
        let may = match under_way(action, mark, facts) {
            None => ask.may(Action::Release { mark: mark.clone() }),
            Some(hold) => {
                ask.refuse(action.node().cloned(), vec![hold]);
                None
            }
        };
        if may.is_some() {
            return may;
        }
    }
    for (name, node) in &facts.seen.nodes {
        if let Some(work) = node.running_work() {
            let evidence = Evidence::new(format!("nodes.{name}.work"), &work.action, work.since);
            let what = format!("released when {} has ended on {name}", work.action.kind());
            ask.refuse(Some(name.clone()), vec![in_progress(Subject::Node(name.clone()), vec![evidence], what)]);
        }
    }
    None
}

/// Whether anything is under way beside which nothing may begin, or an announcement waits to be taken away.
pub(super) fn is_busy(facts: &Facts<'_>) -> bool {
    let ended = |(action, _): (&Action, &Mark)| action.node().is_none_or(|node| lock_is_free(node, facts.seen));
    guard::under_way(facts.seen).any(|other| !other.is_apart(facts)) || facts.seen.in_progress().any(ended)
}

/// Whether all that is under way, and beside which nothing may begin, are steps of our own on others of several nodes,
/// and soon over.
pub(super) fn is_stepping(facts: &Facts<'_>) -> bool {
    let several = facts.desired.policy.limits.several_out();
    several && is_busy(facts) && guard::under_way(facts.seen).all(|other| other.is_ours(facts))
}

/// Whether something may really be going on at the node, or is about to bring something there. What a node had begun
/// that is surely down has come to an end, though it cannot show its lock free.
pub(super) fn is_at_work_on(node: &NodeName, facts: &Facts<'_>) -> bool {
    let seen = facts.seen;
    seen.nodes.get(node).is_some_and(|n| n.running_work().is_some())
        || seen.in_progress().any(|(action, _)| {
            (action.node() == Some(node) || action.to() == Some(node))
                && !action.node().is_some_and(|n| seen.is_down(n))
        })
}

/// Whether something of ours may be under way with the group, or may begin at any moment, whatever is seen of it so far: a
/// tool that was just started has done nothing yet.
pub(super) fn is_at_work_with(group: &GroupName, facts: &Facts<'_>) -> bool {
    let seen = facts.seen;
    let maybe_on = |node: &NodeName| {
        seen.groups.get(group).is_some_and(|group| group.owner.possibly(|owner| owner.as_ref() == Some(node)))
    };
    seen.nodes.iter().any(|(name, node)| node.work.is_unknown() && maybe_on(name))
        || seen.nodes.values().filter_map(|node| node.running_work()).any(|work| work.action.group() == Some(group))
        || seen
            .in_progress()
            .any(|(action, _)| action.group() == Some(group) && !action.node().is_some_and(|node| seen.is_down(node)))
}

/// Whether something may be at work on the node, or an announcement of its own still stands, be the node up or down.
pub(super) fn is_busy_on(node: &NodeName, facts: &Facts<'_>) -> bool {
    is_at_work_on(node, facts) || facts.seen.in_progress().any(|(action, _)| action.node() == Some(node))
}

/// Why an announced action may still be going on; nothing if its lock is free and it has come to an end, good or bad.
fn under_way(action: &Action, mark: &Mark, facts: &Facts<'_>) -> Option<Hold> {
    let seen = facts.seen;
    let mut evidence = Vec::new();
    for node in action.node().into_iter().chain(action.to()) {
        if !lock_is_free(node, seen) {
            evidence.push(Evidence::new(format!("the lock of {node}"), "not seen free", seen.at));
        }
        if let Some(rival) = rival(node, seen)
            && action.rollup().is_some()
        {
            evidence.push(Evidence::new(format!("nodes.{node}.rival"), rival, seen.at));
        }
    }
    // Marks that were read before the node wrote down the end prove nothing: it takes its announcement away with it.
    if let Known::Known { at, .. } = &seen.marks
        && let Some(end) = action.node().and_then(|node| last_end(node, seen)).filter(|end| end > at)
    {
        evidence.push(Evidence::new("marks", "read before it ended", end));
    }
    if let Some(group) = action.group()
        && effect::proof(action, seen, facts.desired) != Proof::Done
        && seen.groups.get(group).is_none_or(|g| g.state.possibly(|state| *state == GroupState::Pending))
    {
        evidence.push(Evidence::new(format!("groups.{group}.state"), "on its way, or unknown", seen.at));
    }
    if evidence.is_empty() {
        return None;
    }
    evidence.insert(0, Evidence::new("announced", mark, mark.at));
    let subject = match (action.node(), action.group()) {
        (Some(node), _) => Subject::Node(node.clone()),
        (None, Some(group)) => Subject::Group(group.clone()),
        (None, None) => Subject::Cluster(facts.desired.name.clone()),
    };
    Some(in_progress(subject, evidence, format!("released when a look shows that {} has ended", action.kind())))
}

/// When the node wrote down the end of its last work. Where its power failed, or it was rebooted, nobody did: there is no
/// exit code, and nobody is about to take an announcement away.
fn last_end(node: &NodeName, seen: &Observation) -> Option<Time> {
    match &seen.nodes.get(node)?.work {
        Known::Known { value: Some(work), .. } => {
            work.ended.as_ref().filter(|end| end.exit_code.is_some()).map(|end| end.at)
        }
        _ => None,
    }
}

fn lock_is_free(node: &NodeName, seen: &Observation) -> bool {
    let ended = |work: &Option<crate::observed::Work>| work.as_ref().is_none_or(|w| w.ended.is_some());
    seen.nodes.get(node).is_some_and(|n| n.work.surely(ended))
}

fn rival<'a>(node: &NodeName, seen: &'a Observation) -> Option<&'a str> {
    match seen.nodes.get(node).map(|n| &n.rival) {
        Some(Known::Known { value: Some(rival), .. }) => Some(rival),
        _ => None,
    }
}
