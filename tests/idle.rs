//! What a fleet costs in which there is nothing to do, counted in effects over simulated time.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use rollward::fleet::simulated::{End, Simulated};
use rollward::guard::RuleSet;
use rollward::model::Claim;
use rollward::model::time::{between, later};
use rollward::simulate::open;

use crate::estates::read;
use crate::simulate::{demo, pair};

const CLUSTERS: u64 = 40;

/// Converged clusters of two nodes.
fn idle_fleet() -> Simulated {
    let mut text = String::from(
        "apiVersion: rollward/v1\nkind: Policy\nmetadata: {name: p}\n\
         spec: {handoff: {when: anytime}, work: {when: anytime}}\n",
    );
    for c in 0..CLUSTERS {
        let _ = write!(
            text,
            "---\napiVersion: rollward/v1\nkind: Cluster\nmetadata: {{name: mbx-{c:02}}}\nspec:\n  mode: act\n  \
             topology: ccr\n  rollup: exchange-2007-sp3-ru8-v3\n  policy: p\n  nodes: {{A{c}: {{}}, B{c}: {{}}}}\n  \
             groups: {{MBX{c}: {{kind: role}}}}\n  driver:\n    simulator:\n      seed: {c}\n      timeScale: max\n      \
             quorum: {{model: fileShare}}\n      nodes: {{A{c}: {{version: 8.3.279.6, owns: [MBX{c}]}}, B{c}: \
             {{version: 8.3.279.6}}}}\n"
        );
    }
    let desired = read(&text).unwrap_or_else(|e| panic!("{e}"));
    open(&desired, RuleSet::ALL).unwrap()
}

/// Virtual time does not run while nothing happens: each cluster is looked at once, and then the fleet stands still.
#[test]
fn an_idle_fleet_in_virtual_time_stands_still() {
    let mut fleet = idle_fleet();
    assert_eq!(fleet.run(Duration::from_secs(24 * 3600)), End::Converged);
    assert_eq!(fleet.effects, 2 * CLUSTERS, "one look a cluster, and one line that says so");
    assert_eq!(fleet.now, fleet.started);
    assert_eq!(fleet.run(Duration::from_secs(24 * 3600)), End::Converged);
    assert_eq!(fleet.effects, 2 * CLUSTERS, "and none again");
}

/// In paced time each is looked at every half minute, give or take a tenth, and they drift apart.
#[test]
fn idle_looks_are_few_and_far_apart() {
    let mut fleet = idle_fleet();
    fleet.run(Duration::from_secs(1));
    let (told, looked) = (fleet.journal.len(), fleet.effects);
    let until = later(fleet.now, Duration::from_secs(3600));
    let mut at_once = BTreeMap::new();
    while let Some(next) = fleet.fleet.next_wake().filter(|at| *at <= until) {
        fleet.advance(next);
        let before = fleet.effects;
        assert!(fleet.settle());
        at_once.insert(next, fleet.effects - before);
    }
    // A look that finds nothing is one effect and no more: nothing is claimed, recorded or asked again.
    let looks = fleet.effects - looked;
    assert!((CLUSTERS * (3600 / 33)..=CLUSTERS * (3600 / 27 + 1)).contains(&looks), "{looks} looks in an hour");
    let later_on = at_once.iter().filter(|(at, _)| between(fleet.started, **at) > Duration::from_secs(600));
    let most = later_on.map(|(_, looks)| *looks).max();
    assert!(most <= Some(CLUSTERS / 8), "{most:?} clusters of {CLUSTERS} are looked at in one instant");
    assert_eq!(fleet.journal.len(), told, "an idle pass has nothing to tell:\n{}", fleet.story());
}

/// What does not take is tried ever more seldom: here looks go on showing a claim that was given up long ago.
#[test]
fn a_claim_that_is_gone_and_still_seen_keeps_nobody_busy() {
    let start = "startAt: 2017-04-01T20:00:00Z";
    let stale = format!("{start}\n      faults: [{{at: 1s, kind: staleRead, for: 2h}}]");
    let idle = |text: String| text.replace("8.3.264.0", "8.3.279.6").replace(start, &stale);
    let texts: Vec<_> = demo().into_iter().map(|(name, text)| (name, idle(text))).collect();
    let mut fleet = open(&pair(&texts), RuleSet::ALL).unwrap();
    let ours = Claim { epoch: 1, holder: fleet.holder().clone(), heartbeat: 0 };
    let (began, then) = (fleet.now, later(fleet.now, Duration::from_secs(2)));
    let claim = |fleet: &mut Simulated, expected, wanted, at| {
        fleet.worlds.get_mut("mbx-ccr-01").unwrap().claim_now(expected, wanted, at);
    };
    claim(&mut fleet, None, Some(ours.clone()), began);
    fleet.advance(then);
    claim(&mut fleet, Some(ours), None, then);
    fleet.run(Duration::from_secs(3600));
    assert!(fleet.fleet.turns().all(|(_, turn)| turn.memory.trouble.is_some()), "it was not even tried");
    assert!(fleet.effects < 500, "{} effects in an hour in which nothing can be done", fleet.effects);
}
