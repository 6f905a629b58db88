//! Many runs of the demo's pair: the same for any number of threads, and a run that goes wrong can be replayed.

use std::path::Path;
use std::sync::Arc;

use rollward::desired::{self, Desired, SourceFile};
use rollward::drivers::Drivers;
use rollward::guard::RuleSet;
use rollward::model::RuleName;
use rollward::simulate::{Settings, SimulateReport, replay, scenario, simulate};

/// The demo's manifests, name and text.
pub fn demo() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/demo");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|f| (f.display().to_string(), std::fs::read_to_string(f).unwrap())).collect()
}

/// Of the manifests, the first CCR pair.
pub fn pair(texts: &[(String, String)]) -> Arc<Desired> {
    let files: Vec<_> =
        texts.iter().map(|(name, text)| SourceFile::from_bytes(name.as_str(), text.as_bytes())).collect();
    let reading = desired::read(&files, &Drivers);
    assert!(!reading.has_errors(), "{:?}", reading.diagnostics);
    let mut desired = reading.desired;
    desired.clusters.retain(|name, _| name.as_str() == "mbx-ccr-01");
    Arc::new(desired)
}

fn runs(desired: &Arc<Desired>, settings: Settings) -> SimulateReport {
    simulate(desired, &settings, &|_| {}).unwrap()
}

/// One seed, one report, worst run and all; and every run asked for is accounted for.
#[test]
fn the_number_of_threads_makes_no_difference() {
    let desired = pair(&demo());
    let settings = Settings { runs: 24, seed: 11, ..Settings::default() };
    let alone = runs(&desired, Settings { threads: 1, ..settings });
    assert_eq!(alone.runs + alone.left_out, 24, "{alone:?}");
    assert_eq!(alone.converged + alone.held + alone.unfinished, alone.runs, "{alone:?}");
    assert!(alone.faults_fired.values().sum::<u64>() >= alone.runs, "a run without a fault was counted: {alone:?}");
    for threads in [2, 5] {
        assert_eq!(runs(&desired, Settings { threads, ..settings }), alone, "with {threads} threads");
    }
    let other = runs(&desired, Settings { seed: 1011, ..settings });
    assert_ne!(other.faults_fired, alone.faults_fired, "another seed tells another story");
}

/// A run in which no fault fires says nothing, and is drawn anew: where nothing is done, faults of actions cannot fire.
#[test]
fn runs_in_which_no_fault_fires_do_not_count() {
    let idle: Vec<_> = demo().into_iter().map(|(name, text)| (name, text.replace("8.3.264.0", "8.3.279.6"))).collect();
    let report = runs(&pair(&idle), Settings { runs: 40, seed: 1, ..Settings::default() });
    assert_eq!(report.runs + report.left_out, 40);
    assert!(report.faults_fired.values().sum::<u64>() >= report.runs, "a run without a fault was counted: {report:?}");
    let (declared, _) = replay(&pair(&demo()), &Settings::default()).unwrap();
    let told = (declared.runs, declared.left_out, declared.converged, declared.faults_fired.len());
    assert_eq!(told, (1, 0, 1, 0), "a replay draws nothing, and counts: {declared:?}");
}

/// With a rule taken out, something goes wrong; the file that is kept tells of it, and replayed it shows the same.
#[test]
fn the_worst_run_is_kept_and_shows_the_same_again() {
    let texts = demo();
    let rules = RuleSet::ALL.without(RuleName::ActiveNode).without(RuleName::EmptyNode).without(RuleName::Ripple);
    let settings = Settings { runs: 12, seed: 1, rules, ..Settings::default() };
    let report = runs(&pair(&texts), settings);
    assert!(report.is_bad() && report.violations > 0, "without its rules nothing went wrong: {report:?}");
    let worst = report.worst.as_ref().expect("there is a worst run");
    assert!(!worst.end.violations.is_empty(), "{worst:?}");

    let kept = scenario(texts.iter().map(|(name, text)| (name.as_str(), text.as_str())), worst).unwrap();
    for violation in &worst.end.violations {
        assert!(kept.contains(&format!("#   violation: {violation}")), "{violation} is not told:\n{kept}");
    }
    let kept = pair(&[("worst.yaml".to_owned(), kept)]);
    let (again, simulated) = replay(&kept, &settings).unwrap();
    assert_eq!(again.worst.as_ref().map(|run| &run.end), Some(&worst.end), "{}", simulated.story());
    let (calm, _) = replay(&kept, &Settings { rules: RuleSet::ALL, ..settings }).unwrap();
    assert_eq!(calm.violations, 0, "with every rule in force nothing is violated: {calm:?}");
}
