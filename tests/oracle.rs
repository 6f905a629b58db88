//! Fewest handoffs: the plan against an oracle that shares no code with it, on whole facts.
//!
//! Of each case the plan's steps are followed in the oracle's own model: every one must be allowed there, and together
//! they must come to the least price that any sequence comes to.
//!
//! ```sh
//! cargo test --test integration oracle                                   # the default slice
//! ORACLE=full cargo test --test integration oracle -- --nocapture        # an hour, or two
//! ORACLE_RANDOM=1000000 ORACLE_SEED=7 cargo test --test integration oracle::random -- --nocapture
//! ORACLE_EVERY=1000 cargo test --test integration oracle::small -- --nocapture     # one in a thousand of each shape
//! ```

mod cases;
pub mod checker;
mod rules;
mod stage;

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rollward::model::Action;
use rollward::plan::{Plan, plan};

use cases::Shape;
use rules::{Case, Moment, Oracle, Price, TARGET};
use stage::Stage;

/// What the steps of a plan come to in the oracle's model, or the first one that its rules do not allow.
fn follow(case: &Case, stage: &Stage, plan: &Plan) -> Result<(Price, Moment), String> {
    let mut now = case.start();
    let mut price = Price { left: 0, paid: 0, to_stale: 0 };
    let number = |name: &rollward::model::NodeName| stage.nodes.iter().position(|n| n == name).expect("a node");
    for step in &plan.steps {
        match &step.action {
            Action::Install { node, .. } | Action::Uninstall { node, .. } => {
                let node = number(node);
                if !case.may_update(node, &now) {
                    return Err(format!("{} is not allowed", step.action));
                }
                now.levels[node] = TARGET;
            }
            Action::Handoff { group, to, .. } => {
                let role = stage.roles.iter().position(|r| r == group).expect("a role");
                let to = number(to);
                if !case.may_hand_over(role, to, &now) {
                    return Err(format!("{} is not allowed", step.action));
                }
                price.paid += case.price(role);
                price.to_stale += u32::from(now.levels[to] < TARGET);
                now.owners[role] = to as u8;
            }
            _ => {}
        }
    }
    price.left = now.levels.iter().filter(|level| **level != TARGET).count() as u32;
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
    (Shape { nodes: 4, roles: 3, preferred: true }, 0, 1),
    (Shape { nodes: 5, roles: 4, preferred: false }, 0, 251),
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
fn random_clusters_agree_with_the_oracle() {
    let count = asked("ORACLE_RANDOM").unwrap_or(if is_full() { 200_000 } else { 3_000 });
    tell("random, up to 6 nodes and 5 roles", &drawn(count, asked("ORACLE_SEED").unwrap_or(1)));
}
