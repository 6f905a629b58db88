//! How long a role is down because of us.

use crate::guard::{Facts, Forecast};
use crate::model::{Action, ActionKind, GroupName, HandoffStyle, Spread};

/// The outage of one whole handoff of the role, in the policy's style.
pub(super) fn of_handoff(group: &GroupName, facts: &Facts<'_>) -> Spread {
    let of = |kind| by_kind(kind, group, facts.forecast);
    match facts.desired.policy.handoff.style {
        HandoffStyle::Online => of(ActionKind::Handoff),
        HandoffStyle::Offline => of(ActionKind::StopRole).then(of(ActionKind::Handoff)).then(of(ActionKind::StartRole)),
    }
}

/// The outage that one action adds to the role that it names, if it does.
pub(super) fn of_action(action: &Action, forecast: &Forecast) -> Option<Spread> {
    matches!(action, Action::Handoff { .. } | Action::StopRole { .. } | Action::StartRole { .. })
        .then(|| forecast.of(action))
}

fn by_kind(kind: ActionKind, group: &GroupName, forecast: &Forecast) -> Spread {
    let exact = forecast.by_group.get(&(kind, group.clone()));
    exact.or_else(|| forecast.by_kind.get(&kind)).copied().unwrap_or(Forecast::UNKNOWN)
}
