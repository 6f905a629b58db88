//! Reads manifest files from folders and from files that are named one by one.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::desired::resolve::MANIFEST_ENDINGS;
use crate::desired::source::{MAX_FILE_BYTES, SourceFile};

/// Folders in folders; deeper is taken for a loop of links.
const MAX_DEPTH: usize = 32;

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Folder {
    /// The files, sorted by name. One that could not be read is among them and says why.
    pub files: Vec<SourceFile>,
    /// The commit, if the first path lies in a checkout and its commit can be told.
    pub commit: Option<Arc<str>>,
}

/// Reads everything under these paths: folders with all that is below them, except what is hidden, and files whatever
/// they are called. Does not fail: a path that is not there is a file that could not be read.
pub fn read(paths: &[PathBuf]) -> Folder {
    let commit = || paths.first().and_then(|path| commit_of(path));
    let before = commit();
    let mut found = BTreeSet::new();
    let mut files = Vec::new();
    for path in paths {
        match fs::metadata(path) {
            Ok(meta) if meta.is_dir() => walk(path, 0, &mut found, &mut files),
            Ok(_) => {
                found.insert(path.clone());
            }
            Err(error) => files.push(unreadable(path, &error)),
        }
    }
    let mut seen = BTreeSet::new();
    files.extend(
        found
            .into_iter()
            .filter(|path| seen.insert(fs::canonicalize(path).unwrap_or_else(|_| path.clone())))
            .map(|p| file(&p)),
    );
    files.sort_by(|a, b| a.name.cmp(&b.name));
    files.dedup_by(|a, b| a.name == b.name);
    // A checkout that moved on, or was put in another's place, while its files were read: they may be of both.
    let commit = before.filter(|before| commit().as_ref() == Some(before));
    Folder { files, commit }
}

fn walk(folder: &Path, depth: usize, found: &mut BTreeSet<PathBuf>, failed: &mut Vec<SourceFile>) {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return failed.push(unreadable(folder, &error)),
    };
    for entry in entries {
        let path = match entry {
            Ok(entry) => entry.path(),
            Err(error) => {
                failed.push(unreadable(folder, &error));
                continue;
            }
        };
        // Hidden are checkouts' own files, editors' droppings, and the folders behind a mounted set of files.
        if path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.')) {
            continue;
        }
        let is_manifest = path.extension().is_some_and(|e| MANIFEST_ENDINGS.iter().any(|ending| e == *ending));
        match fs::metadata(&path) {
            Ok(meta) if meta.is_dir() && depth < MAX_DEPTH => walk(&path, depth + 1, found, failed),
            Ok(meta) if meta.is_file() && is_manifest => {
                found.insert(path);
            }
            Ok(_) => {}
            // A link to nowhere matters only if it would be a manifest.
            Err(error) if is_manifest => failed.push(unreadable(&path, &error)),
            Err(_) => {}
        }
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> SourceFile {
    SourceFile::unreadable(path.to_string_lossy(), error.to_string())
}

fn file(path: &Path) -> SourceFile {
    let name = path.to_string_lossy();
    let read = fs::File::open(path).and_then(|file| {
        let size = file.metadata()?.len();
        let mut bytes = Vec::new();
        // One byte more than allowed tells a file that grew since.
        file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
        Ok((size, bytes))
    });
    match read {
        Ok((size, _)) if size > MAX_FILE_BYTES => SourceFile::too_large(name, size),
        Ok((_, bytes)) => SourceFile::from_bytes(name, &bytes),
        Err(error) => unreadable(path, &error),
    }
}

/// The commit that a checkout is at, read from its files: HEAD, the branch it names, packed branches. Runs nothing.
fn commit_of(path: &Path) -> Option<Arc<str>> {
    let path = fs::canonicalize(path).ok()?;
    let dot_git = path.ancestors().map(|folder| folder.join(".git")).find(|git| git.exists())?;
    let git_dir = if dot_git.is_dir() {
        dot_git
    } else {
        // A linked worktree names its folder in a file.
        let text = fs::read_to_string(&dot_git).ok()?;
        dot_git.parent()?.join(text.strip_prefix("gitdir:")?.trim())
    };
    // While git changes the files, they belong to no commit.
    if git_dir.join("index.lock").exists() {
        return None;
    }
    let common =
        fs::read_to_string(git_dir.join("commondir")).map_or_else(|_| git_dir.clone(), |c| git_dir.join(c.trim()));
    let mut at = fs::read_to_string(git_dir.join("HEAD")).ok()?.trim().to_owned();
    // A branch may name another, but not without end.
    for _ in 0..5 {
        let Some(name) = at.strip_prefix("ref:").map(|name| name.trim().to_owned()) else { break };
        if Path::new(&name).components().any(|c| !matches!(c, std::path::Component::Normal(_))) {
            return None;
        }
        let loose = [&git_dir, &common].into_iter().find_map(|dir| fs::read_to_string(dir.join(&name)).ok());
        at = match loose {
            Some(text) => text.trim().to_owned(),
            None => packed(&common, &name)?,
        };
    }
    let is_hash = (at.len() == 40 || at.len() == 64) && at.bytes().all(|b| b.is_ascii_hexdigit());
    is_hash.then(|| at.into())
}

fn packed(git_dir: &Path, name: &str) -> Option<String> {
    let text = fs::read_to_string(git_dir.join("packed-refs")).ok()?;
    text.lines()
        .find_map(|line| line.split_once(' ').filter(|(_, n)| n.trim() == name).map(|(hash, _)| hash.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desired::source::Content;

    fn names(folder: &Folder) -> Vec<String> {
        folder.files.iter().map(|f| f.name.rsplit('/').next().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_tree_of_files_without_what_is_hidden_or_of_another_ending() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        fs::create_dir_all(root.join("site/lyon")).unwrap();
        fs::create_dir_all(root.join(".git")).unwrap();
        for name in ["b.yaml", "site/lyon/a.yml", "README.md", ".b.yaml.swp", ".hidden.yaml", ".git/c.yaml"] {
            fs::write(root.join(name), "kind: X\n").unwrap();
        }
        let found = read(&[root.to_owned(), root.join("README.md"), root.join("b.yaml")]);
        assert_eq!(names(&found), ["README.md", "b.yaml", "a.yml"]);
        assert_eq!(found.commit, None, "an empty .git is no checkout");
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let big = fs::File::create(root.join("big.yaml")).unwrap();
        big.set_len(MAX_FILE_BYTES + 1).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink("nowhere", root.join("gone.yaml")).unwrap();
        let found = read(&[root.to_owned(), root.join("missing")]);
        assert_eq!(names(&found), ["big.yaml", "gone.yaml", "missing"]);
        assert_eq!(found.files[0].content, Content::TooLarge { bytes: MAX_FILE_BYTES + 1 });
        assert!(matches!(&found.files[2].content, Content::Unreadable { why } if why.contains("No such file")));
    }

    #[test]
    fn the_commit_of_a_checkout_is_read_and_not_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let (root, git) = (dir.path(), dir.path().join(".git"));
        let (one, two) = ("1".repeat(40), "2".repeat(40));
        fs::create_dir_all(git.join("refs/heads")).unwrap();
        fs::create_dir_all(root.join("fleet")).unwrap();
        fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        fs::write(git.join("packed-refs"), format!("# pack-refs with: peeled\n{two} refs/heads/main\n")).unwrap();
        let commit = || read(&[root.join("fleet")]).commit.map(|c| c.to_string());
        assert_eq!(commit(), Some(two));
        fs::write(git.join("refs/heads/main"), format!("{one}\n")).unwrap();
        assert_eq!(commit(), Some(one.clone()), "a loose branch is newer than a packed one");
        fs::write(git.join("HEAD"), "ref: ../../etc/passwd\n").unwrap();
        assert_eq!(commit(), None);
        fs::write(git.join("HEAD"), format!("{one}\n")).unwrap();
        assert_eq!(commit(), Some(one));
        fs::write(git.join("index.lock"), "").unwrap();
        assert_eq!(commit(), None, "the files are between two commits");
    }
}
