//! Functions over HTTP requests, which arrive as events in Lambda's own form (payload format version 2.0).

use std::process::ExitCode;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use lambda_protocol::{http_answer::HttpAnswer, http_event::HttpRequest};
use serde_json::value::RawValue;

use crate::{
    Context, Error, ServeError,
    serve::{run, serve},
};

/// Runs an HTTP function: the whole `main` of a program. Returns only if Lambda cannot be talked to.
///
/// Path and query are as the caller sent them, still percent-encoded. Bodies are bytes, both ways. The answer's body
/// may be a `String`, a `&'static str`, a `Vec<u8>` or [`Bytes`]; name its `content-type`, or callers get none.
///
/// ```no_run
/// use stayput_runtime::{Bytes, Context, Error, http::{Request, Response}};
///
/// async fn reverse(request: Request<Bytes>, _: Context) -> Result<Response<Vec<u8>>, Error> {
///     Ok(Response::new(request.body().iter().rev().copied().collect()))
/// }
///
/// fn main() -> std::process::ExitCode {
///     stayput_runtime::run_http(reverse)
/// }
/// ```
///
/// # Panics
/// Inside a Tokio runtime; use [`serve_http`] there.
pub fn run_http<Body: Into<Bytes>>(
    handler: impl AsyncFn(Request<Bytes>, Context) -> Result<Response<Body>, Error>,
) -> ExitCode {
    run(serve_http(handler))
}

/// Like [`run_http`], within your own Tokio runtime and with your own logging.
///
/// # Errors
/// The process was not started by Lambda, or Lambda can no longer be talked to. What the handler returns never ends
/// it.
pub async fn serve_http<Body: Into<Bytes>>(
    handler: impl AsyncFn(Request<Bytes>, Context) -> Result<Response<Body>, Error>,
) -> Result<(), ServeError> {
    serve(async |event, context| call(&handler, event, context).await).await
}

/// The address that the request came from, as text: in the request's extensions, where Lambda tells it.
///
/// ```
/// use stayput_runtime::{Bytes, SourceIp, http::Request};
///
/// fn caller(request: &Request<Bytes>) -> &str {
///     request.extensions().get::<SourceIp>().map_or("someone", |ip| &ip.0)
/// }
/// # assert_eq!(caller(&Request::new(Bytes::new())), "someone");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SourceIp(pub String);

/// From the event's text to the answer's.
pub(crate) async fn call<Body: Into<Bytes>>(
    handler: impl AsyncFn(Request<Bytes>, Context) -> Result<Response<Body>, Error>,
    event: &RawValue,
    context: Context,
) -> Result<Box<RawValue>, Error> {
    encode(handler(decode(event)?, context).await?)
}

pub(crate) fn decode(event: &RawValue) -> Result<Request<Bytes>, Error> {
    let HttpRequest { mut request, source_ip, request_id: _ } =
        HttpRequest::decode(event.get().as_bytes())
            .map_err(|error| Error::new(Error::INVALID_EVENT, error.to_string()))?;
    if let Some(ip) = source_ip {
        request.extensions_mut().insert(SourceIp(ip));
    }
    Ok(request)
}

fn encode<Body: Into<Bytes>>(response: Response<Body>) -> Result<Box<RawValue>, Error> {
    let (head, body) = response.into_parts();
    check_status(head.status)?;
    let answer = HttpAnswer { status: head.status, headers: head.headers, body: body.into() };
    let text = String::from_utf8(answer.encode()).expect("an encoded answer is JSON");
    Ok(RawValue::from_string(text).expect("an encoded answer is JSON"))
}

/// Lambda and its callers take no other.
pub(crate) fn check_status(status: StatusCode) -> Result<(), Error> {
    if (200..=599).contains(&status.as_u16()) {
        return Ok(());
    }
    let message = format!("status {} is not one of 200 to 599", status.as_str());
    Err(Error::new(Error::INVALID_ANSWER, message))
}

#[cfg(test)]
mod tests;
