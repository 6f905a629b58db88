//! Do it: one folder for each cluster stack, and the one table that names them.
//!
//! A driver translates and decides nothing. It sees the model, observations and permits; nothing of plans or policies.

mod by_hand;
mod checks;
mod command;
pub mod exchange2007;
mod kept;
mod marks;
pub mod pacemaker;
mod packages;
pub mod simulator;
mod ssh;
mod windows_installer;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::by_hand::{ByHand, Commands, Never, Ours, Shows};

use crate::desired::Cluster;
use crate::desired::parts::{DriverParts, PartChecked, PartContext, PartIssue};
use crate::guard::{Command, DriverTraits, Permit};
use crate::model::time::Clock;
use crate::model::{Action, Answer, Claim, ClusterName, Known, Rollup, RollupName, Time};
use crate::observed::{Observation, SideEffect};

/// What a driver promises to bring later.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One cluster, reached through its stack.
pub trait Driver: Send + Sync {
    /// What differs from stack to stack and the rules must know.
    fn traits(&self) -> DriverTraits;

    /// Looks at the cluster. Never fails as a whole: what could not be seen is unknown, and says why. All its times are
    /// by this host's clock: what nodes wrote down by their own is put on it, by how far the two are apart now.
    fn observe(&self) -> Later<'_, Observation>;

    /// What the cluster would do by itself if the action were done now.
    fn foresee<'a>(&'a self, action: &'a Action) -> Later<'a, Known<Vec<SideEffect>>>;

    /// Replaces the claim `expected` (as last read) by `wanted`, if it is still there; `wanted: None` gives it up.
    /// Also how a heartbeat is written: the same claim with a higher heartbeat.
    fn claim(&self, expected: Option<Claim>, wanted: Option<Claim>) -> Later<'_, ClaimAnswer>;

    /// Carries out exactly one action: announces, checks, acts, on the node, under its lock.
    fn perform(&self, permit: Permit) -> Later<'_, Answer>;

    /// Carries out a person's command.
    ///
    /// # Errors
    /// It was not done; the text says why and what to do.
    fn command(&self, command: Command) -> Later<'_, Result<String, String>>;

    /// Named checks of everything that the driver needs, each with its evidence and what to do.
    fn readiness(&self) -> Later<'_, Vec<Readiness>>;

    /// The raw answers of every command of one look, to be looked at again elsewhere. Secrets are left out.
    ///
    /// # Errors
    /// There is nothing that could be saved.
    fn snapshot(&self) -> Later<'_, Result<Snapshot, String>> {
        Box::pin(std::future::ready(Err(simulator::NO_SNAPSHOT.into())))
    }

    /// Takes note of changed manifests: which rollups and packages there are, and which targets and limits.
    fn learn(&self, cluster: &Cluster, rollups: &BTreeMap<RollupName, Arc<Rollup>>) {
        let _ = (cluster, rollups);
    }

    /// The world behind the driver, where it is a simulated one.
    fn world(&self) -> Option<&dyn World> {
        None
    }
}

/// The raw answers of one look at one cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Snapshot {
    /// The driver that asked.
    pub driver: String,
    /// The cluster that was looked at.
    pub cluster: ClusterName,
    /// When.
    pub at: Time,
    /// What was answered, in the driver's own form.
    pub raw: serde_json::Value,
}

/// A simulated world: it knows its own future and its own truth.
pub trait World {
    /// When something happens next by itself; `None` if nothing does.
    fn next_event(&self) -> Option<Time>;

    /// Lets happen what is due until then; true if anything did, a hand laid on it from outside included.
    fn advance_to(&self, to: Time) -> bool;

    /// What it counts against us, in words.
    fn violations(&self) -> Vec<String>;
}

/// How fast simulated time goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeScale {
    /// As fast as things happen; nothing sleeps.
    Max,
    /// So many simulated seconds per real one.
    Factor(u32),
}

/// What starts a driver on a clock.
type Start = Box<dyn FnOnce(Arc<dyn Clock>) -> Arc<dyn Driver> + Send>;

/// A driver that is ready to start once there is a clock.
pub struct Prepared {
    /// For a simulated cluster: where its time stands, and how fast it shall go.
    pub simulated: Option<(Time, TimeScale)>,
    start: Start,
}

impl Prepared {
    /// A driver that starts so.
    pub fn new(
        simulated: Option<(Time, TimeScale)>,
        start: impl FnOnce(Arc<dyn Clock>) -> Arc<dyn Driver> + Send + 'static,
    ) -> Self {
        Self { simulated, start: Box::new(start) }
    }

    /// Starts it on the fleet's one clock.
    pub fn start(self, clock: Arc<dyn Clock>) -> Arc<dyn Driver> {
        (self.start)(clock)
    }
}

/// What became of a claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ClaimAnswer {
    /// It is ours.
    Claimed(Claim),
    /// The claim was given up.
    GivenUp,
    /// Something else stood there.
    Lost {
        /// What stands there now.
        found: Option<Claim>,
    },
    /// The reply was lost, or the cluster did not answer.
    Unsure {
        /// What happened instead.
        why: String,
    },
}

/// One readiness check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Readiness {
    /// Its stable name.
    pub name: &'static str,
    /// How it stands.
    pub state: ReadinessState,
    /// What was seen.
    pub evidence: String,
    /// What to do, if anything.
    pub fix: Option<String>,
}

/// How a readiness check stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ReadinessState {
    /// As it should be.
    Good,
    /// It will work, but look at it.
    Warning,
    /// It will not work.
    Bad,
    /// It could not be told.
    Unknown,
}

/// Every driver, for the manifests' resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct Drivers;

/// One row of the table.
struct Row {
    name: &'static str,
    check: fn(&serde_json::Value, &PartContext<'_>) -> Result<PartChecked, Vec<PartIssue>>,
    schema: fn() -> schemars::Schema,
    prepare: fn(&Cluster, &Rollups, &Opening<'_>) -> Result<Prepared, String>,
    replay: fn(&Cluster, &Snapshot) -> Result<Observation, String>,
    by_hand: fn(&Cluster, &Observation) -> Result<ByHand, String>,
    /// Writes a first manifest from a host, the driver's part and the name of a package; not where nothing real is.
    init: Option<Init>,
}

type Init = for<'a> fn(&'a str, &'a serde_json::Value, Option<&'a str>) -> Later<'a, Result<String, String>>;

/// All rollups, by name.
type Rollups = BTreeMap<RollupName, Arc<Rollup>>;

/// For what a driver is opened.
enum Opening<'a> {
    /// To act: the simulated world, if it is one, is kept here, and may start over.
    Act { worlds: &'a Path, fresh: bool },
    /// To look only.
    Look { worlds: &'a Path },
}

/// The table of all drivers.
const TABLE: &[Row] = &[
    Row {
        name: simulator::NAME,
        check: simulator::spec::check,
        schema: || schemars::schema_for!(simulator::spec::Spec),
        prepare: |cluster, rollups, opening| {
            let kept = match opening {
                Opening::Act { worlds, fresh } => simulator::Kept::open(cluster, rollups, worlds, *fresh),
                Opening::Look { worlds } => simulator::Kept::peek(cluster, rollups, worlds),
            };
            let kept = kept.map_err(|e| e.to_string())?;
            let simulated = Some((kept.simulation().now(), kept.simulation().time_scale()));
            Ok(Prepared::new(simulated, |clock| Arc::new(simulator::Simulator::new(kept, clock))))
        },
        replay: |_, _| Err(simulator::NO_SNAPSHOT.into()),
        by_hand: simulator::by_hand,
        init: None,
    },
    Row {
        name: exchange2007::NAME,
        check: exchange2007::spec::check,
        schema: || schemars::schema_for!(exchange2007::spec::Spec),
        prepare: |cluster, _, _| {
            let asked = exchange2007::Asked::new(cluster)?;
            Ok(Prepared::new(None, |clock| Arc::new(exchange2007::Exchange2007::new(asked, clock))))
        },
        replay: exchange2007::replay,
        by_hand: exchange2007::by_hand,
        init: None,
    },
    Row {
        name: pacemaker::NAME,
        check: pacemaker::spec::check,
        schema: || schemars::schema_for!(pacemaker::spec::Spec),
        prepare: |cluster, _, _| {
            let asked = pacemaker::Asked::new(cluster)?;
            Ok(Prepared::new(None, |clock| Arc::new(pacemaker::Pacemaker::new(asked, clock))))
        },
        replay: pacemaker::replay,
        by_hand: pacemaker::by_hand,
        init: Some(pacemaker::init),
    },
];

const NAMES: &[&str] = &[simulator::NAME, exchange2007::NAME, pacemaker::NAME];

fn row(name: &str) -> Result<&'static Row, String> {
    TABLE.iter().find(|row| row.name == name).ok_or_else(|| {
        let names: Vec<_> = TABLE.iter().map(|row| row.name).collect();
        format!("there is no driver {name:?}; there are {}", names.join(", "))
    })
}

/// Readies a cluster's driver to act. Simulated worlds are kept in `worlds`; `fresh` starts them over.
///
/// # Errors
/// Why it cannot be opened, and what to do.
pub fn prepare(cluster: &Cluster, rollups: &Rollups, worlds: &Path, fresh: bool) -> Result<Prepared, String> {
    (row(&cluster.driver.name)?.prepare)(cluster, rollups, &Opening::Act { worlds, fresh })
}

/// Readies a cluster's driver to look only: a simulated world is seen as it was left and is not written.
///
/// # Errors
/// Why it cannot be opened, and what to do.
pub fn prepare_to_look(cluster: &Cluster, rollups: &Rollups, worlds: &Path) -> Result<Prepared, String> {
    (row(&cluster.driver.name)?.prepare)(cluster, rollups, &Opening::Look { worlds })
}

/// What was seen of a cluster when a snapshot of it was saved.
///
/// # Errors
/// It is of another cluster or driver, or makes no sense.
pub fn replay(cluster: &Cluster, snapshot: &Snapshot) -> Result<Observation, String> {
    if snapshot.cluster != cluster.name || *snapshot.driver != *cluster.driver.name {
        return Err(format!(
            "the snapshot is of {} by {}, and {} is reached by {}",
            snapshot.cluster, snapshot.driver, cluster.name, cluster.driver.name
        ));
    }
    (row(&cluster.driver.name)?.replay)(cluster, snapshot)
}

/// What of ours was seen in a cluster, and how people end it with the stack's own tools alone.
///
/// # Errors
/// The cluster's manifest names no such driver, or its part makes no sense.
pub fn by_hand(cluster: &Cluster, seen: &Observation) -> Result<ByHand, String> {
    (row(&cluster.driver.name)?.by_hand)(cluster, seen)
}

/// The drivers that can write a first manifest.
pub fn that_write_manifests() -> Vec<&'static str> {
    TABLE.iter().filter(|row| row.init.is_some()).map(|row| row.name).collect()
}

/// Writes a first manifest of a live cluster that a host is a node of.
///
/// # Errors
/// The driver writes none, or the host could not be asked: what it said, and what to do.
pub async fn init(driver: &str, host: &str, part: &serde_json::Value, package: Option<&str>) -> Result<String, String> {
    match row(driver)?.init {
        Some(init) => init(host, part, package).await,
        None => Err(format!("{driver} has no live clusters")),
    }
}

impl DriverParts for Drivers {
    fn names(&self) -> &'static [&'static str] {
        NAMES
    }

    fn check(
        &self,
        name: &str,
        part: &serde_json::Value,
        about: &PartContext<'_>,
    ) -> Result<PartChecked, Vec<PartIssue>> {
        match row(name) {
            Ok(row) => (row.check)(part, about),
            Err(message) => Err(vec![PartIssue { pointer: String::new(), message, help: None }]),
        }
    }

    fn schema(&self, name: &str) -> schemars::Schema {
        row(name).map_or_else(|_| schemars::Schema::default(), |row| (row.schema)())
    }
}
