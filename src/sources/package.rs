//! Writes the document that says "I have downloaded this file".

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::desired::diagnostics::did_you_mean;
use crate::desired::document::API_VERSION;
use crate::model::{Rollup, RollupName, hex};

/// Why no document could be written.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The file cannot be read: give another path, or mend its rights.
    #[error("{path} cannot be read")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No rollup has a package of this name: the download may have been renamed, or the rollup is not declared.
    #[error("no rollup has a package called `{file}`; {hint}")]
    NoSuchPackage {
        /// The file's name.
        file: String,
        /// What to do.
        hint: String,
    },
    /// The rollup that was asked for has no package of this name.
    #[error("rollup {rollup} has no package called `{file}`; its packages are {known}")]
    NotInRollup {
        /// The rollup.
        rollup: RollupName,
        /// The file's name.
        file: String,
        /// What its packages are called.
        known: String,
    },
    /// There is no such rollup.
    #[error("there is no rollup `{rollup}`; {hint}")]
    NoSuchRollup {
        /// What was asked for.
        rollup: String,
        /// What to do.
        hint: String,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    api_version: &'a str,
    kind: &'a str,
    metadata: Metadata,
    spec: Spec<'a>,
}

#[derive(Serialize)]
struct Metadata {
    name: String,
}

#[derive(Serialize)]
struct Spec<'a> {
    rollup: &'a RollupName,
    path: String,
    sha256: String,
}

/// The Package document of a file, in YAML. The rollup is the one that has a package of the file's name, unless it is
/// named. The path is written as given: it is relative to the folder of the manifest that the document is put in.
///
/// # Errors
/// The file cannot be read, or no rollup has a package of its name.
pub fn describe(
    path: &Path,
    rollup: Option<&str>,
    rollups: &BTreeMap<RollupName, Arc<Rollup>>,
) -> Result<String, PackageError> {
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let has = |r: &Rollup| r.packages.iter().any(|p| p.file.eq_ignore_ascii_case(&file));
    let files = |r: &Rollup| r.packages.iter().map(|p| format!("`{}`", p.file)).collect::<Vec<_>>().join(", ");
    let chosen = match rollup {
        Some(name) => {
            let chosen = rollups.get(name).ok_or_else(|| PackageError::NoSuchRollup {
                rollup: name.to_owned(),
                hint: did_you_mean(name, rollups.keys().map(RollupName::as_str))
                    .unwrap_or_else(|| "declare it in a document of kind Rollup".to_owned()),
            })?;
            if !has(chosen) {
                return Err(PackageError::NotInRollup { rollup: chosen.name.clone(), file, known: files(chosen) });
            }
            chosen
        }
        None => rollups.values().find(|r| has(r)).ok_or_else(|| {
            let known = rollups.values().flat_map(|r| r.packages.iter().map(|p| p.file.as_str()));
            PackageError::NoSuchPackage {
                hint: did_you_mean(&file, known).unwrap_or_else(|| {
                    "give the file the name it was published under, or declare its rollup".to_owned()
                }),
                file: file.clone(),
            }
        })?,
    };
    let sha256 = hash(path).map_err(|source| PackageError::Unreadable { path: path.display().to_string(), source })?;
    let several = chosen.packages.len() > 1;
    let name = if several { format!("{}.{file}", chosen.name) } else { chosen.name.to_string() };
    let document = Document {
        api_version: API_VERSION,
        kind: "Package",
        metadata: Metadata { name },
        spec: Spec { rollup: &chosen.name, path: path.to_string_lossy().into_owned(), sha256 },
    };
    serde_yaml::to_string(&document)
        .map_err(|e| PackageError::Unreadable { path: path.display().to_string(), source: io::Error::other(e) })
}

/// SHA-256 of a file in lower-case hexadecimal, a piece at a time: packages are hundreds of megabytes.
///
/// # Errors
/// The file cannot be read.
pub fn hash(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hex(&hash.finalize())),
            n => hash.update(piece.get(..n).unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_downloaded_file_is_known_by_its_name_and_hashed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("exchange2007-kb2756497-v3-x64-en.msp");
        std::fs::write(&path, "abc").unwrap();
        let rollups = crate::desired::resolve::catalog();
        let text = describe(&path, None, rollups).unwrap();
        let expected = format!(
            "apiVersion: rollward/v1\nkind: Package\nmetadata:\n  name: exchange-2007-sp3-ru8-v3\nspec:\n  rollup: \
             exchange-2007-sp3-ru8-v3\n  path: {}\n  sha256: \
             ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n",
            path.display()
        );
        assert_eq!(text, expected);
        let other = dir.path().join("Exchange2007-KB2756497-v4-x64-EN.msp");
        let error = describe(&other, None, rollups).unwrap_err().to_string();
        assert!(error.ends_with("did you mean `Exchange2007-KB2756497-v2-x64-EN.msp`?"), "{error}");
        let error = describe(&path, Some("exchange-2007-sp3-ru9"), rollups).unwrap_err().to_string();
        assert!(error.contains("its packages are `Exchange2007-KB2746157-x64-EN.msp`"), "{error}");
    }
}
