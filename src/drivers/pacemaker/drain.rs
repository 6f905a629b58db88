//! What keeps a node empty: a standby, or bans of ours, one a resource.

use std::collections::BTreeSet;

use super::look::Asked;
use super::spec::Drain;
use crate::model::GroupName;
use crate::observed::{GroupKind, Observation};

/// How the identifiers of our bans begin.
const BANS: &str = "rollward-ban-";

/// Whether a constraint of this identifier is a ban of ours.
pub(super) fn is_ours(id: &str) -> bool {
    id.starts_with(BANS)
}

/// Where a pause bans: the resources that are seen and may serve users, with spaces between. Plain clones are none of
/// these, nor are fence devices: the cluster takes a device from a node that it must not run on, and with it that node's
/// means to fence others. Where there are none, a standby is what is left.
///
/// # Errors
/// The name of one cannot be that of a resource.
pub(super) fn kept_off(asked: &Asked, seen: &Observation) -> Result<Option<String>, String> {
    if asked.spec.drain == Drain::Standby {
        return Ok(None);
    }
    let there = seen.groups.iter().filter(|(_, group)| group.kind.surely(|kind| *kind == GroupKind::Role));
    // `web:0` is a replica of the bundle `web`, and `db@n1` one of several instances of `db`.
    let resource = |name: &GroupName| GroupName::new(name.as_str().split([':', '@']).next().unwrap_or_default());
    let resources = there.map(|(name, _)| plain(&resource(name))).collect::<Result<BTreeSet<_>, _>>()?;
    Ok((!resources.is_empty()).then(|| Vec::from_iter(resources).join(" ")))
}

/// A resource's name, if it can stand in XML and in XPath as it is, as all that the cluster itself accepts can.
pub(super) fn plain(group: &GroupName) -> Result<String, String> {
    let odd = |c: char| !(c.is_alphanumeric() || "-_.:".contains(c));
    match group.as_str().contains(odd) {
        true => Err(format!("no resource can be called {group:?}")),
        false => Ok(group.to_string()),
    }
}

/// An XPath of our bans of a node.
pub(super) fn of_node(node: &str) -> String {
    format!("//rsc_location[@node='{node}' and starts-with(@id,'{BANS}')]")
}
