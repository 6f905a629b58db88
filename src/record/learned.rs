//! From how long things took to how long they will take. Pure, and in whole numbers: the same on every machine.
//!
//! Durations vary by factors, not by differences, so all is done on their logarithms. The middle is the median. How far
//! the edge lies above it is what the manifest declares, or what is known of the kind or the group at large, counted as
//! one figure, together with the figures' own distances from the middle, of which the farthest counts as the one before
//! it: one freak moves neither. From few figures nobody can tell either well, and the edge is wider for it, within limits.
//! Once there are enough, the edge is the 95th percentile by rank, whatever their shape.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::guard::{Forecast, Way};
use crate::model::{ActionKind, GroupName, NodeName, Spread, Time};

/// So many samples of one way of doing something count, the latest: old hardware's figures fade.
pub const KEPT: u32 = 100;

/// From so many figures on, the rank of the 95th percentile is not simply that of the largest.
const ENOUGH: usize = Forecast::ENOUGH as usize;

/// From so many figures on, their median needs no help from what was declared.
const OWN_MIDDLE: usize = 3;

/// From so many figures on, the farthest is not taken at its word.
const SEES_FREAKS: usize = 6;

/// From fewer figures than [`ENOUGH`], nothing is foreseen to take more than twice as long as the longest of them, or as it
/// was declared to take; in logarithms. From one figure the edge is mostly a guess at how much such things vary, which
/// grows with the square of how far the figure is from what was declared: it may be longer than any window. What takes
/// twice as long as it ever has, and as anybody expected, is rather amiss than slow.
const AT_MOST_LONGER: i64 = 1 << DIGITS;

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

impl Sample {
    /// Which way it went, if it went any.
    fn way(&self) -> Option<(ActionKind, Option<&GroupName>, &NodeName, Option<&NodeName>)> {
        Some((self.kind, self.group.as_ref(), self.from.as_ref()?, self.to.as_ref()))
    }
}

/// How long actions will take on the cluster of these samples, oldest first, given what its manifest declares.
///
/// Each kind of action starts from what is declared, each group from its kind, and each way from its group: from one
/// node to another, or on one node. What something starts from is what the others of its kind say: no figure counts twice.
pub fn forecast(declared: &BTreeMap<ActionKind, Spread>, samples: &[Sample]) -> Forecast {
    let mut by_kind: BTreeMap<ActionKind, Vec<&Sample>> = BTreeMap::new();
    let mut by_group: BTreeMap<(ActionKind, &GroupName), Vec<&Sample>> = BTreeMap::new();
    let mut by_way: BTreeMap<_, Vec<&Sample>> = BTreeMap::new();
    for sample in samples {
        by_kind.entry(sample.kind).or_default().push(sample);
        if let Some(group) = &sample.group {
            by_group.entry((sample.kind, group)).or_default().push(sample);
        }
        if let Some(way) = sample.way() {
            by_way.entry(way).or_default().push(sample);
        }
    }
    let took = |samples: &[&Sample], is_other: &dyn Fn(&Sample) -> bool| -> Vec<Duration> {
        samples.iter().filter(|sample| !is_other(sample)).map(|sample| sample.took).collect()
    };
    let of_kind = |kind: ActionKind, but: &dyn Fn(&Sample) -> bool| {
        let prior = declared.get(&kind).copied().unwrap_or(Forecast::UNKNOWN);
        spread(prior, &by_kind.get(&kind).map(|of| took(of, but)).unwrap_or_default())
    };
    let all = |_: &Sample| false;
    let mut learned = Forecast { by_kind: declared.clone(), ..Forecast::default() };
    for (kind, of) in &by_kind {
        learned.figures.insert(*kind, u32::try_from(of.len()).unwrap_or(u32::MAX));
        learned.by_kind.insert(*kind, of_kind(*kind, &all));
    }
    let mut before_group = BTreeMap::new();
    for ((kind, group), of) in &by_group {
        let prior = of_kind(*kind, &|sample| sample.group.as_ref() == Some(*group));
        before_group.insert((*kind, *group), prior);
        learned.by_group.insert((*kind, (*group).clone()), spread(prior, &took(of, &all)));
    }
    for (way, its) in &by_way {
        let is_its = |sample: &Sample| sample.way() == Some(*way);
        let (kind, group, from, to) = *way;
        let of_group = group.and_then(|group| Some((before_group.get(&(kind, group))?, by_group.get(&(kind, group))?)));
        let prior = match of_group {
            Some((prior, of)) => spread(*prior, &took(of, &is_its)),
            None => of_kind(kind, &is_its),
        };
        let way = Way { kind, group: group.cloned(), from: from.clone(), to: to.cloned() };
        learned.by_way.insert(way, spread(prior, &took(its, &all)));
    }
    learned
}

/// Median and 95th percentile of what comes next after these figures, the latest of which count, and a prior.
pub fn spread(prior: Spread, took: &[Duration]) -> Spread {
    let latest = took.get(took.len().saturating_sub(KEPT as usize)..).unwrap_or(took);
    if latest.is_empty() {
        return prior;
    }
    let mut figures: Vec<i64> = latest.iter().map(|took| logarithm(*took)).collect();
    figures.sort_unstable();
    let declared = logarithm(prior.median);
    let middle = if figures.len() < OWN_MIDDLE {
        let mut all = figures.clone();
        all.push(declared);
        all.sort_unstable();
        middle_of(&all)
    } else {
        middle_of(&figures)
    };
    let edge = if figures.len() < ENOUGH {
        let expected = logarithm(prior.p95);
        let longest = figures.last().copied().unwrap_or(middle).max(expected);
        let edge = middle.saturating_add(above(middle, expected.saturating_sub(declared).max(0), &figures));
        edge.min(longest + AT_MOST_LONGER).max(middle)
    } else {
        // Of n figures and the next one, each is as likely as the others to be the largest.
        let rank = ((figures.len() + 1) * 95).div_ceil(100);
        figures.get(rank - 1).copied().unwrap_or(middle).max(middle)
    };
    Spread { median: duration(middle), p95: duration(edge) }
}

/// How far above the middle the 95th percentile of the next figure lies, where the prior says so far.
fn above(middle: i64, prior: i64, figures: &[i64]) -> i64 {
    let mut off: Vec<i64> = figures.iter().map(|figure| (figure - middle).abs()).collect();
    off.sort_unstable();
    if let [.., before, farthest] = off.as_mut_slice()
        && figures.len() >= SEES_FREAKS
    {
        *farthest = *before;
    }
    let square = |off: i64| i128::from(off) * i128::from(off);
    // The edge of a bell lies 1.645 of its widths off; what the farthest is cut by makes that about 2.
    let squares: i128 = off.iter().map(|off| square(off * 2)).sum();
    let count = i128::try_from(figures.len()).unwrap_or(i128::MAX) + 1;
    let edge = ((square(prior) + squares) / count).isqrt();
    // How much wider for being told by few: twice their number over the square of it and one.
    let wider = edge + edge * 2 * (count - 1) / (count * count);
    i64::try_from(wider).unwrap_or(i64::MAX)
}

fn middle_of(sorted: &[i64]) -> i64 {
    let at = |index: usize| sorted.get(index).copied().unwrap_or_default();
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 { at(half) } else { (at(half.saturating_sub(1)) + at(half)) / 2 }
}

/// Binary digits of a logarithm behind the point.
const DIGITS: u32 = 24;

/// The logarithm to base 2 of a duration in milliseconds, at least one and at most what 32 bits hold, some fifty days.
fn logarithm(took: Duration) -> i64 {
    let milliseconds = u64::from(u32::try_from(took.as_millis()).unwrap_or(u32::MAX).max(1));
    let whole = milliseconds.ilog2();
    // Between 1 and 2, with 31 digits behind the point. Its square is 2 or more where the next digit is one.
    let mut rest = milliseconds << (31 - whole);
    let mut logarithm = i64::from(whole);
    for _ in 0..DIGITS {
        rest = (rest * rest) >> 31;
        logarithm *= 2;
        if rest >> 32 != 0 {
            rest /= 2;
            logarithm += 1;
        }
    }
    logarithm
}

/// The shortest duration, in whole milliseconds, with at least this logarithm.
fn duration(wanted: i64) -> Duration {
    let (mut low, mut high) = (1, u64::from(u32::MAX));
    while low < high {
        let between = low.midpoint(high);
        if logarithm(Duration::from_millis(between)) >= wanted {
            high = between;
        } else {
            low = between + 1;
        }
    }
    Duration::from_millis(low)
}

#[cfg(test)]
mod tests;
