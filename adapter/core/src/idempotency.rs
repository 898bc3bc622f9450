//! The caller's word that two requests are one: `Idempotency-Key`.
//!
//! Source: draft-ietf-httpapi-idempotency-key-header; the bounds are ours.

use http::{HeaderMap, HeaderName};
use sha2::{Digest, Sha256};

use crate::{FunctionKey, Rejection};

/// What a caller sends with a call and with each repetition of it.
///
/// Shape: 1 to [`MAX_BYTES`] bytes of visible ASCII.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct IdempotencyKey(String);

/// A key within its scope, as it is looked up: the same text of another caller, or for another function, is another.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ScopedKey(pub [u8; 32]);

impl IdempotencyKey {
    /// The key in a request's head; `None`: there is none.
    ///
    /// # Errors
    /// [`Rejection::Malformed`] for a key of another shape, and for two.
    pub fn of(headers: &HeaderMap) -> Result<Option<Self>, Rejection> {
        let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => Self::parse(value.as_bytes()).map(Some).ok_or_else(malformed),
            (Some(_), Some(_)) => Err(malformed()),
        }
    }

    /// `None`: not of its shape.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let fits = (1..=MAX_BYTES).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
        fits.then(|| std::str::from_utf8(bytes).ok()).flatten().map(|text| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Within the caller's key (by its label), the dialect, the function and the route's path and query (`target`).
    pub fn scoped(&self, label: &str, dialect: &str, function: &FunctionKey, target: &str) -> ScopedKey {
        let mut hash = Sha256::new();
        for part in [CONTEXT, label, dialect, function.as_str(), target, &self.0] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        ScopedKey(hash.finalize().into())
    }
}

fn malformed() -> Rejection {
    Rejection::Malformed(format!(
        "Idempotency-Key is not one text of 1 to {MAX_BYTES} visible ASCII characters"
    ))
}

/// Bytes of a key.
pub const MAX_BYTES: usize = 255;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const CONTEXT: &str = "stayput idempotency key";

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn key(text: &str) -> IdempotencyKey {
        IdempotencyKey::parse(text.as_bytes()).unwrap()
    }

    fn sent(values: &[&'static str]) -> Result<Option<IdempotencyKey>, Rejection> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IDEMPOTENCY_KEY, HeaderValue::from_static(value));
        }
        IdempotencyKey::of(&headers)
    }

    #[test]
    fn a_key_is_1_to_255_visible_characters() {
        assert_eq!(sent(&[]), Ok(None));
        assert_eq!(sent(&["\"8e03978e-40d5\""]), Ok(Some(key("\"8e03978e-40d5\""))));
        for values in [&[""][..], &["a b"], &["a", "a"], &["a", ""]] {
            assert_eq!(sent(values), Err(malformed()), "{values:?}");
        }
        assert!(IdempotencyKey::parse(&[b'k'; 255]).is_some());
        assert_eq!(IdempotencyKey::parse(&[b'k'; 256]), None);
    }

    #[test]
    fn the_same_text_elsewhere_is_another_key() {
        let scoped = |label, dialect, function: &str, target, text| {
            key(text).scoped(label, dialect, &FunctionKey::new(function), target)
        };
        let one = scoped("erp", "eywa", "f", "/a", "k");
        assert_eq!(one, scoped("erp", "eywa", "f", "/a", "k"));
        for other in [
            scoped("crm", "eywa", "f", "/a", "k"),
            scoped("erp", "altair", "f", "/a", "k"),
            scoped("erp", "eywa", "g", "/a", "k"),
            scoped("erp", "eywa", "f", "/b", "k"),
            scoped("erp", "eywa", "f", "/a", "l"),
            scoped("erpe", "ywa", "f", "/a", "k"),
        ] {
            assert_ne!(one, other);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>()) {
            if let Some(key) = IdempotencyKey::parse(&bytes) {
                prop_assert_eq!(key.as_str().as_bytes(), bytes);
            }
        }
    }
}
