//! Rollups and packages, as meant.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::super::diagnostics::{Diagnostic, did_you_mean, one_of};
use super::super::document::{Kind, PackageSpec, RollupSpec};
use super::super::resolved::PackageAt;
use super::docs::{Doc, Docs};
use crate::model::{InstallKind, PackageName, Rollup, RollupName, RollupPackage, Version};

/// Every sound rollup of the set.
pub(super) fn resolve(docs: &mut Docs<'_>, diagnostics: &mut Vec<Diagnostic>) -> BTreeMap<RollupName, Arc<Rollup>> {
    let mut rollups = BTreeMap::new();
    for (doc, manifest) in docs.take::<RollupSpec>(Kind::Rollup, diagnostics) {
        let mut found = Vec::new();
        let rollup = rollup(&doc, manifest.spec, &mut found);
        match found.first() {
            Some(first) => docs.break_it(Kind::Rollup, &doc.name, first, &doc.place()),
            None => {
                rollups.insert(rollup.name.clone(), Arc::new(rollup));
            }
        }
        diagnostics.extend(found);
    }
    rollups
}

fn rollup(doc: &Doc<'_>, spec: RollupSpec, found: &mut Vec<Diagnostic>) -> Rollup {
    let install = spec.install;
    let mut version = |text: &str, path: &[&str]| match Version::parse(install, text) {
        Ok(version) => Some(version),
        Err(error) => {
            let message = format!("`{text}` is no {install} version");
            let label = format!("expected {}", error.expected);
            found.push(Diagnostic::error("bad-version", message, doc.value(path), label));
            None
        }
    };
    let baseline = spec.baseline.as_deref().and_then(|text| version(text, &["spec", "baseline"]));
    let versions: Vec<Option<Version>> = spec
        .packages
        .iter()
        .enumerate()
        .map(|(i, package)| version(&package.version, &["spec", "packages", &i.to_string(), "version"]))
        .collect();
    if spec.baseline.is_some() && matches!(install, InstallKind::Deb | InstallKind::Rpm) {
        let message = format!("a {install} rollup has no baseline");
        let label = "only products with service packs have one";
        found.push(Diagnostic::error("unknown-key", message, doc.key(&["spec", "baseline"]), label));
    }
    let mut packages: Vec<RollupPackage> = Vec::new();
    for (i, (package, version)) in spec.packages.iter().zip(versions).enumerate() {
        let index = i.to_string();
        let at = |key: &str| doc.value(&["spec", "packages", &index, key]);
        let by_name = matches!(install, InstallKind::Deb | InstallKind::Rpm);
        let name = match (&package.name, by_name) {
            (Some(_), false) if install == InstallKind::Msp => {
                let label = "a patch has one package, which needs no name";
                found.push(Diagnostic::error(
                    "unknown-key",
                    "a package of an msp rollup has no name",
                    at("name"),
                    label,
                ));
                continue;
            }
            (None, true) => {
                let message = format!("a package of a {install} rollup has no `name`");
                let label = "expected `name:`, as the package manager knows it";
                found.push(Diagnostic::error("missing-key", message, doc.value(&["spec", "packages", &index]), label));
                continue;
            }
            (Some(name), _) => PackageName::new(name.as_str()),
            (None, false) => PackageName::new(PackageName::PRODUCT),
        };
        if package.file.is_empty() || package.file.contains(['/', '\\']) || package.file.starts_with('.') {
            let label = "expected the name of a file, without a folder";
            found.push(Diagnostic::error("bad-name", format!("`{}` is no file name", package.file), at("file"), label));
        }
        if packages.iter().any(|p| p.name == name) {
            let message = format!("two packages of this rollup are called `{name}`");
            let place = doc.value(&["spec", "packages", &index, "version"]);
            found.push(Diagnostic::error("duplicate-key", message, place, "expected one version of each package"));
        }
        let (Some(version), revision) = (version, package.revision.unwrap_or(1)) else { continue };
        if let (Some(baseline), Version::Quad(_)) = (&baseline, &version) {
            check_baseline(doc, &index, baseline, &version, found);
        }
        packages.push(RollupPackage { name, version, file: package.file.clone(), revision });
    }
    if spec.packages.is_empty() {
        let label = "expected at least one package";
        found.push(Diagnostic::error(
            "missing-key",
            "a rollup without packages",
            doc.key(&["spec", "packages"]),
            label,
        ));
    }
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    Rollup {
        name: RollupName::new(doc.name.as_str()),
        install,
        baseline,
        article: spec.article,
        packages,
        cluster_service: spec.cluster_service,
        reboot: spec.reboot,
        denied: spec.denied,
    }
}

/// A rollup applies to one service pack: its builds share the first two numbers with it and are above it.
fn check_baseline(doc: &Doc<'_>, index: &str, baseline: &Version, version: &Version, found: &mut Vec<Diagnostic>) {
    let (Version::Quad([a, b, ..]), Version::Quad([c, d, ..])) = (baseline, version) else { return };
    let label = if (a, b) != (c, d) {
        format!("this build belongs to {c}.{d}")
    } else if version <= baseline {
        "this build is not above the baseline".to_owned()
    } else {
        return;
    };
    let message = format!("no node at the baseline {baseline} can be brought to {version}");
    let at = doc.value(&["spec", "packages", index, "version"]);
    let diagnostic = Diagnostic::error("impossible-baseline", message, at, label)
        .and(doc.value(&["spec", "baseline"]), format!("this baseline belongs to {a}.{b}"))
        .help("the baseline is the build of the service pack that the rollup is made for");
    found.push(diagnostic);
}

/// Every sound package, by rollup.
pub(super) type Packages = BTreeMap<RollupName, Vec<PackageAt>>;

/// Every sound package of the set. The file name in each path is the rollup's spelling.
pub(super) fn packages(
    docs: &mut Docs<'_>,
    rollups: &BTreeMap<RollupName, Arc<Rollup>>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Packages {
    let mut packages = Packages::new();
    for (doc, manifest) in docs.take::<PackageSpec>(Kind::Package, diagnostics) {
        let spec = manifest.spec;
        let mut found = Vec::new();
        let hash_is_good = spec.sha256.len() == 64 && spec.sha256.bytes().all(|b| b.is_ascii_hexdigit());
        if !hash_is_good {
            let label = "expected 64 hexadecimal digits";
            let at = doc.value(&["spec", "sha256"]);
            let diagnostic = Diagnostic::error("bad-hash", "this is no SHA-256", at, label);
            found.push(diagnostic.help("`rollward package FILE` writes this document for you"));
        }
        match rollups.get(spec.rollup.as_str()) {
            None => {
                let at = doc.value(&["spec", "rollup"]);
                match docs.unknown(Kind::Rollup, &spec.rollup, at, rollups.keys().map(RollupName::as_str)) {
                    Ok(missing) => {
                        // Said where the rollup stands; who needs this package needs that rollup too.
                        let silent = Diagnostic::nowhere("needs", missing.why);
                        docs.break_it(Kind::Package, &doc.name, &silent, &doc.place());
                        diagnostics.append(&mut found);
                        continue;
                    }
                    Err(diagnostic) => found.push(diagnostic),
                }
            }
            Some(rollup) => {
                let written = spec.path.rsplit(['/', '\\']).next().unwrap_or_default();
                let files = || rollup.packages.iter().map(|p| p.file.as_str());
                let file = files().find(|f| f.eq_ignore_ascii_case(written));
                match file {
                    None => {
                        let message = format!("`{written}` is no package of {}", rollup.name);
                        let label = format!("expected {}", one_of(files()));
                        let at = doc.value(&["spec", "path"]);
                        let diagnostic = Diagnostic::error("unknown-name", message, at, label);
                        found.push(diagnostic.maybe_help(did_you_mean(written, files())));
                    }
                    Some(file) if found.is_empty() => {
                        let folder = Path::new(&*doc.file.name).parent().unwrap_or(Path::new(""));
                        let package = PackageAt {
                            rollup: rollup.name.clone(),
                            path: folder.join(&spec.path),
                            sha256: spec.sha256.to_ascii_lowercase(),
                            place: doc.place(),
                        };
                        let of_rollup = packages.entry(rollup.name.clone()).or_default();
                        if let Some(other) = of_rollup.iter().find(|p| file_of(p, rollup) == Some(file)) {
                            let message = format!("two documents say where {file} is");
                            let label = format!("{} says it too", other.place);
                            found.push(Diagnostic::error(
                                "duplicate-document",
                                message,
                                doc.value(&["spec", "path"]),
                                label,
                            ));
                        } else {
                            of_rollup.push(package);
                        }
                    }
                    Some(_) => {}
                }
            }
        }
        if let Some(first) = found.first() {
            docs.break_it(Kind::Package, &doc.name, first, &doc.place());
        }
        diagnostics.extend(found);
    }
    packages
}

/// The rollup's spelling of a package's file name.
pub(super) fn file_of<'r>(package: &PackageAt, rollup: &'r Rollup) -> Option<&'r str> {
    let path = package.path.to_string_lossy();
    let written = path.rsplit(['/', '\\']).next().unwrap_or_default();
    rollup.packages.iter().map(|p| p.file.as_str()).find(|f| f.eq_ignore_ascii_case(written))
}
