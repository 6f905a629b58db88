//! The status page: what it says, to whom, and what nobody can make it do.

use super::http::{Answer, Client};
use super::{at_rest, served, token};
use crate::daemon::{Host, POLICY, pair};

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

fn sign_in(client: &Client, token: &str, next: &str) -> Answer {
    client.send("POST", "/sign-in", &[FORM], &format!("by=Ann&token={token}&next={next}"))
}

/// Signs in, and returns what a browser would send from then on.
fn cookie(client: &Client, host: &Host) -> String {
    let answer = sign_in(client, &token(host), "%2F");
    assert_eq!((answer.status, answer.header("location")), (303, "/"), "{answer:?}");
    let set = answer.header("set-cookie");
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict") && !set.contains(&token(host)), "{set}");
    set.split(';').next().unwrap().to_owned()
}

/// What a form of a page carries.
fn form_of(page: &str, action: &str) -> String {
    let form = page.split(&format!("action=\"{action}\"")).nth(1).unwrap_or_else(|| panic!("no {action} in {page}"));
    form.split("name=\"form\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

#[test]
fn the_page_says_where_everything_is() {
    let (host, client) = at_rest();
    let overview = client.get("/");
    assert!(overview.header("content-type").starts_with("text/html"), "{overview:?}");
    for part in ["mbx-ccr-01", "held", "0 of 2", "mode: act", "/clusters/mbx%2Dccr%2D01"] {
        assert!(overview.body.contains(part), "{part} is missing in {}", overview.body);
    }
    let page = client.get("/clusters/mbx%2Dccr%2D01").body;
    for part in
        ["EXNODE1", "active", "passive", "8.3.264.0", "stale", "MBX1", "Cluster Group", "online", "<b>mode</b> holds"]
    {
        assert!(page.contains(part), "{part} is missing in {page}");
    }
    assert!(
        page.contains("Handoff &#34;MBX1&#34; from EXNODE1 to EXNODE2") && page.contains("<ol class=\"steps\">"),
        "{page}"
    );
    // The plan is drawn, too: what each node and role is in for.
    let drawn = page.split("<svg role=\"img\"").nth(1).and_then(|rest| rest.split("</svg>").next()).unwrap();
    for part in
        [">EXNODE1</text>", ">EXNODE2</text>", ">MBX1</text>", "class=\"predicted outage\"", "1 outage predicted"]
    {
        assert!(drawn.contains(part), "{part} is missing in {drawn}");
    }
    for page in [&overview.body, &page] {
        assert!(!page.contains("<form method=\"post\" action=\"/s"), "who has not signed in sees a form");
        // The policy would not run it, and no reader of the page should wonder.
        assert!(!page.contains("<script>") && !page.contains(" style=") && !page.contains(" onclick="));
    }
    let gone = client.get("/clusters/mbx");
    assert_eq!(gone.status, 404);
    assert!(gone.body.contains("manages no cluster mbx") && gone.body.contains("<html"), "{gone:?}");
    drop(host);
}

#[test]
fn assets_are_sent_once() {
    let (_host, client) = at_rest();
    for (path, kind) in [
        ("/assets/style.css", "text/css"),
        ("/assets/page.js", "text/javascript"),
        ("/assets/icon.svg", "image/svg+xml"),
    ] {
        let answer = client.get(path);
        assert!(answer.status == 200 && answer.header("content-type").starts_with(kind), "{answer:?}");
        let again = client.send("GET", path, &[("If-None-Match", answer.header("etag"))], "");
        assert_eq!((again.status, again.body.len()), (304, 0), "{again:?}");
    }
}

/// Whatever somebody gives for a reason is text, and so is the name that somebody asks for. (No manifest can give
/// a cluster, a node or a group such a name.)
#[test]
fn names_and_reasons_inject_nothing() {
    let hostile = "<img src=x onerror=alert(1)>&'\"</script>";
    let host = Host::new();
    host.write("policy.yaml", POLICY);
    host.write("mbx.yaml", &pair("observe", "600").replace("EXNODE2: {}", &format!("EXNODE2: {{hold: {hostile:?}}}")));
    let (host, client) = served(host, "127.0.0.1:0");
    let output = host.run(&["stop", "--all", "--why", hostile]);
    assert!(output.status.success(), "{output:?}");
    host.until(|_| client.get("/").body.contains("Stop cord:"));
    let path = "/clusters/mbx-ccr-01";
    let cookie = cookie(&client, &host);
    for page in [client.get("/"), client.get(path), client.send("GET", path, &[("Cookie", &cookie)], "")] {
        assert_eq!(page.status, 200, "{page:?}");
        assert!(page.body.contains("&#60;img src=x onerror=alert(1)&#62;&#38;&#39;"), "it is not shown: {}", page.body);
        assert!(!page.body.contains("<img") && !page.body.contains("\"</script>"), "{}", page.body);
    }
    let name = "%3Cimg%20src=y%20onerror=alert(2)%3E%22";
    for path in [format!("/clusters/{name}"), format!("/sign-in?next={name}")] {
        let page = client.get(&path).body;
        assert!(page.contains("img src=y") || page.contains("img%20src"), "{page}");
        assert!(!page.contains("<img") && !page.contains("alert(2)>"), "{page}");
    }
}

#[test]
fn who_signs_in_shows_the_token_and_goes_nowhere_else() {
    let (host, client) = at_rest();
    for wrong in ["", "0", &token(&host)[1..]] {
        let answer = sign_in(&client, wrong, "%2F");
        assert_eq!((answer.status, answer.header("set-cookie")), (403, ""), "{answer:?}");
        assert!(answer.body.contains("that is not the token"), "{answer:?}");
    }
    for (next, to) in [
        ("%2Fclusters%2Fmbx-ccr-01", "/clusters/mbx%2Dccr%2D01"),
        ("https%3A%2F%2Fevil.example", "/"),
        ("%2F%2Fevil.example", "/"),
        ("%2Fclusters%2F%0D%0ASet-Cookie%3A%20a", "/"),
        ("", "/"),
    ] {
        let answer = sign_in(&client, &token(&host), next);
        assert_eq!((answer.status, answer.header("location")), (303, to), "{next}");
    }
}

/// A browser may be made to send its cookie; no page of others can make a form of ours.
#[test]
fn forms_are_ours_or_do_nothing() {
    let (host, client) = at_rest();
    let cookie = cookie(&client, &host);
    let path = "/clusters/mbx%2Dccr%2D01";
    let page = client.send("GET", path, &[("Cookie", &cookie)], "").body;
    let (stop, go) = (form_of(&page, &format!("{path}/stop")), form_of(&page, &format!("{path}/go")));
    let send = |action: &str, cookie: &str, body: &str| {
        client.send("POST", &format!("{path}/{action}"), &[FORM, ("Cookie", cookie)], body)
    };
    let is_stopped = || client.get("/api/v1/clusters/mbx-ccr-01").body.contains("forged");
    for body in [
        "why=forged".to_owned(),
        "form=&why=forged".to_owned(),
        format!("form={go}&why=forged"),
        format!("form={stop}0&why=forged"),
    ] {
        let answer = send("stop", &cookie, &body);
        assert!([403, 422].contains(&answer.status), "{body}: {answer:?}");
    }
    let body = format!("form={stop}&why=forged");
    for nobody in ["", "rollward-session=", "rollward-session=0000", "other=1"] {
        assert_eq!(
            send("stop", nobody, &body).header("location"),
            "/sign-in?next=%2Fclusters%2Fmbx%252Dccr%252D01%2Fstop"
        );
    }
    // The cookie opens no change of the API.
    let json = ("Content-Type", "application/json");
    let answer =
        client.send("POST", "/api/v1/stop", &[json, ("Cookie", &cookie)], "{\"why\": \"forged\", \"by\": \"x\"}");
    assert_eq!(answer.status, 401, "{answer:?}");
    assert!(!is_stopped());
    let answer = send("stop", &cookie, &body);
    assert_eq!(answer.status, 200, "{answer:?}");
    host.until(|_| is_stopped());
    assert_eq!(send("go", &cookie, &format!("form={go}")).status, 200);
    host.until(|_| !is_stopped());
    // Whoever signs out takes the forms along.
    let out = form_of(&page, "/sign-out");
    let answer = client.send("POST", "/sign-out", &[FORM, ("Cookie", &cookie)], &format!("form={out}"));
    assert_eq!(answer.status, 303, "{answer:?}");
    assert_eq!(send("stop", &cookie, &body).status, 303);
    assert!(!is_stopped());
}

#[test]
fn handoffs_are_approved_on_the_page() {
    let host = Host::new();
    host.write("policy.yaml", &POLICY.replace("handoff: {when: anytime}", "handoff: {when: approval}"));
    host.write("mbx.yaml", &pair("act", "2000"));
    let (host, client) = served(host, "127.0.0.1:0");
    let cookie = cookie(&client, &host);
    let path = "/clusters/mbx%2Dccr%2D01";
    let page = || client.send("GET", path, &[("Cookie", &cookie)], "").body;
    host.until(|_| page().contains("Approve 1 handoff<"));
    let (form, hash) = (form_of(&page(), &format!("{path}/approve")), page());
    let hash = hash.split("name=\"hash\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let send = |body: &str| client.send("POST", &format!("{path}/approve"), &[FORM, ("Cookie", &cookie)], body);
    assert_eq!(send(&format!("hash={hash}")).status, 422);
    assert_eq!(send(&format!("form={form}&hash=0123")).status, 409);
    assert_eq!(send(&format!("form={form}&hash={hash}")).status, 200);
    host.until(|_| page().contains("up to date"));
    assert!(page().contains("approved by Ann (http)") && !page().contains("Approve 1 handoff<"));
}

/// What listens to others asks a browser to sign in, and then shows it everything.
#[test]
fn who_comes_from_elsewhere_signs_in() {
    let (host, client) = served(Host::with_pair("observe", "600"), "0.0.0.0:0");
    for path in ["/", "/clusters/mbx-ccr-01"] {
        let answer = client.get(path);
        assert!(answer.status == 303 && answer.header("location").starts_with("/sign-in?next="), "{answer:?}");
        assert!(!answer.body.contains("EXNODE1"));
    }
    assert_eq!(client.get("/sign-in").status, 200);
    assert_eq!(client.get("/assets/style.css").status, 200);
    assert_eq!(client.get("/api/v1/events").status, 401);
    let cookie = cookie(&client, &host);
    for path in ["/", "/clusters/mbx-ccr-01", "/api/v1/clusters"] {
        assert_eq!(client.send("GET", path, &[("Cookie", &cookie)], "").status, 200, "{path}");
    }
}
