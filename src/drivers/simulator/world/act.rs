//! How a node carries out an order: it announces, then checks, then acts, under its lock. And claims and commands.

use super::{
    ClusterService, Fate, Happening, Machine, NodeTruth, Order, PausedBy, Stage, Task, Violation, ViolationKind, World,
};
use crate::drivers::ClaimAnswer;
use crate::guard::Command;
use crate::model::time::later;
use crate::model::{Action, Answer, Claim, Holder, Mark, MarkKind, NodeName, Phase, StopScope, Time};
use crate::observed::{CopyStatus, GroupKind, GroupState, Work};

fn refused(check: impl Into<String>, saw: impl Into<String>) -> Answer {
    Answer::Refused { check: check.into(), saw: saw.into() }
}

impl World {
    pub(super) fn perform(&mut self, order: Order, at: Time, happened: &mut Vec<Happening>) -> Answer {
        let Order { action, claim, checks, fate } = order;
        if let Action::Release { mark } = &action {
            return self.release(mark, claim.as_ref(), &checks);
        }
        let Some(node) = action.node().cloned() else { return refused("node", "the action names none") };
        let Some(truth) = self.nodes.get_mut(&node) else { return refused("node", format!("there is no node {node}")) };
        if truth.machine != Machine::Up {
            return refused("reach", format!("{node} does not answer"));
        }
        if let Some(work) = truth.running() {
            return refused("lock", format!("on {node}, {} is running", work.action));
        }
        let epoch = claim.as_ref().map_or(0, |c| c.epoch);
        if epoch < truth.epoch_seen {
            return refused("epoch", format!("{node} has obeyed epoch {}; this is {epoch}", truth.epoch_seen));
        }
        truth.epoch_seen = epoch;
        let holder = claim.as_ref().map_or_else(|| Holder::new("nobody"), |c| c.holder.clone());
        let announcement =
            Mark { kind: MarkKind::InProgress { action: Box::new(action.clone()) }, epoch, holder: holder.clone(), at };
        let reachable = self.has_quorum();
        if reachable {
            self.store.marks.push(announcement.clone());
        } else if !works_without_store(&action) {
            return refused("store", "the cluster has no quorum: its store cannot be written");
        }
        let ready = checks
            .iter()
            .try_for_each(|check| self.check(check, &action, claim.as_ref()))
            .and_then(|()| self.stack_agrees(&action).map_err(|saw| ("stack".to_owned(), saw)));
        if let Err((check, saw)) = ready {
            if let Some(i) = self.store.marks.iter().rposition(|m| *m == announcement) {
                self.store.marks.remove(i);
            }
            return refused(check, saw);
        }
        let work = Work { action, epoch, holder, since: at, ended: None };
        if fate == Fate::Hesitates {
            if let Some(truth) = self.nodes.get_mut(&node) {
                truth.work = Some(work);
                truth.task = Some(Task { stage: Stage::Hesitating, fate: Fate::Well });
            }
        } else {
            self.begin(&node, work, fate, at, happened);
        }
        Answer::Accepted
    }

    /// What is true at once when work begins.
    pub(super) fn begin(&mut self, node: &NodeName, work: Work, fate: Fate, at: Time, happened: &mut Vec<Happening>) {
        self.count_against_stop(node, &work.action, at, happened);
        self.count_over_pause(node, &work.action, at, happened);
        self.count_out(node, &work.action, at, happened);
        let stage = match &work.action {
            Action::Install { .. } | Action::Uninstall { .. } => Stage::Checking,
            Action::MoveGroup { .. } | Action::Handoff { .. } => Stage::Moving,
            _ => Stage::Working,
        };
        match &work.action {
            Action::MoveGroup { group, .. } | Action::Handoff { group, .. } if fate != Fate::MoveFails => {
                if let Some(group) = self.groups.get_mut(group)
                    && group.wanted
                {
                    group.state = GroupState::Pending;
                }
            }
            // Checking and pausing are one instant. The mark first: a pause without one would be nobody's.
            Action::Pause { node } => {
                self.mark(MarkKind::Pause { node: node.clone() }, &work, at);
                if let Some(truth) = self.nodes.get_mut(node) {
                    truth.paused.get_or_insert(PausedBy::Controller);
                }
            }
            Action::StopRole { group, to, at_most, .. } => {
                // The duty first: a role that was stopped and forgotten stays down over every reboot.
                let deadline = later(at, *at_most);
                self.unmark(|k| matches!(k, MarkKind::StoppedRole { group: g, .. } if g == group));
                self.mark(MarkKind::StoppedRole { group: group.clone(), to: to.clone(), deadline }, &work, at);
                if let Some(group) = self.groups.get_mut(group) {
                    group.wanted = false;
                    group.state = GroupState::Pending;
                }
            }
            Action::StartRole { group, .. } => {
                if let Some(group) = self.groups.get_mut(group)
                    && group.state != GroupState::PartiallyOnline
                {
                    group.state = GroupState::Pending;
                }
            }
            _ => {}
        }
        let takes_vote = work.action.needs_empty_node();
        if let Some(truth) = self.nodes.get_mut(node) {
            truth.work = Some(work);
            truth.task = Some(Task { stage, fate });
        }
        self.note_spared(node, takes_vote);
    }

    /// Writes down whether the cluster can do without the node, and without all others on which controllers are at work:
    /// if their votes together are too many, the loss of quorum is of every one's taking.
    fn note_spared(&mut self, node: &NodeName, takes_vote: bool) {
        let goes = |truth: &NodeTruth| truth.running().is_some_and(|work| work.action.needs_empty_node());
        let others = self.nodes.iter().filter(|(name, truth)| takes_vote && *name != node && goes(truth));
        let together: Vec<NodeName> = others.map(|(name, _)| name.clone()).chain([node.clone()]).collect();
        let spared = self.has_quorum_without(&together.iter().collect::<Vec<_>>());
        for name in if spared { &together[together.len() - 1..] } else { &together[..] } {
            if let Some(truth) = self.nodes.get_mut(name) {
                truth.spared = spared;
            }
        }
    }

    /// What the stack's own tools refuse, whoever asks.
    fn stack_agrees(&self, action: &Action) -> Result<(), String> {
        let node = action.node().and_then(|n| self.nodes.get(n));
        let stopped = node.is_some_and(|n| n.service == ClusterService::Stopped);
        match action {
            Action::Stage { rollup, .. } => self.stage_agrees(rollup),
            Action::Pause { node } | Action::Resume { node, .. } if !self.is_member(node) => {
                Err(format!("{node} is not up"))
            }
            Action::Resume { node: name, .. } => match node {
                Some(n) if n.paused.is_none() && !self.marked_paused(name) => Err(format!("{name} is not paused")),
                _ => Ok(()),
            },
            Action::MoveGroup { group, from, to } | Action::Handoff { group, from, to, .. } => {
                let Some(truth) = self.groups.get(group) else { return Err(format!("there is no group {group:?}")) };
                if truth.owner != *from {
                    return Err(format!("{group:?} is on {}", truth.owner));
                }
                if !self.is_member(from) {
                    return Err(format!("{from} is not up"));
                }
                self.can_take(group, to)?;
                match truth.copies.get(to) {
                    Some(copy) if truth.kind == GroupKind::Role => match self.copy_service(to).unwrap_or(copy.status) {
                        CopyStatus::Healthy => Ok(()),
                        status => Err(format!("the copy on {to} is {status:?}")),
                    },
                    _ => Ok(()),
                }
            }
            Action::StopRole { group, node, .. } | Action::StartRole { group, node } => {
                let Some(truth) = self.groups.get(group) else { return Err(format!("there is no group {group:?}")) };
                if truth.owner != *node {
                    return Err(format!("{group:?} is on {}", truth.owner));
                }
                let stop = matches!(action, Action::StopRole { .. });
                let serves = matches!(truth.state, GroupState::Online | GroupState::PartiallyOnline);
                match (stop, serves) {
                    (true, false) => Err(format!("{group:?} is not online")),
                    (false, _) if truth.state == GroupState::Online => Err(format!("{group:?} is online already")),
                    (false, _) if !self.may_come_up(truth) => {
                        Err(format!("{node} is down or paused: nothing can come online on it"))
                    }
                    _ => Ok(()),
                }
            }
            Action::Install { rollup, .. } | Action::Uninstall { rollup, .. } => {
                match self.catalogue.rollups.contains_key(rollup) {
                    true => Ok(()),
                    false => Err(format!("the rollup {rollup} is not declared")),
                }
            }
            Action::StopCluster { node } if self.is_standalone() => Err(format!("{node} has no cluster service")),
            Action::StopCluster { node } if stopped => Err(format!("the cluster service of {node} is stopped already")),
            Action::StartCluster { node } if !stopped => Err(format!("the cluster service of {node} runs already")),
            _ => Ok(()),
        }
    }

    fn stage_agrees(&self, rollup: &crate::model::RollupName) -> Result<(), String> {
        let Some(rollup) = self.catalogue.rollups.get(rollup) else {
            return Err(format!("the rollup {rollup} is not declared"));
        };
        match rollup.packages.iter().find(|p| !self.catalogue.packages.contains_key(&p.file)) {
            Some(package) => Err(format!("{} is not at the source", package.file)),
            None => Ok(()),
        }
    }

    fn marked_paused(&self, node: &NodeName) -> bool {
        self.store.marks.iter().any(|m| matches!(&m.kind, MarkKind::Pause { node: n } if n == node))
    }

    /// Removing a mark takes no time and no lock, but never the announcement of work that still runs.
    fn release(&mut self, mark: &Mark, claim: Option<&Claim>, checks: &[crate::guard::Check]) -> Answer {
        if !self.has_quorum() {
            return refused("store", "the cluster has no quorum: its store cannot be written");
        }
        let action = Action::Release { mark: mark.clone() };
        if let Err((check, saw)) = checks.iter().try_for_each(|check| self.check(check, &action, claim)) {
            return refused(check, saw);
        }
        if let MarkKind::InProgress { action } = &mark.kind
            && self.nodes.values().filter_map(|n| n.running()).any(|w| w.action == **action)
        {
            return refused("lock", format!("{action} is running"));
        }
        match self.store.marks.iter().position(|m| m.is(mark)) {
            Some(i) => {
                self.store.marks.remove(i);
                Answer::Accepted
            }
            None => refused("mark", "it is not there"),
        }
    }

    fn count_against_stop(&self, node: &NodeName, action: &Action, at: Time, happened: &mut Vec<Happening>) {
        // Whoever stopped a role that cannot start where it is has nothing else left than to take it on.
        let finishes = matches!(action, Action::Handoff { group, .. }
            if self.groups.get(group).is_some_and(|g| !g.wanted && !self.may_come_up(g)));
        let covers = |m: &Mark| match &m.kind {
            MarkKind::Stop { scope: StopScope::Cluster, .. } => !finishes,
            MarkKind::Stop { scope: StopScope::Node(n), .. } => action.to() == Some(n) || !finishes && n == node,
            _ => false,
        };
        if action.phase() == Phase::Begin && self.store.marks.iter().any(covers) {
            happened.push(Happening::Violation(Violation {
                kind: ViolationKind::ActedAgainstStop,
                at,
                node: Some(node.clone()),
                group: action.group().cloned(),
                action: Some(action.clone()),
            }));
        }
    }

    /// Our mark on a person's pause would make it ours, and ours is undone in the end.
    fn count_over_pause(&self, node: &NodeName, action: &Action, at: Time, happened: &mut Vec<Happening>) {
        let theirs = self.nodes.get(node).is_some_and(|n| n.paused == Some(PausedBy::Person));
        if theirs && matches!(action, Action::Pause { .. }) {
            happened.push(Happening::Violation(Violation {
                kind: ViolationKind::PauseUndone,
                at,
                node: Some(node.clone()),
                group: None,
                action: Some(action.clone()),
            }));
        }
    }

    pub(super) fn claim(&mut self, expected: Option<&Claim>, wanted: Option<Claim>) -> ClaimAnswer {
        if !self.has_quorum() {
            return ClaimAnswer::Unsure { why: "the cluster has no quorum: its store cannot be written".into() };
        }
        if self.store.claim.as_ref() != expected {
            return ClaimAnswer::Lost { found: self.store.claim.clone() };
        }
        self.store.claim = wanted;
        match &self.store.claim {
            Some(claim) => ClaimAnswer::Claimed(claim.clone()),
            None => ClaimAnswer::GivenUp,
        }
    }

    pub(super) fn command(&mut self, command: Command, at: Time) -> Result<String, String> {
        if let Command::Stop { node: Some(n), .. } | Command::Go { node: Some(n) } | Command::Retry { node: Some(n) } =
            &command
            && !self.nodes.contains_key(n)
        {
            return Err(format!("the cluster has no node {n}"));
        }
        if !self.has_quorum() && !matches!(command, Command::Retry { .. }) {
            return Err("the cluster has no quorum: its store cannot be written; try again when it has".into());
        }
        let scope_of = |node: &Option<NodeName>| node.clone().map_or(StopScope::Cluster, StopScope::Node);
        match command {
            Command::Stop { node, why, by } => {
                let scope = scope_of(&node);
                self.unmark(|k| matches!(k, MarkKind::Stop { scope: s, .. } if *s == scope));
                let kind = MarkKind::Stop { scope, why };
                self.store.marks.push(Mark { kind, epoch: 0, holder: Holder::new(by), at });
                Ok("the stop cord is pulled".into())
            }
            Command::Go { node } => {
                let scope = scope_of(&node);
                let before = self.store.marks.len();
                self.unmark(|k| matches!(k, MarkKind::Stop { scope: s, .. } if *s == scope));
                match self.store.marks.len() == before {
                    true => Ok("no stop cord was pulled there".into()),
                    false => Ok("the stop cord is lifted".into()),
                }
            }
            Command::Retry { node } => {
                let mut forgotten = 0;
                for (name, truth) in &mut self.nodes {
                    if node.as_ref().is_none_or(|n| n == name) {
                        forgotten += truth.tries.iter().map(|t| t.failed).sum::<u32>();
                        truth.tries.clear();
                        forgotten += truth.failed_handoffs.drain(..).map(|handoffs| handoffs.failed).sum::<u32>();
                    }
                }
                Ok(format!("{forgotten} failed tries are forgotten"))
            }
            Command::Release => self.forget(),
        }
    }

    /// Gives back what controllers have paused, and removes their marks and the claim; nothing while something is in its
    /// middle, which nobody would end then.
    fn forget(&mut self) -> Result<String, String> {
        if let Some((node, work)) = self.nodes.iter().find_map(|(node, truth)| Some((node, truth.running()?))) {
            return Err(format!("on {node}, {} is running: release the cluster again when it has ended", work.action));
        }
        let stopped = |mark: &Mark| match &mark.kind {
            MarkKind::StoppedRole { group, .. } => {
                self.groups.get(group).filter(|g| g.state != GroupState::Online).map(|_| group.clone())
            }
            _ => None,
        };
        if let Some(group) = self.store.marks.iter().find_map(stopped) {
            return Err(format!("{group:?} was stopped to be handed over: start it, and release the cluster again"));
        }
        let paused = |mark: &Mark| match &mark.kind {
            MarkKind::Pause { node } => Some(node.clone()),
            _ => None,
        };
        let (back, down): (Vec<_>, Vec<_>) =
            self.store.marks.iter().filter_map(paused).partition(|node| self.is_member(node));
        for node in &back {
            if self.nodes.get_mut(node).is_some_and(|truth| truth.paused.take().is_some()) {
                self.arm_failback(node, None);
            }
        }
        let before = self.store.marks.len();
        let kept = |mark: &Mark| paused(mark).is_some_and(|node| down.contains(&node));
        self.store.marks.retain(|mark| !mark.kind.is_controllers() || kept(mark));
        let mut done = format!("removed {} marks", before - self.store.marks.len());
        if let Some(claim) = self.store.claim.take() {
            done += &format!(" and the claim {claim}");
        }
        for node in back {
            done += &format!("; {node} is resumed");
        }
        for node in down {
            done +=
                &format!("; {node} is down and stays paused, with its mark: release the cluster again when it is up");
        }
        Ok(done)
    }
}

/// Work on one machine that brings a cluster back can be done while the cluster's store cannot be written.
fn works_without_store(action: &Action) -> bool {
    matches!(action, Action::StartCluster { .. } | Action::RestoreServices { .. } | Action::ResumeReplication { .. })
}
