//! The layouts of `cluster.exe`: columns that long names push to the right, a blank line after the heading, one after
//! the table.

use crate::words::Language;

/// A line of a table of nodes: name, id, status.
pub fn node(name: &str, id: &str, status: &str) -> String {
    format!("{name:<14} {id:>7} {status}")
}

/// A line of a table of groups: name, owner, status.
pub fn group(name: &str, owner: &str, status: &str) -> String {
    format!("{name:<20} {owner:<15} {status}")
}

/// A line of a table of resources: name, group, owner, status.
pub fn resource(name: &str, group: &str, owner: &str, status: &str) -> String {
    format!("{name:<20} {group:<20} {owner:<15} {status}")
}

/// A line of a list of properties: type, whose, name, value.
pub fn property(kind: &str, of: &str, name: &str, value: &str) -> String {
    format!("{kind:<2} {of:<20} {name:<30} {value}")
}

/// A heading, a blank line, a header with its dashes, and what stands below.
pub fn table(heading: &str, header: &str, dashes: &str, rows: impl IntoIterator<Item = String>) -> String {
    let rows: Vec<String> = rows.into_iter().collect();
    let mut text = format!("{heading}\r\n\r\n{header}\r\n{dashes}\r\n");
    rows.iter().for_each(|row| text.push_str(&format!("{row}\r\n")));
    text + "\r\n"
}

pub fn nodes(language: Language, heading: &str, rows: impl IntoIterator<Item = String>) -> String {
    let header = node(language.pick("Node", "Knoten"), language.pick("Node ID", "Kennung"), "Status");
    table(heading, &header, "-------------- ------- ---------------------", rows)
}

pub fn groups(language: Language, heading: &str, rows: impl IntoIterator<Item = String>) -> String {
    let header = group(language.pick("Group", "Gruppe"), language.pick("Node", "Knoten"), "Status");
    table(heading, &header, "-------------------- --------------- ------", rows)
}

pub fn resources(language: Language, heading: &str, rows: impl IntoIterator<Item = String>) -> String {
    let (name, owner) = (language.pick("Resource", "Ressource"), language.pick("Node", "Knoten"));
    let header = resource(name, language.pick("Group", "Gruppe"), owner, "Status");
    table(heading, &header, "-------------------- -------------------- --------------- ------", rows)
}

pub fn properties(of: &str, heading: &str, rows: impl IntoIterator<Item = String>) -> String {
    let header = property("T", of, "Name", "Value");
    table(heading, &header, "-- -------------------- ------------------------------ -----------------------", rows)
}

/// Names below a heading and a header.
pub fn names(heading: &str, header: &str, rows: impl IntoIterator<Item = String>) -> String {
    table(heading, header, &"-".repeat(header.len()), rows)
}
