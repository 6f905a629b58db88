//! Policies, limits across clusters and stop cords, as meant.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::super::diagnostics::{Diagnostic, did_you_mean};
use super::super::document::{FleetSpec, Kind, LimitsDoc, PolicySpec, StopSpec, WindowDoc};
use super::super::resolved::{FleetPolicy, HandoffPolicy, Limits, Place, Policy, StopDocument, WorkWhen};
use super::super::text::DurationText;
use super::super::window::{Window, next_opening, opening_at};
use super::docs::{Doc, Docs};
use crate::model::{PolicyName, Time};

/// How long a role may be stopped in an offline handoff unless the policy says otherwise: time for a slow stop, a move
/// and a slow start, and short enough that nobody is left without mail for an hour.
const STOPPED_AT_MOST: Duration = Duration::from_secs(30 * 60);

/// Every sound policy of the set.
pub(super) fn resolve(docs: &mut Docs<'_>, diagnostics: &mut Vec<Diagnostic>) -> BTreeMap<String, Arc<Policy>> {
    let mut policies = BTreeMap::new();
    for (doc, manifest) in docs.take::<PolicySpec>(Kind::Policy, diagnostics) {
        let mut found = Vec::new();
        let policy = policy(&doc, manifest.spec, &mut found);
        match found.first() {
            Some(first) => docs.break_it(Kind::Policy, &doc.name, first, &doc.place()),
            None => {
                policies.insert(doc.name.clone(), Arc::new(policy));
            }
        }
        diagnostics.extend(found);
    }
    policies
}

/// What holds for a cluster that has no role and names no policy.
pub(super) fn without_roles(place: Place) -> Policy {
    Policy {
        name: PolicyName::new("default"),
        place,
        handoff: HandoffPolicy {
            when: Default::default(),
            style: Default::default(),
            failback: Default::default(),
            minimise: Default::default(),
            stopped_at_most: STOPPED_AT_MOST,
        },
        work: WorkWhen::Anytime,
        staging: Default::default(),
        windows: Vec::new(),
        handoff_windows: None,
        limits: Limits::default(),
    }
}

fn policy(doc: &Doc<'_>, spec: PolicySpec, found: &mut Vec<Diagnostic>) -> Policy {
    let windows = windows(doc, &["spec", "windows"], &spec.windows, found);
    let handoff_windows =
        spec.handoff.windows.as_ref().map(|w| self::windows(doc, &["spec", "handoff", "windows"], w, found));
    let opens = |windows: &[WindowDoc]| windows.iter().any(|w| !w.deny);
    let work = spec.work.when.unwrap_or(if spec.windows.is_empty() { WorkWhen::Anytime } else { WorkWhen::Window });
    if work == WorkWhen::Window && !opens(&spec.windows) {
        let at =
            if spec.work.when.is_some() { doc.value(&["spec", "work", "when"]) } else { doc.key(&["spec", "windows"]) };
        let message = "work waits for a window that can never open";
        let label = "no window is declared in which it may begin";
        let help = "declare one under `spec.windows`, or say `work: {when: anytime}`";
        found.push(Diagnostic::error("never-open", message, at, label).help(help));
    }
    let for_handoffs = spec.handoff.windows.as_ref().unwrap_or(&spec.windows);
    if spec.handoff.when.needs_window() && !opens(for_handoffs) {
        let message = "handoffs wait for a window that can never open";
        let label = "no window is declared in which they may begin";
        let help =
            "declare one under `spec.windows` or `spec.handoff.windows`, or let people approve: `when: approval`";
        let at = doc.value(&["spec", "handoff", "when"]);
        found.push(Diagnostic::error("never-open", message, at, label).help(help));
    }
    let positive =
        |text: Option<DurationText>, default: Duration, least: Duration, path: &[&str], found: &mut Vec<Diagnostic>| {
            let duration = text.map_or(default, |t| t.0);
            if duration < least {
                let key = path.last().copied().unwrap_or_default();
                let label = format!("expected {} or more", crate::model::time::words(least));
                found.push(Diagnostic::error(
                    "wrong-value",
                    format!("`{key}` is too short to be met"),
                    doc.value(path),
                    label,
                ));
            }
            duration
        };
    let minute = Duration::from_secs(60);
    let stopped_at_most =
        positive(spec.handoff.stopped_at_most, STOPPED_AT_MOST, minute, &["spec", "handoff", "stoppedAtMost"], found);
    let LimitsDoc {
        max_unavailable,
        retries,
        halt_after_failed_nodes,
        quorum_margin,
        soak,
        copy_queue_length,
        observation_age,
        back_off,
    } = spec.limits;
    let default = Limits::default();
    let second = Duration::from_secs(1);
    let limits = Limits {
        max_unavailable: at_least_one(
            doc,
            max_unavailable,
            default.max_unavailable,
            &["spec", "limits", "maxUnavailable"],
            found,
        ),
        retries: retries.unwrap_or(default.retries),
        halt_after_failed_nodes: at_least_one(
            doc,
            halt_after_failed_nodes,
            default.halt_after_failed_nodes,
            &["spec", "limits", "haltAfterFailedNodes"],
            found,
        ),
        quorum_margin: quorum_margin.unwrap_or(default.quorum_margin),
        soak: soak.map_or(default.soak, |s| s.0),
        copy_queue_length: copy_queue_length.unwrap_or(default.copy_queue_length),
        observation_age: positive(
            observation_age,
            default.observation_age,
            second,
            &["spec", "limits", "observationAge"],
            found,
        ),
        back_off: positive(back_off, default.back_off, second, &["spec", "limits", "backOff"], found),
    };
    Policy {
        name: PolicyName::new(doc.name.as_str()),
        place: doc.place(),
        handoff: HandoffPolicy {
            when: spec.handoff.when,
            style: spec.handoff.style,
            failback: spec.handoff.failback,
            minimise: spec.handoff.minimise,
            stopped_at_most,
        },
        work,
        staging: spec.staging,
        windows,
        handoff_windows,
        limits,
    }
}

fn at_least_one(doc: &Doc<'_>, given: Option<u32>, default: u32, path: &[&str], found: &mut Vec<Diagnostic>) -> u32 {
    if given == Some(0) {
        let key = path.last().copied().unwrap_or_default();
        let message = format!("with `{key}: 0` nothing could ever begin");
        let diagnostic = Diagnostic::error("wrong-value", message, doc.value(path), "expected 1 or more");
        found.push(diagnostic.help("to hold everything, use `mode: observe` or a document of kind `Stop`"));
    }
    given.unwrap_or(default)
}

fn windows(doc: &Doc<'_>, base: &[&str], given: &[WindowDoc], found: &mut Vec<Diagnostic>) -> Vec<Window> {
    let before = found.len();
    let mut windows = Vec::new();
    for (i, window) in given.iter().enumerate() {
        let index = i.to_string();
        let path = |key: &'static str| -> Vec<&str> { base.iter().copied().chain([index.as_str(), key]).collect() };
        let Some(time_zone) = zone(&window.time_zone) else {
            let message = format!("unknown time zone `{}`", window.time_zone);
            let label = "expected a name such as `Europe/Paris`, or `UTC`";
            let names: Vec<String> = zones().available().map(|z| z.to_string()).collect();
            let help = did_you_mean(&window.time_zone, names.iter().map(String::as_str));
            let diagnostic = Diagnostic::error("unknown-time-zone", message, doc.value(&path("timeZone")), label);
            found.push(diagnostic.maybe_help(help));
            continue;
        };
        let mut days = [window.days.is_none(); 7];
        for day in window.days.iter().flatten() {
            if let Some(slot) = days.get_mut(day.index()) {
                *slot = true;
            }
        }
        if !days.contains(&true) {
            let label = "expected at least one day, or no `days` for every day";
            let at = doc.value(&path("days"));
            found.push(Diagnostic::error("never-open", "a window that can never open: it has no days", at, label));
            continue;
        }
        if window.from.time == window.to.time && !window.to.end_of_day && !window.from.end_of_day {
            let message = "a window that can never open: it ends when it begins";
            let diagnostic = Diagnostic::error("never-open", message, doc.value(&path("to")), "expected another time")
                .and(doc.value(&path("from")), "it begins then")
                .help("a whole day is `from: \"00:00\", to: \"24:00\"`");
            found.push(diagnostic);
            continue;
        }
        windows.push(Window { days, from: window.from.time, to: window.to.time, time_zone, deny: window.deny });
    }
    if found.len() == before && windows.iter().any(|w| !w.deny) && never_open(&windows) {
        let message = "windows that can never open: others deny all of them";
        let label = "expected some time that is not denied";
        found.push(Diagnostic::error("never-open", message, doc.key(base), label));
    }
    windows
}

/// Windows come back every week, so any year tells.
fn never_open(windows: &[Window]) -> bool {
    let some_time = Time::UNIX_EPOCH;
    opening_at(windows, some_time).is_none() && next_opening(windows, some_time).is_none()
}

/// The zones that are compiled in: a manifest means the same on every machine.
fn zones() -> &'static TimeZoneDatabase {
    static ZONES: OnceLock<TimeZoneDatabase> = OnceLock::new();
    ZONES.get_or_init(TimeZoneDatabase::bundled)
}

fn zone(name: &str) -> Option<TimeZone> {
    // Names compare without case there; here they are spelled as they are spelled.
    zones().get(name).ok().filter(|zone| zone.iana_name() == Some(name))
}

/// Limits across clusters: the defaults if none are declared, nothing if their document is broken.
pub(super) fn fleet(docs: &mut Docs<'_>, diagnostics: &mut Vec<Diagnostic>) -> Option<FleetPolicy> {
    let read = docs.take::<FleetSpec>(Kind::Fleet, diagnostics);
    let mut found = Vec::new();
    let mut policy = None;
    for (doc, manifest) in &read {
        let spec = &manifest.spec;
        let default = FleetPolicy::default();
        let path = |key: &'static str| ["spec", key];
        let read = FleetPolicy {
            max_clusters_in_roll: at_least_one(
                doc,
                spec.max_clusters_in_roll,
                default.max_clusters_in_roll,
                &path("maxClustersInRoll"),
                &mut found,
            ),
            canaries: spec.canaries.unwrap_or(default.canaries),
            soak_between_clusters: spec.soak_between_clusters.map_or(default.soak_between_clusters, |s| s.0),
            halt_after_same_failure: at_least_one(
                doc,
                spec.halt_after_same_failure,
                default.halt_after_same_failure,
                &path("haltAfterSameFailure"),
                &mut found,
            ),
        };
        policy = Some(read);
    }
    if let [(first, _), (second, _), ..] = read.as_slice() {
        let message = "there are two documents of kind Fleet";
        let diagnostic = Diagnostic::error("duplicate-document", message, second.name_at(), "and here")
            .and(first.name_at(), "declared here")
            .help("limits across clusters are declared once");
        found.push(diagnostic);
    }
    let broken = docs.broken().any(|((kind, _), _)| *kind == Kind::Fleet) || !found.is_empty();
    diagnostics.extend(found);
    if broken { None } else { Some(policy.unwrap_or_default()) }
}

/// Every committed stop cord that is sound.
pub(super) fn stops(docs: &mut Docs<'_>, diagnostics: &mut Vec<Diagnostic>) -> Vec<StopDocument> {
    docs.take::<StopSpec>(Kind::Stop, diagnostics)
        .into_iter()
        .map(|(doc, manifest)| StopDocument {
            place: doc.place(),
            name: doc.name,
            why: manifest.spec.why,
            labels: manifest.spec.labels,
        })
        .collect()
}
