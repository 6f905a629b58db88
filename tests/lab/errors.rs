//! What goes wrong on the first day, as it is told: where, by which command, what that said, and what to do.

use std::fs;

use super::cluster::Plug;
use super::host::Host;
use super::story::Story;
use super::until;

const DRIVER: &str = "{sshConfig: ssh_config}";

/// Why something cannot be seen while the manifest is changed like this.
#[track_caller]
fn with(host: &Host, from: &str, to: &str) -> Vec<String> {
    host.edit(from, to);
    let unknown = host.unknown();
    host.edit(to, from);
    unknown
}

/// What a command says that goes wrong.
#[track_caller]
fn fails(host: &Host, args: &[&str]) -> String {
    let ran = host.run(args);
    assert!(!ran.status.success(), "{ran:?}");
    String::from_utf8(ran.stderr).unwrap()
}

#[test]
fn a_node_that_cannot_be_asked_is_told_of_with_what_to_do() {
    let Some(story) = Story::begin("two-roles") else { return };
    let Story { lab, host, .. } = &story;
    assert_eq!(host.unknown(), [""; 0]);

    lab.cut("n2", Plug::Management);
    let told = host.unknown().join("\n");
    lab.heal("n2");
    let said = "n2: ssh to n2: connect to host 10.77.0.12 port 22: ";
    assert!(
        told == format!("{said}Connection timed out: it does not answer; is it up, and is the way to it open?")
            || told == format!("{said}No route to host: there is no way to it"),
        "{told}"
    );

    assert_eq!(
        with(host, DRIVER, "{sshConfig: ssh_config, hosts: {n2: nobody@n2}}"),
        [
            "n2: ssh to nobody@n2: nobody@10.77.0.12: Permission denied (publickey): the login was refused; check the user \
          and the key in your ssh configuration"
        ]
    );
    assert_eq!(
        fails(host, &["init", "pacemaker", "nobody@n2", "--part", "{sshConfig: ssh_config}"]),
        "error: nobody@n2: ssh to nobody@n2: nobody@10.77.0.12: Permission denied (publickey): the login was refused; \
         check the user and the key in your ssh configuration\n"
    );

    // The key of n2 as n1's, and no key of it.
    let known = fs::read_to_string(lab.folder.join("known_hosts")).unwrap();
    let of = |node: &str| known.lines().find(|line| line.starts_with(node)).unwrap();
    let wrong = of("n1,").replacen("n1,", "n2,", 1);
    let config = fs::read_to_string(host.path("ssh_config")).unwrap();
    let place = lab.folder.join("known_hosts");
    let config = config.replace(place.to_str().unwrap(), host.path("known").to_str().unwrap());
    fs::write(host.path("other_config"), config).unwrap();
    for (key, what) in [
        (
            wrong.as_str(),
            "its host key is not the one you know; make sure that it is the right machine, then `ssh-keygen -R` its name",
        ),
        ("", "its host key is not known; log in once by hand and compare it"),
    ] {
        fs::write(host.path("known"), [of("n1,"), key, of("n3,"), ""].join("\n")).unwrap();
        let told = with(host, DRIVER, "{sshConfig: other_config}");
        assert_eq!(told, [format!("n2: ssh to n2: Host key verification failed: {what}")]);
    }

    assert_eq!(
        with(host, DRIVER, "{sshConfig: ssh_config, hosts: {n2: n3}}"),
        ["n2: who answered is called n3 in the cluster: check `hosts`, or the node's name"]
    );
    let more = with(host, "n3: {}", "n3: {}, n9: {}");
    assert_eq!(more[1], "the cluster has no node n9, but n1, n2, n3: mend `nodes`", "{more:#?}");
    assert!(more[0].starts_with("n9: ssh to n9: Could not resolve hostname n9: "), "{more:#?}");
    assert!(more[0].ends_with(": no such name; give the node an address under `hosts`, or in your ssh configuration"));
    assert_eq!(with(host, ", n3: {}", ""), ["it is in no manifest, and was not asked"]);
    host.edit(", n3: {}", "");
    let plan = String::from_utf8(host.run(&["plan", "manifests"]).stdout).unwrap();
    host.edit("n2: {}", "n2: {}, n3: {}");
    let hold = "declared holds lab
      nodes.n3: a member that no line declares (just now)
      -> released by adding `n3: {}` (or with `hold: \"why\"`) under `nodes:` of the cluster at manifests/cluster.yaml:13";
    assert!(plan.contains(hold), "{plan}");
    assert_eq!(host.unknown(), [""; 0]);
}

#[test]
fn tools_and_rights_and_votes_that_are_missing_are_told_of_with_what_to_do() {
    let Some(story) = Story::begin("two-roles") else { return };
    let Story { lab, host, .. } = &story;
    lab.on("n2", "mv /usr/sbin/crm_mon /usr/sbin/crm_mon.away");
    let missing = host.unknown();
    // As Pacemaker 1.1 and the first of 2.0 answer.
    let old = "echo \"crm_mon: unrecognized option '--output-as'\" >&2; exit 64";
    lab.on("n2", &format!("cat >/usr/sbin/crm_mon <<'X'\n#!/bin/sh\n{old}\nX\nchmod 755 /usr/sbin/crm_mon"));
    let too_old = host.unknown();
    lab.on("n2", "mv /usr/sbin/crm_mon.away /usr/sbin/crm_mon");
    let own = "the others see n2 online, and its own tools do not: n2: crm_mon: exit ";
    assert_eq!(missing.len(), 1, "{missing:#?}");
    assert!(missing[0].starts_with(&format!("{own}127: /bin/sh: ")), "{missing:#?}");
    assert!(
        missing[0].ends_with("crm_mon: not found: install it there (`rollward doctor` lists what is missing)"),
        "{missing:#?}"
    );
    assert_eq!(
        too_old,
        [format!(
            "{own}64: crm_mon: unrecognized option '--output-as': it is too old: Pacemaker 2.0.3 is the oldest to look \
             at, 2.1 to act on"
        )]
    );

    // A login without any rights.
    lab.on("n2", "useradd --create-home --password '*' guest && install -d -o guest /home/guest/.ssh");
    lab.on("n2", "install -o guest /root/.ssh/authorized_keys /home/guest/.ssh/authorized_keys");
    let hosts = "{sshConfig: ssh_config, hosts: {n2: guest@n2}}";
    assert_eq!(
        with(host, DRIVER, hosts),
        ["the others see n2 online, and its own tools do not: n2: crm_mon: error: Could not connect to launcher: \
          Permission denied; crm_mon: Connection to cluster failed: Permission denied: log in as root, or to look only \
          as one of the group haclient"]
    );
    assert_eq!(
        with(host, DRIVER, &hosts.replace("hosts", "rights: sudo, hosts").replace("guest@n2", "guest@n2, n1: root@n1"))
            .last()
            .map(String::as_str),
        Some(
            "n2: ssh to guest@n2: sudo: a password is required: allow the login what `manifests/pacemaker/sudoers` says"
        )
    );

    // Everybody on their own.
    lab.nodes.iter().for_each(|node| lab.cut(node, Plug::Cluster));
    until("nobody has quorum", || lab.view().is_none());
    let told = host.unknown();
    lab.nodes.iter().for_each(|node| lab.heal(node));
    let one = |node: &str| {
        format!(
            "{node}: crm_mon says that its part of the cluster has no quorum: bring the others back, or the network \
             between them"
        )
    };
    let all = ["n1", "n2", "n3"].map(one).join("; ");
    assert!(told.contains(&format!("no node with quorum answers: {all}")), "{told:#?}");
}

#[test]
fn a_package_that_is_missing_or_another_is_told_of_and_no_node_is_paused_for_it() {
    let Some(story) = Story::begin("two-roles") else { return };
    let Story { lab, host, .. } = &story;
    let package = host.path("packages/mailstore_1.1_all.deb");
    let good = fs::read(&package).unwrap();
    let refuses_and_pauses_nobody = |host: &Host, told: &str| {
        let daemon = host.start("told");
        daemon.until_told(told);
        assert!(!daemon.told().contains("  begin      Pause"), "{}", daemon.told());
    };
    fs::remove_file(&package).unwrap();
    let at = package.display();
    refuses_and_pauses_nobody(
        host,
        &format!(
            "{at} cannot be read: No such file or directory (os error 2): put it there, or mend the path in its \
             Package document"
        ),
    );
    fs::write(&package, &good[..1000]).unwrap();
    refuses_and_pauses_nobody(host, &format!("package saw {at} has the SHA-256 "));
    let told = fs::read_to_string(host.path("told")).unwrap();
    assert!(told.contains(" is declared: download it again, or declare what is there by `rollward package`"), "{told}");

    // The disk of each node is full: what is copied there does not arrive, and that is tried a few times only.
    fs::write(&package, &good).unwrap();
    for node in &lab.nodes {
        lab.on(
            node,
            "mkdir -p /var/lib/rollward/packages && mount -t tmpfs -o size=8k,mode=700 t /var/lib/rollward/packages",
        );
    }
    let daemon = host.start("full");
    daemon.until_told("No space left on device");
    daemon.until_told(" budget holds ");
    assert!(!daemon.told().contains("  begin      Pause"), "{}", daemon.told());
    for node in &lab.nodes {
        lab.on(node, "umount /var/lib/rollward/packages");
    }
    let retried = host.run(&["retry", "lab", "--manifests", "manifests"]);
    assert!(retried.status.success(), "{retried:?}");
    story.converges(daemon);
}
