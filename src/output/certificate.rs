//! What the floor and the optimum of a plan rest on, as programs read it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::hold::{Evidence, Hold};
use crate::plan;

/// What the floor and the optimum rest on: enough to recompute the floor from the look, and the rules that make the rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Certificate {
    /// The floor, one by one: each of these roles has to leave its node, so that it can be worked on.
    pub must_leave: Vec<MustLeave>,
    /// Nodes with work to do that are not worked on: held until a person or a manifest releases them, or out of reach.
    pub left: Vec<Left>,
    /// Why the optimum is more than the floor, or nodes are out of reach: with all of this lifted, the floor would be
    /// enough for every node; with less, it would not.
    pub because: Vec<Because>,
    /// Handoffs of the optimum that only bring roles back to preferred nodes, as the manifest asks.
    pub going_back: u32,
}

/// A role that has to leave its node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MustLeave {
    /// The role.
    pub role: String,
    /// Its owner.
    pub node: String,
    /// What is not at its target there.
    pub evidence: Vec<Evidence>,
}

/// A node that is not worked on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Left {
    /// The node.
    pub node: String,
    /// What holds it.
    pub holds: Vec<Hold>,
}

/// A rule that makes handoffs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Because {
    /// The rule, by its stable name.
    pub rule: String,
    /// What it says here, in words.
    pub what: String,
    /// What that rests on.
    pub evidence: Vec<Evidence>,
}

impl From<&plan::Certificate> for Certificate {
    fn from(certificate: &plan::Certificate) -> Self {
        let plan::Certificate { proven: _, must_leave, left, because, going_back } = certificate;
        let evidence = |all: &[crate::model::Evidence]| all.iter().map(Evidence::from).collect();
        Self {
            going_back: *going_back,
            must_leave: must_leave
                .iter()
                .map(|plan::MustLeave { role, node, evidence: on }| MustLeave {
                    role: role.to_string(),
                    node: node.to_string(),
                    evidence: evidence(on),
                })
                .collect(),
            left: left
                .iter()
                .map(|plan::Left { node, holds }| Left {
                    node: node.to_string(),
                    holds: holds.iter().map(Hold::from).collect(),
                })
                .collect(),
            because: because
                .iter()
                .map(|plan::Because { rule, what, evidence: on }| Because {
                    rule: rule.word().to_owned(),
                    what: (*what).to_owned(),
                    evidence: evidence(on),
                })
                .collect(),
        }
    }
}
