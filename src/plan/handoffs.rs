//! Handing roles over: planned downtime, and so the last thing that is thought of.

use std::collections::BTreeSet;

use crate::desired::Minimise;
use crate::desired::resolved::Failback;
use crate::guard::{self, Facts, PlannedHandoff};
use crate::model::{Action, GroupName, HandoffStyle, Hold, Known, MarkKind, NodeName, ReleaseKind, RuleName, Standing};
use crate::observed::{Group, GroupKind, Node, Observation, PauseOf};

use super::Decision;
use super::ask::{Ask, has_work, holds, standing};
use super::rest::{all_current, capacity, wanted_back};
use super::search::{MOST_NODES, Nodes, Problem, Role, solve};

/// Destinations that a rule refuses for good are left out of a new search, so many times.
const DETOURS: usize = 16;

/// The first handoff that the rules allow.
pub(super) fn next(ask: &mut Ask<'_>) -> Option<Decision> {
    let facts = ask.facts;
    if all_current(facts) {
        // Who is about to come back may be the best to take one.
        if facts.seen.paused_by_rollward().next().is_some() {
            return None;
        }
        return wanted_back(facts).find_map(|(group, from, to)| begin(ask, handoff(group, from, to, facts)));
    }
    if worth_waiting_for(ask) {
        return if facts.desired.policy.limits.several_out() { beside_work(ask) } else { None };
    }
    let mut closed = BTreeSet::new();
    for _ in 0..DETOURS {
        let Found { sequence, held } = look_for(facts, &closed);
        let Some(first) = sequence.into_iter().next() else {
            for (node, against) in held {
                ask.refuse(Some(node), against);
            }
            return None;
        };
        let against = against(&first, facts);
        if against.is_empty() {
            return Some(Decision::Act(action(&first, facts)));
        }
        let detour = against.iter().any(is_closed_way);
        ask.refuse(Some(first.from.clone()), against);
        if !detour {
            return None;
        }
        closed.insert((first.group, first.to));
    }
    None
}

/// While passive nodes are being worked on, the next handoff of the best sequence, if it goes to a node that has been:
/// the search reckons with those nodes as if they were done, so nothing is lost by it. A handoff that would come later in
/// the sequence does not overtake the next one, whoever is back first: what was approved stays what is done.
fn beside_work(ask: &mut Ask<'_>) -> Option<Decision> {
    let facts = ask.facts;
    let next = look_for(facts, &BTreeSet::new()).sequence.into_iter().next()?;
    if has_work(&next.to, facts) {
        return None;
    }
    begin(ask, next)
}

/// A node is out, and will be back; or a passive one will be worked on as soon as something passes. A role is not handed
/// over meanwhile.
fn worth_waiting_for(ask: &Ask<'_>) -> bool {
    let facts = ask.facts;
    let passive = |node: &NodeName| {
        facts.seen.is_up(node)
            && !facts.seen.maybe_owned_by(node).any(|(name, g)| facts.desired.kind_of(name, g) == GroupKind::Role)
    };
    let ours = |node: &NodeName| matches!(facts.seen.pause_of(node), PauseOf::Rollward(_));
    let passing = |node: &NodeName| {
        let mut refusals = ask.refusals().iter().filter(|refusal| refusal.node.as_ref() == Some(node)).peekable();
        refusals.peek().is_some() && refusals.all(|refusal| refusal.holds(facts).iter().all(|hold| !hold.is_lasting()))
    };
    let mut nodes = facts.desired.nodes.keys();
    nodes.any(|node| ours(node) || has_work(node, facts) && passive(node) && passing(node))
}

/// The way is closed, and neither time nor another look opens it.
fn is_closed_way(hold: &Hold) -> bool {
    let about_the_way =
        matches!(hold.rule, RuleName::ReadyTarget | RuleName::Ripple | RuleName::People | RuleName::Precondition);
    about_the_way && !matches!(hold.release.kind, ReleaseKind::Time(_) | ReleaseKind::Observation)
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
struct Found {
    /// The handoffs, in order.
    sequence: Vec<PlannedHandoff>,
    /// Nodes that were left out of the work, with what a person or a manifest would have to release.
    held: Vec<(NodeName, Vec<Hold>)>,
}

/// The problem that the search is given, with the names behind its numbers.
pub(super) struct Posed<'a> {
    pub nodes: Vec<&'a NodeName>,
    pub groups: Vec<&'a GroupName>,
    pub problem: Problem,
    /// Nodes that take roles at all.
    pub takers: Nodes,
    /// For each role, where it could go if no node were held.
    pub released: Vec<Nodes>,
    /// Nodes that were left out of the work, with what a person or a manifest would have to release.
    pub held: Vec<(NodeName, Vec<Hold>)>,
}

/// Searches for the fewest handoffs, without the destinations that are closed.
fn look_for(facts: &Facts<'_>, closed: &BTreeSet<(GroupName, NodeName)>) -> Found {
    let Posed { nodes, groups, problem, held, .. } = pose(facts, closed);
    let name = |number: u8| nodes.get(usize::from(number)).copied();
    let mut solution = solve(&problem);
    if !solution.proven && problem.ready != Nodes::MAX {
        // To begin with who is ready may be what made the search too long.
        solution = solve(&Problem { ready: Nodes::MAX, ..problem });
    }
    let moves = solution.moves;
    let sequence =
        moves.iter().filter_map(|m| Some(handoff(groups.get(m.role)?, name(m.from)?, name(m.to)?, facts))).collect();
    Found { sequence, held }
}

/// The search's problem, without the destinations that are closed.
pub(super) fn pose<'a>(facts: &Facts<'a>, closed: &BTreeSet<(GroupName, NodeName)>) -> Posed<'a> {
    let nodes: Vec<&NodeName> = facts.seen.nodes.keys().take(MOST_NODES).collect();
    let number = |name: &NodeName| nodes.binary_search(&name).ok().map(|n| n as u8);
    let alone = set(&nodes, |node| is_left_alone(node, facts));
    let serving = set(&nodes, |node| takes_roles(node, facts));
    let takers = serving & !alone;
    let mut groups = Vec::new();
    let mut released = Vec::new();
    let mut roles = Vec::new();
    for (name, group) in &facts.seen.groups {
        if facts.desired.kind_of(name, group) == GroupKind::Role
            && let Known::Known { value: Some(owner), .. } = &group.owner
            && let Some(owner) = number(owner)
        {
            let possible = set(&nodes, |node| is_possible(node, group) && !is_closed(closed, name, node));
            let spec = facts.desired.groups.get(name);
            groups.push(name);
            released.push(serving & possible);
            roles.push(Role {
                owner,
                allowed: takers & possible,
                preferred: spec.map_or(0, |spec| set(&nodes, |node| spec.preferred_nodes.contains(node))),
                cost: cost(name, facts),
            });
        }
    }
    let to_do = set(&nodes, |node| facts.desired.nodes.contains_key(node) && has_work(node, facts));
    let held = held(&nodes, to_do, facts);
    let work = to_do & !set(&nodes, |node| held.iter().any(|(name, _)| name == node));
    let ahead = to_do & set(&nodes, |node| standing(node, facts) == Ok(Standing::Ahead));
    let problem = Problem {
        work,
        stale: to_do & !ahead,
        ahead,
        fixed: to_do & !work | alone,
        ready: ready(&nodes, to_do, facts),
        roles,
        room: nodes.iter().map(|node| capacity(node, facts.desired).unwrap_or(u32::MAX)).collect(),
        older: nodes.iter().map(|node| older(node, facts)).collect(),
    };
    Posed { nodes, groups, problem, takers, released, held }
}

/// Nodes that are at their target and in service, where others are being worked on beside them. Where handoffs are
/// approved in their order all nodes count alike, so that the order does not hang on who is back first.
fn ready(nodes: &[&NodeName], to_do: Nodes, facts: &Facts<'_>) -> Nodes {
    let policy = &facts.desired.policy;
    // A role that shall go back in the end waits for its node rather than pay for another handoff.
    let goes_back = policy.handoff.failback == Failback::AtEnd;
    if !policy.limits.several_out() || policy.handoff.when.needs_approval() || goes_back {
        return Nodes::MAX;
    }
    let in_service = |node: &NodeName| facts.seen.is_up(node) && matches!(facts.seen.pause_of(node), PauseOf::Nobody);
    set(nodes, in_service) & !to_do
}

fn set(nodes: &[&NodeName], has: impl Fn(&NodeName) -> bool) -> Nodes {
    nodes.iter().enumerate().filter(|(_, node)| has(node)).fold(0, |set, (number, _)| set | 1 << number)
}

fn is_closed(closed: &BTreeSet<(GroupName, NodeName)>, group: &GroupName, node: &NodeName) -> bool {
    !closed.is_empty() && closed.contains(&(group.clone(), node.clone()))
}

/// The node can own roles: it is up, nobody else's pause is on it, and it is in no quarantine.
fn takes_roles(node: &NodeName, facts: &Facts<'_>) -> bool {
    let seen = facts.seen;
    let quarantined =
        || seen.known_marks().any(|mark| matches!(&mark.kind, MarkKind::Quarantine { node: n, .. } if n == node));
    let in_service = match seen.pause_of(node) {
        PauseOf::Rollward(_) => true,
        PauseOf::Nobody | PauseOf::ResumedByPerson(_) => seen.is_up(node),
        PauseOf::Unknown(_) => guard::our_mark_while_down(node, facts),
        PauseOf::Person => false,
    };
    in_service && !quarantined()
}

/// The node is to be left alone: no role goes there, nor leaves it.
fn is_left_alone(node: &NodeName, facts: &Facts<'_>) -> bool {
    facts.rules.has(RuleName::Declared) && facts.desired.nodes.get(node).is_some_and(|spec| spec.hold.is_some())
}

fn is_possible(node: &NodeName, group: &Group) -> bool {
    group.possible_owners.surely(|owners| owners.contains(node))
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

/// Nodes that are older than this one, by the packages of its target.
fn older(than: &NodeName, facts: &Facts<'_>) -> Nodes {
    let (Some(spec), Some(seen)) = (facts.desired.nodes.get(than), facts.seen.nodes.get(than)) else { return 0 };
    let own = spec.rollup.packages.iter().filter_map(|package| match seen.installed.get(&package.name)? {
        Known::Known { value, .. } => Some((&package.name, value)),
        Known::Unknown { .. } => None,
    });
    let own: Vec<_> = own.collect();
    let is_older = |other: &Node| {
        own.iter().any(|(package, own)| other.installed.get(*package).is_some_and(|theirs| theirs.surely(|v| v < *own)))
    };
    let nodes = facts.seen.nodes.values().take(MOST_NODES).enumerate();
    nodes.filter(|(_, other)| is_older(other)).fold(0, |set, (number, _)| set | 1 << number)
}

/// Of the nodes to be worked on, those that a person or a manifest would hold even if their roles were elsewhere.
fn held(nodes: &[&NodeName], to_do: Nodes, facts: &Facts<'_>) -> Vec<(NodeName, Vec<Hold>)> {
    let mut model = facts.seen.clone();
    let mut held = Vec::new();
    for (number, node) in nodes.iter().enumerate() {
        if to_do & (1 << number) == 0 {
            continue;
        }
        let vacated = vacate(node, &mut model, facts);
        let against = guard::lasting_against_work(node, &Facts { seen: &model, ..*facts });
        if !against.is_empty() {
            held.push(((*node).clone(), against));
        }
        for name in vacated {
            move_to(&name, Some(node), &mut model);
        }
    }
    held
}

/// Moves the node's roles to where each could be, and says which they were.
fn vacate(node: &NodeName, model: &mut Observation, facts: &Facts<'_>) -> Vec<GroupName> {
    let role = |(name, group): &(&GroupName, &Group)| facts.desired.kind_of(name, group) == GroupKind::Role;
    let roles: Vec<_> = facts.seen.owned_by(node).filter(role).map(|(name, _)| name.clone()).collect();
    for name in &roles {
        let Some(group) = facts.seen.groups.get(name) else { continue };
        let to =
            facts.seen.nodes.keys().find(|to| {
                *to != node && is_possible(to, group) && takes_roles(to, facts) && !is_left_alone(to, facts)
            });
        move_to(name, to, model);
    }
    roles
}

fn move_to(name: &GroupName, to: Option<&NodeName>, model: &mut Observation) {
    if let Some(Known::Known { value, .. }) = model.groups.get_mut(name).map(|group| &mut group.owner) {
        *value = to.cloned();
    }
}
