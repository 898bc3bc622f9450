//! What comes into the embedded queues, sent on to an SQS service: a destination's record is durable here together with the
//! end of its call, and leaves only once the service has it. At least once, as everything here.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use event_queue::{EventQueue, Failure};
use lambda_local::events::SqsQueue;
use tokio::{task::JoinSet, time::sleep};

use crate::aws::{Account, SetupError, Sqs};

/// What it takes to send on.
#[derive(Debug)]
pub struct Forwarder {
    pub store: EventQueue,
    pub account: Account,
    /// Of the SQS service.
    pub endpoint: String,
    /// Queues that stay here.
    pub kept: BTreeSet<String>,
}

/// Nothing more is sent on.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    #[error("the queues cannot be read")]
    Store(#[from] Failure),
    #[error(transparent)]
    Setup(#[from] SetupError),
}

impl Forwarder {
    /// Sends on until the database is gone. Cancel by dropping.
    ///
    /// # Errors
    /// The database cannot be read, or the endpoint is no URL.
    pub async fn run(self) -> Result<(), ForwardError> {
        let mut known = self.kept.clone();
        let mut queues = JoinSet::new();
        // A queue is there as soon as something is in it, and nothing tells of that.
        loop {
            let store = self.store.clone();
            let found = tokio::task::spawn_blocking(move || SqsQueue::all(&store)).await;
            for (name, _) in found.unwrap_or(Err(Failure::Ended))? {
                if known.insert(name.to_string()) {
                    let url = format!("{}/{ACCOUNT}/{name}", self.endpoint.trim_end_matches('/'));
                    let there = Arc::new(self.account.queue(&url)?);
                    queues.spawn(forward(SqsQueue::new(self.store.clone(), name), there));
                }
            }
            sleep(LOOK_EVERY).await;
        }
    }
}

async fn forward(here: SqsQueue, there: Arc<Sqs>) {
    loop {
        here.ready().await;
        let Ok(messages) = here.receive(BATCH, VISIBILITY).await else { return };
        for message in messages {
            let attributes = message.attributes.named.iter();
            let attributes: Vec<_> =
                attributes.map(|(name, value)| (name.as_str(), value.string_value.as_str())).collect();
            let body = String::from_utf8_lossy(&message.body);
            match there.send(&body, &attributes).await {
                // If this is not written down, it is sent once more.
                Ok(()) => drop(here.delete(&message).await),
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, queue = %here.name(), "a message cannot be sent on; it is tried again");
                }
            }
        }
    }
}

/// The account that the embedded service stands in for.
const ACCOUNT: &str = "000000000000";

const BATCH: usize = 10;

/// A message that could not be sent on is tried again after this.
const VISIBILITY: Duration = Duration::from_secs(30);

const LOOK_EVERY: Duration = Duration::from_secs(1);
