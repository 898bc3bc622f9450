//! Stedi Functions: the request body is the event, the answer's body is the payload.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request};
use serde_json::json;

use super::{Route, Signpost, allow, idempotency_key, signpost::segment};
use crate::{
    Call, Credential, Dialect, Exchange, FunctionKey, Mode, Outcome, Rejection, Rendered, RenderedBody,
    Shape, headers, path,
};

/// Stedi Functions, API version 2021-11-16: `POST /2021-11-16/functions/{name}/invocations`.
///
/// Source: Stedi's "Invoking functions" and its SDK's REST form (`@stedi/sdk-client-functions` 0.0.23).
/// See `docs/dialects/stedi.md`.
#[derive(Debug)]
pub struct Stedi;

impl Dialect for Stedi {
    fn name(&self) -> &'static str {
        "stedi"
    }

    fn parse(&self, head: &request::Parts) -> Option<Result<Call, Rejection>> {
        let rest = head.uri.path().strip_prefix(PREFIX)?;
        (rest.is_empty() || rest.starts_with('/')).then(|| call(head, rest))
    }

    fn credential(&self, head: &request::Parts) -> Option<Credential> {
        headers::authorization(&head.headers, &["Key", "Bearer"])
    }

    fn carries_log(&self) -> bool {
        true
    }

    /// A fault's body is Lambda's error payload as it is, stack trace included: that is the platform's contract.
    fn render(&self, exchange: &Exchange<'_>, call: &Call, outcome: &Outcome) -> Rendered {
        let mut rendered = match outcome {
            Outcome::Returned(_) | Outcome::Faulted(_) => {
                let mut rendered = Rendered::new(StatusCode::OK, payload_body(&exchange.head.headers));
                rendered.head.headers.insert(header::CONTENT_TYPE, OCTET_STREAM);
                rendered
            }
            Outcome::Accepted => Rendered::new(StatusCode::ACCEPTED, RenderedBody::Own(Bytes::new())),
        };
        let headers = &mut rendered.head.headers;
        let (error, log) = match outcome {
            Outcome::Returned(answer) => (None, answer.log_result.as_ref()),
            Outcome::Faulted(failure) => (Some(&failure.function_error), failure.log_result.as_ref()),
            Outcome::Accepted => (None, None),
        };
        headers.insert(INVOCATION_ID, id(exchange));
        headers.insert(REQUEST_ID, id(exchange));
        headers.insert(FUNCTION_NAME, text(call.function.as_str()));
        headers.extend(error.map(|error| (INVOCATION_ERROR, error.clone())));
        headers.extend(log.map(|log| (INVOCATION_LOGS, log.clone())));
        rendered
    }

    fn reject(&self, exchange: &Exchange<'_>, rejection: &Rejection) -> Rendered {
        let (status, name) = status_and_name(rejection);
        let body = json!({ "code": name, "message": rejection.to_string() });
        let mut rendered = Rendered::new(status, RenderedBody::Own(body.to_string().into()));
        let headers = &mut rendered.head.headers;
        headers.insert(header::CONTENT_TYPE, JSON);
        headers.insert(ERROR_TYPE, HeaderValue::from_static(name));
        headers.insert(REQUEST_ID, id(exchange));
        headers.extend(allow(rejection));
        headers.extend(rejection.retry_after_s().map(|seconds| (header::RETRY_AFTER, seconds.into())));
        rendered
    }
}

impl Signpost for Stedi {
    fn key_shape(&self) -> &'static str {
        "name"
    }

    fn own_key(&self, lambda: &str) -> FunctionKey {
        FunctionKey::new(lambda)
    }

    /// One URL for both: `X-Amz-Invocation-Type: Event` makes the call asynchronous.
    fn routes(&self, key: &FunctionKey) -> Vec<Route> {
        let path = format!("{PREFIX}/{}/invocations", segment(key.as_str()));
        let route = |mode| Route { mode, methods: METHODS, path: path.clone(), deeper: false };
        vec![route(Mode::Sync), route(Mode::Async)]
    }

    fn credential_header(&self, secret: &str) -> (HeaderName, String) {
        (header::AUTHORIZATION, format!("Key {secret}"))
    }
}

/// `rest` follows the prefix. Other operations of the platform's API (list, create, …) are not ours.
fn call(head: &request::Parts, rest: &str) -> Result<Call, Rejection> {
    let (name, operation) = path::split_segment(rest.strip_prefix('/').unwrap_or(rest));
    if !matches!(operation, "/invocations" | "/invocations/") {
        return Err(Rejection::Route);
    }
    if !METHODS.contains(&head.method) {
        return Err(Rejection::Method { allow: METHODS });
    }
    let (function, mode) = (function(name)?, mode(&head.headers)?);
    let idempotency_key = idempotency_key(&head.headers, mode)?;
    Ok(Call { function, mode, shape: Shape::Event, callback: None, idempotency_key })
}

/// The classic documents' names and the SDK's, both: dashes and underscores, up to 140.
fn function(name: &str) -> Result<FunctionKey, Rejection> {
    let name = path::decode_segment(name)?;
    let odd = |byte: &u8| !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if name.as_bytes().iter().any(odd) || !(1..=MAX_NAME_LEN).contains(&name.len()) {
        let rule =
            format!("a function's name is 1 to {MAX_NAME_LEN} letters, digits, dashes and underscores");
        return Err(Rejection::Malformed(rule));
    }
    Ok(FunctionKey::new(name))
}

fn mode(headers: &HeaderMap) -> Result<Mode, Rejection> {
    let mut types = headers.get_all(INVOCATION_TYPE).iter().map(HeaderValue::as_bytes);
    match (types.next(), types.next()) {
        (None | Some(b"RequestResponse"), None) => Ok(Mode::Sync),
        (Some(b"Event"), None) => Ok(Mode::Async),
        _ => {
            Err(Rejection::Malformed("X-Amz-Invocation-Type is neither RequestResponse nor Event".to_owned()))
        }
    }
}

/// Only the first media type counts, as at API Gateway: that is what stood before Stedi's functions.
fn payload_body(headers: &HeaderMap) -> RenderedBody {
    let accept = headers.get(header::ACCEPT).map_or(&b""[..], HeaderValue::as_bytes);
    let first = accept.split(|byte| matches!(byte, b',' | b';')).next().unwrap_or_default();
    if first.trim_ascii().eq_ignore_ascii_case(OCTET_STREAM.as_bytes()) {
        RenderedBody::AsIs
    } else {
        RenderedBody::Base64
    }
}

/// The table of `docs/dialects/stedi.md`. The names are those that the platform's SDK has classes for.
fn status_and_name(rejection: &Rejection) -> (StatusCode, &'static str) {
    match rejection {
        Rejection::Malformed(_) => (StatusCode::BAD_REQUEST, "BadRequestException"),
        Rejection::CallbackUrl(_) => (StatusCode::BAD_REQUEST, "BadRequestException"),
        Rejection::Loop { .. } => (StatusCode::LOOP_DETECTED, "BadRequestException"),
        Rejection::BodyIncomplete => (StatusCode::BAD_REQUEST, "BadRequestException"),
        Rejection::InvalidPayload(_) => (StatusCode::BAD_REQUEST, "SerializationException"),
        Rejection::Unauthenticated => (StatusCode::UNAUTHORIZED, "UnauthorizedException"),
        Rejection::Forbidden { .. } => (StatusCode::FORBIDDEN, "AccessDeniedException"),
        Rejection::UnknownFunction => (StatusCode::NOT_FOUND, "ResourceNotFoundException"),
        Rejection::Route => (StatusCode::NOT_FOUND, "UnknownOperationException"),
        Rejection::Method { .. } => (StatusCode::METHOD_NOT_ALLOWED, "UnknownOperationException"),
        Rejection::BodyTimeout => (StatusCode::REQUEST_TIMEOUT, "RequestTimeoutException"),
        Rejection::NotReady(_) => (StatusCode::CONFLICT, "ResourceConflictException"),
        Rejection::PayloadTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException"),
        Rejection::EventTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException"),
        Rejection::IdempotencyConflict => (StatusCode::UNPROCESSABLE_ENTITY, "ValidationException"),
        Rejection::IdempotencyInProgress => (StatusCode::CONFLICT, "ResourceConflictException"),
        Rejection::Throttled { .. } => (StatusCode::TOO_MANY_REQUESTS, "ThrottlingException"),
        Rejection::RateLimited { .. } => (StatusCode::TOO_MANY_REQUESTS, "ThrottlingException"),
        Rejection::KeyBusy { .. } => (StatusCode::TOO_MANY_REQUESTS, "ThrottlingException"),
        Rejection::Guessing { .. } => (StatusCode::TOO_MANY_REQUESTS, "ThrottlingException"),
        Rejection::BackendFailed => (StatusCode::INTERNAL_SERVER_ERROR, "InternalFailureException"),
        Rejection::BackendRefused { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "InternalFailureException"),
        Rejection::BadAnswer(_) => (StatusCode::INTERNAL_SERVER_ERROR, "InternalFailureException"),
        Rejection::AnswerTooLarge { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "InternalFailureException"),
        Rejection::NotImplemented(_) => (StatusCode::NOT_IMPLEMENTED, "UnknownOperationException"),
        Rejection::Overloaded { .. } => (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailableException"),
        Rejection::Busy { .. } => (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailableException"),
        Rejection::Draining => (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailableException"),
        Rejection::Unreachable => (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailableException"),
        Rejection::AnswerLost => (StatusCode::BAD_GATEWAY, "InternalFailureException"),
        Rejection::Deadline { .. } => (StatusCode::GATEWAY_TIMEOUT, "GatewayTimeoutException"),
    }
}

fn id(exchange: &Exchange<'_>) -> HeaderValue {
    text(&exchange.id.to_string())
}

fn text(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("ids and checked names are visible ASCII")
}

const PREFIX: &str = "/2021-11-16/functions";

const METHODS: &[Method] = &[Method::POST];

/// Characters. Source: the model in `@stedi/sdk-client-functions` 0.4; the classic documents say 64.
const MAX_NAME_LEN: usize = 140;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const OCTET_STREAM: HeaderValue = HeaderValue::from_static("application/octet-stream");

const INVOCATION_TYPE: HeaderName = HeaderName::from_static("x-amz-invocation-type");
const INVOCATION_ID: HeaderName = HeaderName::from_static("x-stedi-invocationid");
const INVOCATION_ERROR: HeaderName = HeaderName::from_static("x-stedi-invocationerror");
/// Base64 of the log's last 4 KiB.
const INVOCATION_LOGS: HeaderName = HeaderName::from_static("x-stedi-invocationlogs");
const FUNCTION_NAME: HeaderName = HeaderName::from_static("x-stedi-functionname");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
/// Where the platform's SDK looks for the id of a request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

#[cfg(test)]
mod tests;
