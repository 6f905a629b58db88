//! Why the floor and the optimum are what they are, for whoever wants to check: which roles must leave which nodes,
//! which nodes no sequence reaches, and which rule makes the rest.
//!
//! What makes the difference is found, not guessed: the search is run again on relaxed problems. With every constraint
//! lifted the floor is always enough. One after the other is put back for as long as it stays enough; what cannot be
//! put back makes the difference, and all of it is needed for that.

use std::cmp::Ordering::Equal;

use crate::guard::Facts;
use crate::model::{Action, Evidence, GroupName, Hold, Known, NodeName, RuleName};

use super::ask::holds;
use super::handoffs::Posed;
use super::rest::capacity;
use super::search::{MOST_NODES, Nodes, Problem, Solution, bit, solve};

/// What the floor and the optimum rest on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// True if the search went through to its end. Else the optimum is a number that no sequence does with fewer than.
    pub proven: bool,
    /// The floor, one by one: each of these roles has to leave its node.
    pub must_leave: Vec<MustLeave>,
    /// Nodes with work to do that are not worked on, by name.
    pub left: Vec<Left>,
    /// What makes the optimum more than the floor, or keeps nodes from being reached at all; empty if nothing does.
    pub because: Vec<Because>,
    /// Handoffs of the optimum that only bring roles back to preferred nodes, as the manifest asks.
    pub going_back: u32,
}

/// A role that has to leave a node so that it can be worked on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MustLeave {
    /// The role.
    pub role: GroupName,
    /// Its owner.
    pub node: NodeName,
    /// The packages of the node that are not at their target.
    pub evidence: Vec<Evidence>,
}

/// A node with work to do that no sequence reaches, or that is held until a person or a manifest releases it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The node.
    pub node: NodeName,
    /// What holds it.
    pub holds: Vec<Hold>,
}

/// A constraint without which the floor would be enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Because {
    /// The rule that makes it.
    pub rule: RuleName,
    /// What it says here, in a few words.
    pub what: &'static str,
    /// What that rests on.
    pub evidence: Vec<Evidence>,
}

impl std::fmt::Display for Because {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} makes the difference, as {}: ", self.rule, self.what)?;
        for (i, evidence) in self.evidence.iter().enumerate() {
            write!(f, "{}{} is {}", if i > 0 { ", " } else { "" }, evidence.fact, evidence.value)?;
        }
        Ok(())
    }
}

/// What can be lifted. Where lifting either of two would do, the later one is blamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Constraint {
    /// No node is empty or current that could take every role.
    NoSpare,
    /// Nodes that people hold.
    Held,
    /// A role goes to no older node, and to a stale one only as a last resort.
    Versions,
    /// How many roles a node may own.
    Room,
    /// Where a role may run.
    Owners,
}

const ALL: [Constraint; 5] =
    [Constraint::NoSpare, Constraint::Held, Constraint::Versions, Constraint::Room, Constraint::Owners];

/// The certificate of what the search found.
pub(super) fn certify(posed: &Posed<'_>, solution: &Solution, facts: &Facts<'_>) -> Certificate {
    let problem = &posed.problem;
    let reached = problem.work & !solution.left;
    let must_leave = problem.roles.iter().zip(&posed.groups).filter(|(role, _)| bit(role.owner) & reached != 0);
    let must_leave = must_leave.filter_map(|(role, name)| {
        let node = *posed.nodes.get(usize::from(role.owner))?;
        Some(MustLeave { role: (*name).clone(), node: node.clone(), evidence: versions(node, facts) })
    });
    let unreached = posed.names(solution.left).map(|node| {
        let mut against = holds(&Action::Pause { node: node.clone() }, facts);
        against.retain(|hold| hold.rule == RuleName::ActiveNode);
        Left { node: node.clone(), holds: against }
    });
    let held = posed.held.iter().map(|(node, holds)| Left { node: node.clone(), holds: holds.clone() });
    let mut left: Vec<_> = held.chain(unreached).collect();
    left.sort_by(|a, b| a.node.cmp(&b.node));
    let because = if solution.proven && !is_enough(solution) { because(posed, facts) } else { Vec::new() };
    Certificate { proven: solution.proven, must_leave: must_leave.collect(), left, because, going_back: 0 }
}

/// Every node is reached, and each role leaves its node no more than it has to.
fn is_enough(solution: &Solution) -> bool {
    solution.proven && solution.left == 0 && u32::try_from(solution.moves.len()) == Ok(solution.floor)
}

fn because(posed: &Posed<'_>, facts: &Facts<'_>) -> Vec<Because> {
    let mut lifted = ALL.to_vec();
    for constraint in ALL {
        let without: Vec<_> = lifted.iter().copied().filter(|other| *other != constraint).collect();
        let problem = relaxed(posed, &without);
        if is_enough(&solve(&problem)) {
            lifted = without;
        }
    }
    lifted.into_iter().flat_map(|constraint| say(constraint, posed, facts)).collect()
}

/// The problem without these constraints.
fn relaxed(posed: &Posed<'_>, lifted: &[Constraint]) -> Problem {
    let mut problem = posed.problem.clone();
    for constraint in lifted {
        match constraint {
            Constraint::Owners => problem.roles.iter_mut().for_each(|role| role.allowed |= posed.takers),
            Constraint::Room => problem.room.fill(u32::MAX),
            Constraint::Versions => (problem.stale, problem.ahead) = (0, 0),
            Constraint::Held => {
                problem.work |= problem.stale | problem.ahead;
                problem.fixed = 0;
                problem.roles.iter_mut().zip(&posed.released).for_each(|(role, released)| role.allowed |= released);
            }
            Constraint::NoSpare => {
                let Some(spare) = u8::try_from(problem.room.len()).ok().filter(|n| usize::from(*n) < MOST_NODES) else {
                    continue;
                };
                problem.room.push(u32::MAX);
                problem.older.push(0);
                problem.roles.iter_mut().for_each(|role| role.allowed |= bit(spare));
            }
        }
    }
    problem
}

fn say(constraint: Constraint, posed: &Posed<'_>, facts: &Facts<'_>) -> Vec<Because> {
    let ready_target = |what, evidence| vec![Because { rule: RuleName::ReadyTarget, what, evidence }];
    let concerned: Vec<&GroupName> = posed.groups_on(posed.problem.work).collect();
    match constraint {
        Constraint::NoSpare => {
            let owners = concerned.iter().filter_map(|name| {
                let owner = &facts.seen.groups.get(*name)?.owner;
                Some(Evidence::of(format!("groups.{name}.owner"), owner, |owner| {
                    owner.as_ref().map_or_else(|| "nobody".to_owned(), ToString::to_string)
                }))
            });
            let what = "every node that is to be worked on owns a role, and no other node can take it";
            vec![Because { rule: RuleName::ActiveNode, what, evidence: owners.collect() }]
        }
        Constraint::Held => {
            let of = |hold: &Hold| Because { rule: hold.rule, what: "a node is held", evidence: hold.evidence.clone() };
            let with_work = posed.held.iter().flat_map(|(_, holds)| holds.iter().map(of));
            let alone = posed.names(posed.problem.fixed & !(posed.problem.stale | posed.problem.ahead));
            let against = alone.flat_map(|node| holds(&Action::Pause { node: node.clone() }, facts));
            let without = against.filter(|hold| hold.rule == RuleName::Declared);
            with_work.chain(without.map(|hold| of(&hold)).collect::<Vec<_>>()).collect()
        }
        Constraint::Versions => {
            let stale = posed.names(posed.problem.stale | posed.problem.ahead);
            let evidence = stale.flat_map(|node| versions(node, facts)).collect();
            ready_target("a role goes to no older node, and to a stale one only if no other can take it", evidence)
        }
        Constraint::Room => {
            let limited = posed.nodes.iter().filter_map(|node| {
                let limit = capacity(node, facts.desired)?;
                Some(Evidence::timeless(format!("spec.nodes.{node}.maxRoles"), limit))
            });
            ready_target("nodes own no more roles than they may", limited.collect())
        }
        Constraint::Owners => {
            let owners = concerned.iter().filter_map(|name| {
                let owners = &facts.seen.groups.get(*name)?.possible_owners;
                let list = |owners: &std::sync::Arc<std::collections::BTreeSet<NodeName>>| {
                    owners.iter().map(NodeName::as_str).collect::<Vec<_>>().join(", ")
                };
                Some(Evidence::of(format!("groups.{name}.possibleOwners"), owners, list))
            });
            ready_target("roles run on their possible owners only", owners.collect())
        }
    }
}

/// The node's packages that are not at their target.
fn versions(node: &NodeName, facts: &Facts<'_>) -> Vec<Evidence> {
    let (Some(spec), Some(seen)) = (facts.desired.nodes.get(node), facts.seen.nodes.get(node)) else {
        return Vec::new();
    };
    let differing = spec.rollup.packages.iter().filter_map(|package| {
        let fact = format!("nodes.{node}.versions.{}", package.name);
        let installed = seen.installed.get(&package.name);
        match installed {
            Some(Known::Known { value: Some(version), .. }) if version.partial_cmp(&package.version) == Some(Equal) => {
                None
            }
            Some(known) => Some(Evidence::of(fact, known, |version| match version {
                Some(version) => format!("{version}, not {}", package.version),
                None => format!("not installed, not {}", package.version),
            })),
            None => Some(Evidence::timeless(fact, "unknown: nobody looked")),
        }
    });
    differing.collect()
}

impl<'a> Posed<'a> {
    /// The names of a set of nodes.
    fn names(&self, set: Nodes) -> impl Iterator<Item = &'a NodeName> + use<'a, '_> {
        self.nodes.iter().enumerate().filter(move |(n, _)| set & (1 << n) != 0).map(|(_, node)| *node)
    }

    /// Roles on any of these nodes.
    fn groups_on(&self, set: Nodes) -> impl Iterator<Item = &'a GroupName> + use<'a, '_> {
        self.problem.roles.iter().zip(&self.groups).filter(move |(r, _)| bit(r.owner) & set != 0).map(|(_, name)| *name)
    }
}
