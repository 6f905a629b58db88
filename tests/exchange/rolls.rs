//! Whole rolls through the twin, by the real program: to the bound's handoffs, with nothing disturbed by the world's own
//! truth, and nothing of ours left.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::host::Twin;

/// An estate as a scenario declares it, in a world that goes six hundred times as fast; nobody soaks.
pub fn estate(scenario: &str) -> Twin {
    changed(scenario, &[])
}

/// The same, with changes to its text.
#[track_caller]
pub fn changed(scenario: &str, changes: &[(&str, &str)]) -> Twin {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios").join(scenario);
    let text = std::fs::read_to_string(path).unwrap();
    let mut truth = text.split_once("\n---\n").unwrap().1.to_owned();
    let limits = "  limits: {soak: 0s, backOff: 1s}\n";
    for (from, to) in
        [("  work: {when: anytime}\n", &*format!("  work: {{when: anytime}}\n{limits}"))].iter().chain(changes)
    {
        assert!(truth.contains(from), "{scenario} does not say {from}");
        truth = truth.replace(from, to);
    }
    Twin::with(&truth, json!({"timeScale": 600}))
}

/// A pair that is handed over offline. Its role may stay stopped for a day of that world, which is over in two minutes and
/// a half here: a program that is killed then has to be started again meanwhile. The handoff takes some seconds here, for
/// those who have to see it: on a busy machine nobody looks in time at what is over in one.
pub fn offline() -> Twin {
    let slow = [("style: offline}", "style: offline, stoppedAtMost: 24h}"), ("handoff: 45s", "handoff: 40m")];
    changed("ccr/offline-style.yaml", &slow)
}

/// The only cluster of an estate.
#[track_caller]
fn only(clusters: &Value) -> &Value {
    assert_eq!(clusters.as_object().unwrap().len(), 1);
    clusters.as_object().unwrap().values().next().unwrap()
}

/// Rolls until nothing is left to do. The handoffs of all clusters, as the program and as the world counts them.
#[track_caller]
pub fn rolls(twin: &Twin, handoffs: u64) -> Value {
    let report = twin.asked(&["run", &twin.declare(), "--until-converged", "--timeout", "3m"]);
    let sum = |what: &str| -> u64 {
        let clusters = report["clusters"].as_array().unwrap().iter();
        clusters.map(|cluster| cluster["handoffs"][what].as_u64().unwrap()).sum()
    };
    let truth = assert_rolled(twin, &report);
    for node in truth.values().flat_map(|cluster| cluster["nodes"].as_object().unwrap().keys()) {
        // What a worker that is killed leaves goes with a later one; here none was.
        for folder in ["orders", "packages"] {
            assert_eq!(files(twin, node, folder), [] as [String; 0], "{node}: {folder}");
        }
    }
    let done: u64 = truth.values().flat_map(roles).map(|role| role["handoffs"].as_u64().unwrap()).sum();
    assert_eq!((sum("spent"), sum("floor"), done), (handoffs, handoffs, handoffs), "{report:#}");
    report
}

/// That everything is as declared, nothing was disturbed, and nothing of ours is left.
#[track_caller]
pub fn assert_rolled(twin: &Twin, report: &Value) -> BTreeMap<String, Value> {
    let truth: BTreeMap<String, Value> = serde_json::from_value(twin.truth()).unwrap();
    for (name, cluster) in &truth {
        let state = report["clusters"].as_array().unwrap().iter().find(|told| told["name"] == **name);
        assert_eq!(state.unwrap()["state"], "converged", "{name}: {report:#}");
        assert_eq!(cluster["violations"], json!([]), "{name}");
        assert_eq!(cluster["properties"], json!({}), "{name}: what of ours stands in it still");
        for (name, node) in cluster["nodes"].as_object().unwrap() {
            assert_eq!(node["version"], "8.3.279.6", "{name}: {node:#}");
            let left = [&node["paused"], &node["work"], &node["locked"]];
            assert_eq!(left, [&Value::Null, &Value::Null, &json!(false)], "{name}: {node:#}");
            assert_eq!((&node["disabled"], &node["service"]), (&json!([]), &json!("Member")), "{name}");
            assert_eq!(files(twin, name, "store"), [] as [String; 0], "{name}");
        }
        for (group, truth) in cluster["groups"].as_object().unwrap() {
            assert_eq!(truth["state"], "online", "{group}: {truth:#}");
        }
    }
    truth
}

/// What a node has in one of our folders.
fn files(twin: &Twin, node: &str, folder: &str) -> Vec<String> {
    let files =
        std::fs::read_dir(twin.path(&format!("hosts/{node}/C/rollward/{folder}"))).into_iter().flatten().flatten();
    files.map(|file| file.file_name().to_string_lossy().into_owned()).collect()
}

pub fn roles(cluster: &Value) -> impl Iterator<Item = &Value> {
    cluster["roles"].as_object().unwrap().values()
}

#[test]
fn a_pair_takes_one_handoff() {
    let twin = estate("ccr/pair.yaml");
    rolls(&twin, 1);
    let truth = twin.truth();
    let pair = only(&truth);
    assert_eq!(pair["groups"]["MBX1"]["owner"], "EXNODE2");
    let outage = pair["roles"]["MBX1"]["outageSeconds"].as_u64().unwrap();
    assert!((1..600).contains(&outage), "{outage} s");
}

#[test]
fn a_pair_is_handed_over_offline() {
    let twin = offline();
    rolls(&twin, 1);
    let truth = twin.truth();
    assert_eq!(only(&truth)["groups"]["MBX1"]["wanted"], true);
}

#[test]
fn three_active_nodes_and_a_spare_take_three_handoffs() {
    rolls(&estate("scc/three-and-one.yaml"), 3);
}

#[test]
fn seven_active_nodes_and_a_spare_take_seven_handoffs() {
    rolls(&estate("scc/seven-and-one.yaml"), 7);
}

/// When each node was updated.
fn updates(twin: &Twin) -> BTreeMap<String, String> {
    let truth = twin.truth();
    let all = truth.as_object().unwrap().values().flat_map(|cluster| cluster["installs"].as_array().unwrap().clone());
    all.map(|install| (install[0].as_str().unwrap().to_owned(), install[1].as_str().unwrap().to_owned())).collect()
}

#[test]
fn a_standalone_standby_host_goes_before_its_source() {
    let twin = estate("scr/target-first.yaml");
    rolls(&twin, 1);
    let at = updates(&twin);
    assert!(at["SCR1"] < at["EXNODE1"] && at["SCR1"] < at["EXNODE2"], "{at:?}");
}

#[test]
fn a_standby_cluster_goes_before_its_source() {
    let twin = estate("scr/standby-cluster.yaml");
    rolls(&twin, 1);
    let at = updates(&twin);
    assert!(at["SCRNODE1"] < at["EXNODE1"] && at["SCRNODE1"] < at["EXNODE2"], "{at:?}");
}

#[test]
fn a_node_whose_installer_asks_for_it_is_rebooted() {
    let twin = estate("ccr/reboot-asked.yaml");
    rolls(&twin, 1);
}
