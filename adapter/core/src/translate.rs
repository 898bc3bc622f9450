//! Between an admitted call and Lambda's `Invoke`, both ways.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header, request, response};
use lambda_protocol::{
    api_error::{ApiError, ErrorCode, ThrottleReason},
    event_stream::EVENT_STREAM,
    fault::Fault,
    http_answer::HttpAnswer,
    http_event::HttpEvent,
    invoke::{
        InvocationType, Invoke, InvokeReply, LogType, Operation, X_AMZ_FUNCTION_ERROR, X_AMZ_LOG_RESULT,
    },
    quotas::SYNC_RESPONSE_BYTES,
};

pub mod stream;

use crate::{Answer, Dialect, Exchange, Failure, Invocation, Mode, Outcome, Rejection, Shape, headers};

/// How many body bytes this call may bring. An asynchronous HTTP request of so many may still be too large as an event:
/// its limit is so low that text must not pay for base64.
pub fn body_limit(invocation: &Invocation) -> usize {
    match (&invocation.shape, invocation.mode) {
        (Shape::Event, _) | (Shape::Http { .. }, Mode::Async) => invocation.event_limit,
        (Shape::Http { .. }, Mode::Sync) => HTTP_BODY_BYTES,
    }
}

/// The `Invoke` request for a call: its head and its payload.
///
/// `ticket` is a sealed [`Ticket`](crate::callback::Ticket); only an event of the HTTP shape has a place for it.
///
/// # Errors
/// [`Rejection::PayloadTooLarge`] where the encoded event is over its limit; it names the limit of [`body_limit`],
/// which is the one that a caller can keep. Asynchronously, [`Rejection::EventTooLarge`].
pub fn encode(
    dialect: &dyn Dialect,
    exchange: &Exchange<'_>,
    invocation: &Invocation,
    body: Bytes,
    ticket: Option<&str>,
) -> Result<(request::Parts, Bytes), Rejection> {
    let trace = exchange.trace.to_x_ray();
    let payload = match &invocation.shape {
        Shape::Event => body,
        Shape::Http { path } => http_event(dialect, exchange, path, &trace, &body, ticket),
    };
    if payload.len() > invocation.event_limit {
        return Err(match (&invocation.shape, invocation.mode) {
            (Shape::Http { .. }, Mode::Async) => Rejection::EventTooLarge { limit: invocation.event_limit },
            (Shape::Event, _) | (Shape::Http { .. }, Mode::Sync) => {
                Rejection::PayloadTooLarge { limit: body_limit(invocation) }
            }
        });
    }
    let invoke = Invoke {
        operation: operation(invocation),
        qualifier: invocation.function.qualifier.clone(),
        invocation_type: invocation_type(invocation.mode),
        log_type: log_type(dialect, invocation),
        trace: Some(trace),
        request_id: Some(exchange.id),
        durable_execution_name: invocation.function.durable.then(|| exchange.id.to_string()),
        ..Invoke::new(invocation.function.lambda.clone())
    };
    Ok((invoke.encode(), payload))
}

/// Does an answer come in an event stream, to be read by [`stream`]? Else [`decode`] the whole: Lambda's refusals are no
/// streams.
pub fn is_stream(invocation: &Invocation, head: &response::Parts) -> bool {
    invocation.is_streamed()
        && head.status == StatusCode::OK
        && head.headers.get(header::CONTENT_TYPE) == Some(&EVENT_STREAM)
}

/// The outcome, where the reply's head says all of it: a payload that is the answer as it is, of a function that did
/// not fail. Its bytes need not be read here. `None`: [`decode`] the whole.
pub fn decode_head(invocation: &Invocation, head: &response::Parts) -> Option<Outcome> {
    if head.status != StatusCode::OK || invocation.mode == Mode::Async {
        return None;
    }
    match invocation.shape {
        Shape::Event if !head.headers.contains_key(X_AMZ_FUNCTION_ERROR) => {
            let log_result = head.headers.get(X_AMZ_LOG_RESULT).filter(|_| invocation.logs).cloned();
            Some(payload_as_it_is(log_result))
        }
        Shape::Event | Shape::Http { .. } => None,
    }
}

/// What Lambda's reply means: the outcome, and the bytes that answer the caller.
///
/// Log tails and traces of errors are left out where the caller's key has no right to them; a fault's bytes are
/// Lambda's payload as it is, for the dialect whose contract that is.
///
/// # Errors
/// Lambda's own errors, and answers that are none.
pub fn decode(
    invocation: &Invocation,
    head: &response::Parts,
    body: Bytes,
) -> Result<(Outcome, Bytes), Rejection> {
    let Some(reply) = InvokeReply::decode(head) else {
        return Err(rejection(ApiError::decode(head, &body), body_limit(invocation)));
    };
    if reply.status != invocation_type(invocation.mode).success() {
        return Err(Rejection::BackendFailed);
    }
    if invocation.mode == Mode::Async {
        return Ok((Outcome::Accepted, Bytes::new()));
    }
    if body.len() > SYNC_RESPONSE_BYTES {
        return Err(Rejection::AnswerTooLarge { limit: SYNC_RESPONSE_BYTES });
    }
    let log_result = reply.log_result.filter(|_| invocation.logs);
    if let Some(function_error) = reply.function_error {
        let mut fault = Fault::decode(&body);
        let kind = fault.kind();
        if !invocation.logs {
            fault.trace.clear();
        }
        return Ok((Outcome::Faulted(Failure { function_error, kind, fault, log_result }), body));
    }
    match invocation.shape {
        Shape::Event => Ok((payload_as_it_is(log_result), body)),
        Shape::Http { .. } => {
            let answer =
                HttpAnswer::decode(&body).map_err(|error| Rejection::BadAnswer(error.to_string()))?;
            let headers = headers::from_function(answer.headers);
            let headers = headers.map_err(|error| Rejection::BadAnswer(error.to_string()))?;
            Ok((Outcome::Returned(Answer { status: answer.status, headers, log_result }), answer.body))
        }
    }
}

fn payload_as_it_is(log_result: Option<HeaderValue>) -> Outcome {
    let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, PAYLOAD_TYPE)]);
    Outcome::Returned(Answer { status: StatusCode::OK, headers, log_result })
}

fn http_event(
    dialect: &dyn Dialect,
    exchange: &Exchange<'_>,
    path: &str,
    trace: &HeaderValue,
    body: &[u8],
    ticket: Option<&str>,
) -> Bytes {
    let head = exchange.head;
    let mut headers = dialect.function_headers(exchange);
    exchange.trace.tell_function(&head.headers, trace.clone(), &mut headers);
    let event = HttpEvent {
        method: &head.method,
        version: head.version,
        raw_path: path,
        raw_query: head.uri.query().unwrap_or_default(),
        headers: &headers,
        source_ip: &exchange.peer_ip().to_canonical().to_string(),
        request_id: &exchange.id.to_string(),
        time: exchange.started,
        ticket,
    };
    event.encode(body).into()
}

/// An event that is only accepted has no log yet.
fn log_type(dialect: &dyn Dialect, invocation: &Invocation) -> LogType {
    match invocation.mode {
        Mode::Sync if invocation.logs && dialect.carries_log() => LogType::Tail,
        Mode::Sync | Mode::Async => LogType::None,
    }
}

fn operation(invocation: &Invocation) -> Operation {
    if invocation.is_streamed() { Operation::InvokeWithResponseStream } else { Operation::Invoke }
}

fn invocation_type(mode: Mode) -> InvocationType {
    match mode {
        Mode::Sync => InvocationType::RequestResponse,
        Mode::Async => InvocationType::Event,
    }
}

/// What an error of Lambda's means for the caller. What only the operator can mend is the operator's to read.
fn rejection(error: ApiError, limit: usize) -> Rejection {
    match error.code {
        ErrorCode::ResourceNotFound => Rejection::UnknownFunction,
        ErrorCode::TooManyRequests => Rejection::Throttled {
            reason: error.reason.map_or(UNKNOWN_THROTTLE, ThrottleReason::as_str),
            retry_after_s: error.retry_after,
        },
        ErrorCode::ResourceConflict | ErrorCode::ResourceNotReady => Rejection::NotReady(error.message),
        ErrorCode::RequestEntityTooLarge | ErrorCode::RequestTooLarge => Rejection::PayloadTooLarge { limit },
        ErrorCode::InvalidRequestContent => Rejection::InvalidPayload(error.message),
        ErrorCode::Service => Rejection::BackendFailed,
        ErrorCode::AccessDenied
        | ErrorCode::Validation
        | ErrorCode::InvalidParameterValue
        | ErrorCode::UnsupportedMediaType
        | ErrorCode::PreconditionFailed
        | ErrorCode::DurableExecutionAlreadyStarted
        | ErrorCode::CallbackTimeout
        | ErrorCode::RecursiveInvocation
        | ErrorCode::ModeNotSupported
        | ErrorCode::NoPublishedVersion
        | ErrorCode::IncompleteSignature
        | ErrorCode::MissingAuthenticationToken
        | ErrorCode::UnrecognizedClient
        | ErrorCode::InvalidSignature => refused(&error.code),
        ErrorCode::Other { ref name, .. } if name == SNAP_START_NOT_READY => {
            Rejection::NotReady(error.message)
        }
        // KMS, EC2 and ENI errors are 502, and yet a matter of the function's configuration.
        ErrorCode::Other { ref name, .. } if CONFIGURED.iter().any(|family| name.starts_with(family)) => {
            refused(&error.code)
        }
        ErrorCode::Other { status, .. } if status.is_client_error() => refused(&error.code),
        ErrorCode::Other { .. } => Rejection::BackendFailed,
    }
}

fn refused(code: &ErrorCode) -> Rejection {
    Rejection::BackendRefused { code: code.as_str().to_owned() }
}

/// Body bytes on the HTTP dialects: (6 MiB − 128 KiB) × ¾, so that the body as base64 leaves the rest of the event
/// 128 KiB of Lambda's limit. Source: ours, from [`SYNC_REQUEST_BYTES`](lambda_protocol::quotas::SYNC_REQUEST_BYTES).
pub const HTTP_BODY_BYTES: usize = 4_620_288;

/// What Lambda itself says of every payload.
const PAYLOAD_TYPE: HeaderValue = HeaderValue::from_static("application/json");

const SNAP_START_NOT_READY: &str = "SnapStartNotReadyException";

/// Families of errors about what the operator configured for a function: keys, subnets, interfaces, file systems.
const CONFIGURED: [&str; 4] = ["KMS", "EC2", "ENI", "EFS"];

/// Lambda named no reason, or one that is newer than this program.
const UNKNOWN_THROTTLE: &str = "TooManyRequests";

#[cfg(test)]
mod tests;
