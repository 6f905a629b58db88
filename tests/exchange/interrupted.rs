//! Rolls in which what rests on one process, one connection or one mind ends in the middle.

use serde_json::{Value, json};

use super::host::{Daemon, Twin};
use super::rolls::{assert_rolled, changed, estate, offline, rolls};

const PAIR: &str = "mbx-ccr-01";

/// What is so of a node of the pair.
fn node(twin: &Twin, name: &str) -> Value {
    twin.truth()[PAIR]["nodes"][name].clone()
}

/// That this is at work on a node, in the world.
fn works(twin: &Twin, name: &str, action: &str) -> Option<()> {
    node(twin, name)["work"].as_str().filter(|work| work.starts_with(action)).map(|_| ())
}

/// Rolls to the end with the state as it was left. The world counts the handoffs.
#[track_caller]
fn ends(twin: &Twin, handoffs: u64) {
    let report = twin.asked(&["run", &twin.declare(), "--until-converged", "--timeout", "3m"]);
    let truth = assert_rolled(twin, &report);
    assert_eq!(truth[PAIR]["roles"]["MBX1"]["handoffs"], handoffs, "{truth:#?}");
}

#[test]
fn a_daemon_that_is_killed_again_and_again_loses_nothing() {
    let twin = estate("ccr/pair.yaml");
    // Each moment, or what comes after it: on a busy machine it may be over before anybody looks.
    let updated = |name: &str| node(&twin, name)["version"] == "8.3.279.6";
    let owner = |group: &str| twin.truth()[PAIR]["groups"][group]["owner"].clone();
    let moments: [(&str, &dyn Fn() -> bool); 7] = [
        ("an announcement", &|| twin.truth()[PAIR]["properties"].to_string().contains("RollwardMark")),
        ("a pause", &|| node(&twin, "EXNODE2")["paused"] == "controller" || updated("EXNODE2")),
        ("a move", &|| owner("Cluster Group") == "EXNODE1" || updated("EXNODE2")),
        ("an install", &|| works(&twin, "EXNODE2", "Install").is_some() || updated("EXNODE2")),
        ("an update", &|| updated("EXNODE2")),
        ("a handoff", &|| works(&twin, "EXNODE1", "Handoff").is_some() || owner("MBX1") == "EXNODE2"),
        ("an install on the other node", &|| works(&twin, "EXNODE1", "Install").is_some() || updated("EXNODE1")),
    ];
    for (what, comes) in moments {
        let daemon = Daemon::start(&twin, "state");
        twin.wait_until(what, || comes().then_some(()));
        daemon.kill();
    }
    ends(&twin, 1);
    // Whoever began it, and whoever was there as it ended: the record tells of each once.
    let history = twin.asked(&["history", PAIR, "--kind", "outcome", "--limit", "1000"]);
    let ended = |word: &str| {
        let all = history["clusters"][0]["entries"].as_array().unwrap().iter();
        all.filter(|line| line["action"]["action"] == word && line["failure"].is_null()).count()
    };
    assert_eq!((ended("Handoff"), ended("Install")), (1, 2), "{history:#}");
}

#[test]
fn a_daemon_that_loses_its_state_in_an_offline_handoff_is_taken_over_from() {
    let twin = offline();
    let truth = || twin.truth()["mbx-ccr-39"].clone();
    let daemon = Daemon::start(&twin, "state");
    twin.wait_until("a stopped role", || (truth()["groups"]["MBX1"]["wanted"] == false).then_some(()));
    daemon.kill();
    std::fs::remove_dir_all(twin.path("state")).unwrap();
    let manifests = twin.declare();
    assert_eq!(twin.rollward(&["takeover", "mbx-ccr-39", "--manifests", &manifests]).code, 0);
    let report = twin.asked(&["run", &manifests, "--until-converged", "--timeout", "3m"]);
    assert_rolled(&twin, &report);
    assert_eq!(truth()["roles"]["MBX1"]["handoffs"], 1);
}

#[test]
fn a_second_daemon_is_held_while_the_first_acts() {
    let twin = estate("ccr/pair.yaml");
    let first = Daemon::start(&twin, "state");
    twin.wait_until("a pause", || (node(&twin, "EXNODE2")["paused"] == "controller").then_some(()));
    let second = twin.rollward_as("second", &["run", &twin.declare(), "--until-converged", "--timeout", "5s"]);
    assert_eq!(second.code, 3, "{}{}", second.out, second.err);
    assert!(second.out.contains("fence"), "{}{}", second.out, second.err);
    let ended = first.ends();
    assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
    ends(&twin, 1);
}

#[test]
fn an_order_whose_leave_is_lost_is_taken_back() {
    // The connection dies between the announcement and the leave: the worker gives up, and the next order finds nothing.
    let twin = estate("ccr/pair.yaml");
    let lost = json!({"endsWith": {"code": 255, "saying": "client_loop: send disconnect: Broken pipe"}});
    twin.troubles(json!([{"of": "powershell.exe", "asked": "leave", "times": 2, "it": lost}]), 3);
    rolls(&twin, 1);
}

#[test]
fn a_worker_that_is_killed_in_an_install_is_seen_as_cut_off() {
    let twin = estate("ccr/pair.yaml");
    let daemon = Daemon::start(&twin, "state");
    twin.wait_until("an install", || works(&twin, "EXNODE2", "Install"));
    twin.kill(twin.worker("EXNODE2"));
    let ended = daemon.ends();
    assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
    ends(&twin, 1);
}

#[test]
fn a_group_that_a_person_moves_under_the_installer_ends_it_before_the_cluster_service() {
    // The installer looks around for a while before it stops anything.
    let twin = changed("ccr/pair.yaml", &[("install: 8m", "install: 40h")]);
    let daemon = Daemon::start(&twin, "state");
    twin.wait_until("an install", || works(&twin, "EXNODE2", "Install"));
    twin.hand(PAIR, "resume EXNODE2");
    twin.hand(PAIR, "move \"Cluster Group\" to EXNODE2");
    twin.wait_until("the end of the installer", || node(&twin, "EXNODE2")["work"].is_null().then_some(()));
    daemon.kill();
    let truth = twin.truth()[PAIR].clone();
    assert_eq!(truth["violations"], json!([]), "{truth:#}");
    assert_eq!(truth["nodes"]["EXNODE2"]["version"], "8.3.264.0");
    let work = std::fs::read_to_string(twin.path("hosts/EXNODE2/C/rollward/kept/work")).unwrap();
    assert!(work.contains("Cluster Group came to this node while the installer ran"), "{work}");
}

#[test]
fn a_machine_that_dies_in_its_install_is_gone_on_with() {
    let twin = changed(
        "ccr/pair.yaml",
        &[(
            "reboot: 4m}\n",
            "reboot: 4m}\n      faults: [{on: {action: Install, node: EXNODE2, attempt: 1}, kind: nodeCrash, for: 10m}]\n",
        )],
    );
    ends(&twin, 1);
}
