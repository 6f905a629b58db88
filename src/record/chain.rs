//! The chain: each line of the journal has a hash of itself and of the hash before it, written in the transaction that
//! writes the line. What is changed, taken out, put in or put elsewhere later no longer fits, and [`super::verify`]
//! finds it.
//!
//! Absent on purpose: keys. Whoever may write the file may also make a chain anew over what they like; that shows only
//! against a hash that was kept elsewhere.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row};
use sha2::{Digest, Sha256};

/// A link: the hash of all that came before, and of its line.
pub(super) type Link = [u8; 32];

/// What the first line follows.
pub(super) const NOTHING: Link = [0; 32];

/// What of a line is hashed: all of it. Another list makes other hashes, so this one never changes; a column that is
/// added later needs a step of the schema that begins a new kind of link.
macro_rules! line {
    ($from:literal) => {
        concat!(
            "SELECT e.id, e.cluster, e.at, e.revision, e.what, e.kind, e.action, e.node, e.grp, e.took_ms, e.text, \
             e.inputs",
            $from
        )
    };
}
pub(super) use line;

/// How many columns `line!` selects.
pub(super) const WIDTH: usize = 12;

/// Which of them is the line's kind.
pub(super) const KIND: usize = 5;

/// Puts a line that was just written at the end of the chain.
pub(super) fn append(file: &Connection, id: i64) -> rusqlite::Result<()> {
    let mut last = file.prepare_cached("SELECT hash FROM chain ORDER BY id DESC LIMIT 1")?;
    let before: Link = last.query_row([], |row| row.get(0)).optional()?.unwrap_or(NOTHING);
    extend(file, &before, id, 0)?;
    Ok(())
}

/// Takes the lines of a file that had no chain into one, as they stand, and marks them as such.
pub(super) fn take_in(file: &Connection) -> rusqlite::Result<()> {
    let mut ids = file.prepare("SELECT id FROM entries ORDER BY id")?;
    let mut before = NOTHING;
    for id in ids.query_map([], |row| row.get(0))? {
        before = extend(file, &before, id?, 1)?;
    }
    Ok(())
}

fn extend(file: &Connection, before: &Link, id: i64, taken_in: i64) -> rusqlite::Result<Link> {
    let mut line = file.prepare_cached(line!(" FROM entries e WHERE id = ?1"))?;
    let next = line.query_row([id], |row| link(before, row, taken_in))?;
    file.prepare_cached("INSERT INTO chain (id, hash, taken_in) VALUES (?1, ?2, ?3)")?.execute((id, next, taken_in))?;
    Ok(next)
}

/// The link of a line, read with `line!`. Each value goes in with its kind and its length, so that no two lines read
/// alike.
pub(super) fn link(before: &Link, row: &Row<'_>, taken_in: i64) -> rusqlite::Result<Link> {
    let mut hash = Sha256::new();
    hash.update(before);
    hash.update(taken_in.to_be_bytes());
    for column in 0..WIDTH {
        let (kind, bytes): (u8, &[u8]) = match row.get_ref(column)? {
            ValueRef::Null => (0, &[]),
            ValueRef::Integer(number) => {
                hash.update([1]);
                hash.update(number.to_be_bytes());
                continue;
            }
            ValueRef::Real(number) => {
                hash.update([2]);
                hash.update(number.to_be_bytes());
                continue;
            }
            ValueRef::Text(text) => (3, text),
            ValueRef::Blob(blob) => (4, blob),
        };
        hash.update([kind]);
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    }
    Ok(hash.finalize().into())
}
