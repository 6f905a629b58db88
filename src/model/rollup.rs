//! Update rollups: packages at exact versions, and how a node stands to them.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::known::Known;
use super::names::{PackageName, RollupName};
use super::version::Version;

/// What installs a rollup. It also decides how versions are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum InstallKind {
    /// A Windows Installer patch of one product; versions are four integers.
    Msp,
    /// Debian packages.
    Deb,
    /// RPM packages.
    Rpm,
    /// A command of the operator's own; versions are four integers.
    Command,
}

impl InstallKind {
    /// Whether going back to an older rollup means to install its packages, rather than to take newer ones away.
    pub fn goes_back_by_package(self) -> bool {
        matches!(self, InstallKind::Deb | InstallKind::Rpm)
    }
}

impl fmt::Display for InstallKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            InstallKind::Msp => "msp",
            InstallKind::Deb => "deb",
            InstallKind::Rpm => "rpm",
            InstallKind::Command => "command",
        })
    }
}

/// What becomes of the node's cluster service during the install.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ClusterServiceRule {
    /// The installer stops and restarts it by itself.
    #[default]
    Restarts,
    /// We stop it before the install and start it afterwards.
    Stop,
    /// It keeps running.
    Keep,
}

/// Whether the node is rebooted after the install.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RebootRule {
    /// Never; a pending reboot is left to people.
    Never,
    /// When the installer asks for one.
    #[default]
    IfAsked,
    /// After every install.
    Always,
}

/// One package of a rollup.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RollupPackage {
    /// As the package manager knows it.
    pub name: PackageName,
    /// The exact version.
    pub version: Version,
    /// The file's name.
    pub file: String,
    /// Tells a re-release (v2, v3) from the first issue.
    pub revision: u32,
}

/// A rollup, as meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rollup {
    /// Its name.
    pub name: RollupName,
    /// What installs it.
    pub install: InstallKind,
    /// The service pack it applies to; rollups are cumulative within one baseline.
    pub baseline: Option<Version>,
    /// The vendor's article, for people.
    pub article: Option<String>,
    /// Its packages, by name; never empty.
    pub packages: Vec<RollupPackage>,
    /// What becomes of the cluster service.
    pub cluster_service: ClusterServiceRule,
    /// What becomes of the machine.
    pub reboot: RebootRule,
    /// A reason why nobody may install it, if denied.
    pub denied: Option<String>,
}

/// How a node stands to a rollup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Standing {
    /// Every package is at its version.
    Current,
    /// Some package is below its version, or not installed.
    Stale,
    /// None is below and some is above.
    Ahead,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Standing::Current => "current",
            Standing::Stale => "stale",
            Standing::Ahead => "ahead",
        })
    }
}

/// What is installed on a node, package by package; `None` is "not installed".
pub type Installed = BTreeMap<PackageName, Known<Option<Version>>>;

impl Rollup {
    /// How a node with these packages stands to this rollup.
    ///
    /// # Errors
    /// A package's version is not known, or is of another kind than the rollup's: the reason, for people.
    pub fn standing(&self, installed: &Installed) -> Result<Standing, String> {
        let mut standing = Standing::Current;
        for package in &self.packages {
            match installed.get(&package.name) {
                None => return Err(format!("nobody looked which version of {} is installed", package.name)),
                Some(Known::Unknown { why }) => return Err(why.to_string()),
                Some(Known::Known { value: None, .. }) => standing = Standing::Stale,
                Some(Known::Known { value: Some(version), .. }) => match version.partial_cmp(&package.version) {
                    None => return Err(format!("{} {version} is no {} version", package.name, self.install)),
                    Some(std::cmp::Ordering::Less) => standing = Standing::Stale,
                    Some(std::cmp::Ordering::Greater) if standing == Standing::Current => {
                        standing = Standing::Ahead;
                    }
                    Some(_) => {}
                },
            }
        }
        Ok(standing)
    }
}
