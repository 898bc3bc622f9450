//! Altair IoT Studio Functions: an HTTP request goes in, an HTTP answer comes out.

use http::{HeaderName, HeaderValue, Method, StatusCode, header, request};
use lambda_protocol::fault::FaultKind;
use serde_json::{Map, Value};

use super::{Route, Signpost, allow, callback_url, idempotency_key, signpost::segment};
use crate::{
    Call, Credential, Dialect, Exchange, Failure, FunctionKey, Mode, Outcome, Rejection, Rendered,
    RenderedBody, Shape,
    callback::{Ended, Ending, Told},
    headers, path,
};

/// Altair IoT Studio (SmartWorks) Functions: `/spaces/{space}/functions/{name}/invoke` and `…/async-invoke`.
///
/// Source: Altair's help page "Invoke a function" and its OpenAPI file `functions.yaml`. See `docs/dialects/altair.md`.
#[derive(Debug)]
pub struct Altair;

impl Dialect for Altair {
    fn name(&self) -> &'static str {
        "altair"
    }

    /// Everything in a space is Altair's: things, topics and the rest are routes that we do not have.
    fn parse(&self, head: &request::Parts) -> Option<Result<Call, Rejection>> {
        let rest = head.uri.path().strip_prefix(PREFIX)?;
        Some(Target::parse(rest).ok_or(Rejection::Route).and_then(|target| target.call(head)))
    }

    fn credential(&self, head: &request::Parts) -> Option<Credential> {
        headers::authorization(&head.headers, &["Bearer"])
    }

    fn takes_tokens(&self) -> bool {
        true
    }

    fn render(&self, _: &Exchange<'_>, _: &Call, outcome: &Outcome) -> Rendered {
        match outcome {
            Outcome::Returned(answer) => {
                let mut rendered = Rendered::new(answer.status, RenderedBody::AsIs);
                rendered.head.headers = answer.headers.clone();
                rendered
            }
            Outcome::Faulted(failure) => fault(failure),
            Outcome::Accepted => json(StatusCode::ACCEPTED, "{}".to_owned()),
        }
    }

    /// As the answer of a synchronous call, failures too; the status is a field.
    fn callback(&self, ending: &Ending<'_>) -> Option<Told> {
        let status = ending.ended.status();
        Some(match ending.ended {
            Ended::Returned(answer) => Told::answer(&answer.headers),
            Ended::Faulted(failure) => Told::rendered(fault(failure)),
            Ended::Unusable(reason) => {
                let rejection = Rejection::BadAnswer(reason.clone());
                Told::rendered(error(status, &rejection.to_string(), None))
            }
            Ended::NotRun(reason) => Told::rendered(error(status, reason.as_str(), None)),
        })
    }

    fn reject(&self, exchange: &Exchange<'_>, rejection: &Rejection) -> Rendered {
        if matches!(rejection, Rejection::NotReady(_)) && mode(exchange.head) == Mode::Sync {
            return json(StatusCode::ACCEPTED, format!(r#"{{"details":"{NOT_READY}"}}"#));
        }
        let (status, message) = status_and_message(rejection);
        let mut rendered = error(status, &message, None);
        let headers = &mut rendered.head.headers;
        headers.extend(allow(rejection));
        headers.extend(rejection.retry_after_s().map(|seconds| (header::RETRY_AFTER, seconds.into())));
        rendered
    }
}

impl Signpost for Altair {
    fn key_shape(&self) -> &'static str {
        "space/name"
    }

    fn own_key(&self, lambda: &str) -> FunctionKey {
        FunctionKey::new(format!("{OWN_SPACE}/{lambda}"))
    }

    fn routes(&self, key: &FunctionKey) -> Vec<Route> {
        let (space, name) = key.as_str().split_once('/').unwrap_or((key.as_str(), ""));
        let base = format!("{PREFIX}{}/functions/{}", segment(space), segment(name));
        let route = |mode, operation| Route {
            mode,
            methods: methods(mode),
            path: format!("{base}/{operation}"),
            deeper: true,
        };
        vec![route(Mode::Sync, INVOKE), route(Mode::Async, ASYNC_INVOKE)]
    }

    fn credential_header(&self, secret: &str) -> (HeaderName, String) {
        (header::AUTHORIZATION, format!("Bearer {secret}"))
    }
}

/// `{space}/functions/{name}/{invoke|async-invoke}{rest}`, taken apart and not yet decoded.
struct Target<'a> {
    space: &'a str,
    name: &'a str,
    mode: Mode,
    /// Empty, or from the slash on.
    rest: &'a str,
}

impl<'a> Target<'a> {
    fn parse(path: &'a str) -> Option<Self> {
        let (space, path) = path::split_segment(path);
        let (name, path) = path::split_segment(path.strip_prefix("/functions/")?);
        let (operation, rest) = path::split_segment(path.strip_prefix('/')?);
        let mode = match operation {
            INVOKE => Mode::Sync,
            ASYNC_INVOKE => Mode::Async,
            _ => return None,
        };
        Some(Self { space, name, mode, rest })
    }

    fn call(&self, head: &request::Parts) -> Result<Call, Rejection> {
        if levels(self.rest) > MAX_EXTRA_LEVELS {
            return Err(Rejection::Route);
        }
        let allow = methods(self.mode);
        if !allow.contains(&head.method) {
            return Err(Rejection::Method { allow });
        }
        let (space, name) = (path::decode_segment(self.space)?, path::decode_segment(self.name)?);
        // A slash inside of either would make it another function's key.
        if !is_name(&space) || !is_name(&name) {
            return Err(Rejection::UnknownFunction);
        }
        let function = FunctionKey::new(format!("{space}/{name}"));
        let shape = Shape::Http { path: path::function_path(self.rest)? };
        let callback = callback_url(&head.headers, self.mode)?;
        let idempotency_key = idempotency_key(&head.headers, self.mode)?;
        Ok(Call { function, mode: self.mode, shape, callback, idempotency_key })
    }
}

fn methods(mode: Mode) -> &'static [Method] {
    match mode {
        Mode::Sync => SYNC_METHODS,
        Mode::Async => ASYNC_METHODS,
    }
}

/// Path levels after the operation. A slash at the end begins none.
fn levels(rest: &str) -> usize {
    rest.strip_suffix('/').unwrap_or(rest).matches('/').count()
}

/// Wider than Altair's lower-case letters, digits and hyphens, so that a Lambda function's own name is one too.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// What the path asks for, however wrong the rest of the request is.
fn mode(head: &request::Parts) -> Mode {
    head.uri.path().strip_prefix(PREFIX).and_then(Target::parse).map_or(Mode::Sync, |target| target.mode)
}

/// The table of `docs/dialects/altair.md`; the first three texts are Altair's own.
fn status_and_message(rejection: &Rejection) -> (StatusCode, String) {
    let told = |status| (status, rejection.to_string());
    match rejection {
        Rejection::Unauthenticated => (StatusCode::UNAUTHORIZED, "Unauthenticated".to_owned()),
        Rejection::Forbidden { .. } => (StatusCode::FORBIDDEN, "Unauthorized".to_owned()),
        Rejection::UnknownFunction => (StatusCode::NOT_FOUND, "function not found".to_owned()),
        Rejection::Route => told(StatusCode::NOT_FOUND),
        Rejection::Method { .. } => told(StatusCode::METHOD_NOT_ALLOWED),
        Rejection::Malformed(_) => told(StatusCode::BAD_REQUEST),
        Rejection::CallbackUrl(_) => told(StatusCode::BAD_REQUEST),
        Rejection::Loop { .. } => told(StatusCode::LOOP_DETECTED),
        Rejection::EventTooLarge { .. } => told(StatusCode::PAYLOAD_TOO_LARGE),
        Rejection::IdempotencyConflict => told(StatusCode::UNPROCESSABLE_ENTITY),
        Rejection::IdempotencyInProgress => told(StatusCode::CONFLICT),
        Rejection::InvalidPayload(_) => told(StatusCode::BAD_REQUEST),
        Rejection::BodyIncomplete => told(StatusCode::BAD_REQUEST),
        Rejection::BodyTimeout => told(StatusCode::REQUEST_TIMEOUT),
        Rejection::PayloadTooLarge { .. } => told(StatusCode::PAYLOAD_TOO_LARGE),
        Rejection::Throttled { .. } => told(StatusCode::TOO_MANY_REQUESTS),
        Rejection::RateLimited { .. } => told(StatusCode::TOO_MANY_REQUESTS),
        Rejection::KeyBusy { .. } => told(StatusCode::TOO_MANY_REQUESTS),
        Rejection::Guessing { .. } => told(StatusCode::TOO_MANY_REQUESTS),
        Rejection::NotImplemented(_) => told(StatusCode::NOT_IMPLEMENTED),
        Rejection::BackendFailed => told(StatusCode::BAD_GATEWAY),
        Rejection::AnswerLost => told(StatusCode::BAD_GATEWAY),
        Rejection::BackendRefused { .. } => told(StatusCode::BAD_GATEWAY),
        Rejection::BadAnswer(_) => told(StatusCode::BAD_GATEWAY),
        Rejection::AnswerTooLarge { .. } => told(StatusCode::BAD_GATEWAY),
        Rejection::NotReady(_) => (StatusCode::SERVICE_UNAVAILABLE, NOT_READY.to_owned()),
        Rejection::Overloaded { .. } => told(StatusCode::SERVICE_UNAVAILABLE),
        Rejection::Busy { .. } => told(StatusCode::SERVICE_UNAVAILABLE),
        Rejection::Draining => told(StatusCode::SERVICE_UNAVAILABLE),
        Rejection::Unreachable => told(StatusCode::SERVICE_UNAVAILABLE),
        Rejection::Deadline { .. } => told(StatusCode::GATEWAY_TIMEOUT),
    }
}

/// The 500 of a function that raised, with what Lambda tells of the exception. Altair also named the line.
fn fault(failure: &Failure) -> Rendered {
    let status = match failure.kind {
        FaultKind::Thrown | FaultKind::Crashed => StatusCode::INTERNAL_SERVER_ERROR,
        FaultKind::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        FaultKind::ResponseTooLarge => StatusCode::BAD_GATEWAY,
    };
    let error_type = failure.fault.error_type.as_deref();
    let info = failure.fault.error_message.as_deref();
    let message = match (error_type, info) {
        (Some(error_type), Some(info)) => format!("{error_type}: {info}"),
        (Some(text), None) | (None, Some(text)) => text.to_owned(),
        (None, None) => "the function failed".to_owned(),
    };
    let trace = &failure.fault.trace;
    let details = [
        ("exception_info", info.map(Value::from)),
        ("exception_trace", (!trace.is_empty()).then(|| trace.clone().into())),
        ("exception_type", error_type.map(Value::from)),
    ];
    let known = details.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    error(status, &message, Some(known.collect()))
}

/// Members in the order that Altair writes.
fn error(status: StatusCode, message: &str, details: Option<Map<String, Value>>) -> Rendered {
    let message = Value::from(message);
    let details =
        details.map(|details| format!(r#","details":{}"#, Value::from(details))).unwrap_or_default();
    let status_code = status.as_u16();
    json(status, format!(r#"{{"error":{{"status":{status_code},"message":{message}{details}}}}}"#))
}

fn json(status: StatusCode, body: String) -> Rendered {
    Rendered::new(status, RenderedBody::Own(body.into()))
        .with(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
}

const PREFIX: &str = "/spaces/";
const INVOKE: &str = "invoke";
const ASYNC_INVOKE: &str = "async-invoke";

/// The space of functions that no table puts into another.
const OWN_SPACE: &str = "dev";

/// Source: Altair's help page, "Invoke a function".
const MAX_EXTRA_LEVELS: usize = 3;
const SYNC_METHODS: &[Method] = &[Method::POST, Method::GET, Method::PUT, Method::PATCH, Method::DELETE];
const ASYNC_METHODS: &[Method] = &[Method::POST];

/// Source: `functions.yaml`, the 202 of `invoke`.
const NOT_READY: &str = "function not ready";

#[cfg(test)]
mod tests;
