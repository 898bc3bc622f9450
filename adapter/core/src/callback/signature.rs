//! Who receives a callback can know that it is ours: Standard Webhooks' signature.
//!
//! Source: the Standard Webhooks specification, "Signature scheme" (symmetric, `v1`). The signed text is
//! `id.timestamp.body`; header fields are not signed.

use std::{
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderName, HeaderValue};
use sha2::Sha256;
use uuid::Uuid;

use crate::token::SealingKeys;

/// A secret that is shared with the receiver. Prints as dots.
///
/// Shape: `whsec_` and the base64 of 24 to 64 bytes.
#[derive(Clone, Eq, PartialEq)]
pub struct SigningSecret(Vec<u8>);

/// A caller's secrets: while one replaces the other, both sign.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SigningSecrets(Vec<SigningSecret>);

/// Why a text is no signing secret. Never quotes it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SecretError {
    #[error("a signing secret begins with {PREFIX:?}")]
    Prefix,
    #[error("what follows {PREFIX:?} is not base64")]
    Base64,
    #[error("a signing secret is {MIN_BYTES} to {MAX_BYTES} bytes; this one is {len}")]
    Length { len: usize },
}

impl SigningSecret {
    /// # Errors
    /// The first rule that `text` breaks.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let base64 = text.strip_prefix(PREFIX).ok_or(SecretError::Prefix)?;
        let bytes = base64_simd::STANDARD.decode_to_vec(base64).map_err(|_| SecretError::Base64)?;
        let len = bytes.len();
        if (MIN_BYTES..=MAX_BYTES).contains(&len) {
            Ok(Self(bytes))
        } else {
            Err(SecretError::Length { len })
        }
    }

    /// All of it. For the receiver; never for a log.
    pub fn expose(&self) -> String {
        format!("{PREFIX}{}", base64_simd::STANDARD.encode_to_string(&self.0))
    }

    fn sign(&self, signed: &[&[u8]]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        for part in signed {
            mac.update(part);
        }
        format!("v1,{}", base64_simd::STANDARD.encode_to_string(mac.finalize().into_bytes()))
    }
}

impl SigningSecrets {
    /// The secrets of the caller whose key has this label: one for each of the gateway's keys, the current one's first.
    /// Whoever changes the gateway's key for another changes them with it, and for as long as the old key stays in the
    /// ring both sign.
    pub fn of(keys: &SealingKeys, label: &str) -> Self {
        Self(keys.derive(CONTEXT, label.as_bytes()).map(|secret| SigningSecret(secret.to_vec())).collect())
    }

    /// The one that counts from now on; for the receiver.
    pub fn current(&self) -> Option<&SigningSecret> {
        self.0.first()
    }

    /// The three fields of one attempt. `id` is the same at each attempt; `now` is the attempt's time.
    pub fn fields(&self, id: Uuid, now: SystemTime, body: &[u8]) -> [(HeaderName, HeaderValue); 3] {
        let id = id.to_string();
        let timestamp = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().to_string();
        let signed: [&[u8]; 5] = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
        let signatures: Vec<String> = self.0.iter().map(|secret| secret.sign(&signed)).collect();
        let field =
            |text: String| HeaderValue::try_from(text).expect("ids, numbers and base64 are visible ASCII");
        [
            (WEBHOOK_ID, field(id)),
            (WEBHOOK_TIMESTAMP, field(timestamp)),
            (WEBHOOK_SIGNATURE, field(signatures.join(" "))),
        ]
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}

/// The same on every attempt of one callback, signed or not.
pub const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

const PREFIX: &str = "whsec_";
const CONTEXT: &[u8] = b"stayput callback signature 1";
const MIN_BYTES: usize = 24;
const MAX_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const ID: Uuid = Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0001);

    /// 24 bytes from 0 on, and 32 from 32 on.
    const OLD: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
    const NEW: &str = "whsec_ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

    fn secret(text: &str) -> SigningSecret {
        SigningSecret::parse(text).unwrap()
    }

    fn at(s: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(s)
    }

    #[track_caller]
    fn check(secrets: &SigningSecrets, s: u64, body: &[u8], expected: &str) {
        let [id, timestamp, signature] = secrets.fields(ID, at(s), body).map(|(_, value)| value);
        assert_eq!(id, "01980000-0000-7000-8000-000000000001");
        assert_eq!(timestamp, s.to_string());
        assert_eq!(signature, expected);
    }

    /// Expected values: `openssl dgst -sha256 -mac HMAC -macopt hexkey:… -binary | base64` of the signed text.
    #[test]
    fn signatures_are_what_openssl_says() {
        let old = SigningSecrets(vec![secret(OLD)]);
        check(&old, 1_700_000_000, b"{\"ok\":true}", "v1,tHmBtAWwrmy4d1UmNihUDWR/90E/9jbN20s6lbK6apo=");
        check(&old, 1_700_000_000, b"", "v1,ubKK/NFEknQucfbyND2t9ANBs4b7hHydGxBYLuEZEa0=");
        check(&old, 1_700_000_000, b"\xff\x00.\n", "v1,OQJ/qyuXHCHsh7NxD9hwXGBFIjIwaGn7W6x+ynmWiTc=");
        check(
            &SigningSecrets(vec![secret(NEW)]),
            0,
            b"{\"ok\":true}",
            "v1,PWTqg69M8j5Av0E0eOlhfaFJCqLh+4jx46qE25pUUvU=",
        );
    }

    #[test]
    fn while_a_secret_is_replaced_both_sign() {
        let both = SigningSecrets(vec![secret(NEW), secret(OLD)]);
        let told = both.fields(ID, at(1_700_000_000), b"{\"ok\":true}")[2].1.to_str().unwrap().to_owned();
        assert!(told.ends_with(" v1,tHmBtAWwrmy4d1UmNihUDWR/90E/9jbN20s6lbK6apo="), "{told}");
        assert_eq!(told.split(' ').count(), 2);
    }

    #[test]
    fn each_caller_has_a_secret_of_its_own_under_each_of_the_gateways_keys() {
        let (one, two) = ("11".repeat(32), "22".repeat(32));
        let of = |keys: &str, label: &str| SigningSecrets::of(&SealingKeys::parse(keys).unwrap(), label);
        let (old, new) = (of(&one, "erp"), of(&format!("{two} {one}"), "erp"));
        assert_eq!((old.0.len(), new.0.len()), (1, 2));
        assert_eq!(new.0[1], old.0[0], "while it is in the ring, the old one signs as before");
        assert_ne!(new.0[0], new.0[1]);
        assert_ne!(of(&one, "crm").0[0], old.0[0]);
        let exposed = old.current().unwrap().expose();
        assert_eq!(SigningSecret::parse(&exposed).as_ref(), Ok(&old.0[0]));
    }

    #[test]
    fn a_secret_is_24_to_64_bytes_of_base64_behind_its_prefix() {
        let refused = |text: &str| SigningSecret::parse(text).err();
        let of = |len: usize| format!("whsec_{}", base64_simd::STANDARD.encode_to_string(vec![7; len]));
        assert_eq!(refused(&of(24)), None);
        assert_eq!(refused(&of(64)), None);
        assert_eq!(refused(&of(23)), Some(SecretError::Length { len: 23 }));
        assert_eq!(refused(&of(65)), Some(SecretError::Length { len: 65 }));
        assert_eq!(refused("hunter2"), Some(SecretError::Prefix));
        assert_eq!(refused("whsec_hunter2!"), Some(SecretError::Base64));
        assert_eq!(format!("{:?}", secret(OLD)), "SigningSecret(…)");
    }
}
