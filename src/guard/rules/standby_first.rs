//! `standby-first`: a standby copy is replayed by software at least as new as that of its source.
//!
//! Upwards, no node of a source is left above any of its targets as *observed*; downwards, no target below any node of
//! its sources. At most one target of a role is out at once, and none while its source is in the middle of a node.
//! Relations are those declared and those observed together; one that is only observed is a hold, because no order can
//! be kept in a relation that the manifests do not know.
//!
//! Source: an SCR target must be updated before its source; a lower one cannot replay what a higher one wrote.

use std::cmp::Ordering;

use super::prospect::{Prospect, prospect};
use super::{Rule, is_worked_on, say};
use crate::guard::Facts;
use crate::model::rollup::Installed;
use crate::model::{
    Action, ClusterName, Evidence, GroupName, Hold, Known, NodeName, NodeRef, ReleaseKind, RollupPackage, RuleName,
    Subject,
};
use crate::observed::{Group, GroupKind, Membership};

pub(super) const RULE: Rule = Rule {
    name: RuleName::StandbyFirst,
    judges: "Install, Uninstall; ahead of them, Pause, StopCluster and Handoff",
    judges_finishing: false,
    says_no_to: "leaving a source's node above any of its standby targets (downwards: a target below its source); two \
                 targets of a role out at once, or one while its source is in the middle of a node; a relation that is \
                 observed but not declared",
    judge,
    checks: super::no_checks,
};

const IN_THE_MIDDLE: &str = "in the middle of its own update";
const NOT_YET: &str = "not looked at yet";

fn judge(action: &Action, facts: &Facts<'_>) -> Result<(), Hold> {
    let Some(coming) = prospect(action, facts) else { return Ok(()) };
    // Most groups have no standby copies.
    let any_declared = facts.desired.groups.values().any(|spec| !spec.standby_targets.is_empty());
    for (name, group) in &facts.seen.groups {
        let any = any_declared || group.standby_copies.possibly(|copies| !copies.is_empty());
        if any && serves(coming.node, name, group, facts) {
            as_source(coming, name, group, facts)?;
        }
    }
    as_target(coming, facts)
}

/// Whether the node may serve the role, now or after a handoff.
fn serves(node: &NodeName, name: &GroupName, group: &Group, facts: &Facts<'_>) -> bool {
    facts.desired.kind_of(name, group) == GroupKind::Role && group.possible_owners.possibly(|o| o.contains(node))
}

fn hold(coming: Prospect<'_>, evidence: Evidence, kind: ReleaseKind, what: String) -> Result<(), Hold> {
    Err(say::on_node(RuleName::StandbyFirst, coming.node, vec![evidence], kind, what))
}

fn as_source(coming: Prospect<'_>, name: &GroupName, group: &Group, facts: &Facts<'_>) -> Result<(), Hold> {
    let spec = facts.desired.groups.get(name);
    let declared = || spec.into_iter().flat_map(|s| &s.standby_targets);
    match &group.standby_copies {
        unknown @ Known::Unknown { .. } => {
            let evidence = Evidence::of(format!("groups.{name}.standbyCopies"), unknown, |_| String::new());
            return hold(
                coming,
                evidence,
                ReleaseKind::Observation,
                format!("released when the standby copies of {name} can be seen"),
            );
        }
        Known::Known { value, at } => {
            if let Some(copy) = value.iter().find(|copy| !declared().any(|d| *d == copy.target)) {
                let place = spec.map_or(&facts.desired.place, |s| &s.place);
                let fact = format!("a standby copy of {name} on {}", copy.target);
                let NodeRef { cluster, node } = &copy.target;
                return Err(say::hold(
                    RuleName::StandbyFirst,
                    Subject::Group(name.clone()),
                    vec![Evidence::new(fact, "observed, and not declared", *at)],
                    ReleaseKind::Manifest,
                    format!(
                        "released by adding {{cluster: {cluster}, node: {node}}} to `standbyTargets` of {name}, {place}"
                    ),
                ));
            }
        }
    }
    if coming.down {
        return Ok(());
    }
    for target in declared() {
        not_above(coming, name, target, facts)?;
        target_is_settled(coming, name, target, facts)?;
    }
    Ok(())
}

/// A source's node after the action against one of its targets as observed.
fn not_above(coming: Prospect<'_>, role: &GroupName, target: &NodeRef, facts: &Facts<'_>) -> Result<(), Hold> {
    let installed = installed_on(target, facts);
    for package in &coming.rollup.packages {
        if let Some((evidence, known)) = below(target, installed, package) {
            let kind = if known { ReleaseKind::Progress } else { ReleaseKind::Observation };
            let what = format!(
                "released when {target}, which holds a standby copy of {role}, is at {} or above",
                package.version
            );
            return hold(coming, evidence, kind, what);
        }
    }
    Ok(())
}

fn as_target(coming: Prospect<'_>, facts: &Facts<'_>) -> Result<(), Hold> {
    if facts.fleet.sources_of.is_empty() {
        return Ok(());
    }
    let me = NodeRef { cluster: facts.desired.name.clone(), node: coming.node.clone() };
    let Some(sources) = facts.fleet.sources_of.get(&me) else { return Ok(()) };
    for (cluster, role) in sources {
        if coming.down {
            sources_are_down(coming, cluster, role, facts)?;
        }
        source_is_settled(coming, cluster, role, facts)?;
        for (other, _) in facts
            .fleet
            .sources_of
            .iter()
            .filter(|(other, of)| **other != me && of.contains(&(cluster.clone(), role.clone())))
        {
            is_in_service(coming, other, role, facts)?;
        }
    }
    Ok(())
}

/// Downwards: every node of the source is at or below what the target will be at.
fn sources_are_down(
    coming: Prospect<'_>,
    cluster: &ClusterName,
    role: &GroupName,
    facts: &Facts<'_>,
) -> Result<(), Hold> {
    let nodes: Vec<(&NodeName, &Installed)> = if *cluster == facts.desired.name {
        let serving =
            |n: &NodeName| facts.seen.groups.get(role).is_some_and(|g| g.possible_owners.possibly(|o| o.contains(n)));
        let others = facts.seen.nodes.iter().filter(|(n, _)| *n != coming.node && serving(n));
        others.map(|(n, seen)| (n, &seen.installed)).collect()
    } else {
        let known = facts.fleet.clusters.get(cluster);
        known.into_iter().flat_map(|c| &c.nodes).map(|(n, (installed, _))| (n, installed)).collect()
    };
    if nodes.is_empty() {
        let evidence =
            Evidence::timeless(format!("the nodes of {cluster}, which serves {role},"), "unknown: not looked at yet");
        return hold(coming, evidence, ReleaseKind::Observation, format!("released when {cluster} has been looked at"));
    }
    for (node, installed) in nodes {
        for package in &coming.rollup.packages {
            let fact = || format!("{cluster}/{node}.versions.{}", package.name);
            let evidence = match installed.get(&package.name) {
                None => Evidence::timeless(fact(), "unknown: not looked at yet"),
                Some(unknown @ Known::Unknown { .. }) => Evidence::of(fact(), unknown, |_| String::new()),
                Some(Known::Known { value: None, .. }) => continue,
                Some(Known::Known { value: Some(version), at }) => match version.partial_cmp(&package.version) {
                    Some(Ordering::Less | Ordering::Equal) => continue,
                    _ => Evidence::new(fact(), version, *at),
                },
            };
            let kind = if evidence.at.is_none() { ReleaseKind::Observation } else { ReleaseKind::Progress };
            let what = format!(
                "released when {cluster}/{node}, whose {role} it stands by for, is at {} or below",
                package.version
            );
            return hold(coming, evidence, kind, what);
        }
    }
    Ok(())
}

fn source_is_settled(
    coming: Prospect<'_>,
    cluster: &ClusterName,
    role: &GroupName,
    facts: &Facts<'_>,
) -> Result<(), Hold> {
    let not_yet = Known::unknown(NOT_YET);
    let middle = if *cluster == facts.desired.name {
        let serves = |n: &NodeName| facts.seen.groups.get(role).is_some_and(|g| serves(n, role, g, facts));
        facts.seen.nodes.keys().find(|n| *n != coming.node && serves(n) && is_worked_on(n, facts))
    } else {
        match facts.fleet.clusters.get(cluster).map_or(&not_yet, |source| &source.in_the_middle) {
            Known::Known { value, .. } => value.first(),
            unknown @ Known::Unknown { .. } => {
                let evidence = Evidence::of(format!("{cluster}, which serves {role},"), unknown, |_| String::new());
                let what = format!("released when {cluster} has been looked at");
                return hold(coming, evidence, ReleaseKind::Observation, what);
            }
        }
    };
    let Some(node) = middle else { return Ok(()) };
    let evidence = Evidence::timeless(format!("{cluster}/{node}, a node of the source of {role},"), IN_THE_MIDDLE);
    hold(coming, evidence, ReleaseKind::Progress, format!("released when {cluster}/{node} is back"))
}

/// No node of a source goes out while a standby target of it is out because it is being worked on.
fn target_is_settled(coming: Prospect<'_>, role: &GroupName, target: &NodeRef, facts: &Facts<'_>) -> Result<(), Hold> {
    let fact = || format!("the standby target {target} of {role}");
    let evidence = if target.cluster == facts.desired.name {
        let out = target.node != *coming.node && is_worked_on(&target.node, facts);
        out.then(|| Evidence::timeless(fact(), IN_THE_MIDDLE))
    } else {
        let middle = facts.fleet.clusters.get(&target.cluster).map(|target| &target.in_the_middle);
        middle.filter(|middle| middle.possibly(|nodes| nodes.contains(&target.node))).map(|middle| match middle {
            Known::Known { .. } => Evidence::timeless(fact(), IN_THE_MIDDLE),
            unknown @ Known::Unknown { .. } => Evidence::of(fact(), unknown, |_| String::new()),
        })
    };
    let Some(evidence) = evidence else { return Ok(()) };
    hold(coming, evidence, ReleaseKind::Progress, format!("released when {target} is back"))
}

/// Another standby target of the same role.
fn is_in_service(coming: Prospect<'_>, other: &NodeRef, role: &GroupName, facts: &Facts<'_>) -> Result<(), Hold> {
    let fact = format!("{other}, another standby target of {role},");
    let evidence = if other.cluster == facts.desired.name {
        match facts.seen.nodes.get(&other.node) {
            Some(n) if n.membership.surely(|m| *m == Membership::Up) && n.paused.surely(|p| !p) => return Ok(()),
            Some(n) => Evidence::of(fact, &n.membership, |_| "out".into()),
            None => Evidence::timeless(fact, "unknown: it was not seen"),
        }
    } else {
        let known = facts.fleet.clusters.get(&other.cluster).and_then(|c| c.nodes.get(&other.node));
        match known {
            Some((_, out)) if out.surely(|out| !out) => return Ok(()),
            Some((_, out)) => Evidence::of(fact, out, |_| "out".into()),
            None => Evidence::timeless(fact, "unknown: not looked at yet"),
        }
    };
    hold(coming, evidence, ReleaseKind::Observation, format!("released when {other} is in service"))
}

fn installed_on<'a>(target: &NodeRef, facts: &Facts<'a>) -> Option<&'a Installed> {
    if target.cluster == facts.desired.name {
        facts.seen.nodes.get(&target.node).map(|n| &n.installed)
    } else {
        facts.fleet.clusters.get(&target.cluster)?.nodes.get(&target.node).map(|(installed, _)| installed)
    }
}

/// The target's package, if it is below the version that the source's node will have, or may be; and whether that is
/// known.
fn below(target: &NodeRef, installed: Option<&Installed>, package: &RollupPackage) -> Option<(Evidence, bool)> {
    let fact = || format!("{target}.versions.{}", package.name);
    match installed.and_then(|i| i.get(&package.name)) {
        None => Some((Evidence::timeless(fact(), "unknown: not looked at yet"), false)),
        Some(unknown @ Known::Unknown { .. }) => Some((Evidence::of(fact(), unknown, |_| String::new()), false)),
        Some(Known::Known { value: None, at }) => Some((Evidence::new(fact(), "not installed", *at), true)),
        Some(Known::Known { value: Some(version), at }) => match version.partial_cmp(&package.version) {
            Some(Ordering::Greater | Ordering::Equal) => None,
            Some(Ordering::Less) => Some((Evidence::new(fact(), version, *at), true)),
            None => Some((Evidence::new(fact(), format!("{version}, which does not compare"), *at), false)),
        },
    }
}
