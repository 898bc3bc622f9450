//! A ledger's table in the database of this machine.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use event_queue::{Batch, Error, EventQueue, Failure, Moment, QueueName, Reader, Refusal, Slot, Value};
use uuid::fmt::Hyphenated;

use super::{Alarm, Cell, Key, LedgerError, Scanned, Space, Table, TableFuture, When};

/// Values of an [`EventQueue`]. Beside a promise with an alarm there is a second value, whose name begins with the alarm's
/// time: they come and go together.
#[derive(Clone, Debug)]
pub struct StoredTable {
    store: EventQueue,
    memory: Arc<Mutex<Reader>>,
}

impl StoredTable {
    /// # Errors
    /// The database cannot be opened for reading.
    pub fn new(store: EventQueue) -> Result<Self, Failure> {
        let memory = Arc::new(Mutex::new(store.reader()?));
        Ok(Self { store, memory })
    }

    /// Away from the threads that callers are served on: it reads a file.
    async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Reader, Moment) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let (memory, now) = (Arc::clone(&self.memory), self.store.now());
        let looked = tokio::task::spawn_blocking(move || {
            look(&memory.lock().unwrap_or_else(PoisonError::into_inner), now)
        });
        looked.await.map_err(failed)?.map_err(failed)
    }

    /// False: a condition did not hold.
    async fn submit(&self, batch: Batch) -> Result<bool, LedgerError> {
        match self.store.submit(batch).await {
            Ok(_) => Ok(true),
            Err(Error::Refused(Refusal::Condition(_))) => Ok(false),
            Err(error) => Err(failed(error)),
        }
    }
}

impl Table for StoredTable {
    fn get<'a>(&'a self, key: &'a Key) -> TableFuture<'a, Option<Bytes>> {
        let slot = slot(key);
        Box::pin(async move {
            let found = self.look(move |reader, now| reader.value(&slot, now)).await?;
            Ok(found.map(|value| value.bytes))
        })
    }

    fn put<'a>(&'a self, key: &'a Key, cell: Cell, when: When) -> TableFuture<'a, bool> {
        let expires = Some(cell.expires.into());
        let batch = Batch::new().set(slot(key), Value { bytes: cell.bytes, expires }, when.into());
        let batch = match cell.alarm {
            Alarm::None => batch,
            Alarm::Set(at) => {
                let alarm = Value { bytes: Bytes::new(), expires };
                batch.set(alarm_slot(key, at), alarm, event_queue::When::Always)
            }
            Alarm::Cleared(at) => batch.unset(alarm_slot(key, at), event_queue::When::Always),
        };
        Box::pin(self.submit(batch))
    }

    fn remove<'a>(&'a self, key: &'a Key, alarm: Alarm, when: When) -> TableFuture<'a, bool> {
        let batch = Batch::new().unset(slot(key), when.into());
        let batch = match alarm {
            Alarm::None => batch,
            Alarm::Set(at) | Alarm::Cleared(at) => {
                batch.unset(alarm_slot(key, at), event_queue::When::Always)
            }
        };
        Box::pin(self.submit(batch))
    }

    fn overdue(&self, now: SystemTime, most: usize) -> TableFuture<'_, Vec<Key>> {
        let end = alarm_time(now);
        Box::pin(async move {
            let look = move |reader: &Reader, now| reader.values(&namespace(ALARMS), "", most, now);
            let names = self.look(look).await?.into_iter().map(|(slot, _)| slot.name().to_owned());
            let overdue = names.take_while(|name| **name < *end).filter_map(|name| {
                let call = name.get(name.len().checked_sub(Hyphenated::LENGTH)?..)?;
                Some(Key { space: Space::Promises, name: call.to_owned() })
            });
            Ok(overdue.collect())
        })
    }

    fn scan(&self, from: Option<String>, most: usize) -> TableFuture<'_, Scanned> {
        Box::pin(async move {
            let promises = namespace(Space::Promises.as_str());
            let look = move |reader: &Reader, now| {
                reader.values(&promises, from.as_deref().unwrap_or_default(), most, now)
            };
            let found = self.look(look).await?;
            let next = found.last().filter(|_| found.len() == most).map(|(slot, _)| slot.name().to_owned());
            let cells = found.into_iter().map(|(slot, value)| (slot.name().to_owned(), value.bytes));
            Ok(Scanned { cells: cells.collect(), next })
        })
    }
}

impl From<When> for event_queue::When {
    fn from(when: When) -> Self {
        match when {
            When::Always => Self::Always,
            When::Absent => Self::Absent,
            When::Equals(bytes) => Self::Equals(bytes),
        }
    }
}

fn slot(key: &Key) -> Slot {
    Slot::parse(key.space.as_str(), &key.name).expect("visible ASCII is a name")
}

fn namespace(name: &str) -> QueueName {
    QueueName::parse(name).expect("letters are a name")
}

/// By their names, alarms are in the order of their times.
fn alarm_slot(key: &Key, at: SystemTime) -> Slot {
    Slot::parse(ALARMS, &format!("{}-{}", alarm_time(at), key.name)).expect("visible ASCII is a name")
}

/// Milliseconds since 1970 in 16 digits: more than there are for a while.
fn alarm_time(at: SystemTime) -> String {
    format!("{:016}", at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis())
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> LedgerError {
    LedgerError(error.into())
}

const ALARMS: &str = "alarms";
