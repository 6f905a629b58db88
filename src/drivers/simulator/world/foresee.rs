//! What the cluster would do by itself because of an action: tried out on a copy of the world.

use super::{Event, World};
use crate::model::{Action, GroupName, Time};
use crate::observed::{GroupState, SideEffect, SideEffectKind};

impl World {
    /// What would become of groups that the action does not name, if it were done now and everything came to rest.
    ///
    /// What would happen without the action is not its effect. A pause is foreseen with its end, which may bring home
    /// what the pause held off: whoever begins one must expect that.
    pub fn foresee(&self, action: &Action, at: Time) -> Vec<SideEffect> {
        let mut before = self.clone();
        if matches!(action, Action::Pause { .. } | Action::Resume { .. } | Action::StartCluster { .. }) {
            // A role that is stopped now will not be so for ever, and follows its failback policy as soon as it runs.
            for group in before.groups.values_mut().filter(|group| !group.wanted) {
                group.wanted = true;
                group.state = GroupState::Online;
            }
        }
        let mut anyway = Vec::new();
        before.note_down(&mut anyway);
        let comes_to_rest = || {
            let mut without = before.clone();
            without.come_to_rest(at, &mut anyway);
            without
        };
        // Mostly nothing is on its way, and nothing would change.
        let without = (!before.enabled().is_empty()).then(comes_to_rest);
        let without = without.as_ref().unwrap_or(&before);
        let mut with = before.clone();
        for node in with.nodes.values_mut() {
            // Fences and locks say nothing of what an action would do.
            node.epoch_seen = 0;
        }
        let mut disturbed = Vec::new();
        with.try_out(action.clone(), at, &mut disturbed);
        if let Action::Pause { node } = action {
            with.try_out(Action::Resume { node: node.clone(), quarantine: None }, at, &mut disturbed);
        }
        let mut effects = Vec::new();
        for (name, before) in &before.groups {
            if action.group() == Some(name) {
                continue;
            }
            let (Some(after), Some(idle)) = (with.groups.get(name), without.groups.get(name)) else { continue };
            let up = |s: GroupState| matches!(s, GroupState::Online | GroupState::PartiallyOnline);
            let kind = if after.owner != idle.owner {
                SideEffectKind::Moves { from: before.owner.clone(), to: after.owner.clone() }
            } else if up(idle.state) && !up(after.state) {
                SideEffectKind::Stops { on: before.owner.clone() }
            } else if up(before.state) && up(idle.state) && disturbed.contains(name) && !anyway.contains(name) {
                SideEffectKind::Restarts { on: after.owner.clone() }
            } else {
                continue;
            };
            effects.push(SideEffect { group: name.clone(), kind });
        }
        effects
    }

    /// Does it, and lets everything come to rest.
    fn try_out(&mut self, action: Action, at: Time, disturbed: &mut Vec<GroupName>) {
        self.step(Event::perform(action, None, Vec::new()), at);
        self.come_to_rest(at, disturbed);
    }

    /// Lets everything happen that is bound to, one after the other, and notes which groups are down meanwhile.
    fn come_to_rest(&mut self, at: Time, disturbed: &mut Vec<GroupName>) {
        // More steps than any cluster of this size needs to come to rest.
        for _ in 0..64 * (self.nodes.len() + self.groups.len() + 1) {
            self.note_down(disturbed);
            // The groups come last in the list and move first: the worst that can be is that a node returns too late.
            let Some(tick) = self.enabled().pop() else { break };
            self.step(Event::Tick(tick), at);
        }
    }

    fn note_down(&self, seen: &mut Vec<GroupName>) {
        for (name, group) in &self.groups {
            let up = matches!(group.state, GroupState::Online | GroupState::PartiallyOnline);
            if !up && !seen.contains(name) {
                seen.push(name.clone());
            }
        }
    }
}
