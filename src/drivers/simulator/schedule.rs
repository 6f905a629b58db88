//! When things happen: a duration for everything that is bound to happen, drawn from a seed.
//!
//! The world knows what may happen; this knows in which order it does. Durations spread around the declared ones, and
//! each kind is off by a factor of its own, so that no forecast is right by construction. Integers only: the same seed
//! tells the same story on every machine.

use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::spec::{DurationName, Spec};
use super::world::{Stage, Tick, World};
use crate::model::time::later;
use crate::model::{Action, Spread, Time};
use crate::observed::GroupKind;

/// What is bound to happen, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Schedule {
    /// Pending ticks.
    pending: Vec<(Time, Tick)>,
    /// How many durations were drawn so far.
    drawn: u64,
    /// Our work on these nodes goes so many times as slow.
    slow: Vec<(crate::model::NodeName, u32)>,
}

impl Schedule {
    /// Takes note of what the world's last step made possible or impossible.
    pub fn follow(&mut self, world: &World, spec: &Spec, now: Time) {
        let enabled = world.enabled();
        self.pending.retain(|(_, tick)| enabled.contains(tick));
        for tick in enabled {
            if !self.pending.iter().any(|(_, t)| *t == tick) {
                let takes = self.draw(&tick, world, spec);
                self.pending.push((later(now, takes), tick));
            }
        }
        self.slow.retain(|(node, _)| world.nodes.get(node).is_some_and(|n| n.running().is_some()));
    }

    /// Makes the work on a node so many times as slow.
    pub fn slow_down(&mut self, node: crate::model::NodeName, factor: u32) {
        self.slow.push((node, factor.max(1)));
    }

    /// The next thing to happen, with its time. Of several at one time, the first in the order of ticks.
    pub fn next(&self) -> Option<(Time, &Tick)> {
        self.pending.iter().min().map(|(at, tick)| (*at, tick))
    }

    /// Takes a tick out, to let it happen.
    pub fn take(&mut self, tick: &Tick) {
        self.pending.retain(|(_, t)| t != tick);
    }

    fn draw(&mut self, tick: &Tick, world: &World, spec: &Spec) -> Duration {
        let Some((name, share)) = base(tick, world) else { return Duration::from_secs(1) };
        let share = if spec.exact && moves_stopped(tick, world) { 100 } else { share };
        let spread = super::spec::spread(spec, name);
        let takes = if spec.exact {
            spread.median
        } else {
            self.drawn += 1;
            quantile(spread, self.rng(spec).random_range(0..1000)) * bias(spec, name) / 1000
        };
        let factor = match tick {
            Tick::Work(node, _) => self.slow.iter().find(|(n, _)| n == node).map_or(1, |(_, f)| *f),
            _ => 1,
        };
        // Never nothing: two things that depend on each other never happen in one instant.
        (takes * share / 100 * factor).max(Duration::from_millis(100))
    }

    /// The generator of this draw: a stream of its own for each, so that only their count must be kept.
    fn rng(&self, spec: &Spec) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(spec.seed);
        rng.set_stream(self.drawn);
        rng
    }
}

/// By how much a kind of thing is off in this world, in thousandths: 700 to 1,500.
fn bias(spec: &Spec, name: DurationName) -> u32 {
    let mut rng = ChaCha8Rng::seed_from_u64(spec.seed);
    rng.set_stream(u64::MAX - name as u64);
    rng.random_range(700..=1500)
}

/// The duration below which `permille` of all cases fall: a skewed curve through the declared middle and 95th
/// percentile, with a tail.
fn quantile(spread: Spread, permille: u32) -> Duration {
    let Spread { median, p95 } = spread;
    let p95 = p95.max(median);
    let between = |from: Duration, to: Duration, part: u32, whole: u32| from + (to.saturating_sub(from)) * part / whole;
    match permille {
        0..500 => between(median * 7 / 10, median, permille, 500),
        500..950 => between(median, p95, permille - 500, 450),
        _ => between(p95, p95 + p95 / 2, permille - 950, 50),
    }
}

/// A group that is stopped is moved at its arrival: nothing of it has to come up.
fn moves_stopped(tick: &Tick, world: &World) -> bool {
    let Tick::Work(node, Stage::Moving) = tick else { return false };
    let group = world.nodes.get(node).and_then(|node| node.running()?.action.group());
    group.and_then(|group| world.groups.get(group)).is_some_and(|group| !group.wanted)
}

/// Which declared duration a tick takes, and how much of it in hundredths.
fn base(tick: &Tick, world: &World) -> Option<(DurationName, u32)> {
    use DurationName as D;
    Some(match tick {
        Tick::Boot(_) => (D::Reboot, 100),
        Tick::Join(_) => (D::ClusterRestart, 100),
        Tick::Failover(_) => (D::Failover, 100),
        Tick::Failback(_) => (D::MoveGroup, 100),
        Tick::Online(group) => match world.groups.get(group) {
            Some(g) if g.kind == GroupKind::Role => (D::GroupOnline, 100),
            _ => (D::MoveGroup, 40),
        },
        Tick::CopyHealthy { .. } | Tick::StandbyHealthy { .. } => (D::CopyHealthy, 100),
        Tick::Work(node, stage) => {
            let node = world.nodes.get(node)?;
            let name = match &node.running()?.action {
                Action::Stage { .. } => D::Stage,
                Action::Pause { .. } => D::Pause,
                Action::MoveGroup { .. } => D::MoveGroup,
                Action::StopCluster { .. } => D::StopCluster,
                Action::Install { .. } => D::Install,
                Action::Uninstall { .. } => D::Uninstall,
                Action::Reboot { .. } => D::Pause,
                Action::Handoff { .. } => D::Handoff,
                Action::StopRole { .. } => D::StopRole,
                Action::StartRole { .. } => D::StartRole,
                Action::StartCluster { .. } => D::StartCluster,
                Action::RestoreServices { .. } => D::RestoreServices,
                Action::ResumeReplication { .. } => D::ResumeReplication,
                Action::Resume { .. } => D::Resume,
                Action::Release { .. } => return None,
            };
            let share = match stage {
                Stage::Working => 100,
                Stage::Hesitating | Stage::Checking | Stage::StoppingCluster => 5,
                Stage::Copying => 85,
                Stage::Restarting => 5,
                Stage::Moving => 60,
                Stage::Arriving => 40,
            };
            (name, share)
        }
    })
}
