//! `rival`: no work on a node where another installer or updater is at work.

use super::{Rule, duty, say};
use crate::guard::{Check, Facts};
use crate::model::{Action, Evidence, Hold, ReleaseKind, RuleName};

pub(super) const RULE: Rule = Rule {
    name: RuleName::Rival,
    judges: "begins on a node, or towards one",
    judges_finishing: false,
    says_no_to: "a node where another installer or updater is at work",
    judge,
    checks,
};

fn judge(action: &Action, facts: &Facts<'_>) -> Result<(), Hold> {
    for name in duty::node_at_stake(action, facts).into_iter().chain(action.to()) {
        let evidence = match facts.seen.nodes.get(name) {
            Some(node) if node.rival.surely(Option::is_none) => continue,
            Some(node) => Evidence::of(format!("nodes.{name}.rival"), &node.rival, |r| match r {
                Some(rival) => rival.clone(),
                None => "none".into(),
            }),
            None => say::not_seen(name),
        };
        return Err(say::on_node(
            RuleName::Rival,
            name,
            vec![evidence],
            ReleaseKind::Observation,
            format!("released when no other installer is seen at work on {name}"),
        ));
    }
    Ok(())
}

fn checks(action: &Action, _: &Facts<'_>, checks: &mut Vec<Check>) {
    let disturbed = match action {
        Action::Stage { node, .. } | Action::Pause { node } => Some(node),
        _ => action.needs_empty_node().then(|| action.node()).flatten(),
    };
    checks.extend(disturbed.map(|node| Check::NoRival { node: node.clone() }));
}
