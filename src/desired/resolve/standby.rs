//! Standby relations: a source is not updated before its targets, so targets must exist, must not be declared below
//! their sources, and must not wait for themselves.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::super::diagnostics::{Diagnostic, did_you_mean, one_of};
use super::super::document::Kind;
use super::super::resolved::NodeSpec;
use super::super::source::At;
use super::clusters::Draft;
use super::docs::{Docs, Missing};
use crate::model::{ClusterName, GroupName, NodeRef, Rollup};

/// One declared relation.
struct Relation {
    draft: usize,
    group: GroupName,
    index: usize,
    target: NodeRef,
}

impl Relation {
    fn at(&self, drafts: &[Draft<'_>], key: &str) -> Option<At> {
        let index = self.index.to_string();
        let path = ["spec", "groups", self.group.as_str(), "standbyTargets", &index, key];
        drafts.get(self.draft).map(|d| d.doc.value(&path))
    }
}

/// Checks every relation.
pub(super) fn check(docs: &Docs<'_>, drafts: &mut [Draft<'_>], diagnostics: &mut Vec<Diagnostic>) {
    let mut found: Vec<(Vec<usize>, Diagnostic)> = Vec::new();
    let mut missing: Vec<(usize, Missing)> = Vec::new();
    let mut relations = Vec::new();
    let by_name: BTreeMap<ClusterName, usize> =
        drafts.iter().enumerate().map(|(i, d)| (d.cluster.name.clone(), i)).collect();
    for (i, draft) in drafts.iter().enumerate() {
        for (group, spec) in &draft.cluster.groups {
            for (index, target) in spec.standby_targets.iter().enumerate() {
                let relation = Relation { draft: i, group: group.clone(), index, target: target.clone() };
                match by_name.get(&target.cluster).and_then(|t| drafts.get(*t)) {
                    None => {
                        let Some(at) = relation.at(drafts, "cluster") else { continue };
                        let known =
                            by_name.keys().map(ClusterName::as_str).filter(|n| *n != draft.cluster.name.as_str());
                        match docs.unknown(Kind::Cluster, target.cluster.as_str(), at, known) {
                            Ok(why) => missing.push((i, why)),
                            Err(diagnostic) => found.push((vec![i], diagnostic)),
                        }
                    }
                    Some(host) if !host.cluster.nodes.contains_key(&target.node) => {
                        let Some(at) = relation.at(drafts, "node") else { continue };
                        let known = host.cluster.nodes.keys().map(|n| n.as_str());
                        let message = format!("cluster `{}` has no node `{}`", target.cluster, target.node);
                        let label = format!("expected {}", one_of(known.clone()));
                        let diagnostic = Diagnostic::error("unknown-name", message, at, label)
                            .maybe_help(did_you_mean(target.node.as_str(), known));
                        found.push((vec![i], diagnostic));
                    }
                    Some(_) => relations.push(relation),
                }
            }
        }
    }
    for relation in &relations {
        found.extend(below(relation, drafts, &by_name));
    }
    found.extend(cycles(&relations, drafts));
    for (broken, diagnostic) in found {
        for i in broken {
            if let Some(draft) = drafts.get_mut(i) {
                draft.broken.get_or_insert_with(|| Missing::new(&diagnostic, &draft.cluster.place));
            }
        }
        diagnostics.push(diagnostic);
    }
    for (i, why) in missing {
        if let Some(draft) = drafts.get_mut(i) {
            draft.broken.get_or_insert(why);
        }
    }
    // Who relies on a target rests on its file, too: to be restored, it must be read again.
    for relation in &relations {
        let file = by_name.get(&relation.target.cluster).and_then(|t| drafts.get(*t)).map(|d| d.doc.file.name.clone());
        if let Some(draft) = drafts.get_mut(relation.draft) {
            draft.rests_on.extend(file);
        }
    }
}

/// A target whose own target set is below the source's: the source could never be brought to its target.
fn below(
    relation: &Relation,
    drafts: &[Draft<'_>],
    by_name: &BTreeMap<ClusterName, usize>,
) -> Option<(Vec<usize>, Diagnostic)> {
    let source = drafts.get(relation.draft)?;
    let host = *by_name.get(&relation.target.cluster)?;
    let host_draft = drafts.get(host)?;
    let target = host_draft.cluster.nodes.get(&relation.target.node)?;
    let (name, above) = source.cluster.nodes.iter().find(|(_, n)| is_below(&target.rollup, &n.rollup))?;
    let message =
        format!("standby target {} is declared below its source {}/{name}", relation.target, source.cluster.name);
    let at_target = target_of(host_draft, relation.target.node.as_str(), target);
    let at_source = target_of(source, name.as_str(), above);
    let diagnostic =
        Diagnostic::error("standby-below", message, at_target, format!("the target ends at {}", shown(target)))
            .and(at_source, format!("the source ends at {}", shown(above)))
            .and(relation.at(drafts, "node")?, format!("holds a standby copy of `{}`", relation.group))
            .help("a source may not be above its standby targets: raise the target, or lower the source");
    Some((vec![relation.draft, host], diagnostic))
}

/// Where a node's target is declared.
fn target_of(draft: &Draft<'_>, node: &str, spec: &NodeSpec) -> At {
    let own = draft.doc.value(&["spec", "nodes", node, "rollup"]);
    if own.line == spec.place.line { own } else { draft.doc.value(&["spec", "rollup"]) }
}

fn shown(node: &NodeSpec) -> String {
    let versions: Vec<String> = node.rollup.packages.iter().map(|p| p.version.to_string()).collect();
    format!("{} ({})", node.rollup.name, versions.join(", "))
}

fn is_below(target: &Rollup, source: &Rollup) -> bool {
    source.packages.iter().any(|package| {
        let same = target.packages.iter().find(|p| p.name == package.name);
        same.is_some_and(|p| p.version.partial_cmp(&package.version) == Some(Ordering::Less))
    })
}

/// Nodes that wait for each other: one that can own a role waits for every target of that role.
fn cycles(relations: &[Relation], drafts: &[Draft<'_>]) -> Vec<(Vec<usize>, Diagnostic)> {
    let mut waits: BTreeMap<NodeRef, Vec<&Relation>> = BTreeMap::new();
    for relation in relations {
        let Some(source) = drafts.get(relation.draft) else { continue };
        for (node, spec) in &source.cluster.nodes {
            // A node that may own no role is no source.
            if spec.max_roles != Some(0) {
                let node = NodeRef { cluster: source.cluster.name.clone(), node: node.clone() };
                waits.entry(node).or_default().push(relation);
            }
        }
    }
    let mut found = Vec::new();
    let mut seen: BTreeSet<NodeRef> = BTreeSet::new();
    for start in waits.keys() {
        if seen.contains(start) {
            continue;
        }
        if let Some(way) = way_back(start, &waits) {
            // Every node on the way is on this cycle; it is told once.
            seen.insert(start.clone());
            seen.extend(way.iter().map(|r| r.target.clone()));
            found.extend(told(start, &way, drafts));
        }
    }
    found
}

/// The shortest way along waits from a node back to itself.
fn way_back<'r>(start: &NodeRef, waits: &BTreeMap<NodeRef, Vec<&'r Relation>>) -> Option<Vec<&'r Relation>> {
    let mut from: BTreeMap<NodeRef, (NodeRef, &'r Relation)> = BTreeMap::new();
    let mut edge = vec![start.clone()];
    while !edge.is_empty() && !from.contains_key(start) {
        let mut next = Vec::new();
        for node in edge {
            for relation in waits.get(&node).into_iter().flatten() {
                if !from.contains_key(&relation.target) {
                    from.insert(relation.target.clone(), (node.clone(), relation));
                    next.push(relation.target.clone());
                }
            }
        }
        edge = next;
    }
    let mut way = Vec::new();
    let mut at = start.clone();
    loop {
        let (before, relation) = from.get(&at)?;
        way.push(*relation);
        if before == start {
            break;
        }
        at = before.clone();
    }
    way.reverse();
    Some(way)
}

fn told(start: &NodeRef, way: &[&Relation], drafts: &[Draft<'_>]) -> Option<(Vec<usize>, Diagnostic)> {
    let nodes: Vec<String> = way.iter().map(|r| r.target.to_string()).collect();
    let message =
        format!("standby targets wait for each other: {start} waits for {}", nodes.join(", which waits for "));
    let mut places = way.iter().filter_map(|r| Some((r, r.at(drafts, "node")?)));
    let (first, at) = places.next()?;
    let label = |r: &Relation| format!("`{}` is not updated before {}", r.group, r.target);
    let mut diagnostic = Diagnostic::error("standby-cycle", message, at, label(first));
    for (relation, at) in places {
        diagnostic = diagnostic.and(at, label(relation));
    }
    let diagnostic = diagnostic.help(
        "no node on this cycle could ever be updated: remove one of the relations, or say `maxRoles: 0` for a node \
         that never owns a role",
    );
    Some((way.iter().map(|r| r.draft).collect(), diagnostic))
}
