//! What the queue needs of the thing that holds its rows, and nothing more.
//!
//! One transaction at a time, owned by one writer. Between [`begin`](Store::begin) and
//! [`commit`](Store::commit) every read sees what was written before. The store decides nothing: SQLite is one
//! ([`crate::sqlite`]), and the simulation's faulty double is another.

use std::collections::BTreeMap;

use crate::{
    batch::Value,
    error::Failure,
    moment::Moment,
    name::{Address, Key, QueueName, Slot},
    row::{Content, Row, Standing},
};

/// Errors of every method: [`Failure`].
#[allow(clippy::missing_errors_doc, reason = "said once, above")]
pub trait Store {
    fn begin(&mut self) -> Result<(), Failure>;

    /// Durable when it returns. On [`Failure::NoSpace`] and [`Failure::Locked`] nothing of the transaction is left; on any
    /// other failure nobody knows.
    fn commit(&mut self, now: Moment) -> Result<(), Failure>;

    /// After a failure of anything but `commit`: nothing of the transaction is left.
    fn roll_back(&mut self);

    fn row(&mut self, address: &Address) -> Result<Option<Row>, Failure>;

    /// The content of a row that is there.
    fn content(&mut self, address: &Address) -> Result<Content, Failure>;

    /// A row that was not there.
    fn add(&mut self, row: &Row, content: &Content) -> Result<(), Failure>;

    /// A row that is there, changed.
    fn write(&mut self, row: &Row) -> Result<(), Failure>;

    /// A row that is there, and its content.
    fn remove(&mut self, address: &Address) -> Result<(), Failure>;

    /// Rows that stand so and are due, in the order of their due times.
    fn due(
        &mut self,
        queue: &QueueName,
        standing: Standing,
        up_to: Moment,
        limit: usize,
    ) -> Result<Vec<Address>, Failure>;

    /// The next key that has waiting rows, due or not: the least one greater than `after`.
    fn next_key(&mut self, queue: &QueueName, after: Option<&Key>) -> Result<Option<Key>, Failure>;

    /// The key's waiting row that is due first, if it is due.
    fn due_of(&mut self, queue: &QueueName, key: &Key, up_to: Moment) -> Result<Option<Address>, Failure>;

    /// Waiting rows that have waited too long.
    fn expired(&mut self, up_to: Moment, limit: usize) -> Result<Vec<Address>, Failure>;

    /// The earliest due time of the rows that stand so.
    fn earliest(&mut self, queue: &QueueName, standing: Standing) -> Result<Option<Moment>, Failure>;

    /// When the next waiting row or value expires.
    fn earliest_expiry(&mut self) -> Result<Option<Moment>, Failure>;

    /// A value, expired or not.
    fn value(&mut self, slot: &Slot) -> Result<Option<Value>, Failure>;

    fn set(&mut self, slot: &Slot, value: &Value) -> Result<(), Failure>;

    fn unset(&mut self, slot: &Slot) -> Result<(), Failure>;

    fn expired_values(&mut self, up_to: Moment, limit: usize) -> Result<Vec<Slot>, Failure>;

    /// What the queues hold, as last written.
    fn tallies(&mut self) -> Result<Tallies, Failure>;

    fn write_tally(&mut self, owner: &Owner, tally: Tally) -> Result<(), Failure>;

    /// Takes or gives back the space that is kept for ends. `false`: there is none to take.
    fn hold_reserve(&mut self, hold: bool) -> bool;
}

pub type Tallies = BTreeMap<Owner, Tally>;

/// Whose bytes they are.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Owner {
    Queue(QueueName),
    Values,
}

/// How much there is of it. Values count as waiting.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    pub waiting: u64,
    pub leased: u64,
    pub dead: u64,
    pub bytes: u64,
}

impl Tally {
    pub fn rows(&self) -> u64 {
        self.waiting + self.leased + self.dead
    }

    pub(crate) fn add(&mut self, standing: Standing, bytes: u64) {
        *self.count(standing) += 1;
        self.bytes += bytes;
    }

    pub(crate) fn take(&mut self, standing: Standing, bytes: u64) {
        let count = self.count(standing);
        *count = count.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    fn count(&mut self, standing: Standing) -> &mut u64 {
        match standing {
            Standing::Waiting => &mut self.waiting,
            Standing::Leased => &mut self.leased,
            Standing::Dead => &mut self.dead,
        }
    }
}
