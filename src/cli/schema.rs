//! `schema`: the JSON Schema of a kind of manifest, or of an output.

use super::args::Global;
use super::{Exit, UsageError};
use crate::desired::schema;
use crate::drivers::Drivers;
use crate::output::{self, OUTPUTS};
use crate::server;

/// Print the JSON Schema of a kind of manifest, or of a command's machine output.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rollward schema Cluster > cluster.schema.json
  rollward schema manifest > manifest.schema.json     any kind, for editors
  rollward schema plan > plan.schema.json
  rollward schema openapi > openapi.json              the API that `run --listen` serves")]
pub(super) struct Schema {
    /// A kind of manifest (Cluster, Policy, …), the name of a command, or `openapi`
    #[arg(value_name = "KIND")]
    kind: String,
}

impl Schema {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let of_output = output::schema(&self.kind).map(schemars::Schema::to_value);
        let of_api = || (self.kind == "openapi").then(server::openapi);
        let Some(schema) = of_output.or_else(of_api).or_else(|| schema::schema(&self.kind.to_lowercase(), &Drivers))
        else {
            let kinds = schema::schemas(&Drivers);
            let kinds: Vec<_> = kinds.keys().map(String::as_str).collect();
            let outputs: Vec<_> = OUTPUTS.iter().map(|output| output.name).collect();
            let (kinds, outputs) = (kinds.join(", "), outputs.join(", "));
            let what = &self.kind;
            return Err(UsageError(format!(
                "no schema {what:?}; of manifests: {kinds}; of outputs: {outputs}; of the API: openapi"
            ))
            .into());
        };
        global.emit(&schema, |schema| {
            let mut text = serde_json::to_string_pretty(schema).unwrap_or_default();
            text.push('\n');
            text
        })?;
        Ok(Exit::Done)
    }
}
