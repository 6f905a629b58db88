//! JSON Schemas of manifests, for editors and other programs: one for each kind, and one for all of them.
//!
//! They are as strict as the types; what only the whole set can tell, [`super::resolve`] tells.

use std::collections::BTreeMap;

use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

use super::document::{
    API_VERSION, ClusterSpec, FleetSpec, Kind, Metadata, PackageSpec, PolicySpec, RollupSpec, StopSpec,
};
use super::parts::DriverParts;

/// The name of the schema that takes a document of any kind.
pub const ANY: &str = "manifest";

/// Every schema, by name: `rollup`, `package`, …, and [`ANY`].
pub fn schemas(drivers: &dyn DriverParts) -> BTreeMap<String, Value> {
    let mut all: BTreeMap<String, Value> = Kind::ALL
        .into_iter()
        .map(|kind| {
            let mut generator = generator();
            let document = document(kind, &mut generator, drivers);
            (kind.word().to_lowercase(), root(kind.word(), document, generator))
        })
        .collect();
    let mut generator = generator();
    let kinds: Vec<Value> = Kind::ALL
        .into_iter()
        .map(|kind| {
            let schema = document(kind, &mut generator, drivers);
            generator.definitions_mut().insert(kind.word().to_owned(), schema);
            json!({"$ref": format!("#/$defs/{}", kind.word())})
        })
        .collect();
    all.insert(ANY.to_owned(), root("Manifest", json!({"oneOf": kinds}), generator));
    all
}

/// The schema of that name.
pub fn schema(name: &str, drivers: &dyn DriverParts) -> Option<Value> {
    schemas(drivers).remove(name)
}

fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12().into_generator()
}

/// A whole document of a kind.
fn document(kind: Kind, generator: &mut SchemaGenerator, drivers: &dyn DriverParts) -> Value {
    let metadata = generator.subschema_for::<Metadata>();
    let spec = match kind {
        Kind::Rollup => generator.subschema_for::<RollupSpec>(),
        Kind::Package => generator.subschema_for::<PackageSpec>(),
        Kind::Cluster => generator.subschema_for::<ClusterSpec>(),
        Kind::Policy => generator.subschema_for::<PolicySpec>(),
        Kind::Fleet => generator.subschema_for::<FleetSpec>(),
        Kind::Stop => generator.subschema_for::<StopSpec>(),
    };
    if kind == Kind::Cluster {
        let parts = parts(generator, drivers);
        if let Some(driver) =
            generator.definitions_mut().get_mut("ClusterSpec").and_then(|c| c.pointer_mut("/properties/driver"))
        {
            *driver = parts;
        }
    }
    json!({
        "type": "object",
        "properties": {
            "apiVersion": {"const": API_VERSION},
            "kind": {"const": kind.word()},
            "metadata": metadata,
            "spec": spec,
        },
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": false,
    })
}

/// Exactly one driver, with its own part. Each part's definitions are kept apart from the others' by its name.
fn parts(generator: &mut SchemaGenerator, drivers: &dyn DriverParts) -> Value {
    let mut properties = Map::new();
    for name in drivers.names() {
        let mut part = drivers.schema(name).to_value();
        refer(&mut part, name);
        if let Some(part) = part.as_object_mut() {
            part.remove("$schema");
            if let Some(Value::Object(definitions)) = part.remove("$defs") {
                for (key, definition) in definitions {
                    generator.definitions_mut().insert(format!("{name}.{key}"), definition);
                }
            }
        }
        generator.definitions_mut().insert((*name).to_owned(), part);
        properties.insert((*name).to_owned(), json!({"$ref": format!("#/$defs/{name}")}));
    }
    json!({
        "description": "Exactly one driver, by name, with its own settings.",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1,
    })
}

/// Points every reference inside a part to where its definitions are put.
fn refer(value: &mut Value, driver: &str) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(target)) = map.get_mut("$ref")
                && let Some(name) = target.strip_prefix("#/$defs/")
            {
                *target = format!("#/$defs/{driver}.{name}");
            }
            map.values_mut().for_each(|v| refer(v, driver));
        }
        Value::Array(items) => items.iter_mut().for_each(|v| refer(v, driver)),
        _ => {}
    }
}

fn root(title: &str, document: Value, mut generator: SchemaGenerator) -> Value {
    let mut schema = json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title});
    if let (Some(schema), Value::Object(document)) = (schema.as_object_mut(), document) {
        schema.extend(document);
        schema.insert("$defs".to_owned(), Value::Object(generator.take_definitions(true)));
    }
    schema
}
