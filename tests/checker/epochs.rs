//! Epochs, and what each may be called instead.
//!
//! They are only ever compared with each other, and a claim takes the one after the highest that it sees. So their
//! order is kept, and of the room between two only whether there is any: claims that fit in between are one or more.
//! While nobody is in the middle of a turn, all below the claim are alike, and alike to never.

use rollward::model::Action;

/// More claims than anybody makes beside a turn that is under way.
const MOST_EPOCHS: u64 = 24;

/// Some epochs, a bit for each.
pub type EpochSet = u64;

/// The set of this one. Never is none.
pub fn one(epoch: u64) -> EpochSet {
    assert!(epoch < 64, "claims without end: epoch {epoch}");
    1 << epoch & !1
}

/// See the module.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epochs {
    met: EpochSet,
    /// Those below are called never.
    lowest: u64,
}

impl Epochs {
    /// Of all that were met, in a world and in turns that are under way in it; `lowest` if there are none of those.
    pub fn of(met: EpochSet, lowest: Option<u64>) -> Self {
        let lowest = lowest.unwrap_or(0);
        let epochs = Self { met, lowest };
        let highest = epochs.called(63 - u64::from((met | 1).leading_zeros()));
        assert!(highest < MOST_EPOCHS, "claims without end: {met:b}");
        epochs
    }

    /// True if all of them keep their names.
    pub fn are_plain(&self) -> bool {
        (0..64).filter(|epoch| self.met >> epoch & 1 != 0).all(|epoch| self.called(epoch) == epoch)
    }

    fn called(&self, epoch: u64) -> u64 {
        if epoch >= 64 || self.met >> epoch & 1 == 0 || epoch < self.lowest {
            return 0;
        }
        let mut kept = self.met >> self.lowest << self.lowest & (u64::MAX >> (63 - epoch));
        let (mut before, mut name) = (0, 0);
        while kept != 0 {
            let next = u64::from(kept.trailing_zeros());
            name += if before == 0 { 1 } else { (next - before).min(2) };
            before = next;
            kept &= kept - 1;
        }
        name
    }

    /// What it may be called.
    pub fn name(&self, epoch: &mut u64) {
        *epoch = self.called(*epoch);
    }

    pub fn name_in(&self, action: &mut Action) {
        if let Action::Release { mark } = action {
            self.name(&mut mark.epoch);
        }
    }
}
