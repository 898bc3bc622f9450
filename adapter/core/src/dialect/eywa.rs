//! Eywa: `/eywa/api/functions/{sync,async}/{id}/…`; the function gets an HTTP request, its answer is the answer.
//!
//! Source: Eywa's handbook, "Invoke a function", and its gateway and edge as deployed. Where the two differ, and what
//! we decided besides, is told in `docs/dialects/eywa.md`.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request};
use lambda_protocol::fault::{Fault, FaultKind};
use serde_json::json;
use uuid::Uuid;

use super::{Route, Signpost, allow, callback_url, idempotency_key, signpost::segment};
use crate::{
    Answer, Call, Credential, Dialect, Exchange, Failure, FunctionKey, Mode, Outcome, Rejection, Rendered,
    RenderedBody, Shape,
    callback::{Ended, Ending, Told, When},
    headers,
    path::{function_path, split_segment},
};

/// Eywa's language. Functions are named by UUID; errors are JSON, and a line feed ends them.
#[derive(Debug)]
pub struct Eywa;

impl Dialect for Eywa {
    fn name(&self) -> &'static str {
        "eywa"
    }

    fn parse(&self, head: &request::Parts) -> Option<Result<Call, Rejection>> {
        let rest = head.uri.path().strip_prefix(PREFIX)?;
        Some(call(head, rest))
    }

    /// The header alone: the `eywa-session` cookie belonged to Eywa's own login.
    fn credential(&self, head: &request::Parts) -> Option<Credential> {
        first_filled(&head.headers, &X_EYWA_TOKEN).map(|token| Credential::new(token.as_bytes()))
    }

    fn caller_id<'a>(&self, head: &'a request::Parts) -> Option<&'a HeaderValue> {
        first_filled(&head.headers, &X_REQUEST_ID)
    }

    fn function_headers(&self, exchange: &Exchange<'_>) -> HeaderMap {
        let mut kept = HeaderMap::new();
        for (name, value) in &headers::for_function(&exchange.head.headers) {
            if reaches_function(name) {
                kept.append(name.clone(), value.clone());
            }
        }
        kept.insert(X_REQUEST_ID, request_id(exchange));
        kept
    }

    fn echo(&self, exchange: &Exchange<'_>) -> HeaderMap {
        HeaderMap::from_iter([(X_REQUEST_ID, request_id(exchange))])
    }

    /// Successes, as the handbook has it: the function's body with its type, and none of its other fields.
    fn callback(&self, ending: &Ending<'_>) -> Option<Told> {
        let ticket = ending.ticket;
        let told = match (ending.ended, ending.when) {
            (Ended::Returned(answer), When::Always) => result(answer),
            (Ended::Returned(answer), When::Platform) if answer.status.as_u16() < 400 => result(answer),
            (Ended::Faulted(failure), When::Always) => Told::rendered(faulted(failure)),
            (Ended::Unusable(_) | Ended::NotRun(_), When::Always) => Told::rendered(unavailable()),
            (
                Ended::Returned(_) | Ended::Faulted(_) | Ended::Unusable(_) | Ended::NotRun(_),
                When::Platform,
            ) => return None,
        };
        let told = told
            .with(X_FUNCTION_NAME, HeaderValue::from_str(&ticket.lambda.name).ok())
            .with(X_FUNCTION_ID, HeaderValue::from_str(ticket.function.as_str()).ok())
            .with(X_REQUEST_ID, ticket.echo.get(X_REQUEST_ID).cloned());
        Some(told)
    }

    fn render(&self, exchange: &Exchange<'_>, _: &Call, outcome: &Outcome) -> Rendered {
        let rendered = match outcome {
            Outcome::Returned(answer) => {
                let mut rendered = Rendered::new(answer.status, RenderedBody::AsIs);
                rendered.head.headers = answer.headers.clone();
                rendered
            }
            Outcome::Faulted(failure) => faulted(failure),
            Outcome::Accepted => empty(StatusCode::ACCEPTED),
        };
        rendered.with(X_REQUEST_ID, request_id(exchange))
    }

    fn reject(&self, exchange: &Exchange<'_>, rejection: &Rejection) -> Rendered {
        let mut rendered = rejected(exchange.head, rejection);
        let headers = &mut rendered.head.headers;
        headers.extend(allow(rejection));
        headers.extend(rejection.retry_after_s().map(|seconds| (header::RETRY_AFTER, seconds.into())));
        rendered.with(X_REQUEST_ID, request_id(exchange))
    }
}

impl Signpost for Eywa {
    fn key_shape(&self) -> &'static str {
        "UUID"
    }

    fn own_key(&self, lambda: &str) -> FunctionKey {
        FunctionKey::new(Uuid::new_v5(&OWN_NAMESPACE, lambda.as_bytes()).to_string())
    }

    fn routes(&self, key: &FunctionKey) -> Vec<Route> {
        let id = segment(key.as_str());
        let route = |mode, word| Route {
            mode,
            methods: methods(mode),
            path: format!("{PREFIX}{word}/{id}/"),
            deeper: true,
        };
        vec![route(Mode::Sync, "sync"), route(Mode::Async, "async")]
    }

    fn credential_header(&self, secret: &str) -> (HeaderName, String) {
        (X_EYWA_TOKEN, secret.to_owned())
    }
}

/// The table of `docs/dialects/eywa.md`.
fn rejected(head: &request::Parts, rejection: &Rejection) -> Rendered {
    let told = |status| message(status, &rejection.to_string());
    match rejection {
        Rejection::Route => message(StatusCode::NOT_FOUND, "Not Found"),
        Rejection::Method { .. } => message(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"),
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
        Rejection::NotImplemented(_) => told(StatusCode::NOT_IMPLEMENTED),
        Rejection::Unauthenticated => unauthenticated(&head.headers),
        Rejection::Forbidden { .. } => word(StatusCode::FORBIDDEN, "Forbidden"),
        Rejection::UnknownFunction => word(StatusCode::NOT_FOUND, unknown_function(head)),
        Rejection::BackendRefused { .. } => word(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
        Rejection::Throttled { .. } => unavailable(),
        // Eywa's limits, too, were told as this. Whoever guesses is no caller of a function yet.
        Rejection::RateLimited { .. } => unavailable(),
        Rejection::KeyBusy { .. } => unavailable(),
        Rejection::Guessing { .. } => told(StatusCode::TOO_MANY_REQUESTS),
        Rejection::NotReady(_) => unavailable(),
        Rejection::Overloaded { .. } => unavailable(),
        Rejection::Busy { .. } => unavailable(),
        Rejection::Draining => unavailable(),
        Rejection::Deadline { .. } => unavailable(),
        Rejection::Unreachable => unavailable(),
        Rejection::AnswerLost => unavailable(),
        Rejection::BackendFailed => unavailable(),
        Rejection::BadAnswer(_) => unavailable(),
        Rejection::AnswerTooLarge { .. } => unavailable(),
    }
}

/// `{sync,async}/{id}[/…]`. The method is judged before the id, as Eywa's router did.
fn call(head: &request::Parts, rest: &str) -> Result<Call, Rejection> {
    let (mode, rest) = mode(rest).ok_or(Rejection::Route)?;
    let (id, rest) = split_segment(rest);
    if id.is_empty() {
        return Err(Rejection::Route);
    }
    if !methods(mode).contains(&head.method) {
        return Err(Rejection::Method { allow: methods(mode) });
    }
    let function = function_key(id).ok_or(Rejection::UnknownFunction)?;
    let shape = Shape::Http { path: function_path(rest)? };
    let callback = callback_url(&head.headers, mode)?;
    let idempotency_key = idempotency_key(&head.headers, mode)?;
    Ok(Call { function, mode, shape, callback, idempotency_key })
}

fn mode(rest: &str) -> Option<(Mode, &str)> {
    let sync = rest.strip_prefix("sync/").map(|rest| (Mode::Sync, rest));
    sync.or_else(|| rest.strip_prefix("async/").map(|rest| (Mode::Async, rest)))
}

fn methods(mode: Mode) -> &'static [Method] {
    match mode {
        Mode::Sync => SYNC_METHODS,
        Mode::Async => ASYNC_METHODS,
    }
}

/// The id in lower case. Only the hyphenated form: another would be a second name for the same function.
fn function_key(id: &str) -> Option<FunctionKey> {
    let is_hyphenated = id.len() == uuid::fmt::Hyphenated::LENGTH;
    let id = is_hyphenated.then(|| Uuid::try_parse(id).ok()).flatten()?;
    Some(FunctionKey::new(id.to_string()))
}

/// The two routes spell this differently.
fn unknown_function(head: &request::Parts) -> &'static str {
    match head.uri.path().strip_prefix(PREFIX).and_then(mode) {
        Some((Mode::Async, _)) => "Function Not Found",
        Some((Mode::Sync, _)) | None => "Function not found",
    }
}

/// The caller's id for this request, or ours.
fn request_id(exchange: &Exchange<'_>) -> HeaderValue {
    let own = || HeaderValue::try_from(exchange.id.to_string()).expect("a UUID is a header value");
    first_filled(&exchange.head.headers, &X_REQUEST_ID).cloned().unwrap_or_else(own)
}

fn first_filled<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    headers.get(name).filter(|value| !value.is_empty())
}

/// Eywa keeps a field whose name in canonical spelling (`X-Tag`) contains one of four words. Each begins at a capital,
/// so in our lower-case names it begins the name or follows a hyphen. `Host` is no header to Go, and never filtered.
fn reaches_function(name: &HeaderName) -> bool {
    if *name == header::HOST {
        return true;
    }
    let name = name.as_str();
    KEPT_WORDS.iter().any(|word| name.starts_with(word.trim_start_matches('-')) || name.contains(word))
}

/// Eywa's edge looks for `text/html` at the start of `Accept` or after a space, and before `,`, `;` or the end.
fn is_browser(headers: &HeaderMap) -> bool {
    let asks_html = |accept: &str| {
        accept.match_indices(HTML).any(|(at, _)| {
            let (before, after) = (&accept[..at], &accept[at + HTML.len()..]);
            (before.is_empty() || before.ends_with(' '))
                && (after.is_empty() || after.starts_with([',', ';']))
        })
    };
    headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).any(asks_html)
}

fn faulted(failure: &Failure) -> Rendered {
    match failure.kind {
        FaultKind::Thrown => thrown(&failure.fault),
        FaultKind::TimedOut | FaultKind::Crashed | FaultKind::ResponseTooLarge => unavailable(),
    }
}

/// What a callback tells of an answer.
fn result(answer: &Answer) -> Told {
    let content_type = answer.headers.get(header::CONTENT_TYPE).cloned();
    let fields = content_type.map(|value| (header::CONTENT_TYPE, value));
    Told::answer(&HeaderMap::from_iter(fields))
}

/// What the function threw, as Eywa's Node template told it: the message is the body.
fn thrown(fault: &Fault) -> Rendered {
    let text = fault.error_message.as_ref().or(fault.error_type.as_ref()).cloned().unwrap_or_default();
    typed(StatusCode::INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", text)
}

fn unavailable() -> Rendered {
    word(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
}

/// Browsers are sent to Eywa's login page, all others told.
fn unauthenticated(headers: &HeaderMap) -> Rendered {
    if is_browser(headers) {
        empty(StatusCode::FOUND).with(header::LOCATION, HeaderValue::from_static("/login"))
    } else {
        typed(StatusCode::UNAUTHORIZED, "application/json", EDGE_UNAUTHORIZED.to_owned())
    }
}

/// A JSON string, as Eywa's controllers answer.
fn word(status: StatusCode, word: &str) -> Rendered {
    typed(status, JSON, format!("{}\n", json!(word)))
}

/// `{"message":…}`, as Eywa's router answers.
fn message(status: StatusCode, text: &str) -> Rendered {
    typed(status, JSON, format!("{}\n", json!({ "message": text })))
}

fn typed(status: StatusCode, content_type: &'static str, text: String) -> Rendered {
    Rendered::new(status, RenderedBody::Own(text.into()))
        .with(header::CONTENT_TYPE, HeaderValue::from_static(content_type))
}

fn empty(status: StatusCode) -> Rendered {
    Rendered::new(status, RenderedBody::Own(Bytes::new()))
}

/// Function ids that no table gives are UUIDv5 of the Lambda function's name in this namespace. It is itself the
/// UUIDv5 of `stayput` in the DNS namespace of RFC 9562.
const OWN_NAMESPACE: Uuid = Uuid::from_u128(0x06f8e201_ce7e_5b91_af9e_44022aba3832);

const PREFIX: &str = "/eywa/api/functions/";

const SYNC_METHODS: &[Method] = &[Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::GET];
const ASYNC_METHODS: &[Method] = &[Method::POST];

const KEPT_WORDS: [&str; 4] = ["-x-", "-content-type", "-user-agent", "-content-length"];

const X_EYWA_TOKEN: HeaderName = HeaderName::from_static("x-eywa-token");
const X_FUNCTION_ID: HeaderName = HeaderName::from_static("x-function-id");
const X_FUNCTION_NAME: HeaderName = HeaderName::from_static("x-function-name");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const HTML: &str = "text/html";
const JSON: &str = "application/json; charset=UTF-8";

/// The status line says 401. Written by the edge, so without a line feed.
const EDGE_UNAUTHORIZED: &str = r#"{"status_code": 403, "error": "Unauthorized"}"#;

#[cfg(test)]
mod tests;
