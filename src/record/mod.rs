//! Remember: what was decided, why, from which commit, with what outcome. History, not state: nothing that keeps a
//! cluster safe hangs on it. When it is lost, predictions widen and approvals void.
//!
//! Read in this order: [`entry`] is a line of the journal, [`change`] all that can be written, [`store`] the file,
//! [`schema`] its tables, [`folder`] where it lives and who may write there.
//!
//! Absent on purpose: any decision, any clock (times come with what is written), and any write when nothing changed.

pub mod change;
pub mod entry;
pub mod error;
pub mod folder;
pub mod learned;
pub mod store;

mod approvals;
mod blobs;
mod chain;
mod inputs;
mod journal;
mod plans;
mod prune;
mod rolls;
mod samples;
mod schema;
mod stops;
mod verify;
mod waivers;
mod words;

pub use blobs::hash as part_hash;
pub use change::Change;
pub use entry::{EVERY, Entry, EntryKind, RollCounts};
pub use error::{OpenError, ReadError, WriteError};
pub use folder::{FolderError, FolderLock, LockHolder};
pub use inputs::Inputs;
pub use journal::{Filter, Recorded};
pub use learned::Sample;
pub use plans::ShownPlan;
pub use prune::{Keep, Pruning};
pub use rolls::Roll;
pub use store::{OpenMode, Store};
pub use verify::{Fault, Head, Pruned, Verification};
pub use words::whom;
