//! OpenFaaS, Community Edition: `/function/{name}/…` and `/async-function/{name}/…`; the function gets an HTTP request,
//! its answer is the answer.
//!
//! Source: the code of the gateway, the provider and the watchdog. What differs, and what we decided besides, is told
//! in `docs/dialects/openfaas.md`.

use std::{num::NonZeroU32, time::UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request};
use lambda_protocol::fault::{Fault, FaultKind};

use super::{Route, Signpost, allow, callback_url, idempotency_key, signpost::segment};
use crate::{
    Call, Credential, Dialect, Exchange, Failure, FunctionKey, Mode, Outcome, Rejection, Rendered,
    RenderedBody, Shape,
    callback::{Ended, Ending, Told},
    headers,
    outcome::Answer,
    path::{decode_segment, function_path, split_segment},
};

/// OpenFaaS' language. Functions are named `name` or `name.namespace`; errors are plain text, or nothing at all.
#[derive(Debug)]
pub struct OpenFaas;

impl Dialect for OpenFaas {
    fn name(&self) -> &'static str {
        "openfaas"
    }

    fn parse(&self, head: &request::Parts) -> Option<Result<Call, Rejection>> {
        let (mode, rest) = route(head)?;
        Some(call(head, mode, rest))
    }

    /// Only `Bearer` is ours: the Community Edition read no credential on these routes, and its clients send `Basic`
    /// there all the same.
    fn credential(&self, head: &request::Parts) -> Option<Credential> {
        let value = head.headers.get(header::AUTHORIZATION)?.as_bytes();
        let (scheme, token) = value.split_at_checked(BEARER.len())?;
        scheme.eq_ignore_ascii_case(BEARER).then(|| Credential::new(token.trim_ascii()))
    }

    fn caller_id<'a>(&self, head: &'a request::Parts) -> Option<&'a HeaderValue> {
        head.headers.get(X_CALL_ID)
    }

    fn function_headers(&self, exchange: &Exchange<'_>) -> HeaderMap {
        let mut seen = headers::for_function(&exchange.head.headers);
        seen.insert(X_START_TIME, start_time(exchange));
        if let Some(id) = own_call_id(exchange) {
            seen.insert(X_CALL_ID, id);
        }
        if let Some(host) = host(exchange.head).filter(|_| is_unset(&seen, &X_FORWARDED_HOST)) {
            seen.insert(X_FORWARDED_HOST, host);
        }
        if is_unset(&seen, &X_FORWARDED_FOR) {
            seen.insert(X_FORWARDED_FOR, visible(exchange.peer.to_string()));
        }
        seen
    }

    /// The call's id, and what the provider would have taken for the answer's missing content type.
    fn echo(&self, exchange: &Exchange<'_>) -> HeaderMap {
        let asked = &exchange.head.headers;
        let own = || visible(exchange.id.to_string());
        let id = first_filled(asked, &X_CALL_ID).cloned().unwrap_or_else(own);
        let content_type = first_filled(asked, &header::CONTENT_TYPE).cloned();
        let fields = content_type.map(|value| (header::CONTENT_TYPE, value));
        fields.into_iter().chain([(X_CALL_ID, id)]).collect()
    }

    /// As the queue worker told it: the answer of a synchronous call, failures too, and who it is about.
    fn callback(&self, ending: &Ending<'_>) -> Option<Told> {
        let ticket = ending.ticket;
        let name = ticket.function.as_str();
        let told = match ending.ended {
            Ended::Returned(answer) => typed(Told::answer(&answer.headers), &ticket.echo),
            Ended::Faulted(failure) => Told::rendered(faulted(failure, name)),
            Ended::Unusable(reason) => {
                let rejection = Rejection::BadAnswer(reason.clone());
                Told::rendered(ours(line(ending.ended.status(), &rejection.to_string()), GATEWAY))
            }
            Ended::NotRun(_) => Told::rendered(empty(ending.ended.status())),
        };
        let duration = visible(format!("{:.6}", ending.elapsed.as_secs_f64()));
        let told = told
            .with(X_FUNCTION_NAME, HeaderValue::from_str(name).ok())
            .with(X_DURATION_SECONDS, Some(duration))
            .with(X_CALL_ID, ticket.echo.get(X_CALL_ID).cloned());
        Some(told)
    }

    fn render(&self, exchange: &Exchange<'_>, _: &Call, outcome: &Outcome) -> Rendered {
        let rendered = match outcome {
            Outcome::Returned(answer) => timed(exchange, returned(exchange, answer)),
            Outcome::Faulted(failure) => {
                let rendered = faulted(failure, name(exchange.head));
                match failure.kind {
                    FaultKind::Thrown | FaultKind::TimedOut => timed(exchange, rendered),
                    FaultKind::Crashed | FaultKind::ResponseTooLarge => rendered,
                }
            }
            Outcome::Accepted => empty(StatusCode::ACCEPTED),
        };
        served(exchange, rendered)
    }

    fn reject(&self, exchange: &Exchange<'_>, rejection: &Rejection) -> Rendered {
        let mut rendered = rejected(exchange, rejection);
        let headers = &mut rendered.head.headers;
        headers.extend(allow(rejection));
        headers.extend(rejection.retry_after_s().map(|seconds| (header::RETRY_AFTER, seconds.into())));
        served(exchange, rendered)
    }
}

impl Signpost for OpenFaas {
    fn key_shape(&self) -> &'static str {
        "name or name.namespace"
    }

    fn own_key(&self, lambda: &str) -> FunctionKey {
        FunctionKey::new(lambda)
    }

    fn routes(&self, key: &FunctionKey) -> Vec<Route> {
        let name = segment(key.as_str());
        let route = |mode, prefix| Route {
            mode,
            methods: methods(mode),
            path: format!("{prefix}{name}"),
            deeper: true,
        };
        vec![route(Mode::Sync, SYNC_PREFIX), route(Mode::Async, ASYNC_PREFIX)]
    }

    fn credential_header(&self, secret: &str) -> (HeaderName, String) {
        (header::AUTHORIZATION, format!("Bearer {secret}"))
    }
}

/// The table of `docs/dialects/openfaas.md`.
fn rejected(exchange: &Exchange<'_>, rejection: &Rejection) -> Rendered {
    let head = exchange.head;
    let told = |status| ours(line(status, &rejection.to_string()), GATEWAY);
    match rejection {
        Rejection::Route => ours(line(StatusCode::NOT_FOUND, "404 page not found"), GATEWAY),
        Rejection::Method { .. } => ours(empty(StatusCode::METHOD_NOT_ALLOWED), GATEWAY),
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
        Rejection::Unauthenticated => {
            told(StatusCode::UNAUTHORIZED).with(header::WWW_AUTHENTICATE, CHALLENGE)
        }
        Rejection::Forbidden { .. } => told(StatusCode::FORBIDDEN),
        Rejection::UnknownFunction => unknown_function(head),
        Rejection::Throttled { reason, .. } => throttled(reason),
        Rejection::RateLimited { .. } => told(StatusCode::TOO_MANY_REQUESTS),
        Rejection::KeyBusy { limit } => key_busy(*limit),
        Rejection::Guessing { .. } => told(StatusCode::TOO_MANY_REQUESTS),
        Rejection::NotReady(_) => not_ready(head),
        Rejection::Overloaded { .. } => told(StatusCode::SERVICE_UNAVAILABLE),
        Rejection::Busy { .. } => told(StatusCode::SERVICE_UNAVAILABLE),
        Rejection::Draining => told(StatusCode::SERVICE_UNAVAILABLE),
        Rejection::Deadline { .. } => timed(exchange, ours(empty(StatusCode::GATEWAY_TIMEOUT), GATEWAY)),
        Rejection::Unreachable => unreachable(name(head)),
        Rejection::AnswerLost => timed(exchange, ours(empty(StatusCode::BAD_GATEWAY), GATEWAY)),
        Rejection::BackendFailed => unreachable(name(head)),
        Rejection::BackendRefused { .. } => unreachable(name(head)),
        Rejection::BadAnswer(_) => told(StatusCode::INTERNAL_SERVER_ERROR),
        Rejection::AnswerTooLarge { .. } => told(StatusCode::BAD_GATEWAY),
    }
}

fn route(head: &request::Parts) -> Option<(Mode, &str)> {
    let path = head.uri.path();
    let sync = path.strip_prefix(SYNC_PREFIX).map(|rest| (Mode::Sync, rest));
    sync.or_else(|| path.strip_prefix(ASYNC_PREFIX).map(|rest| (Mode::Async, rest)))
}

/// `{name}[/…]`. A name outside the grammar matches no route, so it is judged before the method.
fn call(head: &request::Parts, mode: Mode, rest: &str) -> Result<Call, Rejection> {
    let (segment, rest) = split_segment(rest);
    let name = decode_segment(segment)?;
    if name.is_empty() || !name.bytes().all(is_name_byte) {
        return Err(Rejection::Route);
    }
    if !methods(mode).contains(&head.method) {
        return Err(Rejection::Method { allow: methods(mode) });
    }
    let callback = callback_url(&head.headers, mode)?;
    let idempotency_key = idempotency_key(&head.headers, mode)?;
    let shape = Shape::Http { path: function_path(rest)? };
    Ok(Call { function: FunctionKey::new(name), mode, shape, callback, idempotency_key })
}

fn methods(mode: Mode) -> &'static [Method] {
    match mode {
        Mode::Sync => SYNC_METHODS,
        Mode::Async => ASYNC_METHODS,
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// The name in the request's path, for our texts about it.
fn name(head: &request::Parts) -> &str {
    route(head).map_or("", |(_, rest)| split_segment(rest).0)
}

/// The call's id, if it is for us to make one. A caller's own goes to the function and is not sent back.
fn own_call_id(exchange: &Exchange<'_>) -> Option<HeaderValue> {
    is_unset(&exchange.head.headers, &X_CALL_ID).then(|| visible(exchange.id.to_string()))
}

/// Unix nanoseconds.
fn start_time(exchange: &Exchange<'_>) -> HeaderValue {
    let since_epoch = exchange.started.duration_since(UNIX_EPOCH).unwrap_or_default();
    visible(since_epoch.as_nanos().to_string())
}

/// Whom the caller meant to reach: the authority of an absolute request target, else `Host`.
fn host(head: &request::Parts) -> Option<HeaderValue> {
    let authority = head.uri.authority().map(|authority| {
        let port = authority.port().map(|port| format!(":{port}")).unwrap_or_default();
        visible(format!("{}{port}", authority.host()))
    });
    authority.or_else(|| first_filled(&head.headers, &header::HOST).cloned())
}

fn first_filled<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    headers.get(name).filter(|value| !value.is_empty())
}

fn is_unset(headers: &HeaderMap, name: &HeaderName) -> bool {
    first_filled(headers, name).is_none()
}

fn visible(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("ids, numbers, addresses and hosts are visible ASCII")
}

/// The function's answer. A missing content type is the request's, as the provider had it.
fn returned(exchange: &Exchange<'_>, answer: &Answer) -> Rendered {
    let mut rendered = Rendered::new(answer.status, RenderedBody::AsIs);
    rendered.head.headers = answer.headers.clone();
    if is_unset(&answer.headers, &header::CONTENT_TYPE) {
        rendered.with(header::CONTENT_TYPE, assumed_type(&exchange.head.headers))
    } else {
        rendered
    }
}

/// The same of an answer in a callback; `echo` holds the request's type.
fn typed(told: Told, echo: &HeaderMap) -> Told {
    if is_unset(&told.headers, &header::CONTENT_TYPE) {
        told.with(header::CONTENT_TYPE, Some(assumed_type(echo)))
    } else {
        told
    }
}

fn assumed_type(asked: &HeaderMap) -> HeaderValue {
    let content_type = first_filled(asked, &header::CONTENT_TYPE).cloned();
    content_type.unwrap_or(HeaderValue::from_static("text/plain"))
}

fn faulted(failure: &Failure, name: &str) -> Rendered {
    match failure.kind {
        FaultKind::Thrown => thrown(&failure.fault),
        FaultKind::TimedOut => ours(empty(StatusCode::GATEWAY_TIMEOUT), WATCHDOG),
        FaultKind::Crashed => unreachable(name),
        FaultKind::ResponseTooLarge => {
            ours(line(StatusCode::BAD_GATEWAY, "the function's answer is too large"), GATEWAY)
        }
    }
}

/// What the function threw, as the language templates tell it: the message is the body.
fn thrown(fault: &Fault) -> Rendered {
    let message = fault.error_message.as_ref().or(fault.error_type.as_ref()).cloned();
    text(StatusCode::INTERNAL_SERVER_ERROR, message.unwrap_or_default())
}

fn unreachable(name: &str) -> Rendered {
    ours(line(StatusCode::INTERNAL_SERVER_ERROR, &format!("Can't reach service for: {name}.")), PROXY)
}

fn not_ready(head: &request::Parts) -> Rendered {
    ours(
        line(StatusCode::SERVICE_UNAVAILABLE, &format!("No endpoints available for: {}.", name(head))),
        PROXY,
    )
}

/// The namespace is what follows the last dot.
fn unknown_function(head: &request::Parts) -> Rendered {
    let name = name(head);
    let (name, namespace) = name.rsplit_once('.').unwrap_or((name, DEFAULT_NAMESPACE));
    let message = format!("error finding function {name}.{namespace}: function not found");
    ours(text(StatusCode::NOT_FOUND, message), GATEWAY)
}

/// OpenFaaS names the limit here. Lambda does not tell it, but which limit it was.
fn throttled(reason: &str) -> Rendered {
    let message = format!("Concurrent request limit exceeded. Reason: {reason}");
    ours(line(StatusCode::TOO_MANY_REQUESTS, &message), MIDDLEWARE)
}

/// OpenFaaS' own words, where the limit is the key's and not a function's.
fn key_busy(limit: NonZeroU32) -> Rendered {
    let message = format!("Concurrent request limit exceeded. Max concurrent requests: {limit}");
    ours(line(StatusCode::TOO_MANY_REQUESTS, &message), MIDDLEWARE)
}

fn empty(status: StatusCode) -> Rendered {
    Rendered::new(status, RenderedBody::Own(Bytes::new()))
}

/// One line, as Go's `http.Error` writes it.
fn line(status: StatusCode, message: &str) -> Rendered {
    text(status, format!("{message}\n"))
}

fn text(status: StatusCode, text: String) -> Rendered {
    Rendered::new(status, RenderedBody::Own(text.into()))
        .with(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))
        .with(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))
}

/// Marks an error as the platform's. Clients tell it from a function's own error, and retry it.
fn ours(rendered: Rendered, part: &'static str) -> Rendered {
    rendered.with(X_OPENFAAS_INTERNAL, HeaderValue::from_static(part))
}

/// For answers that took a function's time.
fn timed(exchange: &Exchange<'_>, rendered: Rendered) -> Rendered {
    rendered.with(X_DURATION_SECONDS, visible(format!("{:.6}", exchange.elapsed.as_secs_f64())))
}

/// What the gateway adds to every response.
fn served(exchange: &Exchange<'_>, rendered: Rendered) -> Rendered {
    let rendered = rendered.with(X_START_TIME, start_time(exchange)).with(X_SERVED_BY, SERVED_BY);
    match own_call_id(exchange) {
        Some(id) => rendered.with(X_CALL_ID, id),
        None => rendered,
    }
}

const SYNC_PREFIX: &str = "/function/";
const ASYNC_PREFIX: &str = "/async-function/";

const SYNC_METHODS: &[Method] =
    &[Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::GET, Method::OPTIONS, Method::HEAD];
const ASYNC_METHODS: &[Method] = &[Method::POST];

/// Where functions live whose name has no namespace.
const DEFAULT_NAMESPACE: &str = "openfaas-fn";

const BEARER: &[u8] = b"bearer ";
const CHALLENGE: HeaderValue = HeaderValue::from_static(r#"Bearer realm="stayput""#);
const SERVED_BY: HeaderValue = HeaderValue::from_static("stayput");

/// The parts of OpenFaaS that `X-OpenFaaS-Internal` may name.
const GATEWAY: &str = "gateway";
const MIDDLEWARE: &str = "faas-middleware";
const PROXY: &str = "proxy";
const WATCHDOG: &str = "of-watchdog";

const X_CALL_ID: HeaderName = HeaderName::from_static("x-call-id");
const X_DURATION_SECONDS: HeaderName = HeaderName::from_static("x-duration-seconds");
const X_FUNCTION_NAME: HeaderName = HeaderName::from_static("x-function-name");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_OPENFAAS_INTERNAL: HeaderName = HeaderName::from_static("x-openfaas-internal");
const X_SERVED_BY: HeaderName = HeaderName::from_static("x-served-by");
const X_START_TIME: HeaderName = HeaderName::from_static("x-start-time");

#[cfg(test)]
mod tests;
