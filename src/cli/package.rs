//! `package`: a `Package` document for a file that somebody has downloaded.

use std::io::Write as _;
use std::path::PathBuf;

use super::args::{Format, Global};
use super::{Exit, load};
use crate::desired::resolve::catalog;
use crate::sources::package::describe;

/// Print the manifest of a package that you have downloaded, with its hash.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The rollup is known by the file's name: from the catalogue that is built in, and from --manifests. The path stands in \
the document as it is given, and counts from the folder of the manifest that the document is put in.

Examples:
  cd /etc/rollward/manifests
  rollward package packages/Exchange2007-KB2756497-v3-x64-EN.msp >> packages.yaml
  rollward package packages/corosync_3.1.7-1_amd64.deb --manifests . >> packages.yaml")]
pub(super) struct Package {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The rollup that it belongs to, if its name does not tell
    #[arg(long, value_name = "NAME")]
    rollup: Option<String>,
    /// Manifest files or folders that declare more rollups
    #[arg(long, value_name = "PATH")]
    manifests: Vec<PathBuf>,
}

impl Package {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let mut rollups = catalog().clone();
        if !self.manifests.is_empty() {
            rollups.extend(load::read(&self.manifests).desired.rollups);
        }
        let text = describe(&self.file, self.rollup.as_deref(), &rollups)?;
        if global.output == Format::Json {
            let document: serde_json::Value = serde_yaml::from_str(&text)?;
            global.emit(&document, |_| String::new())?;
        } else {
            // A manifest is YAML for people, too; `---` lets it be appended to a file.
            let mut to = std::io::stdout().lock();
            write!(to, "---\n{text}")?;
            to.flush()?;
        }
        Ok(Exit::Done)
    }
}
