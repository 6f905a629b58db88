//! The words: names, versions, groups, actions, holds, marks. Each is defined once, here.
//!
//! Absent on purpose: I/O, clock, randomness, and any knowledge of manifests, planner or drivers.

pub mod action;
pub mod control;
mod hex;
pub mod hold;
pub mod known;
pub mod names;
pub mod pairs;
pub mod rollup;
pub mod time;
pub mod version;
pub mod waiver;

pub use action::{Action, ActionKind, Answer, HandoffStyle, Phase};
pub use control::{Claim, Mark, MarkKind, StopScope};
pub use hex::hex;
pub use hold::{Evidence, Hold, Release, ReleaseKind, RuleName, Subject};
pub use known::Known;
pub use names::{ClusterName, GroupName, Holder, NodeName, NodeRef, PackageName, PolicyName, RollupName};
pub use rollup::{ClusterServiceRule, InstallKind, RebootRule, Rollup, RollupPackage, Standing};
pub use time::{Spread, Time};
pub use version::Version;
pub use waiver::{Waivable, WaivedAction, WaivedFor, Waiver};
