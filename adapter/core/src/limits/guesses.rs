//! Wrong credentials, counted by where they come from.

use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use super::Source;

/// How often each source may be wrong: [`GUESSES_AT_ONCE`], then one in [`SECONDS_A_GUESS`].
///
/// A table of fixed size, without locks. Where it has no room for another source it forgets one of those that guessed
/// least; so whoever commands thousands of addresses is not held up here, but never holds up anyone else either.
#[derive(Debug)]
pub struct Guesses {
    /// Each 0, or a source's tag and when it has all its guesses back: seconds since 1970.
    slots: Box<[AtomicU64]>,
    /// Drawn at random, so that nobody can choose addresses that fall together.
    hasher: RandomState,
}

/// A slot's two halves.
#[derive(Clone, Copy)]
struct Slot {
    tag: u32,
    back_at_s: u32,
}

impl Guesses {
    /// How many seconds until `source` may guess again; `None`: it may.
    pub fn wait_s(&self, source: Source, now: SystemTime) -> Option<u32> {
        let (ways, tag) = self.ways(source);
        let now_s = seconds(now);
        let found = ways.iter().map(Slot::load).find(|slot| slot.tag == tag)?;
        let owed_s = found.owed_s(now_s);
        let allowed_s = (GUESSES_AT_ONCE - 1) * SECONDS_A_GUESS;
        (owed_s > allowed_s).then(|| owed_s - allowed_s)
    }

    /// Counts a wrong credential.
    pub fn record(&self, source: Source, now: SystemTime) {
        let (ways, tag) = self.ways(source);
        let now_s = seconds(now);
        let least =
            || ways.iter().min_by_key(|way| Slot::load(way).owed_s(now_s)).expect("there are several");
        let way = ways.iter().find(|way| Slot::load(way).tag == tag).unwrap_or_else(least);
        let counted = way.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |bits| {
            let slot = Slot::from_bits(bits);
            let owed_s = if slot.tag == tag { slot.owed_s(now_s) } else { 0 };
            let owed_s = (owed_s + SECONDS_A_GUESS).min(GUESSES_AT_ONCE * SECONDS_A_GUESS);
            Some(Slot { tag, back_at_s: now_s.saturating_add(owed_s) }.bits())
        });
        counted.expect("it is always counted");
    }

    /// Where `source` may be found, and its tag there. Never 0, which is a slot's before its first source.
    fn ways(&self, source: Source) -> (&[AtomicU64], u32) {
        let hash = self.hasher.hash_one(source.bits());
        let set = usize::try_from(hash % SETS as u64).expect("a set's index");
        let tag = u32::try_from(hash >> 32).expect("the upper half").max(1);
        (&self.slots[set * WAYS..][..WAYS], tag)
    }
}

impl Default for Guesses {
    fn default() -> Self {
        let slots = (0..SETS * WAYS).map(|_| AtomicU64::new(0)).collect();
        Self { slots, hasher: RandomState::new() }
    }
}

impl Slot {
    fn load(slot: &AtomicU64) -> Self {
        Self::from_bits(slot.load(Ordering::Relaxed))
    }

    fn from_bits(bits: u64) -> Self {
        let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).expect("half of it");
        Self { tag: half(bits >> 32), back_at_s: half(bits) }
    }

    fn bits(self) -> u64 {
        u64::from(self.tag) << 32 | u64::from(self.back_at_s)
    }

    /// Seconds of waiting that its guesses have cost and that are not over. More than they can cost: the clock went back.
    fn owed_s(self, now_s: u32) -> u32 {
        let owed_s = self.back_at_s.saturating_sub(now_s);
        if owed_s > GUESSES_AT_ONCE * SECONDS_A_GUESS { 0 } else { owed_s }
    }
}

/// Until 2106.
fn seconds(now: SystemTime) -> u32 {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    u32::try_from(since.as_secs()).unwrap_or(u32::MAX)
}

/// Wrong credentials in a row. Ours: more than a person mistypes, and than programs of one office have stale ones.
pub const GUESSES_AT_ONCE: u32 = 20;

/// Ours: ten guesses in a minute find nothing that is worth the name of a credential.
pub const SECONDS_A_GUESS: u32 = 6;

/// Sources in the table: [`SETS`] × [`WAYS`] = 4,096, in 32 KiB.
const SETS: usize = 1_024;
const WAYS: usize = 4;

#[cfg(test)]
mod tests {
    use std::{
        net::{IpAddr, Ipv4Addr},
        time::Duration,
    };

    use super::*;

    fn at(s: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_600_000_000 + s)
    }

    fn source(number: u32) -> Source {
        Source::of(IpAddr::V4(Ipv4Addr::from_bits(number)))
    }

    #[test]
    fn a_source_may_be_wrong_some_times_and_then_now_and_then() {
        let guesses = Guesses::default();
        for _ in 0..GUESSES_AT_ONCE {
            assert_eq!(guesses.wait_s(source(1), at(0)), None);
            guesses.record(source(1), at(0));
        }
        assert_eq!(guesses.wait_s(source(1), at(0)), Some(SECONDS_A_GUESS));
        assert_eq!(guesses.wait_s(source(2), at(0)), None, "others are not held up");
        assert_eq!(guesses.wait_s(source(1), at(5)), Some(1));
        assert_eq!(guesses.wait_s(source(1), at(6)), None);
        guesses.record(source(1), at(6));
        assert_eq!(guesses.wait_s(source(1), at(6)), Some(SECONDS_A_GUESS));
        assert_eq!(guesses.wait_s(source(1), at(200)), None);
    }

    #[test]
    fn a_clock_that_goes_back_holds_nobody_up() {
        let guesses = Guesses::default();
        for _ in 0..GUESSES_AT_ONCE {
            guesses.record(source(1), at(86_400));
        }
        assert_eq!(guesses.wait_s(source(1), at(0)), None);
    }

    #[test]
    fn a_full_table_forgets_who_guessed_least() {
        let guesses = Guesses::default();
        for _ in 0..GUESSES_AT_ONCE {
            guesses.record(source(0), at(0));
        }
        for other in 1..100_000 {
            guesses.record(source(other), at(0));
        }
        assert!(guesses.wait_s(source(0), at(0)).is_some());
        assert_eq!(guesses.slots.len(), 4_096);
    }
}
