//! `validate`: everything that is wrong with manifests, at once. Looks at no cluster.

use super::args::{Global, Manifests};
use super::text::style::{BAD, GOOD};
use super::{Exit, load};
use crate::output::{Diagnostic, Validated, Validation};

/// Check manifests, and say everything that is wrong with them at once.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Looks at no cluster. Exit code 1 if anything is an error; warnings are said and are none.

Examples:
  rollward validate /etc/rollward/manifests
  rollward validate manifests/demo --output json | jq '.diagnostics[]'")]
pub(super) struct Validate {
    #[command(flatten)]
    manifests: Manifests,
}

impl Validate {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let loaded = load::read(&self.manifests.paths);
        let reading = &loaded.reading;
        let sound = loaded.desired.clusters.iter().map(|(name, cluster)| (name, true, Some(&cluster.place)));
        let broken = reading.broken.iter().map(|(name, broken)| (name, false, broken.place.as_ref()));
        let mut clusters: Vec<_> = sound
            .chain(broken)
            .filter(|(name, ..)| self.manifests.clusters.is_empty() || self.manifests.clusters.contains(name))
            .map(|(name, valid, place)| Validated {
                name: name.to_string(),
                valid,
                place: place.map(ToString::to_string),
            })
            .collect();
        clusters.sort_by(|a, b| a.name.cmp(&b.name));
        let document = Validation { clusters, diagnostics: reading.diagnostics.iter().map(Diagnostic::from).collect() };
        let drawn = loaded.drawn();
        if !drawn.is_empty() && global.output == super::args::Format::Text {
            global.note(drawn.trim_end());
        }
        let files = loaded.files();
        let errors = reading.has_errors();
        global.emit(&document, |document| {
            let valid = document.clusters.iter().filter(|cluster| cluster.valid).count();
            let (word, style) = if errors { ("not valid", BAD) } else { ("valid", GOOD) };
            let all = document.clusters.len();
            let plural = |count: usize| if count == 1 { "" } else { "s" };
            let (of_files, of_clusters) = (plural(files), plural(all));
            format!(
                "{style}{word}{style:#}: {files} file{of_files}, {valid} of {all} cluster{of_clusters} can be used\n"
            )
        })?;
        Ok(loaded.exit())
    }
}
