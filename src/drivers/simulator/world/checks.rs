//! The checks that a permit carries, seen on the node itself, after its mark is written.

use super::{Machine, World};
use crate::guard::Check;
use crate::model::{Action, Claim, MarkKind, NodeName};
use crate::observed::GroupKind;

impl World {
    /// Makes one check against the truth.
    ///
    /// # Errors
    /// The check's name and what it saw.
    pub(super) fn check(&self, check: &Check, own: &Action, claim: Option<&Claim>) -> Result<(), (String, String)> {
        let no = |saw: String| Err((check.word().to_owned(), saw));
        match check {
            Check::ClaimIsOurs => match (&self.store.claim, claim) {
                (Some(there), Some(ours)) if there.epoch == ours.epoch && there.holder == ours.holder => Ok(()),
                (Some(there), _) => no(format!("the cluster's claim is {there}")),
                (None, _) => no("the cluster has no claim".into()),
            },
            Check::NothingElseInProgress { beside } => {
                let stands_against = |action: &Action| action != own && !beside.contains(action);
                let announced = self.store.marks.iter().find(|m| match &m.kind {
                    MarkKind::InProgress { action } => stands_against(action),
                    _ => false,
                });
                if let Some(mark) = announced {
                    return no(mark.to_string());
                }
                match self.nodes.values().filter_map(|n| n.running()).find(|w| stands_against(&w.action)) {
                    Some(work) => no(format!("{} is running", work.action)),
                    None => Ok(()),
                }
            }
            Check::OwnsNoRole { node } => match self.owned_by(node).find(|(_, g)| g.kind == GroupKind::Role) {
                Some((group, _)) => no(format!("{node} owns {group:?}")),
                None => Ok(()),
            },
            Check::OwnsNothing { node } => match self.owned_by(node).next() {
                Some((group, _)) => no(format!("{node} owns {group:?}")),
                None => Ok(()),
            },
            Check::Owner { group, node } => match self.groups.get(group) {
                Some(truth) if truth.owner == *node => Ok(()),
                Some(truth) => no(format!("{group:?} is on {}", truth.owner)),
                None => no(format!("there is no group {group:?}")),
            },
            Check::Up { node } if self.is_member(node) => Ok(()),
            Check::Up { node } => no(format!("{node} is not a full member")),
            Check::NotPaused { node } => match self.nodes.get(node) {
                Some(truth) if truth.paused.is_none() => Ok(()),
                _ => no(format!("{node} is paused")),
            },
            Check::PausedByUs { node } => {
                let marked =
                    self.store.marks.iter().any(|m| matches!(&m.kind, MarkKind::Pause { node: n } if n == node));
                match (self.nodes.get(node).is_some_and(|n| n.paused.is_some()), marked) {
                    (true, true) => Ok(()),
                    (true, false) => no(format!("{node} is paused without our mark")),
                    (false, _) => no(format!("{node} is not paused")),
                }
            }
            Check::QuorumWithout { node, also, margin } => {
                let without: Vec<_> = also.iter().chain([node]).collect();
                let votes = self.votes(&without);
                let enough = votes.nodes > 0 && votes.present() >= votes.needed.saturating_add(*margin);
                if enough || self.is_standalone() || !self.is_member(node) {
                    Ok(())
                } else {
                    let without = without.iter().map(|n| n.as_str()).collect::<Vec<_>>().join(" and ");
                    no(format!("without {without}, {} votes are left and {} needed", votes.present(), votes.needed))
                }
            }
            Check::FewerOut { besides, than } => {
                let out = |name: &&NodeName| {
                    *name != besides
                        && (!self.is_member(name) || self.nodes.get(*name).is_some_and(|n| n.paused.is_some()))
                };
                let out: Vec<_> = self.nodes.keys().filter(out).map(NodeName::as_str).collect();
                if out.len() < *than as usize { Ok(()) } else { no(format!("{} is out already", out.join(", "))) }
            }
            Check::Hash { file, sha256 } => {
                // The node it is for is the one that checks; it is the action's.
                let staged = own.node().and_then(|n| self.nodes.get(n)).and_then(|n| n.staged.get(file));
                match staged {
                    Some(hash) if hash == sha256 => Ok(()),
                    Some(hash) => no(format!("{file} has the SHA-256 {hash}")),
                    None => no(format!("{file} is not on the node")),
                }
            }
            Check::NoRival { node } => match self.nodes.get(node) {
                Some(truth) if truth.machine != Machine::Up => no(format!("{node} does not answer")),
                Some(truth) => match &truth.rival {
                    Some(rival) => no(format!("{rival} is at work on {node}")),
                    None => Ok(()),
                },
                None => no(format!("there is no node {node}")),
            },
        }
    }
}
