//! Logins that are not root: one that may look, and one that may act.

use super::cluster::Lab;
use super::story::Story;

/// The login that `manifests/pacemaker/sudoers` is about, with the key of the lab and no rights but those of its group.
fn log_in(lab: &Lab) {
    for node in &lab.nodes {
        lab.on(
            node,
            "useradd --create-home --groups haclient --password '*' --shell /bin/sh rollward
             install -d -o rollward /home/rollward/.ssh
             install -o rollward /root/.ssh/authorized_keys /home/rollward/.ssh/authorized_keys",
        );
    }
}

/// As one of the cluster's group it sees everything but the votes, which corosync tells those whom a file of its own
/// names. As the sudoers file allows, it rolls the cluster.
#[test]
fn a_login_looks_as_one_of_the_group_and_acts_by_sudo() {
    let story = Story::begin_after("two-roles", |lab| {
        log_in(lab);
        let sudoers = include_str!("../../manifests/pacemaker/sudoers").replace('\'', "'\\''");
        for node in &lab.nodes {
            lab.on(node, &format!("umask 337; printf %s '{sudoers}' >/etc/sudoers.d/rollward && visudo -c -q"));
        }
    });
    let Some(story) = story else { return };
    let Story { lab, host, .. } = &story;
    let logins = "hosts: {n1: rollward@n1, n2: rollward@n2, n3: rollward@n3}";
    host.edit("mode: act", "mode: observe");
    host.edit("{sshConfig: ssh_config}", &format!("{{sshConfig: ssh_config, {logins}}}"));
    assert_eq!(
        host.unknown(),
        [
            "quorum: exit 1: Cannot initialize CMAP service: corosync does not run there, or answers root only: name the \
          login in a file in /etc/corosync/uidgid.d, as `uidgid { uid: LOGIN }`, and `corosync-cfgtool -R`"
        ]
    );
    for node in &lab.nodes {
        lab.on(node, "printf 'uidgid {\\n uid: rollward\\n}\\n' >/etc/corosync/uidgid.d/rollward");
        lab.on(node, "corosync-cfgtool -R");
    }
    assert_eq!(host.unknown(), [""; 0]);
    for node in &lab.nodes {
        lab.on(node, "rm /etc/corosync/uidgid.d/rollward");
    }

    host.edit("mode: observe", "mode: act");
    host.edit(logins, &format!("rights: sudo, {logins}"));
    let report = host.roll();
    story.assert_rolled();
    assert_eq!(report["handoffs"]["spent"], 2, "{report}");
}
