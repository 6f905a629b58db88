//! The sheet for the night, of clusters in which something of ours was left: captures, with marks put into their store.
//! `UPDATE_EXPECTED=1 cargo test pacemaker::sheets` writes down what is expected.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::captures::{OFF, snapshot};
use super::{compare, folder, rollward};

/// Something of ours in the store: what it is about, and its value.
pub(super) type Mark = (&'static str, Value);

/// A claim, a mark of each kind that is named, and the constraint of a move, in the store of every node that answers.
pub(super) fn with_marks(mut snapshot: Value, marks: &[Mark], constraint: &str) -> Value {
    let set = |id: &str, name: &str, value: &str| {
        let value = value.replace('&', "&amp;").replace('"', "&quot;");
        format!(
            r#"<cluster_property_set id="{id}"><nvpair id="{id}-value" name="{name}" value="{value}"/></cluster_property_set>"#
        )
    };
    let mut sets = set("rollward-claim", "rollward-claim", "7@ops:/var/lib/rollward#41");
    for (about, kind) in marks {
        let mark = json!({"kind": kind, "epoch": 7, "holder": "ops:/var/lib/rollward", "at": "2026-11-22T15:30:00Z"});
        sets += &set(&id(about), &id(about), &mark.to_string());
    }
    for node in snapshot["raw"].as_object_mut().unwrap().values_mut() {
        let Some(store) = node.pointer_mut("/answers/store/out") else { continue };
        let text = store.as_str().unwrap().replace("</crm_config>", &format!("{sets}</crm_config>"));
        *store =
            text.replace("<constraints></constraints>", &format!("<constraints>{constraint}</constraints>")).into();
    }
    snapshot
}

/// As a mark about this is called in the store.
fn id(about: &str) -> String {
    let hash = Sha256::digest(about.as_bytes());
    let digits: String = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("rollward-mark-{digits}")
}

/// The sheet of a snapshot, held against what is expected of it, as text; and as a document.
#[track_caller]
fn sheet(name: &str, snapshot: &Value, manifest: &str) -> Value {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("snapshot.json");
    fs::write(&file, snapshot.to_string()).unwrap();
    let args = ["status", "--sheet", "--snapshot", file.to_str().unwrap(), "--manifests", manifest];
    let text = rollward(&args, home.path());
    let wrong = compare(&folder().join(format!("sheets/{name}.expected")), &text);
    assert!(wrong.is_empty(), "{wrong}");
    let document = rollward(&[&args[..], &["--output", "json"]].concat(), home.path());
    serde_json::from_str(&document).unwrap()
}

/// Asserts that a sheet removes all that was put in, by its name in the store, and nothing else.
#[track_caller]
fn assert_removes(sheet: &Value, marks: &[Mark]) {
    let ours = sheet["clusters"][0]["byHand"]["ours"].to_string();
    let mut removed: Vec<&str> = ours.split("cluster_property_set[@id='").skip(1).collect();
    removed.iter_mut().for_each(|rest| *rest = rest.split('\'').next().unwrap());
    removed.sort_unstable();
    let mut there: Vec<String> = marks.iter().map(|(about, _)| id(about)).collect();
    there.push("rollward-claim".into());
    there.sort_unstable();
    assert_eq!(removed, there, "{ours}");
}

fn install() -> Value {
    json!({"action": "Install", "node": "n3", "rollup": "mailstore-1.1"})
}

#[test]
fn an_installer_at_work_is_left_alone() {
    let marks: [Mark; 2] = [
        ("pause n3", json!({"mark": "pause", "node": "n3"})),
        ("action on n3", json!({"mark": "inProgress", "action": install()})),
    ];
    let mut seen = with_marks(snapshot("standby", &["standby"; 3]), &marks, "");
    let work = json!({"action": install(), "ended": null, "epoch": 7, "holder": "ops:/var/lib/rollward", "since": "2026-11-22T15:38:00Z"});
    let n3 = &mut seen["raw"]["n3"]["answers"];
    n3["kept.work"] = json!({"exit": 0, "out": format!("{work}\nunknown\n")});
    // Somebody holds the lock.
    n3["lock"] = json!({"exit": 1, "out": ""});
    let sheet = sheet("installing", &seen, "captures/two-groups.yaml");
    assert_removes(&sheet, &marks);
    let by_hand = &sheet["clusters"][0]["byHand"];
    assert_eq!(by_hand["never"].as_array().unwrap().len(), 1, "{by_hand:#}");
    for ours in by_hand["ours"].as_array().unwrap() {
        let of_n3 = ours["what"].as_str().unwrap().contains("n3");
        assert_eq!(ours["first"].is_string(), of_n3, "what is of n3, and nothing else, waits for its work: {ours:#}");
    }
}

#[test]
fn what_a_killed_move_left_is_named_with_its_constraint() {
    let handoff = json!({"action": "Handoff", "group": "g_mail", "from": "n1", "to": "n2", "style": "online"});
    let marks: [Mark; 4] = [
        ("action on n1", json!({"mark": "inProgress", "action": handoff})),
        ("pause n3", json!({"mark": "pause", "node": "n3"})),
        ("quarantine n2", json!({"mark": "quarantine", "node": "n2", "why": "mailstore does not answer"})),
        ("stop", json!({"mark": "stop", "scope": "cluster", "why": "storage is slow"})),
    ];
    let constraint = r#"<rsc_location id="rollward-move-g_mail" rsc="g_mail" node="n2" score="INFINITY"/>"#;
    let seen = with_marks(snapshot("standby", &["standby"; 3]), &marks, constraint);
    let sheet = sheet("cut-off-move", &seen, "captures/two-groups.yaml");
    assert_removes(&sheet, &marks);
    let ours = sheet["clusters"][0]["byHand"]["ours"].to_string();
    assert!(ours.contains("cibadmin --delete --xpath \\\"//rsc_location[@id='rollward-move-g_mail']\\\""), "{ours}");
}

#[test]
fn who_needs_sudo_and_has_another_name_is_told_so() {
    let home = tempfile::tempdir().unwrap();
    let manifest = home.path().join("manifest.yaml");
    let text = fs::read_to_string(folder().join("captures/two-groups.yaml")).unwrap();
    let part = "driver: {pacemaker: {rights: sudo, folder: '/srv/our own', hosts: {n1: ops@10.0.0.1}}}";
    assert!(text.contains("driver: {pacemaker: {}}"));
    fs::write(&manifest, text.replace("driver: {pacemaker: {}}", part)).unwrap();
    let marks: [Mark; 1] = [("pause n3", json!({"mark": "pause", "node": "n3"}))];
    let mut seen = with_marks(snapshot("standby", &["standby"; 3]), &marks, "");
    seen["raw"]["n1"]["answers"]["kept.verified"] = json!({"exit": 0, "out": "mailstore-1.1\t1795361787.5\n"});
    let file = home.path().join("snapshot.json");
    fs::write(&file, seen.to_string()).unwrap();
    let args = ["status", "--sheet", "--snapshot", file.to_str().unwrap(), "--manifests", manifest.to_str().unwrap()];
    let told = rollward(&args, Path::new(&home.path().join("state")));
    for words in ["on n1 (ssh ops@10.0.0.1):\n       sudo crm_attribute -N n3 -n standby -D\n", "'/srv/our own/"] {
        assert!(told.contains(words), "{words}:\n{told}");
    }
}

#[test]
fn what_cannot_be_seen_is_not_taken_for_nothing() {
    let sheet = sheet("no-quorum", &snapshot("no-quorum", &["no-quorum", OFF, OFF]), "captures/two-groups.yaml");
    let by_hand = &sheet["clusters"][0]["byHand"];
    let unknown: Vec<_> = by_hand["never"].as_array().unwrap().iter().map(|never| never["why"].to_string()).collect();
    assert_eq!(unknown.len(), 2, "whether work runs on the two that do not answer is not known: {unknown:?}");
    assert!(by_hand["check"][0]["commands"]["on"] == "a node that has quorum", "{by_hand:#}");
}
