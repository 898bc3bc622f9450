//! The key that signs: derived from the secret for one day, region and service.

use std::{fmt, time::SystemTime};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{ALGORITHM, AmzDate, SecretKey, TERMINATOR, hex};

/// A derived key, good for one day. Deriving takes four HMACs, signing with it one; it is a secret, but opens
/// nothing on another day, in another region or at another service.
///
/// Source: IAM user guide, "Create a signed AWS API request", step 4.
#[derive(Clone)]
pub struct SigningKey {
    day: u64,
    /// `YYYYMMDD/region/service/aws4_request`
    scope: String,
    /// Has absorbed the key; each signature is made by a copy.
    mac: Hmac<Sha256>,
}

impl SigningKey {
    /// For the day, in UTC, in which `now` lies. `region` and `service` as in a credential scope: `us-east-1`,
    /// `lambda`.
    pub fn derive(secret: &SecretKey, now: SystemTime, region: &str, service: &str) -> Self {
        Self::of_day(secret, AmzDate::at(now), region, service)
    }

    pub(super) fn of_day(secret: &SecretKey, date: AmzDate, region: &str, service: &str) -> Self {
        let day = date.date();
        let first = [b"AWS4", secret.expose()].concat();
        let key = [&day[..], region.as_bytes(), service.as_bytes(), TERMINATOR.as_bytes()]
            .iter()
            .fold(keyed(&first), |mac, part| keyed(&mac.chain_update(part).finalize().into_bytes()));
        let day_text = std::str::from_utf8(&day).expect("ASCII digits");
        Self { day: date.day(), scope: format!("{day_text}/{region}/{service}/{TERMINATOR}"), mac: key }
    }

    /// Is this the key of the day in which `now` lies?
    pub fn is_for(&self, now: SystemTime) -> bool {
        AmzDate::at(now).day() == self.day
    }

    /// `YYYYMMDD/region/service/aws4_request`
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// Signs the hash of a canonical request.
    pub(super) fn sign(&self, date: &[u8; 16], request_hash: &[u8; 32]) -> [u8; 32] {
        self.absorb(date, request_hash).finalize().into_bytes().into()
    }

    /// Compares in constant time.
    pub(super) fn is_signature(
        &self,
        date: &[u8; 16],
        request_hash: &[u8; 32],
        signature: &[u8; 32],
    ) -> bool {
        self.absorb(date, request_hash).verify_slice(signature).is_ok()
    }

    /// The string to sign.
    fn absorb(&self, date: &[u8; 16], request_hash: &[u8; 32]) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        for part in [ALGORITHM.as_bytes(), b"\n", date, b"\n", self.scope.as_bytes(), b"\n"] {
            mac.update(part);
        }
        mac.chain_update(hex::encode(request_hash))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, …)", self.scope)
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("an HMAC takes keys of any length")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn it_is_for_one_day_and_says_nothing_of_itself() {
        let midnight = UNIX_EPOCH + Duration::from_hours(24);
        let key = SigningKey::derive(&SecretKey::new("hush"), midnight, "us-east-1", "lambda");
        assert!(key.is_for(midnight) && key.is_for(midnight + Duration::from_secs(86_399)));
        assert!(
            !key.is_for(midnight - Duration::from_secs(1))
                && !key.is_for(midnight + Duration::from_hours(24))
        );
        assert_eq!(format!("{key:?}"), "SigningKey(19700102/us-east-1/lambda/aws4_request, …)");
    }
}
