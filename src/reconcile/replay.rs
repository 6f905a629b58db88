//! A decision of the record, made again from what it rested on. Pure: whoever holds the parts can do it, anywhere.
//!
//! Absent on purpose: what the record says was decided. Whether it is the same is for whoever asks to see.

use super::inputs::{BEFORE, Basis, Kept, THIS_VERSION};
use super::{notes, unclaimed};
use crate::guard;
use crate::plan::Decision;
use crate::record::{EntryKind, Inputs};

/// Why a decision cannot be made again. None of these says that it was wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAgain {
    /// Another version decided it: ask that one.
    #[error("version {version} decided it, and this is {}; replay it with that one", THIS_VERSION)]
    OtherVersion {
        /// Which.
        version: String,
    },
    /// Nobody kept what it rested on, or a version that did not keep all of it.
    #[error("what it rested on was not kept")]
    NothingKept,
    /// A part is not there.
    #[error("of what it rested on, {part} is not there")]
    Missing {
        /// Which.
        part: String,
    },
    /// A part is not what this version writes.
    #[error("of what it rested on, {part} cannot be understood: {why}")]
    Unreadable {
        /// Which.
        part: String,
        /// Why.
        why: String,
    },
}

/// What is decided on these inputs, as a line of the journal says it.
///
/// # Errors
/// It cannot be decided again; see [`NotAgain`].
pub fn again(inputs: &Inputs) -> Result<EntryKind, NotAgain> {
    let kept = Kept::read(inputs, "")?;
    let facts = kept.facts();
    Ok(match kept.basis() {
        Basis::Decided => notes::decided(&notes::decide(&facts).0),
        Basis::Begun => {
            let before = Kept::read(inputs, BEFORE)?;
            match notes::decide(&before.facts()).0 {
                Decision::Act(action) => match guard::judge(action.clone(), &facts) {
                    Ok(permit) => notes::intended(permit.action(), &facts),
                    Err(holds) => notes::refused(&action, &holds),
                },
                other => notes::decided(&other),
            }
        }
        Basis::Refused { action } => match guard::judge(action.clone(), &facts) {
            Ok(permit) => notes::intended(permit.action(), &facts),
            Err(holds) => notes::refused(action, &holds),
        },
        Basis::Unclaimable { action } => match guard::claimable(facts.seen, facts.history) {
            Ok(_) => notes::decided(&Decision::Act(action.clone())),
            Err(hold) => notes::refused(action, &[hold]),
        },
        Basis::Unclaimed { why } => unclaimed::held(&guard::unclaimed(facts.seen, why, facts.now), why),
    })
}
