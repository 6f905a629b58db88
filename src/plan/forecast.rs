//! How long things take, from what is declared: what [`learned`](crate::record::learned) starts from.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::desired::Cluster;
use crate::guard::Forecast;
use crate::model::{ActionKind, Spread};

/// How long an action takes where nobody has declared it: the middle and the 95th percentile, in seconds. Rollup
/// installs take from a few minutes to well over half an hour; the others follow what clusters of this age do.
const DEFAULTS: &[(ActionKind, u64, u64)] = &[
    (ActionKind::Stage, 30, 120),
    (ActionKind::Pause, 2, 10),
    (ActionKind::MoveGroup, 5, 30),
    (ActionKind::StopCluster, 20, 60),
    (ActionKind::Install, 600, 1800),
    (ActionKind::Uninstall, 600, 1800),
    (ActionKind::Reboot, 240, 900),
    (ActionKind::Handoff, 60, 180),
    (ActionKind::StopRole, 30, 120),
    (ActionKind::StartRole, 30, 120),
    (ActionKind::StartCluster, 40, 120),
    (ActionKind::RestoreServices, 20, 90),
    (ActionKind::ResumeReplication, 5, 30),
    (ActionKind::Resume, 2, 10),
    (ActionKind::Release, 1, 5),
];

/// The forecast of a cluster: what its manifest declares, else what its driver's part declares, else the defaults.
pub fn forecast(desired: &Cluster, by_driver: &BTreeMap<ActionKind, Spread>) -> Forecast {
    let mut by_kind: BTreeMap<ActionKind, Spread> = DEFAULTS
        .iter()
        .map(|&(kind, median, p95)| {
            (kind, Spread { median: Duration::from_secs(median), p95: Duration::from_secs(p95) })
        })
        .collect();
    by_kind.extend(by_driver);
    by_kind.extend(&desired.durations);
    Forecast { by_kind, ..Forecast::default() }
}
