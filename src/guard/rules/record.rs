//! `record`: nothing begins that could not be written down.

use super::{Rule, duty, say};
use crate::guard::Facts;
use crate::model::{Action, Evidence, Hold, ReleaseKind, RuleName, Subject};

pub(super) const RULE: Rule = Rule {
    name: RuleName::Record,
    judges: "begins",
    judges_finishing: false,
    says_no_to: "anything, while the record cannot be written",
    judge,
    checks: super::no_checks,
};

fn judge(action: &Action, facts: &Facts<'_>) -> Result<(), Hold> {
    let Some(error) = &facts.history.record_error else { return Ok(()) };
    if duty::is_only_way_up(action, facts) {
        return Ok(());
    }
    Err(say::hold(
        RuleName::Record,
        Subject::Cluster(facts.desired.name.clone()),
        vec![Evidence::new("the record", error, facts.now)],
        ReleaseKind::Person,
        "released when the state folder can be written again: look at its disk and its permissions, and start the \
         daemon anew if the folder was replaced",
    ))
}
