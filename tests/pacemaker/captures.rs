//! States that a real cluster was put into, one by one: what `crm_mon` printed on the nodes then is in
//! `tests/pacemaker/captures/`, without the history of operations. Each becomes a snapshot, in which all else is what
//! an idle cluster of three stale nodes answers.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use super::{compare, folder, told};

/// A node that does not answer.
pub(super) const OFF: &str = "";

/// The states, and what n1, n2 and n3 see in each: the name of a capture.
const STATES: &[(&str, [&str; 3])] = &[
    ("no-resources", ["all-online-empty"; 3]),
    ("one-group", ["one-group"; 3]),
    ("two-groups", ["two-groups"; 3]),
    ("moved-by-hand", ["moved"; 3]),
    ("moved-by-its-member", ["moved-by-member"; 3]),
    ("banned", ["banned"; 3]),
    ("banned-everywhere", ["banned-everywhere"; 3]),
    ("standby", ["standby"; 3]),
    ("standby-until-reboot", ["standby-reboot"; 3]),
    ("moved-to-a-standby-node", ["moved-to-standby"; 3]),
    ("failed-and-recovered", ["failed-recovered"; 3]),
    ("start-failed-elsewhere", ["start-failed-elsewhere"; 3]),
    ("member-disabled", ["partial-group-disabled"; 3]),
    ("member-failed", ["partial-group-failed"; 3]),
    ("stop-failed", ["stop-failed-blocked"; 3]),
    ("orphan", ["orphan"; 3]),
    ("unmanaged", ["unmanaged"; 3]),
    ("maintenance-mode", ["maintenance-mode"; 3]),
    ("maintenance-of-a-node", ["maintenance-node"; 3]),
    ("promotable", ["promotable-clone"; 3]),
    ("stopping", ["slow-stopping"; 3]),
    ("starting", ["slow-starting"; 3]),
    ("service-stopped", ["crm_mon-on-stopped", "one-offline-clean", "one-offline-clean"]),
    ("one-killed", ["one-killed", OFF, "one-killed"]),
    ("cut-off-just-now", ["isolated-early-minority", "isolated-early-majority", "isolated-early-majority"]),
    ("cut-off", ["isolated-minority", "isolated-majority", "isolated-majority"]),
    ("minority-won", ["healed"; 3]),
    ("no-quorum", ["no-quorum", OFF, OFF]),
    ("controld-killed", ["controld-killed-early"; 3]),
    ("controld-back", ["controld-respawned"; 3]),
    ("pacemakerd-killed", ["pacemakerd-killed-other", "pacemakerd-killed", "pacemakerd-killed-other"]),
    ("corosync-killed", ["corosync-killed-other", "corosync-killed-other", "corosync-killed"]),
    ("unclean", [OFF, "unclean", "unclean"]),
    ("fencing-confirmed-by-hand", [OFF, "confirmed", "confirmed"]),
    ("fenced", ["fenced", OFF, "fenced"]),
    ("out-of-reach", [OFF, "mgmt-isolated-seen-by-other", "mgmt-isolated-seen-by-other"]),
];

/// Constraints that the store had in a state, as far as they were captured.
const CONSTRAINTS: &[(&str, &str)] = &[
    (
        "moved-by-hand",
        r#"<rsc_location id="cli-prefer-g_mail" rsc="g_mail" role="Started" node="n3" score="INFINITY"/>"#,
    ),
    (
        "minority-won",
        r#"<rsc_location id="cli-prefer-g_mail" rsc="g_mail" role="Started" node="n3" score="INFINITY"/>"#,
    ),
];

fn capture(name: &str) -> String {
    fs::read_to_string(folder().join(format!("captures/{name}.xml"))).unwrap()
}

pub(super) fn snapshot_of(file: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(folder().join(file)).unwrap()).unwrap()
}

/// The snapshot of a state.
pub(super) fn snapshot(state: &str, seen: &[&str; 3]) -> Value {
    let (idle, without_n2) = (snapshot_of("converged.json"), snapshot_of("one-killed.json"));
    let constraints: BTreeMap<_, _> = CONSTRAINTS.iter().copied().collect();
    let constraints = constraints.get(state).copied().unwrap_or_default();
    let store = capture("cib").replace("<constraints/>", &format!("<constraints>{constraints}</constraints>"));
    let mut raw = serde_json::Map::new();
    for (i, name) in seen.iter().enumerate() {
        let node = format!("n{}", i + 1);
        if *name == OFF {
            let why = format!("{node}: ssh to {node}: connect to host {node} port 22: No route to host");
            raw.insert(node, json!({"failed": why}));
            continue;
        }
        let status = capture(name);
        let mut answers = idle["raw"][&node]["answers"].clone();
        let mut put = |question: &str, exit: i32, out: &str| answers[question] = json!({"exit": exit, "out": out});
        for kept in ["kept.epoch", "kept.verified", "kept.work", "staged"] {
            put(kept, 0, "");
        }
        put("packages", 0, "mailstore\t1.0\tii \n");
        put("store", 0, &store);
        put("status", if status.contains(r#"status code="102""#) { 102 } else { 0 }, &status);
        match *name {
            "crm_mon-on-stopped" => put("services", 3, "inactive\ninactive"),
            "pacemakerd-killed" => put("services", 3, "active\nfailed"),
            "corosync-killed" => put("services", 3, "inactive\nactive"),
            _ => {}
        }
        match status.matches(r#" online="true""#).count() {
            3 => {}
            2 => {
                let said = without_n2["raw"]["n1"]["answers"]["quorum"]["out"].as_str().unwrap();
                let own = said.replace("Node ID:          1", &format!("Node ID:          {}", i + 1));
                put("quorum", 0, &own);
            }
            1 => put("quorum", 2, "Quorate:          No\n"),
            _ => {
                put("quorum", 1, "");
                put("store", 102, "");
            }
        }
        raw.insert(node, json!({"answers": answers}));
    }
    json!({"driver": "pacemaker", "cluster": "lab", "at": idle["at"], "raw": raw})
}

#[test]
fn states_of_real_clusters_protect_what_they_must() {
    let home = tempfile::tempdir().unwrap();
    let mut wrong = String::new();
    for (state, seen) in STATES {
        let file = home.path().join(format!("{state}.json"));
        fs::write(&file, snapshot(state, seen).to_string()).unwrap();
        let told = told(file.to_str().unwrap(), "captures/two-groups.yaml", home.path());
        wrong += &compare(&folder().join(format!("captures/{state}.expected")), &told);
    }
    assert!(wrong.is_empty(), "{wrong}");
}
