//! How long deciding takes: a full plan of a big cluster, and the look that finds nothing to do.
//!
//! `cargo bench --bench decide`. The figures are in ARCHITECTURE.md; no test is timed.

#![allow(missing_docs)]

// The stories' own clusters, built on the public types only.
#[allow(dead_code)]
#[path = "../src/plan/testing.rs"]
mod testing;

// What `testing` names by `crate::` is the library's.
use rollward::{desired, guard, model, observed, plan};

use criterion::{Criterion, criterion_group, criterion_main};
use testing::{NEW, World};

fn current(nodes: usize, roles: usize) -> World {
    (1..=nodes).fold(World::scc(nodes, roles), |world, node| world.installed(&format!("N{node}"), NEW))
}

fn deciding(c: &mut Criterion) {
    let mut group = c.benchmark_group("plan, all stale");
    for (nodes, roles) in [(2, 1), (4, 3), (8, 7), (16, 15)] {
        let world = World::scc(nodes, roles);
        let plan = world.plan();
        assert_eq!(plan.handoffs.planned, u32::try_from(roles).unwrap_or(0), "the plan is not whole");
        eprintln!("{nodes} nodes, {roles} roles: {} steps, {} handoffs", plan.steps.len(), plan.sequence.len());
        group.bench_function(format!("{nodes}x{roles}"), |b| b.iter(|| world.plan()));
        group.bench_function(format!("{nodes}x{roles} first decision"), |b| b.iter(|| world.decide()));
    }
    group.finish();

    let mut group = c.benchmark_group("decision, converged");
    for nodes in [2, 8, 16] {
        let world = current(nodes, nodes - 1);
        assert_eq!(world.next(), "converged");
        group.bench_function(format!("{nodes} nodes"), |b| b.iter(|| world.decide()));
    }
    group.finish();
}

criterion_group!(benches, deciding);
criterion_main!(benches);
