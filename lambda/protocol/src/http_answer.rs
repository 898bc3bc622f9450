//! A function's HTTP answer: `statusCode`, `headers`, `multiValueHeaders`, `cookies`, `body`, `isBase64Encoded`.
//!
//! Source: AWS Lambda developer guide, "Function URLs: response payload format"; `multiValueHeaders` from API Gateway
//! and load balancers, `status_code` from Altair.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

mod decode;
mod encode;

pub(crate) use decode::Members;

/// An HTTP answer, as a function gives it and as a caller gets it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HttpAnswer {
    /// From 200 to 599.
    pub status: StatusCode,
    /// Cookies are here too, as `set-cookie`. Framing and hop-by-hop names have not been judged yet.
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Why a payload is no HTTP answer.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum HttpAnswerError {
    #[error("the answer's status is not a number from 200 to 599")]
    Status,
    #[error("the answer's body is marked as base64 and is not")]
    Base64,
    #[error("the answer is not of the HTTP answer's shape: {0}")]
    Shape(String),
}

#[cfg(test)]
mod tests;
