//! From files to what is meant: every name looked up, every default filled in, everything wrong said at once.
//!
//! What is broken breaks only the clusters that it defines, or that need it. Absent on purpose: what was in force
//! before ([`super::keeper`] knows), files, and any driver's own words.

mod checks;
mod clusters;
mod docs;
mod policies;
mod probes;
mod rollups;
mod standby;
mod waivers;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};

pub use docs::MANIFEST_ENDINGS;
use docs::{Docs, Missing};

use super::diagnostics::Diagnostic;
use super::document::Kind;
use super::parts::DriverParts;
use super::resolved::{Broken, Desired, StopDocument};
use super::source::SourceFile;
use crate::model::{ClusterName, Rollup, RollupName};

/// The catalogue that is compiled in. Its rollups are known unless a document of the same name is in the set.
pub const CATALOG: &str = include_str!("../../../manifests/catalog/exchange-2007.yaml");

/// What one reading of a set of files gives.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// What is meant, as far as it is sound: clusters that are broken are not in it.
    pub desired: Desired,
    /// All that is wrong, in the order of files and lines.
    pub diagnostics: Vec<Diagnostic>,
    /// The clusters that are declared and cannot be used, as far as their names can be read.
    pub broken: BTreeMap<ClusterName, Broken>,
    /// For each sound cluster, the files that it rests on: its own and those that define what it needs.
    pub rests_on: BTreeMap<ClusterName, BTreeSet<Arc<str>>>,
    /// Files, or documents in them, of which not even the names can be read, and what is wrong with them.
    pub unreadable: BTreeMap<Arc<str>, Broken>,
    /// Set if the one document with limits across clusters is broken.
    pub fleet_broken: bool,
    /// Where each document stands that this reading could make sense of.
    pub defined_in: BTreeMap<(Kind, String), Arc<str>>,
}

impl Reading {
    /// True if anything is an error and not only a warning.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|d| d.severity == super::diagnostics::Severity::Error)
    }
}

/// Reads a set of files as one.
pub fn read(files: &[SourceFile], drivers: &dyn DriverParts) -> Reading {
    let mut diagnostics = Vec::new();
    if files.is_empty() {
        let message = "there is no manifest here";
        let help = "manifests are files whose names end in `.yaml` or `.yml`, in this folder or below it";
        diagnostics.push(Diagnostic::nowhere("empty-folder", message).help(help));
    }
    let mut docs = Docs::of(files, &mut diagnostics);
    let own = rollups::resolve(&mut docs, &mut diagnostics);
    let mut all_rollups = catalog().clone();
    // A document of the set takes the catalogue's place, also when it is broken.
    all_rollups.retain(|name, _| !docs.defines(Kind::Rollup, name.as_str()));
    all_rollups.extend(own);
    let packages = rollups::packages(&mut docs, &all_rollups, &mut diagnostics);
    let policies = policies::resolve(&mut docs, &mut diagnostics);
    let fleet = policies::fleet(&mut docs, &mut diagnostics);
    let stops = policies::stops(&mut docs, &mut diagnostics);
    let known = clusters::Known { rollups: &all_rollups, packages: &packages, policies: &policies, drivers };
    let mut drafts = clusters::resolve(&mut docs, &known, &mut diagnostics);
    checks::one_document_for_each_cluster(&mut drafts, &mut diagnostics);
    standby::check(&docs, &mut drafts, &mut diagnostics);

    let mut reading = Reading { fleet_broken: fleet.is_none(), ..Reading::default() };
    for ((kind, name), missing) in docs.broken() {
        if *kind == Kind::Cluster {
            reading.broken.insert(ClusterName::new(name.as_str()), missing.as_broken());
        }
    }
    for draft in drafts {
        let name = draft.cluster.name.clone();
        match draft.broken {
            Some(missing) => {
                reading.broken.insert(name, missing.as_broken());
            }
            None => {
                reading.rests_on.insert(name.clone(), draft.rests_on);
                reading.desired.clusters.insert(name, Arc::new(draft.cluster));
            }
        }
    }
    reading.unreadable = docs.unreadable().map(|(file, missing)| (file.clone(), missing.as_broken())).collect();
    reading.defined_in = docs.defined_in();
    reading.desired.rollups = all_rollups;
    reading.desired.fleet = fleet.unwrap_or_default();
    reading.desired.stops = stops;
    reading.desired.stops.extend(broken_stops(&docs));
    reading.desired.revision = revision(files);
    reading.diagnostics = in_order(files, diagnostics);
    reading
}

/// A stop cord whose document is broken holds everything: whom it was to hold cannot be read, and that somebody
/// wanted to stop can.
fn broken_stops<'a>(docs: &'a Docs<'_>) -> impl Iterator<Item = StopDocument> + 'a {
    docs.broken().filter(|((kind, _), _)| *kind == Kind::Stop).map(|((_, name), missing)| StopDocument {
        name: name.clone(),
        why: format!("a stop cord whose document is broken holds everything: {}", missing.why),
        labels: BTreeMap::new(),
        place: missing.place.clone(),
    })
}

/// A text that changes when any file does.
pub fn revision(files: &[SourceFile]) -> Arc<str> {
    let mut hash = Sha256::new();
    for file in files {
        hash.update(file.name.as_bytes());
        hash.update([0]);
        hash.update(file.hash.as_bytes());
        hash.update([0]);
    }
    let hex = crate::model::hex(&hash.finalize());
    hex.get(..16).unwrap_or(&hex).into()
}

/// The rollups of the compiled-in catalogue.
pub fn catalog() -> &'static BTreeMap<RollupName, Arc<Rollup>> {
    static ROLLUPS: OnceLock<BTreeMap<RollupName, Arc<Rollup>>> = OnceLock::new();
    ROLLUPS.get_or_init(|| {
        let files = [SourceFile::from_bytes("catalog/exchange-2007.yaml", CATALOG.as_bytes())];
        let mut diagnostics = Vec::new();
        let mut docs = Docs::of(&files, &mut diagnostics);
        rollups::resolve(&mut docs, &mut diagnostics)
    })
}

/// In the order of files and lines, so that a person can walk through them; what is about no file comes first.
fn in_order(files: &[SourceFile], mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let order: BTreeMap<&str, usize> = files.iter().enumerate().map(|(i, f)| (&*f.name, i)).collect();
    diagnostics.sort_by_key(|d| d.at.as_ref().map(|at| (order.get(&*at.file).copied(), at.start)));
    diagnostics.dedup();
    diagnostics
}

impl Missing {
    fn as_broken(&self) -> Broken {
        Broken { why: self.why.clone(), place: Some(self.place.clone()), releasing: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Version;

    #[test]
    fn the_catalogue_is_sound_and_whole() {
        let files = [SourceFile::from_bytes("catalog/exchange-2007.yaml", CATALOG.as_bytes())];
        let mut diagnostics = Vec::new();
        let mut docs = Docs::of(&files, &mut diagnostics);
        let rollups = rollups::resolve(&mut docs, &mut diagnostics);
        assert_eq!(super::super::render::render(&diagnostics, &files, super::super::render::Style::Plain), "");
        assert_eq!(rollups.len(), 48);
        let v3 = &rollups["exchange-2007-sp3-ru8-v3"];
        assert_eq!(v3.baseline, Some(Version::Quad([8, 3, 83, 6])));
        assert_eq!(v3.packages[0].version, Version::Quad([8, 3, 279, 6]));
        assert_eq!(v3.packages[0].revision, 3);
    }
}
