//! A circuit breaker: a host that fails is spared for a while, then asked with one callback.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::schedule::spread;

/// One host's breaker. Callbacks wait while it is open, without an attempt being counted.
#[derive(Clone, Debug, Default)]
pub struct Breaker {
    state: State,
    /// Failures since the last success.
    consecutive: u32,
    minute: Minute,
    /// How often it opened since it was last closed.
    trips: u32,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum State {
    #[default]
    Closed,
    Open {
        until: SystemTime,
    },
    /// One callback is out to see.
    Probing {
        since: SystemTime,
    },
}

impl Breaker {
    /// May a callback be sent now?
    ///
    /// # Errors
    /// When to ask again.
    pub fn check(&self, now: SystemTime) -> Result<(), SystemTime> {
        // After a clock went back, callbacks are held no longer than the longest pause.
        let until = match self.state {
            State::Closed => return Ok(()),
            State::Open { until } if until > now + LONGEST_PAUSE.mul_f64(1.5) => now,
            State::Open { until } => until,
            // A probe that nobody reported is forgotten.
            State::Probing { since } => since.min(now) + PROBE_TIMEOUT,
        };
        if now >= until { Ok(()) } else { Err(until) }
    }

    /// A callback is being sent, as [`check`](Self::check) allowed.
    pub fn sent(&mut self, now: SystemTime) {
        match self.state {
            State::Closed => {}
            State::Open { .. } | State::Probing { .. } => self.state = State::Probing { since: now },
        }
    }

    /// The host answered as a host should.
    pub fn succeeded(&mut self, now: SystemTime) {
        match self.state {
            State::Closed => {
                self.consecutive = 0;
                self.minute.count(now, false);
            }
            State::Probing { .. } => *self = Self::default(),
            // Of one that was sent before: the probe decides.
            State::Open { .. } => {}
        }
    }

    /// The host failed. `jitter` is in 0.0..1.0.
    pub fn failed(&mut self, now: SystemTime, jitter: f64) {
        match self.state {
            State::Closed => {
                self.consecutive = self.consecutive.saturating_add(1);
                self.minute.count(now, true);
                if self.consecutive >= CONSECUTIVE_FAILURES || self.minute.is_bad(now) {
                    self.open(now, jitter);
                }
            }
            State::Probing { .. } => self.open(now, jitter),
            State::Open { .. } => {}
        }
    }

    /// Is the last that was heard of the host a failure?
    pub(super) fn is_failing(&self) -> bool {
        self.consecutive > 0
    }

    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Is there nothing to remember of this host?
    pub(super) fn is_at_rest(&self, now: SystemTime) -> bool {
        self.is_closed() && self.consecutive == 0 && self.minute.total(now) == (0, 0)
    }

    fn open(&mut self, now: SystemTime, jitter: f64) {
        let doubled = SHORTEST_PAUSE.saturating_mul(1 << self.trips.min(MOST_DOUBLINGS));
        self.trips = self.trips.saturating_add(1);
        self.state = State::Open { until: now + spread(doubled.min(LONGEST_PAUSE), jitter) };
    }
}

/// What became of the callbacks of the last minute, in slots of ten seconds.
#[derive(Clone, Copy, Debug, Default)]
struct Minute([Slot; SLOTS]);

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// Which ten seconds since 1970.
    number: u64,
    all: u32,
    failed: u32,
}

impl Minute {
    fn count(&mut self, now: SystemTime, failed: bool) {
        let number = slot_number(now);
        let slot = &mut self.0[usize::try_from(number % SLOTS as u64).expect("below the slots")];
        if slot.number != number {
            *slot = Slot { number, all: 0, failed: 0 };
        }
        slot.all = slot.all.saturating_add(1);
        slot.failed = slot.failed.saturating_add(u32::from(failed));
    }

    /// All, and those that failed.
    fn total(&self, now: SystemTime) -> (u32, u32) {
        let number = slot_number(now);
        let recent = |slot: &&Slot| slot.number <= number && number - slot.number < SLOTS as u64;
        self.0.iter().filter(recent).fold((0, 0), |(all, failed), slot| {
            (all.saturating_add(slot.all), failed.saturating_add(slot.failed))
        })
    }

    fn is_bad(&self, now: SystemTime) -> bool {
        let (all, failed) = self.total(now);
        all >= ENOUGH_TO_JUDGE && u64::from(failed) * 2 > u64::from(all)
    }
}

fn slot_number(now: SystemTime) -> u64 {
    now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / SLOT_S
}

/// All ours, in the manner of Convoy's.
const CONSECUTIVE_FAILURES: u32 = 5;
/// Callbacks in a minute below which their share of failures says nothing.
const ENOUGH_TO_JUDGE: u32 = 20;
const SHORTEST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_mins(10);
/// Ten seconds doubled so often are over the longest pause.
const MOST_DOUBLINGS: u32 = 6;
/// Longer than an attempt takes at most (15 s).
const PROBE_TIMEOUT: Duration = Duration::from_secs(30);

const SLOTS: usize = 6;
const SLOT_S: u64 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_600_000_000 + s)
    }

    fn tripped() -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..5 {
            breaker.failed(at(0), 0.5);
        }
        breaker
    }

    #[test]
    fn five_failures_in_a_row_open_it() {
        let mut breaker = Breaker::default();
        for s in 0..4 {
            breaker.failed(at(s), 0.5);
        }
        breaker.succeeded(at(4));
        for s in 5..9 {
            breaker.failed(at(s), 0.5);
        }
        assert_eq!(breaker.check(at(9)), Ok(()));
        breaker.failed(at(9), 0.5);
        assert_eq!(breaker.check(at(9)), Err(at(19)));
        assert_eq!(breaker.check(at(19)), Ok(()));
    }

    #[test]
    fn more_than_half_of_twenty_in_a_minute_open_it() {
        let with = |failures: u64, apart_s: u64| {
            let mut breaker = Breaker::default();
            for number in 0..20 {
                let now = at(number * apart_s);
                if number * failures / 20 == (number + 1) * failures / 20 {
                    breaker.succeeded(now)
                } else {
                    breaker.failed(now, 0.5)
                }
            }
            breaker.is_closed()
        };
        assert!(with(10, 1));
        assert!(!with(11, 1));
        assert!(with(11, 5), "what is older than a minute is forgotten");
    }

    #[test]
    fn one_probe_decides() {
        let mut breaker = tripped();
        breaker.sent(at(10));
        assert_eq!(breaker.check(at(10)), Err(at(40)), "one at a time");
        breaker.succeeded(at(11));
        assert!(breaker.is_at_rest(at(11)));

        let mut breaker = tripped();
        breaker.sent(at(10));
        breaker.failed(at(11), 0.5);
        assert_eq!(breaker.check(at(11)), Err(at(31)), "twice as long");
    }

    #[test]
    fn pauses_grow_from_ten_seconds_to_ten_minutes_and_are_spread() {
        let mut breaker = tripped();
        let mut now = at(0);
        let mut pauses = Vec::new();
        for _ in 0..9 {
            let until = breaker.check(now).unwrap_err();
            pauses.push(until.duration_since(now).unwrap().as_secs());
            now = until;
            breaker.sent(now);
            breaker.failed(now, 0.5);
        }
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 600, 600, 600]);
        let mut early = Breaker::default();
        let mut late = Breaker::default();
        for _ in 0..5 {
            early.failed(at(0), 0.0);
            late.failed(at(0), 1.0);
        }
        assert_eq!([early.check(at(0)), late.check(at(0))], [Err(at(5)), Err(at(15))]);
    }

    #[test]
    fn a_probe_that_nobody_reports_is_forgotten() {
        let mut breaker = tripped();
        breaker.sent(at(10));
        assert_eq!(breaker.check(at(39)), Err(at(40)));
        assert_eq!(breaker.check(at(40)), Ok(()));
    }

    #[test]
    fn a_clock_that_goes_back_a_day_holds_nobody_for_a_day() {
        let mut breaker = Breaker::default();
        let day = 86_400;
        for _ in 0..5 {
            breaker.failed(at(day), 0.5);
        }
        assert_eq!(breaker.check(at(0)), Ok(()), "better one probe too early");
    }

    #[test]
    fn what_was_sent_before_it_opened_decides_nothing() {
        let mut breaker = tripped();
        breaker.succeeded(at(1));
        breaker.failed(at(2), 0.5);
        assert_eq!(breaker.check(at(3)), Err(at(10)));
    }
}
