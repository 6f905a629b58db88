//! What must be physically so for an action to make sense. Whether it may happen is for the rules.

use crate::model::{Action, Evidence, GroupName, Known, Mark, NodeName};
use crate::observed::{Group, GroupState, Membership, Node, Observation};

/// Whether the world is such that the action can be carried out. Ignorance counts as *no*.
///
/// # Errors
/// The first fact that stands against it, as it was seen.
pub fn precondition(action: &Action, seen: &Observation) -> Result<(), Evidence> {
    match action {
        Action::Stage { node, .. } => {
            lock_free(seen, node)?;
            up(seen, node)
        }
        Action::Pause { node } => {
            lock_free(seen, node)?;
            up(seen, node)?;
            paused(seen, node, false)
        }
        Action::MoveGroup { group, from, to } => {
            owner(seen, group, from)?;
            settled(seen, group)?;
            up(seen, to)?;
            paused(seen, to, false)
        }
        Action::Handoff { group, from, to, .. } => {
            owner(seen, group, from)?;
            settled(seen, group)?;
            lock_free(seen, from)?;
            lock_free(seen, to)?;
            up(seen, to)?;
            paused(seen, to, false)
        }
        Action::StopRole { group, node, .. } => {
            owner(seen, group, node)?;
            lock_free(seen, node)?;
            state(seen, group, "serving", |s| matches!(s, GroupState::Online | GroupState::PartiallyOnline))
        }
        Action::StartRole { group, node } => {
            owner(seen, group, node)?;
            up(seen, node)?;
            // What goes offline on a paused node cannot be brought online there.
            paused(seen, node, false)?;
            state(seen, group, "down", |s| *s != GroupState::Online)
        }
        Action::StopCluster { node } => {
            lock_free(seen, node)?;
            service(seen, node, true)
        }
        Action::StartCluster { node } => {
            lock_free(seen, node)?;
            service(seen, node, false)
        }
        Action::Install { node, .. } | Action::Uninstall { node, .. } | Action::Reboot { node } => {
            lock_free(seen, node)?;
            answers(seen, node)
        }
        Action::RestoreServices { node } => {
            lock_free(seen, node)?;
            require(
                || format!("nodes.{node}.services"),
                &the(seen, node)?.services,
                say_services,
                |s| !s.differing.is_empty(),
            )
        }
        Action::ResumeReplication { node } => {
            lock_free(seen, node)?;
            let fact = || format!("nodes.{node}.replicationSuspended");
            require(fact, &the(seen, node)?.replication_suspended, bool::to_string, |s| *s)
        }
        Action::Resume { node, .. } => {
            lock_free(seen, node)?;
            paused(seen, node, true)
        }
        Action::Release { mark } => there(seen, mark),
    }
}

fn the<'a>(seen: &'a Observation, node: &NodeName) -> Result<&'a Node, Evidence> {
    seen.nodes.get(node).ok_or_else(|| Evidence::new(format!("nodes.{node}"), "not seen", seen.at))
}

fn the_group<'a>(seen: &'a Observation, group: &GroupName) -> Result<&'a Group, Evidence> {
    seen.groups.get(group).ok_or_else(|| Evidence::new(format!("groups.{group}"), "not seen", seen.at))
}

/// The fact, in evidence unless it is known and as required.
fn require<T>(
    fact: impl FnOnce() -> String,
    known: &Known<T>,
    say: impl FnOnce(&T) -> String,
    right: impl FnOnce(&T) -> bool,
) -> Result<(), Evidence> {
    if known.surely(right) { Ok(()) } else { Err(Evidence::of(fact(), known, say)) }
}

fn up(seen: &Observation, node: &NodeName) -> Result<(), Evidence> {
    let fact = || format!("nodes.{node}.membership");
    require(fact, &the(seen, node)?.membership, say_membership, |m| *m == Membership::Up)
}

fn paused(seen: &Observation, node: &NodeName, wanted: bool) -> Result<(), Evidence> {
    require(|| format!("nodes.{node}.paused"), &the(seen, node)?.paused, bool::to_string, |p| *p == wanted)
}

fn service(seen: &Observation, node: &NodeName, wanted: bool) -> Result<(), Evidence> {
    let fact = || format!("nodes.{node}.clusterService");
    require(fact, &the(seen, node)?.cluster_service, bool::to_string, |runs| *runs == wanted)
}

/// The machine itself answers, whatever its cluster service does.
fn answers(seen: &Observation, node: &NodeName) -> Result<(), Evidence> {
    require(|| format!("nodes.{node}.clusterService"), &the(seen, node)?.cluster_service, bool::to_string, |_| true)
}

/// No work of ours runs on the node: its lock is free.
fn lock_free(seen: &Observation, node: &NodeName) -> Result<(), Evidence> {
    require(
        || format!("nodes.{node}.work"),
        &the(seen, node)?.work,
        |work| {
            work.as_ref()
                .map_or_else(|| "none".into(), |w| format!("{} since {}", w.action, crate::model::time::stamp(w.since)))
        },
        |work| work.as_ref().is_none_or(|w| w.ended.is_some()),
    )
}

fn owner(seen: &Observation, group: &GroupName, node: &NodeName) -> Result<(), Evidence> {
    require(
        || format!("groups.{group}.owner"),
        &the_group(seen, group)?.owner,
        |owner| owner.as_ref().map_or_else(|| "nobody".into(), NodeName::to_string),
        |owner| owner.as_ref() == Some(node),
    )
}

fn state(
    seen: &Observation,
    group: &GroupName,
    wanted: &str,
    right: impl FnOnce(&GroupState) -> bool,
) -> Result<(), Evidence> {
    let fact = || format!("groups.{group}.state, which must be {wanted},");
    require(fact, &the_group(seen, group)?.state, say_state, right)
}

/// The group is not already on its way somewhere.
fn settled(seen: &Observation, group: &GroupName) -> Result<(), Evidence> {
    state(seen, group, "settled", |s| *s != GroupState::Pending)
}

fn there(seen: &Observation, mark: &Mark) -> Result<(), Evidence> {
    require(|| "marks".into(), &seen.marks, |_| format!("without the {mark}"), |marks| marks.contains(mark))
}

fn say_membership(membership: &Membership) -> String {
    match membership {
        Membership::Up => "up",
        Membership::Joining => "joining",
        Membership::Down => "down",
    }
    .into()
}

fn say_state(state: &GroupState) -> String {
    match state {
        GroupState::Online => "online",
        GroupState::PartiallyOnline => "partially online",
        GroupState::Pending => "pending",
        GroupState::Offline => "offline",
        GroupState::Failed => "failed",
    }
    .into()
}

fn say_services(services: &crate::observed::Services) -> String {
    if services.differing.is_empty() { "as in the baseline".into() } else { format!("{:?}", services.differing) }
}
