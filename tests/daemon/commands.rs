//! Commands that people give to clusters that are slow to take them.

use std::time::Duration;

use super::{Host, POLICY};

/// A cluster that is slow to take a command delays nobody's command to another.
#[test]
fn a_command_to_a_slow_cluster_delays_no_other() {
    let mut host = Host::new();
    host.write("policy.yaml", POLICY);
    let cluster = |name: &str| {
        format!(
            "apiVersion: rollward/v1
kind: Cluster
metadata: {{name: {name}}}
spec:
  mode: act
  topology: generic
  rollup: mail
  policy: night
  nodes: {{{name}-1: {{}}, {name}-2: {{}}}}
  driver: {{pacemaker: {{}}}}
"
        )
    };
    host.write(
        "rollup.yaml",
        "apiVersion: rollward/v1
kind: Rollup
metadata: {name: mail}
spec: {install: deb, packages: [{name: mail, version: 2.0-1, file: mail_2.0-1_amd64.deb}]}
",
    );
    host.write("slow.yaml", &cluster("slow"));
    host.write("quick.yaml", &cluster("quick"));
    host.program(
        "ssh",
        "case \"$*\" in
*slow-*) [ -e slow ] && { : >asked-$$; exec sleep 1000; } ;;
esac
echo 'ssh: Connection refused' >&2
exit 255",
    );
    host.start(&[]);
    host.until_told("stop holds quick");
    std::fs::write(host.path("slow"), "").unwrap();
    let mut slow =
        host.rollward(&["stop", "slow", "--why", "the slow one", "--manifests", "manifests"]).spawn().unwrap();
    let asked = |host: &Host| {
        let names = std::fs::read_dir(host.folder.path()).unwrap().map(|file| file.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().starts_with("asked-")).count()
    };
    host.until(|host| asked(host) >= 2);
    // Its own loop may have asked, and not the command, which then does so in a moment.
    std::thread::sleep(Duration::from_secs(1));
    let quick = host.run(&["stop", "quick", "--why", "the quick one", "--manifests", "manifests"]);
    let said = String::from_utf8_lossy(&quick.stderr);
    assert!(said.contains("no node with quorum answers"), "{said}");
    let status = host.run(&["status", "--manifests", "manifests"]);
    assert!(String::from_utf8_lossy(&status.stdout).contains("quick"), "{status:?}");
    assert!(slow.try_wait().unwrap().is_none(), "the slow one has answered");
    host.kill();
    assert!(!slow.wait().unwrap().success());
}
