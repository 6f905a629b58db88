//! What a cluster would do by itself because of an action, as far as observed facts tell.

use super::{SideEffect, SideEffectKind};
use crate::model::{Action, Known, NodeName};
use crate::observed::{Group, Membership, Observation};

/// What the cluster would do by itself if the action were done now. The driver's own `foresee` may know more.
///
/// Two causes are known. Taking the cluster service of a node away moves or stops what the node owns. Giving a node
/// back brings home every group that the stack fails back to it; a pause holds that off, so it is the end of the pause
/// that brings it home, and whoever begins a pause must expect it.
pub fn side_effects(action: &Action, seen: &Observation) -> Known<Vec<SideEffect>> {
    let mut effects = Vec::new();
    let found = match action {
        Action::Install { node, .. }
        | Action::Uninstall { node, .. }
        | Action::Reboot { node }
        | Action::StopCluster { node } => taken_away(node, seen, &mut effects)
            .and_then(|()| if paused(node, seen) { Ok(()) } else { brought_home(node, seen, &mut effects) }),
        Action::StartCluster { node } if !paused(node, seen) => brought_home(node, seen, &mut effects),
        Action::Pause { node } | Action::Resume { node, .. } => brought_home(node, seen, &mut effects),
        _ => Ok(()),
    };
    match found {
        Ok(()) => Known::seen(effects, seen.at),
        Err(why) => Known::unknown(why),
    }
}

fn paused(node: &NodeName, seen: &Observation) -> bool {
    seen.nodes.get(node).is_some_and(|n| n.paused.surely(|p| *p))
}

/// What the node owns goes to another possible owner that can take it, or nowhere.
fn taken_away(node: &NodeName, seen: &Observation, effects: &mut Vec<SideEffect>) -> Result<(), String> {
    for (name, group) in seen.maybe_owned_by(node) {
        if group.owner.is_unknown() {
            return Err(format!("nobody can tell whether {node} owns {name}"));
        }
        let kind = match successor(node, group, seen) {
            Some(to) => SideEffectKind::Moves { from: node.clone(), to: to.clone() },
            None => SideEffectKind::Stops { on: node.clone() },
        };
        effects.push(SideEffect { group: name.clone(), kind });
    }
    Ok(())
}

fn successor<'a>(node: &NodeName, group: &Group, seen: &'a Observation) -> Option<&'a NodeName> {
    seen.nodes.iter().find_map(|(name, n)| {
        let takes = name != node
            && n.membership.surely(|m| *m == Membership::Up)
            && n.paused.surely(|p| !p)
            && group.possible_owners.surely(|owners| owners.contains(name));
        takes.then_some(name)
    })
}

/// Groups that live elsewhere and that the stack moves to the node as soon as it can.
fn brought_home(node: &NodeName, seen: &Observation, effects: &mut Vec<SideEffect>) -> Result<(), String> {
    for (name, group) in &seen.groups {
        if !group.failback_to.possibly(|home| home.as_ref() == Some(node)) {
            continue;
        }
        match (&group.failback_to, &group.owner) {
            (Known::Unknown { .. }, _) => {
                return Err(format!("nobody can tell whether {name} fails back to {node} by itself"));
            }
            (_, Known::Unknown { .. }) => return Err(format!("nobody can tell where {name} is")),
            (_, Known::Known { value: Some(owner), .. }) if owner != node => effects.push(SideEffect {
                group: name.clone(),
                kind: SideEffectKind::Moves { from: owner.clone(), to: node.clone() },
            }),
            _ => {}
        }
    }
    Ok(())
}
