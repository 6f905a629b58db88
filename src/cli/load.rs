//! Manifests, for commands that are no daemon: read once, everything wrong said at once.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::args::{Global, MANIFESTS};
use super::{Exit, UsageError};
use crate::daemon::KEPT_INDEX;
use crate::desired::diagnostics::nearest;
use crate::desired::render::{Style, render};
use crate::desired::source::Content;
use crate::desired::{self, Cluster, Desired, Reading, SourceFile};
use crate::drivers::Drivers;
use crate::guard::{Forecast, Stop};
use crate::model::ClusterName;
use crate::record::{OpenError, OpenMode, ReadError, Roll, Store};
use crate::{fleet, sources};

/// Manifests as they are now.
pub(super) struct Loaded {
    /// What is meant, as far as it is sound.
    pub desired: Desired,
    /// All of the reading.
    pub reading: Reading,
    files: Vec<SourceFile>,
}

/// Reads manifests and says nothing.
pub(super) fn read(paths: &[PathBuf]) -> Loaded {
    let sources::Folder { files, commit } = sources::read(paths);
    let reading = desired::read(&files, &Drivers);
    let mut desired = reading.desired.clone();
    if let Some(commit) = commit {
        desired.revision = commit;
    }
    Loaded { desired, reading, files }
}

/// The last good manifests, as a daemon kept them in the state folder.
///
/// # Errors
/// The record cannot be read.
pub(super) fn kept(global: &Global) -> anyhow::Result<Option<Loaded>> {
    let mut texts = match Store::open(&global.state()?, OpenMode::Read) {
        Ok(store) => store.kept_manifests()?,
        Err(OpenError::Nothing { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    // Which cluster was of which commit: no manifest.
    texts.remove(KEPT_INDEX);
    let files: Vec<_> = texts.into_iter().map(|(name, text)| SourceFile::from_bytes(name, text.as_bytes())).collect();
    let reading = desired::read(&files, &Drivers);
    Ok(Some(Loaded { desired: reading.desired.clone(), reading, files }))
}

/// Reads manifests, and says on stderr what is wrong with them.
///
/// # Errors
/// Nothing of them can be used.
pub(super) fn load(global: &Global, paths: &[PathBuf]) -> anyhow::Result<Loaded> {
    usable(global, paths, read(paths))
}

/// Manifests that were read, if something of them can be used; says on stderr what is wrong with them.
///
/// # Errors
/// Nothing of them can be used.
pub(super) fn usable(global: &Global, paths: &[PathBuf], loaded: Loaded) -> anyhow::Result<Loaded> {
    let drawn = loaded.drawn();
    if !drawn.is_empty() {
        global.note(drawn.trim_end());
    }
    if loaded.desired.clusters.is_empty() {
        let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
        let why = if loaded.reading.has_errors() { "can be used" } else { "is declared" };
        let hint = if paths == [MANIFESTS] { "; if yours are elsewhere, say where with --manifests" } else { "" };
        anyhow::bail!("no cluster {why} in {}{hint}", paths.join(", "));
    }
    Ok(loaded)
}

/// Reads manifests and says nothing of them. If they declare no such cluster, or none at all, the last good ones that a
/// daemon kept say how it is reached.
///
/// # Errors
/// The record cannot be read.
pub(super) fn read_or_kept(global: &Global, paths: &[PathBuf], wanted: Option<&ClusterName>) -> anyhow::Result<Loaded> {
    let serves = |loaded: &Loaded| {
        let clusters = &loaded.desired.clusters;
        wanted.map_or(!clusters.is_empty(), |name| clusters.contains_key(name))
    };
    let loaded = read(paths);
    if serves(&loaded) {
        return Ok(loaded);
    }
    let Some(kept) = kept(global)?.filter(serves) else { return Ok(loaded) };
    let what = wanted.map_or("a cluster", ClusterName::as_str);
    global.note(format_args!("no manifest declares {what} now; going by the last good one in the state folder"));
    Ok(kept)
}

impl Loaded {
    /// Everything that is wrong, drawn for people.
    pub fn drawn(&self) -> String {
        render(&self.reading.diagnostics, &self.files, Style::Coloured)
    }

    /// What was read: name and text of each file.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().filter_map(|file| match &file.content {
            Content::Text(text) => Some((&*file.name, &**text)),
            _ => None,
        })
    }

    /// How many files were read.
    pub fn files(&self) -> usize {
        self.files.len()
    }

    /// The names asked for, or all.
    ///
    /// # Errors
    /// No cluster has one of the names, or its document is broken.
    pub fn pick(&self, names: &[ClusterName]) -> anyhow::Result<Vec<ClusterName>> {
        if names.is_empty() {
            return Ok(self.desired.clusters.keys().cloned().collect());
        }
        if let Some(name) = names.iter().find(|name| !self.desired.clusters.contains_key(*name)) {
            if let Some(broken) = self.reading.broken.get(name) {
                anyhow::bail!("the document of {name} is broken: {}", broken.why);
            }
            let known = self.desired.clusters.keys().map(ClusterName::as_str);
            let hint = match nearest(name.as_str(), known.clone()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("there are {}", known.collect::<Vec<_>>().join(", ")),
            };
            return Err(UsageError(format!("no manifest declares a cluster {name}; {hint}")).into());
        }
        Ok(names.to_vec())
    }

    /// How a command that used these manifests ends, if all else went well.
    pub fn exit(&self) -> Exit {
        if self.reading.has_errors() { Exit::Error } else { Exit::Done }
    }
}

/// Stop cords that are in force: those that are committed, and those pulled by command.
///
/// # Errors
/// The record cannot be read.
pub(super) fn stops(loaded: &Loaded, store: Option<&Store>) -> Result<Vec<Stop>, ReadError> {
    let committed = loaded.desired.stops.iter().map(|stop| Stop {
        why: stop.why.clone(),
        labels: stop.labels.clone(),
        place: Some(stop.place.clone()),
        since: None,
    });
    let pulled = store.map(Store::stops).transpose()?.unwrap_or_default();
    Ok(committed.chain(pulled).collect())
}

/// How long things will take on a cluster, as its daemon foresees it; `rolls` are the record's.
///
/// # Errors
/// The record cannot be read.
pub(super) fn forecast(
    cluster: &Cluster,
    rolls: &BTreeMap<ClusterName, Roll>,
    store: Option<&Store>,
) -> Result<Forecast, ReadError> {
    let samples = store.map(|store| store.samples(&cluster.name)).transpose()?.unwrap_or_default();
    let open = rolls.get(&cluster.name).filter(|roll| roll.ended.is_none());
    Ok(fleet::forecast(cluster, samples, open.map(|roll| roll.started)))
}
