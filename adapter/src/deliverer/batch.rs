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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use stayput_core::{
        callback::{Policy, When},
        token::SealingKeys,
    };
    use uuid::Uuid;

    use super::{
        super::{Figures, Later, Post, Promised, Records, RecordsError, RecordsFuture, SoFar, ThisMachine},
        *,
    };

    /// Records of which some cannot be settled.
    #[derive(Debug)]
    struct Faulty {
        unsettled: &'static [&'static str],
        buried: Mutex<Vec<String>>,
    }

    impl Faulty {
        fn settle(&self, received: &Received) -> Result<(), RecordsError> {
            match self.unsettled.contains(&received.id.as_str()) {
                true => Err(RecordsError::Unanswered("the dead letters do not answer".into())),
                false => Ok(()),
            }
        }
    }

    impl Records for Faulty {
        fn receive(&self, _: usize) -> RecordsFuture<'_, Vec<Received>> {
            unreachable!("Lambda hands them over")
        }

        fn told<'a>(&'a self, _: &'a Received, _: Uuid) -> RecordsFuture<'a, SoFar> {
            unreachable!("none has a ticket")
        }

        fn delivered<'a>(&'a self, _: &'a Received, _: Promised) -> RecordsFuture<'a, ()> {
            unreachable!("none has a ticket")
        }

        fn dismiss<'a>(&'a self, received: &'a Received, _: Option<Promised>) -> RecordsFuture<'a, ()> {
            Box::pin(async { self.settle(received) })
        }

        fn replace<'a>(&'a self, _: &'a Received, _: Uuid, _: String) -> RecordsFuture<'a, ()> {
            unreachable!("none is of an execution")
        }

        fn later<'a>(&'a self, _: &'a Received, _: Promised, _: Later) -> RecordsFuture<'a, ()> {
            unreachable!("none has a ticket")
        }

        fn bury<'a>(
            &'a self,
            received: &'a Received,
            _: Option<Promised>,
            _: &'a str,
        ) -> RecordsFuture<'a, ()> {
            Box::pin(async {
                self.settle(received)?;
                self.buried.lock().unwrap().push(received.id.clone());
                Ok(())
            })
        }
    }

    /// As Lambda writes it; a call without a ticket.
    const RECORD: &str = r#"{"version":"1.0","timestamp":"2026-01-31T12:00:00.000Z","requestContext":{
        "requestId":"e1a3","functionArn":"arn:aws:lambda:eu-central-1:123456789012:function:f:$LATEST",
        "condition":"Success","approximateInvokeCount":1},"requestPayload":{"a":1},
        "responseContext":{"statusCode":200,"executedVersion":"$LATEST"},"responsePayload":null}"#;

    #[tokio::test]
    async fn exactly_the_records_that_are_not_settled_are_reported() {
        let records = Arc::new(Faulty { unsettled: &["1", "4", "8"], buried: Mutex::default() });
        let deliverer = Arc::new(Deliverer {
            records: Arc::clone(&records) as Arc<dyn Records>,
            keys: SealingKeys::parse(&"ab".repeat(32)).unwrap(),
            policy: Policy::default(),
            when: When::default(),
            post: Post { network: Arc::new(ThisMachine), tls: None },
            figures: Figures::default(),
            timelines: None,
            executions: None,
        });
        let item = |n: usize| {
            serde_json::json!({
                "messageId": n.to_string(),
                "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
                "body": if n.is_multiple_of(2) { RECORD } else { "{}" },
                "attributes": { "ApproximateReceiveCount": "1", "SentTimestamp": "1769860800000" },
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:callbacks",
                "awsRegion": "eu-central-1",
            })
        };
        let batch = serde_json::json!({ "Records": (0..10).map(item).collect::<Vec<_>>() });
        let answer = deliverer.deliver_batch(serde_json::from_value(batch).unwrap()).await;
        let answer = serde_json::to_value(answer).unwrap();
        let failures = answer["batchItemFailures"].as_array().unwrap();
        let mut failed: Vec<_> =
            failures.iter().map(|item| item["itemIdentifier"].as_str().unwrap()).collect();
        failed.sort_unstable();
        assert_eq!(failed, ["1", "4", "8"]);
        let mut buried = records.buried.lock().unwrap().clone();
        buried.sort_unstable();
        assert_eq!(buried, ["3", "5", "7", "9"], "what is no record");
    }
}
