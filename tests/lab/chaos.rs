//! Rolls in random trouble, from a seed: power, plugs, processes, people and the daemon itself, one after the other, all
//! at random moments. The witnesses on the nodes decide whether an installer met a role; and every round ends well.
//!
//! `LAB_ROUNDS` is how many (20), `LAB_SEED` the first one's seed (1), `LAB_SIDE_BY_SIDE` how many run at once (2).

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::Duration;

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::cluster::{Lab, Plug};
use super::story::Story;

fn number(variable: &str, otherwise: u64) -> u64 {
    let value = std::env::var_os(variable).map(|value| value.to_str().unwrap().parse().unwrap());
    value.unwrap_or(otherwise)
}

#[test]
fn rolls_in_random_trouble_touch_no_role_and_end_well() {
    if !super::can_run() {
        return;
    }
    let (rounds, first) = (number("LAB_ROUNDS", 20), number("LAB_SEED", 1));
    let next = AtomicU64::new(first);
    let worker = || {
        let mut bad = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + rounds {
                return bad;
            }
            if std::thread::spawn(move || round(seed)).join().is_err() {
                bad.push(seed);
            }
        }
    };
    let bad: Vec<u64> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..number("LAB_SIDE_BY_SIDE", 2)).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    println!("{rounds} rounds from seed {first}: {} bad", bad.len());
    let repeat = "LAB_ROUNDS=1 LAB_SEED=N ROLLWARD_LAB=1 cargo test --test integration lab::chaos -- --nocapture";
    assert!(bad.is_empty(), "bad seeds: {bad:?}; repeat one with `{repeat}`");
}

/// What happens.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    DaemonKilled,
    DaemonKilledAndItsStateLost,
    PowerCut,
    ClusterCut,
    ManagementCut,
    PersonMoves,
    ServiceDies,
}

const TROUBLES: &[Trouble] = &[
    Trouble::DaemonKilled,
    Trouble::DaemonKilledAndItsStateLost,
    Trouble::PowerCut,
    Trouble::ClusterCut,
    Trouble::ManagementCut,
    Trouble::PersonMoves,
    Trouble::ServiceDies,
];

fn round(seed: u64) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let story = Story::begin("two-roles").unwrap();
    let Story { lab, host, .. } = &story;
    // Trouble shall not spend the tries that the roll is left with.
    host.edit("limits: {", "limits: {retries: 30, haltAfterFailedNodes: 3, ");
    host.package("1.1", &format!("sleep {}", random.random_range(0..5)));
    let drain = ["standby", "bans"][random.random_range(0..2)];
    host.edit("{sshConfig: ", &format!("{{drain: {drain}, sshConfig: "));
    let mut daemon = host.start("told");
    let mut happened = Vec::new();
    for i in 0..random.random_range(2..=5) {
        sleep(Duration::from_millis(random.random_range(0..12_000)));
        let trouble = TROUBLES[random.random_range(0..TROUBLES.len())];
        let node = lab.nodes[random.random_range(0..lab.nodes.len())].clone();
        let role = ["mail", "files"][random.random_range(0..2)];
        let lasts = Duration::from_millis(random.random_range(500..12_000));
        happened.push(format!("{trouble:?} {node} {role} {lasts:?}"));
        match trouble {
            Trouble::DaemonKilled | Trouble::DaemonKilledAndItsStateLost => {
                drop(daemon);
                if let Trouble::DaemonKilledAndItsStateLost = trouble {
                    // It may not have come to make one.
                    let _ = std::fs::remove_dir_all(host.path("state"));
                }
                daemon = host.start(&format!("told-{i}"));
            }
            Trouble::PowerCut => {
                lab.kill(&node);
                sleep(lasts);
                lab.boot(&node);
            }
            Trouble::ClusterCut => pull(lab, &node, Plug::Cluster, lasts),
            Trouble::ManagementCut => pull(lab, &node, Plug::Management, lasts),
            Trouble::PersonMoves => {
                lab.on(&node, &format!("crm_resource --move -r {role} -N {node} || true"));
                sleep(lasts);
                lab.on(&node, &format!("crm_resource --clear -r {role}"));
            }
            Trouble::ServiceDies => _ = lab.ask(&node, &format!("kill -KILL $(cat /run/roles/{role})")),
        }
    }
    let troubles = happened.join("; ");
    println!("seed {seed}, {drain}: {troubles}");
    // Not told by a daemon that was started when nothing was left to do.
    host.until_converged();
    drop(daemon);
    // The cluster's own memory of the failures that it was put through.
    lab.on("n1", "crm_resource --cleanup >/dev/null 2>&1");
    story.assert_rolled();
    println!("seed {seed}: well; {} starts of roles", lab.starts("mail") + lab.starts("files"));
}

fn pull(lab: &Lab, node: &str, plug: Plug, lasts: Duration) {
    lab.cut(node, plug);
    sleep(lasts);
    lab.heal(node);
}
