//! The API's own description (OpenAPI 3.1), made from the types that it reads and writes.

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use super::answer::Refusal;
use super::api::{ExplainQuery, HistoryQuery};
use super::health::{Alive, Ready};
use super::{actions, metrics};
use crate::output::{Clusters, Commanded, Explained, Observed, Planned, Recorded, Status};

type Make = fn(&mut SchemaGenerator) -> Schema;

/// What one path answers to one method.
struct Operation {
    method: &'static str,
    path: &'static str,
    what: &'static str,
    /// What may follow the `?`.
    query: Option<Make>,
    body: Option<Make>,
    answer: Answer,
    /// What may go wrong besides what always may.
    wrong: &'static [u16],
}

enum Answer {
    Document(Make),
    Text(&'static str),
}

fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

const fn read(path: &'static str, what: &'static str, answer: Make, wrong: &'static [u16]) -> Operation {
    Operation { method: "get", path, what, query: None, body: None, answer: Answer::Document(answer), wrong }
}

const fn text(path: &'static str, what: &'static str, kind: &'static str, wrong: &'static [u16]) -> Operation {
    Operation { method: "get", path, what, query: None, body: None, answer: Answer::Text(kind), wrong }
}

const fn change(path: &'static str, what: &'static str, body: Make, wrong: &'static [u16]) -> Operation {
    let answer = Answer::Document(of::<Clusters<Commanded>>);
    Operation { method: "post", path, what, query: None, body: Some(body), answer, wrong }
}

const OPERATIONS: &[Operation] = &[
    read("/healthz", "Whether the daemon lives; 503 if its loop hangs. Takes no token.", of::<Alive>, &[]),
    read("/readyz", "Whether it knows its clusters and can write its record; 503 if not.", of::<Ready>, &[]),
    text("/metrics", "Metrics for Prometheus.", metrics::KIND, &[]),
    text(
        "/api/v1/events",
        "What happens, as it happens. `status` carries the status of one cluster, `history` new lines of its record, \
         `clusters` the names of all; `lookAgain` says that something was missed. Send the last id as `Last-Event-ID` to \
         go on from there.",
        "text/event-stream",
        &[503],
    ),
    read("/api/v1/clusters", "Where every cluster is.", of::<Clusters<Status>>, &[]),
    read("/api/v1/clusters/{name}", "Where a cluster is.", of::<Clusters<Status>>, &[404, 503]),
    read(
        "/api/v1/clusters/{name}/plan",
        "What would be done from its last look on.",
        of::<Clusters<Planned>>,
        &[404, 503],
    ),
    read("/api/v1/clusters/{name}/observe", "What it looked like.", of::<Clusters<Observed>>, &[404, 503]),
    Operation {
        query: Some(of::<ExplainQuery>),
        ..read("/api/v1/clusters/{name}/explain", "Why it is not further.", of::<Clusters<Explained>>, &[400, 404, 503])
    },
    Operation {
        query: Some(of::<HistoryQuery>),
        ..read("/api/v1/clusters/{name}/history", "What was done.", of::<Clusters<Recorded>>, &[400, 404, 503])
    },
    change(
        "/api/v1/clusters/{name}/approve",
        "Approve the handoffs of the plan with this hash.",
        of::<actions::Approve>,
        &[404, 409, 503],
    ),
    change("/api/v1/clusters/{name}/stop", "Pull its stop cord.", of::<actions::Stop>, &[404, 409, 503]),
    change("/api/v1/clusters/{name}/go", "Lift its stop cord.", of::<actions::Go>, &[404, 409, 503]),
    change(
        "/api/v1/clusters/{name}/waive",
        "Waive a rule that costs patience, for one node or role and one action, for a while.",
        of::<actions::Waive>,
        &[404, 409, 503],
    ),
    change(
        "/api/v1/clusters/{name}/lift-waiver",
        "Take such a waiver back.",
        of::<actions::LiftWaiver>,
        &[404, 409, 503],
    ),
    change(
        "/api/v1/stop",
        "Pull the stop cord of all clusters, or of those with labels.",
        of::<actions::StopMany>,
        &[409],
    ),
    change("/api/v1/go", "Lift it.", of::<actions::GoMany>, &[409]),
];

/// The whole description.
pub fn openapi() -> Value {
    let place = |settings: &mut SchemaSettings| settings.definitions_path = "/components/schemas".into();
    let settings = SchemaSettings::draft2020_12().with(place);
    let mut written = settings.clone().for_serialize().into_generator();
    let mut taken = settings.for_deserialize().into_generator();
    let mut paths = Map::new();
    for operation in OPERATIONS {
        let described = describe(operation, &mut written, &mut taken);
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method] = described;
    }
    let mut schemas = written.take_definitions(true);
    schemas.extend(taken.take_definitions(true));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "rollward",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Reading takes no token on the daemon's own host; elsewhere, and for every change, it does. The documents are those that the commands print with `--output json`.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    })
}

fn describe(operation: &Operation, written: &mut SchemaGenerator, taken: &mut SchemaGenerator) -> Value {
    let Operation { method, path, what, query, body, answer, wrong } = operation;
    let document = |schema: Schema| json!({"application/json": {"schema": schema}});
    let good = match answer {
        Answer::Document(make) => document(make(written)),
        Answer::Text(kind) => json!({*kind: {"schema": {"type": "string"}}}),
    };
    let mut responses = json!({"200": {"description": what, "content": good}});
    let always: &[u16] = if body.is_some() { &[400, 401, 408, 413, 415, 421, 422] } else { &[401, 408, 421] };
    for status in always.iter().chain(*wrong) {
        let refused = document(of::<Refusal>(written));
        responses[status.to_string()] = json!({"description": "Not done; the words say why.", "content": refused});
    }
    // These two answer in their own form when the answer is no.
    if path.ends_with('z') {
        responses["503"] = json!({"description": "No.", "content": responses["200"]["content"]});
    }
    let mut parameters = Vec::new();
    if path.contains("{name}") {
        parameters.push(json!({"name": "name", "in": "path", "required": true, "schema": {"type": "string"}}));
    }
    if let Some(make) = query {
        parameters.extend(queries(make));
    }
    let security = if *method == "get" { json!([{}, {"token": []}]) } else { json!([{"token": []}]) };
    let mut described = json!({"summary": what, "security": security, "responses": responses});
    if !parameters.is_empty() {
        described["parameters"] = parameters.into();
    }
    if let Some(make) = body {
        described["requestBody"] = json!({"required": true, "content": document(make(taken))});
    }
    described
}

/// Each field of a query as a parameter of its own.
fn queries(make: &Make) -> Vec<Value> {
    let mut alone =
        SchemaSettings::draft2020_12().for_deserialize().with(|s| s.inline_subschemas = true).into_generator();
    let schema = make(&mut alone).to_value();
    let fields = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let one = |(name, mut schema): (String, Value)| {
        let what = schema.as_object_mut().and_then(|fields| fields.remove("description"));
        json!({"name": name, "in": "query", "description": what, "schema": schema})
    };
    fields.into_iter().map(one).collect()
}
