//! Where manifests come from: a folder on disk, watched, perhaps a checkout.
//!
//! Absent on purpose: what they mean ([`crate::desired`] knows), and when to look again.

pub mod folder;
pub mod package;
pub mod watch;

pub use folder::{Folder, read};
pub use watch::Watch;
