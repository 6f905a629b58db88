//! Waivers of a cluster's manifest, as meant.

use super::super::diagnostics::{Diagnostic, did_you_mean, one_of};
use super::super::document::{ClusterSpec, WaiverDoc};
use super::docs::Doc;
use crate::model::{GroupName, NodeName, WaivedAction, WaivedFor, Waiver};

/// Every waiver that makes sense; the others are told of.
pub(super) fn resolve(spec: &ClusterSpec, doc: &Doc<'_>, found: &mut Vec<Diagnostic>) -> Vec<Waiver> {
    let one = |(index, waiver): (usize, &WaiverDoc)| match subject(waiver, index, spec, doc) {
        Ok(subject) => {
            let by = doc.key(&["spec", "waivers", &index.to_string(), "rule"]).place().to_string();
            let WaiverDoc { rule, action, why, until, .. } = waiver;
            Some(Waiver { rule: *rule, subject, action: *action, why: why.clone(), until: until.0, by })
        }
        Err(diagnostic) => {
            found.push(diagnostic);
            None
        }
    };
    spec.waivers.iter().enumerate().filter_map(one).collect()
}

fn subject(waiver: &WaiverDoc, index: usize, spec: &ClusterSpec, doc: &Doc<'_>) -> Result<WaivedFor, Diagnostic> {
    let index = index.to_string();
    let key = |name| doc.key(&["spec", "waivers", &index, name]);
    let unknown = |what: &str, name: &str, known: Vec<&str>| {
        let message = format!("cluster `{}` has no {what} `{name}`", doc.name);
        let at = doc.value(&["spec", "waivers", &index, what]);
        let label = format!("expected {}", one_of(known.iter().copied()));
        Diagnostic::error("unknown-name", message, at, label).maybe_help(did_you_mean(name, known))
    };
    if waiver.why.trim().is_empty() {
        let label = "expected a reason, which is shown wherever the waiver acts";
        return Err(Diagnostic::error("wrong-value", "a waiver without a reason", key("why"), label));
    }
    match (&waiver.node, &waiver.group) {
        (Some(node), None) if spec.nodes.contains_key(node) => Ok(WaivedFor::Node(NodeName::new(node.as_str()))),
        (Some(node), None) => Err(unknown("node", node, spec.nodes.keys().map(String::as_str).collect())),
        (None, Some(group)) if !spec.groups.contains_key(group) => {
            Err(unknown("group", group, spec.groups.keys().map(String::as_str).collect()))
        }
        (None, Some(_)) if waiver.action == WaivedAction::Install => {
            let label = "expected `Handoff`; a node is what is installed on";
            let at = doc.value(&["spec", "waivers", &index, "action"]);
            Err(Diagnostic::error("wrong-value", "an install of a group cannot be waived through", at, label)
                .help("name the node instead: `node: NAME`"))
        }
        (None, Some(group)) => Ok(WaivedFor::Group(GroupName::new(group.as_str()))),
        (Some(_), Some(_)) => {
            let label = "expected one subject: remove this one or `node`";
            Err(Diagnostic::error("wrong-value", "a waiver for a node and a group", key("group"), label)
                .help("write two waivers, each with its reason"))
        }
        (None, None) => {
            let label = "expected `node: NAME` or `group: NAME` beside it";
            Err(Diagnostic::error("missing-key", "a waiver for nobody", key("rule"), label))
        }
    }
}
