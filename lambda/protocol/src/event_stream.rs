//! `application/vnd.amazon.eventstream`: how `InvokeWithResponseStream` answers, frame by frame.
//!
//! A frame, big-endian: its length u32, its headers' length u32, CRC-32 of those 8 bytes; headers; payload; CRC-32 of all
//! before it. A header: name's length u8, name, type u8, value. Source: AWS event stream encoding, and the service's
//! answers as the reference records them (`lambda-service.md`, section 2).

use http::HeaderValue;

mod decode;
mod encode;
mod headers;

pub use decode::{Decoder, EventStreamError, Piece};
pub use encode::{invoke_complete, payload_chunk};

/// The last event of a stream: how the invocation ended.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct InvokeComplete {
    /// `None`: it went well. Else `Runtime.…`, `Function.…`, `Sandbox.…`, or the name that the function gave.
    pub error_code: Option<String>,
    /// The error's JSON as the function gave it, or the service's words.
    pub error_details: Option<String>,
    /// Base64 of the log's last 4,096 bytes, where it was asked for.
    pub log_result: Option<String>,
}

/// The content type of such a body.
pub const EVENT_STREAM: HeaderValue = HeaderValue::from_static("application/vnd.amazon.eventstream");

/// Bytes of a frame's headers. Source: AWS event stream encoding.
pub const MAX_HEADERS_BYTES: usize = 128 * 1024;
/// Bytes of a frame's payload. Source: AWS event stream encoding.
pub const MAX_PAYLOAD_BYTES: usize = 24 * 1024 * 1024;

/// Two lengths and their checksum.
const PRELUDE_LEN: usize = 12;
const CRC_LEN: usize = 4;

/// The words of frames.
mod words {
    pub(super) const MESSAGE_TYPE: &str = ":message-type";
    pub(super) const EVENT_TYPE: &str = ":event-type";
    pub(super) const EXCEPTION_TYPE: &str = ":exception-type";
    pub(super) const ERROR_CODE: &str = ":error-code";
    pub(super) const CONTENT_TYPE: &str = ":content-type";
    pub(super) const EVENT: &str = "event";
    pub(super) const EXCEPTION: &str = "exception";
    pub(super) const ERROR: &str = "error";
    pub(super) const PAYLOAD_CHUNK: &str = "PayloadChunk";
    pub(super) const INVOKE_COMPLETE: &str = "InvokeComplete";
}

#[cfg(test)]
mod tests;
