//! One host's gate: what may be sent to it now, over all callers.

use std::{num::NonZeroU32, time::SystemTime};

use super::{Attempted, Breaker};
use crate::limits::{Bucket, Rate};

/// How much one host is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HostLimits {
    /// Attempts at a time.
    pub concurrency: NonZeroU32,
    /// Attempts in a time.
    pub rate: Rate,
}

/// What is under way to a host, and how it does.
#[derive(Debug, Default)]
pub struct HostGate {
    under_way: u32,
    bucket: Bucket,
    breaker: Breaker,
}

/// May an attempt be made?
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Asked {
    /// It is counted as under way; its end must be told.
    Go,
    /// When one that is under way is over.
    Busy,
    /// Not before this time.
    WaitUntil(SystemTime),
}

impl HostGate {
    /// Asks for one attempt.
    pub fn enter(&mut self, limits: &HostLimits, now: SystemTime) -> Asked {
        if self.under_way >= limits.concurrency.get() {
            return Asked::Busy;
        }
        if let Err(until) = self.breaker.check(now) {
            return Asked::WaitUntil(until);
        }
        if let Err(pause) = self.bucket.take(limits.rate, now) {
            return Asked::WaitUntil(now + pause);
        }
        self.breaker.sent(now);
        self.under_way += 1;
        Asked::Go
    }

    /// The end of an attempt that was let through. `jitter` is in 0.0..1.0.
    pub fn leave(&mut self, attempted: Attempted, now: SystemTime, jitter: f64) {
        self.under_way = self.under_way.saturating_sub(1);
        match attempted.blames_host() {
            Some(true) => self.breaker.failed(now, jitter),
            Some(false) => self.breaker.succeeded(now),
            None => {}
        }
    }

    pub fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// Would a new gate do the same?
    pub(super) fn is_at_rest(&self, now: SystemTime) -> bool {
        self.under_way == 0 && self.breaker.is_at_rest(now)
    }
}

impl Default for HostLimits {
    /// Ours.
    fn default() -> Self {
        let rate = Rate::parse("50/s").expect("a rate");
        Self { concurrency: NonZeroU32::new(10).expect("not zero"), rate }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use http::StatusCode;

    use super::{super::NoAnswer, *};

    fn at(ms: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_600_000_000) + Duration::from_millis(ms)
    }

    fn answered(status: StatusCode) -> Attempted {
        Attempted::Answered { status, retry_after: None }
    }

    fn enter(gate: &mut HostGate, ms: u64) -> Asked {
        gate.enter(&HostLimits::default(), at(ms))
    }

    #[test]
    fn ten_are_under_way_at_most() {
        let mut gate = HostGate::default();
        for _ in 0..10 {
            assert_eq!(enter(&mut gate, 0), Asked::Go);
        }
        assert_eq!(enter(&mut gate, 0), Asked::Busy);
        gate.leave(answered(StatusCode::OK), at(1), 0.5);
        assert_eq!(enter(&mut gate, 1), Asked::Go);
    }

    #[test]
    fn fifty_in_a_second_are_made_at_most() {
        let mut gate = HostGate::default();
        for _ in 0..50 {
            assert_eq!(enter(&mut gate, 0), Asked::Go);
            gate.leave(answered(StatusCode::OK), at(0), 0.5);
        }
        assert_eq!(enter(&mut gate, 0), Asked::WaitUntil(at(20)));
        assert_eq!(enter(&mut gate, 20), Asked::Go);
    }

    #[test]
    fn a_host_that_fails_is_spared_and_one_that_refuses_is_not() {
        let mut gate = HostGate::default();
        for status in [StatusCode::NOT_FOUND, StatusCode::FOUND, StatusCode::GONE].repeat(5) {
            assert_eq!(enter(&mut gate, 0), Asked::Go);
            gate.leave(answered(status), at(0), 0.5);
        }
        let failures = [
            answered(StatusCode::BAD_GATEWAY),
            answered(StatusCode::TOO_MANY_REQUESTS),
            Attempted::NoAnswer(NoAnswer::TimedOut),
            Attempted::NoAnswer(NoAnswer::Unreachable),
            Attempted::NoAnswer(NoAnswer::Tls),
        ];
        for failure in failures {
            assert_eq!(enter(&mut gate, 0), Asked::Go);
            gate.leave(failure, at(0), 0.5);
        }
        assert_eq!(enter(&mut gate, 1), Asked::WaitUntil(at(10_000)));
        assert_eq!(enter(&mut gate, 10_000), Asked::Go);
        assert_eq!(enter(&mut gate, 10_001), Asked::WaitUntil(at(40_000)), "one probe at a time");
    }

    #[test]
    fn an_address_that_is_not_dialled_says_nothing_of_its_host() {
        let mut gate = HostGate::default();
        for _ in 0..20 {
            assert_eq!(enter(&mut gate, 0), Asked::Go);
            gate.leave(Attempted::NoAnswer(NoAnswer::Forbidden), at(0), 0.5);
        }
        assert!(gate.breaker().is_closed());
    }
}
