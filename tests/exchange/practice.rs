//! What goes wrong in practice, as far as a look shows it: the reference's list, seen through the twin as the simulator
//! shows it, with the rule that says no.

use serde_json::Value;

use super::host::Twin;
use super::look::{gist, pair, rules};

/// The pair with this changed in its world: seen alike, and held by this rule.
#[track_caller]
fn held(from: &str, to: &str, rule: &str) {
    let text = pair();
    assert!(text.contains(from), "{from}");
    let twin = Twin::new(&text.replace(from, to));
    let simulated = gist(&twin.asked(&["plan", twin.path("truth.yaml").to_str().unwrap()]));
    let plan = twin.asked(&["plan", &twin.declare()]);
    similar_asserts(&simulated, &gist(&plan));
    assert!(rules(&plan).iter().any(|found| found == rule), "no hold by {rule}: {plan:#}");
}

#[track_caller]
fn similar_asserts<T: serde::Serialize>(expected: &T, found: &T) {
    let text = |value: &T| serde_json::to_string_pretty(value).unwrap();
    let (expected, found) = (text(expected), text(found));
    let diff = similar::TextDiff::from_lines(&expected, &found);
    assert!(expected == found, "{}", diff.unified_diff());
}

/// The passive node's line of the world, with what is added to it.
#[track_caller]
fn held_by_passive_node(added: &str, rule: &str) {
    held("owns: [Cluster Group]}", &format!("owns: [Cluster Group], {added}}}"), rule);
}

/// What is seen of the pair's role in a world that is changed so, alike by the simulator.
#[track_caller]
fn role(from: &str, to: &str) -> (Value, Vec<String>) {
    let text = pair();
    assert!(text.contains(from), "{from}");
    let twin = Twin::new(&text.replace(from, to));
    let manifests = twin.declare();
    let simulated = gist(&twin.asked(&["plan", twin.path("truth.yaml").to_str().unwrap()]));
    let plan = twin.asked(&["plan", &manifests]);
    similar_asserts(&simulated, &gist(&plan));
    let seen = twin.asked(&["observe", "mbx-ccr-01", "--manifests", &manifests]);
    (seen["clusters"][0]["groups"][1]["state"].clone(), steps(&plan))
}

/// The plan's steps in words.
fn steps(plan: &Value) -> Vec<String> {
    let word = |step: &Value, part: &str| step[part].as_str().unwrap_or_default().to_owned();
    let steps = plan["clusters"][0]["steps"].as_array().unwrap().iter();
    steps
        .map(|s| ["action", "node", "group", "to"].map(|part| word(s, part)).join(" ").trim().replace("  ", " "))
        .collect()
}

/// Where a step is in a plan.
#[track_caller]
fn place(steps: &[String], step: &str) -> usize {
    steps.iter().position(|s| s == step).unwrap_or_else(|| panic!("no {step} in {steps:#?}"))
}

#[test]
fn p01_the_default_group_leaves_a_node_before_setup_runs_there() {
    let (_, steps) = role("owns: [Cluster Group]", "owns: [Cluster Group]");
    assert!(place(&steps, "MoveGroup Cluster Group EXNODE1") < place(&steps, "Install EXNODE2"));
    assert!(place(&steps, "Pause EXNODE2") < place(&steps, "MoveGroup Cluster Group EXNODE1"));
}

#[test]
fn p02_and_p12_a_cluster_that_is_half_updated_is_gone_on_with() {
    // Each machine tells of itself: the name of the mailbox server would show the active one only.
    let (_, steps) = role(
        "EXNODE2: {version: 8.3.264.0, owns: [Cluster Group]",
        "EXNODE2: {version: 8.3.279.6, owns: [Cluster Group]",
    );
    assert!(place(&steps, "Handoff MBX1 EXNODE2") < place(&steps, "Install EXNODE1"));
    assert!(!steps.contains(&"Install EXNODE2".to_owned()));
}

#[test]
fn p07_databases_that_a_late_failure_left_dismounted_are_seen() {
    let (state, _) = role("copyQueueLength: 0", "copyQueueLength: 0, state: partiallyOnline");
    assert_eq!(state, "partiallyOnline");
}

#[test]
fn p08_a_role_that_somebody_stopped_is_seen() {
    let (state, _) = role("copyQueueLength: 0", "copyQueueLength: 0, state: offline");
    assert_eq!(state, "offline");
}

#[test]
fn p03_services_left_disabled_are_seen_before_the_next_try() {
    held_by_passive_node("services: {MSExchangeRepl: \"disabled, was automatic\"}", "preflight");
}

#[test]
fn p06_a_copy_that_is_initializing_refuses_the_move() {
    held("copyQueueLength: 0", "copyQueueLength: 0, copies: {EXNODE2: {status: initializing}}", "ready-target");
}

#[test]
fn p10_automatic_failback_is_seen_before_it_pulls() {
    held("copyQueueLength: 0", "copyQueueLength: 0, failbackTo: EXNODE1", "ripple");
}

#[test]
fn p11_an_interim_update_must_go_first() {
    held_by_passive_node("interimUpdates: [KB2000001]", "version");
}

#[test]
fn p14_a_failed_copy_stays_for_a_person() {
    held("copyQueueLength: 0", "copyQueueLength: 0, copies: {EXNODE2: {status: failed}}", "ready-target");
}

#[test]
fn p15_a_pause_that_nobody_ended_is_a_persons() {
    held_by_passive_node("paused: true", "people");
}

#[test]
fn the_witness_that_is_down_keeps_the_vote_of_the_passive_node() {
    held("witness: reachable", "witness: unreachable", "quorum");
}
