//! `precondition`: no safety rule of its own, but what must physically be so for the action to make sense.
//!
//! What that is stands with the action's other traits, in [`crate::observed::effect`].

use super::{Rule, say};
use crate::guard::{Check, Facts};
use crate::model::{Action, Hold, ReleaseKind, RuleName, Subject};
use crate::observed::effect;

pub(super) const RULE: Rule = Rule {
    name: RuleName::Precondition,
    judges: "every action, finishing too",
    judges_finishing: true,
    says_no_to: "what cannot physically be done now: a group that is elsewhere, a node that is down or busy",
    judge,
    checks,
};

fn judge(action: &Action, facts: &Facts<'_>) -> Result<(), Hold> {
    let Err(evidence) = effect::precondition(action, facts.seen) else { return Ok(()) };
    let subject = match (action.group(), action.node()) {
        (Some(group), _) => Subject::Group(group.clone()),
        (None, Some(node)) => Subject::Node(node.clone()),
        (None, None) => Subject::Cluster(facts.desired.name.clone()),
    };
    Err(say::hold(
        RuleName::Precondition,
        subject,
        vec![evidence],
        ReleaseKind::Observation,
        format!("released when a look shows that this can be done: {action}"),
    ))
}

fn checks(action: &Action, _: &Facts<'_>, checks: &mut Vec<Check>) {
    match action {
        Action::MoveGroup { group, from, to } | Action::Handoff { group, from, to, .. } => {
            checks.push(Check::Owner { group: group.clone(), node: from.clone() });
            checks.push(Check::Up { node: to.clone() });
        }
        Action::StartRole { group, node } => {
            checks.push(Check::Owner { group: group.clone(), node: node.clone() });
        }
        Action::StopRole { group, node, to, .. } => {
            checks.push(Check::Owner { group: group.clone(), node: node.clone() });
            checks.push(Check::Up { node: to.clone() });
        }
        Action::Stage { node, .. } | Action::Pause { node } => checks.push(Check::Up { node: node.clone() }),
        _ => {}
    }
}
