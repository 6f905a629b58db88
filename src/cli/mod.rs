//! What people type, and what they see. One file a command; each says what it does with the parts below.
//!
//! Absent on purpose: any decision about a cluster. One document goes to stdout, everything else to stderr.

mod args;

mod text;

mod ask;
mod live;
mod load;
mod secrets;

mod approve;
mod bundle;
mod doctor;
mod explain;
mod history;
mod init;
mod observe;
mod package;
mod plan;
mod release;
mod replay;
mod report;
mod retry;
mod run;
mod schema;
mod shell;
mod simulate;
mod snapshot;
mod status;
mod stop;
mod takeover;
mod validate;
mod waive;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use args::Global;

/// How a command ended, as its caller sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It did what was asked. A plan with work left is done; so is a daemon that was told to end.
    Done,
    /// An error, a bad manifest, a lock that another holds, a violation.
    Error,
    /// The command line is wrong.
    Usage,
    /// Only permanent or people's holds are left, or the time given ran out.
    Held,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Error => 1,
            Exit::Usage => 2,
            Exit::Held => 3,
        })
    }
}

/// The arguments are well formed and name something that is not there.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct UsageError(String);

/// Brings failover clusters to the update rollup that a manifest declares, one safe action at a time, and never
/// touches a node that is serving users.
#[derive(Debug, Parser)]
#[command(name = "rollward", version = env!("ROLLWARD_VERSION"), max_term_width = 100)]
#[command(after_help = "\
Exit codes: 0 done; 1 error, bad manifest, lock held, violation; 2 usage; 3 only holds that need a person are left, \
or --timeout ran out.

Examples:
  rollward run manifests/demo --until-converged    bring the demo's clusters to their rollup, then end
  rollward plan manifests/demo                     what would be done, and what it would cost
  rollward explain mbx-ccr-01 --manifests DIR      why a node is not at its target yet")]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Validate(validate::Validate),
    Plan(plan::Plan),
    Run(run::Run),
    Simulate(simulate::Simulate),
    Status(status::StatusArgs),
    Explain(explain::Explain),
    History(history::History),
    Report(report::ReportArgs),
    Replay(replay::Replay),
    Observe(observe::Observe),
    Doctor(doctor::Doctor),
    Bundle(bundle::BundleArgs),
    Snapshot(snapshot::SnapshotArgs),
    Approve(approve::Approve),
    Stop(stop::Stop),
    Go(stop::Go),
    Retry(retry::Retry),
    Release(release::Release),
    Waive(waive::Waive),
    Takeover(takeover::Takeover),
    Init(init::Init),
    Package(package::Package),
    Schema(schema::Schema),
    Completions(shell::Completions),
    Man(shell::Man),
}

/// Runs the command line, and says on stderr what went wrong, if anything did.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are asked for, and go to stdout; the rest is a usage error, and goes to stderr.
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            return if error.print().is_ok() { exit.into() } else { Exit::Error.into() };
        }
    };
    cli.global.prepare();
    match cli.command.run(&cli.global) {
        Ok(exit) => exit.into(),
        Err(error) if is_closed_pipe(&error) => Exit::Done.into(),
        Err(error) => {
            let style = text::style::BAD;
            // If stderr is gone too, the exit code still tells.
            let _ = writeln!(anstream::stderr(), "{style}error{style:#}: {error:#}");
            if error.is::<UsageError>() { Exit::Usage.into() } else { Exit::Error.into() }
        }
    }
}

impl Command {
    fn run(self, global: &Global) -> anyhow::Result<Exit> {
        match self {
            Command::Validate(command) => command.run(global),
            Command::Plan(command) => command.run(global),
            Command::Run(command) => command.run(global),
            Command::Simulate(command) => command.run(global),
            Command::Status(command) => command.run(global),
            Command::Explain(command) => command.run(global),
            Command::History(command) => command.run(global),
            Command::Report(command) => command.run(global),
            Command::Replay(command) => command.run(global),
            Command::Observe(command) => command.run(global),
            Command::Doctor(command) => command.run(global),
            Command::Bundle(command) => command.run(global),
            Command::Snapshot(command) => command.run(global),
            Command::Approve(command) => command.run(global),
            Command::Stop(command) => command.run(global),
            Command::Go(command) => command.run(global),
            Command::Retry(command) => command.run(global),
            Command::Release(command) => command.run(global),
            Command::Waive(command) => command.run(global),
            Command::Takeover(command) => command.run(global),
            Command::Init(command) => command.run(),
            Command::Package(command) => command.run(global),
            Command::Schema(command) => command.run(global),
            Command::Completions(command) => command.run(&mut Cli::command()),
            Command::Man(command) => command.run(Cli::command()),
        }
    }
}

/// Writes a document that is JSON whatever is asked for.
fn print_all(text: &str) -> anyhow::Result<()> {
    Ok(anstream::stdout().lock().write_all(text.as_bytes())?)
}

/// The reader of our stdout has seen enough, as in `rollward history | head`.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}
