//! Destination records in a queue on AWS, and what is remembered of their calls in the ledger.
//!
//! ```text
//! taken     ledger: delivered ─► message gone
//! failed    ledger: when the next try is ─► message hidden until then, twelve hours at most
//! dead      dead letters: the record, with the reason ─► ledger: dead ─► message gone
//! ```
//!
//! Whatever stops in between, the message is received again. One that is dead by then is told from one that was put back by the
//! message's id.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use lambda_protocol::{destination::DestinationRecord, http_event::Ticketed};
use uuid::Uuid;

use super::{
    Later, Progress, Promised, Received, Records, RecordsError, RecordsFuture, SoFar, records::Hold,
};
use crate::{
    aws::{LONG_POLL, Message, ServiceError, Sqs},
    ledger::{Ledger, LedgerError, Promise, Standing},
};

/// One queue of Amazon SQS's.
#[derive(Clone, Debug)]
pub struct SqsRecords {
    pub queue: Arc<Sqs>,
    /// A record that nothing more is tried for goes there.
    pub dead_letters: Arc<Sqs>,
    pub ledger: Ledger,
    pub removal: Removal,
}

/// Who removes a message that is done with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Removal {
    Ours,
    /// Lambda's event source mapping, which is told of those that are not.
    Lambdas,
}

impl SqsRecords {
    async fn remember(
        &self,
        received: &Received,
        promised: Promised,
        step: impl Fn(&mut Promise) + Send + Sync,
    ) -> Result<(), RecordsError> {
        let unknown = || Promise::new(sealed(received), promised.accepted, Duration::ZERO);
        self.ledger.settle(promised.call, unknown, step).await.map_err(forgotten)
    }

    async fn remove(&self, received: &Received) -> Result<(), RecordsError> {
        match self.removal {
            Removal::Ours => self.queue.delete(receipt(received)).await.map_err(unanswered),
            Removal::Lambdas => Ok(()),
        }
    }
}

impl Records for SqsRecords {
    fn receive(&self, most: usize) -> RecordsFuture<'_, Vec<Received>> {
        Box::pin(async move {
            let messages = self.queue.receive(most, VISIBILITY, LONG_POLL).await.map_err(unanswered)?;
            Ok(messages.into_iter().map(Received::from).collect())
        })
    }

    fn told<'a>(&'a self, received: &'a Received, call: Uuid) -> RecordsFuture<'a, SoFar> {
        Box::pin(async move {
            let promise = self.ledger.promised(call).await.map_err(forgotten)?;
            Ok(match promise {
                Some(Promise { buried: Some(message), .. }) if message == received.id => SoFar::Buried,
                Some(Promise { standing, attempts, next_try, is_redriven, .. }) => match standing {
                    Standing::Delivered => SoFar::Delivered,
                    Standing::Accepted | Standing::Invoked | Standing::Delivering => {
                        SoFar::Open(Progress { attempts, next_try, is_redriven })
                    }
                    // Somebody has put it back.
                    Standing::Dead => SoFar::Open(Progress { is_redriven: true, ..Progress::default() }),
                    Standing::Untold => SoFar::Open(Progress::default()),
                },
                None => SoFar::Open(Progress::default()),
            })
        })
    }

    fn delivered<'a>(&'a self, received: &'a Received, promised: Promised) -> RecordsFuture<'a, ()> {
        Box::pin(async move {
            self.remember(received, promised, Promise::delivered).await?;
            self.remove(received).await
        })
    }

    fn dismiss<'a>(&'a self, received: &'a Received, promised: Option<Promised>) -> RecordsFuture<'a, ()> {
        Box::pin(async move {
            if let Some(Promised { call, .. }) = promised {
                self.ledger.steer(call, Promise::untold).await.map_err(forgotten)?;
            }
            self.remove(received).await
        })
    }

    fn replace<'a>(&'a self, received: &'a Received, _: Uuid, record: String) -> RecordsFuture<'a, ()> {
        Box::pin(async move {
            self.queue.send(&record, &[]).await.map_err(unanswered)?;
            self.remove(received).await
        })
    }

    fn later<'a>(
        &'a self,
        received: &'a Received,
        promised: Promised,
        later: Later,
    ) -> RecordsFuture<'a, ()> {
        Box::pin(async move {
            if let Some(how) = later.failure {
                let now = SystemTime::now();
                let step = |promise: &mut Promise| promise.failed(how.clone(), now, now + later.pause);
                self.remember(received, promised, step).await?;
            }
            self.queue.hide(receipt(received), later.pause.max(LEAST_PAUSE)).await.map_err(unanswered)
        })
    }

    fn bury<'a>(
        &'a self,
        received: &'a Received,
        promised: Option<Promised>,
        reason: &'a str,
    ) -> RecordsFuture<'a, ()> {
        Box::pin(async move {
            let body = str::from_utf8(&received.body).expect("it came as text");
            let call = promised.map(|promised| promised.call.to_string());
            let mut attributes = vec![("reason", reason), ("message-id", received.id.as_str())];
            attributes.extend(call.as_deref().map(|call| ("request-id", call)));
            self.dead_letters.send(body, &attributes).await.map_err(unanswered)?;
            if let Some(promised) = promised {
                let now = SystemTime::now();
                let step = |promise: &mut Promise| promise.buried(reason.to_owned(), Some(&received.id), now);
                self.remember(received, promised, step).await?;
            }
            self.remove(received).await
        })
    }
}

impl From<Message> for Received {
    fn from(Message { id, receipt, body }: Message) -> Self {
        Self { id, body: body.into(), hold: Hold::Message { receipt } }
    }
}

/// # Panics
/// The record is of another queue.
fn receipt(received: &Received) -> &str {
    match &received.hold {
        Hold::Message { receipt } => receipt,
        Hold::Row { .. } => unreachable!("records go back to where they came from"),
    }
}

/// The ticket in a record. It was opened before.
fn sealed(received: &Received) -> String {
    let record = DestinationRecord::decode(&received.body).ok();
    let event = record.and_then(|record| Ticketed::find(record.request_payload));
    event.map(|event| event.ticket.into_owned()).unwrap_or_default()
}

fn unanswered(error: ServiceError) -> RecordsError {
    RecordsError::Unanswered(error.into())
}

fn forgotten(error: LedgerError) -> RecordsError {
    RecordsError::Unanswered(error.into())
}

/// Longer than one attempt with all that is around it.
const VISIBILITY: Duration = Duration::from_secs(60);

/// Each time that a message comes back costs a request.
const LEAST_PAUSE: Duration = Duration::from_secs(2);
