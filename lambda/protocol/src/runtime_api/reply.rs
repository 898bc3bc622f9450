//! What the service says to a runtime that has posted something, or asked for what is not there.

use bytes::Bytes;
use http::{
    HeaderValue, Method, Response, StatusCode,
    header::{ALLOW, CONTENT_TYPE},
    response,
};

use super::RouteError;
use crate::{json::text, quotas::SYNC_RESPONSE_BYTES};

/// Every reply but `next`'s.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reply {
    /// 202: a response or an error was taken.
    Accepted,
    Pong,
    /// 400: no such invocation is running here.
    InvalidRequestId,
    /// 400: `Lambda-Runtime-Function-Response-Mode` is neither absent nor `streaming`.
    InvalidResponseMode,
    /// 400: the upload ended early.
    Truncated,
    /// 403: the runtime does things in the wrong order. States are named as AWS does: `Ready`, `InvocationResponse`.
    InvalidTransition {
        from: &'static str,
        to: &'static str,
    },
    /// 404.
    NotFound,
    /// 405.
    MethodNotAllowed {
        allow: Method,
    },
    /// 410: the invocation has timed out meanwhile; a runtime goes on with `next`.
    Stale,
    /// 413: over [`SYNC_RESPONSE_BYTES`].
    TooLarge,
}

impl Reply {
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Accepted => StatusCode::ACCEPTED,
            Self::Pong => StatusCode::OK,
            Self::InvalidRequestId | Self::InvalidResponseMode | Self::Truncated => StatusCode::BAD_REQUEST,
            Self::InvalidTransition { .. } => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::Stale => StatusCode::GONE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        }
    }

    /// Head and body, without framing headers.
    pub fn encode(&self) -> (response::Parts, Bytes) {
        let mut head = Response::new(()).into_parts().0;
        head.status = self.status();
        let (content_type, body) = match self {
            Self::Accepted => (JSON, Bytes::from_static(br#"{"status":"OK"}"#)),
            Self::Pong => (TEXT, Bytes::from_static(b"pong")),
            Self::InvalidRequestId => (JSON, error("InvalidRequestID", "Invalid request ID")),
            Self::InvalidResponseMode => {
                (JSON, error("InvalidFunctionResponseMode", "Invalid function response mode"))
            }
            Self::Truncated => (JSON, error("TruncatedHTTPRequest", "HTTP request detected as truncated")),
            Self::InvalidTransition { from, to } => {
                let text = format!(
                    "State transition from {from} to {to} failed for runtime. Error: State transition is not allowed"
                );
                (JSON, error("InvalidStateTransition", &text))
            }
            Self::NotFound => (TEXT, Bytes::from_static(b"404 page not found\n")),
            Self::MethodNotAllowed { allow } => {
                head.headers
                    .insert(ALLOW, HeaderValue::from_str(allow.as_str()).expect("a method is a token"));
                (TEXT, Bytes::new())
            }
            Self::Stale => (JSON, error("InvokeTimeout", "Invoke timeout")),
            Self::TooLarge => {
                let text = format!("Exceeded maximum allowed payload size ({SYNC_RESPONSE_BYTES} bytes).");
                (JSON, error("RequestEntityTooLarge", &text))
            }
        };
        head.headers.insert(CONTENT_TYPE, content_type);
        (head, body)
    }
}

impl From<RouteError> for Reply {
    fn from(error: RouteError) -> Self {
        match error {
            RouteError::NotFound => Self::NotFound,
            RouteError::Method { allow } => Self::MethodNotAllowed { allow },
        }
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

fn error(error_type: &str, message: &str) -> Bytes {
    let mut body = br#"{"errorMessage":"#.to_vec();
    text::write(&mut body, message);
    body.extend_from_slice(br#","errorType":"#);
    text::write(&mut body, error_type);
    body.push(b'}');
    Bytes::from(body)
}
