//! Records as Lambda hands them to a function: in batches, of which those are told that are not done with.
//!
//! Source: Lambda developer guide, "Using Lambda with Amazon SQS", "Implementing partial batch responses".

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use tokio::{sync::Semaphore, task::JoinSet};

use super::{Deliverer, Handled, Received, UNDER_WAY, records::Hold};

/// What the function is invoked with.
#[derive(Clone, Debug, Deserialize)]
pub struct Batch {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    message_id: String,
    receipt_handle: String,
    body: String,
}

/// What it answers: the messages that stay in the queue.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchAnswer {
    pub batch_item_failures: Vec<ItemFailure>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemFailure {
    pub item_identifier: String,
}

impl Deliverer {
    /// Handles all of a batch at a time, each record as far as it gets.
    pub async fn deliver_batch(self: &Arc<Self>, batch: Batch) -> BatchAnswer {
        let places = Arc::new(Semaphore::new(UNDER_WAY));
        let (mut tasks, mut ids) = (JoinSet::new(), BTreeMap::new());
        for record in batch.records {
            let (deliverer, places) = (Arc::clone(self), Arc::clone(&places));
            let received = Received::from(record);
            let id = received.id.clone();
            let task = tasks.spawn(async move {
                let _place = places.acquire_owned().await.expect("the semaphore is never closed");
                deliverer.handle(&received).await
            });
            ids.insert(task.id(), id);
        }
        while let Some(ended) = tasks.join_next_with_id().await {
            match ended {
                Ok((task, Ok(Handled::Settled))) => drop(ids.remove(&task)),
                Ok((_, Ok(Handled::Waits))) => {}
                Ok((_, Err(error))) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "what became of a record could not be told; it is received again");
                }
                Err(panicked) => tracing::error!(error = %panicked, "a record could not be handled"),
            }
        }
        let failures = ids.into_values().map(|item_identifier| ItemFailure { item_identifier });
        BatchAnswer { batch_item_failures: failures.collect() }
    }
}

impl From<Record> for Received {
    fn from(Record { message_id, receipt_handle, body }: Record) -> Self {
        Self { id: message_id, body: body.into(), hold: Hold::Message { receipt: receipt_handle } }
    }
}
