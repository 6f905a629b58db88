//! Opens the drivers of a set of manifests, and makes the one clock that all of them share.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::{RunError, RunOptions};
use crate::clock::FleetClock;
use crate::desired::{Cluster, Desired};
use crate::drivers::{self, Driver, Prepared, TimeScale};
use crate::model::ClusterName;

/// A simulated cluster's time may go faster than a real one's.
const ONE_CLOCK: &str = "one clock serves the whole fleet";

type Opened = (Arc<FleetClock>, BTreeMap<ClusterName, Arc<dyn Driver>>);

/// Opens the drivers of all clusters.
pub(super) fn all(desired: &Desired, options: &RunOptions) -> Result<Opened, RunError> {
    let mut prepared = BTreeMap::new();
    for (name, cluster) in &desired.clusters {
        let one = prepare(cluster, desired, options, options.fresh_world)
            .map_err(|why| RunError::Driver { cluster: name.clone(), why })?;
        prepared.insert(name.clone(), one);
    }
    let clock = Arc::new(clock(&prepared)?);
    let drivers = prepared
        .into_iter()
        .map(|(name, one)| {
            let driver = one.start(Arc::clone(&clock) as _);
            (name, driver)
        })
        .collect();
    Ok((clock, drivers))
}

/// Opens one more driver, on the clock that runs already.
pub(super) fn one(
    cluster: &Cluster,
    desired: &Desired,
    options: &RunOptions,
    clock: &Arc<FleetClock>,
) -> Result<Arc<dyn Driver>, String> {
    let one = prepare(cluster, desired, options, false)?;
    let scale = one.simulated.map(|(_, scale)| scale);
    if scale != scale_of(clock) {
        return Err(format!("{ONE_CLOCK}: end this daemon, and start it anew with all of them or with `--cluster`"));
    }
    Ok(one.start(Arc::clone(clock) as _))
}

fn scale_of(clock: &FleetClock) -> Option<TimeScale> {
    if clock.is_virtual() { Some(TimeScale::Max) } else { clock.factor().map(TimeScale::Factor) }
}

fn prepare(cluster: &Cluster, desired: &Desired, options: &RunOptions, fresh: bool) -> Result<Prepared, String> {
    drivers::prepare(cluster, &desired.rollups, &worlds(options), fresh)
}

/// Where simulated worlds are kept.
fn worlds(options: &RunOptions) -> PathBuf {
    options.worlds.clone().unwrap_or_else(|| options.state.join("worlds"))
}

/// The one clock of a fleet: real for real clusters; for simulated ones as they declare it, all alike.
fn clock(prepared: &BTreeMap<ClusterName, Prepared>) -> Result<FleetClock, RunError> {
    let mut chosen: Option<(&ClusterName, Option<TimeScale>)> = None;
    let mut origin = None;
    for (name, one) in prepared {
        let scale = one.simulated.map(|(_, scale)| scale);
        match &chosen {
            None => chosen = Some((name, scale)),
            Some((first, other)) if *other != scale => {
                let why = format!(
                    "{ONE_CLOCK}, and its own does not go with that of {first}: run them apart (--cluster), or give \
                     both the same timeScale"
                );
                return Err(RunError::Driver { cluster: name.clone(), why });
            }
            Some(_) => {}
        }
        origin = origin.max(one.simulated.map(|(start, _)| start));
    }
    Ok(match (chosen.and_then(|(_, scale)| scale), origin) {
        (Some(TimeScale::Max), Some(origin)) => FleetClock::virtual_from(origin),
        (Some(TimeScale::Factor(factor)), Some(origin)) => FleetClock::paced(origin, factor),
        _ => FleetClock::real(),
    })
}
