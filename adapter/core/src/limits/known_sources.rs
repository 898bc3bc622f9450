//! From where a key has been used.

use std::{
    net::IpAddr,
    sync::atomic::{AtomicU64, Ordering},
};

/// Where a caller is, as far as limits go: an IPv4 address, or the /64 of an IPv6 address, which is what one subscriber
/// has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Source(u64);

/// The last few sources of a key. Forgets one for another where two fall together; never claims one that was not.
#[derive(Debug, Default)]
pub struct KnownSources([AtomicU64; KNOWN_SOURCES]);

impl Source {
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            // In 0:1::/32, which is reserved: no IPv6 address is taken for one of these.
            IpAddr::V4(address) => Self(1 << 32 | u64::from(address.to_bits())),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments().map(u64::from);
                // Never 0, which says that a slot is empty: `::/64` is loopback's.
                Self((a << 48 | b << 32 | c << 16 | d).max(1))
            }
        }
    }

    pub(super) fn bits(self) -> u64 {
        self.0
    }
}

impl KnownSources {
    /// Writes only where there is something new, so that cores do not fight over what they only read.
    pub fn remember(&self, source: Source) {
        let slot = self.slot(source);
        if slot.load(Ordering::Relaxed) != source.0 {
            slot.store(source.0, Ordering::Relaxed);
        }
    }

    pub fn knows(&self, source: Source) -> bool {
        self.slot(source).load(Ordering::Relaxed) == source.0
    }

    /// By Fibonacci hashing: neighbours fall apart.
    fn slot(&self, Source(bits): Source) -> &AtomicU64 {
        let hash = bits.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - KNOWN_SOURCES.ilog2());
        &self.0[usize::try_from(hash).expect("a slot's index")]
    }
}

/// Sources kept for each key. Ours: a caller has an address or two, and 10,000 keys take 640 kB.
const KNOWN_SOURCES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn source(address: &str) -> Source {
        Source::of(address.parse().unwrap())
    }

    #[test]
    fn a_source_is_an_address_or_a_subscribers_block_of_them() {
        assert_eq!(source("2001:db8:1:2::1"), source("2001:db8:1:2:ffff::"));
        assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
        assert_ne!(source("::1"), source("127.0.0.1"));
    }

    #[test]
    fn what_was_not_seen_is_not_known() {
        let known = KnownSources::default();
        assert!(!known.knows(source("::1")));
        known.remember(source("192.0.2.1"));
        assert!(known.knows(source("192.0.2.1")));
        for last in 2..=255 {
            let other = source(&format!("192.0.2.{last}"));
            assert!(!known.knows(other));
            known.remember(other);
            assert!(known.knows(other));
        }
    }
}
