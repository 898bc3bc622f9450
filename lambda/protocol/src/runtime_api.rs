//! The Runtime API: what a function's process talks to. Paths, the head of `next`, and the service's replies.
//!
//! Source: AWS Lambda developer guide, "Runtime API", version 2018-06-01; the replies' bodies as AWS's own Runtime
//! Interface Emulator gives them.

use http::{HeaderName, HeaderValue};

mod late_error;
mod next;
mod reply;
mod route;

pub use late_error::LateError;
pub use next::{Next, NextError};
pub use reply::Reply;
pub use route::{Route, RouteError};

pub const LAMBDA_RUNTIME_AWS_REQUEST_ID: HeaderName =
    HeaderName::from_static("lambda-runtime-aws-request-id");
pub const LAMBDA_RUNTIME_DEADLINE_MS: HeaderName = HeaderName::from_static("lambda-runtime-deadline-ms");
pub const LAMBDA_RUNTIME_INVOKED_FUNCTION_ARN: HeaderName =
    HeaderName::from_static("lambda-runtime-invoked-function-arn");
pub const LAMBDA_RUNTIME_TRACE_ID: HeaderName = HeaderName::from_static("lambda-runtime-trace-id");
pub const LAMBDA_RUNTIME_CLIENT_CONTEXT: HeaderName =
    HeaderName::from_static("lambda-runtime-client-context");
/// Unique per attempt. New runtimes send it back with `response` and `error`; older ones send nothing.
pub const LAMBDA_RUNTIME_INVOCATION_ID: HeaderName = HeaderName::from_static("lambda-runtime-invocation-id");
/// On `error` and `init/error`, and as a trailer of a streamed `response`.
pub const LAMBDA_RUNTIME_FUNCTION_ERROR_TYPE: HeaderName =
    HeaderName::from_static("lambda-runtime-function-error-type");
/// A trailer of a streamed `response`: base64 of the error's JSON.
pub const LAMBDA_RUNTIME_FUNCTION_ERROR_BODY: HeaderName =
    HeaderName::from_static("lambda-runtime-function-error-body");
/// On `response`: `streaming`, or absent.
pub const LAMBDA_RUNTIME_FUNCTION_RESPONSE_MODE: HeaderName =
    HeaderName::from_static("lambda-runtime-function-response-mode");
/// On a streamed `response`, with any value: this runtime understands an answer that comes before its own is complete. The
/// caller has gone, and the rest is not wanted. Ours; AWS ignores it, and lets functions run on.
pub const STAYPUT_EARLY_ANSWER: HeaderName = HeaderName::from_static("stayput-early-answer");

/// What answers in pieces call themselves in [`LAMBDA_RUNTIME_FUNCTION_RESPONSE_MODE`].
pub const STREAMING: HeaderValue = HeaderValue::from_static("streaming");

#[cfg(test)]
mod tests;
