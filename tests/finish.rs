//! What was begun is finished, whatever forbids to begin: with a role stopped, a node paused or an install running,
//! each thing that stops new work ends with the role online and nothing of ours left; and when it is lifted, the roll
//! goes on to its end.

use std::sync::Arc;
use std::time::Duration;

use rollward::desired::{Broken, Cluster, Desired, Mode, StopDocument};
use rollward::drivers::simulator::Hand;
use rollward::drivers::simulator::world::{NodeTruth, PausedBy};
use rollward::fleet::simulated::{End, Simulated};
use rollward::guard::{Command, RuleSet};
use rollward::model::{Action, ClusterName};
use rollward::observed::GroupState;
use rollward::simulate::{LIMIT, look_back, open, to_the_end};

use crate::estates;

/// How far the roll has come when it happens.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Moment {
    RoleStopped,
    NodePaused,
    InstallRunning,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Trouble {
    StopCord,
    CommittedStop,
    WindowEnds,
    BudgetSpent,
    ApprovalLost,
    DiskFull,
    ManifestBroken,
    ManifestDeleted,
    ObserveOnly,
    NodeHeld,
}

const MOMENTS: [Moment; 3] = [Moment::RoleStopped, Moment::NodePaused, Moment::InstallRunning];

const TROUBLES: [Trouble; 10] = [
    Trouble::StopCord,
    Trouble::CommittedStop,
    Trouble::WindowEnds,
    Trouble::BudgetSpent,
    Trouble::ApprovalLost,
    Trouble::DiskFull,
    Trouble::ManifestBroken,
    Trouble::ManifestDeleted,
    Trouble::ObserveOnly,
    Trouble::NodeHeld,
];

#[test]
fn what_was_begun_is_finished() {
    for moment in MOMENTS {
        for trouble in TROUBLES {
            let what = format!("{moment:?}, then {trouble:?}");
            let calm = estate(trouble);
            let mut simulated = open(&calm, RuleSet::ALL).expect("the worlds are sound");
            reach(&mut simulated, moment);
            befall(&mut simulated, &calm, trouble);
            // Long enough for an install to end, and for a duty's deadline; the window of the estate is closed by then.
            let end = simulated.run(Duration::from_secs(4 * 3600));
            let journal = simulated.story();
            let world = &simulated.worlds[CLUSTER];
            let role = &world.world().groups["MBX"];
            assert_eq!((role.state, role.wanted), (GroupState::Online, true), "{what}: {end:?}\n{journal}");
            assert!(world.leaks().is_empty(), "{what}: {end:?}: {:?}\n{journal}", world.leaks());
            assert!(world.violations().is_empty(), "{what}: {:?}\n{journal}", world.violations());
            let done = simulated.actions().count();
            let later = simulated.run(Duration::from_secs(3600));
            assert_eq!(simulated.actions().count(), done, "{what}: it went on: {later:?}\n{}", simulated.story());
            if trouble == Trouble::ManifestDeleted {
                assert!(simulated.fleet.turn(&CLUSTER.into()).is_none(), "{what}: it was not let go of\n{journal}");
            }
            lift(&mut simulated, &calm, trouble);
            let end = to_the_end(&mut simulated, LIMIT, true);
            let end = look_back(&mut simulated, end);
            let journal = simulated.story();
            assert_eq!(end.end, End::Converged, "{what}, and lifted: {end:#?}\n{journal}");
            assert!(!end.is_wrong(), "{what}, and lifted: {end:#?}\n{journal}");
        }
    }
}

/// Where a person has paused the node meanwhile, it goes on to where it was stopped for. A hold of the node that it
/// would go to is the one thing that keeps it.
#[test]
fn a_stopped_role_that_cannot_start_where_it_is_is_taken_on() {
    for trouble in TROUBLES.into_iter().filter(|trouble| *trouble != Trouble::NodeHeld) {
        let calm = estate(trouble);
        let mut simulated = open(&calm, RuleSet::ALL).expect("the worlds are sound");
        reach(&mut simulated, Moment::RoleStopped);
        let now = simulated.now;
        let world = simulated.worlds.get_mut(CLUSTER).expect("it exists");
        let node = world.world().groups["MBX"].owner.clone();
        world.poke(Hand::Pause { node: node.clone() }, now).expect("it is paused");
        befall(&mut simulated, &calm, trouble);
        let end = simulated.run(Duration::from_secs(4 * 3600));
        let journal = simulated.story();
        let world = &simulated.worlds[CLUSTER];
        let role = &world.world().groups["MBX"];
        assert_eq!((role.state, role.wanted), (GroupState::Online, true), "{trouble:?}: {end:?}\n{journal}");
        assert_ne!(role.owner, node, "{trouble:?}: {journal}");
        assert!(world.leaks().is_empty(), "{trouble:?}: {end:?}: {:?}\n{journal}", world.leaks());
        assert!(world.violations().is_empty(), "{trouble:?}: {:?}\n{journal}", world.violations());
    }
}

const CLUSTER: &str = "ccr";

/// A pair that hands over offline, slowly; and a host that can take no update, for the budget of all.
fn estate(trouble: Trouble) -> Arc<Desired> {
    let when = if trouble == Trouble::ApprovalLost {
        "when: approval, style: offline"
    } else {
        "when: anytime, style: offline"
    };
    let slow = "durations: {stopRole: 2m, handoff: 5m, startRole: 2m, pause: 1m, resume: 1m}\n      quorum:";
    let shape = estates::CCR.replace("quorum:", slow);
    let shape = if trouble == Trouble::BudgetSpent { format!("{shape}{}{FLEET}", failing()) } else { shape };
    estates::estate(&shape, when)
}

/// A canary that cannot be updated.
fn failing() -> String {
    let host = estates::host("failing", "F", 5)
        .replace("{name: failing}", "{name: failing, labels: {rollward/canary: \"true\"}}");
    format!("{host}      faults: [{{on: {{action: Install}}, kind: installFails, exitCode: 1612}}]\n")
}

const FLEET: &str = r#"---
apiVersion: rollward/v1
kind: Fleet
metadata: {name: fleet}
spec: {maxClustersInRoll: 2, canaries: 0, haltAfterSameFailure: 2}
"#;

fn reach(simulated: &mut Simulated, moment: Moment) {
    for _ in 0..200_000 {
        to_the_end(simulated, Duration::from_secs(1), true);
        let world = simulated.worlds[CLUSTER].world();
        let installing = |action: &Action| matches!(action, Action::Install { .. });
        let reached = match moment {
            Moment::RoleStopped => !world.groups["MBX"].wanted,
            Moment::NodePaused => {
                let paused = |n: &NodeTruth| n.paused == Some(PausedBy::Controller);
                world.nodes.values().any(|n| paused(n) && !n.running().is_some_and(|w| installing(&w.action)))
            }
            Moment::InstallRunning => world.nodes.values().any(|n| n.running().is_some_and(|w| installing(&w.action))),
        };
        if reached {
            return;
        }
    }
    panic!("{moment:?} was never reached:\n{}", simulated.story());
}

fn befall(simulated: &mut Simulated, calm: &Arc<Desired>, trouble: Trouble) {
    let name = ClusterName::from(CLUSTER);
    let now = simulated.now;
    match trouble {
        Trouble::StopCord => {
            let stop = Command::Stop { node: None, why: "a storm".into(), by: "an operator".into() };
            simulated.worlds.get_mut(&name).expect("it exists").command_now(stop, now).expect("the cord is pulled");
        }
        Trouble::DiskFull => simulated.journal_broken = Some("no space left on device".into()),
        Trouble::ApprovalLost => {
            simulated.fleet.turn_mut(&name).expect("it is managed").history.approvals.clear();
        }
        _ => simulated.change(Arc::new(changed(calm, trouble))),
    }
    simulated.fleet.wake_all(now);
}

fn changed(calm: &Desired, trouble: Trouble) -> Desired {
    let mut desired = calm.clone();
    let cluster = Cluster::clone(&desired.clusters[&ClusterName::from(CLUSTER)]);
    let mut policy = rollward::desired::Policy::clone(&cluster.policy);
    let mut cluster = match trouble {
        // A window that was open and closes now, for good as far as this test goes.
        Trouble::WindowEnds => {
            let windows =
                &estates::read(WINDOW).expect("a sound window").clusters[&ClusterName::from("w")].policy.clone();
            policy.windows = windows.windows.clone();
            policy.work = windows.work;
            policy.handoff.when = windows.handoff.when;
            Cluster { policy: Arc::new(policy), ..cluster }
        }
        Trouble::ManifestBroken | Trouble::ManifestDeleted => {
            let releasing = trouble == Trouble::ManifestDeleted;
            let why = if releasing { "its document is gone" } else { "its document is broken" };
            Cluster { broken: Some(Broken { why: why.into(), place: None, releasing }), ..cluster }
        }
        Trouble::ObserveOnly => Cluster { mode: Mode::Observe, ..cluster },
        _ => cluster,
    };
    match trouble {
        Trouble::NodeHeld => {
            for node in cluster.nodes.values_mut() {
                node.hold = Some("an audit".into());
            }
        }
        Trouble::CommittedStop => desired.stops.push(StopDocument {
            name: "storm".into(),
            why: "a storm".into(),
            labels: Default::default(),
            place: cluster.place.clone(),
        }),
        Trouble::BudgetSpent => desired.fleet.halt_after_same_failure = 1,
        _ => {}
    }
    desired.clusters.insert(cluster.name.clone(), Arc::new(cluster));
    desired
}

/// The estates start on 1 April 2017, a Saturday.
const WINDOW: &str = r#"
apiVersion: rollward/v1
kind: Policy
metadata: {name: policy}
spec:
  handoff: {when: window, style: offline}
  windows: [{days: [fri], from: "01:00", to: "05:00", timeZone: UTC}]
---
apiVersion: rollward/v1
kind: Cluster
metadata: {name: w}
spec:
  mode: act
  topology: generic
  rollup: exchange-2007-sp3-ru8-v3
  policy: policy
  nodes: {A: {}}
  driver: {simulator: {quorum: {model: none}, nodes: {A: {version: 8.3.264.0}}}}
"#;

fn lift(simulated: &mut Simulated, calm: &Arc<Desired>, trouble: Trouble) {
    let name = ClusterName::from(CLUSTER);
    let now = simulated.now;
    match trouble {
        Trouble::StopCord => {
            let go = Command::Go { node: None };
            simulated.worlds.get_mut(&name).expect("it exists").command_now(go, now).expect("the cord is lifted");
        }
        Trouble::DiskFull => simulated.journal_broken = None,
        Trouble::ApprovalLost => {}
        Trouble::BudgetSpent => {
            // The host that fails is given up.
            let mut desired = Desired::clone(calm);
            let failing = ClusterName::from("failing");
            desired.clusters.remove(&failing);
            simulated.fleet.forget(&failing);
            simulated.worlds.remove(&failing);
            simulated.change(Arc::new(desired));
        }
        _ => simulated.change(Arc::clone(calm)),
    }
    simulated.fleet.wake_all(now);
}
