//! `fence`: only the controller that holds the cluster's claim acts, and nothing begins beside what is under way.
//!
//! An epoch fences, it does not elect. A foreign announcement, and one of ours from before a crash, is an action in
//! progress until the node it was for shows its lock free.
//!
//! Beside one kind of work something else may begin: our own that stays on its node, which we keep out of service
//! unless packages are only copied there. Whatever becomes of it touches nobody else. And what a node had begun that is
//! surely down keeps no role stopped that we stopped.

use super::{Rule, duty, say};
use crate::guard::facts::History;
use crate::guard::{Check, Facts};
use crate::model::{
    Action, Claim, Evidence, Hold, Holder, Known, NodeName, Phase, ReleaseKind, RuleName, Subject, Time, time,
};
use crate::observed::{Observation, PauseOf, Work};

pub(super) const RULE: Rule = Rule {
    name: RuleName::Fence,
    judges: "every action, finishing too",
    judges_finishing: true,
    says_no_to: "acting without the cluster's claim; beginning beside work that is under way, save our own that stays \
                 on another node, or after the membership changed and before claiming anew",
    judge,
    checks,
};

fn judge(action: &Action, facts: &Facts<'_>) -> Result<(), Hold> {
    if claim_on_node(action, facts).is_some() {
        return Ok(());
    }
    let cluster = || Subject::Cluster(facts.desired.name.clone());
    let ours = match &facts.seen.claim {
        Known::Known { value: Some(claim), .. } if claim.holder == facts.history.holder => claim,
        _ => return Err(no_claim(facts.seen, facts.history)),
    };
    if let Some((name, seen)) = action.node().and_then(|n| facts.seen.nodes.get_key_value(n))
        && let Known::Known { value, at } = &seen.epoch_seen
        && *value > ours.epoch
    {
        return Err(say::on_node(
            RuleName::Fence,
            name,
            vec![Evidence::new(format!("nodes.{name}.epochSeen"), value, *at), claim_evidence(facts.seen)],
            ReleaseKind::Progress,
            format!("released by claiming anew: {name} has obeyed a later claim than ours"),
        ));
    }
    if action.phase() == Phase::Finish {
        return Ok(());
    }
    if let Some(changed) = facts.history.membership_changed_at
        && facts.history.claimed_at.is_none_or(|claimed| claimed < changed)
    {
        return Err(say::hold(
            RuleName::Fence,
            cluster(),
            vec![Evidence::new("the membership", "another than at our claim", changed)],
            ReleaseKind::Progress,
            "released by claiming anew and looking again",
        ));
    }
    let in_its_way =
        |other: &UnderWay<'_>| (!other.is_apart(facts) || other.touches(action)) && !other.died_before(action, facts);
    let mut in_its_way = under_way(facts.seen).filter(in_its_way).peekable();
    if in_its_way.peek().is_none() {
        return Ok(());
    }
    Err(say::hold(
        RuleName::Fence,
        cluster(),
        in_its_way.map(|other| other.evidence()).collect(),
        ReleaseKind::Observation,
        "released when the node shows its lock free, or the work has ended",
    ))
}

/// Work that runs, or an announcement whose node does not show its lock free.
pub(crate) struct UnderWay<'a> {
    action: &'a Action,
    epoch: u64,
    holder: &'a Holder,
    at: Time,
    /// The node on which it is seen to run.
    runs_on: Option<&'a NodeName>,
}

impl UnderWay<'_> {
    /// True if this controller began it.
    pub(crate) fn is_ours(&self, facts: &Facts<'_>) -> bool {
        *self.holder == facts.history.holder
    }

    /// True if it is our own work that touches nothing but its node, where the policy lets several nodes be out: a copy
    /// of packages, or work on a node that is under our pause.
    pub(crate) fn is_apart(&self, facts: &Facts<'_>) -> bool {
        let Some(node) = self.action.node().filter(|_| facts.desired.policy.limits.several_out()) else { return false };
        let kept_out =
            || matches!(facts.seen.pause_of(node), PauseOf::Rollward(_)) || super::our_mark_while_down(node, facts);
        let stays_there = match self.action {
            Action::Stage { .. } => true,
            Action::StopCluster { .. }
            | Action::Install { .. }
            | Action::Uninstall { .. }
            | Action::Reboot { .. }
            | Action::StartCluster { .. }
            | Action::RestoreServices { .. }
            | Action::ResumeReplication { .. } => kept_out(),
            _ => false,
        };
        stays_there && self.is_ours(facts) && self.runs_on.is_none_or(|runs_on| runs_on == node)
    }

    /// True if its node is surely down, where waiting until that node shows its lock free would leave a role stopped that
    /// we stopped.
    fn died_before(&self, action: &Action, facts: &Facts<'_>) -> bool {
        self.runs_on.is_none()
            && self.action.node().is_some_and(|node| facts.seen.is_down(node))
            && !self.touches(action)
            && duty::is_only_way_up(action, facts)
    }

    fn touches(&self, action: &Action) -> bool {
        self.action.node().is_some_and(|node| action.node() == Some(node) || action.to() == Some(node))
    }

    fn evidence(&self) -> Evidence {
        let Self { action, epoch, holder, at, runs_on } = self;
        let fact = match (runs_on, action.node()) {
            (Some(node), _) => format!("nodes.{node}.work"),
            (None, Some(node)) => format!("an action announced for {node}, whose lock is not seen free,"),
            (None, None) => "an announced action".to_owned(),
        };
        Evidence::new(fact, format!("{action} by {epoch}@{holder}"), *at)
    }
}

/// Everything that is under way, as far as it is seen: what runs on the nodes, then what is announced.
pub(crate) fn under_way(seen: &Observation) -> impl Iterator<Item = UnderWay<'_>> {
    let running = seen.nodes.iter().filter_map(|(name, node)| {
        let Work { action, epoch, holder, since, .. } = node.running_work()?;
        Some(UnderWay { action, epoch: *epoch, holder, at: *since, runs_on: Some(name) })
    });
    let announced = seen.in_progress().filter(|(action, _)| !action.node().is_some_and(|n| lock_free(seen, n)));
    let announced = announced.map(|(action, mark)| UnderWay {
        action,
        epoch: mark.epoch,
        holder: &mark.holder,
        at: mark.at,
        runs_on: None,
    });
    running.chain(announced)
}

fn lock_free(seen: &Observation, node: &NodeName) -> bool {
    let ended = |work: &Option<Work>| work.as_ref().is_none_or(|w| w.ended.is_some());
    seen.nodes.get(node).is_some_and(|n| n.work.surely(ended))
}

/// Whether this controller may claim the cluster, and under which epoch.
///
/// It may if nobody holds it, if it holds it itself, if the holder's heartbeat has been silent for longer than its
/// limit, or if a person took it over. The epoch is above every one that the cluster or any node has seen; a node that
/// cannot be asked needs no part in that, for it checks the claim again before it obeys anybody.
///
/// # Errors
/// The hold, of rule `fence`: somebody else is in charge, or nobody can tell.
pub fn claimable(seen: &Observation, history: &History) -> Result<u64, Hold> {
    let current = match &seen.claim {
        Known::Unknown { .. } => return Err(no_claim(seen, history)),
        Known::Known { value: None, .. } => 0,
        Known::Known { value: Some(claim), .. } if may_replace(claim, history) => claim.epoch,
        Known::Known { value: Some(_), .. } => return Err(no_claim(seen, history)),
    };
    let obeyed = seen.nodes.values().filter_map(|node| match &node.epoch_seen {
        Known::Known { value, .. } => Some(*value),
        Known::Unknown { .. } => None,
    });
    Ok(obeyed.fold(current, u64::max).saturating_add(1))
}

fn may_replace(claim: &Claim, history: &History) -> bool {
    claim.holder == history.holder
        || history.takeover_of_epoch == Some(claim.epoch)
        || history.foreign_silence.is_some_and(|(silent, limit)| silent > limit)
}

fn no_claim(seen: &Observation, history: &History) -> Hold {
    let mut evidence = vec![claim_evidence(seen)];
    if let Some((silent, limit)) = history.foreign_silence {
        let (silent, limit) = (time::words(silent), time::words(limit));
        evidence.push(Evidence::timeless("its heartbeat", format!("silent for {silent} of {limit}")));
    }
    let (kind, what) = match &seen.claim {
        Known::Unknown { .. } => (ReleaseKind::Observation, "released by a look that can read the claim".to_owned()),
        Known::Known { value: Some(claim), .. } if !may_replace(claim, history) => {
            let takeover = format!("or by `rollward takeover {}`", seen.cluster);
            (
                ReleaseKind::Observation,
                format!("released when {} gives it up or its heartbeat stays silent, {takeover}", claim.holder),
            )
        }
        Known::Known { .. } => (ReleaseKind::Progress, "released by claiming the cluster".to_owned()),
    };
    say::hold(RuleName::Fence, Subject::Cluster(seen.cluster.clone()), evidence, kind, what)
}

/// The hold while the cluster's claim could not be taken, or nobody can tell whether it was: `why`, and since when.
pub fn unclaimed(seen: &Observation, why: &str, at: Time) -> Hold {
    let evidence = vec![claim_evidence(seen), Evidence::new("the answer to our claim", why, at)];
    let what = "released when the cluster answers that it is claimed; it is asked again, ever more seldom, at least \
                once in a minute";
    say::hold(RuleName::Fence, Subject::Cluster(seen.cluster.clone()), evidence, ReleaseKind::Progress, what)
}

fn claim_evidence(seen: &Observation) -> Evidence {
    Evidence::of("claim", &seen.claim, |claim| match claim {
        Some(claim) => claim.to_string(),
        None => "nobody's".into(),
    })
}

/// The claim under which a node last obeyed us, where that is enough to start its cluster service.
///
/// A cluster whose store cannot be read may be waiting for just this node's vote. By the node's own record we stopped
/// its cluster service, or left it so, and nobody's later claim has been obeyed there: to start it finishes our work.
pub(crate) fn claim_on_node(action: &Action, facts: &Facts<'_>) -> Option<Claim> {
    let Action::StartCluster { node } = action else { return None };
    let seen = facts.seen.nodes.get(node).filter(|_| facts.seen.claim.is_unknown())?;
    let Known::Known { value: Some(work), .. } = &seen.work else { return None };
    let ours = work.holder == facts.history.holder && seen.epoch_seen.surely(|epoch| *epoch == work.epoch);
    let stopped = work.ended.is_some() && work.action.needs_empty_node();
    (ours && stopped).then(|| Claim { epoch: work.epoch, holder: work.holder.clone(), heartbeat: 0 })
}

fn checks(action: &Action, facts: &Facts<'_>, checks: &mut Vec<Check>) {
    if claim_on_node(action, facts).is_none() {
        checks.push(Check::ClaimIsOurs);
    }
    if action.phase() == Phase::Begin {
        let may_be = |other: &UnderWay<'_>| other.is_apart(facts) || other.died_before(action, facts);
        let beside = under_way(facts.seen).filter(may_be).map(|other| other.action.clone());
        checks.push(Check::NothingElseInProgress { beside: beside.collect() });
    }
}
