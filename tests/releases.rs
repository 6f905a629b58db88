//! Every hold says what releases it, and that is true: doing what it says removes exactly that hold, and leaving it
//! undone leaves the hold, an hour later too.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::subsequence;
use proptest::test_runner::{Config, TestRunner};
use rollward::desired::{Broken, Cluster, Desired, HandoffWhen, Mode, WorkWhen};
use rollward::fleet::simulated::Simulated;
use rollward::guard::{Command, RuleSet};
use rollward::model::time::later;
use rollward::model::{ClusterName, Known, NodeName, ReleaseKind, RuleName};
use rollward::plan;
use rollward::reconcile::Around;
use rollward::simulate::open;

use crate::estates::{self, CCR, SCC};

/// What can stand in the way of the first node of a pair, and be taken out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Obstacle {
    StopCord,
    HoldLine,
    NoPackage,
    InterimUpdate,
    PausedByPerson,
    RivalInstaller,
    Backup,
    ObserveOnly,
    BrokenManifest,
    FullDiskHere,
    ShutWindow,
}

const OBSTACLES: [Obstacle; 11] = [
    Obstacle::StopCord,
    Obstacle::HoldLine,
    Obstacle::NoPackage,
    Obstacle::InterimUpdate,
    Obstacle::PausedByPerson,
    Obstacle::RivalInstaller,
    Obstacle::Backup,
    Obstacle::ObserveOnly,
    Obstacle::BrokenManifest,
    Obstacle::FullDiskHere,
    Obstacle::ShutWindow,
];

impl Obstacle {
    /// The rule that says so, and what the hold's release is about.
    fn rule(self) -> (RuleName, &'static [ReleaseWord]) {
        use ReleaseWord::*;
        match self {
            Obstacle::StopCord => (RuleName::Stop, &[Person]),
            Obstacle::HoldLine => (RuleName::Declared, &[Manifest]),
            Obstacle::NoPackage => (RuleName::Package, &[Manifest, Person]),
            Obstacle::InterimUpdate => (RuleName::Version, &[Person]),
            Obstacle::PausedByPerson => (RuleName::People, &[Person]),
            Obstacle::RivalInstaller => (RuleName::Rival, &[Observation, Person]),
            Obstacle::Backup => (RuleName::Preflight, &[Observation]),
            Obstacle::ObserveOnly => (RuleName::Mode, &[Manifest]),
            Obstacle::BrokenManifest => (RuleName::Manifest, &[Manifest]),
            Obstacle::FullDiskHere => (RuleName::Record, &[Person, Observation]),
            Obstacle::ShutWindow => (RuleName::Window, &[Time]),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ReleaseWord {
    Time,
    Observation,
    Person,
    Manifest,
    Progress,
}

fn word(kind: &ReleaseKind) -> ReleaseWord {
    match kind {
        ReleaseKind::Time(_) => ReleaseWord::Time,
        ReleaseKind::Observation => ReleaseWord::Observation,
        ReleaseKind::Person => ReleaseWord::Person,
        ReleaseKind::Manifest => ReleaseWord::Manifest,
        ReleaseKind::Progress => ReleaseWord::Progress,
    }
}

#[test]
fn a_release_removes_its_hold_and_no_other() {
    let some = (prop_oneof![Just(CCR), Just(SCC)], subsequence(OBSTACLES.to_vec(), 1..=4));
    let mut runner = TestRunner::new(Config { cases: 256, failure_persistence: None, ..Config::default() });
    let result = runner.run(&some, |(shape, mut obstacles)| {
        // On shared storage a backup of a role is no concern of a node that does not own it.
        obstacles.retain(|o| shape == CCR || *o != Obstacle::Backup);
        let before = holds(shape, &obstacles, Duration::ZERO);
        let later = holds(shape, &obstacles, Duration::from_secs(3600));
        for obstacle in &obstacles {
            let (rule, words) = obstacle.rule();
            let says =
                |holds: &BTreeSet<(RuleName, ReleaseWord)>| holds.iter().any(|(r, w)| *r == rule && words.contains(w));
            prop_assert!(says(&before), "{obstacle:?} makes no {rule} hold with a release of {words:?}: {before:?}");
            prop_assert!(says(&later), "{obstacle:?} was left as it is, and its hold went: {later:?}");
            let others: Vec<Obstacle> = obstacles.iter().copied().filter(|o| o != obstacle).collect();
            let after = holds(shape, &others, Duration::ZERO);
            prop_assert!(
                !after.iter().any(|(r, _)| *r == rule),
                "{obstacle:?} is released, and {rule} still holds: {after:?}"
            );
            for other in others {
                let (rule, _) = other.rule();
                prop_assert!(
                    after.iter().any(|(r, _)| *r == rule),
                    "{obstacle:?} was released, and the hold of {other:?} went with it: {after:?}"
                );
            }
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// The holds of the node that comes first, with these obstacles in its way, after a while in which nothing is done.
fn holds(shape: &str, obstacles: &[Obstacle], after: Duration) -> BTreeSet<(RuleName, ReleaseWord)> {
    let calm = estates::estate(shape, "when: anytime");
    let desired = Arc::new(with(&calm, obstacles));
    let mut simulated = open(&desired, RuleSet::ALL).expect("the worlds are sound");
    let name = simulated.worlds.keys().next().cloned().expect("a cluster");
    let first = NodeName::from(if shape == CCR { "B" } else { "P" });
    put_in_the_way(&mut simulated, &name, &first, obstacles);
    let now = later(simulated.now, after);
    let world = simulated.worlds.get_mut(&name).expect("it exists");
    let seen = world.observe_now(now);
    let turn = simulated.fleet.turn(&name).expect("it is managed");
    let nothing = Known::unknown("nothing was asked for");
    let facts = turn.facts(&seen, &nothing, Around { fleet: simulated.fleet.facts(), now });
    let reports = plan::explain(&facts);
    let report = reports.iter().find(|r| r.node == first).expect("it is reported on");
    report.holds.iter().map(|h| (h.rule, word(&h.release.kind))).collect()
}

/// Obstacles in manifests.
fn with(calm: &Desired, obstacles: &[Obstacle]) -> Desired {
    let mut desired = calm.clone();
    for cluster in desired.clusters.values_mut() {
        let mut changed = Cluster::clone(cluster);
        for obstacle in obstacles {
            match obstacle {
                Obstacle::HoldLine => {
                    for node in changed.nodes.values_mut() {
                        node.hold = Some("an audit".into());
                    }
                }
                Obstacle::NoPackage => changed.packages.clear(),
                Obstacle::ObserveOnly => changed.mode = Mode::Observe,
                Obstacle::BrokenManifest => {
                    changed.broken = Some(Broken { why: "a tab".into(), place: None, releasing: false });
                }
                Obstacle::ShutWindow => {
                    let mut policy = rollward::desired::Policy::clone(&changed.policy);
                    policy.windows = friday();
                    policy.work = WorkWhen::Window;
                    policy.handoff.when = HandoffWhen::Window;
                    changed.policy = Arc::new(policy);
                }
                _ => {}
            }
        }
        *cluster = Arc::new(changed);
    }
    desired
}

/// The estates start on a Saturday.
fn friday() -> Vec<rollward::desired::Window> {
    let text = estates::CCR.to_owned()
        + "---\napiVersion: rollward/v1\nkind: Package\nmetadata: {name: ru8-v3}\nspec: {rollup: exchange-2007-sp3-ru8-v3, \
           path: Exchange2007-KB2756497-v3-x64-EN.msp, sha256: \"8888888888888888888888888888888888888888888888888888888888888888\"}\n\
           ---\napiVersion: rollward/v1\nkind: Policy\nmetadata: {name: policy}\nspec: {handoff: {when: window}, \
           windows: [{days: [fri], from: \"01:00\", to: \"05:00\", timeZone: UTC}]}\n";
    let desired = estates::read(&text).expect("a sound window");
    desired.clusters.values().next().expect("a cluster").policy.windows.clone()
}

/// Obstacles in the world, and with us.
fn put_in_the_way(simulated: &mut Simulated, name: &ClusterName, first: &NodeName, obstacles: &[Obstacle]) {
    let now = simulated.now;
    let world = simulated.worlds.get_mut(name).expect("it exists");
    for obstacle in obstacles {
        let deed = match obstacle {
            Obstacle::StopCord => {
                let stop = Command::Stop { node: None, why: "a storm".into(), by: "an operator".into() };
                world.command_now(stop, now).expect("the cord is pulled");
                continue;
            }
            Obstacle::FullDiskHere => {
                let turn = simulated.fleet.turn_mut(name).expect("it is managed");
                turn.history.record_error = Some("no space left on device".into());
                continue;
            }
            Obstacle::InterimUpdate => format!("install-interim {first} KB976108"),
            Obstacle::PausedByPerson => format!("pause {first}"),
            Obstacle::RivalInstaller => format!("start-installer {first}"),
            Obstacle::Backup => {
                let role = world.world().groups.keys().find(|g| g.as_str().starts_with("MBX")).expect("a role");
                format!("open-backup {role}")
            }
            _ => continue,
        };
        world.poke(deed.parse().expect("it has words"), now).expect("it happens");
    }
}
