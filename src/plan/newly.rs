//! Nodes on which nothing has begun: staged ahead, then paused; none before it is known that its install can follow.

use crate::guard::Facts;
use crate::model::time::later;
use crate::model::{Action, Evidence, Hold, Known, MarkKind, NodeName, Release, ReleaseKind, RuleName, Subject};
use crate::observed::{Group, GroupKind, Node, PauseOf, effect};

use super::Decision;
use super::ask::{Ask, allows, has_work, holds, is_staged, standing};
use super::middle::{next_begin, stranded};

/// The first begin on a new node that the rules allow.
pub(super) fn next(ask: &mut Ask<'_>) -> Option<Decision> {
    in_order(ask.facts).into_iter().find_map(|node| begin(ask, node))
}

/// Where several nodes may be out, packages are copied to those that only wait for their turn.
pub(super) fn prepare(ask: &mut Ask<'_>) -> Option<Decision> {
    let facts = ask.facts;
    if !facts.desired.policy.limits.several_out() || !may_stage(facts) {
        return None;
    }
    let awaits_turn = |node: &NodeName| {
        let against = holds(&Action::Pause { node: node.clone() }, facts);
        let turn = |hold: &Hold| matches!(hold.rule, RuleName::MaxUnavailable | RuleName::Quorum);
        !against.is_empty() && against.iter().all(|hold| turn(hold) && !hold.is_lasting())
    };
    let unstaged = |node: &&NodeName| facts.seen.nodes.get(*node).is_some_and(|seen| !is_staged(node, seen, facts));
    let mut nodes = in_order(facts).into_iter().filter(unstaged);
    let stage = nodes.find(|node| awaits_turn(node)).and_then(|node| stage(node, facts))?;
    ask.may(stage)
}

/// No more packages are copied at once than nodes may be out.
fn may_stage(facts: &Facts<'_>) -> bool {
    let limits = &facts.desired.policy.limits;
    let staging = |node: &Node| node.running_work().is_some_and(|work| matches!(work.action, Action::Stage { .. }));
    let running = facts.seen.nodes.values().filter(|node| staging(node)).count();
    !limits.several_out() || running < limits.max_unavailable as usize
}

/// Nodes on which nothing has begun, in the order in which they are begun.
fn in_order<'a>(facts: &Facts<'a>) -> Vec<&'a NodeName> {
    let mut nodes: Vec<_> = facts.desired.nodes.keys().filter(|node| is_new(node, facts)).collect();
    let waiting: Vec<_> = waiting_roles(facts).collect();
    // By name among equals.
    nodes.sort_by_cached_key(|node| std::cmp::Reverse(frees(node, &waiting)));
    nodes
}

/// There is work on it, and it is neither under a pause of ours nor in quarantine, which is for people to look at.
pub(super) fn is_new(node: &NodeName, facts: &Facts<'_>) -> bool {
    let quarantined =
        || facts.seen.known_marks().any(|mark| matches!(&mark.kind, MarkKind::Quarantine { node: n, .. } if n == node));
    has_work(node, facts) && !matches!(facts.seen.pause_of(node), PauseOf::Rollward(_)) && !quarantined()
}

/// Roles that have to leave their owners, each with its owner.
fn waiting_roles<'a>(facts: &Facts<'a>) -> impl Iterator<Item = (&'a NodeName, &'a Group)> {
    facts.seen.groups.iter().filter_map(|(name, group)| {
        let Known::Known { value: Some(owner), .. } = &group.owner else { return None };
        (facts.desired.kind_of(name, group) == GroupKind::Role && has_work(owner, facts)).then_some((owner, group))
    })
}

/// How many of these roles could come to the node, once it is current.
fn frees(node: &NodeName, waiting: &[(&NodeName, &Group)]) -> usize {
    let comes = |group: &Group| group.possible_owners.surely(|owners| owners.contains(node));
    waiting.iter().filter(|(owner, group)| *owner != node && comes(group)).count()
}

/// Begins on one node, or keeps every reason why not.
pub(super) fn begin(ask: &mut Ask<'_>, node: &NodeName) -> Option<Decision> {
    let facts = ask.facts;
    if let Err(hold) = standing(node, facts) {
        let mut against = holds(&Action::Pause { node: node.clone() }, facts);
        // One is enough to say that the node cannot be asked.
        if against.iter().all(|other| other.rule != hold.rule || other.subject != hold.subject) {
            against.push(hold);
        }
        ask.refuse(Some(node.clone()), against);
        return None;
    }
    let pause = Action::Pause { node: node.clone() };
    let waited_for = waited_for(node, facts).into_iter();
    if !allows(&pause, facts) {
        ask.refuse_action(pause, waited_for.collect());
        return stage_ahead(node, facts);
    }
    let mut against = refused_later(&pause, node, facts);
    against.extend(waited_for);
    if !against.is_empty() {
        ask.refuse(Some(node.clone()), against);
        return stage_ahead(node, facts);
    }
    let ready = facts.seen.nodes.get(node).is_none_or(|seen| is_staged(node, seen, facts));
    if !ready && !may_stage(facts) {
        return None;
    }
    if !ready && let Some(decision) = ask.may(stage(node, facts)?) {
        return Some(decision);
    }
    Some(Decision::Act(pause))
}

fn stage(node: &NodeName, facts: &Facts<'_>) -> Option<Action> {
    let rollup = facts.desired.nodes.get(node)?.rollup.name.clone();
    Some(Action::Stage { node: node.clone(), rollup })
}

/// An active node gets its packages while it still serves, if the rules allow it: copies may disturb nothing there.
fn stage_ahead(node: &NodeName, facts: &Facts<'_>) -> Option<Decision> {
    let seen = facts.seen.nodes.get(node)?;
    let active = facts.seen.owned_by(node).any(|(name, group)| facts.desired.kind_of(name, group) == GroupKind::Role);
    let stage = stage(node, facts)?;
    (active && !is_staged(node, seen, facts) && allows(&stage, facts)).then_some(Decision::Act(stage))
}

/// Walks a node's way on a model, from its pause to the install, and returns what first stands against what follows.
///
/// Every step takes its 95th percentile, so that what must end inside a window is judged with care.
fn refused_later(pause: &Action, node: &NodeName, facts: &Facts<'_>) -> Vec<Hold> {
    let mut action = pause.clone();
    let mut model = facts.seen.clone();
    let mut now = facts.now;
    // Each group moves off once, and each other step happens once.
    for _ in 0..facts.seen.groups.len() + 4 {
        now = later(now, facts.forecast.of(&action).p95);
        effect::apply(&action, &mut model, facts.desired, now);
        effect::look_again(&mut model, now);
        let ahead = Facts { seen: &model, now, ..*facts };
        let Some(next) = next_begin(node, &ahead) else { return Vec::new() };
        let against = holds(&next, &ahead);
        if !against.is_empty() || matches!(next, Action::Install { .. } | Action::Uninstall { .. }) {
            return against;
        }
        action = next;
    }
    Vec::new()
}

/// A pause would have to go again at once for a role that has nowhere to run and could come to this node.
fn waited_for(node: &NodeName, facts: &Facts<'_>) -> Option<Hold> {
    let (name, group) = stranded(facts).find(|(_, group)| group.possible_owners.surely(|o| o.contains(node)))?;
    let state = Evidence::of(format!("groups.{name}.state"), &group.state, |state| state.word().to_owned());
    facts.rules.has(RuleName::Preflight).then(|| Hold {
        rule: RuleName::Preflight,
        subject: Subject::Node(node.clone()),
        evidence: vec![state],
        release: Release {
            kind: ReleaseKind::Observation,
            what: format!("released when {name} is online: until then {node} must be free to take it"),
        },
    })
}
