//! Waivers, as programs read them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::hold::SubjectKind;
use crate::model::{self, Time, Waivable, WaivedAction, WaivedFor};

/// A rule that is out of force for one subject and one action, by a person's word.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Waiver {
    /// Which rule.
    pub rule: Waivable,
    /// For whom: `node` or `group`.
    pub kind: SubjectKind,
    /// Its name.
    pub name: String,
    /// For which action.
    pub action: WaivedAction,
    /// Why.
    pub why: String,
    /// Until when.
    pub until: Time,
    /// Who waived it: a person, or a line of a manifest.
    pub by: String,
}

impl From<&model::Waiver> for Waiver {
    fn from(waiver: &model::Waiver) -> Self {
        let model::Waiver { rule, subject, action, why, until, by } = waiver;
        let kind = match subject {
            WaivedFor::Node(_) => SubjectKind::Node,
            WaivedFor::Group(_) => SubjectKind::Group,
        };
        let (why, by) = (why.clone(), by.clone());
        Self { rule: *rule, kind, name: subject.to_string(), action: *action, why, until: *until, by }
    }
}

impl Waiver {
    /// In words, with its end as whoever shows it writes times.
    pub fn words(&self, until: &str) -> String {
        let Self { rule, name, action, why, by, .. } = self;
        format!("{} of {name} for {action}, until {until} by {by}: {why}", rule.rule())
    }
}

/// Those that are in force.
pub fn in_force<'a>(waivers: impl Iterator<Item = &'a model::Waiver>, now: Time) -> Vec<Waiver> {
    waivers.filter(|waiver| now < waiver.until).map(Waiver::from).collect()
}
