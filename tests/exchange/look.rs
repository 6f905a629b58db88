//! What rollward sees and would do, through the twin.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::host::Twin;

/// Golden scenarios whose first look and plan a real cluster of this family could show.
const THEMES: [&str; 3] = ["ccr", "scc", "scr"];

fn scenarios() -> Vec<(String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut found = Vec::new();
    for theme in THEMES {
        for file in std::fs::read_dir(root.join(theme)).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if let Some(name) = name.strip_suffix(".yaml").filter(|name| !name.contains('.')) {
                found.push((format!("{theme}/{name}"), path));
            }
        }
    }
    found.sort();
    found
}

/// The truth of a scenario: what follows its first document.
fn truth(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    // The driver only observes so far; the plan is the same.
    text.split_once("\n---\n").unwrap().1.replace("mode: act", "mode: observe")
}

/// Of a plan what does not hang on how long things take: each cluster's steps, handoffs and holds.
pub fn gist(plan: &Value) -> BTreeMap<String, Value> {
    let clusters = plan["clusters"].as_array().unwrap().iter();
    let gist = clusters.map(|cluster| {
        let step = |step: &Value| {
            let parts = ["action", "node", "group", "from", "to", "rollup"];
            let parts: serde_json::Map<_, _> =
                parts.iter().filter_map(|part| Some(((*part).to_owned(), step.get(part)?.clone()))).collect();
            Value::Object(parts)
        };
        let hold = |hold: &Value| json!({"rule": hold["rule"], "subject": hold["subject"]});
        let steps: Vec<_> = cluster["steps"].as_array().unwrap().iter().map(step).collect();
        let holds: Vec<_> = cluster["holds"].as_array().unwrap().iter().map(hold).collect();
        let gist = json!({"steps": steps, "handoffs": cluster["handoffs"], "holds": holds});
        (cluster["name"].as_str().unwrap().to_owned(), gist)
    });
    gist.collect()
}

#[test]
fn golden_scenarios_begin_with_the_same_plan() {
    let mut wrong = Vec::new();
    let mut same = 0;
    for (name, path) in scenarios() {
        let twin = Twin::new(&truth(&path));
        let simulated = gist(&twin.asked(&["plan", twin.path("truth.yaml").to_str().unwrap()]));
        let through = gist(&twin.asked(&["plan", &twin.declare()]));
        for (cluster, expected) in simulated {
            let found = through.get(&cluster).unwrap_or(&Value::Null);
            let (expected, found) = (format!("{expected:#}"), format!("{found:#}"));
            if expected == found {
                same += 1;
            } else {
                let diff = similar::TextDiff::from_lines(&expected, &found);
                wrong.push(format!("{name}: {cluster}:\n{}", diff.unified_diff()));
            }
        }
    }
    assert!(wrong.is_empty(), "{same} are the same, and not:\n{}", wrong.join("\n"));
}

/// A pair with a file share witness, healthy but for what a test changes.
pub fn pair() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/ccr/pair.yaml");
    truth(&path)
}

/// What one observation could not tell: path and reason.
fn unknown(seen: &Value) -> BTreeMap<String, String> {
    let unknown = seen["clusters"][0]["unknown"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    unknown.iter().map(|u| (text(&u["path"]), text(&u["why"]))).collect()
}

/// With this going wrong, these facts are unknown for that reason, and some step or the whole waits for them.
#[track_caller]
fn unreadable(fault: Value, facts: &[&str], why: &str) {
    let patience = if fault["it"] == "hangs" { 1 } else { 60 };
    let twin = Twin::with(&pair(), json!({"faults": [fault], "patienceSeconds": patience}));
    let manifests = twin.declare();
    let unknown = unknown(&twin.asked(&["observe", "mbx-ccr-01", "--manifests", &manifests]));
    for fact in facts {
        let said = unknown.get(*fact).unwrap_or_else(|| panic!("{fact} is known; unknown are {unknown:#?}"));
        assert!(said.contains(why), "{fact}: {said}");
    }
    let plan = twin.asked(&["plan", &manifests]);
    let handoffs = plan["clusters"][0]["steps"].as_array().unwrap().iter().filter(|step| step["action"] == "Handoff");
    let unheld: Vec<_> = handoffs.filter(|step| step["holds"].as_array().unwrap().is_empty()).collect();
    assert!(unheld.is_empty(), "a role is moved on what is not known: {unheld:#?}");
    assert!(plan.to_string().contains("unknown: "), "the plan does not say what is not known: {plan:#}");
}

/// The rules that hold something in a plan.
pub fn rules(plan: &Value) -> Vec<String> {
    let cluster = &plan["clusters"][0];
    let steps = cluster["steps"].as_array().unwrap().iter().flat_map(|step| step["holds"].as_array().unwrap());
    let holds = cluster["holds"].as_array().unwrap().iter().chain(steps);
    holds.map(|hold| hold["rule"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_healthy_pair_is_seen_whole() {
    let twin = Twin::with(
        &pair(),
        json!({"faults": [{"of": "powershell.exe", "it": {"saysFirst": {"text": "Loading personal and system profiles took 1200ms."}}},
            {"of": "ssh", "on": "EXNODE2", "it": {"waits": {"seconds": 1}}}]}),
    );
    let seen = twin.asked(&["observe", "mbx-ccr-01", "--manifests", &twin.declare()]);
    assert_eq!(unknown(&seen), BTreeMap::new());
    let cluster = &seen["clusters"][0];
    let (active, role) = (&cluster["nodes"][0], &cluster["groups"][1]);
    assert_eq!((&active["name"], &active["owns"]), (&json!("EXNODE1"), &json!(["MBX1"])));
    assert_eq!((&active["versions"]["product"], &active["baseline"]), (&json!("8.3.264.0"), &json!("8.3.83.6")));
    assert_eq!(role["copies"], json!([{"node": "EXNODE2", "queue": 0, "status": "healthy"}]));
    assert_eq!(cluster["quorum"]["witness"]["reachableFrom"], json!(["EXNODE1", "EXNODE2"]));
}

const TABLES: [&str; 4] = ["quorum", "nodes.EXNODE2.membership", "groups.MBX1.owner", "groups.MBX1.state"];

#[test]
fn another_language_is_unknown_and_not_guessed() {
    let fault = json!({"of": "cluster.exe", "asked": "node", "it": "speaksGerman"});
    unreadable(fault, &TABLES, "is Windows' language English?");
}

#[test]
fn an_answer_that_ends_in_the_middle_is_unknown() {
    let cut = |of: &str, asked: &str| json!({"of": of, "asked": asked, "it": "isCutShort"});
    unreadable(cut("cluster.exe", "node"), &TABLES, "table of nodes");
    unreadable(cut("cluster.exe", "group"), &TABLES, "table of groups");
    let node = ["nodes.EXNODE2.versions.product", "nodes.EXNODE2.services", "nodes.EXNODE1.rival"];
    unreadable(cut("powershell.exe", "node"), &node, "the answer was cut short");
    let mailbox = ["groups.MBX1.possibleOwners", "groups.MBX1.backup", "groups.MBX1.standbyCopies"];
    unreadable(cut("powershell.exe", "exchange"), &mailbox, "the answer was cut short");
}

#[test]
fn a_tool_that_hangs_is_given_up() {
    let fault = json!({"of": "cluster.exe", "asked": "/cluster:", "it": "hangs"});
    unreadable(fault, &TABLES, "cluster.exe did not end within 1 s");
}

#[test]
fn what_refuses_says_what_it_said() {
    let refuses = |cmdlet: &str, saying: &str| json!({"of": "powershell.exe", "it": {"refuses": {"cmdlet": cmdlet, "saying": saying}}});
    unreadable(
        refuses("Add-PSSnapin", "No snap-ins have been registered"),
        &["groups.MBX1.backup"],
        "No snap-ins have been",
    );
    unreadable(refuses("Get-MailboxDatabase", "Access denied"), &["groups.MBX1.backup"], "Access denied");
    unreadable(refuses("Get-MailboxServer", "Access denied"), &["groups.MBX1.possibleOwners"], "Access denied");
    unreadable(refuses("ExSetup.exe", "not recognized"), &["nodes.EXNODE2.versions.product"], "not recognized");
    let denied = json!({"of": "ssh", "on": "mgmt1", "it": {"endsWith": {"code": 255, "saying": "Permission denied (publickey)."}}});
    unreadable(denied, &TABLES, "the login was refused");
}

#[test]
fn hostile_names_arrive_as_they_are() {
    for name in ["Größe & 100% $(calc) 'x' `y`", "a | b > c; %PATH% ^ \\\"d\\\" ~ 日本"] {
        let auxiliary = "    Cluster Group: {kind: auxiliary}\n";
        let text = pair()
            .replace(auxiliary, &format!("{auxiliary}    \"{name}\": {{kind: auxiliary}}\n"))
            .replace("owns: [Cluster Group]", &format!("owns: [Cluster Group, \"{name}\"]"));
        let twin = Twin::new(&text);
        let seen = twin.asked(&["observe", "mbx-ccr-01", "--manifests", &twin.declare()]);
        let name = name.replace('\\', "");
        let group = seen["clusters"][0]["groups"].as_array().unwrap().iter().find(|group| group["name"] == *name);
        let group = group.unwrap_or_else(|| panic!("{name} is not seen: {seen:#}"));
        assert_eq!((&group["owner"], &group["state"]), (&json!("EXNODE2"), &json!("online")), "{name}");
        assert_eq!(unknown(&seen), BTreeMap::new());
        assert_eq!(group["possibleOwners"], json!(["EXNODE1", "EXNODE2"]), "{name}");
    }
}

#[test]
fn a_name_that_columns_make_ambiguous_is_unknown() {
    let text = pair().replace("Cluster Group", "Cluster  Group");
    let twin = Twin::new(&text);
    let unknown = unknown(&twin.asked(&["observe", "mbx-ccr-01", "--manifests", &twin.declare()]));
    let why = &unknown["groups.Cluster  Group.possibleOwners"];
    assert!(why.contains("the table of resources cannot be read"), "{why}");
}

#[test]
fn what_a_node_keeps_from_another_version_is_unknown() {
    let twin = Twin::new(&pair());
    let kept = twin.path("hosts/EXNODE2/C/rollward/kept");
    std::fs::create_dir_all(&kept).unwrap();
    std::fs::write(kept.join("Größe\t100%"), "a\tb\r\nc %41\r\n").unwrap();
    let unknown = unknown(&twin.asked(&["observe", "mbx-ccr-01", "--manifests", &twin.declare()]));
    let why = &unknown["nodes.EXNODE2.tries"];
    assert!(why.contains("Größe\t100%"), "{why}");
    assert!(!unknown.contains_key("nodes.EXNODE1.tries"));
}

#[test]
fn a_snapshot_gives_the_plan_of_its_time() {
    let twin = Twin::new(&pair());
    let manifests = twin.declare();
    let saved = twin.path("snapshot.json");
    std::fs::write(&saved, twin.rollward(&["snapshot", "mbx-ccr-01", "--manifests", &manifests]).out).unwrap();
    let live = gist(&twin.asked(&["plan", &manifests]));
    twin.hand("mbx-ccr-01", "crash EXNODE2");
    let later = gist(&twin.asked(&["plan", &manifests, "--snapshot", saved.to_str().unwrap()]));
    assert_eq!(live, later);
    assert_ne!(live, gist(&twin.asked(&["plan", &manifests])));
}

#[test]
fn doctor_finds_a_sound_pair_ready() {
    let twin = Twin::new(&pair());
    let doctor = twin.asked(&["doctor", "mbx-ccr-01", "--manifests", &twin.declare()]);
    let checks = doctor["clusters"][0]["checks"].as_array().unwrap();
    // The package is nowhere, in this estate.
    let troubles = checks.iter().filter(|c| {
        ["bad", "unknown"].contains(&c["state"].as_str().unwrap()) && !c["name"].as_str().unwrap().contains("package")
    });
    let troubles: Vec<_> = troubles.collect();
    assert!(checks.len() >= 20 && troubles.is_empty(), "{troubles:#?}");
}
