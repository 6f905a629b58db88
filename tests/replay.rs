//! Decisions come out the same again, and what was changed does not pass for the same. The scenarios' decisions are all made
//! again in `scenarios.rs`.

use std::collections::BTreeSet;

use rollward::output::{Bundle, Clusters, Replayed, Verdict};
use rollward::record::{Change, Entry, EntryKind, OpenMode, Store, part_hash};
use rusqlite::Connection;
use serde_json::Value;

use crate::cli::Folder;

/// A folder in which the demo has been run to its end.
fn rolled() -> Folder {
    let folder = Folder::new();
    let (code, _, err) = folder.sh("rollward run manifests/demo --until-converged");
    assert_eq!(code, 0, "{err}");
    folder
}

fn replay(folder: &Folder, arguments: &str) -> (i32, Vec<Replayed>) {
    let (code, out, err) = folder.sh(&format!("rollward replay --output json {arguments}"));
    let clusters: Clusters<Replayed> = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out} {err}"));
    (code, clusters.clusters)
}

fn by_hand(folder: &Folder) -> Connection {
    Connection::open(folder.path().join("state/record.db")).unwrap()
}

/// The number of a line of this kind, the last one of the demo's first cluster.
fn last(folder: &Folder, kind: &str) -> i64 {
    by_hand(folder)
        .query_row("SELECT max(id) FROM entries WHERE cluster = 'mbx-ccr-01' AND kind = ?1", [kind], |row| row.get(0))
        .unwrap()
}

/// What came of one decision.
fn one(folder: &Folder, entry: i64) -> (i32, Option<Verdict>) {
    let (code, clusters) = replay(folder, &format!("--entry {entry}"));
    (code, clusters[0].decisions.first().map(|decision| decision.verdict))
}

/// Puts another text in the place of a part of what a decision rested on, as somebody would who knows how parts are kept.
fn forge(folder: &Folder, entry: i64, part: &str, change: impl Fn(&str) -> String) {
    use std::io::{Read, Write};
    let unpack = |packed: Vec<u8>| {
        let mut text = String::new();
        flate2::read::ZlibDecoder::new(&*packed).read_to_string(&mut text).unwrap();
        text
    };
    let pack = |text: &str| {
        let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(text.as_bytes()).unwrap();
        packer.finish().unwrap()
    };
    let file = by_hand(folder);
    let named = file.query_row("SELECT inputs FROM entries WHERE id = ?1", [entry], |row| row.get(0)).unwrap();
    let mut named: Value = serde_json::from_str(&unpack(named)).unwrap();
    let hash = named[part].as_str().unwrap().to_owned();
    let body = file.query_row("SELECT body FROM parts WHERE hash = ?1", [hash], |row| row.get(0)).unwrap();
    let before = unpack(body);
    let text = change(&before);
    assert_ne!(text, before, "{part} was not changed");
    named[part] = part_hash(&text).into();
    file.execute("INSERT OR IGNORE INTO parts (hash, body) VALUES (?1, ?2)", (part_hash(&text), pack(&text))).unwrap();
    file.execute("UPDATE entries SET inputs = ?2 WHERE id = ?1", (entry, pack(&named.to_string()))).unwrap();
}

#[test]
fn a_whole_roll_comes_out_the_same_again() {
    let folder = rolled();
    let (code, clusters) = replay(&folder, "");
    assert_eq!(code, 0, "{clusters:?}");
    assert_eq!(clusters.len(), 5);
    let decisions: i64 = by_hand(&folder)
        .query_row("SELECT count(*) FROM entries WHERE kind IN ('intended', 'decided')", [], |row| row.get(0))
        .unwrap();
    assert_eq!(i64::try_from(clusters.iter().map(|cluster| cluster.same).sum::<u64>()).unwrap(), decisions);
    assert!(decisions > 57, "every action of the demo is a decision: {decisions}");
    assert!(clusters.iter().all(|cluster| cluster.different + cluster.not_replayed == 0));
}

#[test]
fn a_changed_decision_and_a_changed_input_are_found() {
    let folder = rolled();
    let file = by_hand(&folder);
    let (intended, decided) = (last(&folder, "intended"), last(&folder, "decided"));
    assert_eq!((one(&folder, intended), one(&folder, decided)), ((0, None), (0, None)));

    // Another decision on the same inputs.
    file.execute("UPDATE entries SET what = replace(what, '\"fence\",', '') WHERE id = ?1", [intended]).unwrap();
    assert_eq!(one(&folder, intended), (1, Some(Verdict::Different)));

    // The same decision on other inputs, with hashes that fit.
    let folder = rolled();
    forge(&folder, intended, "decided/observation", |text| {
        text.replace("\"paused\":{\"known\":{\"value\":true", "\"paused\":{\"known\":{\"value\":false")
    });
    assert_eq!(one(&folder, intended), (1, Some(Verdict::Different)));
    forge(&folder, decided, "desired", |text| text.replace("\"soak\":{\"secs\":600", "\"soak\":{\"secs\":660"));
    assert_eq!(one(&folder, decided), (1, Some(Verdict::Different)));

    // An input whose hash does not fit, wherever it is named.
    let folder = rolled();
    by_hand(&folder)
        .execute("UPDATE parts SET body = (SELECT body FROM parts ORDER BY length(body) LIMIT 1)", [])
        .unwrap();
    let (code, clusters) = replay(&folder, "");
    assert_eq!(code, 1);
    assert!(clusters.iter().flat_map(|c| &c.decisions).all(|d| d.verdict == Verdict::Damaged));
    assert!(clusters.iter().all(|cluster| cluster.different > 0));
}

#[test]
fn what_cannot_be_made_again_is_said() {
    let folder = rolled();
    let (intended, decided) = (last(&folder, "intended"), last(&folder, "decided"));
    let file = by_hand(&folder);
    forge(&folder, decided, "version", |_| "0.0.1".to_owned());
    assert_eq!(one(&folder, decided), (3, Some(Verdict::OtherVersion)));
    file.execute("UPDATE entries SET inputs = NULL WHERE id = ?1", [intended]).unwrap();
    assert_eq!(one(&folder, intended), (3, Some(Verdict::NotKept)));
    file.execute("DELETE FROM parts", []).unwrap();
    let (code, clusters) = replay(&folder, "");
    assert_eq!(code, 3);
    assert_eq!(clusters.iter().map(|cluster| cluster.same).sum::<u64>(), 0);
    let (_, out, _) = folder.sh("rollward replay mbx-ccr-01");
    assert!(out.contains("could not be decided again") && out.contains("is not there any more"), "{out}");

    let (code, _, err) = folder.sh("rollward replay --entry 1");
    assert_eq!(
        (code, err.as_str()),
        (1, "error: entry 1 is no decision, or is not there; `rollward history` lists them\n")
    );
}

#[test]
fn a_bundle_has_all_that_its_decisions_need_and_no_secret() {
    let folder = Folder::new();
    let demo = folder.path().join("demo");
    let (code, _, err) = folder.sh("cp -r manifests/demo demo");
    assert_eq!(code, 0, "{err}");
    // Wherever a secret may stand that a manifest takes.
    // What is kept of manifests is what the clusters need: it stands in the file of one.
    let file = std::fs::read_dir(&demo)
        .unwrap()
        .map(|file| file.unwrap().path())
        .find(|file| std::fs::read_to_string(file).unwrap().lines().any(|line| line.contains("name: mbx-ccr-01")));
    let file = file.unwrap();
    let before = std::fs::read_to_string(&file).unwrap();
    let planted = "---\n# password: hunter2-comment\napiVersion: rollward/v1\nkind: Policy\nmetadata:\n  name: planted\n  annotations:\n    \
         api-token: hunter2-annotation\n    proxy: https://ann:hunter2-url@proxy/\n    db-secret: |\n      hunter2-block\n    \
         key: |\n      -----BEGIN OPENSSH PRIVATE KEY-----\n      hunter2-key\n      -----END OPENSSH PRIVATE KEY-----\n    \
         flow: '[--password, hunter2-flow]'\n    joined: --password=hunter2-joined\n    apart: \"--token hunter2-apart\"\n    \
         items: |\n      - --password\n      - hunter2-item\n# [--password, hunter2-flow-comment]\nspec: {}\n";
    std::fs::write(file, before + planted).unwrap();
    let (code, _, err) = folder.sh("rollward run demo --until-converged");
    assert_eq!(code, 0, "{err}");
    std::fs::write(folder.path().join("state/http-token"), "hunter2-http").unwrap();
    let store = Store::open(&folder.path().join("state"), OpenMode::Write).unwrap();
    for said in ["password: hunter2-said", "curl --token hunter2-called", "curl --token=hunter2-called-so"] {
        let what = EntryKind::Commanded { what: said.into(), by: "ann".into() };
        let at = "2017-04-02T12:00:00Z".parse().unwrap();
        store.append(&Entry { cluster: "mbx-ccr-01".into(), at, revision: "r".into(), what }).unwrap();
    }
    drop(store);

    let (code, _, err) = folder.sh("rollward bundle mbx-ccr-01 --to bundle.json");
    assert_eq!(code, 0, "{err}");
    let text = std::fs::read_to_string(folder.path().join("bundle.json")).unwrap();
    assert!(
        text.contains("name: planted") && !text.contains("hunter2"),
        "{}",
        text.split("hunter2").nth(1).unwrap_or(&text)
    );
    let bundle: Bundle = serde_json::from_str(&text).unwrap();
    assert!(bundle.record.whole && !bundle.entries.is_empty() && !bundle.checks.is_empty());

    // On another machine, with nothing but the file.
    let elsewhere = Folder::new();
    std::fs::copy(folder.path().join("bundle.json"), elsewhere.path().join("bundle.json")).unwrap();
    let (code, clusters) = replay(&elsewhere, "--bundle bundle.json");
    assert_eq!(code, 0, "{clusters:?}");
    let (_, here) = replay(&folder, "mbx-ccr-01");
    assert_eq!(clusters, here, "as many, and the same");
    assert!(clusters[0].same > 0);

    // A part that was changed on its way is found.
    let mut bent = bundle.clone();
    let observation = bent.parts.values_mut().find(|text| text.contains("\"quorum\"")).unwrap();
    *observation = observation.replace("true", "false").into();
    std::fs::write(elsewhere.path().join("bent.json"), serde_json::to_string(&bent).unwrap()).unwrap();
    let (code, clusters) = replay(&elsewhere, "--bundle bent.json");
    assert_eq!((code, clusters[0].decisions[0].verdict), (1, Verdict::Damaged));

    let short = BTreeSet::from_iter(bundle.entries.iter().rev().take(5).map(|entry| entry.entry));
    let (code, out, err) = folder.sh("rollward bundle mbx-ccr-01 --limit 5");
    assert_eq!(code, 0, "{err}");
    let bundle: Bundle = serde_json::from_str(&out).unwrap();
    assert_eq!(bundle.entries.iter().map(|entry| entry.entry).collect::<BTreeSet<_>>(), short);
}

/// What a bundle does not have is missing for a reason, and only what was changed is wrong.
#[test]
fn a_bundle_tells_why_it_does_not_have_something() {
    let folder = rolled();
    let (intended, decided) = (last(&folder, "intended"), last(&folder, "decided"));
    // The verdict of a bundle made now, on one decision: this is how it exits, and what it says of it.
    let bundled = |entry: i64| {
        let (code, out, err) = folder.sh("rollward bundle mbx-ccr-01");
        assert!(code == 0 && !out.contains("hunter2"), "{err}");
        let elsewhere = Folder::new();
        std::fs::write(elsewhere.path().join("bundle.json"), &out).unwrap();
        let (code, clusters) = replay(&elsewhere, &format!("--bundle bundle.json --entry {entry}"));
        let decision = clusters[0].decisions.first().map(|d| (d.verdict, d.why.clone().unwrap_or_default()));
        (code, decision, serde_json::from_str::<Bundle>(&out).unwrap())
    };
    let (code, decision, bundle) = bundled(intended);
    assert_eq!((code, decision), (0, None));

    // A part that is not in the file any more, and was not left out.
    let mut bent = bundle;
    bent.parts.retain(|_, text| !text.contains("\"quorum\""));
    std::fs::write(folder.path().join("bent.json"), serde_json::to_string(&bent).unwrap()).unwrap();
    let (code, clusters) = replay(&folder, "--bundle bent.json");
    assert_eq!((code, clusters[0].decisions[0].verdict), (1, Verdict::Damaged));

    // Secrets: in a part, and in the line itself.
    forge(&folder, intended, "desired", |text| text.replacen('{', "{\"args\":[\"--password\",\"hunter2\"],", 1));
    let (code, decision, _) = bundled(intended);
    let (verdict, why) = decision.unwrap();
    assert_eq!((code, verdict), (3, Verdict::LeftOut));
    assert!(why.contains(&format!("leaves desired of entry {intended} out, for there is a secret in it")), "{why}");
    let file = by_hand(&folder);
    file.execute("UPDATE entries SET what = json_set(what, '$.holds[#]', 'token: hunter2') WHERE id = ?1", [decided])
        .unwrap();
    let (code, decision, _) = bundled(decided);
    assert_eq!((code, decision.unwrap().0), (3, Verdict::LeftOut), "not another decision");

    // Damaged in the record, before the bundle was made.
    file.execute("UPDATE parts SET body = x'00'", []).unwrap();
    let (code, decision, _) = bundled(intended);
    let (verdict, why) = decision.unwrap();
    assert_eq!((code, verdict), (1, Verdict::Damaged));
    assert!(why.starts_with("on the host where the bundle was made: "), "{why}");

    // Pruned, and never kept.
    file.execute("DELETE FROM parts", []).unwrap();
    let (code, decision, _) = bundled(intended);
    assert_eq!((code, decision.unwrap().0), (3, Verdict::Pruned));
    file.execute("UPDATE entries SET inputs = NULL WHERE id = ?1", [intended]).unwrap();
    let (code, decision, _) = bundled(intended);
    assert_eq!((code, decision.unwrap().0), (3, Verdict::NotKept));
}

#[test]
fn that_there_is_no_decision_is_no_success() {
    let folder = Folder::new();
    drop(Store::open(&folder.path().join("state"), OpenMode::Write).unwrap());
    let (code, _, err) = folder.sh("rollward replay");
    assert_eq!((code, err.as_str()), (3, "nothing was decided again: no decision is there\n"));
}

#[test]
fn a_bundle_is_empty_if_nothing_is_said_of_its_cluster() {
    let folder = Folder::new();
    let store = Store::open(&folder.path().join("state"), OpenMode::Write).unwrap();
    let at = "2017-04-02T12:00:00Z".parse().unwrap();
    let what = EntryKind::Alarm { what: "look".into() };
    store.append(&Entry { cluster: "mbx-ccr-01".into(), at, revision: "r".into(), what }).unwrap();
    let pull = |site: &str| {
        let labels = [("site".to_owned(), site.to_owned())].into();
        Change::StopPulled { labels, why: "storm".into(), by: "ann".into(), at }
    };
    store.write(&[pull("lyon"), pull("bonn")]).unwrap();
    for (arguments, lines) in [("mbx-ccr-01 --limit 2", Some(2)), ("mbx-ccr-01", Some(3)), ("other", None)] {
        let (code, out, err) = folder.sh(&format!("rollward bundle {arguments}"));
        let bundle = serde_json::from_str::<Bundle>(&out).ok();
        assert_eq!((code, bundle.map(|bundle| bundle.entries.len())), (i32::from(lines.is_none()), lines), "{err}");
    }
}

#[test]
fn what_is_no_bundle_is_said_to_be_none() {
    let folder = Folder::new();
    std::fs::write(folder.path().join("none.json"), "{}").unwrap();
    let (code, _, err) = folder.sh("rollward replay --bundle none.json");
    assert_eq!(code, 1);
    assert!(err.contains("none.json is no bundle; `rollward bundle CLUSTER --to FILE` makes one"), "{err}");
    let (code, _, err) = folder.sh("rollward bundle mbx-ccr-01");
    assert_eq!(code, 1);
    assert!(err.contains("no record at"), "{err}");
}
