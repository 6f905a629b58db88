//! JSON Schemas of the outputs.

use schemars::{JsonSchema, Schema, generate::SchemaSettings};

use super::{
    Audited, Bundle, Clusters, Commanded, Doctored, Explained, Observed, Planned, Ran, Recorded, Replayed, Report,
    Sheet, Status, Validation,
};
use crate::simulate::SimulateReport;

/// One output: the command that prints it, and its schema.
pub struct Output {
    /// The command's name, and the schema's; `verify` is that of `history --verify`.
    pub name: &'static str,
    make: fn() -> Schema,
}

/// Every output.
pub static OUTPUTS: &[Output] = &[
    Output { name: "bundle", make: of::<Bundle> },
    Output { name: "commanded", make: of::<Clusters<Commanded>> },
    Output { name: "doctor", make: of::<Clusters<Doctored>> },
    Output { name: "explain", make: of::<Clusters<Explained>> },
    Output { name: "history", make: of::<Clusters<Recorded>> },
    Output { name: "observe", make: of::<Clusters<Observed>> },
    Output { name: "plan", make: of::<Clusters<Planned>> },
    Output { name: "replay", make: of::<Clusters<Replayed>> },
    Output { name: "report", make: of::<Report> },
    Output { name: "run", make: of::<Clusters<Ran>> },
    Output { name: "sheet", make: of::<Clusters<Sheet>> },
    Output { name: "simulate", make: of::<SimulateReport> },
    Output { name: "status", make: of::<Clusters<Status>> },
    Output { name: "validate", make: of::<Validation> },
    Output { name: "verify", make: of::<Audited> },
];

impl Output {
    /// Its schema.
    pub fn schema(&self) -> Schema {
        let mut schema = (self.make)();
        schema.insert("title".into(), format!("rollward {}", self.name).into());
        schema
    }
}

fn of<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>()
}

/// The schema of the output of that name.
pub fn schema(name: &str) -> Option<Schema> {
    OUTPUTS.iter().find(|output| output.name == name).map(Output::schema)
}
