//! Calls per second, with a burst.

use std::{
    fmt,
    num::NonZeroU32,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// So many calls in each unit of time, and so many at once after a pause.
///
/// Shape: `50/s`, `600/m`, `5/h`; 1 to 1,000,000 calls. The burst is 1 to 1,000,000 calls.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rate {
    calls: NonZeroU32,
    unit: Unit,
    burst: NonZeroU32,
}

/// Why a text is no rate.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RateError {
    #[error("not a number of calls, a slash and s, m or h; write e.g. \"50/s\"")]
    Shape,
    #[error("not 1 to {MAX_CALLS} calls")]
    Calls,
}

/// One caller's use of its rate: the generic cell rate algorithm (ITU-T I.371, annex A) on one atomic.
///
/// What is kept is the time at which the bucket will be full again. Where `now` never goes back, then in any span of
/// time `t` no more than `burst + t × rate` calls are let through, and whoever keeps to that is never refused. Should
/// the clock go back, or the rate become a faster one, the bucket is full again at worst.
#[derive(Debug, Default)]
pub struct Bucket {
    /// Nanoseconds since 1970.
    full_at: AtomicU64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Unit {
    Second,
    Minute,
    Hour,
}

impl Rate {
    /// # Errors
    /// What is wrong with `text`.
    pub fn parse(text: &str) -> Result<Self, RateError> {
        let (calls, unit) = text.split_once('/').ok_or(RateError::Shape)?;
        let unit = Unit::ALL.into_iter().find(|known| known.letter() == unit).ok_or(RateError::Shape)?;
        if calls.is_empty() || !calls.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(RateError::Shape);
        }
        let calls = Self::parse_burst(calls)?;
        let a_second = calls.get().div_ceil(unit.seconds());
        Ok(Self { calls, unit, burst: NonZeroU32::new(a_second).expect("rounded up from at least 1") })
    }

    /// A number of calls that a burst may have.
    ///
    /// # Errors
    /// [`RateError::Calls`].
    pub fn parse_burst(text: &str) -> Result<NonZeroU32, RateError> {
        let calls = text.parse().ok().filter(|calls: &NonZeroU32| calls.get() <= MAX_CALLS);
        calls.ok_or(RateError::Calls)
    }

    /// As many calls at once after a pause; without this, what comes in a second.
    #[must_use]
    pub fn with_burst(self, burst: NonZeroU32) -> Self {
        Self { burst, ..self }
    }

    pub fn burst(self) -> NonZeroU32 {
        self.burst
    }

    /// From one call to the next.
    pub fn period(self) -> Duration {
        Duration::from_nanos(self.period_ns())
    }

    fn period_ns(self) -> u64 {
        u64::from(self.unit.seconds()) * NS_PER_S / u64::from(self.calls.get())
    }
}

impl Bucket {
    /// Lets one call through.
    ///
    /// # Errors
    /// How long until it would be.
    pub fn take(&self, rate: Rate, now: SystemTime) -> Result<(), Duration> {
        let now = nanoseconds(now);
        let period = rate.period_ns();
        let empty = period.saturating_mul(u64::from(rate.burst.get()));
        // Later than a call just now could leave it: the clock went back, or the rate was slower. Begin anew.
        let sane = |full_at: u64| if full_at > now.saturating_add(empty) { now } else { full_at.max(now) };
        let next = |full_at: u64| {
            let next = sane(full_at).saturating_add(period);
            (next - now <= empty).then_some(next)
        };
        let taken = self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        taken.map(drop).map_err(|full_at| Duration::from_nanos(sane(full_at) + period - now - empty))
    }
}

impl Unit {
    const ALL: [Self; 3] = [Self::Second, Self::Minute, Self::Hour];

    fn letter(self) -> &'static str {
        match self {
            Self::Second => "s",
            Self::Minute => "m",
            Self::Hour => "h",
        }
    }

    fn seconds(self) -> u32 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3_600,
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.calls, self.unit.letter())
    }
}

/// Wraps in the year 2554.
fn nanoseconds(now: SystemTime) -> u64 {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// In a unit of time, or at once: ours, so that a period has a thousand nanoseconds at least and is exact to 0.1 %.
const MAX_CALLS: u32 = 1_000_000;

const NS_PER_S: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(text: &str, burst: u32) -> Rate {
        Rate::parse(text).unwrap().with_burst(NonZeroU32::new(burst).unwrap())
    }

    /// After 2020: what counts is that it is long after the epoch.
    fn at(ns: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_600_000_000) + Duration::from_nanos(ns)
    }

    #[track_caller]
    fn check_text(text: &str, expected: Result<(&str, u32), RateError>) {
        let read = Rate::parse(text).map(|rate| (rate.to_string(), rate.burst.get()));
        assert_eq!(read, expected.map(|(text, burst)| (text.to_owned(), burst)), "{text:?}");
    }

    #[test]
    fn a_rate_has_a_unit_and_a_second_of_burst() {
        check_text("50/s", Ok(("50/s", 50)));
        check_text("90/m", Ok(("90/m", 2)));
        check_text("1000000/h", Ok(("1000000/h", 278)));
        check_text("50", Err(RateError::Shape));
        check_text("50/d", Err(RateError::Shape));
        check_text("+5/s", Err(RateError::Shape));
        check_text("0/s", Err(RateError::Calls));
        check_text("1000001/s", Err(RateError::Calls));
    }

    #[test]
    fn a_burst_then_one_by_one() {
        let (bucket, rate) = (Bucket::default(), rate("10/s", 3));
        for _ in 0..3 {
            assert_eq!(bucket.take(rate, at(0)), Ok(()));
        }
        assert_eq!(bucket.take(rate, at(0)), Err(Duration::from_millis(100)));
        assert_eq!(bucket.take(rate, at(99_999_999)), Err(Duration::from_nanos(1)));
        assert_eq!(bucket.take(rate, at(100_000_000)), Ok(()));
    }

    #[test]
    fn a_clock_that_goes_back_stops_nobody_and_costs_no_more_than_a_burst() {
        let (bucket, rate) = (Bucket::default(), rate("1/s", 2));
        assert_eq!(bucket.take(rate, at(86_400 * NS_PER_S)), Ok(()));
        assert_eq!(bucket.take(rate, at(0)), Ok(()));
        assert_eq!(bucket.take(rate, at(0)), Ok(()));
        assert_eq!(bucket.take(rate, at(0)), Err(Duration::from_secs(1)));
    }

    #[test]
    fn a_faster_rate_holds_at_once() {
        let bucket = Bucket::default();
        assert_eq!(bucket.take(rate("1/h", 1), at(0)), Ok(()));
        assert_eq!(bucket.take(rate("10/s", 1), at(0)), Ok(()));
        assert_eq!(bucket.take(rate("10/s", 1), at(0)), Err(Duration::from_millis(100)));
    }

    fn any_rate() -> impl Strategy<Value = Rate> {
        let unit = proptest::sample::select(vec!["s", "m", "h"]);
        (1..=MAX_CALLS, unit, 1_u32..200)
            .prop_map(|(calls, unit, burst)| rate(&format!("{calls}/{unit}"), burst))
    }

    /// Pauses between calls, in quarters of a period: often right at the edge.
    fn any_pauses() -> impl Strategy<Value = Vec<u64>> {
        proptest::collection::vec(prop_oneof![3 => 0_u64..4, 1 => 0_u64..400], 1..300)
    }

    fn times(rate: Rate, pauses: &[u64]) -> Vec<u64> {
        let mut now = 0;
        pauses
            .iter()
            .map(|quarters| {
                now += quarters * rate.period_ns() / 4;
                now
            })
            .collect()
    }

    proptest! {
        #[test]
        fn no_span_of_time_has_more_than_the_burst_and_its_own(rate in any_rate(), pauses in any_pauses()) {
            let bucket = Bucket::default();
            let passed: Vec<u64> =
                times(rate, &pauses).into_iter().filter(|&ns| bucket.take(rate, at(ns)).is_ok()).collect();
            for (first, from) in passed.iter().enumerate() {
                for (last, to) in passed.iter().enumerate().skip(first) {
                    let calls = u64::try_from(last - first + 1).unwrap();
                    let allowed = u64::from(rate.burst.get()) + (to - from) / rate.period_ns();
                    prop_assert!(calls <= allowed, "{calls} calls from {from} to {to}");
                }
            }
        }

        #[test]
        fn whoever_keeps_to_it_is_never_refused(rate in any_rate(), pauses in any_pauses()) {
            // A caller that counts for itself: full periods since the start of each burst.
            let (bucket, mut sent) = (Bucket::default(), Vec::<u64>::new());
            for now in times(rate, &pauses) {
                let fits = |first: usize, from: &u64| {
                    let calls = u64::try_from(sent.len() - first + 1).unwrap();
                    calls <= u64::from(rate.burst.get()) + (now - from) / rate.period_ns()
                };
                if sent.iter().enumerate().all(|(first, from)| fits(first, from)) {
                    prop_assert_eq!(bucket.take(rate, at(now)), Ok(()), "at {}", now);
                    sent.push(now);
                }
            }
        }

        #[test]
        fn who_waits_as_told_is_let_through(rate in any_rate(), pauses in any_pauses()) {
            let bucket = Bucket::default();
            for now in times(rate, &pauses) {
                if let Err(wait) = bucket.take(rate, at(now)) {
                    prop_assert!(wait > Duration::ZERO);
                    prop_assert_eq!(bucket.take(rate, at(now) + wait), Ok(()));
                    return Ok(());
                }
            }
        }
    }
}
