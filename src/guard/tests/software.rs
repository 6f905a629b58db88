//! What is installed: `version`, `package`, `budget`, and what `preflight` asks before anything is paid.

use std::time::Duration;

use super::*;
use crate::guard::testing::*;
use crate::model::{InstallKind, Known, MarkKind, NodeRef, PackageName, RuleName, Version};
use crate::observed::FailedHandoffs;
use crate::observed::{Copy, CopyStatus, Disk, GroupState, Services, Tries};

#[test]
fn a_rollup_goes_on_its_own_service_pack_only() {
    let mut story = Story::ccr();
    see(story.now, Some(Version::Quad([8, 2, 176, 2])), &mut story.node("EXNODE2").baseline);
    refuses(
        &story,
        RuleName::Version,
        &install("EXNODE2"),
        "version holds EXNODE2: nodes.EXNODE2.baseline is 8.2.176.2; released when EXNODE2 is at 8.3.83.6, \
         which ru8 is for",
    );
    assert_ne!(story.says(RuleName::Version, &pause("EXNODE2")), "allowed", "nothing is paid before knowing");
    story.node("EXNODE2").baseline = Known::unknown("the registry does not answer");
    refuses(
        &story,
        RuleName::Version,
        &install("EXNODE2"),
        "version holds EXNODE2: nodes.EXNODE2.baseline is unknown: the registry does not answer; released \
         when EXNODE2 is at 8.3.83.6, which ru8 is for",
    );
    see(story.now, None, &mut story.node("EXNODE2").baseline);
    refuses(
        &story,
        RuleName::Version,
        &install("EXNODE2"),
        "version holds EXNODE2: nodes.EXNODE2.baseline is none; released when EXNODE2 is at 8.3.83.6, which \
         ru8 is for",
    );
}

#[test]
fn an_interim_update_comes_off_first() {
    let mut story = Story::ccr();
    see(story.now, vec!["KB2710975".into()], &mut story.node("EXNODE2").interim_updates);
    refuses(
        &story,
        RuleName::Version,
        &pause("EXNODE2"),
        "version holds EXNODE2: nodes.EXNODE2.interimUpdates is KB2710975; released when no interim update \
         is installed on EXNODE2: remove it",
    );
    story.node("EXNODE2").interim_updates = Known::unknown("no answer");
    refuses(
        &story,
        RuleName::Version,
        &pause("EXNODE2"),
        "version holds EXNODE2: nodes.EXNODE2.interimUpdates is unknown: no answer; released when no interim \
         update is installed on EXNODE2: remove it",
    );
}

#[test]
fn nothing_goes_down_unasked() {
    let mut story = Story::ccr();
    story.installed("EXNODE2", [8, 3, 389, 2]);
    refuses(
        &story,
        RuleName::Version,
        &install("EXNODE2"),
        "version holds EXNODE2: nodes.EXNODE2.versions.product is 8.3.389.2, above 8.3.279.6; released by \
         `allowDowngrade: true` in the cluster's spec, ccr.yaml:1",
    );
    refuses(
        &story,
        RuleName::Version,
        &uninstall("EXNODE2"),
        "version holds EXNODE2: nodes.EXNODE2.versions.product is 8.3.389.2, above 8.3.279.6; released by \
         `allowDowngrade: true` in the cluster's spec, ccr.yaml:1",
    );
    refuses(
        &story,
        RuleName::Version,
        &pause("EXNODE2"),
        "version holds EXNODE2: nodes.EXNODE2.versions.product is 8.3.389.2, above 8.3.279.6; released by \
         `allowDowngrade: true` in the cluster's spec, ccr.yaml:1",
    );
    story.desired.allow_downgrade = true;
    allows(&story, &pause("EXNODE2"));
    story.node("EXNODE2").installed.clear();
    refuses(
        &story,
        RuleName::Version,
        &uninstall("EXNODE2"),
        "version holds EXNODE2: nodes.EXNODE2.versions.product is unknown: nobody looked; released when the \
         installed version is known",
    );
    let deb = Known::seen(Version::parse(InstallKind::Deb, "2.1.5-1").ok(), story.now);
    story.node("EXNODE2").installed.insert(PackageName::PRODUCT.into(), deb);
    refuses(
        &story,
        RuleName::Version,
        &install("EXNODE2"),
        "version holds EXNODE2: nodes.EXNODE2.versions.product is 2.1.5-1, no msp version; released when the \
         installed version is known",
    );
}

#[test]
fn an_installer_runs_only_where_it_has_something_to_do() {
    let mut story = Story::ccr_in_the_middle();
    story.desired.allow_downgrade = true;
    refuses(
        &story,
        RuleName::Version,
        &uninstall("EXNODE2"),
        "version holds EXNODE2: the standing of EXNODE2 to ru8 is stale; released by planning anew: Uninstall is for a \
         node that is ahead",
    );
    story.installed("EXNODE2", NEW);
    refuses(
        &story,
        RuleName::Version,
        &install("EXNODE2"),
        "version holds EXNODE2: the standing of EXNODE2 to ru8 is current; released by planning anew: Install is for a \
         node that is stale",
    );
}

#[test]
fn a_denied_rollup_and_one_that_is_not_the_target_are_refused() {
    let mut story = Story::ccr();
    let other = Action::Install { node: "EXNODE2".into(), rollup: "ru7".into() };
    refuses(
        &story,
        RuleName::Version,
        &other,
        "version holds EXNODE2: the target of EXNODE2 is ru8; released by planning anew: ru7 is not wanted there",
    );
    if let Some(rollup) = story.target("EXNODE2") {
        rollup.denied = Some("withdrawn by the vendor".into());
    }
    refuses(
        &story,
        RuleName::Version,
        &pause("EXNODE2"),
        "version holds EXNODE2: rollup ru8 is denied: withdrawn by the vendor; released by another `rollup`, \
         or by lifting the denial",
    );
}

#[test]
fn a_package_that_nobody_downloaded_says_where_to_get_it_and_where_to_put_it() {
    let mut story = Story::ccr();
    story.desired.packages.clear();
    refuses(
        &story,
        RuleName::Package,
        &pause("EXNODE2"),
        "package holds ru8: a Package document for ru8.msp is not declared; released by the downloaded file: \
         get it from KB2756497, put it into packages and run `rollward package packages/ru8.msp`",
    );
    let said = story.says(RuleName::Package, &pause("EXNODE2"));
    assert_eq!(story.says(RuleName::Package, &stage("EXNODE2")), said);
    assert_eq!(story.says(RuleName::Package, &handoff("MBX1", "EXNODE1", "EXNODE2")), said);
}

#[test]
fn only_the_declared_file_is_installed() {
    let mut story = Story::ccr_in_the_middle();
    see(story.now, [(FILE.to_owned(), "bb22".to_owned())].into(), &mut story.node("EXNODE2").staged);
    refuses(
        &story,
        RuleName::Package,
        &install("EXNODE2"),
        "package holds EXNODE2: nodes.EXNODE2.staged.ru8.msp is SHA-256 bb22, declared aa11 (ccr.yaml:40); \
         released when ru8.msp is on EXNODE2 with the declared SHA-256: Stage copies it from \
         packages/ru8.msp",
    );
    see(story.now, Default::default(), &mut story.node("EXNODE2").staged);
    refuses(
        &story,
        RuleName::Package,
        &install("EXNODE2"),
        "package holds EXNODE2: nodes.EXNODE2.staged.ru8.msp is not there; released when ru8.msp is on \
         EXNODE2 with the declared SHA-256: Stage copies it from packages/ru8.msp",
    );
    passes(&story, RuleName::Package, &stage("EXNODE2"));
    story.node("EXNODE2").staged = Known::unknown("no answer");
    refuses(
        &story,
        RuleName::Package,
        &install("EXNODE2"),
        "package holds EXNODE2: nodes.EXNODE2.staged.ru8.msp is unknown: no answer; released when ru8.msp is \
         on EXNODE2 with the declared SHA-256: Stage copies it from packages/ru8.msp",
    );
    passes(&story, RuleName::Package, &uninstall("EXNODE2"));
}

fn failed(story: &mut Story, node: &str, failed: u32, retryable: bool) {
    let tries = Tries { rollup: "ru8".into(), failed, signature: "msiexec 1603".into(), at: story.now, retryable };
    see(story.now, vec![tries], &mut story.node(node).tries);
}

#[test]
fn a_node_is_tried_again_after_a_pause_that_doubles_and_not_for_ever() {
    let mut story = Story::ccr();
    failed(&mut story, "EXNODE2", 1, true);
    refuses(
        &story,
        RuleName::Budget,
        &pause("EXNODE2"),
        "budget holds EXNODE2: nodes.EXNODE2.tries is 1 failed, the last at 2017-04-01T12:00:00Z: msiexec \
         1603; released at 2017-04-01T12:01:00Z, after a pause of 1m",
    );
    story.pass(Duration::from_secs(60));
    allows(&story, &pause("EXNODE2"));
    failed(&mut story, "EXNODE2", 2, true);
    refuses(
        &story,
        RuleName::Budget,
        &pause("EXNODE2"),
        "budget holds EXNODE2: nodes.EXNODE2.tries is 2 failed, the last at 2017-04-01T12:01:00Z: msiexec \
         1603; released at 2017-04-01T12:03:00Z, after a pause of 2m",
    );
    failed(&mut story, "EXNODE2", 3, true);
    refuses(
        &story,
        RuleName::Budget,
        &pause("EXNODE2"),
        "budget holds EXNODE2: nodes.EXNODE2.tries is 3 failed, the last at 2017-04-01T12:01:00Z: msiexec \
         1603; released by `rollward retry mbx-ccr-01 --node EXNODE2` once the cause is cured: no try is left of 3",
    );
    failed(&mut story, "EXNODE2", 1, false);
    refuses(
        &story,
        RuleName::Budget,
        &pause("EXNODE2"),
        "budget holds EXNODE2: nodes.EXNODE2.tries is 1 failed, the last at 2017-04-01T12:01:00Z: msiexec \
         1603; released by `rollward retry mbx-ccr-01 --node EXNODE2` once the cause is cured: trying again does \
         not cure it",
    );
    story.node("EXNODE2").tries = Known::unknown("no answer");
    refuses(
        &story,
        RuleName::Budget,
        &pause("EXNODE2"),
        "budget holds EXNODE2: nodes.EXNODE2.tries is unknown: no answer; released when the tries on EXNODE2 \
         can be read",
    );
    story.policy().limits.retries = 20;
    failed(&mut story, "EXNODE2", 19, true);
    refuses(
        &story,
        RuleName::Budget,
        &pause("EXNODE2"),
        "budget holds EXNODE2: nodes.EXNODE2.tries is 19 failed, the last at 2017-04-01T12:01:00Z: msiexec \
         1603; released at 2017-04-01T13:01:00Z, after a pause of 1h",
    );
}

#[test]
fn a_mended_package_is_another_try() {
    let mut story = Story::ccr();
    failed(&mut story, "EXNODE2", 9, true);
    failed(&mut story, "EXNODE1", 9, true);
    let another = [(FILE.to_owned(), "bb22".to_owned())];
    see(story.now, another.clone().into(), &mut story.node("EXNODE2").staged);
    refuses(
        &story,
        RuleName::Budget,
        &stage("EXNODE2"),
        "budget holds mbx-ccr-01: nodes.EXNODE1.tries is 9 failed, the last at 2017-04-01T12:00:00Z: msiexec 1603, \
         limits.haltAfterFailedNodes is 1 (ccr.yaml:30); the roll is halted; released by `rollward retry mbx-ccr-01` \
         once EXNODE1 is cured",
    );
    see(story.now, another.into(), &mut story.node("EXNODE1").staged);
    allows(&story, &stage("EXNODE2"));
    see(story.now, [(FILE.to_owned(), "aa11".to_owned())].into(), &mut story.node("EXNODE2").staged);
    let hold = "budget holds EXNODE2: nodes.EXNODE2.tries is 9 failed, the last at 2017-04-01T12:00:00Z: msiexec 1603; \
                released by `rollward retry mbx-ccr-01 --node EXNODE2` once the cause is cured: no try is left of 3";
    refuses(&story, RuleName::Budget, &pause("EXNODE2"), hold);
}

#[test]
fn a_failed_node_halts_its_cluster() {
    let mut story = Story::ccr();
    failed(&mut story, "EXNODE1", 3, true);
    refuses(
        &story,
        RuleName::Budget,
        &pause("EXNODE2"),
        "budget holds mbx-ccr-01: nodes.EXNODE1.tries is 3 failed, the last at 2017-04-01T12:00:00Z: msiexec \
         1603, limits.haltAfterFailedNodes is 1 (ccr.yaml:30); the roll is halted; released by `rollward \
         retry mbx-ccr-01` once EXNODE1 is cured",
    );
    story.policy().limits.halt_after_failed_nodes = 2;
    allows(&story, &pause("EXNODE2"));
    failed(&mut story, "EXNODE1", 0, true);
    story.policy().limits.halt_after_failed_nodes = 1;
    allows(&story, &pause("EXNODE2"));
    story.mark(MarkKind::Quarantine { node: "EXNODE1".into(), why: "services differ".into() });
    refuses(
        &story,
        RuleName::Budget,
        &pause("EXNODE2"),
        "budget holds mbx-ccr-01: the quarantine of EXNODE1 is services differ, limits.haltAfterFailedNodes \
         is 1 (ccr.yaml:30); the roll is halted; released by `rollward release mbx-ccr-01` once EXNODE1 is \
         cured",
    );
}

#[test]
fn one_failure_in_two_places_halts_the_rollup_everywhere() {
    let mut story = Story::ccr();
    let nodes =
        |names: &[&str]| names.iter().map(|n| NodeRef { cluster: "mbx-ccr-02".into(), node: (*n).into() }).collect();
    story.fleet.failures.insert(("ru8".into(), "msiexec 1603".into()), nodes(&["A"]));
    story.fleet.failures.insert(("ru7".into(), "msiexec 1603".into()), nodes(&["A", "B"]));
    allows(&story, &pause("EXNODE2"));
    story.fleet.failures.insert(("ru8".into(), "msiexec 1603".into()), nodes(&["A", "B"]));
    refuses(
        &story,
        RuleName::Budget,
        &pause("EXNODE2"),
        "budget holds ru8: the same failure, \"msiexec 1603\", is seen on mbx-ccr-02/A, mbx-ccr-02/B, \
         fleet.haltAfterSameFailure is 2; the rollup is halted everywhere; released by `rollward retry` of \
         mbx-ccr-02 once the cause is cured, or by another rollup",
    );
}

#[test]
fn a_node_is_not_paused_when_its_install_would_fail() {
    let mut story = Story::ccr();
    see(story.now, Disk { free_mib: 100, needed_mib: 2000 }, &mut story.node("EXNODE2").disk);
    refuses(
        &story,
        RuleName::Preflight,
        &pause("EXNODE2"),
        "preflight holds EXNODE2: nodes.EXNODE2.disk is 100 MiB free, 2000 MiB needed; released by room for \
         the installer",
    );
    see(story.now, true, &mut story.node("EXNODE2").pending_reboot);
    let differing = [("Store".to_owned(), "disabled, was automatic".to_owned())].into();
    see(story.now, Services { baseline_saved: true, differing }, &mut story.node("EXNODE2").services);
    refuses(
        &story,
        RuleName::Preflight,
        &pause("EXNODE2"),
        "preflight holds EXNODE2: nodes.EXNODE2.disk is 100 MiB free, 2000 MiB needed, \
         nodes.EXNODE2.pendingReboot is true, nodes.EXNODE2.services is Store disabled, was \
         automatic; released by room for the installer and a reboot by somebody and \
         services as in the baseline",
    );
    story.node("EXNODE2").disk = Known::unknown("no answer");
    see(story.now, false, &mut story.node("EXNODE2").pending_reboot);
    refuses(
        &story,
        RuleName::Preflight,
        &pause("EXNODE2"),
        "preflight holds EXNODE2: nodes.EXNODE2.disk is unknown: no answer, nodes.EXNODE2.services is \
         Store disabled, was automatic; released by a look at EXNODE2 and services as in the \
         baseline",
    );
    story.installed("EXNODE2", NEW);
    passes(&story, RuleName::Preflight, &pause("EXNODE2"));
}

#[test]
fn a_role_is_not_handed_over_when_the_node_it_leaves_could_not_be_updated() {
    let mut story = Story::ccr();
    story.installed("EXNODE2", NEW);
    let over = handoff("MBX1", "EXNODE1", "EXNODE2");
    allows(&story, &over);
    see(story.now, true, &mut story.node("EXNODE1").pending_reboot);
    refuses(
        &story,
        RuleName::Preflight,
        &over,
        "preflight holds EXNODE1: nodes.EXNODE1.pendingReboot is true; released by a reboot by somebody",
    );
    see(story.now, false, &mut story.node("EXNODE1").pending_reboot);
    see(story.now, true, &mut story.group("MBX1").backup);
    refuses(
        &story,
        RuleName::Preflight,
        &over,
        "preflight holds EXNODE1: groups.MBX1.backup is running; released by the end of the backup",
    );
    story.rules = story.rules.without(RuleName::Preflight);
    allows(&story, &over);
}

#[test]
fn a_backup_of_a_copy_and_a_role_that_is_down_hold_the_pause() {
    let mut story = Story::ccr();
    story.group("MBX1").backup = Known::unknown("no answer");
    refuses(
        &story,
        RuleName::Preflight,
        &pause("EXNODE2"),
        "preflight holds EXNODE2: groups.MBX1.backup is unknown: no answer; released by the end of the backup",
    );
    story.group("MBX1").copies.clear();
    passes(&story, RuleName::Preflight, &pause("EXNODE2"));
    let copy = Known::seen(Copy { status: CopyStatus::Healthy, queue: 0 }, story.now);
    story.group("MBX1").copies.insert("EXNODE2".into(), copy);
    see(story.now, false, &mut story.group("MBX1").backup);
    see(story.now, GroupState::PartiallyOnline, &mut story.group("MBX1").state);
    refuses(
        &story,
        RuleName::Preflight,
        &pause("EXNODE2"),
        "preflight holds EXNODE2: groups.MBX1.state is partially online; released by every role online",
    );
}

#[test]
fn a_handoff_that_fails_is_not_tried_without_end() {
    let mut story = Story::ccr();
    let again = handoff("MBX1", "EXNODE1", "EXNODE2");
    passes(&story, RuleName::Budget, &again);
    let fail = |story: &mut Story, failed| {
        let signature = "the group stayed where it was".into();
        let what = FailedHandoffs { group: "MBX1".into(), failed, signature, at: story.now };
        see(story.now, vec![what], &mut story.node("EXNODE1").failed_handoffs);
    };
    fail(&mut story, 1);
    refuses(
        &story,
        RuleName::Budget,
        &again,
        "budget holds MBX1: handoffs of MBX1 off EXNODE1 is 1 failed in a row, the last at 2017-04-01T12:00:00Z: the group stayed \
         where it was; released at 2017-04-01T12:01:00Z, after a pause of 1m",
    );
    story.pass(Duration::from_secs(60));
    passes(&story, RuleName::Budget, &again);
    fail(&mut story, 3);
    story.pass(Duration::from_secs(86_400));
    refuses(
        &story,
        RuleName::Budget,
        &again,
        "budget holds MBX1: handoffs of MBX1 off EXNODE1 is 3 failed in a row, the last at 2017-04-01T12:01:00Z: the group stayed \
         where it was; released by `rollward retry mbx-ccr-01` once the cause is cured: no try is left of 3",
    );
}
