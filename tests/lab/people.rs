//! What people do to a cluster while it is rolled: it stands, and is shown.

use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use super::host::Host;
use super::probe::{Probes, TWO_ROLES};
use super::story::Story;
use super::until;

/// A person moves a role onto the very node that is about to be worked on, at different moments between the look and the
/// touch. The node is active then, or will be as soon as it may: it is left alone until the person takes that back.
#[test]
fn a_person_moves_a_role_onto_the_node_that_is_prepared() {
    let Some(story) = Story::begin("two-roles") else { return };
    let Story { lab, host, .. } = &story;
    host.package("1.1", "sleep 1");
    let daemon = host.start("told");
    let mut prepared = 0;
    for (delay, moment) in [(0, "  done       Stage"), (700, "  done       Stage"), (0, "  begin      Pause")] {
        let is_moment = |line: &&str| line.contains(moment);
        until(moment, || daemon.told().lines().skip(prepared).any(|line| is_moment(&line)));
        let told = daemon.told();
        let line = told.lines().skip(prepared).find(is_moment).unwrap();
        let node = line.split_whitespace().find(|word| lab.nodes.iter().any(|node| node == word)).unwrap();
        sleep(Duration::from_millis(delay));
        // Exit 108: it is there already, by its own choice.
        lab.on("n1", &format!("crm_resource --move -r mail -N {node} || [ $? = 108 ]"));
        sleep(Duration::from_secs(8));
        let constraints = lab.on("n1", "cibadmin -Q -o constraints");
        assert!(constraints.contains("cli-prefer-mail"), "the person's constraint is gone: {constraints}");
        lab.on("n1", "crm_resource --clear -r mail");
        prepared = daemon.told().lines().count();
    }
    story.converges(daemon);
}

/// A node that a person has put in standby is not touched, stays so, and is shown so; when the person takes it back, the
/// roll goes on by itself.
#[test]
fn a_persons_standby_is_respected_and_shown() {
    let Some(story) = Story::begin("two-roles") else { return };
    let Story { lab, host, .. } = &story;
    let empty = lab.nodes.iter().find(|node| ["mail", "files"].iter().all(|r| lab.owner(r).as_ref() != Some(node)));
    let node = empty.unwrap();
    lab.on(node, &format!("crm_attribute -N {node} -n standby -v on"));
    until("it is in standby", || lab.view().is_some_and(|view| view.standby.contains(node)));
    let daemon = host.start("told");
    daemon.until_told(" people holds ");
    let seen = host.run(&["observe", "lab", "--manifests", "manifests", "--output", "json"]);
    let seen: Value = serde_json::from_slice(&seen.stdout).unwrap();
    let nodes = seen["clusters"][0]["nodes"].as_array().unwrap();
    let shown = nodes.iter().find(|shown| shown["name"] == **node).unwrap();
    assert_eq!(shown["paused"]["by"], "person", "{shown}");
    sleep(Duration::from_secs(10));
    assert!(lab.view().is_some_and(|view| view.standby.contains(node)), "it was taken out of standby");
    let installed = lab.witnessed().into_iter().any(|line| line.node == *node && line.what.starts_with("package"));
    assert!(!installed, "{:#?}", lab.witnessed());
    lab.on(node, &format!("crm_attribute -N {node} -n standby -D"));
    story.converges(daemon);
}

/// A package that fails to configure halts the cluster, with the cause; the roles run on. Once the package is mended it
/// is repaired, and the roll goes on by itself.
#[test]
fn a_package_that_fails_halts_the_cluster_until_it_is_mended() {
    let Some(story) = Story::begin("two-roles") else { return };
    let Story { lab, host, .. } = &story;
    let probes = Probes::start(lab, TWO_ROLES);
    let (daemon, node) = story.until_installing("echo 'cannot migrate the index' >&2; exit 7");
    daemon.until_told(" budget holds ");
    assert!(daemon.told().contains("dpkg exit 1"), "{}", daemon.told());
    sleep(Duration::from_secs(10));
    let others = lab.witnessed().into_iter().filter(|line| line.node != node && line.what.starts_with("package"));
    assert_eq!(others.count(), 0, "{:#?}", lab.witnessed());
    for seen in probes.end() {
        assert!(seen.outages.is_empty(), "{seen:?}");
    }
    host.package("1.1", "");
    story.converges(daemon);
}

/// Two daemons on hosts of their own: one is in charge, the other waits. As many handoffs as one would take.
#[test]
fn two_daemons_roll_one_cluster_once() {
    let Some(story) = Story::begin("two-roles") else { return };
    let other = Host::new(&story.lab, "two-roles");
    let daemons = [story.host.start("told"), other.start("told")];
    daemons.iter().for_each(|daemon| daemon.until_told("  converged  "));
    let begun = daemons.iter().filter(|daemon| daemon.told().contains("  begin      Handoff")).count();
    assert_eq!(begun, 1, "only one was in charge");
    for daemon in &daemons {
        assert!(
            !daemon.told().contains("not our doing"),
            "one took the other's handoffs for failovers: {}",
            daemon.told()
        );
    }
    drop(daemons);
    story.assert_rolled();
    story.assert_two_handoffs();
}

/// A role prefers a node, and does not stick to where it is: whatever it is moved away for, it comes back. That costs no
/// handoff beyond those that the plan announced.
#[test]
fn a_role_that_comes_back_by_itself_costs_what_the_plan_says() {
    let story = Story::begin_after("two-roles", |lab| {
        let owner = lab.owner("mail").unwrap();
        let rule = format!("<rsc_location id=\"mail-home\" rsc=\"mail\" node=\"{owner}\" score=\"50\"/>");
        lab.on("n1", &format!("cibadmin --create -o constraints -X '{rule}'"));
        lab.on("n1", "crm_resource -r mail --meta -p resource-stickiness -v 0");
    });
    let Some(story) = story else { return };
    let Story { lab, host, .. } = &story;
    let planned = host.run(&["plan", "manifests", "--output", "json"]);
    let plan: Value = serde_json::from_slice(&planned.stdout).unwrap();
    let ended = host.run(&["run", "manifests", "--until-converged", "--timeout", "3m", "--output", "json"]);
    let told = String::from_utf8_lossy(&ended.stderr);
    println!("{told}");
    let moves = lab.starts("mail") + lab.starts("files");
    let announced = plan["clusters"][0]["handoffs"]["planned"].as_u64().unwrap();
    if ended.status.success() {
        story.assert_rolled();
        assert_eq!(moves as u64, announced, "{told}");
    } else {
        // Or it is held, with the reason, before it costs anything; and what can be done without it is done.
        assert!(told.contains("the cluster would move mail"), "{told}");
        assert_eq!((lab.starts("mail"), lab.starts("files")), (0, 1), "{told}");
        lab.assert_untouched();
    }
}
