//! Where events come in: on disk first, then accepted.

use bytes::Bytes;
use event_queue::{Address, Answer, Batch, Error, EventQueue, Failure, Refusal, RowId};
use lambda_protocol::api_error::{ApiError, ErrorCode, ThrottleReason};
use uuid::Uuid;

use super::envelope::{self, Envelope};

/// Returns once the event for `function` is durable. The future may be dropped; the event may be accepted all the same.
///
/// The same event under the same request id is one event, as long as it is there: a caller that has lost the answer may
/// ask again. Another event under the same id is another.
///
/// # Errors
/// It was not accepted, in Lambda's words.
pub(crate) async fn accept(
    queue: &EventQueue,
    function: &str,
    envelope: &Envelope,
    payload: Bytes,
) -> Result<(), ApiError> {
    let mut id = RowId::parse(&envelope.request_id).expect("a UUID is visible ASCII");
    for _ in 0..ID_ATTEMPTS {
        let row = envelope.row(function, id.clone(), payload.clone());
        let answers = queue.submit(Batch::new().put(row)).await.map_err(|error| refused(&error))?;
        if answers == [Answer::Done] {
            return Ok(());
        }
        match is_same(queue.clone(), id, function.to_owned(), payload.clone()).await {
            Ok(true) => return Ok(()),
            Ok(false) => id = another(&envelope.request_id),
            Err(failure) => return Err(broken(&failure)),
        }
    }
    Err(ApiError::service("The event's request id is taken."))
}

/// Whether the row is there and holds this event.
async fn is_same(queue: EventQueue, id: RowId, function: String, payload: Bytes) -> Result<bool, Failure> {
    let look = move || {
        let found = queue.reader()?.show(&Address { queue: envelope::queue_name(), id })?;
        Ok(found.is_some_and(|(row, content)| {
            envelope::function_of(&row) == function && content.payload == payload
        }))
    };
    tokio::task::spawn_blocking(look).await.unwrap_or(Err(Failure::Ended))
}

fn another(request_id: &str) -> RowId {
    let (high, _) = Uuid::new_v4().as_u64_pair();
    RowId::parse(&format!("{request_id}.{high:016x}")).expect("an id and digits are visible ASCII")
}

/// The queue's refusal in Lambda's shape. Clients try both kinds again: nothing of the event was kept.
pub(crate) fn refused(error: &Error) -> ApiError {
    match error {
        Error::Refused(Refusal::Busy | Refusal::QueueFull { .. } | Refusal::Full { .. }) => {
            let reason = Some(ThrottleReason::CallerRateLimitExceeded);
            ApiError { reason, ..ApiError::new(ErrorCode::TooManyRequests, error) }
        }
        Error::Refused(_) | Error::Uncertain(_) | Error::Stopped(_) => {
            tracing::error!(error = error as &dyn std::error::Error, "an event was not accepted");
            ApiError::service(error)
        }
    }
}

fn broken(failure: &Failure) -> ApiError {
    tracing::error!(error = failure as &dyn std::error::Error, "an event was not accepted");
    ApiError::service(failure)
}

/// Two are enough: the second id is random.
const ID_ATTEMPTS: usize = 3;
