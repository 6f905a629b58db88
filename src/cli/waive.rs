//! `waive`: a person takes one rule out of force, for one subject and one action, for a while.

use std::time::Duration;

use anyhow::bail;
use clap::ValueEnum;

use super::args::{From, Global, duration, person};
use super::{Exit, UsageError, ask, live, load};
use crate::door::Request;
use crate::model::{ClusterName, GroupName, NodeName, Time, Waivable, WaivedAction, Waiver, time};
use crate::record::{Entry, EntryKind, OpenMode, Store};

/// Waive a rule for one node or role and one action, for a while.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Only rules that cost patience can be waived, never one that keeps an active node, the quorum, the claim or what people \
did safe. A waiver is shown wherever it acts, and written into the record. It can stand in the manifest too, under \
`waivers`.

Examples:
  rollward waive mbx-ccr-01 soak --node EXNODE2 --action install --for 4h --why 'vendor confirmed the build'
  rollward waive mbx-ccr-01 window --group MBX1 --action handoff --for 1h --why 'incident 4711'
  rollward waive mbx-ccr-01 soak --node EXNODE2 --action install --lift")]
pub(super) struct Waive {
    /// The cluster
    #[arg(value_name = "CLUSTER")]
    cluster: ClusterName,
    /// The rule
    #[arg(value_name = "RULE")]
    rule: Waivable,
    #[command(flatten)]
    subject: SubjectArgs,
    /// What may be done although the rule says no: the update of a node, or the handoff of roles
    #[arg(long, value_name = "ACTION", ignore_case = true)]
    action: WaivedAction,
    /// Why: shown wherever the waiver acts
    #[arg(long, value_name = "TEXT", required_unless_present = "lift")]
    why: Option<String>,
    #[command(flatten)]
    end: End,
    #[command(flatten)]
    from: From,
}

/// For whom.
#[derive(Debug, clap::Args)]
#[group(id = "subject", required = true, multiple = false)]
struct SubjectArgs {
    /// For this node
    #[arg(long, value_name = "NAME")]
    node: Option<NodeName>,
    /// For this role
    #[arg(long, value_name = "NAME")]
    group: Option<GroupName>,
}

/// Until when, or the end of it.
#[derive(Debug, clap::Args)]
#[group(id = "end", required = true, multiple = false)]
struct End {
    /// For how long
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    lasts: Option<Duration>,
    /// Until when, such as 2027-03-01T06:00:00Z
    #[arg(long, value_name = "WHEN")]
    until: Option<Time>,
    /// Take the waiver back
    #[arg(long)]
    lift: bool,
}

impl ValueEnum for Waivable {
    fn value_variants<'a>() -> &'a [Self] {
        Self::ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.rule().word()))
    }
}

impl ValueEnum for WaivedAction {
    fn value_variants<'a>() -> &'a [Self] {
        Self::ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(match self {
            WaivedAction::Install => "install",
            WaivedAction::Handoff => "handoff",
        }))
    }
}

impl Waive {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let loaded = load::load(global, &self.from.manifests)?;
        let of = loaded.pick(std::slice::from_ref(&self.cluster))?;
        // Looked at for its clock: a simulated cluster has its own.
        let looks = live::look(global, &loaded, &live::Asked { of: &of, ..Default::default() })?;
        let Some(live::Look { desired, now, .. }) = looks.first() else {
            bail!("{} could not be looked at", self.cluster);
        };
        let now = *now;
        let Self { cluster, rule, subject, action, why, end, .. } = self;
        let subject = desired.waived_for(subject.node, subject.group, action).map_err(UsageError)?;
        let by = person();
        let until = match (end.lasts, end.until) {
            (Some(lasts), _) => time::later(now, lasts),
            (_, Some(until)) => until,
            _ => now,
        };
        if !end.lift && until <= now {
            return Err(UsageError(format!("{} is over already", time::stamp(until))).into());
        }
        let waiver = Waiver { rule, subject, action, why: why.unwrap_or_default(), until, by: by.clone() };
        if !end.lift && waiver.why.trim().is_empty() {
            return Err(UsageError("a waiver needs a reason: --why TEXT".into()).into());
        }
        let (lift, revision) = (end.lift, loaded.desired.revision.clone());
        let request = match lift {
            true => Request::LiftWaiver { cluster: cluster.clone(), waiver: waiver.clone(), by: by.clone() },
            false => Request::Waive { cluster: cluster.clone(), waiver: waiver.clone() },
        };
        let done = ask::daemon_or(global, &request, || {
            let store = Store::open(&global.state()?, OpenMode::Write)?;
            if lift && !store.waivers(&cluster)?.iter().any(|other| other.is_for_the_same(&waiver)) {
                bail!("{}", waiver.is_not_there());
            }
            let done = waiver.what();
            let what = match lift {
                true => EntryKind::WaiverLifted { waiver, by },
                false => EntryKind::WaiverGiven { waiver },
            };
            store.append(&Entry { cluster: cluster.clone(), at: now, revision, what })?;
            Ok(done)
        })?;
        let done = if lift { format!("took back: {done}") } else { format!("waived: {done}") };
        ask::done(global, cluster.as_str(), done, None)?;
        Ok(Exit::Done)
    }
}
