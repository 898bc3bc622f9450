//! What is asked of the queue in one piece: all of it happens, or none.

use std::time::Duration;

use bytes::Bytes;

use crate::{
    moment::{Moment, Pause},
    name::{Address, Key, QueueName, RowId, Slot},
    row::{Content, Reason, Row, Seen},
    transition::Event,
};

/// Operations that become durable together, in this order, or not at all.
///
/// A batch that ends something ([`succeed`](Self::succeed), [`give_up`](Self::give_up), [`fail`](Self::fail) and so on)
/// is never refused because a queue is full: what was accepted can always be finished. A batch that only puts is.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub(crate) operations: Vec<Operation>,
}

#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Put(NewRow),
    Move { address: Address, event: Event },
    Set { slot: Slot, value: Value, when: When },
    Unset { slot: Slot, when: When },
}

/// A row to be put.
#[derive(Clone, Debug)]
pub struct NewRow {
    pub queue: QueueName,
    pub id: RowId,
    pub key: Key,
    pub content: Content,
    /// Counted from the commit.
    pub pause: Pause,
    /// Counted from the commit. `None`: it waits as long as it takes.
    pub expires_in: Option<Duration>,
}

impl NewRow {
    /// A row that is due at once and does not expire, with the empty key.
    pub fn new(queue: QueueName, id: RowId, content: Content) -> Self {
        Self { queue, id, key: Key::default(), content, pause: Pause::NONE, expires_in: None }
    }
}

/// A row in somebody's hands, until [`Row::due`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Leased {
    pub row: Row,
    pub content: Content,
}

impl Leased {
    pub fn claim(&self) -> Claim {
        Claim { address: self.row.address.clone(), lease: self.row.leases }
    }
}

/// The right to speak for a row: its address and the lease's number.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claim {
    pub address: Address,
    pub lease: u32,
}

/// A small durable value.
///
/// Shape: at most [`MAX_VALUE_BYTES`](crate::limits::MAX_VALUE_BYTES).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Value {
    pub bytes: Bytes,
    /// From then on it is as if the value were not there.
    pub expires: Option<Moment>,
}

/// What must be true of a value before it is changed. If it is not, the whole batch is refused.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum When {
    #[default]
    Always,
    Absent,
    Equals(Bytes),
}

/// What an operation did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    Done,
    /// A row with this id is in the queue already, waiting, leased or dead. Nothing was changed. An id whose row is done
    /// or cancelled is free again; a value set in the same batch remembers it for longer.
    AlreadyThere,
}

impl Batch {
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn put(self, row: NewRow) -> Self {
        self.with(Operation::Put(row))
    }

    #[must_use]
    pub fn succeed(self, claim: &Claim) -> Self {
        self.event(claim.address.clone(), Event::Succeed { lease: claim.lease })
    }

    #[must_use]
    pub fn fail(self, claim: &Claim, reason: impl Into<Reason>, pause: Pause) -> Self {
        self.event(claim.address.clone(), Event::Fail { lease: claim.lease, reason: reason.into(), pause })
    }

    #[must_use]
    pub fn release(self, claim: &Claim, pause: Pause) -> Self {
        self.event(claim.address.clone(), Event::Release { lease: claim.lease, pause })
    }

    /// `span` counts from the commit.
    #[must_use]
    pub fn extend(self, claim: &Claim, span: Duration) -> Self {
        self.event(claim.address.clone(), Event::Extend { lease: claim.lease, span })
    }

    #[must_use]
    pub fn give_up(self, claim: &Claim, reason: impl Into<Reason>) -> Self {
        self.event(claim.address.clone(), Event::GiveUp { lease: claim.lease, reason: reason.into() })
    }

    #[must_use]
    pub fn redrive(self, address: Address, pause: Pause, expires: Option<Moment>) -> Self {
        self.event(address, Event::Redrive { pause, expires })
    }

    #[must_use]
    pub fn cancel(self, address: Address) -> Self {
        self.event(address, Event::Cancel { seen: None })
    }

    /// Only if the row is still what somebody saw.
    #[must_use]
    pub fn cancel_seen(self, address: Address, seen: Seen) -> Self {
        self.event(address, Event::Cancel { seen: Some(seen) })
    }

    #[must_use]
    pub fn set(self, slot: Slot, value: Value, when: When) -> Self {
        self.with(Operation::Set { slot, value, when })
    }

    #[must_use]
    pub fn unset(self, slot: Slot, when: When) -> Self {
        self.with(Operation::Unset { slot, when })
    }

    pub fn len(&self) -> usize {
        self.operations.len()
    }

    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// Whether it brings something and ends nothing: the first to be refused when space is short.
    pub(crate) fn is_intake(&self) -> bool {
        let brings = |operation: &Operation| matches!(operation, Operation::Put(_) | Operation::Set { .. });
        let ends = |operation: &Operation| matches!(operation, Operation::Move { .. });
        self.operations.iter().any(brings) && !self.operations.iter().any(ends)
    }

    /// What it holds in memory while it waits, roughly.
    pub(crate) fn size_bytes(&self) -> usize {
        let size = |operation: &Operation| match operation {
            Operation::Put(row) => row.content.len(),
            Operation::Set { value, .. } => value.bytes.len(),
            Operation::Move { .. } | Operation::Unset { .. } => 0,
        };
        self.operations.iter().map(size).sum()
    }

    fn event(self, address: Address, event: Event) -> Self {
        self.with(Operation::Move { address, event })
    }

    fn with(mut self, operation: Operation) -> Self {
        self.operations.push(operation);
        self
    }
}
