//! Points in time as the queue keeps them, and the clock that never goes back.

use std::{
    ops::Add,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// A point in time.
///
/// Shape: whole milliseconds since 1970-01-01T00:00:00Z, never negative. Sums end at the far end, they do not wrap.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Moment(i64);

impl Moment {
    /// `millis` before the epoch are the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(if millis < 0 { 0 } else { millis })
    }

    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// How long after `earlier` this is; nothing if it is before.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or_default())
    }

    /// How long before this `span` ago was; the epoch at the earliest.
    pub fn before(self, span: Duration) -> Self {
        Self::from_millis(self.0.saturating_sub(whole_millis(span)))
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(whole_millis(span)))
    }
}

impl From<SystemTime> for Moment {
    fn from(time: SystemTime) -> Self {
        Self(whole_millis(time.duration_since(UNIX_EPOCH).unwrap_or_default()))
    }
}

impl From<Moment> for SystemTime {
    fn from(moment: Moment) -> Self {
        UNIX_EPOCH + moment.since(Moment::default())
    }
}

/// A pause before a row may be leased again: `at_least`, and up to `spread` more by chance, so that rows that failed
/// together do not come back together.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Pause {
    pub at_least: Duration,
    pub spread: Duration,
}

impl Pause {
    pub const NONE: Self = Self::exactly(Duration::ZERO);

    pub const fn exactly(at_least: Duration) -> Self {
        Self { at_least, spread: Duration::ZERO }
    }

    /// The end of the pause. `jitter` is in 0.0..1.0 and comes from the driver.
    pub fn end(self, now: Moment, jitter: f64) -> Moment {
        let chance = self.spread.as_secs_f64() * jitter.clamp(0.0, 1.0);
        // The longest spans do not fit behind their way through a float.
        now + self.at_least + Duration::try_from_secs_f64(chance).unwrap_or(self.spread)
    }
}

/// The time of one open queue: the wall clock at its start, and from there a clock that only goes forward.
///
/// So a wall clock that jumps neither stalls a backlog nor lets it loose at once. A database remembers the last moment
/// that it saw, and the next clock starts no earlier.
#[derive(Clone, Debug)]
pub struct Clock {
    origin: Moment,
    started: Instant,
}

impl Clock {
    pub fn starting_at(origin: Moment) -> Self {
        Self { origin, started: Instant::now() }
    }

    pub fn now(&self) -> Moment {
        self.origin + self.started.elapsed()
    }
}

fn whole_millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_end_at_the_edges() {
        let far = Moment::from_millis(i64::MAX);
        assert_eq!(far + Duration::MAX, far);
        assert_eq!(Moment::from_millis(5).before(Duration::from_secs(1)), Moment::default());
        assert_eq!(Moment::default().since(far), Duration::ZERO);
    }

    #[test]
    fn a_pause_ends_between_its_least_and_its_most() {
        let pause = Pause { at_least: Duration::from_secs(2), spread: Duration::from_secs(1) };
        let now = Moment::from_millis(1_000);
        assert_eq!(pause.end(now, 0.0), Moment::from_millis(3_000));
        assert_eq!(pause.end(now, 0.5), Moment::from_millis(3_500));
        assert_eq!(pause.end(now, 7.0), Moment::from_millis(4_000));
        let ever = Pause { at_least: Duration::MAX, spread: Duration::MAX };
        assert_eq!(ever.end(now, 1.0), Moment::from_millis(i64::MAX));
    }
}
