//! Outages as they are measured from outside: real sockets and real commands, through a real daemon on a simulated pair.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::daemon::{Host, now, pair};
use crate::server::client;

/// A second here is half a minute there.
const SCALE: &str = "30";

/// What users of the role come to, for as long as the test says that they come through.
struct Users {
    at: SocketAddr,
    served: Arc<AtomicBool>,
}

impl Users {
    /// They get a page; while they are not served, they are connected and wait for ever.
    fn begin() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let served = Arc::new(AtomicBool::new(true));
        let answers = Arc::clone(&served);
        thread::spawn(move || {
            let mut waiting = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                if !answers.load(Ordering::SeqCst) {
                    waiting.push(stream);
                    continue;
                }
                let mut asked = [0; 5];
                if stream.read_exact(&mut asked).is_ok() && asked == *b"GET /" {
                    let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n");
                }
            }
        });
        Self { at, served }
    }

    fn serve(&self, served: bool) {
        self.served.store(served, Ordering::SeqCst);
    }
}

/// A pair in which the role is asked like this while it is handed over.
fn host(probe: &str) -> Host {
    let host = Host::with_pair("act", SCALE);
    let cluster =
        pair("act", SCALE).replace("{MBX1: {kind: role},", &format!("{{MBX1: {{kind: role, probe: {probe}}},"));
    assert!(cluster.contains("probe"), "{cluster}");
    host.write("mbx.yaml", &cluster.replace("handoff: 45s", "handoff: 90s"));
    host
}

/// Goes through the roll; as soon as the role's handoff has begun, users are without it for so long as `down` takes. Returns
/// how long that was, and what the record says was measured.
fn measured(host: &mut Host, args: &[&str], down: impl FnOnce(&Host)) -> (f64, Value) {
    host.start(args);
    host.until_told("Handoff \"MBX1\"");
    let began = now();
    down(host);
    let lasted = began.elapsed().as_secs_f64();
    host.until_told("did not answer for");
    host.until_told("converged");
    let output = host.run(&["history", "mbx-ccr-01", "--output", "json", "--limit", "1000"]);
    let history: Value = serde_json::from_slice(&output.stdout).unwrap();
    let entries = history["clusters"][0]["entries"].as_array().unwrap().clone();
    let measured: Vec<_> = entries.iter().filter(|entry| entry["entry"] == "measured").collect();
    assert_eq!(measured.len(), 1, "{measured:?}");
    (lasted, measured[0].clone())
}

/// What was measured is how long it was: two questions are a tenth of a second apart, and the first may come as late.
#[track_caller]
fn assert_about(measured: &Value, lasted: f64, slack: f64) {
    let outage = measured["durationSeconds"].as_f64().unwrap();
    assert!((outage - lasted).abs() < slack, "{outage} s were measured of {lasted} s: {measured}");
}

/// Connections that are refused: the outage stands in the record, with what was foreseen; on the page and in the metrics.
#[test]
fn an_outage_is_measured_by_connections_and_told_everywhere() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let mut host = host(&format!("{{tcp: '{at}'}}"));
    let (lasted, measured) = measured(&mut host, &["--listen", "127.0.0.1:0"], |_| {
        drop(listener);
        thread::sleep(Duration::from_millis(1300));
        // Nobody takes the connections: that they come about is enough.
        std::mem::forget(TcpListener::bind(at).unwrap());
    });
    assert_about(&measured, lasted, 0.5);
    assert_eq!(measured["predictedSeconds"]["median"], 90, "{measured}");
    let text = measured["text"].as_str().unwrap();
    assert!(
        text.contains("MBX1 did not answer for 1.") && text.contains("less than foreseen (1m 30s, 95 %:"),
        "{text}"
    );
    assert!(!text.contains("but"), "{text}");

    let client = client(&host);
    let metrics = client.get("/metrics").body;
    let value = |name: &str| -> f64 {
        let line = metrics.lines().find(|line| line.starts_with(&format!("rollward_{name}{{")));
        line.unwrap_or_else(|| panic!("no {name}:\n{metrics}")).rsplit(' ').next().unwrap().parse().unwrap()
    };
    let outage = measured["durationSeconds"].as_f64().unwrap();
    assert!((value("outage_measured_seconds_total") - outage).abs() < 0.002);
    assert!((value("last_outage_measured_seconds") - outage).abs() < 0.002);
    assert!((value("last_outage_predicted_seconds") - 90.0).abs() < 0.002);
    assert!((value("last_outage_error_seconds") - (outage - 90.0)).abs() < 0.002);
    assert!(client.get("/clusters/mbx-ccr-01").body.contains("MBX1 did not answer for 1."));
}

/// A page that is connected to and never comes: those who wait keep nobody else from asking, and the loop goes on.
#[test]
fn a_page_that_never_comes_is_an_outage_and_delays_nothing() {
    let users = Users::begin();
    let mut host = host(&format!("{{http: 'http://{}/owa', timeout: 400ms}}", users.at));
    let (lasted, measured) = measured(&mut host, &[], |host| {
        users.serve(false);
        thread::sleep(Duration::from_millis(700));
        let asked = now();
        assert!(host.run(&["status"]).status.success());
        assert!(asked.elapsed() < Duration::from_secs(5), "the daemon was kept from answering");
        users.serve(true);
    });
    assert_about(&measured, lasted, 0.5);
}

/// How many processes sleep for so many seconds.
fn sleeping(seconds: &str) -> usize {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = all.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| *line == format!("sleep\0{seconds}\0").into_bytes()).count()
}

/// A command that never ends counts as no answer, and is ended with all that it has started.
#[test]
fn a_command_that_never_ends_is_killed_with_all_that_it_started() {
    let mut host = host("{tcp: 'localhost:1'}");
    let (down, sleeps) = (host.path("down"), format!("9{}", std::process::id()));
    let script = format!("if [ -e {} ]; then sleep {sleeps} & wait; fi", down.display());
    host.program("asks", &script);
    let probe = format!("{{command: ['{}'], timeout: 300ms}}", host.path("bin/asks").display());
    let manifest = std::fs::read_to_string(host.path("manifests/mbx.yaml")).unwrap();
    host.write("mbx.yaml", &manifest.replace("{tcp: 'localhost:1'}", &probe));
    let running = || sleeping(&sleeps);
    let (lasted, measured) = measured(&mut host, &[], |host| {
        std::fs::write(host.path("down"), "").unwrap();
        host.until(|_| running() > 0);
        thread::sleep(Duration::from_millis(900));
        std::fs::remove_file(host.path("down")).unwrap();
    });
    assert_about(&measured, lasted, 0.6);
    host.until(|_| running() == 0);
}

/// A daemon that ends takes the commands with it that ask: also one that is only waited for because it was asked before the
/// last answer came.
#[test]
fn no_command_outlives_the_daemon() {
    let mut host = host("{tcp: 'localhost:1'}");
    let (asked, sleeps) = (host.path("asked"), format!("7{}", std::process::id()));
    host.program("asks", &format!("if mkdir {} 2>/dev/null; then sleep {sleeps} & wait; fi", asked.display()));
    let probe = format!("{{command: ['{}'], timeout: 10s}}", host.path("bin/asks").display());
    let manifest = std::fs::read_to_string(host.path("manifests/mbx.yaml")).unwrap();
    host.write("mbx.yaml", &manifest.replace("{tcp: 'localhost:1'}", &probe));
    host.start(&[]);
    host.until(|_| sleeping(&sleeps) == 1);
    host.until_told("was down for");
    let mut daemon = host.daemon.take().unwrap();
    assert!(std::process::Command::new("kill").arg(daemon.id().to_string()).status().unwrap().success());
    assert!(daemon.wait().unwrap().success());
    host.until(|_| sleeping(&sleeps) == 0);
}

/// A run to convergence in virtual time waits for what is measured, and goes no further meanwhile: what is to happen to
/// the world two days later does not.
#[test]
fn virtual_time_stands_still_while_a_measurement_comes_to_its_end() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = host(&format!("{{tcp: '{}'}}", listener.local_addr().unwrap()));
    let manifest = std::fs::read_to_string(host.path("manifests/mbx.yaml")).unwrap();
    let crash = "      faults: [{at: 48h, kind: nodeCrash, node: EXNODE2, for: 5m}]\n";
    host.write("mbx.yaml", &(manifest.replace(&format!("timeScale: {SCALE}"), "timeScale: max") + crash));
    let ended = host.run(&["run", "manifests", "--until-converged"]);
    let told = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{told}");
    let history = host.run(&["history", "mbx-ccr-01", "--output", "json", "--limit", "1000"]);
    let history: Value = serde_json::from_slice(&history.stdout).unwrap();
    let entries = history["clusters"][0]["entries"].as_array().unwrap();
    let of = |kind: &str| entries.iter().filter(|entry| entry["entry"] == kind).count();
    assert_eq!((of("measured"), of("converged")), (1, 1), "{told}");
    let late: Vec<_> = entries.iter().filter(|entry| entry["at"].as_str().unwrap() > "2017-04-02").collect();
    assert!(late.is_empty(), "{late:?}");
}
