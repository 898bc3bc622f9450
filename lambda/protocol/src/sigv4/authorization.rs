//! The `Authorization` header as a server reads it.

use super::{ALGORITHM, TERMINATOR, hex};

/// The parts of an `Authorization` header of this kind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Authorization<'a> {
    pub access_key_id: &'a str,
    /// `YYYYMMDD`, if it is right.
    pub date: &'a str,
    pub region: &'a str,
    pub service: &'a str,
    /// `aws4_request`, if it is right.
    pub terminator: &'a str,
    /// Names joined with `;`, as the client wrote them.
    pub signed_headers: &'a str,
    /// As the client wrote it.
    pub(super) signature: &'a str,
}

/// Why a header is none of this kind.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Malformed {
    #[error("Authorization header requires 'Credential' parameter.")]
    NoCredential,
    #[error("Authorization header requires 'SignedHeaders' parameter.")]
    NoSignedHeaders,
    #[error("Authorization header requires 'Signature' parameter.")]
    NoSignature,
    #[error("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.")]
    Credential,
    #[error("Unsupported AWS 'algorithm': only {ALGORITHM} is accepted.")]
    Algorithm,
}

impl<'a> Authorization<'a> {
    /// Takes the header apart. Its parts may stand in any order, and with or without blanks between them.
    ///
    /// # Errors
    /// The first thing that is missing or no such thing.
    pub fn parse(value: &'a [u8]) -> Result<Self, Malformed> {
        let text = std::str::from_utf8(value).map_err(|_| Malformed::Algorithm)?.trim_ascii();
        let parts = text.strip_prefix(ALGORITHM).filter(|rest| rest.is_empty() || rest.starts_with(' '));
        let parts = parts.ok_or(Malformed::Algorithm)?;
        let part = |name: &str| {
            let mut pairs = parts.split(',').filter_map(|pair| pair.trim_ascii().split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        let credential = part("Credential").ok_or(Malformed::NoCredential)?;
        let signed_headers = part("SignedHeaders").ok_or(Malformed::NoSignedHeaders)?;
        let signature = part("Signature").ok_or(Malformed::NoSignature)?;
        let mut elements = credential.split('/');
        let mut element = || elements.next().ok_or(Malformed::Credential);
        let (access_key_id, date, region, service, terminator) =
            (element()?, element()?, element()?, element()?, element()?);
        if elements.next().is_some() {
            return Err(Malformed::Credential);
        }
        Ok(Self { access_key_id, date, region, service, terminator, signed_headers, signature })
    }

    /// Is this name among the signed ones?
    pub fn signs(&self, name: &str) -> bool {
        self.signed_headers.split(';').any(|signed| signed == name)
    }

    pub(super) fn is_terminated(&self) -> bool {
        self.terminator == TERMINATOR
    }

    /// `None`: of no form that a signature can have.
    pub(super) fn signature(&self) -> Option<[u8; 32]> {
        hex::decode(self.signature.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Malformed) {
        assert_eq!(Authorization::parse(text.as_bytes()), Err(expected), "{text}");
    }

    #[test]
    fn parts_may_stand_in_any_order() {
        let expected = Authorization {
            access_key_id: "AKID",
            date: "20260101",
            region: "us-east-1",
            service: "lambda",
            terminator: "aws4_request",
            signed_headers: "host;x-amz-date",
            signature: "00",
        };
        for text in [
            "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host;x-amz-date, Signature=00",
            "AWS4-HMAC-SHA256   Signature=00,SignedHeaders=host;x-amz-date,Credential=AKID/20260101/us-east-1/lambda/aws4_request",
        ] {
            assert_eq!(Authorization::parse(text.as_bytes()), Ok(expected));
        }
        assert!(expected.signs("host") && !expected.signs("x-amz") && !expected.signs(""));
    }

    #[test]
    fn what_is_missing_is_said() {
        check("", Malformed::Algorithm);
        check("Bearer AWS4-HMAC-SHA256", Malformed::Algorithm);
        check("AWS4-HMAC-SHA256X Credential=a/b/c/d/e", Malformed::Algorithm);
        check("AWS4-HMAC-SHA256", Malformed::NoCredential);
        check("AWS4-HMAC-SHA256 Credential=a/b/c/d/e", Malformed::NoSignedHeaders);
        check("AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=", Malformed::NoSignature);
        check("AWS4-HMAC-SHA256 Credential=a/b/c/d, SignedHeaders=, Signature=", Malformed::Credential);
        check("AWS4-HMAC-SHA256 Credential=a/b/c/d/e/f, SignedHeaders=, Signature=", Malformed::Credential);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80), tail in "[ ,=/;a-zA-Z]{0,60}") {
            let _ = Authorization::parse(&bytes);
            let _ = Authorization::parse(&[b"AWS4-HMAC-SHA256 ", &bytes[..]].concat());
            let _ = Authorization::parse(format!("AWS4-HMAC-SHA256 Credential={tail}").as_bytes());
        }
    }
}
