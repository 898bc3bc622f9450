//! What is kept of a credential: its hash.

use std::hash::{Hash, Hasher};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::Credential;

/// SHA-256 of a whole credential, so that no stored secret can be read back and no format is needed.
///
/// A slow hash would protect credentials that people can guess; callers' are drawn at random, and 128 bits are out of
/// reach however fast the hash is. (`keys add` warns of weaker ones, and [`Guesses`](crate::limits::Guesses) slow down
/// whoever tries those here.)
///
/// Two hashes are compared in constant time. Where a look-up ends in a `HashMap` is decided by a keyed hash of this
/// hash, so that nothing a stranger can measure depends on how much of a registered one theirs shares.
#[derive(Clone, Copy, Debug)]
pub struct CredentialHash(pub [u8; CREDENTIAL_HASH_BYTES]);

/// What SHA-256 gives.
pub const CREDENTIAL_HASH_BYTES: usize = 32;

impl CredentialHash {
    pub fn of(credential: &Credential) -> Self {
        Self(Sha256::digest(credential.expose()).into())
    }
}

impl PartialEq for CredentialHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for CredentialHash {}

impl Hash for CredentialHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
