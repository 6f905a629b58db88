//! What people may have done, through the API: with the token, and by the same door as the command line's.

use serde_json::{Value, json};

use super::http::{Answer, Client};
use super::{at_rest, bearer, refused, served};
use crate::daemon::{Host, POLICY, pair};

fn post(client: &Client, host: &Host, path: &str, body: &Value) -> Answer {
    let headers = [("Authorization", &*bearer(host)), ("Content-Type", "application/json")];
    client.send("POST", path, &headers, &body.to_string())
}

const CLUSTER: &str = "/api/v1/clusters/mbx-ccr-01";

fn everything() -> Vec<(String, Value)> {
    vec![
        (format!("{CLUSTER}/approve"), json!({"hash": "0", "by": "Ann"})),
        (format!("{CLUSTER}/stop"), json!({"why": "a reason", "by": "Ann"})),
        (format!("{CLUSTER}/go"), json!({"by": "Ann"})),
        (
            format!("{CLUSTER}/waive"),
            json!({"rule": "soak", "action": "Install", "node": "EXNODE2", "forSeconds": 60, "why": "a reason", "by": "Ann"}),
        ),
        (
            format!("{CLUSTER}/lift-waiver"),
            json!({"rule": "soak", "action": "Install", "node": "EXNODE2", "by": "Ann"}),
        ),
        ("/api/v1/stop".to_owned(), json!({"why": "a reason", "by": "Ann"})),
        ("/api/v1/go".to_owned(), json!({"by": "Ann"})),
    ]
}

/// Also on this host, where reading takes none.
#[test]
fn every_change_takes_the_token() {
    let (host, client) = at_rest();
    for (path, body) in everything() {
        let json = ("Content-Type", "application/json");
        refused(&client.send("POST", &path, &[json], &body.to_string()), 401, "Bearer");
        let wrong = ("Authorization", "Bearer 0123456789012345678901234567890123456789");
        refused(&client.send("POST", &path, &[json, wrong], &body.to_string()), 401, "not the token");
    }
    assert!(!host.told().contains("a reason"), "something was done all the same");
    let status = client.get(CLUSTER).json();
    assert!(!status.to_string().contains("a reason"));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let (host, client) = at_rest();
    for (path, mut body) in everything() {
        refused(&post(&client, &host, &path, &json!({})), 422, "missing field");
        body["nobody"] = json!(1);
        refused(&post(&client, &host, &path, &body), 422, "unknown field");
        body.as_object_mut().unwrap().remove("nobody");
        for by in ["", "  ", "a\u{7}b", &"n".repeat(200)] {
            body["by"] = json!(by);
            refused(&post(&client, &host, &path, &body), 400, "`by`");
        }
        let headers = [("Authorization", &*bearer(&host))];
        refused(&client.send("POST", &path, &headers, &body.to_string()), 415, "application/json");
        body["by"] = json!("n".repeat(70 * 1024));
        assert_eq!(post(&client, &host, &path, &body).status, 413, "{path}");
    }
    for why in ["", " ", &"w".repeat(2000)] {
        refused(&post(&client, &host, "/api/v1/stop", &json!({"why": why, "by": "Ann"})), 400, "`why`");
    }
    refused(
        &post(&client, &host, "/api/v1/clusters/mbx/stop", &json!({"why": "w", "by": "Ann"})),
        404,
        "no cluster mbx",
    );
    let nobody = json!({"why": "w", "by": "Ann", "node": "EX9"});
    refused(&post(&client, &host, &format!("{CLUSTER}/stop"), &nobody), 404, "no node EX9");
}

/// The handoffs that were shown are approved, and no others; and who did it is written down.
#[test]
fn what_is_approved_is_what_was_shown() {
    let host = Host::new();
    host.write("policy.yaml", &POLICY.replace("handoff: {when: anytime}", "handoff: {when: approval}"));
    host.write("mbx.yaml", &pair("act", "2000"));
    let (host, client) = served(host, "127.0.0.1:0");
    host.until(|_| client.get(CLUSTER).body.contains("\"approval\""));
    let plan = client.get(&format!("{CLUSTER}/plan")).json();
    let hash = plan["clusters"][0]["planHash"].as_str().unwrap();
    let approve = |hash: &str| post(&client, &host, &format!("{CLUSTER}/approve"), &json!({"hash": hash, "by": "Ann"}));
    refused(&approve("0123456789abcdef"), 409, hash);
    let answer = approve(hash);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["clusters"][0]["planHash"], hash);
    let schema = rollward::output::schema("commanded").unwrap().to_value();
    assert!(jsonschema::is_valid(&schema, &answer.json()), "{answer:?}");
    host.until(|_| client.get(CLUSTER).json()["clusters"][0]["decision"] == "converged");
    let history = client.get(&format!("{CLUSTER}/history?kind=approved")).body;
    assert!(history.contains("approved by Ann (http)"), "{history}");
}

/// Pulled and lifted where it was asked, and nowhere else; held by it within a second.
#[test]
fn the_stop_cord_is_pulled_and_lifted() {
    let (host, client) = at_rest();
    let held = || {
        let document = client.get(&format!("{CLUSTER}/explain")).json();
        let mut holds: Vec<Value> = document["clusters"][0]["holds"].as_array().cloned().unwrap();
        for node in document["clusters"][0]["nodes"].as_array().unwrap() {
            holds.extend(node["holds"].as_array().cloned().unwrap());
        }
        holds.retain(|hold| hold["rule"] == "stop");
        holds
    };
    assert_eq!(held(), Vec::<Value>::new());
    for (path, stop, go) in [
        (format!("{CLUSTER}/"), json!({"why": "of the cluster", "by": "Ann"}), json!({"by": "Bob"})),
        (
            format!("{CLUSTER}/"),
            json!({"why": "of the node", "by": "Ann", "node": "EXNODE2"}),
            json!({"by": "Bob", "node": "EXNODE2"}),
        ),
        ("/api/v1/".to_owned(), json!({"why": "of all", "by": "Ann"}), json!({"by": "Bob"})),
    ] {
        let answer = post(&client, &host, &format!("{path}stop"), &stop);
        assert_eq!(answer.status, 200, "{answer:?}");
        let began = crate::daemon::now();
        host.until(|_| format!("{:?}", held()).contains(stop["why"].as_str().unwrap()));
        assert!(began.elapsed() < std::time::Duration::from_secs(10), "{:?}", began.elapsed());
        assert_eq!(post(&client, &host, &format!("{path}go"), &go).status, 200);
        host.until(|_| held().is_empty());
    }
    let elsewhere = json!({"why": "of others", "by": "Ann", "labels": {"site": "nowhere"}});
    assert_eq!(post(&client, &host, "/api/v1/stop", &elsewhere).status, 200);
    host.until(|_| client.get("/metrics").body.contains("rollward_stop_cords 1"));
    assert_eq!(held(), Vec::<Value>::new());
    let history = client.get(&format!("{CLUSTER}/history?kind=commanded")).body;
    assert!(history.contains("Ann (http): stop") && history.contains("Bob (http): go"), "{history}");
}

/// Seen wherever it acts, for as long as was said, and taken back; and only what can be waived is.
#[test]
fn a_rule_is_waived_and_taken_back() {
    let (host, client) = at_rest();
    let waive = |body: Value| post(&client, &host, &format!("{CLUSTER}/waive"), &body);
    let soak = json!({"rule": "soak", "action": "Install", "node": "EXNODE2", "forSeconds": 3600, "why": "vendor 4711", "by": "Ann"});
    let with = |key: &str, value: Value| {
        let mut body = soak.clone();
        body[key] = value;
        body
    };
    refused(&waive(with("rule", json!("active-node"))), 422, "active-node");
    refused(&waive(with("node", json!("EX9"))), 400, "it has EXNODE1, EXNODE2");
    refused(&waive(with("group", json!("MBX1"))), 400, "either a node or a group");
    refused(&waive(with("node", Value::Null)), 400, "either a node or a group");
    refused(&waive(with("forSeconds", json!(0))), 400, "a second at least");
    refused(&waive(with("why", json!(" "))), 400, "`why`");
    let waivers = || client.get(CLUSTER).json()["clusters"][0]["waivers"].clone();
    assert!(waivers().is_null(), "{}", waivers());
    let lift = json!({"rule": "soak", "action": "Install", "node": "EXNODE2", "by": "Bob"});
    let lifted = || post(&client, &host, &format!("{CLUSTER}/lift-waiver"), &lift);
    refused(&lifted(), 409, "not waived by command");

    let answer = waive(soak.clone());
    assert_eq!(answer.status, 200, "{answer:?}");
    host.until(|_| waivers()[0]["by"] == "Ann (http)");
    assert_eq!((&waivers()[0]["rule"], &waivers()[0]["why"]), (&json!("soak"), &json!("vendor 4711")));
    assert_eq!(lifted().status, 200);
    host.until(|_| waivers().is_null());
    let history = client.get(&format!("{CLUSTER}/history")).body;
    assert!(history.contains("Ann (http)") && history.contains("Bob (http)"), "{history}");
}
