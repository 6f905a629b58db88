//! Side by side: the same cluster is updated by hand (`tests/lab/by-hand`) and by `rollward`, in turn.
//! `ROLLWARD_LAB=1 cargo test --release --test integration lab::bench -- --ignored --nocapture` prints the table.

use std::path::Path;

use super::probe::{Probes, TWO_ROLES};
use super::story::Story;
use super::{now, until};

/// How often each.
const TIMES: usize = 3;

/// What one update cost.
struct Cost {
    elapsed: f64,
    handoffs: usize,
    /// By role, in seconds.
    outage: Vec<f64>,
}

#[test]
#[ignore = "prints a table"]
fn by_hand_and_by_rollward() {
    let Some(story) = Story::begin("two-roles") else { return };
    let Story { lab, host, .. } = &story;
    let (mut by_hand, mut by_rollward) = (Vec::new(), Vec::new());
    for i in 0..2 * TIMES {
        let version = format!("1.{}", i + 1);
        if i > 0 {
            host.edit(&format!("1.{i}"), &version);
            host.package(&version, "");
        }
        // Both begin where they left their users the evening before.
        for ((role, _), node) in TWO_ROLES.iter().zip(&lab.nodes) {
            lab.on(node, &format!("crm_resource --move -r {role} -N {node} || [ $? = 108 ]"));
            until("the role is at home", || lab.owner(role).as_ref() == Some(node));
            lab.on(node, &format!("crm_resource --clear -r {role}"));
        }
        lab.settle();
        let starts = || TWO_ROLES.iter().map(|(role, _)| lab.starts(role)).sum::<usize>();
        let before = starts();
        let probes = Probes::start(lab, TWO_ROLES);
        let began = now();
        if i % 2 == 0 {
            let mut script = lab.management(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/by-hand"));
            let package = host.path(&format!("packages/mailstore_{version}_all.deb"));
            script.arg(lab.folder.join("ssh_config")).arg(package).args(&lab.nodes);
            let ran = script.output().unwrap();
            assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        } else {
            host.roll();
        }
        let elapsed = began.elapsed().as_secs_f64();
        let outage = probes.end().iter().map(|seen| seen.outage().as_secs_f64()).collect();
        for node in &lab.nodes {
            assert_eq!(lab.version(node), format!("{version} ii"));
        }
        let cost = Cost { elapsed, handoffs: starts() - before, outage };
        if i % 2 == 0 { by_hand.push(cost) } else { by_rollward.push(cost) }
    }
    lab.assert_untouched();
    println!("| | run | elapsed, s | handoffs | outage of mail, s | outage of files, s | outage together, s |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for (name, costs) in [("by hand", &by_hand), ("rollward", &by_rollward)] {
        for (i, Cost { elapsed, handoffs, outage }) in costs.iter().enumerate() {
            let together: f64 = outage.iter().sum();
            let (mail, files) = (outage[0], outage[1]);
            println!("| {name} | {} | {elapsed:.1} | {handoffs} | {mail:.2} | {files:.2} | {together:.2} |", i + 1);
        }
    }
    let mean = |costs: &[Cost], of: fn(&Cost) -> f64| costs.iter().map(of).sum::<f64>() / costs.len() as f64;
    let ratio = |of| mean(&by_rollward, of) / mean(&by_hand, of);
    println!(
        "rollward to by hand: outage {:.2}, elapsed {:.2}",
        ratio(|c| c.outage.iter().sum()),
        ratio(|c| c.elapsed)
    );
}
