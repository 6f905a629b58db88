//! Metrics: well formed by the rules of OpenMetrics, and true of a roll that is known.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::served;
use crate::daemon::Host;

/// Everything that may be a label. Nothing that a cluster or a person says in words of its own is.
const LABELS: [&str; 9] = ["cluster", "rule", "action", "outcome", "role", "state", "count", "version", "le"];

/// A sample's name and labels, to its value.
type Samples = BTreeMap<(String, BTreeMap<String, String>), f64>;

/// Reads the text by its rules, and fails where it breaks one.
fn read(text: &str) -> Samples {
    let mut samples = Samples::new();
    let (mut families, mut family, mut kind, mut unit) = (BTreeSet::new(), String::new(), String::new(), String::new());
    let body = text.strip_suffix("# EOF\n").expect("it ends with `# EOF`");
    for line in body.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let (what, rest) = comment.split_once(' ').unwrap();
            let (name, value) = rest.split_once(' ').unwrap();
            if name != family {
                assert!(families.insert(name.to_owned()), "{name} comes twice");
                (family, kind, unit) = (name.to_owned(), String::new(), String::new());
            }
            match what {
                "TYPE" => kind = value.to_owned(),
                "UNIT" => unit = value.to_owned(),
                "HELP" => assert!(value.ends_with('.') && value.len() > 5, "{line}"),
                _ => panic!("{line}"),
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = match series.split_once('{') {
            Some((name, rest)) => (name, labels(rest.strip_suffix('}').unwrap())),
            None => (series, BTreeMap::new()),
        };
        assert!(name.starts_with("rollward_"), "{line}");
        assert!(unit.is_empty() || family.ends_with(&format!("_{unit}")), "{family} is in {unit}");
        let suffix = name.strip_prefix(&family).unwrap_or_else(|| panic!("{line} stands in {family}"));
        let suffixes: &[&str] = match kind.as_str() {
            "counter" => &["_total"],
            "gauge" => &[""],
            "info" => &["_info"],
            "histogram" => &["_bucket", "_sum", "_count"],
            other => panic!("{family} is {other}"),
        };
        assert!(suffixes.contains(&suffix), "{line} is a {kind}");
        assert!(labels.keys().all(|label| LABELS.contains(&label.as_str())), "{line}");
        let value: f64 = value.parse().unwrap();
        assert!(value.is_finite() && (kind == "gauge" || value >= 0.0), "{line}");
        assert!(samples.insert((name.to_owned(), labels), value).is_none(), "{line} comes twice");
    }
    for ((name, labels), count) in samples.iter().filter(|((name, _), _)| name.ends_with("_count")) {
        let mut labels = labels.clone();
        labels.insert("le".to_owned(), "+Inf".to_owned());
        let bucket = format!("{}_bucket", name.trim_end_matches("_count"));
        assert_eq!(samples[&(bucket, labels)], *count);
    }
    samples
}

/// `name="value",…`; a quote, a backslash or the end of a line is written with a backslash before it.
fn labels(text: &str) -> BTreeMap<String, String> {
    let (mut labels, mut rest) = (BTreeMap::new(), text);
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").unwrap();
        let (mut value, mut chars) = (String::new(), after.char_indices());
        let end = loop {
            match chars.next().unwrap() {
                (at, '"') => break at,
                (_, '\\') => value.push(if let (_, 'n') = chars.clone().next().unwrap() { '\n' } else { '\\' }),
                (_, other) => value.push(other),
            }
        };
        assert!(labels.insert(name.trim_start_matches(',').to_owned(), value).is_none());
        rest = &after[end + 1..];
    }
    labels
}

fn value(samples: &Samples, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    samples.get(&(name.to_owned(), labels)).copied()
}

#[test]
fn a_known_roll_is_measured() {
    let (host, client) = served(Host::with_pair("act", "max"), "127.0.0.1:0");
    let of = ("cluster", "mbx-ccr-01");
    let metrics = || read(&client.get("/metrics").body);
    host.until(|_| value(&metrics(), "rollward_cluster_state", &[of, ("state", "converged")]) == Some(1.0));
    let samples = metrics();
    let kind = client.get("/metrics").header("content-type").to_owned();
    assert!(kind.starts_with("application/openmetrics-text; version=1.0.0"), "{kind}");
    for (name, more, wanted) in [
        ("rollward_clusters", None, 1.0),
        ("rollward_record_writable", None, 1.0),
        ("rollward_cluster_nodes", Some(None), 2.0),
        ("rollward_cluster_nodes_current", Some(None), 2.0),
        ("rollward_roll_handoffs", Some(Some(vec![("count", "spent")])), 1.0),
        ("rollward_roll_handoffs", Some(Some(vec![("count", "floor")])), 1.0),
        ("rollward_roll_handoffs", Some(Some(vec![("count", "optimum")])), 1.0),
        ("rollward_roll_handoffs", Some(Some(vec![("count", "planned")])), 0.0),
        ("rollward_roll_handoffs", Some(Some(vec![("count", "forced")])), 0.0),
        ("rollward_actions_total", Some(Some(vec![("action", "Install"), ("outcome", "done")])), 2.0),
        ("rollward_actions_total", Some(Some(vec![("action", "Handoff"), ("outcome", "done")])), 1.0),
        ("rollward_failovers_total", Some(None), 0.0),
        ("rollward_alarms_total", Some(None), 0.0),
    ] {
        let mut labels: Vec<_> = more.iter().map(|_| of).collect();
        labels.extend(more.flatten().unwrap_or_default());
        assert_eq!(value(&samples, name, &labels), Some(wanted), "{name} {labels:?}");
    }
    assert_eq!(value(&samples, "rollward_cluster_state", &[of, ("state", "blocked")]), Some(0.0));
    assert_eq!(value(&samples, "rollward_action_duration_seconds_count", &[("action", "Install")]), Some(2.0));
    // What was down, as the record has it, and as it was predicted.
    let history = client.get("/api/v1/clusters/mbx-ccr-01/history?kind=outage").json();
    let down: f64 = history["clusters"][0]["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|entry| entry["durationSeconds"].as_f64())
        .sum();
    let total = value(&samples, "rollward_outage_seconds_total", &[of, ("role", "MBX1")]).unwrap();
    assert!(down > 0.0 && (total - down).abs() < 0.01, "{total} is not {down}");
    assert_eq!(value(&samples, "rollward_roll_outage_predicted_seconds", &[of, ("role", "MBX1")]), Some(45.0));
    let observed = value(&samples, "rollward_roll_outage_observed_seconds", &[of, ("role", "MBX1")]).unwrap();
    assert!((observed - down).abs() < 0.01, "{observed} is not {down}");
    // The cluster's clock, which began in 2017.
    let looked = value(&samples, "rollward_last_look_timestamp_seconds", &[of]).unwrap();
    assert!((1_491_000_000.0..1_500_000_000.0).contains(&looked), "{looked}");
    assert!(value(&samples, "rollward_last_success_timestamp_seconds", &[of]) >= Some(looked));
    assert!(value(&samples, "rollward_last_converged_timestamp_seconds", &[of]).is_some());
    let looks = value(&samples, "rollward_looks_total", &[of]).unwrap();
    let spent = value(&samples, "rollward_looks_duration_seconds_total", &[of]).unwrap();
    assert!(looks > 10.0 && spent > 0.0 && spent < 60.0, "{looks} looks took {spent} s");
}

#[test]
fn what_stands_in_the_way_is_counted_by_rule() {
    let (host, client) = super::at_rest();
    let held = |rule: &str| {
        let samples = read(&client.get("/metrics").body);
        value(&samples, "rollward_cluster_holds", &[("cluster", "mbx-ccr-01"), ("rule", rule)])
    };
    assert_eq!(held("stop"), None);
    let status: Value = client.get("/api/v1/clusters/mbx-ccr-01").json();
    let modes = status["clusters"][0]["holds"].as_array().unwrap().iter().filter(|hold| hold["rule"] == "mode").count();
    assert!(modes > 0);
    assert_eq!(held("mode"), u32::try_from(modes).ok().map(f64::from));
    let output = host.run(&["stop", "--all", "--why", "freeze \"now\"\n", "--manifests", "manifests"]);
    assert!(output.status.success(), "{output:?}");
    host.until(|_| held("stop").is_some_and(|count| count > 0.0));
    let samples = read(&client.get("/metrics").body);
    host.until(|_| value(&read(&client.get("/metrics").body), "rollward_stop_cords", &[]) == Some(1.0));
    assert!(!samples.keys().any(|(_, labels)| labels.values().any(|value| value.contains("freeze"))));
}
