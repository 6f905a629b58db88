//! What a worker on a node does, step by step, for each action. A worker knows nothing of actions.

use std::time::Duration;

use super::look::Asked;
use super::wire::words;
use super::{machine, marks, spec};
use crate::model::time::later;
use crate::model::{Action, GroupName, HandoffStyle, Mark, MarkKind, NodeName, Rollup};
use crate::observed::{GroupState, Observation};

/// How long each kind of step may take.
mod limits {
    pub const PROPERTY: u32 = 30;
    pub const PAUSE: u32 = 60;
    pub const MOVE: u32 = 300;
    /// Logs that are still to be copied come first, and databases are mounted after it.
    pub const HANDOFF: u32 = 1800;
    pub const STOP: u32 = 600;
    pub const START: u32 = 900;
    pub const SERVICES: u32 = 600;
    pub const COPIES: u32 = 300;
    pub const RECEIVE: u32 = 3600;
    /// Native images of all assemblies are made anew, and revocation lists waited for.
    pub const INSTALL: u32 = 7200;
}

/// What failures of an order are counted as, and whether its success forgets them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Counts {
    pub file: &'static str,
    pub subject: String,
    pub forgets: bool,
}

/// What a worker is given to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub steps: Vec<String>,
    pub counts: Option<Counts>,
    /// It goes on where nobody answers for the cluster, so that there is nobody to announce it to.
    pub unannounced: bool,
}

/// What is known for an order besides the action.
pub(super) struct Given<'a> {
    pub asked: &'a Asked,
    /// A look of just now.
    pub seen: &'a Observation,
    /// The rollup that the action is about.
    pub rollup: Option<&'a Rollup>,
    /// Sizes and hashes of the rollup's packages, for sending them.
    pub packages: &'a [(String, u64, String)],
    /// The patches that are to go, newest first, as Windows Installer calls them.
    pub patches: &'a [String],
    /// Makes a mark of ours.
    pub mark: &'a dyn Fn(MarkKind) -> Mark,
    /// What event logs are told.
    pub comment: &'a str,
}

/// The steps of an action.
///
/// # Errors
/// This driver does nothing of the kind, or something that it needs is not known: what.
pub(super) fn plan(action: &Action, given: &Given<'_>) -> Result<Plan, String> {
    let Given { asked, seen, rollup, .. } = given;
    let clustered = asked.spec.is_cluster();
    let tries = |forgets| action.rollup().map(|rollup| Counts { file: "tries", subject: rollup.to_string(), forgets });
    let mut plan = Plan::default();
    let mut step = |seconds: u32, name: &str, arguments: &[&str]| {
        let seconds = seconds.to_string();
        plan.steps.push(words([seconds.as_str(), name].into_iter().chain(arguments.iter().copied())));
    };
    match action {
        Action::Stage { .. } => {
            for (file, bytes, sha256) in given.packages {
                step(limits::RECEIVE, "receive", &[file, &bytes.to_string(), sha256]);
            }
            // One that is staged is not installed: earlier failures stay counted.
            plan.counts = tries(false);
        }
        Action::Pause { node } => {
            // The mark first: a pause without one would be nobody's.
            put(&mut step, &(given.mark)(MarkKind::Pause { node: node.clone() }));
            if clustered {
                let node = spec::machine(node);
                step(limits::PAUSE, "cluster", &["node", node, "/pause"]);
                step(limits::PAUSE, "await-node", &[node, "Paused"]);
            }
        }
        Action::Resume { node, quarantine } => {
            if let Some(why) = quarantine {
                put(&mut step, &(given.mark)(MarkKind::Quarantine { node: node.clone(), why: why.clone() }));
            }
            if clustered {
                let node = spec::machine(node);
                step(limits::PAUSE, "cluster", &["node", node, "/resume"]);
                step(limits::PAUSE, "await-node", &[node, "Up"]);
            }
            step(limits::PROPERTY, "verified", &[]);
            let pause = (given.mark)(MarkKind::Pause { node: node.clone() });
            step(limits::PROPERTY, "unmark", &[&marks::name(&pause)]);
        }
        Action::MoveGroup { group, to, .. } => {
            let words: Vec<&str> =
                [group.as_str(), spec::machine(to)].into_iter().chain(states_after(group, seen)?).collect();
            step(limits::MOVE, "move-group", &words);
        }
        Action::Handoff { group, to, style, .. } => {
            let state = match style {
                HandoffStyle::Online => "Online",
                HandoffStyle::Offline => "Offline",
            };
            step(limits::HANDOFF, "handoff", &[group.as_str(), spec::machine(to), state, given.comment]);
            plan.counts = Some(Counts { file: "handoffs", subject: group.to_string(), forgets: true });
        }
        Action::StopRole { group, node, to, at_most } => {
            // The duty to start it again first: a role that is stopped and forgotten stays down for ever.
            let duty = duty(given, group, to, *at_most);
            put(&mut step, &duty);
            step(limits::STOP, "stop", &[group.as_str(), spec::machine(node), given.comment]);
            // As long as it was still online, somebody may have taken the duty for done.
            put(&mut step, &duty);
        }
        Action::StartRole { group, node } => {
            step(limits::START, "start", &[group.as_str(), spec::machine(node)]);
            step(limits::PROPERTY, "unmark", &[&marks::name(&duty(given, group, node, Duration::ZERO))]);
        }
        Action::StopCluster { .. } => {
            return Err(
                "this stack's installer stops the cluster service by itself: write `clusterService: restarts`".into()
            );
        }
        Action::StartCluster { node } => {
            step(limits::SERVICES, "start-service", &[machine::CLUSTER_SERVICE]);
            step(limits::PAUSE, "await-node", &[spec::machine(node), "Up", "Paused"]);
        }
        Action::Install { .. } => {
            let rollup = rollup.ok_or("the rollup is not declared")?;
            baseline(&mut step, asked);
            for package in &rollup.packages {
                step(limits::INSTALL, "install", &[&package.file]);
            }
            plan.counts = tries(true);
        }
        Action::Uninstall { .. } => {
            if given.patches.is_empty() {
                return Err("the patch registry shows no rollup above the target".into());
            }
            baseline(&mut step, asked);
            for patch in given.patches {
                step(limits::INSTALL, "remove", &[patch]);
            }
            plan.counts = tries(true);
        }
        Action::Reboot { .. } => step(limits::PAUSE, "reboot", &[]),
        Action::RestoreServices { .. } => {
            let triples: Vec<&str> = (asked.spec.services.iter())
                .flat_map(|(name, meant)| {
                    let run = match meant.running {
                        Some(true) => "True",
                        Some(false) => "False",
                        None => "-",
                    };
                    [name.as_str(), meant.start.number(), run]
                })
                .collect();
            step(limits::SERVICES, "services", &triples);
        }
        Action::ResumeReplication { node } => {
            let here = |role: &&GroupName| seen.groups.get(*role).is_some_and(|group| group.copies.contains_key(node));
            for role in asked.roles().filter(here) {
                step(limits::COPIES, "resume-copies", &[role.as_str()]);
            }
        }
        Action::Release { .. } => return Err("a mark is removed by no order".into()),
    }
    let may_be_down = matches!(
        action,
        Action::Install { .. } | Action::Uninstall { .. } | Action::Reboot { .. } | Action::StartCluster { .. }
    );
    plan.unannounced = may_be_down;
    Ok(plan)
}

fn put(step: &mut impl FnMut(u32, &str, &[&str]), mark: &Mark) {
    step(limits::PROPERTY, "mark", &[&marks::name(mark), &marks::write(mark)]);
}

fn baseline(step: &mut impl FnMut(u32, &str, &[&str]), asked: &Asked) {
    step(limits::PROPERTY, "baseline", &machine::watched(asked).collect::<Vec<_>>());
}

fn duty(given: &Given<'_>, group: &GroupName, to: &NodeName, at_most: Duration) -> Mark {
    let mark = |deadline| (given.mark)(MarkKind::StoppedRole { group: group.clone(), to: to.clone(), deadline });
    let at = mark(crate::model::Time::MIN).at;
    mark(later(at, at_most))
}

/// The words of states in which a group has arrived: not worse than it was.
fn states_after(group: &GroupName, seen: &Observation) -> Result<Vec<&'static str>, String> {
    use GroupState::{Failed, Offline, Online, PartiallyOnline};
    let all = [(Online, "Online"), (PartiallyOnline, "Partially Online"), (Offline, "Offline"), (Failed, "Failed")];
    let before = seen.groups.get(group).map(|group| &group.state);
    let before = before.and_then(|state| all.iter().position(|(one, _)| state.surely(|state| state == one)));
    let before = before.ok_or_else(|| format!("how {group} is now is not known, so nor when its move is over"))?;
    Ok(all.iter().take(before + 1).map(|(_, word)| *word).collect())
}

#[cfg(test)]
mod tests;
