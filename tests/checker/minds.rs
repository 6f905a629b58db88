//! What a controller remembers, with as little time in it as a decision can see.

use std::time::Duration;

use rollward::guard::History;
use rollward::model::Time;
use rollward::model::time::earlier;
use rollward::reconcile::Memory;

use super::worlds::{LONG, NOW};

/// What is remembered, with its moments rewritten: of those that are compared with each other only the order is kept,
/// and what is long ago is dropped where that makes no difference.
pub fn rewrite_mind(history: &mut History, memory: &mut Memory, moment: impl Fn(Time) -> Time) {
    let before = |ms: u64| earlier(NOW, Duration::from_millis(ms));
    // Kept as a little before now, so that whatever comes next is later.
    let recent = |at: Time| if moment(at) >= NOW { before(1) } else { earlier(NOW, LONG) };
    if let Some((silent, limit)) = &mut history.foreign_silence {
        *silent = if *silent > *limit { LONG } else { Duration::ZERO };
    }
    let changed = matches!((history.membership_changed_at, history.claimed_at), (Some(c), Some(at)) if at < c);
    history.membership_changed_at = changed.then(|| before(1));
    history.claimed_at = history.claimed_at.map(|_| before(2));
    for at in history.rejoined_at.values_mut() {
        *at = recent(*at);
    }
    history.rejoined_at.retain(|_, at| *at == before(1));
    memory.rewrite(recent, |claim| claim.heartbeat = 0);
    // How often a heart beats is seen by nobody here.
    memory.beat_at = memory.beat_at.map(|_| before(1));
}
