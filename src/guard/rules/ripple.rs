//! `ripple`: what the cluster would do by itself because of an action must leave every other role alone.
//!
//! The effect is foreseen by the driver on the look just taken. An effect that cannot be foreseen counts as a bad one.

use super::{Rule, say};
use crate::guard::Facts;
use crate::model::{Action, Evidence, Hold, Known, Phase, ReleaseKind, RuleName, Subject};
use crate::observed::{Group, GroupKind, GroupState, SideEffect, SideEffectKind};

pub(super) const RULE: Rule = Rule {
    name: RuleName::Ripple,
    judges: "every action, finishing too",
    judges_finishing: true,
    says_no_to: "an action that would move, restart or leave stopped a role other than the one it names, or whose effect \
                 cannot be foreseen",
    judge,
    checks: super::no_checks,
};

fn judge(action: &Action, facts: &Facts<'_>) -> Result<(), Hold> {
    let subject = || match (action.node(), action.group()) {
        (Some(node), _) => Subject::Node(node.clone()),
        (None, Some(group)) => Subject::Group(group.clone()),
        (None, None) => Subject::Cluster(facts.desired.name.clone()),
    };
    let (effects, at) = match facts.foreseen {
        Known::Known { value, at } => (value, *at),
        unknown @ Known::Unknown { .. } => {
            let evidence =
                vec![Evidence::of(format!("what the cluster does upon {action}"), unknown, |_| String::new())];
            let what = "released when its effect can be foreseen";
            return Err(say::hold(RuleName::Ripple, subject(), evidence, ReleaseKind::Observation, what));
        }
    };
    let others = || effects.iter().filter(|effect| strikes_another_role(effect, action, facts));
    if others().next().is_none() {
        return Ok(());
    }
    let evidence =
        others().map(|e| Evidence::new(format!("what the cluster does to {}", e.group), words(&e.kind), at)).collect();
    let groups = say::list(others().map(|e| &e.group));
    let (kind, what) = match action {
        // Nothing of ours will ever change what a stack does on its own as a node comes back.
        Action::Pause { .. } | Action::Resume { .. } | Action::StartCluster { .. } => (
            ReleaseKind::Person,
            format!(
                "released when the cluster would leave {groups} alone: take its failback policy or preference away"
            ),
        ),
        _ => (ReleaseKind::Observation, format!("released when the cluster would leave {groups} alone")),
    };
    Err(say::hold(RuleName::Ripple, subject(), evidence, kind, what))
}

fn strikes_another_role(effect: &SideEffect, action: &Action, facts: &Facts<'_>) -> bool {
    if action.group() == Some(&effect.group) {
        return false;
    }
    match facts.seen.groups.get(&effect.group) {
        // What finishes may bring up again what is down: a resume lets a role come that has nowhere to run. So may the
        // room that a role leaves behind.
        Some(group) if may_rescue(action) && is_rescue(effect, group, facts) => false,
        Some(group) => facts.desired.kind_of(&effect.group, group) == GroupKind::Role,
        None => facts.desired.groups.get(&effect.group).is_none_or(|spec| spec.kind == GroupKind::Role),
    }
}

fn may_rescue(action: &Action) -> bool {
    action.phase() == Phase::Finish || matches!(action, Action::Handoff { .. })
}

/// The role serves nobody where it is and cannot, and would after the effect. One that was stopped where it could run
/// is about to be started again, and the cluster would move it then.
fn is_rescue(effect: &SideEffect, group: &Group, facts: &Facts<'_>) -> bool {
    let nowhere = || match (&group.owner, &effect.kind) {
        (Known::Known { value: Some(owner), .. }, _) => facts.seen.is_down(owner),
        (Known::Known { value: None, .. }, _) => true,
        // A cluster without quorum names no owners, and nothing runs in it, whatever its nodes say or do not say.
        (Known::Unknown { .. }, SideEffectKind::Moves { from, .. }) => !facts.seen.is_up(from),
        (Known::Unknown { .. }, _) => false,
    };
    !matches!(effect.kind, SideEffectKind::Stops { .. })
        && group.state.surely(|state| match state {
            GroupState::Failed => true,
            GroupState::Offline | GroupState::Pending => nowhere(),
            GroupState::Online | GroupState::PartiallyOnline => false,
        })
}

fn words(kind: &SideEffectKind) -> String {
    match kind {
        SideEffectKind::Moves { from, to } => format!("a move from {from} to {to}"),
        SideEffectKind::Restarts { on } => format!("a restart on {on}"),
        SideEffectKind::Stops { on } => format!("a stop on {on}"),
    }
}
