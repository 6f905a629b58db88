//! The tables, and how an older file becomes a newer one. A file newer than this program is refused.

use rusqlite::{Connection, TransactionBehavior};

use super::chain;

/// Marks the file as ours (`RLWD`), so that another program's database is never written to.
const APPLICATION_ID: i64 = 0x524C_5744;

/// Each step takes the file from the version of its index to the next. Steps that were released never change.
const MIGRATIONS: &[&str] = &[
    "
    -- The journal. `at` is RFC 3339 in UTC with milliseconds, so that it sorts as text.
    CREATE TABLE entries (
        id       INTEGER PRIMARY KEY,
        cluster  TEXT NOT NULL,
        at       TEXT NOT NULL,
        revision TEXT NOT NULL,
        kind     TEXT NOT NULL,
        action   TEXT,
        node     TEXT,
        grp      TEXT,
        took_ms  INTEGER,
        text     TEXT NOT NULL,   -- for people
        what     TEXT NOT NULL,   -- JSON, in full but for the inputs
        inputs   BLOB             -- zlib-compressed JSON: all that an action rested on
    ) STRICT;
    CREATE INDEX entries_by_cluster ON entries (cluster, id);

    -- How long proved actions took.
    CREATE TABLE samples (
        id        INTEGER PRIMARY KEY,
        cluster   TEXT NOT NULL,
        kind      TEXT NOT NULL,
        grp       TEXT,
        node_from TEXT,
        node_to   TEXT,
        took_ms   INTEGER NOT NULL,
        at        TEXT NOT NULL
    ) STRICT;
    CREATE INDEX samples_by_cluster ON samples (cluster, kind, id);

    -- The present roll of each cluster, or its last one.
    CREATE TABLE rolls (
        cluster TEXT PRIMARY KEY,
        started TEXT NOT NULL,
        ended   TEXT,
        planned INTEGER NOT NULL,
        floor   INTEGER NOT NULL,
        optimum INTEGER NOT NULL,
        spent   INTEGER NOT NULL,
        forced  INTEGER NOT NULL
    ) STRICT;

    -- Approvals in force.
    CREATE TABLE approvals (
        cluster TEXT NOT NULL,
        hash    TEXT NOT NULL,
        body    TEXT NOT NULL,    -- JSON
        PRIMARY KEY (cluster, hash)
    ) STRICT;

    -- Plans that were shown to people.
    CREATE TABLE plans (
        id       INTEGER PRIMARY KEY,
        cluster  TEXT NOT NULL,
        hash     TEXT NOT NULL,
        scope    TEXT NOT NULL,
        handoffs TEXT NOT NULL,   -- JSON
        at       TEXT NOT NULL,
        UNIQUE (cluster, hash)
    ) STRICT;

    -- Stop cords by command.
    CREATE TABLE stops (
        labels TEXT PRIMARY KEY,  -- JSON; {} is all clusters
        why    TEXT NOT NULL,
        by     TEXT NOT NULL,
        at     TEXT NOT NULL
    ) STRICT;

    -- The last good text of each manifest, by hash.
    CREATE TABLE blobs (
        hash TEXT PRIMARY KEY,    -- SHA-256 of the text
        body BLOB NOT NULL        -- zlib-compressed
    ) STRICT;
    CREATE TABLE files (
        path TEXT PRIMARY KEY,
        hash TEXT NOT NULL REFERENCES blobs (hash)
    ) STRICT;
",
    "
    -- Waivers by command, also those whose time is over.
    CREATE TABLE waivers (
        cluster TEXT NOT NULL,
        what    TEXT NOT NULL,    -- rule, subject and action, in words
        body    TEXT NOT NULL,    -- JSON
        PRIMARY KEY (cluster, what)
    ) STRICT;
",
    "
    -- Nodes that the counts of a roll leave out.
    ALTER TABLE rolls ADD COLUMN uncounted TEXT NOT NULL DEFAULT '[]';   -- JSON
",
    // The lines that are there are taken into it by `chain::take_in`.
    "
    -- The journal as a hash chain: one link a line.
    CREATE TABLE chain (
        id       INTEGER PRIMARY KEY REFERENCES entries (id),
        hash     BLOB NOT NULL,     -- SHA-256 of the hash before it and of the line
        taken_in INTEGER NOT NULL   -- 1: the line was written before there was a chain
    ) STRICT;

    -- Stop cords by command are told of in the journal from now on; those that are pulled already, by this.
    INSERT INTO entries (cluster, at, revision, kind, text, what)
        SELECT '*', at, '', 'stopPulled',
            by || ' pulled the stop cord for ' || CASE labels WHEN '{}' THEN 'every cluster' ELSE labels END || ': ' || why,
            json_object('entry', 'stopPulled', 'labels', json(labels), 'why', why, 'by', by)
        FROM stops ORDER BY at, labels;
",
    "
    -- What decisions rested on, part by part; the inputs of a line name its parts by their hashes.
    CREATE TABLE parts (
        hash TEXT PRIMARY KEY,    -- SHA-256 of the text
        body BLOB NOT NULL        -- zlib-compressed
    ) STRICT;

    -- The links of lines that were pruned, each of the last one before a line that is still there.
    CREATE TABLE anchors (
        id   INTEGER PRIMARY KEY,
        hash BLOB NOT NULL
    ) STRICT;
",
];

/// The version that has the chain.
const CHAINED: usize = 4;

/// The version that this program writes.
pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;

/// What a file is, before anything is done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It has no tables yet.
    Empty,
    /// A record of this version.
    Present,
    /// A record of an earlier version.
    Older(i64),
    /// A record of a later version.
    Newer(i64),
    /// Another program's.
    Foreign,
}

pub(super) fn standing(file: &Connection) -> rusqlite::Result<Standing> {
    let application: i64 = file.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let version: i64 = file.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let tables: i64 = file.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(match (application, version) {
        (0, 0) if tables == 0 => Standing::Empty,
        (APPLICATION_ID, v) if v > VERSION => Standing::Newer(v),
        (APPLICATION_ID, VERSION) => Standing::Present,
        (APPLICATION_ID, v) if v >= 1 => Standing::Older(v),
        _ => Standing::Foreign,
    })
}

/// Brings a file to this version, in one transaction. Another process may be doing the same: whoever comes second
/// finds it done.
pub(super) fn migrate(file: &mut Connection) -> rusqlite::Result<Standing> {
    let tx = file.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let from = match standing(&tx)? {
        Standing::Empty => 0,
        Standing::Older(version) => version,
        other => return Ok(other),
    };
    for (step, version) in MIGRATIONS.iter().zip(1..).skip(usize::try_from(from).unwrap_or(0)) {
        tx.execute_batch(step)?;
        if version == CHAINED {
            chain::take_in(&tx)?;
        }
    }
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    tx.pragma_update(None, "user_version", VERSION)?;
    tx.commit()?;
    Ok(Standing::Present)
}
