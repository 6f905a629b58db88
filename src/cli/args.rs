//! Arguments that several commands share.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum};
use serde::Serialize;

use crate::model::ClusterName;

/// Where manifests are when nobody says.
pub(super) const MANIFESTS: &str = "/etc/rollward/manifests";

/// The state folder of the service, as its unit names it.
const SERVICE_STATE: &str = "/var/lib/rollward/daemon";

/// Arguments of every command.
#[derive(Debug, Args)]
pub(super) struct Global {
    /// The state folder: record, worlds of simulated clusters, last good manifests. Without it $STATE_DIRECTORY; for root
    /// and the service's own user that of the service, where there is one; or rollward in the user's XDG state folder
    #[arg(long, value_name = "DIR", env = "ROLLWARD_STATE", global = true, hide_env_values = true)]
    state: Option<PathBuf>,
    /// What stdout is for: people, or programs
    #[arg(short, long, value_enum, default_value_t, global = true)]
    pub output: Format,
    /// Whether to colour: auto does on a terminal
    #[arg(long, value_enum, default_value_t, value_name = "WHEN", global = true)]
    color: Color,
    /// How `run` tells what happens: as lines for a journal or for programs, each with the cluster, the action and the
    /// manifests' commit that it is about. Without it, laid out for people who look on
    #[arg(long, value_enum, value_name = "FORMAT", global = true)]
    log_format: Option<LogFormat>,
    /// Log more on stderr; twice for everything
    #[arg(short, long, action = ArgAction::Count, global = true)]
    verbose: u8,
}

/// What stdout is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON document; its schema is printed by `rollward schema`.
    Json,
    /// The same document in YAML.
    Yaml,
}

/// How a log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// A line an event.
    Text,
    /// A JSON object a line.
    Json,
}

/// Whether to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

/// Manifests, of which some clusters may be picked.
#[derive(Debug, Args)]
pub(super) struct Manifests {
    /// Manifest files, or folders of them
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Only this cluster; may be given again
    #[arg(long = "cluster", value_name = "NAME")]
    pub clusters: Vec<ClusterName>,
}

/// Where the manifests of a command that names a cluster are.
#[derive(Debug, Args)]
pub(super) struct From {
    /// Manifest files, or folders of them
    #[arg(long, value_name = "PATH", default_value = MANIFESTS)]
    pub manifests: Vec<PathBuf>,
}

impl Global {
    /// Makes the process ready to speak: colours, and the log on stderr.
    pub fn prepare(&self) {
        match self.color {
            Color::Auto => {}
            Color::Always => anstream::ColorChoice::Always.write_global(),
            Color::Never => anstream::ColorChoice::Never.write_global(),
        }
        let level = match (self.verbose, self.log_format) {
            (0, None) => tracing::Level::WARN,
            (0, Some(_)) | (1, None) => tracing::Level::INFO,
            _ => tracing::Level::DEBUG,
        };
        let log = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_writer(std::io::stderr)
            .with_ansi(self.color == Color::Always || self.color == Color::Auto && std::io::stderr().is_terminal())
            .with_target(false);
        // A second call happens in tests only, and changes nothing.
        let _ = match self.log_format {
            Some(LogFormat::Json) => log.json().flatten_event(true).with_current_span(false).try_init(),
            Some(LogFormat::Text) | None => log.try_init(),
        };
    }

    /// Whether what happens goes to the log, and not to people who look on.
    pub fn logs(&self) -> bool {
        self.log_format.is_some()
    }

    /// The state folder.
    ///
    /// # Errors
    /// Nothing says where it is.
    pub fn state(&self) -> anyhow::Result<PathBuf> {
        if let Some(state) = &self.state {
            return Ok(state.clone());
        }
        // systemd names several folders with colons between; the first is ours.
        if let Some(dirs) = env("STATE_DIRECTORY") {
            return Ok(std::env::split_paths(&dirs).next().unwrap_or_default());
        }
        if let Some(xdg) = env("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute()) {
            return Ok(xdg.join("rollward"));
        }
        if is_for_us(Path::new(SERVICE_STATE)) {
            return Ok(SERVICE_STATE.into());
        }
        match env("HOME") {
            Some(home) => Ok(PathBuf::from(home).join(".local/state/rollward")),
            None => Err(super::UsageError("no state folder: give --state DIR, or set ROLLWARD_STATE".into()).into()),
        }
    }

    /// Says something to a person, on stderr.
    pub fn note(&self, what: impl std::fmt::Display) {
        // If stderr is gone, nobody is there to be told.
        let _ = writeln!(anstream::stderr(), "{what}");
    }

    /// Writes a command's one document to stdout.
    ///
    /// # Errors
    /// Stdout cannot be written.
    pub fn emit<T: Serialize>(&self, document: &T, text: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
        let mut to = anstream::stdout().lock();
        match self.output {
            Format::Text => to.write_all(text(document).as_bytes())?,
            Format::Json => writeln!(to, "{}", serde_json::to_string_pretty(document)?)?,
            Format::Yaml => to.write_all(serde_yaml::to_string(document)?.as_bytes())?,
        }
        Ok(to.flush()?)
    }
}

/// A variable of the environment that is set to something.
pub(super) fn env(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Who types: for approvals, stop cords and the record.
pub(super) fn person() -> String {
    ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(env)
        .map_or_else(user_id, |name| name.to_string_lossy().into_owned())
}

/// The number of the user, where nothing names them.
fn user_id() -> String {
    own_id().map_or_else(|| "somebody".into(), |id| format!("user {id}"))
}

fn own_id() -> Option<u32> {
    std::fs::metadata("/proc/self").ok().map(|me| me.uid())
}

/// Whether a folder is there and ours, or we are root.
fn is_for_us(folder: &Path) -> bool {
    let owner = std::fs::metadata(folder).ok().filter(std::fs::Metadata::is_dir).map(|folder| folder.uid());
    owner.is_some_and(|owner| own_id().is_some_and(|own| own == 0 || own == owner))
}

/// A duration as people write it: `90s`, `12h`, `2 days`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<jiff::SignedDuration>();
    parsed.ok().and_then(|d| Duration::try_from(d).ok()).ok_or_else(|| "expected a duration such as 90s or 12h".into())
}
