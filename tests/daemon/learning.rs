//! What a running daemon learns of durations, and when a window wakes it.

use std::time::Duration;

use serde_json::Value;

use super::{Host, PATIENCE, POLICY, pair};
use crate::server::client;

/// What is declared takes the world a tenth of that: each install that is done says so to the daemon that goes on, and to
/// whoever plans with its state folder.
#[test]
fn what_took_less_than_declared_is_foreseen_to_take_less_at_once() {
    let mut host = Host::with_pair("act", "20");
    let declared = pair("act", "20").replace("  policy: night", "  policy: night\n  durations: {install: 20m}");
    host.write("mbx.yaml", &declared);
    // Long enough to look at the plan between the first install and what comes after it.
    host.write("policy.yaml", &POLICY.replace("soak: 1m", "soak: 5m"));
    let printed = |host: &Host| document(&host.run(&["plan", "manifests", "--output", "json"]).stdout);
    assert_eq!(median(&printed(&host), "Install", "EXNODE1"), Some(1200.0));

    host.start(&["--listen", "127.0.0.1:0"]);
    host.until_told("listening on http://");
    let client = client(&host);
    let learned = |planned: &Value| median(planned, "Install", "EXNODE1").is_some_and(|seconds| seconds < 800.0);
    host.until(|_| {
        let planned = client.get("/api/v1/clusters/mbx-ccr-01/plan").body;
        let planned: Option<Value> = serde_json::from_str(&planned).ok();
        planned.as_ref().is_some_and(learned)
    });
    let again = printed(&host);
    assert!(learned(&again), "{again}");
    // What was never done is what was declared.
    assert_eq!(median(&again, "Handoff", "EXNODE1"), Some(45.0), "{again}");
}

/// By outages, what a roll teaches changes no plan of that roll: not for the daemon that goes on, nor for one that comes
/// after it, nor for whoever plans with its state folder.
#[test]
fn by_outages_an_open_roll_goes_by_what_was_known_when_it_began_whoever_plans() {
    let mut host = Host::with_pair("act", "20");
    host.write(
        "mbx.yaml",
        &pair("act", "20").replace("  policy: night", "  policy: night\n  durations: {install: 20m}"),
    );
    let by_outage = POLICY
        .replace("soak: 1m", "soak: 30m")
        .replace("{when: anytime}, work", "{when: anytime, minimise: outage}, work");
    assert!(by_outage.contains("minimise"), "{by_outage}");
    host.write("policy.yaml", &by_outage);
    let foreseen = |planned: &Value| median(planned, "Install", "EXNODE1");
    let printed = |host: &Host| document(&host.run(&["plan", "manifests", "--output", "json"]).stdout);
    let daemons = |host: &Host| {
        let body = client(host).get("/api/v1/clusters/mbx-ccr-01/plan").body;
        serde_json::from_str::<Value>(&body).ok().and_then(|planned| foreseen(&planned))
    };
    let listens = ["--listen", "127.0.0.1:0"];
    host.start(&listens);
    host.until(|host| {
        let told = document(&host.run(&["history", "mbx-ccr-01", "--output", "json"]).stdout);
        let entries = told["clusters"][0]["entries"].as_array().cloned().unwrap_or_default();
        let installed = |entry: &Value| entry["entry"] == "outcome" && entry["text"].to_string().contains("Install");
        entries.iter().any(installed)
    });
    assert_eq!(foreseen(&printed(&host)), Some(1200.0));
    host.until(|host| daemons(host).is_some());
    assert_eq!(daemons(&host), Some(1200.0));
    host.kill();
    std::fs::remove_file(host.path("told")).unwrap();
    host.start(&listens);
    host.until_told("listening on http://");
    host.until(|host| daemons(host).is_some());
    assert_eq!(daemons(&host), Some(1200.0));
}

/// What a loop has learned is not lost with a record that cannot be read for once.
#[test]
fn figures_that_cannot_be_read_leave_what_was_learned_as_it_was() {
    let mut host = Host::with_pair("act", "20");
    host.write(
        "mbx.yaml",
        &pair("act", "20").replace("  policy: night", "  policy: night\n  durations: {install: 20m}"),
    );
    host.write("policy.yaml", &POLICY.replace("soak: 1m", "soak: 30m"));
    host.start(&["--listen", "127.0.0.1:0"]);
    host.until_told("listening on http://");
    let foreseen = |host: &Host| {
        let body = client(host).get("/api/v1/clusters/mbx-ccr-01/plan").body;
        median(&serde_json::from_str(&body).ok()?, "Install", "EXNODE1")
    };
    host.until(|host| foreseen(host).is_some_and(|seconds| seconds < 800.0));
    let learned = foreseen(&host);

    let record = rusqlite::Connection::open(host.path("state/record.db")).unwrap();
    record.busy_timeout(PATIENCE).unwrap();
    let at = "2017-04-01T00:00:00Z";
    let amiss =
        "INSERT INTO samples (cluster, kind, node_from, took_ms, at) VALUES ('mbx-ccr-01', 'Dance', 'EXNODE1', 1, ?1)";
    record.execute(amiss, [at]).unwrap();
    host.write("policy.yaml", &POLICY.replace("soak: 1m", "soak: 31m"));
    host.until_told("how long things took could not be read");
    // Longer than a look takes to come round.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(foreseen(&host), learned);
}

/// The loop sleeps until a window opens, and begins then; what is denied is not open.
#[test]
fn an_opening_wakes_the_loop_and_a_denial_wins() {
    let mut host = Host::with_pair("act", "30");
    let windows = "work: {when: window}, windows: [{from: '00:01', to: '05:00', timeZone: UTC}, \
                   {from: '23:00', to: '00:02', timeZone: UTC, deny: true}]";
    host.write("policy.yaml", &POLICY.replace("work: {when: anytime}", windows));
    host.start(&[]);
    host.until_told("Pause EXNODE2");
    let told = document(&host.run(&["history", "mbx-ccr-01", "--output", "json"]).stdout);
    let entries = told["clusters"][0]["entries"].as_array().unwrap();
    let waited = entries.iter().find(|entry| entry["entry"] == "decided").unwrap();
    assert!(waited["text"].as_str().unwrap().contains("released at 2017-04-01T00:02:00Z"), "{waited}");
    let begun = entries.iter().find(|entry| entry["entry"] == "intended").unwrap();
    // A slow look comes every quarter of a minute, which is seven minutes there.
    let at = begun["at"].as_str().unwrap();
    assert!(("2017-04-01T00:02:00".."2017-04-01T00:05:00").contains(&at), "{begun}");
}

fn document(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(bytes)))
}

/// The median of the first step of this kind on this node, or from it.
fn median(planned: &Value, action: &str, node: &str) -> Option<f64> {
    let cluster = planned["clusters"].get(0).unwrap_or(planned);
    let steps = cluster["steps"].as_array()?;
    let step = steps.iter().find(|step| {
        step["action"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case(action))
            && (step["node"] == node || step["from"] == node)
    });
    step?["predictedSeconds"]["median"].as_f64()
}
