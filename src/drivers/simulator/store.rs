//! The world outlives the process: a folder for each simulated cluster, and a letter box in it for other processes.
//!
//! `world.json` is written after every change and at no other time, to a new file that then takes the old one's place.
//! `inbox/` holds what other processes want to happen: a poke, a person's command, a claim. It is emptied at each look.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Hand;
use super::simulation::{Simulation, State};
use super::spec::Spec;
use crate::desired::Cluster;
use crate::drivers::ClaimAnswer;
use crate::guard::Command;
use crate::model::{Claim, ClusterName, Rollup, RollupName, Time};

/// The form of `world.json`. A program refuses another's.
const FORMAT: u32 = 1;

/// Why a world cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder cannot be read or written.
    #[error("the world of {cluster} in {} cannot be read: {source}", path.display())]
    Io {
        /// Whose world.
        cluster: ClusterName,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not what this program writes.
    #[error("the world of {cluster} in {} is damaged ({why}); start over with `rollward run --fresh-world`", path.display())]
    Damaged {
        /// Whose world.
        cluster: ClusterName,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The document's truth has changed since the world was made.
    #[error(
        "the world of {cluster} in {} was made for other nodes, groups, quorum, seed or faults than its document \
         declares now; start over with `rollward run --fresh-world`, or undo the change", path.display()
    )]
    OtherDocument {
        /// Whose world.
        cluster: ClusterName,
        /// The file.
        path: PathBuf,
    },
    /// The cluster is not simulated.
    #[error("{cluster} is no simulated cluster")]
    NotSimulated {
        /// Which cluster.
        cluster: ClusterName,
    },
}

/// What another process wants to happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Letter {
    Poke(Hand),
    Command(Command),
    Claim { expected: Option<Claim>, wanted: Option<Claim> },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WorldFile<S> {
    format: u32,
    cluster: ClusterName,
    document: String,
    state: S,
}

/// Where one cluster's world is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorldFolder {
    path: PathBuf,
}

impl WorldFolder {
    /// The folder of a cluster among those of all.
    pub fn of(worlds: &Path, cluster: &ClusterName) -> Self {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let name = cluster.as_str();
        let folder = if name.chars().all(plain) && !name.starts_with('.') {
            name.to_owned()
        } else {
            let digest = Sha256::digest(name.as_bytes());
            let hex: String = digest.iter().take(8).map(|b| format!("{b:02x}")).collect();
            format!("{}-{hex}", name.replace(|c| !plain(c), "_").trim_start_matches('.'))
        };
        Self { path: worlds.join(folder) }
    }

    fn file(&self) -> PathBuf {
        self.path.join("world.json")
    }

    fn inbox(&self) -> PathBuf {
        self.path.join("inbox")
    }

    /// Leaves a letter for whoever runs the world.
    fn post(&self, letter: &Letter) -> io::Result<()> {
        let inbox = self.inbox();
        fs::create_dir_all(&inbox)?;
        let number = inboxed(&inbox)?.last().map_or(0, |(n, _)| n + 1);
        // Two writers at once: the one who comes second takes the next number.
        for number in number.. {
            let file = inbox.join(format!("{number:08}.json"));
            let draft = inbox.join(format!(".{number:08}.{}", std::process::id()));
            fs::write(&draft, serde_json::to_vec(letter)?)?;
            let linked = fs::hard_link(&draft, &file);
            fs::remove_file(&draft)?;
            match linked {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                other => return other,
            }
        }
        Ok(())
    }
}

/// Letters in the inbox, in order.
fn inboxed(inbox: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let entries = match fs::read_dir(inbox) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut letters = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let number = path.file_name().and_then(|n| n.to_str()).and_then(|n| n.strip_suffix(".json")?.parse().ok());
        letters.extend(number.map(|n| (n, path)));
    }
    letters.sort();
    Ok(letters)
}

/// How a world is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Keeping {
    /// Not at all.
    InMemory,
    /// By this process.
    In(WorldFolder),
    /// By another process, perhaps: look, and leave letters.
    Elsewhere(WorldFolder),
}

/// A simulation, and where it is kept.
#[derive(Clone, Debug)]
pub struct Kept {
    simulation: Simulation,
    keeping: Keeping,
    saved: Option<u64>,
}

impl Kept {
    /// A world that ends with the process.
    ///
    /// # Errors
    /// The cluster is not simulated.
    pub fn in_memory(cluster: &Cluster, rollups: &BTreeMap<RollupName, Arc<Rollup>>) -> Result<Kept, StoreError> {
        let simulation = Simulation::start(cluster, rollups)
            .ok_or_else(|| StoreError::NotSimulated { cluster: cluster.name.clone() })?;
        Ok(Kept { simulation, keeping: Keeping::InMemory, saved: None })
    }

    /// A world that goes on where it was left, or starts; `fresh` forgets what was left.
    ///
    /// # Errors
    /// What was left cannot be gone on with; the text says how to start over.
    pub fn open(
        cluster: &Cluster,
        rollups: &BTreeMap<RollupName, Arc<Rollup>>,
        worlds: &Path,
        fresh: bool,
    ) -> Result<Kept, StoreError> {
        let folder = WorldFolder::of(worlds, &cluster.name);
        let io = |source| StoreError::Io { cluster: cluster.name.clone(), path: folder.path.clone(), source };
        if fresh && folder.path.exists() {
            fs::remove_dir_all(&folder.path).map_err(io)?;
        }
        Self::load(cluster, rollups, folder.clone(), Keeping::In(folder))
    }

    /// The world as it was left last, to look at: nothing of it is written but letters to whoever runs it.
    ///
    /// # Errors
    /// As [`Kept::open`].
    pub fn peek(
        cluster: &Cluster,
        rollups: &BTreeMap<RollupName, Arc<Rollup>>,
        worlds: &Path,
    ) -> Result<Kept, StoreError> {
        let folder = WorldFolder::of(worlds, &cluster.name);
        let mut kept = Self::load(cluster, rollups, folder.clone(), Keeping::Elsewhere(folder.clone()))?;
        // Letters that nobody has read yet are part of what is true.
        let letters = inboxed(&folder.inbox());
        let letters =
            letters.map_err(|source| StoreError::Io { cluster: cluster.name.clone(), path: folder.path, source });
        for (_, path) in letters? {
            // One that another process has just taken in is part of the world that it has just written.
            let _ = kept.open_letter(&path, kept.simulation.now());
        }
        Ok(kept)
    }

    fn load(
        cluster: &Cluster,
        rollups: &BTreeMap<RollupName, Arc<Rollup>>,
        folder: WorldFolder,
        keeping: Keeping,
    ) -> Result<Kept, StoreError> {
        let path = folder.file();
        let name = || cluster.name.clone();
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Ok(Kept { keeping, ..Self::in_memory(cluster, rollups)? });
            }
            Err(source) => return Err(StoreError::Io { cluster: name(), path, source }),
        };
        let damaged = |why: String| StoreError::Damaged { cluster: name(), path: path.clone(), why };
        let form: WorldFile<serde::de::IgnoredAny> =
            serde_json::from_slice(&text).map_err(|e| damaged(e.to_string()))?;
        if form.format != FORMAT {
            return Err(damaged(format!("form {} and not {FORMAT}", form.format)));
        }
        let file: WorldFile<State> = serde_json::from_slice(&text).map_err(|e| damaged(e.to_string()))?;
        let spec: Spec = serde_json::from_value((*cluster.driver.spec).clone())
            .map_err(|_| StoreError::NotSimulated { cluster: name() })?;
        if file.cluster != cluster.name || file.document != fingerprint(&spec) {
            return Err(StoreError::OtherDocument { cluster: name(), path });
        }
        let simulation = Simulation::resume(cluster, rollups, file.state)
            .ok_or_else(|| StoreError::NotSimulated { cluster: name() })?;
        let saved = Some(simulation.revision());
        Ok(Kept { simulation, keeping, saved })
    }

    /// The simulation.
    pub fn simulation(&self) -> &Simulation {
        &self.simulation
    }

    /// The simulation, to act on; [`Kept::keep`] must follow.
    pub fn simulation_mut(&mut self) -> &mut Simulation {
        &mut self.simulation
    }

    /// Lets happen what other processes asked for; true if there was anything.
    pub fn take_in(&mut self, now: Time) -> bool {
        let Keeping::In(folder) = &self.keeping else { return false };
        let letters = match inboxed(&folder.inbox()) {
            Ok(letters) if letters.is_empty() => return false,
            Ok(letters) => letters,
            Err(error) => {
                tracing::error!(cluster = %self.simulation.cluster(), %error, "the world's inbox cannot be read");
                return false;
            }
        };
        for (_, path) in &letters {
            let answer = self.open_letter(path, now);
            let cluster = self.simulation.cluster();
            match answer {
                Ok(said) => tracing::info!(%cluster, said, "a hand was laid on the simulated world"),
                Err(why) => tracing::warn!(%cluster, why, "a hand on the simulated world changed nothing"),
            }
            if let Err(error) = fs::remove_file(path) {
                tracing::error!(%cluster, %error, "a letter to the simulated world cannot be removed");
            }
        }
        true
    }

    /// Reads one letter and lets happen what it says.
    fn open_letter(&mut self, path: &Path, now: Time) -> Result<String, String> {
        let text = fs::read(path).map_err(|e| e.to_string())?;
        match serde_json::from_slice(&text).map_err(|e| e.to_string())? {
            Letter::Poke(hand) => self.simulation.poke(hand, now),
            Letter::Command(command) => self.simulation.command_now(command, now),
            Letter::Claim { mut expected, wanted } => {
                // Its heart may have beaten since the letter was written: it is the same claim.
                let there = self.simulation.world().store.claim.as_ref();
                if let (Some(old), Some(there)) = (&mut expected, there)
                    && (old.epoch, &old.holder) == (there.epoch, &there.holder)
                {
                    old.heartbeat = there.heartbeat;
                }
                Ok(format!("{:?}", self.simulation.claim_now(expected, wanted, now)))
            }
        }
    }

    /// Lays a person's hand on the world, or leaves a letter for whoever runs it.
    ///
    /// # Errors
    /// The cluster, as it is or was left last, does not let it happen; or the letter could not be written.
    pub fn poke(&mut self, hand: Hand) -> Result<String, String> {
        let said = self.simulation.poke(hand.clone(), self.simulation.now())?;
        if let Keeping::Elsewhere(folder) = &self.keeping {
            let letter = folder.post(&Letter::Poke(hand));
            letter.map_err(|e| format!("the simulated cluster's inbox cannot be written: {e}"))?;
        }
        Ok(said)
    }

    /// Writes the world to its folder, if it has one and anything has changed.
    pub fn keep(&mut self) {
        let Keeping::In(folder) = &self.keeping else { return };
        if self.saved == Some(self.simulation.revision()) {
            return;
        }
        match write(folder, &self.simulation) {
            Ok(()) => self.saved = Some(self.simulation.revision()),
            // The world goes on; it is tried again at the next look.
            Err(error) => {
                tracing::error!(cluster = %self.simulation.cluster(), %error, "the simulated world cannot be written");
            }
        }
    }

    /// Carries out a person's command, or leaves a letter for whoever runs the world.
    ///
    /// # Errors
    /// It was not done, or the letter could not be written.
    pub fn command(&mut self, command: Command, now: Time) -> Result<String, String> {
        match &self.keeping {
            Keeping::Elsewhere(folder) => match folder.post(&Letter::Command(command)) {
                Ok(()) => Ok("left for the simulated cluster; it is carried out at its next look".into()),
                Err(e) => Err(format!("the simulated cluster's inbox cannot be written: {e}")),
            },
            _ => self.simulation.command_now(command, now),
        }
    }

    /// Replaces the claim, or leaves a letter for whoever runs the world.
    pub fn claim(&mut self, expected: Option<Claim>, wanted: Option<Claim>, now: Time) -> ClaimAnswer {
        if let Keeping::Elsewhere(folder) = &self.keeping {
            let letter = Letter::Claim { expected: expected.clone(), wanted: wanted.clone() };
            if let Err(e) = folder.post(&letter) {
                return ClaimAnswer::Unsure { why: format!("the simulated cluster's inbox cannot be written: {e}") };
            }
        }
        self.simulation.claim_now(expected, wanted, now)
    }
}

fn write(folder: &WorldFolder, simulation: &Simulation) -> io::Result<()> {
    fs::create_dir_all(&folder.path)?;
    let file = WorldFile {
        format: FORMAT,
        cluster: simulation.cluster().clone(),
        document: fingerprint(simulation.spec()),
        state: simulation.state(),
    };
    let draft = folder.path.join("world.json.new");
    fs::write(&draft, serde_json::to_vec(&file)?)?;
    fs::rename(&draft, folder.file())
}

/// What a world was made from. How fast time goes, and how long things take from now on, may change.
fn fingerprint(spec: &Spec) -> String {
    let mut spec = spec.clone();
    spec.time_scale = Default::default();
    spec.durations.clear();
    let text = serde_json::to_vec(&spec).unwrap_or_default();
    Sha256::digest(&text).iter().map(|b| format!("{b:02x}")).collect()
}
