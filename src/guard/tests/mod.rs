//! For every rule a story: it refuses and says why, it lets go when what it names has come, and ignorance is a no.

mod begins;
mod cluster;
mod concern;
mod fleet;
mod handoff;
mod middle;
mod node;
mod people;
mod software;
mod standby;
mod way;
mod window;

use super::testing::Story;
use crate::model::{Action, Known, RuleName, Time};

/// What the rule says against the action, in full.
#[track_caller]
fn refuses(story: &Story, rule: RuleName, action: &Action, text: &str) {
    assert_eq!(story.says(rule, action), text);
}

/// The rule has nothing against the action.
#[track_caller]
fn passes(story: &Story, rule: RuleName, action: &Action) {
    assert_eq!(story.says(rule, action), "allowed");
}

/// No rule has anything against the action.
#[track_caller]
fn allows(story: &Story, action: &Action) {
    assert_eq!(story.verdict(action), "allowed");
}

/// A fact is seen.
fn see<T>(at: Time, value: T, fact: &mut Known<T>) {
    fact.suppose(value, at);
}
