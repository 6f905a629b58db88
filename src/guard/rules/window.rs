//! `window`: something begins only inside a window, and only if it, what must follow and its undo end inside too.
//!
//! Durations count at their 95th percentile. Work on a node counts up to the resume of that node, so that nothing
//! begins that cannot be ended. A handoff counts with its way back, and with the whole update of the node it vacates.

use std::time::Duration;

use super::prospect::has_work_left;
use super::{Rule, duty, say};
use crate::desired::window::{next_opening, opening_at};
use crate::desired::{Opening, Window, WorkWhen};
use crate::guard::{Facts, Forecast};
use crate::model::time::{later, stamp, words};
use crate::model::{
    Action, ActionKind, ClusterServiceRule, Evidence, GroupName, Hold, NodeName, Phase, RebootRule, ReleaseKind,
    RuleName, Standing, Subject,
};
use crate::observed::{GroupKind, PauseOf, effect};

pub(super) const RULE: Rule = Rule {
    name: RuleName::Window,
    judges: "begins",
    judges_finishing: false,
    says_no_to: "beginning outside a window, or what would not end inside: the step, its undo, and for a Handoff the \
                 update of the node it vacates, each at the 95th percentile; work and handoffs have their own windows",
    judge,
    checks: super::no_checks,
};

/// So many openings are looked at to find one that is long enough.
const OPENINGS_TRIED: usize = 14;

fn judge(action: &Action, facts: &Facts<'_>) -> Result<(), Hold> {
    let policy = &facts.desired.policy;
    let from = match action {
        _ if action.phase() == Phase::Finish || duty::is_only_way_up(action, facts) => return Ok(()),
        Action::Handoff { from: node, .. } | Action::StopRole { node, .. } => node,
        _ if policy.work == WorkWhen::Anytime => return Ok(()),
        _ => return fits("work", &policy.windows, Duration::ZERO, remaining(action, facts), action, facts),
    };
    let alone = facts.forecast.outage(action).p95;
    let windows = policy.handoff_windows.as_ref().unwrap_or(&policy.windows);
    if policy.handoff.when.needs_window() {
        let undo = effect::undo(action).map(|undo| (undo.kind(), facts.forecast.of(&undo).p95));
        let there_and_back = Takes::of(std::iter::once((ActionKind::Handoff, alone)).chain(undo));
        fits("handoffs", windows, Duration::ZERO, there_and_back, action, facts)?;
    }
    let waived = || facts.waiver(RuleName::Window, &Subject::Node(from.clone()), action).is_some();
    let pays_for_work = || has_work_left(from, facts) && !duty::is_continued(action, facts);
    if policy.work == WorkWhen::Anytime || !pays_for_work() || waived() {
        return Ok(());
    }
    // The node that is vacated must be updated in a window for work: in the one that is open then, or, where handoffs
    // have windows of their own and what is left of that one is too short, in the next one.
    let begin = later(facts.now, alone);
    let way = way_of(from, 0, moves(from, action.group(), facts), facts);
    let own_windows = policy.handoff.when.needs_window() && policy.handoff_windows.is_some();
    if own_windows && next_opening(&policy.windows, begin).is_some_and(|next| next.fits(next.from, way.all)) {
        return Ok(());
    }
    fits("work", &policy.windows, alone, way, action, facts)
}

/// Whether something that begins after so long a lead and takes so long ends inside an opening.
fn fits(
    of: &str,
    windows: &[Window],
    lead: Duration,
    takes: Takes,
    action: &Action,
    facts: &Facts<'_>,
) -> Result<(), Hold> {
    let start = later(facts.now, lead);
    let open = opening_at(windows, start);
    if open.is_some_and(|o| o.fits(start, takes.all)) {
        return Ok(());
    }
    let subject = match (action.node(), action.group()) {
        (_, Some(group)) => Subject::Group(group.clone()),
        (Some(node), None) => Subject::Node(node.clone()),
        (None, None) => Subject::Cluster(facts.desired.name.clone()),
    };
    let learned = takes.learned(facts);
    let needed = match learned {
        None => format!("it may take {}", words(takes.all)),
        Some(Learned { kind, longest, figures }) => format!(
            "it may take {}, {} of it {kind} as learned from {figures} figure{}",
            words(takes.all),
            words(longest),
            if figures == 1 { "" } else { "s" }
        ),
    };
    let evidence = match open {
        Some(Opening { to, .. }) => {
            Evidence::timeless(format!("the window for {of}"), format!("open until {}, and {needed}", stamp(to)))
        }
        None => Evidence::timeless(format!("the window for {of}"), format!("closed, and {needed}")),
    };
    let mut after = start;
    for _ in 0..OPENINGS_TRIED {
        let Some(next) = next_opening(windows, after) else { break };
        if next.fits(later(next.from, lead), takes.all) && next.from > facts.now {
            let what = format!("released at {}, when the next window long enough opens", stamp(next.from));
            return Err(say::hold(RuleName::Window, subject, vec![evidence], ReleaseKind::Time(next.from), what));
        }
        after = next.from;
    }
    let place = &facts.desired.policy.place;
    let or = match learned {
        Some(Learned { figures, .. }) if figures < Forecast::ENOUGH => "; or declare `durations:`, or waive `window`",
        Some(_) => "; or waive `window`",
        None => "",
    };
    let least = words(takes.all);
    let what = format!("released by a window of at least {least} in the policy at {place}: none is as long{or}");
    Err(say::hold(RuleName::Window, subject, vec![evidence], ReleaseKind::Manifest, what))
}

/// How long something takes at the 95th percentile.
#[derive(Clone, Copy, Default)]
struct Takes {
    /// With all that must follow it.
    all: Duration,
    /// What of it takes longest.
    longest: Option<(ActionKind, Duration)>,
}

/// What was learned of what takes longest.
#[derive(Clone, Copy)]
struct Learned {
    kind: ActionKind,
    longest: Duration,
    figures: u32,
}

impl Takes {
    fn of(parts: impl IntoIterator<Item = (ActionKind, Duration)>) -> Self {
        parts.into_iter().fold(Self::default(), |Self { all, longest }, part| Self {
            all: all.saturating_add(part.1),
            longest: longest.filter(|longest| longest.1 >= part.1).or(Some(part)),
        })
    }

    fn learned(&self, facts: &Facts<'_>) -> Option<Learned> {
        let (kind, longest) = self.longest?;
        let figures = *facts.forecast.figures.get(&kind)?;
        Some(Learned { kind, longest, figures })
    }
}

/// How long it takes to move all groups off a node but this one.
fn moves(node: &NodeName, but: Option<&GroupName>, facts: &Facts<'_>) -> Duration {
    moving(facts.seen.maybe_owned_by(node).map(|(name, _)| name).filter(|name| Some(*name) != but), facts)
}

/// How long it takes to move these groups, one after the other, wherever they go.
fn moving<'a>(groups: impl Iterator<Item = &'a GroupName>, facts: &Facts<'_>) -> Duration {
    let each = groups.map(|group| facts.forecast.any_way(ActionKind::MoveGroup, group).p95);
    each.fold(Duration::ZERO, Duration::saturating_add)
}

/// The way of a node, in its order: what an action on it is followed by until the node is back.
const WAY: [ActionKind; 9] = [
    ActionKind::Pause,
    ActionKind::MoveGroup,
    ActionKind::StopCluster,
    ActionKind::Install,
    ActionKind::Reboot,
    ActionKind::StartCluster,
    ActionKind::RestoreServices,
    ActionKind::ResumeReplication,
    ActionKind::Resume,
];

/// How long the action takes with everything that must follow it on its node.
fn remaining(action: &Action, facts: &Facts<'_>) -> Takes {
    let itself = facts.forecast.of(action).p95;
    let alone = Takes::of([(action.kind(), itself)]);
    let Some(node) = action.node() else { return alone };
    let kind = match action.kind() {
        ActionKind::Uninstall => ActionKind::Install,
        kind => kind,
    };
    match WAY.iter().position(|step| *step == kind) {
        Some(first) => {
            let others = moves(node, action.group(), facts);
            let moved = if kind == ActionKind::MoveGroup { itself } else { Duration::ZERO };
            way_of(node, first, others.saturating_add(moved), facts)
        }
        None => alone,
    }
}

/// How long what is left of a node's way takes, at the 95th percentile: all of it, or what follows its pause. Its roles
/// leave it by handoffs, which count for themselves.
pub(crate) fn left_of_way(node: &NodeName, facts: &Facts<'_>) -> Duration {
    let paused = matches!(facts.seen.pause_of(node), PauseOf::Rollward(_));
    let from = |step: ActionKind| WAY.iter().position(|other| *other == step).unwrap_or(WAY.len());
    let first = match (has_work_left(node, facts), paused) {
        (true, false) => from(ActionKind::Pause),
        (true, true) => from(ActionKind::MoveGroup),
        (false, true) => from(ActionKind::Resume),
        (false, false) => return Duration::ZERO,
    };
    let moved = facts.seen.maybe_owned_by(node);
    let moved = moved.filter(|(name, group)| facts.desired.kind_of(name, group) == GroupKind::Auxiliary);
    way_of(node, first, moving(moved.map(|(name, _)| name), facts), facts).all
}

/// How long the node's way takes from one of its steps on, where moving groups off it takes so long.
fn way_of(node: &NodeName, first: usize, moves: Duration, facts: &Facts<'_>) -> Takes {
    let Some(spec) = facts.desired.nodes.get(node) else { return Takes::default() };
    let rollup = &spec.rollup;
    let ahead = super::prospect::standing(node, rollup, facts) == Some(Standing::Ahead);
    let p95 = |kind| facts.forecast.on(kind, node).map(|spread| spread.p95);
    let figure = |kind| p95(kind).unwrap_or(Forecast::UNKNOWN.p95);
    let times = |kind| match kind {
        ActionKind::MoveGroup => moves,
        ActionKind::Install if ahead => figure(ActionKind::Uninstall),
        ActionKind::StopCluster if rollup.cluster_service != ClusterServiceRule::Stop => Duration::ZERO,
        ActionKind::StartCluster if rollup.cluster_service == ClusterServiceRule::Keep => Duration::ZERO,
        ActionKind::Reboot if rollup.reboot == RebootRule::Never => Duration::ZERO,
        // Most installs need none of these; where one is known to, it counts.
        ActionKind::RestoreServices | ActionKind::ResumeReplication => p95(kind).unwrap_or(Duration::ZERO),
        _ => figure(kind),
    };
    Takes::of(WAY.into_iter().skip(first).map(|kind| (kind, times(kind))))
}
