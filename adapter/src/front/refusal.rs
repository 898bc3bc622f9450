//! Why the front itself refuses a request, before any dialect has seen it.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

/// What is wrong with a request, in the order in which it is found. Every one of them closes the connection: where a
/// request is in doubt, so is the place where the next one begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// A line that does not end in CR LF, or a CR elsewhere.
    LineEnd,
    /// Not `METHOD target HTTP/1.1`.
    RequestLine,
    Method,
    Version,
    /// Not a path with an optional query, or with bytes that do not belong there.
    Target,
    TargetTooLong,
    HeadTooLarge,
    TooManyFields,
    /// Not `name: value`; or a line that continues the one before; or control characters.
    Field,
    /// None, more than one, or not the name of a host.
    Host,
    /// Not one number, or both a length and an encoding.
    ContentLength,
    BodyTooLarge,
    TransferEncoding,
    TransferCoding,
    Expectation,
    /// The caller ended the connection within the head.
    Truncated,
    /// The head took too long.
    Slow,
}

impl Refusal {
    pub fn status(self) -> StatusCode {
        match self {
            Self::LineEnd
            | Self::RequestLine
            | Self::Target
            | Self::Field
            | Self::Host
            | Self::ContentLength
            | Self::TransferEncoding
            | Self::Truncated => StatusCode::BAD_REQUEST,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::Expectation => StatusCode::EXPECTATION_FAILED,
            Self::HeadTooLarge | Self::TooManyFields => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Method | Self::TransferCoding => StatusCode::NOT_IMPLEMENTED,
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
        }
    }

    fn body(self) -> &'static str {
        match self {
            Self::LineEnd => r#"{"message":"lines of a request's head end in CR LF"}"#,
            Self::RequestLine => r#"{"message":"the request line is not 'METHOD target HTTP/1.1'"}"#,
            Self::Method => r#"{"message":"no method has a name that long"}"#,
            Self::Version => r#"{"message":"HTTP/1.1 and HTTP/1.0 are spoken here"}"#,
            Self::Target => {
                r#"{"message":"the target is not a path and a query, or holds bytes that must be percent-encoded"}"#
            }
            Self::TargetTooLong => r#"{"message":"the target is over the limit of 8192 bytes"}"#,
            Self::HeadTooLarge => r#"{"message":"the request's head is over the limit of 32768 bytes"}"#,
            Self::TooManyFields => r#"{"message":"the request is over the limit of 100 header fields"}"#,
            Self::Field => r#"{"message":"a header line is not 'name: value'"}"#,
            Self::Host => {
                r#"{"message":"a request has exactly one Host header, and in it the name of a host"}"#
            }
            Self::ContentLength => {
                r#"{"message":"a request has one Content-Length, a number, and no Transfer-Encoding beside it"}"#
            }
            Self::BodyTooLarge => r#"{"message":"no body is that large"}"#,
            Self::TransferEncoding => {
                r#"{"message":"Transfer-Encoding is 'chunked', once, and in HTTP/1.1 only"}"#
            }
            Self::TransferCoding => r#"{"message":"of the transfer codings only 'chunked' is understood"}"#,
            Self::Expectation => r#"{"message":"of the expectations only '100-continue' is understood"}"#,
            Self::Truncated => r#"{"message":"the connection ended within the request's head"}"#,
            Self::Slow => r#"{"message":"the request's head was not whole in time"}"#,
        }
    }

    /// The answer. There is no dialect yet, so its form is nobody's but ours.
    pub(super) fn answer(self) -> Response<Bytes> {
        let mut answer = Response::new(Bytes::from_static(self.body().as_bytes()));
        *answer.status_mut() = self.status();
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        answer
    }
}
