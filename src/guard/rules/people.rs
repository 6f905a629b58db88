//! `people`: what a person did to the cluster is not undone, and not worked around.
//!
//! A pause with no mark of ours is theirs. So is a resume: where our mark says that we paused a node and it is not
//! paused, a person wants it in service, and it is not paused again until they say so.

use super::prospect::has_work_left;
use super::{Rule, duty, say};
use crate::guard::{Check, Facts};
use crate::model::{
    Action, Evidence, GroupName, Hold, Known, Mark, MarkKind, NodeName, Phase, ReleaseKind, RuleName, Subject,
};
use crate::observed::{GroupState, PauseOf};

pub(super) const RULE: Rule = Rule {
    name: RuleName::People,
    judges: "every action, finishing too",
    judges_finishing: true,
    says_no_to: "undoing or working around a pause, a resume, a stop, an owner choice or a mark that is not ours",
    judge,
    checks,
};

fn judge(action: &Action, facts: &Facts<'_>) -> Result<(), Hold> {
    match action {
        Action::Release { mark } => release(mark, facts),
        Action::Resume { node, .. } => resume(node, facts),
        Action::StartRole { group, .. } => start_role(group, facts),
        Action::StartCluster { node } => start_cluster(node, facts),
        _ if action.phase() == Phase::Finish => Ok(()),
        _ => {
            duty::node_at_stake(action, facts).map_or(Ok(()), |node| worked_on(node, facts))?;
            action.to().map_or(Ok(()), |node| destination(node, facts))?;
            match action {
                Action::MoveGroup { group, to, .. } => owner_choice(group, to, facts),
                _ => Ok(()),
            }
        }
    }
}

fn on(node: &NodeName, evidence: Evidence, kind: ReleaseKind, what: String) -> Result<(), Hold> {
    Err(say::on_node(RuleName::People, node, vec![evidence], kind, what))
}

fn pause_evidence(node: &NodeName, facts: &Facts<'_>) -> Evidence {
    match facts.seen.nodes.get(node) {
        None => say::not_seen(node),
        Some(_) if facts.seen.marks.is_unknown() => Evidence::of("marks", &facts.seen.marks, |_| String::new()),
        Some(seen) => Evidence::of(format!("nodes.{node}.paused"), &seen.paused, |paused| match paused {
            true => "true, with no mark of ours".into(),
            false => "false, though our mark says that we paused it".into(),
        }),
    }
}

fn not_ours(node: &NodeName, facts: &Facts<'_>) -> Result<(), Hold> {
    on(
        node,
        pause_evidence(node, facts),
        ReleaseKind::Person,
        format!("somebody paused {node}, and it is theirs to end; released when they resume it"),
    )
}

fn untold(node: &NodeName, facts: &Facts<'_>) -> Result<(), Hold> {
    on(
        node,
        pause_evidence(node, facts),
        ReleaseKind::Observation,
        format!("released when it can be seen whether {node} is paused, and by whom"),
    )
}

/// A node that a begin works on.
fn worked_on(node: &NodeName, facts: &Facts<'_>) -> Result<(), Hold> {
    match facts.seen.pause_of(node) {
        PauseOf::Nobody | PauseOf::Rollward(_) => Ok(()),
        PauseOf::Person => not_ours(node, facts),
        PauseOf::ResumedByPerson(_) | PauseOf::Unknown(_) if super::our_mark_while_down(node, facts) => Ok(()),
        PauseOf::ResumedByPerson(_) => resumed(node, facts),
        PauseOf::Unknown(_) => untold(node, facts),
    }
}

fn resumed(node: &NodeName, facts: &Facts<'_>) -> Result<(), Hold> {
    on(
        node,
        pause_evidence(node, facts),
        ReleaseKind::Person,
        format!(
            "somebody resumed {node} while it was being worked on; when it may be paused again: `rollward release {}`",
            facts.desired.name
        ),
    )
}

/// A node that a begin moves something to.
fn destination(node: &NodeName, facts: &Facts<'_>) -> Result<(), Hold> {
    match facts.seen.pause_of(node) {
        PauseOf::Person => not_ours(node, facts),
        PauseOf::Unknown(_) => untold(node, facts),
        PauseOf::Nobody | PauseOf::Rollward(_) | PauseOf::ResumedByPerson(_) => Ok(()),
    }
}

/// An auxiliary group goes only where it may be. For a role, `ready-target` asks the same.
fn owner_choice(group: &GroupName, to: &NodeName, facts: &Facts<'_>) -> Result<(), Hold> {
    let Some(seen) = facts.seen.groups.get(group) else { return Ok(()) };
    if seen.possible_owners.surely(|owners| owners.contains(to)) {
        return Ok(());
    }
    let kind = if seen.possible_owners.is_unknown() { ReleaseKind::Observation } else { ReleaseKind::Person };
    Err(say::hold(
        RuleName::People,
        Subject::Group(group.clone()),
        vec![Evidence::of(format!("groups.{group}.possibleOwners"), &seen.possible_owners, |o| say::list(&**o))],
        kind,
        format!("released when {to} is a possible owner of {group}"),
    ))
}

fn resume(node: &NodeName, facts: &Facts<'_>) -> Result<(), Hold> {
    match facts.seen.pause_of(node) {
        PauseOf::Rollward(_) => Ok(()),
        PauseOf::Person => not_ours(node, facts),
        PauseOf::Unknown(_) => untold(node, facts),
        PauseOf::ResumedByPerson(_) => resumed(node, facts),
        PauseOf::Nobody => on(
            node,
            facts.seen.nodes.get(node).map_or_else(|| say::not_seen(node), |n| say::paused(node, n)),
            ReleaseKind::Progress,
            format!("{node} is not under our pause: nothing to resume"),
        ),
    }
}

/// A role that is offline without any trace of our doing was taken offline by a person.
fn start_role(group: &GroupName, facts: &Facts<'_>) -> Result<(), Hold> {
    let Some(seen) = facts.seen.groups.get(group) else { return Ok(()) };
    if seen.state.surely(|s| *s != GroupState::Offline) || stopped_by_us(group, facts) {
        return Ok(());
    }
    let mut evidence = vec![say::state(group, seen)];
    evidence.push(match &facts.seen.marks {
        Known::Known { at, .. } => Evidence::new(format!("a mark or work of ours on {group}"), "not there", *at),
        unknown @ Known::Unknown { .. } => Evidence::of("marks", unknown, |_| String::new()),
    });
    let kind = if facts.seen.marks.is_unknown() || seen.state.is_unknown() {
        ReleaseKind::Observation
    } else {
        ReleaseKind::Person
    };
    let subject = Subject::Group(group.clone());
    let what = format!("{group} was not stopped by us; released when somebody brings it online");
    Err(say::hold(RuleName::People, subject, evidence, kind, what))
}

fn stopped_by_us(group: &GroupName, facts: &Facts<'_>) -> bool {
    facts.seen.is_our_duty(group)
        || facts.seen.in_progress().any(|(action, _)| action.group() == Some(group))
        || facts
            .seen
            .nodes
            .values()
            .any(|node| node.work.surely(|work| work.as_ref().is_some_and(|w| w.action.group() == Some(group))))
}

/// A cluster service that is down with no trace of our doing was stopped by a person, or died and is theirs to mend.
fn start_cluster(node: &NodeName, facts: &Facts<'_>) -> Result<(), Hold> {
    let about_it = |action: &Action| action.needs_empty_node() && action.node() == Some(node);
    let marked = facts.seen.known_marks().any(|mark| match &mark.kind {
        MarkKind::Pause { node: paused } => paused == node,
        MarkKind::InProgress { action } => about_it(action),
        _ => false,
    });
    let Some(seen) = facts.seen.nodes.get(node) else {
        return on(node, say::not_seen(node), ReleaseKind::Observation, format!("released when {node} is seen"));
    };
    if marked || seen.work.surely(|work| work.as_ref().is_some_and(|w| about_it(&w.action))) {
        return Ok(());
    }
    let service = format!("nodes.{node}.clusterService");
    on(
        node,
        Evidence::of(service, &seen.cluster_service, |runs| {
            if *runs { "running".into() } else { "stopped, with no mark or work of ours".into() }
        }),
        ReleaseKind::Person,
        format!("we did not stop the cluster service of {node}; released when somebody starts it"),
    )
}

fn release(mark: &Mark, facts: &Facts<'_>) -> Result<(), Hold> {
    let name = &facts.desired.name;
    let hold = |evidence, kind, what| {
        Err(say::hold(RuleName::People, Subject::Cluster(name.clone()), vec![evidence], kind, what))
    };
    let said = |value: &str| Evidence::new(format!("the {mark}"), value, mark.at);
    if !mark.kind.is_controllers() {
        return hold(
            said("a person's"),
            ReleaseKind::Person,
            format!("it is theirs; only `rollward go {name}` removes it"),
        );
    }
    let ours = match &facts.seen.claim {
        Known::Known { value: Some(claim), .. } => claim.epoch,
        _ => 0,
    };
    if mark.epoch > ours {
        return hold(
            said("later than our claim"),
            ReleaseKind::Progress,
            "released by claiming the cluster anew".into(),
        );
    }
    let MarkKind::Pause { node } = &mark.kind else { return Ok(()) };
    let releasing = facts.desired.broken.as_ref().is_some_and(|b| b.releasing);
    match facts.seen.pause_of(node) {
        PauseOf::Rollward(_) => {
            let what = format!("released by resuming {node} first: a pause without its mark would be nobody's");
            hold(said("that of a pause in force"), ReleaseKind::Progress, what)
        }
        // The mark is the memory of the person's resume, for as long as we would pause the node again.
        PauseOf::ResumedByPerson(_)
            if has_work_left(node, facts) && !releasing && !facts.seen.was_resumed_last(node) =>
        {
            resumed(node, facts)
        }
        PauseOf::Unknown(_) => untold(node, facts),
        PauseOf::ResumedByPerson(_) | PauseOf::Person | PauseOf::Nobody => Ok(()),
    }
}

fn checks(action: &Action, _: &Facts<'_>, checks: &mut Vec<Check>) {
    match action {
        Action::Resume { node, .. } => checks.push(Check::PausedByUs { node: node.clone() }),
        Action::Pause { node } => checks.push(Check::NotPaused { node: node.clone() }),
        // A role that is stopped on a node which somebody has just paused could not be started there again.
        Action::StopRole { node, to, .. } => {
            checks.extend([node, to].map(|node| Check::NotPaused { node: node.clone() }));
        }
        _ => checks.extend(action.to().map(|to| Check::NotPaused { node: to.clone() })),
    }
}
