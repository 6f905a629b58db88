//! The checker of a plan's certificate: it recomputes the floor from the first look and the declared versions, and
//! shares no code with what made it.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use rollward::desired::Cluster;
use rollward::model::{GroupName, Known, NodeName};
use rollward::observed::{GroupKind, Observation};
use rollward::plan::Plan;

/// What is wrong with the floor or its certificate, if anything.
pub fn check(desired: &Cluster, seen: &Observation, plan: &Plan) -> Result<(), String> {
    let certificate = &plan.certificate;
    let mut leaving: BTreeSet<(&GroupName, &NodeName)> = BTreeSet::new();
    for must in &certificate.must_leave {
        if !leaving.insert((&must.role, &must.node)) {
            return Err(format!("{} leaves {} twice", must.role, must.node));
        }
    }
    let left: BTreeSet<&NodeName> = certificate.left.iter().map(|left| &left.node).collect();
    let mut floor = 0;
    for (role, owner) in owners(desired, seen) {
        let due = has_work(owner, desired, seen) && !left.contains(owner);
        if due != leaving.contains(&(role, owner)) {
            let word = if due { "has to" } else { "need not" };
            return Err(format!("{role} {word} leave {owner}, and the certificate says otherwise"));
        }
        floor += u32::from(due);
    }
    let counts = &plan.handoffs;
    if counts.floor != floor || leaving.len() != floor as usize {
        return Err(format!("the floor is {floor}, the plan says {}, its certificate {}", counts.floor, leaving.len()));
    }
    if let Some(idle) = certificate.left.iter().find(|l| l.holds.is_empty() || !has_work(&l.node, desired, seen)) {
        return Err(format!("{} is left without a reason, or without work", idle.node));
    }
    if counts.optimum < floor + certificate.going_back {
        return Err(format!("an optimum of {} below the floor of {floor}", counts.optimum));
    }
    if certificate.proven && (counts.optimum > floor + certificate.going_back) && certificate.because.is_empty() {
        return Err(format!("nothing says why {} is more than the floor of {floor}", counts.optimum));
    }
    if let Some(vague) = certificate.because.iter().find(|because| because.evidence.is_empty()) {
        return Err(format!("{} without evidence", vague.rule));
    }
    Ok(())
}

/// The roles that are seen on a node.
fn owners<'a>(desired: &Cluster, seen: &'a Observation) -> Vec<(&'a GroupName, &'a NodeName)> {
    let owner = |(name, group): (&'a GroupName, &'a rollward::observed::Group)| match &group.owner {
        Known::Known { value: Some(owner), .. } if desired.kind_of(name, group) == GroupKind::Role => {
            Some((name, owner))
        }
        _ => None,
    };
    seen.groups.iter().filter_map(owner).collect()
}

/// A declared node that is not surely at the declared versions.
fn has_work(node: &NodeName, desired: &Cluster, seen: &Observation) -> bool {
    let Some(spec) = desired.nodes.get(node) else { return false };
    let at_target = |package: &rollward::model::RollupPackage| {
        let installed = seen.nodes.get(node).and_then(|n| n.installed.get(&package.name));
        installed.is_some_and(|known| {
            known.surely(|version| {
                version.as_ref().and_then(|version| version.partial_cmp(&package.version)) == Some(Ordering::Equal)
            })
        })
    };
    !spec.rollup.packages.iter().all(at_target)
}
