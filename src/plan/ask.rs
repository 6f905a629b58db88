//! Proposals, put to the rules; and the verdict, where none of them may happen.

use std::time::Duration;

use crate::guard::{self, Facts};
use crate::model::{Action, Evidence, Hold, Known, NodeName, Release, ReleaseKind, RuleName, Standing, Subject, Time};
use crate::observed::{Node, effect};

use super::Decision;

/// The facts of one decision, and what the rules said to the proposals so far.
pub(super) struct Ask<'a> {
    pub facts: &'a Facts<'a>,
    refused: Vec<Refusal>,
    /// When something of what was set aside is released.
    beside: Option<Time>,
}

/// A proposal that was refused, or the part of the decision that has nothing to propose, with the reasons.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub node: Option<NodeName>,
    /// What the rules refused. They are asked for all their reasons only when somebody wants to know.
    action: Option<Action>,
    /// Reasons besides.
    besides: Vec<Hold>,
}

impl Refusal {
    /// Every reason; `facts` are those of the question.
    pub fn holds(&self, facts: &Facts<'_>) -> Vec<Hold> {
        let mut all = self.action.as_ref().map_or_else(Vec::new, |action| holds(action, facts));
        all.extend_from_slice(&self.besides);
        all
    }
}

impl<'a> Ask<'a> {
    pub fn new(facts: &'a Facts<'a>) -> Self {
        Self { facts, refused: Vec::new(), beside: None }
    }

    /// The action as the decision, if every rule allows it; else the refusal is kept.
    pub fn may(&mut self, action: Action) -> Option<Decision> {
        if allows(&action, self.facts) {
            return Some(Decision::Act(action));
        }
        self.refuse_action(action, Vec::new());
        None
    }

    /// Keeps an action that the rules refuse, with reasons of other kinds if there are any.
    pub fn refuse_action(&mut self, action: Action, besides: Vec<Hold>) {
        self.refused.push(Refusal { node: action.node().cloned(), action: Some(action), besides });
    }

    /// Keeps reasons why nothing can be proposed for a node, or for the cluster.
    pub fn refuse(&mut self, node: Option<NodeName>, holds: Vec<Hold>) {
        self.refused.push(Refusal { node, action: None, besides: holds });
    }

    /// Refusals so far.
    pub fn refusals(&self) -> &[Refusal] {
        &self.refused
    }

    /// Sets aside what was refused after so many refusals: it would have begun beside what is under way, and is not
    /// what is waited for. Only when it is worth another try is kept.
    pub fn set_aside(&mut self, after: usize) {
        let aside: Vec<Vec<Hold>> = self.refused.drain(after..).map(|refusal| refusal.holds(self.facts)).collect();
        let hopeful = aside.iter().filter(|holds| holds.iter().all(is_hopeful));
        self.beside = hopeful.filter_map(|holds| released_at(holds)).chain(self.beside).min();
    }

    /// Wait if all that stands against at least one proposal goes away without a person; else blocked.
    pub fn verdict(mut self) -> Decision {
        if let (true, Known::Unknown { why }) = (self.refused.is_empty(), &self.facts.seen.marks) {
            // Nothing is left to do, save perhaps what only the marks would tell.
            self.refuse(None, vec![unknown_marks(self.facts, why)]);
        }
        let refused: Vec<_> = self.refused.iter().map(|refusal| refusal.holds(self.facts)).collect();
        let hopeful = refused.iter().filter(|holds| holds.iter().all(is_hopeful));
        let until = hopeful.clone().filter_map(|holds| released_at(holds)).chain(self.beside).min();
        let waits = hopeful.count() > 0;
        let mut holds: Vec<Hold> = refused.into_iter().flatten().collect();
        tidy(&mut holds);
        if waits {
            return Decision::Wait { holds, until };
        }
        if holds.iter().all(|hold| !hold.is_lasting()) {
            // As long as time or the world may still change something, nobody can say that nothing will.
            if let Some(wait) = holds.iter().any(is_hopeful).then(|| released_at(&holds)) {
                return Decision::Wait { holds, until: wait };
            }
            holds.push(deadlock(self.facts));
        }
        Decision::Blocked(holds)
    }
}

/// Every hold of the rules against an action, with what the cluster would do by itself foreseen from observed facts.
pub(super) fn holds(action: &Action, facts: &Facts<'_>) -> Vec<Hold> {
    let foreseen = effect::side_effects(action, facts.seen);
    guard::holds(action, &Facts { foreseen: &foreseen, ..*facts })
}

/// Whether every rule allows the action; cheaper than asking for the reasons.
pub(super) fn allows(action: &Action, facts: &Facts<'_>) -> bool {
    let foreseen = effect::side_effects(action, facts.seen);
    guard::allows(action, &Facts { foreseen: &foreseen, ..*facts })
}

/// Each hold once, in the order of the rules; and none that says only what another one says better: that a step is not
/// possible, where a rule tells why it may not be, or that this and that is unknown of a node that cannot be asked.
pub(super) fn tidy(holds: &mut Vec<Hold>) {
    holds.sort_by(|a, b| {
        (a.rule, &a.subject, &a.release, &a.evidence).cmp(&(b.rule, &b.subject, &b.release, &b.evidence))
    });
    holds.dedup_by(|b, a| a.rule == b.rule && a.subject == b.subject && a.release == b.release);
    let by = |rule: fn(RuleName) -> bool| -> Vec<Subject> {
        holds.iter().filter(|hold| rule(hold.rule)).map(|hold| hold.subject.clone()).collect()
    };
    let explained = by(|rule| rule != RuleName::Precondition);
    let silent = by(|rule| rule == RuleName::Fresh);
    holds.retain(|hold| {
        let ignorance = || hold.evidence.iter().all(|e| e.at.is_none() && e.value.starts_with("unknown: "));
        let echo = match hold.rule {
            RuleName::Precondition => explained.contains(&hold.subject),
            RuleName::Fresh => false,
            _ => silent.contains(&hold.subject) && ignorance(),
        };
        hold.is_lasting() || !echo
    });
}

/// Puts the hash of the plan into what is said of approvals.
pub(super) fn name_plan(holds: &mut [Hold], hash: &str) {
    for hold in holds.iter_mut().filter(|hold| hold.rule == RuleName::Approval) {
        hold.release.what = hold.release.what.replace("HASH", hash);
    }
}

/// It may go away without a person and without a step of ours in this cluster: where only our own steps would help,
/// those steps have been proposed, and refused.
fn is_hopeful(hold: &Hold) -> bool {
    match hold.release.kind {
        ReleaseKind::Time(_) | ReleaseKind::Observation => true,
        ReleaseKind::Progress => {
            matches!(hold.rule, RuleName::StandbyFirst | RuleName::Fleet | RuleName::InProgress | RuleName::Fence)
        }
        ReleaseKind::Person | ReleaseKind::Manifest => false,
    }
}

/// When the last of the holds with a time is released.
fn released_at(holds: &[Hold]) -> Option<Time> {
    holds
        .iter()
        .filter_map(|hold| match hold.release.kind {
            ReleaseKind::Time(at) => Some(at),
            _ => None,
        })
        .max()
}

/// It will pass in a moment: a look that was late, a lock that is held, a membership that settles.
pub(super) fn is_passing(hold: &Hold) -> bool {
    let passing =
        matches!(hold.rule, RuleName::Fresh | RuleName::InProgress | RuleName::Precondition | RuleName::Fence);
    passing && !hold.is_lasting()
}

/// How long a node is kept paused for holds that pass in a moment, before it is given back: a few looks.
pub(super) fn patience(facts: &Facts<'_>) -> Duration {
    facts.desired.policy.limits.observation_age.saturating_mul(4)
}

/// How a node stands to its target.
///
/// # Errors
/// It cannot be told: the hold.
pub(super) fn standing(node: &NodeName, facts: &Facts<'_>) -> Result<Standing, Hold> {
    let (Some(spec), Some(seen)) = (facts.desired.nodes.get(node), facts.seen.nodes.get(node)) else {
        return Err(unknown(node, "installed", "the node was not seen"));
    };
    spec.rollup.standing(&seen.installed).map_err(|why| unknown(node, "installed", &why))
}

/// Whether a node's target asks for work on it: it is stale, or ahead and may be taken back.
pub(super) fn has_work(node: &NodeName, facts: &Facts<'_>) -> bool {
    match standing(node, facts) {
        Ok(Standing::Current) => false,
        Ok(Standing::Stale | Standing::Ahead) | Err(_) => true,
    }
}

pub(super) fn unknown(node: &NodeName, fact: &str, why: &str) -> Hold {
    Hold {
        rule: RuleName::Fresh,
        subject: Subject::Node(node.clone()),
        evidence: vec![Evidence::timeless(format!("nodes.{node}.{fact}"), format!("unknown: {why}"))],
        release: Release { kind: ReleaseKind::Observation, what: format!("released when {node} can be asked again") },
    }
}

fn unknown_marks(facts: &Facts<'_>, why: &str) -> Hold {
    Hold {
        rule: RuleName::Fresh,
        subject: Subject::Cluster(facts.desired.name.clone()),
        evidence: vec![Evidence::timeless("marks", format!("unknown: {why}"))],
        release: Release {
            kind: ReleaseKind::Observation,
            what: "released by a look that can read the cluster's marks: something may be left to finish".into(),
        },
    }
}

/// A hold that is none of the rules': an action of ours has not been proved yet, or has to come first.
pub(super) fn in_progress(subject: Subject, evidence: Vec<Evidence>, what: String) -> Hold {
    Hold { rule: RuleName::InProgress, subject, evidence, release: Release { kind: ReleaseKind::Observation, what } }
}

fn deadlock(facts: &Facts<'_>) -> Hold {
    let left: Vec<_> = facts.desired.nodes.keys().filter(|node| has_work(node, facts)).map(NodeName::as_str).collect();
    Hold {
        rule: RuleName::Deadlock,
        subject: Subject::Cluster(facts.desired.name.clone()),
        evidence: vec![Evidence::timeless("nodes that are not at their target", left.join(", "))],
        release: Release {
            kind: ReleaseKind::Person,
            what: "no sequence of allowed steps reaches the target; released by what the other holds ask for, or by \
                   giving the roles another node that they may move to"
                .into(),
        },
    }
}

/// True if every package that somebody has declared is on the node, with its hash.
pub(super) fn is_staged(node: &NodeName, seen: &Node, facts: &Facts<'_>) -> bool {
    let Some(spec) = facts.desired.nodes.get(node) else { return true };
    spec.rollup.packages.iter().filter_map(|p| facts.desired.packages.get(&p.file).map(|at| (p, at))).all(
        |(package, at)| seen.staged.surely(|staged| staged.get(&package.file).is_some_and(|sha| *sha == at.sha256)),
    )
}

/// The end of the last work on a node, if it is known and has ended.
pub(super) fn last_work(seen: &Node) -> Option<(&Action, Option<&str>)> {
    match &seen.work {
        Known::Known { value: Some(work), .. } => {
            let end = work.ended.as_ref()?;
            Some((&work.action, end.failure.as_deref()))
        }
        _ => None,
    }
}
