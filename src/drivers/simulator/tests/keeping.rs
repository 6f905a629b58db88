//! Worlds that outlive their process.

use super::super::Kept;
use super::*;

fn open(text: &str, dir: &std::path::Path, fresh: bool) -> Result<Kept, String> {
    let desired = desired(text);
    Kept::open(&desired.clusters[&ClusterName::from("c1")], &desired.rollups, dir, fresh).map_err(|e| e.to_string())
}

#[test]
fn a_world_goes_on_where_it_was_left() {
    let dir = tempfile::tempdir().expect("a folder");
    let text = manifest("ccr", &["N1", "N2"], CCR);
    let mut kept = open(&text, dir.path(), false).expect("a world");
    let sim = kept.simulation_mut();
    let then = later(sim.now(), Duration::from_secs(60));
    sim.poke("crash N1 for 5m".parse().expect("words"), then).expect("done");
    kept.keep();
    let told = serde_json::to_string(kept.simulation().state()).expect("it can be written");
    let mut again = open(&text, dir.path(), false).expect("a world");
    assert_eq!(serde_json::to_string(again.simulation().state()).expect("it can be written"), told);
    assert_eq!(again.simulation().now(), then);
    again.simulation_mut().advance_to(later(then, Duration::from_secs(3600)));
    assert!(again.simulation().world().is_member(&n("N1")));
    let fresh = open(&text, dir.path(), true).expect("a world");
    assert!(fresh.simulation().world().is_member(&n("N1")) && fresh.simulation().now() < then);
}

#[test]
fn idle_looks_write_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut kept = open(&manifest("ccr", &["N1", "N2"], CCR), dir.path(), false).expect("a world");
    kept.keep();
    let file = dir.path().join("c1/world.json");
    std::fs::remove_file(&file).expect("it was written");
    let now = later(kept.simulation().now(), Duration::from_secs(600));
    kept.simulation_mut().observe_now(now);
    kept.keep();
    assert!(!file.exists());
}

#[test]
fn a_world_of_another_document_is_refused_and_says_how_to_start_over() {
    let dir = tempfile::tempdir().expect("a folder");
    open(&manifest("ccr", &["N1", "N2"], CCR), dir.path(), false).expect("a world").keep();
    let other = manifest("ccr", &["N1", "N2"], &CCR.replace("seed: 7", "seed: 8"));
    let why = open(&other, dir.path(), false).expect_err("another document");
    assert!(why.contains("--fresh-world"), "{why}");
    let faster = manifest("ccr", &["N1", "N2"], &CCR.replace("timeScale: max", "timeScale: 60"));
    assert!(open(&faster, dir.path(), false).is_ok(), "how fast time goes may change");
    std::fs::write(dir.path().join("c1/world.json"), "{").expect("written");
    let why = open(&faster, dir.path(), false).expect_err("damaged");
    assert!(why.contains("damaged") && why.contains("--fresh-world"), "{why}");
}

#[test]
fn another_process_leaves_letters_that_the_next_look_feels() {
    let dir = tempfile::tempdir().expect("a folder");
    let text = manifest("ccr", &["N1", "N2"], CCR);
    let mut running = open(&text, dir.path(), false).expect("a world");
    running.keep();
    let desired = desired(&text);
    let peek =
        || Kept::peek(&desired.clusters[&ClusterName::from("c1")], &desired.rollups, dir.path()).expect("a world");
    let mut peeking = peek();
    for words in ["move \"Cluster Group\" to N1", "pause N2"] {
        peeking.poke(words.parse().expect("words")).expect("posted");
    }
    let refused = peeking.poke("pause N2".parse().expect("words"));
    assert_eq!(refused, Err("N2 is paused already".into()), "what cannot happen is not posted");
    assert!(peek().simulation().world().nodes["N2"].paused.is_some(), "letters count before they are read");
    let now = peeking.simulation().now();
    let stop = crate::guard::Command::Stop { node: None, why: "tea".into(), by: "op".into() };
    peeking.command(stop, now).expect("posted");
    assert!(running.take_in(now));
    let world = running.simulation().world();
    assert_eq!(world.groups["Cluster Group"].owner.as_str(), "N1");
    assert!(world.nodes["N2"].paused.is_some());
    assert_eq!(world.store.marks.len(), 1);
    assert!(!running.take_in(now), "letters are read once");
}
