//! What goes wrong in practice where one acts: the reference's list again, each trouble in a whole roll through the twin.
//! What a look alone shows of it is in `practice`.

use serde_json::{Value, json};

use super::host::{Daemon, Twin};
use super::rolls::{changed, offline, rolls};

const PAIR: &str = "mbx-ccr-01";

/// The pair, with this fault in its world.
#[track_caller]
fn with_fault(fault: &str) -> Twin {
    changed("ccr/pair.yaml", &[("reboot: 4m}\n", &format!("reboot: 4m}}\n      faults: [{{{fault}}}]\n"))])
}

/// The lines that a node keeps in a file.
fn kept(twin: &Twin, node: &str, file: &str) -> Vec<String> {
    let text = std::fs::read_to_string(twin.path(&format!("hosts/{node}/C/rollward/kept/{file}")));
    text.unwrap_or_default().lines().map(str::to_owned).collect()
}

fn truth(twin: &Twin) -> Value {
    twin.truth()[PAIR].clone()
}

#[test]
fn p01_a_group_that_comes_back_before_setup_is_seen_by_the_node_itself() {
    // A person moves the default group to the node that was emptied, again and again; setup never runs on it with a group.
    let twin = changed("ccr/pair.yaml", &[]);
    let daemon = Daemon::start(&twin, "state");
    for _ in 0..2 {
        twin.wait_until("an empty node", || {
            let truth = truth(&twin);
            let empty = truth["nodes"]["EXNODE2"]["paused"] == "controller"
                && truth["groups"]["Cluster Group"]["owner"] == "EXNODE1";
            (empty || truth["nodes"]["EXNODE2"]["version"] == "8.3.279.6").then_some(())
        });
        // Nobody can move it to a paused node, not even a person.
        let moved = twin.on("EXNODE1", "cluster.exe", &["group", "Cluster Group", "/move:EXNODE2"]);
        assert!([0, 5070].contains(&moved.code), "{} {}", moved.code, moved.out);
    }
    let ended = daemon.ends();
    assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
    assert_eq!(truth(&twin)["violations"], json!([]));
}

#[test]
fn p03_a_retry_takes_no_disabled_service_for_normal() {
    let twin = with_fault(
        "on: {action: Install, node: EXNODE2, attempt: 1}, kind: installFails, exitCode: 1603, leavesDisabled: true",
    );
    rolls(&twin, 1);
    // What was noted before the first try is what was restored after it, and it is forgotten when the node is healthy.
    assert!(kept(&twin, "EXNODE2", "services").is_empty());
    assert_eq!(kept(&twin, "EXNODE2", "tries"), [] as [String; 0]);
}

#[test]
fn p04_services_that_somebody_left_disabled_keep_roles_away_though_all_else_is_healthy() {
    // Health cmdlets take a disabled service for one that need not run: what counts is the registry, before any handoff.
    // That it is disabled is a person's doing, or another setup's: a person mends it.
    let was = "EXNODE2: {version: 8.3.264.0, owns: [Cluster Group]}";
    let left = "EXNODE2: {version: 8.3.279.6, owns: [Cluster Group], services: {MSExchangeSearch: \"disabled, was automatic\"}}";
    let twin = changed("ccr/pair.yaml", &[(was, left)]);
    let manifests = twin.declare();
    let held = twin.rollward(&["run", &manifests, "--until-converged", "--timeout", "3m"]);
    assert_eq!(held.code, 3, "{}{}", held.out, held.err);
    assert!(held.out.contains("MSExchangeSearch disabled"), "{}", held.out);
    assert_eq!(truth(&twin)["roles"]["MBX1"]["handoffs"], 0);
    twin.hand(PAIR, "enable-services EXNODE2");
    rolls(&twin, 1);
}

#[test]
fn p06_a_handoff_waits_until_no_copy_is_initializing() {
    // It takes longer than everything else: who does not wait is refused by the cmdlet, and counts a failed handoff.
    let twin = changed("ccr/pair.yaml", &[("reboot: 4m}", "reboot: 4m, copyHealthy: 30m}")]);
    rolls(&twin, 1);
    assert_eq!(kept(&twin, "EXNODE1", "handoffs"), [] as [String; 0]);
}

#[test]
fn p07_databases_that_a_late_failure_left_dismounted_are_mounted() {
    let twin = with_fault("on: {action: Handoff, attempt: 1}, kind: moveFailsLate");
    rolls(&twin, 1);
}

#[test]
fn p08_a_role_that_was_stopped_to_be_handed_over_is_started_whoever_comes_next() {
    let twin = offline();
    let stopped = || twin.truth()["mbx-ccr-39"]["groups"]["MBX1"]["wanted"] == false;
    let daemon = Daemon::start(&twin, "state");
    twin.wait_until("a stopped role", || stopped().then_some(()));
    daemon.kill();
    // And in the middle of the move: it is one of this roll's handoffs, though nobody looks as it ends.
    let daemon = Daemon::start(&twin, "state");
    let truth = || twin.truth()["mbx-ccr-39"].clone();
    let works = |truth: &Value| truth["nodes"]["EXNODE1"]["work"].as_str().is_some_and(|w| w.starts_with("Handoff"));
    let is_over = |truth: &Value| truth["groups"]["MBX1"]["owner"] == "EXNODE2" && !works(truth);
    twin.wait_until("the move", || Some(truth()).filter(|truth| works(truth) || is_over(truth)));
    daemon.kill();
    twin.wait_until("its end", || Some(truth()).filter(is_over));
    rolls(&twin, 1);
    assert!(!stopped());
}

#[test]
fn p09_a_move_that_is_over_before_its_group_is_online_is_waited_for() {
    // `/move` gives up waiting long before.
    let twin = with_fault("on: {action: MoveGroup}, kind: slowMove, factor: 200");
    rolls(&twin, 1);
}

#[test]
fn p10_a_group_that_fails_back_by_itself_does_not_come_under_the_installer() {
    let twin = changed(
        "ccr/pair.yaml",
        &[("copyQueueLength: 0}\n", "copyQueueLength: 0}\n        Cluster Group: {failbackTo: EXNODE2}\n")],
    );
    rolls(&twin, 1);
}

#[test]
fn p13_an_install_outlives_the_connection_that_began_it() {
    // Setup stops what remote control rests on: every way to the node is cut from the begin of the install to its end.
    let twin = changed("ccr/pair.yaml", &[]);
    let daemon = Daemon::start(&twin, "state");
    let version = || truth(&twin)["nodes"]["EXNODE2"]["version"].clone();
    twin.wait_until("an install", || {
        truth(&twin)["nodes"]["EXNODE2"]["work"].as_str().filter(|work| work.starts_with("Install")).map(|_| ())
    });
    let cut = json!({"endsWith": {"code": 255, "saying": "ssh: connect to host EXNODE2 port 22: Connection refused"}});
    twin.troubles(json!([{"of": "ssh", "on": "EXNODE2", "it": cut}]), 60);
    twin.wait_until("the update", || (version() == "8.3.279.6").then_some(()));
    twin.troubles(json!([]), 60);
    let ended = daemon.ends();
    assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
    assert_eq!(truth(&twin)["violations"], json!([]));
}

#[test]
fn p14_copies_that_setup_suspended_are_resumed() {
    let twin = with_fault("on: {action: Install, node: EXNODE2, attempt: 1}, kind: replicationSuspended");
    rolls(&twin, 1);
}

#[test]
fn p15_a_pause_of_ours_is_ended_by_whoever_comes_next() {
    let twin = changed("ccr/pair.yaml", &[]);
    let daemon = Daemon::start(&twin, "state");
    twin.wait_until("a pause", || (truth(&twin)["nodes"]["EXNODE2"]["paused"] == "controller").then_some(()));
    daemon.kill();
    twin.wait_until("the end of what runs", || (truth(&twin)["nodes"]["EXNODE2"]["locked"] == false).then_some(()));
    rolls(&twin, 1);
}

#[test]
fn p16_a_move_that_does_not_succeed_is_tried_again_and_its_role_serves_meanwhile() {
    let twin = with_fault("on: {action: Handoff, attempt: 1}, kind: moveFails");
    rolls(&twin, 1);
    let outage = truth(&twin)["roles"]["MBX1"]["outageSeconds"].as_u64().unwrap();
    assert!(outage < 900, "{outage} s");
}

#[test]
fn p17_nothing_is_written_outside_our_own_folder() {
    // What people have customised, setup overwrites; we add nothing to that.
    let twin = changed("ccr/pair.yaml", &[]);
    rolls(&twin, 1);
    for node in ["EXNODE1", "EXNODE2"] {
        let top = std::fs::read_dir(twin.path(&format!("hosts/{node}"))).unwrap();
        let mut top: Vec<_> = top.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        top.sort();
        assert_eq!(top, ["C", "_MSIExecute"], "{node}");
        let drive = std::fs::read_dir(twin.path(&format!("hosts/{node}/C"))).unwrap();
        let drive: Vec<_> = drive.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        assert_eq!(drive, ["rollward"], "{node}");
    }
}
