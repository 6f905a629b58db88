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
use rollward::desired::Topology;
use testing::{NEW, OLD, World};

fn current(nodes: usize, roles: usize) -> World {
    (1..=nodes).fold(World::scc(nodes, roles), |world, node| world.installed(&format!("N{node}"), NEW))
}

/// A cluster whose nodes may own any number of roles each: dealt out to all nodes, or to all but the last.
fn dealt(nodes: usize, roles: usize, passive: bool) -> World {
    let names: Vec<String> = (1..=nodes).map(|n| format!("N{n:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let owners = names.iter().take(nodes - usize::from(passive)).cycle();
    let world = World::new(Topology::Generic).nodes(&names, OLD);
    (1..=roles).zip(owners).fold(world, |world, (role, owner)| world.role(&format!("R{role:03}"), owner))
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

    let mut group = c.benchmark_group("plan, all stale, 32 nodes with 100 roles");
    group.sample_size(10);
    for (passive, fewest) in [(true, 100), (false, 103)] {
        let world = dealt(32, 100, passive);
        let plan = world.plan();
        assert!(plan.certificate.proven, "{:?}", plan.certificate.because);
        assert_eq!((plan.handoffs.planned, plan.handoffs.optimum), (fewest, fewest), "the plan is not whole");
        let name = if passive { "one of them passive" } else { "none of them passive" };
        group.bench_function(name, |b| b.iter(|| world.plan()));
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
