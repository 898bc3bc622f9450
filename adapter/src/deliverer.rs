//! The deliverer: from Lambda's destination records to callbacks that arrived, or are dead and visible.
//!
//! ```text
//! Records ─► promise (the ticket opens, and is this call's) ─► callback ─► the host's gate ─► post ─► done, again, or dead
//! ```
//!
//! At least once: a callback is sent again after any crash between its post and the word that it was taken; its
//! `webhook-id` is the same each time.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::{HeaderName, HeaderValue};
use lambda_protocol::status_change::StatusChange;
use stayput_core::{
    callback::{Callback, Policy, SigningSecrets, Ticket, When},
    delivery::{Asked, Attempted, Delivery, NoAnswer, Step},
    token::SealingKeys,
};
use tokio::{
    sync::Semaphore,
    task::{JoinError, JoinSet},
};

use crate::timelines::{Timelines, What};

#[cfg(feature = "aws")]
mod batch;
mod executions;
mod figures;
mod post;
mod promise;
mod records;
#[cfg(feature = "aws")]
mod sqs;
mod stored;

#[cfg(feature = "aws")]
pub use batch::{Batch, BatchAnswer, ItemFailure};
pub use executions::Executions;
pub use figures::Figures;
pub use post::{Network, NetworkFuture, Post, ThisMachine};
pub use promise::{Promise, Undeliverable, read};
pub use records::{Later, Progress, Promised, Received, Records, RecordsError, RecordsFuture, SoFar};
#[cfg(feature = "aws")]
pub use sqs::{Removal, SqsRecords};
pub use stored::StoredRecords;

/// What became of a record for now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Handled {
    /// It is over.
    Settled,
    /// It is received again.
    Waits,
}

/// What it takes to deliver.
#[derive(Debug)]
pub struct Deliverer {
    pub records: Arc<dyn Records>,
    pub keys: SealingKeys,
    pub policy: Policy,
    /// Of which ends Eywa's callers are told.
    pub when: When,
    pub post: Post,
    pub figures: Figures,
    /// `None`: calls are not remembered.
    pub timelines: Option<Timelines>,
    /// `None`: no durable function is called here.
    pub executions: Option<Executions>,
}

impl Deliverer {
    /// Delivers until `stop`, and then finishes what is under way; or until the records can be read no more, which is the
    /// error. Cancel by dropping: what was under way is sent again when its lease is over.
    ///
    /// # Errors
    /// [`RecordsError::Ended`].
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), RecordsError> {
        let records = Arc::clone(&self.records);
        let deliverer = Arc::new(self);
        let places = Arc::new(Semaphore::new(UNDER_WAY));
        let mut tasks = JoinSet::new();
        let mut failures = 0;
        tokio::pin!(stop);
        loop {
            let place = Arc::clone(&places).acquire_owned().await.expect("the semaphore is never closed");
            drop(place);
            while let Some(ended) = tasks.try_join_next() {
                ended_by(ended)?;
            }
            let most = places.available_permits().clamp(1, BATCH);
            let received = tokio::select! {
                received = records.receive(most) => received,
                () = &mut stop => break,
            };
            let received = match received {
                Ok(received) => received,
                Err(error @ RecordsError::Ended(_)) => return Err(error),
                Err(RecordsError::Unanswered(cause)) => {
                    failures += 1;
                    tracing::warn!(
                        error = &*cause as &dyn std::error::Error,
                        failures,
                        "no records can be received"
                    );
                    tokio::select! {
                        () = tokio::time::sleep(after_failures(failures)) => continue,
                        () = &mut stop => break,
                    }
                }
            };
            failures = 0;
            for one in received {
                let place = Arc::clone(&places).acquire_owned().await.expect("the semaphore is never closed");
                let deliverer = Arc::clone(&deliverer);
                tasks.spawn(async move {
                    let handled = deliverer.handle(&one).await;
                    drop(place);
                    handled
                });
            }
        }
        while let Some(ended) = tasks.join_next().await {
            ended_by(ended)?;
        }
        Ok(())
    }

    /// One record, as far as it gets this time.
    ///
    /// # Errors
    /// It is received again.
    pub async fn handle(&self, received: &Received) -> Result<Handled, RecordsError> {
        let Self { records, keys, when, figures, .. } = self;
        if let Some(change) = StatusChange::decode(&received.body) {
            return self.translate(received, &change).await;
        }
        let Promise { ticket, callback } = match read(&received.body, keys, *when, SystemTime::now()) {
            Ok(promise) => promise,
            Err(Undeliverable::NotOurs) => {
                figures.ended("not_ours");
                records.dismiss(received, None).await?;
                return Ok(Handled::Settled);
            }
            Err(why) => {
                tracing::warn!(record = %received.id, %why, "a destination record promises no callback of ours");
                figures.ended("forged");
                records.bury(received, None, &why.to_string()).await?;
                return Ok(Handled::Settled);
            }
        };
        let promised = Promised { call: ticket.invocation, accepted: ticket.created };
        let Some(mut callback) = callback else {
            figures.ended("none_due");
            records.dismiss(received, Some(promised)).await?;
            return Ok(Handled::Settled);
        };
        match records.told(received, ticket.invocation).await? {
            SoFar::Delivered => {
                figures.ended("repeated");
                records.dismiss(received, Some(promised)).await?;
                Ok(Handled::Settled)
            }
            SoFar::Buried => {
                figures.ended("repeated");
                records.dismiss(received, None).await?;
                Ok(Handled::Settled)
            }
            SoFar::Open(Progress { attempts, next_try, is_redriven }) => {
                if is_redriven {
                    callback.headers.insert(X_REDRIVE, HeaderValue::from_static("1"));
                }
                let delivery = Delivery { attempts, ..Delivery::new(callback.body.len(), ticket.expires) };
                let waiting = next_try.and_then(|next| next.duration_since(SystemTime::now()).ok());
                match waiting {
                    Some(pause) => {
                        records.later(received, promised, Later::spared(pause)).await?;
                        Ok(Handled::Waits)
                    }
                    None => self.deliver(received, promised, (&ticket, &callback), delivery).await,
                }
            }
        }
    }

    /// What is told of a durable execution becomes the record of its call, which is received next.
    async fn translate(&self, received: &Received, change: &StatusChange) -> Result<Handled, RecordsError> {
        let record = match &self.executions {
            Some(executions) => executions.record_of(change, &self.keys, SystemTime::now()).await?,
            None => None,
        };
        match record {
            Some((call, record)) => self.records.replace(received, call, record).await?,
            None => {
                self.figures.ended("not_ours");
                self.records.dismiss(received, None).await?;
            }
        }
        Ok(Handled::Settled)
    }

    async fn deliver(
        &self,
        received: &Received,
        promised: Promised,
        (ticket, callback): (&Ticket, &Callback),
        mut delivery: Delivery,
    ) -> Result<Handled, RecordsError> {
        let Self { records, policy, figures, .. } = self;
        if let Err(dead) = delivery.check(SystemTime::now()) {
            return self.bury(received, promised, ticket, &dead.to_string()).await;
        }
        // Policies change while callbacks wait.
        if let Err(refusal) = ticket.callback.check(policy) {
            return self.bury(received, promised, ticket, &refusal.to_string()).await;
        }
        let origin = ticket.callback.origin();
        let asked = self.figures.gates().enter(&origin, delivery.attempts > 0, SystemTime::now());
        let pause = match asked {
            Asked::Go => None,
            Asked::Busy { rounds } => {
                let pause = BUSY_PAUSE.saturating_mul(rounds.saturating_add(1)).min(LONGEST_BUSY_PAUSE);
                Some(pause.mul_f64(jitter() + 0.5))
            }
            Asked::WaitUntil(until) => Some(until.duration_since(SystemTime::now()).unwrap_or_default()),
        };
        if let Some(pause) = pause {
            records.later(received, promised, Later::spared(pause)).await?;
            return Ok(Handled::Waits);
        }
        let attempted = self.attempt(ticket, callback).await;
        let (now, chance) = (SystemTime::now(), jitter());
        self.figures.gates().leave(&origin, attempted, now, chance);
        figures.attempted(attempted);
        let outcome = told(attempted);
        tracing::info!(
            request_id = %ticket.invocation, callback = %ticket.callback, outcome, attempt = delivery.attempts + 1,
            "a callback was sent"
        );
        let attempt = delivery.attempts + 1;
        self.note(ticket, What::Callback, || format!("attempt {attempt} to {origin}: {outcome}"));
        match delivery.attempted(attempted, now, chance) {
            Step::Delivered => {
                figures.ended("delivered");
                self.note(ticket, What::Delivered, || origin.to_string());
                records.delivered(received, promised).await?;
                Ok(Handled::Settled)
            }
            Step::WaitUntil(next) => {
                let pause = next.duration_since(now).unwrap_or_default();
                records.later(received, promised, Later::failed(pause, outcome)).await?;
                Ok(Handled::Waits)
            }
            Step::Dead(dead) => self.bury(received, promised, ticket, &format!("{dead}: {outcome}")).await,
        }
    }

    async fn attempt(&self, ticket: &Ticket, callback: &Callback) -> Attempted {
        let Self { keys, policy, post, .. } = self;
        let mut headers = callback.headers.clone();
        let secrets = SigningSecrets::of(keys, &ticket.key);
        for (name, value) in secrets.fields(ticket.invocation, SystemTime::now(), &callback.body) {
            // The id is there already, and twice is not what was signed.
            headers.insert(name, value);
        }
        post.send(&ticket.callback, policy, headers, callback.body.clone()).await
    }

    async fn bury(
        &self,
        received: &Received,
        promised: Promised,
        ticket: &Ticket,
        reason: &str,
    ) -> Result<Handled, RecordsError> {
        tracing::warn!(
            request_id = %ticket.invocation, callback = %ticket.callback, reason,
            "a callback could not be delivered; it is kept among the dead"
        );
        self.figures.ended("dead");
        self.note(ticket, What::Dead, || format!("callback: {reason}"));
        self.records.bury(received, Some(promised), reason).await?;
        Ok(Handled::Settled)
    }

    fn note(&self, ticket: &Ticket, what: What, text: impl FnOnce() -> String) {
        if let Some(timelines) = &self.timelines {
            timelines.note(ticket.invocation, SystemTime::now(), what, text());
        }
    }
}

/// Is there nothing left to read?
fn ended_by(task: Result<Result<Handled, RecordsError>, JoinError>) -> Result<(), RecordsError> {
    match task {
        Ok(Err(error @ RecordsError::Ended(_))) => Err(error),
        Ok(Err(RecordsError::Unanswered(cause))) => {
            let error = &*cause as &dyn std::error::Error;
            tracing::warn!(error, "what became of a record could not be told; it is received again");
            Ok(())
        }
        // One that panicked is received again.
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}

/// 1 s, 2 s, 4 s, … to a minute.
fn after_failures(failures: u32) -> Duration {
    Duration::from_secs(1 << (failures - 1).min(6)).min(MAX_PAUSE)
}

/// For people and for the history of a callback.
fn told(attempted: Attempted) -> String {
    match attempted {
        Attempted::Answered { status, .. } => status.as_u16().to_string(),
        Attempted::NoAnswer(why) => NoAnswer::as_str(why).to_owned(),
    }
}

/// Between 0.0 and 1.0.
fn jitter() -> f64 {
    let bits = getrandom::u32().unwrap_or(u32::MAX / 2);
    f64::from(bits) / f64::from(u32::MAX)
}

/// On what was dead and is sent again: its receiver may have seen it long ago.
const X_REDRIVE: HeaderName = HeaderName::from_static("x-redrive");

/// Callbacks under way at a time, to all hosts together.
const UNDER_WAY: usize = 256;

/// Records that are asked for at once.
const BATCH: usize = 64;

/// Between two questions for records that were not answered.
const MAX_PAUSE: Duration = Duration::from_mins(1);

/// About how long a callback waits for another to the same host to be over; as often as that with each round before it.
const BUSY_PAUSE: Duration = Duration::from_millis(500);

/// By then an attempt is over, whatever the host does.
const LONGEST_BUSY_PAUSE: Duration = post::ATTEMPT_LIMIT;
