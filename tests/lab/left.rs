//! What is left of ours in a cluster when all is done: nothing. Compared with how the cluster was before.

use std::collections::BTreeSet;

use roxmltree::{Document, Node};

use super::cluster::Lab;

/// How a cluster was before anything of ours was in it.
pub struct Before {
    configuration: BTreeSet<String>,
}

impl Before {
    pub fn look(lab: &Lab) -> Self {
        Self { configuration: configuration(lab) }
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
            let ours: Vec<_> = processes.lines().filter(|line| line.contains("rollward")).collect();
            assert!(ours.is_empty(), "processes on {node}: {ours:?}");
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
    let theirs = ["#feature-set", "name=\"master-"];
    let lines = elements.filter(says).map(|node| line(&node));
    lines.filter(|line| !theirs.iter().any(|theirs| line.contains(theirs))).collect()
}

fn line(node: &Node<'_, '_>) -> String {
    let attributes = node.attributes().map(|a| format!(" {}={:?}", a.name(), a.value()));
    format!("<{}{}>", node.tag_name().name(), attributes.collect::<String>())
}
