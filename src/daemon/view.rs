//! What one loop knows, put into documents: for other processes that ask at the door, and for a service that reads what
//! is published.

use std::sync::Arc;

use crate::desired::window::{next_opening, opening_at};
use crate::desired::{Cluster, Window};
use crate::guard::{self, DriverTraits, Facts, FleetFacts, Forecast, History, RuleSet};
use crate::model::time::between;
use crate::model::{Known, NodeName, Time};
use crate::observed::{Observation, SideEffect};
use crate::output::{self, Explained, Observed, Outlook, Planned, Price, Relaxation, Source, Status, Waiver};
use crate::plan::{self, OpenFor};
use crate::reconcile::memory::Roll;
use crate::reconcile::{LastLook, Turn};

/// What a loop knew at the end of a step.
#[derive(Clone)]
pub struct View {
    /// What the manifests want.
    pub desired: Arc<Cluster>,
    /// The last look that was decided on, and the decision.
    pub look: Option<LastLook>,
    /// The present roll, or the last one.
    pub roll: Option<Roll>,
    /// What the loop remembers that rules look at.
    pub history: History,
    forecast: Arc<Forecast>,
    traits: DriverTraits,
    rules: RuleSet,
    heartbeat_at: Option<Time>,
}

impl View {
    /// The openings, between two moments, of the windows that something waits for: what each is for, from when, to when.
    pub fn openings(&self, from: Time, to: Time) -> Vec<(&'static str, Time, Time)> {
        /// So many of each kind.
        const MOST: usize = 50;
        let openings = |(of, windows): (OpenFor, &[Window])| {
            let what = match of {
                OpenFor::Everything => "window",
                OpenFor::Work => "window for work",
                OpenFor::Handoffs => "window for handoffs",
            };
            let first = opening_at(windows, from).or_else(|| next_opening(windows, from));
            let all = std::iter::successors(first, |opening| next_opening(windows, opening.to));
            let all: Vec<_> = all.take(MOST).take_while(|opening| opening.from < to).collect();
            all.into_iter().map(move |opening| (what, opening.from, opening.to))
        };
        plan::awaited(&self.desired.policy).into_iter().flat_map(openings).collect()
    }

    /// What a loop knows now.
    pub fn of(turn: &Turn) -> Self {
        Self {
            desired: Arc::clone(&turn.desired),
            look: turn.memory.last_look.clone(),
            roll: turn.memory.roll.clone(),
            history: turn.history.clone(),
            forecast: Arc::clone(&turn.forecast),
            traits: turn.traits,
            rules: turn.rules,
            heartbeat_at: turn.heartbeat_at(),
        }
    }

    /// Where the cluster is: the document of `status`.
    pub fn status(&self, now: Time) -> Status {
        let Some(look) = &self.look else { return Status::unseen(&self.desired, Source::Daemon) };
        let counts = self.roll.as_ref().map(|roll| roll.counts).unwrap_or_default();
        let age = self.heartbeat_at.map(|at| between(at, now));
        let status = Status::new(&self.desired, &look.seen, &look.decision, counts, age, Source::Daemon, now);
        let windows = self.windows(&look.seen, now);
        Status { waivers: self.waivers(now), windows, ..status }
    }

    /// The windows that what is left of a look waits for, or goes on in. What others do has no part in that.
    fn windows(&self, seen: &Observation, now: Time) -> Vec<Outlook> {
        let (nothing, alone) = (nothing_asked(), FleetFacts::default());
        Outlook::all(&plan::outlooks(&self.facts(seen, &nothing, &alone, now)), now)
    }

    /// What the cluster looked like: the document of `observe`. `None` before the first look.
    pub fn observed(&self) -> Option<Observed> {
        self.look.as_ref().map(|look| Observed::new(&self.desired, &look.seen))
    }

    /// The whole plan from the last look: the document of `plan`. `None` before the first look.
    pub fn planned(&self, fleet: &FleetFacts, now: Time) -> Option<Planned> {
        let look = self.look.as_ref()?;
        let nothing = nothing_asked();
        let facts = self.facts(&look.seen, &nothing, fleet, now);
        let mut plan = plan::plan(&facts);
        if let Some(roll) = &self.roll {
            (plan.handoffs.spent, plan.handoffs.forced) = (roll.counts.spent, roll.counts.forced);
        }
        let relaxation = plan::relax(&facts, &plan);
        let observed = Observed::new(&self.desired, &look.seen);
        let mut planned = Planned::new(&self.desired, &observed, &plan, relaxation.as_ref());
        planned.windows = Outlook::all(&plan::outlooks(&facts), now);
        planned.other_minimum = plan::other_minimum(&facts, &plan).map(|price| Price::new(&price, &self.desired));
        Some(planned)
    }

    /// Why its nodes, or this one, are not at their target: the document of `explain`. `None` before the first look.
    pub fn explained(&self, fleet: &FleetFacts, node: Option<&NodeName>, now: Time) -> Option<Explained> {
        let look = self.look.as_ref()?;
        let nothing = nothing_asked();
        let facts = self.facts(&look.seen, &nothing, fleet, now);
        let reports = plan::explain(&facts);
        let mut told = Explained::new(&self.desired, &look.seen, &look.decision, &reports, node, Source::Daemon, now);
        told.waivers = self.waivers(now);
        told.windows = Outlook::all(&plan::outlooks(&facts), now);
        let relaxation = plan::relax(&facts, &plan::plan(&facts));
        told.relaxation = relaxation.map(|relaxation| Relaxation::new(&relaxation, &self.desired));
        Some(told)
    }

    fn waivers(&self, now: Time) -> Vec<Waiver> {
        output::in_force(guard::waivers(&self.desired, &self.history), now)
    }

    fn facts<'a>(
        &'a self,
        seen: &'a Observation,
        foreseen: &'a Known<Vec<SideEffect>>,
        fleet: &'a FleetFacts,
        now: Time,
    ) -> Facts<'a> {
        Facts {
            desired: &self.desired,
            seen,
            fleet,
            history: &self.history,
            forecast: &self.forecast,
            foreseen,
            traits: self.traits,
            rules: self.rules,
            now,
        }
    }
}

fn nothing_asked() -> Known<Vec<SideEffect>> {
    Known::unknown("nothing was asked for yet")
}
