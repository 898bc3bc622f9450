//! An error that comes after a streamed answer has begun.
//!
//! The Runtime API takes it as HTTP trailers of the `response`. The Rust crate `lambda_runtime` (1.5) declares them and then
//! writes their text into the body, where it is the caller's to read: [`LateError::in_body`] knows it there.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

use super::{LAMBDA_RUNTIME_FUNCTION_ERROR_BODY, LAMBDA_RUNTIME_FUNCTION_ERROR_TYPE};
use crate::fault::Fault;

/// Why an answer that had begun is not whole.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LateError {
    pub error_type: String,
    /// An error object: `errorType`, `errorMessage`.
    pub json: Bytes,
}

impl LateError {
    /// The trailers that say so. A type that cannot stand in a header has its odd characters replaced by `?`.
    pub fn encode(&self) -> HeaderMap {
        let fits = |c: char| if c.is_ascii_graphic() { c } else { '?' };
        let error_type: String = self.error_type.chars().map(fits).collect();
        let json = base64_simd::STANDARD.encode_to_string(&self.json);
        HeaderMap::from_iter([
            (LAMBDA_RUNTIME_FUNCTION_ERROR_TYPE, HeaderValue::try_from(error_type).expect("visible ASCII")),
            (LAMBDA_RUNTIME_FUNCTION_ERROR_BODY, HeaderValue::try_from(json).expect("base64 is ASCII")),
        ])
    }

    /// `None`: these trailers tell of no error.
    pub fn decode(trailers: &HeaderMap) -> Option<Self> {
        let error_type = trailers.get(LAMBDA_RUNTIME_FUNCTION_ERROR_TYPE)?;
        let body = trailers.get(LAMBDA_RUNTIME_FUNCTION_ERROR_BODY).map(HeaderValue::as_bytes);
        Some(Self::of(error_type.as_bytes(), body.unwrap_or_default()))
    }

    /// The error that is told as text at the end of a body, or of a piece of one. `None`: there is none.
    pub fn in_body(body: &[u8]) -> Option<Self> {
        let text = body.strip_suffix(b"\r\n")?;
        let start = text.len().saturating_sub(MAX_TEXT_BYTES);
        let at = start + memchr::memmem::rfind(&text[start..], TYPE_LINE)?;
        let rest = &text[at + TYPE_LINE.len()..];
        let line_end = memchr::memmem::find(rest, b"\r\n")?;
        let body = rest[line_end..].strip_prefix(BODY_LINE)?;
        let is_base64 = body.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(byte));
        is_base64.then(|| Self::of(&rest[..line_end], body))
    }

    fn of(error_type: &[u8], base64: &[u8]) -> Self {
        let error_type = String::from_utf8_lossy(error_type).into_owned();
        let said = base64_simd::forgiving_decode_to_vec(base64).unwrap_or_default();
        let json = if Fault::decode(&said) == Fault::default() {
            let error_message =
                Some(String::from_utf8_lossy(&said).into_owned()).filter(|text| !text.is_empty());
            Fault { error_type: Some(error_type.clone()), error_message, trace: Vec::new() }.encode()
        } else {
            said
        };
        Self { error_type, json: json.into() }
    }
}

/// Longest such text that is looked for, in bytes. Ours: what Node's HTTP takes of a head, and twice that.
const MAX_TEXT_BYTES: usize = 32 * 1024;

const TYPE_LINE: &[u8] = b"Lambda-Runtime-Function-Error-Type: ";
const BODY_LINE: &[u8] = b"\r\nLambda-Runtime-Function-Error-Body: ";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(error_type: &str, json: &str) -> LateError {
        LateError { error_type: error_type.to_owned(), json: Bytes::from(json.to_owned()) }
    }

    #[test]
    fn trailers_tell_a_type_and_an_error_object() {
        let error = error("OrderUnknown", r#"{"errorType":"OrderUnknown","errorMessage":"no order 7"}"#);
        assert_eq!(LateError::decode(&error.encode()), Some(error));
        assert_eq!(LateError::decode(&HeaderMap::new()), None);
    }

    #[test]
    fn what_is_no_error_object_becomes_one() {
        let mut trailers = HeaderMap::new();
        trailers.insert(LAMBDA_RUNTIME_FUNCTION_ERROR_TYPE, HeaderValue::from_static("A"));
        assert_eq!(LateError::decode(&trailers), Some(error("A", r#"{"errorType":"A"}"#)));
        trailers.insert(LAMBDA_RUNTIME_FUNCTION_ERROR_BODY, HeaderValue::from_static("Ym9vbQ=="));
        let expected = error("A", r#"{"errorType":"A","errorMessage":"boom"}"#);
        assert_eq!(LateError::decode(&trailers), Some(expected));
    }

    #[test]
    fn a_type_that_fits_no_header_is_made_to() {
        let odd = error("a b\u{fc}\r\n", "{}");
        assert_eq!(odd.encode()[LAMBDA_RUNTIME_FUNCTION_ERROR_TYPE], "a?b???");
    }

    /// As `lambda_runtime` 1.5.0 writes it.
    #[test]
    fn the_rust_crates_text_is_known_at_the_end_of_a_body() {
        let text = "Lambda-Runtime-Function-Error-Type: Runtime.StreamError\r\n\
                    Lambda-Runtime-Function-Error-Body: Ym9vbQ==\r\n";
        let expected =
            error("Runtime.StreamError", r#"{"errorType":"Runtime.StreamError","errorMessage":"boom"}"#);
        for body in [text.to_owned(), format!("before{text}"), format!("{text}{text}")] {
            assert_eq!(LateError::in_body(body.as_bytes()), Some(expected.clone()), "{body}");
        }
        for body in ["", "\r\n", &format!("{text}x"), &text[..text.len() - 1], &text.replace("Ym9v", "Ym v")]
        {
            assert_eq!(LateError::in_body(body.as_bytes()), None, "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_body_panics(body in any::<Vec<u8>>(), tail in any::<Vec<u8>>()) {
            let _ = LateError::in_body(&body);
            let _ = LateError::in_body(&[&body, TYPE_LINE, &tail, b"\r\n"].concat());
        }
    }
}
