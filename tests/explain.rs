//! Every node that is not at its target has a reason, whenever somebody asks.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::strategy::{Strategy, ValueTree};
use rollward::fleet::simulated::{End, Simulated};
use rollward::guard::RuleSet;
use rollward::model::{Known, ReleaseKind, RuleName, Standing};
use rollward::observed::{Observation, PauseOf};
use rollward::plan::{self, Decision, NodeReport};
use rollward::reconcile::Around;
use rollward::simulate::open;

use crate::soak::{Estate, estates, number, read, runner};

/// At random instants in random estates in random trouble: work is under way on the node or comes next, or a rule says
/// what it waits for, and on what evidence. "Something else comes first" names what that is, and it is really so.
#[test]
fn every_node_has_a_reason_at_any_instant() {
    let (runs, seed) = (number("EXPLAIN_RUNS", 120), number("EXPLAIN_SEED", 1));
    let (mut asked, mut rules) = (0_u64, BTreeMap::<RuleName, u64>::new());
    for index in 0..runs {
        let tree = estates().new_tree(&mut runner(seed, index)).expect("any draw is an estate");
        let estate: Estate = tree.current();
        let Ok(desired) = read(&estate.text()) else { continue };
        let mut simulated = open(&desired, RuleSet::ALL).expect("the worlds are sound");
        let instants = proptest::collection::vec(1..1500_u64, 6).new_tree(&mut runner(seed, index)).unwrap().current();
        for instant in instants {
            let end = simulated.run(Duration::from_secs(instant));
            for (cluster, reports, decision, seen) in ask(&mut simulated) {
                for report in reports {
                    asked += 1;
                    let wrong = amiss(&report, &decision, &seen, end);
                    assert_eq!(
                        wrong,
                        None,
                        "run {index} of seed {seed}, {cluster} at {}, decided {decision:?}\n{report:#?}\n{}\n{}",
                        simulated.now,
                        simulated.story(),
                        estate.text()
                    );
                    report.holds.iter().for_each(|hold| *rules.entry(hold.rule).or_default() += 1);
                }
            }
            if end != End::TimeOut {
                break;
            }
        }
    }
    println!("{asked} nodes were asked about; holds by rule: {rules:?}");
    assert!(rules.len() >= 10, "hardly any rule was heard of: {rules:?}");
}

fn ask(simulated: &mut Simulated) -> Vec<(String, Vec<NodeReport>, Decision, Observation)> {
    let (now, nothing) = (simulated.clock(), Known::unknown("nothing was asked for"));
    let names: Vec<_> = simulated.worlds.keys().cloned().collect();
    let mut answers = Vec::new();
    for name in names {
        let Some(seen) = simulated.look(&name) else { continue };
        let Some(turn) = simulated.fleet.turn(&name) else { continue };
        let facts = turn.facts(&seen, &nothing, Around { fleet: simulated.fleet.facts(), now });
        answers.push((name.to_string(), plan::explain(&facts), plan::decide(&facts), seen.clone()));
    }
    answers
}

/// What is wrong with what is said of a node, if anything.
fn amiss(report: &NodeReport, decision: &Decision, seen: &Observation, end: End) -> Option<String> {
    let ours = matches!(seen.pause_of(&report.node), PauseOf::Rollward(_));
    if report.standing == Some(Standing::Current) && !ours {
        return None;
    }
    if let Some(next) = &report.next {
        let said = matches!(decision, Decision::Act(action) if action == next);
        return (!said).then(|| format!("{next} is said to be next, and is not"));
    }
    let Some(first) = report.holds.first() else { return Some("nothing says why".into()) };
    if let Some(hold) = report.holds.iter().find(|h| h.evidence.is_empty() || h.release.what.is_empty()) {
        return Some(format!("{} without evidence, or without a release", hold.rule));
    }
    // Something else comes first: it must be there, and there must be something that moves.
    let only = report.holds.iter().all(|h| h.rule == RuleName::InProgress && h.release.kind == ReleaseKind::Progress);
    if only {
        let mut under_way: Vec<String> =
            seen.nodes.values().filter_map(|n| n.running_work()).map(|w| w.action.to_string()).collect();
        under_way.extend(seen.in_progress().map(|(action, _)| action.to_string()));
        under_way.extend(if let Decision::Act(action) = decision { Some(action.to_string()) } else { None });
        let named = under_way.iter().any(|action| first.release.what.contains(action));
        if !named || end != End::TimeOut {
            return Some(format!("it waits for what is not under way ({under_way:?}): {}", first.release.what));
        }
    }
    None
}
