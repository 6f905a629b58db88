//! The first hour with a cluster: look, examine, write a manifest, and change nothing.

use serde_json::Value;

use super::host::Host;
use super::story::Story;
use super::until;

#[test]
fn a_cluster_is_examined_and_its_manifest_written_and_nothing_is_changed() {
    let Some(story) = Story::begin("two-roles") else { return };
    let Story { lab, host, .. } = &story;
    let written = host.run(&["init", "pacemaker", "n1", "--part", "{sshConfig: ssh_config}", "--package", "mailstore"]);
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    std::fs::write(host.path("first.yaml"), &written.stdout).unwrap();
    let valid = host.run(&["validate", "first.yaml"]);
    assert!(valid.status.success(), "{}", String::from_utf8_lossy(&valid.stderr));
    let planned = host.run(&["plan", "first.yaml", "--output", "json"]);
    let plan: Value = serde_json::from_slice(&planned.stdout).unwrap();
    assert_eq!(plan["clusters"][0]["decision"], "converged", "it asks for what is there: {plan:#}");

    // Without a fence device, and without a file of the package that is there already.
    assert_eq!(not_good(host, "first.yaml"), ["fencing", "package mailstore_1.0_all.deb"]);
    assert_eq!(not_good(host, "manifests"), ["fencing"]);
    lab.on("n1", "crm_attribute -N n3 -n standby -v on");
    let owner = lab.owner("mail").unwrap();
    let other = if owner == "n1" { "n2" } else { "n1" };
    lab.on("n1", &format!("crm_resource --ban -r mail -N {other}"));
    until("a person's hand is seen", || not_good(host, "manifests").len() > 1);
    assert_eq!(not_good(host, "manifests"), ["fencing", "hand-made-constraints", "standby"]);
    lab.on("n1", "crm_resource --clear -r mail; crm_attribute -N n3 -n standby -D");
    lab.settle();
    story.assert_unchanged();
}

/// The names of the doctor's checks that are not good, in order.
fn not_good(host: &Host, manifests: &str) -> Vec<String> {
    // The daemon would make it, and nobody has started one.
    std::fs::create_dir_all(host.path("state")).unwrap();
    let ran = host.run(&["doctor", "--manifests", manifests, "--output", "json"]);
    let report: Value = serde_json::from_slice(&ran.stdout).unwrap();
    let checks = report["clusters"][0]["checks"].as_array().unwrap();
    let bad = checks.iter().filter(|check| check["state"] != "good" && check["name"] != "state-folder");
    let mut names: Vec<_> = bad.map(|check| check["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}
