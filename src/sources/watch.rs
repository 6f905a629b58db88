//! Says that something may have changed under the manifests' paths. What changed, only reading them tells.
//!
//! Events are hints: they may be late, lost (on network folders) or about nothing. The daemon's slow poll is the net.

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

/// Silence after which a burst of events (a save by way of a temporary file, a checkout) is over.
const SETTLE: Duration = Duration::from_millis(50);

/// A burst that does not end is reported all the same.
const AT_MOST: Duration = Duration::from_millis(500);

/// Watches paths for as long as it lives.
pub struct Watch {
    events: mpsc::Receiver<()>,
    /// Where the paths led when it began.
    places: Vec<Option<PathBuf>>,
    _watcher: RecommendedWatcher,
}

impl Watch {
    /// Begins to watch: folders with all that is below them; files and links by way of their folder, since editors
    /// replace the ones and syncing tools turn the others. What a link led to is watched until [`Watch::is_astray`].
    ///
    /// # Errors
    /// The system cannot watch one of them: not there, no right to read it, or too many watches. Fall back to polling.
    pub fn new(paths: &[PathBuf]) -> Result<Self, notify::Error> {
        let (send, events) = mpsc::channel(1);
        let mut watcher = notify::recommended_watcher(move |event: Result<notify::Event, notify::Error>| {
            // Reading the folder is an event of its own on some systems: it must not wake us.
            if !event.is_ok_and(|e| e.kind.is_access()) {
                let _ = send.try_send(()); // Full: a wake-up waits already. Closed: nobody waits any more.
            }
        })?;
        for path in paths {
            if path.is_dir() {
                watcher.watch(path, RecursiveMode::Recursive)?;
            }
            if !path.is_dir() || path.is_symlink() {
                let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
                watcher.watch(folder, RecursiveMode::NonRecursive)?;
            }
        }
        Ok(Self { events, places: places(paths), _watcher: watcher })
    }

    /// True if the paths lead elsewhere than when it began: watch anew.
    pub fn is_astray(&self, paths: &[PathBuf]) -> bool {
        places(paths) != self.places
    }

    /// Returns once something may have changed and has been quiet since. For ever, if watching has ended.
    pub async fn changed(&mut self) {
        if self.events.recv().await.is_none() {
            return std::future::pending().await;
        }
        let settled = async { while let Ok(Some(())) = tokio::time::timeout(SETTLE, self.events.recv()).await {} };
        let _ = tokio::time::timeout(AT_MOST, settled).await; // Both ends of it mean: look.
    }
}

fn places(paths: &[PathBuf]) -> Vec<Option<PathBuf>> {
    paths.iter().map(|path| std::fs::canonicalize(path).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_burst_of_saves_is_one_change() {
        let dir = tempfile::tempdir().unwrap();
        let mut watch = Watch::new(&[dir.path().to_owned()]).unwrap();
        for i in 0..20 {
            std::fs::write(dir.path().join(format!("{i}.yaml")), "a: b\n").unwrap();
        }
        tokio::time::timeout(Duration::from_secs(20), watch.changed()).await.expect("it was seen");
        let again = tokio::time::timeout(Duration::from_millis(200), watch.changed()).await;
        assert!(again.is_err(), "one burst, one change");
        let _ = std::fs::read(dir.path().join("1.yaml")).unwrap();
        let again = tokio::time::timeout(Duration::from_millis(200), watch.changed()).await;
        assert!(again.is_err(), "reading is no change");
        assert!(!watch.is_astray(&[dir.path().to_owned()]));
        std::fs::remove_file(dir.path().join("1.yaml")).unwrap();
        tokio::time::timeout(Duration::from_secs(20), watch.changed()).await.expect("so was this");
    }

    #[tokio::test]
    async fn a_link_that_is_turned_is_a_change() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for name in ["one", "two"] {
            std::fs::create_dir(at(name)).unwrap();
            std::os::unix::fs::symlink(name, at(&format!("to-{name}"))).unwrap();
        }
        let paths = [at("to-one")];
        let mut watch = Watch::new(&paths).unwrap();
        std::fs::rename(at("to-two"), at("to-one")).unwrap();
        tokio::time::timeout(Duration::from_secs(20), watch.changed()).await.expect("it was seen");
        assert!(watch.is_astray(&paths), "what is watched is not what is read");
        let mut watch = Watch::new(&paths).unwrap();
        std::fs::write(at("two/a.yaml"), "a: b\n").unwrap();
        tokio::time::timeout(Duration::from_secs(20), watch.changed()).await.expect("so was this");
    }
}
