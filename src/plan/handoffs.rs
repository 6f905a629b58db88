//! Handing roles over: planned downtime, and so the last thing that is thought of.

use std::collections::BTreeSet;

use crate::desired::Minimise;
use crate::guard::{Facts, PlannedHandoff};
use crate::model::{Action, GroupName, HandoffStyle, Hold, Known, MarkKind, NodeName, RuleName};
use crate::observed::{Group, GroupKind, PauseOf, effect};

use super::Decision;
use super::ask::{Ask, has_work, holds};
use super::rest::{all_current, capacity, wanted_back};
use super::search::{MOST_NODES, Nodes, Problem, Role, Solution, solve};

/// Destinations that a rule refuses for good are left out of a new search, so many times.
const DETOURS: usize = 16;

/// The first handoff that the rules allow.
pub(super) fn next(ask: &mut Ask<'_>) -> Option<Decision> {
    let facts = ask.facts;
    if all_current(facts) {
        return wanted_back(facts).find_map(|(group, from, to)| begin(ask, handoff(group, from, to, facts)));
    }
    if worth_waiting_for(ask) {
        return None;
    }
    let mut closed = BTreeSet::new();
    for _ in 0..DETOURS {
        let first = look_for(facts, &closed).sequence.into_iter().next()?;
        let against = against(&first, facts);
        if against.is_empty() {
            return Some(Decision::Act(action(&first, facts)));
        }
        let detour = against.iter().any(|hold| is_about_the_way(hold) && hold.is_lasting());
        ask.refuse(Some(first.from.clone()), against);
        if !detour {
            return None;
        }
        closed.insert((first.group, first.to));
    }
    None
}

/// A passive node is being worked on, or will be as soon as something passes: a role is not handed over meanwhile.
fn worth_waiting_for(ask: &Ask<'_>) -> bool {
    let facts = ask.facts;
    let passive = |node: &NodeName| {
        facts.seen.is_up(node)
            && !facts.seen.maybe_owned_by(node).any(|(name, g)| facts.desired.kind_of(name, g) == GroupKind::Role)
    };
    let ours = |node: &NodeName| matches!(facts.seen.pause_of(node), PauseOf::Rollward(_));
    let passing = |node: &NodeName| {
        let mut refusals = ask.refusals().iter().filter(|refusal| refusal.node.as_ref() == Some(node)).peekable();
        refusals.peek().is_some() && refusals.all(|refusal| refusal.holds.iter().all(|hold| !hold.is_lasting()))
    };
    facts
        .desired
        .nodes
        .keys()
        .filter(|node| has_work(node, facts))
        .any(|node| ours(node) || (passive(node) && passing(node)))
}

fn is_about_the_way(hold: &Hold) -> bool {
    matches!(hold.rule, RuleName::ReadyTarget | RuleName::Ripple | RuleName::People | RuleName::Precondition)
}

fn begin(ask: &mut Ask<'_>, handoff: PlannedHandoff) -> Option<Decision> {
    let against = against(&handoff, ask.facts);
    if against.is_empty() {
        return Some(Decision::Act(action(&handoff, ask.facts)));
    }
    ask.refuse(Some(handoff.from), against);
    None
}

/// All that stands against the handoff; in the offline style, against the stop and against the move that follows.
fn against(handoff: &PlannedHandoff, facts: &Facts<'_>) -> Vec<Hold> {
    let first = action(handoff, facts);
    let against = holds(&first, facts);
    if !against.is_empty() || !matches!(first, Action::StopRole { .. }) {
        return against;
    }
    let PlannedHandoff { group, from, to, style } = handoff.clone();
    holds(&Action::Handoff { group, from, to, style }, facts)
}

fn action(handoff: &PlannedHandoff, facts: &Facts<'_>) -> Action {
    let PlannedHandoff { group, from, to, style } = handoff.clone();
    match style {
        HandoffStyle::Online => Action::Handoff { group, from, to, style },
        HandoffStyle::Offline => {
            let at_most = facts.desired.policy.handoff.stopped_at_most;
            Action::StopRole { group, node: from, to, at_most }
        }
    }
}

fn handoff(group: &GroupName, from: &NodeName, to: &NodeName, facts: &Facts<'_>) -> PlannedHandoff {
    PlannedHandoff {
        group: group.clone(),
        from: from.clone(),
        to: to.clone(),
        style: facts.desired.policy.handoff.style,
    }
}

/// What the search found, in names.
pub(super) struct Found {
    /// The handoffs, in order.
    pub sequence: Vec<PlannedHandoff>,
    /// The search's own result.
    pub solution: Solution,
}

/// Searches for the fewest handoffs, without the destinations that are closed.
pub(super) fn look_for(facts: &Facts<'_>, closed: &BTreeSet<(GroupName, NodeName)>) -> Found {
    let nodes: Vec<&NodeName> = facts.seen.nodes.keys().take(MOST_NODES).collect();
    let number = |name: &NodeName| nodes.binary_search(&name).ok().map(|n| n as u8);
    let mut groups = Vec::new();
    let mut roles = Vec::new();
    for (name, group) in &facts.seen.groups {
        if facts.desired.kind_of(name, group) == GroupKind::Role
            && let Known::Known { value: Some(owner), .. } = &group.owner
            && let Some(owner) = number(owner)
        {
            groups.push(name);
            roles.push(Role {
                owner,
                allowed: set(&nodes, |node| may_own(node, group, facts) && !is_closed(closed, name, node)),
                preferred: set(&nodes, |node| {
                    facts.desired.groups.get(name).is_some_and(|spec| spec.preferred_nodes.contains(node))
                }),
                cost: cost(name, facts),
            });
        }
    }
    let to_do = set(&nodes, |node| facts.desired.nodes.contains_key(node) && has_work(node, facts));
    let work = to_do & !held(&nodes, to_do, facts);
    let room = nodes.iter().map(|node| capacity(node, facts.desired).unwrap_or(u32::MAX)).collect();
    let solution = solve(&Problem { work, old: to_do & !work, roles, room });
    let name = |number: u8| nodes.get(usize::from(number)).copied();
    let sequence = solution
        .moves
        .iter()
        .filter_map(|step| Some(handoff(groups.get(step.role)?, name(step.from)?, name(step.to)?, facts)));
    Found { sequence: sequence.collect(), solution }
}

fn set(nodes: &[&NodeName], has: impl Fn(&NodeName) -> bool) -> Nodes {
    nodes.iter().enumerate().filter(|(_, node)| has(node)).fold(0, |set, (number, _)| set | 1 << number)
}

fn is_closed(closed: &BTreeSet<(GroupName, NodeName)>, group: &GroupName, node: &NodeName) -> bool {
    !closed.is_empty() && closed.contains(&(group.clone(), node.clone()))
}

/// The node can own the group: it is up, nobody else's pause is on it, and it is in no quarantine.
fn may_own(node: &NodeName, group: &Group, facts: &Facts<'_>) -> bool {
    let seen = facts.seen;
    let quarantined =
        || seen.known_marks().any(|mark| matches!(&mark.kind, MarkKind::Quarantine { node: n, .. } if n == node));
    let takes_roles = match seen.pause_of(node) {
        PauseOf::Rollward(_) => true,
        PauseOf::Nobody | PauseOf::ResumedByPerson(_) => seen.is_up(node),
        PauseOf::Person | PauseOf::Unknown(_) => false,
    };
    takes_roles && group.possible_owners.surely(|owners| owners.contains(node)) && !quarantined()
}

/// What a handoff of the role costs: one, or its weighted seconds of outage.
fn cost(group: &GroupName, facts: &Facts<'_>) -> u32 {
    match facts.desired.policy.handoff.minimise {
        Minimise::Handoffs => 1,
        Minimise::Outage => {
            let weight = facts.desired.groups.get(group).map_or(1, |spec| spec.weight);
            let seconds = super::outage::of_handoff(group, facts).median.as_secs();
            u32::try_from(seconds).unwrap_or(u32::MAX).saturating_mul(weight).clamp(1, 1 << 24)
        }
    }
}

/// Of the nodes to be worked on, those that a person or a manifest would hold even if they owned no role.
fn held(nodes: &[&NodeName], to_do: Nodes, facts: &Facts<'_>) -> Nodes {
    let mut model = facts.seen.clone();
    for (name, group) in &mut model.groups {
        if facts.desired.kind_of(name, group) == GroupKind::Role
            && let Known::Known { value, .. } = &mut group.owner
        {
            *value = None;
        }
    }
    let vacated = Facts { seen: &model, ..*facts };
    set(nodes, |node| {
        let number = nodes.binary_search(&node).unwrap_or(MOST_NODES - 1);
        to_do & (1 << number) != 0 && is_held(node, &vacated)
    })
}

fn is_held(node: &NodeName, facts: &Facts<'_>) -> bool {
    let pause = Action::Pause { node: node.clone() };
    let lasting = |action: &Action| holds(action, facts).iter().any(Hold::is_lasting);
    lasting(&pause) || {
        let mut model = facts.seen.clone();
        effect::apply(&pause, &mut model, facts.desired, facts.now);
        let ahead = Facts { seen: &model, ..*facts };
        super::middle::next_begin(node, &ahead).is_some_and(|begin| lasting_on(&begin, &ahead))
    }
}

fn lasting_on(action: &Action, facts: &Facts<'_>) -> bool {
    holds(action, facts).iter().any(Hold::is_lasting)
}
