//! How long things will take on a cluster: as its manifest declares, and as they took so far. For its loop, and for whoever
//! plans beside it: both must foresee the same.

use std::collections::BTreeMap;

use crate::desired::Cluster;
use crate::desired::resolved::Minimise;
use crate::guard::Forecast;
use crate::model::Time;
use crate::plan;
use crate::record::{Sample, learned};

/// How long things will take on a cluster, given how long they took, oldest first, and since when its roll is open, if one
/// is.
///
/// Where the weights of outages are what is minimised, an open roll goes by what was known when it began: a plan that was
/// approved is not to change its order because a handoff took some seconds less than was foreseen.
pub fn forecast(cluster: &Cluster, mut samples: Vec<Sample>, open_since: Option<Time>) -> Forecast {
    if let Some(began) = open_since
        && cluster.policy.handoff.minimise == Minimise::Outage
    {
        samples.retain(|sample| sample.at <= began);
    }
    learned::forecast(&plan::forecast(cluster, &BTreeMap::new()).by_kind, &samples)
}
