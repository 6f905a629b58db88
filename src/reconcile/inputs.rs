//! What a decision rested on, put down so that it can be made again: each part as JSON, under its name.
//!
//! Absent on purpose: the driver's part of the manifest, which no decision reads.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::replay::NotAgain;
use super::{Around, Turn};
use crate::desired::Cluster;
use crate::guard::{self, DriverTraits, Facts, FleetFacts, Forecast, History, RuleSet};
use crate::model::{Action, Known, Time};
use crate::observed::{Observation, SideEffect};
use crate::record::Inputs;

/// The version of this program: another may decide otherwise.
pub(super) const THIS_VERSION: &str = env!("ROLLWARD_VERSION");

// The parts, by name. What stays the same for many decisions is kept once, so it is apart from what does not.
const VERSION: &str = "version";
const DESIRED: &str = "desired";
const FLEET: &str = "fleet";
const FORECAST: &str = "forecast";
const OBSERVATION: &str = "observation";
const MOMENT: &str = "moment";

/// Stands before the names of what an allowed action was decided on: it was judged on a later look.
pub(super) const BEFORE: &str = "decided/";

/// How a decision came about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "basis", rename_all = "camelCase")]
pub(super) enum Basis {
    /// Decided on a look.
    Decided,
    /// Decided on one look, and allowed on the next.
    Begun,
    /// Not allowed on the look just before it.
    Refused {
        /// What.
        action: Action,
    },
    /// Not begun, for the cluster may not be claimed.
    Unclaimable {
        /// What.
        action: Action,
    },
    /// Held, for the cluster could not be claimed.
    Unclaimed {
        /// What came of it, in words.
        why: String,
    },
}

/// What is another at every moment.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Moment<'a> {
    basis: Cow<'a, Basis>,
    now: Time,
    traits: DriverTraits,
    history: Cow<'a, History>,
    foreseen: Cow<'a, Known<Vec<SideEffect>>>,
}

impl Turn {
    /// What a decision rests on, where that is kept. What is known of other clusters is kept as far as it can matter.
    pub(super) fn inputs(
        &self,
        basis: &Basis,
        seen: &Observation,
        foreseen: &Known<Vec<SideEffect>>,
        around: Around<'_>,
    ) -> Inputs {
        if !self.keeps_inputs {
            return Inputs::new();
        }
        let facts = self.facts(seen, foreseen, around);
        let moment = Moment {
            basis: Cow::Borrowed(basis),
            now: facts.now,
            traits: facts.traits,
            history: Cow::Borrowed(facts.history),
            foreseen: Cow::Borrowed(foreseen),
        };
        let parts = [
            (VERSION, Ok(THIS_VERSION.to_owned())),
            (DESIRED, serde_json::to_string(facts.desired)),
            (FLEET, serde_json::to_string(&guard::concerning(&facts))),
            (FORECAST, serde_json::to_string(facts.forecast)),
            (OBSERVATION, serde_json::to_string(seen)),
            (MOMENT, serde_json::to_string(&moment)),
        ];
        // A part that cannot be put down is missing when the decision is to be made again, and that is said then.
        parts.into_iter().filter_map(|(name, text)| Some((name.into(), text.ok()?.into()))).collect()
    }
}

/// The same parts, named as those that an action was decided on.
pub(super) fn as_decided(inputs: Inputs) -> Inputs {
    inputs.into_iter().map(|(name, text)| (format!("{BEFORE}{name}").into(), text)).collect()
}

/// What a decision rested on, read back.
pub(super) struct Kept {
    desired: Cluster,
    fleet: FleetFacts,
    forecast: Forecast,
    seen: Observation,
    moment: Moment<'static>,
}

impl Kept {
    /// Reads the parts whose names begin so.
    pub fn read(inputs: &Inputs, before: &str) -> Result<Self, NotAgain> {
        if inputs.is_empty() {
            return Err(NotAgain::NothingKept);
        }
        let version = text(inputs, before, VERSION)?;
        if version != THIS_VERSION {
            return Err(NotAgain::OtherVersion { version: version.to_owned() });
        }
        Ok(Self {
            desired: part(inputs, before, DESIRED)?,
            fleet: part(inputs, before, FLEET)?,
            forecast: part(inputs, before, FORECAST)?,
            seen: part(inputs, before, OBSERVATION)?,
            moment: part(inputs, before, MOMENT)?,
        })
    }

    /// How the decision came about.
    pub fn basis(&self) -> &Basis {
        &self.moment.basis
    }

    /// The facts, for every rule: no other set is ever in force where a record is kept for good.
    pub fn facts(&self) -> Facts<'_> {
        Facts {
            desired: &self.desired,
            seen: &self.seen,
            fleet: &self.fleet,
            history: &self.moment.history,
            forecast: &self.forecast,
            foreseen: &self.moment.foreseen,
            traits: self.moment.traits,
            rules: RuleSet::ALL,
            now: self.moment.now,
        }
    }
}

fn text<'a>(inputs: &'a Inputs, before: &str, name: &str) -> Result<&'a str, NotAgain> {
    let name = format!("{before}{name}");
    inputs.get(&*name).map(|text| &**text).ok_or(NotAgain::Missing { part: name })
}

fn part<T: DeserializeOwned>(inputs: &Inputs, before: &str, name: &str) -> Result<T, NotAgain> {
    let unreadable =
        |e: serde_json::Error| NotAgain::Unreadable { part: format!("{before}{name}"), why: e.to_string() };
    serde_json::from_str(text(inputs, before, name)?).map_err(unreadable)
}
