//! Calls at a time, of each key and of all, shared out fairly.
//!
//! ```text
//! all places ┬ a quarter, shared out evenly ─► a key's own: no other key can take them
//!            └ the others, in common ────────► at most 4 × as many as are still free
//! ```
//!
//! Two promises follow, whatever the other keys do and in whichever order:
//!
//! * Never more calls at a time than there are places.
//! * A key that holds fewer than its own ([`Places::own`]) gets one. With more keys than a quarter of the places no key
//!   has any of its own.
//!
//! And from the rule for the common ones (Choudhury and Hahne's dynamic thresholds, 1998): `n` keys that want all they
//! can get come to hold an equal part each and leave `1 / (1 + 4n)` free, so that a key which comes later and holds few
//! finds some. One alone has four fifths of them.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
};

use super::KeyUse;

/// The gateway's places, for calls at a time.
#[derive(Debug)]
pub struct Places {
    limit: NonZeroU32,
    common: u32,
    /// Of the common ones.
    taken: AtomicU32,
}

/// How many places one key holds: its own in the lower half, common ones in the upper.
#[derive(Debug, Default)]
pub struct Held(AtomicU64);

/// One call's place. Dropping it gives the place back.
#[derive(Debug)]
pub struct Permit {
    used: Arc<KeyUse>,
    /// Where the place came from, unless it is the key's own.
    common: Option<Arc<Places>>,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NoPlace {
    /// The key's own limit.
    OfKey { limit: NonZeroU32 },
    /// The key has no place of its own left, and as many of the common ones as it may hold now.
    Common,
}

impl Places {
    pub fn new(limit: NonZeroU32) -> Self {
        let limit_calls = limit.get();
        Self { limit, common: limit_calls - limit_calls / OWN_PART, taken: AtomicU32::new(0) }
    }

    pub fn limit(&self) -> NonZeroU32 {
        self.limit
    }

    /// Places that each of so many keys has for itself.
    pub fn own(&self, keys: usize) -> u32 {
        let shared_out = self.limit.get() - self.common;
        u32::try_from(keys).map_or(0, |keys| shared_out.checked_div(keys).unwrap_or(0))
    }

    /// A place for one call of the key. `limit`: its own, of calls at a time. `keys`: how many share the places.
    ///
    /// # Errors
    /// There is none for it.
    pub fn take(
        self: &Arc<Self>,
        used: &Arc<KeyUse>,
        limit: Option<NonZeroU32>,
        keys: usize,
    ) -> Result<Permit, NoPlace> {
        let own = self.own(keys);
        let limit = limit.unwrap_or(NonZeroU32::MAX);
        let next = |bits: u64| {
            let counts = Counts::of(bits);
            let one = if counts.own < own { ONE_OWN } else { ONE_COMMON };
            (counts.all() < u64::from(limit.get())).then_some(bits + one)
        };
        let before = used.held.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        let before = Counts::of(before.map_err(|_| NoPlace::OfKey { limit })?);
        if before.own < own {
            return Ok(Permit { used: Arc::clone(used), common: None });
        }
        // Counted as held already, so that two calls of the key at the same moment do not both take the last it may.
        let take = |taken: u32| {
            let free = self.common - taken;
            let fits = free > 0 && u64::from(before.common) < MAX_HELD_TO_FREE * u64::from(free);
            fits.then_some(taken + 1)
        };
        if self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
            used.held.0.fetch_sub(ONE_COMMON, Ordering::Relaxed);
            return Err(NoPlace::Common);
        }
        Ok(Permit { used: Arc::clone(used), common: Some(Arc::clone(self)) })
    }
}

impl Held {
    /// Places held at this moment.
    pub fn count(&self) -> u64 {
        Counts::of(self.0.load(Ordering::Relaxed)).all()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let one = if let Some(places) = &self.common {
            places.taken.fetch_sub(1, Ordering::Relaxed);
            ONE_COMMON
        } else {
            ONE_OWN
        };
        self.used.held.0.fetch_sub(one, Ordering::Relaxed);
    }
}

#[derive(Clone, Copy)]
struct Counts {
    own: u32,
    common: u32,
}

impl Counts {
    fn of(bits: u64) -> Self {
        let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).expect("half of it");
        Self { own: half(bits), common: half(bits >> 32) }
    }

    fn all(self) -> u64 {
        u64::from(self.own) + u64::from(self.common)
    }
}

const ONE_OWN: u64 = 1;
const ONE_COMMON: u64 = 1 << 32;

/// One place in so many is shared out as keys' own. Ours: `docs/adr/0007`.
const OWN_PART: u32 = 4;

/// Common places that one key may hold for each that is free. Ours: `docs/adr/0007`.
const MAX_HELD_TO_FREE: u64 = 4;
