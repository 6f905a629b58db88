//! The layer rule: architecture as a test.
//!
//! Who may see whom, where nothing may touch the outside, and where a cluster stack may be named. Comments may say
//! what they like, and so may tests inside a file. A path that is imported in a group, or reached by `super`, counts
//! as if it were written out.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

mod source;

use source::Source;

/// A folder or file of `src/`.
struct Layer {
    name: &'static str,
    /// Whether it is pure: no I/O, no async, no clock, no environment, no randomness, nothing unordered.
    pure: bool,
    /// What it may see of this crate, as paths below `crate`. Itself goes without saying.
    sees: &'static [&'static str],
}

const fn layer(name: &'static str, pure: bool, sees: &'static [&'static str]) -> Layer {
    Layer { name, pure, sees }
}

/// Every folder and file of `src/`, from the inside to the rim. What is new must be given its place here.
const LAYERS: &[Layer] = &[
    layer("model", true, &[]),
    layer("observed", true, &["model"]),
    layer("desired", true, &["model", "observed"]),
    layer("guard", true, &["model", "observed", "desired"]),
    layer("plan", true, &["model", "observed", "desired", "guard", "record::RollCounts"]),
    layer(
        "reconcile",
        true,
        &[
            "model",
            "observed",
            "desired",
            "guard",
            "plan",
            "record::Entry",
            "record::EntryKind",
            "record::Inputs",
            "record::RollCounts",
        ],
    ),
    // Translates and decides nothing: it sees permits, and nothing of plans, policies or other drivers' business.
    layer(
        "drivers",
        false,
        &[
            "model",
            "observed",
            "guard::Permit",
            "guard::Check",
            "guard::Command",
            "guard::DriverTraits",
            "desired::parts",
            // The declared cluster, which a driver is started with.
            "desired::Cluster",
            "desired::Topology",
            // Where its packages are, to copy them to the nodes.
            "desired::PackageAt",
            // How what people typed is read: a driver reads its own part of a manifest as the rest is read.
            "desired::typed",
            "desired::text",
        ],
    ),
    layer("record", false, &["model", "guard"]),
    layer("sources", false, &["model", "desired"]),
    layer("clock", false, &["model"]),
    layer(
        "fleet",
        false,
        &["model", "observed", "desired", "guard", "plan", "reconcile", "drivers", "record", "clock"],
    ),
    layer(
        "simulate",
        false,
        &["model", "observed", "desired", "guard", "plan", "reconcile", "drivers", "record", "clock", "fleet"],
    ),
    layer("door", false, &["model", "drivers::Later", "record::FolderLock"]),
    // The documents that programs read, for everybody who tells anything.
    layer(
        "output",
        false,
        &[
            "model",
            "observed",
            "desired",
            "guard::Forecast",
            "plan",
            "record",
            "drivers::ByHand",
            "drivers::Readiness",
            "drivers::ReadinessState",
            "simulate::SimulateReport",
        ],
    ),
    // A measurement and nothing else: it sees how a role is asked, and nothing of what is decided.
    layer("probe", false, &["model", "desired"]),
    layer(
        "daemon",
        false,
        &[
            "model",
            "observed",
            "desired",
            "guard",
            "plan",
            "reconcile",
            "drivers",
            "record",
            "sources",
            "clock",
            "fleet",
            "door",
            "probe",
            "output",
        ],
    ),
    // Nothing below sees it, so no loop can come to wait for it. It sees no cluster but through what is published.
    layer(
        "server",
        false,
        &[
            "model",
            "clock",
            "record",
            "door",
            "output",
            "daemon::Front",
            "daemon::News",
            "daemon::Published",
            "daemon::View",
            "guard::Stop",
        ],
    ),
    layer(
        "cli",
        false,
        &[
            "model",
            "observed",
            "desired",
            "guard",
            "plan",
            "reconcile",
            "drivers",
            "record",
            "sources",
            "clock",
            "fleet",
            "door",
            "daemon",
            "output",
            "server",
            "simulate",
        ],
    ),
];

/// What no pure layer mentions, and why.
const IMPURE: &[(&str, &str)] = &[
    ("tokio", "async belongs to the daemon"),
    ("async", "async belongs to the daemon"),
    ("await", "async belongs to the daemon"),
    ("std::fs", "files belong to sources, record and drivers"),
    ("std::net", "the network belongs to drivers"),
    ("std::process", "processes belong to drivers"),
    ("std::os", "the operating system belongs to the rim"),
    ("std::thread", "threads belong to the daemon"),
    ("std::env", "the environment belongs to the command line"),
    ("SystemTime", "time is an argument"),
    ("Instant", "time is an argument"),
    ("Timestamp::now", "time is an argument"),
    ("Zoned::now", "time is an argument"),
    ("rand", "randomness belongs to the simulator"),
    ("rand_chacha", "randomness belongs to the simulator"),
    ("rusqlite", "the database belongs to the record"),
    ("notify", "file events belong to sources"),
    ("HashMap", "its order is random; use a BTreeMap"),
    ("HashSet", "its order is random; use a BTreeSet"),
    ("f32", "decisions are made in whole numbers"),
    ("f64", "decisions are made in whole numbers"),
];

/// What speaks HTTP; only the service does.
const HTTP: &[&str] = &["axum", "hyper", "hyper_util", "tokio_io_timeout", "askama", "prometheus_client"];

/// Names of cluster stacks and their tools; only a driver knows one.
const STACKS: &[&str] = &["exchange", "pacemaker", "corosync", "powershell", "cluster.exe"];

/// What contains such a name and is none: an atomic's method, and the manifest that ships inside the program.
const NOT_STACKS: &[&str] = &["compare_exchange", "catalog/exchange-2007.yaml"];

#[test]
fn the_layers_keep_to_their_places() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut files = 0;
    for path in rust_files(&root.join("src")) {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        found.extend(breaches(&name, &text));
        files += 1;
    }
    assert!(files > 40, "the sources were not found");
    assert!(found.is_empty(), "{} breach(es) of the layer rule:\n{}", found.len(), found.join("\n"));
}

/// Everything that is wrong with one file, each as `file:line: what`.
fn breaches(name: &str, text: &str) -> Vec<String> {
    let Some(inside) = name.strip_prefix("src/") else { return vec![format!("{name}: not under src/")] };
    let top = inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs");
    if top == "main" {
        return Vec::new();
    }
    // Tests in a file of their own.
    if inside.ends_with("/tests.rs") || inside.contains("/tests/") {
        return Vec::new();
    }
    let mut found = Vec::new();
    if !text.starts_with("//!") {
        found.push(format!("{name}:1: begins with no `//!` that says what it is for"));
    }
    // The crate's root names every module.
    if top == "lib" {
        return found;
    }
    let source = Source::read(text);
    let Some(layer) = LAYERS.iter().find(|layer| layer.name == top) else {
        found.push(format!("{name}:1: `{top}` has no place in tests/layers.rs: say there what it may see"));
        return found;
    };
    let module = source::module_of(inside);
    let mut paths = source.paths(&module);
    // After `use crate::desired;`, what `desired::` leads to counts as written out.
    let whole = |path: &[String]| matches!(path, [krate, _] if krate == "crate");
    let imported: BTreeSet<String> =
        paths.iter().filter(|(_, path)| whole(path)).filter_map(|(_, path)| path.get(1).cloned()).collect();
    for (_, path) in &mut paths {
        if path.len() > 1 && path.first().is_some_and(|first| imported.contains(first)) {
            path.insert(0, "crate".to_owned());
        }
    }
    for (line, path) in paths {
        if layer.pure
            && let Some((word, why)) = IMPURE.iter().find(|(word, _)| mentions(&path, word))
        {
            found.push(format!("{name}:{line}: `{}` mentions {word}: {why}", path.join("::")));
        }
        if layer.name != "server"
            && let Some(word) = HTTP.iter().find(|word| mentions(&path, word))
        {
            found.push(format!("{name}:{line}: `{}` mentions {word}: HTTP belongs to the service", path.join("::")));
        }
        if let [krate, below @ ..] = path.as_slice()
            && krate == "crate"
            && !below.is_empty()
            && below.first().is_none_or(|first| first != layer.name)
            && !layer.sees.iter().any(|seen| starts_with(below, seen) || (whole(&path) && leads_into(seen, below)))
        {
            found.push(format!("{name}:{line}: {} does not see `{}`", layer.name, path.join("::")));
        }
    }
    // Help on the command line is documentation; elsewhere even a text that people see would name a stack.
    let named = if layer.name == "cli" { source.code() } else { source.code_and_texts() };
    if layer.name != "drivers" {
        for (number, line) in named.lines().enumerate() {
            let mut lower = line.to_lowercase();
            for harmless in NOT_STACKS {
                lower = lower.replace(harmless, "");
            }
            if let Some(stack) = STACKS.iter().find(|stack| lower.contains(*stack)) {
                found.push(format!("{name}:{}: names {stack}, which only a driver may know", number + 1));
            }
        }
    }
    found
}

/// Whether the words of `what` stand one after the other in a path.
fn mentions(path: &[String], what: &str) -> bool {
    let words: Vec<&str> = what.split("::").collect();
    path.windows(words.len()).any(|window| window.iter().eq(words.iter()))
}

fn starts_with(path: &[String], start: &str) -> bool {
    let mut path = path.iter();
    start.split("::").all(|word| path.next().is_some_and(|segment| segment == word))
}

/// Whether a module that is imported as a whole leads to something that may be seen.
fn leads_into(seen: &str, module: &[String]) -> bool {
    let top = seen.split_once("::").map(|(top, _)| top);
    module.first().is_some_and(|name| top == Some(name))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

// === The test of the test ===

/// What is wrong with a made-up file, without its name.
fn judged(name: &str, body: &str) -> Vec<String> {
    let found = breaches(name, &format!("//! Made up.\n{body}"));
    found.into_iter().map(|said| said.strip_prefix(name).unwrap_or(&said).to_owned()).collect()
}

#[track_caller]
fn refused(name: &str, body: &str, part: &str) {
    let found = judged(name, body);
    assert!(found.iter().any(|said| said.contains(part)), "{name}: {body:?} gave {found:?}");
}

#[track_caller]
fn allowed(name: &str, body: &str) {
    assert_eq!(judged(name, body), Vec::<String>::new(), "{name}: {body:?}");
}

#[test]
fn the_outside_is_seen_in_pure_layers_however_it_is_written() {
    let breaches = [
        "use std::fs;",
        "use std::{collections::BTreeMap, fs::{self, File}};",
        "fn a() { std::fs::read(\"x\"); }",
        "use std :: net::TcpStream;",
        "use std::process::Command;",
        "fn a() { std::env::var(\"HOME\"); }",
        "async fn a() {}",
        "fn a() { let f = async move { 1 }; }",
        "use tokio::sync::mpsc;",
        "fn a() { let now = jiff::Timestamp::now(); }",
        "fn a() { let now = Timestamp::now(); }",
        "use std::time::{Duration, Instant};",
        "use rand::Rng;",
        "use std::collections::HashMap;",
        "fn a(x: f64) {}",
        "/* a comment */ use /* another */ rusqlite::Connection;",
        "fn a() { let quote = '\"'; std::fs::read(\"x\"); }",
        "fn a() { let text = r#\"a \"quote\" \"#; std::fs::read(\"x\"); }",
        "#[cfg(test)]\nmod tests { fn b() {} }\nuse std::fs;",
    ];
    for layer in ["model", "desired", "observed", "plan", "guard/rules", "reconcile"] {
        for body in breaches {
            refused(&format!("src/{layer}/a.rs"), body, "mentions");
        }
    }
    refused("src/plan/a.rs", "\n\nuse std::fs;", ":4: ");
}

#[test]
fn comments_texts_and_tests_may_mention_the_outside() {
    for body in [
        "// use std::fs;",
        "/// `tokio` is not used, nor [`std::fs`], nor `crate::cli`.\nfn a() {}",
        "/* std::fs /* nested */ std::net */ fn a() {}",
        "fn a() { say(\"std::fs and async fn\"); }",
        "fn a() { say(r\"std::fs\"); say(b\"rand\"); }",
        "fn a<'async_like>(x: &'async_like str) -> char { 'r' }",
        "#[cfg(test)]\nmod tests {\n use std::fs;\n fn a() { if x { fs::read(\"}\"); } }\n}",
        "use std::time::Duration;",
        "fn brand(random: u8) {}",
    ] {
        allowed("src/plan/a.rs", body);
    }
    allowed("src/record/a.rs", "use std::fs; use rusqlite::Connection;");
    allowed("src/drivers/simulator/a.rs", "use rand::Rng; async fn a() {}");
}

#[test]
fn layers_see_inwards_only() {
    refused("src/model/a.rs", "use crate::observed::Node;", "model does not see");
    refused("src/model/a.rs", "use super::super::observed::Node;", "model does not see");
    refused(
        "src/desired/a.rs",
        "use crate::{guard::Permit, model::Time};",
        "desired does not see `crate::guard::Permit`",
    );
    refused("src/desired/a.rs", "use crate::plan;", "does not see");
    refused("src/desired/a/b.rs", "use super::super::super::drivers;", "does not see");
    refused("src/guard/rules/a.rs", "use crate::plan::Plan;", "does not see");
    refused("src/plan/mod.rs", "use crate::drivers::Driver;", "does not see");
    refused("src/plan.rs", "use super::drivers::Driver;", "does not see");
    refused("src/plan/a.rs", "use crate::record::Store;", "does not see");
    refused("src/drivers/simulator/a.rs", "use crate::guard::{Permit, judge};", "`crate::guard::judge`");
    refused("src/drivers/simulator/a.rs", "use crate::guard;\nfn a() { guard::judge(); }", "`crate::guard::judge`");
    refused("src/drivers/simulator/a.rs", "use crate::guard::{self, Permit};\nfn a() { guard::judge(); }", "judge");
    refused("src/drivers/simulator/a.rs", "use crate::guard::*;", "does not see");
    refused("src/drivers/simulator/a.rs", "use crate::plan;", "does not see");
    refused("src/drivers/simulator/a.rs", "use crate::desired::Policy;", "does not see");
    refused("src/drivers/simulator/a.rs", "use crate::plan::Plan;", "does not see");
    refused("src/fleet.rs", "use crate::daemon::Daemon;", "does not see");
    refused("src/record/a.rs", "fn a() { crate::cli::say(); }", "does not see");
    refused("src/novelty/a.rs", "", "no place");

    allowed("src/drivers/simulator/a.rs", "use crate::guard::{Check, Command, DriverTraits, Permit};");
    allowed("src/drivers/simulator/a.rs", "use crate::guard;\nfn a(permit: guard::Permit) {}");
    allowed("src/drivers/simulator/a.rs", "use crate::desired::parts::DriverParts; use super::world::World;");
    allowed("src/guard/rules/a.rs", "use super::super::facts::Facts; use crate::model::{Action, time::{later, Time}};");
    allowed("src/cli/a.rs", "use crate::daemon::run;");
}

#[test]
fn http_is_spoken_by_the_service_only_and_nothing_depends_on_it() {
    for layer in ["plan", "guard", "reconcile", "fleet", "daemon", "door", "output", "cli"] {
        refused(&format!("src/{layer}/a.rs"), "use axum::Router;", "HTTP belongs to the service");
    }
    refused("src/daemon/a.rs", "fn a() { hyper::server::conn::http1::Builder::new(); }", "mentions hyper");
    allowed("src/server/a.rs", "use axum::Router; use prometheus_client::registry::Registry;");
    for layer in ["plan", "guard", "reconcile", "fleet", "daemon", "door", "output"] {
        refused(&format!("src/{layer}/a.rs"), "use crate::server::Server;", "does not see");
    }
    refused("src/server/a.rs", "use crate::fleet::Fleet;", "does not see");
    refused("src/server/a.rs", "use crate::drivers::Driver;", "does not see");
    allowed("src/cli/a.rs", "use crate::server::Server;");
}

#[test]
fn stacks_are_named_by_their_drivers_only() {
    refused("src/guard/a.rs", "fn a() { say(\"ask Exchange\"); }", "names exchange");
    refused("src/model/a.rs", "enum Stack { Pacemaker }", "names pacemaker");
    refused("src/cli/a.rs", "enum Stack { Pacemaker }", "names pacemaker");
    allowed("src/drivers/pacemaker/a.rs", "fn a() { say(\"pacemaker\"); }");
    allowed("src/guard/a.rs", "// Pacemaker drains by itself.\nfn a() {}");
    allowed("src/cli/a.rs", "fn a() { say(\"rollward package Exchange2007-KB2756497.msp\"); }");
}

#[test]
fn drivers_do_not_see_policies() {
    allowed("src/drivers/simulator/a.rs", "use crate::desired::Cluster;");
    refused("src/drivers/simulator/a.rs", "use crate::desired::{Cluster, Policy};", "`crate::desired::Policy`");
}

#[test]
fn every_file_says_what_it_is_for() {
    assert_eq!(breaches("src/plan/a.rs", "fn a() {}").len(), 1);
    assert_eq!(breaches("src/plan/a.rs", "//! It plans.\nfn a() {}").len(), 0);
}
