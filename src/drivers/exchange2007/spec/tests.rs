//! What is said of parts of manifests that cannot be.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::model::{GroupName, Rollup};

const CCR: &str = "
managementHost: mgmt1
cluster: MBXCLUS1
quorum: {model: fileShare, witness: '\\\\HUB1\\MNS_FSW'}
";

fn checked(part: &str, install: InstallKind) -> Result<PartChecked, Vec<String>> {
    let rollup = Arc::new(Rollup { install, ..crate::guard::testing::rollup() });
    let nodes = [("EXNODE1".into(), Arc::clone(&rollup)), ("EXNODE2".into(), rollup)].into();
    let groups = ["MBX1".into()].into();
    checked_with(part, &nodes, &groups)
}

fn checked_with(
    part: &str,
    nodes: &BTreeMap<NodeName, Arc<Rollup>>,
    groups: &BTreeSet<GroupName>,
) -> Result<PartChecked, Vec<String>> {
    let rollups = BTreeMap::new();
    let about = PartContext { cluster: &"c".into(), nodes, groups, rollups: &rollups };
    let part = serde_yaml::from_str(part).unwrap();
    check(&part, &about).map_err(|issues| issues.into_iter().map(|i| format!("{}: {}", i.pointer, i.message)).collect())
}

fn refused(part: &str) -> String {
    checked(part, InstallKind::Msp).unwrap_err().join("\n")
}

#[test]
fn a_sound_part_means_one_real_cluster() {
    let made = checked(CCR, InstallKind::Msp).unwrap();
    assert_eq!(&*made.identity, "exchange2007:cluster:mbxclus1");
    assert_eq!(made.votes, Some((3, 2)));
}

#[test]
fn what_cannot_be_is_said_with_its_place() {
    for (from, to, expected) in [
        ("mgmt1", "'-oProxyCommand=x'", "/managementHost: `-oProxyCommand=x` is no host"),
        ("mgmt1", "'a b'", "/managementHost: `a b` is no host"),
        ("cluster: MBXCLUS1", "", ": no `cluster`"),
        ("MBXCLUS1", "'A B'", "/cluster: `A B` is no network name"),
        (", witness: '\\\\HUB1\\MNS_FSW'", "", "/quorum: no share of a witness"),
        ("'\\\\HUB1\\MNS_FSW'", "HUB1", "/quorum/witness: no share of a witness"),
        ("fileShare", "majority", "/quorum/witness: a witness that does not vote"),
        ("cluster:", "folder: /tmp\ncluster:", "/folder: `/tmp` is no folder of ours"),
        ("cluster:", "hosts: {EXNODE3: x}\ncluster:", "/hosts/EXNODE3: the cluster declares no node"),
        ("cluster:", "hosts: {EXNODE1: ops@mbx1}\ncluster:", "/hosts/EXNODE1: `ops@mbx1` is a group's name"),
        ("cluster:", "hosts: {EXNODE1: ops@mbx1.example.com}\ncluster:", "`ops@mbx1.example.com` is a group's name"),
        ("mgmt1", "ops@exnode2.example.com", "/managementHost: `ops@exnode2.example.com` is the node `EXNODE2`"),
        ("mgmt1", "10.0.0.2\nhosts: {EXNODE2: ops@10.0.0.2}", "/managementHost: `10.0.0.2` is the node `EXNODE2`"),
        ("cluster:", "password: hunter2\ncluster:", "password"),
    ] {
        let said = refused(&CCR.replace(from, to));
        assert!(said.contains(expected), "{to}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    let said = refused("managementHost: m\nquorum: {model: none}");
    assert!(said.contains("/quorum/model: 2 nodes that are no cluster"), "{said}");
    let said = checked(CCR, InstallKind::Deb).unwrap_err().join("\n");
    assert!(said.contains("is installed by deb"), "{said}");
}

#[test]
fn names_that_are_one_to_windows_are_refused() {
    let rollup = Arc::new(crate::guard::testing::rollup());
    let nodes = [("EXNODE1".into(), Arc::clone(&rollup)), ("exnode1.example.com".into(), rollup)].into();
    let groups = ["MBX1".into(), "mbx1".into()].into();
    let said = checked_with(CCR, &nodes, &groups).unwrap_err().join("\n");
    assert!(said.contains("two nodes are called `EXNODE1`"), "{said}");
    assert!(said.contains("two groups are called `MBX1`"), "{said}");
}
