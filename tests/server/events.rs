//! Events as they happen, and coming back to them.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::http::Client;
use super::{at_rest, client, refused};
use crate::daemon::Host;

/// A client that follows.
struct Follower {
    lines: BufReader<TcpStream>,
}

#[derive(Debug)]
struct Event {
    id: String,
    kind: String,
    data: Value,
}

fn follow(client: &Client, last: Option<&str>) -> Follower {
    let mut stream = client.connect();
    let last = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
    stream.write_all(format!("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n{last}\r\n").as_bytes()).unwrap();
    Follower { lines: BufReader::new(stream) }
}

impl Follower {
    fn next(&mut self) -> Event {
        let mut event = Event { id: String::new(), kind: String::new(), data: Value::Null };
        let mut beats = 0;
        loop {
            let mut line = String::new();
            assert!(self.lines.read_line(&mut line).unwrap() > 0, "the stream ended");
            // Sent every 15 seconds, though nothing happens.
            beats += i32::from(line.starts_with(':'));
            assert!(beats < 4, "nothing happens for a minute");
            // Lengths of chunks and headers are no fields.
            match line.trim_end().split_once(": ") {
                Some(("id", id)) => event.id = id.to_owned(),
                Some(("event", kind)) => event.kind = kind.to_owned(),
                Some(("data", data)) => event.data = serde_json::from_str(data).unwrap(),
                _ if line.trim_end().is_empty() && !event.id.is_empty() => return event,
                _ => {}
            }
        }
    }

    /// Reads on to the event of this kind that says this.
    fn until(&mut self, kind: &str, part: &str) -> Event {
        loop {
            let event = self.next();
            if event.kind == kind && event.data.to_string().contains(part) {
                return event;
            }
        }
    }
}

fn stop(host: &Host, why: &str) {
    let output = host.run(&["stop", "mbx-ccr-01", "--why", why, "--manifests", "manifests"]);
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn what_happens_is_told_and_told_again_to_who_was_away() {
    let (host, client) = at_rest();
    let mut first = follow(&client, None);
    let joined = first.next();
    assert_eq!(joined.kind, "follow");
    stop(&host, "one");
    let history = first.until("history", ": stop");
    assert_eq!(history.data["name"], "mbx-ccr-01");
    let status = first.until("status", "one");
    assert_eq!(status.data["holds"].as_array().map(Vec::is_empty), Some(false), "{status:?}");
    drop(first);
    stop(&host, "two");
    let mut again = follow(&client, Some(&status.id));
    let missed = again.until("status", "two");
    assert!(missed.id.starts_with(joined.id.split('-').next().unwrap()));
    // From where it joined first, nothing is left out.
    let mut all = follow(&client, Some(&joined.id));
    let _ = (all.until("history", ": stop"), all.until("status", "one"), all.until("status", "two"));
    for strange in ["another-1", "", "999"] {
        assert_eq!(follow(&client, Some(strange)).next().kind, "lookAgain", "{strange}");
    }
}

/// A look that shows nothing new is no event.
#[test]
fn an_idle_cluster_tells_nothing() {
    let (host, client) = at_rest();
    let looks = || -> u64 {
        let metrics = client.get("/metrics").body;
        let line = metrics.lines().find(|line| line.starts_with("rollward_looks_total{")).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    let joined = follow(&client, None).next();
    let before = looks();
    host.until(|_| looks() > before + 2);
    assert_eq!(follow(&client, None).next().id, joined.id);
}

/// Followers leave places for those who only ask, and all together leave files for the daemon.
#[test]
fn followers_and_clients_are_so_many_and_no_more() {
    let mut host = Host::with_pair("observe", "600");
    let told = std::fs::File::create(host.path("told")).unwrap();
    let limited = "ulimit -n 100; exec \"$0\" run manifests --listen 127.0.0.1:0 --state state";
    let mut command = Command::new("sh");
    command.args(["-c", limited, env!("CARGO_BIN_EXE_rollward")]).current_dir(host.path("."));
    host.daemon = Some(command.stdout(Stdio::null()).stderr(told).spawn().unwrap());
    host.until_told("listening on http://");
    let client = client(&host);
    host.until(|_| client.get("/readyz").status == 200);
    let mut followers: Vec<_> = (0..38).map(|_| follow(&client, None)).collect();
    followers.iter_mut().for_each(|follower| assert_eq!(follower.next().kind, "follow"));
    refused(&client.get("/api/v1/events"), 503, "too many clients follow");
    assert_eq!(client.get("/api/v1/clusters").status, 200);
    followers.pop();
    host.until(|_| {
        let mut one = follow(&client, None);
        let mut line = String::new();
        one.lines.read_line(&mut line).unwrap();
        let joined = line.contains("200");
        if joined {
            followers.push(one);
        }
        joined
    });
    // The other twelve places, and one more.
    let silent: Vec<_> = (0..12).map(|_| client.connect()).collect();
    let mut waiting = client.connect();
    waiting.set_read_timeout(Some(std::time::Duration::from_secs(2))).unwrap();
    waiting.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut lines = BufReader::new(waiting);
    assert!(lines.read_line(&mut String::new()).is_err(), "it is served though all places are taken");
    drop(silent);
    lines.get_ref().set_read_timeout(Some(crate::daemon::PATIENCE)).unwrap();
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert!(line.contains("200"), "{line}");
    stop(&host, "the daemon can still do its work");
}
