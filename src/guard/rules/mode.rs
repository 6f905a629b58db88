//! `mode`: a cluster in observe mode is looked at and planned for, and left alone.

use super::{Rule, duty, say};
use crate::guard::Facts;
use crate::model::{Action, Hold, ReleaseKind, RuleName, Subject};

pub(super) const RULE: Rule = Rule {
    name: RuleName::Mode,
    judges: "begins",
    judges_finishing: false,
    says_no_to: "anything, while the cluster's manifest says `mode: observe`, which is the default",
    judge,
    checks: super::no_checks,
};

fn judge(action: &Action, facts: &Facts<'_>) -> Result<(), Hold> {
    let cluster = facts.desired;
    if cluster.acts() || duty::is_only_way_up(action, facts) {
        return Ok(());
    }
    Err(say::hold(
        RuleName::Mode,
        Subject::Cluster(cluster.name.clone()),
        vec![say::line("mode", "observe", &cluster.place)],
        ReleaseKind::Manifest,
        format!("released by `mode: act` in the cluster's spec, {}", cluster.place),
    ))
}
