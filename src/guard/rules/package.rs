//! `package`: only the very file that somebody has downloaded and declared is installed.
//!
//! Source: clustered servers are not offered rollups automatically; people bring the packages by hand. One that is
//! missing is a hold that says where to get it and where to put it.

use super::prospect::prospect;
use super::{Rule, say};
use crate::desired::PackageAt;
use crate::guard::{Check, Facts};
use crate::model::{Action, Evidence, Hold, NodeName, ReleaseKind, Rollup, RollupPackage, RuleName, Subject};

pub(super) const RULE: Rule = Rule {
    name: RuleName::Package,
    judges: "Install, and Uninstall where an older package is installed for it; ahead of them, Stage, Pause, StopCluster \
             and Handoff",
    judges_finishing: false,
    says_no_to: "a package that nobody has declared, or that is not on the node with the declared SHA-256",
    judge,
    checks,
};

/// The rollup whose packages the action needs, where, and whether they must lie on the node by now.
fn needs<'a>(action: &'a Action, facts: &Facts<'a>) -> Option<(&'a NodeName, &'a Rollup, bool)> {
    match action {
        Action::Stage { node, .. } => Some((node, &facts.desired.nodes.get(node)?.rollup, false)),
        _ => prospect(action, facts)
            .filter(|p| !p.down || p.rollup.install.goes_back_by_package())
            .map(|p| (p.node, p.rollup, p.now)),
    }
}

fn declared<'a>(package: &RollupPackage, rollup: &Rollup, facts: &Facts<'a>) -> Option<&'a PackageAt> {
    facts.desired.packages.get(&package.file).filter(|at| at.rollup == rollup.name)
}

fn judge(action: &Action, facts: &Facts<'_>) -> Result<(), Hold> {
    let Some((node, rollup, staged)) = needs(action, facts) else { return Ok(()) };
    for package in &rollup.packages {
        let Some(at) = declared(package, rollup, facts) else {
            return Err(missing(package, rollup, facts));
        };
        if staged {
            on_the_node(node, package, at, facts)?;
        }
    }
    Ok(())
}

fn missing(package: &RollupPackage, rollup: &Rollup, facts: &Facts<'_>) -> Hold {
    let (file, folder) = (&package.file, &facts.desired.package_folder);
    let from = match &rollup.article {
        Some(article) => format!("get it from {article}, "),
        None => String::new(),
    };
    say::hold(
        RuleName::Package,
        Subject::Rollup(rollup.name.clone()),
        vec![Evidence::timeless(format!("a Package document for {file}"), "not declared")],
        ReleaseKind::Manifest,
        format!(
            "released by the downloaded file: {from}put it into {folder} and run `rollward package {folder}/{file}`"
        ),
    )
}

fn on_the_node(node: &NodeName, package: &RollupPackage, at: &PackageAt, facts: &Facts<'_>) -> Result<(), Hold> {
    let file = &package.file;
    let fact = || format!("nodes.{node}.staged.{file}");
    let (evidence, kind) = match facts.seen.nodes.get(node) {
        None => (say::not_seen(node), ReleaseKind::Observation),
        Some(seen) if seen.staged.surely(|files| files.get(file) == Some(&at.sha256)) => return Ok(()),
        Some(seen) => {
            let kind = if seen.staged.is_unknown() { ReleaseKind::Observation } else { ReleaseKind::Progress };
            let say = |files: &std::collections::BTreeMap<String, String>| match files.get(file) {
                Some(other) => format!("SHA-256 {other}, declared {} ({})", at.sha256, at.place),
                None => "not there".into(),
            };
            (Evidence::of(fact(), &seen.staged, say), kind)
        }
    };
    let what = format!(
        "released when {file} is on {node} with the declared SHA-256: Stage copies it from {}",
        at.path.display()
    );
    Err(say::on_node(RuleName::Package, node, vec![evidence], kind, what))
}

fn checks(action: &Action, facts: &Facts<'_>, checks: &mut Vec<Check>) {
    let Some((_, rollup, true)) = needs(action, facts) else { return };
    for package in &rollup.packages {
        if let Some(at) = declared(package, rollup, facts) {
            checks.push(Check::Hash { file: package.file.clone(), sha256: at.sha256.clone() });
        }
    }
}
