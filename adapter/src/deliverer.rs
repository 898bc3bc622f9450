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

use stayput_core::{
    callback::{Callback, Policy, SigningSecrets, Ticket, When},
    delivery::{Asked, Attempted, Dead, Delivery, NoAnswer, Step},
    token::SealingKeys,
};
use tokio::{sync::Semaphore, task::JoinSet};

use crate::timelines::{Timelines, What};

mod figures;
mod post;
mod promise;
mod records;
mod stored;

pub use figures::Figures;
pub use post::{Network, NetworkFuture, Post, ThisMachine};
pub use promise::{Promise, Undeliverable, read};
pub use records::{Later, Received, Records, RecordsError, RecordsFuture};
pub use stored::StoredRecords;

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
}

impl Deliverer {
    /// Delivers until the records can be read no more, which is the error. Cancel by dropping: what was under way is
    /// sent again when its lease is over.
    pub async fn run(self) -> RecordsError {
        let records = Arc::clone(&self.records);
        let deliverer = Arc::new(self);
        let places = Arc::new(Semaphore::new(UNDER_WAY));
        let mut tasks = JoinSet::new();
        loop {
            let place = Arc::clone(&places).acquire_owned().await.expect("the semaphore is never closed");
            drop(place);
            while let Some(ended) = tasks.try_join_next() {
                if let Ok(Err(error)) = ended {
                    return error;
                }
            }
            let received = match records.receive(places.available_permits().clamp(1, BATCH)).await {
                Ok(received) => received,
                Err(error) => return error,
            };
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
    }

    /// One record, as far as it gets this time.
    async fn handle(&self, received: &Received) -> Result<(), RecordsError> {
        let Self { records, keys, when, figures, .. } = self;
        let promise = match read(&received.body, keys, *when, SystemTime::now()) {
            Ok(promise) => promise,
            Err(Undeliverable::NotOurs) => {
                figures.ended("not_ours");
                return records.dismiss(received).await;
            }
            Err(why) => {
                tracing::warn!(record = %received.id, %why, "a destination record promises no callback of ours");
                figures.ended("forged");
                return records.bury(received, None, &why.to_string()).await;
            }
        };
        let Promise { ticket, callback: Some(callback) } = promise else {
            figures.ended("none_due");
            return records.dismiss(received).await;
        };
        if records.is_delivered(ticket.invocation).await? {
            figures.ended("repeated");
            return records.dismiss(received).await;
        }
        self.deliver(received, &ticket, &callback).await
    }

    async fn deliver(
        &self,
        received: &Received,
        ticket: &Ticket,
        callback: &Callback,
    ) -> Result<(), RecordsError> {
        let Self { records, policy, figures, .. } = self;
        let mut delivery =
            Delivery { attempts: received.attempts, ..Delivery::new(callback.body.len(), ticket.expires) };
        let call = Some(ticket.invocation);
        if let Err(dead) = delivery.check(SystemTime::now()) {
            return self.bury(received, ticket, dead, "").await;
        }
        // Policies change while callbacks wait.
        if let Err(refusal) = ticket.callback.check(policy) {
            return records.bury(received, call, &refusal.to_string()).await;
        }
        let origin = ticket.callback.origin();
        let asked = self.figures.gates().enter(&origin, SystemTime::now());
        match asked {
            Asked::Go => {}
            Asked::Busy { rounds } => {
                let pause = BUSY_PAUSE.saturating_mul(rounds.saturating_add(1)).min(LONGEST_BUSY_PAUSE);
                return records.later(received, Later::spared(pause.mul_f64(jitter() + 0.5))).await;
            }
            Asked::WaitUntil(until) => {
                let pause = until.duration_since(SystemTime::now()).unwrap_or_default();
                return records.later(received, Later::spared(pause)).await;
            }
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
        let (attempt, origin) = (delivery.attempts + 1, ticket.callback.origin());
        self.note(ticket, What::Callback, || format!("attempt {attempt} to {origin}: {outcome}"));
        match delivery.attempted(attempted, now, chance) {
            Step::Delivered => {
                figures.ended("delivered");
                self.note(ticket, What::Delivered, || origin.to_string());
                records.delivered(received, ticket.invocation).await
            }
            Step::WaitUntil(next) => {
                let pause = next.duration_since(now).unwrap_or_default();
                records.later(received, Later::failed(pause, outcome)).await
            }
            Step::Dead(dead) => self.bury(received, ticket, dead, &outcome).await,
        }
    }

    async fn attempt(&self, ticket: &Ticket, callback: &Callback) -> Attempted {
        let Self { keys, policy, post, .. } = self;
        let mut headers = callback.headers.clone();
        let secrets = SigningSecrets::of(keys, &ticket.key);
        headers.extend(secrets.fields(ticket.invocation, SystemTime::now(), &callback.body));
        post.send(&ticket.callback, policy, headers, callback.body.clone()).await
    }

    async fn bury(
        &self,
        received: &Received,
        ticket: &Ticket,
        dead: Dead,
        last: &str,
    ) -> Result<(), RecordsError> {
        let reason = if last.is_empty() { dead.to_string() } else { format!("{dead}: {last}") };
        tracing::warn!(
            request_id = %ticket.invocation, callback = %ticket.callback, reason,
            "a callback could not be delivered; it is kept among the dead"
        );
        self.figures.ended("dead");
        self.note(ticket, What::Dead, || format!("callback: {reason}"));
        self.records.bury(received, Some(ticket.invocation), &reason).await
    }

    fn note(&self, ticket: &Ticket, what: What, text: impl FnOnce() -> String) {
        if let Some(timelines) = &self.timelines {
            timelines.note(ticket.invocation, SystemTime::now(), what, text());
        }
    }
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

/// Callbacks under way at a time, to all hosts together.
const UNDER_WAY: usize = 256;

/// Records that are asked for at once.
const BATCH: usize = 64;

/// About how long a callback waits for another to the same host to be over; as often as that with each round before it.
const BUSY_PAUSE: Duration = Duration::from_millis(500);

/// By then an attempt is over, whatever the host does.
const LONGEST_BUSY_PAUSE: Duration = post::ATTEMPT_LIMIT;
