//! `rollward` brings failover clusters to the update rollup that a manifest declares, one safe action at a time,
//! and never touches a node that is serving users.
//!
//! The tour, in reading order: [`reconcile`] is the loop; the folders below are its lines.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod reconcile;

pub mod model;

pub mod desired;
pub mod observed;

pub mod guard;
pub mod plan;
pub mod probe;

pub mod drivers;

pub mod record;

pub mod sources;

pub mod fleet;
pub mod simulate;

pub mod output;

pub mod cli;
pub mod clock;
pub mod daemon;
pub mod door;
pub mod server;
