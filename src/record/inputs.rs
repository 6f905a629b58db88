//! What decisions rested on, part by part. A part that many decisions share is kept once, under its hash; their lines name
//! their parts by these hashes, so the chain covers the parts although they may be pruned before their lines.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::blobs::hash;
use super::error::ReadError;
use super::journal::{pack, to_json, unpack};
use super::store::Store;

/// What a decision rested on: texts by what they are. Empty where nobody keeps it.
pub type Inputs = BTreeMap<Arc<str>, Arc<str>>;

/// Hashes of parts by what they are.
pub(super) type Named = BTreeMap<Arc<str>, String>;

impl Store {
    /// All that a decision rested on.
    ///
    /// # Errors
    /// There is no such line, it has no inputs, or one of them was pruned; see [`ReadError`].
    pub fn inputs(&self, id: i64) -> Result<Inputs, ReadError> {
        let path = || self.path().to_owned();
        let packed = self.read(|file| {
            file.prepare_cached("SELECT inputs FROM entries WHERE id = ?1 AND inputs IS NOT NULL")?
                .query_row([id], |row| row.get::<_, Vec<u8>>(0))
                .optional()
        })?;
        let packed = packed.ok_or_else(|| ReadError::NoEntry { path: path(), id })?;
        let damaged =
            |why: String| ReadError::Damaged { path: path(), detail: format!("the inputs of entry {id}: {why}") };
        let mut inputs = Inputs::new();
        for (what, hash) in names(&packed).map_err(damaged)? {
            let body = self.read(|file| {
                file.prepare_cached("SELECT body FROM parts WHERE hash = ?1")?
                    .query_row([&hash], |row| row.get::<_, Vec<u8>>(0))
                    .optional()
            })?;
            let body = body.ok_or_else(|| ReadError::Pruned { path: path(), id, what: what.clone() })?;
            let text = sound(&hash, &body).ok_or_else(|| damaged(format!("{what} does not have its hash")))?;
            inputs.insert(what, text.into());
        }
        Ok(inputs)
    }
}

/// Keeps the parts that are not there yet; what the line says of them.
pub(super) fn keep(file: &Connection, inputs: &Inputs) -> rusqlite::Result<Vec<u8>> {
    let mut named = Named::new();
    for (what, text) in inputs {
        let hash = hash(text);
        if !file.prepare_cached("SELECT 1 FROM parts WHERE hash = ?1")?.exists([&hash])? {
            file.prepare_cached("INSERT INTO parts (hash, body) VALUES (?1, ?2)")?
                .execute(params![hash, pack(text)?])?;
        }
        named.insert(what.clone(), hash);
    }
    pack(&to_json(&named)?)
}

/// The parts that a line names.
pub(super) fn names(packed: &[u8]) -> Result<Named, String> {
    let text = unpack(packed).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|_| "an earlier version wrote them, and did not keep all of them".to_owned())
}

/// The hashes of all parts that lines of these numbers name. Lines of earlier versions name none.
pub(super) fn named(file: &Connection, lines: &str, from: i64) -> rusqlite::Result<BTreeSet<String>> {
    let mut rows =
        file.prepare_cached(&format!("SELECT e.inputs FROM entries e WHERE inputs IS NOT NULL AND {lines}"))?;
    let rows = rows.query_map([from], |row| row.get::<_, Vec<u8>>(0))?;
    let mut hashes = BTreeSet::new();
    for packed in rows {
        hashes.extend(names(&packed?).unwrap_or_default().into_values());
    }
    Ok(hashes)
}

/// The text of a part, if it has its hash.
pub(super) fn sound(named: &str, body: &[u8]) -> Option<String> {
    unpack(body).ok().filter(|text| hash(text) == named)
}
