//! Manifests, good and bad.

mod driver;
mod keeping;
mod messages;
mod nasty;
mod shipped;
