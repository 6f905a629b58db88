//! What is shipped: the schemas are those of the types, and every manifest fits them and means something.

use std::path::{Path, PathBuf};

use rollward::desired::render::{Style, render};
use rollward::desired::schema::schemas;
use rollward::desired::{Severity, read, yaml};
use rollward::drivers::Drivers;
use rollward::sources;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every folder of manifests that is shipped.
fn sets() -> Vec<PathBuf> {
    let mut sets: Vec<PathBuf> =
        std::fs::read_dir(root().join("manifests")).unwrap().map(|entry| entry.unwrap().path()).collect();
    sets.sort();
    sets
}

#[test]
fn manifest_schemas_are_those_of_the_types() {
    let update = std::env::var_os("UPDATE_SCHEMAS").is_some();
    let mut different = Vec::new();
    for (name, schema) in schemas(&Drivers) {
        let path = root().join(format!("schemas/{name}.schema.json"));
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        if update {
            std::fs::write(&path, text).unwrap();
        } else if std::fs::read_to_string(&path).unwrap_or_default() != text {
            different.push(path);
        }
    }
    assert!(different.is_empty(), "UPDATE_SCHEMAS=1 writes these anew: {different:?}");
}

#[test]
fn every_shipped_manifest_fits_its_schema_and_is_sound() {
    let any = jsonschema::validator_for(&schemas(&Drivers)["manifest"]).unwrap();
    for set in sets() {
        let files = sources::read(std::slice::from_ref(&set)).files;
        assert!(!files.is_empty(), "{} is empty", set.display());
        for file in &files {
            assert!(
                file.shown().starts_with("# yaml-language-server: $schema=../../schemas/manifest.schema.json\n"),
                "{} does not tell editors its schema",
                file.name
            );
            for document in yaml::documents(file.shown()) {
                let value = document.root.expect("it is YAML").to_value();
                let errors: Vec<String> =
                    any.iter_errors(&value).map(|e| format!("{} at {}", e, e.instance_path())).collect();
                assert!(errors.is_empty(), "{}: {value}: {errors:#?}", file.name);
            }
        }
        let reading = read(&files, &Drivers);
        assert_eq!(render(&reading.diagnostics, &files, Style::Plain), "", "{}", set.display());
    }
}

/// A schema that takes everything would pass the test above: it refuses what the reader refuses.
#[test]
fn the_schema_refuses_what_the_reader_refuses() {
    let any = jsonschema::validator_for(&schemas(&Drivers)["manifest"]).unwrap();
    let folder = root().join("tests/manifests/messages");
    let refused = |file: &str| {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        yaml::documents(&text).iter().any(|d| d.root.as_ref().is_some_and(|r| !any.is_valid(&r.to_value())))
    };
    for file in [
        "unknown-key.yaml",
        "wrong-type.yaml",
        "missing-key.yaml",
        "unknown-kind.yaml",
        "two-drivers.yaml",
        "durations.yaml",
    ] {
        assert!(refused(file), "{file}");
    }
}

#[test]
fn the_demo_is_whole() {
    let files = sources::read(&[root().join("manifests/demo")]).files;
    let reading = read(&files, &Drivers);
    assert!(reading.diagnostics.iter().all(|d| d.severity != Severity::Error));
    let names: Vec<&str> = reading.desired.clusters.keys().map(|name| name.as_str()).collect();
    assert_eq!(names, ["mbx-ccr-01", "mbx-ccr-02", "mbx-scc-01", "scr-01", "scr-02"]);
    for cluster in reading.desired.clusters.values() {
        assert_eq!(cluster.packages.len(), 1, "{} has its package", cluster.name);
    }
    let start: jiff::Timestamp = "2017-04-01T20:00:00Z".parse().unwrap();
    let windows = &reading.desired.clusters["mbx-ccr-01"].policy.windows;
    assert!(rollward::desired::window::opening_at(windows, start).is_some(), "a window is open when the demo starts");
}
