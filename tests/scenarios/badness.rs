//! What a world has to say against us, to compare how two runs ended.

use rollward::desired::window::opening_at;
use rollward::desired::{Desired, WorkWhen};
use rollward::drivers::simulator::Simulation;
use rollward::drivers::simulator::world::NodeTruth;
use rollward::fleet::simulated::Simulated;
use rollward::model::time::stamp;
use rollward::model::{Action, ActionKind, NodeName, Phase, Waivable};
use rollward::observed::{GroupKind, GroupState};
use rollward::record::EntryKind;

/// What a world has to say against us, the worst first; compared as a whole.
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Badness {
    /// Rules of the product that were broken.
    violations: usize,
    /// Roles that are down in the end, and should not be.
    down: usize,
    /// Steps that were begun while no window was open for them.
    begun_outside: usize,
    /// Installs that failed, and nodes that are left quarantined, paused or announced for.
    failed: usize,
    /// Nodes that were taken back to an older version unasked.
    lowered: usize,
    /// Moves of roles, ours and the cluster's own.
    moves: u32,
    /// Minutes of outage, of all roles together.
    outage: u64,
}

pub(super) fn badness(simulated: &Simulated, desired: &Desired) -> Badness {
    let worlds = || simulated.worlds.values();
    let roles = || worlds().flat_map(|w| w.roles());
    let down = |w: &Simulation| {
        let groups = w.world().groups.values();
        groups.filter(|g| g.kind == GroupKind::Role && g.wanted && g.state != GroupState::Online).count()
    };
    let failures = simulated.journal.iter().filter(
        |e| matches!(&e.what, EntryKind::Outcome { action, failure: Some(_), .. } if action.needs_empty_node()),
    );
    Badness {
        violations: simulated.violations().count(),
        down: worlds().map(down).sum(),
        begun_outside: begun_outside(simulated, desired).len(),
        failed: failures.count() + worlds().map(|w| w.leaks().len()).sum::<usize>(),
        lowered: lowered(simulated, desired),
        moves: roles().map(|(_, notes)| notes.handoffs + notes.failovers).sum(),
        outage: roles().map(|(_, notes)| notes.outage(simulated.now).as_secs() / 60).sum(),
    }
}

fn lowered(simulated: &Simulated, desired: &Desired) -> usize {
    let unasked = desired.clusters.iter().filter(|(_, cluster)| !cluster.allow_downgrade);
    let count = unasked.map(|(name, cluster)| {
        let (Some(start), Some(world)) = (Simulation::start(cluster, &desired.rollups), simulated.worlds.get(name))
        else {
            return 0;
        };
        let lower = |node: &NodeName, was: &NodeTruth| {
            let is = world.world().nodes.get(node);
            was.installed.iter().any(|(p, v)| is.is_some_and(|is| is.installed.get(p).is_none_or(|now| now < v)))
        };
        start.world().nodes.iter().filter(|(node, was)| lower(node, was)).count()
    });
    count.sum()
}

/// The steps that were begun while no window was open for them, whatever the rules said.
pub(super) fn begun_outside(simulated: &Simulated, desired: &Desired) -> Vec<String> {
    let waived = |of: &Action| {
        simulated.journal.iter().any(|entry| match &entry.what {
            EntryKind::Intended { action, waived, .. } if action == of => {
                waived.iter().any(|waiver| waiver.rule == Waivable::Window)
            }
            _ => false,
        })
    };
    let begins = simulated.actions().filter(|(_, _, action)| action.phase() == Phase::Begin && !waived(action));
    let outside = begins.filter(|(cluster, at, action)| {
        let Some(policy) = desired.clusters.get(*cluster).map(|c| &c.policy) else { return false };
        let (needed, windows) = match action.kind() {
            ActionKind::Handoff | ActionKind::StopRole => {
                (policy.handoff.when.needs_window(), policy.handoff_windows.as_ref().unwrap_or(&policy.windows))
            }
            _ => (policy.work == WorkWhen::Window, &policy.windows),
        };
        needed && opening_at(windows, *at).is_none()
    });
    outside.map(|(_, at, action)| format!("at {}: {action}", stamp(at))).collect()
}
