//! What people's commands come to, whichever stack carries them out.

use crate::model::{Holder, Known, Mark, MarkKind, NodeName, StopScope, Time};
use crate::observed::{GroupState, Observation};

/// The mark of a stop cord.
pub(super) fn stop(node: Option<NodeName>, why: &str, by: &str, at: Time) -> Mark {
    let scope = node.map_or(StopScope::Cluster, StopScope::Node);
    Mark { kind: MarkKind::Stop { scope, why: why.to_owned() }, epoch: 0, holder: Holder::new(by), at }
}

/// What is given back by a release.
pub(super) struct GivenBack<'a> {
    /// Nodes that controllers have paused.
    pub paused: Vec<&'a NodeName>,
    /// What controllers have marked.
    pub marks: Vec<&'a Mark>,
}

/// What controllers have paused and marked; not while something of theirs is in its middle, which nobody would end then.
///
/// # Errors
/// Something is in its middle, or it cannot be told.
pub(super) fn give_back(seen: &Observation) -> Result<GivenBack<'_>, String> {
    let Known::Known { value: all, .. } = &seen.marks else { return Err("the marks cannot be read".into()) };
    for (name, node) in &seen.nodes {
        if let Some(work) = node.running_work() {
            return Err(format!("on {name}, {} is running: release the cluster again when it has ended", work.action));
        }
    }
    let stopped = |mark: &&Mark| match &mark.kind {
        MarkKind::StoppedRole { group, .. } => {
            !seen.groups.get(group).is_some_and(|g| g.state.surely(|s| *s == GroupState::Online))
        }
        _ => false,
    };
    if let Some(mark) = all.iter().find(stopped) {
        return Err(format!("there is a {mark}: start the role, and release the cluster again"));
    }
    let marks: Vec<&Mark> = all.iter().filter(|mark| mark.kind.is_controllers()).collect();
    let paused = |mark: &&'_ Mark| matches!(&mark.kind, MarkKind::Pause { .. });
    let paused = marks.iter().copied().filter(paused).filter_map(|mark| mark.kind.node()).collect();
    Ok(GivenBack { paused, marks })
}
