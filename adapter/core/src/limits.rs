//! How much one caller may do, so that the others can do theirs.
//!
//! ```text
//! guesses    per source address    wrong credentials: a bounded table of addresses
//! rate       per key               calls per second and burst
//! places     per key, and all      calls at a time, with a share for every key that no other can take
//! ```
//!
//! State machines that are given `now`, on atomics: no locks, no clocks, no waiting. A call that may not happen now is
//! refused now. What is counted outlives the configuration: see [`Keyring::carrying_on`](crate::keys::Keyring).

use std::{
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::{Rejection, keys::Key};

mod guesses;
mod known_sources;
mod places;
mod rate;

pub use guesses::{GUESSES_AT_ONCE, Guesses, SECONDS_A_GUESS};
pub use known_sources::{KnownSources, Source};
pub use places::{Held, NoPlace, Permit, Places};
pub use rate::{Bucket, Rate, RateError};

/// What the operator allows one key. `None`: no bound but the gateway's own.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct KeyLimits {
    pub rate: Option<Rate>,
    /// Calls at a time.
    pub concurrency: Option<NonZeroU32>,
}

/// What is being done with one key: outlives the key's row through every reload.
#[derive(Debug, Default)]
pub struct KeyUse {
    pub bucket: Bucket,
    pub held: Held,
    pub sources: KnownSources,
}

/// What all keys share. Clones share it, too.
#[derive(Clone, Debug)]
pub struct Limits {
    pub guesses: Arc<Guesses>,
    pub places: Arc<Places>,
}

impl Limits {
    /// `concurrency`: calls at a time, of all keys together.
    pub fn new(concurrency: NonZeroU32) -> Self {
        Self { guesses: Arc::default(), places: Arc::new(Places::new(concurrency)) }
    }

    /// A place for one call of `key`, held until its answer has been written. `keys`: how many share the gateway.
    ///
    /// The place comes before the rate, so that a call which finds none does not use the rate up.
    ///
    /// # Errors
    /// [`Rejection::KeyBusy`], [`Rejection::Busy`], [`Rejection::RateLimited`].
    pub fn admit(&self, key: &Key, keys: usize, now: SystemTime) -> Result<Permit, Rejection> {
        let concurrency = key.limits.concurrency;
        let permit = self.places.take(&key.used, concurrency, keys).map_err(|refused| match refused {
            NoPlace::OfKey { limit } => Rejection::KeyBusy { limit },
            NoPlace::Common => Rejection::Busy { limit: self.places.limit() },
        })?;
        match key.limits.rate {
            None => Ok(permit),
            Some(rate) => match key.used.bucket.take(rate, now) {
                Ok(()) => Ok(permit),
                Err(wait) => Err(Rejection::RateLimited { rate, retry_after_s: whole_seconds(wait) }),
            },
        }
    }
}

/// Rounded up, and never 0: for `Retry-After`, which knows nothing smaller.
fn whole_seconds(wait: Duration) -> u32 {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    u32::try_from(seconds).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests;
