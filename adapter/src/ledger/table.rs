//! Where a ledger is kept: small values by name, changed only by who knows what they were.

use std::{fmt::Debug, future::Future, pin::Pin, time::SystemTime};

use bytes::Bytes;

use super::LedgerError;

/// Every change is durable when its future ends.
pub trait Table: Debug + Send + Sync {
    /// What is there, as it was written last.
    fn get<'a>(&'a self, key: &'a Key) -> TableFuture<'a, Option<Bytes>>;

    /// False: what is there is not what it should be.
    fn put<'a>(&'a self, key: &'a Key, cell: Cell, when: When) -> TableFuture<'a, bool>;

    /// As [`put`](Self::put). `alarm` is the cell's.
    fn remove<'a>(&'a self, key: &'a Key, alarm: Alarm, when: When) -> TableFuture<'a, bool>;

    /// Promises whose alarm is set to a time before `now`, `most` at most.
    fn overdue(&self, now: SystemTime, most: usize) -> TableFuture<'_, Vec<Key>>;

    /// Some of the promises, `most` at most, in no order that means something; `from` is where the last ones ended.
    fn scan(&self, from: Option<String>, most: usize) -> TableFuture<'_, Scanned>;
}

pub type TableFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, LedgerError>> + Send + 'a>>;

/// A name, and what kind of thing it is of.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Key {
    pub space: Space,
    /// Visible ASCII, up to 64 bytes.
    pub name: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Space {
    /// Requests that can be repeated, by their scoped key.
    Requests,
    /// Promised callbacks, by the call's id.
    Promises,
}

/// What is put.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cell {
    pub bytes: Bytes,
    /// From then on it is as if it were not there.
    pub expires: SystemTime,
    pub alarm: Alarm,
}

/// When somebody should look whether something is still to come. The time of a cell's alarm is always the same.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Alarm {
    None,
    Set(SystemTime),
    Cleared(SystemTime),
}

/// What must be true of a cell before it is changed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum When {
    Always,
    Absent,
    Equals(Bytes),
}

/// Some cells of a table.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Scanned {
    /// Name and bytes.
    pub cells: Vec<(String, Bytes)>,
    /// `None`: that was all. There may be none here, and more behind it.
    pub next: Option<String>,
}

impl Space {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "idempotency",
            Self::Promises => "promises",
        }
    }
}
