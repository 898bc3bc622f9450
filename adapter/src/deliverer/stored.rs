//! Destination records in the database of this machine. That a callback was taken and that its record is gone become
//! true together.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use event_queue::{
    Ask, Batch, Claim, Content, Error, EventQueue, Failure, Leased, NewRow, Pause, QueueName, Reader,
    Refusal, RowId, Slot, Value, When,
};
use uuid::Uuid;

use super::{
    Later, Progress, Promised, Received, Records, RecordsError, RecordsFuture, SoFar, records::Hold,
};

/// One queue of an [`EventQueue`].
#[derive(Clone, Debug)]
pub struct StoredRecords {
    store: EventQueue,
    queue: QueueName,
    memory: Arc<Mutex<Reader>>,
}

impl StoredRecords {
    /// # Errors
    /// The database cannot be opened for reading.
    pub fn new(store: EventQueue, queue: QueueName) -> Result<Self, Failure> {
        let memory = Arc::new(Mutex::new(store.reader()?));
        Ok(Self { store, queue, memory })
    }

    async fn take(&self, most: usize) -> Result<Vec<Received>, RecordsError> {
        let mut due = self.store.due(&self.queue);
        loop {
            let ask = Ask { queue: self.queue.clone(), rows: most, span: LEASE };
            let leased = self.store.lease(ask).await.map_err(failed)?;
            if !leased.is_empty() {
                return Ok(leased.into_iter().map(received).collect());
            }
            let next = *due.borrow_and_update();
            match next {
                // Somebody else may have been faster than the word of it.
                Some(moment) => {
                    let time = self.store.until(moment).max(LEAST_PAUSE);
                    let _either = tokio::time::timeout(time, due.changed()).await;
                }
                None => due.changed().await.map_err(|gone| RecordsError::Ended(gone.into()))?,
            }
        }
    }

    /// Under a lease that is over, nothing happens: the record is in other hands.
    async fn submit(&self, batch: Batch) -> Result<(), RecordsError> {
        match self.store.submit(batch).await {
            Ok(_) | Err(Error::Refused(Refusal::Misfit { .. } | Refusal::NoSuchRow(_))) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }
}

impl Records for StoredRecords {
    fn receive(&self, most: usize) -> RecordsFuture<'_, Vec<Received>> {
        Box::pin(self.take(most))
    }

    fn told<'a>(&'a self, received: &'a Received, call: Uuid) -> RecordsFuture<'a, SoFar> {
        let (memory, now) = (Arc::clone(&self.memory), self.store.now());
        Box::pin(async move {
            let look = tokio::task::spawn_blocking(move || {
                memory.lock().unwrap_or_else(PoisonError::into_inner).value(&slot(call), now)
            });
            let found = look.await.map_err(|error| RecordsError::Ended(error.into()))?;
            let found = found.map_err(|error| RecordsError::Ended(error.into()))?;
            let (_, progress) = row(received);
            Ok(if found.is_some() { SoFar::Delivered } else { SoFar::Open(progress) })
        })
    }

    fn delivered<'a>(&'a self, received: &'a Received, promised: Promised) -> RecordsFuture<'a, ()> {
        let remembered = Value { bytes: DELIVERED.into(), expires: Some(self.store.now() + REMEMBERED) };
        let batch = Batch::new().succeed(row(received).0);
        Box::pin(self.submit(batch.set(slot(promised.call), remembered, When::Always)))
    }

    fn dismiss<'a>(&'a self, received: &'a Received, _: Option<Promised>) -> RecordsFuture<'a, ()> {
        Box::pin(self.submit(Batch::new().succeed(row(received).0)))
    }

    fn replace<'a>(&'a self, received: &'a Received, call: Uuid, record: String) -> RecordsFuture<'a, ()> {
        let id =
            RowId::parse(&format!("{call}.execution.{}", Uuid::new_v4())).expect("ids are visible ASCII");
        let content = Content { attributes: "{}".into(), payload: record.into() };
        let batch = Batch::new().succeed(row(received).0);
        Box::pin(self.submit(batch.put(NewRow::new(self.queue.clone(), id, content))))
    }

    fn later<'a>(&'a self, received: &'a Received, _: Promised, later: Later) -> RecordsFuture<'a, ()> {
        let (claim, pause) = (row(received).0, Pause::exactly(later.pause));
        Box::pin(self.submit(match later.failure {
            Some(how) => Batch::new().fail(claim, &*how, pause),
            None => Batch::new().release(claim, pause),
        }))
    }

    fn bury<'a>(
        &'a self,
        received: &'a Received,
        _: Option<Promised>,
        reason: &'a str,
    ) -> RecordsFuture<'a, ()> {
        Box::pin(self.submit(Batch::new().give_up(row(received).0, reason)))
    }
}

fn received(leased: Leased) -> Received {
    let claim = leased.claim();
    let Leased { row, content } = leased;
    let progress = Progress { attempts: row.attempts, next_try: None, is_redriven: row.redriven > 0 };
    let hold = Hold::Row { claim, progress };
    Received { id: row.address.id.as_str().to_owned(), body: content.payload, hold }
}

/// # Panics
/// The record is of another queue.
fn row(received: &Received) -> (&Claim, Progress) {
    match &received.hold {
        Hold::Row { claim, progress } => (claim, *progress),
        #[cfg(feature = "aws")]
        Hold::Message { .. } => unreachable!("records go back to where they came from"),
    }
}

fn slot(call: Uuid) -> Slot {
    Slot::parse("callbacks", &call.to_string()).expect("a UUID is a name")
}

fn failed(error: Error) -> RecordsError {
    RecordsError::Ended(error.into())
}

/// Longer than one attempt with all that is around it.
const LEASE: Duration = Duration::from_secs(60);

/// As long as a ticket counts: after that no second record of the same call is opened.
const REMEMBERED: Duration = stayput_core::callback::LIFETIME;

const LEAST_PAUSE: Duration = Duration::from_millis(1);

const DELIVERED: &[u8] = b"delivered";
