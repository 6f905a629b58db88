//! What is left of ours in a cluster when all is done: nothing. Compared with how the cluster was before.

use std::collections::BTreeSet;
use std::path::Path;

use roxmltree::{Document, Node};

use super::cluster::Lab;

/// What the cluster itself, its daemons and the package manager write; and the folder that is a node's memory by design
/// (the highest epoch that it obeyed, tries, what was verified).
const NOT_OURS: &[&str] =
    &["var/log/", "var/lib/pacemaker/", "var/lib/corosync/", "var/lib/dpkg/", "root/.ssh/", "var/lib/rollward"];

/// How a cluster was before anything of ours was in it.
pub struct Before {
    configuration: BTreeSet<String>,
    files: Vec<BTreeSet<String>>,
}

impl Before {
    pub fn look(lab: &Lab) -> Self {
        let files = lab.nodes.iter().map(|node| files(&lab.disk(node)));
        Self { configuration: configuration(lab), files: files.collect() }
    }

    /// Asserts that nothing is left that was not there before: no constraint, standby, attribute or process.
    #[track_caller]
    pub fn assert_same(&self, lab: &Lab) {
        let now = configuration(lab);
        let more: Vec<_> = now.difference(&self.configuration).collect();
        let less: Vec<_> = self.configuration.difference(&now).collect();
        assert!(more.is_empty() && less.is_empty(), "the configuration has changed: new {more:#?}; gone {less:#?}");
        for node in &lab.nodes {
            let processes = lab.on(node, "ps -eo args=");
            let ours: Vec<_> =
                processes.lines().filter(|line| line.contains("rollward") && !line.starts_with("sshd: ")).collect();
            assert!(ours.is_empty(), "processes on {node}: {ours:?}");
        }
    }

    /// Asserts that no file has come to a node's disk but those that are the node's memory.
    #[track_caller]
    pub fn assert_no_new_files(&self, lab: &Lab) {
        for (node, before) in lab.nodes.iter().zip(&self.files) {
            let new: Vec<_> = files(&lab.disk(node)).difference(before).cloned().collect();
            let new: Vec<_> = new.iter().filter(|file| !NOT_OURS.iter().any(|not| file.starts_with(not))).collect();
            assert!(new.is_empty(), "new files on {node}: {new:?}");
        }
    }
}

/// Everything in the cluster's configuration and in the nodes' passing attributes, a line an element.
#[track_caller]
fn configuration(lab: &Lab) -> BTreeSet<String> {
    let xml = lab.on(&lab.nodes[0], "cibadmin -Q");
    let document = Document::parse(&xml).unwrap();
    let parts =
        document.descendants().filter(|n| n.has_tag_name("configuration") || n.has_tag_name("transient_attributes"));
    let elements = parts.flat_map(|part| part.descendants()).filter(Node::is_element);
    // An empty set of attributes stays when its last one is deleted, by whichever tool.
    let says = |node: &Node<'_, '_>| !matches!(node.tag_name().name(), "instance_attributes" | "transient_attributes");
    // The cluster's own, and the scores that agents give their nodes for being promoted.
    let theirs = ["#feature-set", "last-lrm-refresh", "name=\"master-"];
    let lines = elements.filter(says).map(|node| line(&node));
    lines.filter(|line| !theirs.iter().any(|theirs| line.contains(theirs))).collect()
}

fn line(node: &Node<'_, '_>) -> String {
    let attributes = node.attributes().map(|a| format!(" {}={:?}", a.name(), a.value()));
    format!("<{}{}>", node.tag_name().name(), attributes.collect::<String>())
}

fn files(disk: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![disk.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
                continue;
            }
            found.insert(entry.path().strip_prefix(disk).unwrap().to_str().unwrap().to_owned());
        }
    }
    found
}
