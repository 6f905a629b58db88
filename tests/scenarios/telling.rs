//! A plan, a run and its end, in the words of an expected text.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rollward::desired::Desired;
use rollward::drivers::simulator::Leak;
use rollward::fleet::simulated::{End, Simulated};
use rollward::model::time::{between, words};
use rollward::model::{ClusterName, Known};
use rollward::plan::{self, Plan};
use rollward::reconcile::Around;

use crate::oracle::checker::check;

pub(super) fn tell_plans(
    simulated: &mut Simulated,
    desired: &Desired,
    story: &mut String,
    wrong: &mut Vec<String>,
) -> BTreeMap<ClusterName, Plan> {
    let mut planned = BTreeMap::new();
    let now = simulated.now;
    let names: Vec<_> = simulated.fleet.turns().map(|(name, _)| name.clone()).collect();
    for name in &names {
        if let Some(world) = simulated.worlds.get_mut(name) {
            let seen = world.observe_now(now);
            simulated.fleet.look(name, &seen, now);
        }
    }
    for name in &names {
        let Some(world) = simulated.worlds.get_mut(name) else { continue };
        let seen = world.observe_now(now);
        let Some(turn) = simulated.fleet.turn(name) else { continue };
        let plan = turn.plan(&seen, Around { fleet: simulated.fleet.facts(), now });
        let _ = writeln!(
            story,
            "  {name}: plan {}, handoffs planned {}, floor {}, optimum {}",
            plan.hash, plan.handoffs.planned, plan.handoffs.floor, plan.handoffs.optimum
        );
        for (i, step) in plan.steps.iter().enumerate() {
            let _ = writeln!(story, "    {:>2}. {}", i + 1, step.action);
            for waiver in &step.waived {
                let _ = writeln!(story, "        {waiver}");
            }
            for hold in &step.holds {
                let _ = writeln!(story, "        {hold}");
            }
        }
        for hold in &plan.holds {
            let _ = writeln!(story, "    {hold}");
        }
        let nothing = Known::unknown("nothing was asked for yet");
        let facts = turn.facts(&seen, &nothing, Around { fleet: simulated.fleet.facts(), now });
        for change in plan::relax(&facts, &plan).into_iter().flat_map(|relaxation| relaxation.changes) {
            let place = change.place(&turn.desired).map(|place| format!(" ({place})")).unwrap_or_default();
            let _ = writeln!(story, "    would be enough: {}{place}", change.how(&turn.desired));
        }
        for because in &plan.certificate.because {
            let _ = writeln!(story, "    {}", because);
        }
        let cluster = desired.clusters.get(name).expect("the cluster is declared");
        wrong.extend(check(cluster, &seen, &plan).err().map(|why| format!("the certificate of {name}: {why}")));
        planned.insert(name.clone(), plan);
    }
    planned
}

pub(super) fn tell_run(simulated: &Simulated, story: &mut String) {
    let started = simulated.started;
    let many = simulated.worlds.len() > 1;
    for entry in &simulated.journal {
        let line = &entry.what;
        if !line.is_news() {
            continue;
        }
        let at = between(started, entry.at).as_secs();
        let cluster = if many { format!("{}  ", entry.cluster) } else { String::new() };
        let _ = writeln!(story, "  {:>2}:{:02}:{:02}  {cluster}{line}", at / 3600, at / 60 % 60, at % 60);
    }
}

pub(super) fn tell_end(simulated: &mut Simulated, end: &End, story: &mut String) {
    let _ = writeln!(
        story,
        "  {}",
        match end {
            End::Converged => "converged",
            End::AtRest => "at rest, not converged",
            End::TimeOut => "out of time",
            End::Killed => "killed",
        }
    );
    let now = simulated.now;
    for (name, world) in &simulated.worlds {
        let violations = simulated.violations().filter(|(cluster, _)| *cluster == name).count();
        let _ = writeln!(
            story,
            "  {name}: handoffs {}, failovers {}, violations {}, leaks {}",
            world.roles().map(|(_, notes)| notes.handoffs).sum::<u32>(),
            world.roles().map(|(_, notes)| notes.failovers).sum::<u32>(),
            violations,
            world.leaks().len()
        );
        for (role, notes) in world.roles() {
            let _ = writeln!(story, "    {role} was out for {}", words(notes.outage(now)));
        }
        let across = simulated.across.iter().filter(|(cluster, _)| cluster == name).map(|(_, v)| v);
        for violation in world.violations().iter().chain(across) {
            let _ = writeln!(story, "    violation: {violation}");
        }
        if *end != End::TimeOut {
            for leak in world.leaks() {
                let _ = writeln!(story, "    left behind: {}", leak_words(&leak));
            }
        }
    }
    let names: Vec<_> = simulated.fleet.turns().map(|(name, _)| name.clone()).collect();
    for name in names {
        let Some(world) = simulated.worlds.get_mut(&name) else { continue };
        let seen = world.observe_now(now);
        let Some(turn) = simulated.fleet.turn(&name) else { continue };
        let nothing = Known::unknown("nothing was asked for");
        let around = Around { fleet: simulated.fleet.facts(), now };
        for report in plan::explain(&turn.facts(&seen, &nothing, around)) {
            for hold in &report.holds {
                let _ = writeln!(story, "  {name}/{}: {hold}", report.node);
            }
        }
    }
}

fn leak_words(leak: &Leak) -> String {
    match leak {
        Leak::Mark(mark) => mark.to_string(),
        Leak::Pause(node) => format!("{node} is paused"),
        Leak::Claim(claim) => format!("the claim {claim}"),
        Leak::Stopped(group) => format!("{group:?} is stopped"),
    }
}

/// The first things that happened otherwise than with the rule.
pub(super) fn tell_difference(with: &Simulated, without: &Simulated, story: &mut String) {
    const SHOWN: usize = 12;
    let (mut before, mut after) = (String::new(), String::new());
    tell_run(with, &mut before);
    tell_run(without, &mut after);
    let same = before.lines().zip(after.lines()).take_while(|(a, b)| a == b).count();
    if same > 0 {
        let _ = writeln!(story, "  … as above");
    }
    for line in after.lines().skip(same).take(SHOWN) {
        let _ = writeln!(story, "{line}");
    }
    if after.lines().count() > same + SHOWN {
        let _ = writeln!(story, "  … and so on");
    }
}
