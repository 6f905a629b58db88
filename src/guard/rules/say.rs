//! How the rules put what they saw into words: the same fact in the same words in every hold.

use crate::desired::Place;
use crate::model::{Evidence, Hold, Known, NodeName, Release, ReleaseKind, RuleName, Subject};
use crate::observed::{Group, Membership, Node};

/// A hold. `what` says what releases it, and what to do for that.
pub(super) fn hold(
    rule: RuleName,
    subject: Subject,
    evidence: Vec<Evidence>,
    kind: ReleaseKind,
    what: impl Into<String>,
) -> Hold {
    Hold { rule, subject, evidence, release: Release { kind, what: what.into() } }
}

/// A hold on a node.
pub(super) fn on_node(
    rule: RuleName,
    node: &NodeName,
    evidence: Vec<Evidence>,
    kind: ReleaseKind,
    what: impl Into<String>,
) -> Hold {
    hold(rule, Subject::Node(node.clone()), evidence, kind, what)
}

/// A line of a manifest as evidence.
pub(super) fn line(fact: impl Into<String>, value: impl std::fmt::Display, place: &Place) -> Evidence {
    Evidence::timeless(fact, format!("{value} ({place})"))
}

/// A node's membership.
pub(super) fn membership(name: &NodeName, node: &Node) -> Evidence {
    Evidence::of(format!("nodes.{name}.membership"), &node.membership, |m| membership_word(*m).into())
}

/// Whether a node is paused.
pub(super) fn paused(name: &NodeName, node: &Node) -> Evidence {
    Evidence::of(format!("nodes.{name}.paused"), &node.paused, bool::to_string)
}

/// A group's owner.
pub(super) fn owner(name: &impl std::fmt::Display, group: &Group) -> Evidence {
    Evidence::of(format!("groups.{name}.owner"), &group.owner, |o| match o {
        Some(owner) => owner.to_string(),
        None => "nobody".into(),
    })
}

/// A group's state.
pub(super) fn state(name: &impl std::fmt::Display, group: &Group) -> Evidence {
    Evidence::of(format!("groups.{name}.state"), &group.state, |s| s.word().into())
}

/// A fact that is a list of things, by their own words.
pub(super) fn list<T: std::fmt::Display>(things: impl IntoIterator<Item = T>) -> String {
    let mut text = String::new();
    for thing in things {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(&thing.to_string());
    }
    if text.is_empty() { "none".into() } else { text }
}

/// Evidence that a node of that name was not seen at all.
pub(super) fn not_seen(name: &NodeName) -> Evidence {
    Evidence::timeless(format!("nodes.{name}"), "unknown: it was not seen")
}

/// The reason why a fact is not known, if it is not.
pub(super) fn ignorance<T>(known: &Known<T>) -> Option<&str> {
    match known {
        Known::Known { .. } => None,
        Known::Unknown { why } => Some(why),
    }
}

fn membership_word(membership: Membership) -> &'static str {
    match membership {
        Membership::Up => "up",
        Membership::Joining => "joining",
        Membership::Down => "down",
    }
}
