//! Stories of groups: as they are declared and set up, and the witness among their resources.

use super::*;

#[test]
fn groups_that_are_not_what_the_manifest_says_are_unknown() {
    let other = |from: &str, to: &str| {
        let cluster = CLUSTER.replace(from, to);
        assert_ne!(cluster, CLUSTER);
        seen(&Raw { cluster: Some(said(&cluster)), ..raw() })
    };
    let row = "raw|resource|0|Network Name (MBX1)";
    let undeclared = other(row, &format!("raw|group|0|MBX9                 EXNODE2         Online\n{row}"));
    assert!(why(&undeclared.groups["MBX9"].backup).contains("not declared"));
    assert!(undeclared.groups["MBX9"].standby_copies.is_unknown());
    let mailbox =
        "raw|resource|0|Exchange Information Store Instance (MBX9) Cluster Group        EXNODE2         Online";
    let mistaken = other(row, &format!("{mailbox}\n{row}"));
    let group = &mistaken.groups["Cluster Group"];
    assert!(why(&group.state).contains("a clustered mailbox server is a role"));
    assert!(group.backup.is_unknown() && group.standby_copies.is_unknown());
    assert_eq!(value(&mistaken.groups["MBX1"].state), GroupState::Online);
}

#[test]
fn of_two_names_that_windows_takes_for_one_the_exact_one_counts() {
    let mut asked = asked(PART);
    let rollup = asked.nodes["EXNODE1"].clone();
    asked.nodes.insert("EXNODE1.a.com".into(), rollup);
    asked.groups.insert("mbx1".into(), GroupAsked { kind: GroupKind::Auxiliary, standby_targets: Vec::new() });
    assert_eq!(asked.node("EXNODE1.a.com").as_str(), "EXNODE1.a.com");
    assert_eq!(asked.node("exnode1").as_str(), "EXNODE1");
    assert_eq!(asked.group("mbx1").as_str(), "mbx1");
}

#[test]
fn a_witness_counts_only_if_it_is_the_declared_one_and_was_reached() {
    let witness = |raw: &Raw| value(&seen(raw).quorum).witness.unwrap();
    let other = said(&GROUPS.replace(r"\\HUB1\MNS_FSW", r"\\HUB2\MNS_FSW"));
    assert!(why(&witness(&Raw { groups: Some(other), ..raw() })).contains(r"\\HUB2\MNS_FSW"));
    let none = said(&GROUPS.replace("MNSFileShare", "Something"));
    assert!(why(&witness(&Raw { groups: Some(none), ..raw() })).contains("no file share witness"));
    let offline = said(
        &CLUSTER.replace("Cluster Group        EXNODE2         Online", "Cluster Group        EXNODE2         Failed"),
    );
    assert!(why(&witness(&Raw { cluster: Some(offline), ..raw() })).contains("not online"));
    let mut unreached = raw();
    unreached
        .nodes
        .insert("EXNODE1".into(), said(&NODE.replace("NAME", "EXNODE1").replace("witness|True", "witness|False")));
    assert_eq!(value(&witness(&unreached)), ["EXNODE2".into()].into());
    unreached.nodes.insert("EXNODE2".into(), silent("no route"));
    assert!(value(&witness(&unreached)).is_empty());
}

#[test]
fn groups_that_fail_back_are_seen_to() {
    let home = |from: &str, to: &str| {
        let groups = said(&GROUPS.replace(from, to));
        seen(&Raw { groups: Some(groups), ..raw() }).groups["MBX1"].failback_to.clone()
    };
    let mbx1 = "mbx1                 AutoFailbackType               0 (0x0)";
    assert_eq!(value(&home("x", "x")), None);
    assert_eq!(value(&home(mbx1, &mbx1.replace("0 (0x0)", "1 (0x1)"))), Some("EXNODE1".into()));
    assert!(home(mbx1, &mbx1.replace("0 (0x0)", "7 (0x7)")).is_unknown());
    assert!(home(mbx1, "mbx1    Something     0").is_unknown());
    let both = |first: &str, second: &str| {
        let owners =
            |of: &[&str]| -> String { of.iter().map(|node| format!("\nraw|group-owners:mbx1|0|{node}")).collect() };
        let groups = GROUPS.replace(mbx1, &mbx1.replace("0 (0x0)", "1 (0x1)"));
        let groups = said(&groups.replace(&owners(&["EXNODE1"]), &owners(&[first, second])));
        seen(&Raw { groups: Some(groups), ..raw() }).groups["MBX1"].failback_to.clone()
    };
    assert_eq!(value(&both("EXNODE1", "EXNODE2")), Some("EXNODE1".into()), "it is there");
    assert!(why(&both("EXNODE2", "EXNODE1")).contains("which one cannot be told"));
}
