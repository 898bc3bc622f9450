//! The HTTP request as a Lambda event: payload format version 2.0, as function URLs send it.
//!
//! Source: AWS Lambda developer guide, "Function URLs: request payload format". Where a request says more than that
//! format can hold, the difference is noted at [`HttpEvent::encode`].

use std::time::SystemTime;

use http::{HeaderMap, Method, Version};

mod decode;
mod encode;
mod ticket;

pub use ticket::{MAX_TICKET_BYTES, Ticketed};

/// One HTTP request on its way into an event. Borrowed: encoding copies everything once, into the event.
#[derive(Clone, Copy, Debug)]
pub struct HttpEvent<'a> {
    pub method: &'a Method,
    pub version: Version,
    /// Still percent-encoded; begins with `/`.
    pub raw_path: &'a str,
    /// Without the `?`; empty if there was none.
    pub raw_query: &'a str,
    /// What may reach the function; already filtered.
    pub headers: &'a HeaderMap,
    pub source_ip: &'a str,
    pub request_id: &'a str,
    pub time: SystemTime,
    /// What `requestContext.stayput.ticket` says; visible ASCII, at most [`MAX_TICKET_BYTES`].
    pub ticket: Option<&'a str>,
}

/// An HTTP request read out of an event: what a function works with.
#[derive(Debug)]
pub struct HttpRequest {
    /// Its URI is path and query alone; the host is in the headers. Repeated headers are joined with `,`, cookies
    /// are one `cookie` header.
    pub request: http::Request<bytes::Bytes>,
    pub request_id: Option<String>,
    pub source_ip: Option<String>,
}

/// Why an event is not an HTTP request. Names the member, never what is in it.
#[derive(Debug, thiserror::Error)]
#[error("not an HTTP event of version 2.0: {0}")]
pub struct HttpEventError(pub String);

#[cfg(test)]
mod tests;
