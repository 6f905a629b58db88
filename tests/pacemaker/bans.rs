//! Nodes that bans keep empty instead of a standby: captures, with bans put into them.

use std::fs;

use serde_json::{Value, json};

use super::captures::snapshot;
use super::sheets::{Mark, with_marks};
use super::{folder, rollward};

/// Our bans of n3, as they stand in the store and as `crm_mon` tells of them.
const BANS: [(&str, &str); 2] = [("rollward-ban-2-n3-g_db", "g_db"), ("rollward-ban-2-n3-g_mail", "g_mail")];

/// A fence device on n3, as `crm_mon` tells of it.
const DEVICE: &str = r#"<resource id="fence-n1" resource_agent="stonith:fence_lab" role="Started" active="true" orphaned="false" blocked="false" managed="true" failed="false" failure_ignored="false" nodes_running_on="1"><node name="n3" id="3" cached="true"/></resource>"#;

/// A state in which n3 is banned by us, with a mark of its pause or without.
fn banned(capture: &str, is_marked: bool) -> Value {
    let constraints =
        BANS.map(|(id, rsc)| format!(r#"<rsc_location id="{id}" rsc="{rsc}" node="n3" score="-INFINITY"/>"#)).concat();
    let marks: &[Mark] = &[("pause n3", json!({"mark": "pause", "node": "n3"}))];
    let seen = with_marks(snapshot("two-groups", &[capture; 3]), if is_marked { marks } else { &[] }, &constraints);
    let told = BANS.map(|(id, rsc)| {
        format!(
            r#"<ban id="{id}" resource="{rsc}" node="n3" weight="-1000000" promoted-only="false" master_only="false"/>"#
        )
    });
    with(seen, "status", "  <status code", &format!("<bans>{}</bans>", told.concat()))
}

/// The same with something more in an answer of every node.
fn with(mut seen: Value, question: &str, before: &str, more: &str) -> Value {
    for node in seen["raw"].as_object_mut().unwrap().values_mut() {
        let answer = node.pointer_mut(&format!("/answers/{question}/out")).unwrap();
        let text = answer.as_str().unwrap();
        assert!(text.contains(before), "{question} does not say {before}");
        *answer = text.replacen(before, &format!("{more}{before}"), 1).into();
    }
    seen
}

/// What a command says of it by a manifest that drains so.
fn told(seen: &Value, drain: &str, command: &[&str]) -> Value {
    let home = tempfile::tempdir().unwrap();
    let (file, manifest) = (home.path().join("snapshot.json"), home.path().join("manifest.yaml"));
    fs::write(&file, seen.to_string()).unwrap();
    let text = fs::read_to_string(folder().join("captures/two-groups.yaml")).unwrap();
    let part = "driver: {pacemaker: {}}";
    assert!(text.contains(part));
    fs::write(&manifest, text.replace(part, &format!("driver: {{pacemaker: {{drain: {drain}}}}}"))).unwrap();
    let (file, manifest) = (file.to_str().unwrap(), manifest.to_str().unwrap());
    let from = ["--snapshot", file, "--manifests", manifest, "--output", "json"];
    let text = rollward(&[command, &from].concat(), home.path());
    serde_json::from_str::<Value>(&text).unwrap()["clusters"][0].take()
}

/// What a look finds of n3.
#[track_caller]
fn n3(seen: &Value, drain: &str) -> Value {
    told(seen, drain, &["observe"])["nodes"][2].take()
}

#[test]
fn bans_with_their_mark_are_our_pause_and_forbid_nobody_the_node_for_good() {
    let seen = banned("two-groups", true);
    let cluster = told(&seen, "bans", &["observe"]);
    assert_eq!(cluster["nodes"][2]["paused"], json!({"by": "rollward"}), "{cluster:#}");
    for group in cluster["groups"].as_array().unwrap() {
        assert_eq!(group["possibleOwners"], json!(["n1", "n2", "n3"]), "{group:#}");
    }
    // Whoever declares a standby now has bans of before all the same.
    assert_eq!(n3(&seen, "standby")["paused"], json!({"by": "rollward"}));
}

#[test]
fn bans_without_a_mark_are_for_a_person_to_judge() {
    assert_eq!(n3(&banned("two-groups", false), "bans")["paused"], json!({"by": "person"}));
}

#[test]
fn maintenance_hides_what_a_ban_would_do() {
    let seen = banned("maintenance-node", true);
    assert_eq!(n3(&seen, "bans")["paused"], json!({"by": "unknown"}));
}

#[test]
fn without_the_store_nobody_knows_who_is_banned() {
    let mut seen = banned("two-groups", true);
    for node in seen["raw"].as_object_mut().unwrap().values_mut() {
        node["answers"]["store"] = json!({"exit": 102, "out": "", "err": "cibadmin: Connection to the cluster failed"});
    }
    assert_eq!(n3(&seen, "bans")["paused"], json!({"by": "unknown"}));
}

#[test]
fn a_fence_device_is_not_banned_and_its_node_is_empty_all_the_same() {
    let seen = with(banned("two-groups", true), "status", "  </resources>", DEVICE);
    let under_bans = n3(&seen, "bans");
    assert_eq!(
        (&under_bans["duty"], &under_bans["instances"]),
        (&json!("empty"), &json!(["fence-n1"])),
        "{under_bans:#}"
    );
    // A standby takes it away, so that its being there means that it has not gone yet.
    let under_standby = n3(&seen, "standby");
    assert_eq!((&under_standby["duty"], &under_standby["owns"]), (&json!("passive"), &json!(["fence-n1"])));
    // One that is stuck is not for us to judge.
    let stuck = DEVICE.replace(r#"failed="false""#, r#"failed="true""#);
    let stuck = n3(&with(banned("two-groups", true), "status", "  </resources>", &stuck), "bans");
    assert_eq!((&stuck["duty"], &stuck["owns"]), (&json!("passive"), &json!(["fence-n1"])), "{stuck:#}");
}

#[test]
fn the_sheet_ends_a_pause_by_bans_and_one_from_before_they_were_declared() {
    let sheet = told(&banned("two-groups", true), "bans", &["status", "--sheet"]);
    let ours = sheet["byHand"]["ours"].to_string();
    let bans = "//rsc_location[@node='n3' and starts-with(@id,'rollward-ban-')]";
    for command in
        ["cibadmin --query --xpath", "cibadmin --delete-all --force --xpath", bans, "crm_attribute -N n3 -n standby -D"]
    {
        assert!(ours.contains(command), "{command}: {ours}");
    }
}
