//! Sealing with the gateway's own keys: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03), by which only who holds a key
//! can make, read or change what is sealed.
//!
//! ```text
//! key's id (4 bytes) │ nonce (24) │ ciphertext │ tag (16)
//! ```

use std::fmt;

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

/// One of the gateway's keys. Prints as its id.
#[derive(Clone)]
pub struct SealingKey {
    id: KeyId,
    cipher: XChaCha20Poly1305,
    /// What other secrets are derived from.
    root: Hmac<Sha256>,
}

/// The gateway's keys: the first seals, all of them open. So one can be changed for another: the new one in front, the
/// old one behind it until what it sealed is over.
#[derive(Clone, Debug)]
pub struct SealingKeys {
    current: SealingKey,
    earlier: Vec<SealingKey>,
}

/// Drawn at random for each sealing; so long that two are never the same.
pub type Nonce = [u8; NONCE_BYTES];

pub const NONCE_BYTES: usize = 24;
pub const SEALING_KEY_BYTES: usize = 32;

/// Why a text is no list of keys. Never quotes it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyError {
    #[error("there is no key")]
    None,
    #[error("key {number} is not 64 hex digits, with or without {KEY_PREFIX:?} before them")]
    Shape {
        /// Counted from 1.
        number: usize,
    },
    #[error("more than {MAX_KEYS} keys")]
    Many,
}

type KeyId = [u8; KEY_ID_BYTES];

impl SealingKey {
    pub fn new(secret: &[u8; SEALING_KEY_BYTES]) -> Self {
        let digest = Sha256::new().chain_update(KEY_ID_CONTEXT).chain_update(secret).finalize();
        let id = *digest.first_chunk().expect("SHA-256 is longer");
        let root = Hmac::new_from_slice(secret).expect("HMAC takes keys of any length");
        Self { id, cipher: XChaCha20Poly1305::new(secret.into()), root }
    }

    /// 64 hex digits, with or without [`KEY_PREFIX`].
    fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix(KEY_PREFIX).unwrap_or(text);
        let mut secret = [0; SEALING_KEY_BYTES];
        if hex.len() != 2 * secret.len() {
            return None;
        }
        for (byte, digits) in secret.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
            *byte = digit(digits[0])? << 4 | digit(digits[1])?;
        }
        Some(Self::new(&secret))
    }
}

impl SealingKeys {
    pub fn new(current: SealingKey, earlier: Vec<SealingKey>) -> Self {
        Self { current, earlier }
    }

    /// Keys between white space, the current one first.
    ///
    /// # Errors
    /// What is wrong with `text`, without a word of it.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let keys = text.split_whitespace().enumerate();
        let mut keys =
            keys.map(|(index, key)| SealingKey::parse(key).ok_or(KeyError::Shape { number: index + 1 }));
        let current = keys.next().ok_or(KeyError::None)??;
        let earlier = keys.collect::<Result<Vec<_>, _>>()?;
        if earlier.len() >= MAX_KEYS {
            return Err(KeyError::Many);
        }
        Ok(Self { current, earlier })
    }

    /// A secret under each of the keys, the current one's first: another for each purpose and name (HMAC-SHA-256).
    pub fn derive(&self, purpose: &[u8], name: &[u8]) -> impl Iterator<Item = [u8; 32]> {
        std::iter::once(&self.current).chain(&self.earlier).map(move |key| {
            let length = u64::try_from(purpose.len()).expect("64 bits").to_be_bytes();
            key.root
                .clone()
                .chain_update(length)
                .chain_update(purpose)
                .chain_update(name)
                .finalize()
                .into_bytes()
                .into()
        })
    }

    /// `purpose` is sealed in: it opens for the same purpose only.
    pub fn seal(&self, plain: &[u8], purpose: &[u8], nonce: Nonce) -> Vec<u8> {
        let payload = Payload { msg: plain, aad: purpose };
        let sealed = self.current.cipher.encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.expect("it is far below the cipher's limit of 256 GiB");
        [&self.current.id[..], &nonce, &sealed].concat()
    }

    /// What was sealed, and its nonce; `None`: not with one of these keys, for this purpose.
    pub fn open(&self, sealed: &[u8], purpose: &[u8]) -> Option<(Vec<u8>, Nonce)> {
        let (id, rest) = sealed.split_first_chunk::<KEY_ID_BYTES>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>()?;
        let key = std::iter::once(&self.current).chain(&self.earlier).find(|key| key.id == *id)?;
        let payload = Payload { msg: sealed, aad: purpose };
        Some((key.cipher.decrypt(&XNonce::from(*nonce), payload).ok()?, *nonce))
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({:08x})", u32::from_be_bytes(self.id))
    }
}

/// By which people and secret scanners know what it is.
pub const KEY_PREFIX: &str = "gateway_";

/// Keys at a time. Ours: one is changed for another now and then, and what they seal is over within two weeks.
const MAX_KEYS: usize = 8;

const KEY_ID_BYTES: usize = 4;
const KEY_ID_CONTEXT: &[u8] = b"stayput key id";
