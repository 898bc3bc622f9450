//! Caller keys: who may do what, found by the SHA-256 of the whole credential.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use sha2::{Digest, Sha256};

use crate::{Credential, FunctionKey, Rejection};

/// Every key the operator registered.
#[derive(Debug, Default)]
pub struct Keyring {
    by_hash: HashMap<CredentialHash, Arc<Key>>,
    anonymous: Vec<Arc<Key>>,
}

/// SHA-256 of a whole credential, so that no stored secret can be read back and no format is needed.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct CredentialHash(pub [u8; 32]);

/// One caller's permission.
#[derive(Clone, Debug)]
pub struct Key {
    /// The operator's name for it; goes to the log.
    pub label: String,
    pub dialects: Scope,
    /// Function keys, in the words of the dialect.
    pub functions: Scope,
    pub rights: Vec<Right>,
    /// Where calls may come from; empty: anywhere.
    pub sources: Vec<Cidr>,
}

/// Everything, or a list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Scope {
    All,
    Only(Vec<String>),
}

/// Something a key may be allowed to do with the functions in its scope.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Right {
    /// Synchronous calls.
    Invoke,
    /// Asynchronous calls.
    Async,
    /// The function's log tail and error traces in answers.
    Logs,
}

/// A block of addresses, `10.0.0.0/8` or `::1/128`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cidr {
    pub network: IpAddr,
    pub prefix_bits: u8,
}

impl Keyring {
    /// A key for a registered credential.
    pub fn add(&mut self, hash: CredentialHash, key: Key) {
        self.by_hash.insert(hash, Arc::new(key));
    }

    /// A key for callers who present nothing.
    pub fn add_anonymous(&mut self, key: Key) {
        self.anonymous.push(Arc::new(key));
    }

    /// The key that a caller of `dialect` holds. A presented credential that is unknown is never anonymous.
    ///
    /// # Errors
    /// [`Rejection::Unauthenticated`].
    pub fn authenticate(
        &self,
        dialect: &str,
        credential: Option<&Credential>,
        peer: IpAddr,
    ) -> Result<&Arc<Key>, Rejection> {
        let fits = |key: &&Arc<Key>| key.dialects.contains(dialect) && key.allows_source(peer);
        match credential {
            Some(credential) => self.by_hash.get(&CredentialHash::of(credential)).filter(fits),
            None => self.anonymous.iter().find(fits),
        }
        .ok_or(Rejection::Unauthenticated)
    }
}

impl CredentialHash {
    pub fn of(credential: &Credential) -> Self {
        Self(Sha256::digest(credential.expose()).into())
    }
}

impl Key {
    pub fn may(&self, right: Right) -> bool {
        self.rights.contains(&right)
    }

    pub fn sees(&self, function: &FunctionKey) -> bool {
        self.functions.contains(function.as_str())
    }

    fn allows_source(&self, peer: IpAddr) -> bool {
        self.sources.is_empty() || self.sources.iter().any(|block| block.contains(peer))
    }
}

impl Scope {
    pub fn contains(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(|listed| listed == name),
        }
    }
}

impl Right {
    pub const ALL: [Self; 3] = [Self::Invoke, Self::Async, Self::Logs];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invoke => "invoke",
            Self::Async => "async",
            Self::Logs => "logs",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|right| right.as_str() == word)
    }
}

impl Cidr {
    /// Reads `address/bits`, or a plain address as a block of one.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        let network: IpAddr = address.parse().ok()?;
        let width = if network.is_ipv4() { 32 } else { 128 };
        let prefix_bits = bits.map_or(Some(width), |bits| bits.parse().ok())?;
        (prefix_bits <= width).then_some(Self { network, prefix_bits })
    }

    /// An IPv4 address that arrives mapped into IPv6 is judged as the IPv4 address it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.network, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.prefix_bits);
                (network.to_bits() ^ address.to_bits()).checked_shr(shift).unwrap_or(0) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(self.prefix_bits);
                (network.to_bits() ^ address.to_bits()).checked_shr(shift).unwrap_or(0) == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(block: &str, address: &str, expected: bool) {
        let cidr = Cidr::parse(block).expect("a block");
        assert_eq!(cidr.contains(address.parse().expect("an address")), expected, "{address} in {block}");
    }

    #[test]
    fn blocks_contain_what_shares_their_prefix() {
        check("10.0.0.0/8", "10.255.0.1", true);
        check("10.0.0.0/8", "11.0.0.1", false);
        check("0.0.0.0/0", "203.0.113.9", true);
        check("192.0.2.7", "192.0.2.7", true);
        check("192.0.2.7", "192.0.2.8", false);
        check("::1", "::1", true);
        check("2001:db8::/32", "2001:db8:1::1", true);
        check("::/0", "2001:db8::1", true);
    }

    #[test]
    fn a_mapped_address_is_the_ipv4_address_it_carries() {
        check("127.0.0.0/8", "::ffff:127.0.0.1", true);
        check("::/0", "::ffff:127.0.0.1", false);
    }

    #[test]
    fn nonsense_is_no_block() {
        for text in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "ten/8", "10.0.0.0/-1"] {
            assert_eq!(Cidr::parse(text), None, "{text:?}");
        }
    }

    fn key(dialects: Scope) -> Key {
        Key { label: "k".into(), dialects, functions: Scope::All, rights: Right::ALL.into(), sources: vec![] }
    }

    #[test]
    fn a_wrong_credential_never_falls_back_to_anonymous() {
        let mut ring = Keyring::default();
        ring.add_anonymous(key(Scope::All));
        let peer = IpAddr::from([127, 0, 0, 1]);
        assert!(ring.authenticate("openfaas", None, peer).is_ok());
        let wrong = Credential::new("guess");
        assert_eq!(ring.authenticate("openfaas", Some(&wrong), peer).err(), Some(Rejection::Unauthenticated));
    }

    #[test]
    fn a_key_of_another_dialect_is_unknown_here() {
        let mut ring = Keyring::default();
        let secret = Credential::new("s3cret");
        ring.add(CredentialHash::of(&secret), key(Scope::Only(vec!["stedi".into()])));
        let peer = IpAddr::from([127, 0, 0, 1]);
        assert!(ring.authenticate("stedi", Some(&secret), peer).is_ok());
        assert!(ring.authenticate("eywa", Some(&secret), peer).is_err());
    }
}
