//! When attempts are made.

use std::time::Duration;

/// The pause before each attempt, from the failure before it: some two days in all. Source: ours, in the spirit of
/// Standard Webhooks ("Deliverability and reliability").
pub const SCHEDULE: [Duration; 12] = [
    Duration::ZERO,
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
    Duration::from_mins(30),
    Duration::from_hours(1),
    Duration::from_hours(2),
    Duration::from_hours(4),
    Duration::from_hours(8),
    Duration::from_hours(12),
    Duration::from_hours(24),
];

/// How often a callback with a body of so many bytes is tried.
pub fn max_attempts(body_bytes: usize) -> u32 {
    if body_bytes > LARGE_BODY_BYTES { LARGE_ATTEMPTS } else { ATTEMPTS }
}

/// The pause after so many attempts.
///
/// Without `retry_after` it is the schedule's, between half and one and a half of it. With, it is what the receiver
/// asks, but neither less than the schedule's nor more than four times that, and what jitter adds stays below that, too:
/// never earlier than asked.
pub fn pause(attempts: u32, retry_after: Option<Duration>, jitter: f64) -> Duration {
    let at = usize::try_from(attempts).unwrap_or(usize::MAX).min(SCHEDULE.len() - 1);
    let planned = SCHEDULE[at];
    match retry_after {
        None => spread(planned, jitter),
        Some(asked) => {
            let most = planned.saturating_mul(RETRY_AFTER_FACTOR);
            (asked.clamp(planned, most) + planned.mul_f64(fit(jitter) / 2.0)).min(most)
        }
    }
}

/// From half of `pause` to one and a half of it, for `jitter` from 0.0 to 1.0.
pub(super) fn spread(pause: Duration, jitter: f64) -> Duration {
    pause.mul_f64(0.5 + fit(jitter))
}

fn fit(jitter: f64) -> f64 {
    if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 0.5 }
}

const ATTEMPTS: u32 = 12;

/// Ours: what a receiver may be made to receive in vain is bounded.
const LARGE_BODY_BYTES: usize = 262_144;
const LARGE_ATTEMPTS: u32 = 6;

/// Ours: a receiver may slow us down, and not make us forget.
const RETRY_AFTER_FACTOR: u32 = 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn there_is_a_pause_before_each_attempt() {
        assert_eq!(SCHEDULE.len(), usize::try_from(ATTEMPTS).unwrap());
        assert!(SCHEDULE.is_sorted());
    }

    #[test]
    fn the_middle_of_the_jitter_is_the_plan() {
        for (attempts, planned) in (0..).zip(SCHEDULE) {
            assert_eq!(pause(attempts, None, 0.5), planned);
        }
        assert_eq!(pause(3, None, 0.0), Duration::from_mins(1));
        assert_eq!(pause(3, None, 1.0), Duration::from_mins(3));
        assert_eq!(pause(u32::MAX, None, 0.5), Duration::from_hours(24));
        assert_eq!(pause(3, None, f64::NAN), Duration::from_mins(2));
    }

    #[test]
    fn what_the_receiver_asks_is_kept_within_bounds() {
        let asked = |s| pause(2, Some(Duration::from_secs(s)), 0.0).as_secs();
        assert_eq!([asked(0), asked(30), asked(45), asked(120), asked(121)], [30, 30, 45, 120, 120]);
        assert_eq!(pause(2, Some(Duration::MAX), 1.0).as_secs(), 120);
        assert_eq!(pause(2, Some(Duration::from_secs(60)), 1.0).as_secs(), 75);
    }

    proptest! {
        #[test]
        fn a_pause_is_within_its_bounds(attempts in 0_u32..20, asked in proptest::option::of(any::<u64>()), jitter in -1.0..2.0) {
            let planned = pause(attempts, None, 0.5);
            let asked = asked.map(Duration::from_secs);
            let pause = pause(attempts, asked, jitter);
            prop_assert!(pause <= planned * 4);
            let least = if asked.is_some() { planned } else { planned / 2 };
            prop_assert!(pause >= least, "{pause:?}");
        }
    }
}
