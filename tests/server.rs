//! The service over HTTP: a real daemon, real sockets. Each check has a test that fails when it is taken out.

mod actions;
mod browser;
mod events;
pub(crate) mod http;
mod metrics;
mod openapi;
mod page;

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::daemon::Host;
use http::{Answer, Client};

/// A pair at rest (its manifest only observes), served.
fn at_rest() -> (Host, Client) {
    served(Host::with_pair("observe", "600"), "127.0.0.1:0")
}

/// Starts the daemon with a service at this address, and waits until it knows its clusters.
fn served(mut host: Host, at: &str) -> (Host, Client) {
    let _ = std::fs::remove_file(host.path("told"));
    host.start(&["--listen", at]);
    host.until_told("listening on http://");
    let client = client(&host);
    host.until(|_| client.send("GET", "/readyz", &[("Authorization", &bearer(&host))], "").status == 200);
    (host, client)
}

pub(crate) fn client(host: &Host) -> Client {
    let told = host.told();
    let at = told.split("listening on http://").nth(1).and_then(|rest| rest.split('/').next()).unwrap();
    Client { at: format!("127.0.0.1:{}", at.rsplit(':').next().unwrap()) }
}

fn token(host: &Host) -> String {
    std::fs::read_to_string(host.path("state/http-token")).unwrap().trim().to_owned()
}

fn bearer(host: &Host) -> String {
    format!("Bearer {}", token(host))
}

#[track_caller]
fn refused(answer: &Answer, status: u16, part: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(answer.json()["error"].as_str().is_some_and(|why| why.contains(part)), "{answer:?}");
}

/// Without what differs from one instant to the next.
fn timeless(mut document: Value) -> Value {
    for cluster in document["clusters"].as_array_mut().unwrap() {
        let cluster = cluster.as_object_mut().unwrap();
        for name in ["observedAt", "ageSeconds"] {
            cluster.remove(name);
        }
    }
    document
}

/// The API gives the very documents that the commands print, and they are what the published schemas say.
#[test]
fn the_api_gives_what_the_commands_print() {
    let (host, client) = at_rest();
    let printed = |args: &[&str]| -> Value {
        let output = host.run(args);
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let answer = client.get("/api/v1/clusters");
    assert_eq!(answer.status, 200);
    let status = printed(&["status", "--output", "json"]);
    assert_eq!(timeless(answer.json()), timeless(status.clone()));
    assert_eq!(timeless(client.get("/api/v1/clusters/mbx-ccr-01").json()), timeless(status));
    let explained = printed(&["explain", "mbx-ccr-01", "--output", "json"]);
    let holds = |document: &Value| document["clusters"][0]["nodes"][0]["holds"][0]["rule"].clone();
    let answer = client.get("/api/v1/clusters/mbx-ccr-01/explain").json();
    assert_eq!((holds(&answer), holds(&explained)), (Value::from("active-node"), Value::from("active-node")));
    let answer = client.get("/api/v1/clusters/mbx-ccr-01/explain?node=EXNODE1").json();
    assert_eq!(answer["clusters"][0]["nodes"].as_array().unwrap().len(), 1);
    let answer = client.get("/api/v1/clusters/mbx-ccr-01/history?limit=1&kind=decided").json();
    assert_eq!(answer["clusters"][0]["entries"].as_array().unwrap().len(), 1, "{answer}");
    let answer = client.get("/api/v1/clusters/mbx-ccr-01/plan").json();
    assert_eq!(answer["clusters"][0]["handoffs"]["floor"], 1, "{answer}");
    for (path, schema) in
        [("", "status"), ("/plan", "plan"), ("/observe", "observe"), ("/explain", "explain"), ("/history", "history")]
    {
        let schema = rollward::output::schema(schema).unwrap().to_value();
        let document = client.get(&format!("/api/v1/clusters/mbx-ccr-01{path}")).json();
        let problems: Vec<_> =
            jsonschema::validator_for(&schema).unwrap().iter_errors(&document).map(|e| e.to_string()).collect();
        assert_eq!(problems, Vec::<String>::new(), "{path}");
        assert_eq!(document["clusters"][0]["name"], "mbx-ccr-01");
    }
}

#[test]
fn what_is_not_there_is_said() {
    let (_host, client) = at_rest();
    refused(&client.get("/api/v1/clusters/mbx"), 404, "manages no cluster mbx");
    refused(&client.get("/api/v1/clusters/mbx/plan"), 404, "manages no cluster mbx");
    refused(&client.get("/api/v1/clusters/mbx/history"), 404, "manages no cluster mbx");
    refused(&client.get("/api/v1/clusters/mbx-ccr-01/explain?node=EX9"), 404, "has no node EX9");
    refused(&client.get("/api/v1/clusters/mbx-ccr-01/history?lines=3"), 400, "unknown field `lines`");
    refused(&client.get("/api/v1/clusters/mbx-ccr-01/history?limit=-3"), 400, "limit");
    refused(&client.get("/api/v2"), 404, "nothing here");
    assert_eq!(client.send("DELETE", "/api/v1/clusters", &[], "").status, 401);
}

/// Ready is who has looked at every cluster, and can write down what is done.
#[test]
fn readiness_waits_for_the_first_look_and_for_the_record() {
    let mut host = Host::new();
    host.write("slow.yaml", SLOW);
    host.program("ssh", "while [ -e slow ]; do sleep 0.1; done; echo 'ssh: Connection refused' >&2; exit 255");
    std::fs::write(host.path("slow"), "").unwrap();
    host.start(&["--listen", "127.0.0.1:0"]);
    host.until_told("listening on http://");
    let client = client(&host);
    assert_eq!(client.get("/healthz").json()["alive"], true);
    let answer = client.get("/readyz");
    assert_eq!((answer.status, &answer.json()["waitingFor"][0]), (503, &Value::from("the first look at slow")));
    refused(&client.get("/api/v1/clusters/slow/plan"), 503, "not been looked at yet");
    let status = client.get("/api/v1/clusters/slow").json();
    assert_eq!(status["clusters"][0]["decision"], Value::Null, "nothing is known of it: {status}");
    std::fs::remove_file(host.path("slow")).unwrap();
    host.until(|_| client.get("/readyz").status == 200);
    host.kill();

    let (host, client) = at_rest();
    std::fs::remove_file(host.path("state/record.db")).unwrap();
    host.write("policy.yaml", &crate::daemon::POLICY.replace("soak: 1m", "soak: 2m"));
    let _ = host.run(&["stop", "mbx-ccr-01", "--why", "no record", "--manifests", "manifests"]);
    host.until(|_| client.get("/readyz").status == 503);
    assert!(client.get("/readyz").body.contains("the record"), "{}", client.get("/readyz").body);
}

const SLOW: &str = "apiVersion: rollward/v1
kind: Rollup
metadata: {name: mail}
spec: {install: deb, packages: [{name: mail, version: 2.0-1, file: mail_2.0-1_amd64.deb}]}
---
apiVersion: rollward/v1
kind: Cluster
metadata: {name: slow}
spec:
  topology: generic
  rollup: mail
  nodes: {slow-1: {}, slow-2: {}, slow-3: {}}
  driver: {pacemaker: {}}
";

/// The token is made once, for its owner's eyes, and one that others may read is not taken.
#[test]
fn the_token_is_its_owners() {
    let (mut host, _client) = at_rest();
    let (path, first) = (host.path("state/http-token"), token(&host));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(first.len(), 64);
    assert!(host.told().contains("state/http-token"), "{}", host.told());
    assert!(!host.told().contains(&first), "the log tells the token");
    host.kill();
    let (mut host, _client) = served(host, "127.0.0.1:0");
    assert_eq!(token(&host), first, "the second start made another");
    host.kill();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let output = host.run(&["run", "manifests", "--listen", "127.0.0.1:0"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("may be read by others"), "{output:?}");
    assert_eq!(output.status.code(), Some(1));
}

/// A page of another name, led here, gets nothing.
#[test]
fn names_that_are_not_this_hosts_are_refused() {
    let (host, client) = at_rest();
    for good in ["localhost", "localhost:80", "127.0.0.1:1", "[::1]"] {
        assert_eq!(client.send("GET", "/api/v1/clusters", &[("Host", good)], "").status, 200, "{good}");
    }
    for bad in ["evil.example", "evil.example:80", "localhost.evil.example", ""] {
        for path in ["/api/v1/clusters", "/healthz", "/metrics", "/"] {
            let headers = [("Host", bad), ("Authorization", &bearer(&host))];
            refused(&client.send("GET", path, &headers, ""), 421, "--host NAME");
        }
    }
    refused(&client.raw(b"GET /api/v1/clusters HTTP/1.1\r\nConnection: close\r\n\r\n"), 421, "name");
    let two = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    assert!([400, 421].contains(&client.raw(two.as_bytes()).status));
    let absolute = "GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    refused(&client.raw(absolute.as_bytes()), 421, "name");
}

/// What listens to others tells nothing without the token; nor does anybody change anything without it.
#[test]
fn who_comes_from_elsewhere_shows_the_token() {
    let (host, client) = served(Host::with_pair("observe", "600"), "0.0.0.0:0");
    assert!(host.told().contains("not encrypted"), "{}", host.told());
    for path in ["/api/v1/clusters", "/api/v1/clusters/mbx-ccr-01/plan", "/readyz"] {
        refused(&client.get(path), 401, "Bearer");
        let wrong = format!("Bearer {}0", token(&host));
        refused(&client.send("GET", path, &[("Authorization", &wrong)], ""), 401, "not the token");
        let basic = format!("Basic {}", token(&host));
        refused(&client.send("GET", path, &[("Authorization", &basic)], ""), 401, "Bearer");
        assert_eq!(client.send("GET", path, &[("Authorization", &bearer(&host))], "").status, 200, "{path}");
    }
    assert_eq!(client.get("/healthz").status, 200);
    assert_eq!(client.get("/readyz").header("www-authenticate"), "Bearer");
}

#[test]
fn requests_have_limits() {
    let (host, client) = at_rest();
    let long = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(64 * 1024));
    let answer = client.raw(long.as_bytes());
    assert!([0, 414, 431].contains(&answer.status), "{}", answer.status);
    let many: String = (0..80).map(|i| format!("X-{i}: a\r\n")).collect();
    let answer = client.raw(format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{many}\r\n").as_bytes());
    assert!([0, 431].contains(&answer.status), "{answer:?}");
    // A head that never ends is left.
    let mut slow = client.connect();
    slow.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ").unwrap();
    let mut all = Vec::new();
    assert!(slow.read_to_end(&mut all).is_ok(), "it is still waited for");
    assert!(!String::from_utf8_lossy(&all).contains("200 OK"));
    drop(host);
}

/// Those that hold their places, say nothing or never read, delay neither the loop nor others.
#[test]
fn dead_clients_delay_nobody() {
    let (host, client) = at_rest();
    let silent: Vec<_> = (0..40).map(|_| client.connect()).collect();
    let deaf: Vec<_> = (0..40)
        .map(|_| {
            let mut stream = client.connect();
            let ask = "GET /api/v1/clusters/mbx-ccr-01/plan HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(50);
            stream.write_all(ask.as_bytes()).unwrap();
            stream
        })
        .collect();
    assert_eq!(client.get("/healthz").status, 200);
    // The loop goes on: a command is carried out, and its look is published.
    let output = host.run(&["stop", "mbx-ccr-01", "--why", "dead clients", "--manifests", "manifests"]);
    assert!(output.status.success(), "{output:?}");
    host.until(|_| client.get("/api/v1/clusters/mbx-ccr-01/explain").body.contains("dead clients"));
    drop((silent, deaf));
}

/// Who takes nothing of its answers is left: what is still to come never comes.
#[test]
fn deaf_clients_are_left() {
    const ASKED: usize = 5000;
    let (_host, client) = at_rest();
    let mut deaf = client.connect();
    deaf.set_write_timeout(Some(std::time::Duration::from_secs(1))).unwrap();
    let ask = "GET /api/v1/clusters/mbx-ccr-01/plan HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(ASKED);
    // The service stops reading, too.
    let _ = deaf.write_all(ask.as_bytes());
    std::thread::sleep(std::time::Duration::from_secs(35));
    let mut all = Vec::new();
    let _ = deaf.read_to_end(&mut all);
    let answers = String::from_utf8_lossy(&all).matches("HTTP/1.1 200").count();
    assert!((1..ASKED / 2).contains(&answers), "{answers} answers were sent to who took none");
}

/// What a browser is told with every answer, refusals included.
#[test]
fn every_answer_binds_the_browser() {
    let (_host, client) = at_rest();
    for path in ["/healthz", "/api/v1/clusters", "/nowhere", "/api/v1/clusters/%3Cscript%3E"] {
        let answer = client.get(path);
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[test]
fn an_address_in_use_is_said() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap().to_string();
    let host = Host::with_pair("observe", "600");
    let output = host.run(&["run", "manifests", "--listen", &at]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains(&at) && told.contains("--listen"), "{told}");
    assert_eq!(output.status.code(), Some(1));
}
