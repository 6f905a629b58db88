//! The API's description: that of the types, complete, and true of a running service.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::{at_rest, bearer};

fn described() -> Value {
    rollward::server::openapi()
}

#[test]
fn the_description_is_that_of_the_types() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/openapi.json");
    let made = serde_json::to_string_pretty(&described()).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::write(&file, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(kept == made, "{} is not that of the types; UPDATE_SCHEMAS=1 writes it", file.display());
}

/// Every path that the sources serve to programs is described, and no other.
#[test]
fn the_description_is_complete() {
    let sources = [
        include_str!("../../src/server.rs"),
        include_str!("../../src/server/api.rs"),
        include_str!("../../src/server/actions.rs"),
    ];
    let served: BTreeSet<&str> = sources
        .iter()
        .flat_map(|source| source.split(".route(\"").skip(1).filter_map(|rest| rest.split('"').next()))
        .collect();
    let described = described();
    let paths: BTreeSet<&str> = described["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(served, paths);
}

#[test]
fn the_description_is_true() {
    let (host, client) = at_rest();
    let described = described();
    let token = bearer(&host);
    let follows = |schema: &Value, body: &Value| {
        let whole = json!({"$ref": schema["$ref"], "components": described["components"]});
        let wrong: Vec<_> =
            jsonschema::validator_for(&whole).unwrap().iter_errors(body).map(|e| e.to_string()).collect();
        assert_eq!(wrong, Vec::<String>::new(), "{schema} {body}");
    };
    let mut asked = 0;
    for (path, methods) in described["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let at = path.replace("{name}", "mbx-ccr-01");
            if path == "/api/v1/events" {
                continue; // It has no end; followed elsewhere.
            }
            asked += 1;
            let schema_of =
                |status: u16| &operation["responses"][status.to_string()]["content"]["application/json"]["schema"];
            if method == "get" {
                let answer = client.get(&at);
                assert_eq!(answer.status, 200, "{at}");
                let kinds = operation["responses"]["200"]["content"].as_object().unwrap();
                assert_eq!(kinds.keys().collect::<Vec<_>>(), [answer.header("content-type")], "{at}");
                if answer.header("content-type") == "application/json" {
                    follows(schema_of(200), &answer.json());
                }
            } else {
                let json = ("Content-Type", "application/json");
                for (headers, body, status) in [
                    (vec![json], "{}", 401),
                    (vec![json, ("Authorization", &*token)], "{}", 422),
                    (vec![json, ("Authorization", &*token)], "{", 400),
                    (vec![("Authorization", &*token)], "{}", 415),
                ] {
                    let answer = client.send("POST", &at, &headers, body);
                    assert_eq!(answer.status, status, "{at}: {answer:?}");
                    follows(schema_of(status), &answer.json());
                }
                let body = &operation["requestBody"]["content"]["application/json"]["schema"];
                let needed = described.pointer(body["$ref"].as_str().unwrap().trim_start_matches('#')).unwrap();
                assert!(needed["required"].as_array().is_some_and(|all| all.contains(&json!("by"))), "{needed}");
            }
            if path.contains("{name}") {
                let answer = client.send(
                    &method.to_uppercase(),
                    &path.replace("{name}", "nobody"),
                    &[("Authorization", &token)],
                    "",
                );
                assert!([404, 415].contains(&answer.status), "{answer:?}");
            }
        }
    }
    assert_eq!(asked, 16);
}
