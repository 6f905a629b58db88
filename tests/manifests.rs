//! Manifests, good and bad.

mod driver;
mod messages;
mod nasty;
