//! `declared`: a node is worked on as a line of the manifest says, and left alone where a line says so or none does.
//!
//! A group that no line declares is protected instead: it counts as a role, unless the stack makes certain that it is
//! none ([`crate::desired::Cluster::kind_of`]).

use super::{Rule, duty, say};
use crate::guard::Facts;
use crate::model::{Action, Evidence, Hold, ReleaseKind, RuleName, Subject};

pub(super) const RULE: Rule = Rule {
    name: RuleName::Declared,
    judges: "begins",
    judges_finishing: false,
    says_no_to: "work on a node with a `hold:`, and a handoff to it; anything in a cluster with a node that no line declares",
    judge,
    checks: super::no_checks,
};

fn judge(action: &Action, facts: &Facts<'_>) -> Result<(), Hold> {
    let cluster = facts.desired;
    // Nobody knows whether what the node is held for spares a role there.
    let target = matches!(action, Action::Handoff { .. } | Action::StopRole { .. }).then(|| action.to()).flatten();
    let at_stake = duty::node_at_stake(action, facts);
    let touched = at_stake.into_iter().chain(target).filter_map(|n| cluster.nodes.get_key_value(n));
    if let Some((node, spec, why)) = touched.filter_map(|(n, spec)| Some((n, spec, spec.hold.as_ref()?))).next() {
        return Err(say::on_node(
            RuleName::Declared,
            node,
            vec![say::line(format!("spec.nodes.{node}.hold"), format!("{why:?}"), &spec.place)],
            ReleaseKind::Manifest,
            format!("released by taking `hold` out of the node's line, {}", spec.place),
        ));
    }
    let named = action.node().into_iter().chain(action.to()).find(|n| !cluster.nodes.contains_key(*n));
    if named.is_none() && cluster.nodes.keys().eq(facts.seen.nodes.keys()) {
        return Ok(());
    }
    let undeclared = || facts.seen.nodes.keys().filter(|name| !cluster.nodes.contains_key(*name));
    let Some(first) = undeclared().next().or(named) else { return Ok(()) };
    let evidence = match undeclared().next() {
        None => vec![Evidence::timeless(format!("spec.nodes.{first}"), "not declared")],
        Some(_) => undeclared()
            .map(|n| Evidence::new(format!("nodes.{n}"), "a member that no line declares", facts.seen.at))
            .collect(),
    };
    let lines = say::list(
        undeclared().chain(named).collect::<std::collections::BTreeSet<_>>().iter().map(|n| format!("`{n}: {{}}`")),
    );
    Err(say::hold(
        RuleName::Declared,
        Subject::Cluster(cluster.name.clone()),
        evidence,
        ReleaseKind::Manifest,
        format!(
            "released by adding {lines} (or with `hold: \"why\"`) under `nodes:` of the cluster at {}",
            cluster.place
        ),
    ))
}
