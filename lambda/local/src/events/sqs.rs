//! The SQS queues that this machine has: queues of the events' database, where destinations and dead letters go.
//!
//! There is no SQS protocol here. A program part that consumes a queue (the deliverer of callbacks, a forwarder to a real
//! SQS, the command line) does so through [`SqsQueue`]; all else that the database can do, it can do by the message's
//! [`Claim`].

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use event_queue::{
    Address, Ask, Batch, Claim, Content, Error, EventQueue, Failure, Leased, Moment, NewRow, QueueName, Row,
    RowId,
    sqlite::{Cursor, Page},
    store::{Owner, Tally},
};
use serde::{Deserialize, Serialize};

use super::envelope;
use crate::alarm;

/// A queue by its name. It need not hold anything yet.
#[derive(Clone, Debug)]
pub struct SqsQueue {
    queue: EventQueue,
    name: QueueName,
}

/// One message in its receiver's hands.
#[derive(Clone, Debug)]
pub struct Message {
    /// Begins with the request id of the call that it is about.
    pub id: String,
    pub body: Bytes,
    pub attributes: MessageAttributes,
    /// How often it was received, this time included.
    pub receive_count: u32,
    pub sent: Moment,
    /// The right to end the message, while its visibility timeout runs.
    pub claim: Claim,
}

/// What a message has beside its body.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct MessageAttributes {
    /// By name.
    #[serde(rename = "MessageAttributes", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub named: BTreeMap<String, Attribute>,
    /// The system attribute of that name: `X-Amzn-Trace-Id` of the call.
    #[serde(rename = "AWSTraceHeader", default, skip_serializing_if = "Option::is_none")]
    pub trace_header: Option<String>,
}

/// SQS's `MessageAttributeValue`, as far as Lambda uses it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attribute {
    /// `String` or `Number`.
    pub data_type: String,
    pub string_value: String,
}

/// A queue and what is in it: waiting, in receivers' hands, given up.
pub type Depth = (QueueName, Tally);

impl SqsQueue {
    pub fn new(queue: EventQueue, name: QueueName) -> Self {
        Self { queue, name }
    }

    /// The queue that an ARN of any region and account names. `None`: it is none of a standard queue.
    pub fn by_arn(queue: EventQueue, arn: &str) -> Option<Self> {
        queue_name_of(arn).map(|name| Self { queue, name })
    }

    /// Every queue that holds something. Blocks for a few reads of a file.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn all(queue: &EventQueue) -> Result<Vec<Depth>, Failure> {
        let events = envelope::queue_name();
        let queues = queue.reader()?.tallies()?.into_iter().filter_map(|(owner, tally)| match owner {
            Owner::Queue(name) if name != events => Some((name, tally)),
            Owner::Queue(_) | Owner::Values => None,
        });
        Ok(queues.filter(|(_, tally)| tally.rows() > 0).collect())
    }

    pub fn name(&self) -> &QueueName {
        &self.name
    }

    /// The database it is in: to end a message together with other things, or after a failure.
    pub fn database(&self) -> &EventQueue {
        &self.queue
    }

    /// Returns when a message may be received, at once if one may. Another receiver may be faster. Cancel safe.
    pub async fn ready(&self) {
        let mut due = self.queue.due(&self.name);
        loop {
            let wait = (*due.borrow_and_update()).map(|at| self.queue.until(at));
            tokio::select! {
                () = alarm::after(wait) => return,
                changed = due.changed() => if changed.is_err() {
                    // The database is gone: asking it says so.
                    return;
                },
            }
        }
    }

    /// Takes up to `most` messages, for `visibility` from now; none if none is there.
    ///
    /// # Errors
    /// The database refuses or has stopped.
    pub async fn receive(&self, most: usize, visibility: Duration) -> Result<Vec<Message>, Error> {
        let ask = Ask { queue: self.name.clone(), rows: most, span: visibility };
        Ok(self.queue.lease(ask).await?.into_iter().map(Message::from).collect())
    }

    /// The message is done with.
    ///
    /// # Errors
    /// It is no longer in this receiver's hands; or the database refuses or has stopped.
    pub async fn delete(&self, message: &Message) -> Result<(), Error> {
        self.queue.submit(Batch::new().succeed(&message.claim)).await.map(drop)
    }

    /// The receiver needs it for this long from now.
    ///
    /// # Errors
    /// As [`delete`](Self::delete).
    pub async fn extend(&self, message: &Message, visibility: Duration) -> Result<(), Error> {
        self.queue.submit(Batch::new().extend(&message.claim, visibility)).await.map(drop)
    }

    /// A page of the rows that stand so, without their contents. Blocks for a few reads of a file.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn list(&self, standing: event_queue::Standing, from: Cursor, limit: usize) -> Result<Page, Failure> {
        self.queue.reader()?.list(&self.name, standing, from, limit)
    }

    /// One message, wherever it stands. Blocks for a few reads of a file.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn show(&self, id: &RowId) -> Result<Option<(Row, MessageAttributes, Bytes)>, Failure> {
        let address = Address { queue: self.name.clone(), id: id.clone() };
        let found = self.queue.reader()?.show(&address)?;
        Ok(found.map(|(row, content)| (row, MessageAttributes::read(&content), content.payload)))
    }
}

impl MessageAttributes {
    pub(crate) fn insert(&mut self, name: &str, data_type: &str, value: String) {
        let attribute = Attribute { data_type: data_type.to_owned(), string_value: value };
        self.named.insert(name.to_owned(), attribute);
    }

    /// A message of another program's may have anything there; then it has none for us.
    fn read(content: &Content) -> Self {
        serde_json::from_slice(&content.attributes).unwrap_or_default()
    }

    pub(crate) fn row(&self, queue: QueueName, id: RowId, body: Bytes) -> NewRow {
        let attributes = serde_json::to_vec(self).expect("texts by texts").into();
        NewRow::new(queue, id, Content { attributes, payload: body })
    }
}

impl From<Leased> for Message {
    fn from(leased: Leased) -> Self {
        Self {
            id: leased.row.address.id.as_str().to_owned(),
            attributes: MessageAttributes::read(&leased.content),
            receive_count: leased.row.leases,
            sent: leased.row.created,
            claim: leased.claim(),
            body: leased.content.payload,
        }
    }
}

/// The name of the queue that an SQS ARN is of. `None`: it is no such ARN.
pub fn queue_name_of(arn: &str) -> Option<QueueName> {
    let parts: Vec<&str> = arn.split(':').collect();
    let ["arn", _, "sqs", _, _, name] = parts[..] else { return None };
    QueueName::parse(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_names_a_queue() {
        let name = queue_name_of("arn:aws:sqs:us-east-1:000000000000:jobs").unwrap();
        assert_eq!(name.as_str(), "jobs");
        for arn in
            ["jobs", "arn:aws:sns:us-east-1:000000000000:jobs", "arn:aws:sqs:us-east-1:000000000000:a:b"]
        {
            assert_eq!(queue_name_of(arn), None, "{arn}");
        }
    }

    #[test]
    fn attributes_are_spelled_as_sqs_spells_them() {
        let mut attributes = MessageAttributes::default();
        attributes.insert("ErrorCode", "Number", "200".to_owned());
        attributes.trace_header = Some("Root=1".to_owned());
        let text = serde_json::to_string(&attributes).unwrap();
        let expected = r#"{"MessageAttributes":{"ErrorCode":{"DataType":"Number","StringValue":"200"}},"AWSTraceHeader":"Root=1"}"#;
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<MessageAttributes>(&text).unwrap(), attributes);
    }
}
