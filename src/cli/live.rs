//! Looks at real clusters for commands that are no daemon: nothing is claimed, nothing is begun.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use tokio::task::JoinSet;

use super::args::{From, Global, person};
use super::load::{self, Loaded};
use crate::desired::Cluster;
use crate::drivers::{self, Driver, Prepared, Snapshot};
use crate::fleet::Fleet;
use crate::guard::{Command, History, RuleSet};
use crate::model::time::Clock;
use crate::model::{ClusterName, Known, NodeName, Time};
use crate::observed::{Observation, effect};
use crate::output::{self, Check, Outlook, Waiver};
use crate::plan::{self, NodeReport, Plan, Price, Relaxation, Supposed, Supposition};
use crate::reconcile::Around;
use crate::record::{Entry, EntryKind, OpenError, OpenMode, Store};
use crate::{clock, daemon};

/// A cluster, what it looks like now, and what follows from that.
pub(super) struct Look {
    /// What is wanted.
    pub desired: Arc<Cluster>,
    /// What was seen.
    pub seen: Observation,
    /// What would be done.
    pub plan: Plan,
    /// Why no node is further.
    pub reports: Vec<NodeReport>,
    /// What would have to change, where no step leads to the target.
    pub relaxation: Option<Relaxation>,
    /// What each constraint costs, if that was asked.
    pub prices: Option<Vec<Price>>,
    /// The other of fewest handoffs and least outage, where it would save much.
    pub other_minimum: Option<Price>,
    /// Rules that are waived, and until when.
    pub waivers: Vec<Waiver>,
    /// The windows that what is left waits for, or goes on in.
    pub windows: Vec<Outlook>,
    /// When it was decided, by the cluster's clock.
    pub now: Time,
}

/// What is asked of a look.
#[derive(Default)]
pub(super) struct Asked<'a> {
    /// Only of these clusters. The others are looked at as well, for what they say of these.
    pub of: &'a [ClusterName],
    /// As if it were this time.
    pub at: Option<Time>,
    /// As if this were true.
    pub suppose: &'a [Supposition],
    /// What each constraint costs, too.
    pub price: bool,
    /// Of the one cluster of this snapshot, as it was then. No other is looked at.
    pub snapshot: Option<&'a Snapshot>,
}

/// A driver that is open, and the clock that it goes by.
struct Opened {
    driver: Arc<dyn Driver>,
    clock: Arc<dyn Clock>,
    simulated: bool,
}

/// The runtime that drivers need.
pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")
}

/// A simulated cluster's clock while no daemon runs: it stands still.
struct Still(Time);

impl Clock for Still {
    fn now(&self) -> Time {
        self.0
    }
}

struct Wall;

impl Clock for Wall {
    fn now(&self) -> Time {
        clock::wall()
    }
}

fn open(loaded: &Loaded, cluster: &Cluster, state: &Path) -> anyhow::Result<Opened> {
    let prepared = prepare(loaded, cluster, state)?;
    let at = prepared.simulated.map(|(at, _)| at);
    Ok(start(prepared, at))
}

fn prepare(loaded: &Loaded, cluster: &Cluster, state: &Path) -> anyhow::Result<Prepared> {
    drivers::prepare_to_look(cluster, &loaded.desired.rollups, &state.join("worlds"))
        .map_err(|why| anyhow::anyhow!("cluster {}: {why}", cluster.name))
}

/// Starts a driver; if it is that of a simulated cluster, at this time.
fn start(prepared: Prepared, at: Option<Time>) -> Opened {
    let simulated = prepared.simulated.is_some();
    let clock: Arc<dyn Clock> = match at.filter(|_| simulated) {
        Some(at) => Arc::new(Still(at)),
        None => Arc::new(Wall),
    };
    Opened { driver: prepared.start(Arc::clone(&clock)), clock, simulated }
}

/// Looks at these clusters, all at once.
///
/// # Errors
/// A driver cannot be opened. What it cannot see is unknown, and no error.
pub(super) fn observe(
    global: &Global,
    loaded: &Loaded,
    names: &[ClusterName],
) -> anyhow::Result<Vec<(Arc<Cluster>, Observation)>> {
    let seen = look_at(global, loaded, names, None)?;
    Ok(seen.into_iter().map(|(cluster, _, seen)| (cluster, seen)).collect())
}

type Seen = (Arc<Cluster>, Opened, Observation);

fn look_at(
    global: &Global,
    loaded: &Loaded,
    names: &[ClusterName],
    snapshot: Option<&Snapshot>,
) -> anyhow::Result<Vec<Seen>> {
    let state = global.state()?;
    if let Some(snapshot) = snapshot {
        let (desired, seen) = replay(loaded, snapshot)?;
        let driver = open(loaded, &desired, &state)?.driver;
        let clock = Arc::new(Still(snapshot.at));
        return Ok(vec![(desired, Opened { driver, clock, simulated: false }, seen)]);
    }
    let runtime = runtime()?;
    let mut looks = JoinSet::new();
    let mut opened = BTreeMap::new();
    let wanted = loaded.desired.clusters.values().filter(|cluster| names.contains(&cluster.name));
    let prepared: Vec<_> =
        wanted.map(|cluster| Ok((cluster, prepare(loaded, cluster, &state)?))).collect::<anyhow::Result<_>>()?;
    // One clock serves the whole fleet; of simulated clusters that stand still, the one that is furthest.
    let furthest = prepared.iter().filter_map(|(_, one)| Some(one.simulated?.0)).max();
    for (cluster, one) in prepared {
        let one = start(one, furthest);
        let driver = Arc::clone(&one.driver);
        let name = cluster.name.clone();
        opened.insert(name.clone(), (Arc::clone(cluster), one));
        looks.spawn_on(async move { (name, driver.observe().await) }, runtime.handle());
    }
    let mut seen: BTreeMap<_, _> = runtime.block_on(looks.join_all()).into_iter().collect();
    let together = |(name, (cluster, one))| seen.remove(&name).map(|seen| (cluster, one, seen));
    Ok(opened.into_iter().filter_map(together).collect())
}

/// What was seen when a snapshot was saved.
///
/// # Errors
/// No manifest declares its cluster, or it makes no sense.
pub(super) fn replay(loaded: &Loaded, snapshot: &Snapshot) -> anyhow::Result<(Arc<Cluster>, Observation)> {
    loaded.pick(std::slice::from_ref(&snapshot.cluster))?;
    let Some(cluster) = loaded.desired.clusters.get(&snapshot.cluster) else {
        bail!("no manifest declares {}", snapshot.cluster);
    };
    let seen = drivers::replay(cluster, snapshot).map_err(|why| anyhow::anyhow!("{}: {why}", snapshot.cluster))?;
    Ok((Arc::clone(cluster), seen))
}

/// Reads a snapshot that was saved.
///
/// # Errors
/// There is no such file, or it is none.
pub(super) fn read_snapshot(file: &Path) -> anyhow::Result<Snapshot> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no snapshot", file.display()))
}

/// Looks at every cluster, and plans those asked for knowing of the others, as the daemon would.
///
/// # Errors
/// A driver cannot be opened, or the record cannot be read.
pub(super) fn look(global: &Global, loaded: &Loaded, asked: &Asked<'_>) -> anyhow::Result<Vec<Look>> {
    let names: Vec<_> = loaded.desired.clusters.keys().cloned().collect();
    let seen = look_at(global, loaded, &names, asked.snapshot)?;
    let store = match Store::open(&global.state()?, OpenMode::Read) {
        Ok(store) => Some(store),
        Err(OpenError::Nothing { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let now = seen.iter().map(|(_, one, _)| one.clock.now()).max().unwrap_or_else(clock::wall);
    let mut fleet = Fleet::new(RuleSet::ALL);
    fleet.govern(&loaded.desired.fleet, load::stops(loaded, store.as_ref())?, now);
    let rolls = store.as_ref().map(Store::rolls).transpose()?.unwrap_or_default();
    for (cluster, one, _) in &seen {
        let mut history = History::new(daemon::holder(&global.state()?));
        if let Some(store) = &store {
            history.approvals = store.approvals(&cluster.name)?;
            history.waivers = store.waivers(&cluster.name)?;
        }
        let forecast = load::forecast(cluster, &rolls, store.as_ref())?;
        fleet.put(cluster, &loaded.desired.revision, forecast, one.driver.traits(), history, now);
    }
    for (cluster, _, seen) in &seen {
        fleet.look(&cluster.name, seen, now);
    }
    let nothing = Known::unknown("nothing was asked for yet");
    let look = |(desired, _, mut seen): Seen| {
        let turn = fleet.turn(&desired.name)?;
        let now = asked.at.unwrap_or(now);
        if asked.at.is_some() {
            effect::look_again(&mut seen, now);
        }
        let facts = turn.facts(&seen, &nothing, Around { fleet: fleet.facts(), now });
        let supposed = Supposed::new(&facts, asked.suppose);
        let facts = supposed.facts(&facts);
        let plan = plan::plan(&facts);
        let (reports, relaxation) = (plan::explain(&facts), plan::relax(&facts, &plan));
        let prices = asked.price.then(|| plan::price(&facts, &plan));
        let other_minimum = plan::other_minimum(&facts, &plan);
        let waivers = output::in_force(facts.waivers(), now);
        let windows = Outlook::all(&plan::outlooks(&facts), now);
        Some(Look { desired, seen, plan, reports, relaxation, prices, other_minimum, waivers, windows, now })
    };
    let wanted = |(desired, ..): &Seen| asked.of.contains(&desired.name);
    Ok(seen.into_iter().filter(wanted).filter_map(look).collect())
}

/// What each driver says of what it needs; nothing of simulated clusters' packages, which need no file.
///
/// # Errors
/// A driver cannot be opened.
pub(super) fn readiness(
    global: &Global,
    loaded: &Loaded,
    names: &[ClusterName],
) -> anyhow::Result<BTreeMap<ClusterName, (bool, Vec<Check>)>> {
    let state = global.state()?;
    let runtime = runtime()?;
    let mut all = BTreeMap::new();
    for (name, cluster) in loaded.desired.clusters.iter().filter(|(name, _)| names.contains(name)) {
        let one = open(loaded, cluster, &state)?;
        let checks = runtime.block_on(one.driver.readiness()).into_iter().map(Check::from).collect();
        all.insert(name.clone(), (one.simulated, checks));
    }
    Ok(all)
}

/// Does something with one cluster's driver. If its manifest is broken or gone, the last good one that the daemon kept
/// says how to reach it.
///
/// # Errors
/// There is no such cluster, its driver cannot be opened, or what is done fails.
pub(super) fn with_driver<T>(
    global: &Global,
    from: &From,
    name: &ClusterName,
    act: impl AsyncFnOnce(&dyn Driver) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let loaded = load::read_or_kept(global, &from.manifests, Some(name))?;
    loaded.pick(std::slice::from_ref(name))?;
    let Some(cluster) = loaded.desired.clusters.get(name) else { bail!("no manifest declares {name}") };
    let one = open(&loaded, cluster, &global.state()?)?;
    runtime()?.block_on(act(&*one.driver))
}

/// Carries out a person's command without a daemon, and writes it into the record.
///
/// # Errors
/// It was not done.
pub(super) fn command(global: &Global, from: &From, name: &ClusterName, command: Command) -> anyhow::Result<String> {
    let what = words(&command);
    let done = with_driver(global, from, name, async |driver| {
        driver.command(command).await.map_err(|why| anyhow::anyhow!("{name}: {why}"))
    })?;
    let what = EntryKind::Commanded { what, by: person() };
    let entry = Entry { cluster: name.clone(), at: clock::wall(), revision: "".into(), what };
    match Store::open(&global.state()?, OpenMode::Write).map(|store| store.append(&entry)) {
        Ok(Ok(_)) => {}
        // It is done all the same: the cluster itself knows it.
        Ok(Err(error)) => global.note(format_args!("not recorded: {error}")),
        Err(error) => global.note(format_args!("not recorded: {error}")),
    }
    Ok(done)
}

/// A person's command in the record's words.
fn words(command: &Command) -> String {
    let of = |node: &Option<NodeName>| node.as_ref().map(|node| format!(" of {node}")).unwrap_or_default();
    match command {
        Command::Stop { node, why, .. } => format!("pulled the stop cord{}: {why}", of(node)),
        Command::Go { node } => format!("lifted the stop cord{}", of(node)),
        Command::Retry { node } => format!("had the failed tries{} forgotten", of(node)),
        Command::Release => "had every mark removed".into(),
    }
}
