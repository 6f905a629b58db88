//! The planner's model of the future and the world's own physics share no code; where nothing goes wrong they agree.

use super::*;
use crate::model::{Known, MarkKind};
use crate::observed::effect::{apply, look_again, settle};
use crate::observed::{Observation, Proof, effect};

/// What is compared: everything that a later decision may rest on, without times that only the doing can tell.
fn told(seen: &Observation) -> Vec<String> {
    let mut told = Vec::new();
    for (name, node) in &seen.nodes {
        let verified = node.verified.map(|v| v.as_ref().map(|v| v.rollup.clone()));
        told.push(format!("{name} {:?} {:?}", node.membership, node.cluster_service));
        told.push(format!("{name} {:?} {:?} {:?}", node.paused, node.installed, verified));
        told.push(format!("{name} {:?} {:?} {:?}", node.pending_reboot, node.services, node.staged));
        told.push(format!("{name} {:?} {:?} {:?}", node.tries, node.replication_suspended, node.interim_updates));
    }
    for (name, group) in &seen.groups {
        told.push(format!("{name} {:?} {:?} {:?}", group.owner, group.state, group.copies));
        told.push(format!("{name} {:?} {:?}", group.backup, group.standby_copies));
    }
    let kinds = seen.marks.map(|marks| {
        let mut kinds: Vec<_> = marks
            .iter()
            .map(|m| match &m.kind {
                // Its deadline hangs on the moment of the stop.
                MarkKind::StoppedRole { group, to, .. } => format!("duty to start {group} on {to}"),
                kind => format!("{kind:?}"),
            })
            .collect();
        kinds.sort();
        kinds
    });
    told.push(format!("{kinds:?} {:?}", seen.quorum));
    let mut views: Vec<_> = seen.views.iter().map(|v| format!("{} {} {:?}", v.from, v.quorate, v.members)).collect();
    views.sort();
    told.extend(views);
    told
}

fn agree(s: &mut Story, action: Action) {
    let now = s.now();
    let mut model = s.sim.observe_now(now);
    assert_eq!(effect::precondition(&action, &model), Ok(()), "{action}");
    let work = s.done(action.clone());
    assert_eq!(work.and_then(|w| w.ended).and_then(|e| e.failure), None, "{action}");
    s.wait(30);
    let now = s.now();
    apply(&action, &mut model, &*s.cluster, now);
    settle(&mut model, now);
    look_again(&mut model, now);
    let seen = s.sim.observe_now(now);
    assert_eq!(told(&model), told(&seen), "{action}");
    assert_eq!(effect::proof(&action, &seen, &*s.cluster), Proof::Done, "{action}");
    assert_eq!(s.violations(), []);
}

#[test]
fn a_whole_roll_goes_as_it_is_modelled() {
    let mut s = Story::ccr("");
    let offline = |from: &str, to: &str| Action::Handoff {
        group: g("MBX1"),
        from: n(from),
        to: n(to),
        style: HandoffStyle::Offline,
    };
    agree(&mut s, stage("N2"));
    agree(&mut s, pause("N2"));
    agree(&mut s, move_group("Cluster Group", "N2", "N1"));
    agree(&mut s, install("N2"));
    agree(&mut s, Action::Reboot { node: n("N2") });
    agree(&mut s, resume("N2"));
    agree(&mut s, handoff("MBX1", "N1", "N2"));
    agree(&mut s, move_group("Cluster Group", "N1", "N2"));
    agree(&mut s, stage("N1"));
    agree(&mut s, pause("N1"));
    agree(&mut s, Action::StopCluster { node: n("N1") });
    agree(&mut s, Action::StartCluster { node: n("N1") });
    agree(&mut s, install("N1"));
    agree(&mut s, Action::Resume { node: n("N1"), quarantine: Some("it looks odd".into()) });
    let at_most = Duration::from_secs(3 * 3600);
    agree(&mut s, Action::StopRole { group: g("MBX1"), node: n("N2"), to: n("N1"), at_most });
    agree(&mut s, offline("N2", "N1"));
    agree(&mut s, Action::StartRole { group: g("MBX1"), node: n("N1") });
}

#[test]
fn what_was_left_wrong_is_put_right_as_it_is_modelled() {
    let mut s = Story::ccr("");
    s.poke("disable-services N2").expect("done");
    s.poke("suspend-replication N2").expect("done");
    s.wait(5);
    agree(&mut s, Action::RestoreServices { node: n("N2") });
    agree(&mut s, Action::ResumeReplication { node: n("N2") });
}

#[test]
fn what_the_world_foresees_is_no_more_than_what_is_foreseen_from_a_look() {
    let mut s = Story::ccr("groups: {Cluster Group: {failbackTo: N1}}\n");
    s.done(stage("N2"));
    for action in [install("N2"), Action::StopCluster { node: n("N2") }, pause("N1"), pause("N2"), stage("N1")] {
        let now = s.now();
        let seen = s.sim.observe_now(now);
        let from_a_look = effect::side_effects(&action, &seen);
        let Known::Known { value: truly, .. } = s.sim.foresee_now(&action) else { panic!("known") };
        for effect in truly {
            assert!(from_a_look.surely(|all| all.contains(&effect)), "{action}: {effect:?} in {from_a_look:?}");
        }
    }
}
