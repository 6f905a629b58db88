//! `report`: the record told for people who were not there, on paper if need be.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::args::Global;
use super::{Exit, text};
use crate::clock;
use crate::model::ClusterName;
use crate::output::{Audited, Report, Reported, RollReport, Seconds};
use crate::record::{EVERY, Filter, OpenMode, Recorded, Store};
use crate::server;

/// Tell who is at which build since when, every handoff with its outage, and the first cause of every failure.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
All of it comes from the record; no cluster is asked. With --to, FOLDER gets report.html, which needs nothing beside it, \
and for each roll CLUSTER-START.json and CLUSTER-START.csv.

Examples:
  rollward report
  rollward report mbx-ccr-01 --to /srv/reports/april
  rollward report --output json | jq '.clusters[].rolls[].handoffs[].outageSeconds'")]
pub(super) struct ReportArgs {
    /// The cluster; all of them, if none is given
    #[arg(value_name = "CLUSTER")]
    cluster: Option<ClusterName>,
    /// Write the report into this folder, too; it is made if it is not there
    #[arg(long, value_name = "FOLDER")]
    to: Option<PathBuf>,
}

impl ReportArgs {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let store = Store::open(&global.state()?, OpenMode::Read).context("cannot read the record")?;
        let lines = store.history(&Filter { cluster: self.cluster.clone(), ..Filter::default() }, u32::MAX)?;
        let mut by_cluster: BTreeMap<ClusterName, Vec<Recorded>> = BTreeMap::new();
        for line in lines.into_iter().filter(|line| line.entry.cluster.as_str() != EVERY) {
            by_cluster.entry(line.entry.cluster.clone()).or_default().push(line);
        }
        if let Some(cluster) = self.cluster.filter(|cluster| !by_cluster.contains_key(cluster)) {
            anyhow::bail!("the record says nothing of {cluster}; `rollward history` lists all that it says");
        }
        let clusters =
            by_cluster.iter().map(|(name, lines)| Reported::new(name.as_str(), lines, |id| store.inputs(id).ok()));
        let report =
            Report { made_at: clock::wall(), clusters: clusters.collect(), record: Audited::from(store.verify(None)?) };
        if let Some(folder) = &self.to {
            write(&report, folder).with_context(|| format!("cannot write the report to {}", folder.display()))?;
            global.note(format_args!("written to {}", folder.join("report.html").display()));
        }
        global.emit(&report, text::report::text)?;
        Ok(Exit::Done)
    }
}

fn write(report: &Report, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("report.html"), server::paper(report)?)?;
    let mut names = BTreeSet::new();
    for cluster in &report.clusters {
        for roll in &cluster.rolls {
            let name = file_name(&cluster.name, roll);
            // In simulated time, rolls may be over within a second.
            let free = (2..).map(|n| format!("{name}-{n}")).find(|other| !names.contains(other));
            let name = if names.contains(&name) { free.unwrap_or(name) } else { name };
            fs::write(folder.join(format!("{name}.json")), serde_json::to_string_pretty(roll)? + "\n")?;
            fs::write(folder.join(format!("{name}.csv")), csv(&cluster.name, roll)?)?;
            names.insert(name);
        }
    }
    Ok(())
}

/// What of a cluster's name may stand in a file's name as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

fn file_name(cluster: &str, roll: &RollReport) -> String {
    format!("{}-{}", utf8_percent_encode(cluster, PLAIN), roll.started.strftime("%Y%m%dT%H%M%SZ"))
}

/// A line for each thing that ended or happened, in order.
fn csv(cluster: &str, roll: &RollReport) -> anyhow::Result<Vec<u8>> {
    let mut file = csv::Writer::from_writer(Vec::new());
    file.write_record([
        "entry",
        "at",
        "cluster",
        "kind",
        "action",
        "node",
        "group",
        "from",
        "to",
        "rollup",
        "durationSeconds",
        "outageSeconds",
        "measuredOutageSeconds",
        "predictedMedianSeconds",
        "predictedP95Seconds",
        "failure",
    ])?;
    for event in &roll.events {
        let action = event.action.as_ref();
        let handoff = roll.handoffs.iter().find(|handoff| handoff.entry == event.entry);
        let predicted = handoff.and_then(|handoff| handoff.predicted_seconds);
        let number = |of: Option<Seconds>| of.map(|of| format!("{:.3}", of.0.as_secs_f64())).unwrap_or_default();
        let name = |of: Option<&String>| plain(of.map_or("", String::as_str));
        file.write_record([
            event.entry.to_string(),
            event.at.to_string(),
            plain(cluster),
            event.kind.clone(),
            action.map(|action| action.action.word().to_owned()).unwrap_or_default(),
            name(action.and_then(|action| action.node.as_ref())),
            name(event.group.as_ref().or(action.and_then(|action| action.group.as_ref()))),
            name(action.and_then(|action| action.from.as_ref())),
            name(action.and_then(|action| action.to.as_ref())),
            name(action.and_then(|action| action.rollup.as_ref())),
            number(event.duration_seconds),
            number(handoff.and_then(|handoff| handoff.outage_seconds)),
            number(handoff.and_then(|handoff| handoff.measured_outage_seconds)),
            number(predicted.map(|predicted| predicted.median)),
            number(predicted.map(|predicted| predicted.p95)),
            name(event.failure.as_ref()),
        ])?;
    }
    Ok(file.into_inner()?)
}

/// What a spreadsheet takes for the beginning of a formula, or skips before one; some know the wide forms, too.
const FORMULA: &[char] = &['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// A text that no spreadsheet takes for a formula.
fn plain(text: &str) -> String {
    if text.trim_start_matches(' ').starts_with(FORMULA) { format!("'{text}") } else { text.to_owned() }
}
