//! `package`: a `Package` document for a file that somebody has downloaded.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::Exit;
use super::args::{Format, Global};

/// Print the manifest of a package that you have downloaded, with its hash.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The rollup is found among the manifests by the file's name.

Examples:
  rollward package packages/Exchange2007-KB2756497-v3-x64-EN.msp >> manifests/packages.yaml
  rollward package FILE --rollup exchange-2007-sp3-ru8-v3")]
pub(super) struct Package {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The rollup that it belongs to
    #[arg(long, value_name = "NAME")]
    rollup: String,
    /// The document's name; without it, the file's
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Serialize)]
struct Metadata {
    name: String,
}

#[derive(Serialize)]
struct Spec {
    rollup: String,
    path: PathBuf,
    sha256: String,
}

impl Package {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let sha256 = sha256(&self.file).with_context(|| format!("cannot read {}", self.file.display()))?;
        let stem = self.file.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
        let document = Document {
            api_version: "rollward/v1",
            kind: "Package",
            metadata: Metadata { name: self.name.unwrap_or(stem) },
            spec: Spec { rollup: self.rollup, path: std::path::absolute(&self.file)?, sha256 },
        };
        // A manifest is YAML also for people; `---` lets it be appended to a file.
        if global.output == Format::Json {
            global.emit(&document, |_| String::new())?;
        } else {
            let mut to = std::io::stdout().lock();
            write!(to, "---\n{}", serde_yaml::to_string(&document)?)?;
            to.flush()?;
        }
        Ok(Exit::Done)
    }
}

/// The SHA-256 of a file, in lower-case hexadecimal. Reads it in pieces: service packs have hundreds of megabytes.
pub(super) fn sha256(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        let n = file.read(&mut piece)?;
        let Some(read) = piece.get(..n).filter(|read| !read.is_empty()) else { break };
        hash.update(read);
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
