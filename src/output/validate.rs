//! `validate`: what is wrong with manifests.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::desired;

/// What manifests declare, and what is wrong with them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Validation {
    /// The clusters that they declare.
    pub clusters: Vec<Validated>,
    /// Everything that is wrong, in the order of files and lines.
    pub diagnostics: Vec<Diagnostic>,
}

/// One cluster that manifests declare.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Validated {
    /// Its name.
    pub name: String,
    /// Whether all that it needs is well formed.
    pub valid: bool,
    /// Where it is declared: `file:line`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub place: Option<String>,
}

/// One thing wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Diagnostic {
    /// `error` or `warning`.
    pub severity: Severity,
    /// A stable name for what is wrong.
    pub code: String,
    /// The file.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub file: Option<String>,
    /// The line, from 1.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line: Option<u32>,
    /// The column, from 1, in characters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub column: Option<u32>,
    /// What is wrong.
    pub message: String,
    /// What was expected there.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expected: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub help: Vec<String>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// The document does not count.
    Error,
    /// The document counts; look at it.
    Warning,
}

impl From<&desired::Diagnostic> for Diagnostic {
    fn from(diagnostic: &desired::Diagnostic) -> Self {
        let at = diagnostic.at.as_ref();
        Self {
            severity: match diagnostic.severity {
                desired::Severity::Error => Severity::Error,
                desired::Severity::Warning => Severity::Warning,
            },
            code: diagnostic.code.into(),
            file: at.map(|at| at.file.to_string()),
            line: at.map(|at| at.line),
            column: at.map(|at| at.column),
            message: diagnostic.message.clone(),
            expected: Some(&diagnostic.label).filter(|label| !label.is_empty()).cloned(),
            help: diagnostic.help.clone(),
        }
    }
}
