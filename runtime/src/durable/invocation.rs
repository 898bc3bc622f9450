//! One invocation of a durable function: from its event to its answer.

use std::{rc::Rc, time::SystemTime};

use lambda_durable::{
    Action, ErrorObject, Notation, OperationType, OperationUpdate, Status, StepOptions, limits::PAYLOAD_BYTES,
};
use lambda_protocol::quotas::SYNC_REQUEST_BYTES;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::{
    drive::{Reached, drive},
    handler::Handler,
    identity::{ATTEMPT, operation_id},
    journal::{Journal, JournalError, State, Writer, Written},
    pauses,
    resolver::Resolver,
    session::Session,
    step::Step,
};
use crate::Error;

/// What invocations need besides their events.
pub(crate) struct Host<J> {
    pub(crate) journal: J,
    pub(crate) resolver: Rc<Resolver>,
    pub(crate) clock: Rc<dyn Fn() -> SystemTime>,
}

/// The event. Source: `reference/durable.md` 4.2.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope {
    durable_execution_arn: String,
    checkpoint_token: String,
    #[serde(default)]
    initial_execution_state: State,
}

/// The answer. Source: `reference/durable.md` 4.3.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorObject>,
}

impl Output {
    const PENDING: Self = Self { status: "PENDING", result: None, error: None };

    fn succeeded(result: String) -> Self {
        Self { status: "SUCCEEDED", result: Some(result), error: None }
    }

    fn failed(error: &Error) -> Self {
        tracing::error!("{error:?}");
        Self { status: "FAILED", result: None, error: Some(error.to_object()) }
    }
}

/// Runs the handler as far as it comes.
///
/// # Errors
/// The invocation failed, which is not the execution's end: the event is none, or the journal did not do its part.
pub(crate) async fn answer<J: Journal>(
    host: &Host<J>,
    handler: &dyn Handler,
    retries: u32,
    event: &RawValue,
) -> Result<Box<RawValue>, Error> {
    let envelope: Envelope = serde_json::from_str(event.get()).map_err(|error| {
        let text =
            format!("this is no event of a durable function; has the function a DurableConfig? {error}");
        Error::new(Error::INVALID_EVENT, text)
    })?;
    let writer = Writer::new(&host.journal, &envelope.durable_execution_arn, envelope.checkpoint_token);
    let told = writer.read(envelope.initial_execution_state, Notation::Milliseconds).await?;
    let own = told.iter().find(|told| told.operation_type == Some(OperationType::Execution));
    let input = own.and_then(|own| own.input.clone()).filter(|input| !input.is_empty());
    let input = input.unwrap_or_else(|| "null".to_owned());
    let arn = envelope.durable_execution_arn.clone();
    let session = Rc::new(Session::new(arn, told, Rc::clone(&host.resolver), Rc::clone(&host.clock)));
    let attempts = Attempts::of(&session, retries);
    if attempts.is_pausing {
        // Something else has ended, of an attempt that is over. It is not the time yet.
        return encode(&Output::PENDING);
    }
    let working = handler.call(input, Step::new(Rc::clone(&session)));
    let output = match drive(&session, &writer, working).await? {
        Reached::Wait => Output::PENDING,
        Reached::Fault(error) => Output::failed(&error),
        Reached::End(Ok(result)) => finish(&writer, result).await?,
        Reached::End(Err(error)) => match attempts.retry(&error) {
            Some(retry) => {
                tracing::warn!("the function is tried again: {error:?}");
                session.say([retry]);
                send_all(&session, &writer).await?;
                Output::PENDING
            }
            None => Output::failed(&error),
        },
    };
    encode(&output)
}

/// Steps may have had something to say besides.
async fn send_all<J: Journal>(session: &Session, writer: &Writer<'_, J>) -> Result<(), JournalError> {
    loop {
        let batch = session.take_batch();
        if batch.is_empty() || writer.write(batch).await? == Written::Paused {
            return Ok(());
        }
    }
}

/// A result that no answer holds goes to the journal, and the answer says nothing.
async fn finish<J: Journal>(writer: &Writer<'_, J>, result: String) -> Result<Output, JournalError> {
    let output = Output::succeeded(result);
    // The limit of requests, a little under that of answers.
    if serde_json::to_vec(&output).is_ok_and(|json| json.len() <= SYNC_REQUEST_BYTES) {
        return Ok(output);
    }
    let result = output.result.unwrap_or_default();
    if result.len() > PAYLOAD_BYTES {
        let text = format!("{} bytes of JSON are more than the {PAYLOAD_BYTES} that are kept", result.len());
        return Ok(Output::failed(&Error::new(RESULT_TOO_LARGE, text)));
    }
    let id = operation_id("", "execution", "", 0);
    let end = OperationUpdate {
        payload: Some(result),
        ..OperationUpdate::new(id, OperationType::Execution, Action::Succeed)
    };
    writer.write(vec![end]).await?;
    Ok(Output::succeeded(String::new()))
}

/// The `errorType` of a function whose result is larger than Lambda keeps.
const RESULT_TOO_LARGE: &str = "ResultTooLarge";

fn encode(output: &Output) -> Result<Box<RawValue>, Error> {
    to_raw_value(output).map_err(|error| Error::new(Error::INVALID_ANSWER, error.to_string()))
}

/// The attempts of the function as a whole: a step that is told of each failure, and whose pauses are the function's. What
/// its other steps have done stays done.
struct Attempts {
    operation: String,
    /// Those that are over.
    over: u32,
    retries: u32,
    is_pausing: bool,
}

impl Attempts {
    fn of(session: &Session, retries: u32) -> Self {
        let operation = operation_id("", "function", "", 0);
        let told = session.look(|memory| memory.get(&operation).cloned()).unwrap_or_default();
        let is_pausing = told.status == Some(Status::Pending);
        Self { operation, over: told.attempt, retries, is_pausing }
    }

    /// `None`: this was the last one.
    fn retry(&self, error: &Error) -> Option<OperationUpdate> {
        (error.is_retriable() && self.over < self.retries).then(|| OperationUpdate {
            name: Some(ATTEMPT.to_owned()),
            sub_type: Some(ATTEMPT.to_owned()),
            error: Some(error.to_object()),
            step_options: Some(StepOptions {
                next_attempt_delay_seconds: pauses::before_next(self.over + 1),
            }),
            ..OperationUpdate::new(&*self.operation, OperationType::Step, Action::Retry)
        })
    }
}
