//! `fresh`: every fact that an action reads is known, recent, and not contradicted by another view.
//!
//! Only facts that the action reads: a node that nobody can reach does not hold work that does not touch it.

use super::prospect::prospect;
use super::{Rule, duty, say};
use crate::guard::Facts;
use crate::model::time::{between, earlier, later, words};
use crate::model::{Action, Evidence, GroupName, Hold, Known, NodeName, ReleaseKind, Rollup, RuleName, Subject, Time};
use crate::observed::{Group, Node};

pub(super) const RULE: Rule = Rule {
    name: RuleName::Fresh,
    judges: "begins",
    judges_finishing: false,
    says_no_to: "resting on a fact that is unknown, older than `observationAge`, or contradicted by another view",
    judge,
    checks: super::no_checks,
};

fn judge(action: &Action, facts: &Facts<'_>) -> Result<(), Hold> {
    let limit = facts.desired.policy.limits.observation_age;
    let mut look =
        Look { facts, oldest: earlier(facts.now, limit), latest: later(facts.now, limit), wrong: Vec::new() };
    look.cluster(duty::is_only_way_up(action, facts));
    if let Some(node) = action.node() {
        look.reached(node);
    }
    if let Some(node) = duty::node_at_stake(action, facts) {
        look.worked_on(node);
    }
    if let Some(to) = action.to() {
        look.destination(to);
    }
    match action {
        Action::MoveGroup { group, .. } => look.moved(group),
        Action::Handoff { group, from, to, .. } | Action::StopRole { group, node: from, to, .. } => {
            look.moved(group);
            look.handed_over(group, from, to);
            look.owners();
        }
        _ => look.owners(),
    }
    if let Some(coming) = prospect(action, facts) {
        look.updated(coming.node, coming.rollup, coming.now);
    }
    let evidence = look.wrong;
    if evidence.is_empty() {
        return Ok(());
    }
    let subject = match action.node() {
        Some(node) => Subject::Node(node.clone()),
        None => Subject::Cluster(facts.desired.name.clone()),
    };
    let what = "released by a look that sees all of this, recently, and the same from every side";
    Err(say::hold(RuleName::Fresh, subject, evidence, ReleaseKind::Observation, what))
}

/// Goes through facts and collects what is wrong with them.
struct Look<'f, 'a> {
    facts: &'f Facts<'a>,
    /// What was seen before this is too old.
    oldest: Time,
    /// What was seen after this was seen by a clock that is wrong.
    latest: Time,
    wrong: Vec<Evidence>,
}

impl<'a> Look<'_, 'a> {
    fn read<T>(&mut self, known: &Known<T>, fact: impl FnOnce() -> String) {
        match known {
            Known::Known { at, .. } => {
                if *at < self.oldest {
                    self.wrong.push(Evidence::new(fact(), self.age_of(*at), *at));
                } else if *at > self.latest {
                    self.wrong.push(Evidence::new(fact(), "said to be seen in the future", *at));
                }
            }
            Known::Unknown { .. } => self.wrong.push(Evidence::of(fact(), known, |_| String::new())),
        }
    }

    fn age_of(&self, at: Time) -> String {
        format!("known for {} without another look", words(between(at, self.facts.now)))
    }

    /// A minority that says itself that it is one runs nothing: who brings on a role that we stopped need not wait for it.
    fn cluster(&mut self, minorities_may_differ: bool) {
        let seen = self.facts.seen;
        self.read(&seen.claim, || "claim".into());
        self.read(&seen.marks, || "marks".into());
        self.read(&seen.quorum, || "quorum".into());
        if seen.quorum.surely(|q| q.standalone) {
            return;
        }
        let mut views = seen.views.iter().filter(|view| view.quorate || !minorities_may_differ).peekable();
        let Some(&first) = views.peek() else {
            self.wrong.push(Evidence::new("views", "none: no node said who the members are", seen.at));
            return;
        };
        for view in views {
            if !view.quorate {
                let fact = format!("the quorum as {} sees it", view.from);
                self.wrong.push(Evidence::new(fact, "lost: it is in a minority", view.at));
            }
            if view.members != first.members {
                let fact = format!("the membership as {} sees it", view.from);
                let value =
                    format!("{}; as {} sees it: {}", say::list(&*view.members), first.from, say::list(&*first.members));
                self.wrong.push(Evidence::new(fact, value, view.at));
            }
            if view.at < self.oldest {
                let fact = format!("the membership as {} sees it", view.from);
                self.wrong.push(Evidence::new(fact, self.age_of(view.at), view.at));
            }
        }
    }

    fn node(&mut self, name: &NodeName) -> Option<&'a Node> {
        let found = self.facts.seen.nodes.get(name);
        if found.is_none() {
            self.wrong.push(say::not_seen(name));
        }
        found
    }

    fn group(&mut self, name: &GroupName) -> Option<&'a Group> {
        let found = self.facts.seen.groups.get(name);
        if found.is_none() {
            self.wrong.push(Evidence::timeless(format!("groups.{name}"), "unknown: it was not seen"));
        }
        found
    }

    fn reached(&mut self, name: &NodeName) {
        let Some(node) = self.node(name) else { return };
        self.read(&node.membership, || format!("nodes.{name}.membership"));
        self.read(&node.work, || format!("nodes.{name}.work"));
    }

    fn worked_on(&mut self, name: &NodeName) {
        let Some(node) = self.facts.seen.nodes.get(name) else { return };
        self.read(&node.rival, || format!("nodes.{name}.rival"));
        self.read(&node.tries, || format!("nodes.{name}.tries"));
        // A stopped cluster service says nothing of its pause; our mark does.
        if !super::our_mark_while_down(name, self.facts) {
            self.read(&node.paused, || format!("nodes.{name}.paused"));
        }
    }

    fn destination(&mut self, name: &NodeName) {
        self.reached(name);
        let Some(node) = self.facts.seen.nodes.get(name) else { return };
        self.read(&node.paused, || format!("nodes.{name}.paused"));
    }

    fn owners(&mut self) {
        for (name, group) in &self.facts.seen.groups {
            self.read(&group.owner, || format!("groups.{name}.owner"));
        }
    }

    fn moved(&mut self, name: &GroupName) {
        let Some(group) = self.group(name) else { return };
        self.read(&group.owner, || format!("groups.{name}.owner"));
        self.read(&group.state, || format!("groups.{name}.state"));
        self.read(&group.possible_owners, || format!("groups.{name}.possibleOwners"));
    }

    fn handed_over(&mut self, name: &GroupName, from: &NodeName, to: &NodeName) {
        if let Some(group) = self.facts.seen.groups.get(name) {
            self.read(&group.backup, || format!("groups.{name}.backup"));
            if let Some(copy) = group.copies.get(to) {
                self.read(copy, || format!("groups.{name}.copies.{to}"));
            }
        }
        if let Some(node) = self.facts.seen.nodes.get(from) {
            self.read(&node.failed_handoffs, || format!("nodes.{from}.failedHandoffs"));
        }
        for name in [from, to] {
            if let Some(spec) = self.facts.desired.nodes.get(name) {
                self.installed(name, &spec.rollup);
            }
        }
    }

    fn installed(&mut self, name: &NodeName, rollup: &Rollup) {
        let Some(node) = self.facts.seen.nodes.get(name) else { return };
        for package in &rollup.packages {
            let fact = || format!("nodes.{name}.versions.{}", package.name);
            match node.installed.get(&package.name) {
                Some(version) => self.read(version, fact),
                None => self.wrong.push(Evidence::timeless(fact(), "unknown: nobody looked")),
            }
        }
    }

    /// A node that is updated now, or will be because of what begins now.
    fn updated(&mut self, name: &NodeName, rollup: &Rollup, now: bool) {
        let Some(node) = self.facts.seen.nodes.get(name) else { return };
        self.installed(name, rollup);
        self.read(&node.baseline, || format!("nodes.{name}.baseline"));
        self.read(&node.interim_updates, || format!("nodes.{name}.interimUpdates"));
        if now {
            self.read(&node.staged, || format!("nodes.{name}.staged"));
        } else {
            self.read(&node.pending_reboot, || format!("nodes.{name}.pendingReboot"));
            self.read(&node.disk, || format!("nodes.{name}.disk"));
            self.read(&node.services, || format!("nodes.{name}.services"));
        }
    }
}
