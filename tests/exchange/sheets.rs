//! The sheet for the night, in a roll whose daemon is gone: its commands are typed word for word into the twin's tools, and
//! nothing of ours is left.

use serde_json::{Value, json};

use super::host::{Daemon, Twin};
use super::rolls::estate;

#[track_caller]
fn sheet(twin: &Twin) -> Value {
    let sheet = twin.asked(&["status", "--sheet", "--manifests", &twin.declare()]);
    sheet["clusters"][0]["byHand"].clone()
}

/// A command, after the machine on which it is typed.
type Typed = (String, String);

/// All that a sheet has of ours: what must be so first, and the commands.
fn ours(by_hand: &Value) -> Vec<(Option<String>, Vec<Typed>)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let commands = |of: &Value| -> Vec<Typed> {
        let lines = |commands: &Value| -> Vec<_> {
            let lines = commands["lines"].as_array().unwrap().iter();
            lines.map(|line| (text(&commands["on"]), text(line))).collect()
        };
        of["commands"].as_array().unwrap().iter().flat_map(lines).collect()
    };
    let all = by_hand["ours"].as_array().unwrap();
    all.iter().map(|one| (one["first"].as_str().map(str::to_owned), commands(one))).collect()
}

/// Types every `cluster.exe` of a sheet on the machine that it names. Nothing needs to be waited for any more.
#[track_caller]
fn type_in(twin: &Twin, by_hand: &Value) {
    for (first, commands) in ours(by_hand) {
        assert_eq!(first, None, "{by_hand:#}");
        for (on, line) in commands.iter().filter(|(_, line)| line.starts_with("cluster.exe ")) {
            let words: Vec<_> = line.split(' ').skip(1).collect();
            let said = twin.on(on, "cluster.exe", &words);
            assert_eq!(said.code, 0, "{line}: {}{}", said.out, said.err);
        }
    }
}

/// That nothing of ours is in a cluster any more, and everybody is served; and that a sheet sees that.
#[track_caller]
fn assert_nothing_left(twin: &Twin, cluster: &str) {
    let truth = twin.truth()[cluster].clone();
    assert_eq!(truth["properties"], json!({}), "{truth:#}");
    for node in truth["nodes"].as_object().unwrap().values() {
        assert_eq!(node["paused"], Value::Null, "{truth:#}");
    }
    assert_eq!(truth["groups"]["MBX1"]["wanted"], true, "{truth:#}");
    let left = sheet(twin);
    let kept = |line: &str| line.starts_with("del ") || line.starts_with("rmdir ");
    assert!(ours(&left).iter().flat_map(|(_, commands)| commands).all(|(_, line)| kept(line)), "{left:#}");
}

#[test]
fn an_install_is_left_alone_and_then_tidied_up_after() {
    let twin = estate("ccr/pair.yaml");
    let node = || twin.truth()["mbx-ccr-01"]["nodes"]["EXNODE2"].clone();
    let daemon = Daemon::start(&twin, "state");
    twin.wait_until("an install", || node()["work"].as_str().filter(|w| w.starts_with("Install")).map(|_| ()));
    daemon.kill();
    let meanwhile = sheet(&twin);
    let never = &meanwhile["never"][0];
    assert!(
        never["why"].as_str().unwrap().contains("Install exchange-2007-sp3-ru8-v3 on EXNODE2 is at work"),
        "{never:#}"
    );
    assert!(never["not"].to_string().contains("end msiexec.exe, switch EXNODE2 off"), "{never:#}");
    // The announcement, the pause, what is kept on the node, and whatever the installer has done to it so far.
    for one in meanwhile["ours"].as_array().unwrap() {
        let of_node = one["what"].as_str().unwrap().contains("EXNODE2");
        assert_eq!(one["first"].is_string(), of_node, "what is of EXNODE2, and nothing else, waits: {one:#}");
    }
    assert!(ours(&meanwhile).len() >= 4, "{meanwhile:#}");
    twin.wait_until("its end", || node()["work"].is_null().then_some(()));
    let after = twin.wait_until("the end of its worker", || {
        let after = sheet(&twin);
        ours(&after).iter().all(|(first, _)| first.is_none()).then_some(after)
    });
    let told: Vec<_> = ours(&after).into_iter().flat_map(|(_, commands)| commands).collect();
    let at_store = |words: &str| ("mgmt1".to_owned(), format!("cluster.exe /cluster:EXNODE1 {words}"));
    assert_eq!(told[0], at_store("node EXNODE2 /resume"));
    let mark = told[1].1.strip_prefix("cluster.exe /cluster:EXNODE1 /priv RollwardMark").unwrap();
    assert!(mark.ends_with(" /usedefault"), "{mark}");
    assert_eq!(told[2], at_store("/priv RollwardClaim /usedefault"));
    let kept = ["tries", "handoffs", "verified", "work", "services"].map(|f| format!(r#""C:\rollward\kept\{f}""#));
    assert!(told.contains(&("EXNODE2".into(), format!("del /q {}", kept.join(" ")))), "{told:#?}");
    type_in(&twin, &after);
    assert_nothing_left(&twin, "mbx-ccr-01");
}

#[test]
fn a_stopped_role_comes_first() {
    let twin = estate("ccr/offline-style.yaml");
    const PAIR: &str = "mbx-ccr-39";
    let truth = || twin.truth()[PAIR].clone();
    let daemon = Daemon::start(&twin, "state");
    twin.wait_until("a stopped role", || (truth()["groups"]["MBX1"]["wanted"] == false).then_some(()));
    daemon.kill();
    let idle = || truth()["nodes"].as_object().unwrap().values().all(|node| node["work"].is_null());
    twin.wait_until("the end of the work", || idle().then_some(()));
    let after = twin.wait_until("the end of its worker", || {
        let after = sheet(&twin);
        ours(&after).iter().all(|(first, _)| first.is_none()).then_some(after)
    });
    let told = ours(&after);
    let duty: Vec<&str> = told[0].1.iter().map(|(_, line)| line.as_str()).collect();
    assert_eq!(duty[0], "Start-ClusteredMailboxServer -Identity 'MBX1' -Confirm:$false", "{after:#}");
    assert!(duty[1].starts_with("Get-MailboxDatabase -Server 'MBX1' -Status | "), "{after:#}");
    assert!(duty[3].starts_with("cluster.exe "), "{after:#}");
    assert_eq!(told[0].1[0].0, "mgmt1, in the Exchange Management Shell");
    // The twin knows no shell of Exchange's: a hand does what the cmdlet would.
    twin.hand(PAIR, "start-role MBX1");
    type_in(&twin, &after);
    assert_nothing_left(&twin, PAIR);
}

#[test]
fn a_sheet_of_machines_that_do_not_answer_says_so() {
    let twin = estate("ccr/pair.yaml");
    twin.troubles(json!([{"of": "ssh", "it": {"endsWith": {"code": 255, "saying": "connect: No route to host"}}}]), 3);
    let said = twin.rollward(&["status", "--sheet", "--manifests", &twin.declare()]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    for words in [
        "in charge: unknown",
        "the cluster's store could not be read: there may be more than is listed",
        "whether anything of rollward's is at work on EXNODE1 is not known: ",
        "No route to host",
    ] {
        assert!(said.out.contains(words), "{words}:\n{}", said.out);
    }
}
