//! Votes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Happening, Violation, ViolationKind, World};
use crate::model::{Action, NodeName, Time};
use crate::observed::GroupState;

/// How a cluster counts votes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum QuorumModel {
    /// More than half of the nodes.
    #[default]
    Majority,
    /// More than half of the nodes and a witness on a file share.
    FileShare,
    /// More than half of the nodes and a shared disk.
    Disk,
    /// Two nodes of which each may go on alone.
    TwoNode,
    /// No votes: a host that is no cluster.
    None,
}

/// The votes of a world, now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Votes {
    /// Of nodes that are members.
    pub nodes: u32,
    /// Of the witness: one if it can be reached by a member, `None` if there is no witness.
    pub witness: Option<u32>,
    /// Without which everything stops.
    pub needed: u32,
}

impl QuorumModel {
    /// The most votes there can be with so many nodes, and those needed.
    pub fn votes(self, nodes: u32) -> (u32, u32) {
        match self {
            QuorumModel::Majority => (nodes, nodes / 2 + 1),
            QuorumModel::FileShare | QuorumModel::Disk => (nodes + 1, nodes.div_ceil(2) + 1),
            QuorumModel::TwoNode => (nodes, 1),
            QuorumModel::None => (nodes, 0),
        }
    }

    /// Whether there is a witness.
    pub fn has_witness(self) -> bool {
        matches!(self, QuorumModel::FileShare | QuorumModel::Disk)
    }
}

impl Votes {
    /// All of them.
    pub fn present(self) -> u32 {
        self.nodes + self.witness.unwrap_or(0)
    }
}

impl World {
    /// The votes, now, as if these nodes had left.
    pub fn votes(&self, without: &[&NodeName]) -> Votes {
        let nodes = self.members().filter(|n| !without.contains(n)).count() as u32;
        let (_, needed) = self.quorum.votes(self.nodes.len() as u32);
        let witness = self.quorum.has_witness().then(|| u32::from(self.witness_up && nodes > 0));
        Votes { nodes, witness, needed }
    }

    /// Whether the cluster runs at all. A host that is no cluster always does.
    pub fn has_quorum(&self) -> bool {
        self.has_quorum_without(&[])
    }

    /// Whether it would run without these nodes.
    pub(super) fn has_quorum_without(&self, nodes: &[&NodeName]) -> bool {
        let votes = self.votes(nodes);
        self.quorum == QuorumModel::None || (votes.nodes > 0 && votes.present() >= votes.needed)
    }

    /// Stops everything when quorum was just lost; to be called whenever votes may have changed.
    pub(super) fn recount(&mut self, by: Option<&Action>, at: Time, happened: &mut Vec<Happening>) {
        let has = self.has_quorum();
        if self.had_quorum && !has {
            for group in self.groups.values_mut() {
                group.state = GroupState::Offline;
            }
            // An installer stops the cluster service minutes after its work began. Votes that others lost meanwhile are
            // not of its taking.
            let spared = |node: &NodeName| self.nodes.get(node).is_some_and(|truth| truth.spared);
            if let Some(action) = by.filter(|action| !action.node().is_some_and(spared)) {
                happened.push(Happening::Violation(Violation {
                    kind: ViolationKind::LostQuorum,
                    at,
                    node: action.node().cloned(),
                    group: None,
                    action: Some(action.clone()),
                }));
            }
        }
        self.had_quorum = has;
    }
}

#[cfg(test)]
mod tests {
    use super::QuorumModel;

    #[test]
    fn more_than_half_of_all_votes_are_needed() {
        for (nodes, alone, with_witness) in [(1, 1, 2), (2, 2, 2), (3, 2, 3), (4, 3, 3), (5, 3, 4), (8, 5, 5)] {
            assert_eq!(QuorumModel::Majority.votes(nodes), (nodes, alone));
            assert_eq!(QuorumModel::FileShare.votes(nodes), (nodes + 1, with_witness));
        }
        assert_eq!(QuorumModel::TwoNode.votes(2), (2, 1));
    }
}
