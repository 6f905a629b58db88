//! Golden scenarios: `tests/scenarios/THEME/NAME.yaml` is what a cluster operator could write, `NAME.expected` is the
//! plan, the run and the explanation, word for word. Adding one is adding a file.
//!
//! `UPDATE_EXPECTED=1 cargo test scenarios` writes the expected texts anew: read them before you commit them.
//! `SCENARIO=rules/quorum` runs only those whose path contains it.
//!
//! A document of kind `Scenario`, first in the stream, says what the harness does beyond running the manifests:
//!
//! ```yaml
//! kind: Scenario
//! about: one sentence
//! runFor: 12h            # simulated time at most
//! without: [active-node] # run once more without each of these rules: the world must end worse, and it is shown how
//! violates: true         # a waiver lets something through that the world counts all the same
//! at:                    # things that people do meanwhile
//!   - {after: 10m, poke: {cluster: mbx, hand: "pause EXNODE1"}}
//!   - {after: 20m, approve: mbx}
//!   - {after: 30m, stop: {cluster: mbx, why: "storm"}}
//!   - {after: 40m, go: {cluster: mbx}}
//!   - {after: 45m, retry: {cluster: mbx}}
//!   - {after: 50m, release: {cluster: mbx}}   # and `refused: true`, where a command must be refused
//!   - {after: 55m, takeover: mbx}
//!   - {after: 60m, record: broken}        # the journal cannot be written; `record: mended` ends that
//!   - {after: 70m, manifests: other.yaml} # a file beside this one is committed in its place, broken or not
//! ```

mod badness;
mod telling;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rollward::desired::keeper::{Keeper, Kept};
use rollward::desired::{self, Desired};
use rollward::drivers::Drivers;
use rollward::drivers::simulator::Simulation;
use rollward::fleet::simulated::{End, Simulated};
use rollward::guard::{Command, RuleSet};
use rollward::model::time::between;
use rollward::model::{ClusterName, Holder, NodeName, RuleName, Time};
use rollward::reconcile::replay;
use rollward::record::EntryKind;
use serde::Deserialize;

use badness::{badness, begun_outside};
use telling::{tell_difference, tell_end, tell_plans, tell_run};

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
struct Scenario {
    kind: String,
    about: String,
    run_for: Option<String>,
    without: Vec<String>,
    violates: bool,
    at: Vec<Happening>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Happening {
    after: String,
    poke: Option<Poke>,
    approve: Option<ClusterName>,
    stop: Option<Stop>,
    go: Option<Whom>,
    retry: Option<Whom>,
    release: Option<Whom>,
    #[serde(default)]
    refused: bool,
    takeover: Option<ClusterName>,
    record: Option<String>,
    manifests: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Poke {
    cluster: ClusterName,
    hand: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stop {
    cluster: ClusterName,
    node: Option<NodeName>,
    why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whom {
    cluster: ClusterName,
    node: Option<NodeName>,
}

/// Every scenario file is told as its expected file tells it.
#[test]
#[allow(clippy::disallowed_methods)] // Which ones, and whether to write: for whoever runs the test.
fn every_scenario_is_told_as_expected() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files = Vec::new();
    find(&root, &mut files);
    files.sort();
    assert!(!files.is_empty(), "no scenarios found in {}", root.display());
    let update = std::env::var_os("UPDATE_EXPECTED").is_some();
    let only = std::env::var("SCENARIO").unwrap_or_default();
    let mut wrong = Vec::new();
    for file in files {
        if !file.to_string_lossy().contains(&only) {
            continue;
        }
        let (told, complaints) = tell(&file);
        wrong.extend(complaints.into_iter().map(|complaint| format!("{}: {complaint}", file.display())));
        let expected_file = file.with_extension("expected");
        let expected = std::fs::read_to_string(&expected_file).unwrap_or_default();
        if told != expected {
            if update {
                std::fs::write(&expected_file, &told).expect("the expected file can be written");
            } else {
                let diff = similar::TextDiff::from_lines(&expected, &told);
                wrong.push(format!("{}\n{}", file.display(), diff.unified_diff().header("expected", "told")));
            }
        }
    }
    assert!(wrong.is_empty(), "{} complaint(s):\n{}", wrong.len(), wrong.join("\n"));
}

pub fn find(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            find(&path, files);
        } else if path.extension().is_some_and(|e| e == "yaml")
            // A file of the shape NAME.then.yaml is put in force by another scenario.
            && !path.file_stem().is_some_and(|s| s.to_string_lossy().contains(".then"))
        {
            files.push(path);
        }
    }
}

/// The whole story of one scenario, and what is wrong with it whatever is expected.
fn tell(file: &Path) -> (String, Vec<String>) {
    let text = std::fs::read_to_string(file).expect("the scenario can be read");
    let (scenario, manifests) = split(&text, file);
    let (desired, diagnostics) = read(file, &manifests);
    let mut story = String::new();
    if !diagnostics.is_empty() {
        let _ = writeln!(story, "manifests\n{diagnostics}");
    }
    let Some(desired) = desired else { return (story, Vec::new()) };
    let (simulated, mut wrong) = tell_under(RuleSet::ALL, &scenario, &desired, file, &mut story);
    wrong.extend(not_the_same_again(&simulated));
    tell_without(&simulated, &scenario, &desired, file, &mut story, &mut wrong);
    (story, wrong)
}

/// Decisions that do not come out the same, byte for byte, from what the journal says that they rested on.
fn not_the_same_again(simulated: &Simulated) -> Vec<String> {
    let mut wrong = Vec::new();
    for entry in &simulated.journal {
        let Some(inputs) = entry.what.inputs() else { continue };
        let json = |what: &EntryKind| serde_json::to_string(what).expect("a line of the journal is JSON");
        let again = replay::again(inputs).map_or_else(|why| why.to_string(), |again| json(&again));
        if again != json(&entry.what) {
            wrong.push(format!("decided {}, and when decided again {again}", json(&entry.what)));
        }
    }
    wrong
}

/// Whether a scenario goes otherwise under these rules than it is expected to go.
pub fn goes_otherwise(file: &Path, rules: RuleSet) -> bool {
    let text = std::fs::read_to_string(file).expect("the scenario can be read");
    let (scenario, manifests) = split(&text, file);
    let desired = read(file, &manifests).0.expect("the manifests can be read");
    let mut story = String::new();
    let (_, wrong) = tell_under(rules, &scenario, &desired, file, &mut story);
    let expected = std::fs::read_to_string(file.with_extension("expected")).expect("it has an expected text");
    !wrong.is_empty() || !expected.contains(&story)
}

/// The plan, the run and the end under these rules, and what is wrong with them whatever is expected.
fn tell_under(
    rules: RuleSet,
    scenario: &Scenario,
    desired: &Arc<Desired>,
    file: &Path,
    story: &mut String,
) -> (Simulated, Vec<String>) {
    let mut wrong = Vec::new();
    let mut simulated = open(desired, rules);
    simulated.keep_inputs();
    story.push_str("plan\n");
    let planned = tell_plans(&mut simulated, desired, story, &mut wrong);
    let end = run(&mut simulated, scenario, file);
    story.push_str("\nrun\n");
    tell_run(&simulated, story);
    story.push_str("\nend\n");
    tell_end(&mut simulated, &end, story);
    if simulated.violations().next().is_some() != scenario.violates {
        wrong.push(if scenario.violates { "no rule was broken" } else { "rules were broken" }.to_owned());
    }
    wrong.extend(begun_outside(&simulated, desired).first().map(|first| format!("begun outside the windows: {first}")));
    if end == End::Converged && simulated.worlds.values().any(|w| !w.leaks().is_empty()) {
        wrong.push("something of ours was left behind".to_owned());
    }
    let disturbed = !scenario.at.is_empty() || simulated.worlds.values().any(|w| w.faults_fired().next().is_some());
    if !disturbed && end == End::Converged && planned.len() == 1 {
        let done: Vec<String> = simulated.actions().map(|(c, _, a)| format!("{c}: {a}")).collect();
        for (cluster, plan) in &planned {
            let own: Vec<&String> = done.iter().filter(|d| d.starts_with(&format!("{cluster}: "))).collect();
            let steps: Vec<String> = plan.steps.iter().map(|s| format!("{cluster}: {}", s.action)).collect();
            let mut planned: Vec<&String> = steps.iter().collect();
            let mut own = own;
            // Which of several nodes is back first, nobody can foretell where durations vary: then only the handoffs
            // must be those that were planned.
            if !is_foretold(&desired.clusters[cluster]) {
                let is_handoff = |step: &&String| step.contains(": Handoff ");
                own.retain(is_handoff);
                planned.retain(is_handoff);
            }
            if own != planned {
                wrong.push(format!("the run is not the plan of {cluster}"));
            }
            let handoffs: u32 = simulated.worlds[cluster].roles().map(|(_, notes)| notes.handoffs).sum();
            if handoffs != plan.handoffs.optimum {
                wrong.push(format!("{handoffs} handoffs in {cluster}, the optimum is {}", plan.handoffs.optimum));
            }
        }
    }
    (simulated, wrong)
}

/// What becomes of the world without each of the rules that the scenario names.
fn tell_without(
    simulated: &Simulated,
    scenario: &Scenario,
    desired: &Arc<Desired>,
    file: &Path,
    story: &mut String,
    wrong: &mut Vec<String>,
) {
    for rule in &scenario.without {
        let name = RuleName::from_word(rule).unwrap_or_else(|| panic!("{}: no rule {rule}", file.display()));
        let mut worse = open(desired, RuleSet::ALL.without(name));
        let end_without = run(&mut worse, scenario, file);
        let _ = writeln!(story, "\nwithout {rule}");
        tell_difference(simulated, &worse, story);
        tell_end(&mut worse, &end_without, story);
        let late = begun_outside(&worse, desired);
        if let Some(first) = late.first() {
            let _ = writeln!(story, "  begun outside the windows: {}, the first {first}", late.len());
        }
        if badness(&worse, desired) <= badness(simulated, desired) {
            wrong.push(format!("without {rule} the world does not end worse"));
        }
    }
}

/// Whether steps come in the order that was planned, whatever takes longer than planned.
fn is_foretold(cluster: &desired::Cluster) -> bool {
    let exact = cluster.driver.spec.get("exact") == Some(&serde_json::Value::Bool(true));
    exact || !cluster.policy.limits.several_out()
}

/// The scenario document, and the manifests with its lines blanked, so that places stay right.
fn split(text: &str, file: &Path) -> (Scenario, String) {
    let Some(start) = text.find("kind: Scenario") else { return (Scenario::default(), text.to_owned()) };
    let end = text[start..].find("\n---").map_or(text.len(), |i| start + i + 1);
    let scenario: Scenario = serde_yaml::from_str(&text[start..end])
        .unwrap_or_else(|e| panic!("{}: the scenario document: {e}", file.display()));
    assert_eq!(scenario.kind, "Scenario");
    assert!(!scenario.about.is_empty(), "{}: say what it is about", file.display());
    let blank: String = text[..end].chars().filter(|c| *c == '\n').collect();
    (scenario, format!("{blank}{}", &text[end..]))
}

fn read(file: &Path, manifests: &str) -> (Option<Arc<Desired>>, String) {
    let name = file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let files = [desired::SourceFile::from_bytes(name, manifests.as_bytes())];
    let reading = desired::read(&files, &Drivers);
    let text = desired::render::render(&reading.diagnostics, &files, desired::render::Style::Plain);
    ((!reading.has_errors()).then(|| Arc::new(reading.desired)), text)
}

/// What is in force when this text is committed in the place of the one before.
fn keep(keeper: &mut Keeper, file: &Path, manifests: &str, now: Time) -> Kept {
    let name = file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let files = [desired::SourceFile::from_bytes(name, manifests.as_bytes())];
    let commit = files[0].hash.clone();
    keeper.look(now, &files, Some(&commit), &Drivers)
}

fn open(desired: &Arc<Desired>, rules: RuleSet) -> Simulated {
    let worlds: BTreeMap<ClusterName, Simulation> = desired
        .clusters
        .iter()
        .map(|(name, cluster)| {
            (name.clone(), Simulation::start(cluster, &desired.rollups).expect("the world is sound"))
        })
        .collect();
    Simulated::new(Arc::clone(desired), worlds, Holder::from("scenario"), rules)
}

fn run(simulated: &mut Simulated, scenario: &Scenario, file: &Path) -> End {
    let total = scenario.run_for.as_deref().map_or(Duration::from_secs(24 * 3600), duration);
    let started = simulated.now;
    let mut end = End::AtRest;
    let mut keeper = Keeper::default();
    let text = std::fs::read_to_string(file).expect("the scenario can be read");
    keep(&mut keeper, file, &split(&text, file).1, started);
    for happening in &scenario.at {
        let wait = duration(&happening.after).saturating_sub(between(started, simulated.now));
        let until = rollward::model::time::later(simulated.now, wait);
        simulated.run(wait);
        simulated.advance(until);
        happen(simulated, happening, file, &mut keeper);
    }
    let left = total.saturating_sub(between(started, simulated.now));
    if !left.is_zero() {
        end = simulated.run(left);
    }
    end
}

fn happen(simulated: &mut Simulated, happening: &Happening, file: &Path, keeper: &mut Keeper) {
    let now = simulated.now;
    let command = |simulated: &mut Simulated, cluster: &ClusterName, command: Command| {
        let world = simulated.worlds.get_mut(cluster).expect("the cluster exists");
        let done = world.command_now(command, now);
        assert_eq!(done.is_err(), happening.refused, "{}: {done:?}", file.display());
        simulated.fleet.wake(cluster, now);
    };
    if let Some(poke) = &happening.poke {
        let world = simulated.worlds.get_mut(&poke.cluster).expect("the cluster exists");
        let hand = poke.hand.parse().unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        world.poke(hand, now).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        simulated.fleet.wake(&poke.cluster, now);
    }
    if let Some(cluster) = &happening.approve {
        simulated.approve(cluster, "an operator");
    }
    if let Some(stop) = &happening.stop {
        let why = Command::Stop { node: stop.node.clone(), why: stop.why.clone(), by: "an operator".into() };
        command(simulated, &stop.cluster, why);
    }
    if let Some(whom) = &happening.go {
        command(simulated, &whom.cluster, Command::Go { node: whom.node.clone() });
    }
    if let Some(whom) = &happening.retry {
        command(simulated, &whom.cluster, Command::Retry { node: whom.node.clone() });
    }
    if let Some(whom) = &happening.release {
        command(simulated, &whom.cluster, Command::Release);
    }
    if let Some(cluster) = &happening.takeover {
        simulated.takeover(cluster);
    }
    if let Some(state) = &happening.record {
        simulated.journal_broken = (state == "broken").then(|| "the disk is full".into());
        simulated.fleet.wake_all(now);
    }
    if let Some(other) = &happening.manifests {
        let path = file.with_file_name(other);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let kept = keep(keeper, file, &text, now);
        simulated.change(Arc::new(kept.desired));
    }
}

fn duration(text: &str) -> Duration {
    let span: jiff::SignedDuration = text.parse().unwrap_or_else(|e| panic!("{text:?}: {e}"));
    span.try_into().unwrap_or_default()
}
