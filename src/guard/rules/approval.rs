//! `approval`: where the policy asks for it, a role moves only as the next of an approved sequence of handoffs.

use super::{Rule, duty, say};
use crate::guard::Facts;
use crate::guard::facts::{Approval, PlannedHandoff};
use crate::model::{Action, Evidence, HandoffStyle, Hold, ReleaseKind, RuleName, Subject};

pub(super) const RULE: Rule = Rule {
    name: RuleName::Approval,
    judges: "Handoff, StopRole",
    judges_finishing: false,
    says_no_to: "a handoff that is not the next of an approved sequence, where the policy asks for approval",
    judge,
    checks: super::no_checks,
};

fn judge(action: &Action, facts: &Facts<'_>) -> Result<(), Hold> {
    let (group, from, to, style) = match action {
        Action::Handoff { group, from, to, style } => (group, from, to, *style),
        Action::StopRole { group, node, to, .. } => (group, node, to, HandoffStyle::Offline),
        _ => return Ok(()),
    };
    if !facts.desired.policy.handoff.when.needs_approval() || duty::is_only_way_up(action, facts) {
        return Ok(());
    }
    let this =
        |next: &PlannedHandoff| next.group == *group && next.from == *from && next.to == *to && next.style == style;
    let in_force = |approval: &&Approval| approval.expires.is_none_or(|until| facts.now < until);
    let approvals = || facts.history.approvals.iter().filter(in_force);
    if approvals().any(|approval| approval.remaining.first().is_some_and(this)) {
        return Ok(());
    }
    let fact = format!("an approval whose next handoff is {group} from {from} to {to}, {style},");
    let mut evidence = vec![Evidence::timeless(fact, "not there")];
    evidence.extend(approvals().filter_map(|approval| {
        let next = approval.remaining.first()?;
        let fact = format!("the next handoff that {} approved", approval.by);
        Some(Evidence::new(
            fact,
            format!("{} from {} to {}, {}", next.group, next.from, next.to, next.style),
            approval.at,
        ))
    }));
    let name = &facts.desired.name;
    Err(say::hold(
        RuleName::Approval,
        Subject::Group(group.clone()),
        evidence,
        ReleaseKind::Person,
        format!(
            "released by `rollward approve {name} HASH` or the annotation `rollward/approve: HASH`; `rollward plan` shows \
             the sequence and its hash"
        ),
    ))
}
