//! Executions on the disk: a SQLite database of their own, written by one thread, which makes everything that waits one
//! transaction.
//!
//! ```text
//!  executions.db       execution, operation, event, call: readable with any SQLite tool while the service runs
//!  executions.db-lock  held by one process
//! ```

mod read;
mod write;

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

use rusqlite::Connection;
use tokio::sync::oneshot;

pub(crate) use read::{Kept, Wanted};
pub(crate) use write::{Change, New, Saved};

/// Where executions are kept. Cheap to clone; the last clone closes it.
#[derive(Clone, Debug)]
pub struct ExecutionStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    orders: mpsc::Sender<write::Order>,
    reading: Mutex<Connection>,
    /// Ours alone among processes until this is closed.
    _lock: File,
}

/// Why nothing was read or written.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// Try again when there is room.
    #[error("the disk is full")]
    DiskFull,
    #[error("{0}")]
    Broken(Arc<str>),
}

impl ExecutionStore {
    /// Opens the database at `path`, or makes a new one there; its folder exists.
    ///
    /// # Errors
    /// It is in use, of another kind, or cannot be read.
    pub fn open(path: &Path) -> io::Result<Self> {
        let lock = lock(path)?;
        let writing = connect(path).map_err(|error| unusable(path, &error))?;
        write::prepare(&writing).map_err(|error| unusable(path, &error))?;
        let reading = connect(path).map_err(|error| unusable(path, &error))?;
        let (orders, inbox) = mpsc::channel();
        thread::Builder::new().name("executions".to_owned()).spawn(move || write::write(writing, &inbox))?;
        Ok(Self(Arc::new(Inner { orders, reading: Mutex::new(reading), _lock: lock })))
    }

    /// Durable, all of it, when this returns.
    ///
    /// # Errors
    /// Nothing of it is there.
    pub(crate) async fn write(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        let (done, answered) = oneshot::channel();
        // A thread that has ended has dropped `done`.
        let _ = self.0.orders.send(write::Order { changes, done });
        answered.await.unwrap_or_else(|_| Err(StoreError::Broken("the database's thread has ended".into())))
    }

    /// Runs `read` beside the asynchronous tasks.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = Arc::clone(&self.0);
        let reading = move || {
            let connection = inner.reading.lock().unwrap_or_else(PoisonError::into_inner);
            read(&connection).map_err(StoreError::from)
        };
        tokio::task::spawn_blocking(reading)
            .await
            .unwrap_or_else(|error| Err(StoreError::Broken(error.to_string().into())))
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::DiskFull,
            _ => Self::Broken(error.to_string().into()),
        }
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(LOCK_WAIT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

fn lock(path: &Path) -> io::Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push("-lock");
    let options = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).clone();
    let file = options.open(PathBuf::from(name))?;
    file.try_lock().map_err(|_| {
        let text = format!("{} is in use by another process", path.display());
        io::Error::new(io::ErrorKind::ResourceBusy, text)
    })?;
    Ok(file)
}

fn unusable(path: &Path, error: &rusqlite::Error) -> io::Error {
    io::Error::other(format!("{}: {error}", path.display()))
}

/// How long another program (an operator's SQLite tool) may hold the write lock.
const LOCK_WAIT: Duration = Duration::from_secs(2);

/// Prepared statements that a connection keeps: more than there are here.
const STATEMENTS: usize = 32;
