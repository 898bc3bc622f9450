//! What is kept of an event beside its payload, and where.

use bytes::Bytes;
use event_queue::{Content, Key, NewRow, QueueName, Row, RowId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Everything of an accepted event but its payload and its function's name, which is the row's key.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Envelope {
    /// The same for every attempt.
    pub(crate) request_id: String,
    /// As the caller named it, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) qualifier: Option<String>,
    /// `X-Amzn-Trace-Id`, with the lineage of who called.
    pub(crate) trace: String,
    /// How often it was taken back from the dead.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) redriven: u32,
}

/// Why a row is no event.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the event's attributes cannot be read")]
pub(crate) struct Unreadable;

impl Envelope {
    /// A row for `function`, due at once. `id` is the request's, unless that is taken.
    pub(crate) fn row(&self, function: &str, id: RowId, payload: Bytes) -> NewRow {
        let attributes = serde_json::to_vec(self).expect("plain members").into();
        let key = Key::parse(function).expect("function names are at most 64 plain characters");
        NewRow { key, ..NewRow::new(queue_name(), id, Content { attributes, payload }) }
    }

    /// # Errors
    /// Another program wrote it.
    pub(crate) fn read(content: &Content) -> Result<Self, Unreadable> {
        serde_json::from_slice(&content.attributes).map_err(|_| Unreadable)
    }

    pub(crate) fn id(&self) -> Result<Uuid, Unreadable> {
        Uuid::try_parse(&self.request_id).map_err(|_| Unreadable)
    }
}

/// The name of the function that an event is for.
pub(crate) fn function_of(row: &Row) -> &str {
    row.key.as_str()
}

/// Where events wait. SQS queues cannot be called that: their names have no dot but that of `.fifo`.
pub(crate) fn queue_name() -> QueueName {
    QueueName::parse("lambda.events").expect("a plain name")
}

/// The row of the request with this id.
pub(crate) fn row_id(request_id: Uuid) -> RowId {
    RowId::parse(&request_id.to_string()).expect("a UUID is visible ASCII")
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}
