//! Holds, as programs read them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{self, Time};

/// Why an action may not happen now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    /// The rule that says no, by its stable name.
    pub rule: String,
    /// What it is about.
    pub subject: Subject,
    /// What it rests on; never empty.
    pub evidence: Vec<Evidence>,
    /// What releases it.
    pub release: Release,
}

/// What a hold is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// What kind of thing.
    pub kind: SubjectKind,
    /// Its name.
    pub name: String,
}

/// What kind of thing a hold is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SubjectKind {
    /// A whole cluster.
    Cluster,
    /// A node.
    Node,
    /// A group.
    Group,
    /// A rollup, everywhere.
    Rollup,
}

/// One fact that a hold rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// Which fact: a path such as `nodes.EXNODE1.membership`, or words.
    pub fact: String,
    /// What was seen, in words; `unknown: …` where nothing was.
    pub value: String,
    /// When it was seen.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub at: Option<Time>,
}

/// What releases a hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// Who or what.
    pub kind: ReleaseKind,
    /// In words: what to do, or what will happen.
    pub what: String,
    /// When, if the clock releases it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub at: Option<Time>,
}

/// Who or what releases a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ReleaseKind {
    /// The clock.
    Time,
    /// A later look at the world, which may change by itself.
    Observation,
    /// A person's command or handiwork.
    Person,
    /// An edit of a manifest.
    Manifest,
    /// Rollward's own next steps.
    Progress,
}

impl From<&model::Hold> for Hold {
    fn from(hold: &model::Hold) -> Self {
        Self {
            rule: hold.rule.word().into(),
            subject: (&hold.subject).into(),
            evidence: hold.evidence.iter().map(Evidence::from).collect(),
            release: (&hold.release).into(),
        }
    }
}

impl From<&model::Subject> for Subject {
    fn from(subject: &model::Subject) -> Self {
        let kind = match subject {
            model::Subject::Cluster(_) => SubjectKind::Cluster,
            model::Subject::Node(_) => SubjectKind::Node,
            model::Subject::Group(_) => SubjectKind::Group,
            model::Subject::Rollup(_) => SubjectKind::Rollup,
        };
        Self { kind, name: subject.to_string() }
    }
}

impl From<&model::Evidence> for Evidence {
    fn from(evidence: &model::Evidence) -> Self {
        Self { fact: evidence.fact.clone(), value: evidence.value.clone(), at: evidence.at }
    }
}

impl From<&model::Release> for Release {
    fn from(release: &model::Release) -> Self {
        let (kind, at) = match &release.kind {
            model::ReleaseKind::Time(at) => (ReleaseKind::Time, Some(*at)),
            model::ReleaseKind::Observation => (ReleaseKind::Observation, None),
            model::ReleaseKind::Person => (ReleaseKind::Person, None),
            model::ReleaseKind::Manifest => (ReleaseKind::Manifest, None),
            model::ReleaseKind::Progress => (ReleaseKind::Progress, None),
        };
        Self { kind, what: release.what.clone(), at }
    }
}
