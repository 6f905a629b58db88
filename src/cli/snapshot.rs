//! `snapshot`: the raw answers of one look, to be replayed elsewhere.

use std::path::PathBuf;

use anyhow::Context as _;

use super::args::{From, Global};
use super::{Exit, live};
use crate::model::ClusterName;

/// Save the raw answers of every command of one look. Secrets are left out.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Looks at the real cluster, takes no lock and changes nothing there. `plan --snapshot` and `observe --snapshot` take the \
file in place of a look, on any machine.

Examples:
  rollward snapshot lab --to lab.json
  rollward plan /etc/rollward/manifests --snapshot lab.json")]
pub(super) struct SnapshotArgs {
    /// The cluster
    #[arg(value_name = "CLUSTER")]
    cluster: ClusterName,
    /// Where to; stdout if omitted
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    #[command(flatten)]
    from: From,
}

impl SnapshotArgs {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let name = &self.cluster;
        let snapshot = live::with_driver(global, &self.from, name, async |driver| {
            driver.snapshot().await.map_err(|why| anyhow::anyhow!("{name}: {why}"))
        })?;
        let text = serde_json::to_string_pretty(&snapshot)? + "\n";
        match &self.to {
            Some(file) => std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?,
            None => super::print_all(&text)?,
        }
        Ok(Exit::Done)
    }
}
