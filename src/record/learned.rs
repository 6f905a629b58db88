//! From how long things took to how long they will take. Pure.
//!
//! The middle is the median and the edge the 95th percentile by rank, so that one freak measurement moves neither far
//! once there are enough. What the manifest declares counts as a few measurements of its own, which real ones
//! outvote; with few of either, the edge is wide.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::guard::Forecast;
use crate::model::{ActionKind, GroupName, NodeName, Spread, Time};

/// So many samples of a kind and group are kept, the latest: old hardware's figures fade.
pub const KEPT: u32 = 100;

/// From so many figures on, their own 95th percentile is one that is not simply the largest.
const ENOUGH: usize = 20;

/// How long one proved action took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// What was done.
    pub kind: ActionKind,
    /// To which group, if any.
    pub group: Option<GroupName>,
    /// On which node; for a move, the one that was left.
    pub from: Option<NodeName>,
    /// To which node, for a move.
    pub to: Option<NodeName>,
    /// From its begin until its proof was seen.
    pub took: Duration,
    /// When it was proved.
    pub at: Time,
}

/// How long actions will take on the cluster of these samples, given what its manifest declares.
pub fn forecast(declared: &BTreeMap<ActionKind, Spread>, samples: &[Sample]) -> Forecast {
    let mut by_kind: BTreeMap<ActionKind, Vec<Duration>> = declared.keys().map(|kind| (*kind, Vec::new())).collect();
    let mut by_group: BTreeMap<(ActionKind, GroupName), Vec<Duration>> = BTreeMap::new();
    for sample in samples {
        by_kind.entry(sample.kind).or_default().push(sample.took);
        if let Some(group) = &sample.group {
            by_group.entry((sample.kind, group.clone())).or_default().push(sample.took);
        }
    }
    let learn = |kind: &ActionKind, took: Vec<Duration>| spread(declared.get(kind).copied(), took);
    Forecast {
        by_kind: by_kind.into_iter().filter_map(|(kind, took)| Some((kind, learn(&kind, took)?))).collect(),
        by_group: by_group.into_iter().filter_map(|(key, took)| Some((key.clone(), learn(&key.0, took)?))).collect(),
    }
}

/// Median and 95th percentile of these figures and a prior; `None` if there is neither.
///
/// The prior counts as three figures: two at its median, one at its 95th percentile. So it is returned unchanged
/// while nothing was measured, its edge holds until there are about twenty figures, and then it is gone.
pub fn spread(prior: Option<Spread>, mut took: Vec<Duration>) -> Option<Spread> {
    let measured = took.len();
    if let Some(Spread { median, p95 }) = prior {
        took.extend([median, median, p95]);
    }
    took.sort_unstable();
    let median = ranked(&took, 50)?;
    let mut p95 = ranked(&took, 95)?;
    if prior.is_none() && measured < ENOUGH {
        // Nobody said how wide it may be, and few figures cannot: at least twice the middle.
        p95 = p95.max(median.saturating_mul(2));
    }
    Some(Spread { median, p95 })
}

/// The smallest figure that at least so many per cent of all do not exceed.
fn ranked(sorted: &[Duration], per_cent: usize) -> Option<Duration> {
    let rank = (sorted.len() * per_cent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    const DECLARED: Spread = Spread { median: Duration::from_secs(60), p95: Duration::from_secs(90) };

    #[test]
    fn nothing_measured_is_what_was_declared() {
        assert_eq!(spread(Some(DECLARED), vec![]), Some(DECLARED));
        assert_eq!(spread(None, vec![]), None);
    }

    #[test]
    fn few_figures_do_not_narrow_the_declared_edge() {
        let learned = spread(Some(DECLARED), vec![s(40), s(41), s(42), s(43)]).unwrap();
        assert_eq!(learned, Spread { median: s(43), p95: s(90) });
    }

    #[test]
    fn many_figures_outvote_what_was_declared() {
        let learned = spread(Some(DECLARED), (20..60).map(|n| s(n / 4)).collect()).unwrap();
        assert_eq!(learned, Spread { median: s(10), p95: s(60) });
        let learned = spread(Some(DECLARED), vec![s(10); 97]).unwrap();
        assert_eq!(learned, Spread { median: s(10), p95: s(10) });
    }

    #[test]
    fn one_freak_among_many_moves_nothing() {
        let mut took = vec![s(10); 40];
        took.push(s(86_400));
        assert_eq!(spread(None, took), Some(Spread { median: s(10), p95: s(10) }));
    }

    #[test]
    fn without_a_prior_few_figures_get_a_wide_edge() {
        assert_eq!(spread(None, vec![s(10)]), Some(Spread { median: s(10), p95: s(20) }));
        assert_eq!(spread(None, vec![s(10), s(11), s(50)]), Some(Spread { median: s(11), p95: s(50) }));
    }

    #[test]
    fn groups_are_told_apart_and_share_what_was_declared() {
        let sample = |group: &str, took| Sample {
            kind: ActionKind::Handoff,
            group: Some(group.into()),
            from: Some("A".into()),
            to: Some("B".into()),
            took,
            at: Time::UNIX_EPOCH,
        };
        let samples: Vec<Sample> = (0..40).flat_map(|_| [sample("MBX1", s(30)), sample("MBX2", s(300))]).collect();
        let declared = BTreeMap::from([(ActionKind::Handoff, DECLARED), (ActionKind::Install, DECLARED)]);
        let forecast = forecast(&declared, &samples);
        let of = |group: &str| forecast.by_group.get(&(ActionKind::Handoff, group.into())).unwrap().median;
        assert_eq!((of("MBX1"), of("MBX2")), (s(30), s(300)));
        assert_eq!(forecast.by_kind.get(&ActionKind::Install), Some(&DECLARED));
        assert_eq!(forecast.by_kind.get(&ActionKind::Handoff).unwrap().p95, s(300));
    }
}
