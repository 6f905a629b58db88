//! `ready-target`: a role goes only to a node that can serve it at once, and better than where it is.
//!
//! Source: the gate before a handoff: target up, not paused, patched; copies healthy and the queue short.

use std::cmp::Ordering;

use super::preflight::Found;
use super::prospect::standing;
use super::{Rule, say, soak};
use crate::desired::Topology;
use crate::guard::{Facts, lasting_against_work};
use crate::model::{
    Action, Evidence, GroupName, Hold, Known, MarkKind, NodeName, ReleaseKind, RuleName, Standing, Subject, Version,
};
use crate::observed::{CopyStatus, Group, GroupKind, Membership, Node, PauseOf};

pub(super) const RULE: Rule = Rule {
    name: RuleName::ReadyTarget,
    judges: "Handoff, and the StopRole before it",
    judges_finishing: false,
    says_no_to: "a target that is down, paused, no possible owner, full, quarantined, in its soak, older than the present \
                 owner, without its services, or whose copy is unhealthy or lags; a stale one while a current owner has room or a stale passive \
                 node could be updated first; one that is ahead, passive, and could be taken back first",
    judge,
    checks: super::no_checks,
};

fn judge(action: &Action, facts: &Facts<'_>) -> Result<(), Hold> {
    let (group, from, to) = match action {
        Action::Handoff { group, from, to, .. } => (group, from, to),
        Action::StopRole { group, node, to, .. } => (group, node, to),
        _ => return Ok(()),
    };
    let mut found = Found::default();
    match (facts.seen.nodes.get(to), facts.seen.groups.get(group)) {
        (None, _) => found.add(say::not_seen(to), ReleaseKind::Observation, format!("a look that sees {to}")),
        (_, None) => {
            let evidence = Evidence::timeless(format!("groups.{group}"), "unknown: it was not seen");
            found.add(evidence, ReleaseKind::Observation, format!("a look that sees {group}"));
        }
        (Some(node), Some(seen)) => {
            takes_groups(action, to, node, facts, &mut found);
            services_run(to, node, facts, &mut found);
            may_own(group, seen, to, facts, &mut found);
            copy_is_good(group, seen, to, facts, &mut found);
            not_older(from, to, facts, &mut found);
            not_stale_needlessly(group, seen, from, to, facts, &mut found);
            not_to_be_taken_back_first(group, to, facts, &mut found);
        }
    }
    found.into_hold().map_or(Ok(()), |(evidence, kind, what)| {
        Err(say::on_node(RuleName::ReadyTarget, to, evidence, kind, format!("released by {what}")))
    })
}

fn takes_groups(action: &Action, to: &NodeName, node: &Node, facts: &Facts<'_>, found: &mut Found) {
    if !node.membership.surely(|m| *m == Membership::Up) {
        found.add(say::membership(to, node), ReleaseKind::Observation, format!("{to} up"));
    }
    if !node.paused.surely(|p| !p) {
        let kind = match facts.seen.pause_of(to) {
            PauseOf::Rollward(_) => ReleaseKind::Progress,
            PauseOf::Person => ReleaseKind::Person,
            _ => ReleaseKind::Observation,
        };
        found.add(say::paused(to, node), kind, format!("{to} resumed"));
    }
    match &facts.seen.marks {
        Known::Known { value, .. } => {
            for mark in value {
                if let MarkKind::Quarantine { node, why } = &mark.kind
                    && node == to
                {
                    let evidence = Evidence::new(format!("the quarantine of {to}"), why, mark.at);
                    let cure = format!("a cured {to} and `rollward release {}`", facts.desired.name);
                    found.add(evidence, ReleaseKind::Person, cure);
                }
            }
        }
        Known::Unknown { .. } => {
            let evidence = Evidence::of("marks", &facts.seen.marks, |_| String::new());
            found.add(evidence, ReleaseKind::Observation, "a look that can read the marks");
        }
    }
    let soak_time = facts.desired.policy.limits.soak;
    let waived = || facts.waiver(RuleName::Soak, &Subject::Node(to.clone()), action).is_some();
    if !soak_time.is_zero() && soak::in_soak(to, node, facts) && !waived() {
        let kind = soak::until(to, node, facts).map_or(ReleaseKind::Observation, ReleaseKind::Time);
        found.add(soak::verified(to, node, facts), kind, format!("the end of the soak of {to}"));
    }
}

/// A role that arrives where its services are disabled does not come up.
fn services_run(to: &NodeName, node: &Node, facts: &Facts<'_>, found: &mut Found) {
    if node.services.surely(|s| s.differing.is_empty()) {
        return;
    }
    let evidence = Evidence::of(format!("nodes.{to}.services"), &node.services, |s| {
        say::list(s.differing.iter().map(|(service, how)| format!("{service} {how}")))
    });
    let kind = match facts.seen.pause_of(to) {
        _ if node.services.is_unknown() => ReleaseKind::Observation,
        PauseOf::Rollward(_) => ReleaseKind::Progress,
        _ => ReleaseKind::Person,
    };
    found.add(evidence, kind, format!("services on {to} as in its baseline"));
}

fn may_own(group: &GroupName, seen: &Group, to: &NodeName, facts: &Facts<'_>, found: &mut Found) {
    if !seen.possible_owners.surely(|owners| owners.contains(to)) {
        let evidence =
            Evidence::of(format!("groups.{group}.possibleOwners"), &seen.possible_owners, |o| say::list(&**o));
        let kind = if seen.possible_owners.is_unknown() { ReleaseKind::Observation } else { ReleaseKind::Person };
        found.add(evidence, kind, format!("{to} as a possible owner"));
    }
    if !has_room(group, to, facts) {
        for (name, other) in roles_on(group, to, facts) {
            found.add(say::owner(name, other), ReleaseKind::Progress, format!("room for another role on {to}"));
        }
        if roles_on(group, to, facts).next().is_none() {
            let evidence = Evidence::timeless(format!("spec.nodes.{to}.maxRoles"), 0);
            found.add(evidence, ReleaseKind::Manifest, format!("a `maxRoles` of {to} of at least 1"));
        }
    }
}

/// Roles other than this one that are, or may be, on the node.
fn roles_on<'a>(
    group: &'a GroupName,
    node: &'a NodeName,
    facts: &Facts<'a>,
) -> impl Iterator<Item = (&'a GroupName, &'a Group)> {
    let desired = facts.desired;
    facts
        .seen
        .maybe_owned_by(node)
        .filter(move |(name, other)| *name != group && desired.kind_of(name, other) == GroupKind::Role)
}

/// The node may own the role, too, as far as the number of roles on it goes.
pub(super) fn has_room(group: &GroupName, node: &NodeName, facts: &Facts<'_>) -> bool {
    let Some(spec) = facts.desired.nodes.get(node) else { return false };
    let limit = spec.max_roles.or_else(|| facts.desired.topology.roles_per_node());
    limit.is_none_or(|limit| roles_on(group, node, facts).count() < limit as usize)
}

fn copy_is_good(group: &GroupName, seen: &Group, to: &NodeName, facts: &Facts<'_>, found: &mut Found) {
    let limit = facts.desired.policy.limits.copy_queue_length;
    match seen.copies.get(to) {
        Some(copy) if copy.surely(|c| c.status == CopyStatus::Healthy && c.queue <= limit) => {}
        Some(copy) => {
            let evidence = Evidence::of(format!("groups.{group}.copies.{to}"), copy, |c| {
                format!("{}, {} logs behind of {limit} allowed", status_word(c.status), c.queue)
            });
            found.add(evidence, ReleaseKind::Observation, "a healthy copy that lags no more than allowed");
        }
        None if facts.desired.topology == Topology::Ccr => {
            let evidence = Evidence::timeless(format!("groups.{group}.copies.{to}"), "unknown: no copy was seen there");
            found.add(evidence, ReleaseKind::Observation, "a healthy copy that lags no more than allowed");
        }
        None => {}
    }
}

fn status_word(status: CopyStatus) -> &'static str {
    match status {
        CopyStatus::Healthy => "healthy",
        CopyStatus::Initializing => "initializing",
        CopyStatus::Resynchronizing => "resynchronizing",
        CopyStatus::Seeding => "seeding",
        CopyStatus::Suspended => "suspended",
        CopyStatus::Stopped => "stopped",
        CopyStatus::Failed => "failed",
        CopyStatus::Disabled => "disabled",
        CopyStatus::ServiceDown => "without its service",
    }
}

fn not_older(from: &NodeName, to: &NodeName, facts: &Facts<'_>, found: &mut Found) {
    let (Some(spec), Some(old), Some(new)) =
        (facts.desired.nodes.get(from), facts.seen.nodes.get(from), facts.seen.nodes.get(to))
    else {
        return;
    };
    // Where the manifest takes the nodes back to an older rollup, the target is older because it is at its target.
    if facts.desired.allow_downgrade && spec.rollup.standing(&old.installed) == Ok(Standing::Ahead) {
        return;
    }
    for package in &spec.rollup.packages {
        let fact = || format!("nodes.{to}.versions.{}", package.name);
        match (old.installed.get(&package.name), new.installed.get(&package.name)) {
            (Some(Known::Known { value: was, .. }), Some(Known::Known { value: is, at })) => {
                if compare(is.as_ref(), was.as_ref()).is_none_or(Ordering::is_lt) {
                    let evidence = Evidence::new(fact(), format!("{}, on {from} {}", word(is), word(was)), *at);
                    found.add(evidence, ReleaseKind::Progress, format!("a target that is not older than {from}"));
                }
            }
            (old, new) => {
                let why = [old, new].into_iter().find_map(|v| v.map_or(Some("nobody looked"), say::ignorance));
                let evidence = Evidence::timeless(fact(), format!("unknown: {}", why.unwrap_or("nobody looked")));
                found.add(evidence, ReleaseKind::Observation, "a look that sees both versions");
            }
        }
    }
}

/// Not installed is below every version.
fn compare(a: Option<&Version>, b: Option<&Version>) -> Option<Ordering> {
    match (a, b) {
        (Some(a), Some(b)) => a.partial_cmp(b),
        (None, None) => Some(Ordering::Equal),
        (None, Some(_)) => Some(Ordering::Less),
        (Some(_), None) => Some(Ordering::Greater),
    }
}

fn word(version: &Option<Version>) -> String {
    version.as_ref().map_or_else(|| "not installed".into(), Version::to_string)
}

/// A role goes to a stale node only where nothing better is to be had: it would have to move once more.
fn not_stale_needlessly(
    group: &GroupName,
    seen: &Group,
    from: &NodeName,
    to: &NodeName,
    facts: &Facts<'_>,
    found: &mut Found,
) {
    let stale = |node: &NodeName| match facts.desired.nodes.get(node) {
        Some(spec) => standing(node, &spec.rollup, facts) == Some(Standing::Stale),
        None => false,
    };
    if !stale(to) {
        return;
    }
    for (name, spec) in &facts.desired.nodes {
        let owner = seen.possible_owners.surely(|owners| owners.contains(name));
        if name == from || !owner || spec.hold.is_some() || !in_service(name, facts) {
            continue;
        }
        let current = standing(name, &spec.rollup, facts) == Some(Standing::Current);
        if current && has_room(group, name, facts) && !quarantined(name, facts) {
            let fact = format!("{name}, a possible owner with room,");
            found.add(
                Evidence::new(fact, "current", facts.seen.at),
                ReleaseKind::Progress,
                format!("{name} as the target"),
            );
        } else if stale(name) && can_be_updated(group, name, facts) {
            let fact = format!("{name}, which owns no role and could be updated first,");
            found.add(
                Evidence::new(fact, "stale", facts.seen.at),
                ReleaseKind::Progress,
                format!("the update of {name}"),
            );
        }
    }
}

/// A role goes to no passive node that is ahead and could be taken back to its target first.
fn not_to_be_taken_back_first(group: &GroupName, to: &NodeName, facts: &Facts<'_>, found: &mut Found) {
    let Some(spec) = facts.desired.nodes.get(to).filter(|_| facts.desired.allow_downgrade) else { return };
    let ahead = standing(to, &spec.rollup, facts) == Some(Standing::Ahead);
    if ahead && can_be_updated(group, to, facts) {
        let fact = format!("{to}, which owns no role and could be taken back first,");
        let cure = format!("the update of {to}");
        found.add(Evidence::new(fact, "ahead", facts.seen.at), ReleaseKind::Progress, cure);
    }
}

/// Up, and taking groups now or when our own work on it has ended, also if a person has ended that.
fn in_service(name: &NodeName, facts: &Facts<'_>) -> bool {
    let pause = facts.seen.pause_of(name);
    facts.seen.is_up(name) && matches!(pause, PauseOf::Nobody | PauseOf::Rollward(_) | PauseOf::ResumedByPerson(_))
}

pub(super) fn quarantined(name: &NodeName, facts: &Facts<'_>) -> bool {
    facts.seen.known_marks().any(|m| matches!(&m.kind, MarkKind::Quarantine { node, .. } if node == name))
}

/// What a person has in hand for the moment: they are expected to be done before a role pays for it.
const FOR_THE_MOMENT: [RuleName; 3] = [RuleName::Preflight, RuleName::People, RuleName::Stop];

/// The node is passive, and nothing stands against its update for good.
fn can_be_updated(group: &GroupName, name: &NodeName, facts: &Facts<'_>) -> bool {
    // No rule about work on a node asks about handoffs, so this ends.
    roles_on(group, name, facts).next().is_none()
        && lasting_against_work(name, facts).iter().all(|hold| FOR_THE_MOMENT.contains(&hold.rule))
}
