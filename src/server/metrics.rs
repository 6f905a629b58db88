//! Metrics in the text that Prometheus reads (OpenMetrics 1.0).
//!
//! Labels are names from manifests and words of our own, never what a cluster or a person says.

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::TypedMetric;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::answer::Problem;
use super::{App, Inner, health};
use crate::model::Time;
use crate::model::time::between;
use crate::output::Decision;

/// What the text is called.
pub(super) const KIND: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Labels = Vec<(&'static str, String)>;
type Count = Gauge<i64>;
type Measure = Gauge<f64, AtomicU64>;
type Total = Counter<f64, AtomicU64>;

/// `GET /metrics`
pub(super) async fn metrics(State(app): State<App>) -> Result<Response, Problem> {
    let text = app.think(text).await?.map_err(|_| Problem::failed())?;
    Ok(([(header::CONTENT_TYPE, KIND)], text).into_response())
}

/// Everything that is measured, as it stands now.
fn text(inner: &Inner) -> Result<String, std::fmt::Error> {
    let mut registry = Registry::with_prefix("rollward");
    let version = Info::new([("version", env!("ROLLWARD_VERSION"))]);
    registry.register("build", "The version that runs", version);
    service(&mut registry, inner);
    clusters(&mut registry, inner);
    happened(&mut registry, inner);
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

/// The daemon and the service themselves.
fn service(registry: &mut Registry, inner: &Inner) {
    let count = |registry: &mut Registry, name: &str, help: &str, value: usize| {
        let gauge = Count::default();
        gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        registry.register(name, help, gauge);
    };
    let published = &inner.published;
    count(registry, "clusters", "Managed clusters", published.clusters().len());
    count(registry, "clusters_unmanaged", "Clusters that cannot be managed", published.unmanaged().len());
    count(registry, "stop_cords", "Stop cords in force that are not one cluster's own", published.fleet().stops.len());
    count(registry, "event_streams", "Clients that follow events", inner.events.followers());
    let writable = usize::from(health::unwritten(published).is_none());
    count(registry, "record_writable", "1 unless the last try to write the record failed", writable);
    let silent = Measure::default();
    silent.set(published.silent_for().as_secs_f64());
    registry.register_with_unit("loop_silence", "Since the daemon's loop last came round", Unit::Seconds, silent);
}

/// Each cluster as it was seen last.
fn clusters(registry: &mut Registry, inner: &Inner) {
    let state = family::<Count>(registry, "cluster_state", "1 for what was decided on the last look");
    let for_long = in_seconds::<Measure>(registry, "cluster_state_duration", "For how long that has been decided");
    let held = family::<Count>(registry, "cluster_holds", "What stands in the way, by rule");
    let nodes = family::<Count>(registry, "cluster_nodes", "Declared nodes");
    let current = family::<Count>(registry, "cluster_nodes_current", "Nodes at their target");
    let handoffs = family::<Count>(registry, "roll_handoffs", "Handoffs of the present or last roll");
    let predicted = in_seconds::<Measure>(registry, "roll_outage_predicted", "Outage as the roll began, at the median");
    let worst = in_seconds::<Measure>(
        registry,
        "roll_outage_predicted_p95",
        "Outage as the roll began, at the 95th percentile",
    );
    let observed = in_seconds::<Measure>(registry, "roll_outage_observed", "Outage as looks saw it in the roll");
    let looked =
        in_seconds::<Measure>(registry, "last_look_timestamp", "When the last look was, by the cluster's clock");
    let looks = family::<Counter>(registry, "looks", "Looks");
    let looking = in_seconds::<Total>(registry, "looks_duration", "How long all looks took together");

    let (now, tallies) = (inner.published.now(), inner.tallies.get());
    for (name, slot) in inner.published.clusters().iter() {
        let (name, view) = (name.as_str(), slot.view());
        let status = view.status(now);
        for word in states() {
            let is_so = status.decision.map_or("unknown", Decision::word) == word;
            set(&state, name, &[("state", word)], u32::from(is_so));
        }
        if let Some((_, since)) = tallies.get(name).and_then(|tally| tally.decision) {
            measure(&for_long, name, &[], between(since, now));
        }
        for hold in &status.holds {
            held.get_or_create(&labels(name, &[("rule", &hold.rule)])).inc();
        }
        set(&nodes, name, &[], status.nodes.unwrap_or_default());
        if let Some(all) = status.nodes_current {
            set(&current, name, &[], all);
        }
        if let Some(roll) = &view.roll {
            let counts = roll.counts;
            for (word, count) in [
                ("planned", counts.planned),
                ("floor", counts.floor),
                ("optimum", counts.optimum),
                ("spent", counts.spent),
                ("forced", counts.forced),
            ] {
                set(&handoffs, name, &[("count", word)], count);
            }
            for (role, spread) in &roll.predicted {
                measure(&predicted, name, &[("role", role.as_str())], spread.median);
                measure(&worst, name, &[("role", role.as_str())], spread.p95);
            }
            for (role, lasted) in &roll.outages {
                measure(&observed, name, &[("role", role.as_str())], *lasted);
            }
        }
        if let Some(at) = status.observed_at {
            looked.get_or_create(&labels(name, &[])).set(timestamp(at));
        }
        let (count, took) = slot.looks();
        looks.get_or_create(&labels(name, &[])).inc_by(count);
        looking.get_or_create(&labels(name, &[])).inc_by(took.as_secs_f64());
    }
}

/// What has happened since the service began.
fn happened(registry: &mut Registry, inner: &Inner) {
    let actions = family::<Counter>(registry, "actions", "Actions, by what came of them");
    let outage = in_seconds::<Total>(registry, "outage", "Outage of roles, as looks saw it");
    let measured = in_seconds::<Total>(
        registry,
        "outage_measured",
        "Outage of roles, as probes saw it while they were handed over",
    );
    let last = in_seconds::<Measure>(registry, "last_outage_measured", "The last outage that probes saw");
    let foreseen = in_seconds::<Measure>(registry, "last_outage_predicted", "The same, as it was foreseen: the median");
    let off = in_seconds::<Measure>(registry, "last_outage_error", "By how much it was longer than that");
    let failovers = family::<Counter>(registry, "failovers", "Roles that moved and it was not our doing");
    let alarms = family::<Counter>(registry, "alarms", "Things that somebody should have looked at");
    let seen = in_seconds::<Measure>(registry, "last_success_timestamp", "The last look that any node answered");
    let converged = in_seconds::<Measure>(registry, "last_converged_timestamp", "The last look that found all done");
    let durations = inner.tallies.durations.clone();
    registry.register_with_unit("action_duration", "Actions from begin to proof", Unit::Seconds, durations);
    for (name, tally) in inner.tallies.get() {
        let name = name.as_str();
        for ((action, outcome), count) in &tally.actions {
            let more = [("action", *action), ("outcome", outcome.word())];
            actions.get_or_create(&labels(name, &more)).inc_by(*count);
        }
        for (role, lasted) in &tally.outages {
            outage.get_or_create(&labels(name, &[("role", role.as_str())])).inc_by(lasted.as_secs_f64());
        }
        for (role, outage) in &tally.measured {
            let labels = labels(name, &[("role", role.as_str())]);
            let (seen, predicted) = (outage.last.as_secs_f64(), outage.foreseen.median.as_secs_f64());
            measured.get_or_create(&labels).inc_by(outage.total.as_secs_f64());
            for (family, seconds) in [(&last, seen), (&foreseen, predicted), (&off, seen - predicted)] {
                family.get_or_create(&labels).set(seconds);
            }
        }
        failovers.get_or_create(&labels(name, &[])).inc_by(tally.failovers);
        alarms.get_or_create(&labels(name, &[])).inc_by(tally.alarms);
        for (family, at) in [(&seen, tally.seen), (&converged, tally.converged)] {
            if let Some(at) = at {
                family.get_or_create(&labels(name, &[])).set(timestamp(at));
            }
        }
    }
}

fn states() -> impl Iterator<Item = &'static str> {
    use Decision::{Act, Blocked, Converged, Releasing, Wait};
    [Act, Wait, Blocked, Releasing, Converged].into_iter().map(Decision::word).chain(["unknown"])
}

fn family<M>(registry: &mut Registry, name: &str, help: &str) -> Family<Labels, M>
where
    M: Default + Debug + EncodeMetric + TypedMetric + Send + Sync + 'static,
    Labels: EncodeLabelSet + Hash + Eq,
{
    let family = Family::<Labels, M>::default();
    registry.register(name, help, family.clone());
    family
}

fn in_seconds<M>(registry: &mut Registry, name: &str, help: &str) -> Family<Labels, M>
where
    M: Default + Debug + EncodeMetric + TypedMetric + Send + Sync + 'static,
{
    let family = Family::<Labels, M>::default();
    registry.register_with_unit(name, help, Unit::Seconds, family.clone());
    family
}

fn labels(cluster: &str, more: &[(&'static str, &str)]) -> Labels {
    let mut labels = vec![("cluster", cluster.to_owned())];
    labels.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    labels
}

fn set(family: &Family<Labels, Count>, cluster: &str, more: &[(&'static str, &str)], value: u32) {
    family.get_or_create(&labels(cluster, more)).set(i64::from(value));
}

fn measure(family: &Family<Labels, Measure>, cluster: &str, more: &[(&'static str, &str)], value: Duration) {
    family.get_or_create(&labels(cluster, more)).set(value.as_secs_f64());
}

fn timestamp(at: Time) -> f64 {
    at.as_duration().as_secs_f64()
}
