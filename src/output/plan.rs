//! `plan`: what would be done, in which order, at what cost, and what stands in the way.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::certificate::Certificate;
use super::hold::Hold;
use super::observe::{Observed, Unknown};
use super::outlook::Outlook;
use super::seconds::Seconds;
use super::waiver::Waiver;
use crate::desired::Cluster;
use crate::model::{self, ActionKind, Time};
use crate::plan;
use crate::record::RollCounts;

/// The plan of one cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Planned {
    /// The cluster.
    pub name: String,
    /// When it was looked at.
    pub observed_at: Time,
    /// What comes of it now.
    pub decision: Decision,
    /// When the decision is worth asking for again, if the clock decides.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub until: Option<Time>,
    /// Binds cluster, targets, policy and the ordered handoffs: what `approve` approves.
    pub plan_hash: String,
    /// What is left to do, in order. Of a plan that can go on only to a point, the steps to that point.
    pub steps: Vec<Step>,
    /// Handoffs of the roll.
    pub handoffs: Handoffs,
    /// What the floor and the optimum rest on.
    pub certificate: Certificate,
    /// How long all of it takes.
    pub elapsed: Elapsed,
    /// The windows that what is left waits for, or goes on in.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub windows: Vec<Outlook>,
    /// Every role and its predicted outage.
    pub roles: Vec<RoleOutage>,
    /// What stands in the way of everything that is left.
    pub holds: Vec<Hold>,
    /// What would have to change, where no step leads to the target.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub relaxation: Option<Relaxation>,
    /// What each constraint costs, dearest first, with `--price`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub prices: Option<Vec<Price>>,
    /// What the other of fewest handoffs and least outage would save, if that is more than a fifth.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub other_minimum: Option<Price>,
    /// Facts that could not be seen.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub unknown: Vec<Unknown>,
}

/// Changes that a person could make, all of them together, so that steps lead to the target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Relaxation {
    /// The changes.
    pub changes: Vec<Change>,
    /// True if no smaller set of changes is enough; else only that none of these can be left out.
    pub smallest: bool,
}

/// One change that a person could make.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// What would be true, as `explain --if` takes it.
    pub suppose: String,
    /// What to do.
    pub how: String,
    /// The line of a manifest that it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub place: Option<String>,
}

/// What a constraint costs: the plan with it, less the plan without it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Price {
    /// What would be so without it, and what to do for that.
    #[serde(flatten)]
    pub without: Change,
    /// Handoffs.
    pub handoffs: i64,
    /// Outage of all roles together, in seconds, at the median.
    pub outage_seconds: i64,
    /// Time to the end of the plan, in seconds, at the median.
    pub elapsed_seconds: i64,
}

/// What comes of a plan now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Decision {
    /// The first step can be done.
    Act,
    /// Nothing can be done until time passes or the world changes.
    Wait,
    /// Nothing can be done until a person does something.
    Blocked,
    /// The manifest is gone: what was begun is finished, and every mark of ours removed.
    Releasing,
    /// Every node is at its target and nothing of ours is left.
    Converged,
}

impl Decision {
    /// The word that people see.
    pub fn word(self) -> &'static str {
        match self {
            Decision::Act => "act",
            Decision::Wait => "wait",
            Decision::Blocked => "blocked",
            Decision::Releasing => "releasing",
            Decision::Converged => "converged",
        }
    }
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// What is done.
    #[serde(flatten)]
    pub what: ActionOut,
    /// When it begins, if all goes as half of all cases do.
    pub at: Time,
    /// How long it will take.
    pub predicted_seconds: Spread,
    /// For how long a role will be down because of it, at the median.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub outage_seconds: Option<Seconds>,
    /// What stands in its way when its turn comes.
    pub holds: Vec<Hold>,
    /// Waivers without which a rule would hold it then.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub waived: Vec<Waiver>,
}

/// An action and its subject.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActionOut {
    /// The action.
    pub action: ActionKind,
    /// The node on which the work is done; for a move, the node that is left.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub node: Option<String>,
    /// The group that it is about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub group: Option<String>,
    /// Of a move: from where.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<String>,
    /// Of a move, or of a stop: to where.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub to: Option<String>,
    /// Of a handoff: how.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub style: Option<model::HandoffStyle>,
    /// The rollup that is staged, installed, or remains.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rollup: Option<String>,
    /// Of a release: which mark.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mark: Option<String>,
    /// Of a resume after a failed verification: what failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub quarantine: Option<String>,
}

/// A prediction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Spread {
    /// Half of all cases take at most this long.
    pub median: Seconds,
    /// 95 of 100 cases take at most this long.
    pub p95: Seconds,
}

/// Handoffs of a roll. Each is downtime of one role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Handoffs {
    /// Still to come.
    pub planned: u32,
    /// Roles that have to leave a node so that it can be worked on, of the nodes that can be reached.
    pub floor: u32,
    /// The fewest that any order could do with; if it is not proved, no order does with fewer than this.
    pub optimum: u32,
    /// Whether the search that found the optimum went through to its end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub optimum_proved: Option<bool>,
    /// Done so far.
    pub spent: u32,
    /// Made necessary by failovers since the roll began.
    pub forced: u32,
}

/// How long a plan takes, from now to the end of its last step, if everything takes as long as half of all cases do.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Elapsed {
    /// As planned.
    pub predicted_seconds: Seconds,
    /// No order of steps takes less: none that the rules allow and that has no more handoffs than it must. Time that a
    /// window or an approval is waited for counts as nothing.
    pub at_least_seconds: Seconds,
}

/// A role and its predicted outage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoleOutage {
    /// The role.
    pub name: String,
    /// How long it will be down in what is left of the roll.
    pub predicted_outage_seconds: Spread,
}

impl Planned {
    /// The document of a plan.
    pub fn new(
        desired: &Cluster,
        observed: &Observed,
        plan: &plan::Plan,
        relaxation: Option<&plan::Relaxation>,
    ) -> Self {
        let until = if let plan::Decision::Wait { until, .. } = &plan.decision { *until } else { None };
        let mut handoffs = Handoffs::from(plan.handoffs);
        handoffs.optimum_proved = Some(plan.certificate.proven);
        Self {
            name: desired.name.to_string(),
            observed_at: observed.observed_at,
            decision: (&plan.decision).into(),
            until,
            plan_hash: plan.hash.clone(),
            steps: plan.steps.iter().map(Step::from).collect(),
            handoffs,
            certificate: (&plan.certificate).into(),
            elapsed: Elapsed {
                predicted_seconds: plan.elapsed.predicted.into(),
                at_least_seconds: plan.elapsed.at_least.into(),
            },
            windows: Vec::new(),
            roles: plan
                .roles
                .iter()
                .map(|(name, outage)| RoleOutage { name: name.to_string(), predicted_outage_seconds: (*outage).into() })
                .collect(),
            holds: plan.holds.iter().map(Hold::from).collect(),
            relaxation: relaxation.map(|relaxation| Relaxation::new(relaxation, desired)),
            prices: None,
            other_minimum: None,
            unknown: observed.unknown.clone(),
        }
    }
}

impl Relaxation {
    /// The document of it.
    pub fn new(relaxation: &plan::Relaxation, desired: &Cluster) -> Self {
        let changes = relaxation.changes.iter().map(|change| Change::new(change, desired)).collect();
        Self { changes, smallest: relaxation.smallest }
    }
}

impl Change {
    fn new(supposition: &plan::Supposition, desired: &Cluster) -> Self {
        Self {
            suppose: supposition.to_string(),
            how: supposition.how(desired),
            place: supposition.place(desired).map(ToString::to_string),
        }
    }
}

impl Price {
    /// The document of it.
    pub fn new(price: &plan::Price, desired: &Cluster) -> Self {
        let plan::Price { without, with, then } = price;
        let seconds = |duration: std::time::Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        Self {
            without: Change::new(without, desired),
            handoffs: i64::from(with.handoffs) - i64::from(then.handoffs),
            outage_seconds: seconds(with.outage) - seconds(then.outage),
            elapsed_seconds: seconds(with.elapsed) - seconds(then.elapsed),
        }
    }
}

impl From<&plan::Decision> for Decision {
    fn from(decision: &plan::Decision) -> Self {
        match decision {
            plan::Decision::Act(_) => Decision::Act,
            plan::Decision::Wait { .. } => Decision::Wait,
            plan::Decision::Blocked(_) => Decision::Blocked,
            plan::Decision::Releasing => Decision::Releasing,
            plan::Decision::Converged => Decision::Converged,
        }
    }
}

impl From<&plan::Step> for Step {
    fn from(step: &plan::Step) -> Self {
        Self {
            what: (&step.action).into(),
            at: step.at,
            predicted_seconds: step.predicted.into(),
            outage_seconds: step.outage.map(|outage| outage.median.into()),
            holds: step.holds.iter().map(Hold::from).collect(),
            waived: step.waived.iter().map(Waiver::from).collect(),
        }
    }
}

impl From<model::Spread> for Spread {
    fn from(spread: model::Spread) -> Self {
        Self { median: spread.median.into(), p95: spread.p95.into() }
    }
}

impl From<RollCounts> for Handoffs {
    fn from(counts: RollCounts) -> Self {
        let RollCounts { planned, floor, optimum, spent, forced } = counts;
        Self { planned, floor, optimum, optimum_proved: None, spent, forced }
    }
}

impl From<&model::Action> for ActionOut {
    fn from(action: &model::Action) -> Self {
        use model::Action as A;
        let is_move = matches!(action, A::MoveGroup { .. } | A::Handoff { .. });
        Self {
            action: action.kind(),
            node: action.node().filter(|_| !is_move).map(ToString::to_string),
            group: action.group().map(ToString::to_string),
            from: action.node().filter(|_| is_move).map(ToString::to_string),
            to: action.to().map(ToString::to_string),
            style: if let A::Handoff { style, .. } = action { Some(*style) } else { None },
            rollup: action.rollup().map(ToString::to_string),
            mark: if let A::Release { mark } = action { Some(mark.to_string()) } else { None },
            quarantine: if let A::Resume { quarantine, .. } = action { quarantine.clone() } else { None },
        }
    }
}

impl fmt::Display for ActionOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ActionOut { action, node, group, from, to, style, rollup, mark, quarantine } = self;
        f.write_str(action.word())?;
        let mut add = |before: &str, what: &Option<String>| match what {
            Some(what) => write!(f, "{before} {what}"),
            None => Ok(()),
        };
        add("", &group.as_ref().map(|group| format!("{group:?}")))?;
        add("", mark)?;
        add(if *action == ActionKind::Uninstall { " down to" } else { "" }, rollup)?;
        add(if rollup.is_some() || group.is_some() { " on" } else { "" }, node)?;
        add(" from", from)?;
        add(if *action == ActionKind::StopRole { ", to start on" } else { " to" }, to)?;
        add(",", &style.map(|style| style.to_string()))?;
        add(" in quarantine:", quarantine)
    }
}
