//! Clusters, as meant.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::super::diagnostics::{Diagnostic, did_you_mean, one_of};
use super::super::document::{APPROVE, ClusterSpec, GroupDoc, Kind, Manifest, ProbeDoc};
use super::super::parts::{DriverParts, PartChecked, PartContext};
use super::super::resolved::{ApprovalAnnotation, Cluster, DriverPart, GroupSpec, NodeSpec, PackageAt, Policy, Probe};
use super::docs::{Doc, Docs, Missing, inside};
use super::rollups::{Packages, file_of};
use super::{policies, probes, waivers};
use crate::model::{ClusterName, GroupName, NodeName, NodeRef, Rollup, RollupName};
use crate::observed::GroupKind;

/// What clusters refer to.
pub(super) struct Known<'k> {
    pub rollups: &'k BTreeMap<RollupName, Arc<Rollup>>,
    pub packages: &'k Packages,
    pub policies: &'k BTreeMap<String, Arc<Policy>>,
    pub drivers: &'k dyn DriverParts,
}

/// A cluster, with what the checks across clusters need.
pub(super) struct Draft<'f> {
    pub doc: Doc<'f>,
    pub cluster: Cluster,
    pub rests_on: BTreeSet<Arc<str>>,
    pub votes: Option<(u32, u32)>,
    pub stops_roles: bool,
    /// Set if it cannot be used after all.
    pub broken: Option<Missing>,
}

/// Every cluster of the set that is sound in itself.
pub(super) fn resolve<'f>(docs: &mut Docs<'f>, known: &Known<'_>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Draft<'f>> {
    let mut drafts = Vec::new();
    for (doc, manifest) in docs.take::<ClusterSpec>(Kind::Cluster, diagnostics) {
        let mut reader = Reader { doc: &doc, docs, known, found: Vec::new(), missing: None, rests_on: BTreeSet::new() };
        let drafted = reader.cluster(&manifest);
        let Reader { found, missing, rests_on, .. } = reader;
        let broken = found.first().map(|first| Missing::new(first, &doc.place())).or(missing);
        match (drafted, broken) {
            (Some((cluster, checked)), broken) => {
                let PartChecked { votes, stops_roles, .. } = checked;
                drafts.push(Draft { doc, cluster, rests_on, votes, stops_roles, broken });
            }
            (None, Some(broken)) => {
                let silent = Diagnostic::nowhere("needs", broken.why);
                docs.break_it(Kind::Cluster, &doc.name, &silent, &broken.place);
            }
            (None, None) => {}
        }
        diagnostics.extend(found);
    }
    drafts
}

struct Reader<'r, 'f> {
    doc: &'r Doc<'f>,
    docs: &'r Docs<'f>,
    known: &'r Known<'r>,
    found: Vec<Diagnostic>,
    missing: Option<Missing>,
    rests_on: BTreeSet<Arc<str>>,
}

impl Reader<'_, '_> {
    /// The cluster as far as it can be made; nothing if something is missing that every cluster has.
    fn cluster(&mut self, manifest: &Manifest<ClusterSpec>) -> Option<(Cluster, PartChecked)> {
        let spec = &manifest.spec;
        let doc = self.doc;
        self.rests_on.insert(doc.file.name.clone());
        let name = ClusterName::new(doc.name.as_str());
        let nodes = self.nodes(spec);
        let groups = self.groups(spec);
        let policy = self.policy(spec);
        let driver = self.driver(spec, &name, nodes.as_ref());
        let (nodes, policy, (driver, checked)) = (nodes?, policy?, driver?);
        let mut durations = checked.durations.clone();
        durations.extend(spec.durations.given());
        let approve = manifest.metadata.annotations.get(APPROVE).map(|hash| ApprovalAnnotation {
            hash: hash.clone(),
            place: doc.key(&["metadata", "annotations", APPROVE]).place(),
        });
        let packages = self.packages(&nodes);
        let waivers = waivers::resolve(spec, doc, &mut self.found);
        let folder = Path::new(&*doc.file.name).parent().unwrap_or(Path::new("")).join("packages");
        let cluster = Cluster {
            name,
            place: doc.place(),
            labels: manifest.metadata.labels.clone(),
            approve,
            mode: spec.mode,
            topology: spec.topology,
            driver,
            nodes,
            groups,
            policy,
            packages,
            package_folder: folder.to_string_lossy().into(),
            allow_downgrade: spec.allow_downgrade,
            waivers,
            durations,
            broken: None,
        };
        Some((cluster, checked))
    }

    fn nodes(&mut self, spec: &ClusterSpec) -> Option<BTreeMap<NodeName, NodeSpec>> {
        let doc = self.doc;
        if spec.nodes.is_empty() {
            let at = doc.key(&["spec", "nodes"]);
            self.found.push(Diagnostic::error(
                "missing-key",
                "a cluster without nodes",
                at,
                "expected at least one node",
            ));
            return None;
        }
        let default = spec.rollup.as_deref().map(|rollup| self.rollup(rollup, &["spec", "rollup"]));
        let mut nodes = BTreeMap::new();
        for (name, node) in &spec.nodes {
            let at = || doc.key(&["spec", "nodes", name]);
            self.check_name(name, &["spec", "nodes", name], "node", char::is_whitespace);
            let own = node.as_ref().and_then(|n| n.rollup.as_deref());
            let path = ["spec", "nodes", name.as_str(), "rollup"];
            let (rollup, place) = match (own, &default) {
                (Some(own), _) => (self.rollup(own, &path), doc.value(&path).place()),
                (None, Some(default)) => (default.clone(), doc.value(&["spec", "rollup"]).place()),
                (None, None) => {
                    let label = "expected `rollup:` here, or for all nodes under `spec`";
                    self.found.push(Diagnostic::error(
                        "missing-key",
                        format!("node `{name}` has no target"),
                        at(),
                        label,
                    ));
                    continue;
                }
            };
            let Some(rollup) = rollup else { continue };
            let hold = node.as_ref().and_then(|n| n.hold.clone());
            let max_roles = node.as_ref().and_then(|n| n.max_roles).or(spec.topology.roles_per_node());
            nodes.insert(NodeName::new(name.as_str()), NodeSpec { rollup, place, hold, max_roles });
        }
        // One node that cannot be read is a cluster that cannot be judged.
        (nodes.len() == spec.nodes.len()).then_some(nodes)
    }

    fn rollup(&mut self, name: &str, path: &[&str]) -> Option<Arc<Rollup>> {
        if let Some(rollup) = self.known.rollups.get(name) {
            self.rests_on.extend(self.docs.doc(Kind::Rollup, name).map(|d| d.file.name.clone()));
            return Some(rollup.clone());
        }
        self.unknown(Kind::Rollup, name, path, self.known.rollups.keys().map(RollupName::as_str));
        None
    }

    fn policy(&mut self, spec: &ClusterSpec) -> Option<Arc<Policy>> {
        let doc = self.doc;
        if let Some(name) = &spec.policy {
            if let Some(policy) = self.known.policies.get(name) {
                self.rests_on.extend(self.docs.doc(Kind::Policy, name).map(|d| d.file.name.clone()));
                return Some(policy.clone());
            }
            self.unknown(Kind::Policy, name, &["spec", "policy"], self.known.policies.keys().map(String::as_str));
            return None;
        }
        match spec.groups.iter().find(|(_, group)| group.kind == GroupKind::Role) {
            None => Some(Arc::new(policies::without_roles(doc.place()))),
            Some((role, _)) => {
                let known = self.known.policies.keys().map(String::as_str);
                let help = match known.clone().count() {
                    0 => "write a document of kind Policy and name it here: `policy: NAME`".to_owned(),
                    _ => format!("add `policy:` under `spec`, with {}", one_of(known)),
                };
                let message = format!("cluster `{}` has roles and no policy", doc.name);
                let label = "expected `policy:` in it, which says when a role may be handed over";
                let diagnostic = Diagnostic::error("missing-policy", message, doc.key(&["spec"]), label)
                    .and(doc.key(&["spec", "groups", role]), "a role")
                    .help(help);
                self.found.push(diagnostic);
                None
            }
        }
    }

    fn groups(&mut self, spec: &ClusterSpec) -> BTreeMap<GroupName, GroupSpec> {
        let doc = self.doc;
        let mut groups = BTreeMap::new();
        for (name, group) in &spec.groups {
            self.check_name(name, &["spec", "groups", name], "group", char::is_control);
            for (i, node) in group.preferred_nodes.iter().enumerate() {
                let path = ["spec", "groups", name.as_str(), "preferredNodes", &i.to_string()];
                if !spec.nodes.contains_key(node) {
                    self.unknown_node(node, &doc.name, spec.nodes.keys().map(String::as_str), &path);
                }
            }
            if !group.standby_targets.is_empty() && group.kind == GroupKind::Auxiliary {
                let at = doc.key(&["spec", "groups", name, "standbyTargets"]);
                let message = format!("auxiliary group `{name}` has standby targets");
                let diagnostic = Diagnostic::error("wrong-value", message, at, "only a role's data has standby copies");
                self.found.push(diagnostic.help("is it a role? then write `kind: role`"));
            }
            if group.weight == Some(0) {
                let at = doc.value(&["spec", "groups", name, "weight"]);
                let message = "an outage that weighs nothing";
                self.found.push(Diagnostic::error("wrong-value", message, at, "expected 1 or more"));
            }
            let probe = group.probe.as_ref().and_then(|probe| self.probe(name, group.kind, probe));
            groups.insert(GroupName::new(name.as_str()), GroupSpec { probe, ..self.group(name, group) });
        }
        groups
    }

    fn group(&self, name: &str, group: &GroupDoc) -> GroupSpec {
        let targets = group.standby_targets.iter();
        GroupSpec {
            kind: group.kind,
            place: self.doc.key(&["spec", "groups", name]).place(),
            preferred_nodes: group.preferred_nodes.iter().map(|n| NodeName::new(n.as_str())).collect(),
            standby_targets: targets
                .map(|t| NodeRef {
                    cluster: ClusterName::new(t.cluster.as_str()),
                    node: NodeName::new(t.node.as_str()),
                })
                .collect(),
            weight: group.weight.unwrap_or(1).max(1),
            probe: None,
        }
    }

    fn probe(&mut self, name: &str, kind: GroupKind, probe: &ProbeDoc) -> Option<Probe> {
        let read = probes::probe(self.doc, name, kind, probe);
        read.map_err(|diagnostics| self.found.extend(diagnostics)).ok()
    }

    fn driver(
        &mut self,
        spec: &ClusterSpec,
        cluster: &ClusterName,
        nodes: Option<&BTreeMap<NodeName, NodeSpec>>,
    ) -> Option<(DriverPart, PartChecked)> {
        let doc = self.doc;
        let names = self.known.drivers.names();
        let mut given = spec.driver.iter();
        let (Some((name, part)), second) = (given.next(), given.next()) else {
            let label = format!("expected exactly one of {}", one_of(names.iter().copied()));
            self.found.push(Diagnostic::error("missing-key", "no driver", doc.key(&["spec", "driver"]), label));
            return None;
        };
        if let Some((second, _)) = second {
            let message = format!("two drivers: `{name}` and `{second}`");
            let diagnostic =
                Diagnostic::error("two-drivers", message, doc.key(&["spec", "driver", second]), "expected exactly one")
                    .and(doc.key(&["spec", "driver", name]), "the other");
            self.found.push(diagnostic.help("a cluster is reached in one way; remove one of them"));
            return None;
        }
        if !names.contains(&name.as_str()) {
            let message = format!("there is no driver `{name}`");
            let label = format!("expected {}", one_of(names.iter().copied()));
            let diagnostic = Diagnostic::error("unknown-name", message, doc.key(&["spec", "driver", name]), label);
            self.found.push(diagnostic.maybe_help(did_you_mean(name, names.iter().copied())));
            return None;
        }
        let nodes = nodes?.iter().map(|(name, node)| (name.clone(), node.rollup.clone())).collect();
        let groups = spec.groups.keys().map(|g| GroupName::new(g.as_str())).collect();
        let about = PartContext { cluster, nodes: &nodes, groups: &groups, rollups: self.known.rollups };
        match self.known.drivers.check(name, part, &about) {
            Ok(checked) => {
                let part = DriverPart {
                    name: name.as_str().into(),
                    spec: Arc::new(part.clone()),
                    identity: checked.identity.clone(),
                };
                Some((part, checked))
            }
            Err(issues) => {
                for issue in issues {
                    let at = doc.file.at(inside(&doc.root, &["spec", "driver", name], &issue.pointer));
                    let (message, label) = issue.message.split_once("; ").unwrap_or((&issue.message, ""));
                    self.found.push(Diagnostic::error("driver", message, at, label).maybe_help(issue.help));
                }
                None
            }
        }
    }

    fn packages(&mut self, nodes: &BTreeMap<NodeName, NodeSpec>) -> BTreeMap<String, PackageAt> {
        let rollups: BTreeMap<&RollupName, &Rollup> = nodes.values().map(|n| (&n.rollup.name, &*n.rollup)).collect();
        let mut packages = BTreeMap::new();
        for rollup in rollups.into_values() {
            for package in self.known.packages.get(&rollup.name).into_iter().flatten() {
                self.rests_on.insert(package.place.file.clone());
                if let Some(file) = file_of(package, rollup) {
                    packages.insert(file.to_owned(), package.clone());
                }
            }
        }
        packages
    }

    fn check_name(&mut self, name: &str, path: &[&str], what: &str, forbidden: impl Fn(char) -> bool) {
        if name.is_empty() || name.trim() != name || name.contains(forbidden) || name.contains('/') {
            let message = format!("`{name}` cannot be the name of a {what}");
            let label = "expected a name as the cluster shows it";
            self.found.push(Diagnostic::error("bad-name", message, self.doc.key(path), label));
        }
    }

    fn unknown<'k>(&mut self, kind: Kind, name: &str, path: &[&str], known: impl Iterator<Item = &'k str> + Clone) {
        match self.docs.unknown(kind, name, self.doc.value(path), known) {
            Ok(missing) => self.missing = self.missing.take().or(Some(missing)),
            Err(diagnostic) => self.found.push(diagnostic),
        }
    }

    fn unknown_node<'k>(
        &mut self,
        node: &str,
        cluster: &str,
        known: impl Iterator<Item = &'k str> + Clone,
        path: &[&str],
    ) {
        let message = format!("cluster `{cluster}` has no node `{node}`");
        let label = format!("expected {}", one_of(known.clone()));
        let diagnostic = Diagnostic::error("unknown-name", message, self.doc.value(path), label);
        self.found.push(diagnostic.maybe_help(did_you_mean(node, known)));
    }
}
