//! What the twin's tools say, against the layouts of the reference.

use std::path::Path;

use serde_json::json;

use super::host::{Said, Twin};

const HEAD: &str = r#"apiVersion: rollward/v1
kind: Policy
metadata: {name: night}
spec: {handoff: {when: anytime}, work: {when: anytime}}
---
apiVersion: rollward/v1
kind: Cluster
metadata: {name: mbxclus1}
"#;

/// Two nodes, the second paused, with a clustered mailbox server.
fn pair() -> String {
    format!(
        "{HEAD}{}",
        r#"
spec:
  topology: ccr
  rollup: exchange-2007-sp3-ru8-v3
  policy: night
  nodes: {EXNODE1: {}, EXNODE2: {}}
  groups: {MBXCMS1: {kind: role}, Cluster Group: {kind: auxiliary}}
  driver:
    simulator:
      startAt: 2017-04-01T00:00:00Z
      exact: true
      quorum: {model: fileShare}
      durations: {groupOnline: 8s}
      nodes:
        EXNODE1: {version: 8.3.264.0, owns: [Cluster Group]}
        EXNODE2: {version: 8.3.264.0, owns: [MBXCMS1], paused: true}
      groups: {MBXCMS1: {state: partiallyOnline, copyQueueLength: 0}}
"#
    )
}

#[track_caller]
fn says(twin: &Twin, args: &[&str], expected: &str) {
    let said = twin.on("EXNODE1", "cluster.exe", args);
    assert_eq!((said.code, &*said.out), (0, &*expected.replace('\n', "\r\n")), "{args:?}");
}

#[track_caller]
fn fails(twin: &Twin, args: &[&str], code: i32, text: &str) {
    let said = twin.on("EXNODE1", "cluster.exe", args);
    let expected = format!("System error {code} has occurred (0x{code:08x}).\r\n{text}\r\n");
    assert_eq!((said.code, said.out), (code, expected), "{args:?}");
}

#[test]
fn tables_are_laid_out_as_captures_show_them() {
    let twin = Twin::new(&pair());
    let nodes = "\
Listing status for all available nodes:

Node           Node ID Status
-------------- ------- ---------------------
EXNODE2              2 Paused
EXNODE1              1 Up

";
    says(&twin, &["/cluster:EXNODE2", "node"], nodes);
    says(&twin, &["node", "/status"], nodes);
    let groups = "\
Listing status for all available resource groups:

Group                Node            Status
-------------------- --------------- ------
Cluster Group        EXNODE1         Online
MBXCMS1              EXNODE2         Partially Online

";
    says(&twin, &["/cluster:mbxclus1", "GROUP"], groups);
    let resources = "\
Listing status for all available resources:

Resource             Group                Node            Status
-------------------- -------------------- --------------- ------
Cluster IP Address   Cluster Group        EXNODE1         Online
Cluster Name         Cluster Group        EXNODE1         Online
Majority Node Set    Cluster Group        EXNODE1         Online
Network Name (MBXCMS1) MBXCMS1              EXNODE2         Online
IP Address (MBXCMS1) MBXCMS1              EXNODE2         Online
Exchange System Attendant Instance (MBXCMS1) MBXCMS1              EXNODE2         Online
Exchange Information Store Instance (MBXCMS1) MBXCMS1              EXNODE2         Online
First Storage Group/Mailbox Database (MBXCMS1) MBXCMS1              EXNODE2         Offline

";
    says(&twin, &["res"], resources);
}

#[test]
fn owners_and_properties_are_listed() {
    let twin = Twin::new(&pair().replace("partiallyOnline", "partiallyOnline, failbackTo: EXNODE1"));
    let properties = "\
Listing properties for 'MBXCMS1':

T  Resource Group       Name                           Value
-- -------------------- ------------------------------ -----------------------
SR MBXCMS1              Name                           MBXCMS1
D  MBXCMS1              PersistentState                1 (0x1)
D  MBXCMS1              AutoFailbackType               1 (0x1)
D  MBXCMS1              FailbackWindowStart            4294967295 (0xffffffff)
D  MBXCMS1              FailbackWindowEnd              4294967295 (0xffffffff)

";
    says(&twin, &["group", "mbxcms1", "/prop"], properties);
    let owners = "\
Listing preferred owners for resource group 'MBXCMS1':

Preferred Owner Nodes
---------------------
EXNODE1

";
    says(&twin, &["group", "MBXCMS1", "/listowners"], owners);
    let witness = r"Listing private properties for 'Majority Node Set':

T  Resource             Name                           Value
-- -------------------- ------------------------------ -----------------------
S  Majority Node Set    MNSFileShare                   \\HUB1\MNS_FSW

";
    says(&twin, &["resource", "Majority Node Set", "/priv"], witness);
}

#[test]
fn private_properties_are_written_read_and_taken_away() {
    let twin = Twin::new(&pair());
    says(&twin, &["/cluster:EXNODE1", "/priv", r#"RollwardClaim=7@a "b" & $c ü#1"#], "");
    let list = "\
Listing private properties for 'MBXCLUS1':

T  Cluster              Name                           Value
-- -------------------- ------------------------------ -----------------------
S  MBXCLUS1             RollwardClaim                  7@a \"b\" & $c ü#1

";
    says(&twin, &["/cluster:EXNODE2", "/privproperties"], list);
    says(&twin, &["/priv", "RollwardClaim", "/usedefault"], "");
    let said = twin.on("EXNODE1", "cluster.exe", &["/priv"]);
    assert!(!said.out.contains("RollwardClaim"));
}

#[test]
fn a_move_waits_and_gives_up_before_the_group_is_online() {
    let twin = Twin::new(&pair());
    fails(&twin, &["group", "Cluster Group", "/move:EXNODE2"], 5070, "The cluster node is paused.");
    says(
        &twin,
        &["node", "EXNODE2", "/resume"],
        "\
Listing status for node:

Node           Node ID Status
-------------- ------- ---------------------
EXNODE2              2 Up

",
    );
    fails(&twin, &["node", "EXNODE2", "/resume"], 5058, "The cluster node is not paused.");
    let pending = "Overlapped I/O operation is in progress.";
    fails(&twin, &["group", "Cluster Group", "/moveto:EXNODE2", "/wait:1"], 997, pending);
    let moving = twin.on("EXNODE1", "cluster.exe", &["group", "Cluster Group"]);
    assert!(moving.out.contains("Cluster Group        EXNODE2         Pending\r\n"), "{}", moving.out);
    let there = "\
Listing status for resource group:

Group                Node            Status
-------------------- --------------- ------
Cluster Group        EXNODE1         Online

";
    says(&twin, &["group", "Cluster Group", "/move:EXNODE1", "/wait"], there);
}

#[test]
fn what_cannot_be_asked_says_a_system_error() {
    let twin = Twin::new(&pair());
    fails(&twin, &["group", "Nobody"], 5013, "The cluster group could not be found.");
    fails(&twin, &["/cluster:EXNODE9", "node"], 1722, "The RPC server is unavailable.");
    fails(&twin, &["node", "EXNODE1", "/evict"], 87, "The parameter is incorrect.");
    twin.hand("mbxclus1", "stop-cluster EXNODE2");
    let endpoints = "There are no more endpoints available from the endpoint mapper.";
    fails(&twin, &["/cluster:EXNODE2", "node"], 1753, endpoints);
    twin.hand("mbxclus1", "crash EXNODE2");
    fails(&twin, &["/cluster:EXNODE2", "node"], 1722, "The RPC server is unavailable.");
    let nodes = twin.on("EXNODE1", "cluster.exe", &["node", "EXNODE2"]);
    assert!(nodes.out.contains("EXNODE2              2 Down\r\n"), "{}", nodes.out);
    twin.hand("mbxclus1", "witness down");
    fails(&twin, &["node"], 1753, endpoints);
}

#[test]
fn the_way_in_is_that_of_openssh() {
    let twin = Twin::new(&pair());
    let asked = ["-F", "config", "-o", "BatchMode=yes", "--", "ops@exnode1", "cluster.exe", "node"];
    assert!(twin.on("", "ssh", &asked).out.contains("EXNODE1              1 Up\r\n"));
    twin.hand("mbxclus1", "crash EXNODE1");
    let dead = twin.on("", "ssh", &asked);
    assert_eq!((dead.code, &*dead.err), (255, "ssh: connect to host exnode1 port 22: Connection timed out\n"));
    let long = "A".repeat(8192);
    let long = twin.on("", "ssh", &["EXNODE2", "cluster.exe", &long]);
    assert_eq!((long.code, &*long.out), (1, "The command line is too long.\r\n"));
    let unknown = twin.on("", "ssh", &["mgmt1", "bash"]);
    assert!(unknown.err.starts_with("'bash' is not recognized"), "{}", unknown.err);
}

#[test]
fn tools_can_speak_german_and_be_cut_short_and_fail() {
    let faults = json!({"faults": [
        {"of": "cluster.exe", "asked": "node", "it": "speaksGerman"},
        {"of": "cluster.exe", "asked": "group", "it": "isCutShort"},
        {"of": "cluster.exe", "asked": "res", "it": {"endsWith": {"code": 5, "saying": "Zugriff verweigert"}}},
        {"of": "ssh", "on": "EXNODE2", "it": {"endsWith": {"code": 255, "saying": "Permission denied (publickey)."}}},
    ]});
    let twin = Twin::with(&pair(), faults);
    let german = "\
Der Status aller verfügbaren Knoten wird aufgelistet:

Knoten         Kennung Status
-------------- ------- ---------------------
EXNODE2              2 Angehalten
EXNODE1              1 Aktiv

";
    says(&twin, &["node"], german);
    let cut = twin.on("EXNODE1", "cluster.exe", &["group"]);
    assert!(cut.code == 0 && cut.out.contains("Group ") && !cut.out.ends_with('\n'), "{}", cut.out);
    let denied = twin.on("EXNODE1", "cluster.exe", &["res"]);
    assert_eq!((denied.code, &*denied.out), (5, "Zugriff verweigert\r\n"));
    assert_eq!(twin.on("", "ssh", &["EXNODE2", "cluster.exe"]).err, "Permission denied (publickey).\n");
}

const SHELL: [&str; 3] = ["-NoProfile", "-NonInteractive", "-EncodedCommand"];

/// PowerShell takes its command as base64 of little-endian UTF-16.
fn encoded(command: &str) -> String {
    let bytes: Vec<u8> = command.encode_utf16().flat_map(u16::to_le_bytes).collect();
    base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes)
}

#[test]
#[should_panic(expected = "the command is not the bootstrap")]
fn powershell_runs_nothing_but_the_bootstrap() {
    let command = encoded("Get-Process");
    Twin::new(&pair()).on("mgmt1", "powershell.exe", &[&SHELL[..], &[&command]].concat());
}

#[test]
#[should_panic(expected = "without -NonInteractive")]
fn powershell_must_not_be_able_to_ask() {
    Twin::new(&pair()).on("mgmt1", "powershell.exe", &["-NoProfile", "-EncodedCommand", &encoded("")]);
}

/// A request with this script's text, to the driver's own bootstrap.
fn asked(text: &str) -> Said {
    let twin = Twin::new(&pair());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/drivers/exchange2007/scripts");
    let command = encoded(&std::fs::read_to_string(folder.join("bootstrap.ps1")).unwrap());
    let script = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text);
    let request = format!("rollward-request\t1\tcluster\nscript\t{script}\ninput\tserver\tEXNODE1\nend\t3\n");
    twin.told("mgmt1", "powershell.exe", &[&SHELL[..], &[&command]].concat(), &request)
}

#[test]
#[should_panic(expected = "does not name '/priv', from which the twin answers")]
fn powershell_answers_from_nothing_that_the_script_does_not_ask() {
    asked(
        "Ask-Native 'cluster.exe' @('/cluster:' + $server, 'node', 'group', 'resource')  # '/cluster:' + $server 'node' 'group' 'resource'",
    );
}

#[test]
fn powershell_answers_a_script_in_the_wire_form() {
    let answer = asked("'cluster.exe' '/cluster:' + $server 'node' 'group' 'resource' '/priv'").out;
    let lines: Vec<&str> = answer.lines().collect();
    assert_eq!(lines[0], "rollward-answer\t1\tcluster");
    assert!(lines.contains(&"raw\tnode:EXNODE1\t0\tEXNODE1              1 Up"), "{answer}");
    assert_eq!(*lines.last().unwrap(), format!("end\t{}", lines.len() - 1));
}
