//! Do it: one folder for each cluster stack, and the one table that names them.
//!
//! A driver translates and decides nothing. It sees the model, observations and permits; nothing of plans or policies.

pub mod simulator;

use std::future::Future;
use std::pin::Pin;

use serde::{Deserialize, Serialize};

use crate::guard::{Command, DriverTraits, Permit};
use crate::model::{Action, Answer, Claim, Known};
use crate::observed::{Observation, SideEffect};

/// What a driver promises to bring later.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One cluster, reached through its stack.
pub trait Driver: Send + Sync {
    /// What differs from stack to stack and the rules must know.
    fn traits(&self) -> DriverTraits;

    /// Looks at the cluster. Never fails as a whole: what could not be seen is unknown, and says why.
    fn observe(&self) -> Later<'_, Observation>;

    /// What the cluster would do by itself if the action were done now.
    fn foresee<'a>(&'a self, action: &'a Action) -> Later<'a, Known<Vec<SideEffect>>>;

    /// Replaces the claim `expected` (as last read) by `wanted`, if it is still there; `wanted: None` gives it up.
    /// Also how a heartbeat is written: the same claim with a higher heartbeat.
    fn claim(&self, expected: Option<Claim>, wanted: Option<Claim>) -> Later<'_, ClaimAnswer>;

    /// Carries out exactly one action: announces, checks, acts, on the node, under its lock.
    fn perform(&self, permit: Permit) -> Later<'_, Answer>;

    /// Carries out a person's command.
    ///
    /// # Errors
    /// It was not done; the text says why and what to do.
    fn command(&self, command: Command) -> Later<'_, Result<String, String>>;

    /// Named checks of everything that the driver needs, each with its evidence and what to do.
    fn readiness(&self) -> Later<'_, Vec<Readiness>>;
}

/// What became of a claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ClaimAnswer {
    /// It is ours.
    Claimed(Claim),
    /// The claim was given up.
    GivenUp,
    /// Something else stood there.
    Lost {
        /// What stands there now.
        found: Option<Claim>,
    },
    /// The reply was lost, or the cluster did not answer.
    Unsure {
        /// What happened instead.
        why: String,
    },
}

/// One readiness check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Readiness {
    /// Its stable name.
    pub name: &'static str,
    /// How it stands.
    pub state: ReadinessState,
    /// What was seen.
    pub evidence: String,
    /// What to do, if anything.
    pub fix: Option<String>,
}

/// How a readiness check stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ReadinessState {
    /// As it should be.
    Good,
    /// It will work, but look at it.
    Warning,
    /// It will not work.
    Bad,
    /// It could not be told.
    Unknown,
}

/// Every driver, for the manifests' resolver. This is the one table that names them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Drivers;
