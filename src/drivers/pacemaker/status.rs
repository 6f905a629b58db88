//! What `crm_mon -1 -rA --output-as xml` says, as types. Exit status 0 proves nothing: without a summary and nodes,
//! nothing is known.
//!
//! Source: Pacemaker's own XML output (api-version 2.25 and before); everything from 2.0 on has these elements.

use std::collections::{BTreeMap, BTreeSet};

use roxmltree::{Document, Node};

/// One node's view of the whole cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Status {
    /// Whether this view has quorum. A view without it may be wrong, and may be overruled.
    pub with_quorum: bool,
    /// The node that decides, if the view has one.
    pub dc: Option<String>,
    /// The release that it runs, as that node says.
    pub version: Option<String>,
    pub options: Options,
    pub nodes: BTreeMap<String, Member>,
    pub resources: Vec<Resource>,
    pub bans: Vec<Ban>,
}

/// Options of the whole cluster that matter here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub fencing: bool,
    pub symmetric: bool,
    pub maintenance: bool,
}

/// A node as it is seen by another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// Its number in Corosync's membership; a remote node has another kind.
    pub id: Option<String>,
    pub online: bool,
    pub pending: bool,
    pub unclean: bool,
    pub shutdown: bool,
    pub standby: bool,
    pub maintenance: bool,
    pub kind: MemberKind,
}

/// What kind of node it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MemberKind {
    /// It runs the cluster's own stack and has a vote.
    Member,
    /// It runs the remote daemon only, or is a guest: a resource of the cluster keeps it in.
    Remote,
}

/// A resource, or a thing made of resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    Primitive(Primitive),
    Group { id: String, members: Vec<Primitive> },
    Clone { id: String, promotable: bool, instances: Vec<Instance> },
    Bundle { id: String, replicas: Vec<Vec<Primitive>> },
}

/// One instance of a clone: a primitive, or a group of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Instance {
    pub members: Vec<Primitive>,
}

/// One primitive resource, or one instance of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Primitive {
    pub id: String,
    pub agent: String,
    pub role: String,
    pub active: bool,
    pub orphaned: bool,
    pub blocked: bool,
    pub managed: bool,
    pub failed: bool,
    /// Whether somebody wants it stopped.
    pub disabled: bool,
    /// Where it is, or was when something was last heard of it.
    pub nodes: Vec<String>,
}

/// A constraint that keeps a resource off a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ban {
    pub id: String,
    pub resource: String,
    pub node: String,
}

impl Status {
    /// Reads it.
    ///
    /// # Errors
    /// Why nothing is known: what the tool said, or what is missing in its answer.
    pub fn parse(xml: &str) -> Result<Self, String> {
        let document = Document::parse(xml).map_err(|e| format!("crm_mon gave no sensible XML: {e}"))?;
        let root = document.root_element();
        let said: Vec<_> = root.descendants().filter(|n| n.has_tag_name("error")).filter_map(|n| n.text()).collect();
        let (Some(summary), Some(nodes)) = (child(root, "summary"), child(root, "nodes")) else {
            let said = if said.is_empty() { "no summary and no nodes in its answer".into() } else { said.join("; ") };
            return Err(format!("crm_mon: {said}"));
        };
        let nodes: BTreeMap<_, _> = children(nodes, "node")
            .map(|node| Ok((text(node, "name")?, member(node)?)))
            .collect::<Result<_, String>>()?;
        if nodes.is_empty() {
            return Err("crm_mon: no nodes in its answer".into());
        }
        let dc = child(summary, "current_dc").ok_or("crm_mon: no current_dc in its answer")?;
        let present = flag(dc, "present")?;
        let resources = child(root, "resources").into_iter().flat_map(elements);
        let failures = child(root, "failures").into_iter().flat_map(|all| children(all, "failure"));
        // `db-server_start_0`: of what, which operation, and how often it is repeated.
        let failures = failures.filter_map(|failure| {
            Some((failure.attribute("op_key")?.rsplitn(3, '_').nth(2)?, failure.attribute("node")?))
        });
        let failures: BTreeSet<(&str, &str)> = failures.collect();
        let bans = child(root, "bans").into_iter().flat_map(|bans| children(bans, "ban"));
        Ok(Self {
            with_quorum: present && flag(dc, "with_quorum")?,
            version: dc.attribute("version").map(str::to_owned),
            dc: if present { Some(text(dc, "name")?) } else { None },
            options: options(child(summary, "cluster_options").ok_or("crm_mon: no cluster_options in its answer")?)?,
            nodes,
            resources: resources
                .map(|node| resource(node).map(|resource| given_up(resource, &failures)))
                .collect::<Result<_, String>>()?,
            bans: bans
                .filter(|ban| ban.attribute("weight").is_some_and(|w| w == "-1000000" || w == "-INFINITY"))
                .map(|ban| Ok(Ban { id: text(ban, "id")?, resource: text(ban, "resource")?, node: text(ban, "node")? }))
                .collect::<Result<_, String>>()?,
        })
    }
}

/// A member of a group that does not run where the others do, and has failed there, is one that the cluster has given up
/// for now: it has failed, though it is only said to be stopped.
fn given_up(mut resource: Resource, failures: &BTreeSet<(&str, &str)>) -> Resource {
    if let Resource::Group { members, .. } = &mut resource {
        let on: BTreeSet<String> = members.iter().flat_map(|member| member.nodes.iter().cloned()).collect();
        for member in members.iter_mut().filter(|member| member.role == "Stopped" && !member.disabled) {
            member.failed |= on.iter().any(|node| failures.contains(&(member.id.as_str(), node.as_str())));
        }
    }
    resource
}

fn options(node: Node<'_, '_>) -> Result<Options, String> {
    Ok(Options {
        fencing: flag(node, "stonith-enabled")?,
        symmetric: flag(node, "symmetric-cluster")?,
        maintenance: flag(node, "maintenance-mode")?,
    })
}

fn member(node: Node<'_, '_>) -> Result<Member, String> {
    Ok(Member {
        id: node.attribute("id").map(str::to_owned),
        online: flag(node, "online")?,
        pending: flag(node, "pending")?,
        unclean: flag(node, "unclean")?,
        shutdown: flag(node, "shutdown")?,
        standby: flag(node, "standby")? || flag(node, "standby_onfail")?,
        maintenance: flag(node, "maintenance")?,
        kind: match node.attribute("type") {
            Some("member") | None => MemberKind::Member,
            Some(_) => MemberKind::Remote,
        },
    })
}

pub(super) fn resource(node: Node<'_, '_>) -> Result<Resource, String> {
    let id = text(node, "id")?;
    match node.tag_name().name() {
        "resource" => Ok(Resource::Primitive(primitive(node)?)),
        "group" => Ok(Resource::Group { id, members: primitives(node)? }),
        "clone" => {
            let promotable = node.attribute("multi_state") == Some("true");
            let instance = |node: Node<'_, '_>| match node.tag_name().name() {
                "resource" => Ok(Instance { members: vec![primitive(node)?] }),
                "group" => Ok(Instance { members: primitives(node)? }),
                other => Err(format!("crm_mon: a {other} inside clone {id}, which is not understood")),
            };
            let instances = elements(node).map(instance).collect::<Result<_, String>>()?;
            Ok(Resource::Clone { id, promotable, instances })
        }
        "bundle" => {
            let replicas = children(node, "replica").map(primitives).collect::<Result<_, String>>()?;
            Ok(Resource::Bundle { id, replicas })
        }
        other => Err(format!("crm_mon: a {other} {id} among the resources, which is not understood")),
    }
}

fn primitives(node: Node<'_, '_>) -> Result<Vec<Primitive>, String> {
    children(node, "resource").map(primitive).collect()
}

fn primitive(node: Node<'_, '_>) -> Result<Primitive, String> {
    Ok(Primitive {
        id: text(node, "id")?,
        agent: text(node, "resource_agent")?,
        role: text(node, "role")?,
        active: flag(node, "active")?,
        orphaned: flag(node, "orphaned")?,
        blocked: flag(node, "blocked")?,
        managed: flag(node, "managed")?,
        failed: flag(node, "failed")?,
        disabled: node.attribute("target_role") == Some("Stopped"),
        nodes: children(node, "node").map(|node| text(node, "name")).collect::<Result<_, String>>()?,
    })
}

/// The element children of a node.
pub(super) fn elements<'a, 'i>(node: Node<'a, 'i>) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(Node::is_element)
}

/// The element children of that name.
pub(super) fn children<'a, 'i: 'a>(node: Node<'a, 'i>, name: &'a str) -> impl Iterator<Item = Node<'a, 'i>> {
    elements(node).filter(move |child| child.has_tag_name(name))
}

/// The first element child of that name.
pub(super) fn child<'a, 'i: 'a>(node: Node<'a, 'i>, name: &'a str) -> Option<Node<'a, 'i>> {
    children(node, name).next()
}

/// An attribute that must be there.
pub(super) fn text(node: Node<'_, '_>, attribute: &str) -> Result<String, String> {
    let missing = || format!("no attribute {attribute} at <{}>", node.tag_name().name());
    node.attribute(attribute).map(str::to_owned).ok_or_else(missing)
}

fn flag(node: Node<'_, '_>, attribute: &str) -> Result<bool, String> {
    match node.attribute(attribute) {
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        other => Err(format!(
            "crm_mon: attribute {attribute} at <{}> is {other:?}, not true or false",
            node.tag_name().name()
        )),
    }
}
