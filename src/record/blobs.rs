//! The last good text of each manifest, by hash: what a broken file is replaced with, also after a restart.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};

use super::error::{ReadError, WriteError};
use super::journal::{pack, unpack, unreadable};
use super::store::Store;

/// Texts of manifests by path.
pub type Texts = BTreeMap<Arc<str>, Arc<str>>;

impl Store {
    /// Makes these the last good manifests. Only what differs from those kept is written; texts that no file has any
    /// longer are dropped. True if anything was written.
    ///
    /// # Errors
    /// Nothing was changed; see [`WriteError`].
    pub fn keep_manifests(&self, texts: &Texts) -> Result<bool, WriteError> {
        let wanted: BTreeMap<&str, String> = texts.iter().map(|(path, text)| (&**path, hash(text))).collect();
        let kept = self.read(kept_hashes);
        if kept.is_ok_and(|kept| kept.iter().map(|(p, h)| (p.as_str(), h)).eq(wanted.iter().map(|(p, h)| (*p, h)))) {
            return Ok(false);
        }
        self.transact(false, |file| {
            let kept = kept_hashes(file)?;
            for path in kept.keys().filter(|path| !wanted.contains_key(path.as_str())) {
                file.prepare_cached("DELETE FROM files WHERE path = ?1")?.execute([path])?;
            }
            for ((path, text), hash) in texts.iter().zip(wanted.values()) {
                if kept.get(&**path) == Some(hash) {
                    continue;
                }
                file.prepare_cached("INSERT INTO blobs (hash, body) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
                    .execute(params![hash, pack(text)?])?;
                file.prepare_cached(
                    "INSERT INTO files (path, hash) VALUES (?1, ?2) ON CONFLICT (path) DO UPDATE SET hash = ?2",
                )?
                .execute(params![&**path, hash])?;
            }
            file.execute("DELETE FROM blobs WHERE hash NOT IN (SELECT hash FROM files)", [])?;
            Ok(true)
        })
    }

    /// The last good manifests.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn kept_manifests(&self) -> Result<Texts, ReadError> {
        self.read(|file| {
            file.prepare_cached("SELECT path, body, hash FROM files JOIN blobs USING (hash)")?
                .query_map([], |row| {
                    let text = unpack(&row.get::<_, Vec<u8>>(1)?).map_err(|e| unreadable(1, e))?;
                    if hash(&text) != row.get::<_, String>(2)? {
                        return Err(unreadable(1, "a kept manifest does not have its hash"));
                    }
                    Ok((row.get(0)?, text.into()))
                })?
                .collect()
        })
    }
}

fn kept_hashes(file: &Connection) -> rusqlite::Result<BTreeMap<String, String>> {
    file.prepare_cached("SELECT path, hash FROM files")?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// The SHA-256 of a text, in lower-case hexadecimal.
pub fn hash(text: &str) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
