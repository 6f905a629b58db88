//! Faults as they are drawn: plain numbers that are made to fit a world, so that any draw fits any world, and a draw
//! can be shrunk number by number.

use rand::Rng;

use crate::drivers::simulator::spec::{FaultKind, FaultSpec, Span, Spec, Trigger};
use crate::model::{ActionKind, GroupName, NodeName};
use crate::observed::{CopyStatus, GroupKind};

/// A fault as it was drawn. [`shape`] says what its numbers mean in a given world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// Which kind: an index into [`MENU`], wrapping.
    pub kind: u8,
    /// When, in seconds after the world's start, if it is a kind that comes by itself.
    pub at: u16,
    /// For how long, in seconds, if it ends.
    pub lasts: u16,
    /// To which node, wrapping.
    pub node: u8,
    /// To which group, wrapping.
    pub group: u8,
    /// Everything else that there is to choose.
    pub choice: u8,
}

/// Whom a world has that something can befall.
#[derive(Clone, Debug, Default)]
pub struct Cast {
    /// Its nodes.
    pub nodes: Vec<NodeName>,
    /// Its roles.
    pub roles: Vec<GroupName>,
    /// Its other groups.
    pub auxiliaries: Vec<GroupName>,
    /// Which of the roles keep copies of their data.
    pub with_copies: Vec<GroupName>,
    /// Whether it has a witness.
    pub witness: bool,
}

/// What can befall a world. Some kinds stand here more than once: those at which most has gone wrong in real life.
pub const MENU: &[FaultKind] = &[
    FaultKind::NodeCrash,
    FaultKind::InstallFails,
    FaultKind::MoveFails,
    FaultKind::Hand,
    FaultKind::LostReply,
    FaultKind::StaleRead,
    FaultKind::SlowMove,
    FaultKind::InstallHangs,
    FaultKind::AsksReboot,
    FaultKind::RebootStarted,
    FaultKind::RivalInstaller,
    FaultKind::NeverReturns,
    FaultKind::MoveFailsLate,
    FaultKind::SplitView,
    FaultKind::Unreachable,
    FaultKind::SecondController,
    FaultKind::ClockJump,
    FaultKind::StoreRunsBackwards,
    FaultKind::WitnessDown,
    FaultKind::BackupRunning,
    FaultKind::CopyUnhealthy,
    FaultKind::ReplicationSuspended,
    FaultKind::DiskFull,
    FaultKind::Hand,
    FaultKind::NodeCrash,
    FaultKind::InstallFails,
    FaultKind::Hand,
];

/// Actions that a fault may be hung on, when any will do.
const ANY_ACTION: &[ActionKind] = &[
    ActionKind::Install,
    ActionKind::Pause,
    ActionKind::Resume,
    ActionKind::Handoff,
    ActionKind::MoveGroup,
    ActionKind::Stage,
    ActionKind::StopRole,
    ActionKind::StartRole,
    ActionKind::Reboot,
    ActionKind::StopCluster,
    ActionKind::StartCluster,
    ActionKind::RestoreServices,
    ActionKind::ResumeReplication,
];

/// Exit codes of an installer that fails: most often the one that means nothing in particular.
const EXIT_CODES: &[i32] = &[1603, 1603, 1601, 1618, 1603, 1602, 1612, 1635, 1642];

impl Draw {
    /// Draws one.
    pub fn from_rng(rng: &mut impl Rng) -> Self {
        Self {
            kind: rng.random(),
            at: rng.random_range(0..7200),
            lasts: rng.random_range(5..1800),
            node: rng.random(),
            group: rng.random(),
            choice: rng.random(),
        }
    }
}

impl Cast {
    /// Whom the world of a manifest has.
    pub fn of(spec: &Spec, kind_of: impl Fn(&GroupName) -> GroupKind) -> Self {
        let mut groups: Vec<GroupName> = spec.nodes.values().flat_map(|n| n.owns.iter().cloned()).collect();
        groups.sort();
        let with_copies =
            |g: &&GroupName| spec.groups.get(*g).is_some_and(|g| g.copy_queue_length.is_some() || !g.copies.is_empty());
        let with_copies = groups.iter().filter(with_copies).cloned().collect();
        let (roles, auxiliaries) = groups.into_iter().partition(|g| kind_of(g) == GroupKind::Role);
        Self {
            nodes: spec.nodes.keys().cloned().collect(),
            roles,
            auxiliaries,
            with_copies,
            witness: spec.quorum.model.has_witness(),
        }
    }
}

/// What a draw means in a world; nothing if the world has nobody whom it could befall.
pub fn shape(draw: Draw, cast: &Cast) -> Option<FaultSpec> {
    use FaultKind::*;
    let kind = pick(MENU, draw.kind)?;
    let node = pick(&cast.nodes, draw.node)?;
    let seconds = |s: u16| Some(Span::seconds(u64::from(s)));
    let lasts = seconds(draw.lasts.max(1));
    let often = draw.choice % 4;
    let timed = FaultSpec { at: seconds(draw.at), lasts, ..plain(kind) };
    let on = |actions: &[ActionKind]| {
        let action = pick(actions, draw.choice / 4)?;
        let trigger = Trigger { action, node: None, group: None, attempt: Some(1 + u32::from(often == 3)) };
        Some(FaultSpec { on: Some(trigger), ..plain(kind) })
    };
    let moves = &[ActionKind::Handoff, ActionKind::MoveGroup];
    Some(match kind {
        // One in four never returns by itself.
        NodeCrash => FaultSpec { node: Some(node), lasts: lasts.filter(|_| often != 3), ..timed },
        InstallFails => {
            let fault = on(&[ActionKind::Install])?;
            // One in four fails every time, everywhere.
            let trigger = fault.on.map(|t| Trigger { attempt: t.attempt.filter(|_| often != 2), ..t });
            let exit_code = pick(EXIT_CODES, draw.choice / 4);
            FaultSpec { on: trigger, exit_code, leaves_disabled: Some(draw.choice % 2 == 1), ..plain(kind) }
        }
        InstallHangs => FaultSpec { lasts: lasts.filter(|_| often != 3), ..on(&[ActionKind::Install])? },
        AsksReboot | RebootStarted => on(&[ActionKind::Install])?,
        NeverReturns => on(&[ActionKind::Reboot])?,
        SlowMove => FaultSpec { factor: Some(2 + u32::from(draw.choice % 30)), ..on(moves)? },
        MoveFails | MoveFailsLate => on(moves)?,
        LostReply => FaultSpec { done: Some(often != 0), ..on(ANY_ACTION)? },
        StaleRead => timed,
        Unreachable => FaultSpec { node: (often != 0).then_some(node), ..timed },
        SplitView => FaultSpec { nodes: vec![node], ..timed },
        SecondController => {
            let node = (often == 3).then_some(node);
            FaultSpec { node, holder: Some("another-controller".into()), ..timed }
        }
        // The nodes' clocks, or the management host's; that one also by more than an observation, or a claim, lives.
        ClockJump => {
            let kind = if draw.group.is_multiple_of(2) { ClockJump } else { HostClockJump };
            FaultSpec { by: lasts, backwards: Some(often < 2), lasts: None, ..FaultSpec { kind, ..timed } }
        }
        HostClockJump => return None,
        StoreRunsBackwards => FaultSpec { by: lasts, lasts: None, ..timed },
        WitnessDown if !cast.witness => return None,
        WitnessDown => timed,
        BackupRunning => FaultSpec { group: Some(pick(&cast.roles, draw.group)?), ..timed },
        CopyUnhealthy => {
            let group = Some(pick(&cast.with_copies, draw.group)?);
            match often {
                0 => FaultSpec { group, queue: Some(u32::from(draw.choice)), ..timed },
                1 => FaultSpec { group, status: Some(CopyStatus::Seeding), ..timed },
                _ => FaultSpec { group, ..timed },
            }
        }
        ReplicationSuspended | RivalInstaller | DiskFull => FaultSpec { node: Some(node), ..timed },
        Hand => FaultSpec { deed: Some(deed(draw, &node, cast)?), lasts: None, ..timed },
    })
}

/// What a person does, in the words of `simulate --poke`.
fn deed(draw: Draw, node: &NodeName, cast: &Cast) -> Option<String> {
    let role = || pick(&cast.roles, draw.group).map(|g| format!("\"{g}\""));
    let auxiliary = || pick(&cast.auxiliaries, draw.group).map(|g| format!("\"{g}\""));
    Some(match draw.choice % 20 {
        0 | 1 => format!("move {} to {node}", role()?),
        2 => format!("move {} to {node}", auxiliary()?),
        3 | 4 => format!("pause {node}"),
        5 | 6 => format!("resume {node}"),
        7 => format!("stop-cluster {node}"),
        8 => format!("start-cluster {node}"),
        9 => format!("stop-role {}", role()?),
        10 => format!("start-role {}", role()?),
        11 => format!("install-interim {node} KB976108"),
        12 => format!("kill-installer {node}"),
        13 => format!("open-backup {}", role()?),
        14 => format!("disable-services {node}"),
        15 => format!("enable-services {node}"),
        16 => format!("pending-reboot {node}"),
        17 => format!("start-installer {node}"),
        18 => format!("end-installer {node}"),
        _ => format!("boot {node}"),
    })
}

fn pick<T: Clone>(from: &[T], number: u8) -> Option<T> {
    from.get(usize::from(number).checked_rem(from.len())?).cloned()
}

fn plain(kind: FaultKind) -> FaultSpec {
    FaultSpec {
        at: None,
        on: None,
        kind,
        node: None,
        nodes: Vec::new(),
        group: None,
        lasts: None,
        after: None,
        exit_code: None,
        leaves_disabled: None,
        queue: None,
        status: None,
        factor: None,
        by: None,
        backwards: None,
        done: None,
        holder: None,
        deed: None,
    }
}
