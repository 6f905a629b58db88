//! `doctor`: whether everything is there that rollward needs, cluster by cluster.

use std::path::Path;

use super::args::{From, Global};
use super::{Exit, live, load, text};
use crate::desired::{Cluster, PackageAt};
use crate::model::ClusterName;
use crate::output::{Check, CheckState, Clusters, Doctored};
use crate::record::{OpenError, OpenMode, Store};
use crate::sources;

/// Check that everything is there that rollward needs: manifests, state folder, packages, and what the driver needs.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit code 1 if any check is bad.

Examples:
  rollward doctor
  rollward doctor mbx-ccr-01 --manifests manifests/demo")]
pub(super) struct Doctor {
    /// The cluster; all of them, if none is given
    #[arg(value_name = "CLUSTER")]
    cluster: Option<ClusterName>,
    #[command(flatten)]
    from: From,
}

impl Doctor {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let loaded = load::load(global, &self.from.manifests)?;
        let names = loaded.pick(self.cluster.as_slice())?;
        let state = global.state()?;
        let mut readiness = live::readiness(global, &loaded, &names)?;
        let mut clusters = Vec::new();
        for name in &names {
            let Some(desired) = loaded.desired.clusters.get(name) else { continue };
            let mut checks = vec![manifest(desired), state_folder(&state)];
            let (simulated, by_driver) = readiness.remove(name).unwrap_or_default();
            // A simulated cluster's packages are in its world, and need no file.
            if !simulated {
                checks.extend(packages(desired));
            }
            checks.extend(by_driver);
            clusters.push(Doctored { name: name.to_string(), checks });
        }
        let bad = clusters.iter().flat_map(|c| &c.checks).any(|check| check.state == CheckState::Bad);
        global.emit(&Clusters { clusters }, text::doctor::text)?;
        Ok(if bad { Exit::Error } else { loaded.exit() })
    }
}

fn check(name: &str, state: CheckState, evidence: impl Into<String>, fix: Option<String>) -> Check {
    Check { name: name.into(), state, evidence: evidence.into(), fix }
}

pub(super) fn manifest(desired: &Cluster) -> Check {
    match &desired.broken {
        None => check("manifest", CheckState::Good, desired.place.to_string(), None),
        Some(broken) => {
            check("manifest", CheckState::Bad, &*broken.why, Some("mend it; `rollward validate` shows where".into()))
        }
    }
}

pub(super) fn state_folder(dir: &Path) -> Check {
    let name = "state-folder";
    match Store::open(dir, OpenMode::Read) {
        Ok(store) => check(name, CheckState::Good, store.path().display().to_string(), None),
        Err(OpenError::Nothing { path }) => {
            let evidence = format!("{} is not there yet", path.display());
            check(name, CheckState::Good, evidence, None)
        }
        // Its text says what to do.
        Err(error) => check(name, CheckState::Bad, error.to_string(), None),
    }
}

/// One check a package file that the cluster's targets need.
fn packages(desired: &Cluster) -> Vec<Check> {
    let mut checks: Vec<Check> = Vec::new();
    for rollup in desired.nodes.values().map(|node| &node.rollup) {
        for file in rollup.packages.iter().map(|package| &package.file) {
            let name = format!("package {file}");
            if checks.iter().any(|check| check.name == name) {
                continue;
            }
            checks.push(match desired.packages.get(file) {
                Some(package) => package_file(&name, package),
                None => {
                    let article = rollup.article.as_ref().map(|a| format!(" ({a})")).unwrap_or_default();
                    let fix = format!(
                        "download it{article}, put it into {}, and add what `rollward package FILE` prints to the \
                         manifests",
                        desired.package_folder
                    );
                    // Whoever only looks needs none yet.
                    let state = if desired.acts() { CheckState::Bad } else { CheckState::Warning };
                    check(&name, state, "no Package document names it", Some(fix))
                }
            });
        }
    }
    checks
}

fn package_file(name: &str, package: &PackageAt) -> Check {
    let PackageAt { path, sha256, place, .. } = package;
    let shown = path.display();
    match sources::package::hash(path) {
        Ok(hash) if hash == *sha256 => check(name, CheckState::Good, format!("{shown} has the declared hash"), None),
        Ok(hash) => {
            let fix = format!("download it again, or mend the hash at {place}");
            check(name, CheckState::Bad, format!("{shown} has SHA-256 {hash}, declared is {sha256}"), Some(fix))
        }
        Err(error) => {
            let fix = format!("put it there, or mend the path at {place}");
            check(name, CheckState::Bad, format!("{shown} cannot be read: {error}"), Some(fix))
        }
    }
}
