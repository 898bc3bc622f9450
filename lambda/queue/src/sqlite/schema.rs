//! The tables, and how a database is recognised, made and opened.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::{LOCK_WAIT, beside, unusable};
use crate::error::{Failure, OpenError};

/// The format that this program writes. A later one is refused, and left as it is.
pub const FORMAT: i64 = 1;

/// What says that a SQLite database is a queue's: `stay`.
pub const APPLICATION_ID: i64 = 0x7374_6179;

/// Whether there is nothing yet. What is there must be of our kind, and not from the future: this is read from the file
/// itself, before SQLite may write a byte.
pub(super) fn is_new(path: &Path) -> Result<bool, OpenError> {
    let mut head = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(HEADER_BYTES).read_to_end(&mut head).map_err(|cause| unusable(path, cause))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(cause) => return Err(unusable(path, cause)),
    };
    if head.is_empty() {
        return Ok(true);
    }
    let number = |at: usize| Some(i64::from(u32::from_be_bytes(head.get(at..at + 4)?.try_into().ok()?)));
    match (head.starts_with(MAGIC), number(USER_VERSION_AT), number(APPLICATION_ID_AT)) {
        (true, Some(format), Some(APPLICATION_ID)) => judge(path, format).map(|()| false),
        _ => Err(OpenError::Foreign { path: path.to_owned() }),
    }
}

/// Makes the database aside and moves it to its place, so that it is there whole or not at all.
pub(super) fn create(path: &Path) -> Result<(), OpenError> {
    let aside = beside(path, "-new");
    for ending in ["", "-wal", "-shm"] {
        match fs::remove_file(beside(&aside, ending)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unusable(&aside, error)),
            Ok(()) | Err(_) => {}
        }
    }
    make(&aside).map_err(|cause| OpenError::Database { path: aside.clone(), cause })?;
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let moved = File::open(&aside)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(&aside, path))
        .and_then(|()| File::open(folder)?.sync_all());
    moved.map_err(|cause| unusable(path, cause))
}

/// The connection that writes. Until the database has been judged, its log is left as it is, even at the end.
pub(super) fn connect(path: &Path) -> Result<Connection, Failure> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.busy_timeout(LOCK_WAIT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "journal_size_limit", LOG_LIMIT_BYTES)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(connection)
}

/// What SQLite itself says of the database, its log included.
pub(super) fn check(path: &Path, connection: &Connection) -> Result<(), OpenError> {
    let read = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let journal = connection.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0));
    let facts = (|| Ok((read("application_id")?, read("user_version")?, read("synchronous")?, journal?)))();
    let damaged = |what: String| OpenError::Damaged { path: path.to_owned(), what };
    match facts.map_err(|error: rusqlite::Error| damaged(error.to_string()))? {
        (application, ..) if application != APPLICATION_ID => {
            Err(OpenError::Foreign { path: path.to_owned() })
        }
        (_, format, FULL, journal) if journal == "wal" => judge(path, format),
        (.., synchronous, journal) => {
            Err(damaged(format!("journal_mode is {journal}, synchronous is {synchronous}")))
        }
    }
}

fn judge(path: &Path, format: i64) -> Result<(), OpenError> {
    match format {
        FORMAT => Ok(()),
        newer if newer > FORMAT => {
            Err(OpenError::Newer { path: path.to_owned(), found: newer, known: FORMAT })
        }
        _ => Err(OpenError::Damaged { path: path.to_owned(), what: format!("its format is {format}") }),
    }
}

fn make(path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::OpenOptionsExt as _;

    // SQLite gives its other files the mode of the first.
    let file = fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path);
    file.map_err(|error| Failure::Io(error.into()))?;
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "user_version", FORMAT)?;
    connection.execute_batch(TABLES)?;
    connection.close().map_err(|(_, error)| error.into())
}

/// Moments are milliseconds since 1970. `state`: 0 waiting, 1 leased, 2 dead. `due`: the end of the pause or the lease, or
/// the time of death. Sums are CRC-32 and cover what an index cannot vouch for. The owner of values in `tally` is ''.
const TABLES: &str = "
BEGIN;
CREATE TABLE queue_row (
    seq INTEGER PRIMARY KEY,
    queue TEXT NOT NULL,
    id TEXT NOT NULL,
    key TEXT NOT NULL,
    state INTEGER NOT NULL,
    due INTEGER NOT NULL,
    expires INTEGER,
    created INTEGER NOT NULL,
    leases INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    releases INTEGER NOT NULL,
    redriven INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    reason TEXT,
    history TEXT NOT NULL,
    content_sum INTEGER NOT NULL,
    sum INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX queue_row_id ON queue_row (queue, id);
CREATE INDEX queue_row_due ON queue_row (queue, state, due);
CREATE INDEX queue_row_turn ON queue_row (queue, key, due) WHERE state = 0;
CREATE INDEX queue_row_expires ON queue_row (expires) WHERE state = 0 AND expires IS NOT NULL;
CREATE TABLE content (seq INTEGER PRIMARY KEY, attributes BLOB NOT NULL, payload BLOB NOT NULL) STRICT;
CREATE TABLE value (
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    bytes BLOB NOT NULL,
    expires INTEGER,
    sum INTEGER NOT NULL,
    PRIMARY KEY (namespace, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX value_expires ON value (expires) WHERE expires IS NOT NULL;
CREATE TABLE tally (
    owner TEXT PRIMARY KEY,
    waiting INTEGER NOT NULL,
    leased INTEGER NOT NULL,
    dead INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE mark (name TEXT PRIMARY KEY, number INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO mark VALUES ('clock', 0), ('commits', 0);
COMMIT;
";

/// SQLite's file format, section 1.3: the header string, `user version` and `application ID`.
const MAGIC: &[u8] = b"SQLite format 3\0";
const HEADER_BYTES: u64 = 100;
const USER_VERSION_AT: usize = 60;
const APPLICATION_ID_AT: usize = 68;

/// `PRAGMA synchronous` as SQLite answers it.
const FULL: i64 = 2;

/// Pages in memory.
const CACHE_KIB: i64 = 16 << 10;

/// Prepared statements: all that there are.
const STATEMENTS: usize = 64;

/// The log is cut back to this after it has been longer.
const LOG_LIMIT_BYTES: i64 = 64 << 20;

/// Log pages (4 KiB) after which a commit also moves them into the database. If that fails, the log keeps them and the next
/// commit tries again with all of them, so its errors lose nothing.
const CHECKPOINT_PAGES: i64 = 4_000;
