//! What a token says.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::keys::{CREDENTIAL_HASH_BYTES, CredentialHash, Right};

/// Whose token it is, what for and how long.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claims {
    /// The key that it stands for: looked up at each call, so that a key's end is its tokens' end.
    pub key: CredentialHash,
    /// Of the key's rights, those that the token has.
    pub rights: Vec<Right>,
    /// To the second.
    pub expires: SystemTime,
}

impl Claims {
    /// The key's hash, a byte of rights, and eight bytes of seconds since 1970, the highest first.
    pub(super) fn encode(&self) -> Vec<u8> {
        let expires_s = self.expires.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let rights = self.rights.iter().fold(0, |bits, right| bits | bit(*right));
        [&self.key.0[..], &[rights], &expires_s.to_be_bytes()].concat()
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (key, rest) = bytes.split_first_chunk::<CREDENTIAL_HASH_BYTES>()?;
        let (&[rights], rest) = rest.split_first_chunk::<1>()?;
        let expires_s = u64::from_be_bytes(rest.try_into().ok()?);
        Some(Self {
            key: CredentialHash(*key),
            rights: Right::ALL.into_iter().filter(|right| rights & bit(*right) != 0).collect(),
            expires: UNIX_EPOCH.checked_add(Duration::from_secs(expires_s))?,
        })
    }
}

fn bit(right: Right) -> u8 {
    match right {
        Right::Invoke => 1,
        Right::Async => 2,
        Right::Logs => 4,
    }
}
