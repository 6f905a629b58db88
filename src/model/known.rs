//! Knowledge with its age, and ignorance with its cause.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::time::Time;

/// A fact about the world: known since a time, or unknown for a reason.
///
/// There is deliberately no default, no `unwrap_or` and no way to an `Option`: a reader must either match on both
/// variants or say which way ignorance falls, by [`Known::surely`] or [`Known::possibly`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Known<T> {
    /// It was seen.
    Known {
        /// What was seen.
        value: T,
        /// When.
        at: Time,
    },
    /// It could not be seen.
    Unknown {
        /// Why not: a sentence for the operator.
        why: Arc<str>,
    },
}

impl<T> Known<T> {
    /// A fact seen at a time.
    pub fn seen(value: T, at: Time) -> Self {
        Self::Known { value, at }
    }

    /// A fact that could not be seen.
    pub fn unknown(why: impl Into<Arc<str>>) -> Self {
        Self::Unknown { why: why.into() }
    }

    /// True only if the fact is known and satisfies the predicate: ignorance counts as *no*.
    pub fn surely(&self, holds: impl FnOnce(&T) -> bool) -> bool {
        match self {
            Self::Known { value, .. } => holds(value),
            Self::Unknown { .. } => false,
        }
    }

    /// True if the fact satisfies the predicate or is not known: ignorance counts as *yes*.
    pub fn possibly(&self, holds: impl FnOnce(&T) -> bool) -> bool {
        match self {
            Self::Known { value, .. } => holds(value),
            Self::Unknown { .. } => true,
        }
    }

    /// True if the fact is unknown.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown { .. })
    }

    /// A fact derived from this one, of the same age or ignorance.
    pub fn map<U>(&self, derive: impl FnOnce(&T) -> U) -> Known<U> {
        match self {
            Self::Known { value, at } => Known::Known { value: derive(value), at: *at },
            Self::Unknown { why } => Known::Unknown { why: why.clone() },
        }
    }

    /// Replaces what is known, for the planner's model of what an action will do.
    pub fn suppose(&mut self, value: T, at: Time) {
        *self = Self::Known { value, at };
    }
}
