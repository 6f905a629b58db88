//! Exchange 2007 clusters: the twin that stands in for their tools, and what is done through it.
//!
//! The tools are `tests/twin/`, one program that `cargo test` builds as an example.

mod host;
mod interrupted;
mod look;
mod orders;
mod practice;
mod rolls;
mod scripts;
mod sheets;
mod tools;
mod troubles;
