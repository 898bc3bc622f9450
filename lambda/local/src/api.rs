//! Lambda's calls beside `Invoke` itself: one file for each resource.
//!
//! ```text
//! request ─► Route (method, path, query) ─► the resource that knows it ─► Call ─► answer
//! ```

mod account;
mod aliases;
mod code;
mod concurrency;
mod create;
mod event_config;
mod execution_callbacks;
mod executions;
mod functions;
mod invoke_async;
mod page;
mod policy;
mod recursion;
mod stand_ins;
mod subject;
mod tags;
mod urls;
mod versions;
mod view;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header::CONTENT_TYPE, request};
use lambda_protocol::api_error::{ApiError, ErrorCode};
use percent_encoding::percent_decode_str;
use serde::Deserialize;

pub(crate) use code::UPLOAD_BYTES;
pub(crate) use executions::is_checkpoint;
pub(crate) use functions::upload;
pub(crate) use invoke_async::decode as invoke_async;
use page::page;

use crate::{
    deploy::Deployments, events::config::Configs, executions::Executions, functions::Functions, run::Runner,
    settings::Settings,
};

/// A call whose route is known, and nothing else.
#[derive(Debug)]
pub(crate) enum Call {
    Account,
    Alias(aliases::Call),
    Concurrency(concurrency::Call),
    EventConfig(event_config::Call),
    Execution(executions::Call),
    ExecutionCallback(execution_callbacks::Call),
    Function(functions::Call),
    Policy(policy::Call),
    Recursion(recursion::Call),
    StandIn(stand_ins::Call),
    Tags(tags::Call),
    Url(urls::Call),
    Version(versions::Call),
}

/// What calls are answered from.
#[derive(Clone, Copy)]
pub(crate) struct House<'a> {
    pub(crate) configs: &'a Configs,
    pub(crate) runner: &'a Runner,
    /// `None`: nothing can be deployed.
    pub(crate) deployments: Option<&'a Deployments>,
    /// `None`: no function is durable here.
    pub(crate) executions: Option<&'a Arc<Executions>>,
}

/// What a request is for, as far as its head says.
#[derive(Clone, Copy)]
struct Route<'a> {
    method: &'a Method,
    /// The path's parts behind the first `/`, still encoded.
    parts: &'a [&'a str],
    query: &'a str,
}

impl Call {
    /// `None`: none of these routes.
    pub(crate) fn route(head: &request::Parts) -> Option<Self> {
        let path = head.uri.path();
        let path = path.strip_prefix('/').unwrap_or(path);
        let parts: Vec<&str> = path.strip_suffix('/').unwrap_or(path).split('/').collect();
        let query = head.uri.query().unwrap_or_default();
        let route = Route { method: &head.method, parts: &parts, query };
        if account::is_meant(route) {
            return Some(Self::Account);
        }
        None.or_else(|| event_config::Call::route(head).map(Self::EventConfig))
            .or_else(|| recursion::Call::route(head).map(Self::Recursion))
            .or_else(|| executions::Call::route(route).map(Self::Execution))
            .or_else(|| execution_callbacks::Call::route(route).map(Self::ExecutionCallback))
            .or_else(|| functions::Call::route(route).map(Self::Function))
            .or_else(|| versions::Call::route(route).map(Self::Version))
            .or_else(|| aliases::Call::route(route).map(Self::Alias))
            .or_else(|| concurrency::Call::route(route).map(Self::Concurrency))
            .or_else(|| policy::Call::route(route).map(Self::Policy))
            .or_else(|| tags::Call::route(route).map(Self::Tags))
            .or_else(|| urls::Call::route(route).map(Self::Url))
            .or_else(|| stand_ins::Call::route(head).map(Self::StandIn))
    }

    /// # Errors
    /// It is refused.
    pub(crate) async fn answer(self, body: &[u8], house: House<'_>) -> Result<Response<Bytes>, ApiError> {
        match self {
            Self::Account => account::answer(house),
            Self::Alias(call) => call.answer(body, house).await,
            Self::Concurrency(call) => call.answer(body, house).await,
            Self::EventConfig(call) => call.answer(body, house).await,
            Self::Execution(call) => call.answer(body, house).await,
            Self::ExecutionCallback(call) => call.answer(body, house).await,
            Self::Function(call) => call.answer(body, house).await,
            Self::Policy(call) => call.answer(body, house).await,
            Self::Recursion(call) => call.answer(body, house).await,
            Self::StandIn(call) => call.answer(body, house),
            Self::Tags(call) => call.answer(body, house).await,
            Self::Url(call) => call.answer(body, house).await,
            Self::Version(call) => call.answer(body, house).await,
        }
    }
}

impl<'a> House<'a> {
    fn settings(self) -> &'a Settings {
        &self.runner.driver.settings
    }

    fn functions(self) -> &'a Functions {
        &self.runner.functions
    }

    /// # Errors
    /// There is no place for executions.
    fn executions(self) -> Result<&'a Arc<Executions>, ApiError> {
        self.executions.ok_or_else(executions_unavailable)
    }

    /// # Errors
    /// There is no place for what is deployed.
    fn deployments(self) -> Result<&'a Deployments, ApiError> {
        self.deployments.ok_or_else(|| {
            let text =
                "This local Lambda was started without a place for functions that are deployed into it.";
            ApiError::new(ErrorCode::InvalidParameterValue, text)
        })
    }
}

/// For a service that keeps no executions.
pub(crate) fn executions_unavailable() -> ApiError {
    let text = "This local Lambda was started without a place for durable executions.";
    ApiError::new(ErrorCode::InvalidParameterValue, text)
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
    parameters(query, key).next()
}

/// Every value of `key` in a query.
fn parameters<'a>(query: &'a str, key: &'a str) -> impl Iterator<Item = String> + 'a {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.filter(move |(name, _)| *name == key).map(|(_, value)| decoded(value))
}

/// A JSON body; none stands for an empty one.
fn read<'a, T: Default + Deserialize<'a>>(body: &'a [u8]) -> Result<T, ApiError> {
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

fn created(body: String) -> Response<Bytes> {
    let mut response = json(body);
    *response.status_mut() = StatusCode::CREATED;
    response
}

fn nothing() -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}
