//! Fewest handoffs: the plan against an oracle that shares no code with it, on whole facts.
//!
//! Of a case the plan's steps are followed in the oracle's own model: every one must be allowed there, and together they
//! must come to the least price that any sequence comes to. Of every case of a shape the first step alone is judged: it
//! must lead where the least price is less by just what it costs. That is a case of the same shape, and judged too.
//!
//! ```sh
//! cargo test --test integration oracle                                   # the default slice
//! ORACLE=full cargo test --test integration oracle -- --nocapture        # an hour, or two
//! ORACLE_RANDOM=1000000 ORACLE_SEED=7 cargo test --test integration oracle::random -- --nocapture
//! ORACLE_EVERY=1000 cargo test --test integration oracle::small -- --nocapture     # one in a thousand of each shape
//! ORACLE_STEPS=8 ORACLE_FROM=3 cargo test --test integration oracle::first -- --nocapture     # one in eight, from the fourth on
//! ```

mod cases;
pub mod checker;
mod ledger;
mod rules;
mod stage;

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rollward::model::Action;
use rollward::plan::{Decision, Plan, decide, plan};

use cases::Shape;
use ledger::Ledger;
use rules::{Case, Moment, Oracle, Price, TARGET};
use stage::Stage;

/// Takes a step in the oracle's model; what it costs, or that its rules do not allow it. Steps that are about a node that
/// is being worked on are for `Install` to answer for.
fn take(case: &Case, stage: &Stage, action: &Action, now: &mut Moment) -> Result<Price, String> {
    let number = |name: &rollward::model::NodeName| stage.nodes.iter().position(|n| n == name).expect("a node");
    let mut price = Price { left: 0, paid: 0, to_stale: 0 };
    match action {
        Action::Install { node, .. } | Action::Uninstall { node, .. } => {
            let node = number(node);
            if !case.may_update(node, now) {
                return Err(format!("{action} is not allowed"));
            }
            now.levels[node] = TARGET;
        }
        Action::Handoff { group, to, .. } => {
            let role = stage.roles.iter().position(|r| r == group).expect("a role");
            let to = number(to);
            if !case.may_hand_over(role, to, now) {
                return Err(format!("{action} is not allowed"));
            }
            price.paid = case.price(role);
            price.to_stale = u32::from(now.levels[to] < TARGET);
            now.owners[role] = to as u8;
        }
        _ => {}
    }
    Ok(price)
}

/// What the steps of a plan come to in the oracle's model, or the first one that its rules do not allow.
fn follow(case: &Case, stage: &Stage, plan: &Plan) -> Result<(Price, Moment), String> {
    let mut now = case.start();
    let mut price = Price { left: 0, paid: 0, to_stale: 0 };
    for step in &plan.steps {
        price = price + take(case, stage, &step.action, &mut now)?;
    }
    price.left = now.left();
    Ok((price, now))
}

/// What is wrong with the plan of a case, if anything.
fn judge(case: &Case, stage: &mut Stage, oracle: &mut Oracle) -> Result<(), String> {
    stage.set(case);
    let plan = stage.ask(plan);
    let least = oracle.least(case);
    let (price, end) = follow(case, stage, &plan)?;
    let mut wrong: Vec<String> = checker::check(&stage.desired, &stage.seen, &plan).err().into_iter().collect();
    if price != least {
        wrong.push(format!("the plan comes to {price:?}, the least is {least:?}"));
    }
    if plan.handoffs.optimum != plan.handoffs.planned {
        wrong.push(format!("{} planned, optimum {}", plan.handoffs.planned, plan.handoffs.optimum));
    }
    // Roles that were on nodes which have been updated in the end.
    let due = |role: &&rules::Role| {
        let node = usize::from(role.owner);
        end.levels[node] != case.nodes[node].level
    };
    let floor = case.roles.iter().filter(due).count() as u32;
    if plan.handoffs.floor != floor {
        wrong.push(format!("floor {}, and {floor} roles have to leave", plan.handoffs.floor));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}

/// What is wrong with the first step that is decided, if anything.
fn judge_first(case: &Case, stage: &mut Stage, ledger: &mut Ledger) -> Result<(), String> {
    stage.set(case);
    let decision = stage.ask(decide);
    let mut now = case.start();
    let least = ledger.least(case, &now);
    let Decision::Act(action) = &decision else {
        let as_is = Price { left: now.left(), paid: 0, to_stale: 0 };
        return if least == as_is { Ok(()) } else { Err(format!("{}, and the least is {least:?}", decision.word())) };
    };
    let price = match action {
        // What this begins is the node's update.
        Action::Pause { node } => {
            let node = stage.nodes.iter().position(|n| n == node).expect("a node");
            if !case.may_update(node, &now) {
                return Err(format!("{action} is not allowed"));
            }
            now.levels[node] = TARGET;
            Price { left: 0, paid: 0, to_stale: 0 }
        }
        Action::Handoff { .. } => take(case, stage, action, &mut now)?,
        other => return Err(format!("{other} is no first step")),
    };
    let then = price + ledger.least(case, &now);
    if then == least { Ok(()) } else { Err(format!("after {action} it comes to {then:?}, the least is {least:?}")) }
}

/// Cases that were judged, and the first that went wrong.
#[derive(Default)]
struct Tally {
    judged: u64,
    wrong: u64,
    told: Vec<String>,
}

impl Tally {
    fn add(&mut self, case: &Case, stage: &Stage, answer: Result<(), String>) {
        self.judged += 1;
        if let Err(why) = answer {
            self.wrong += 1;
            if self.told.len() < 8 {
                let steps = stage.ask(plan).steps;
                let steps: Vec<_> = steps
                    .iter()
                    .map(|s| s.action.to_string())
                    .filter(|s| !s.starts_with("Pause") && !s.starts_with("Resume"))
                    .collect();
                self.told.push(format!("{why}\n  {case:?}\n  {}", steps.join("\n  ")));
            }
        }
    }

    fn merge(mut self, other: Tally) -> Tally {
        self.judged += other.judged;
        self.wrong += other.wrong;
        self.told.extend(other.told);
        self
    }
}

/// Two threads, each with its part of the work.
fn shared(work: impl Fn(u64, u64) -> Tally + Sync) -> Tally {
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..2)
            .map(|part| {
                scope.spawn({
                    let work = &work;
                    move || work(part, 2)
                })
            })
            .collect();
        workers.into_iter().map(|w| w.join().expect("a worker ends")).fold(Tally::default(), Tally::merge)
    })
}

fn enumerated(shape: Shape, every: u64) -> Tally {
    shared(|part, of| {
        let mut stage = Stage::new(shape.nodes, shape.roles);
        let (mut oracle, mut tally) = (Oracle::default(), Tally::default());
        cases::all(shape, part * every, of * every, |case| {
            let answer = judge(case, &mut stage, &mut oracle);
            tally.add(case, &stage, answer);
        });
        tally
    })
}

fn first_steps(shape: Shape, from: u64, every: u64) -> Tally {
    shared(|part, of| {
        let mut stage = Stage::new(shape.nodes, shape.roles);
        let (mut ledger, mut tally) = (Ledger::default(), Tally::default());
        cases::all(shape, from + part * every, of * every, |case| {
            let answer = judge_first(case, &mut stage, &mut ledger);
            tally.add(case, &stage, answer);
        });
        tally
    })
}

fn drawn(count: u64, seed: u64) -> Tally {
    shared(|part, of| {
        let mut stages: BTreeMap<(usize, usize), Stage> = BTreeMap::new();
        let (mut oracle, mut tally) = (Oracle::default(), Tally::default());
        for index in (0..count).filter(|index| index % of == part) {
            let case = cases::random(&mut ChaCha8Rng::seed_from_u64(seed << 32 | index));
            let shape = (case.nodes.len(), case.roles.len());
            let stage = stages.entry(shape).or_insert_with(|| Stage::new(shape.0, shape.1));
            let answer = judge(&case, stage, &mut oracle);
            tally.add(&case, stage, answer);
        }
        tally
    })
}

#[allow(clippy::disallowed_methods)] // How much: for whoever runs the test.
fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[allow(clippy::disallowed_methods)] // How much: for whoever runs the test.
fn is_full() -> bool {
    std::env::var("ORACLE").is_ok_and(|how| how == "full")
}

fn tell(what: &str, tally: &Tally) {
    println!("{what}: {} cases, {} differences", tally.judged, tally.wrong);
    assert!(tally.wrong == 0, "{what}: {} of {} differ\n{}", tally.wrong, tally.judged, tally.told.join("\n"));
}

/// All cases of a shape: one in so many by default, and in the full run.
const ENUMERATED: [(Shape, u64, u64); 6] = [
    (Shape { nodes: 2, roles: 2, preferred: true }, 1, 1),
    (Shape { nodes: 3, roles: 2, preferred: true }, 11, 1),
    (Shape { nodes: 3, roles: 3, preferred: false }, 5, 1),
    (Shape { nodes: 4, roles: 3, preferred: false }, 101, 1),
    (Shape { nodes: 4, roles: 3, preferred: true }, 0, 101),
    (Shape { nodes: 5, roles: 4, preferred: false }, 0, 1001),
];

/// Of which shapes the first steps are judged: one in so many by default; in the full run, of every case.
const STEPPED: [(Shape, u64); 6] = [
    (Shape { nodes: 2, roles: 2, preferred: true }, 1),
    (Shape { nodes: 3, roles: 2, preferred: true }, 1),
    (Shape { nodes: 3, roles: 3, preferred: false }, 1),
    (Shape { nodes: 4, roles: 3, preferred: false }, 11),
    (Shape { nodes: 4, roles: 3, preferred: true }, 401),
    (Shape { nodes: 5, roles: 4, preferred: false }, 4001),
];

#[test]
fn small_clusters_agree_with_the_oracle() {
    for (shape, slice, full) in ENUMERATED {
        let every = asked("ORACLE_EVERY").unwrap_or(if is_full() { full } else { slice });
        if every > 0 {
            tell(&format!("{shape:?}, one of {every}"), &enumerated(shape, every));
        }
    }
}

#[test]
fn first_steps_agree_with_the_oracle() {
    for (shape, slice) in STEPPED {
        let every = asked("ORACLE_STEPS").unwrap_or(if is_full() { 1 } else { slice });
        let from = asked("ORACLE_FROM").unwrap_or(0);
        let what = format!("first steps of {shape:?}, one of {every} from {from} on");
        tell(&what, &first_steps(shape, from, every));
    }
}

/// The two ways to the least price: from one beginning forwards, and from all ends backwards.
#[test]
fn both_oracles_agree() {
    let (mut ledger, mut oracle) = (Ledger::default(), Oracle::default());
    for (shape, every) in [(ENUMERATED[1].0, 3), (ENUMERATED[3].0, 101)] {
        cases::all(shape, 0, every, |case| {
            assert_eq!(ledger.least(case, &case.start()), oracle.least(case), "{case:?}");
        });
    }
}

#[test]
fn random_clusters_agree_with_the_oracle() {
    let count = asked("ORACLE_RANDOM").unwrap_or(if is_full() { 200_000 } else { 3_000 });
    tell("random, up to 6 nodes and 5 roles", &drawn(count, asked("ORACLE_SEED").unwrap_or(1)));
}
