//! `standby-first`: a standby copy is replayed by software at least as new as its source's.

use super::*;
use crate::guard::RollState;
use crate::guard::testing::*;
use crate::model::{Known, NodeRef, PackageName, RuleName, Version};
use crate::observed::{GroupKind, StandbyCopy};

fn at(node: &str) -> NodeRef {
    NodeRef { cluster: "scr-01".into(), node: node.into() }
}

/// MBX1 has declared standby copies on SCR1 and SCR2, both at this version.
fn source(version: [u32; 4]) -> Story {
    let mut story = Story::ccr();
    let mut facts = cluster_facts(RollState::Waiting);
    for node in ["SCR1", "SCR2"] {
        let installed = Known::seen(Some(Version::Quad(version)), story.now);
        let installed = [(PackageName::PRODUCT.into(), installed)].into();
        facts.nodes.insert(node.into(), (installed, Known::seen(false, story.now)));
        if let Some(spec) = story.desired.groups.get_mut("MBX1") {
            spec.standby_targets.push(at(node));
        }
    }
    story.fleet.clusters.insert("scr-01".into(), facts);
    story
}

#[test]
fn a_source_waits_for_every_standby_target() {
    let mut story = source(OLD);
    refuses(
        &story,
        RuleName::StandbyFirst,
        &pause("EXNODE2"),
        "standby-first holds EXNODE2: scr-01/SCR1.versions.product is 8.3.264.0; released when scr-01/SCR1, \
         which holds a standby copy of MBX1, is at 8.3.279.6 or above",
    );
    assert_ne!(story.says(RuleName::StandbyFirst, &install("EXNODE2")), "allowed");
    story = source(NEW);
    allows(&story, &pause("EXNODE2"));
    story.fleet.clusters.remove("scr-01");
    refuses(
        &story,
        RuleName::StandbyFirst,
        &pause("EXNODE2"),
        "standby-first holds EXNODE2: scr-01/SCR1.versions.product is unknown: not looked at yet; released \
         when scr-01/SCR1, which holds a standby copy of MBX1, is at 8.3.279.6 or above",
    );
}

#[test]
fn a_node_that_cannot_own_the_role_is_no_source() {
    let mut story = source(OLD);
    see(story.now, std::sync::Arc::new(["EXNODE1".into()].into()), &mut story.group("MBX1").possible_owners);
    passes(&story, RuleName::StandbyFirst, &pause("EXNODE2"));
    story.group("MBX1").possible_owners = Known::unknown("no answer");
    assert_ne!(story.says(RuleName::StandbyFirst, &pause("EXNODE2")), "allowed");
}

#[test]
fn a_relation_that_is_only_observed_asks_for_its_line() {
    let mut story = Story::ccr();
    let copy = StandbyCopy { target: at("SCR9"), copy: Known::unknown("never asked") };
    see(story.now, vec![copy], &mut story.group("MBX1").standby_copies);
    refuses(
        &story,
        RuleName::StandbyFirst,
        &pause("EXNODE2"),
        "standby-first holds MBX1: a standby copy of MBX1 on scr-01/SCR9 is observed, and not declared; \
         released by adding {cluster: scr-01, node: SCR9} to `standbyTargets` of MBX1, ccr.yaml:20",
    );
    story.group("MBX1").standby_copies = Known::unknown("no answer");
    refuses(
        &story,
        RuleName::StandbyFirst,
        &pause("EXNODE2"),
        "standby-first holds EXNODE2: groups.MBX1.standbyCopies is unknown: no answer; released when the \
         standby copies of MBX1 can be seen",
    );
}

#[test]
fn a_source_waits_while_its_target_is_in_the_middle() {
    let mut story = source(NEW);
    if let Some(facts) = story.fleet.clusters.get_mut("scr-01") {
        facts.in_the_middle.suppose(["SCR2".into()].into(), story.now);
    }
    refuses(
        &story,
        RuleName::StandbyFirst,
        &pause("EXNODE2"),
        "standby-first holds EXNODE2: the standby target scr-01/SCR2 of MBX1 is in the middle of its own \
         update; released when scr-01/SCR2 is back",
    );
}

/// The pair as the standby target: EXNODE2 and SCR2 hold copies of MBX7, which `src` serves.
fn target() -> Story {
    let mut story = Story::ccr();
    let mine = NodeRef { cluster: "mbx-ccr-01".into(), node: "EXNODE2".into() };
    for target in [mine, at("SCR2")] {
        story.fleet.sources_of.insert(target, [("src".into(), "MBX7".into())].into());
    }
    for (cluster, node) in [("src", "S1"), ("scr-01", "SCR2")] {
        let mut facts = cluster_facts(RollState::Waiting);
        let installed = Known::seen(Some(Version::Quad(OLD)), story.now);
        let installed = [(PackageName::PRODUCT.into(), installed)].into();
        facts.nodes.insert(node.into(), (installed, Known::seen(false, story.now)));
        story.fleet.clusters.insert(cluster.into(), facts);
    }
    story
}

#[test]
fn one_standby_target_of_a_role_is_out_at_a_time() {
    let mut story = target();
    allows(&story, &pause("EXNODE2"));
    if let Some((_, out)) = story.fleet.clusters.get_mut("scr-01").and_then(|c| c.nodes.get_mut("SCR2")) {
        out.suppose(true, story.now);
    }
    refuses(
        &story,
        RuleName::StandbyFirst,
        &pause("EXNODE2"),
        "standby-first holds EXNODE2: scr-01/SCR2, another standby target of MBX7, is out; released when \
         scr-01/SCR2 is in service",
    );
    story.fleet.clusters.remove("scr-01");
    refuses(
        &story,
        RuleName::StandbyFirst,
        &pause("EXNODE2"),
        "standby-first holds EXNODE2: scr-01/SCR2, another standby target of MBX7, is unknown: not looked at \
         yet; released when scr-01/SCR2 is in service",
    );
}

#[test]
fn no_target_goes_out_while_its_source_is_in_the_middle() {
    let mut story = target();
    if let Some(facts) = story.fleet.clusters.get_mut("src") {
        facts.in_the_middle.suppose(["S1".into()].into(), story.now);
    }
    refuses(
        &story,
        RuleName::StandbyFirst,
        &pause("EXNODE2"),
        "standby-first holds EXNODE2: src/S1, a node of the source of MBX7, is in the middle of its own \
         update; released when src/S1 is back",
    );
    story.fleet.clusters.remove("src");
    refuses(
        &story,
        RuleName::StandbyFirst,
        &pause("EXNODE2"),
        "standby-first holds EXNODE2: src, which serves MBX7, is unknown: not looked at yet; released when \
         src has been looked at",
    );
}

#[test]
fn downwards_the_source_goes_first() {
    let mut story = target();
    story.desired.allow_downgrade = true;
    story.installed("EXNODE2", [8, 3, 389, 2]);
    allows(&story, &pause("EXNODE2"));
    let newer = Known::seen(Some(Version::Quad([8, 3, 389, 2])), story.now);
    if let Some((installed, _)) = story.fleet.clusters.get_mut("src").and_then(|c| c.nodes.get_mut("S1")) {
        installed.insert(PackageName::PRODUCT.into(), newer);
    }
    refuses(
        &story,
        RuleName::StandbyFirst,
        &pause("EXNODE2"),
        "standby-first holds EXNODE2: src/S1.versions.product is 8.3.389.2; released when src/S1, whose MBX7 \
         it stands by for, is at 8.3.279.6 or below",
    );
    assert_ne!(story.says(RuleName::StandbyFirst, &uninstall("EXNODE2")), "allowed");
    if let Some((installed, _)) = story.fleet.clusters.get_mut("src").and_then(|c| c.nodes.get_mut("S1")) {
        installed.clear();
    }
    refuses(
        &story,
        RuleName::StandbyFirst,
        &uninstall("EXNODE2"),
        "standby-first holds EXNODE2: src/S1.versions.product is unknown: not looked at yet; released when \
         src/S1, whose MBX7 it stands by for, is at 8.3.279.6 or below",
    );
    if let Some(facts) = story.fleet.clusters.get_mut("src") {
        facts.nodes.clear();
    }
    refuses(
        &story,
        RuleName::StandbyFirst,
        &uninstall("EXNODE2"),
        "standby-first holds EXNODE2: the nodes of src, which serves MBX7, is unknown: not looked at yet; \
         released when src has been looked at",
    );
}

#[test]
fn a_role_of_our_own_whose_target_is_in_our_own_cluster_is_ordered_too() {
    let mut story = Story::ccr();
    story.add_node("EXNODE3");
    story.add_group("MBX3", GroupKind::Role, "EXNODE1");
    see(story.now, std::sync::Arc::new(["EXNODE1".into()].into()), &mut story.group("MBX3").possible_owners);
    see(story.now, std::sync::Arc::new(["EXNODE2".into()].into()), &mut story.group("MBX1").possible_owners);
    let mine = NodeRef { cluster: "mbx-ccr-01".into(), node: "EXNODE3".into() };
    if let Some(spec) = story.desired.groups.get_mut("MBX3") {
        spec.standby_targets.push(mine);
    }
    refuses(
        &story,
        RuleName::StandbyFirst,
        &install("EXNODE1"),
        "standby-first holds EXNODE1: mbx-ccr-01/EXNODE3.versions.product is 8.3.264.0; released when \
         mbx-ccr-01/EXNODE3, which holds a standby copy of MBX3, is at 8.3.279.6 or above",
    );
    story.installed("EXNODE3", NEW);
    passes(&story, RuleName::StandbyFirst, &install("EXNODE1"));
}
