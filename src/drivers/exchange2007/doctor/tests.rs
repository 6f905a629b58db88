//! What `doctor` says of machines that are sound, and of one thing at a time that is not.

use super::super::look::tests::{EXCHANGE, NODE, asked_of, raw, said};
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
start-limit|";

const BACKUPS: &str = r"
last-backup|MBX1|MBX1\SG1\DB1|2017-03-31T20:00:00.0000000Z
last-backup|MBX1|MBX1\SG2\DB2|2017-03-31T20:00:00.0000000Z";

fn sound() -> Raw {
    Raw { exchange: said(&format!("{EXCHANGE}{BACKUPS}")), ..raw() }
}

fn checkup(machine: &str) -> Checkup {
    let nodes = ["EXNODE1", "EXNODE2"].map(|name| (NodeName::from(name), said(MACHINE)));
    Checkup { management: said(machine), nodes: nodes.into() }
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
