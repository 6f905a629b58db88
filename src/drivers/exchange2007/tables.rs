//! What `cluster.exe` prints. Its headings are translated on translated systems, its columns are pushed by long names, and
//! names hold spaces: so rows are read from the right, against words and names that are known, and what is not is an
//! error, never a guess.
//!
//! Layouts of tables are those of real captures; those of property lists and owner lists are from memory.

use std::collections::{BTreeMap, BTreeSet};

use crate::observed::GroupState;

/// A node's state, as the table has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NodeState {
    Up,
    Down,
    Paused,
    Joining,
    /// The cluster itself cannot tell.
    Unknown,
}

const NODE_STATES: &[(&str, NodeState)] = &[
    ("Up", NodeState::Up),
    ("Down", NodeState::Down),
    ("Paused", NodeState::Paused),
    ("Joining", NodeState::Joining),
    ("Unknown", NodeState::Unknown),
];

/// The words for groups and resources. Those of pending states vary by the version of Windows.
const STATES: &[(&str, Option<GroupState>)] = &[
    ("Online", Some(GroupState::Online)),
    ("Partially Online", Some(GroupState::PartiallyOnline)),
    ("Pending", Some(GroupState::Pending)),
    ("Online Pending", Some(GroupState::Pending)),
    ("Offline Pending", Some(GroupState::Pending)),
    ("Initializing", Some(GroupState::Pending)),
    ("Offline", Some(GroupState::Offline)),
    ("Failed", Some(GroupState::Failed)),
    ("Inherited", None),
    ("Unknown", None),
];

/// A row of the table of groups, or of resources: `group` is only of the latter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub name: String,
    /// The group that a resource is in; `None` if that cannot be told from the row.
    pub group: Option<String>,
    pub owner: String,
    /// `None`: the cluster itself cannot tell.
    pub state: Option<GroupState>,
}

/// The rows under the line of dashes, up to the next blank line.
fn rows<'a>(what: &str, lines: &[&'a str], columns: usize) -> Result<Vec<&'a str>, String> {
    let dashes = |line: &&str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.len() >= columns && words.iter().all(|word| word.len() > 1 && word.bytes().all(|b| b == b'-'))
    };
    let Some(at) = lines.iter().position(dashes) else {
        let said = lines.iter().map(|line| line.trim()).find(|line| !line.is_empty()).unwrap_or("nothing");
        return Err(format!("the table of {what} cannot be read: cluster.exe said {said:?}"));
    };
    let after = lines.iter().skip(at + 1).map(|line| line.trim_end());
    Ok(after.skip_while(|line| line.is_empty()).take_while(|line| !line.is_empty()).collect())
}

fn senseless(what: &str, row: &str) -> String {
    format!(
        "the table of {what} cannot be read at {row:?}: no state that is known ends it, or it is cut short; \
             is Windows' language English?"
    )
}

/// The table of nodes: name, number, state.
pub(super) fn nodes(lines: &[&str]) -> Result<BTreeMap<String, NodeState>, String> {
    let mut nodes = BTreeMap::new();
    for row in rows("nodes", lines, 3)? {
        let words: Vec<&str> = row.split_whitespace().collect();
        let [name, id, state] = words.as_slice() else { return Err(senseless("nodes", row)) };
        let state = NODE_STATES.iter().find(|(word, _)| word == state).map(|(_, state)| *state);
        match (state, id.parse::<u32>()) {
            (Some(state), Ok(_)) => nodes.insert((*name).to_owned(), state),
            _ => return Err(senseless("nodes", row)),
        };
    }
    if nodes.is_empty() { Err("the table of nodes is empty".into()) } else { Ok(nodes) }
}

/// What stands before the owner, the owner, and the state; the only way in which the row makes sense.
fn from_the_right<'r>(
    what: &str,
    row: &'r str,
    nodes: &BTreeMap<String, NodeState>,
) -> Result<(&'r str, &'r str, Option<GroupState>), String> {
    let mut ways = Vec::new();
    for (word, state) in STATES {
        let Some(before) = row.strip_suffix(word).filter(|before| before.ends_with(' ')) else { continue };
        let before = before.trim_end();
        let Some((rest, owner)) = before.rsplit_once(' ') else { continue };
        if nodes.contains_key(owner) && !rest.trim().is_empty() {
            ways.push((rest.trim_end(), owner, *state));
        }
    }
    match ways.as_slice() {
        [one] => Ok(*one),
        _ => Err(senseless(what, row)),
    }
}

/// The table of groups: name, owner, state.
pub(super) fn groups(lines: &[&str], nodes: &BTreeMap<String, NodeState>) -> Result<Vec<Row>, String> {
    let mut found: Vec<Row> = Vec::new();
    for row in rows("groups", lines, 3)? {
        let (name, owner, state) = from_the_right("groups", row, nodes)?;
        let name = name.trim_start().to_owned();
        if found.iter().any(|other| other.name == name) {
            return Err(format!("the table of groups has {name:?} twice"));
        }
        found.push(Row { name, group: None, owner: owner.to_owned(), state });
    }
    if found.is_empty() { Err("the table of groups is empty".into()) } else { Ok(found) }
}

/// The table of resources: name, group, owner, state. Where a resource's name ends and its group's begins is told by the
/// groups' names; where several would fit, nobody can tell.
pub(super) fn resources(
    lines: &[&str],
    nodes: &BTreeMap<String, NodeState>,
    groups: &[Row],
) -> Result<Vec<Row>, String> {
    let mut found = Vec::new();
    for row in rows("resources", lines, 4)? {
        let (names, owner, state) = from_the_right("resources", row, nodes)?;
        let fits = |group: &&Row| {
            let name = names.strip_suffix(group.name.as_str()).filter(|name| name.ends_with(' '));
            // A name that is shorter than its column is filled up, and none has spaces in a row.
            name.is_some_and(|name| !name.trim().is_empty() && !name.trim().contains("  "))
        };
        let fitting: Vec<&Row> = groups.iter().filter(fits).collect();
        let (name, group) = match fitting.as_slice() {
            [group] => (names.strip_suffix(group.name.as_str()).unwrap_or(names).trim(), Some(group.name.clone())),
            [] => {
                return Err(format!(
                    "the table of resources cannot be read at {row:?}: no group is known by that name"
                ));
            }
            _ => (names.trim(), None),
        };
        found.push(Row { name: name.to_owned(), group, owner: owner.to_owned(), state });
    }
    Ok(found)
}

/// The properties of one thing: kinds, its name, the property, its value. What an error says holds no value: it may be
/// a password.
pub(super) fn properties(lines: &[&str], of: &str) -> Result<BTreeMap<String, String>, String> {
    let mut found = BTreeMap::new();
    for (index, row) in rows("properties", lines, 4)?.into_iter().enumerate() {
        let read = || {
            let (kinds, rest) = row.split_once(' ')?;
            let rest = rest.trim_start().strip_prefix(of).filter(|_| are_kinds(kinds))?;
            let (name, value) = rest.strip_prefix(' ')?.trim_start().split_once(' ').unwrap_or((rest.trim(), ""));
            (!name.is_empty()).then(|| (name.to_owned(), value.trim().to_owned()))
        };
        let (name, value) =
            read().ok_or_else(|| format!("the properties of {of} cannot be read at row {}", index + 1))?;
        found.insert(name, value);
    }
    Ok(found)
}

/// What stands before each property: its type, and whether it is read-only.
fn are_kinds(word: &str) -> bool {
    !word.is_empty() && word.len() <= 2 && word.chars().all(|c| "SDMBXR".contains(c))
}

/// A number among properties, written `4294967295 (0xffffffff)`.
pub(super) fn number(value: &str) -> Option<u32> {
    value.split_whitespace().next()?.parse().ok()
}

/// The private properties of a cluster whose names begin with `prefix`, which none of Windows' own does.
pub(super) fn ours(lines: &[&str], prefix: &str) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    for row in rows("properties", lines, 4)?.into_iter().filter(|row| is_ours(row, prefix)) {
        match cluster_property(row) {
            Some((name, value)) if !value.is_empty() => found.push((name.to_owned(), value.to_owned())),
            Some((name, _)) => return Err(format!("the cluster's private property {name} has no value")),
            None => return Err(format!("a private property of the cluster cannot be read, and holds {prefix}")),
        }
    }
    Ok(found)
}

/// Whether a row of a cluster's private properties is ours: by its name, or if it has none that can be told, by any word.
pub(super) fn is_ours(row: &str, prefix: &str) -> bool {
    match cluster_property(row) {
        Some((name, _)) => name.starts_with(prefix),
        None => row.split_whitespace().any(|word| word.starts_with(prefix)),
    }
}

/// The name of a cluster's property and its value: they follow the kinds and the cluster's name, which has no spaces.
fn cluster_property(row: &str) -> Option<(&str, &str)> {
    let (kinds, rest) = row.split_once(' ')?;
    let (_, rest) = rest.trim_start().split_once(' ').filter(|_| are_kinds(kinds))?;
    let rest = rest.trim();
    let (name, value) = rest.split_once(' ').unwrap_or((rest, ""));
    (!name.is_empty()).then(|| (name, value.trim_start()))
}

/// The owners that are listed for something, in order.
pub(super) fn owners(lines: &[&str], nodes: &BTreeMap<String, NodeState>) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for row in rows("owners", lines, 1)? {
        let name = row.trim();
        // Windows takes no account of case.
        let node = nodes.keys().find(|node| node.eq_ignore_ascii_case(name));
        let node =
            node.ok_or_else(|| format!("the list of owners cannot be read at {row:?}: the cluster has no such node"))?;
        if seen.insert(node) {
            found.push(node.clone());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
