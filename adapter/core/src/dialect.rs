//! A dialect: one platform's HTTP language, spoken exactly.
//!
//! An open set in one static slice. A new dialect is one file here, one line in [`DIALECTS`], its conversations
//! under `tests/conversations/` and its page under `docs/dialects/`.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header, request, response};

use crate::{
    Call, CallbackUrl, Credential, Exchange, IdempotencyKey, Mode, Outcome, Rejection,
    callback::{Ending, Told, UrlRefusal},
    headers,
};

mod altair;
mod eywa;
mod openfaas;
pub mod signpost;
mod stedi;

pub use altair::Altair;
pub use eywa::Eywa;
pub use openfaas::OpenFaas;
pub use signpost::{Route, Signpost};
pub use stedi::Stedi;

/// Every dialect that the gateway speaks. Their path prefixes are disjoint, so the order does not matter.
pub static DIALECTS: &[&dyn Dialect] = &[&Stedi, &Altair, &Eywa, &OpenFaas];

/// One platform's HTTP language. Decides from request heads alone and never sees a request body.
pub trait Dialect: Signpost + std::fmt::Debug + Send + Sync {
    /// The name in configuration, logs and metrics.
    fn name(&self) -> &'static str;

    /// `None`: not our route. `Some(Err(_))`: our route, wrongly spoken.
    fn parse(&self, head: &request::Parts) -> Option<Result<Call, Rejection>>;

    /// What the caller presents as its secret, in this dialect's own place only. Judged by admission, before
    /// anything that [`parse`](Self::parse) found wrong is told.
    fn credential(&self, head: &request::Parts) -> Option<Credential>;

    /// May a credential here be one of the gateway's own short-lived tokens instead?
    fn takes_tokens(&self) -> bool {
        false
    }

    /// The request headers that the function gets to see, for calls of the HTTP shape.
    fn function_headers(&self, exchange: &Exchange<'_>) -> HeaderMap {
        headers::for_function(&exchange.head.headers)
    }

    /// The caller's own id for a request, where this dialect has a place for one. Echoed, and told to the operator.
    fn caller_id<'a>(&self, _: &'a request::Parts) -> Option<&'a HeaderValue> {
        None
    }

    /// Has an answer here a place for the log tail? Else Lambda is not asked for it.
    fn carries_log(&self) -> bool {
        false
    }

    /// Fields of an asynchronous request that its callback repeats or goes by. They travel in the ticket, so they are few.
    fn echo(&self, _: &Exchange<'_>) -> HeaderMap {
        HeaderMap::new()
    }

    /// What the callback says of a call's end, beside what every callback says. `None`: none is due for such an end.
    fn callback(&self, _: &Ending<'_>) -> Option<Told> {
        None
    }

    /// The caller's answer to an outcome.
    fn render(&self, exchange: &Exchange<'_>, call: &Call, outcome: &Outcome) -> Rendered;

    /// The caller's answer where there is no outcome.
    fn reject(&self, exchange: &Exchange<'_>, rejection: &Rejection) -> Rendered;
}

/// A response: its head, and where its body comes from. Framing headers are the HTTP server's.
#[derive(Debug)]
pub struct Rendered {
    pub head: response::Parts,
    pub body: RenderedBody,
}

impl Rendered {
    /// A response without headers.
    pub fn new(status: StatusCode, body: RenderedBody) -> Self {
        let (mut head, ()) = Response::new(()).into_parts();
        head.status = status;
        Self { head, body }
    }

    /// Sets a field, whatever it was before.
    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.head.headers.insert(name, value);
        self
    }
}

/// Where a response's body comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RenderedBody {
    /// The outcome's bytes, unchanged.
    AsIs,
    /// The outcome's bytes, as padded base64 without line breaks.
    Base64,
    /// The dialect's own words.
    Own(Bytes),
}

/// Where an asynchronous call's end is to be told. An empty field is none, as to the platforms' own gateways.
fn callback_url(headers: &HeaderMap, mode: Mode) -> Result<Option<CallbackUrl>, Rejection> {
    let mut filled = headers.get_all(X_CALLBACK_URL).iter().filter(|value| !value.is_empty());
    match (mode, filled.next(), filled.next()) {
        (Mode::Sync, _, _) | (Mode::Async, None, _) => Ok(None),
        (Mode::Async, Some(url), None) => Ok(Some(CallbackUrl::read(url.as_bytes())?)),
        (Mode::Async, Some(_), Some(_)) => Err(UrlRefusal::Repeated.into()),
    }
}

/// The key of an asynchronous call. On a synchronous one the field is the function's to understand.
fn idempotency_key(headers: &HeaderMap, mode: Mode) -> Result<Option<IdempotencyKey>, Rejection> {
    match mode {
        Mode::Sync => Ok(None),
        Mode::Async => IdempotencyKey::of(headers),
    }
}

const X_CALLBACK_URL: HeaderName = HeaderName::from_static("x-callback-url");

/// The `Allow` field that goes with a wrong method (RFC 9110 §15.5.6).
fn allow(rejection: &Rejection) -> Option<(HeaderName, HeaderValue)> {
    let Rejection::Method { allow } = rejection else { return None };
    let methods: Vec<&str> = allow.iter().map(Method::as_str).collect();
    Some((header::ALLOW, HeaderValue::try_from(methods.join(", ")).expect("methods are tokens")))
}

#[cfg(test)]
mod tests;
