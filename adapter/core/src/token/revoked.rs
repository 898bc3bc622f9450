//! Tokens that were revoked before their time.

use std::{collections::BTreeSet, time::SystemTime};

use super::{Claims, Nonce};

/// Remembered until they would have ended anyway, by when that is and by name.
///
/// Bounded: with [`MAX_REVOKED`] remembered, the one that ends first is forgotten, and counts again for the rest of
/// its time.
#[derive(Debug, Default)]
pub struct Revoked(BTreeSet<(SystemTime, Nonce)>);

impl Revoked {
    pub(super) fn add(&mut self, claims: &Claims, nonce: Nonce, now: SystemTime) {
        while self.0.first().is_some_and(|(expires, _)| *expires <= now) {
            self.0.pop_first();
        }
        if claims.expires > now {
            self.0.insert((claims.expires, nonce));
        }
        if self.0.len() > MAX_REVOKED {
            self.0.pop_first();
        }
    }

    pub(super) fn contains(&self, claims: &Claims, nonce: &Nonce) -> bool {
        self.0.contains(&(claims.expires, *nonce))
    }
}

/// Ours: a device that revokes after each call, 18 times in a second for an hour; 4 MB.
const MAX_REVOKED: usize = 65_536;

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::keys::CredentialHash;

    fn claims(expires_s: u64) -> Claims {
        let expires = UNIX_EPOCH + Duration::from_secs(expires_s);
        Claims { key: CredentialHash([0; 32]), rights: Vec::new(), expires }
    }

    fn nonce(number: usize) -> Nonce {
        let mut nonce = [0; 24];
        nonce[..8].copy_from_slice(&number.to_be_bytes());
        nonce
    }

    #[test]
    fn each_is_forgotten_when_it_would_have_ended() {
        let mut revoked = Revoked::default();
        revoked.add(&claims(10), nonce(1), UNIX_EPOCH);
        assert!(revoked.contains(&claims(10), &nonce(1)));
        assert!(!revoked.contains(&claims(10), &nonce(2)));
        revoked.add(&claims(20), nonce(2), UNIX_EPOCH + Duration::from_secs(10));
        assert_eq!(revoked.0.len(), 1);
        revoked.add(&claims(5), nonce(3), UNIX_EPOCH + Duration::from_secs(10));
        assert_eq!(revoked.0.len(), 1, "one that has ended needs no remembering");
    }

    #[test]
    fn too_many_push_out_who_ends_first() {
        let mut revoked = Revoked::default();
        for number in 0..=MAX_REVOKED {
            revoked.add(&claims(10 + number as u64), nonce(number), UNIX_EPOCH);
        }
        assert_eq!(revoked.0.len(), MAX_REVOKED);
        assert!(!revoked.contains(&claims(10), &nonce(0)));
        assert!(revoked.contains(&claims(11), &nonce(1)));
    }
}
