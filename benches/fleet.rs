//! What a pass over many idle clusters costs: `cargo bench --bench fleet`.
//!
//! One pass looks at every cluster through its driver and decides. Figures are in ARCHITECTURE.md.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rollward::desired::{self, SourceFile};
use rollward::drivers::Drivers;
use rollward::drivers::simulator::Simulation;
use rollward::fleet::simulated::Simulated;
use rollward::guard::RuleSet;
use rollward::model::Holder;

/// So many distinct converged clusters of so many nodes, with a role on all but one of them.
fn fleet(clusters: usize, nodes: usize) -> Simulated {
    let mut text = String::from(
        "apiVersion: rollward/v1\nkind: Policy\nmetadata: {name: p}\nspec: {handoff: {when: anytime}, work: {when: anytime}}\n",
    );
    for c in 0..clusters {
        let _ = write!(
            text,
            "---\napiVersion: rollward/v1\nkind: Cluster\nmetadata: {{name: c{c:04}}}\nspec:\n  mode: act\n  topology: scc\n  rollup: exchange-2007-sp3-ru8-v3\n  policy: p\n  nodes: {{"
        );
        let names: Vec<String> = (0..nodes).map(|n| format!("C{c:04}N{n}")).collect();
        let _ = write!(
            text,
            "{}}}\n  groups: {{",
            names.iter().map(|n| format!("{n}: {{}}")).collect::<Vec<_>>().join(", ")
        );
        let roles: Vec<String> = (1..nodes).map(|n| format!("C{c:04}R{n}")).collect();
        let _ =
            writeln!(text, "{}}}", roles.iter().map(|r| format!("{r}: {{kind: role}}")).collect::<Vec<_>>().join(", "));
        let _ = write!(
            text,
            "  driver:\n    simulator:\n      seed: {c}\n      startAt: 2017-04-01T00:00:00Z\n      timeScale: max\n      quorum: {{model: majority}}\n      nodes:\n"
        );
        for (n, name) in names.iter().enumerate() {
            let owns = if n == 0 { String::new() } else { format!("C{c:04}R{n}") };
            let _ = writeln!(text, "        {name}: {{version: 8.3.279.6, owns: [{owns}]}}");
        }
        let _ = writeln!(
            text,
            "      groups: {{{}}}",
            roles
                .iter()
                .map(|r| format!("{r}: {{possibleOwners: [{}]}}", names.join(", ")))
                .collect::<Vec<_>>()
                .join(", ")
        );
    }
    let files = [SourceFile::from_bytes("bench.yaml", text.as_bytes())];
    let reading = desired::read(&files, &Drivers);
    assert!(
        !reading.has_errors(),
        "{}",
        desired::render::render(&reading.diagnostics, &files, desired::render::Style::Plain)
    );
    let desired = Arc::new(reading.desired);
    let worlds: BTreeMap<_, _> = desired
        .clusters
        .iter()
        .map(|(name, cluster)| {
            (name.clone(), Simulation::start(cluster, &desired.rollups).expect("the world is sound"))
        })
        .collect();
    let mut fleet = Simulated::new(desired, worlds, Holder::from("bench"), RuleSet::ALL);
    fleet.run(Duration::from_secs(60));
    assert!(fleet.fleet.is_converged());
    fleet
}

fn idle_pass(c: &mut Criterion) {
    let mut group = c.benchmark_group("idle-pass");
    group.sample_size(20);
    for clusters in [10, 100, 1000] {
        let mut fleet = fleet(clusters, 8);
        group.throughput(Throughput::Elements(clusters as u64));
        group.bench_function(BenchmarkId::new("clusters-of-8-nodes", clusters), |b| {
            b.iter(|| {
                fleet.fleet.wake_all(fleet.now);
                black_box(fleet.settle())
            });
        });
    }
    group.finish();
}

criterion_group!(benches, idle_pass);
criterion_main!(benches);
