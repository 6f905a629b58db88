//! Arguments that several commands share.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum};
use serde::Serialize;

use crate::model::ClusterName;

/// Where manifests are when nobody says.
pub(super) const MANIFESTS: &str = "/etc/rollward/manifests";

/// Arguments of every command.
#[derive(Debug, Args)]
pub(super) struct Global {
    /// The state folder: record, worlds of simulated clusters, last good manifests. Without it $STATE_DIRECTORY, or
    /// rollward in the user's XDG state folder
    #[arg(long, value_name = "DIR", env = "ROLLWARD_STATE", global = true, hide_env_values = true)]
    state: Option<PathBuf>,
    /// What stdout is for: people, or programs
    #[arg(short, long, value_enum, default_value_t, global = true)]
    pub output: Format,
    /// Whether to colour: auto does on a terminal
    #[arg(long, value_enum, default_value_t, value_name = "WHEN", global = true)]
    color: Color,
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
        let level = match self.verbose {
            0 => tracing::Level::WARN,
            1 => tracing::Level::INFO,
            _ => tracing::Level::DEBUG,
        };
        // A second call happens in tests only, and changes nothing.
        let _ = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_writer(std::io::stderr)
            .with_ansi(self.color == Color::Always || self.color == Color::Auto && std::io::stderr().is_terminal())
            .with_target(false)
            .try_init();
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
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").map_or_else(|_| "somebody".into(), |me| format!("user {}", me.uid()))
}

/// A duration as people write it: `90s`, `12h`, `2 days`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<jiff::SignedDuration>();
    parsed.ok().and_then(|d| Duration::try_from(d).ok()).ok_or_else(|| "expected a duration such as 90s or 12h".into())
}
