//! What may befall a world, how an order may turn out, what ends a trouble, and what counts against us.

use rollward::drivers::simulator::Hand;
use rollward::drivers::simulator::world::{
    ClusterService, Event, Fate, Happening, Machine, Outcome, Stage, Violation, ViolationKind, World,
};
use rollward::model::{Action, GroupName, Mark, MarkKind, NodeName};

use super::settings::{Fault, Twist};

/// What the world counts against us; and, where a standby copy must be updated first, and never is, any update.
pub fn violations(before: &World, out: &Outcome, twist: Twist) -> Vec<String> {
    let kinds = out.happened.iter().filter_map(|h| match h {
        Happening::Violation(v) if is_excused(before, v) => None,
        Happening::Violation(v) => Some(match &v.action {
            Some(action) => format!("{:?} by {}", v.kind, action.kind()),
            None => format!("{:?}", v.kind),
        }),
        Happening::Installed { raised: true, .. } if twist == Twist::Standby => Some("SourceBeforeTarget".to_owned()),
        _ => None,
    });
    kinds.collect()
}

/// A person has resumed the node while an installer is at work on it, and whatever they then move to it is torn down
/// when the installer stops the cluster service: a known gap. Our mark of the pause tells their hand from ours.
fn is_excused(before: &World, violation: &Violation) -> bool {
    let Some(truth) = violation.node.as_ref().and_then(|n| before.nodes.get(n)) else { return false };
    let disturbs = matches!(violation.kind, ViolationKind::DisturbedRole | ViolationKind::DisturbedGroup);
    let installs = truth.running().is_some_and(|w| {
        matches!(w.action, Action::Install { .. } | Action::Uninstall { .. })
            && Some(&w.action) == violation.action.as_ref()
    });
    let marked = |m: &Mark| matches!(&m.kind, MarkKind::Pause { node } if Some(node) == violation.node.as_ref());
    disturbs && installs && truth.paused.is_none() && before.store.marks.iter().any(marked)
}

/// How an action may turn out, and the fault that does it.
pub fn fates(action: &Action) -> Vec<(Fate, Option<Fault>)> {
    let mut fates = vec![(Fate::Well, None)];
    match action {
        Action::Install { .. } | Action::Uninstall { .. } => {
            fates.extend([
                (Fate::Fails { exit_code: 1603, leaves_disabled: false }, Some(Fault::InstallFails)),
                (Fate::Fails { exit_code: 1603, leaves_disabled: true }, Some(Fault::InstallFails)),
                (Fate::Hangs, Some(Fault::InstallHangs)),
                (Fate::AsksReboot, Some(Fault::AsksReboot)),
                (Fate::Reboots, Some(Fault::RebootStarted)),
            ]);
        }
        Action::MoveGroup { .. } | Action::Handoff { .. } => {
            fates
                .extend([(Fate::MoveFails, Some(Fault::MoveFails)), (Fate::MoveFailsLate, Some(Fault::MoveFailsLate))]);
        }
        Action::Reboot { .. } => fates.push((Fate::NeverReturns, Some(Fault::NeverReturns))),
        _ => {}
    }
    fates
}

/// What ends a trouble. It may come at any time, and costs no fault.
pub fn mends(world: &World) -> Vec<Hand> {
    let mut hands = Vec::new();
    for (name, truth) in &world.nodes {
        let node = || name.clone();
        match (truth.machine, truth.service) {
            (Machine::Down { returns: false }, _) => hands.push(Hand::Boot { node: node() }),
            (Machine::Up, ClusterService::Stopped) if truth.running().is_none() => {
                hands.push(Hand::StartCluster { node: node() });
            }
            _ => {}
        }
        if truth.task.is_some_and(|t| t.fate == Fate::Hangs && t.stage == Stage::Copying) {
            hands.push(Hand::KillInstaller { node: node() });
        }
        if truth.rival.is_some() {
            hands.push(Hand::EndInstaller { node: node() });
        }
    }
    if !world.apart.is_empty() {
        hands.push(Hand::Reconnect);
    }
    if world.quorum.has_witness() && !world.witness_up {
        hands.push(Hand::Witness { up: true });
    }
    hands
}

/// What fate and people may do, each for one fault.
pub fn harms(world: &World) -> Vec<(Event, Option<Fault>)> {
    let mut harms: Vec<(Hand, Fault)> = Vec::new();
    let nodes: Vec<&NodeName> = world.nodes.keys().collect();
    let groups: Vec<&GroupName> = world.groups.keys().collect();
    for (name, truth) in &world.nodes {
        let node = || name.clone();
        if truth.machine == Machine::Up {
            harms.push((Hand::Crash { node: node(), lasts: None }, Fault::Crash));
        }
        match truth.paused {
            None => harms.push((Hand::Pause { node: node() }, Fault::Pause)),
            Some(_) => harms.push((Hand::Resume { node: node() }, Fault::Resume)),
        }
        if nodes.len() > 1 && world.apart.is_empty() {
            harms.push((Hand::CutOff { nodes: vec![node()] }, Fault::SplitView));
        }
        if truth.rival.is_none() {
            harms.push((Hand::StartInstaller { node: node() }, Fault::Rival));
        }
    }
    for group in groups {
        for to in &nodes {
            if world.groups[group].owner != **to && world.can_take(group, to).is_ok() {
                harms.push((Hand::Move { group: group.clone(), to: (*to).clone() }, Fault::Move));
            }
        }
    }
    if world.quorum.has_witness() && world.witness_up {
        harms.push((Hand::Witness { up: false }, Fault::WitnessDown));
    }
    harms.into_iter().map(|(hand, fault)| (Event::Hand(hand), Some(fault))).collect()
}
