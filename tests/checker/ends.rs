//! How it ends: from any state, if nothing more befalls, one controller that is left goes on alone, the world does what
//! is bound to happen, and time passes when nothing else does. All of that is one certain way, so where it leads is
//! worked out once for every world and controller.

use std::collections::BTreeSet;

use hashbrown::{HashMap, HashSet};
use rollward::desired::Cluster;
use rollward::drivers::simulator::world::{Event, Fate, PausedBy, World};
use rollward::model::{Action, GroupName, HandoffStyle, Known, MarkKind, NodeName, RuleName, Standing};
use rollward::observed::{GroupKind, Observation, effect};
use rollward::plan::{self, Decision};
use rollward::reconcile::Input;

use super::controllers::CtlId;
use super::next::Next;
use super::search::{Search, State, each};
use super::settings::Twist;
use super::worlds::{NOW, WorldId};

/// A world in the hands of one controller.
pub type Alone = (WorldId, CtlId);

/// Where a way ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// What is not as it should be.
    pub wrong: Vec<String>,
    /// Every node is at its target.
    pub converged: bool,
    /// What holds, if not.
    pub held_by: BTreeSet<RuleName>,
    /// The world then, and every reason that is given, in words.
    pub told: String,
}

/// All ends that were worked out.
#[derive(Default)]
pub struct Ends {
    /// For each place on any way, its end.
    at: HashMap<Alone, u32>,
    pub ends: Vec<End>,
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

/// A role that we stopped can start neither where it is nor where it was stopped for: that waits for people, and for
/// nothing of ours. Either node is dead or a person has paused it; or, of the second, somebody's installer works there,
/// the network is cut between the two, or what failed over took its room.
fn has_nowhere(world: &World, desired: &Cluster, role: &GroupName, to: &NodeName) -> bool {
    let Some(group) = world.groups.get(role) else { return false };
    let closed = |node: &NodeName| {
        let paused = world.nodes.get(node).is_some_and(|n| n.paused == Some(PausedBy::Person));
        paused || !world.is_member(node)
    };
    let rival = world.nodes.get(to).is_some_and(|n| n.rival.is_some());
    let cut = world.apart.contains(&group.owner) != world.apart.contains(to);
    let declared = desired.nodes.get(to).and_then(|spec| spec.max_roles);
    let room = declared.or_else(|| desired.topology.roles_per_node());
    let is_role = |name: &GroupName| desired.groups.get(name).is_some_and(|spec| spec.kind == GroupKind::Role);
    let there = world.groups.iter().filter(|(name, group)| group.owner == *to && is_role(name)).count();
    let full = room.is_some_and(|room| there >= room as usize);
    closed(&group.owner) && (closed(to) || rival || cut || full)
}

impl Ends {
    /// The number of the end that it comes to from here.
    pub fn of(&mut self, search: &mut Search, from: Alone) -> u32 {
        let mut way = Vec::new();
        let mut here = from;
        let end = loop {
            if let Some(end) = self.at.get(&here) {
                break *end;
            }
            if way.contains(&here) {
                self.ends.push(End { wrong: vec!["it goes round for ever".into()], ..End::default() });
                break self.ends.len() as u32 - 1;
            }
            way.push(here);
            match search.ahead(here) {
                Some((there, wrong)) => {
                    if !wrong.is_empty() {
                        self.ends.push(End { wrong, ..End::default() });
                        break self.ends.len() as u32 - 1;
                    }
                    here = there;
                }
                None => {
                    let end = search.judge(here);
                    self.ends.push(end);
                    break self.ends.len() as u32 - 1;
                }
            }
        };
        self.at.extend(way.into_iter().map(|place| (place, end)));
        end
    }
}

impl Search {
    /// From every state, follows each controller to its end, alone.
    pub fn follow(&mut self) {
        let mut ends = Ends::default();
        let mut seen = HashSet::new();
        let mut ended: Vec<u64> = Vec::new();
        for at in 0..self.states.len() {
            if self.is_enough() {
                break;
            }
            let state = *self.states.get(at as u32);
            for here in each(state.controllers).map(|(_, id)| (state.world, id)) {
                if !seen.insert(here) {
                    continue;
                }
                let number = ends.of(self, here) as usize;
                ended.resize(ended.len().max(number + 1), 0);
                ended[number] += 1;
                if ended[number] == 1 {
                    for wrong in &ends.ends[number].wrong {
                        self.find(wrong.clone(), at, None, &ends.ends[number].told);
                    }
                }
            }
        }
        for (end, times) in ends.ends.iter().zip(ended) {
            let what = if end.converged { "converged".to_owned() } else { format!("{:?}", end.held_by) };
            *self.ended.entry(what).or_default() += times;
        }
    }

    /// The next thing that happens if nothing befalls; `None` at the end.
    pub fn ahead(&mut self, (world, id): Alone) -> Option<(Alone, Vec<String>)> {
        let this = self.controllers.share(id);
        let fine = |there: Alone| Some((there, Vec::new()));
        match &this.next {
            Next::Look { .. } => {
                let then = self.looks(id, world);
                return fine(self.plain_alone(world, then));
            }
            Next::Claim { expected, wanted, .. } => {
                let (after, then) = self.claim(world, id, expected, wanted);
                return fine(self.plain_alone(after, then));
            }
            Next::Act(order) => {
                let performed = self.perform(world, id, Fate::Well);
                let mut wrong: Vec<_> = performed.wrong.iter().map(|v| format!("{v} by {}", order.action)).collect();
                wrong.extend(self.beyond_optimum(world, id, &order.action));
                return Some((self.plain_alone(performed.world, performed.then), wrong));
            }
            Next::Wake | Next::Nothing => {}
        }
        let ticks = self.worldly(world);
        if let Some(tick) = ticks.iter().find(|w| matches!(w.event, Event::Tick(_))) {
            let wrong = tick.wrong.iter().map(|v| format!("{v} by {:?}", tick.event)).collect();
            return Some((self.plain_alone(tick.to, id), wrong));
        }
        let then = self.controllers.sees(id, world, world, &self.worlds);
        if then != id {
            return fine(self.plain_alone(world, then));
        }
        let (older, aged) = (self.after_much_time(world), self.ages(id, world));
        let older = self.plain_alone(older, aged);
        if older == (world, id) { None } else { fine(older) }
    }

    fn plain_alone(&mut self, world: WorldId, id: CtlId) -> Alone {
        let (state, _) = self.plainly(State::alone(world, id));
        (state.world, state.controllers[0])
    }

    /// Says of a handoff what it costs beyond the fewest that are left before it.
    fn beyond_optimum(&mut self, world: WorldId, id: CtlId, action: &Action) -> Option<String> {
        // An offline handoff begins, and is downtime, when the role is stopped.
        let handoff = match action.clone() {
            Action::StopRole { group, node: from, to, .. } => {
                Action::Handoff { group, from, to, style: HandoffStyle::Offline }
            }
            online @ Action::Handoff { style: HandoffStyle::Online, .. } => online,
            _ => return None,
        };
        // What has changed since it looked, it could not know.
        let world = self.controllers.get(id).last_seen().unwrap_or(world);
        let seen = self.controllers.fixed.look(&self.worlds.world(world), NOW);
        let turn = self.controllers.turn(id);
        let around = self.controllers.around(NOW);
        let before = turn.optimum(&seen, around);
        let mut after = Observation::clone(&seen);
        effect::apply(&handoff, &mut after, &*turn.desired, NOW);
        let after = turn.optimum(&after, around);
        (1 + after > before).then(|| format!("{action} costs more than it must: {before} before it, {after} after it"))
    }

    /// What is left at the end, and why.
    fn judge(&mut self, (world, id): Alone) -> End {
        let world = self.worlds.world(world);
        let us = self.controllers.holder(id).clone();
        let mut turn = self.controllers.turn(id);
        let around = self.controllers.around(NOW);
        let seen = self.controllers.fixed.look(&world, NOW);
        turn.step(Input::Wake, around);
        turn.step(Input::Observed(Box::new(seen.clone())), around);
        let decision = turn.memory.last_look.as_ref().map(|l| Decision::clone(&l.decision));
        let nothing = Known::unknown("nothing was asked for");
        let mut end = End { converged: decision == Some(Decision::Converged), ..End::default() };
        let mut stuck: BTreeSet<NodeName> = BTreeSet::new();
        for report in plan::explain(&turn.facts(&seen, &nothing, around)) {
            if report.standing != Some(Standing::Current) && report.holds.is_empty() {
                end.wrong.push(format!("{} is {:?}, and nothing holds it", report.node, report.standing));
            }
            if report.holds.iter().any(|h| REFUSE_FINISHING.contains(&h.rule)) {
                stuck.insert(report.node.clone());
            }
            end.held_by.extend(report.holds.iter().map(|h| h.rule));
        }
        match &decision {
            // Only a window opens at a time that no look has seen.
            Some(Decision::Wait { until: Some(at), holds }) if self.setting.twist != Twist::Window => {
                end.wrong.push(format!("it waits until {at}, which has passed: {holds:?}"));
            }
            Some(Decision::Wait { holds, .. } | Decision::Blocked(holds)) if holds.is_empty() => {
                end.wrong.push("it waits, and nothing holds it".into());
            }
            Some(Decision::Act(action)) => end.wrong.push(format!("it would still {action}, and does not")),
            _ => {}
        }
        let excused = |node: Option<&NodeName>| node.is_some_and(|n| stuck.contains(n));
        let mut waits = false;
        for mark in world.store.marks.iter().filter(|m| m.kind.is_controllers()) {
            let quarantine = matches!(mark.kind, MarkKind::Quarantine { .. });
            waits |= quarantine || excused(mark.kind.node());
            let nowhere = match &mark.kind {
                MarkKind::StoppedRole { group, to, .. } => has_nowhere(&world, &turn.desired, group, to),
                _ => false,
            };
            waits |= nowhere;
            if !quarantine && !nowhere && !excused(mark.kind.node()) {
                end.wrong.push(format!("left behind: {mark}"));
            }
        }
        for (name, node) in &world.nodes {
            if node.paused == Some(PausedBy::Controller) && !excused(Some(name)) {
                end.wrong.push(format!("left behind: the pause of {name}"));
            }
        }
        for (name, group) in &world.groups {
            // Only we stop roles here.
            if !group.wanted && !excused(Some(&group.owner)) {
                end.wrong.push(format!("left behind: {name} is stopped"));
            }
        }
        if !end.wrong.is_empty() {
            end.told = format!("{}  {decision:?}\n", super::story::world(&world));
            for report in plan::explain(&turn.facts(&seen, &nothing, around)) {
                for hold in report.holds {
                    end.told += &format!("    {}: {hold}\n", report.node);
                }
            }
        }
        if let Some(claim) = world.store.claim.as_ref().filter(|c| c.holder == us)
            && !waits
            && stuck.is_empty()
        {
            end.wrong.push(format!("left behind: the claim {claim}"));
        }
        end
    }
}
