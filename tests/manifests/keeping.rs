//! What is in force while people save files: stories of one folder, told look by look.

use std::collections::BTreeMap;
use std::sync::Arc;

use rollward::desired::SourceFile;
use rollward::desired::keeper::{Keeper, Kept, SavedSet};
use rollward::model::Time;

use super::driver::AnyPart;

/// A folder that people save files in, and the keeper that looks at it.
#[derive(Default)]
struct Story {
    files: BTreeMap<String, Vec<u8>>,
    commit: Option<Arc<str>>,
    seconds: i64,
    keeper: Keeper,
    saved: SavedSet,
}

impl Story {
    fn begin() -> Self {
        let mut story = Self::default();
        story.save("policy.yaml", POLICY);
        story.save("a.yaml", &cluster("paris", "act"));
        story.save("b.yaml", &(cluster("lyon", "act") + &cluster("nice", "act")));
        assert_eq!(story.look(), "lyon, nice, paris");
        story
    }

    fn save(&mut self, file: &str, text: &str) {
        self.files.insert(file.to_owned(), text.as_bytes().to_vec());
    }

    fn after(&mut self, seconds: i64) -> &mut Self {
        self.seconds += seconds;
        self
    }

    fn kept(&mut self) -> Kept {
        let files: Vec<SourceFile> = self.files.iter().map(|(n, b)| SourceFile::from_bytes(n.as_str(), b)).collect();
        let now = Time::from_second(1_491_004_800 + self.seconds).unwrap();
        let kept = self.keeper.look(now, &files, self.commit.as_ref(), &AnyPart);
        if let Some(set) = &kept.save {
            self.saved = set.clone();
        }
        kept
    }

    /// The clusters in force: `?` after one that is broken, `!` after one that is being released.
    fn look(&mut self) -> String {
        let kept = self.kept();
        let state = |b: &rollward::desired::Broken| if b.releasing { "!" } else { "?" };
        let names = kept.desired.clusters.iter();
        let shown: Vec<String> =
            names.map(|(name, c)| format!("{name}{}", c.broken.as_ref().map_or("", state))).collect();
        shown.join(", ")
    }

    fn why(&mut self, cluster: &str) -> String {
        self.kept().desired.clusters[cluster].broken.as_ref().unwrap().why.clone()
    }

    /// The daemon ends and starts again with what was stored.
    fn restart(&mut self) {
        let stored = serde_json::to_string(&self.saved).unwrap();
        self.keeper = Keeper::restore(serde_json::from_str(&stored).unwrap(), &AnyPart);
    }
}

const POLICY: &str = "---
apiVersion: rollward/v1
kind: Policy
metadata: {name: night}
spec: {handoff: {when: anytime}}
";

fn cluster(name: &str, mode: &str) -> String {
    format!(
        "---
apiVersion: rollward/v1
kind: Cluster
metadata: {{name: {name}}}
spec:
  mode: {mode}
  topology: ccr
  rollup: exchange-2007-sp3-ru8-v3
  nodes: {{A: {{}}, B: {{}}}}
  groups: {{MBX: {{kind: role}}}}
  policy: night
  driver: {{simulator: {{}}}}
"
    )
}

#[test]
fn a_file_that_breaks_breaks_its_own_clusters_and_heals() {
    let mut story = Story::begin();
    story.save("b.yaml", &(cluster("lyon", "act") + &cluster("nice", "fast")));
    assert_eq!(story.look(), "lyon, nice?, paris");
    assert_eq!(story.why("nice"), "unknown value `fast` of `mode`");
    assert_eq!(story.after(3600).look(), "lyon, nice?, paris", "time does not make it a deletion");
    story.save("b.yaml", &(cluster("lyon", "act") + &cluster("nice", "observe")));
    assert_eq!(story.look(), "lyon, nice, paris");
}

#[test]
fn what_others_need_breaks_them_too() {
    let mut story = Story::begin();
    story.save("policy.yaml", "kind: [Policy\n");
    assert_eq!(story.look(), "lyon?, nice?, paris?");
    story.save("policy.yaml", &POLICY.replace("night", "day"));
    assert_eq!(story.look(), "lyon?, nice?, paris?");
    assert_eq!(story.why("paris"), "there is no Policy `night`");
    story.save("policy.yaml", POLICY);
    assert_eq!(story.look(), "lyon, nice, paris");
}

#[test]
fn a_half_saved_stream_deletes_nothing() {
    let whole = cluster("lyon", "act") + &cluster("nice", "act");
    for cut in 0..whole.len() {
        let mut story = Story::begin();
        story.save("b.yaml", &whole[..cut]);
        let seen = story.look();
        assert!(!seen.contains('!'), "cut at {cut}: {seen}");
        assert!(seen.contains("lyon") && seen.contains("nice") && seen.ends_with("paris"), "cut at {cut}: {seen}");
        story.save("b.yaml", &whole);
        assert_eq!(story.look(), "lyon, nice, paris");
    }
}

#[test]
fn a_shrunk_file_counts_as_a_deletion_after_a_minute_without_change() {
    let mut story = Story::begin();
    story.save("b.yaml", &cluster("lyon", "act"));
    assert_eq!(story.look(), "lyon, nice?, paris");
    assert!(story.kept().look_again.is_some(), "somebody must look again when the minute is over");
    assert_eq!(story.after(59).look(), "lyon, nice?, paris");
    story.save("a.yaml", &cluster("paris", "observe"));
    assert_eq!(story.after(1).look(), "lyon, nice?, paris", "something changed: the minute begins anew");
    assert_eq!(story.after(60).look(), "lyon, nice!, paris");
    assert_eq!(story.kept().look_again, None);
    story.keeper.forget(&"nice".into());
    assert_eq!(story.look(), "lyon, paris");
}

#[test]
fn a_deleted_file_that_comes_back_was_never_gone() {
    let mut story = Story::begin();
    let text = story.files.remove("a.yaml").unwrap();
    assert_eq!(story.look(), "lyon, nice, paris?");
    story.files.insert("moved.yaml".to_owned(), text);
    assert_eq!(story.after(30).look(), "lyon, nice, paris");
}

#[test]
fn a_commit_makes_a_deletion_certain_at_once() {
    let mut story = Story::begin();
    story.commit = Some("one".into());
    assert_eq!(story.look(), "lyon, nice, paris");
    story.files.remove("a.yaml");
    assert_eq!(story.look(), "lyon, nice, paris?", "the file is gone and the commit is the same");
    story.commit = Some("two".into());
    assert_eq!(story.look(), "lyon, nice, paris!");
}

#[test]
fn a_folder_replaced_by_a_checkout() {
    let mut story = Story::begin();
    // The folder is emptied, then fills, then there is a commit.
    let files = std::mem::take(&mut story.files);
    assert_eq!(story.look(), "lyon?, nice?, paris?");
    assert_eq!(story.after(600).look(), "lyon?, nice?, paris?", "an empty folder is one that is not mounted");
    assert!(story.why("lyon").contains("the whole folder is empty"), "{}", story.why("lyon"));
    story.files = files.clone();
    story.files.remove("a.yaml");
    assert_eq!(story.look(), "lyon, nice, paris?");
    story.commit = Some("one".into());
    assert_eq!(story.look(), "lyon, nice, paris!");
    assert_eq!(&*story.kept().desired.revision, "one");
}

#[test]
fn while_a_file_cannot_be_read_nothing_counts_as_deleted() {
    let mut story = Story::begin();
    story.files.remove("a.yaml");
    story.files.insert("c.yaml".to_owned(), vec![0xff, 0xfe, 0x00]);
    assert_eq!(story.after(600).look(), "lyon, nice, paris?");
    story.commit = Some("one".into());
    assert_eq!(story.after(600).look(), "lyon, nice, paris?");
    story.files.remove("c.yaml");
    assert_eq!(story.look(), "lyon, nice, paris!");
}

#[test]
fn a_daemon_that_starts_while_a_file_is_broken_knows_its_last_good_version() {
    let mut story = Story::begin();
    story.save("b.yaml", "kind: {\n");
    assert_eq!(story.look(), "lyon?, nice?, paris");
    story.restart();
    assert_eq!(story.look(), "lyon?, nice?, paris");
    story.files.remove("b.yaml");
    story.restart();
    assert_eq!(story.look(), "lyon?, nice?, paris");
    assert_eq!(story.after(60).look(), "lyon!, nice!, paris");
    // Without what was stored, only the names are known, where they can be read.
    story.saved = SavedSet::default();
    story.restart();
    story.save("b.yaml", &cluster("nice", "fast"));
    assert_eq!(story.look(), "paris");
    assert_eq!(story.kept().unusable.len(), 1);
}

#[test]
fn an_idle_look_stores_nothing() {
    let mut story = Story::begin();
    assert_eq!(story.kept().save, None);
    assert_eq!(story.after(3600).kept().save, None);
    story.save("a.yaml", &cluster("paris", "observe"));
    assert!(story.kept().save.is_some());
    assert_eq!(story.saved.texts.len(), 3);
}

#[test]
fn a_stop_cord_holds_until_it_is_surely_gone() {
    let mut story = Story::begin();
    let stop = "apiVersion: rollward/v1\nkind: Stop\nmetadata: {name: storage}\nspec: {why: disks are moved}\n";
    let stops = |story: &mut Story| story.kept().desired.stops.len();
    story.save("stop.yaml", stop);
    assert_eq!(stops(&mut story), 1);
    story.save("stop.yaml", "");
    assert_eq!(stops(story.after(600)), 1, "a file that declares nothing is half saved");
    story.files.remove("stop.yaml");
    assert_eq!(stops(&mut story), 1);
    assert_eq!(stops(story.after(60)), 0);
}

#[test]
fn limits_across_clusters_outlast_a_broken_file() {
    let mut story = Story::begin();
    let fleet = "apiVersion: rollward/v1\nkind: Fleet\nmetadata: {name: fleet}\nspec: {canaries: 3}\n";
    let canaries = |story: &mut Story| story.kept().desired.fleet.canaries;
    story.save("fleet.yaml", fleet);
    assert_eq!(canaries(&mut story), 3);
    story.save("fleet.yaml", &fleet.replace('3', "many"));
    assert_eq!(canaries(&mut story), 3);
    story.save("fleet.yaml", "apiVersion");
    assert_eq!(canaries(&mut story), 3);
    story.save("fleet.yaml", &fleet.replace('3', "2"));
    assert_eq!(canaries(&mut story), 2);
}
