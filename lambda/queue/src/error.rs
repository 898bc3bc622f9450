//! What can go wrong, and who learns of it.

use std::{io, path::PathBuf, sync::Arc};

use crate::{
    name::{Address, NameError, QueueName, Slot},
    transition::Misfit,
};

/// Why a request has no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// Nothing of it was written. The queue goes on.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The commit failed: whether the request is durable is known only after a restart. Putting it again under the
    /// same ids is harmless then. The queue has stopped.
    #[error("the queue failed in the midst of this request")]
    Uncertain(#[source] Arc<Failure>),
    /// Nothing of it was written, and nothing will be before a restart.
    #[error("the queue has stopped")]
    Stopped(#[source] Arc<Failure>),
}

/// Why a batch or a lease was not taken. All of it was refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    #[error("the queue {queue} is full: its limit is {limit} {unit}")]
    QueueFull { queue: QueueName, limit: u64, unit: &'static str },
    #[error("the queues together are full: their limit is {limit_bytes} bytes")]
    Full { limit_bytes: u64 },
    #[error("the disk is full")]
    DiskFull,
    #[error("more than {limit} queues")]
    TooManyQueues { limit: usize },
    #[error("{what} over the limit of {limit}")]
    TooLarge { what: &'static str, limit: usize },
    #[error("too much is waiting to be written")]
    Busy,
    #[error("another program holds the database's write lock")]
    Locked,
    #[error("there is no row {0}")]
    NoSuchRow(Address),
    #[error("row {address} is not where this event applies")]
    Misfit {
        address: Address,
        #[source]
        cause: Misfit,
    },
    #[error("the value {}/{} is not as expected", .0.namespace(), .0.name())]
    Condition(Slot),
    #[error("the queue is closed")]
    Closed,
}

/// Why the store under the queue could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The transaction was rolled back as a whole.
    #[error("no space left on the disk")]
    NoSpace,
    /// The transaction was rolled back as a whole, or not begun.
    #[error("the database is locked by another program")]
    Locked,
    /// Nothing is known about the transaction. Fatal.
    #[error("the database cannot be read or written")]
    Io(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What was read is not what was written. Fatal.
    #[error("the database is damaged: {what}")]
    Damaged { what: String },
    #[error("the writer has ended")]
    Ended,
}

/// Why a database was not opened. It was not changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{} is in use by another process", path.display())]
    InUse { path: PathBuf },
    #[error("{} is not a queue's database", path.display())]
    Foreign { path: PathBuf },
    #[error("{} has format {found}; this program knows formats up to {known}", path.display())]
    Newer { path: PathBuf, found: i64, known: i64 },
    #[error("{} is damaged: {what}", path.display())]
    Damaged { path: PathBuf, what: String },
    #[error("{} lacks {missing} commits that were acknowledged", path.display())]
    Lost { path: PathBuf, missing: u64 },
    #[error("{} cannot be used", path.display())]
    Unusable {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    #[error("{} cannot be opened as a database", path.display())]
    Database {
        path: PathBuf,
        #[source]
        cause: Failure,
    },
}

impl From<NameError> for Failure {
    fn from(error: NameError) -> Self {
        Self::Damaged { what: error.to_string() }
    }
}
