//! `preflight`: nothing is paid before knowing. A node is not paused, stopped or vacated when its install would be refused.
//!
//! What other rules say of the install they say themselves, ahead of it, with their own names: baseline, interim
//! updates and downgrades (`version`), the package (`package`), standby order (`standby-first`), votes (`quorum`),
//! slots (`max-unavailable`), tries (`budget`), other installers (`rival`), soak (`soak`). They look ahead only while
//! this rule is in force. Here is what only an install that is still to come needs.

use super::prospect::prospect;
use super::{Rule, say};
use crate::guard::Facts;
use crate::model::{Action, Evidence, GroupName, Hold, Known, NodeName, ReleaseKind, RuleName};
use crate::observed::{Group, GroupKind, GroupState};

pub(super) const RULE: Rule = Rule {
    name: RuleName::Preflight,
    judges: "Pause, StopCluster, Handoff",
    judges_finishing: false,
    says_no_to: "costs paid before knowing: the node to be worked on lacks disk, waits for a reboot, differs from its \
                 service baseline, or has its replication suspended; a backup runs, or a role is not online; or what the install's own rules say of it",
    judge,
    checks: super::no_checks,
};

fn judge(action: &Action, facts: &Facts<'_>) -> Result<(), Hold> {
    let Some(coming) = prospect(action, facts).filter(|p| !p.now) else { return Ok(()) };
    let node = coming.node;
    let Some(seen) = facts.seen.nodes.get(node) else {
        let what = format!("released when {node} is seen");
        return Err(say::on_node(RuleName::Preflight, node, vec![say::not_seen(node)], ReleaseKind::Observation, what));
    };
    let mut found = Found::default();
    if !seen.disk.surely(|d| d.free_mib >= d.needed_mib) {
        let say = |d: &crate::observed::Disk| format!("{} MiB free, {} MiB needed", d.free_mib, d.needed_mib);
        let evidence = Evidence::of(format!("nodes.{node}.disk"), &seen.disk, say);
        found.add_fact(&seen.disk, node, evidence, ReleaseKind::Person, "room for the installer");
    }
    if !seen.pending_reboot.surely(|pending| !pending) {
        let evidence = Evidence::of(format!("nodes.{node}.pendingReboot"), &seen.pending_reboot, bool::to_string);
        found.add_fact(&seen.pending_reboot, node, evidence, ReleaseKind::Person, "a reboot by somebody");
    }
    if !seen.services.surely(|s| s.differing.is_empty()) {
        let evidence = Evidence::of(format!("nodes.{node}.services"), &seen.services, |s| {
            say::list(s.differing.iter().map(|(service, how)| format!("{service} {how}")))
        });
        found.add_fact(&seen.services, node, evidence, ReleaseKind::Progress, "services as in the baseline");
    }
    // What we suspend, or an installer does, we resume under our own pause. This is somebody else's.
    if seen.replication_suspended.surely(|suspended| *suspended) {
        let evidence =
            Evidence::of(format!("nodes.{node}.replicationSuspended"), &seen.replication_suspended, bool::to_string);
        found.add(evidence, ReleaseKind::Person, format!("replication to {node} resumed by whoever suspended it"));
    }
    // Whatever is online and not being backed up needs no second look.
    let amiss = |group: &Group| !group.backup.surely(|b| !b) || !group.state.surely(|s| *s == GroupState::Online);
    let role = |name: &GroupName, group: &Group| facts.desired.kind_of(name, group) == GroupKind::Role;
    for (name, group) in facts.seen.groups.iter().filter(|(name, group)| amiss(group) && role(name, group)) {
        let concerned = match action.group() {
            Some(moved) => moved == name,
            None => group.copies.contains_key(node),
        };
        if concerned && !group.backup.surely(|running| !running) {
            let evidence = Evidence::of(format!("groups.{name}.backup"), &group.backup, |running| {
                if *running { "running".into() } else { "not running".into() }
            });
            found.add(evidence, ReleaseKind::Observation, "the end of the backup");
        }
        if !group.state.surely(|s| *s == GroupState::Online) && !facts.seen.is_our_duty(name) {
            found.add(say::state(name, group), ReleaseKind::Observation, "every role online");
        }
    }
    found.into_hold().map_or(Ok(()), |(evidence, kind, what)| {
        Err(say::on_node(RuleName::Preflight, node, evidence, kind, format!("released by {what}")))
    })
}

/// What was found amiss, and what would cure it.
#[derive(Default)]
pub(super) struct Found {
    evidence: Vec<Evidence>,
    kind: Option<ReleaseKind>,
    cures: Vec<String>,
}

impl Found {
    /// One more thing. Of several releases, the one that takes longest to come tells what kind the hold is.
    pub(super) fn add(&mut self, evidence: Evidence, kind: ReleaseKind, cure: impl Into<String>) {
        fn rank(kind: &ReleaseKind) -> u8 {
            match kind {
                ReleaseKind::Person => 4,
                ReleaseKind::Manifest => 3,
                ReleaseKind::Observation => 2,
                ReleaseKind::Time(_) => 1,
                ReleaseKind::Progress => 0,
            }
        }
        self.evidence.push(evidence);
        let cure = cure.into();
        if !self.cures.contains(&cure) {
            self.cures.push(cure);
        }
        self.kind = Some(match self.kind.take() {
            Some(before) if (rank(&before), &before) >= (rank(&kind), &kind) => before,
            _ => kind,
        });
    }

    /// One more thing about a node, which a look cures as long as it is not known.
    fn add_fact<T>(&mut self, of: &Known<T>, node: &NodeName, evidence: Evidence, kind: ReleaseKind, cure: &str) {
        match of {
            Known::Known { .. } => self.add(evidence, kind, cure),
            Known::Unknown { .. } => self.add(evidence, ReleaseKind::Observation, format!("a look at {node}")),
        }
    }

    /// Everything, if there is anything.
    pub(super) fn into_hold(self) -> Option<(Vec<Evidence>, ReleaseKind, String)> {
        let cures = self.cures.join(" and ");
        self.kind.map(|kind| (self.evidence, kind, cures))
    }
}
