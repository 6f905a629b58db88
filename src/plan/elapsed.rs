//! How long the plan takes, and what no order of steps could take less than.

use std::time::Duration;

use crate::guard::Facts;
use crate::model::time::{between, later};
use crate::model::{ActionKind, ClusterServiceRule, Known, NodeName, RebootRule, Rollup, RuleName, Standing};
use crate::observed::{GroupKind, PauseOf};

use super::Step;
use super::ask::{is_staged, standing};
use super::handoffs::Posed;
use super::middle::changes_software;
use super::newly::is_new;
use super::outage::least_of_handoff;
use super::rest::capacity;
use super::search::{Nodes, Role, Solution, bit};

/// From now to the end of the plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Elapsed {
    /// If everything takes as long as half of all cases do.
    pub predicted: Duration,
    /// No order of steps takes less, if everything takes that long: none that the rules allow and that has no more
    /// handoffs than it must. Nobody says that one takes as little.
    ///
    /// What bounds it: each node's own way; all ways and handoffs over the slots that there are, as `maxUnavailable`,
    /// votes, and room for the roles make them; a soak between ways that follow each other; pauses, moves and handoffs,
    /// which are done one at a time; and that roles go only to nodes that are done. The longest of these counts. Windows,
    /// approvals, and work that is under way already count as nothing.
    pub at_least: Duration,
}

impl Elapsed {
    /// Of these steps, from the time of the facts on.
    pub(super) fn new(steps: &[Step], posed: &Posed<'_>, solution: &Solution, facts: &Facts<'_>) -> Self {
        let ends = steps.iter().map(|step| between(facts.now, later(step.at, step.predicted.median)));
        let changed = |node: &NodeName| {
            steps.iter().any(|step| changes_software(&step.action) && step.action.node() == Some(node))
        };
        let predicted = ends.max().unwrap_or_default();
        let at_least = at_least(changed, posed, solution, facts);
        // What bounds it does not know of rules that are waived.
        let waived = steps.iter().any(|step| !step.waived.is_empty());
        Self { predicted, at_least: if waived { at_least.min(predicted) } else { at_least } }
    }
}

/// The way of one node that is to be worked on, in what it takes.
#[derive(Clone, Copy, Debug)]
struct Way {
    /// Copying the packages.
    stage: Duration,
    /// Pausing it and moving groups off it: nothing else that is done so begins meanwhile.
    prepare: Duration,
    /// From its installer's begin to the end of its pause.
    work: Duration,
    /// Handing over the roles on it.
    vacate: Duration,
    /// How many they are.
    roles: u32,
    /// How many roles it may own.
    room: u32,
}

impl Way {
    /// For how long it is out.
    fn out(&self) -> Duration {
        self.prepare + self.work
    }
}

/// What no order of steps that works on these nodes takes less than.
fn at_least(
    changed: impl Fn(&NodeName) -> bool,
    posed: &Posed<'_>,
    solution: &Solution,
    facts: &Facts<'_>,
) -> Duration {
    let numbered = || posed.nodes.iter().enumerate().map(|(number, node)| (number as u8, *node));
    let all = posed.problem.work & !solution.left;
    let reached = numbered().filter(|(_, node)| changed(node)).fold(0, |set, (number, _)| set | bit(number)) & all;
    let ways: Vec<Way> = numbered()
        .filter(|(number, node)| bit(*number) & reached != 0 && is_new(node, facts))
        .map(|(number, node)| way(number, node, posed, facts))
        .collect();
    if ways.is_empty() {
        return Duration::ZERO;
    }
    let begun = numbered().any(|(number, node)| bit(number) & reached != 0 && !is_new(node, facts));
    let fewest = if reached == all { solution.at_least } else { 0 };
    let handing_over = handing_over(&ways, posed, fewest, facts);
    let soaks = facts.rules.has(RuleName::Soak);
    let soak = if soaks { facts.desired.policy.limits.soak } else { Duration::ZERO };
    let times = |ways: usize| u32::try_from(ways).unwrap_or(u32::MAX);
    if !facts.desired.policy.limits.several_out() {
        let all: Duration = ways.iter().map(|way| way.stage + way.out()).sum();
        return all + handing_over + soak * times(ways.len() - 1);
    }
    let slots = Slots::of(posed, facts);
    let alone = ways.iter().map(|way| way.stage + way.vacate + way.out()).max().unwrap_or_default();
    let mut bounds =
        vec![alone, slots.spread(&ways, handing_over), chains(ways.iter().map(Way::out), slots.work, soak)];
    bounds.extend(one_after_the_other(&ways, Duration::ZERO, |way| way.prepare, slots, soak));
    // What begins before us may be done at any moment, and take a role.
    if solution.to_stale == 0 && !begun {
        let done = rooms_at_start(posed, reached);
        let (empty, serving): (Vec<Way>, Vec<Way>) = ways.iter().partition(|way| way.roles == 0);
        let first = empty.iter().map(|way| way.stage + way.out()).min().filter(|_| done == 0).unwrap_or_default();
        bounds.extend(one_after_the_other(&serving, first, |way| way.vacate + way.prepare, slots, soak));
        bounds.push(generations(&ways, done, slots, soak));
    }
    bounds.into_iter().max().unwrap_or_default()
}

fn way(number: u8, node: &NodeName, posed: &Posed<'_>, facts: &Facts<'_>) -> Way {
    let of = |kind| facts.forecast.on(kind, node).map_or(Duration::ZERO, |spread| spread.median);
    let staged = facts.seen.nodes.get(node).is_none_or(|seen| is_staged(node, seen, facts));
    let moves =
        facts.seen.owned_by(node).filter(|(name, group)| facts.desired.kind_of(name, group) == GroupKind::Auxiliary);
    let moves = moves.map(|(name, _)| facts.forecast.least(ActionKind::MoveGroup, name));
    let rollup = facts.desired.nodes.get(node).map(|spec| &spec.rollup);
    let stops = rollup.is_some_and(|rollup| rollup.cluster_service == ClusterServiceRule::Stop);
    let stops = stops && facts.traits.can_stop_cluster_service;
    let reboots = rollup.is_some_and(|rollup| rollup.reboot == RebootRule::Always);
    let install = match standing(node, facts) {
        Ok(Standing::Ahead) => ActionKind::Uninstall,
        _ => ActionKind::Install,
    };
    let steps = [
        (stops, ActionKind::StopCluster),
        (true, install),
        (reboots, ActionKind::Reboot),
        (stops && !reboots, ActionKind::StartCluster),
        (true, ActionKind::Resume),
    ];
    let roles = posed.problem.roles.iter().zip(&posed.groups).filter(|(role, _)| role.owner == number);
    let vacate = roles.clone().map(|(_, name)| least_of_handoff(name, facts)).sum();
    Way {
        stage: if staged { Duration::ZERO } else { of(ActionKind::Stage) },
        prepare: of(ActionKind::Pause) + moves.sum::<Duration>(),
        work: steps.into_iter().filter(|(done, _)| *done).map(|(_, kind)| of(kind)).sum(),
        vacate,
        roles: u32::try_from(roles.count()).unwrap_or(u32::MAX),
        room: capacity(node, facts.desired).unwrap_or(u32::MAX),
    }
}

/// How long all handoffs take: each role on a node that is worked on once, and what makes them the fewest.
fn handing_over(ways: &[Way], posed: &Posed<'_>, fewest: u32, facts: &Facts<'_>) -> Duration {
    let roles: u32 = ways.iter().map(|way| way.roles).sum();
    let each = posed.groups.iter().map(|name| least_of_handoff(name, facts));
    let more = fewest.saturating_sub(roles);
    ways.iter().map(|way| way.vacate).sum::<Duration>() + each.min().unwrap_or_default() * more
}

/// How much room for roles there is at the start on nodes that are not to be worked on.
fn rooms_at_start(posed: &Posed<'_>, reached: Nodes) -> u64 {
    let problem = &posed.problem;
    let takes = |number: u8| bit(number) & posed.takers & !reached != 0;
    let used = |number: u8| problem.roles.iter().filter(|role| role.owner == number).count() as u64;
    let rooms = (0u8..).zip(&problem.room).filter(|(number, _)| takes(*number));
    rooms.map(|(number, room)| u64::from(*room).saturating_sub(used(number))).sum()
}

/// How many nodes may be out.
#[derive(Clone, Copy, Debug)]
struct Slots {
    /// While no role is handed over.
    work: u32,
    /// While one is: the node that it leaves has a slot already.
    beside_handoff: u32,
}

impl Slots {
    fn of(posed: &Posed<'_>, facts: &Facts<'_>) -> Self {
        let limits = &facts.desired.policy.limits;
        let out = |node: &&&NodeName| {
            let ours = matches!(facts.seen.pause_of(node), PauseOf::Rollward(_));
            let paused = facts.seen.nodes.get(**node).is_none_or(|seen| !seen.paused.surely(|paused| !paused));
            !ours && (paused || !facts.seen.is_up(node))
        };
        let out = u32::try_from(posed.nodes.iter().filter(out).count()).unwrap_or(u32::MAX);
        let allowed = limits.max_unavailable.saturating_sub(out).max(1);
        let work = allowed.min(to_spare(facts)).min(roomy(posed)).max(1);
        Self { work, beside_handoff: work.min(allowed - 1) }
    }

    /// All ways and handoffs, spread evenly over the slots.
    fn spread(self, ways: &[Way], handing_over: Duration) -> Duration {
        let all: Duration = ways.iter().map(Way::out).sum();
        let left = all.saturating_sub(handing_over * self.beside_handoff);
        handing_over + left / self.work
    }
}

/// So many votes can go.
fn to_spare(facts: &Facts<'_>) -> u32 {
    let takes =
        |rollup: &Rollup| rollup.cluster_service != ClusterServiceRule::Keep || rollup.reboot != RebootRule::Never;
    let Known::Known { value: quorum, .. } = &facts.seen.quorum else { return u32::MAX };
    if quorum.standalone || !facts.desired.nodes.values().all(|spec| takes(&spec.rollup)) {
        return u32::MAX;
    }
    let witness = quorum.witness.as_ref().is_some_and(|seen| seen.surely(|from| !from.is_empty()));
    let votes = quorum.node_votes.saturating_add(u32::from(witness));
    votes.saturating_sub(quorum.needed).saturating_sub(facts.desired.policy.limits.quorum_margin)
}

/// So many nodes can be out while the others have room for all roles; and, where some role may run on every node, for one
/// more: of several nodes the last to which that role could fail over stays.
fn roomy(posed: &Posed<'_>) -> u32 {
    let problem = &posed.problem;
    let takers = (0u8..).zip(&problem.room).filter(|(number, _)| bit(*number) & posed.takers != 0);
    let mut rooms: Vec<u64> = takers.map(|(_, room)| u64::from(*room)).collect();
    let everywhere = |role: &Role| (role.allowed | bit(role.owner)) & posed.takers == posed.takers;
    let fails_over = rooms.len() == problem.room.len() && problem.roles.iter().any(everywhere);
    let roles = problem.roles.len() as u64;
    if roles == 0 || rooms.contains(&0) {
        return u32::MAX;
    }
    rooms.sort_unstable();
    let needed = roles + u64::from(fails_over);
    let mut left: u64 = rooms.iter().sum();
    let mut out = 0;
    for room in rooms {
        left -= room;
        if left < needed {
            break;
        }
        out += 1;
    }
    if rooms_elsewhere(posed) { u32::MAX } else { out }
}

/// Some role runs, or may run, on a node that takes none from us: what room there is, nobody can tell.
fn rooms_elsewhere(posed: &Posed<'_>) -> bool {
    posed.problem.roles.iter().any(|role| bit(role.owner) & posed.takers == 0)
}

/// At most so many spans overlap at any time, and a soak lies between any two that do not: then some follow each other,
/// and of the longest spans enough are among them.
fn chains(spans: impl Iterator<Item = Duration>, at_once: u32, soak: Duration) -> Duration {
    let mut spans: Vec<Duration> = spans.collect();
    spans.sort_unstable_by(|a, b| b.cmp(a));
    let at_once = at_once.max(1) as usize;
    let lengths = 1..=spans.len().div_ceil(at_once);
    let chain = |length: usize| {
        let longest = spans.get(..(length - 1) * at_once + 1).unwrap_or_default();
        let least: Duration = longest.iter().rev().take(length).sum();
        least + soak * u32::try_from(length - 1).unwrap_or(u32::MAX)
    };
    lengths.map(chain).max().unwrap_or_default()
}

/// Before the work on any so many nodes can begin, as many have been prepared, one at a time; those that are last are
/// worked on after that.
fn one_after_the_other(
    ways: &[Way],
    from: Duration,
    prepare: impl Fn(&Way) -> Duration,
    slots: Slots,
    soak: Duration,
) -> impl Iterator<Item = Duration> {
    let mut prepared: Vec<Duration> = ways.iter().map(prepare).collect();
    let mut works: Vec<Duration> = ways.iter().map(|way| way.work).collect();
    prepared.sort_unstable();
    works.sort_unstable();
    let mut begun = from;
    prepared.into_iter().enumerate().map(move |(before, prepared)| {
        begun += prepared;
        let last = works.iter().take(works.len() - before).copied();
        begun + chains(last, slots.work, soak)
    })
}

/// Roles go only to nodes that are done, so the work comes in generations: with every one that is done, as many more can
/// be begun as there is room for roles on them.
fn generations(ways: &[Way], rooms_at_start: u64, slots: Slots, soak: Duration) -> Duration {
    let mut rooms: Vec<u32> = ways.iter().map(|way| way.room).collect();
    rooms.sort_unstable_by(|a, b| b.cmp(a));
    let mut roles: Vec<u32> = ways.iter().map(|way| way.roles).filter(|roles| *roles > 0).collect();
    roles.sort_unstable();
    let empty = ways.len() - roles.len();
    let begun_after = |done: usize| {
        let room = rooms.iter().take(done).fold(rooms_at_start, |sum, room| sum.saturating_add(u64::from(*room)));
        let vacated = roles.iter().scan(0, |sum, roles| {
            *sum += u64::from(*roles);
            Some(*sum)
        });
        let vacated = vacated.take_while(|sum| *sum <= room).count();
        (empty + vacated).min(done + slots.work as usize)
    };
    let mut done = 0;
    let mut count = 0;
    while done < ways.len() {
        let next = begun_after(done);
        if next <= done {
            return Duration::ZERO;
        }
        done = next;
        count += 1;
    }
    let each = ways.iter().map(Way::out).min().unwrap_or_default();
    each * count + soak * count.saturating_sub(1)
}
