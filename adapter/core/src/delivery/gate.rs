//! One host's gate: what may be sent to it now, over all callers.

use std::{
    num::NonZeroU32,
    time::{Duration, SystemTime},
};

use super::{Attempted, Breaker, Floor, RetryBudget};
use crate::limits::{Bucket, Rate};

/// How much one host is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HostLimits {
    /// Attempts at a time.
    pub concurrency: NonZeroU32,
    /// Attempts in a time.
    pub rate: Rate,
    /// Of them, those of callbacks that failed before, while the host fails.
    pub retries: Rate,
}

/// What is under way to a host, and how it does.
#[derive(Debug, Default)]
pub struct HostGate {
    under_way: u32,
    /// When an attempt was last over; `None`: none ever was.
    last_over: Option<SystemTime>,
    /// Those that found all places taken, less those that left since. A host that hangs lets none leave.
    turned_away: u32,
    line: Line,
    /// Of those that failed before.
    retry_line: Line,
    bucket: Bucket,
    retries: RetryBudget,
    floor: Floor,
    breaker: Breaker,
}

/// May an attempt be made?
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Asked {
    /// It is counted as under way; its end must be told.
    Go,
    /// When one that is under way is over; before that so many rounds of others hope for it.
    Busy { rounds: u32 },
    /// Not before this time, which is nobody else's.
    WaitUntil(SystemTime),
}

impl HostGate {
    /// Asks for one attempt; `again`: of a callback that failed before.
    pub fn enter(&mut self, limits: &HostLimits, again: bool, now: SystemTime) -> Asked {
        if self.under_way >= limits.concurrency.get() {
            let rounds = self.turned_away / limits.concurrency.get();
            self.turned_away = self.turned_away.saturating_add(1);
            return Asked::Busy { rounds };
        }
        if let Err(until) = self.breaker.check(now).and_then(|()| self.floor.check(now)) {
            return self.line.end(until, limits.rate);
        }
        if again
            && self.breaker.is_failing()
            && let Err(turn) = self.retries.take(limits.retries, now)
        {
            return self.retry_line.end(turn, limits.retries);
        }
        if let Err(pause) = self.bucket.take(limits.rate, now) {
            return self.line.end(now + pause, limits.rate);
        }
        self.breaker.sent(now);
        self.under_way += 1;
        Asked::Go
    }

    /// The end of an attempt that was let through. `jitter` is in 0.0..1.0.
    pub fn leave(&mut self, attempted: Attempted, now: SystemTime, jitter: f64) {
        self.under_way = self.under_way.saturating_sub(1);
        self.last_over = Some(now);
        // Two may hope for one place: some of those who were sent away come later than told.
        self.turned_away = self.turned_away.saturating_sub(2);
        match attempted.blames_host() {
            Some(true) => self.breaker.failed(now, jitter),
            Some(false) => {
                self.breaker.succeeded(now);
                self.retries.fill();
                self.floor.lower();
            }
            None => {}
        }
        if attempted.is_overload() {
            self.floor.raise(now, jitter);
        }
    }

    pub fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// `None`: something is under way, so that it must be remembered.
    pub(super) fn idle_since(&self) -> Option<SystemTime> {
        (self.under_way == 0).then(|| self.last_over.unwrap_or(SystemTime::UNIX_EPOCH))
    }

    /// Would a new gate do the same?
    pub(super) fn is_at_rest(&self, now: SystemTime) -> bool {
        self.under_way == 0 && self.breaker.is_at_rest(now) && self.floor.is_at_rest(now)
    }
}

/// The last moment that somebody was told to come back at: whoever is next is told a later one, or they would all come
/// together, again and again, and all but one in vain.
#[derive(Clone, Copy, Debug, Default)]
struct Line(Option<SystemTime>);

impl Line {
    /// At `first` at the earliest, and behind all others who wait; a line that is too long begins anew beside itself.
    fn end(&mut self, first: SystemTime, rate: Rate) -> Asked {
        let behind = self.0.filter(|last| *last < first + LONGEST_LINE).map(|last| last + rate.period());
        let place = behind.map_or(first, |behind| behind.max(first));
        self.0 = Some(place);
        Asked::WaitUntil(place)
    }
}

impl Default for HostLimits {
    /// Ours: a dead host costs a tenth of what a live one may.
    fn default() -> Self {
        let rate = |text| Rate::parse(text).expect("a rate");
        Self { concurrency: NonZeroU32::new(10).expect("not zero"), rate: rate("50/s"), retries: rate("5/s") }
    }
}

/// Nobody is told to come back later than this for others who wait. Ours.
const LONGEST_LINE: Duration = Duration::from_mins(5);

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use http::StatusCode;

    use super::{super::NoAnswer, *};

    fn at(ms: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_600_000_000) + Duration::from_millis(ms)
    }

    fn answered(status: StatusCode) -> Attempted {
        Attempted::Answered { status, retry_after: None }
    }

    fn enter(gate: &mut HostGate, ms: u64) -> Asked {
        gate.enter(&HostLimits::default(), false, at(ms))
    }

    fn leave(gate: &mut HostGate, attempted: Attempted, ms: u64) {
        gate.leave(attempted, at(ms), 0.5);
    }

    #[test]
    fn a_host_that_has_too_much_to_do_is_asked_more_slowly_from_the_first_sign_on() {
        let overload = [
            answered(StatusCode::TOO_MANY_REQUESTS),
            answered(StatusCode::BAD_GATEWAY),
            answered(StatusCode::GATEWAY_TIMEOUT),
            Attempted::NoAnswer(NoAnswer::TimedOut),
        ];
        for attempted in overload {
            let mut gate = HostGate::default();
            assert_eq!(enter(&mut gate, 0), Asked::Go);
            leave(&mut gate, attempted, 0);
            assert_eq!(enter(&mut gate, 0), Asked::WaitUntil(at(1_000)), "{attempted:?}");
            assert_eq!(enter(&mut gate, 1_000), Asked::Go);
            leave(&mut gate, answered(StatusCode::OK), 1_000);
            assert_eq!(enter(&mut gate, 1_000), Asked::Go);
        }
        for attempted in [answered(StatusCode::SERVICE_UNAVAILABLE), answered(StatusCode::NOT_FOUND)] {
            let mut gate = HostGate::default();
            assert_eq!(enter(&mut gate, 0), Asked::Go);
            leave(&mut gate, attempted, 0);
            assert_eq!(enter(&mut gate, 0), Asked::Go, "{attempted:?}");
        }
    }

    /// How many attempts of callbacks that failed before are made in a second, asked for every millisecond, after these.
    fn retries_after(heard: &[Attempted]) -> usize {
        let mut gate = HostGate::default();
        for attempted in heard {
            assert_eq!(enter(&mut gate, 0), Asked::Go);
            leave(&mut gate, *attempted, 0);
        }
        let mut made = 0;
        for ms in 0..1_000 {
            if gate.enter(&HostLimits::default(), true, at(ms)) == Asked::Go {
                made += 1;
                // What the host is not judged by.
                leave(&mut gate, Attempted::NoAnswer(NoAnswer::Forbidden), ms);
            }
        }
        made
    }

    #[test]
    fn while_a_host_fails_retries_are_a_tenth_of_what_it_may_be_sent() {
        let (good, bad) = (answered(StatusCode::OK), answered(StatusCode::INTERNAL_SERVER_ERROR));
        assert_eq!(retries_after(&[bad]), 5 + 4, "the burst, and the rate");
        assert_eq!(retries_after(&[bad, good, bad]), 5 + 4);
        assert_eq!(retries_after(&[]), 50 + 49);
        assert_eq!(retries_after(&[bad, good]), 48 + 49);
    }

    #[test]
    fn ten_are_under_way_at_most() {
        let mut gate = HostGate::default();
        for _ in 0..10 {
            assert_eq!(enter(&mut gate, 0), Asked::Go);
        }
        assert_eq!(enter(&mut gate, 0), Asked::Busy { rounds: 0 });
        leave(&mut gate, answered(StatusCode::OK), 1);
        assert_eq!(enter(&mut gate, 1), Asked::Go);
    }

    #[test]
    fn fifty_in_a_second_are_made_at_most() {
        let mut gate = HostGate::default();
        for _ in 0..50 {
            assert_eq!(enter(&mut gate, 0), Asked::Go);
            leave(&mut gate, answered(StatusCode::OK), 0);
        }
        assert_eq!(enter(&mut gate, 0), Asked::WaitUntil(at(20)));
        assert_eq!(enter(&mut gate, 20), Asked::Go);
    }

    #[test]
    fn whoever_must_wait_has_a_moment_of_its_own() {
        let mut gate = HostGate::default();
        for _ in 0..50 {
            assert_eq!(enter(&mut gate, 0), Asked::Go);
            gate.leave(answered(StatusCode::OK), at(0), 0.5);
        }
        for place in 1..=15_000 {
            assert_eq!(enter(&mut gate, 0), Asked::WaitUntil(at(20 * place)));
        }
        assert_eq!(enter(&mut gate, 0), Asked::WaitUntil(at(300_020)));
        assert_eq!(enter(&mut gate, 0), Asked::WaitUntil(at(20)), "a line has an end");
        assert_eq!(enter(&mut gate, 20), Asked::Go, "it is let in when it comes");
        assert_eq!(enter(&mut gate, 20), Asked::WaitUntil(at(40)));
    }

    #[test]
    fn the_longer_nobody_leaves_the_later_others_are_to_ask() {
        let mut gate = HostGate::default();
        for _ in 0..10 {
            assert_eq!(enter(&mut gate, 0), Asked::Go);
        }
        let rounds: Vec<_> = (0..30).map(|_| enter(&mut gate, 0)).collect();
        assert_eq!(rounds[9], Asked::Busy { rounds: 0 });
        assert_eq!(rounds[10], Asked::Busy { rounds: 1 });
        assert_eq!(rounds[29], Asked::Busy { rounds: 2 });
        for _ in 0..10 {
            gate.leave(answered(StatusCode::OK), at(1), 0.5);
        }
        for _ in 0..10 {
            assert_eq!(enter(&mut gate, 1), Asked::Go);
        }
        assert_eq!(enter(&mut gate, 1), Asked::Busy { rounds: 1 });
    }

    #[test]
    fn a_host_that_fails_is_spared_and_one_that_refuses_is_not() {
        let mut gate = HostGate::default();
        for status in [StatusCode::NOT_FOUND, StatusCode::FOUND, StatusCode::GONE].repeat(5) {
            assert_eq!(enter(&mut gate, 0), Asked::Go);
            leave(&mut gate, answered(status), 0);
        }
        let failures = [
            (0, answered(StatusCode::BAD_GATEWAY)),
            (1_000, answered(StatusCode::TOO_MANY_REQUESTS)),
            (3_000, Attempted::NoAnswer(NoAnswer::TimedOut)),
            (7_000, Attempted::NoAnswer(NoAnswer::Unreachable)),
            (7_000, Attempted::NoAnswer(NoAnswer::Tls)),
        ];
        for (ms, failure) in failures {
            assert_eq!(enter(&mut gate, ms), Asked::Go);
            leave(&mut gate, failure, ms);
        }
        assert_eq!(enter(&mut gate, 7_001), Asked::WaitUntil(at(17_000)));
        assert_eq!(enter(&mut gate, 17_000), Asked::Go);
        assert_eq!(enter(&mut gate, 17_001), Asked::WaitUntil(at(47_000)), "one probe at a time");
    }

    #[test]
    fn an_address_that_is_not_dialled_says_nothing_of_its_host() {
        let mut gate = HostGate::default();
        for _ in 0..20 {
            assert_eq!(enter(&mut gate, 0), Asked::Go);
            leave(&mut gate, Attempted::NoAnswer(NoAnswer::Forbidden), 0);
        }
        assert!(gate.breaker().is_closed());
    }
}
