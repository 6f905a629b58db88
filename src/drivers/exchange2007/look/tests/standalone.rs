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
    let senseless = ["stored|RollwardClaim|7\ndone|stored", "stored|Other|7@a#1\ndone|stored", "unknown|stored|denied"];
    let senseless = senseless.map(|stored| said(&alone.replace("done|stored", stored)));
    for node in senseless.into_iter().chain([silent("SCR1: no route")]) {
        let seen = with("False", node);
        assert!(seen.claim.is_unknown() && seen.marks.is_unknown());
    }
    let mark = Mark {
        kind: MarkKind::Pause { node: "SCR1".into() },
        epoch: 7,
        holder: crate::model::Holder::new("a"),
        at: at(),
    };
    let kept = format!("stored|RollwardClaim|7@a#1\nstored|RollwardMarkX|{}\ndone|stored", marks::write(&mark));
    let paused = with("False", said(&alone.replace("done|stored", &kept)));
    assert_eq!((value(&paused.claim).unwrap().epoch, value(&paused.marks)), (7, vec![mark]));
    assert!(value(&paused.nodes["SCR1"].paused) && !value(&idle.nodes["SCR1"].paused));
    for service in ["service|clussvc|2|Running", "service|ClusSvc|2|StartPending", "unknown|service:ClusSvc|denied"] {
        let seen = with("False", said(&alone.replace("service|ClusSvc|4|Stopped", service)));
        let node = &seen.nodes["SCR1"];
        assert!(seen.quorum.is_unknown() && node.membership.is_unknown() && node.paused.is_unknown(), "{service}");
    }
    let none = with("False", said(&alone.replace("service|ClusSvc|4|Stopped\n", "")));
    assert_eq!(value(&none.nodes["SCR1"].membership), Membership::Up);
}
