//! `active-node`: nothing that disturbs a node begins while it owns a role.
//!
//! Source: rollups are installed on a truly passive node only, one that hosts no clustered mailbox server at all.

use super::{Rule, say};
use crate::desired::Staging;
use crate::guard::{Check, Facts};
use crate::model::{Action, Hold, NodeName, Release, ReleaseKind, RuleName, Subject};
use crate::observed::GroupKind;

pub(super) const RULE: Rule = Rule {
    name: RuleName::ActiveNode,
    judges: "every begin that disturbs a node",
    judges_finishing: false,
    says_no_to: "anything that disturbs a node that owns a role",
    judge,
    checks,
};

/// The node that the action would disturb, if any.
fn disturbed<'a>(action: &'a Action, facts: &Facts<'_>) -> Option<&'a NodeName> {
    match action {
        Action::Stage { node, .. } => {
            let harmless = facts.desired.policy.staging == Staging::AnyNode && !facts.traits.staging_disturbs;
            (!harmless).then_some(node)
        }
        Action::Pause { node }
        | Action::StopCluster { node }
        | Action::Install { node, .. }
        | Action::Uninstall { node, .. }
        | Action::Reboot { node } => Some(node),
        _ => None,
    }
}

fn judge(action: &Action, facts: &Facts<'_>) -> Result<(), Hold> {
    let Some(node) = disturbed(action, facts) else { return Ok(()) };
    let evidence: Vec<_> = facts
        .seen
        .maybe_owned_by(node)
        .filter(|(name, group)| facts.desired.kind_of(name, group) == GroupKind::Role)
        .map(|(name, group)| say::owner(name, group))
        .collect();
    if evidence.is_empty() {
        return Ok(());
    }
    Err(Hold {
        rule: RuleName::ActiveNode,
        subject: Subject::Node(node.clone()),
        evidence,
        release: Release {
            kind: ReleaseKind::Progress,
            what: format!("released when {node} owns no role: a handoff takes it elsewhere"),
        },
    })
}

fn checks(action: &Action, facts: &Facts<'_>, checks: &mut Vec<Check>) {
    if let Some(node) = disturbed(action, facts) {
        checks.push(Check::OwnsNoRole { node: node.clone() });
    }
}
