//! Rolls in which nothing goes wrong.

use super::probe::{Probes, TWO_ROLES};
use super::story::Story;
use super::until;

/// Two roles with addresses of their own, all nodes stale: as few handoffs as can be, and each role is out for no more
/// than those.
#[test]
fn two_roles_are_rolled_with_the_fewest_handoffs() {
    let Some(story) = Story::begin("two-roles") else { return };
    let Story { lab, host, .. } = &story;
    let owners: Vec<_> = TWO_ROLES.iter().map(|(role, _)| lab.owner(role).unwrap()).collect();
    assert_ne!(owners[0], owners[1], "the cluster spreads roles");
    let admin_epoch = lab.admin_epoch();
    let probes = Probes::start(lab, TWO_ROLES);
    let report = host.roll();
    let seen = probes.end();
    story.assert_rolled();

    assert!(lab.admin_epoch() > admin_epoch, "the claim has raised it");
    // Each role has left the node that it was on, and the third node was free.
    assert_eq!(report["handoffs"]["floor"], 2, "{report}");
    assert_eq!(report["handoffs"]["spent"], 2, "{report}");
    let view = lab.view().unwrap();
    for (seen, owner) in seen.iter().zip(owners) {
        let role = &seen.role;
        assert_eq!(lab.starts(role), 1, "{:#?}", lab.witnessed());
        let new_owner = view.owner(role).unwrap();
        assert_eq!(seen.answers, [format!("{role} 1.0 {owner}"), format!("{role} 1.1 {new_owner}")]);
        assert_eq!(seen.outages.len(), 1, "{seen:?}");
        let told = report["roles"].as_array().unwrap().iter().find(|told| told["name"] == **role).unwrap();
        println!(
            "{}; predicted {}, told {}",
            seen.words(),
            told["predictedOutageSeconds"],
            told["observedOutageSeconds"]
        );
    }
}

/// A promoted instance is a role, and its node is active, while the node of one that is not promoted is passive.
#[test]
fn a_promoted_resource_is_rolled_as_a_role() {
    let Some(story) = Story::begin("promoted") else { return };
    let Story { lab, host, .. } = &story;
    let db = lab.owner("db").unwrap();
    let probes = Probes::start(lab, &TWO_ROLES[..1]).and_promoted(lab, "db-server");
    let report = host.roll();
    let seen = probes.end();
    story.assert_rolled();

    assert_eq!(report["handoffs"]["spent"], 2, "{report}");
    seen.iter().for_each(|seen| println!("{}", seen.words()));
    assert_eq!(seen[0].answers.len(), 2, "{seen:?}");
    assert_eq!(seen[1].answers, [db, lab.owner("db").unwrap()]);
}

/// The rollup asks for the cluster's service to be stopped around the install, and for a reboot after it.
#[test]
fn a_cluster_service_is_stopped_and_a_node_rebooted_where_the_rollup_says_so() {
    let Some(story) = Story::begin("two-roles") else { return };
    let Story { lab, host, .. } = &story;
    host.edit("clusterService: keep", "clusterService: stop");
    host.edit("reboot: never", "reboot: always");
    host.edit("{sshConfig: ssh_config", "{adminEpoch: keep, sshConfig: ssh_config");
    let admin_epoch = lab.admin_epoch();
    let boots = |node: &String| lab.on(node, "grep -c ^boot /var/log/init.log").trim().to_owned();
    assert!(lab.nodes.iter().all(|node| boots(node) == "1"));
    let report = host.roll();
    story.assert_rolled();
    assert_eq!(lab.admin_epoch(), admin_epoch, "it is the operator's alone");
    assert_eq!(report["handoffs"]["spent"], 2, "{report}");
    story.assert_two_handoffs();
    let beside =
        lab.witnessed().into_iter().filter(|line| line.what.starts_with("package") && line.what.contains("pacemakerd"));
    assert_eq!(beside.count(), 0, "the cluster's service ran beside an install: {:#?}", lab.witnessed());
    assert!(lab.nodes.iter().all(|node| boots(node) == "2"), "each was rebooted once");
}

/// Nodes are drained by bans: roles and promoted instances leave, and what a plain clone runs everywhere stays, through
/// the install too.
#[test]
fn a_node_that_is_drained_by_bans_keeps_its_instances() {
    let add = |lab: &super::cluster::Lab| {
        let clone = "<clone id=\"watch\"><primitive id=\"watcher\" class=\"ocf\" provider=\"pacemaker\" type=\"Dummy\"/></clone>";
        lab.on("n1", &format!("cibadmin --create -o resources -X '{clone}' && crm_resource --wait"));
    };
    let Some(story) = Story::begin_after("promoted", add) else { return };
    let Story { lab, host, .. } = &story;
    host.edit("{sshConfig: ", "{drain: bans, sshConfig: ");
    // Whoever is stopped and started has another file.
    let instances =
        |node: &String| lab.on(node, "stat -c '%n %i' /run/Dummy-watcher*.state /run/Stateful-db-server*.state");
    let before: Vec<_> = lab.nodes.iter().map(instances).collect();
    assert!(before.iter().all(|files| files.lines().count() == 2), "{before:?}");
    host.package("1.1", "sleep 3");
    let daemon = host.start("told");
    let mut banned = String::new();
    until("a node is drained by bans", || {
        banned = lab.on("n1", "cibadmin -Q -o constraints");
        banned.contains("rollward-ban-") && lab.witnessed().iter().any(|line| line.what.contains("postinst 1.1"))
    });
    assert!(banned.contains("rsc=\"mail\"") && banned.contains("rsc=\"db\""), "{banned}");
    assert!(!banned.contains("watch") && lab.view().unwrap().standby.is_empty(), "{banned}");
    story.converges(daemon);
    assert_eq!(lab.starts("mail"), 1, "{:#?}", lab.witnessed());
    assert_eq!(lab.nodes.iter().map(instances).collect::<Vec<_>>(), before, "an instance was stopped");
}
