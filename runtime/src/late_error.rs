//! A fault of an answer that has begun: it goes out behind the body, as HTTP trailers.

use http::HeaderMap;
use lambda_protocol::runtime_api::LateError;
use lambda_runtime::Diagnostic;
use serde::Deserialize;

use crate::Error;

/// Both texts are cut where they are too long for trailers.
pub(crate) fn encode(error: &Error) -> HeaderMap {
    let error_type = cut(error.error_type(), TYPE_BYTES);
    let told =
        Diagnostic { error_type: error_type.clone(), error_message: cut(error.message(), MESSAGE_BYTES) };
    let json = serde_json::to_vec(&told).expect("two texts are JSON").into();
    LateError { error_type, json }.encode()
}

/// What a caller reads in such trailers; `None` if that is no error.
pub(crate) fn decode(trailers: &HeaderMap) -> Option<Error> {
    let LateError { error_type: _, json } = LateError::decode(trailers)?;
    let Told { error_type, error_message } = serde_json::from_slice(&json).ok()?;
    Some(Error::new(error_type, error_message))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    error_type: String,
    error_message: String,
}

fn cut(text: &str, most_bytes: usize) -> String {
    text[..text.floor_char_boundary(most_bytes)].to_owned()
}

/// Bytes of a type and of a message. Ours: with every one of them escaped in JSON as six, and base64 of that, all the
/// trailers are under the 16 KiB that hyper takes, and so the embedded Lambda.
const TYPE_BYTES: usize = 256;
const MESSAGE_BYTES: usize = 1024;

#[cfg(test)]
mod tests {
    use lambda_protocol::runtime_api::{
        LAMBDA_RUNTIME_FUNCTION_ERROR_BODY, LAMBDA_RUNTIME_FUNCTION_ERROR_TYPE,
    };
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_error_is_a_type_and_a_body() {
        let trailers = encode(&Error::new("Late", "too late"));
        assert_eq!(trailers[LAMBDA_RUNTIME_FUNCTION_ERROR_TYPE], "Late");
        let body = "eyJlcnJvclR5cGUiOiJMYXRlIiwiZXJyb3JNZXNzYWdlIjoidG9vIGxhdGUifQ==";
        assert_eq!(trailers[LAMBDA_RUNTIME_FUNCTION_ERROR_BODY], body);
    }

    #[test]
    fn a_type_that_no_header_holds_is_told_in_the_body() {
        let error = Error::new("Zu spät\n", "");
        assert_eq!(decode(&encode(&error)), Some(error));
    }

    #[test]
    fn the_longest_fits_a_servers_trailers() {
        let trailers = encode(&Error::new("\u{1}".repeat(10_000), "\u{1}".repeat(100_000)));
        let bytes: usize = trailers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
        assert!(bytes < 16 * 1024, "{bytes} bytes of trailers");
    }

    proptest! {
        #[test]
        fn what_was_told_is_read(error_type in "\\PC{0,20}", message in ".{0,100}") {
            let error = Error::new(error_type, message);
            prop_assert_eq!(decode(&encode(&error)), Some(error));
        }
    }
}
