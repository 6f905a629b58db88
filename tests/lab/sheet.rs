//! The sheet for the night: what rollward has in a cluster is ended by its commands, word for word, without rollward.

use serde_json::Value;

use super::story::Story;
use super::until;

/// The sheet of the cluster, without a daemon.
#[track_caller]
fn sheet(story: &Story) -> Value {
    let ran = story.host.run(&["status", "lab", "--sheet", "--manifests", "manifests", "--output", "json"]);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let sheet: Value = serde_json::from_slice(&ran.stdout).unwrap();
    sheet["clusters"][0]["byHand"].clone()
}

/// The daemon ends for ever in the middle of an install. While the installer works the sheet says what not to do, and how
/// one sees that it is over; then its commands, typed on the nodes that it names, leave nothing of ours.
#[test]
fn a_roll_that_stops_in_the_middle_is_ended_by_hand() {
    let Some(story) = Story::begin("two-roles") else { return };
    let lab = &story.lab;
    let (mut daemon, node) = story.until_installing("sleep 8");
    daemon.kill();
    let meanwhile = sheet(&story);
    let never = &meanwhile["never"][0];
    assert!(never["why"].as_str().unwrap().contains(&format!("Install mailstore on {node} is at work")), "{never:#}");
    let shows = &never["until"]["commands"];
    assert_eq!(shows["on"], *node);
    let question = shows["lines"][0].as_str().unwrap();
    assert_eq!(
        lab.ask(&node, question),
        None,
        "the installer is at work, and the sheet's question says that it is over"
    );
    until("the sheet's question says that it is over", || {
        lab.ask(&node, question).is_some_and(|said| said == "over\n")
    });
    let after = sheet(&story);
    assert_eq!(after["never"].as_array().unwrap().len(), 0, "{after:#}");
    for ours in after["ours"].as_array().unwrap() {
        println!("{}", ours["what"]);
        assert!(ours["first"].is_null(), "{after:#}");
        for commands in ours["commands"].as_array().unwrap() {
            for line in commands["lines"].as_array().unwrap() {
                println!("  {}: {line}", commands["on"]);
                lab.on(commands["on"].as_str().unwrap(), line.as_str().unwrap());
            }
        }
    }
    lab.settle();
    let view = lab.view().unwrap();
    assert!(view.standby.is_empty() && view.is_well(), "{view:?}");
    story.assert_unchanged();
    for node in &lab.nodes {
        let kept = lab.on(node, "ls /var/lib/rollward 2>/dev/null || true");
        let kept: Vec<_> = kept.lines().filter(|file| !["epoch", "lock"].contains(file)).collect();
        assert!(kept.is_empty(), "{node} keeps {kept:?}");
    }
    // And by the sheet's own questions.
    for shows in after["check"].as_array().unwrap().iter().take(1) {
        let on = shows["commands"]["on"].as_str().unwrap();
        let line = shows["commands"]["lines"][0].as_str().unwrap();
        assert_eq!(lab.on(on, &format!("{line} || true")), "", "{shows:#}");
    }
    assert_eq!(sheet(&story)["ours"].as_array().unwrap().len(), 0);
}
