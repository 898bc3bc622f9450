//! A queue of Amazon SQS's. Source: SQS API reference, in its JSON protocol.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::json::{JsonService, ServiceError};

/// One queue.
#[derive(Debug)]
pub struct Sqs {
    service: JsonService,
    url: String,
}

/// One message in our hands.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "PascalCase")]
pub struct Message {
    #[serde(rename = "MessageId")]
    pub id: String,
    /// The right to end it.
    #[serde(rename = "ReceiptHandle")]
    pub receipt: String,
    pub body: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Receive<'a> {
    queue_url: &'a str,
    max_number_of_messages: usize,
    visibility_timeout: u64,
    wait_time_seconds: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Received {
    /// Left out where there are none.
    #[serde(default)]
    messages: Vec<Message>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Held<'a> {
    queue_url: &'a str,
    receipt_handle: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    visibility_timeout: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Send<'a> {
    queue_url: &'a str,
    message_body: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_attributes: Option<serde_json::Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Ask<'a> {
    queue_url: &'a str,
    attribute_names: &'a [&'static str],
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

/// About how much is in a queue.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// To be received now, or after a pause that was set when they were sent.
    pub waiting: u64,
    /// In somebody's hands, or hidden for a while.
    pub leased: u64,
}

/// Answers that say nothing that is needed.
#[derive(Deserialize)]
struct Nothing {}

/// Errors of all of these: SQS's, or none came from it.
#[allow(clippy::missing_errors_doc, reason = "said once, above")]
impl Sqs {
    pub(super) fn new(service: JsonService, url: String) -> Self {
        Self { service, url }
    }

    /// Messages that nobody else sees for `visibility`: at most [`MAX_BATCH`], `most` at most. Waits for the first, up to
    /// `wait`, which is [`LONG_POLL`] at most; both count in whole seconds.
    pub async fn receive(
        &self,
        most: usize,
        visibility: Duration,
        wait: Duration,
    ) -> Result<Vec<Message>, ServiceError> {
        let input = Receive {
            queue_url: &self.url,
            max_number_of_messages: most.clamp(1, MAX_BATCH),
            visibility_timeout: visibility.as_secs(),
            wait_time_seconds: wait.as_secs(),
        };
        let received: Received = self.service.call("ReceiveMessage", &input, wait + ANSWER_LIMIT).await?;
        Ok(received.messages)
    }

    pub async fn delete(&self, receipt: &str) -> Result<(), ServiceError> {
        let input = Held { queue_url: &self.url, receipt_handle: receipt, visibility_timeout: None };
        self.service.call("DeleteMessage", &input, ANSWER_LIMIT).await.map(|Nothing {}| ())
    }

    /// Nobody sees it for this long from now, in whole seconds, rounded up; at most [`MAX_VISIBILITY`].
    pub async fn hide(&self, receipt: &str, pause: Duration) -> Result<(), ServiceError> {
        let pause = pause.min(MAX_VISIBILITY);
        let seconds = pause.as_secs() + u64::from(pause.subsec_nanos() > 0);
        let input = Held { queue_url: &self.url, receipt_handle: receipt, visibility_timeout: Some(seconds) };
        self.service.call("ChangeMessageVisibility", &input, ANSWER_LIMIT).await.map(|Nothing {}| ())
    }

    /// The last part of its URL.
    pub fn name(&self) -> &str {
        self.url.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
    }

    /// About how much is in it.
    pub async fn tally(&self) -> Result<Tally, ServiceError> {
        let names = [WAITING, LEASED];
        let told = self.attributes(&names).await?;
        let [waiting, leased] =
            names.map(|name| told.get(name).and_then(|text| text.parse().ok()).unwrap_or_default());
        Ok(Tally { waiting, leased })
    }

    /// As policies and destinations name it.
    pub async fn arn(&self) -> Result<String, ServiceError> {
        Ok(self.attributes(&[ARN]).await?.remove(ARN).unwrap_or_default())
    }

    /// What SQS tells of the queue: attributes of these names, or `All`.
    pub async fn attributes(&self, names: &[&'static str]) -> Result<BTreeMap<String, String>, ServiceError> {
        let input = Ask { queue_url: &self.url, attribute_names: names };
        let told: Told = self.service.call("GetQueueAttributes", &input, ANSWER_LIMIT).await?;
        Ok(told.attributes)
    }

    /// Puts a message, with texts beside its body.
    pub async fn send(&self, body: &str, attributes: &[(&str, &str)]) -> Result<(), ServiceError> {
        let named = attributes.iter().map(|(name, text)| {
            ((*name).to_owned(), serde_json::json!({ "DataType": "String", "StringValue": text }))
        });
        let message_attributes = (!attributes.is_empty()).then(|| serde_json::Value::Object(named.collect()));
        let input = Send { queue_url: &self.url, message_body: body, message_attributes };
        self.service.call("SendMessage", &input, ANSWER_LIMIT).await.map(|Nothing {}| ())
    }
}

/// Of one question. Source: `ReceiveMessage`, `MaxNumberOfMessages`.
pub const MAX_BATCH: usize = 10;

/// Source: `ReceiveMessage`, `WaitTimeSeconds`.
pub const LONG_POLL: Duration = Duration::from_secs(20);

/// SQS counts 12 hours from the time at which a message was received; a minute of them is ours.
/// Source: `ChangeMessageVisibility`.
pub const MAX_VISIBILITY: Duration = Duration::from_secs(12 * 3_600 - 60);

/// Source: `GetQueueAttributes`.
const WAITING: &str = "ApproximateNumberOfMessages";
const LEASED: &str = "ApproximateNumberOfMessagesNotVisible";
const ARN: &str = "QueueArn";

/// Beside the waiting that was asked for.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
