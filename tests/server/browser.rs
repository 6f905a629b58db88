//! The page in a real browser: Debian's `chromium`, told over a pair of pipes what to do.
//!
//! `cargo test --test integration browser -- --ignored`

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::http::Client;
use super::{at_rest, served, token};
use crate::daemon::{Host, POLICY, pair};

/// A browser with one page.
struct Browser {
    process: Child,
    to: File,
    from: BufReader<File>,
    session: String,
    sent: u64,
    _folder: tempfile::TempDir,
}

impl Browser {
    fn open(url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (to, from) = (folder.path().join("to"), folder.path().join("from"));
        assert!(Command::new("mkfifo").args([&to, &from]).status().unwrap().success());
        let start = "exec chromium --headless --no-sandbox --disable-gpu --user-data-dir=\"$1/profile\" \
                     --remote-debugging-pipe about:blank 3<\"$1/to\" 4>\"$1/from\"";
        let process = Command::new("sh")
            .args(["-c", start, "sh"])
            .arg(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let to = File::options().write(true).open(to).unwrap();
        let from = BufReader::new(File::open(from).unwrap());
        let mut browser = Self { process, to, from, session: String::new(), sent: 0, _folder: folder };
        let target = browser.ask("Target.createTarget", json!({"url": url}))["targetId"].clone();
        let attached = browser.ask("Target.attachToTarget", json!({"targetId": target, "flatten": true}));
        browser.session = attached["sessionId"].as_str().unwrap().to_owned();
        browser
    }

    #[track_caller]
    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.try_ask(method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// What it answers, or what it says instead.
    fn try_ask(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        self.sent += 1;
        let mut request = json!({"id": self.sent, "method": method, "params": params});
        if !self.session.is_empty() {
            request["sessionId"] = self.session.clone().into();
        }
        self.to.write_all(format!("{request}\0").as_bytes()).unwrap();
        loop {
            let mut answer = Vec::new();
            assert!(self.from.read_until(0, &mut answer).unwrap() > 0, "the browser has ended");
            let answer: Value = serde_json::from_slice(&answer[..answer.len() - 1]).unwrap();
            if answer["id"] == self.sent {
                return answer.get("error").map_or_else(|| Ok(answer["result"].clone()), |error| Err(error.clone()));
            }
        }
    }

    /// What an expression comes to in the page; nothing while the page is on its way.
    fn eval(&mut self, expression: &str) -> Value {
        let params = json!({"expression": expression, "returnByValue": true});
        match self.try_ask("Runtime.evaluate", params) {
            Ok(answer) => answer["result"]["value"].clone(),
            // Its answer went with the page that it was asked of.
            Err(error) if error.to_string().contains("navigated") => Value::Null,
            Err(error) => panic!("{expression}: {error}"),
        }
    }

    #[track_caller]
    fn until(&mut self, expression: &str) {
        let began = crate::daemon::now();
        while self.eval(expression) != true {
            let text = || "document.title + '\\n' + document.body.innerText";
            assert!(began.elapsed().as_secs() < 30, "{expression} never came:\n{}", self.eval(text()));
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }

    #[track_caller]
    fn until_shown(&mut self, text: &str) {
        self.until(&format!("document.body?.innerText.includes({})", Value::from(text)));
    }

    fn go(&mut self, url: &str) {
        self.ask("Page.navigate", json!({"url": url}));
        self.until("document.readyState === 'complete'");
    }

    /// Fills the fields of the form that goes there, and sends it as its button does.
    fn send(&mut self, action: &str, fields: &[(&str, &str)]) {
        let mut script = format!("const f = document.querySelector('form[action={action:?}]');");
        for (name, value) in fields {
            script += &format!("f.elements[{name:?}].value = {};", Value::from(*value));
        }
        self.eval(&format!("{{ {script} f.querySelector('button').click(); true }}"));
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn sign_in(browser: &mut Browser, host: &Host, client: &Client) {
    browser.go(&format!("http://{}/sign-in?next=%2Fclusters%2Fmbx-ccr-01", client.at));
    browser.send("/sign-in", &[("by", "Ann"), ("token", &token(host))]);
    browser.until("location.pathname.startsWith('/clusters/') && document.readyState === 'complete'");
    browser.until_shown("Ann");
}

#[test]
#[ignore = "takes a browser: apt-get install chromium"]
fn the_page_follows_what_happens_without_being_loaded_again() {
    let (host, client) = at_rest();
    let mut browser = Browser::open(&format!("http://{}/", client.at));
    browser.until_shown("mbx-ccr-01");
    browser.until("document.getElementById('live').textContent === 'live'");
    assert_ne!(
        browser.eval("getComputedStyle(document.querySelector('table')).borderCollapse"),
        "separate",
        "no style"
    );
    browser.eval("window.same = true");
    let hostile = "<img src=x onerror=\"window.ran = true\"> seen live";
    let output = host.run(&["stop", "--all", "--why", hostile]);
    assert!(output.status.success(), "{output:?}");
    browser.until_shown("<img src=x onerror=\"window.ran = true\"> seen live");
    assert_eq!(browser.eval("window.same"), true, "the page was loaded again");
    assert_eq!(browser.eval("window.ran === undefined && document.images.length === 0"), true, "a reason was run");
    let output = host.run(&["go", "--all"]);
    assert!(output.status.success(), "{output:?}");
    browser.until("!document.body.innerText.includes('seen live')");
    // Without scripts it reads the same.
    browser.ask("Emulation.setScriptExecutionDisabled", json!({"value": true}));
    browser.go(&format!("http://{}/clusters/mbx-ccr-01", client.at));
    browser.until_shown("EXNODE2");
    browser.until_shown("Handoff \"MBX1\" from EXNODE1 to EXNODE2");
}

#[test]
#[ignore = "takes a browser: apt-get install chromium"]
fn people_approve_and_stop_on_the_page() {
    let host = Host::new();
    host.write("policy.yaml", &POLICY.replace("handoff: {when: anytime}", "handoff: {when: approval}"));
    host.write("mbx.yaml", &pair("act", "2000"));
    let (host, client) = served(host, "127.0.0.1:0");
    let mut browser = Browser::open("about:blank");
    sign_in(&mut browser, &host, &client);
    let path = "/clusters/mbx%2Dccr%2D01";
    browser.send(&format!("{path}/stop"), &[("why", "not tonight")]);
    browser.until_shown("Done");
    browser.go(&format!("http://{}{path}", client.at));
    browser.until_shown("not tonight");
    browser.send(&format!("{path}/go"), &[]);
    browser.until_shown("Done");
    browser.go(&format!("http://{}{path}", client.at));
    let waiver = [("rule", "soak"), ("subject", "node EXNODE2"), ("action", "Install"), ("why", "vendor 4711")];
    browser.send(&format!("{path}/waive"), &waiver);
    browser.until_shown("Done");
    browser.go(&format!("http://{}{path}", client.at));
    browser.until_shown("soak of EXNODE2 for Install, until");
    browser.send(&format!("{path}/lift-waiver"), &[]);
    browser.until_shown("Done");
    browser.go(&format!("http://{}{path}", client.at));
    // It comes by itself, when the plan is held by nothing else.
    browser.until_shown("Approve 1 handoff");
    browser.send(&format!("{path}/approve"), &[("hours", "4")]);
    browser.until_shown("approved: 1 handoff(s)");
    browser.go(&format!("http://{}{path}", client.at));
    browser.until_shown("up to date");
    browser.until_shown("approved by Ann (http)");
}
