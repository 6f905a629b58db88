//! What an action changes where nothing goes wrong: the planner's model of the future.
//!
//! The simulator has physics of its own; a test shows that both agree where no fault is injected.

use super::Targets;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::time::later;
use crate::model::{
    Action, ClusterServiceRule, GroupName, HandoffStyle, Holder, Known, Mark, MarkKind, NodeName, Rollup, Standing,
    Time,
};
use crate::observed::{
    Copy, CopyStatus, Group, GroupState, Membership, Node, Observation, Services, Verified, View, Work, WorkEnd,
};

/// Brings the model to where the action leaves it, `now` being when its end is seen. No announcement is left behind.
pub fn apply(action: &Action, model: &mut Observation, targets: &dyn Targets, now: Time) {
    match action {
        Action::Stage { node, rollup } => {
            let Some(rollup) = targets.rollup(rollup) else { return };
            let copied =
                rollup.packages.iter().filter_map(|p| Some((p.file.clone(), targets.sha256(&p.file)?.to_owned())));
            on(model, node, |n| {
                let mut staged = match &n.staged {
                    Known::Known { value, .. } => value.clone(),
                    Known::Unknown { .. } => BTreeMap::new(),
                };
                let before = staged.clone();
                staged.extend(copied);
                if before.iter().any(|(file, hash)| staged.get(file) != Some(hash)) {
                    forget_tries(n, rollup);
                }
                n.staged.suppose(staged, now);
                end_work(n, action, now);
            });
        }
        Action::Pause { node } => {
            on(model, node, |n| n.paused.suppose(true, now));
            mark(model, MarkKind::Pause { node: node.clone() }, now);
        }
        Action::Resume { node, quarantine } => {
            on(model, node, |n| n.paused.suppose(false, now));
            unmark(model, |kind| matches!(kind, MarkKind::Pause { node: n } if n == node));
            match quarantine {
                Some(why) => mark(model, MarkKind::Quarantine { node: node.clone(), why: why.clone() }, now),
                None => verify(model, node, targets, now),
            }
        }
        Action::MoveGroup { group, to, .. } => {
            in_group(model, group, |g| g.owner.suppose(Some(to.clone()), now));
        }
        Action::Handoff { group, from, to, style } => in_group(model, group, |g| {
            g.owner.suppose(Some(to.clone()), now);
            if *style == HandoffStyle::Online {
                g.state.suppose(GroupState::Online, now);
            }
            if g.copies.remove(to).is_some() {
                let behind = Copy { status: CopyStatus::Initializing, queue: 0 };
                g.copies.insert(from.clone(), Known::seen(behind, now));
            }
        }),
        Action::StopRole { group, to, at_most, .. } => {
            in_group(model, group, |g| g.state.suppose(GroupState::Offline, now));
            let duty = MarkKind::StoppedRole { group: group.clone(), to: to.clone(), deadline: later(now, *at_most) };
            mark(model, duty, now);
        }
        Action::StartRole { group, .. } => {
            in_group(model, group, |g| g.state.suppose(GroupState::Online, now));
            unmark(model, |kind| matches!(kind, MarkKind::StoppedRole { group: g, .. } if g == group));
        }
        Action::StopCluster { node } => leave(model, node, now),
        Action::StartCluster { node } => join(model, node, now),
        Action::Install { node, rollup } | Action::Uninstall { node, rollup } => {
            let Some(rollup) = targets.rollup(rollup) else { return };
            on(model, node, |n| install(n, rollup, action, now));
            if rollup.cluster_service == ClusterServiceRule::Restarts {
                copies_start_anew(model, node, now);
            }
        }
        Action::Reboot { node } => {
            on(model, node, |n| {
                n.pending_reboot.suppose(false, now);
                end_work(n, action, now);
            });
            join(model, node, now);
        }
        Action::RestoreServices { node } => on(model, node, |n| {
            if let Known::Known { value, .. } = &n.services {
                let baseline_saved = value.baseline_saved;
                n.services.suppose(Services { baseline_saved, ..Default::default() }, now);
            }
        }),
        Action::ResumeReplication { node } => {
            on(model, node, |n| n.replication_suspended.suppose(false, now));
            copies_start_anew(model, node, now);
        }
        Action::Release { mark } => unmark(model, |kind| *kind == mark.kind),
    }
}

/// Brings the model to what time alone brings where nothing goes wrong: what is on its way arrives.
pub fn settle(model: &mut Observation, now: Time) {
    let joining: Vec<_> = model
        .nodes
        .iter()
        .filter(|(_, n)| n.membership.surely(|m| *m == Membership::Joining))
        .map(|(name, _)| name.clone())
        .collect();
    for node in joining {
        join(model, &node, now);
    }
    let nodes = &model.nodes;
    for group in model.groups.values_mut() {
        if group.state.surely(|s| *s == GroupState::Pending) {
            group.state.suppose(GroupState::Online, now);
        }
        for (host, copy) in &mut group.copies {
            // Nothing is copied to a node that is out.
            let out = nodes.get(host).is_some_and(|n| n.membership.surely(|m| *m == Membership::Down));
            if !out && copy.surely(|c| is_on_its_way(c.status)) {
                copy.suppose(Copy { status: CopyStatus::Healthy, queue: 0 }, now);
            }
        }
        if let Known::Known { value, .. } = &mut group.standby_copies {
            for standby in value {
                if standby.copy.surely(|c| is_on_its_way(c.status)) {
                    standby.copy.suppose(Copy { status: CopyStatus::Healthy, queue: 0 }, now);
                }
            }
        }
    }
}

fn is_on_its_way(status: CopyStatus) -> bool {
    matches!(
        status,
        CopyStatus::Healthy | CopyStatus::Initializing | CopyStatus::Resynchronizing | CopyStatus::ServiceDown
    )
}

/// Makes every fact that is known as fresh as a look at that moment would. Ignorance stays.
pub fn look_again(model: &mut Observation, now: Time) {
    model.at = now;
    for view in &mut model.views {
        view.at = now;
    }
    refresh(&mut model.claim, now);
    refresh(&mut model.marks, now);
    refresh(&mut model.quorum, now);
    if let Known::Known { value, .. } = &mut model.quorum
        && let Some(witness) = &mut value.witness
    {
        refresh(witness, now);
    }
    for node in model.nodes.values_mut() {
        look_again_at_node(node, now);
    }
    for group in model.groups.values_mut() {
        look_again_at_group(group, now);
    }
}

fn look_again_at_node(node: &mut Node, now: Time) {
    // Taken apart by name, so that a new fact cannot be forgotten here.
    let Node {
        membership,
        cluster_service,
        paused,
        installed,
        baseline,
        interim_updates,
        pending_reboot,
        disk,
        services,
        staged,
        work,
        rival,
        tries,
        failed_handoffs,
        verified,
        epoch_seen,
        replication_suspended,
        instances: _,
    } = node;
    refresh(membership, now);
    refresh(cluster_service, now);
    refresh(paused, now);
    installed.values_mut().for_each(|version| refresh(version, now));
    refresh(baseline, now);
    refresh(interim_updates, now);
    refresh(pending_reboot, now);
    refresh(disk, now);
    refresh(services, now);
    refresh(staged, now);
    refresh(work, now);
    refresh(rival, now);
    refresh(tries, now);
    refresh(failed_handoffs, now);
    refresh(verified, now);
    refresh(epoch_seen, now);
    refresh(replication_suspended, now);
}

fn look_again_at_group(group: &mut Group, now: Time) {
    let Group { kind, owner, state, possible_owners, copies, standby_copies, backup, failback_to } = group;
    refresh(kind, now);
    refresh(owner, now);
    refresh(state, now);
    refresh(possible_owners, now);
    copies.values_mut().for_each(|copy| refresh(copy, now));
    refresh(standby_copies, now);
    if let Known::Known { value, .. } = standby_copies {
        value.iter_mut().for_each(|standby| refresh(&mut standby.copy, now));
    }
    refresh(backup, now);
    refresh(failback_to, now);
}

fn refresh<T>(known: &mut Known<T>, now: Time) {
    if let Known::Known { at, .. } = known {
        *at = now;
    }
}

fn on(model: &mut Observation, node: &NodeName, change: impl FnOnce(&mut Node)) {
    if let Some(node) = model.nodes.get_mut(node) {
        change(node);
    }
}

fn in_group(model: &mut Observation, group: &GroupName, change: impl FnOnce(&mut Group)) {
    if let Some(group) = model.groups.get_mut(group) {
        change(group);
    }
}

/// Who the model supposes to be in charge.
fn in_charge(model: &Observation) -> (u64, Holder) {
    match &model.claim {
        Known::Known { value: Some(claim), .. } => (claim.epoch, claim.holder.clone()),
        _ => (0, Holder::from("nobody")),
    }
}

fn mark(model: &mut Observation, kind: MarkKind, now: Time) {
    let (epoch, holder) = in_charge(model);
    let mark = Mark { kind, epoch, holder, at: now };
    match &mut model.marks {
        Known::Known { value, .. } => value.push(mark),
        Known::Unknown { .. } => model.marks.suppose(vec![mark], now),
    }
}

fn unmark(model: &mut Observation, which: impl Fn(&MarkKind) -> bool) {
    if let Known::Known { value, .. } = &mut model.marks {
        value.retain(|mark| !which(&mark.kind));
    }
}

fn verify(model: &mut Observation, node: &NodeName, targets: &dyn Targets, now: Time) {
    let Some(target) = targets.target(node) else { return };
    on(model, node, |n| {
        if target.standing(&n.installed) == Ok(Standing::Current) {
            n.verified.suppose(Some(Verified { rollup: target.name.clone(), at: now }), now);
        }
    });
}

/// The node's cluster service stops: its vote and its view are gone, copies on it stand still.
fn leave(model: &mut Observation, node: &NodeName, now: Time) {
    let was_up = model.is_up(node);
    on(model, node, |n| {
        n.membership.suppose(Membership::Down, now);
        n.cluster_service.suppose(false, now);
    });
    vote(model, was_up, |votes| votes.saturating_sub(1));
    reach_witness(model, |reached| {
        reached.remove(node);
    });
    model.views.retain(|view| view.from != *node);
    change_members(model, |members| {
        members.remove(node);
    });
    on_copies(model, node, now, CopyStatus::ServiceDown);
}

/// The node's cluster service runs, and the node is a full member.
fn join(model: &mut Observation, node: &NodeName, now: Time) {
    let was_up = model.is_up(node);
    on(model, node, |n| {
        n.membership.suppose(Membership::Up, now);
        n.cluster_service.suppose(true, now);
    });
    vote(model, !was_up, |votes| votes.saturating_add(1));
    reach_witness(model, |reached| {
        if !reached.is_empty() {
            reached.insert(node.clone());
        }
    });
    change_members(model, |members| {
        members.insert(node.clone());
    });
    if let Some(other) = model.views.first().cloned().filter(|_| model.views.iter().all(|v| v.from != *node)) {
        model.views.push(View { from: node.clone(), at: now, ..other });
    }
    copies_start_anew(model, node, now);
}

/// Changes the members that every view sees. Views that agreed share one set afterwards, too.
fn change_members(model: &mut Observation, change: impl Fn(&mut BTreeSet<NodeName>)) {
    let mut last: Option<[Arc<BTreeSet<NodeName>>; 2]> = None;
    for view in &mut model.views {
        match &last {
            Some([before, after]) if *before == view.members => view.members = Arc::clone(after),
            _ => {
                let before = Arc::clone(&view.members);
                change(Arc::make_mut(&mut view.members));
                last = Some([before, Arc::clone(&view.members)]);
            }
        }
    }
}

fn vote(model: &mut Observation, changes: bool, to: impl FnOnce(u32) -> u32) {
    if changes && let Known::Known { value, .. } = &mut model.quorum {
        value.node_votes = to(value.node_votes);
    }
}

/// Changes which nodes reach the witness, where it is known.
fn reach_witness(model: &mut Observation, change: impl FnOnce(&mut BTreeSet<NodeName>)) {
    if let Known::Known { value, .. } = &mut model.quorum
        && let Some(Known::Known { value: reached, .. }) = &mut value.witness
    {
        change(reached);
    }
}

fn forget_tries(node: &mut Node, rollup: &Rollup) {
    if let Known::Known { value, .. } = &mut node.tries {
        value.retain(|tries| tries.rollup != rollup.name);
    }
}

fn install(node: &mut Node, rollup: &Rollup, action: &Action, now: Time) {
    for package in &rollup.packages {
        node.installed.insert(package.name.clone(), Known::seen(Some(package.version.clone()), now));
    }
    forget_tries(node, rollup);
    if let Known::Known { value, .. } = &mut node.services {
        value.baseline_saved = true;
    }
    end_work(node, action, now);
}

/// Leaves on the node what its wrapper writes at the end of work that ended well.
fn end_work(node: &mut Node, action: &Action, now: Time) {
    let (epoch, holder) = match &node.work {
        Known::Known { value: Some(work), .. } => (work.epoch, work.holder.clone()),
        _ => (0, Holder::from("nobody")),
    };
    let ended = Some(WorkEnd { at: now, exit_code: Some(0), failure: None });
    node.work.suppose(Some(Work { action: action.clone(), epoch, holder, since: now, ended }), now);
}

/// The service that keeps the node's copies has been restarted, and waits for the next log.
fn copies_start_anew(model: &mut Observation, node: &NodeName, now: Time) {
    on_copies(model, node, now, CopyStatus::Initializing);
}

fn on_copies(model: &mut Observation, node: &NodeName, now: Time, status: CopyStatus) {
    for group in model.groups.values_mut() {
        if let Some(copy) = group.copies.get_mut(node)
            && copy.surely(|c| is_on_its_way(c.status) || c.status == CopyStatus::Suspended)
        {
            let queue = match copy {
                Known::Known { value, .. } => value.queue,
                Known::Unknown { .. } => 0,
            };
            copy.suppose(Copy { status, queue }, now);
        }
    }
}
