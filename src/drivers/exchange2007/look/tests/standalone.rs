//! The story of a host that is no cluster, or is said to be none.

use super::*;

#[test]
fn a_standalone_host_is_active_while_a_database_of_its_own_is_mounted() {
    let mut asked = asked("{managementHost: mgmt1, quorum: {model: none}}");
    asked.nodes = [("SCR1".into(), Arc::new(crate::guard::testing::rollup()))].into();
    asked.groups.clear();
    let with = |mounted: &str, node: Said| {
        let database = format!(
            "done|snapin\ndatabase|SCR1|SCR1\\SG\\DB|{mounted}|False|False\ndone|databases:SCR1\ndone|storage-groups:SCR1"
        );
        let raw = Raw { cluster: None, groups: None, exchange: said(&database), nodes: [("SCR1".into(), node)].into() };
        look(&asked, &raw, at())
    };
    // What Windows 2003 has, cluster or none.
    let alone = NODE.replace("NAME", "scr1").replace("ClusSvc|2|Running", "ClusSvc|4|Stopped");
    let look = |mounted: &str| with(mounted, said(&alone));
    let idle = look("False");
    assert!(value(&idle.quorum).standalone && idle.groups.is_empty());
    assert_eq!(value(&idle.nodes["SCR1"].membership), Membership::Up);
    let active = look("True");
    assert_eq!(value(&active.groups["SCR1"].kind), GroupKind::Role);
    assert!(look("").groups["SCR1"].state.is_unknown());
    assert_eq!((value(&idle.claim), value(&idle.marks)), (None, Vec::new()));
    assert!(value(&idle.nodes["SCR1"].cluster_service), "it needs none");
    for node in [silent("SCR1: no route"), said(&alone.replace("done|kept", "kept|claim|7\ndone|kept"))] {
        let seen = with("False", node);
        assert!(seen.claim.is_unknown() && seen.marks.is_unknown());
    }
    for service in ["service|clussvc|2|Running", "service|ClusSvc|2|StartPending", "unknown|service:ClusSvc|denied"] {
        let seen = with("False", said(&alone.replace("service|ClusSvc|4|Stopped", service)));
        let node = &seen.nodes["SCR1"];
        assert!(seen.quorum.is_unknown() && node.membership.is_unknown() && node.paused.is_unknown(), "{service}");
    }
    let none = with("False", said(&alone.replace("service|ClusSvc|4|Stopped\n", "")));
    assert_eq!(value(&none.nodes["SCR1"].membership), Membership::Up);
}
