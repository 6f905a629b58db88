//! Daemons that are killed, power that fails, and plugs that are pulled, in the middle of a roll.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

use super::cluster::{Lab, Plug};
use super::probe::{Probes, TWO_ROLES};
use super::story::Story;
use super::until;

/// Killed after each beginning, sooner or later, and at each end of an action, its state kept or lost: as many handoffs
/// as undisturbed.
#[test]
fn a_daemon_is_killed_at_every_boundary_of_an_action() {
    let Some(story) = Story::begin("two-roles") else { return };
    let host = &story.host;
    let mut kills = 0;
    loop {
        let mut daemon = host.start(&format!("told-{kills}"));
        let at = if kills % 2 == 0 { "  begin  " } else { "  done  " };
        until(at, || [at, "  converged  "].iter().any(|sign| daemon.told().contains(sign)));
        if daemon.told().contains("  converged  ") {
            break;
        }
        if kills % 2 == 0 {
            // Before the node hears of it, while it announces it, while it acts, and when it is done.
            sleep(Duration::from_millis(kills * 170 % 1_700));
        }
        daemon.kill();
        kills += 1;
        assert!(kills < 150, "it gets nowhere:\n{}", daemon.told());
        if kills % 3 == 0 {
            std::fs::remove_dir_all(host.path("state")).unwrap();
        }
    }
    println!("killed {kills} times");
    assert!(kills > 15, "{kills}");
    story.assert_rolled();
    story.assert_two_handoffs();
}

/// The power fails while a package is being configured: the node comes back with half of it, and is repaired.
#[test]
fn a_node_loses_power_during_its_install() {
    let Some(story) = Story::begin("two-roles") else { return };
    let lab = &story.lab;
    let probes = Probes::start(lab, TWO_ROLES);
    let (daemon, node) = story.until_installing("sleep 5");
    lab.kill(&node);
    until("the others see that it is gone", || lab.view().is_some_and(|view| !view.online.contains(&node)));
    lab.boot(&node);
    story.converges(daemon);
    for seen in probes.end() {
        println!("{}", seen.words());
        assert_eq!(seen.outages.len(), 1, "the power failed where no role was: {seen:?}");
    }
}

/// The management host cannot reach the node while it installs: the install goes on, and is found done, not done again.
#[test]
fn the_management_network_is_cut_during_an_install() {
    let Some(story) = Story::begin("two-roles") else { return };
    let lab = &story.lab;
    let (daemon, node) = story.until_installing("sleep 5");
    lab.cut(&node, Plug::Management);
    until("it is installed", || lab.version(&node) == "1.1 ii");
    // Long enough for a look that finds the node out of reach.
    sleep(Duration::from_secs(15));
    assert_eq!(installs(lab), [(node.clone(), 1)].into(), "nothing else is begun beside a node that is out");
    lab.heal(&node);
    story.converges(daemon);
    assert!(installs(lab).values().all(|times| *times == 1), "{:#?}", lab.witnessed());
}

/// A node that is cut off from the others believes what it likes, and is not used, nor asked to change anything.
#[test]
fn a_minority_is_not_used() {
    let Some(story) = Story::begin("two-roles") else { return };
    let lab = &story.lab;
    let (daemon, node) = story.until_installing("sleep 5");
    lab.cut(&node, Plug::Cluster);
    until("it has lost quorum", || lab.view_of(&node).is_some_and(|view| !view.quorum));
    until("it is installed", || lab.version(&node) == "1.1 ii");
    let store = lab.on(&node, "cibadmin -Q -o configuration");
    let more = lab.on(&node, "cat /var/log/witness");
    sleep(Duration::from_secs(15));
    assert_eq!(lab.on(&node, "cibadmin -Q -o configuration"), store, "the minority was told something");
    assert_eq!(lab.on(&node, "cat /var/log/witness"), more, "something was installed in the minority");
    assert_eq!(installs(lab).len(), 1, "nothing else is begun beside a node that is out");
    lab.heal(&node);
    story.converges(daemon);
    story.assert_two_handoffs();
}

/// The active node loses power while another is being updated: its role fails over, and the roll goes on.
#[test]
fn a_role_fails_over_in_the_middle_of_the_roll() {
    let Some(story) = Story::begin("two-roles") else { return };
    let lab = &story.lab;
    let probes = Probes::start(lab, TWO_ROLES);
    let (daemon, preparing) = story.until_installing("sleep 3");
    let active = lab.owner("mail").unwrap();
    assert_ne!(preparing, active);
    lab.kill(&active);
    until("its role is served elsewhere", || lab.owner("mail").is_some_and(|owner| owner != active));
    sleep(Duration::from_secs(5));
    lab.boot(&active);
    story.converges(daemon);
    probes.end().iter().for_each(|seen| println!("{}", seen.words()));
}

/// A role can start on none of the other nodes: the one that is kept out is given back as soon as its install has ended,
/// and takes it, though something of the role is on another node still.
#[test]
fn a_role_that_starts_nowhere_else_gets_the_node_that_is_out() {
    let Some(story) = Story::begin("two-roles") else { return };
    let lab = &story.lab;
    let (daemon, node) = story.until_installing("sleep 5");
    let others = || lab.nodes.iter().filter(|other| **other != node);
    others().for_each(|other| _ = lab.on(other, "mv /usr/sbin/mailstored /usr/sbin/mailstored.away"));
    lab.on(&lab.owner("files").unwrap(), "kill -KILL $(cat /run/roles/files)");
    until("the node that was out serves it", || lab.owner("files").as_ref() == Some(&node));
    others().for_each(|other| _ = lab.on(other, "mv /usr/sbin/mailstored.away /usr/sbin/mailstored"));
    lab.on(&node, "crm_resource --cleanup >/dev/null 2>&1");
    story.converges(daemon);
}

/// How often the new version was installed, by node.
fn installs(lab: &Lab) -> BTreeMap<String, usize> {
    let mut by_node = BTreeMap::new();
    for line in lab.witnessed().into_iter().filter(|line| line.what.starts_with("package postinst 1.1")) {
        *by_node.entry(line.node).or_default() += 1;
    }
    by_node
}
