//! The manifests in force while the daemon runs: read at the start, and again whenever something may have changed.
//!
//! What a broken, half-saved or missing file means for what was in force before is for [`Keeper`] to say.

use std::path::PathBuf;
use std::sync::Arc;

use super::{RunError, RunOptions, Told, chain};
use crate::desired::keeper::{Keeper, Kept, SavedSet};
use crate::desired::render::{Style, render};
use crate::desired::{Desired, Severity, SourceFile, resolve};
use crate::drivers::Drivers;
use crate::model::{ClusterName, Time};
use crate::record::Store;
use crate::sources::{self, Watch};

/// Where, among the kept texts, it is written which cluster rests on which of them. No file's hash looks like it.
pub const INDEX: &str = "clusters.json";

/// A set of manifests, watched.
pub(super) struct Watched {
    paths: Vec<PathBuf>,
    clusters: Vec<ClusterName>,
    watch: Option<Watch>,
    keeper: Keeper,
    /// The content and commit of the last reading: an unchanged folder costs no more than reading it.
    last: Option<(Arc<str>, Option<Arc<str>>)>,
    /// A deletion takes effect then, though nothing changes.
    look_again: Option<Time>,
    /// The diagnostics that were told last.
    told: String,
}

impl Watched {
    /// Reads the set for the first time and begins to watch it.
    ///
    /// # Errors
    /// Nothing in it can be used.
    pub fn begin(
        options: &RunOptions,
        store: &Store,
        now: Time,
        tell: &mut (dyn FnMut(Told<'_>) + Send),
    ) -> Result<(Self, Desired), RunError> {
        let watch = match Watch::new(&options.paths) {
            Ok(watch) => Some(watch),
            Err(error) => {
                tell(Told::Note(&format!(
                    "no file events ({error}): the manifests are read every few seconds instead"
                )));
                None
            }
        };
        let keeper = Keeper::restore(saved(store), &Drivers);
        let mut watched = Self {
            paths: options.paths.clone(),
            clusters: options.clusters.clone(),
            watch,
            keeper,
            last: None,
            look_again: None,
            told: String::new(),
        };
        let folder = sources::read(&watched.paths);
        let kept = watched.look(&folder.files, folder.commit.as_ref(), now, store, tell);
        let broken = kept.diagnostics.iter().any(|d| d.severity == Severity::Error);
        let desired = watched.select(kept.desired);
        // With something that can be used, what is broken keeps only itself from being used.
        if broken && desired.clusters.is_empty() {
            // What is wrong with them has just been told.
            let why = "there is nothing to manage: no cluster that is declared there can be used\n";
            return Err(RunError::Manifests(why.into()));
        }
        for name in &watched.clusters {
            if !desired.clusters.contains_key(name) {
                return Err(RunError::Manifests(format!("no cluster {name} is declared in these manifests\n")));
            }
        }
        Ok((watched, desired))
    }

    /// Returns once something may have changed; for ever where nothing can be watched.
    pub async fn changed(&mut self) {
        match &mut self.watch {
            Some(watch) => watch.changed().await,
            None => std::future::pending().await,
        }
    }

    /// Reads the set again; what is in force from now on, if that is something else.
    pub fn reload(&mut self, now: Time, store: &Store, tell: &mut (dyn FnMut(Told<'_>) + Send)) -> Option<Desired> {
        if self.watch.as_ref().is_some_and(|watch| watch.is_astray(&self.paths)) {
            // Without events, which there may be none of meanwhile, the slow look sees to it.
            self.watch = Watch::new(&self.paths).ok();
        }
        let folder = sources::read(&self.paths);
        let content = (resolve::revision(&folder.files), folder.commit.clone());
        let due = self.look_again.is_some_and(|at| at <= now);
        if self.last.as_ref() == Some(&content) && !due {
            return None;
        }
        let kept = self.look(&folder.files, folder.commit.as_ref(), now, store, tell);
        Some(self.select(kept.desired))
    }

    fn look(
        &mut self,
        files: &[SourceFile],
        commit: Option<&Arc<str>>,
        now: Time,
        store: &Store,
        tell: &mut (dyn FnMut(Told<'_>) + Send),
    ) -> Kept {
        self.last = Some((resolve::revision(files), commit.cloned()));
        let kept = self.keeper.look(now, files, commit, &Drivers);
        self.look_again = kept.look_again;
        let text = render(&kept.diagnostics, files, Style::Plain);
        if text != self.told {
            tell(Told::Manifests(if text.is_empty() { "the manifests are sound again\n" } else { &text }));
            self.told = text;
        }
        if let Some(set) = &kept.save
            && let Err(error) = keep(store, set)
        {
            tell(Told::Note(&format!("the last good manifests could not be kept: {}", chain(&*error))));
        }
        kept
    }

    /// A cluster was released: nothing of its documents is kept.
    pub fn forget(&mut self, name: &ClusterName) {
        self.keeper.forget(name);
    }

    fn select(&self, mut desired: Desired) -> Desired {
        if !self.clusters.is_empty() {
            desired.clusters.retain(|name, _| self.clusters.contains(name));
        }
        desired
    }
}

/// The last good set, as an earlier daemon kept it. What cannot be read is as if it had not been kept.
fn saved(store: &Store) -> SavedSet {
    let Ok(mut texts) = store.kept_manifests() else { return SavedSet::default() };
    let clusters = texts.remove(INDEX).and_then(|index| serde_json::from_str(&index).ok()).unwrap_or_default();
    SavedSet { clusters, texts }
}

fn keep(store: &Store, set: &SavedSet) -> Result<(), Box<dyn std::error::Error>> {
    let mut texts = set.texts.clone();
    texts.insert(INDEX.into(), serde_json::to_string(&set.clusters)?.into());
    store.keep_manifests(&texts)?;
    Ok(())
}
