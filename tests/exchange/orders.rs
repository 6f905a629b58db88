//! What the twin does when it is acted on: orders, their workers, installers, by its tools alone.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::host::{FILE, Twin};

/// A pair in which everything goes a hundred times as fast, with the default group on the passive node.
fn pair(added: &str) -> Twin {
    let text = super::look::pair();
    assert!(text.contains("seed: 7\n"));
    Twin::with(&text.replace("seed: 7\n", &format!("seed: 7\n      exact: true\n{added}")), json!({"timeScale": 200}))
}

/// Everything that an order's script must name for the twin to answer in its place.
const TEXT: &str = "Add-PSSnapin Microsoft.Exchange.Management.PowerShell.Admin Move-ClusteredMailboxServer -TargetMachine \
    -MoveComment -ValidateOnly -IgnoreDismounted Stop-ClusteredMailboxServer -StopReason Start-ClusteredMailboxServer \
    -Confirm:$false Mount-Database Resume-StorageGroupCopy 'msiexec.exe' '/qn' '/norestart' '/l*v' 'shutdown.exe' \
    '/usedefault' 'orders' 'packages' 'kept'";

/// The number of the last order: each has a name of its own.
static ORDERS: AtomicU32 = AtomicU32::new(0);

fn id() -> String {
    format!("{:016x}", ORDERS.fetch_add(1, Ordering::Relaxed))
}

const MARK: &str = "RollwardMark0123456789abcdef";

/// Asks a machine by a script of this name.
#[track_caller]
fn ask(twin: &Twin, machine: &str, name: &str, inputs: &[(&str, &str)]) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/drivers/exchange2007/scripts");
    let command = std::fs::read_to_string(folder.join("bootstrap.ps1")).unwrap();
    let command = STANDARD.encode(command.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
    let mut lines = vec![format!("rollward-request\t1\t{name}"), format!("script\t{}", STANDARD.encode(TEXT))];
    lines.extend(inputs.iter().map(|(key, value)| format!("input\t{key}\t{}", value.replace('%', "%25"))));
    lines.push(format!("end\t{}", lines.len()));
    let args = ["-NoProfile", "-NonInteractive", "-EncodedCommand", &command];
    let said = twin.told(machine, "powershell.exe", &args, &(lines.join("\n") + "\n"));
    said.out.lines().map(str::to_owned).collect()
}

/// Begins an order on a node with these steps, with what failures of it are counted as.
#[track_caller]
fn begin(twin: &Twin, id: &str, node: &str, counts: &str, steps: &[&str]) -> Vec<String> {
    let inputs = [
        ("folder", r"C:\rollward"),
        ("id", id),
        ("epoch", "3"),
        ("holder", "rollward"),
        ("patience", "60"),
        ("server", node),
        // It may be down, as after an installer.
        ("server", if node == "EXNODE1" { "EXNODE2" } else { "EXNODE1" }),
        ("name", MARK),
        ("value", "announced"),
        ("node", node),
        ("work", "{}"),
        ("counts", counts),
    ];
    let given = inputs.iter().copied().filter(|(_, value)| !value.is_empty());
    let inputs: Vec<_> = given.chain(steps.iter().map(|step| ("step", *step))).collect();
    ask(twin, node, "begin", &inputs)
}

#[track_caller]
fn leave(twin: &Twin, id: &str, node: &str, verdict: &str) -> Vec<String> {
    ask(twin, node, "leave", &[("folder", r"C:\rollward"), ("id", id), ("verdict", verdict)])
}

/// Does an order from its begin to its end; what is written of the end: exit code and failure.
#[track_caller]
fn do_all(twin: &Twin, node: &str, counts: &str, steps: &[&str]) -> (String, String) {
    let id = id();
    let said = begin(twin, &id, node, counts, steps);
    assert!(said.contains(&"announced".to_owned()), "{said:?}");
    assert!(leave(twin, &id, node, "go").contains(&"begun".to_owned()));
    let kept = twin.path(&format!("hosts/{node}/C/rollward/kept/work"));
    let ended = twin.wait_until("an end", || {
        let text = std::fs::read_to_string(&kept).ok()?;
        text.lines().nth(2).map(str::to_owned)
    });
    let [_, exit, failure] = ended.split('\t').collect::<Vec<_>>()[..] else { panic!("{ended}") };
    (exit.to_owned(), failure.to_owned())
}

fn properties(twin: &Twin) -> Value {
    twin.truth()["mbx-ccr-01"]["properties"].clone()
}

/// Lays the declared package on a node.
fn lay_package(twin: &Twin, node: &str) {
    let folder = twin.path(&format!("hosts/{node}/C/rollward/packages"));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(FILE), twin.package()).unwrap();
}

#[test]
fn an_order_waits_for_leave_and_takes_its_announcement_back() {
    let (twin, id) = (pair(""), id());
    let steps = ["60 cluster node EXNODE2 /pause", "60 await-node EXNODE2 Paused"];
    assert!(begin(&twin, &id, "EXNODE2", "", &steps).contains(&"announced".to_owned()));
    assert_eq!(properties(&twin), json!({MARK: "announced"}));
    assert_eq!(twin.truth()["mbx-ccr-01"]["nodes"]["EXNODE2"]["locked"], true);
    // Nobody else comes in meanwhile.
    let second = begin(&twin, &self::id(), "EXNODE2", "", &steps);
    assert!(second.iter().any(|line| line.starts_with("refused\tlock")), "{second:?}");
    assert!(leave(&twin, &id, "EXNODE2", "no").contains(&"begun".to_owned()));
    assert_eq!(properties(&twin), json!({}));
    let truth = twin.truth()["mbx-ccr-01"]["nodes"]["EXNODE2"].clone();
    assert_eq!((&truth["locked"], &truth["paused"]), (&json!(false), &Value::Null));
    let late = leave(&twin, &id, "EXNODE2", "go");
    assert!(late.iter().any(|line| line.starts_with("refused\tleave")), "{late:?}");
    assert_eq!(do_all(&twin, "EXNODE2", "", &steps), ("0".into(), String::new()));
    assert_eq!(twin.truth()["mbx-ccr-01"]["nodes"]["EXNODE2"]["paused"], "controller");
}

#[test]
fn an_installer_stops_the_cluster_service_and_the_world_counts_what_it_disturbs() {
    let twin = pair("");
    lay_package(&twin, "EXNODE2");
    let (exit, failure) = do_all(&twin, "EXNODE2", "tries ru8 True", &[&format!("600 install {FILE}")]);
    // The default group is still there: the watcher ends it before the cluster service stops, or the world counts it.
    assert!(failure.contains("Cluster Group came to this node before the installer began"), "{exit} {failure}");
    let tries = std::fs::read_to_string(twin.path("hosts/EXNODE2/C/rollward/kept/tries")).unwrap();
    assert!(tries.starts_with("ru8\t1\t"), "{tries}");
    assert_eq!(twin.truth()["mbx-ccr-01"]["nodes"]["EXNODE2"]["work"], Value::Null);
    let moves = ["60 move-group Cluster%20Group EXNODE1 Online", &format!("600 install {FILE}")];
    lay_package(&twin, "EXNODE2");
    assert_eq!(do_all(&twin, "EXNODE2", "tries ru8 True", &moves), ("0".into(), String::new()));
    let truth = twin.truth()["mbx-ccr-01"].clone();
    assert_eq!(truth["nodes"]["EXNODE2"]["version"], "8.3.279.6");
    assert_eq!(truth["violations"], json!([]), "{truth:#}");
    assert_eq!(std::fs::read_to_string(twin.path("hosts/EXNODE2/C/rollward/kept/tries")).unwrap(), "");
}

#[test]
fn an_installer_that_fails_says_why_in_its_log_and_leaves_services_disabled() {
    let fault = "      faults: [{on: {action: Install, attempt: 1}, kind: installFails, exitCode: 1603, leavesDisabled: true}]\n";
    let twin = pair(fault);
    lay_package(&twin, "EXNODE2");
    let steps = ["60 move-group Cluster%20Group EXNODE1 Online", "60 baseline", &format!("600 install {FILE}")];
    let (exit, failure) = do_all(&twin, "EXNODE2", "", &steps);
    assert_eq!(exit, "1603");
    assert_eq!(failure, "msiexec 1603: at CA_RunSetup");
    let disabled = || twin.truth()["mbx-ccr-01"]["nodes"]["EXNODE2"]["disabled"].clone();
    assert_eq!(disabled(), json!(["MSExchangeIS", "MSExchangeRepl", "MSExchangeSA"]));
    assert_eq!(do_all(&twin, "EXNODE2", "", &["60 services"]).1, "");
    assert_eq!(disabled(), json!([]));
}

#[test]
fn a_package_that_is_not_there_or_another_is_refused_by_its_code() {
    let twin = pair("");
    let one = |exit: &str| {
        let install = format!("600 install {FILE}");
        assert_eq!(do_all(&twin, "EXNODE2", "", &["60 move-group Cluster%20Group EXNODE1 Online", &install]).0, exit);
    };
    one("1619");
    lay_package(&twin, "EXNODE2");
    std::fs::write(twin.path(&format!("hosts/EXNODE2/C/rollward/packages/{FILE}")), "another").unwrap();
    one("1636");
    twin.hand("mbx-ccr-01", "install-interim EXNODE2 KB2000001");
    lay_package(&twin, "EXNODE2");
    one("1603");
}

#[test]
fn a_worker_that_is_killed_leaves_a_free_lock_and_no_end_and_its_installer_goes_on() {
    let (twin, id) = (pair(""), id());
    lay_package(&twin, "EXNODE2");
    let steps = ["60 move-group Cluster%20Group EXNODE1 Online", &format!("600 install {FILE}")];
    assert!(begin(&twin, &id, "EXNODE2", "tries ru8 True", &steps).contains(&"announced".to_owned()));
    let worker = twin.worker("EXNODE2");
    let leaves = std::thread::scope(|scope| {
        let leaves = scope.spawn(|| leave(&twin, &id, "EXNODE2", "go"));
        twin.wait_until("an installer", || {
            twin.truth()["mbx-ccr-01"]["nodes"]["EXNODE2"]["work"]
                .as_str()
                .filter(|work| work.contains("Install"))
                .map(|_| ())
        });
        twin.kill(worker);
        leaves.join().unwrap()
    });
    assert!(leaves.contains(&"begun".to_owned()), "{leaves:?}");
    let truth = twin.truth()["mbx-ccr-01"]["nodes"]["EXNODE2"].clone();
    assert_eq!(truth["locked"], false);
    let kept = std::fs::read_to_string(twin.path("hosts/EXNODE2/C/rollward/kept/work")).unwrap();
    assert_eq!(kept.lines().count(), 2, "{kept}");
    twin.wait_until("the update", || {
        (twin.truth()["mbx-ccr-01"]["nodes"]["EXNODE2"]["version"] == "8.3.279.6").then_some(())
    });
    // The next one counts what nobody wrote an end of.
    assert_eq!(properties(&twin), json!({MARK: "announced"}));
    twin.on("EXNODE1", "cluster.exe", &["/priv", MARK, "/usedefault"]);
    do_all(&twin, "EXNODE2", "", &["60 await-node EXNODE2 Up"]);
    let tries = std::fs::read_to_string(twin.path("hosts/EXNODE2/C/rollward/kept/tries")).unwrap();
    assert!(tries.starts_with("ru8\t1\t"), "{tries}");
}

#[test]
fn an_installer_that_is_killed_installs_no_more() {
    let twin = pair("");
    lay_package(&twin, "EXNODE2");
    let steps = ["60 move-group Cluster%20Group EXNODE1 Online", &format!("600 install {FILE}")];
    let ended = std::thread::scope(|scope| {
        let ends = scope.spawn(|| do_all(&twin, "EXNODE2", "", &steps));
        twin.wait_until("services", || {
            let truth = twin.truth()["mbx-ccr-01"]["nodes"]["EXNODE2"].clone();
            (truth["service"] == "Stopped").then_some(())
        });
        let pid = twin.installer("EXNODE2");
        twin.kill(pid);
        ends.join().unwrap()
    });
    assert_eq!(ended.1, "somebody has ended msiexec");
    let truth = twin.truth()["mbx-ccr-01"]["nodes"]["EXNODE2"].clone();
    assert_eq!((&truth["version"], &truth["work"]), (&json!("8.3.264.0"), &Value::Null));
    assert_eq!(truth["disabled"], json!(["MSExchangeIS", "MSExchangeRepl", "MSExchangeSA"]));
}

#[test]
fn a_machine_that_dies_takes_its_processes_along() {
    let (twin, id) = (pair(""), id());
    assert!(begin(&twin, &id, "EXNODE2", "", &["60 await-node EXNODE2 Nowhere"]).contains(&"announced".to_owned()));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(300));
            twin.hand("mbx-ccr-01", "crash EXNODE2 for 5m");
        });
        // The way in is cut with everything else.
        leave(&twin, &id, "EXNODE2", "go");
    });
    twin.wait_until("the machine", || (twin.truth()["mbx-ccr-01"]["nodes"]["EXNODE2"]["up"] == true).then_some(()));
    assert_eq!(twin.truth()["mbx-ccr-01"]["nodes"]["EXNODE2"]["locked"], false);
    let kept = std::fs::read_to_string(twin.path("hosts/EXNODE2/C/rollward/kept/work")).unwrap();
    assert_eq!(kept.lines().count(), 2, "{kept}");
}

#[test]
fn a_role_is_handed_over_by_the_cmdlets_and_stopped_and_started() {
    let twin = pair("");
    let role = || twin.truth()["mbx-ccr-01"]["groups"]["MBX1"].clone();
    let handoff = ["600 handoff MBX1 EXNODE2 Online why"];
    assert_eq!(do_all(&twin, "EXNODE1", "handoffs MBX1 True", &handoff).1, "");
    assert_eq!((&role()["owner"], &role()["state"]), (&json!("EXNODE2"), &json!("online")));
    // The copy that was left is not healthy at once.
    let back = do_all(&twin, "EXNODE2", "handoffs MBX1 True", &["600 handoff MBX1 EXNODE1 Online why"]).1;
    assert!(back.contains("Replication of 'MBX1' to 'EXNODE1' is not healthy: Initializing"), "{back}");
    let handoffs = std::fs::read_to_string(twin.path("hosts/EXNODE2/C/rollward/kept/handoffs")).unwrap();
    assert!(handoffs.starts_with("MBX1\t1\t"), "{handoffs}");
    assert_eq!(do_all(&twin, "EXNODE2", "", &["600 stop MBX1 EXNODE2 why"]).1, "");
    assert_eq!((&role()["state"], &role()["wanted"]), (&json!("offline"), &json!(false)));
    assert_eq!(do_all(&twin, "EXNODE2", "", &["600 start MBX1 EXNODE2"]).1, "");
    assert_eq!(role()["state"], "online");
    assert_eq!(twin.truth()["mbx-ccr-01"]["roles"]["MBX1"]["handoffs"], 1);
}

#[test]
fn a_reboot_writes_no_end_and_is_seen_by_another_start() {
    let (twin, id) = (pair(""), id());
    assert!(
        begin(&twin, &id, "EXNODE2", "", &["60 move-group Cluster%20Group EXNODE1 Online", "60 reboot"])
            .contains(&"announced".to_owned())
    );
    leave(&twin, &id, "EXNODE2", "go");
    let up = || twin.truth()["mbx-ccr-01"]["nodes"]["EXNODE2"]["up"].clone();
    twin.wait_until("it goes down", || (up() == false).then_some(()));
    twin.wait_until("it comes up", || (up() == true).then_some(()));
    let kept = std::fs::read_to_string(twin.path("hosts/EXNODE2/C/rollward/kept/work")).unwrap();
    assert_eq!(kept.lines().count(), 2, "{kept}");
    assert_eq!(twin.truth()["mbx-ccr-01"]["violations"], json!([]));
}
