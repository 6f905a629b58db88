//! Remember: what was decided, why, from which commit, with what outcome. History, not state: nothing that keeps a
//! cluster safe hangs on it.

pub mod entry;

pub use entry::{Entry, EntryKind, RollCounts};
