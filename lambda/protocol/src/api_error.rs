//! Lambda's own errors: code, status, the header and both spellings of the body.

use std::fmt::Display;

use http::{
    HeaderMap, HeaderName, HeaderValue, Response,
    header::{CONTENT_TYPE, RETRY_AFTER},
    response,
};

use crate::json::{object, text};

mod asynchronous;
mod code;
mod deployment;
mod texts;

pub use code::{ErrorCode, ThrottleReason};

/// An error that Lambda's API answers with instead of a function's reply.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{code}: {message}", code = .code.as_str())]
pub struct ApiError {
    pub code: ErrorCode,
    /// Empty where the service said nothing. At most [`MAX_MESSAGE_BYTES`] when decoded.
    pub message: String,
    /// `Reason`, on throttles.
    pub reason: Option<ThrottleReason>,
    /// Seconds.
    pub retry_after: Option<u32>,
}

impl ApiError {
    pub fn new(code: ErrorCode, message: impl Display) -> Self {
        Self { code, message: message.to_string(), reason: None, retry_after: None }
    }

    /// The answer's head and JSON body, in the spelling (`Message` or `message`) that the code demands.
    pub fn encode(&self) -> (response::Parts, Vec<u8>) {
        let mut head = Response::new(()).into_parts().0;
        head.status = self.code.status();
        head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Ok(code) = HeaderValue::from_str(self.code.as_str()) {
            head.headers.insert(X_AMZN_ERROR_TYPE, code);
        }
        if let Some(seconds) = self.retry_after {
            head.headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        (head, self.body())
    }

    /// Reads any answer that is not a success; never fails: what cannot be read becomes `Other` with the status.
    ///
    /// The code is taken from `x-amzn-ErrorType`, else from the body's `code`, `__type` or `Type`; what follows a
    /// `:` or precedes a `#` in it is no part of the name.
    pub fn decode(head: &response::Parts, body: &[u8]) -> Self {
        let mut said = Said::default();
        // A body that is no JSON (a proxy's page) says nothing; what preceded a flaw in it is kept.
        object::members(body, |key, value| said.take(&key, value)).unwrap_or_default();
        let name = header_text(&head.headers, &X_AMZN_ERROR_TYPE)
            .and_then(bare_name)
            .or_else(|| said.code.as_deref().and_then(bare_name))
            .unwrap_or(UNKNOWN);
        Self {
            code: ErrorCode::parse(name, head.status),
            message: said.message.unwrap_or_default(),
            reason: said.reason,
            retry_after: header_text(&head.headers, &RETRY_AFTER).and_then(|text| text.trim().parse().ok()),
        }
    }

    fn body(&self) -> Vec<u8> {
        let spelling = self.code.spelling();
        let mut body = Vec::with_capacity(64 + self.message.len());
        let mut member = |key: &str, value: &str| {
            body.push(if body.is_empty() { b'{' } else { b',' });
            text::write(&mut body, key);
            body.push(b':');
            text::write(&mut body, value);
        };
        if let Some(reason) = self.reason {
            member("Reason", reason.as_str());
        }
        if spelling.typed {
            member("Type", if self.code.status().is_server_error() { "Service" } else { "User" });
        }
        member(spelling.message, &self.message);
        body.push(b'}');
        body
    }
}

/// Where the code stands in an answer. Every AWS client reads it before the body.
pub const X_AMZN_ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
/// Longest message that [`ApiError::decode`] keeps. Ours: validation texts quote whole parameters, but not more.
pub const MAX_MESSAGE_BYTES: usize = 16 * 1024;

/// Longest code that is believed. Ours: Lambda's longest is under 50.
const MAX_CODE_BYTES: usize = 256;
/// The code of an answer that names none.
const UNKNOWN: &str = "Unknown";

/// What an error's body says, whatever its spelling.
#[derive(Default)]
struct Said {
    code: Option<String>,
    message: Option<String>,
    reason: Option<ThrottleReason>,
}

impl Said {
    fn take(&mut self, key: &str, value: &serde_json::value::RawValue) {
        let Some(text) = object::string(value) else { return };
        match key {
            "Message" | "message" | "errorMessage" => {
                self.message = Some(text[..text.floor_char_boundary(MAX_MESSAGE_BYTES)].to_owned());
            }
            "code" | "__type" => self.code = Some(text.into_owned()),
            // Says who is to blame in Lambda's own errors, and is the code in some others.
            "Type"
                if !matches!(&*text, "User" | "Service" | "Sender" | "Receiver") && self.code.is_none() =>
            {
                self.code = Some(text.into_owned());
            }
            "Reason" => self.reason = ThrottleReason::parse(&text),
            _ => {}
        }
    }
}

fn header_text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// `com.amazonaws.lambda#Name:http://docs…` is `Name`.
fn bare_name(code: &str) -> Option<&str> {
    let code = code.rsplit_once('#').map_or(code, |(_, name)| name);
    let name = code.split(':').next().unwrap_or_default().trim();
    let fits = (1..=MAX_CODE_BYTES).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic());
    fits.then_some(name)
}

#[cfg(test)]
mod tests;
