//! What is in force while the daemon runs and people save files.
//!
//! A cluster whose document breaks stays with its last good version, finishes what is begun and starts nothing. One
//! whose document is gone is released, but not because a file was half saved: only once the folder is at another
//! commit, or has not changed for a minute, and never while some file cannot be read or the whole folder is empty.
//!
//! Absent on purpose: reading files, and where the last good texts are stored. Both are handed in and out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::document::Kind;
use super::parts::DriverParts;
use super::resolve::{Reading, read};
use super::resolved::{Broken, Cluster, Desired, FleetPolicy, StopDocument};
use super::source::{Content, SourceFile};
use super::{Diagnostic, Severity};
use crate::model::time::{between, later};
use crate::model::{ClusterName, Time};

/// How long the folder must not have changed before a document that is gone counts as deleted: longer than any editor
/// or copy takes between removing a file and writing it anew.
pub const DELETED_AFTER: Duration = Duration::from_secs(60);

/// What is in force, and what was in force before.
#[derive(Debug, Default)]
pub struct Keeper {
    clusters: BTreeMap<ClusterName, LastGood>,
    fleet: Option<FleetPolicy>,
    stops: BTreeMap<String, (StopDocument, Option<Arc<str>>)>,
    /// The content last seen, and since when it has been so.
    content: Option<(Arc<str>, Time)>,
    saved: SavedSet,
}

/// A cluster as it was last sound.
#[derive(Clone, Debug)]
struct LastGood {
    cluster: Arc<Cluster>,
    commit: Option<Arc<str>>,
    texts: Vec<SavedText>,
}

/// What one look at the folder gives.
#[derive(Clone, Debug)]
pub struct Kept {
    /// What is in force.
    pub desired: Desired,
    /// All that is wrong with the files as they are.
    pub diagnostics: Vec<Diagnostic>,
    /// Clusters that are declared, broken, and were never sound: nothing is known of them but their names.
    pub unusable: BTreeMap<ClusterName, Broken>,
    /// When to look again though nothing changes: a deletion takes effect then.
    pub look_again: Option<Time>,
    /// What to store in place of what was stored before; `None` if nothing has changed.
    pub save: Option<SavedSet>,
}

/// The last good versions of all clusters, for a daemon that starts while a file is broken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SavedSet {
    /// By cluster.
    pub clusters: BTreeMap<ClusterName, Saved>,
    /// Texts, by hash.
    pub texts: BTreeMap<Arc<str>, Arc<str>>,
}

/// On which texts one cluster rests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Saved {
    /// The commit at which it was last sound, if the folder was a checkout.
    pub commit: Option<Arc<str>>,
    /// The files that it rests on.
    pub texts: Vec<SavedText>,
}

/// A file as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SavedText {
    /// Its name.
    pub file: Arc<str>,
    /// SHA-256 of its content.
    pub hash: Arc<str>,
}

impl Keeper {
    /// A keeper that remembers what was stored. Texts that are missing or no longer mean a sound cluster are dropped:
    /// such a cluster begins anew.
    pub fn restore(saved: SavedSet, drivers: &dyn DriverParts) -> Self {
        let mut clusters = BTreeMap::new();
        for (name, one) in &saved.clusters {
            let files: Option<Vec<SourceFile>> = one
                .texts
                .iter()
                .map(|t| saved.texts.get(&t.hash).map(|text| SourceFile::from_bytes(t.file.clone(), text.as_bytes())))
                .collect();
            let Some(files) = files else { continue };
            if let Some(cluster) = read(&files, drivers).desired.clusters.remove(name) {
                let last = LastGood { cluster, commit: one.commit.clone(), texts: one.texts.clone() };
                clusters.insert(name.clone(), last);
            }
        }
        Self { clusters, saved, ..Self::default() }
    }

    /// Takes in the folder as it is now. Pure but for what it remembers.
    pub fn look(
        &mut self,
        now: Time,
        files: &[SourceFile],
        commit: Option<&Arc<str>>,
        drivers: &dyn DriverParts,
    ) -> Kept {
        let reading = read(files, drivers);
        let content = reading.desired.revision.clone();
        let since = match &self.content {
            Some((seen, since)) if *seen == content => *since,
            _ => now,
        };
        self.content = Some((content, since));
        let doubt = Doubt { commit, since, now, why: doubt(files, &reading) };
        let mut kept = Kept {
            desired: reading.desired.clone(),
            diagnostics: reading.diagnostics.clone(),
            unusable: BTreeMap::new(),
            look_again: None,
            save: None,
        };
        if let Some(commit) = commit {
            kept.desired.revision = commit.clone();
        }
        self.clusters(files, &reading, &doubt, &mut kept);
        self.stops(&reading, &doubt, &mut kept);
        self.fleet(&reading, &doubt, &mut kept);
        kept.save = self.store_anew(files);
        kept
    }

    /// Forgets a cluster that has been released.
    pub fn forget(&mut self, cluster: &ClusterName) {
        self.clusters.remove(cluster);
    }

    fn clusters(&mut self, files: &[SourceFile], reading: &Reading, doubt: &Doubt<'_>, kept: &mut Kept) {
        for (name, cluster) in &reading.desired.clusters {
            let rests_on = reading.rests_on.get(name);
            let texts = files.iter().filter(|f| rests_on.is_some_and(|names| names.contains(&f.name)));
            let texts = texts.map(|f| SavedText { file: f.name.clone(), hash: f.hash.clone() }).collect();
            let last = LastGood { cluster: cluster.clone(), commit: doubt.commit.cloned(), texts };
            self.clusters.insert(name.clone(), last);
        }
        for (name, last) in &self.clusters {
            if kept.desired.clusters.contains_key(name) {
                continue;
            }
            let broken = match reading.broken.get(name) {
                Some(broken) => broken.clone(),
                None => doubt.of_missing(last.commit.as_ref(), &mut kept.look_again, "the document is gone"),
            };
            let cluster = Cluster { broken: Some(broken), ..(*last.cluster).clone() };
            kept.desired.clusters.insert(name.clone(), Arc::new(cluster));
        }
        let never_sound = reading.broken.iter().filter(|(name, _)| !self.clusters.contains_key(*name));
        kept.unusable = never_sound.map(|(name, broken)| (name.clone(), broken.clone())).collect();
    }

    /// A stop cord that is gone holds until it is surely gone.
    fn stops(&mut self, reading: &Reading, doubt: &Doubt<'_>, kept: &mut Kept) {
        for stop in &reading.desired.stops {
            self.stops.insert(stop.name.clone(), (stop.clone(), doubt.commit.cloned()));
        }
        self.stops.retain(|name, (stop, commit)| {
            if reading.desired.stops.iter().any(|s| s.name == *name) {
                return true;
            }
            let broken = doubt.of_missing(commit.as_ref(), &mut kept.look_again, "its document is gone");
            if !broken.releasing {
                let why = format!("{} ({})", stop.why, broken.why);
                kept.desired.stops.push(StopDocument { why, ..stop.clone() });
            }
            !broken.releasing
        });
    }

    fn fleet(&mut self, reading: &Reading, doubt: &Doubt<'_>, kept: &mut Kept) {
        let declared = reading.defined_in.keys().any(|(kind, _)| *kind == Kind::Fleet);
        let unsure = reading.fleet_broken || (!declared && doubt.why.is_some());
        match &self.fleet {
            Some(last) if unsure => kept.desired.fleet = last.clone(),
            _ => self.fleet = Some(kept.desired.fleet.clone()),
        }
    }

    /// What should be stored from now on, if it is other than before.
    fn store_anew(&mut self, files: &[SourceFile]) -> Option<SavedSet> {
        let mut set = SavedSet::default();
        for (name, last) in &self.clusters {
            for text in &last.texts {
                let known = self.saved.texts.get(&text.hash).cloned();
                let now = || files.iter().find(|f| f.hash == text.hash).map(|f| f.shown().into());
                if let Some(content) = known.or_else(now) {
                    set.texts.insert(text.hash.clone(), content);
                }
            }
            let saved = Saved { commit: last.commit.clone(), texts: last.texts.clone() };
            set.clusters.insert(name.clone(), saved);
        }
        if set == self.saved {
            return None;
        }
        self.saved = set.clone();
        Some(set)
    }
}

/// Whether what is missing from the folder is surely deleted.
struct Doubt<'a> {
    commit: Option<&'a Arc<str>>,
    since: Time,
    now: Time,
    why: Option<Broken>,
}

impl Doubt<'_> {
    /// What is to be thought of something that was sound at a commit and is not there now.
    fn of_missing(&self, commit: Option<&Arc<str>>, look_again: &mut Option<Time>, what: &str) -> Broken {
        // A folder that shows another commit than before is surely there and whole, whatever it lacks.
        let committed = self.commit.is_some() && self.commit != commit;
        match &self.why {
            Some(why) if !(committed && why.place.is_none()) => {
                return Broken { why: format!("{what}, and {}", why.why), ..why.clone() };
            }
            _ => {}
        }
        if committed || between(self.since, self.now) >= DELETED_AFTER {
            return Broken { why: what.to_owned(), place: None, releasing: true };
        }
        let at = later(self.since, DELETED_AFTER);
        *look_again = Some(look_again.map_or(at, |other| other.min(at)));
        let why = format!("{what}; unless it comes back it counts as deleted at the next commit, or at {at}");
        Broken { why, place: None, releasing: false }
    }
}

/// Why nothing may be taken for deleted now: a file that cannot be read may hold it, and a folder without files is
/// rather one that is not mounted. The latter has no place.
fn doubt(files: &[SourceFile], reading: &Reading) -> Option<Broken> {
    if let Some((file, broken)) = reading.unreadable.iter().next() {
        let why = format!("{file} cannot be read: {}", broken.why);
        return Some(Broken { why, place: broken.place.clone(), releasing: false });
    }
    let whole_folder_gone = files.is_empty()
        || files.iter().all(|f| matches!(f.content, Content::Unreadable { .. }))
        || reading.diagnostics.iter().any(|d| d.code == "empty-folder" && d.severity == Severity::Error);
    let why = "the whole folder is empty; `rollward release CLUSTER` lets go of one".to_owned();
    whole_folder_gone.then_some(Broken { why, place: None, releasing: false })
}

impl SavedSet {
    /// The hashes that are needed.
    pub fn hashes(&self) -> BTreeSet<&str> {
        self.texts.keys().map(|hash| &**hash).collect()
    }
}
