//! Telling: what a look shows of actions, roles and failovers, put down for the journal and for people.
//!
//! Absent on purpose: anything that changes what is decided, but for the two facts that rules read: a change of
//! membership, and how long a foreign heartbeat has stood still.

use std::collections::BTreeSet;

use super::inputs::Basis;
use super::memory::{Pending, Roll, SILENCE};
use super::{Around, Turn, nothing_asked};
use crate::desired::NodeSpec;
use crate::guard::{self, Approval, Facts, PlannedHandoff, RuleSet};
use crate::model::time::between;
use crate::model::{Action, ActionKind, Answer, GroupName, Hold, Known, NodeName, RuleName, Standing, Time, Waiver};
use crate::observed::{Group, GroupKind, GroupState, Membership, Node, Observation};
use crate::plan::{self, Decision, Plan};
use crate::record::{EntryKind, Inputs, RollCounts};

impl Turn {
    /// Takes note of what a look shows.
    pub(super) fn note(&mut self, seen: &Observation, around: Around<'_>) {
        self.note_members(seen, around.now);
        let before = self.is_beside_another();
        self.note_foreign_claim(seen, around.now);
        let beside_another = before || self.is_beside_another();
        self.note_outcomes(seen, around.now);
        self.note_approvals(seen);
        self.note_roles(seen, beside_another, around.now);
    }

    /// Whether another controller holds the cluster by the last look, and is alive.
    fn is_beside_another(&self) -> bool {
        self.history.foreign_silence.is_some_and(|(silence, limit)| silence < limit)
    }

    fn note_members(&mut self, seen: &Observation, now: Time) {
        if seen.nodes.values().any(|n| n.membership.is_unknown()) {
            return;
        }
        let is_up = |node: &Node| node.membership.surely(|m| *m == Membership::Up);
        let up = || seen.nodes.iter().filter(|(_, node)| is_up(node)).map(|(name, _)| name);
        if self.memory.members.as_ref().is_some_and(|before| before.iter().eq(up())) {
            return;
        }
        let members: BTreeSet<NodeName> = up().cloned().collect();
        // Without a claim there is nothing to claim anew: the next claim comes after this change.
        let changed = self.memory.members.is_some();
        if changed && self.history.claimed_at.is_some() {
            self.history.membership_changed_at = Some(now);
        }
        if let Some(before) = &self.memory.members {
            let back = members.iter().filter(|node| !before.contains(*node));
            self.history.rejoined_at.extend(back.map(|node| (node.clone(), now)));
        }
        self.memory.members = Some(members);
    }

    fn note_foreign_claim(&mut self, seen: &Observation, now: Time) {
        let Known::Known { value: claim, .. } = &seen.claim else { return };
        match claim {
            Some(claim) if claim.holder != self.history.holder => {
                let since = match &self.memory.foreign {
                    Some((before, since)) if before == claim => *since,
                    _ => now,
                };
                self.memory.foreign = Some((claim.clone(), since));
                self.history.foreign_silence = Some((between(since, now), SILENCE));
            }
            _ => {
                self.memory.foreign = None;
                self.history.foreign_silence = None;
            }
        }
    }

    /// What is left of an approval begins after the handoffs that are done: also of those that an earlier life of this
    /// controller saw accepted but not proved.
    fn note_approvals(&mut self, seen: &Observation) {
        let done = |next: &PlannedHandoff| {
            let pending = self.memory.pending.iter().any(|p| p.action.group() == Some(&next.group));
            let there = |g: &Group| g.owner.surely(|o| o.as_ref() == Some(&next.to));
            !pending && seen.groups.get(&next.group).is_some_and(there)
        };
        let mut approvals = std::mem::take(&mut self.history.approvals);
        for approval in &mut approvals {
            let over = approval.remaining.iter().take_while(|next| done(next)).count();
            approval.remaining.drain(..over);
        }
        approvals.retain(|a| !a.remaining.is_empty());
        self.history.approvals = approvals;
    }

    /// Where roles are, and since when they are down.
    fn note_roles(&mut self, seen: &Observation, beside_another: bool, now: Time) {
        let roles: Vec<(&GroupName, &Group)> =
            seen.groups.iter().filter(|(name, group)| self.desired.kind_of(name, group) == GroupKind::Role).collect();
        for (name, group) in roles {
            if let Known::Known { value: owner, .. } = &group.owner
                && self.memory.owners.get(name) != owner.as_ref()
            {
                let moved_by_us = self.memory.pending.iter().any(|p| p.action.group() == Some(name));
                let before = self.memory.owners.get(name).cloned();
                if before.is_some() && !moved_by_us {
                    // Beside another controller, or since one was last seen, it may be a handoff: who hands over tells of it.
                    if !beside_another {
                        self.say(now, EntryKind::Failover { group: name.clone(), from: before, to: owner.clone() });
                    }
                    if let Some(roll) = &mut self.memory.roll {
                        roll.recount = true;
                    }
                }
                if let Some(owner) = owner.as_ref().filter(|_| !moved_by_us) {
                    self.memory.owners.insert(name.clone(), owner.clone());
                }
            }
            let Known::Known { value: state, .. } = &group.state else { continue };
            let handed_over = |p: &Pending| p.action.group() == Some(name);
            if *state == GroupState::Online && !self.memory.pending.iter().any(handed_over) {
                if let Some(since) = self.memory.down_since.remove(name) {
                    let lasted = between(since, now);
                    if let Some(roll) = &mut self.memory.roll {
                        *roll.outages.entry(name.clone()).or_default() += lasted;
                    }
                    self.say(now, EntryKind::Outage { group: name.clone(), lasted });
                }
            } else if *state != GroupState::Online && !self.memory.down_since.contains_key(name) {
                // Down by our own doing, it has been so since we did it, not since somebody looked.
                let ours = self.memory.pending.iter().filter(|p| p.action.group() == Some(name)).map(|p| p.since);
                let ours = ours.min();
                if ours.is_none() && !seen.is_our_duty(name) {
                    let owner = match &group.owner {
                        Known::Known { value: Some(owner), .. } => owner.to_string(),
                        _ => "no node".to_owned(),
                    };
                    self.say(
                        now,
                        EntryKind::Alarm { what: format!("{name} does not serve: {} on {owner}", state.word()) },
                    );
                }
                self.memory.down_since.insert(name.clone(), ours.unwrap_or(now));
            }
        }
    }

    /// Takes note of a driver's answer.
    pub(super) fn note_answer(&mut self, action: &Action, answer: &Answer, now: Time) {
        match answer {
            Answer::Accepted | Answer::Unsure { .. } => {
                if let Some(roll) = &mut self.memory.roll {
                    roll.actions += 1;
                }
                // A role is down from the moment its handoff begins, whenever the next look is.
                if let Action::Handoff { group, .. } | Action::StopRole { group, .. } = action {
                    self.memory.down_since.entry(group.clone()).or_insert(now);
                }
                for remembered in [&mut self.memory.pending, &mut self.memory.begun] {
                    remembered.retain(|p| p.action != *action);
                }
                self.memory.pending.push(Pending { action: action.clone(), since: now, late: false });
                self.memory.trouble = None;
            }
            Answer::Refused { check, saw } => {
                self.memory.misses += 1;
                self.memory.trouble = Some(format!("{action} was refused on the node: {check} saw {saw}"));
            }
        }
        if let Answer::Unsure { why } = answer {
            self.memory.trouble = Some(format!("nobody knows whether {action} was begun: {why}"));
        }
    }

    /// Takes note of a decision, and of where the roll is.
    pub(super) fn note_decision(&mut self, decision: &Decision, seen: &Observation, around: Around<'_>) {
        self.note_roll(decision, seen, around);
        if matches!(decision, Decision::Act(_)) {
            return;
        }
        let holds = decision.holds();
        // While an action is under way the reason to wait is the action, and that was told.
        if holds.iter().all(|h| h.rule == RuleName::InProgress) && !holds.is_empty() {
            return;
        }
        let decided = decided(decision);
        // The end of a roll is told with its counts already.
        let told = matches!(self.entries.last(), Some(last) if matches!(last.what, EntryKind::Converged { .. }));
        if self.memory.is_news(&decided) && !told {
            let inputs = self.inputs(&Basis::Decided, seen, &nothing_asked(), around);
            self.say(around.now, decided.resting_on(inputs));
        }
    }

    fn note_roll(&mut self, decision: &Decision, seen: &Observation, around: Around<'_>) {
        if matches!(decision, Decision::Converged) {
            self.memory.converged_since.get_or_insert(around.now);
            if let Some(roll) = &self.memory.roll
                && roll.finished.is_none()
            {
                let counts = RollCounts { planned: 0, ..roll.counts };
                self.say(around.now, EntryKind::Converged { counts });
                if let Some(roll) = &mut self.memory.roll {
                    roll.finished = Some(around.now);
                    roll.counts = counts;
                }
            }
            return;
        }
        self.memory.converged_since = None;
        let begins = self.memory.roll.as_ref().is_none_or(|r| r.finished.is_some());
        if begins {
            let plan = self.plan(seen, around);
            let counts = plan.handoffs;
            self.memory.roll = Some(Roll {
                started: around.now,
                counts,
                uncounted: self.out_of_reach(&plan, seen),
                predicted: plan.roles.into_iter().collect(),
                ..Roll::default()
            });
            self.say(around.now, EntryKind::RollStarted { counts });
        } else if self.memory.roll.as_ref().is_some_and(|r| r.recount) {
            let planned = self.plan(seen, around).handoffs.planned;
            if let Some(roll) = &mut self.memory.roll {
                roll.recount = false;
                roll.counts.planned = planned;
                roll.counts.forced = (roll.counts.spent + planned).saturating_sub(roll.counts.optimum);
            }
        } else if let Decision::Act(action) = decision
            && let Some(roll) = &self.memory.roll
            && [action.node(), action.to()].into_iter().flatten().any(|node| roll.uncounted.contains(node))
        {
            self.count_more(seen, around);
        }
    }

    /// A node can be worked on that could not when the roll began: what that costs belongs to floor and optimum.
    fn count_more(&mut self, seen: &Observation, around: Around<'_>) {
        let plan = self.plan(seen, around);
        let uncounted = self.out_of_reach(&plan, seen);
        let Some(roll) = &mut self.memory.roll else { return };
        let counts = &mut roll.counts;
        // What was forced is no part of either, and what is still to come of it is in the plan.
        let done = counts.spent.saturating_sub(counts.forced);
        counts.optimum = counts.optimum.max(done + plan.handoffs.optimum);
        counts.floor = counts.floor.max(counts.floor.min(done) + plan.handoffs.floor);
        counts.planned = plan.handoffs.planned;
        roll.uncounted = uncounted;
        for (role, predicted) in plan.roles {
            roll.predicted.entry(role).or_insert(predicted);
        }
    }

    /// Nodes that are not at their targets and that the plan does not bring there.
    fn out_of_reach(&self, plan: &Plan, seen: &Observation) -> BTreeSet<NodeName> {
        let current = |node: &NodeName, spec: &NodeSpec| {
            seen.nodes.get(node).is_some_and(|n| spec.rollup.standing(&n.installed) == Ok(Standing::Current))
        };
        let reached = |node: &NodeName| {
            let changes = |action: &Action| matches!(action.kind(), ActionKind::Install | ActionKind::Uninstall);
            plan.steps.iter().any(|step| changes(&step.action) && step.action.node() == Some(node))
        };
        let nodes = self.desired.nodes.iter().filter(|(node, spec)| !current(node, spec) && !reached(node));
        nodes.map(|(node, _)| node.clone()).collect()
    }

    /// The whole plan from a look, as `plan` would show it.
    pub fn plan(&self, seen: &Observation, around: Around<'_>) -> Plan {
        let nothing = nothing_asked();
        plan::plan(&self.facts(seen, &nothing, around))
    }

    /// The fewest handoffs that are left from a look on.
    pub fn optimum(&self, seen: &Observation, around: Around<'_>) -> u32 {
        let nothing = nothing_asked();
        plan::optimum(&self.facts(seen, &nothing, around))
    }

    /// What to do next. A committed approval of exactly this plan is taken up, and approvals of others are dropped; then it
    /// is decided anew.
    pub(super) fn weigh_approvals(&mut self, seen: &Observation, around: Around<'_>) -> Decision {
        let nothing = nothing_asked();
        let (decision, plan) = decide(&self.facts(seen, &nothing, around));
        let Some(plan) = plan else { return decision };
        let void: Vec<Approval> = std::mem::take(&mut self.history.approvals);
        let annotated = self.desired.approve.as_ref().filter(|a| a.hash == plan.hash && !plan.sequence.is_empty());
        if void.is_empty() && annotated.is_none() {
            return decision;
        }
        let by = annotated.map(|a| a.place.to_string());
        for approval in void {
            let why = format!(
                "the handoffs still to come are no longer those that were approved; now they are plan {}",
                plan.hash
            );
            self.say(around.now, EntryKind::ApprovalVoid { hash: approval.hash, why });
        }
        if let Some(by) = by {
            self.approve(&plan, by, None, around.now);
        }
        decide(&self.facts(seen, &nothing, around)).0
    }

    /// Voids the foreign claim that was seen, because a person says that its holder is gone.
    pub fn take_over(&mut self, seen: &Observation) {
        if let Known::Known { value: Some(claim), .. } = &seen.claim {
            self.history.takeover_of_epoch = Some(claim.epoch);
        }
    }

    /// Puts an approval of a plan's handoffs in force.
    pub fn approve(&mut self, plan: &Plan, by: String, expires: Option<Time>, now: Time) {
        let approval = Approval {
            hash: plan.hash.clone(),
            scope: plan.scope.clone(),
            remaining: plan.sequence.clone(),
            by,
            at: now,
            expires,
        };
        self.history.approvals = vec![approval.clone()];
        self.say(now, EntryKind::Approved { approval });
    }

    /// Puts a waiver by command in force, in place of one for the same.
    pub fn waive(&mut self, waiver: Waiver, now: Time) {
        self.history.waivers.retain(|other| other.until > now && !other.is_for_the_same(&waiver));
        self.history.waivers.push(waiver.clone());
        self.say(now, EntryKind::WaiverGiven { waiver });
    }

    /// Takes a waiver by command back. False if there is none for the same.
    pub fn lift_waiver(&mut self, waiver: &Waiver, by: String, now: Time) -> bool {
        let Some(at) = self.history.waivers.iter().position(|other| other.is_for_the_same(waiver)) else {
            return false;
        };
        let waiver = self.history.waivers.remove(at);
        self.say(now, EntryKind::WaiverLifted { waiver, by });
        true
    }
}

/// The same words for every subject, so that seven nodes that wait for the same are told of once.
fn impersonal(what: &str, subject: &str) -> String {
    let mut words: Vec<&str> = Vec::new();
    for word in what.split_inclusive(|c: char| !(c.is_alphanumeric() || "-_./@".contains(c))) {
        match word.strip_prefix(subject) {
            Some("") => words.push("each"),
            Some(rest) if rest.chars().count() == 1 && !rest.starts_with(char::is_alphanumeric) => {
                words.extend(["each", rest]);
            }
            _ => words.push(word),
        }
    }
    words.concat()
}

/// What to do next, with the hash of the plan in what is said of approvals; and the plan, where it was needed for that.
pub(super) fn decide(facts: &Facts<'_>) -> (Decision, Option<Plan>) {
    let decision = plan::decide(facts);
    if !decision.holds().iter().any(|h| h.rule == RuleName::Approval) {
        return (decision, None);
    }
    let plan = plan::plan(facts);
    (decision.naming(&plan.hash), Some(plan))
}

/// A decision, as the journal says it.
pub(super) fn decided(decision: &Decision) -> EntryKind {
    let mut grouped: Vec<(&Hold, String, Vec<String>)> = Vec::new();
    for hold in decision.holds() {
        let subject = hold.subject.to_string();
        let of_each = impersonal(&hold.release.what, &subject);
        match grouped.iter_mut().find(|(first, same, _)| first.rule == hold.rule && *same == of_each) {
            Some((.., subjects)) => subjects.push(subject),
            None => grouped.push((hold, of_each, vec![subject])),
        }
    }
    let reasons = grouped.into_iter().map(|(first, of_each, subjects)| {
        let what = if subjects.len() == 1 { &first.release.what } else { &of_each };
        format!("{} holds {}: {what}", first.rule, subjects.join(", "))
    });
    EntryKind::Decided { decision: decision.word().to_owned(), holds: reasons.collect(), inputs: Inputs::new() }
}

/// That an action is not allowed on the look just before it, as the journal says it.
pub(super) fn refused(action: &Action, holds: &[Hold]) -> EntryKind {
    let holds = holds.iter().map(ToString::to_string).collect();
    EntryKind::Decided { decision: format!("refused {action}"), holds, inputs: Inputs::new() }
}

/// That an action is allowed, and will be begun, as the journal says it.
pub(super) fn intended(action: &Action, facts: &Facts<'_>) -> EntryKind {
    EntryKind::Intended {
        action: action.clone(),
        rules: rules_asked(action, facts.rules),
        waived: guard::waived(action, facts),
        inputs: Inputs::new(),
    }
}

/// The names of the rules that judged an action.
fn rules_asked(action: &Action, rules: RuleSet) -> Vec<String> {
    rules.judging(action).map(|r| r.name.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::impersonal;

    #[test]
    fn what_is_said_of_one_node_is_said_of_each() {
        assert_eq!(impersonal("released when SCC1 owns no role", "SCC1"), "released when each owns no role");
        assert_eq!(impersonal("until then SCC1, or SCC10, is free", "SCC1"), "until then each, or SCC10, is free");
        assert_eq!(impersonal("released by 1-SCC1", "SCC1"), "released by 1-SCC1");
    }
}
