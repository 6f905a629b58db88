//! What the cluster's replicated store says, by `cibadmin -Q`: who is in charge, marks, standby attributes, and the
//! constraints that decide where resources may run.

use std::collections::{BTreeMap, BTreeSet};

use roxmltree::{Document, Node};

use super::drain;
use super::marks;
use super::status::{child, children};
use crate::model::{Claim, Mark};

/// The store, as far as it matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cib {
    /// What the cluster is called, if anything.
    pub name: Option<String>,
    pub claim: Option<Claim>,
    pub marks: Vec<Mark>,
    /// Values of ours that make no sense: written by another version, or by hand.
    pub unreadable: Vec<String>,
    /// Nodes with a standby attribute, and whether it outlives a reboot.
    pub standby: BTreeMap<String, bool>,
    /// Nodes that bans of ours keep resources off.
    pub banned: BTreeSet<String>,
    /// Where a resource must not run, must run, or would rather, with the score. Bans of ours are none of these: they
    /// go with the pause.
    pub locations: Vec<Location>,
    /// What a resource loses by moving, by resource; the default under the empty name.
    pub stickiness: BTreeMap<String, i64>,
    /// Fence devices.
    pub fence_devices: BTreeSet<String>,
}

/// A location constraint for one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Location {
    pub id: String,
    pub resource: String,
    pub node: String,
    pub score: i64,
}

/// Pacemaker's infinity.
pub(super) const INFINITY: i64 = 1_000_000;

impl Cib {
    /// Reads it.
    ///
    /// # Errors
    /// What makes it no store.
    pub fn parse(xml: &str) -> Result<Self, String> {
        let document = Document::parse(xml).map_err(|e| format!("cibadmin gave no sensible XML: {e}"))?;
        let root = document.root_element();
        let configuration = child(root, "configuration").ok_or("cibadmin: no configuration in its answer")?;
        let mut cib = Self::default();
        let properties = child(configuration, "crm_config").into_iter().flat_map(|all| all.descendants());
        let name = properties.into_iter().find(|pair| pair.attribute("name") == Some("cluster-name"));
        cib.name = name.and_then(|pair| pair.attribute("value")).filter(|name| !name.is_empty()).map(str::to_owned);
        cib.ours(configuration);
        cib.attributes(configuration, root);
        cib.constraints(configuration)?;
        cib.resources(configuration);
        Ok(cib)
    }

    /// What the constraints on some resources say of a node, all together.
    pub fn score(&self, node: &str, of: impl Fn(&str) -> bool) -> i64 {
        let of = self.locations.iter().filter(|l| of(&l.resource) && l.node == node).map(|l| l.score);
        of.fold(0, |sum, score| match (sum, score) {
            // Keeping off wins over preferring.
            (_, score) if score <= -INFINITY => -INFINITY,
            (sum, _) if sum <= -INFINITY => -INFINITY,
            (sum, score) => (sum + score).min(INFINITY),
        })
    }

    fn ours(&mut self, configuration: Node<'_, '_>) {
        let sets = configuration.descendants().filter(|n| n.has_tag_name("cluster_property_set"));
        for set in sets {
            let Some(id) = set.attribute("id").filter(|id| id.starts_with(marks::OURS)) else { continue };
            let value = child(set, "nvpair").and_then(|pair| pair.attribute("value")).unwrap_or_default();
            match marks::read(id, value) {
                Some(marks::Value::Claim(claim)) => self.claim = Some(claim),
                Some(marks::Value::Mark(mark)) => self.marks.push(mark),
                None => self.unreadable.push(format!("{id}={value}")),
            }
        }
        self.marks.sort();
    }

    fn attributes(&mut self, configuration: Node<'_, '_>, root: Node<'_, '_>) {
        let on = |value: Option<&str>| matches!(value, Some("on" | "true" | "yes" | "1"));
        let standby = |node: Node<'_, '_>| {
            node.descendants().any(|pair| {
                pair.has_tag_name("nvpair") && pair.attribute("name") == Some("standby") && on(pair.attribute("value"))
            })
        };
        let nodes =
            child(configuration, "nodes").into_iter().flat_map(|nodes| children(nodes, "node").collect::<Vec<_>>());
        for node in nodes.filter(|node| standby(*node)) {
            self.standby.extend(node.attribute("uname").map(|name| (name.to_owned(), true)));
        }
        let states =
            child(root, "status").into_iter().flat_map(|status| children(status, "node_state").collect::<Vec<_>>());
        for state in states {
            let transient = child(state, "transient_attributes").is_some_and(standby);
            if let Some(name) = state.attribute("uname").filter(|_| transient) {
                self.standby.entry(name.to_owned()).or_insert(false);
            }
        }
    }

    /// Location constraints for one resource on one node. Rules, sets and patterns, and resources that follow each
    /// other, only the cluster itself can work out.
    fn constraints(&mut self, configuration: Node<'_, '_>) -> Result<(), String> {
        let Some(constraints) = child(configuration, "constraints") else { return Ok(()) };
        for constraint in children(constraints, "rsc_location") {
            let of = |name| constraint.attribute(name);
            let (Some(resource), Some(node), Some(score)) = (of("rsc"), of("node"), of("score")) else { continue };
            let (resource, node, score) = (resource.to_owned(), node.to_owned(), read_score(score)?);
            let id = of("id").unwrap_or_default().to_owned();
            if drain::is_ours(&id) {
                self.banned.insert(node);
            } else {
                self.locations.push(Location { id, resource, node, score });
            }
        }
        Ok(())
    }

    fn resources(&mut self, configuration: Node<'_, '_>) {
        let stickiness = |set: Node<'_, '_>| {
            let pair = set.descendants().find(|n| n.attribute("name") == Some("resource-stickiness"))?;
            read_score(pair.attribute("value")?).ok()
        };
        if let Some(default) = child(configuration, "rsc_defaults").and_then(stickiness) {
            self.stickiness.insert(String::new(), default);
        }
        let Some(resources) = child(configuration, "resources") else { return };
        for resource in resources.descendants() {
            let Some(id) = resource.attribute("id").filter(|_| is_resource(resource)) else { continue };
            if resource.attribute("class") == Some("stonith") {
                self.fence_devices.insert(id.to_owned());
            }
            let own = children(resource, "meta_attributes").find_map(stickiness);
            self.stickiness.extend(own.map(|own| (id.to_owned(), own)));
        }
    }
}

fn is_resource(node: Node<'_, '_>) -> bool {
    matches!(node.tag_name().name(), "primitive" | "group" | "clone" | "master" | "bundle")
}

fn read_score(text: &str) -> Result<i64, String> {
    match text {
        "INFINITY" | "+INFINITY" => Ok(INFINITY),
        "-INFINITY" => Ok(-INFINITY),
        number => number
            .parse::<i64>()
            .map(|n| n.clamp(-INFINITY, INFINITY))
            .map_err(|_| format!("cibadmin: score {text:?} is no score")),
    }
}
