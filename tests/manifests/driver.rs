//! Stand-ins for the drivers' parts, so that the messages of this theme do not change with any driver.

use std::collections::BTreeMap;

use rollward::desired::parts::{DriverParts, PartChecked, PartContext, PartIssue};
use serde_json::Value;

/// Takes any mapping as a driver's part. `host` is the real cluster behind it; `votes: [most, needed]` its votes;
/// `stopsRoles: false` if it has no offline handoffs.
pub struct AnyPart;

impl DriverParts for AnyPart {
    fn names(&self) -> &'static [&'static str] {
        &["simulator", "exchange2007", "pacemaker"]
    }

    fn check(&self, name: &str, part: &Value, about: &PartContext<'_>) -> Result<PartChecked, Vec<PartIssue>> {
        if !part.is_object() {
            let message = format!("the part of {name} is no mapping; expected a mapping");
            return Err(vec![PartIssue { pointer: String::new(), message, help: None }]);
        }
        let number = |i: usize| part["votes"][i].as_u64().and_then(|n| u32::try_from(n).ok());
        Ok(PartChecked {
            identity: part["host"].as_str().unwrap_or(about.cluster.as_str()).into(),
            durations: BTreeMap::new(),
            votes: number(0).zip(number(1)),
            stops_roles: part["stopsRoles"] != false,
        })
    }

    fn schema(&self, _: &str) -> schemars::Schema {
        schemars::json_schema!({"type": "object"})
    }
}
