//! `schema`: the JSON Schema of an output.

use super::output::{self, OUTPUTS};
use super::{Exit, UsageError};
use crate::cli::args::Global;

/// Print the JSON Schema of a kind of manifest, or of a command's machine output.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rollward schema plan > plan.schema.json")]
pub(super) struct Schema {
    /// A kind of manifest (Cluster, Policy, …), or the name of a command
    #[arg(value_name = "KIND")]
    kind: String,
}

impl Schema {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let Some(schema) = output::schema(&self.kind) else {
            let known: Vec<_> = OUTPUTS.iter().map(|output| output.name).collect();
            return Err(UsageError(format!("no schema {:?}; there are {}", self.kind, known.join(", "))).into());
        };
        global.emit(&schema, |schema| {
            let mut text = serde_json::to_string_pretty(schema).unwrap_or_default();
            text.push('\n');
            text
        })?;
        Ok(Exit::Done)
    }
}
