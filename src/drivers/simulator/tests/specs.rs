//! What is said of worlds that cannot be, and of words that are no deed.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Hand;
use super::*;
use crate::desired::parts::{DriverParts, PartContext};

fn issues(world: &str) -> Vec<String> {
    let ccr = desired(&manifest("ccr", &["N1", "N2"], CCR));
    let cluster = &ccr.clusters[&ClusterName::from("c1")];
    let nodes: BTreeMap<_, _> = cluster.nodes.iter().map(|(n, s)| (n.clone(), s.rollup.clone())).collect();
    let groups: BTreeSet<_> = cluster.groups.keys().cloned().collect();
    let about = PartContext { cluster: &cluster.name, nodes: &nodes, groups: &groups, rollups: &ccr.rollups };
    let part: serde_json::Value = serde_yaml::from_str(world).expect("YAML");
    match Drivers.check("simulator", &part, &about) {
        Ok(_) => Vec::new(),
        Err(issues) => issues
            .into_iter()
            .map(|i| format!("{}: {}{}", i.pointer, i.message, i.help.map_or(String::new(), |h| format!(" ({h})"))))
            .collect(),
    }
}

#[test]
fn everything_wrong_is_said_at_once_with_its_place() {
    let said = issues(
        "
nodes:
  N1: {version: 8.3.264, owns: [MBX1]}
  N2: {owns: [MBX1]}
groups:
  MBX1: {possibleOwners: [N2, N3], failbackTo: NN1}
  MBX9: {}
faults:
  - {kind: nodeCrash}
  - {at: 1m, kind: installFails}
  - {at: 1m, kind: hand, do: mvoe MBX1 to N2}
",
    );
    let expected = [
        "/nodes/N1/version",
        "/nodes/N2",
        "/nodes/N2/owns/0",
        "/groups/MBX9",
        "/groups/MBX1/possibleOwners/1",
        "/groups/MBX1/failbackTo",
        "/faults/0",
        "/faults/1/at",
        "/faults/2/do",
    ];
    for pointer in expected {
        assert!(said.iter().any(|s| s.starts_with(&format!("{pointer}:"))), "{pointer} in {said:#?}");
    }
    assert!(said.iter().any(|s| s.contains("did you mean `move`")), "{said:#?}");
}

#[test]
fn keys_and_durations_are_checked() {
    assert!(issues("nodes: {N1: {version: 8.3.264.0, own: []}}")[0].starts_with("/nodes/N1"), "unknown key");
    let said = issues("{nodes: {N1: {version: 8.3.264.0}}, durations: {install: 8 parsecs}}");
    assert!(said[0].starts_with("/durations/install"), "{said:?}");
    assert_eq!(issues(CCR), Vec::<String>::new());
}

#[test]
fn a_baseline_follows_from_the_version() {
    let s = Story::ccr("");
    assert_eq!(s.world().nodes["N1"].baseline.as_ref().map(ToString::to_string).as_deref(), Some("8.3.83.6"));
}

#[test]
fn deeds_are_read_from_words() {
    let read = |words: &str| words.parse::<Hand>();
    let crash = Hand::Crash { node: n("N1"), lasts: Some(Duration::from_secs(4800)) };
    assert_eq!(read("crash N1 for 1h 20m"), Ok(crash));
    assert_eq!(read("move \"Cluster Group\" to N1"), Ok(Hand::Move { group: g("Cluster Group"), to: n("N1") }));
    let said = |words: &str| read(words).expect_err("no deed").to_string();
    assert!(said("").starts_with("nothing to do was named"));
    assert!(said("pasue N1").contains("did you mean `pause`"));
    assert_eq!(said("move MBX1 N2"), "`move MBX1 N2` is not complete or says too much; expected `move GROUP to NODE`");
    assert!(said("crash N1 for ever").contains("no duration"));
    assert!(said("move \"Cluster Group to N1").contains("quote"));
    let mut s = Story::ccr("");
    assert_eq!(s.poke("pause N9"), Err("there is no node \"N9\"; there are N1, N2".into()));
}
