//! Caller keys: who may do what, found by the SHA-256 of the whole credential.

use std::{collections::HashMap, net::IpAddr, sync::Arc, time::SystemTime};

mod cidr;
mod hash;
mod key;
mod strength;

pub use cidr::Cidr;
pub use hash::{CREDENTIAL_HASH_BYTES, CredentialHash};
pub use key::{Key, Right, Scope, Validity};
pub use strength::{ENOUGH_BITS, entropy_bits};

/// Every key the operator registered. Never changes: a reload makes another one.
#[derive(Debug, Default)]
pub struct Keyring {
    by_hash: HashMap<CredentialHash, Arc<Key>>,
    anonymous: Vec<Arc<Key>>,
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

    /// This ring with the counts of the one that it replaces: a key that is still there (the same credential, or the
    /// same label without one) has used up no less, and its running calls are still its own.
    #[must_use]
    pub fn carrying_on(mut self, before: &Self) -> Self {
        for (hash, key) in &mut self.by_hash {
            if let Some(old) = before.by_hash.get(hash) {
                Arc::make_mut(key).used = Arc::clone(&old.used);
            }
        }
        for key in &mut self.anonymous {
            if let Some(old) = before.anonymous.iter().find(|old| old.label == key.label) {
                Arc::make_mut(key).used = Arc::clone(&old.used);
            }
        }
        self
    }

    /// How many keys share the gateway.
    pub fn len(&self) -> usize {
        self.by_hash.len() + self.anonymous.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The key of a registered credential, if it counts in this dialect, from there, now.
    pub fn find(
        &self,
        hash: &CredentialHash,
        dialect: &str,
        peer: IpAddr,
        now: SystemTime,
    ) -> Option<&Arc<Key>> {
        self.by_hash.get(hash).filter(|key| key.counts(dialect, peer, now))
    }

    /// The key of callers who present nothing.
    pub fn anonymous(&self, dialect: &str, peer: IpAddr, now: SystemTime) -> Option<&Arc<Key>> {
        self.anonymous.iter().find(|key| key.counts(dialect, peer, now))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::Credential;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const NOW: SystemTime = UNIX_EPOCH;

    fn key(label: &str, dialects: Scope) -> Key {
        Key::new(label, dialects, Scope::All, &Right::ALL)
    }

    fn hash(secret: &str) -> CredentialHash {
        CredentialHash::of(&Credential::new(secret))
    }

    #[test]
    fn a_key_of_another_dialect_is_unknown_here() {
        let mut ring = Keyring::default();
        ring.add(hash("s3cret"), key("k", Scope::Only(vec!["stedi".into()])));
        assert!(ring.find(&hash("s3cret"), "stedi", PEER, NOW).is_some());
        assert!(ring.find(&hash("s3cret"), "eywa", PEER, NOW).is_none());
    }

    #[test]
    fn while_one_key_replaces_another_both_count() {
        let change = NOW + Duration::from_secs(100);
        let mut ring = Keyring::default();
        let valid = Validity { not_after: Some(change + Duration::from_secs(50)), ..Validity::default() };
        ring.add(hash("old"), Key { valid, ..key("erp-2025", Scope::All) });
        let valid = Validity { not_before: Some(change), ..Validity::default() };
        ring.add(hash("new"), Key { valid, ..key("erp-2026", Scope::All) });
        let counts = |s| {
            let at = change + Duration::from_secs(s);
            ["old", "new"].map(|secret| ring.find(&hash(secret), "stedi", PEER, at).is_some())
        };
        assert_eq!(counts(0), [true, true]);
        assert_eq!(counts(50), [false, true]);
        assert!(ring.find(&hash("new"), "stedi", PEER, NOW).is_none());
    }

    #[test]
    fn a_reload_keeps_what_was_counted() {
        let ring = |anonymous: &str| {
            let mut ring = Keyring::default();
            ring.add(hash("a"), key("renamed", Scope::All));
            ring.add_anonymous(key(anonymous, Scope::All));
            ring
        };
        let before = ring("cluster");
        let after = ring("cluster").carrying_on(&before);
        let used = |ring: &Keyring| {
            let known = ring.find(&hash("a"), "stedi", PEER, NOW).unwrap();
            [Arc::clone(&known.used), Arc::clone(&ring.anonymous[0].used)]
        };
        for (before, after) in used(&before).iter().zip(&used(&after)) {
            assert!(Arc::ptr_eq(before, after));
        }
        let other = ring("others").carrying_on(&before);
        assert!(!Arc::ptr_eq(&used(&before)[1], &used(&other)[1]), "another caller begins anew");
    }
}
