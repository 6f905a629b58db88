//! Checks of one cluster against its driver's facts, and of clusters against each other.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::diagnostics::Diagnostic;
use super::clusters::Draft;
use super::docs::Missing;
use crate::model::HandoffStyle;

/// Two documents for one real cluster would be two hands on it. Also: margins and styles that no step can meet.
pub(super) fn one_document_for_each_cluster(drafts: &mut [Draft<'_>], diagnostics: &mut Vec<Diagnostic>) {
    let mut by_identity: BTreeMap<(Arc<str>, Arc<str>), Vec<usize>> = BTreeMap::new();
    for (i, draft) in drafts.iter().enumerate() {
        let driver = &draft.cluster.driver;
        by_identity.entry((driver.name.clone(), driver.identity.clone())).or_default().push(i);
    }
    for same in by_identity.into_values().filter(|same| same.len() > 1) {
        let members: Vec<&Draft<'_>> = same.iter().filter_map(|i| drafts.get(*i)).collect();
        let [first, second, rest @ ..] = members.as_slice() else { continue };
        let message =
            format!("`{}` and `{}` are two documents for one real cluster", first.cluster.name, second.cluster.name);
        let at = |draft: &Draft<'_>| draft.doc.key(&["spec", "driver", &draft.cluster.driver.name]);
        let mut diagnostic = Diagnostic::error("same-cluster", message, at(second), "leads to the same cluster")
            .and(at(first), "leads there first")
            .help("keep one of them: two controllers of one cluster would undo each other's work");
        for draft in rest {
            diagnostic = diagnostic.and(at(draft), "and so does this");
        }
        let broken = Missing::new(&diagnostic, &second.cluster.place);
        for i in same {
            if let Some(draft) = drafts.get_mut(i) {
                draft.broken.get_or_insert_with(|| broken.clone());
            }
        }
        diagnostics.push(diagnostic);
    }
    for draft in drafts.iter_mut() {
        margin(draft, diagnostics);
        style(draft, diagnostics);
    }
}

/// With every node up, one node's vote taken away must leave what is needed and the margin.
fn margin(draft: &mut Draft<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let Some((most, needed)) = draft.votes.filter(|_| draft.cluster.nodes.len() > 1) else { return };
    let margin = draft.cluster.policy.limits.quorum_margin;
    let left = most.saturating_sub(1);
    if left >= needed.saturating_add(margin) {
        return;
    }
    let at = draft.doc.key(&["spec", "driver", &draft.cluster.driver.name]);
    let name = &draft.cluster.name;
    let counts = format!("{most} votes at most, {needed} needed: {left} are left while one node is worked on");
    if margin == 0 {
        let message = format!("cluster `{name}` loses its quorum whenever a node is worked on");
        let diagnostic = Diagnostic::error("no-quorum", message, at, counts).warning();
        diagnostics.push(diagnostic.help("no node of it will be begun; give it a witness or another node"));
        return;
    }
    let message = format!("a quorum margin of {margin} that no step on cluster `{name}` can meet");
    let diagnostic = Diagnostic::error("impossible-margin", message, at, counts).help(format!(
        "lower `quorumMargin` of policy `{}` ({})",
        draft.cluster.policy.name, draft.cluster.policy.place
    ));
    draft.broken.get_or_insert_with(|| Missing::new(&diagnostic, &draft.cluster.place));
    diagnostics.push(diagnostic);
}

/// What hands roles over in one way only cannot be told to do it in the other.
fn style(draft: &mut Draft<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let cluster = &draft.cluster;
    if draft.stops_roles || cluster.policy.handoff.style == HandoffStyle::Online {
        return;
    }
    let at = draft.doc.key(&["spec", "driver", &cluster.driver.name]);
    let message =
        format!("offline handoffs, and `{}` cannot stop a role of cluster `{}`", cluster.driver.name, cluster.name);
    let label = "its tools move what runs, and nothing else";
    let diagnostic = Diagnostic::error("impossible-style", message, at, label).help(format!(
        "leave `style: offline` out of policy `{}` ({}), or name another policy for this cluster",
        cluster.policy.name, cluster.policy.place
    ));
    draft.broken.get_or_insert_with(|| Missing::new(&diagnostic, &cluster.place));
    diagnostics.push(diagnostic);
}
