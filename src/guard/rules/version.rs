//! `version`: a rollup goes on the service pack that it is for, over nothing but earlier rollups, and never down unasked.
//!
//! Source: rollups are cumulative within one baseline; an interim update must be removed before one is installed.

use super::prospect::{Prospect, prospect, standing};
use super::{Rule, say};
use crate::guard::Facts;
use crate::model::{Action, Evidence, Hold, Known, ReleaseKind, RuleName, Standing};
use crate::observed::Node;

pub(super) const RULE: Rule = Rule {
    name: RuleName::Version,
    judges: "Install, Uninstall; ahead of them, Pause, StopCluster and Handoff",
    judges_finishing: false,
    says_no_to: "a wrong baseline, an interim update, a downgrade that the manifest does not allow, a denied rollup, a \
                 rollup other than the node's target",
    judge,
    checks: super::no_checks,
};

fn judge(action: &Action, facts: &Facts<'_>) -> Result<(), Hold> {
    let Some(coming) = prospect(action, facts) else { return Ok(()) };
    let Prospect { node, rollup, down, .. } = coming;
    let hold = |evidence, kind, what: String| Err(say::on_node(RuleName::Version, node, vec![evidence], kind, what));
    if let Some(asked) = action.rollup()
        && *asked != rollup.name
    {
        let evidence = Evidence::timeless(format!("the target of {node}"), &rollup.name);
        return hold(
            evidence,
            ReleaseKind::Progress,
            format!("released by planning anew: {asked} is not wanted there"),
        );
    }
    if let Some(why) = &rollup.denied {
        let evidence = Evidence::timeless(format!("rollup {}", rollup.name), format!("denied: {why}"));
        return hold(evidence, ReleaseKind::Manifest, "released by another `rollup`, or by lifting the denial".into());
    }
    let Some(seen) = facts.seen.nodes.get(node) else {
        return hold(say::not_seen(node), ReleaseKind::Observation, format!("released when {node} is seen"));
    };
    if let Some(wanted) = &rollup.baseline
        && !seen.baseline.surely(|b| b.as_ref() == Some(wanted))
    {
        let evidence = Evidence::of(format!("nodes.{node}.baseline"), &seen.baseline, |b| match b {
            Some(version) => version.to_string(),
            None => "none".into(),
        });
        let kind = if seen.baseline.is_unknown() { ReleaseKind::Observation } else { ReleaseKind::Person };
        return hold(evidence, kind, format!("released when {node} is at {wanted}, which {} is for", rollup.name));
    }
    if !seen.interim_updates.surely(Vec::is_empty) {
        let evidence = Evidence::of(format!("nodes.{node}.interimUpdates"), &seen.interim_updates, |u| say::list(u));
        let kind = if seen.interim_updates.is_unknown() { ReleaseKind::Observation } else { ReleaseKind::Person };
        return hold(evidence, kind, format!("released when no interim update is installed on {node}: remove it"));
    }
    if let Some((evidence, known)) = above(coming, seen)
        && !(known && facts.desired.allow_downgrade)
    {
        let (kind, what) = if known {
            let what = format!("released by `allowDowngrade: true` in the cluster's spec, {}", facts.desired.place);
            (ReleaseKind::Manifest, what)
        } else {
            (ReleaseKind::Observation, "released when the installed version is known".into())
        };
        return hold(evidence, kind, what);
    }
    let fits = if down { Standing::Ahead } else { Standing::Stale };
    if coming.now
        && let Some(standing) = standing(node, rollup, facts).filter(|standing| *standing != fits)
    {
        let evidence = Evidence::new(format!("the standing of {node} to {}", rollup.name), standing, facts.seen.at);
        let what = format!("released by planning anew: {} is for a node that is {fits}", action.kind());
        return hold(evidence, ReleaseKind::Progress, what);
    }
    if down && !facts.desired.allow_downgrade {
        let evidence = say::line("allowDowngrade", "not declared", &facts.desired.place);
        return hold(
            evidence,
            ReleaseKind::Manifest,
            "released by `allowDowngrade: true` in the cluster's spec".into(),
        );
    }
    Ok(())
}

/// The first package that stands above the rollup, or may; and whether that is known.
fn above(coming: Prospect<'_>, seen: &Node) -> Option<(Evidence, bool)> {
    let Prospect { node, rollup, .. } = coming;
    rollup.packages.iter().find_map(|package| {
        let fact = || format!("nodes.{node}.versions.{}", package.name);
        match seen.installed.get(&package.name) {
            None => Some((Evidence::timeless(fact(), "unknown: nobody looked"), false)),
            Some(unknown @ Known::Unknown { .. }) => Some((Evidence::of(fact(), unknown, |_| String::new()), false)),
            Some(Known::Known { value: None, .. }) => None,
            Some(Known::Known { value: Some(version), at }) => match version.partial_cmp(&package.version) {
                Some(std::cmp::Ordering::Greater) => {
                    Some((Evidence::new(fact(), format!("{version}, above {}", package.version), *at), true))
                }
                Some(_) => None,
                None => Some((Evidence::new(fact(), format!("{version}, no {} version", rollup.install), *at), false)),
            },
        }
    })
}
