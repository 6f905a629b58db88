//! No planner at all: actions are proposed at random, and only the guard stands between them and the world.
//!
//! With the guard the world counts no violation, however foolish the proposals; without it, it counts many. So the
//! safety lies in the guard, and the simulator can see what the guard prevents.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use proptest::strategy::{Strategy, ValueTree};
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rollward::desired::{Cluster, Desired};
use rollward::drivers::ClaimAnswer;
use rollward::drivers::simulator::Simulation;
use rollward::guard::{self, Facts, FleetFacts, History, RuleSet};
use rollward::model::time::later;
use rollward::model::{Action, Claim, GroupName, HandoffStyle, Holder, Known, NodeName};
use rollward::observed::{GroupKind, Observation};
use rollward::plan;

use super::worlds::{self, Estate};
use super::{SLICE, number, read, runner};

/// Without the guard a fool breaks every rule there is; with it, none.
#[test]
fn only_the_guard_stands_between_a_fool_and_the_world() {
    let (runs, seed) = (number("SOAK_RUNS", SLICE) / 10, number("SOAK_SEED", 1));
    let strategy = worlds::estates();
    let (mut without, mut begun, mut begun_with) = (BTreeSet::new(), 0, 0);
    for index in 0..runs {
        let tree = strategy.new_tree(&mut runner(seed, index)).expect("any draw is an estate");
        // Standby copies relate clusters to each other, which takes a fleet; a fool has one cluster.
        let estate = Estate { standby: None, ..tree.current() };
        let Ok(desired) = read(&estate.text()) else { continue };
        let unguarded = fool_around(&desired, RuleSet::NONE, index);
        without.extend(unguarded.violations);
        begun += unguarded.performed;
        let mut guarded = fool_around(&desired, RuleSet::ALL, index);
        // The guard forbids; it cannot make anybody finish what he began.
        guarded.violations.remove("RoleLeftStopped");
        begun_with += guarded.performed;
        assert!(
            guarded.violations.is_empty(),
            "run {index} of seed {seed}: the guard let this happen: {:?}\n{}\n{}",
            guarded.violations,
            guarded.story.join("\n"),
            estate.text()
        );
    }
    println!("{begun} actions without the guard, {begun_with} with it; without it: {without:?}");
    assert!(begun_with > runs, "the guard let too little happen for this to show anything: {begun_with}");
    assert!(without.len() >= 5, "without the guard, only these kinds of violation were counted: {without:?}");
}

#[derive(Default)]
struct Fooled {
    violations: BTreeSet<String>,
    performed: u64,
    story: Vec<String>,
}

fn fool_around(desired: &Arc<Desired>, rules: RuleSet, seed: u64) -> Fooled {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let cluster = desired.clusters.values().next().expect("there is a cluster");
    let mut world = Simulation::start(cluster, &desired.rollups).expect("a simulated world");
    let traits = world.traits();
    let forecast = plan::forecast(cluster, &cluster.durations);
    let mut fleet = FleetFacts { policy: desired.fleet.clone(), ..FleetFacts::default() };
    fleet.policy.canaries = 0;
    let mut now = world.now();
    let mut history = History::new(Holder::from("fool"));
    let mut fooled = Fooled::default();
    for _ in 0..120 {
        now = later(now, Duration::from_secs(rng.random_range(1..120)));
        let seen = world.observe_now(now);
        claim(&mut world, &seen, &mut history, now);
        let seen = world.observe_now(now);
        let Some(action) = propose(cluster, &seen, &mut rng) else { continue };
        let foreseen = world.foresee_now(&action);
        let facts = Facts {
            desired: cluster,
            seen: &seen,
            fleet: &fleet,
            history: &history,
            forecast: &forecast,
            foreseen: &foreseen,
            traits,
            rules,
            now,
        };
        let told = action.to_string();
        if let Ok(permit) = guard::judge(action, &facts) {
            let answer = world.perform_now(permit, now);
            fooled.story.push(format!("{now} {told}: {answer:?}"));
            fooled.performed += 1;
        }
    }
    world.advance_to(later(now, Duration::from_secs(3600)));
    fooled.violations = world.violations().iter().map(|v| format!("{:?}", v.kind)).collect();
    fooled
}

/// Even a fool has a claim: fencing is not what is tried here.
fn claim(world: &mut Simulation, seen: &Observation, history: &mut History, now: rollward::model::Time) {
    let Known::Known { value: found, .. } = &seen.claim else { return };
    if found.as_ref().is_some_and(|c| c.holder == history.holder) {
        return;
    }
    let epoch = found.as_ref().map_or(0, |c| c.epoch) + 1;
    let wanted = Claim { epoch, holder: history.holder.clone(), heartbeat: 0 };
    if found.is_none() && matches!(world.claim_now(None, Some(wanted), now), ClaimAnswer::Claimed(_)) {
        history.claimed_at = Some(now);
    }
}

/// Anything that can be said of what is there.
fn propose(cluster: &Cluster, seen: &Observation, rng: &mut ChaCha8Rng) -> Option<Action> {
    let nodes: Vec<&NodeName> = seen.nodes.keys().collect();
    let node = (*nodes.choose(rng)?).clone();
    let to = (*nodes.choose(rng)?).clone();
    let of_kind = |kind: GroupKind| -> Vec<&GroupName> {
        seen.groups.iter().filter(|(name, g)| cluster.kind_of(name, g) == kind).map(|(name, _)| name).collect()
    };
    let (roles, auxiliaries) = (of_kind(GroupKind::Role), of_kind(GroupKind::Auxiliary));
    let owner = |group: &GroupName| match &seen.groups.get(group)?.owner {
        Known::Known { value, .. } => value.clone(),
        Known::Unknown { .. } => None,
    };
    let rollup = cluster.nodes.get(&node)?.rollup.name.clone();
    Some(match rng.random_range(0..20) {
        0 | 1 => Action::Stage { node, rollup },
        2..=4 => Action::Pause { node },
        5 | 6 => {
            let group = (*auxiliaries.choose(rng)?).clone();
            Action::MoveGroup { from: owner(&group)?, group, to }
        }
        7 => Action::StopCluster { node },
        8..=10 => Action::Install { node, rollup },
        11 => Action::Uninstall { node, rollup },
        12 => Action::Reboot { node },
        13 | 14 => {
            let group = (*roles.choose(rng)?).clone();
            let style = if rng.random() { HandoffStyle::Online } else { HandoffStyle::Offline };
            Action::Handoff { from: owner(&group)?, group, to, style }
        }
        15 => {
            let group = (*roles.choose(rng)?).clone();
            let at_most = cluster.policy.handoff.stopped_at_most;
            Action::StopRole { node: owner(&group)?, group, to, at_most }
        }
        16 => {
            let group = (*roles.choose(rng)?).clone();
            Action::StartRole { node: owner(&group)?, group }
        }
        17 => Action::StartCluster { node },
        18 => match rng.random() {
            true => Action::RestoreServices { node },
            false => Action::ResumeReplication { node },
        },
        _ => Action::Resume { node, quarantine: None },
    })
}
