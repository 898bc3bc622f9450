//! Short-lived tokens that stand for a key: sealed, so that nothing has to be kept of them.
//!
//! What is remembered is only which of them were revoked before their time.

use std::{
    sync::{PoisonError, RwLock},
    time::SystemTime,
};

use crate::Credential;

mod claims;
mod revoked;
mod seal;

pub use claims::Claims;
pub use revoked::Revoked;
pub use seal::{KEY_PREFIX, KeyError, NONCE_BYTES, Nonce, SEALING_KEY_BYTES, SealingKey, SealingKeys};

/// The tokens of this process: what seals them, and which are revoked.
#[derive(Debug)]
pub struct Tokens {
    keys: SealingKeys,
    revoked: RwLock<Revoked>,
}

/// Why a token counts for nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refused {
    /// Not sealed with any of our keys.
    NotOurs,
    /// Ours, and over or revoked.
    Ended,
}

/// Does it look like one of ours? Keys that callers hold do not begin like this.
pub fn is_token(credential: &Credential) -> bool {
    credential.expose().starts_with(PREFIX.as_bytes())
}

impl Tokens {
    pub fn new(keys: SealingKeys) -> Self {
        Self { keys, revoked: RwLock::default() }
    }

    /// A token. `nonce` must be random: it is the token's name, too.
    pub fn issue(&self, claims: &Claims, nonce: Nonce) -> String {
        let sealed = self.keys.seal(&claims.encode(), PURPOSE, nonce);
        format!("{PREFIX}{}", base64_simd::URL_SAFE_NO_PAD.encode_to_string(sealed))
    }

    /// What a token says.
    ///
    /// # Errors
    /// It does not count.
    pub fn open(&self, token: &[u8], now: SystemTime) -> Result<Claims, Refused> {
        let (claims, nonce) = self.unseal(token)?;
        let revoked =
            || self.revoked.read().unwrap_or_else(PoisonError::into_inner).contains(&claims, &nonce);
        if claims.expires <= now || revoked() {
            return Err(Refused::Ended);
        }
        Ok(claims)
    }

    /// From now on the token counts for nothing, in this process.
    ///
    /// # Errors
    /// It does not count as it is.
    pub fn revoke(&self, token: &[u8], now: SystemTime) -> Result<(), Refused> {
        let (claims, nonce) = self.unseal(token)?;
        // An entry is whole or not there, so a poisoned lock guards sound data.
        self.revoked.write().unwrap_or_else(PoisonError::into_inner).add(&claims, nonce, now);
        Ok(())
    }

    fn unseal(&self, token: &[u8]) -> Result<(Claims, Nonce), Refused> {
        let text = token.strip_prefix(PREFIX.as_bytes()).ok_or(Refused::NotOurs)?;
        if text.len() > MAX_TOKEN_BYTES {
            return Err(Refused::NotOurs);
        }
        let sealed = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(text).map_err(|_| Refused::NotOurs)?;
        let (plain, nonce) = self.keys.open(&sealed, PURPOSE).ok_or(Refused::NotOurs)?;
        let claims = Claims::decode(&plain).ok_or(Refused::NotOurs)?;
        Ok((claims, nonce))
    }
}

/// By which people and secret scanners know what it is.
const PREFIX: &str = "stayput_token_";

/// What is sealed as a token opens as nothing else.
const PURPOSE: &[u8] = b"stayput access token 1";

/// More than any of ours has.
const MAX_TOKEN_BYTES: usize = 256;

#[cfg(test)]
mod tests;
