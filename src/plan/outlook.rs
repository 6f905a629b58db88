//! The windows that what is left goes on in, and whether it fits: for people to see. No rule asks this.

use std::time::Duration;

use crate::desired::window::{next_opening, opening_at};
use crate::desired::{NodeSpec, Opening, Policy, Window, WorkWhen};
use crate::guard::{Facts, left_of_way};
use crate::model::{ActionKind, Known, NodeName, RuleName, Standing};
use crate::observed::{GroupKind, Node};

use super::ask::is_staged;
use super::outage::of_handoff;

/// What may begin in an opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OpenFor {
    /// Work and handoffs.
    Everything,
    /// Work on nodes.
    Work,
    /// Handoffs.
    Handoffs,
}

/// The present opening of a cluster's windows, or the next one, beside what is left to do in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// What may begin in it.
    pub of: OpenFor,
    /// From when, until when.
    pub opening: Opening,
    /// Whether it is open now.
    pub is_open: bool,
    /// What is left takes at most so long in 95 of 100 cases, one thing after the other.
    pub remaining: Duration,
}

impl Outlook {
    /// Whether all that is left fits into what is left of the opening.
    pub fn fits(&self, now: crate::model::Time) -> bool {
        self.opening.fits(now.max(self.opening.from), self.remaining)
    }
}

/// The windows that what is left waits for, or goes on in. None where nothing is left, or nothing waits for a window,
/// or none opens within a year.
///
/// Nothing is searched for: each node is taken as one way, and each role on a node that is to be worked on as one
/// handoff. Where several nodes may be out at once it goes faster.
pub fn outlooks(facts: &Facts<'_>) -> Vec<Outlook> {
    let (ways, handoffs) = (ways(facts), handoffs(facts));
    let all = ways.saturating_add(handoffs);
    if all.is_zero() {
        return Vec::new();
    }
    let awaited = awaited(&facts.desired.policy);
    let handoffs_by_themselves = awaited.iter().any(|(of, _)| *of == OpenFor::Handoffs);
    let left = awaited.into_iter().map(|(of, windows)| {
        let remaining = match of {
            OpenFor::Handoffs => handoffs,
            OpenFor::Work if handoffs_by_themselves => ways,
            OpenFor::Work | OpenFor::Everything => all,
        };
        (of, windows, remaining)
    });
    let left = left.filter(|(.., remaining)| !remaining.is_zero());
    left.filter_map(|(of, windows, remaining)| outlook(of, windows, remaining, facts)).collect()
}

/// The windows that something waits for by this policy, and what waits for them.
pub fn awaited(policy: &Policy) -> Vec<(OpenFor, &[Window])> {
    let handoffs = policy.handoff.when.needs_window().then_some(policy.handoff_windows.as_deref());
    let all = &*policy.windows;
    match (policy.work, handoffs) {
        (WorkWhen::Window, Some(None)) => vec![(OpenFor::Everything, all)],
        (WorkWhen::Window, Some(Some(own))) => vec![(OpenFor::Work, all), (OpenFor::Handoffs, own)],
        (WorkWhen::Window, None) => vec![(OpenFor::Work, all)],
        (WorkWhen::Anytime, Some(own)) => vec![(OpenFor::Handoffs, own.unwrap_or(all))],
        (WorkWhen::Anytime, None) => Vec::new(),
    }
}

fn outlook(of: OpenFor, windows: &[Window], remaining: Duration, facts: &Facts<'_>) -> Option<Outlook> {
    let open = opening_at(windows, facts.now);
    let opening = open.or_else(|| next_opening(windows, facts.now))?;
    Some(Outlook { of, opening, is_open: open.is_some(), remaining })
}

/// What is left of all nodes' ways, with a soak between any two.
fn ways(facts: &Facts<'_>) -> Duration {
    let ways = facts.desired.nodes.iter().filter(|(_, spec)| spec.hold.is_none());
    let ways = ways.map(|(node, spec)| stage(node, spec, facts).saturating_add(left_of_way(node, facts)));
    let ways: Vec<Duration> = ways.filter(|way| !way.is_zero()).collect();
    let soak = if facts.rules.has(RuleName::Soak) { facts.desired.policy.limits.soak } else { Duration::ZERO };
    let soaks = u32::try_from(ways.len().saturating_sub(1)).unwrap_or(u32::MAX);
    ways.into_iter().fold(soak.saturating_mul(soaks), Duration::saturating_add)
}

fn stage(node: &NodeName, spec: &NodeSpec, facts: &Facts<'_>) -> Duration {
    let seen = facts.seen.nodes.get(node).filter(|seen| !is_current(spec, seen) && !is_staged(node, seen, facts));
    if seen.is_none() {
        return Duration::ZERO;
    }
    facts.forecast.on(ActionKind::Stage, node).map_or(Duration::ZERO, |spread| spread.p95)
}

/// One handoff for each role on a node that is to be worked on.
fn handoffs(facts: &Facts<'_>) -> Duration {
    let leaves = |owner: &NodeName| {
        let spec = facts.desired.nodes.get(owner).filter(|spec| spec.hold.is_none());
        spec.zip(facts.seen.nodes.get(owner)).is_some_and(|(spec, seen)| !is_current(spec, seen))
    };
    let roles = facts.seen.groups.iter().filter(|(name, group)| {
        let owner = match &group.owner {
            Known::Known { value: Some(owner), .. } => leaves(owner),
            _ => false,
        };
        owner && facts.desired.kind_of(name, group) == GroupKind::Role
    });
    roles.map(|(name, _)| of_handoff(name, facts).p95).fold(Duration::ZERO, Duration::saturating_add)
}

fn is_current(spec: &NodeSpec, seen: &Node) -> bool {
    spec.rollup.standing(&seen.installed) == Ok(Standing::Current)
}

#[cfg(test)]
mod tests {
    use jiff::civil::time;
    use jiff::tz::TimeZone;

    use super::*;
    use crate::desired::HandoffWhen;
    use crate::guard::testing::Story;

    #[test]
    fn only_windows_that_something_waits_for_are_told_of() {
        let window = |from| {
            let (from, to) = (time(from, 0, 0, 0), time(23, 0, 0, 0));
            vec![Window { days: [true; 7], from, to, time_zone: TimeZone::UTC, deny: false }]
        };
        let (all, own) = (window(1), window(2));
        let awaited = |work, when, has_own: bool| {
            let mut story = Story::ccr();
            let policy = story.policy();
            (policy.work, policy.handoff.when) = (work, when);
            (policy.windows, policy.handoff_windows) = (all.clone(), has_own.then(|| own.clone()));
            let awaited = awaited(policy);
            awaited.into_iter().map(|(of, windows)| (of, windows[0].from.hour())).collect::<Vec<_>>()
        };
        let (of_work, of_handoffs) = ((OpenFor::Work, 1), (OpenFor::Handoffs, 2));
        assert_eq!(awaited(WorkWhen::Window, HandoffWhen::Window, false), [(OpenFor::Everything, 1)]);
        assert_eq!(awaited(WorkWhen::Window, HandoffWhen::Window, true), [of_work, of_handoffs]);
        assert_eq!(awaited(WorkWhen::Window, HandoffWhen::Approval, true), [of_work]);
        assert_eq!(awaited(WorkWhen::Anytime, HandoffWhen::Window, false), [(OpenFor::Handoffs, 1)]);
        assert_eq!(awaited(WorkWhen::Anytime, HandoffWhen::WindowAndApproval, true), [of_handoffs], "work needs none");
        assert_eq!(awaited(WorkWhen::Anytime, HandoffWhen::Approval, true), []);
    }
}
