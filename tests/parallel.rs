//! Several nodes at once, on random clusters in worlds where everything takes as long as declared: nothing is violated,
//! no handoff is added, the run is what was planned and takes as long, no run beats the least that its plan says, and on average
//! none takes much longer.
//!
//! `PARALLEL_RUNS=1000 cargo test --test integration parallel -- --nocapture` prints the spread of many, and
//! `PARALLEL_FROM=7 PARALLEL_RUNS=8 PARALLEL_SHOW=7` tells the story of one.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use rollward::drivers::simulator::world::NodeTruth;
use rollward::fleet::simulated::{End, Simulated};
use rollward::guard::RuleSet;
use rollward::model::time::between;
use rollward::model::{Action, Holder};
use rollward::plan::Plan;
use rollward::reconcile::Around;
use rollward::record::EntryKind;
use rollward::simulate::{LIMIT, look_back, open, to_the_end};

use crate::estates::read;
use crate::soak::{number, runner, sha256};

/// A cluster, its policy, and how long things take there.
#[derive(Clone, Debug)]
struct Shape {
    /// Whether each node is stale, and staged.
    nodes: Vec<(bool, bool)>,
    /// For each role, its owner, and what sets apart where else it may run, if anything.
    roles: Vec<(u8, Option<u16>)>,
    /// Owners of groups that no role depends on.
    auxiliaries: Vec<u8>,
    /// How many roles a node may own.
    room: Option<u8>,
    quorum: &'static str,
    margin: u8,
    out: u8,
    style: &'static str,
    install_minutes: u8,
    handoff_seconds: u8,
    soak_minutes: u8,
}

fn shapes(nodes: std::ops::RangeInclusive<usize>, out: std::ops::RangeInclusive<u8>) -> impl Strategy<Value = Shape> {
    let stale = prop::bool::weighted(0.1).prop_map(|current| !current);
    let owners = prop_oneof![5 => Just(None), 1 => any::<u16>().prop_map(Some)];
    let cluster = (
        vec((stale, prop::bool::weighted(0.2)), nodes),
        vec((any::<u8>(), owners), 0..=15),
        vec(any::<u8>(), 0..=2),
        prop_oneof![2 => Just(Some(1)), 1 => Just(Some(2)), 1 => Just(None)],
        prop_oneof![Just("majority"), Just("fileShare")],
    );
    let policy =
        (prop_oneof![4 => Just(0), 1 => Just(1u8)], out, prop_oneof![3 => Just("online"), 1 => Just("offline")]);
    let takes = (5..=20u8, 20..=90u8);
    (cluster, policy, takes).prop_map(|((nodes, roles, auxiliaries, room, quorum), policy, takes)| {
        let (margin, out, style) = policy;
        let (install_minutes, handoff_seconds) = takes;
        Shape {
            nodes,
            roles,
            auxiliaries,
            room,
            quorum,
            margin,
            out,
            style,
            install_minutes,
            handoff_seconds,
            soak_minutes: 0,
        }
    })
}

impl Shape {
    fn text(&self) -> String {
        let count = self.nodes.len();
        let name = |node: usize| format!("N{:02}", node + 1);
        let mut owns = vec![Vec::new(); count];
        let (mut groups, mut world) = (String::new(), String::new());
        // One node at least has room for one more.
        let most = self.room.map_or(count - 1, |room| (count * usize::from(room)).saturating_sub(1));
        for (role, (wanted, apart)) in self.roles.iter().take(most).enumerate() {
            let full = |node: &usize| self.room.is_some_and(|room| owns[*node].len() >= usize::from(room));
            let Some(owner) = (0..count).map(|i| (usize::from(*wanted) + i) % count).find(|node| !full(node)) else {
                break;
            };
            let may = |node: &usize| *node == owner || apart.is_none_or(|bits| bits & (1 << (node % 16)) != 0);
            let owners: Vec<_> = (0..count).filter(may).map(name).collect();
            let _ = writeln!(groups, "    R{:02}: {{kind: role}}", role + 1);
            let _ = writeln!(world, "        R{:02}: {{possibleOwners: [{}]}}", role + 1, owners.join(", "));
            owns[owner].push(format!("R{:02}", role + 1));
        }
        for (owner, group) in self.auxiliaries.iter().zip(["Cluster Group", "Available Storage"]) {
            let _ = writeln!(groups, "    {group}: {{kind: auxiliary}}");
            owns[usize::from(*owner) % count].push(group.to_owned());
        }
        let room = self.room.map_or_else(String::new, |room| format!("maxRoles: {room}"));
        let (mut lines, mut machines) = (String::new(), String::new());
        for (node, (stale, staged)) in self.nodes.iter().enumerate() {
            let version = if *stale { "8.3.264.0" } else { "8.3.279.6" };
            let staged = if *staged { format!(", staged: {{target.msp: \"{}\"}}", sha256()) } else { String::new() };
            let _ = writeln!(lines, "    {}: {{{room}}}", name(node));
            let _ = writeln!(
                machines,
                "        {}: {{version: {version}, owns: [{}]{staged}}}",
                name(node),
                owns[node].join(", ")
            );
        }
        let Self { quorum, margin, out, style, install_minutes, handoff_seconds, soak_minutes, .. } = self;
        // A margin that no step could ever meet is refused with the manifest.
        let margin = if count >= 5 { margin } else { &0 };
        let sha = sha256();
        let section = |title: &str, lines: String| if lines.is_empty() { lines } else { format!("{title}\n{lines}") };
        let (groups, world) = (section("  groups:", groups), section("      groups:", world));
        format!(
            "apiVersion: rollward/v1\nkind: Rollup\nmetadata: {{name: target}}\nspec:\n  install: msp\n  baseline: \
             8.3.83.6\n  packages: [{{file: target.msp, version: 8.3.279.6}}]\n\
             ---\napiVersion: rollward/v1\nkind: Package\nmetadata: {{name: target}}\nspec: {{rollup: target, path: \
             target.msp, sha256: \"{sha}\"}}\n\
             ---\napiVersion: rollward/v1\nkind: Policy\nmetadata: {{name: policy}}\nspec:\n  handoff: {{when: anytime, \
             style: {style}}}\n  limits: {{maxUnavailable: {out}, quorumMargin: {margin}, soak: {soak_minutes}m}}\n\
             ---\napiVersion: rollward/v1\nkind: Cluster\nmetadata: {{name: main}}\nspec:\n  mode: act\n  topology: \
             generic\n  rollup: target\n  policy: policy\n  nodes:\n{lines}{groups}  driver:\n    simulator:\n      \
             timeScale: max\n      exact: true\n      quorum: {{model: {quorum}}}\n      durations: {{install: \
             {install_minutes}m, handoff: {handoff_seconds}s}}\n      nodes:\n{machines}{world}"
        )
    }
}

/// What became of a cluster.
#[derive(Debug)]
struct Told {
    plan: Plan,
    elapsed: Duration,
    /// The most nodes on which an installer was at work at once.
    at_once: usize,
    story: String,
}

/// Runs it to its end; an error is what is wrong.
fn live(shape: &Shape) -> Result<Told, String> {
    let desired = read(&shape.text())?;
    let mut simulated = open(&desired, RuleSet::ALL).map_err(|e| e.to_string())?;
    let name = desired.clusters.keys().next().cloned().ok_or("no cluster")?;
    let seen = simulated.look(&name).ok_or("no world")?;
    let around = Around { fleet: simulated.fleet.facts(), now: simulated.clock() };
    let plan = simulated.fleet.turn(&name).ok_or("no loop")?.plan(&seen, around);
    let end = to_the_end(&mut simulated, LIMIT, true);
    let end = look_back(&mut simulated, end);
    let wrong = [
        (end.is_wrong(), format!("{end:#?}")),
        (end.extra_handoffs > 0 || end.handoffs > u64::from(plan.handoffs.optimum), "a handoff too many".to_owned()),
        (plan.handoffs.planned > plan.handoffs.optimum, "a handoff too many is planned".to_owned()),
    ];
    if let Some((_, why)) = wrong.into_iter().find(|(wrong, _)| *wrong) {
        return Err(format!("{why}\n{}", simulated.story()));
    }
    // Of steps that end in one instant it is chance which one is seen first, so not every step is in its place.
    let counts = |action: &&Action| action.needs_empty_node() || matches!(action, Action::Handoff { .. });
    let told = |actions: Vec<&Action>| {
        let words = |action: &&Action| format!("{} {:?} {:?}", action.kind(), action.node(), action.group());
        let mut told: Vec<String> = actions.iter().filter(|action| counts(action)).map(words).collect();
        told.sort();
        told.join("\n")
    };
    let done = told(simulated.actions().map(|(_, _, action)| action).collect());
    let planned = told(plan.steps.iter().map(|step| &step.action).collect());
    if done != planned {
        return Err(format!("planned:\n{planned}\ndone:\n{done}\n{}", simulated.story()));
    }
    let mut outcomes = simulated.journal.iter().filter(|entry| matches!(entry.what, EntryKind::Outcome { .. }));
    let elapsed = outcomes.next_back().map_or(Duration::ZERO, |last| between(simulated.started, last.at));
    let about = plan.elapsed.predicted;
    let (most, least) = (about * 105 / 100, about * 95 / 100);
    if end.end == End::Converged && !(least..=most).contains(&elapsed) {
        return Err(format!("{elapsed:?} is not about {about:?}\n{}", simulated.story()));
    }
    if end.end == End::Converged && elapsed < plan.elapsed.at_least {
        return Err(format!("{elapsed:?} is less than the least, {:?}\n{}", plan.elapsed.at_least, simulated.story()));
    }
    let at_once = most_at_once(&simulated);
    Ok(Told { plan, elapsed, at_once, story: simulated.story() })
}

/// The most nodes on which an installer was at work at once.
fn most_at_once(simulated: &Simulated) -> usize {
    let (mut running, mut most) = (0_usize, 0);
    for entry in &simulated.journal {
        match &entry.what {
            EntryKind::Answered { action: Action::Install { .. }, .. } => running += 1,
            EntryKind::Outcome { action: Action::Install { .. }, .. } => running = running.saturating_sub(1),
            _ => {}
        }
        most = most.max(running);
    }
    most
}

#[test]
fn elapsed_time_is_near_the_least_there_can_be() {
    let runs = number("PARALLEL_RUNS", 60);
    let mut ratios = Vec::new();
    let mut at_once = 0;
    for index in number("PARALLEL_FROM", 0)..runs {
        let shape = shapes(8..=16, 2..=4).new_tree(&mut runner(11, index)).expect("any draw is a cluster").current();
        let told = live(&shape).unwrap_or_else(|why| panic!("{shape:?}\n{}\n{why}", shape.text()));
        let least = told.plan.elapsed.at_least;
        if least.is_zero() {
            continue;
        }
        at_once = at_once.max(told.at_once);
        if number("PARALLEL_SHOW", u64::MAX) == index {
            println!("{}\n{:#?}\n{}", shape.text(), told.plan.elapsed, told.story);
        }
        ratios.push((told.elapsed.as_secs_f64() / least.as_secs_f64(), index));
    }
    ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mean = ratios.iter().map(|(ratio, _)| ratio).sum::<f64>() / ratios.len() as f64;
    let at = |part: usize| ratios[(ratios.len() - 1) * part / 100].0;
    println!(
        "{} runs: mean {mean:.3}, median {:.3}, 90 % {:.3}, 99 % {:.3}, most {:.3}; {at_once} at once; the worst {:?}",
        ratios.len(),
        at(50),
        at(90),
        at(99),
        at(100),
        ratios.iter().rev().take(12).collect::<Vec<_>>()
    );
    assert!(at_once > 1, "never were two installers at work at once");
    assert!(mean <= 1.10, "on average a run takes {mean:.3} times the least");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: number("PARALLEL_CASES", 64) as u32, ..ProptestConfig::default() })]

    /// Also with one node at a time, with soak, and in small clusters.
    #[test]
    fn no_run_beats_the_least_that_its_plan_says(
        shape in shapes(2..=9, 1..=4),
        soak in prop_oneof![Just(0u8), 1..=20u8],
    ) {
        let shape = Shape { soak_minutes: soak, ..shape };
        if let Err(why) = live(&shape) {
            return Err(TestCaseError::fail(format!("{}\n{why}", shape.text())));
        }
    }
}

/// Its installer restarts a node's cluster service: that it is a member again keeps nobody waiting who works beside it.
#[test]
fn a_node_that_comes_back_in_its_install_begins_no_soak() {
    let stale = (true, false);
    let shape = Shape {
        nodes: vec![stale, (true, true), stale, stale, stale, (false, false), stale, (true, true)],
        roles: [1, 2, 3, 4, 7].map(|owner| (owner, None)).into(),
        auxiliaries: vec![7],
        room: Some(1),
        quorum: "fileShare",
        margin: 0,
        out: 2,
        style: "offline",
        install_minutes: 12,
        handoff_seconds: 26,
        soak_minutes: 3,
    };
    let Told { plan, elapsed, story, .. } = live(&shape).unwrap_or_else(|why| panic!("{why}"));
    assert!(elapsed <= plan.elapsed.predicted * 101 / 100, "{elapsed:?} of {:?}\n{story}", plan.elapsed.predicted);
}

/// The controller is killed between any two effects, with installers at work on two nodes and without; another, here or
/// on another host, finishes what it finds.
#[test]
fn a_kill_with_two_installers_at_work_changes_nothing() {
    let node = (true, false);
    let shape = Shape {
        nodes: vec![node; 6],
        roles: vec![(0, None), (1, None)],
        auxiliaries: vec![2],
        room: Some(1),
        quorum: "majority",
        margin: 0,
        out: 2,
        style: "online",
        install_minutes: 8,
        handoff_seconds: 45,
        soak_minutes: 0,
    };
    let desired = read(&shape.text()).expect("the manifests are sound");
    let mut undisturbed = open(&desired, RuleSet::ALL).expect("the world is sound");
    assert_eq!(to_the_end(&mut undisturbed, LIMIT, true), End::Converged);
    let handoffs = look_back(&mut undisturbed, End::Converged).handoffs;
    let mut with_two = 0;
    for n in (0..undisturbed.effects).step_by(5) {
        let mut simulated = open(&desired, RuleSet::ALL).expect("the world is sound");
        simulated.effects_left = Some(n);
        assert_eq!(to_the_end(&mut simulated, LIMIT, true), End::Killed);
        let working = |node: &NodeTruth| node.running().is_some_and(|work| work.action.needs_empty_node());
        let at_work = simulated.worlds.values().flat_map(|world| world.world().nodes.values()).filter(|n| working(n));
        with_two += usize::from(at_work.count() > 1);
        if n % 2 == 0 {
            simulated.restart();
        } else {
            let worlds = std::mem::take(&mut simulated.worlds);
            simulated = Simulated::new(Arc::clone(&desired), worlds, Holder::from("another host"), RuleSet::ALL);
        }
        let end = to_the_end(&mut simulated, LIMIT, true);
        let end = look_back(&mut simulated, end);
        let told = format!("killed after effect {n}: {end:#?}\n{}", simulated.story());
        assert_eq!((end.end, end.is_wrong(), end.handoffs), (End::Converged, false, handoffs), "{told}");
    }
    assert!(with_two > 0, "never were two installers at work when it was killed");
}
