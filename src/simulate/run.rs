//! One run, from its first look to its end, and what the world itself has to say of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::SimulateError;
use crate::desired::Desired;
use crate::drivers::simulator::{Leak, Simulation};
use crate::fleet::simulated::{End, Simulated};
use crate::guard::RuleSet;
use crate::model::time::between;
use crate::model::{ClusterName, Hold, Holder, Known, Mark, MarkKind, NodeName, ReleaseKind, RuleName, Standing};
use crate::plan::{self, Decision};
use crate::reconcile::Around;

/// What became of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEnd {
    /// How it ended.
    pub end: End,
    /// Rules of the world that were broken, by its own count, in words.
    pub violations: Vec<String>,
    /// Marks, pauses and claims of ours that are left although the run has come to its end.
    pub leaks: Vec<String>,
    /// Nodes that are not at their target and have neither a hold nor an action in progress.
    pub unexplained: Vec<String>,
    /// The rules of the holds that are left: of those that take a person, if there are any, else of all.
    pub held_by: BTreeSet<RuleName>,
    /// Handoffs that were done.
    pub handoffs: u64,
    /// What the handoffs cost beyond the optimum left before each.
    pub extra_handoffs: u64,
    /// Faults that happened, kind by kind.
    pub faults_fired: BTreeMap<String, u64>,
    /// Actions that were carried out.
    pub actions: u64,
}

impl RunEnd {
    /// How bad it is: what must never be comes first.
    pub fn badness(&self) -> (usize, usize, usize, u64, bool, u64) {
        (
            self.violations.len(),
            self.unexplained.len(),
            self.leaks.len(),
            self.extra_handoffs,
            self.end == End::TimeOut,
            self.handoffs,
        )
    }

    /// True if something happened that must never happen.
    pub fn is_wrong(&self) -> bool {
        !(self.violations.is_empty() && self.unexplained.is_empty() && self.leaks.is_empty())
    }

    /// True if the run says anything: one in which no fault fired does not, unless it went wrong all the same.
    pub fn counts(&self) -> bool {
        !self.faults_fired.is_empty() || self.is_wrong() || self.extra_handoffs > 0 || self.end == End::TimeOut
    }

    /// What went wrong, a line each.
    pub fn wrongs(&self) -> impl Iterator<Item = String> {
        let lines = |what: &'static str, lines: &[String]| {
            lines.iter().map(|line| format!("{what}: {line}")).collect::<Vec<_>>()
        };
        let mut wrongs = lines("violation", &self.violations);
        wrongs.extend(lines("unexplained", &self.unexplained));
        wrongs.extend(lines("left behind", &self.leaks));
        if self.extra_handoffs > 0 {
            wrongs.push(format!("handoffs beyond the optimum: {}", self.extra_handoffs));
        }
        if self.end == End::TimeOut {
            wrongs.push("neither converged nor held when its time was over".into());
        }
        wrongs.into_iter()
    }
}

/// Fresh worlds from the manifests, ready to run.
///
/// # Errors
/// A world cannot be made.
pub fn open(desired: &Arc<Desired>, rules: RuleSet) -> Result<Simulated, SimulateError> {
    let worlds = desired
        .clusters
        .iter()
        .map(|(name, cluster)| {
            let world = Simulation::start(cluster, &desired.rollups).ok_or_else(|| SimulateError::World {
                cluster: name.clone(),
                why: "its part of the manifest is no simulated world".into(),
            })?;
            Ok((name.clone(), world))
        })
        .collect::<Result<_, SimulateError>>()?;
    Ok(over(desired, worlds, rules))
}

/// The loops over these worlds.
pub(super) fn over(desired: &Arc<Desired>, worlds: BTreeMap<ClusterName, Simulation>, rules: RuleSet) -> Simulated {
    let mut simulated = Simulated::new(Arc::clone(desired), worlds, Holder::from("simulate"), rules);
    simulated.weighs_handoffs = true;
    simulated
}

/// Runs until everything has converged or waits for people, or the time is over. Somebody approves every sequence of
/// handoffs that waits for it, if `approves`.
pub fn to_the_end(simulated: &mut Simulated, limit: Duration, approves: bool) -> End {
    let started = simulated.now;
    let mut approvals = 0;
    loop {
        let left = limit.saturating_sub(between(started, simulated.now));
        let end = simulated.run(left);
        if end != End::AtRest || !approves || approvals >= APPROVALS {
            return end;
        }
        let waiting = waiting_for_approval(simulated);
        if waiting.is_empty() {
            return end;
        }
        for cluster in waiting {
            simulated.approve(&cluster, "the simulated operator");
            approvals += 1;
        }
    }
}

/// A sequence that is voided this often will not be approved in the end.
const APPROVALS: u32 = 100;

fn waiting_for_approval(simulated: &Simulated) -> Vec<ClusterName> {
    let waits = |decision: &Decision| decision.holds().iter().any(|h| h.rule == RuleName::Approval);
    let turns = simulated.fleet.turns();
    turns
        .filter(|(_, turn)| turn.memory.last_look.as_ref().is_some_and(|look| waits(&look.decision)))
        .map(|(name, _)| name.clone())
        .collect()
}

/// What the worlds and the loops say of a run that has ended.
pub fn look_back(simulated: &mut Simulated, end: End) -> RunEnd {
    let explained = explain(simulated, end == End::AtRest);
    let mut run = RunEnd {
        end,
        violations: Vec::new(),
        leaks: Vec::new(),
        unexplained: explained.unexplained.clone(),
        held_by: explained.held_by.clone(),
        handoffs: 0,
        extra_handoffs: simulated.extra_handoffs,
        faults_fired: BTreeMap::new(),
        actions: simulated.actions().count() as u64,
    };
    run.violations = simulated.violations().map(|(name, v)| format!("{name}: {v:?}")).collect();
    for (name, world) in &simulated.worlds {
        if matches!(run.end, End::Converged | End::AtRest) {
            let left = left_behind(world, simulated.holder(), |node| {
                run.end == End::AtRest && explained.stuck.contains(&(name.clone(), node.clone()))
            });
            run.leaks.extend(left.into_iter().map(|leak| format!("{name}: {leak}")));
        }
        run.handoffs += world.roles().map(|(_, notes)| u64::from(notes.handoffs)).sum::<u64>();
        for (kind, count) in world.faults_fired() {
            *run.faults_fired.entry(kind.word()).or_default() += u64::from(count);
        }
    }
    run
}

/// What is ours in a world and should not be. Where a hold says why something cannot be finished, it is not left
/// behind but waits; and a node whose verification failed keeps its quarantine until it is mended.
fn left_behind(world: &Simulation, us: &Holder, is_stuck: impl Fn(&NodeName) -> bool) -> Vec<String> {
    let leaks = world.leaks();
    let excused = |node: Option<&NodeName>| node.is_some_and(&is_stuck);
    let others = |node: &NodeName| {
        leaks.iter().any(|l| matches!(l, Leak::Mark(m) if m.holder != *us && m.kind.node() == Some(node)))
    };
    let counts = |leak: &&Leak| match leak {
        Leak::Mark(mark) if mark.holder != *us => false,
        Leak::Mark(Mark { kind: MarkKind::Quarantine { .. }, .. }) => false,
        Leak::Mark(mark) => !excused(mark.kind.node()),
        Leak::Pause(node) => !excused(Some(node)) && !others(node),
        Leak::Stopped(group) => !excused(world.world().groups.get(group).map(|g| &g.owner)),
        // While something waits to be finished, marked or not, so does the claim.
        Leak::Claim(claim) => claim.holder == *us && !world.world().nodes.keys().any(|node| excused(Some(node))),
    };
    let tell = |leak: &Leak| match leak {
        Leak::Mark(mark) => mark.to_string(),
        Leak::Pause(node) => format!("pause of {node}, without a mark"),
        Leak::Claim(claim) => format!("claim {claim}"),
        Leak::Stopped(group) => format!("{group} is stopped"),
    };
    leaks.iter().filter(counts).map(tell).collect()
}

/// What `explain` says of every node, in short.
#[derive(Clone, Debug, Default)]
pub struct Explained {
    /// Nodes that are not at their target and have neither a hold nor an action in progress.
    pub unexplained: Vec<String>,
    /// The rules of the holds: of those that take a person, if there are any, else of all.
    pub held_by: BTreeSet<RuleName>,
    /// Nodes on which something cannot even be finished, and a hold says why.
    pub stuck: BTreeSet<(ClusterName, NodeName)>,
}

/// Rules that may refuse what finishes, and those that say that it is under way or cannot be seen.
const REFUSE_FINISHING: &[RuleName] = &[
    RuleName::Fence,
    RuleName::People,
    RuleName::Ripple,
    RuleName::Precondition,
    RuleName::InProgress,
    RuleName::Fresh,
];

/// Asks every loop about every node, on a look of now. Where everything is `at_rest`, "it is not its turn yet" is no
/// reason: nobody's turn will come.
pub fn explain(simulated: &mut Simulated, at_rest: bool) -> Explained {
    let mut explained = Explained::default();
    let now = simulated.clock();
    let nothing = Known::unknown("nothing was asked for");
    let mut passing = BTreeSet::new();
    let names: Vec<ClusterName> = simulated.worlds.keys().cloned().collect();
    let looks: Vec<_> = names.iter().filter_map(|name| Some((name, simulated.look(name)?))).collect();
    for (name, seen) in looks {
        let Some(turn) = simulated.fleet.turn(name) else { continue };
        let around = Around { fleet: simulated.fleet.facts(), now };
        for report in plan::explain(&turn.facts(&seen, &nothing, around)) {
            let at_target = report.standing == Some(Standing::Current);
            let no_reason =
                |h: &Hold| at_rest && h.rule == RuleName::InProgress && h.release.kind == ReleaseKind::Progress;
            let under_way = report.next.is_some() && !at_rest;
            if !at_target && !under_way && report.holds.iter().all(no_reason) {
                explained.unexplained.push(format!("{name}/{} is {:?}", report.node, report.standing));
            }
            if report.holds.iter().any(|h| REFUSE_FINISHING.contains(&h.rule)) {
                explained.stuck.insert((name.clone(), report.node.clone()));
            }
            for hold in &report.holds {
                if hold.is_lasting() { &mut explained.held_by } else { &mut passing }.insert(hold.rule);
            }
        }
    }
    if explained.held_by.is_empty() {
        explained.held_by = passing;
    }
    explained
}
