//! The head of the answer to `next`: everything of an invocation but its event.

use http::{HeaderMap, HeaderName, HeaderValue, header::CONTENT_TYPE};

use super::{
    LAMBDA_RUNTIME_AWS_REQUEST_ID, LAMBDA_RUNTIME_CLIENT_CONTEXT, LAMBDA_RUNTIME_DEADLINE_MS,
    LAMBDA_RUNTIME_INVOCATION_ID, LAMBDA_RUNTIME_INVOKED_FUNCTION_ARN, LAMBDA_RUNTIME_TRACE_ID,
};

/// One invocation, as the service hands it to a runtime.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Next {
    /// A lower-case UUID; opaque to runtimes.
    pub request_id: HeaderValue,
    /// Milliseconds since the epoch: the start and the function's timeout.
    pub deadline_ms: u64,
    /// As the caller named the function, qualifier included or not.
    pub function_arn: HeaderValue,
    pub trace: Option<HeaderValue>,
    /// JSON text on one line, not base64: [`Invoke::client_context_json`](crate::invoke::Invoke::client_context_json).
    pub client_context: Option<HeaderValue>,
    /// Unique per attempt.
    pub invocation_id: Option<HeaderValue>,
}

impl Next {
    /// What is absent or empty is left out, as clients take an empty header for a value. The content type is exactly
    /// `application/json`: for any other, the Python client hands raw bytes to its function.
    pub fn encode(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(LAMBDA_RUNTIME_AWS_REQUEST_ID, self.request_id.clone());
        headers.insert(LAMBDA_RUNTIME_DEADLINE_MS, HeaderValue::from(self.deadline_ms));
        headers.insert(LAMBDA_RUNTIME_INVOKED_FUNCTION_ARN, self.function_arn.clone());
        let optional = [
            (LAMBDA_RUNTIME_TRACE_ID, &self.trace),
            (LAMBDA_RUNTIME_CLIENT_CONTEXT, &self.client_context),
            (LAMBDA_RUNTIME_INVOCATION_ID, &self.invocation_id),
        ];
        for (name, value) in optional {
            if let Some(value) = value
                && !value.is_empty()
            {
                headers.insert(name, value.clone());
            }
        }
        headers
    }

    /// # Errors
    /// A header that every invocation has is missing or not what it should be.
    pub fn decode(headers: &HeaderMap) -> Result<Self, NextError> {
        let optional = |name: &HeaderName| headers.get(name).filter(|value| !value.is_empty()).cloned();
        let required = |name: HeaderName| optional(&name).ok_or(NextError(name));
        let deadline = required(LAMBDA_RUNTIME_DEADLINE_MS)?;
        let deadline_ms = deadline.to_str().ok().and_then(|text| text.parse().ok());
        Ok(Self {
            request_id: required(LAMBDA_RUNTIME_AWS_REQUEST_ID)?,
            deadline_ms: deadline_ms.ok_or(NextError(LAMBDA_RUNTIME_DEADLINE_MS))?,
            function_arn: required(LAMBDA_RUNTIME_INVOKED_FUNCTION_ARN)?,
            trace: optional(&LAMBDA_RUNTIME_TRACE_ID),
            client_context: optional(&LAMBDA_RUNTIME_CLIENT_CONTEXT),
            invocation_id: optional(&LAMBDA_RUNTIME_INVOCATION_ID),
        })
    }
}

/// The header that keeps an answer from being an invocation.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is missing or malformed")]
pub struct NextError(pub HeaderName);
