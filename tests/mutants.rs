//! The checks, checked: the product with one mistake in it, a few dozen times, and what finds each of them out.
//!
//! A mistake is made from outside, so that the product's code knows nothing of it: a rule is replaced in the table that
//! the guard is given, or the controller's way to its cluster is wrapped so that a step of the fencing protocol is left
//! out. What finds it out is a scenario that goes otherwise than expected, or a setting of the exhaustive checker in
//! which something goes wrong. Without the mistake neither finds anything.
//!
//! ```sh
//! cargo test --test integration mutants -- --nocapture               # with what finds each of them out
//! MUTANT=fresh cargo test --test integration mutants -- --nocapture  # only those with this in their name, and the whole story
//! ```

mod rules;
mod steps;

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rollward::guard::{RULES, RuleSet};
use rollward::model::RuleName;

use crate::checker::{self, Setting, Wrong};
use crate::scenarios;

/// The product with one mistake in it.
pub struct Mutant {
    /// Where, and what.
    pub mistake: String,
    pub place: Place,
    /// What the guard goes by.
    pub rules: RuleSet,
    /// What is done otherwise between a controller and its cluster.
    pub wrong: Wrong,
    /// What is left out besides, because it would do in the place of this: with that alone nothing goes wrong in any
    /// state.
    pub besides: Option<Wrong>,
    pub killer: Killer,
}

/// Where the mistake is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Rule(RuleName),
    Step(Step),
}

/// The steps of the fencing protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The marks are read after the claim was written.
    MarksSecond,
    /// What will be done is written down before it is checked.
    Announce,
    /// After that the node reads the claim again.
    RecheckClaim,
    /// The marks of others.
    RecheckMarks,
    /// Who owns what.
    RecheckOwners,
    /// The votes.
    RecheckQuorum,
    /// Who is paused, and who is out.
    RecheckPauses,
    /// Who refuses removes its announcement.
    TakesBack,
    /// A node does one thing at a time.
    Lock,
    /// A node obeys no epoch that is older than one that it has obeyed.
    HighestEpoch,
    /// After a change of membership the cluster is claimed anew.
    MembershipChange,
}

impl Step {
    const ALL: &[Step] = &[
        Step::MarksSecond,
        Step::Announce,
        Step::RecheckClaim,
        Step::RecheckMarks,
        Step::RecheckOwners,
        Step::RecheckQuorum,
        Step::RecheckPauses,
        Step::TakesBack,
        Step::Lock,
        Step::HighestEpoch,
        Step::MembershipChange,
    ];
}

/// What finds it out.
#[derive(Clone, Copy)]
pub enum Killer {
    /// This scenario goes otherwise than expected.
    Scenario(&'static str),
    /// Something goes wrong in this setting.
    Checker(fn() -> Setting),
}

fn all() -> Vec<Mutant> {
    rules::mutants().into_iter().chain(steps::mutants()).collect()
}

#[test]
fn every_rule_and_every_step_has_a_mutant() {
    let all = all();
    assert!(all.len() >= 30, "only {}", all.len());
    let has = |place: Place| all.iter().any(|mutant| mutant.place == place);
    let rules = RULES.iter().map(|rule| Place::Rule(rule.name));
    let missing: Vec<Place> = rules.chain(Step::ALL.iter().map(|s| Place::Step(*s))).filter(|p| !has(*p)).collect();
    assert!(missing.is_empty(), "without a mutant: {missing:?}");
}

#[test]
#[allow(clippy::disallowed_methods)] // Which ones: for whoever runs the test.
fn every_mistake_is_found_out() {
    let only = std::env::var("MUTANT").unwrap_or_default();
    let chosen: Vec<Mutant> = all().into_iter().filter(|m| m.mistake.contains(&only)).collect();
    assert!(!chosen.is_empty(), "no mistake's name contains {only:?}");
    let (queue, wrong) = (Mutex::new(chosen.into_iter()), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let next = queue.lock().expect("nobody panics with it").next();
            let Some(mutant) = next else { return };
            match found_out(&mutant) {
                Ok(by) => {
                    println!("{}: found out by {}", mutant.mistake, if only.is_empty() { first_line(&by) } else { &by })
                }
                Err(why) => wrong.lock().expect("nobody panics with it").push(format!("{}: {why}", mutant.mistake)),
            }
        }
    };
    std::thread::scope(|scope| {
        for worker in [scope.spawn(work), scope.spawn(work)] {
            worker.join().expect("a worker ends");
        }
    });
    let wrong = wrong.into_inner().expect("nobody panics with it");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or(text)
}

/// What finds it out, in words.
///
/// # Errors
/// Nothing does; or something is wrong without the mistake already.
fn found_out(mutant: &Mutant) -> Result<String, String> {
    match mutant.killer {
        Killer::Scenario(path) => {
            if scenarios::goes_otherwise(&file(path), RuleSet::ALL) {
                return Err(format!("{path} goes otherwise without the mistake already"));
            }
            let killed = scenarios::goes_otherwise(&file(path), mutant.rules);
            killed.then(|| path.to_owned()).ok_or_else(|| format!("{path} goes as expected"))
        }
        Killer::Checker(setting) => {
            let name = setting().name;
            match mutant.besides {
                // What the checker goes through on each change, it need not here.
                None => assert!(checker::slice().iter().any(|s| s.name == name), "{name} is not in the slice"),
                Some(besides) => {
                    if let Some(story) = checker::first_wrong(setting(), RuleSet::ALL, besides, false) {
                        return Err(format!("without the mistake already: {story}"));
                    }
                }
            }
            checker::first_wrong(setting(), mutant.rules, mutant.wrong, mutant.besides.is_none())
                .ok_or_else(|| format!("nothing goes wrong in {name}"))
        }
    }
}

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios").join(path).with_extension("yaml")
}
