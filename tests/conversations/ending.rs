//! `--- end` and `--- callback`: how an asynchronous call ended, and what its caller is told of that.

use std::time::SystemTime;

use http::{HeaderMap, HeaderName, header};
use lambda_protocol::destination::{Condition, DestinationRecord, ResponseContext};
use serde_json::value::RawValue;

use super::{
    message::{Headers, check_headers},
    template::{Known, Template, show},
};

/// The end of a turn's call.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) condition: Condition,
    pub(crate) function_error: Option<String>,
    /// What the function answered last; `None`: nothing.
    pub(crate) payload: Option<String>,
    /// `None`: the caller is told nothing.
    pub(crate) callback: Option<ExpectedCallback>,
}

/// A `POST` to the caller's URL.
#[derive(Debug)]
pub(crate) struct ExpectedCallback {
    pub(crate) headers: Headers,
    pub(crate) body: Template,
}

impl End {
    /// The record that Lambda makes of it. `target`: of the call's Invoke, whose payload is `event`.
    ///
    /// # Errors
    /// What is no JSON, or no target of an Invoke.
    pub(crate) fn record(&self, target: &str, event: &[u8], now: SystemTime) -> Result<Vec<u8>, String> {
        let name = target.strip_prefix("/2015-03-31/functions/").and_then(|rest| rest.split_once('/'));
        let (name, _) = name.ok_or_else(|| format!("{target} invokes nobody"))?;
        let (response, runs) = match self.condition {
            Condition::Success | Condition::RetriesExhausted => {
                let function_error = self.function_error.clone();
                let executed_version = Some("$LATEST".to_owned());
                (Some(ResponseContext { status_code: 200, executed_version, function_error }), 1)
            }
            Condition::EventAgeExceeded | Condition::ZeroReservedConcurrency => (None, 0),
        };
        let payload = self.payload.as_deref().map(serde_json::from_str::<&RawValue>).transpose();
        let record = DestinationRecord {
            timestamp: now,
            request_id: "c0a80101-0000-4000-8000-000000000001".to_owned(),
            function_arn: format!("arn:aws:lambda:us-east-1:000000000000:function:{name}:$LATEST"),
            condition: self.condition,
            approximate_invoke_count: runs,
            request_payload: serde_json::from_slice(event).map_err(|error| error.to_string())?,
            response,
            response_payload: payload.map_err(|error| format!("the end's payload: {error}"))?,
        };
        Ok(record.encode())
    }

    /// Compares with what the caller was told. `known`: of the turn.
    ///
    /// # Errors
    /// The first difference.
    pub(crate) fn check(&self, told: Option<(&HeaderMap, &[u8])>, known: &mut Known) -> Result<(), String> {
        match (&self.callback, told) {
            (None, None) => Ok(()),
            (None, Some((_, body))) => Err(format!("callback: expected none, got {}", show(body))),
            (Some(_), None) => Err("callback: there is none".to_owned()),
            (Some(expected), Some((headers, body))) => {
                let is_compared = |name: &HeaderName| !AN_ATTEMPTS_OWN.contains(name);
                check_headers(&expected.headers, headers, is_compared, known)
                    .map_err(|error| format!("callback: {error}"))?;
                expected.body.check(body, known).map_err(|error| format!("callback's body: {error}"))
            }
        }
    }
}

/// What a connection has, and an attempt's signature.
static AN_ATTEMPTS_OWN: [HeaderName; 5] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::CONNECTION,
    HeaderName::from_static("webhook-timestamp"),
    HeaderName::from_static("webhook-signature"),
];
