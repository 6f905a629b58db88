//! `bundle`: what support needs of one cluster, in one file, and how it is read.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use serde_json::Value;

use super::args::Global;
use super::{Exit, ask, doctor, load, replay, secrets};
use crate::clock;
use crate::daemon::KEPT_INDEX;
use crate::door::Request;
use crate::model::ClusterName;
use crate::output::{Audited, Bundle, BundledEntry, NotHad, Verdict};
use crate::record::{EVERY, Entry, Filter, Inputs, OpenMode, Recorded, Store, part_hash};

/// Pack what support needs of a cluster into one file: its part of the record, what its decisions rested on, and manifests.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
No cluster is asked: all of it comes from the state folder, and from the daemon if one runs. What goes by a secret's name or \
looks like one is left out; what somebody wrote into a sentence is not found, so read it before you send it. \
`replay --bundle` makes its decisions again, on any machine with the same version.

Examples:
  rollward bundle mbx-ccr-01 --to mbx-ccr-01.json
  rollward replay --bundle mbx-ccr-01.json
  rollward bundle mbx-ccr-01 --limit 100 | xz > mbx-ccr-01.json.xz")]
pub(super) struct BundleArgs {
    /// The cluster
    #[arg(value_name = "CLUSTER")]
    cluster: ClusterName,
    /// Where to; stdout if omitted
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// So many lines of the record at most, the newest ones
    #[arg(long, value_name = "N", default_value_t = 1000)]
    limit: u32,
}

impl BundleArgs {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let bundle = self.pack(global)?;
        let text = serde_json::to_string_pretty(&bundle)? + "\n";
        match &self.to {
            Some(file) => {
                fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
                global.note(format_args!(
                    "{} lines and {} parts written to {}; read it before you send it",
                    bundle.entries.len(),
                    bundle.parts.len(),
                    file.display()
                ));
            }
            None => super::print_all(&text)?,
        }
        Ok(Exit::Done)
    }

    fn pack(&self, global: &Global) -> anyhow::Result<Bundle> {
        let state = global.state()?;
        let store = Store::open(&state, OpenMode::Read).context("cannot read the record")?;
        let about = |cluster: ClusterName, limit: u32| {
            store.history(&Filter { cluster: Some(cluster), ..Filter::default() }, limit)
        };
        if about(self.cluster.clone(), 1)?.is_empty() {
            anyhow::bail!("the record says nothing of {}; `rollward history` lists all that it says", self.cluster);
        }
        let mut lines = about(self.cluster.clone(), self.limit)?;
        lines.extend(about(EVERY.into(), self.limit)?);
        lines.sort_by_key(|line| line.id);
        let first = lines.len().saturating_sub(self.limit as usize);
        let lines = lines.split_off(first);
        let mut left_out = Vec::new();
        let mut parts = BTreeMap::new();
        let mut entries = Vec::new();
        for line in &lines {
            entries.push(packed(line, &store, &mut parts, &mut left_out)?);
        }
        let status = ask::daemon(global, &Request::Status { cluster: Some(self.cluster.clone()) });
        let status = status.unwrap_or_else(|error| {
            left_out.push(format!("status: {error:#}"));
            None
        });
        let mut checks = vec![doctor::state_folder(&state)];
        if let Some(desired) = load::kept(global)?.and_then(|kept| kept.desired.clusters.get(&self.cluster).cloned()) {
            checks.push(doctor::manifest(&desired));
        }
        let mut manifests = store.kept_manifests()?;
        manifests.remove(KEPT_INDEX);
        Ok(Bundle {
            made_at: clock::wall(),
            version: env!("ROLLWARD_VERSION").to_owned(),
            system: fs::read_to_string("/proc/version").unwrap_or_default().trim().to_owned(),
            cluster: self.cluster.to_string(),
            status: status.map(without_secrets),
            checks: serde_json::from_value(without_secrets(serde_json::to_value(checks)?))?,
            record: Audited::from(store.verify(None)?),
            entries,
            parts,
            manifests: manifests.into_iter().map(|(file, text)| (file, secrets::of_lines(&text))).collect(),
            left_out,
        })
    }
}

fn without_secrets(mut document: Value) -> Value {
    secrets::of_document(&mut document);
    document
}

/// A line, with the parts that it rested on. A part with a secret in it would have another hash without: it is left out whole.
fn packed(
    line: &Recorded,
    store: &Store,
    parts: &mut BTreeMap<String, Arc<str>>,
    left_out: &mut Vec<String>,
) -> anyhow::Result<BundledEntry> {
    let Entry { cluster, at, revision, what } = &line.entry;
    let (mut named, mut withheld, mut not_had) = (BTreeMap::new(), Vec::new(), None);
    if what.inputs().is_some() {
        match store.inputs(line.id) {
            Ok(inputs) => {
                for (name, text) in inputs {
                    let hash = part_hash(&text);
                    if parts.contains_key(&hash) || !has_secrets(&text) {
                        parts.insert(hash.clone(), text);
                    } else {
                        left_out.push(format!("entry {}: {name}, for there is a secret in it", line.id));
                        withheld.push(Arc::clone(&name));
                    }
                    named.insert(name, hash);
                }
            }
            Err(error) => {
                let lost = replay::not_had(error)?;
                left_out.push(format!("entry {}: {}", line.id, lost.why));
                not_had = Some(lost);
            }
        }
    }
    let whole = serde_json::to_value(what)?;
    let what = without_secrets(whole.clone());
    if what != whole {
        withheld.push(WHAT.into());
    }
    Ok(BundledEntry {
        entry: line.id,
        cluster: cluster.to_string(),
        at: *at,
        revision: revision.clone(),
        what,
        inputs: named,
        left_out: withheld,
        not_had,
    })
}

fn has_secrets(text: &str) -> bool {
    // What is no JSON is a bare word of ours.
    serde_json::from_str::<Value>(text).is_ok_and(|document| without_secrets(document.clone()) != document)
}

/// In the place of a part's name: the line itself.
const WHAT: &str = "what";

/// A bundle, opened for replay.
pub(super) struct Opened {
    path: PathBuf,
    bundle: Bundle,
}

impl Opened {
    /// Reads a bundle.
    ///
    /// # Errors
    /// It cannot be read, or is none.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let none = || format!("{} is no bundle; `rollward bundle CLUSTER --to FILE` makes one", path.display());
        Ok(Self { path: path.to_owned(), bundle: serde_json::from_str(&text).with_context(none)? })
    }

    /// Its lines.
    ///
    /// # Errors
    /// One of them is no line of a record.
    pub fn lines(&self) -> anyhow::Result<Vec<Recorded>> {
        let line = |line: &BundledEntry| {
            let damaged = || format!("entry {} of {} is no line of a record", line.entry, self.path.display());
            let what = serde_json::from_value(line.what.clone()).with_context(damaged)?;
            let (cluster, revision) = (ClusterName::new(line.cluster.as_str()), line.revision.clone());
            Ok(Recorded { id: line.entry, entry: Entry { cluster, at: line.at, revision, what } })
        };
        self.bundle.entries.iter().map(line).collect()
    }

    /// What a decision rested on.
    ///
    /// # Errors
    /// It is not in the bundle, or not as it was written.
    pub fn inputs(&self, id: i64) -> Result<Inputs, NotHad> {
        let path = self.path.display();
        let line = self.bundle.entries.iter().find(|line| line.entry == id);
        let line = line.ok_or_else(|| NotHad {
            verdict: Verdict::Damaged,
            why: format!("entry {id} of the bundle {path} is not there"),
        })?;
        if let Some(NotHad { verdict, why }) = &line.not_had {
            return Err(NotHad { verdict: *verdict, why: format!("on the host where the bundle was made: {why}") });
        }
        let left_out = |name: &str| {
            let why = format!(
                "the bundle {path} leaves {name} of entry {id} out, for there is a secret in it; only the host where it \
                 was made can decide it again"
            );
            NotHad { verdict: Verdict::LeftOut, why }
        };
        if line.left_out.iter().any(|name| &**name == WHAT) {
            return Err(left_out(WHAT));
        }
        let damaged = |name: &str, how: &str| {
            let why =
                format!("of what entry {id} of the bundle {path} rested on, {name} {how}; ask for another copy of it");
            NotHad { verdict: Verdict::Damaged, why }
        };
        let part = |(name, hash): (&Arc<str>, &String)| match self.bundle.parts.get(hash) {
            Some(text) if part_hash(text) == *hash => Ok((name.clone(), text.clone())),
            Some(_) => Err(damaged(name, "does not have its hash")),
            None if line.left_out.contains(name) => Err(left_out(name)),
            None => Err(damaged(name, "is missing")),
        };
        line.inputs.iter().map(part).collect()
    }
}
