//! How header values and bodies stand in JSON, in events and answers alike.

use std::borrow::Cow;

use http::HeaderValue;

use crate::json::text;

/// A header value as text: UTF-8, and where it is none, Latin-1, so that no byte of it is lost.
pub(crate) fn header_text(value: &HeaderValue) -> Cow<'_, str> {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => value.as_bytes().iter().map(|&byte| char::from(byte)).collect(),
    }
}

/// Appends the members `body` and `isBase64Encoded`. The body is text where it is UTF-8 and not longer so, escapes
/// included, than as base64.
pub(crate) fn write_body(out: &mut Vec<u8>, body: &[u8]) {
    out.extend_from_slice(br#""body":""#);
    let base64_len = body_len(body);
    match std::str::from_utf8(body) {
        Ok(text) if text::escaped_len(body, base64_len) <= base64_len => {
            text::escape(out, text);
            out.extend_from_slice(br#"","isBase64Encoded":false"#);
        }
        Ok(_) | Err(_) => {
            base64_simd::STANDARD.encode_append(body, out);
            out.extend_from_slice(br#"","isBase64Encoded":true"#);
        }
    }
}

/// The most bytes that a body takes in JSON: what it takes as base64.
pub(crate) fn body_len(body: &[u8]) -> usize {
    base64_simd::STANDARD.encoded_length(body.len())
}
