//! Pairs of nodes: with Corosync's two-node setting either half of a cut cluster goes on, and only fencing says which may.

use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use super::cluster::{Lab, Plug};
use super::probe::{Probes, TWO_ROLES};
use super::story::Story;
use super::until;

/// Fencing, as pairs have it: a device a node, by a real agent that has the lab cut its power; and a head start for the
/// node that has roles.
fn fence(lab: &Lab) {
    for node in &lab.nodes {
        let device = format!(
            "<primitive id=\"fence-{node}\" class=\"stonith\" type=\"fence_lab\"><instance_attributes id=\"fence-{node}-a\">\
             <nvpair id=\"fence-{node}-hosts\" name=\"pcmk_host_list\" value=\"{node}\"/>\
             <nvpair id=\"fence-{node}-check\" name=\"pcmk_host_check\" value=\"static-list\"/>\
             </instance_attributes></primitive>"
        );
        lab.on("n1", &format!("cibadmin --create -o resources -X '{device}'"));
    }
    lab.on("n1", "crm_attribute -t rsc_defaults -n priority -v 10");
    lab.on("n1", "crm_attribute -n priority-fencing-delay -v 5s && crm_attribute -n stonith-enabled -v true");
    lab.on("n1", "crm_resource --wait");
}

/// Two nodes with a role each.
fn pair(more: impl FnOnce(&Lab)) -> Option<Story> {
    let story = Story::begin_on(2, "two-roles", more)?;
    story.host.edit("{n1: {}, n2: {}, n3: {}}", "{n1: {}, n2: {}}");
    Some(story)
}

/// What a look at the cluster finds.
fn status(story: &Story) -> Value {
    let ran = story.host.run(&["status", "lab", "--live", "--manifests", "manifests", "--output", "json"]);
    serde_json::from_slice::<Value>(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran:?}"))["clusters"][0].take()
}

/// Both roles leave their nodes once, and one of them twice, for there is no third node; nobody is fenced for it, though
/// the cluster's service is stopped on either.
#[test]
fn a_pair_with_fencing_is_rolled_and_nobody_is_fenced() {
    let Some(story) = pair(fence) else { return };
    let Story { lab, host, .. } = &story;
    host.edit("clusterService: keep", "clusterService: stop");
    let probes = Probes::start(lab, TWO_ROLES);
    let report = host.roll();
    probes.end().iter().for_each(|seen| println!("{}", seen.words()));
    story.assert_rolled();
    assert_eq!(report["handoffs"]["spent"], report["handoffs"]["optimum"], "{report}");
    assert_eq!(report["handoffs"]["spent"], 3, "{report}");
    assert_eq!(lab.starts("mail") + lab.starts("files"), 3, "{:#?}", lab.witnessed());
    assert_eq!(lab.fenced(), [""; 0]);
}

/// The power of a node fails in its install. It counts as running anything until it is fenced, and is repaired when it is
/// back.
#[test]
fn a_node_of_a_pair_loses_power_and_is_fenced() {
    let Some(story) = pair(fence) else { return };
    let lab = &story.lab;
    let (daemon, node) = story.until_installing("sleep 5");
    lab.kill(&node);
    until("it is fenced", || lab.fenced() == [format!("reboot {node}")]);
    story.converges(daemon);
    assert_eq!(lab.fenced().len(), 1, "{:?}", lab.fenced());
    assert_eq!(lab.starts("mail") + lab.starts("files"), 3, "{:#?}", lab.witnessed());
}

/// The active node's power fails while the other is installed, drained by bans: the other still has its fence device, and
/// has whatever was served fenced; what was banned from it keeps nobody from going on.
#[test]
fn a_pair_that_is_drained_by_bans_outlives_its_active_node() {
    let Some(story) = pair(fence) else { return };
    let lab = &story.lab;
    story.host.edit("{sshConfig: ", "{drain: bans, sshConfig: ");
    let (daemon, node) = story.until_installing("sleep 5");
    let banned = lab.on(&node, "cibadmin -Q -o constraints");
    assert!(banned.contains("rsc=\"mail\"") && !banned.contains("rsc=\"fence-"), "{banned}");
    let active = lab.nodes.iter().find(|other| **other != node).unwrap();
    lab.kill(active);
    until("it is fenced", || lab.fenced() == [format!("reboot {active}")]);
    story.converges(daemon);
    assert_eq!(lab.fenced().len(), 1, "{:?}", lab.fenced());
}

/// The link between the nodes is cut in an install: the node that has roles wins, the other loses its power in the middle
/// of it, and waits for its peer when it is back. Nothing is begun until they are together again.
#[test]
fn the_link_of_a_pair_is_cut_and_the_active_node_wins() {
    let Some(story) = pair(fence) else { return };
    let lab = &story.lab;
    let (daemon, node) = story.until_installing("sleep 5");
    let active = lab.nodes.iter().find(|other| **other != node).unwrap();
    let starts = (lab.starts("mail"), lab.starts("files"));
    lab.cut(active, Plug::Cluster);
    until("the other is fenced", || lab.fenced() == [format!("reboot {node}")]);
    until("it is back, and waits", || lab.view_of(&node).is_some_and(|view| !view.quorum));
    sleep(Duration::from_secs(10));
    let view = lab.view_of(active).unwrap();
    assert!(view.quorum && view.is_well() && view.online.len() == 1, "{view:?}");
    assert_eq!((lab.starts("mail"), lab.starts("files")), starts, "a role was touched");
    lab.heal(active);
    story.converges(daemon);
    assert_eq!(lab.fenced().len(), 1, "{:?}", lab.fenced());
}

/// Without fencing both halves of a pair go on and run everything. Nothing is begun on either, and it is said why.
#[test]
fn a_pair_without_fencing_that_is_cut_is_left_alone() {
    let Some(story) = pair(|_| ()) else { return };
    let lab = &story.lab;
    lab.cut("n1", Plug::Cluster);
    let alone =
        |node: &str| lab.view_of(node).is_some_and(|view| view.quorum && view.is_well() && view.online.len() == 1);
    until("either goes on alone", || alone("n1") && alone("n2"));
    let daemon = story.host.start("told");
    let mut seen = Value::Null;
    until("it is known that they differ", || {
        seen = status(&story);
        seen["decision"] != "act" && seen["holds"].to_string().contains("its cluster service goes on by itself")
    });
    sleep(Duration::from_secs(10));
    assert!(!lab.witnessed().iter().any(|line| line.what.starts_with("package")), "{:#?}", lab.witnessed());
    assert!(["n1", "n2"].iter().all(|node| lab.view_of(node).unwrap().standby.is_empty()));
    lab.heal("n1");
    story.converges(daemon);
}
