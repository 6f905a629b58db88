//! What `doctor` says of machines that are sound, and of one thing at a time that is not.

use super::super::look::tests::{CLUSTER, EXCHANGE, NODE, asked, asked_of, raw, said, silent};
use super::*;

const MACHINE: &str = r"time|2017-04-01T20:00:30.0000000Z
windows|6.0.6002.0|en-US
powershell|2.0|64
login|EXAMPLE\ops|True|True
tool|cluster.exe|True
tool|msiexec.exe|True
installer-start|3
revocation|00023c00
crl|True
start-limit|
snapin|True";

const BACKUPS: &str = r"
last-backup|MBX1|MBX1\SG1\DB1|2017-03-31T20:00:00.0000000Z
last-backup|MBX1|MBX1\SG2\DB2|2017-03-31T20:00:00.0000000Z";

fn sound() -> Raw {
    Raw { exchange: said(&format!("{EXCHANGE}{BACKUPS}")), ..raw() }
}

fn checkup(machine: &str) -> Checkup {
    let nodes = ["EXNODE1", "EXNODE2"].map(|name| (NodeName::from(name), said(MACHINE)));
    let orders = ["EXNODE1", "EXNODE2"].map(|name| (NodeName::from(name), Ok(())));
    Checkup { management: said(machine), nodes: nodes.into(), orders: orders.into() }
}

fn states(raw: &Raw, checkup: &Checkup) -> BTreeMap<&'static str, ReadinessState> {
    let at = "2017-04-01T20:00:00Z".parse().unwrap();
    let checks = check(&asked_of(), raw, checkup, at);
    for one in &checks {
        assert_eq!(one.fix.is_some(), one.state != ReadinessState::Good, "{one:?}");
        assert!(!one.evidence.is_empty(), "{one:?}");
    }
    checks.into_iter().map(|one| (one.name, one.state)).collect()
}

/// The checks that are not good when something is said otherwise.
fn wrong(raw: &Raw, checkup: &Checkup) -> Vec<(&'static str, ReadinessState)> {
    states(raw, checkup).into_iter().filter(|(_, state)| *state != ReadinessState::Good).collect()
}

#[test]
fn a_sound_cluster_passes_every_check() {
    assert_eq!(wrong(&sound(), &checkup(MACHINE)), []);
    assert!(CHECKS.len() >= 20);
}

#[test]
fn each_trouble_of_a_machine_is_found_by_its_check() {
    for (from, to, name, state) in [
        ("powershell|2.0", "powershell|5.1", "powershell", ReadinessState::Warning),
        ("2.0|64", "2.0|32", "powershell", ReadinessState::Bad),
        ("cluster.exe|True", "cluster.exe|False", "tools", ReadinessState::Bad),
        ("en-US", "de-DE", "language", ReadinessState::Warning),
        (r"EXAMPLE\ops|True", r"MGMT1\ops|False", "login-domain", ReadinessState::Bad),
        ("True|True", "True|False", "login-rights", ReadinessState::Warning),
        ("20:00:30", "20:02:30", "clocks", ReadinessState::Warning),
        ("time|2017-04-01T20:00:30.0000000Z", "unknown|time|x", "clocks", ReadinessState::Unknown),
    ] {
        assert_eq!(wrong(&sound(), &checkup(&MACHINE.replace(from, to))), [(name, state)], "{to}");
    }
    let at_node = |from: &str, to: &str| {
        let mut checkup = checkup(MACHINE);
        checkup.nodes.insert("EXNODE2".into(), said(&MACHINE.replace(from, to)));
        wrong(&sound(), &checkup)
    };
    assert_eq!(at_node("installer-start|3", "installer-start|4"), [("installer-service", ReadinessState::Bad)]);
    assert_eq!(at_node("crl|True", "crl|False"), [("revocation", ReadinessState::Warning)]);
    assert_eq!(at_node("crl|True\nstart-limit|", "crl|False\nstart-limit|120000"), []);
    assert_eq!(at_node("True|True", "True|False"), [("login-rights", ReadinessState::Bad)]);
    assert_eq!(at_node("snapin|True", "snapin|False"), [("exchange-tools-on-nodes", ReadinessState::Bad)]);
    let mut untried = checkup(MACHINE);
    untried.orders.insert("EXNODE2".into(), Err("state: access is denied".into()));
    assert_eq!(wrong(&sound(), &untried), [("orders", ReadinessState::Bad)]);
}

#[test]
fn each_trouble_of_a_node_is_found_by_its_check() {
    for (from, to, name) in [
        ("exsetup|8.3.279.6", "exsetup|8.3.264.0", "builds"),
        ("product|8.3.83.6", "product|8.2.176.2", "service-pack"),
        ("program|Update", "program|Interim Update for Exchange 2007 (KB1)\nprogram|Update", "interim-updates"),
        ("pending|cbs|False", "pending|cbs|True", "pending-reboot"),
        ("msi|False", "msi|True", "other-installers"),
        (r"disk|C:\|9000", r"disk|C:\|10", "disk"),
        ("MSExchangeIS|3", "MSExchangeIS|4", "services"),
        ("raw|node|0|EXNODE1              1 Up", "raw|node|0|EXNODE1              1 Down", "views-agree"),
    ] {
        let mut raw = sound();
        raw.nodes.insert("EXNODE2".into(), said(&NODE.replace(from, to).replace("NAME", "EXNODE2")));
        let found = wrong(&raw, &checkup(MACHINE));
        assert!(
            matches!(found.as_slice(), [(found, state)] if *found == name && *state != ReadinessState::Good),
            "{to}: {found:?}"
        );
    }
}

#[test]
fn each_trouble_of_a_role_is_found_by_its_check() {
    let whole = format!("{EXCHANGE}{BACKUPS}");
    for (from, to, name) in [
        ("|Online|", "|Failed|", "roles"),
        ("EXNODE1 <Active>", "EXNODE1", "role-owners"),
        ("redundant|MBX1|EXNODE2\n", "", "redundant-machines"),
        (r"SG1|Healthy|0|2", r"SG1|Suspended|0|2", "copies"),
        ("done|storage-groups:MBX1", "standby|MBX1|MBX1\\SG2|SCR9\ndone|storage-groups:MBX1", "standby-declared"),
        (r"SG1|Healthy|1|50", r"SG1|Failed|1|50", "standby-copies"),
        (r"SG1\DB1|True|False", r"SG1\DB1|True|True", "backup-running"),
        ("2017-03-31T20", "2017-01-31T20", "backup-age"),
        ("done|snapin", "unknown|snapin|none is registered", "exchange-tools"),
    ] {
        let raw = Raw { exchange: said(&whole.replace(from, to)), ..raw() };
        let found = states(&raw, &checkup(MACHINE));
        assert_ne!(found[name], ReadinessState::Good, "{to}: {found:?}");
    }
}

/// What one check says, with what to do.
fn finding(asked: &Asked, raw: &Raw, name: &str) -> (ReadinessState, String, Option<String>) {
    let at = "2017-04-01T20:00:00Z".parse().unwrap();
    let one = check(asked, raw, &checkup(MACHINE), at).into_iter().find(|one| one.name == name).unwrap();
    (one.state, one.evidence, one.fix)
}

#[test]
fn a_copy_that_starts_is_a_warning_and_one_that_nobody_saw_is_not_good() {
    let whole = format!("{EXCHANGE}{BACKUPS}");
    let at_copies = |from: &str, to: &str| {
        let raw = Raw { exchange: said(&whole.replace(from, to)), ..raw() };
        states(&raw, &checkup(MACHINE))["copies"]
    };
    assert_eq!(at_copies("SG1|Healthy|0|2", "SG1|Initializing|0|2"), ReadinessState::Warning);
    assert_eq!(at_copies("SG1|Healthy|0|2", "SG1|Failed|0|2"), ReadinessState::Bad);
    assert_eq!(at_copies("done|server:MBX1", "unknown|server:MBX1|denied"), ReadinessState::Unknown);
    assert_eq!(at_copies("done|snapin", "unknown|snapin|none"), ReadinessState::Unknown);
}

#[test]
fn tools_are_to_be_installed_only_where_somebody_looked_for_them() {
    let unreached = Raw { exchange: silent("mgmt1: no route"), ..raw() };
    let (state, _, fix) = finding(&asked_of(), &unreached, "exchange-tools");
    assert_eq!((state, fix.as_deref()), (ReadinessState::Unknown, Some("see `management-host`")));
    let none = Raw { exchange: said("unknown|snapin|no snap-ins"), ..raw() };
    let (state, _, fix) = finding(&asked_of(), &none, "exchange-tools");
    assert!(state == ReadinessState::Bad && fix.unwrap().starts_with("install"));
}

#[test]
fn a_mailbox_server_that_is_declared_auxiliary_is_bad() {
    let row = "raw|resource|0|Network Name (MBX1)";
    let mailbox = "raw|resource|0|Exchange System Attendant Instance (X) Cluster Group        EXNODE2         Online";
    let cluster = said(&CLUSTER.replace(row, &format!("{mailbox}\n{row}")));
    let (state, said, _) = finding(&asked_of(), &Raw { cluster: Some(cluster), ..raw() }, "groups-declared");
    assert!(state == ReadinessState::Bad && said.contains("Exchange System Attendant Instance (X)"), "{said}");
}

#[test]
fn a_host_that_is_in_a_cluster_is_no_standalone_one() {
    let mut asked = asked("{managementHost: mgmt1, quorum: {model: none}}");
    asked.nodes.remove("EXNODE2");
    asked.groups.clear();
    let at_host = |node: Said| {
        let raw = Raw { cluster: None, groups: None, nodes: [("EXNODE1".into(), node)].into(), ..raw() };
        finding(&asked, &raw, "cluster-answers").0
    };
    let node = NODE.replace("NAME", "EXNODE1");
    assert_eq!(at_host(said(&node)), ReadinessState::Bad);
    assert_eq!(at_host(said(&node.replace("ClusSvc|2|Running", "ClusSvc|4|Stopped"))), ReadinessState::Good);
    assert_eq!(at_host(silent("no route")), ReadinessState::Unknown);
}

#[test]
fn votes_are_told_as_the_model_has_them() {
    let asked = asked("{managementHost: mgmt1, cluster: MBXCLUS1, quorum: {model: majority}}");
    let (state, said, _) = finding(&asked, &raw(), "quorum");
    assert_eq!((state, &*said), (ReadinessState::Good, "the votes can be counted; only the nodes vote"));
}
