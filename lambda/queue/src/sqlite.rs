//! The rows in a SQLite database: WAL, `synchronous=FULL`, one connection that writes.
//!
//! ```text
//!  events.db           the rows, readable with any SQLite tool while the queue runs
//!  events.db-wal -shm  SQLite's own
//!  events.db-witness   held by one process; the number of the last commit that was acknowledged
//!  events.db-reserve   space that is given back when the disk is full
//! ```

mod check;
mod encode;
mod read;
mod rows;
mod schema;
mod witness;

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, config::DbConfig, types::FromSqlError};

use crate::{
    error::{Failure, OpenError},
    moment::Moment,
};
use witness::Witness;

pub use read::{Cursor, Page, Reader};
pub use schema::{APPLICATION_ID, FORMAT};

/// An open database, ours alone among processes until this is dropped.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
    witness: Witness,
    commits: u64,
    reserve: PathBuf,
    reserve_bytes: usize,
}

impl SqliteStore {
    /// Opens the database at `path`, or makes a new one there; its folder exists. Every row is looked at if the database
    /// is small (`CHECKED_AT_OPEN_BYTES`); in a larger one each is looked at when it is read.
    ///
    /// # Errors
    /// The database cannot be used as it is. It was not changed then.
    pub fn open(path: &Path, reserve_bytes: usize) -> Result<Self, OpenError> {
        let witness = Witness::hold(path)?;
        let acknowledged = witness.read()?;
        if schema::is_new(path)? {
            if acknowledged > 0 {
                return Err(OpenError::Lost { path: path.to_owned(), missing: acknowledged });
            }
            schema::create(path)?;
        }
        let database = |cause: Failure| match cause {
            Failure::Damaged { what } => OpenError::Damaged { path: path.to_owned(), what },
            cause => OpenError::Database { path: path.to_owned(), cause },
        };
        let connection = schema::connect(path).map_err(database)?;
        schema::check(path, &connection)?;
        let commits = rows::mark(&connection, rows::COMMITS).map_err(database)?.unsigned_abs();
        if commits < acknowledged {
            return Err(OpenError::Lost { path: path.to_owned(), missing: acknowledged - commits });
        }
        let size = fs::metadata(path).map_err(|cause| unusable(path, cause))?.len();
        if size <= CHECKED_AT_OPEN_BYTES {
            check::everything(&connection).map_err(database)?;
        }
        connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)
            .map_err(|error| database(error.into()))?;
        let reserve = beside(path, "-reserve");
        Ok(Self { connection, witness, commits, reserve, reserve_bytes })
    }

    /// The last moment that the database saw.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn last_moment(&self) -> Result<Moment, Failure> {
        rows::mark(&self.connection, rows::CLOCK).map(Moment::from_millis)
    }

    fn committed(&mut self, now: Moment) -> Result<(), Failure> {
        let commits = self.commits + 1;
        rows::set_mark(&self.connection, rows::COMMITS, encode::signed(commits))?;
        rows::set_mark(&self.connection, rows::CLOCK, now.as_millis())?;
        self.connection.execute_batch("COMMIT")?;
        self.commits = commits;
        self.witness.write(commits).map_err(|error| Failure::Io(error.into()))
    }

    fn fill_reserve(&self) -> io::Result<()> {
        if fs::metadata(&self.reserve).is_ok_and(|file| file.len() == self.reserve_bytes as u64) {
            return Ok(());
        }
        let options = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).clone();
        let mut file = options.open(&self.reserve)?;
        let piece = [0xA5; 64 << 10];
        let mut left = self.reserve_bytes;
        while left > 0 {
            let size = left.min(piece.len());
            file.write_all(&piece[..size])?;
            left -= size;
        }
        file.sync_all()
    }

    fn hold(&self, hold: bool) -> bool {
        let done = if hold { self.fill_reserve() } else { fs::remove_file(&self.reserve) };
        if hold && done.is_err() {
            let _ = fs::remove_file(&self.reserve);
        }
        done.is_ok()
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        let damaged = |what: String| Self::Damaged { what };
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::NoSpace,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => damaged(error.to_string()),
            Some(_) => Self::Io(error.into()),
            None => damaged(error.to_string()),
        }
    }
}

impl From<FromSqlError> for Failure {
    fn from(error: FromSqlError) -> Self {
        Self::Damaged { what: error.to_string() }
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn unusable(path: &Path, cause: io::Error) -> OpenError {
    OpenError::Unusable { path: path.to_owned(), cause }
}

/// Databases up to this size are checked whole when they are opened.
const CHECKED_AT_OPEN_BYTES: u64 = 256 << 20;

/// How long another program (an operator's SQLite tool) may hold the write lock before requests are refused.
const LOCK_WAIT: Duration = Duration::from_secs(2);
