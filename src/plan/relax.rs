//! What to change where no allowed sequence of steps reaches the target: a smallest set of suppositions under which one
//! does, or, in a large cluster, a minimal one.
//!
//! Absent on purpose: any knowledge of why the rules say no. What a person could change is tried, on the plan's own
//! model, until the plan ends converged.

use itertools::Itertools as _;

use crate::guard::Facts;
use crate::model::{Known, MarkKind, NodeName, RuleName, Standing};
use crate::observed::{CopyStatus, Group, GroupKind, GroupState, Node, PauseOf};

use super::suppose::{Supposed, Supposition};
use super::unroll::reaches_target;
use super::{Plan, ask::standing};

/// What would have to change, all of it together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relaxation {
    /// The changes, those first that are the least trouble.
    pub changes: Vec<Supposition>,
    /// True if no smaller set of such changes is enough; else only that none of these can be left out.
    pub smallest: bool,
}

/// A try costs about a plan, and a plan grows with the square of nodes times roles: with so many of those the search
/// ends, well within a second.
const WORK: usize = 2_000_000;

/// What would let every node reach its target; nothing if the plan does already, if what stands in its way passes
/// without a person, or if nothing that can be supposed is enough.
pub fn relax(facts: &Facts<'_>, plan: &Plan) -> Option<Relaxation> {
    let lasting = plan.holds.iter().any(|hold| hold.is_lasting());
    if !lasting || reaches_target(facts) {
        return None;
    }
    let size = (facts.seen.nodes.len() * facts.seen.groups.len().max(1)).max(1);
    let mut tries = WORK / (size * size);
    let candidates = candidates(facts);
    if tries <= candidates.len() || !enough(facts, &candidates) {
        return None;
    }
    tries -= candidates.len() + 1;
    // None of what is left can be left out; what is the most trouble goes first.
    let mut kept = candidates.clone();
    for candidate in candidates.iter().rev() {
        let without: Vec<_> = kept.iter().filter(|kept| *kept != candidate).cloned().collect();
        if enough(facts, &without) {
            kept = without;
        }
    }
    for size in 1..kept.len() {
        for chosen in candidates.iter().cloned().combinations(size) {
            if tries == 0 {
                return Some(Relaxation { changes: kept, smallest: false });
            }
            tries -= 1;
            if enough(facts, &chosen) {
                return Some(Relaxation { changes: chosen, smallest: true });
            }
        }
    }
    Some(Relaxation { changes: kept, smallest: true })
}

fn enough(facts: &Facts<'_>, changes: &[Supposition]) -> bool {
    reaches_target(&Supposed::new(facts, changes).facts(facts))
}

/// Every change that a person could make and that would change anything, those first that are the least trouble.
fn candidates(facts: &Facts<'_>) -> Vec<Supposition> {
    let (desired, seen) = (facts.desired, facts.seen);
    let roles = || seen.groups.iter().filter(|(name, group)| desired.kind_of(name, group) == GroupKind::Role);
    let mut found = Vec::new();
    for (name, spec) in &desired.nodes {
        found.extend(spec.hold.is_some().then(|| Supposition::Unheld(name.clone())));
        let paused = matches!(seen.pause_of(name), PauseOf::Person);
        found.extend(paused.then(|| Supposition::Resumed(name.clone())));
        found.extend((!seen.is_up(name)).then(|| Supposition::Up(name.clone())));
        let ill = seen.nodes.get(name).is_some_and(|node| is_ill(name, node, facts));
        found.extend(ill.then(|| Supposition::Cured(name.clone())));
    }
    let missing = |spec: &crate::desired::NodeSpec| {
        spec.rollup.packages.iter().any(|package| !desired.packages.contains_key(&package.file))
    };
    found.extend(desired.nodes.values().any(missing).then_some(Supposition::PackagePresent));
    let stopped = seen.known_marks().any(|mark| matches!(mark.kind, MarkKind::Stop { .. }));
    found.extend((stopped || !facts.fleet.stops.is_empty()).then_some(Supposition::StopLifted));
    for (name, group) in roles() {
        found.extend(is_unhealthy(group).then(|| Supposition::Healthy(name.clone())));
    }
    let ahead = |node: &NodeName| standing(node, facts) == Ok(Standing::Ahead);
    found
        .extend((!desired.allow_downgrade && desired.nodes.keys().any(ahead)).then_some(Supposition::DowngradeAllowed));
    let lost = |reached: &Known<std::collections::BTreeSet<NodeName>>| !reached.surely(|from| !from.is_empty());
    let witness = seen.quorum.surely(|quorum| quorum.witness.as_ref().is_some_and(lost));
    found.extend(witness.then_some(Supposition::WitnessUp));
    let targets = desired.groups.values().any(|group| !group.standby_targets.is_empty());
    found.extend(targets.then_some(Supposition::TargetsReachable));
    found.extend((desired.policy.limits.quorum_margin > 0).then_some(Supposition::NoMargin));
    let windows = !desired.policy.windows.is_empty() || desired.policy.handoff_windows.is_some();
    found.extend(windows.then_some(Supposition::WindowOpen));
    let out = |node: &Node| node.paused.possibly(|paused| *paused);
    let some_out = seen.nodes.iter().any(|(name, node)| !seen.is_up(name) || out(node));
    found.extend((some_out || desired.policy.limits.max_unavailable == 0).then_some(Supposition::OneMoreOut));
    for (name, group) in roles() {
        let comes_home = group.failback_to.possibly(Option::is_some);
        found.extend(comes_home.then(|| Supposition::Stays(name.clone())));
    }
    for (name, spec) in &desired.nodes {
        found.extend(spec.max_roles.map(|_| Supposition::Roomy(name.clone())));
    }
    for (role, group) in roles() {
        let barred = desired.nodes.keys().filter(|node| !group.possible_owners.surely(|owners| owners.contains(*node)));
        found.extend(barred.map(|node| Supposition::MayRun(role.clone(), node.clone())));
    }
    if desired.nodes.values().any(|spec| spec.rollup.denied.is_some()) {
        found.push(Supposition::Waived(RuleName::Version));
    }
    found
}

/// Something about the node itself may stand against its update.
fn is_ill(name: &NodeName, node: &Node, facts: &Facts<'_>) -> bool {
    let wanted = facts.desired.nodes.get(name).and_then(|spec| spec.rollup.baseline.as_ref());
    let quarantined = |kind: &MarkKind| matches!(kind, MarkKind::Quarantine { node, .. } if node == name);
    facts.seen.known_marks().any(|mark| quarantined(&mark.kind))
        || node.services.possibly(|services| !services.differing.is_empty())
        || node.interim_updates.possibly(|updates| !updates.is_empty())
        || node.pending_reboot.possibly(|pending| *pending)
        || node.replication_suspended.possibly(|suspended| *suspended)
        || node.rival.possibly(Option::is_some)
        || node.tries.possibly(|tries| tries.iter().any(|tries| tries.failed > 0))
        || node.failed_handoffs.possibly(|handoffs| !handoffs.is_empty())
        || node.disk.possibly(|disk| disk.free_mib < disk.needed_mib)
        || wanted.is_some_and(|wanted| node.baseline.possibly(|baseline| baseline.as_ref() != Some(wanted)))
}

fn is_unhealthy(group: &Group) -> bool {
    group.state.possibly(|state| *state != GroupState::Online)
        || group.backup.possibly(|backup| *backup)
        || group.copies.values().any(|copy| copy.possibly(|copy| copy.status != CopyStatus::Healthy || copy.queue > 0))
}
