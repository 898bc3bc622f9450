//! The calls that configure asynchronous invocation, beside `Invoke` itself: one file for each resource.

mod event_config;
mod invoke_async;
mod recursion;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE, request};
use lambda_protocol::api_error::ApiError;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

pub(crate) use invoke_async::decode as invoke_async;

use crate::{events::config::Configs, invoke::Functions, settings::Settings};

/// A call whose route is known, and nothing else.
#[derive(Debug)]
pub(crate) enum Call {
    EventConfig(event_config::Call),
    Recursion(recursion::Call),
}

/// What calls are answered from.
#[derive(Clone, Copy)]
pub(crate) struct House<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) functions: &'a Functions,
    pub(crate) configs: &'a Configs,
}

impl Call {
    /// `None`: none of these routes.
    pub(crate) fn route(head: &request::Parts) -> Option<Self> {
        let event_config = || event_config::Call::route(head).map(Self::EventConfig);
        event_config().or_else(|| recursion::Call::route(head).map(Self::Recursion))
    }

    /// # Errors
    /// It is refused.
    pub(crate) async fn answer(self, body: &[u8], house: House<'_>) -> Result<Response<Bytes>, ApiError> {
        match self {
            Self::EventConfig(call) => call.answer(body, house).await,
            Self::Recursion(call) => call.answer(body, house).await,
        }
    }
}

/// The label between the two, if there is one, still encoded.
fn label<'a>(path: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let label = path.strip_prefix(start)?.strip_suffix(end)?;
    (!label.is_empty() && !label.contains('/')).then_some(label)
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The first value of `key` in a query.
fn parameter(query: &str, key: &str) -> Option<String> {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.filter(|(name, _)| *name == key).map(|(_, value)| decoded(value)).next()
}

/// A JSON body; none stands for an empty one.
fn read<T: Default + DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    if body.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(body).map_err(|_| ApiError::could_not_deserialize())
}

fn json(body: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn nothing() -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}
