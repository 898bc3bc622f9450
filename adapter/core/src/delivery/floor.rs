//! A host's floor: the least pause between two attempts to a host that shows that it has too much to do.
//!
//! The breaker looks at failures alone and opens late; this slows down from the first one on, and while others get through.

use std::time::{Duration, SystemTime};

use super::schedule::spread;

/// One host's floor. Callbacks wait while it holds, without an attempt being counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Floor {
    pause: Duration,
    until: Option<SystemTime>,
}

impl Floor {
    /// May a callback be sent now?
    ///
    /// # Errors
    /// When to ask again.
    pub fn check(&self, now: SystemTime) -> Result<(), SystemTime> {
        // After a clock went back, callbacks are held no longer than the longest pause.
        let sane = |until: &SystemTime| *until > now && *until <= now + HIGHEST.mul_f64(1.5);
        self.until.filter(sane).map_or(Ok(()), Err)
    }

    /// The host showed it. `jitter` is in 0.0..1.0. Of attempts that were under way together the first alone counts.
    pub fn raise(&mut self, now: SystemTime, jitter: f64) {
        if self.check(now).is_ok() {
            self.pause = self.pause.saturating_mul(2).clamp(LOWEST, HIGHEST);
            self.until = Some(now + spread(self.pause, jitter));
        }
    }

    /// The host answered as a host should.
    pub fn lower(&mut self) {
        self.pause /= 2;
        if self.pause < LOWEST {
            self.pause = Duration::ZERO;
        }
    }

    pub(super) fn is_at_rest(&self, now: SystemTime) -> bool {
        self.pause.is_zero() && self.check(now).is_ok()
    }
}

/// Both ours.
const LOWEST: Duration = Duration::from_secs(1);
const HIGHEST: Duration = Duration::from_secs(64);

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn at(s: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_600_000_000 + s)
    }

    #[test]
    fn it_doubles_with_each_failure_and_halves_with_each_success() {
        let (mut floor, mut now) = (Floor::default(), at(0));
        let mut pauses = Vec::new();
        for _ in 0..8 {
            floor.raise(now, 0.5);
            let until = floor.check(now).unwrap_err();
            pauses.push(until.duration_since(now).unwrap().as_secs());
            now = until;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 64]);
        for _ in 0..7 {
            assert!(!floor.is_at_rest(now));
            floor.lower();
        }
        assert!(floor.is_at_rest(now));
        floor.raise(now, 0.5);
        assert_eq!(floor.check(now), Err(now + Duration::from_secs(1)));
    }

    #[test]
    fn of_ten_that_fail_together_one_counts() {
        let mut floor = Floor::default();
        for _ in 0..10 {
            floor.raise(at(0), 0.5);
        }
        assert_eq!(floor.check(at(0)), Err(at(1)));
        assert_eq!(floor.check(at(1)), Ok(()));
    }

    #[test]
    fn a_clock_that_goes_back_a_day_holds_nobody_for_a_day() {
        let mut floor = Floor::default();
        floor.raise(at(86_400), 0.5);
        assert_eq!(floor.check(at(0)), Ok(()));
    }
}
