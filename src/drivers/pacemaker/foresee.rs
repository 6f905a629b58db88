//! What the cluster would do by itself: asked of its own scheduler, on a copy of the live store.

use std::collections::BTreeSet;
use std::time::Duration;

use roxmltree::Document;

use super::probe::{self, Answers};
use super::ssh::Way;
use super::status::{self, child, elements};
use super::units::{Unit, Units};
use crate::model::{Action, GroupName, NodeName};
use crate::observed::{GroupState, SideEffect, SideEffectKind};

const SCRIPT: &str = concat!(include_str!("frame.sh"), include_str!("drain.sh"), include_str!("simulate.sh"));

const PATIENCE: Duration = Duration::from_secs(30);

/// Whether the scheduler has to be asked: before whatever lets the cluster move things by itself.
pub(super) fn is_asked(action: &Action) -> bool {
    matches!(action, Action::Pause { .. } | Action::Resume { .. } | Action::MoveGroup { .. } | Action::Handoff { .. })
}

/// Asks the scheduler on a node that answers with quorum. Where a pause bans resources, it bans these.
///
/// # Errors
/// Why it cannot be told.
pub(super) async fn foresee(
    way: &Way,
    on: &NodeName,
    action: &Action,
    banned: Option<&str>,
) -> Result<Vec<SideEffect>, String> {
    let (what, node) = match action {
        Action::Pause { node } if banned.is_some() => ("bans", node.as_str()),
        Action::Pause { node } => ("standby", node.as_str()),
        Action::Resume { node, .. } => ("online", node.as_str()),
        _ => ("move", ""),
    };
    let group = action.group().map_or("", GroupName::as_str);
    let to = action.to().map_or("", NodeName::as_str);
    let from = action.node().map_or("", NodeName::as_str);
    let resources = banned.unwrap_or_default();
    let variables =
        [("what", what), ("node", node), ("resources", resources), ("group", group), ("from", from), ("to", to)];
    let said = way.run(on, SCRIPT, &variables, PATIENCE).await?;
    let answers = probe::read(&said).map_err(|why| format!("{on}: {why}"))?;
    read(&answers, action).map_err(|why| format!("{on}: {why}"))
}

fn read(answers: &Answers<'_>, action: &Action) -> Result<Vec<SideEffect>, String> {
    for name in ["store", "change", "simulated"] {
        let answer = answers.get(name).ok_or_else(|| format!("it does not say how {name} went"))?;
        // 105: there is no standby to take away.
        let fine = answer.code == 0 || (name == "change" && answer.code == 105);
        if !fine {
            return Err(format!("what the cluster would do cannot be worked out: {name}: {}", answer.words()));
        }
    }
    let text = |name: &str| answers.get(name).map(|answer| answer.out).unwrap_or_default();
    let effects = effects(text("simulated"))?;
    if let Some(group) = action.group() {
        let back = answers.get("afterwards").filter(|answer| answer.code == 0);
        let back = back.ok_or("what follows the move cannot be worked out")?;
        if let Some(effect) = self::effects(back.out)?.iter().find(|effect| effect.group == *group) {
            // The role that it names may be touched, but not go away again.
            return Err(format!("once the move is over, the cluster would {}", words(effect)));
        }
    }
    Ok(effects)
}

fn words(effect: &SideEffect) -> String {
    let group = &effect.group;
    match &effect.kind {
        SideEffectKind::Moves { from, to } => format!("move {group} from {from} to {to}"),
        SideEffectKind::Restarts { on } => format!("restart {group} on {on}"),
        SideEffectKind::Stops { on } => format!("stop {group} on {on}"),
    }
}

/// What changes between the status before and after, unit by unit.
fn effects(xml: &str) -> Result<Vec<SideEffect>, String> {
    let document = Document::parse(xml).map_err(|e| format!("crm_simulate gave no sensible XML: {e}"))?;
    let root = document.root_element();
    let units = |name: &str| {
        let status = child(root, name).ok_or_else(|| format!("crm_simulate: no {name} in its answer"))?;
        let resources = child(status, "resources").into_iter().flat_map(elements).map(status::resource);
        Ok::<_, String>(Units::new(&resources.collect::<Result<Vec<_>, _>>()?, &BTreeSet::new(), true))
    };
    let (before, after) = (units("cluster_status")?, units("revised_cluster_status")?);
    let actions = child(root, "actions").into_iter().flat_map(elements);
    let restarted: BTreeSet<&str> = actions
        .filter(|action| action.attribute("action") == Some("restart"))
        .filter_map(|action| action.attribute("resource"))
        .collect();
    let mut found = Vec::new();
    for (name, unit) in &before.groups {
        let Some(from) = unit.nodes.iter().next() else { continue };
        let group = GroupName::new(name.as_str());
        let node = |name: &String| NodeName::new(name.as_str());
        let to = after.groups.get(name).and_then(serving).and_then(|unit| unit.nodes.iter().next());
        let kind = match to {
            Some(to) if to != from => SideEffectKind::Moves { from: node(from), to: node(to) },
            Some(_) if unit.members.iter().any(|member| restarted.contains(member.as_str())) => {
                SideEffectKind::Restarts { on: node(from) }
            }
            Some(_) => continue,
            None if serving(unit).is_none() => continue,
            None => SideEffectKind::Stops { on: node(from) },
        };
        found.push(SideEffect { group, kind });
    }
    Ok(found)
}

fn serving(unit: &Unit) -> Option<&Unit> {
    matches!(unit.state, GroupState::Online | GroupState::PartiallyOnline).then_some(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a real scheduler told it.
    #[test]
    fn what_a_standby_would_move_is_read() {
        let standby = include_str!("../../../tests/pacemaker/captures/simulated-standby.xml");
        let kind = SideEffectKind::Moves { from: "n1".into(), to: "n2".into() };
        assert_eq!(effects(standby), Ok(vec![SideEffect { group: "g_mail".into(), kind }]));
        assert!(effects("<pacemaker-result/>").is_err());
    }
}
