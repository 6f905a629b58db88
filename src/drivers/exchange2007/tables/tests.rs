//! Tables as they were captured, and as they should never be taken for.

use super::*;

const NODES: &str = "
Listing status for all available nodes:

Node           Node ID Status
-------------- ------- ---------------------
EXNODE2              2 Paused
EXNODE1              1 Up
";

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

fn known() -> BTreeMap<String, NodeState> {
    nodes(&lines(NODES)).unwrap()
}

/// A table of groups with these rows.
fn table(rows: &[&str]) -> String {
    let head = "Listing status for all available resource groups:\n\nGroup                Node            Status\n";
    format!("{head}-------------------- --------------- ------\n{}\n\n", rows.join("\n"))
}

fn row(name: &str, owner: &str, state: GroupState) -> Row {
    Row { name: name.into(), group: None, owner: owner.into(), state: Some(state) }
}

#[test]
fn nodes_are_read_in_any_order_and_with_long_names() {
    let found = known();
    assert_eq!(found["EXNODE1"], NodeState::Up);
    assert_eq!(found["EXNODE2"], NodeState::Paused);
    let long = NODES.replace("EXNODE2              2 Paused", "A-NODE-WITH-A-LONG-NAME       12 Joining");
    assert_eq!(nodes(&lines(&long)).unwrap()["A-NODE-WITH-A-LONG-NAME"], NodeState::Joining);
}

#[test]
fn a_table_that_is_translated_cut_short_or_empty_is_no_table() {
    for (text, part) in [
        (NODES.replace("Paused", "Angehalten"), "Angehalten"),
        (NODES.replace("EXNODE2              2 Paused", "EXNODE2              2"), "cut short"),
        (NODES.replace("EXNODE2              2 Paused", "EXNODE2"), "cut short"),
        ("System error 1722 has occurred (0x000006ba).".into(), "System error 1722"),
        (String::new(), "nothing"),
        (NODES.lines().take(5).collect::<Vec<_>>().join("\n"), "empty"),
    ] {
        let said = nodes(&lines(&text)).unwrap_err();
        assert!(said.contains(part), "{said}");
    }
    for (from, to) in [("Online", "Aktiv"), ("EXNODE1", "EXNODE9"), ("         Online", ""), ("MBX1   ", "       ")] {
        let text = table(&["MBX1                 EXNODE1         Online"]).replace(from, to);
        assert!(groups(&lines(&text), &known()).is_err(), "{text}");
    }
}

#[test]
fn headings_in_another_language_do_not_matter_where_words_and_names_are_known() {
    let text = NODES.replace("Listing status for all available nodes:", "Status aller verfügbaren Knoten:");
    let text = text.replace("Node           Node ID Status", "Knoten         Knoten-ID Status");
    assert_eq!(nodes(&lines(&text)).unwrap().len(), 2);
}

#[test]
fn groups_are_read_from_the_right() {
    let text = table(&[
        "Cluster Group        EXNODE1         Online",
        "MBX1                 EXNODE2         Partially Online",
        "A group with a rather long name EXNODE1         Online Pending",
        "EXNODE2 Online       EXNODE1         Offline",
        "Gruppe \"ä\" & $(x)    EXNODE2         Failed",
    ]);
    let found = groups(&lines(&text), &known()).unwrap();
    assert_eq!(
        found,
        [
            row("Cluster Group", "EXNODE1", GroupState::Online),
            row("MBX1", "EXNODE2", GroupState::PartiallyOnline),
            row("A group with a rather long name", "EXNODE1", GroupState::Pending),
            row("EXNODE2 Online", "EXNODE1", GroupState::Offline),
            row("Gruppe \"ä\" & $(x)", "EXNODE2", GroupState::Failed),
        ]
    );
    let twice = table(&["MBX1                 EXNODE1         Online", "MBX1                 EXNODE2         Online"]);
    assert!(groups(&lines(&twice), &known()).unwrap_err().contains("twice"));
}

#[test]
fn a_row_with_two_meanings_has_none() {
    let mut nodes = known();
    nodes.insert("Partially".into(), NodeState::Up);
    // Is it on EXNODE1 and partially online, or is the group called "MBX1 EXNODE1", on Partially, and online?
    let text = table(&["MBX1 EXNODE1 Partially Online"]);
    assert!(groups(&lines(&text), &nodes).is_err());
}

#[test]
fn resources_are_told_from_their_groups_by_the_names_of_those() {
    let groups = [row("Cluster Group", "EXNODE1", GroupState::Online), row("MBX1", "EXNODE2", GroupState::Online)];
    let text = "Listing status for all available resources:

Resource             Group                Node            Status
-------------------- -------------------- --------------- ------
Cluster IP Address   Cluster Group        EXNODE1         Online
Network Name (MBX1)  MBX1                 EXNODE2         Online
First Storage Group/Mailbox Database (MBX1) MBX1                 EXNODE2         Failed
";
    let found = resources(&lines(text), &known(), &groups).unwrap();
    let told: Vec<_> = found.iter().map(|row| (row.name.as_str(), row.group.as_deref())).collect();
    assert_eq!(
        told,
        [
            ("Cluster IP Address", Some("Cluster Group")),
            ("Network Name (MBX1)", Some("MBX1")),
            ("First Storage Group/Mailbox Database (MBX1)", Some("MBX1")),
        ]
    );
    let unknown = text.replace("MBX1                 EXNODE2", "MBX9                 EXNODE2");
    assert!(resources(&lines(&unknown), &known(), &groups).is_err());
    // A second group whose name ends the first one's: the column tells, where the name does not fill it.
    let more = [groups.as_slice(), &[row("Group", "EXNODE1", GroupState::Online)]].concat();
    let found = resources(&lines(text), &known(), &more).unwrap();
    assert_eq!(found[0].group.as_deref(), Some("Cluster Group"));
    let pushed = text.replace("Cluster IP Address   Cluster Group", "A resource with a long name Cluster Group");
    assert_eq!(resources(&lines(&pushed), &known(), &more).unwrap()[0].group, None, "nobody can tell");
}

const PROPERTIES: &str = "
Listing properties for 'Cluster Group':

T  Resource Group       Name                           Value
-- -------------------- ------------------------------ -----------------------
SR Cluster Group        Name                           Cluster Group
S  Cluster Group        Description
D  Cluster Group        AutoFailbackType               1 (0x1)
D  Cluster Group        FailbackWindowStart            4294967295 (0xffffffff)
";

#[test]
fn properties_are_read_by_the_name_of_what_has_them() {
    let found = properties(&lines(PROPERTIES), "Cluster Group").unwrap();
    assert_eq!(number(&found["AutoFailbackType"]), Some(1));
    assert_eq!(number(&found["FailbackWindowStart"]), Some(u32::MAX));
    assert_eq!(found["Description"], "");
    assert_eq!(found["Name"], "Cluster Group");
    assert!(properties(&lines(PROPERTIES), "MBX1").is_err(), "somebody else's");
    let secret =
        PROPERTIES.replace("S  Cluster Group        Description", "S  Other                Password   hunter2");
    let said = properties(&lines(&secret), "Cluster Group").unwrap_err();
    assert!(said.contains("at row 2") && !said.contains("hunter2"), "{said}");
    assert!(properties(&lines("System error 5013 has occurred (0x00001395)."), "MBX1").is_err());
}

#[test]
fn our_properties_are_found_among_others() {
    let text = "Listing private properties for 'MBXCLUS1':

T  Cluster              Name                           Value
-- -------------------- ------------------------------ -----------------------
B  MBXCLUS1             SecurityDescriptor             01 00 04 80 ... (148 bytes)
S  MBXCLUS1             RollwardClaim                  7@vm#12
S  MBXCLUS1             RollwardMark0123456789abcdef   %7B%7D
";
    let found = ours(&lines(text), "Rollward").unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(found[0], ("RollwardClaim".to_owned(), "7@vm#12".to_owned()));
    let cut = text.replace("  7@vm#12", "");
    assert!(ours(&lines(&cut), "Rollward").unwrap_err().contains("RollwardClaim"));
    assert!(ours(&["Access is denied."], "Rollward").is_err());
    let theirs = text.replace("01 00 04 80", "Rollward 04 80");
    assert_eq!(ours(&lines(&theirs), "Rollward").unwrap().len(), 2, "a value is no name");
    let spaced = text.replace("7@vm#12", "7@my vm#12");
    assert_eq!(ours(&lines(&spaced), "Rollward").unwrap()[0].1, "7@my vm#12");
    let strange = text.replace("S  MBXCLUS1             RollwardClaim", "MBXCLUS1: RollwardClaim");
    assert!(ours(&lines(&strange), "Rollward").is_err(), "it may be ours");
}

#[test]
fn owners_are_nodes_that_the_cluster_has() {
    let text = "Listing preferred owners for resource group 'MBX1':\n\nPreferred Owner Nodes\n---------------------\nexnode2\nEXNODE1\n";
    assert_eq!(owners(&lines(text), &known()).unwrap(), ["EXNODE2", "EXNODE1"]);
    let none = "Listing preferred owners for resource group 'MBX1':\n\nPreferred Owner Nodes\n---------------------\n";
    assert_eq!(owners(&lines(none), &known()).unwrap(), Vec::<String>::new());
    assert!(owners(&lines(&text.replace("EXNODE1", "EXNODE7")), &known()).is_err());
}
