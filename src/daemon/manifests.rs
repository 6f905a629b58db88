//! The manifests in force while the daemon runs: read at the start, and again whenever something may have changed.

use std::path::PathBuf;
use std::sync::Arc;

use super::{RunError, RunOptions, Told};
use crate::desired::{self, Desired};
use crate::drivers::Drivers;
use crate::model::{ClusterName, Time};
use crate::record::Store;
use crate::sources::{self, Watch};

/// A set of manifests, watched.
pub(super) struct Watched {
    paths: Vec<PathBuf>,
    clusters: Vec<ClusterName>,
    watch: Option<Watch>,
    /// Hash of the last reading, so that an unchanged folder costs no more than reading it.
    hash: Arc<str>,
}

impl Watched {
    /// Reads the set for the first time and begins to watch it.
    pub fn begin(
        options: &RunOptions,
        _store: &Store,
        tell: &mut (dyn FnMut(Told<'_>) + Send),
    ) -> Result<(Self, Desired), RunError> {
        let folder = sources::read(&options.paths);
        let reading = desired::read(&folder.files, &Drivers);
        let text = desired::render::render(&reading.diagnostics, &folder.files, desired::render::Style::Plain);
        if reading.has_errors() {
            return Err(RunError::Manifests(text));
        }
        if !text.is_empty() {
            tell(Told::Manifests(&text));
        }
        let watch = match Watch::new(&options.paths) {
            Ok(watch) => Some(watch),
            Err(error) => {
                tell(Told::Note(&format!(
                    "file events are not to be had ({error}): looking every few seconds instead"
                )));
                None
            }
        };
        let hash = Arc::clone(&reading.desired.revision);
        let mut watched = Self { paths: options.paths.clone(), clusters: options.clusters.clone(), watch, hash };
        let desired = watched.select(reading.desired, folder.commit);
        for name in &watched.clusters {
            if !desired.clusters.contains_key(name) {
                return Err(RunError::Manifests(format!("no cluster {name} is declared in these manifests")));
            }
        }
        watched.clusters = options.clusters.clone();
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
    pub fn reload(&mut self, _now: Time, _store: &Store, tell: &mut (dyn FnMut(Told<'_>) + Send)) -> Option<Desired> {
        let folder = sources::read(&self.paths);
        let hash = desired::resolve::revision(&folder.files);
        if hash == self.hash {
            return None;
        }
        self.hash = hash;
        let reading = desired::read(&folder.files, &Drivers);
        let text = desired::render::render(&reading.diagnostics, &folder.files, desired::render::Style::Plain);
        if !text.is_empty() {
            tell(Told::Manifests(&text));
        }
        if reading.has_errors() {
            return None;
        }
        Some(self.select(reading.desired, folder.commit))
    }

    /// A cluster was released: nothing of its documents is kept.
    pub fn forget(&mut self, _name: &ClusterName) {}

    fn select(&self, mut desired: Desired, commit: Option<Arc<str>>) -> Desired {
        if !self.clusters.is_empty() {
            desired.clusters.retain(|name, _| self.clusters.contains(name));
        }
        if let Some(commit) = commit {
            desired.revision = commit;
        }
        desired
    }
}
