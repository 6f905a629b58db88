//! `run`: the daemon. What happens is told on stderr as it happens; the one document comes at the end.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::args::{Global, Manifests, duration};
use super::text::live::Live;
use super::{Exit, live, load, text};
use crate::daemon::{self, ClusterReport, Ended, OpenFront, Report, RunError, RunOptions, Told};
use crate::model::ClusterName;
use crate::output::{Clusters, Hold, Ran, RanRole, RunState};
use crate::plan::Decision;
use crate::record::Keep;
use crate::server::{self, Server};

/// Bring clusters to what their manifests declare, and keep them there: the daemon.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Watches the manifests; may be killed and started again at any time. A second daemon on the same state folder is \
refused.

Examples:
  rollward run /etc/rollward/manifests
  rollward run manifests/demo --until-converged
  rollward run manifests/demo --until-converged --fresh-world   start the simulated clusters over
  rollward run manifests --cluster mbx-ccr-01 --until-converged --timeout 4h
  rollward run /etc/rollward/manifests --listen 8080            status page on http://127.0.0.1:8080/")]
pub(super) struct Run {
    #[command(flatten)]
    manifests: Manifests,
    /// End as soon as nothing is left to do, or nothing but what takes a person
    #[arg(long)]
    until_converged: bool,
    /// End after this long, with exit code 3 if something is left to do
    #[arg(long, value_name = "TIME", value_parser = duration)]
    timeout: Option<Duration>,
    /// Where simulated clusters are kept; without it, in the state folder
    #[arg(long, value_name = "DIR")]
    world: Option<PathBuf>,
    /// Start simulated clusters over, as their manifests declare them
    #[arg(long)]
    fresh_world: bool,
    /// Serve the status page, the API and metrics here: a port of this host alone, or an address with its port. Reading is
    /// open on this host; elsewhere, and for every change, the token in the state folder is asked for
    #[arg(long, value_name = "ADDR", value_parser = server::address)]
    listen: Option<SocketAddr>,
    /// A name by which this host may be asked, besides its own and its addresses
    #[arg(long = "host", value_name = "NAME", requires = "listen")]
    hosts: Vec<String>,
    /// For how many days lines of the record are kept that nothing needs any more
    #[arg(long, value_name = "DAYS", default_value_t = 730)]
    keep: u32,
    /// For how many days it is kept what decisions rested on, which is most of the record
    #[arg(long, value_name = "DAYS", default_value_t = 90)]
    keep_inputs: u32,
    /// How large the record may become, in MiB, before what is younger goes too, the oldest first
    #[arg(long, value_name = "MIB", default_value_t = 1024)]
    record_limit: u32,
}

const DAY: Duration = Duration::from_secs(24 * 3600);

impl Run {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let Self {
            manifests,
            until_converged,
            timeout,
            world,
            fresh_world,
            listen,
            hosts,
            keep,
            keep_inputs,
            record_limit,
        } = self;
        let names = load::read(&manifests.paths).pick(&manifests.clusters)?;
        let state = global.state()?;
        let server = listen.map(|at| Server::bind(at, hosts, &state)).transpose()?;
        let front = server.map(|server| -> OpenFront {
            Box::new(move |front| server.open(front).map_err(|error| error.to_string()))
        });
        let options = RunOptions {
            paths: manifests.paths,
            clusters: manifests.clusters,
            state,
            worlds: world,
            fresh_world,
            until_converged,
            timeout,
            keep: Keep { lines: DAY * keep, inputs: DAY * keep_inputs, bytes: u64::from(record_limit) << 20 },
            front,
        };
        let mut lines = Live::new(names.iter().map(ClusterName::as_str));
        let mut tell = |told: Told<'_>| match told {
            Told::Entry(entry) if global.logs() => text::log::entry(entry),
            Told::Manifests(drawn) if global.logs() => text::log::manifests(drawn),
            Told::Note(note) if global.logs() => text::log::note(note),
            Told::Entry(entry) => {
                if let Some(lines) = lines.lines(entry) {
                    global.note(lines);
                }
            }
            Told::Manifests(text) | Told::Note(text) => global.note(text.trim_end()),
        };
        let report = match live::runtime()?.block_on(daemon::run(options, &mut tell)) {
            Ok(report) => report,
            // It is whole sentences, beside what was told with its place.
            Err(RunError::Manifests(drawn)) => {
                global.note(drawn.trim_end());
                return Ok(Exit::Error);
            }
            Err(error) => return Err(error.into()),
        };
        let violations: usize = report.clusters.iter().filter_map(|c| c.violations.as_ref().map(Vec::len)).sum();
        for (cluster, violation) in
            report.clusters.iter().flat_map(|c| c.violations.iter().flatten().map(move |v| (&c.name, v)))
        {
            global.note(format_args!("violation in {cluster}: {violation}"));
        }
        if report.ended == Ended::Converged && report.clusters.iter().all(|cluster| cluster.actions == 0) {
            global.note("every cluster has converged already; --fresh-world starts simulated ones over");
        }
        let exit = exit(&report, violations);
        let clusters = report.clusters.iter().map(Ran::from).collect();
        global.emit(&Clusters { clusters }, text::run::text)?;
        Ok(exit)
    }
}

fn exit(report: &Report, violations: usize) -> Exit {
    match report.ended {
        _ if violations > 0 => Exit::Error,
        Ended::Converged | Ended::Terminated => Exit::Done,
        Ended::Held | Ended::TimeOut => Exit::Held,
    }
}

impl From<&ClusterReport> for Ran {
    fn from(report: &ClusterReport) -> Self {
        let ClusterReport { name, decision, actions, handoffs, predicted, observed, violations, trouble: _ } = report;
        let state = match decision {
            Some(Decision::Converged) => RunState::Converged,
            Some(Decision::Blocked(_)) => RunState::Blocked,
            Some(Decision::Act(_)) => RunState::Acting,
            Some(Decision::Releasing) => RunState::Releasing,
            Some(Decision::Wait { .. }) | None => RunState::Waiting,
        };
        let mut roles: Vec<_> = predicted.keys().chain(observed.keys()).collect();
        roles.sort();
        roles.dedup();
        Self {
            name: name.to_string(),
            state,
            actions: *actions,
            handoffs: (*handoffs).into(),
            roles: roles
                .into_iter()
                .map(|role| RanRole {
                    name: role.to_string(),
                    predicted_outage_seconds: predicted.get(role).map(|spread| (*spread).into()),
                    observed_outage_seconds: observed.get(role).copied().unwrap_or_default().into(),
                })
                .collect(),
            violations: violations.as_ref().map(|list| list.len() as u64),
            holds: decision.iter().flat_map(|decision| decision.holds()).map(Hold::from).collect(),
        }
    }
}
