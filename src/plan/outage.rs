//! How long a role is down because of us.

use std::time::Duration;

use crate::guard::{Facts, Forecast};
use crate::model::{Action, ActionKind, GroupName, HandoffStyle, Spread};

/// The outage of one whole handoff of the role, in the policy's style, wherever it goes.
pub(super) fn of_handoff(group: &GroupName, facts: &Facts<'_>) -> Spread {
    let steps = steps(facts).iter().map(|kind| facts.forecast.any_way(*kind, group));
    steps.fold(Spread::ZERO, Spread::then)
}

/// The shortest median outage of one whole handoff of the role, in the policy's style.
pub(super) fn least_of_handoff(group: &GroupName, facts: &Facts<'_>) -> Duration {
    steps(facts).iter().map(|kind| facts.forecast.least(*kind, group)).sum()
}

fn steps(facts: &Facts<'_>) -> &'static [ActionKind] {
    match facts.desired.policy.handoff.style {
        HandoffStyle::Online => &[ActionKind::Handoff],
        HandoffStyle::Offline => &[ActionKind::StopRole, ActionKind::Handoff, ActionKind::StartRole],
    }
}

/// The outage that one action adds to the role that it names, if it does.
pub(super) fn of_action(action: &Action, forecast: &Forecast) -> Option<Spread> {
    matches!(action, Action::Handoff { .. } | Action::StopRole { .. } | Action::StartRole { .. })
        .then(|| forecast.of(action))
}
